"""preflight.json holds what was found, the worst first, and the scope; the terminal shows the scope."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from migration_assets.destinations.base import Finding, Volumes
from migration_assets.migration.data_findings import ProcedureTexts
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.scoping import ObjectScope, Scope
from migration_assets.migration.survey import Survey
from migration_assets.reports.destination_preflight import render_scope, write_preflight

HEAD = Head(7, "c" * 64)
TARGET = Target("maple", "salesforce", "rehearsal")
FOUND = [
    Finding("storage", "note", "much is left"),
    Finding("duplicate_rule_active", "warning", "a rule", "Contact"),
    Finding("field_missing", "error", "no field", "Contact", "Sex__c", mended_by_deploying=True),
]
SCOPE = Scope(
    (
        ObjectScope("Contact", 12, 10, "simple", (), 0.5, 2_969.0, "benchmark"),
        ObjectScope("ClinicalExam__c", 2_000, 70, "moderate", ("rejects", "size"), 90.25, 0.8, "ledger"),
    ),
    source_rows=2_012,
    records=80,
    seconds={"extraction": 1.0, "upload": 90.75},
)
SURVEY = Survey(Volumes({"Contact": 3}), SCOPE, (), [ProcedureTexts("D4260", 4, ("Flap", "Bone"))])


def written(directory: Path, survey: Survey | None) -> Path:
    return write_preflight(TARGET, "a" * 64, datetime(2024, 5, 6, tzinfo=UTC), HEAD, FOUND, survey, directory)


def test_the_worst_stands_first_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path / "maple", SURVEY)
    document = json.loads(path.read_text())

    assert [each["severity"] for each in document["findings"]] == ["error", "warning", "note"]
    assert document["findings"][0] == {
        "code": "field_missing",
        "severity": "error",
        "message": "no field",
        "object": "Contact",
        "field": "Sex__c",
        "mended_by_deploying": True,
    }
    assert document["volumes"]["records"] == {"Contact": 3}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_scope_and_the_texts_of_procedures_stand_beside_them(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, SURVEY).read_text())

    assert document["scope"]["grade"] == "moderate"
    assert document["scope"]["expected_seconds"] == 91.75
    assert document["scope"]["objects"][1]["reasons"] == ["rejects", "size"]
    assert document["procedure_texts"] == [{"code": "D4260", "lines": 4, "texts": ["Flap", "Bone"]}]


def test_a_preflight_before_staging_knows_no_volumes_and_no_scope(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, None).read_text())

    assert (document["volumes"], document["scope"], document["procedure_texts"]) == (None, None, [])


def test_a_person_sees_how_much_how_hard_and_how_long() -> None:
    console = Console(width=120, record=True)
    with console.capture() as captured:
        console.print(render_scope(TARGET, "a" * 64, SCOPE))
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]

    assert "ClinicalExam__c 2,000 70 90 moderate rejects, size" in lines
    assert "moderate: 2,012 source rows, 80 records, about 92 seconds" in lines
    assert any("rates of 1 of 2 objects" in line for line in lines)
