"""A chart is planned into the room there is, and gathered so that every value stands at its own tooth."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectCapacity
from migration_assets.errors import ConfigurationError
from migration_assets.mapping import chart_layout
from migration_assets.mapping.chart_gather import gather
from migration_assets.mapping.chart_layout import (
    ChartLayout,
    ObjectMeasures,
    plan,
    room_for_chart,
    wide_columns,
)
from migration_assets.mapping.problems import PayloadRefused
from migration_assets_tests.mapping.staged import rows

ENTERPRISE = ObjectCapacity(
    "ClinicalExam__c", exists=False, custom_field_limit=500, custom_fields=frozenset()
)
OWN = tuple(FieldSchema(f"Own{n}__c", "Own", FieldType.TEXT, custom=True, length=10) for n in range(13))
DEPTH_AND_RECESSION = ("pocket_depth", "recession")
SITES = wide_columns(DEPTH_AND_RECESSION)
EXAM, CHART2, CHART3 = "ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamChart3__c"


def layout(*placed: tuple[str, tuple[str, ...]], unplaced: tuple[str, ...] = ()) -> ChartLayout:
    return ChartLayout(tuple(ObjectMeasures(name, measures) for name, measures in placed), unplaced)


def test_depth_and_recession_fit_an_enterprise_org() -> None:
    planned = plan(["recession", "pocket_depth"], {EXAM: room_for_chart(ENTERPRISE, OWN)})

    assert planned == layout((EXAM, ("pocket_depth", "recession")))
    assert len(SITES) == 384


def test_a_full_chart_needs_two_companions_in_an_enterprise_org() -> None:
    rooms = {EXAM: room_for_chart(ENTERPRISE, OWN), CHART2: 473, CHART3: 473}

    assert plan(list(chart_layout.MEASURES), rooms) == layout(
        (EXAM, ("pocket_depth", "recession", "mobility", "furcation")),
        (CHART2, ("status", "bleeding", "suppuration")),
        (CHART3, ("plaque",)),
    )


def test_a_full_chart_needs_one_companion_in_an_unlimited_org() -> None:
    planned = plan(list(chart_layout.MEASURES), {EXAM: 762, CHART2: 773, CHART3: 773})

    assert [each.object for each in planned.objects] == [EXAM, CHART2]
    assert planned.measures_on(CHART2) == ("suppuration", "plaque")
    assert planned.measures_on(CHART3) == ()


def test_a_professional_org_has_room_for_no_site_measure_anywhere() -> None:
    planned = plan(list(chart_layout.MEASURES), {EXAM: 63, CHART2: 73, CHART3: 73})

    assert planned.measures == ("mobility", "furcation", "status")
    assert planned.unplaced == ("pocket_depth", "recession", "bleeding", "suppuration", "plaque")


def test_a_measure_is_placed_whole_or_not_at_all() -> None:
    assert plan(["pocket_depth"], {EXAM: 191}) == layout((EXAM, ()), unplaced=("pocket_depth",))
    assert plan(["pocket_depth"], {EXAM: 191, CHART2: 192}) == layout((EXAM, ()), (CHART2, ("pocket_depth",)))


def test_a_smaller_measure_still_finds_room_after_one_that_does_not_fit() -> None:
    assert plan(["pocket_depth", "mobility"], {EXAM: 60}) == layout(
        (EXAM, ("mobility",)), unplaced=("pocket_depth",)
    )


@settings(max_examples=100, deadline=None)
@given(
    st.sets(st.sampled_from(list(chart_layout.MEASURES))),
    st.lists(st.integers(0, 800), min_size=1, max_size=3),
)
def test_a_plan_places_each_measure_once_within_the_room(measures: set[str], rooms: list[int]) -> None:
    given_rooms = {f"Object{number}__c": room for number, room in enumerate(rooms)}

    planned = plan(measures, given_rooms)

    assert sorted([*planned.measures, *planned.unplaced]) == sorted(measures)
    for each in planned.objects:
        assert len(wide_columns(each.measures)) <= given_rooms[each.object]
    for unplaced in planned.unplaced:
        size = chart_layout.field_count(unplaced)
        left = [room - len(wide_columns(planned.measures_on(name))) for name, room in given_rooms.items()]
        assert size > max(left)
    assert planned.objects[0].object == "Object0__c"


def test_fields_of_an_earlier_deployment_take_no_room_and_strange_ones_do() -> None:
    deployed = {each.name for each in chart_layout.fields(DEPTH_AND_RECESSION)} | {each.name for each in OWN}
    there = ObjectCapacity("ClinicalExam__c", True, 500, frozenset(deployed | {"Strange__c"}))

    assert room_for_chart(there, OWN) == room_for_chart(ENTERPRISE, OWN) - 1


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pocket_deep"):
        plan(["pocket_deep"], {EXAM: 500})


def test_a_layout_survives_json_and_keeps_its_hash() -> None:
    planned = plan(list(chart_layout.MEASURES), {EXAM: 461, CHART2: 250})

    restored = ChartLayout.from_json(planned.to_json(), EXAM)

    assert restored == planned
    assert restored.content_hash() == planned.content_hash()
    moved = layout(
        *((each.object + "x", each.measures) for each in planned.objects), unplaced=planned.unplaced
    )
    assert moved.content_hash() != planned.content_hash()


def test_a_layout_of_the_format_before_companions_is_read() -> None:
    text = '{"format":1,"kind":"wide","measures":["pocket_depth","recession"],"unplaced":["plaque"]}'

    assert ChartLayout.from_json(text, EXAM) == layout((EXAM, DEPTH_AND_RECESSION), unplaced=("plaque",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format":1,"kind":"wide","measures":["x"],"unplaced":[]}',
        '{"format":2,"kind":"wide","objects":[["A__c",["plaque"]],["B__c",["plaque"]]],"unplaced":[]}',
        '{"format":2,"kind":"wide","objects":["A__c"],"unplaced":[]}',
        '{"format":3,"kind":"wide","objects":[],"unplaced":[]}',
    ],
)
def test_a_stored_layout_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="plan the layout again"):
        ChartLayout.from_json(text, EXAM)


def test_a_field_says_its_tooth_in_all_three_systems() -> None:
    by_name = {each.name: each for each in chart_layout.fields(DEPTH_AND_RECESSION)}

    field = by_name["PocketDepth_MB_UR6__c"]

    assert (field.type, field.precision, field.scale) == (FieldType.NUMBER, 3, 0)
    assert len(field.label) <= 40
    for code in ("6", "13", "UR3"):
        assert code in field.label
        assert code in (field.help_text or "")


def test_every_measure_of_a_full_chart_has_fields_of_a_type_that_keeps_uncharted_apart() -> None:
    fields = chart_layout.fields(chart_layout.MEASURES)

    assert len(fields) == 1058
    assert len({each.name for each in fields}) == 1058
    assert FieldType.CHECKBOX not in {each.type for each in fields}


def test_the_fields_of_one_tooth_are_those_of_all_measures_and_places() -> None:
    names = [each.name for each in chart_layout.tooth_fields(chart_layout.MEASURES)]

    assert len(names) == len(set(names)) == 5 * 6 + 4 + 2
    assert {"PocketDepth_MB__c", "Recession_DB__c", "Mobility__c", "Furcation_M__c", "ToothStatus__c"} < set(
        names
    )
    assert names == [each.field for each in chart_layout.tooth_columns(chart_layout.MEASURES)]


def test_the_mesio_buccal_depth_of_universal_6_stands_in_its_own_field() -> None:
    sites = {"mb": 1, "b": 2, "db": 3, "ml": 4, "l": 5, "dl": 6}
    chart = rows(
        "charting",
        {"source_id": "1", "exam_id": "9", "slot": 6, **{f"pocket_depth_{s}": mm for s, mm in sites.items()}},
        {"source_id": "2", "exam_id": "9", "slot": 11, **{f"recession_{s}": -mm for s, mm in sites.items()}},
    )

    wide = gather(chart, pl.Series(["9"]), SITES, "exam_id").row(0, named=True)

    charted = {name: value for name, value in wide.items() if value is not None}
    assert charted == {
        "PocketDepth_MB_UR6__c": 1,
        "PocketDepth_B_UR6__c": 2,
        "PocketDepth_DB_UR6__c": 3,
        "PocketDepth_ML_UR6__c": 4,
        "PocketDepth_L_UR6__c": 5,
        "PocketDepth_DL_UR6__c": 6,
        "Recession_MB_UL11__c": -1,
        "Recession_B_UL11__c": -2,
        "Recession_DB_UL11__c": -3,
        "Recession_ML_UL11__c": -4,
        "Recession_L_UL11__c": -5,
        "Recession_DL_UL11__c": -6,
    }


def test_a_charted_zero_is_not_an_uncharted_site() -> None:
    chart = rows("charting", {"source_id": "1", "exam_id": "9", "slot": 1, "pocket_depth_mb": 0})

    wide = gather(chart, pl.Series(["9"]), SITES, "exam_id")

    assert wide["PocketDepth_MB_UR1__c"].to_list() == [0]
    assert wide["PocketDepth_B_UR1__c"].to_list() == [None]


def test_a_yes_no_finding_keeps_its_three_states() -> None:
    chart = pl.DataFrame(
        {
            "exam_id": ["9"] * 3,
            "slot": [1, 2, 3],
            **{f"bleeding_{site}": [True, False, None] for site in ("mb", "b", "db", "ml", "l", "dl")},
        }
    )

    wide = gather(chart, pl.Series(["9"]), wide_columns(["bleeding"]), "exam_id")

    names = [f"BleedingOnProbing_MB_UR{tooth}__c" for tooth in (1, 2, 3)]
    assert wide.select(names).row(0) == ("Yes", "No", None)


def test_a_status_outside_the_vocabulary_stops_the_gathering_without_telling_it() -> None:
    chart = rows("charting", {"source_id": "1", "exam_id": "9", "slot": 1, "status": "Zqx7f"})

    with pytest.raises(PayloadRefused) as refused:
        gather(chart, pl.Series(["9"]), wide_columns(["status"]), "exam_id")
    assert "Zqx7f" not in str(refused.value)


def test_a_layout_without_fields_still_has_a_row_an_exam() -> None:
    assert gather(rows("charting"), pl.Series(["1", "2"]), (), "exam_id").shape == (2, 0)


def test_exams_without_a_chart_and_no_exams_at_all_still_have_every_column() -> None:
    nothing = rows("charting")

    uncharted = gather(nothing, pl.Series(["1", "2"]), SITES, "exam_id")
    no_exams = gather(nothing, pl.Series([], dtype=pl.String), SITES, "exam_id")

    assert uncharted.shape == (2, 384)
    assert uncharted.null_count().sum_horizontal().item() == 2 * 384
    assert no_exams.shape == (0, 384)
    assert no_exams.schema == uncharted.schema


def test_a_tooth_charted_twice_stops_the_gathering() -> None:
    tooth = {"exam_id": "9", "slot": 4}
    chart = rows("charting", {"source_id": "1", **tooth}, {"source_id": "2", **tooth})

    with pytest.raises(PayloadRefused, match="two staged chart rows"):
        gather(chart, pl.Series(["9"]), SITES, "exam_id")


SITE_COLUMNS = tuple(dict.fromkeys(each.column for each in SITES))
MILLIMETRES = st.one_of(st.none(), st.integers(-9, 20))


@st.composite
def charts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of a few exams: slots at most once an exam, any number of teeth without a slot."""
    exams = st.sampled_from(["1", "2", "3", "unknown"])
    places = draw(st.sets(st.tuples(exams, st.integers(1, 32)), max_size=12))
    slotless = draw(st.lists(exams, max_size=3))
    teeth = [*sorted(places), *((exam, None) for exam in slotless)]
    return [
        {
            "source_id": str(number),
            "exam_id": exam,
            "slot": slot,
            **dict.fromkeys(SITE_COLUMNS, draw(MILLIMETRES)),
            "pocket_depth_mb": draw(MILLIMETRES),
        }
        for number, (exam, slot) in enumerate(draw(st.permutations(teeth)))
    ]


@settings(max_examples=60, deadline=None)
@given(charts(), st.permutations(["1", "2", "3"]))
def test_gathering_equals_looking_every_value_up(teeth: list[dict[str, Any]], exams: list[str]) -> None:
    by_place = {(row["exam_id"], row["slot"]): row for row in teeth}
    expected = [
        {each.field: by_place.get((exam, each.slot), {}).get(each.column) for each in SITES} for exam in exams
    ]

    wide = gather(rows("charting", *teeth), pl.Series(exams), SITES, "exam_id")

    assert wide.to_dicts() == expected
