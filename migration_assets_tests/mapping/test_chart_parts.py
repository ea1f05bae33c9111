"""A chart shared by several objects: every value stands where the layout says, no charted value nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.mapping.apply import EXAM_REJECTED, Payload, apply
from migration_assets.mapping.chart_layout import MEASURES, ChartLayout, plan
from migration_assets.mapping.loader import load_specs
from migration_assets.perio import charting
from migration_assets.perio.teeth import furcation_entrances
from migration_assets.perio.vocabulary import TOOTH_STATUSES
from migration_assets_tests.mapping.staged import STAGED_MODELS, complete, rows

MAPPING = load_specs("salesforce", STAGED_MODELS).resolved({"accounts": "practice"})
EXAM, CHART2, CHART3 = "ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamChart3__c"
TOOTH = "ClinicalExamTooth__c"
ENTERPRISE = plan(MEASURES, {EXAM: 463, CHART2: 473, CHART3: 473})
UNLIMITED = plan(MEASURES, {EXAM: 763, CHART2: 773, CHART3: 773})
PROFESSIONAL = plan(MEASURES, {EXAM: 63, CHART2: 73, CHART3: 73})
COLUMNS = tuple(column for measure in MEASURES.values() for column in measure.columns)

Tooth = dict[str, Any]


def exam_row(key: str) -> dict[str, Any]:
    return {
        "source_id": key,
        "patient_id": "7",
        "examined_on": date(2024, 5, 6),
        "examined_at": datetime(2024, 5, 6, 14, 30, tzinfo=UTC),
        "rejected_teeth": 0,
        "chart_incomplete": False,
    }


def charted(layout: ChartLayout, exams: list[str], teeth: list[Tooth]) -> dict[str, Payload]:
    """The payloads of all objects of the chart that the layout uses."""
    staged = {
        "clinical_exams": rows("clinical_exams", *(exam_row(key) for key in exams)),
        "charting": rows("charting", *teeth),
        "providers": rows("providers"),
    }
    return {
        spec.name: apply(spec, complete(spec, staged), "maple", layout)
        for spec in MAPPING
        if spec.chart is not None and spec.is_used(layout)
    }


def shown(payload: Payload) -> dict[str, dict[str, Any]]:
    """The fields with a value of each record, by key."""
    return {
        row.pop("PANDA_Key__c"): {name: value for name, value in row.items() if value is not None}
        for row in payload.frame.iter_rows(named=True)
    }


def test_each_measure_stands_on_the_object_that_has_its_fields() -> None:
    tooth = {
        "source_id": "1",
        "exam_id": "9",
        "universal": "6",
        "slot": 6,
        "pocket_depth_mb": 0,
        "status": "implant",
        "bleeding_b": False,
        "plaque_dl": True,
    }
    found = charted(ENTERPRISE, ["9"], [tooth])

    assert shown(found[EXAM])["maple:exam:9"]["PocketDepth_MB_UR6__c"] == 0
    assert shown(found[CHART2]) == {
        "maple:exam_chart2:9": {
            "ClinicalExam__c": "maple:exam:9",
            "ToothStatus_UR6__c": "implant",
            "BleedingOnProbing_B_UR6__c": "No",
        }
    }
    assert shown(found[CHART3])["maple:exam_chart3:9"]["Plaque_DL_UR6__c"] == "Yes"
    assert found[TOOTH].frame.is_empty()


def test_an_exam_without_values_for_a_companion_has_its_record_all_the_same() -> None:
    """Otherwise a chart that lost its last finding would keep the old ones in the destination."""
    found = charted(ENTERPRISE, ["9", "10"], [])

    for name in (EXAM, CHART2, CHART3):
        assert found[name].frame.height == 2


def test_primary_and_supernumerary_teeth_have_records_of_their_own() -> None:
    teeth = [
        {"source_id": "1", "exam_id": "9", "tooth": "URE", "universal": "A", "pocket_depth_b": 3},
        {"source_id": "2", "exam_id": "9", "tooth": "53", "universal": "53", "mobility": Decimal("1.5")},
        {"source_id": "3", "exam_id": "9", "tooth": "BS", "universal": "BS", "furcation_m": 2},
    ]
    found = charted(ENTERPRISE, ["9"], teeth)

    exam = {"ClinicalExam__c": "maple:exam:9"}
    assert shown(found[TOOTH]) == {
        "maple:exam_tooth:1": exam
        | {"ToothNumber__c": "A", "ToothAsCharted__c": "URE", "PocketDepth_B__c": 3},
        "maple:exam_tooth:2": exam
        | {"ToothNumber__c": "53", "ToothAsCharted__c": "53", "Mobility__c": Decimal("1.5")},
        "maple:exam_tooth:3": exam | {"ToothNumber__c": "BS", "ToothAsCharted__c": "BS", "Furcation_M__c": 2},
    }
    lineage = found[TOOTH].lineage.select("key", "source_table", "source_id", "role")
    assert lineage.row(0) == ("maple:exam_tooth:1", "PeriodontalCharting", "1", "record")
    assert all(found[name].excused.is_empty() for name in found)


def test_a_furcation_at_an_entrance_that_the_tooth_does_not_have_is_not_lost() -> None:
    canine = {"source_id": "1", "exam_id": "9", "universal": "6", "slot": 6, "furcation_m": 1}
    molar = {"source_id": "2", "exam_id": "9", "universal": "3", "slot": 3, "furcation_m": 1}

    found = charted(ENTERPRISE, ["9"], [canine, molar])

    assert list(shown(found[TOOTH])) == ["maple:exam_tooth:1"]


def test_a_professional_org_keeps_the_sites_in_records_of_single_teeth() -> None:
    teeth = [
        {
            "source_id": "1",
            "exam_id": "9",
            "universal": "6",
            "slot": 6,
            "pocket_depth_mb": 4,
            "status": "crown",
        },
        {"source_id": "2", "exam_id": "9", "universal": "7", "slot": 7, "status": "missing"},
    ]
    found = charted(PROFESSIONAL, ["9"], teeth)

    tooth = shown(found[TOOTH])
    assert list(tooth) == ["maple:exam_tooth:1"]
    # The record tells the whole tooth, also what has a wide field.
    assert (
        tooth["maple:exam_tooth:1"]["PocketDepth_MB__c"],
        tooth["maple:exam_tooth:1"]["ToothStatus__c"],
    ) == (
        4,
        "crown",
    )
    assert shown(found[CHART2])["maple:exam_chart2:9"]["ToothStatus_UR7__c"] == "missing"


def test_an_unlimited_org_needs_one_companion_only() -> None:
    assert set(charted(UNLIMITED, ["9"], [])) == {EXAM, CHART2, TOOTH}


def test_the_teeth_of_a_rejected_exam_have_no_records() -> None:
    found = charted(ENTERPRISE, [], [{"source_id": "1", "exam_id": "9", "universal": "A"}])

    assert found[TOOTH].frame.is_empty()
    assert found[EXAM].excused.rows() == [("PeriodontalCharting", "1", EXAM_REJECTED)]
    assert found[CHART2].excused.is_empty()


def _value(column: str) -> st.SearchStrategy[Any]:
    if column == "status":
        return st.sampled_from(TOOTH_STATUSES)
    if column == "mobility":
        return st.integers(0, 6).map(lambda half: Decimal(half * 5) / 10)
    if column.startswith(("bleeding", "suppuration", "plaque")):
        return st.booleans()
    return st.integers(0, 3)


_UNIVERSALS = [*map(str, range(1, 33)), "A", "J", "T", "52", "82", "KS"]


@st.composite
def practices(draw: st.DrawFn) -> tuple[list[str], list[Tooth]]:
    """Ids of staged exams, and teeth of these and of a rejected one, each with a few values."""
    exams = sorted(draw(st.sets(st.sampled_from(["1", "2", "3"]))))
    places = draw(
        st.sets(st.tuples(st.sampled_from(["1", "2", "4"]), st.sampled_from(_UNIVERSALS)), max_size=8)
    )
    teeth = []
    for number, (exam, universal) in enumerate(sorted(places)):
        columns = draw(st.sets(st.sampled_from(COLUMNS), max_size=4))
        slot = int(universal) if universal in _UNIVERSALS[:32] else None
        values = {column: draw(_value(column)) for column in sorted(columns)}
        teeth.append(
            {
                "source_id": str(number),
                "exam_id": exam,
                "tooth": universal,
                "universal": universal,
                "slot": slot,
            }
            | values
        )
    return exams, teeth


def expected_places(layout: ChartLayout, exam: str, tooth: Tooth) -> dict[tuple[str, str], Any]:
    """Where each value of a tooth stands: (record, field) -> value; looked up one by one."""
    spaces = {EXAM: "exam", CHART2: "exam_chart2", CHART3: "exam_chart3"}
    homes = {name: each.object for each in layout.objects for name in each.measures}
    wide: dict[tuple[str, str], Any] = {}
    narrow: dict[tuple[str, str], Any] = {}
    residual = tooth["slot"] is None
    for name, measure in MEASURES.items():
        for place in measure.places or (None,):
            value = tooth.get(charting.column(measure, place))
            value = {True: "Yes", False: "No"}[value] if isinstance(value, bool) else value
            if value is None:
                continue
            narrow[(f"maple:exam_tooth:{tooth['source_id']}", charting.field_name(measure, place, None))] = (
                value
            )
            missing = name == "furcation" and place not in furcation_entrances(tooth["universal"])
            if tooth["slot"] is None or name not in homes or missing:
                residual = True
                continue
            key = f"maple:{spaces[homes[name]]}:{exam}"
            wide[(key, charting.field_name(measure, place, tooth["slot"]))] = value
    return wide | (narrow if residual else {})


@settings(max_examples=60, deadline=None)
@given(practices(), st.sampled_from([ENTERPRISE, UNLIMITED, PROFESSIONAL]))
def test_every_value_stands_where_it_belongs_and_nowhere_else(
    practice: tuple[list[str], list[Tooth]], layout: ChartLayout
) -> None:
    exams, teeth = practice
    found = charted(layout, exams, teeth)

    chart_fields = {
        name: {column.field for column in MAPPING.of_object(name).chart_columns(layout)} for name in found
    }
    actual = {
        (key, field): value
        for name, payload in found.items()
        for key, fields in shown(payload).items()
        for field, value in fields.items()
        if field in chart_fields[name]
    }
    expected: dict[tuple[str, str], Any] = {}
    for tooth in teeth:
        if tooth["exam_id"] in exams:
            expected |= expected_places(layout, tooth["exam_id"], tooth)
    assert actual == expected


@settings(max_examples=40, deadline=None)
@given(practices(), st.sampled_from([ENTERPRISE, PROFESSIONAL]))
def test_every_chart_row_has_a_lineage_row_or_a_reason_and_never_both(
    practice: tuple[list[str], list[Tooth]], layout: ChartLayout
) -> None:
    exams, teeth = practice
    found = charted(layout, exams, teeth)

    chart_row = pl.col("source_table") == "PeriodontalCharting"
    used = {key for each in found.values() for key in each.lineage.filter(chart_row)["source_id"]}
    excused = [key for each in found.values() for key in each.excused["source_id"]]
    assert used.isdisjoint(excused)
    assert sorted([*used, *excused]) == sorted(tooth["source_id"] for tooth in teeth)
    for name, each in found.items():
        assert set(each.lineage["key"]) == set(each.frame["PANDA_Key__c"]), name
        records = each.lineage.filter(pl.col("role") != "chart")
        assert records["key"].to_list() == each.frame["PANDA_Key__c"].to_list()


def test_no_charted_value_is_a_problem_of_its_field() -> None:
    values: Mapping[str, Any] = {
        "pocket_depth_mb": 19,
        "recession_dl": -9,
        "mobility": Decimal("2.5"),
        "furcation_b": 4,
        "status": "unerupted",
        "plaque_b": True,
    }
    tooth = {"source_id": "1", "exam_id": "9", "universal": "3", "slot": 3, **values}
    primary = {"source_id": "2", "exam_id": "9", "universal": "A", **values}

    for payload in charted(ENTERPRISE, ["9"], [tooth, primary]).values():
        assert payload.problems.is_empty()
