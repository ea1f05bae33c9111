"""The field-level diff as one HTML file for the practice's manager.

The summary is plain HTML. Each patient's records and charts stand behind it, packed (gzip, base64), and are
unpacked by the page's script when the patient is opened: as text, never as markup, and charts as SVG.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from migration_assets.migration.decisions import Head
from migration_assets.migration.field_diff.shape import CHECKS, CLASSES, DIAGNOSES, DIFFERING
from migration_assets.perio_chart.svg import key
from migration_assets.reports.field_diff.charts import DrawnPair
from migration_assets.reports.field_diff.document import Record, count
from migration_assets.reports.field_diff.words import (
    CLASS_WORDS,
    check_words,
    class_words,
    diagnosis_words,
    spoken,
    why_words,
)
from migration_assets.reports.page import render, source

SCRIPT = "field_diff.js"
_FIELD_KEYS = ("label", "source", "mapped", "returned", "class", "diagnosis", "detail", "expected")
"""What the script reads of a field, in this order; then where it comes from, and its name where the label is
another. Nothing stands behind the last value that is there."""
_NOBODY = "Records of no single patient"


def page(document: Mapping[str, Any], charts: Sequence[DrawnPair], practice: str, head: Head | None) -> str:
    """The page of a ``document.document``; ``practice`` is the practice's name."""
    patients = _pages(document)
    there = document["destination"].replace("_", " ").title()
    return render(
        "field_diff.html.j2",
        title=f"What the migration makes of the records of {practice}",
        head=head,
        document=document,
        made_at=document["made_at"][:16].replace("T", " at "),
        practice=practice,
        there=there,
        differing=sum(document["summary"]["classes"][cls] for cls in DIFFERING),
        differing_classes=DIFFERING,
        class_names=CLASSES,
        words=class_words,
        spoken=spoken,
        diagnosis_words=diagnosis_words,
        checks=_checks(document["checks"]),
        rows=[_row(place, each) for place, each in enumerate(patients)],
        index=_index(document, there),
        blocks=[_blocks(place, each, charts, document["checks"]) for place, each in enumerate(patients)],
        key=key(),
        script_hash=base64.b64encode(hashlib.sha256(source(SCRIPT).encode()).digest()).decode(),
        script=SCRIPT,
    )


def _pages(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Each patient, and behind them what is no single patient's."""
    records = document["records_of_nobody"]
    nobody = {
        **dict.fromkeys(("source_id", "name", "chart_number", "why")),
        **{"strata": [], "charts": [], "records": records, "classes": count(records)},
    }
    return [*document["patients"], *([nobody] if records else [])]


def name(patient: Mapping[str, Any]) -> str:
    """What a patient's page is headed by."""
    if patient["source_id"] is None:
        return _NOBODY
    return patient["name"] or f"Patient {patient['source_id']}"


def _row(place: int, patient: Mapping[str, Any]) -> dict[str, Any]:
    """A patient in the summary's table."""
    differing = sum(patient["classes"][cls] for cls in DIFFERING)
    diagnoses = _diagnoses(patient["records"])
    return {
        **{each: patient[each] for each in ("chart_number", "strata", "classes")},
        "why": why_words(patient["why"]),
        "place": place,
        "name": name(patient),
        "records": len(patient["records"]),
        "differing": differing,
        "diagnoses": [diagnosis_words(each) for each in diagnoses],
    }


def _diagnoses(records: Iterable[Record]) -> list[str]:
    found = {field["diagnosis"] for record in records for field in record["fields"] if "diagnosis" in field}
    return sorted(found)


def _checks(checks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each check with how often it was made and how often it failed."""
    made: dict[str, list[bool]] = {check: [] for check in CHECKS}
    for each in checks:
        made.setdefault(each["check"], []).append(each["passed"])
    return [
        {"words": check_words(check), "made": len(passed), "failed": passed.count(False)}
        for check, passed in made.items()
    ]


def _index(document: Mapping[str, Any], there: str) -> dict[str, Any]:
    """What the script knows before a patient is opened."""
    return {
        "there": there,
        "practice": document["practice"],
        "objects": {each: spoken(each) for each in document["summary"]["objects"]},
        "classes": {cls: asdict(words) for cls, words in CLASS_WORDS.items()},
        "differing": list(DIFFERING),
        "diagnoses": {each: asdict(diagnosis_words(each)) for each in _known(document)},
        "checks": {each: asdict(check_words(each)) for each in {*CHECKS, *_names(document["checks"])}},
        "patients": [
            {
                "name": name(each),
                "chart_number": each["chart_number"],
                "strata": each["strata"],
                "why": why_words(each["why"]),
                "objects": _objects(each["records"]),
            }
            for each in _pages(document)
        ],
    }


def _known(document: Mapping[str, Any]) -> set[str]:
    return {*DIAGNOSES, *document["summary"]["diagnoses"]}


def _names(checks: Iterable[Mapping[str, Any]]) -> set[str]:
    return {each["check"] for each in checks}


def _objects(records: Iterable[Record]) -> dict[str, dict[str, int]]:
    """Object -> class -> number of fields."""
    found: dict[str, dict[str, int]] = {}
    for record in records:
        counts = found.setdefault(record["object"], {})
        for field in record["fields"]:
            counts[field["class"]] = counts.get(field["class"], 0) + 1
    return found


def _blocks(
    place: int,
    patient: Mapping[str, Any],
    charts: Iterable[DrawnPair],
    checks: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """The packed records with checks, and the packed charts, of a patient."""
    own = [each for each in charts if each.patient == patient["source_id"]]
    return {
        "place": place,
        "records": packed(
            {
                "records": [
                    [record["object"], record["key"], [_field(each) for each in record["fields"]]]
                    for record in patient["records"]
                ],
                "charts": patient["charts"],
                "checks": [each for each in checks if each["patient"] == patient["source_id"]],
            }
        ),
        "charts": packed({each.exam: [each.before, each.after] for each in own}),
    }


def _field(field: Mapping[str, Any]) -> list[str | None]:
    told = [field.get(each) for each in _FIELD_KEYS]
    where = ".".join(field[each] for each in ("source_table", "source_column") if each in field)
    told += [where + (f", row {field['source_key']}" if "source_key" in field else "") or None]
    told += [field["field"] if field.get("label") != field["field"] else None]
    while told and told[-1] is None:
        told.pop()
    return told


def packed(value: Any) -> str:
    """JSON, gzip, base64: a text that is no markup whatever it holds, the same for the same value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"), 9, mtime=0)).decode("ascii")
