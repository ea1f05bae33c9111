"""Made-up diffs: what the pages and the document are tested on. Nobody in them exists."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from migration_assets.migration.field_diff.shape import (
    CHECK_COLUMNS,
    CLASSES,
    FIELD_COLUMNS,
    PATIENT_COLUMNS,
    ChartPair,
    Diff,
)
from migration_assets.perio import charting

NASTY = "</script><img src=x onerror=\"document.title='hit'\"> & 'quoted'\nnext line\u2028\x00"
_TYPES = {True: pl.Boolean(), False: pl.Float64()}


def field(patient: str | None, **told: Any) -> dict[str, Any]:
    """A row of the diff: a contact's unchanged last name unless told otherwise."""
    plain = {
        "object": "Contact",
        "key": f"P-{patient}",
        "field": "LastName",
        "label": "Last name",
        "cls": "same",
    }
    return {"patient": patient, **plain, **told}


def patient(source_id: str, name: str = "Ada Almond") -> dict[str, Any]:
    return {
        **{"source_id": source_id, "name": name, "chart_number": f"C{source_id}"},
        **{"strata": ["stage III", "implants"], "why": "the only one with an implant"},
        **dict.fromkeys(CLASSES, 0),
    }


def check(check: str, *, passed: bool, patient: str = "1") -> dict[str, Any]:
    return {"check": check, "patient": patient, "key": "E-1", "expected": "4", "found": "5", "passed": passed}


def chart(patient: str, exam: str, depths: dict[str, float], returned: dict[str, Any]) -> ChartPair:
    """An exam with the mesio-buccal depths of teeth by Universal code, and the record that was returned."""
    columns = [column for measure in charting.MEASURES for column in measure.columns]
    flags = ("bleeding", "suppuration", "plaque")
    schema = {name: _TYPES[name.startswith(flags)] for name in columns} | {"status": pl.String()}
    rows = [{"universal": code, "pocket_depth_mb": depth} for code, depth in depths.items()]
    staged = pl.DataFrame(rows, schema={"universal": pl.String(), **schema})
    record = {"ToothNumberingSystem__c": "FDI", **returned}
    return ChartPair(patient, exam, date(2024, 5, 6), "FDI", staged, record, (), ())


def diff(
    fields: list[dict[str, Any]],
    patients: list[dict[str, Any]] | None = None,
    checks: list[dict[str, Any]] | None = None,
    charts: list[ChartPair] | None = None,
) -> Diff:
    return Diff(
        pl.DataFrame(fields, schema=FIELD_COLUMNS),
        pl.DataFrame([patient("1")] if patients is None else patients, schema=PATIENT_COLUMNS),
        pl.DataFrame(checks or [], schema=CHECK_COLUMNS),
        charts or [],
    )
