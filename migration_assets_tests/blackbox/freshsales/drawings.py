"""Drawn charts: what stands in an SVG of a tooth, against what was charted on it.

A mark bears the tooth it is of (its Universal number), and its site or entrance; numbers stand as text. A
tooth without a column is told in words, its sites in the order that the heading above says. That a yes or no
was charted as no is drawn as part of a line without a tooth's number, so only the yeses are compared.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from migration_assets_tests.blackbox.chart import CELLS
from migration_assets_tests.blackbox.freshsales.exams import Exam, Tooth
from migration_assets_tests.blackbox.report import Report

_NUMBERS = {"pocket_depth": "PocketDepth", "recession": "Recession", "mobility": "Mobility"}
_FLAGS = {"bleeding": "BOP", "suppuration": "Suppuration", "plaque": "Plaque"}
_COLUMNS = {cell.column for cell in CELLS}
_SPOKEN = {"pocket depth": "PocketDepth", "recession": "Recession"}
_ORDER = ("DB", "B", "MB", "DL", "L", "ML")

Drawn = dict[str, Any]


def compare_drawing(report: Report, key: str, exam: Exam, drawing: bytes | None) -> None:
    """Every tooth with all its numbers and marks, and none that wasn't charted."""
    try:
        root = ElementTree.fromstring(drawing or b"")
    except ElementTree.ParseError:
        report.add("unreadable", "document", "drawing", key)
        return
    drawn = _drawn(root)
    listed = _listed(root)
    for tooth in exam.teeth:
        report.counts["drawn teeth compared"] += 1
        where = f"{key} tooth {tooth.code}"
        if tooth.code in listed:
            wanted, held = _charted(tooth, tuple(_SPOKEN.values())), _spoken(listed[tooth.code])
        elif tooth.code in drawn:
            wanted, held = _charted(tooth, (*_NUMBERS.values(), *_FLAGS.values())), drawn[tooth.code]
            wanted |= _charted(tooth, ("Furcation", "ToothStatus"))
        else:
            report.add("missing", "document", "drawing", where)
            continue
        report.counts["drawn values compared"] += len(wanted)
        for column in sorted(wanted.keys() | held.keys()):
            if wanted.get(column) != held.get(column):
                name = f"drawing.{column}"
                report.differs("document", name, where, wanted.get(column), held.get(column))
    charted = {tooth.code for tooth in exam.teeth}
    for code in sorted((drawn.keys() | listed.keys()) - charted):
        report.add("extra", "document", "drawing", f"{key} tooth {code}")


def _charted(tooth: Tooth, prefixes: tuple[str, ...]) -> Drawn:
    """What is to be seen of the tooth: a no leaves no mark."""
    return {
        cell.column: value
        for cell, value in tooth.cells.items()
        if cell.column.partition("_")[0] in prefixes and value != "No"
    }


def _drawn(root: ElementTree.Element) -> dict[str, Drawn]:
    """By tooth and column; a tooth's own number says nothing of it."""
    found: dict[str, Drawn] = defaultdict(dict)
    for element in root.iter():
        code, kinds = element.get("data-tooth"), (element.get("class") or "").split()
        for column, value in _told(element, kinds) if code is not None else ():
            if column in _COLUMNS:
                found[str(code)][column] = value
    return found


def _told(element: ElementTree.Element, kinds: list[str]) -> Iterator[tuple[str, Any]]:
    site, text = element.get("data-site"), (element.text or "").strip()
    for kind in kinds:
        if kind in _NUMBERS and re.fullmatch(r"[-\u2212]?[0-9.]+", text):
            column = _NUMBERS[kind] if site is None else f"{_NUMBERS[kind]}_{site}"
            yield column, Decimal(text.replace("\u2212", "-"))
        elif kind in _FLAGS and site is not None:
            yield f"{_FLAGS[kind]}_{site}", "Yes"
        elif kind == "furcation" and element.get("data-grade") is not None:
            yield f"Furcation_{element.get('data-entrance')}", Decimal(str(element.get("data-grade")))
        elif kind == "status":
            yield "ToothStatus", text


def _listed(root: ElementTree.Element) -> dict[str, str]:
    """The words of teeth without a column."""
    lines: dict[str, list[str]] = defaultdict(list)
    for element in root.iter():
        if "listed" in (element.get("class") or "").split():
            lines[str(element.get("data-tooth"))].append("".join(element.itertext()))
    return {code: " ".join(" ".join(told).split()) for code, told in lines.items()}


def _spoken(told: str) -> Drawn:
    """``A: tooth status present; pocket depth 3 2 4 / 2 – 3``"""
    found: Drawn = {}
    for spoken, prefix in _SPOKEN.items():
        values = re.search(rf"{spoken} ([^;]*)", told)
        if values is not None:
            numbers = values[1].replace("/", " ").replace("\u2212", "-").split()
            pairs = zip(_ORDER, numbers, strict=False)
            found |= {
                f"{prefix}_{site}": Decimal(each) for site, each in pairs if re.fullmatch(r"-?\d+", each)
            }
    return found
