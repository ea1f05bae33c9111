"""Charts: every cell of every charting row against the wide fields and the records of single teeth.

Which wide fields there are is the org's own to say: whatever chart field it describes, on an exam or on its
companions, must hold exactly what was charted, and a value that has none must stand on its tooth's record.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.report import Announced, Report, Row, by_key
from migration_assets_tests.blackbox.teeth import QUADRANT_OF, universal
from migration_assets_tests.blackbox.words import UNUSABLE

EXAM, TOOTH = "ClinicalExam__c", "ClinicalExamTooth__c"
COMPANIONS = {"ClinicalExamChart2__c": "exam_chart2", "ClinicalExamChart3__c": "exam_chart3"}
"""Objects that carry an exam's chart on, and the key space of each."""

_TABLE = "PeriodontalCharting"
_SITES = ("MB", "B", "DB", "ML", "L", "DL")


@dataclass(frozen=True)
class Cell:
    """A measure at a place: its column, the beginning of its fields' names, and how both sides are read."""

    column: str
    stem: str
    expected: Callable[[Any], Any]
    found: Callable[[Any], Any]


def _cells(
    prefix: str,
    column: str,
    places: Sequence[str],
    expected: Callable[[Any], Any],
    found: Callable[[Any], Any],
) -> tuple[Cell, ...]:
    ends = [f"_{place}" for place in places] or [""]
    return tuple(Cell(column + end, prefix + end, expected, found) for end in ends)


CELLS = (
    *_cells("PocketDepth", "PocketDepth", _SITES, words.within(0, 19), words.number),
    *_cells("Recession", "Recession", _SITES, words.within(-9, 20), words.number),
    *_cells("Mobility", "Mobility", (), words.within(0, 3, "0.5"), words.number),
    *_cells("Furcation", "Furcation", "MDBL", words.within(0, 4), words.number),
    *_cells("ToothStatus", "ToothStatus", (), words.tooth_status, words.as_text),
    *_cells("BleedingOnProbing", "BOP", _SITES, words.answer, words.as_text),
    *_cells("Suppuration", "Suppuration", _SITES, words.answer, words.as_text),
    *_cells("Plaque", "Plaque", _SITES, words.answer, words.as_text),
)
CHART_COLUMNS = ("ChartingID", "ExamID", "Tooth", *(cell.column for cell in CELLS))
_WIDE = {
    str(tooth): {cell: f"{cell.stem}_{quadrant}{tooth}__c" for cell in CELLS}
    for tooth, quadrant in QUADRANT_OF.items()
}
"""Universal code -> cell -> what its wide field would be called, were there one."""
_FOUND: dict[str, Callable[[Any], Any]] = {
    name: cell.found for names in _WIDE.values() for cell, name in names.items()
}
_PREFIXES = "|".join(sorted({cell.stem.partition("_")[0] for cell in CELLS}))
_WIDE_NAME = re.compile(rf"({_PREFIXES})(_[A-Z]{{1,2}})?_(UR|UL|LL|LR)\d+__c")
TOOTH_FIELDS = ("ToothNumber__c", "ToothAsCharted__c", *(f"{cell.stem}__c" for cell in CELLS))


def wide_fields(described: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    """Object -> its wide chart fields, of the objects that have any; those that no cell fills among them."""
    objects = (EXAM, *COMPANIONS)
    fields = {
        obj: tuple(sorted(name for name in described.get(obj, ()) if _WIDE_NAME.fullmatch(name)))
        for obj in objects
    }
    return {obj: names for obj, names in fields.items() if names}


@dataclass(frozen=True)
class Charts:
    """What the charts of one practice are compared with.

    ``exams``: the source's rows of the exams that must be there, by key, in the practice's key spaces;
    ``exam_records``: the org's, by the same keys; ``rows``: charting rows by exam; ``records`` and
    ``described``: the org's records and names of fields by object; ``other``: keys that aren't compared.
    """

    exams: Mapping[str, Row]
    exam_records: Mapping[str, Row]
    rows: Mapping[Any, Sequence[Row]]
    records: Mapping[str, list[Row]]
    described: Mapping[str, frozenset[str]]
    announced: Announced
    other: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Tooth:
    """A charted tooth: its row, its Universal code, its exam's key, and what each cell must hold."""

    row: Row
    universal: str
    exam: str
    cells: Mapping[Cell, Any]


def by_exam(report: Report, rows: list[Row], exams: list[Row], announced: Announced) -> dict[Any, list[Row]]:
    """Charting rows by exam; reports those of no exam at all."""
    known = {exam["ExamID"] for exam in exams}
    grouped: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["ExamID"]].append(row)
        if row["ExamID"] not in known and not announced.absent(_TABLE, row["ChartingID"]):
            report.add("without exam", _TABLE, "ExamID", str(row["ChartingID"]))
    return grouped


def compare_charts(report: Report, charts: Charts) -> None:
    """Each charted cell must be found exactly once among the wide fields, or on its tooth's record; each cell
    of the org must be one that was charted."""
    wide = wide_fields(charts.described)
    parts = {obj: _part(report, charts, obj) for obj in (EXAM, *COMPANIONS)}
    homes = {name: obj for obj, names in wide.items() for name in names}
    alone: dict[str, _Tooth] = {}
    for key, exam in charts.exams.items():
        charted: dict[str, Any] = {}
        for tooth in _teeth(report, charts, key, exam):
            placed = _placed(tooth, homes)
            charted |= placed
            report.counts["chart cells looked for"] += len(tooth.cells)
            if tooth.universal not in _WIDE or len(placed) < len(tooth.cells):
                alone[_sibling(key, "exam_tooth", tooth.row["ChartingID"])] = tooth
        present = {obj: parts[obj][key] for obj in wide if key in parts[obj]}
        _compare_wide(report, charted, present, wide, homes)
        if key in charts.exam_records:
            _compare_rejects(report, charts, key, exam)
    _compare_teeth(report, charts, alone)


def _compare_wide(
    report: Report,
    charted: dict[str, Any],
    records: Mapping[str, Row],
    wide: Mapping[str, tuple[str, ...]],
    homes: Mapping[str, str],
) -> None:
    """What was charted (used up here) against the records that carry one exam's chart, by object."""
    for obj, record in records.items():
        report.counts[f"{obj} fields compared"] += len(wide[obj])
        for name in wide[obj]:
            found: Callable[[Any], Any] = _FOUND.get(name, words.as_text)
            value = found(record.get(name))
            if value is not None and value != (source := charted.pop(name, None)):
                report.differs(obj, name, record["PANDA_Key__c"], source, value)
    for name, source in charted.items():
        record = records.get(homes[name], {})
        if record:
            report.differs(homes[name], name, record["PANDA_Key__c"], source)


def _sibling(key: str, space: str, source_id: Any = None) -> str:
    """The key of another key space with the exam's source id, or with another."""
    practice, _, of_exam = key.split(":", 2)
    return f"{practice}:{space}:{of_exam if source_id is None else source_id}"


def _part(report: Report, charts: Charts, obj: str) -> Mapping[str, Row]:
    """The records of the object that carry charts, by the exam's key.

    Every exam has one on each companion in use, that is, on which the org has any chart field.
    """
    if obj == EXAM:
        return charts.exam_records
    used = charts.exams if obj in wide_fields(charts.described) else ()
    exams = {_sibling(key, COMPANIONS[obj]): key for key in used}
    found = by_key(report, obj, charts.records.get(obj, []), exams, charts.other)
    report.counts["chart companions compared"] += len(found)
    for key, record in found.items():
        _compare_parent(report, charts, obj, key, exams[key], record)
    return {exams[key]: record for key, record in found.items()}


def _compare_parent(report: Report, charts: Charts, obj: str, key: str, exam: str, record: Row) -> None:
    report.counts[f"{obj} fields compared"] += 1
    if record.get(EXAM) != charts.exam_records.get(exam, {}).get("Id", UNUSABLE):
        report.differs(obj, EXAM, key, exam)


def _teeth(report: Report, charts: Charts, key: str, exam: Row) -> list[_Tooth]:
    """The exam's charted teeth but for announced rejects; reports rows whose tooth can't be told."""
    teeth: dict[str, _Tooth] = {}
    for raw in charts.rows.get(exam["ExamID"], ()):
        if charts.announced.absent(_TABLE, raw["ChartingID"]):
            continue
        code = universal(raw["Tooth"], exam["ToothNumberingSystem"])
        if code is None or code in teeth:
            reason = "unknown tooth" if code is None else "tooth charted twice"
            report.add(reason, _TABLE, "Tooth", str(raw["ChartingID"]), raw["Tooth"])
            continue
        row = charts.announced.corrected(_TABLE, raw["ChartingID"], raw)
        held = {cell: value for cell in CELLS if (value := cell.expected(row[cell.column])) is not None}
        teeth[code] = _Tooth(row, code, key, held)
    return list(teeth.values())


def _placed(tooth: _Tooth, homes: Mapping[str, str]) -> dict[str, Any]:
    """Wide field -> value of the tooth's cells that have one."""
    names = _WIDE.get(tooth.universal, {})
    return {
        name: value
        for cell, value in tooth.cells.items()
        if (name := names.get(cell)) is not None and name in homes
    }


def _compare_rejects(report: Report, charts: Charts, key: str, exam: Row) -> None:
    """An exam says whether, and how many, rows of its chart were rejected."""
    record, rows = charts.exam_records[key], charts.rows.get(exam["ExamID"], ())
    rejected = sum(charts.announced.absent(_TABLE, row["ChartingID"]) for row in rows)
    incomplete, count = record.get("Chart_Incomplete__c"), record.get("Rejected_Teeth__c")
    report.counts[f"{EXAM} fields compared"] += 2
    if not words.flag(incomplete) == (rejected > 0) == charts.announced.flagged(exam["ExamID"]):
        report.differs(EXAM, "Chart_Incomplete__c", key, rejected > 0, incomplete)
    if words.number(count) != rejected:
        report.differs(EXAM, "Rejected_Teeth__c", key, rejected, count)


def _compare_teeth(report: Report, charts: Charts, expected: Mapping[str, _Tooth]) -> None:
    """Records of single teeth, each of which carries all that was charted on its tooth."""
    found = by_key(report, TOOTH, charts.records.get(TOOTH, []), expected, charts.other)
    report.counts["tooth records compared"] += len(found)
    for key, record in found.items():
        tooth = expected[key]
        _compare_parent(report, charts, TOOTH, key, tooth.exam, record)
        wanted = [
            ("ToothNumber__c", tooth.universal, words.as_text),
            ("ToothAsCharted__c", words.text(tooth.row["Tooth"]), words.as_text),
            *((f"{cell.stem}__c", tooth.cells.get(cell), cell.found) for cell in CELLS),
        ]
        report.counts[f"{TOOTH} fields compared"] += len(wanted)
        for name, source, read in wanted:
            value = read(record.get(name))
            if value != source:
                report.differs(TOOTH, name, key, source, value)
