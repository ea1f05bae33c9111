"""The practice that is migrated here: small, without planted defects, with everything that a practice has."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from migration_sandbox.practice.generator import Practice, generate

PATIENTS = 6
_SEED = 2
"""With so few patients not every seed has all kinds of rows; findings of exams are rare."""
_FIRST = {"Referral": 6, "Appointment": 10, "ClinicalNote": 10, "TreatmentPlanLine": 12}


def whole(patients: int = PATIENTS, *, seed: int = _SEED, cut: bool = True) -> Practice:
    """All tables, an exam or two a patient; ``cut``: only the first rows of those that are long, of the
    dentists outside only those whom somebody names, and no address that two patients share."""
    made = generate(seed, patients, exams_per_patient=1.0, planted=0, canaries=1, tables="all")
    if not cut:
        return made
    tables = {name: rows.head(_FIRST.get(name, rows.height)) for name, rows in made.tables.items()}
    tables["Provider"] = tables["Provider"].filter(
        ~pl.col("IsReferring") | pl.col("ProviderID").is_in(_named(tables))
    )
    first = pl.col("Email").str.to_lowercase().is_first_distinct()
    tables["Patient"] = tables["Patient"].with_columns(pl.when(first).then("Email").alias("Email"))
    return replace(made, tables=tables)


def _named(tables: dict[str, pl.DataFrame]) -> list[int]:
    """Everybody whom a row of another table names."""
    return [
        key
        for table, rows in tables.items()
        if table != "Provider"
        for column in rows.columns
        if column.endswith("ProviderID")
        for key in rows[column].drop_nulls().to_list()
    ]
