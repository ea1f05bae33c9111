"""The field-level diff of a small practice, out of its upload's file: nothing is asked of any destination."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl
import pytest

from migration_assets.destinations.base import payload_dtype
from migration_assets.errors import ConfigurationError
from migration_assets.migration.field_diff.compute import compute
from migration_assets.migration.field_diff.shape import CHECKS, DIFF_COLUMNS, DIFFERING, Diff
from migration_assets.migration.operations import Migration
from migration_assets.perio_chart import model as perio_chart
from migration_assets.warehouse import Session
from migration_assets_tests.migration.further_rows import FURTHER
from migration_assets_tests.migration.test_operations import Office, founded

EXAM, LINE = "ClinicalExam__c", "TreatmentPlanLine__c"
CONSENT = {
    "DocumentID": "7",
    "PatientID": 1,
    "FileName": "consent.pdf",
    "MimeType": "application/pdf",
    "Content__bytes": 3,
    "Content__md5": "900150983cd24fb0d6963f7d28e17f72",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        patch.setitem(FURTHER, "Document", [CONSENT])
        made = founded(tmp_path_factory.mktemp("office"))
        made.stage()
        made.migration().prepare()
        made.migration().build_payload("run", "all")
        _arrive(made.migration())
        yield made


def _arrive(migration: Migration) -> None:
    """As if everything had been uploaded and read back."""
    with migration.platform.upload_warehouse(migration.target).open() as session:
        session.execute("CREATE SCHEMA readback")
        for asset, schema in migration.stored_plan().schemas.items():
            payload = session.read("upload", f"payload_{asset}")
            returned = payload.select(
                pl.col(each.name).cast(payload_dtype(each)) for each in schema.returned_fields
            )
            session.replace_table("readback", asset, returned)


@pytest.fixture(scope="module")
def sound(office: Office) -> Diff:
    return compute(office.migration())


def damaged(
    office: Office,
    tables: dict[str, Callable[[pl.DataFrame], pl.DataFrame]],
    patients: list[str] | None = None,
) -> Diff:
    """Of what was read back with these tables changed, which are put right again."""
    migration: Migration = office.migration()
    warehouse = migration.platform.upload_warehouse(migration.target)

    def put(session: Session, frames: dict[str, pl.DataFrame]) -> None:
        for table, rows in frames.items():
            session.replace_table("readback", table, rows)

    with warehouse.open() as session:
        usual = {table: session.read("readback", table) for table in tables}
        put(session, {table: change(usual[table]) for table, change in tables.items()})
    try:
        return compute(migration, patients)
    finally:
        with warehouse.open() as session:
            put(session, usual)


def row(diff: Diff, field: str, key: str) -> dict[str, str | None]:
    return diff.fields.filter(pl.col("field") == field, pl.col("key") == key).row(0, named=True)


def test_nothing_differs_in_a_sound_migration_and_every_check_passes(sound: Diff) -> None:
    assert set(sound.fields["cls"]) == {"same", "expected", "format"}
    assert sound.fields["diagnosis"].null_count() == sound.fields.height
    assert sound.fields.select("object", "key", "field").is_duplicated().sum() == 0
    assert set(sound.checks["check"]) == set(CHECKS)
    assert sound.checks["passed"].all()
    assert list(sound.fields.columns) == [*DIFF_COLUMNS, "detail"]


def test_a_field_shows_the_cell_that_it_comes_from(sound: Diff) -> None:
    told = {
        name: row(sound, field, key)
        for name, field, key in (
            ("reference", "Provider__c", "maple:plan:20"),
            ("moment", "Exam_Time__c", "maple:exam:10"),
            ("site", "PocketDepth_MB_UR8__c", "maple:exam:10"),
            ("merged", "Insurance_Carrier__c", "maple:patient:2"),
            ("computed", "Provider__c", "maple:patient:1"),
        )
    }
    columns = ("source_table", "source_key", "source_column", "source", "returned", "cls")

    assert {name: tuple(each[column] for column in columns) for name, each in told.items()} == {
        "reference": ("TreatmentPlan", "20", "ProviderID", "5", "maple:provider:5", "expected"),
        "moment": (
            "ClinicalExam",
            "10",
            "ExamDate",
            "2023-03-04 10:30:00",
            "2023-03-04 15:30:00",
            "expected",
        ),
        "site": ("PeriodontalCharting", "100", "PocketDepth_MB", "1", "1", "same"),
        "merged": ("Insurance", "1", "Carrier", "Delta", "Delta", "same"),
        "computed": ("Patient", None, "computed from the kind of record", None, "false", "expected"),
    }


def test_records_are_their_patients_and_a_provider_is_nobodys(sound: Diff) -> None:
    whose = dict(sound.fields.select("key", "patient").unique().iter_rows())

    assert whose["maple:patient:1"] == whose["maple:exam:10"] == whose["maple:plan_line:201"] == "1"
    assert whose["maple:exam:11"] == "2"
    assert whose["maple:document:7"] == "1"
    assert whose["maple:provider:5"] is None
    assert sound.patients.sort("source_id")["name"].to_list() == ["Quill1", "Quill2"]
    counts = sound.patients.filter(source_id="1").select("same", "expected", "format").row(0)
    assert sum(counts) == sound.fields.filter(patient="1").height


def test_a_chart_is_told_twice_in_the_same_words(sound: Diff) -> None:
    pairs = {each.exam: each for each in sound.charts}
    told = {
        exam: (
            perio_chart.from_staged(each.staged_rows, each.system),
            perio_chart.from_record(each.record, each.teeth_records, each.companions),
        )
        for exam, each in pairs.items()
    }

    assert {exam: (each.patient, each.system) for exam, each in pairs.items()} == {
        "maple:exam:10": ("1", "FDI"),
        "maple:exam:11": ("2", "FDI"),
    }
    assert all(before == after and len(before.teeth) for before, after in told.values())


def test_a_record_that_isnt_there_is_lost_with_its_plans_lines_counted(office: Office) -> None:
    diff = damaged(
        office,
        {
            "treatment_plan_line": lambda rows: rows.filter(pl.col("PANDA_Key__c") != "maple:plan_line:202"),
            "clinical_exam": lambda rows: rows.filter(pl.col("PANDA_Key__c") != "maple:exam:11"),
        },
    )
    lost = diff.fields.filter(pl.col("cls").is_in(DIFFERING))

    assert lost.select("patient", "object", "key", "cls", "diagnosis", "detail").rows() == [
        ("2", EXAM, "maple:exam:11", "lost", "record_missing", "in the payload, not in the destination"),
        ("1", LINE, "maple:plan_line:202", "lost", "lines_missing", "1 of 2 lines of the plan"),
    ]
    assert [each.record for each in diff.charts if each.exam == "maple:exam:11"] == [{}]


def test_what_somebody_changed_there_is_told_and_nothing_else(office: Office) -> None:
    diff = damaged(
        office,
        {
            "treatment_plan": lambda rows: rows.with_columns(
                Provider__c=pl.lit(None, pl.String), Status__c=pl.lit("x")
            )
        },
        ["1"],
    )
    found = diff.fields.filter(pl.col("cls").is_in(DIFFERING)).select("field", "cls", "diagnosis")

    assert set(found.rows()) == {
        ("Provider__c", "lost", "provider_unresolved"),
        ("Status__c", "changed", None),
    }
    assert diff.patients["source_id"].to_list() == ["1"]
    failed = diff.checks.filter(~pl.col("passed")).select("check", "key", "expected", "found")
    assert failed.rows() == [("providers", "maple:plan:20", "provider 5", "none")]


def test_a_patient_whom_nobody_staged_is_refused_without_an_id(office: Office) -> None:
    with pytest.raises(ConfigurationError, match="1 of the patients") as refused:
        compute(office.migration(), ["1", "4711"])
    assert "4711" not in str(refused.value)
