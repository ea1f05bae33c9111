"""A practice of three real mouths: participants of NHANES 2009-2010, data of the CDC in the public domain.

The figures are in ``nhanes.csv``. NHANES measures pocket depth and attachment loss; recession in PANDA's
sense (positive: apical of the cemento-enamel junction) is attachment loss minus depth. Its site letters are
D, M, S for disto-, mid- and mesio-facial and P, L, A for disto-, mid- and mesio-lingual (codebook of
OHXPER_F). Third molars are not examined. Names, times and the provider are made up.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from typing import Any

import polars as pl

from migration_sandbox.practice.generator import Practice
from migration_sandbox.practice.manifest import Manifest
from migration_sandbox.practice.schema import frame_schema

_SITE_OF_LETTER = {"D": "DB", "M": "B", "S": "MB", "P": "DL", "L": "L", "A": "ML"}
# The cycle gives no day of examination; a fixed one in its first year.
_EXAMINED = datetime(2009, 7, 1, 9, 0)
_NOT_MEASURED = "."


def _measure(text: str) -> int | None:
    return None if text == _NOT_MEASURED else int(text)


def _teeth() -> Iterator[dict[str, Any]]:
    """Participant, sex, Universal tooth and the twelve site values of each examined tooth."""
    text = files(__package__).joinpath("nhanes.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        tooth: dict[str, Any] = {"seqn": int(line["seqn"]), "sex": line["sex"], "tooth": line["tooth"]}
        for site, loss, depth in zip(
            _SITE_OF_LETTER.values(), line["la"].split(), line["pc"].split(), strict=True
        ):
            attachment_loss, pocket_depth = _measure(loss), _measure(depth)
            tooth[f"PocketDepth_{site}"] = pocket_depth
            if attachment_loss is not None and pocket_depth is not None:
                tooth[f"Recession_{site}"] = attachment_loss - pocket_depth
        yield tooth


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of the table; columns that a row doesn't name are null."""
    schema = frame_schema(table)
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def nhanes_practice(name: str = "nhanes") -> Practice:
    """The three participants, one exam each, PatientID = SEQN; no defects and no canaries."""
    teeth = list(_teeth())
    written = {"CreatedAt": _EXAMINED, "ModifiedAt": _EXAMINED}
    participants = {tooth["seqn"]: tooth["sex"] for tooth in teeth}
    provider = {"ProviderID": 1, "LastName": "Examiner", "IsReferring": False, "Active": True, **written}
    people = [
        {
            "PatientID": seqn,
            "FirstName": "Participant",
            "LastName": str(seqn),
            "Sex": sex,
            "Inactive": False,
            **written,
        }
        for seqn, sex in participants.items()
    ]
    exams = [
        {
            "ExamID": seqn,
            "PatientID": seqn,
            "ProviderID": 1,
            "ExamDate": _EXAMINED,
            "ChartingType": "Full mouth",
            "ToothNumberingSystem": "Universal",
            **written,
        }
        for seqn in participants
    ]
    chart = [
        {
            "ChartingID": number,
            "ExamID": tooth.pop("seqn"),
            "Tooth": tooth.pop("tooth"),
            "ToothStatus": "present",
            "ModifiedAt": _EXAMINED,
            **{column: value for column, value in tooth.items() if column != "sex"},
        }
        for number, tooth in enumerate(teeth, start=1)
    ]
    tables = {
        "Provider": _frame("Provider", [provider]),
        "Patient": _frame("Patient", people),
        "ClinicalExam": _frame("ClinicalExam", exams),
        "PeriodontalCharting": _frame("PeriodontalCharting", chart),
    }
    counts = {table: frame.height for table, frame in tables.items()}
    manifest = Manifest(name, 0, len(participants), "Universal", counts, defects=(), canaries=())
    return Practice(tables, manifest)
