"""What a comparison finds, what a manifest announces beforehand, and records by their keys."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from migration_assets_tests.blackbox.words import UNUSABLE

Row = dict[str, Any]

RENAMED = ("extension_added", "control_characters_removed", "file_name_missing")
"""Corrections that leave something in the cell; what, is told in ``file_names``."""


@dataclass(frozen=True)
class Difference:
    kind: str
    object: str
    field: str
    key: str
    source: Any = None
    org: Any = None


@dataclass
class Report:
    """Differences, and how many records, fields and cells were compared by what they are."""

    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, obj: str, name: str, key: str, source: Any = None, org: Any = None) -> None:
        self.differences.append(Difference(kind, obj, name, key, source, org))

    def differs(self, obj: str, name: str, key: str, source: Any = None, org: Any = None) -> None:
        """A field that holds something else; or a raw cell that no field may hold, which nobody announced."""
        self.add("not announced" if source is UNUSABLE else "differs", obj, name, key, source, org)


class Announced:
    """What a manifest says a migration leaves out or changes; without one, nothing."""

    def __init__(self, defects: Iterable[Row] = ()) -> None:
        self._absent: set[tuple[str, str]] = set()
        self._rejected: set[tuple[str, str]] = set()
        self._flagged: set[str] = set()
        self._corrected: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for defect in defects:
            row = (defect["table"], str(defect["source_key"]))
            if defect["outcome"] in ("rejected", "held_back"):
                self._absent.add(row)
                if defect["outcome"] == "rejected":
                    self._rejected.add(row)
            elif defect["outcome"] == "corrected":
                self._corrected[row].append(defect)
            elif defect["outcome"] == "flagged":
                self._flagged.add(row[1])

    def absent(self, table: str, key: Any) -> bool:
        return (table, str(key)) in self._absent

    def rejected(self, table: str, key: Any) -> bool:
        """Whether nothing of the row counts; of one that is only held back others may say what they know."""
        return (table, str(key)) in self._rejected

    def says(self, table: str, key: Any, column: str, *codes: str) -> bool:
        """Whether one of these corrections of a cell is announced."""
        corrections = self._corrected.get((table, str(key)), ())
        return any(each["column"] == column and each["code"] in codes for each in corrections)

    def flagged(self, exam: Any) -> bool:
        """Whether the exam's chart lacks rejected rows."""
        return str(exam) in self._flagged

    def corrected(self, table: str, key: Any, row: Row) -> Row:
        """The row with its announced corrections: underscores of the bridge as blanks, all else made null but
        a file's name, which is mended."""
        changed = dict(row)
        for defect in self._corrected.get((table, str(key)), ()):
            if defect["code"] in RENAMED:
                continue
            value = changed.get(defect["column"])
            spaces = defect["code"] == "bridge_underscore" and value is not None
            changed[defect["column"]] = str(value).replace("_", " ") if spaces else None
        return changed


def by_key(
    report: Report,
    obj: str,
    records: list[Row],
    expected: Iterable[str],
    other: tuple[str, ...],
    name: str = "PANDA_Key__c",
) -> dict[str, Row]:
    """The org's records by key, which stands in ``name``; reports keys that are missing, doubled, or not the
    source's.

    Keys that begin as one of ``other`` aren't compared.
    """
    wanted = {key for key in expected if not key.startswith(other)}
    found: dict[str, Row] = {}
    for record in records:
        key = str(record[name])
        if key in found:
            report.add("doubled", obj, name, key)
        elif key in wanted:
            found[key] = record
        elif not key.startswith(other):
            report.add("extra", obj, name, key)
    for key in sorted(wanted - found.keys()):
        report.add("missing", obj, name, key)
    return found
