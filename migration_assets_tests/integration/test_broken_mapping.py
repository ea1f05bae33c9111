"""A pipeline broken in many ways at once, each in fields of its own: the field-level diff names each for
what it is, and says nothing of what isn't broken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.mapping.apply import Payload
from migration_assets.migration import payload
from migration_assets.migration.field_diff.compute import compute
from migration_assets.migration.field_diff.shape import DIFFERING, Diff
from migration_assets.objects import charted_teeth, local_time
from migration_assets_tests.integration.installation import OBJECTS, Installation
from migration_assets_tests.integration.practices import generated
from migration_assets_tests.integration.test_broken_pipelines import _swap_mesial_and_distal
from migration_sandbox.salesforce.launch import SalesforceSandbox

PATIENTS, EXAMS = 4, 6
EXAM, PLAN, LINE = "ClinicalExam__c", "TreatmentPlan__c", "TreatmentPlanLine__c"
LONG_NOTE = "Probing depths stable; recall in three months. " * 8
TWO_LINES = "Scaling first.\r\nThen surgery.\r\nThen recall."


def _tables() -> dict[str, pl.DataFrame]:
    tables = dict(generated("mixed", PATIENTS).tables)
    tables["ClinicalExam"] = tables["ClinicalExam"].head(EXAMS).with_columns(Notes=pl.lit(LONG_NOTE))
    chart = tables["PeriodontalCharting"]
    tables["PeriodontalCharting"] = chart.join(tables["ClinicalExam"], on="ExamID", how="semi")
    tables["TreatmentPlan"] = tables["TreatmentPlan"].with_columns(
        TreatmentNotes=pl.lit(TWO_LINES), EstimatedCost=pl.lit("4250.50").cast(pl.Decimal(12, 2))
    )
    return tables


TABLES = _tables()
SYSTEMS = {
    f"maple:exam:{exam}": system
    for exam, system in TABLES["ClinicalExam"].select("ExamID", "ToothNumberingSystem").iter_rows()
}
_FIRST_LINE = TABLES["TreatmentPlanLine"].sort("LineID").row(0, named=True)
LOST_LINE, LOST_PLAN = f"maple:plan_line:{_FIRST_LINE['LineID']}", _FIRST_LINE["PlanID"]


def _read_palmer_as_universal(patch: pytest.MonkeyPatch) -> None:
    sound: Callable[[pl.Expr], pl.Expr] = vars(charted_teeth)["normalised_numbering_system"]
    patch.setattr(
        charted_teeth,
        "normalised_numbering_system",
        lambda written: sound(written).replace({"Palmer": "Universal"}),
    )


def _take_local_times_for_utc(patch: pytest.MonkeyPatch) -> None:
    sound = local_time.to_utc
    patch.setattr(local_time, "to_utc", lambda local, _zone: sound(local, ZoneInfo("UTC")))


def _break_texts_sums_and_lines(patch: pytest.MonkeyPatch) -> None:
    sound: Callable[..., Payload] = vars(payload)["apply"]
    changes: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        EXAM: lambda rows: rows.with_columns(pl.col("Exam_Notes__c").str.slice(0, 255)),
        PLAN: lambda rows: rows.with_columns(
            pl.col("Treatment_Notes__c").str.replace_all("\r\n", " "),
            (pl.col("EstimatedCost__c") * 10).cast(rows.schema["EstimatedCost__c"]),
        ),
        LINE: lambda rows: rows.filter(pl.col("PANDA_Key__c") != LOST_LINE),
    }

    def apply(*arguments: object) -> Payload:
        made = sound(*arguments)
        change = changes.get(made.schema.name)
        return made if change is None else dataclasses.replace(made, frame=change(made.frame))

    patch.setattr(payload, "apply", apply)


@pytest.fixture(scope="module")
def ready(sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.create(tmp_path_factory.mktemp("ready") / "data", sandbox)
    with made.in_environment():
        made.configure(reject_limit=1, job_rows=200)
        made.put_rows(TABLES)
        made.migration().prepare()
        yield made


@pytest.fixture(scope="module")
def broken(ready: Installation, sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Diff:
    sandbox.control.reset()
    installation = ready.copy(tmp_path_factory.mktemp("broken") / "data")
    with pytest.MonkeyPatch.context() as patch:
        _swap_mesial_and_distal(patch)
        _read_palmer_as_universal(patch)
        _take_local_times_for_utc(patch)
        _break_texts_sums_and_lines(patch)
        installation.build()
    migration = installation.migration()
    for asset in OBJECTS:
        migration.upload(asset, "run")
    migration.reconcile("run")
    return compute(migration)


def _of(diff: Diff, diagnosis: str) -> pl.DataFrame:
    return diff.fields.filter(pl.col("diagnosis") == diagnosis)


def _places(rows: pl.DataFrame) -> set[tuple[str, str]]:
    return set(rows.select("object", "field").iter_rows())


def test_every_difference_is_named_for_what_was_broken(broken: Diff) -> None:
    differing = broken.fields.filter(pl.col("cls").is_in(DIFFERING))

    assert differing.filter(pl.col("diagnosis").is_null()).is_empty()
    assert set(differing["diagnosis"]) == {
        "mesial_distal_swapped",
        "numbering_system",
        "time_shifted",
        "truncated",
        "line_break_lost",
        "decimal_shifted",
        "lines_missing",
    }
    assert differing.height == broken.fields["diagnosis"].drop_nulls().len()


def test_palmer_read_as_universal_is_told_of_the_exams_in_palmer_and_swapped_sides_of_all_others(
    broken: Diff,
) -> None:
    misread, swapped = (_of(broken, name) for name in ("numbering_system", "mesial_distal_swapped"))

    assert _systems(misread) == {"Palmer"}
    assert _systems(swapped) == {"Universal", "FDI"}
    assert all("Palmer read as Universal" in detail for detail in misread["detail"])
    assert all("_" in field for field in swapped["field"])
    charts = broken.checks.filter(pl.col("check") == "charts")
    assert set(charts["key"]) == set(SYSTEMS)
    assert not charts["passed"].any()


def test_a_wall_clock_taken_for_utc_is_told_in_hours(broken: Diff) -> None:
    shifted = _of(broken, "time_shifted")

    assert {(EXAM, "Exam_Time__c"), (EXAM, "Original_Create_Date__c")} <= _places(shifted)
    assert set(shifted["detail"]) <= {
        "shifted by -4 h: the wall clock taken for UTC",
        "shifted by -5 h: the wall clock taken for UTC",
    }


def test_a_cut_note_lost_line_breaks_and_a_wrong_decimal_are_told_of_their_fields_alone(broken: Diff) -> None:
    length = len(LONG_NOTE.strip())
    found = {
        name: (_places(_of(broken, name)), set(_of(broken, name)["detail"]))
        for name in ("truncated", "line_break_lost", "decimal_shifted")
    }

    assert found == {
        "truncated": ({(EXAM, "Exam_Notes__c")}, {f"cut at 255 of {length} characters"}),
        "line_break_lost": ({(PLAN, "Treatment_Notes__c")}, {"2 of 2 line breaks lost"}),
        "decimal_shifted": (
            {(PLAN, "EstimatedCost__c")},
            {"the decimal point stands 1 further right"},
        ),
    }


def test_a_missing_plan_line_is_told_with_the_number_of_its_plans_lines(broken: Diff) -> None:
    row = _of(broken, "lines_missing").row(0, named=True)
    lines = TABLES["TreatmentPlanLine"].filter(PlanID=LOST_PLAN).height

    assert (row["key"], row["cls"]) == (LOST_LINE, "lost")
    assert row["detail"] == f"{lines - 1} of {lines} lines of the plan"
    check = broken.checks.filter(check="plan_lines", passed=False).row(0, named=True)
    assert check["key"] == f"maple:plan:{LOST_PLAN}"
    assert check["found"] == f"{lines - 1} in the payload, {lines - 1} in the destination"


def _systems(rows: pl.DataFrame) -> set[str]:
    """Of the exams whose wide fields these are."""
    return {SYSTEMS[key] for key in rows.filter(pl.col("object") == EXAM)["key"]}
