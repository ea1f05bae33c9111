"""Charts in an account: the figures of a patient's latest chart, and each exam's chart in words.

The figures, by their fields' help texts, are of the latest exam that has a chart (by time, then number); it
has one where a row of its chart is there. Depths and recessions are in mm, bleeding is in percent of the
sites that were charted for it; where a measure wasn't charted there is no figure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.chart import CELLS, Cell
from migration_assets_tests.blackbox.report import Announced, Report, Row
from migration_assets_tests.blackbox.teeth import universal

_SITES = ("MB", "B", "DB", "ML", "L", "DL")
_HUNDREDTH = Decimal("0.01")
_WORDS = {
    **{"depth": "PocketDepth", "recession": "Recession", "mobility": "Mobility", "furcation": "Furcation"},
    **{"bleeding": "BOP", "suppuration": "Suppuration", "plaque": "Plaque"},
}
"""Word of a line -> the columns that its values are of, in their order."""
_OF_WORD = {
    word: [cell for cell in CELLS if cell.column.partition("_")[0] == prefix]
    for word, prefix in _WORDS.items()
}
_STATUS = next(cell for cell in CELLS if cell.column == "ToothStatus")
_ANSWERS = {"+": "Yes", "-": "No"}
_HEADER = re.compile(r"(?:\A|\n)Chart \([^\n]*\):\n")

FIGURES = (
    *(f"chart.{name}" for name in ("Deepest", "Mean", "Site", "Probed", "From4", "From6", "Recession")),
    *(f"chart.{name}" for name in ("Bleeding", "Furcation", "Mobility", "Incomplete", "On", "Exam")),
    *(f"visits.{name}" for name in ("First", "Previous", "Last", "Count", "Dates")),
)


@dataclass(frozen=True)
class Tooth:
    """A charted tooth: its Universal code, its text in the chart, and what each charted cell holds."""

    code: str
    written: str | None
    cells: Mapping[Cell, Any]


@dataclass(frozen=True)
class Exam:
    """``row`` as announced; ``rejected`` is how many rows of its chart are announced absent."""

    row: Row
    moment: Any
    teeth: tuple[Tooth, ...]
    rejected: int


def exams(
    report: Report, source: Mapping[str, list[Row]], announced: Announced, zone: ZoneInfo
) -> dict[Any, Exam]:
    """By ExamID; all but the rejected ones. Reports rows of charts whose tooth can't be told."""
    utc = words.moment(zone)
    rows: dict[Any, list[Row]] = {}
    for row in source["PeriodontalCharting"]:
        rows.setdefault(row["ExamID"], []).append(row)
    found = {}
    for raw in source["ClinicalExam"]:
        number = raw["ExamID"]
        if not announced.rejected("ClinicalExam", number):
            chart = rows.get(number, [])
            rejected = sum(announced.absent("PeriodontalCharting", row["ChartingID"]) for row in chart)
            teeth = tuple(_teeth(report, raw, chart, announced))
            row = announced.corrected("ClinicalExam", number, raw)
            found[number] = Exam(row, utc(row["ExamDate"]), teeth, rejected)
    return found


def _teeth(report: Report, exam: Row, chart: list[Row], announced: Announced) -> Iterator[Tooth]:
    seen: set[str] = set()
    for raw in chart:
        number = raw["ChartingID"]
        if announced.absent("PeriodontalCharting", number):
            continue
        code = universal(raw["Tooth"], exam["ToothNumberingSystem"])
        if code is None or code in seen:
            reason = "unknown tooth" if code is None else "tooth charted twice"
            report.add(reason, "PeriodontalCharting", "Tooth", str(number), raw["Tooth"])
            continue
        seen.add(code)
        row = announced.corrected("PeriodontalCharting", number, raw)
        cells = {cell: value for cell in CELLS if (value := cell.expected(row[cell.column])) is not None}
        yield Tooth(code, words.text(row["Tooth"]), cells)


def figures(of_patients: Mapping[Any, list[Exam]]) -> Callable[[Any], Row]:
    """PatientID -> the columns of FIGURES."""
    nothing: Row = dict.fromkeys(FIGURES)
    made = {patient: nothing | _figures(theirs) for patient, theirs in of_patients.items()}
    return lambda patient: made.get(patient, nothing)


def _figures(theirs: list[Exam]) -> Row:
    in_time = sorted(theirs, key=lambda exam: (exam.moment, int(exam.row["ExamID"])))
    days = [_day(exam.row["ExamDate"]) for exam in in_time]
    visits = {
        "visits.First": days[0],
        "visits.Previous": days[-2] if len(days) > 1 else None,
        "visits.Last": days[-1],
        "visits.Count": len(days),
        "visits.Dates": "\n".join(days),
    }
    charted = [exam for exam in in_time if exam.teeth]
    return visits | (_of_chart(charted[-1]) if charted else {})


def _of_chart(exam: Exam) -> Row:
    def values(prefix: str) -> list[Any]:
        return [
            value
            for tooth in exam.teeth
            for cell, value in tooth.cells.items()
            if cell.column.partition("_")[0] == prefix
        ]

    depths, bleeding = values("PocketDepth"), values("BOP")
    return {
        "chart.Deepest": max(depths, default=None),
        "chart.Mean": _rounded(sum(depths), len(depths)),
        "chart.Site": _deepest(exam, max(depths)) if depths else None,
        "chart.Probed": len(depths) if depths else None,
        "chart.From4": sum(depth >= 4 for depth in depths) if depths else None,
        "chart.From6": sum(depth >= 6 for depth in depths) if depths else None,
        "chart.Recession": max(values("Recession"), default=None),
        "chart.Bleeding": _rounded(100 * bleeding.count("Yes"), len(bleeding)),
        "chart.Furcation": max(values("Furcation"), default=None),
        "chart.Mobility": max(values("Mobility"), default=None),
        "chart.Incomplete": exam.rejected > 0,
        "chart.On": _day(exam.row["ExamDate"]),
        "chart.Exam": exam.row["ExamID"],
    }


def _rounded(total: Any, count: int) -> Decimal | None:
    return (Decimal(total) / count).quantize(_HUNDREDTH, ROUND_HALF_UP) if count else None


def _deepest(exam: Exam, depth: Any) -> str:
    """Of equally deep sites the first of the first tooth; teeth that aren't 1 to 32 stand last."""

    def place(tooth: Tooth) -> tuple[int, str]:
        permanent = tooth.code.isdecimal() and int(tooth.code) <= 32
        return (int(tooth.code) if permanent else 99, tooth.code)

    for tooth in sorted(exam.teeth, key=place):
        for site in _SITES:
            if any(
                cell.column == f"PocketDepth_{site}" and value == depth for cell, value in tooth.cells.items()
            ):
                return f"tooth {tooth.code} {site}"
    raise AssertionError


def _day(at: datetime) -> str:
    return at.date().isoformat()


def without_chart(text: str | None) -> tuple[str | None, str | None]:
    """What stands before the chart of an exam's note, and the chart's lines."""
    found = list(_HEADER.finditer(text or ""))
    if text is None or not found:
        return text, None
    return text[: found[-1].start()], text[found[-1].end() :]


def compare_words(report: Report, key: str, exam: Exam, chart: str | None) -> None:
    """Each value of each tooth, as its line has it, against the charted row."""
    held: dict[str, Mapping[Any, Any]] = {}
    for line in (chart or "").split("\n") if chart else ():
        code, values = _read(line)
        if code in held:
            report.add("doubled", "note", "Chart", f"{key} tooth {code}")
        held[code] = values
    for tooth in exam.teeth:
        told = held.get(tooth.code)
        report.counts["chart values compared in notes"] += len(tooth.cells)
        if told is None:
            report.add("missing", "note", "Chart", f"{key} tooth {tooth.code}")
            continue
        wanted: dict[Any, Any] = {"charted as": tooth.written, **tooth.cells}
        for cell in dict.fromkeys([*wanted, *told]):
            if wanted.get(cell) != told.get(cell):
                name = cell.column if isinstance(cell, Cell) else cell
                where = f"{key} tooth {tooth.code}"
                report.differs("note", f"Chart.{name}", where, wanted.get(cell), told.get(cell))
    for code in held.keys() - {tooth.code for tooth in exam.teeth}:
        report.add("extra", "note", "Chart", f"{key} tooth {code}")


def _read(line: str) -> tuple[str, dict[Any, Any]]:
    """``tooth 3; charted as 16; present; depth 3 2 . 4 2 6; bleeding + - . . . .``"""
    code = ""
    told: dict[Any, Any] = {}
    for part in line.split("; "):
        name, _, rest = part.partition(" ")
        if name == "tooth":
            code = rest
        elif part.startswith("charted as "):
            told["charted as"] = part.removeprefix("charted as ")
        elif name in _OF_WORD and rest:
            values = rest.split(" ")
            cells = _OF_WORD[name]
            if len(values) != len(cells):
                told[name] = part
            told |= {
                cell: _ANSWERS.get(value) or cell.found(value)
                for cell, value in zip(cells, values, strict=False)
                if value != "." and (value in _ANSWERS or re.fullmatch(r"-?[0-9.]+", value))
            }
        else:
            told[_STATUS] = part
    return code, told
