"""What raw charts must become in the org, and which differences a chart has that became something else.

Plain Python over raw rows, one value at a time, without the platform: teeth and entrances are the sandbox's
own, names of fields and their homes in each edition are written down here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl

from migration_sandbox.practice.teeth import ENTRANCES, PERMANENT, PRIMARY, SITES, entrances

EXAM, CHART2, CHART3 = "ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamChart3__c"
TOOTH, KEY = "ClinicalExamTooth__c", "PANDA_Key__c"
SPACES = {EXAM: "exam", CHART2: "exam_chart2", CHART3: "exam_chart3", TOOTH: "exam_tooth"}
HOMES = {
    "PocketDepth": EXAM,
    "Recession": EXAM,
    "Mobility": EXAM,
    "Furcation": EXAM,
    "ToothStatus": CHART2,
    "BleedingOnProbing": CHART2,
    "Suppuration": CHART2,
    "Plaque": CHART3,
}
"""On an Enterprise org, whose objects hold 500 custom fields."""
UNLIMITED_HOMES = {
    **dict.fromkeys(("PocketDepth", "Recession", "Mobility", "Furcation", "ToothStatus"), EXAM),
    **{"BleedingOnProbing": EXAM, "Suppuration": CHART2, "Plaque": CHART2},
}
"""With 800 custom fields."""
PROFESSIONAL_HOMES = {"Mobility": EXAM, "Furcation": CHART2, "ToothStatus": CHART2}
"""With 100: no object has room for the 192 fields of a site's measure, which stay on records of teeth."""
QUADRANTS = ("UR", "UL", "LL", "LR")

Row = Mapping[str, Any]
Difference = tuple[str, str, str, str, str]
"""Comparison, object, key, field, code."""


@dataclass(frozen=True)
class Charts:
    """``wide``: (object, key, field) -> value, where there is one. ``teeth``: key of each charted tooth's own
    record -> its fields, whether the tooth needs one or not; ``alone``: keys of those that do."""

    wide: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    teeth: dict[str, dict[str, Any]] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


def charts(
    tables: Mapping[str, pl.DataFrame],
    *,
    read_as: Callable[[str], str] = str,
    changed: Callable[[Row], Row | None] = dict,
    homes: Mapping[str, str] = HOMES,
) -> Charts:
    """The practice's charts; ``read_as``: an exam's numbering system -> the one that its teeth are read in,
    ``changed``: a row as it is misread, None where it is refused; ``homes``: measure -> object with its wide
    fields, where it has any."""
    made = Charts()
    systems = dict(tables["ClinicalExam"].select("ExamID", "ToothNumberingSystem").iter_rows())
    for raw in tables["PeriodontalCharting"].iter_rows(named=True):
        row, tooth = changed(raw), universal(raw["Tooth"], read_as(systems[raw["ExamID"]]))
        if row is not None and tooth is not None:
            _add(made, row, tooth, homes)
    return made


def _add(made: Charts, row: Row, tooth: str, homes: Mapping[str, str]) -> None:
    exam, record = row["ExamID"], key(TOOTH, row["ChartingID"])
    cells = dict(_cells(row))
    made.teeth[record] = {f"{name}__c": value for name, value in cells.items()} | {
        "ClinicalExam__c": key(EXAM, exam),
        "ToothNumber__c": tooth,
        "ToothAsCharted__c": row["Tooth"],
    }
    number = int(tooth) if tooth.isdecimal() and int(tooth) <= len(PERMANENT) else None
    for name, value in cells.items():
        measure, _, place = name.partition("_")
        home = homes.get(measure)
        no_entrance = number is not None and measure == "Furcation" and place not in entrances(number)
        if number is None or home is None or no_entrance:
            if number is None or value is not None:
                made.alone.add(record)
        elif value is not None:
            where = f"{QUADRANTS[(number - 1) // 8]}{number}"
            made.wide[home, key(home, exam), f"{name}_{where}__c"] = value


def _cells(row: Row) -> Iterator[tuple[str, Any]]:
    """Every measure of a row as its field shows it, null where it wasn't charted."""
    for measure in ("PocketDepth", "Recession"):
        yield from ((f"{measure}_{site}", row[f"{measure}_{site}"]) for site in SITES)
    for name, column in [("BleedingOnProbing", "BOP"), ("Suppuration",) * 2, ("Plaque",) * 2]:
        for site in SITES:
            found = row[f"{column}_{site}"]
            yield f"{name}_{site}", None if found is None else "Yes" if found else "No"
    yield "Mobility", row["Mobility"]
    yield from ((f"Furcation_{entrance}", row[f"Furcation_{entrance}"]) for entrance in ENTRANCES)
    yield "ToothStatus", row["ToothStatus"]


def key(name: str, source_id: object) -> str:
    return f"maple:{SPACES[name]}:{source_id}"


def universal(code: str, system: str) -> str | None:
    """The Universal code of a tooth as practices here write it, None for what is no tooth of the system."""
    return _codes(system).get(code)


@cache
def _codes(system: str) -> dict[str, str]:
    teeth = (*PERMANENT, *PRIMARY)
    if system != "Universal":
        return {tooth.fdi if system == "FDI" else tooth.palmer: tooth.universal for tooth in teeth}
    supernumerary = (
        *(str(number) for number in range(51, 83)),
        *(f"{tooth.universal}S" for tooth in PRIMARY),
    )
    return {code: code for code in (*(tooth.universal for tooth in teeth), *supernumerary)}


def differing(truth: Charts, made: Charts) -> set[Difference]:
    """What the comparison of meaning must say of an org that holds ``made``, and nothing else."""
    found = {
        ("meaning", *place, _code(truth.wide.get(place), made.wide.get(place)))
        for place in truth.wide.keys() | made.wide.keys()
        if truth.wide.get(place) != made.wide.get(place)
    }
    for record in made.alone:
        expected, actual = truth.teeth[record], made.teeth[record]
        found |= {
            ("meaning", TOOTH, record, name, _code(expected[name], actual[name]))
            for name in expected
            if expected[name] != actual[name]
        }
    return found | {("meaning", TOOTH, record, KEY, "record_missing") for record in truth.alone - made.alone}


def _code(expected: Any, actual: Any) -> str:
    if actual is None:
        return "value_lost"
    return "value_added" if expected is None else "value_changed"
