"""A chart's model out of staged rows and out of what a destination returned: the same, or told apart."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import Any

import pytest

from migration_assets.errors import DestinationError
from migration_assets.mapping.chart_layout import MEASURES, ChartLayout, plan
from migration_assets.perio.charting import Site
from migration_assets.perio.teeth import NumberingSystem, furcation_entrances
from migration_assets.perio_chart.model import Chart, differences, from_record, from_staged
from migration_assets.perio_chart.svg import pair, svg
from migration_assets_tests.mapping import test_chart_parts as parts
from migration_assets_tests.mapping.staged import rows

PER_TOOTH = plan(MEASURES, {parts.EXAM: 463, parts.CHART2: 473, parts.CHART3: 473}, "per_tooth")


def full_mouth() -> list[dict[str, Any]]:
    """Every measure of 32 teeth, each value its own as far as ranges allow, and some that aren't charted."""
    made = []
    for slot in range(1, 33):
        row: dict[str, Any] = {"source_id": str(slot), "exam_id": "9", "universal": str(slot), "slot": slot}
        for place, site in enumerate(each.lower() for each in Site):
            row |= {
                f"pocket_depth_{site}": (slot * 6 + place) % 20 or None,
                f"recession_{site}": (slot + place) % 9 - 3,
            }
            row |= {
                f"bleeding_{site}": (slot + place) % 3 == 0,
                f"plaque_{site}": [True, False, None][place % 3],
            }
            row[f"suppuration_{site}"] = None if slot % 2 else place == 1
        row |= {f"furcation_{each.lower()}": slot % 4 for each in furcation_entrances(str(slot))}
        made.append(row | {"mobility": Decimal(slot % 7) / 2, "status": "present"})
    return made


def odd_mouth() -> list[dict[str, Any]]:
    """An implant, missing and primary teeth, a supernumerary, a furcation where none is, an empty row."""
    told: list[tuple[str, dict[str, Any]]] = [
        ("1", {"status": "missing"}),
        ("2", {"status": "missing", "pocket_depth_b": 0}),
        ("19", {"status": "implant", "pocket_depth_mb": 0, "bleeding_mb": False}),
        ("8", {"furcation_l": 0}),
        ("30", {}),
        ("A", {"status": "primary", "recession_dl": -2, "plaque_l": True}),
        ("BS", {}),
        ("53", {"mobility": Decimal("1.5")}),
    ]
    return [
        {
            "source_id": str(i),
            "exam_id": "9",
            "universal": code,
            "slot": int(code) if code.isdecimal() and int(code) < 33 else None,
            **row,
        }
        for i, (code, row) in enumerate(told)
    ]


def returned(layout: ChartLayout, mouth: list[dict[str, Any]], *, as_text: bool) -> Chart:
    """The chart of what a destination holds that was loaded with the mouth."""
    payloads = parts.charted(layout, ["9"], mouth)
    found = {
        name: [
            {key: str(value) if as_text and value is not None else value for key, value in row.items()}
            for row in payload.frame.iter_rows(named=True)
        ]
        for name, payload in payloads.items()
    }
    (record,) = found.pop(parts.EXAM)
    teeth_records = found.pop(parts.TOOTH)
    return from_record(
        record | {"ToothNumberingSystem__c": "FDI"},
        teeth_records,
        [row for each in found.values() for row in each],
    )


@pytest.mark.parametrize("layout", [parts.ENTERPRISE, parts.UNLIMITED, parts.PROFESSIONAL, PER_TOOTH])
@pytest.mark.parametrize("mouth", [full_mouth(), odd_mouth()], ids=["full", "odd"])
def test_the_source_and_what_the_destination_returned_give_the_same_chart(
    layout: ChartLayout, mouth: list[dict[str, Any]]
) -> None:
    source = from_staged(rows("charting", *mouth), "FDI")

    assert source.system is NumberingSystem.FDI
    assert returned(layout, mouth, as_text=False) == returned(layout, mouth, as_text=True) == source
    told = sum(
        value is not None for row in mouth for name, value in row.items() if name.startswith(tuple(MEASURES))
    )
    assert len(differences(source, Chart())) == told
    assert svg(source) == svg(returned(layout, mouth, as_text=False))


def test_swapped_mesial_and_distal_sites_are_found() -> None:
    record = {"PocketDepth_MB_UR3__c": 5, "PocketDepth_DB_UR3__c": 3, "PocketDepth_B_UR3__c": 2, "Name": "x"}
    swapped = record | {"PocketDepth_MB_UR3__c": 3.0, "PocketDepth_DB_UR3__c": "5"}
    found = differences(from_record(record), from_record(swapped))

    assert [(each.tooth, each.place, each.before, each.after) for each in found] == [
        ("3", Site.MESIO_BUCCAL, 5, 3),
        ("3", Site.DISTO_BUCCAL, 3, 5),
    ]


def test_a_value_told_twice_differently_is_said_and_one_that_is_no_value_is_refused() -> None:
    twice = from_record(
        {"Mobility_UR3__c": 0, "PocketDepth_B_UR3__c": 0},
        [{"ToothNumber__c": "3", "Mobility__c": 2, "PocketDepth_B__c": 0, "PocketDepth_L__c": 4}],
    )
    assert twice.teeth["3"].mobility == 0
    assert twice.teeth["3"].sites[Site.LINGUAL].pocket_depth == 4
    assert twice.told_twice == 1
    assert "one of them drawn: 1" in svg(twice)

    with pytest.raises(DestinationError, match="BleedingOnProbing_B_UR3__c") as caught:
        from_record({"BleedingOnProbing_B_UR3__c": "perhaps"})
    assert "perhaps" not in str(caught.value)


@pytest.mark.parametrize(("lost", "most"), [(False, 25_000), (True, 55_000)])
def test_drawn_charts_stay_small_when_packed(lost: bool, most: int) -> None:
    """A page holds 150 pairs: below 5 MB in base64 where nothing differs."""
    source = from_staged(rows("charting", *full_mouth()), "FDI")
    first, second = pair(source, Chart(source.system) if lost else source)
    pictures = first if second == first else first + second

    assert len(gzip.compress(pictures.encode(), 9)) < most
