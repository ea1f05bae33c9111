"""The comparison of meaning sees the whole chart: every measure, every object, both shapes of the source."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.destinations.base import payload_dtype
from migration_assets.mapping.apply import apply
from migration_assets.mapping.chart_layout import MEASURES, ChartLayout, plan, wide_columns
from migration_assets.mapping.loader import load_specs
from migration_assets.migration.meaning import compare, load_meanings
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.perio.teeth import TEETH, NumberingSystem, furcation_entrances
from migration_assets.perio.vocabulary import TOOTH_STATUSES
from migration_assets_tests.mapping.staged import complete
from migration_assets_tests.measure_rows import converted, profile
from migration_assets_tests.objects.rows import SITES, Row, context, exam, raw_tables, stage_raw

MAPPING = load_specs("salesforce", {each.name: each.model for each in STAGED_OBJECTS}).resolved(
    {"accounts": "practice"}
)
MEANINGS = load_meanings("salesforce")
EXAM, CHART2, CHART3 = "ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamChart3__c"
TOOTH = "ClinicalExamTooth__c"
KEY = "PANDA_Key__c"
ENTERPRISE = plan(MEASURES, {EXAM: 463, CHART2: 473, CHART3: 473})
PROFESSIONAL = plan(MEASURES, {EXAM: 63, CHART2: 73, CHART3: 73})

with TemporaryDirectory() as folder:
    PROFILES = {
        "tooth_row": load_profile("default"),
        "measure_row": profile(Path(folder), bits=False),
        "bits": profile(Path(folder), bits=True),
    }
SHAPES = list(PROFILES)


def full_tooth(number: int, exam_id: int, universal: str, system: NumberingSystem) -> Row:
    """All measures of a tooth, different from those of its neighbours in each of them."""
    place = list(TEETH).index(universal)
    flags = {
        f"{prefix}_{site}": (place // 2 ** (turn + 1) + at) % 2 == 0
        for turn, prefix in enumerate(("BOP", "Suppuration", "Plaque"))
        for at, site in enumerate(SITES)
    }
    return {
        "ChartingID": number,
        "ExamID": exam_id,
        "Tooth": TEETH[universal].code(system),
        "ToothStatus": TOOTH_STATUSES[place % len(TOOTH_STATUSES)],
        **{f"PocketDepth_{site}": (3 * place + at) % 17 for at, site in enumerate(SITES)},
        **{f"Recession_{site}": (5 * place + at) % 11 - 3 for at, site in enumerate(SITES)},
        **flags,
        "Mobility": Decimal(place % 7) / 2,
        **{
            f"Furcation_{entrance}": (place + ord(entrance)) % 4
            for entrance in furcation_entrances(universal)
        },
    }


def practice(system: NumberingSystem = NumberingSystem.UNIVERSAL) -> dict[str, pl.DataFrame]:
    """A full mouth, a primary tooth, a supernumerary one where the system writes it, and a limited chart."""
    teeth = [str(number) for number in range(1, 33)] + ["A"]
    teeth += ["56"] if system is NumberingSystem.UNIVERSAL else []
    chart = [full_tooth(100 + place, 10, universal, system) for place, universal in enumerate(teeth)]
    chart.append(full_tooth(200, 11, "30", NumberingSystem.FDI))
    exams = [exam(10, ToothNumberingSystem=str(system)), exam(11, ToothNumberingSystem="FDI")]
    return raw_tables(exams=exams, chart=chart)


class Migrated:
    """A practice staged and mapped, with its records as a faithful destination returns them."""

    def __init__(self, raw: Mapping[str, pl.DataFrame], shape: str, layout: ChartLayout = ENTERPRISE) -> None:
        self.profile: Profile = PROFILES[shape]
        self.tables = dict(raw)
        if shape != "tooth_row":
            chart = converted(raw["PeriodontalCharting"], bits=shape == "bits")
            self.tables["PeriodontalCharting"] = chart
        staged = stage_raw(self.tables, context(self.profile))
        self.rejects = pl.concat([each.rejects for each in staged.values()])
        self.corrections = pl.concat([each.corrections for each in staged.values()])
        rows = {name: each.rows for name, each in staged.items()}
        self.returned: dict[str, pl.DataFrame] = {}
        for spec in MAPPING:
            if spec.chart is not None and spec.is_used(layout):
                payload = apply(spec, complete(spec, rows), "maple", layout)
                types = {each.name: payload_dtype(each) for each in payload.schema.fields}
                self.returned[spec.name] = payload.frame.with_columns(
                    pl.col(name).cast(dtype) for name, dtype in types.items()
                )

    def differing(self, name: str, changed: pl.DataFrame | None = None) -> set[str]:
        """Fields that the comparison finds different in the object's records."""
        raw = RawPractice(
            "maple", ZoneInfo("America/New_York"), self.profile, self.tables, self.rejects, self.corrections
        )
        returned = self.returned[name] if changed is None else changed
        comparison = compare(MEANINGS[name], name, KEY, returned, raw)
        assert comparison.compared >= returned.height * len(chart_fields(returned))
        return set(comparison.differences["field"])


def migrated_practice(
    shape: str, system: NumberingSystem = NumberingSystem.UNIVERSAL, layout: ChartLayout = ENTERPRISE
) -> Migrated:
    """The full mouth, staged and mapped once for all tests; its tables may be replaced."""
    made = copy(_migrated_practice(shape, system, layout))
    made.tables, made.returned = dict(made.tables), dict(made.returned)
    return made


@cache
def _migrated_practice(shape: str, system: NumberingSystem, layout: ChartLayout) -> Migrated:
    return Migrated(practice(system), shape, layout)


def chart_fields(frame: pl.DataFrame) -> list[str]:
    prefixes = tuple(measure.prefix + "_" for measure in MEASURES.values())
    own = ("Plaque_Index__c",)
    return [name for name in frame.columns if name.startswith(prefixes) and name not in own]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("system", list(NumberingSystem))
@pytest.mark.parametrize("layout", [ENTERPRISE, PROFESSIONAL], ids=["enterprise", "professional"])
def test_a_faithful_destination_differs_in_nothing(
    shape: str, system: NumberingSystem, layout: ChartLayout
) -> None:
    migrated = migrated_practice(shape, system, layout)

    for name in migrated.returned:
        assert migrated.differing(name) == set(), name
    assert migrated.returned[TOOTH].height > 0


def moved_by_one(frame: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Each tooth's fields of the measure hold what belongs to the tooth before it."""
    columns = wide_columns([measure])
    by_place = {(each.column, each.slot): each.field for each in columns}
    taken = {
        each.field: by_place[each.column, each.slot - 1]
        for each in columns
        if each.slot is not None and (each.column, each.slot - 1) in by_place
    }
    return frame.with_columns(frame[other].alias(field) for field, other in taken.items())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("measure", list(MEASURES))
def test_a_measure_that_slipped_by_one_tooth_is_found_and_no_other_is_blamed(
    shape: str, measure: str
) -> None:
    migrated = migrated_practice(shape)
    home = next(each.object for each in ENTERPRISE.objects if measure in each.measures)

    found = migrated.differing(home, moved_by_one(migrated.returned[home], measure))

    fields = {each.field for each in wide_columns([measure])}
    assert found
    assert found <= fields
    # Neighbours were charted differently, so hardly a tooth can hide the slip.
    assert len(found) > len(fields) / 5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("measure", list(MEASURES))
def test_a_measure_that_was_left_out_is_found(shape: str, measure: str) -> None:
    migrated = migrated_practice(shape)
    home = next(each.object for each in ENTERPRISE.objects if measure in each.measures)
    frame = migrated.returned[home]
    fields = [each.field for each in wide_columns([measure])]

    emptied = frame.with_columns(pl.lit(None, frame.schema[field]).alias(field) for field in fields)

    assert migrated.differing(home, emptied) == set(fields)


@pytest.mark.parametrize(("misread", "written", "taken_for"), [("FDI", "1", "1"), ("Palmer", "UR", "")])
def test_a_chart_read_as_universal_is_found_in_every_measure(
    misread: str, written: str, taken_for: str
) -> None:
    """FDI 16 is Universal 3 and was taken for Universal 16; Palmer UR6 is 3 and was taken for 6."""
    as_universal = [
        full_tooth(number, 10, f"{taken_for}{number}", NumberingSystem.UNIVERSAL) for number in range(1, 9)
    ]
    records = Migrated(raw_tables(exams=[exam(10)], chart=as_universal), "tooth_row").returned
    rows = [row | {"Tooth": f"{written}{number}"} for number, row in enumerate(as_universal, 1)]
    truth = Migrated(raw_tables(exams=[exam(10, ToothNumberingSystem=misread)], chart=rows), "tooth_row")

    for name, measures in ((each.object, each.measures) for each in ENTERPRISE.objects):
        found = truth.differing(name, records[name])
        for measure in measures:
            assert found & {each.field for each in wide_columns([measure])}, measure


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("ToothNumber__c", "B"),
        ("ToothAsCharted__c", "a"),
        ("ClinicalExam__c", "maple:exam:11"),
        ("PocketDepth_MB__c", 18),
        ("Recession_DL__c", None),
        ("BleedingOnProbing_B__c", None),
        ("Mobility__c", Decimal("0.3")),
        ("ToothStatus__c", "primary"),
    ],
)
def test_a_wrong_value_of_a_teeths_own_record_is_named(shape: str, field: str, wrong: Any) -> None:
    migrated = migrated_practice(shape)
    frame = migrated.returned[TOOTH]
    changed = frame.with_columns(pl.lit(wrong, frame.schema[field]).alias(field))

    assert migrated.differing(TOOTH, changed) == {field}


def test_yes_and_no_and_not_charted_are_three_things() -> None:
    field = "BleedingOnProbing_MB_UR1__c"
    migrated = migrated_practice("tooth_row")
    frame = migrated.returned[CHART2]

    for wrong in ("Yes", "No", None):
        changed = frame.with_columns(pl.lit(wrong, pl.String).alias(field))
        if not frame[field].eq_missing(changed[field]).all():
            assert migrated.differing(CHART2, changed) == {field}
    assert set(frame[field]) == {"Yes", None} or set(frame[field]) == {"No", None}


def test_a_field_outside_its_quadrant_is_no_chart_field_of_ours() -> None:
    migrated = migrated_practice("tooth_row")
    frame = migrated.returned[EXAM].rename({"PocketDepth_MB_UR6__c": "PocketDepth_MB_UL6__c"})

    with pytest.raises(ValueError, match="outside its quadrant"):
        migrated.differing(EXAM, frame)
