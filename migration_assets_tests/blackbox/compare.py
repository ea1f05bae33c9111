"""The comparison: every record and every cell of a practice's database against the org, as pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.chart import (
    CHART_COLUMNS,
    COMPANIONS,
    EXAM,
    TOOTH,
    TOOTH_FIELDS,
    Charts,
    by_exam,
    compare_charts,
    wide_fields,
)
from migration_assets_tests.blackbox.fields import Field, Kind, Reading, Reference, kinds
from migration_assets_tests.blackbox.report import Announced, Report, Row, by_key

_KINDS = kinds(ZoneInfo("UTC"))
_ALWAYS = ("Id", "PANDA_Key__c")

SOURCE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **{kind.table: kind.columns for kind in _KINDS},
    "PeriodontalCharting": CHART_COLUMNS,
}
"""Tables of the practice's database and the columns that are compared."""

OBJECTS = ("Account", *dict.fromkeys(kind.object for kind in _KINDS), *COMPANIONS, TOOTH)
BIG_OBJECTS = (EXAM, *COMPANIONS, TOOTH)
"""Objects with more fields than a query in a URI can name, or with many records."""

Source = Mapping[str, list[Row]]
"""Rows by table."""


@dataclass(frozen=True)
class Org:
    """Records by object, and by object the names of the fields that it has; an object may be missing."""

    records: dict[str, list[Row]]
    described: dict[str, frozenset[str]]


def query_fields(obj: str, described: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The fields of an object that are compared, as far as the org has them."""
    named = {
        "Account": ("Name",),
        **dict.fromkeys(COMPANIONS, (EXAM,)),
        TOOTH: (EXAM, *TOOTH_FIELDS),
        EXAM: ("Chart_Incomplete__c", "Rejected_Teeth__c"),
    }.get(obj, ())
    mapped = [name for kind in _KINDS if kind.object == obj for name in kind.names]
    fields = dict.fromkeys([*_ALWAYS, *named, *mapped, *wide_fields(described).get(obj, ())])
    return tuple(name for name in fields if name in described[obj])


def compare(
    source: Source,
    org: Org,
    practice: str,
    zone: ZoneInfo,
    announced: Announced,
    other_kinds: tuple[str, ...] = (),
    name: str | None = None,
) -> Report:
    """Every record and cell of the source against the org; ``other_kinds`` of keys are left out.

    ``name`` is the practice's, which its database doesn't hold.
    """
    report = Report()
    other = tuple(f"{practice}:{kind}:" for kind in other_kinds)
    all_kinds = kinds(zone)
    expected = {kind.space: _expected(kind, source, practice, announced) for kind in all_kinds}
    expected["practice"] = {f"{practice}:practice:{practice}": {}}
    spaces = {"Account": ["practice"]}
    for kind in all_kinds:
        spaces.setdefault(kind.object, []).append(kind.space)
    found: dict[str, Row] = {}
    for obj, of_object in spaces.items():
        keys = [key for space in of_object for key in expected[space]]
        found |= by_key(report, obj, org.records.get(obj, []), keys, other)
    both = _Both(practice, expected, found)
    _compare_account(report, found, practice, name)
    for kind in all_kinds:
        rows = {key: row for key, row in expected[kind.space].items() if key in found}
        siblings = [each for each in all_kinds if each.object == kind.object]
        empty = _empty_fields(kind, siblings)
        report.counts[f"{kind.plural} compared"] = len(rows)
        for key, row in rows.items():
            _compare_fields(report, kind.object, key, row, found[key], (*kind.fields, *empty))
            for reference in kind.references:
                if not f"{practice}:{reference.space}:".startswith(other):
                    parent, wanted = both.parent(reference, row)
                    held = words.as_text(found[key].get(reference.name))
                    report.counts[f"{kind.object} fields compared"] += 1
                    if held != wanted:
                        report.differs(kind.object, reference.name, key, parent, held)
    exams = {key: row for key, row in expected["exam"].items() if not key.startswith(other)}
    chart = by_exam(report, source["PeriodontalCharting"], source["ClinicalExam"], announced)
    exam_records = {key: found[key] for key in exams if key in found}
    compare_charts(report, Charts(exams, exam_records, chart, org.records, org.described, announced, other))
    return report


@dataclass(frozen=True)
class _Both:
    """What must be there by key space and key, and the org's records by key."""

    practice: str
    expected: Mapping[str, Mapping[str, Row]]
    found: Mapping[str, Row]

    def parent(self, reference: Reference, row: Row) -> tuple[str, Any]:
        """The key that a row's reference names, and the id that the org gave that record."""
        source_id = self.practice if reference.column is None else row[reference.column]
        key = f"{self.practice}:{reference.space}:{source_id}"
        left_empty = reference.optional and key not in self.expected[reference.space]
        if source_id is None or left_empty:
            return key, None
        # Of a parent that is missing no id can be right.
        return key, self.found.get(key, {}).get("Id", words.UNUSABLE)


def _expected(kind: Kind, source: Source, practice: str, announced: Announced) -> dict[str, Row]:
    """Rows by the key of their record, corrected as announced, without those that are announced absent."""
    return {
        f"{practice}:{kind.space}:{row[kind.key]}": announced.corrected(kind.table, row[kind.key], row)
        for row in source[kind.table]
        if not announced.absent(kind.table, row[kind.key])
    }


def _empty_fields(kind: Kind, siblings: list[Kind]) -> tuple[Field, ...]:
    """Fields that only other kinds of record of the same object fill: here nothing may stand."""
    nothing = Reading(lambda: None, words.as_text)
    names = dict.fromkeys(name for each in siblings for name in each.names if name not in kind.names)
    return tuple(Field(name, (), nothing) for name in names)


def _compare_account(report: Report, found: Mapping[str, Row], practice: str, name: str | None) -> None:
    key = f"{practice}:practice:{practice}"
    if name is not None and key in found:
        report.counts["Account fields compared"] += 1
        if found[key].get("Name") != name:
            report.differs("Account", "Name", key, name, found[key].get("Name"))


def _compare_fields(
    report: Report, obj: str, key: str, row: Row, record: Row, fields: tuple[Field, ...]
) -> None:
    report.counts[f"{obj} fields compared"] += len(fields)
    for each in fields:
        raw, value = [row[column] for column in each.columns], record.get(each.name)
        wanted, held = each.reading.expected(*raw), each.reading.found(value)
        if wanted != held:
            report.differs(obj, each.name, key, wanted, value)
        elif each.reading.found is words.as_lines and _has_cr(*raw) != _has_cr(value):
            report.counts["line breaks written differently"] += 1


def _has_cr(*values: Any) -> bool:
    return any("\r" in str(value) for value in values)
