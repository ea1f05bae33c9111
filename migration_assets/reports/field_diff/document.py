"""The field-level diff as a document for programs; its form is a contract, see docs/diff.md.

How it looks to people is ``page``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.field_diff.shape import CHECK_COLUMNS, CLASSES, DIFFERING, Diff
from migration_assets.migration.ledger import Target
from migration_assets.reports.field_diff.charts import DrawnPair

VERSION = 1
FIELD_KEYS = {
    "field": "field",
    "label": "label",
    "source_table": "source_table",
    "source_key": "source_key",
    "source_column": "source_column",
    "source": "source",
    "mapped": "mapped",
    "expected": "expected",
    "returned": "returned",
    "cls": "class",
    "diagnosis": "diagnosis",
    "detail": "detail",
}
"""Column of the diff -> key of the document; a key whose value is null is left out."""

Record = dict[str, Any]


def document(
    diff: Diff, charts: Sequence[DrawnPair], target: Target, head: Head | None, made_at: datetime
) -> dict[str, Any]:
    """Everything, as plain values: summary, checks, patients with their records, records that are no single
    patient's, audit_log."""
    records = records_by_patient(diff.fields)
    return {
        "version": VERSION,
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "made_at": made_at.isoformat(timespec="seconds"),
        AUDIT_LOG: None if head is None else head.described(),
        "summary": summary(diff),
        "checks": diff.checks.select(CHECK_COLUMNS.keys()).to_dicts(),
        "patients": [
            patient
            | {"charts": _charts(charts, patient["source_id"]), "records": records[patient["source_id"]]}
            for patient in patients(diff.patients, records)
        ],
        "records_of_nobody": records[None],
    }


def summary(diff: Diff) -> dict[str, Any]:
    """Counts: patients, records, fields, and fields by class, by object and class, by diagnosis."""
    by_object: dict[str, dict[str, int]] = {}
    counted = diff.fields.group_by("object", "cls", maintain_order=True).len()
    for name, cls, count in counted.iter_rows():
        by_object.setdefault(name, dict.fromkeys(CLASSES, 0))[cls] = count
    return {
        "patients": diff.patients.height,
        "records": diff.fields.select(pl.struct("object", "key").n_unique()).item()
        if diff.fields.height
        else 0,
        "fields": diff.fields.height,
        "classes": classes(diff),
        "objects": dict(sorted(by_object.items())),
        "diagnoses": diagnoses(diff),
        "failed_checks": int((~diff.checks["passed"]).sum()),
    }


def classes(diff: Diff) -> dict[str, int]:
    """Number of fields of each class, 0 too."""
    found = dict(diff.fields.group_by("cls").len().iter_rows())
    return {cls: found.get(cls, 0) for cls in CLASSES}


def differing(diff: Diff) -> dict[str, int]:
    """Number of fields of each class of DIFFERING, 0 too."""
    counts = classes(diff)
    return {cls: counts[cls] for cls in DIFFERING}


def diagnoses(diff: Diff) -> dict[str, int]:
    """Number of fields of each diagnosis that was made, the most frequent first."""
    counted = diff.fields.drop_nulls("diagnosis").group_by("diagnosis").len()
    return dict(counted.sort("len", "diagnosis", descending=[True, False]).iter_rows())


def faithful(diff: Diff) -> bool:
    """Whether no field is lost, changed or added, and every check passed."""
    return not any(differing(diff).values()) and bool(diff.checks["passed"].all())


def patients(frame: pl.DataFrame, records: Mapping[str | None, Sequence[Record]]) -> Iterator[dict[str, Any]]:
    """The patients in the diff's order, then those of whom it only has records."""
    told = [
        {name: row[name] for name in ("source_id", "name", "chart_number", "strata", "why")}
        for row in frame.iter_rows(named=True)
    ]
    known = {each["source_id"] for each in told}
    for source_id in sorted(each for each in records if each is not None and each not in known):
        told.append({"source_id": source_id, "name": None, "chart_number": None, "strata": [], "why": None})
    return (each | {"classes": count(records.get(each["source_id"], ()))} for each in told)


def records_by_patient(fields: pl.DataFrame) -> Mapping[str | None, list[Record]]:
    """Source id of a patient, or None -> records (``object``, ``key``, ``fields``), in the diff's order."""
    found: dict[str | None, list[Record]] = _Lists()
    keys = list(FIELD_KEYS.values())
    for frame in fields.partition_by("patient", maintain_order=True) if fields.height else ():
        records: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for name, key, *values in frame.select("object", "key", *FIELD_KEYS).iter_rows():
            told = {each: value for each, value in zip(keys, values, strict=True) if value is not None}
            records.setdefault((name, key), []).append(told)
        found[frame["patient"][0]] = [
            {"object": name, "key": key, "fields": told} for (name, key), told in records.items()
        ]
    return found


class _Lists(dict[str | None, list[Record]]):
    """A patient of whom nothing was in scope has no records."""

    def __missing__(self, key: str | None) -> list[Record]:
        return []


def count(records: Iterable[Record]) -> dict[str, int]:
    """Number of fields of each class, 0 too."""
    counts = dict.fromkeys(CLASSES, 0)
    for record in records:
        for each in record["fields"]:
            counts[each["class"]] += 1
    return counts


def _charts(charts: Iterable[DrawnPair], patient: str | None) -> list[dict[str, Any]]:
    return [
        {
            "exam": each.exam,
            "exam_date": each.exam_date,
            "unreadable": each.unreadable,
            "differences": [
                {name: getattr(one, name) for name in ("tooth", "measure", "place", "before", "after")}
                for one in each.differences
            ],
        }
        for each in charts
        if each.patient == patient
    ]
