import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.charting import (
    BLEEDING,
    FURCATION,
    LABEL_LENGTH,
    MEASURES,
    MOBILITY,
    PLAQUE,
    POCKET_DEPTH,
    RECESSION,
    STATUS,
    SUPPURATION,
    ChartField,
    FurcationScale,
    Site,
    chart_fields,
    column,
    field_name,
    furcation_high,
    help_text,
    label,
    parse_field_name,
)
from migration_assets.perio.errors import UnknownChartField
from migration_assets.perio.teeth import Entrance

FIELDS = [field for measure in MEASURES for field in chart_fields(measure)]
OF_ONE_TOOTH = [
    ChartField(measure, place, None) for measure in MEASURES for place in (measure.places or (None,))
]
fields = st.sampled_from(FIELDS + OF_ONE_TOOTH)


def test_a_full_chart_has_the_1058_fields_of_the_facts() -> None:
    counts = {measure.name: len(list(chart_fields(measure))) for measure in MEASURES}
    sites = (POCKET_DEPTH, RECESSION, BLEEDING, SUPPURATION, PLAQUE)
    assert counts == {
        **{measure.name: 192 for measure in sites}, MOBILITY.name: 32, FURCATION.name: 34, STATUS.name: 32
    }  # fmt: skip
    assert sum(counts.values()) == 1058


def test_the_five_site_measures_of_28_teeth_are_the_840_of_the_mission() -> None:
    third_molars = {1, 16, 17, 32}
    sites = [field for field in FIELDS if len(field.measure.places) == 6 and field.slot not in third_molars]
    assert len(sites) == 840


@pytest.mark.parametrize(
    ("measure", "place", "slot", "name"),
    [
        (POCKET_DEPTH, Site.MESIO_BUCCAL, 6, "PocketDepth_MB_UR6__c"),
        (RECESSION, Site.DISTO_LINGUAL, 9, "Recession_DL_UL9__c"),
        (BLEEDING, Site.BUCCAL, 17, "BleedingOnProbing_B_LL17__c"),
        (MOBILITY, None, 32, "Mobility_LR32__c"),
        (FURCATION, Entrance.MESIAL, 3, "Furcation_M_UR3__c"),
        (STATUS, None, 6, "ToothStatus_UR6__c"),
        (POCKET_DEPTH, Site.MESIO_BUCCAL, None, "PocketDepth_MB__c"),
        (MOBILITY, None, None, "Mobility__c"),
    ],
)
def test_fields_are_named_by_measure_place_quadrant_and_universal_number(measure, place, slot, name) -> None:  # type: ignore[no-untyped-def]
    assert field_name(measure, place, slot) == name


@given(fields)
def test_a_field_name_reads_back_as_its_field(field: ChartField) -> None:
    assert parse_field_name(field_name(field.measure, field.place, field.slot)) == field


def test_no_two_fields_have_the_same_name_or_label() -> None:
    every = [(field.measure, field.place, field.slot) for field in FIELDS + OF_ONE_TOOTH]
    assert len({field_name(*each) for each in every}) == len(every)
    assert len({label(*each) for each in every}) == len(every)


def test_names_and_labels_fit_into_what_salesforce_allows() -> None:
    for field in FIELDS:
        name = field_name(field.measure, field.place, field.slot)
        assert re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*__c", name)
        assert len(name.removesuffix("__c")) <= 40
        assert len(label(field.measure, field.place, field.slot)) <= LABEL_LENGTH


def test_label_and_help_tell_the_tooth_in_all_three_systems() -> None:
    assert label(POCKET_DEPTH, Site.MESIO_BUCCAL, 6) == "Pocket depth MB #6 (FDI 13, Palmer UR3)"
    told = help_text(POCKET_DEPTH, Site.MESIO_BUCCAL, 6)
    assert "Universal 6 = FDI 13 = Palmer UR3" in told
    assert "mesio-buccal site" in told
    assert "mm, 0 to 19" in told
    assert "mesial entrance" in help_text(FURCATION, Entrance.MESIAL, 3)


@pytest.mark.parametrize(
    "name",
    ["PocketDepth_MB_UL6__c", "PocketDepth_MB_UR06__c", "PocketDepth_UR6__c", "PocketDepth_M_UR6__c",
     "Mobility_MB_UR6__c", "Furcation_M_UR6__c", "Furcation_L_UR3__c", "PocketDepth_MB_LR33__c",
     "PocketDepth_MB_UR0__c", "pocketdepth_MB_UR6__c", "PocketDepth_MB_UR6", "Depth_MB_UR6__c", "",
     "PocketDepth_MB_UR6__c\n"],
)  # fmt: skip
def test_any_other_name_is_no_chart_field(name: str) -> None:
    with pytest.raises(UnknownChartField):
        parse_field_name(name)


@pytest.mark.parametrize("slot", [0, 33, -1])
def test_a_field_of_a_tooth_that_is_no_slot_has_no_name(slot: int) -> None:
    with pytest.raises(UnknownChartField):
        field_name(MOBILITY, None, slot)


def test_canonical_columns_are_measure_and_place() -> None:
    assert POCKET_DEPTH.columns == tuple(
        f"pocket_depth_{site}" for site in ("mb", "b", "db", "ml", "l", "dl")
    )
    assert FURCATION.columns == ("furcation_m", "furcation_d", "furcation_b", "furcation_l")
    assert MOBILITY.columns == (column(MOBILITY, None),) == ("mobility",)
    with pytest.raises(UnknownChartField):
        column(POCKET_DEPTH, None)


def test_ranges_are_those_of_the_facts() -> None:
    assert (POCKET_DEPTH.low, POCKET_DEPTH.high) == (0, 19)
    assert (RECESSION.low, RECESSION.high) == (-9, 20)
    assert (MOBILITY.low, MOBILITY.high, MOBILITY.step) == (0, 3, Decimal("0.5"))
    assert {scale: furcation_high(scale) for scale in FurcationScale} == {"glickman": 4, "hamp": 3}
