"""reconciliation.json is a contract; the table for the terminal shows the same counts."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from migration_assets.errors import ConfigurationError
from migration_assets.migration.reconciliation import (
    Failure,
    HeldBack,
    LineageCounts,
    NotInScope,
    ObjectReconciliation,
    Reconciliation,
    Reject,
    RunCounts,
    SourceCounts,
    StateCounts,
)
from migration_assets.reports.reconciliation import read_reconciliation, render, write_reconciliation

CONTACT = ObjectReconciliation(
    object="Contact",
    this_run=RunCounts(in_scope=3, sent=2, created=1, updated=0, unchanged=1, failed=1, held_back=0),
    state=StateCounts(in_scope=3, loaded=2, failed=1, held_back=0, stale=1, retained=0, in_destination=3),
    fields_compared=10,
    fields_different=0,
    meaning_compared=8,
    meaning_different=0,
    fill_rates={"Email": 0.97},
)
REJECT = Reject(
    table="Patient", source_key="9", column=None, code="missing_last_name", message="no last name"
)
BALANCED = Reconciliation(
    practice="maple",
    destination="salesforce",
    environment="rehearsal",
    scope="all",
    run_id="run",
    plan_hash="a" * 64,
    finished_at=datetime(2024, 5, 6, tzinfo=UTC),
    balanced=True,
    sources=[SourceCounts(table="Patient", extracted=4, staged=3, rejected=1, corrected=2)],
    not_in_scope=[NotInScope(table="Insurance", rows=7)],
    lineage=[
        LineageCounts(object="Contact", source_table="Patient", staged=3, with_payload=3, excused={"why": 0})
    ],
    objects=[CONTACT],
    rejects=[REJECT],
    corrections=[REJECT],
    held_back=[HeldBack(object="Contact", key="maple:patient:1", code="parent_absent", message="waits")],
    failures=[],
    conflicts=[],
)
FAILURE = Failure(object="Contact", key="maple:patient:2", code="REFUSED", message="refused")

# design.md, "Files are contracts".
CONTRACT: dict[str, Any] = json.loads("""
{"practice": "...", "destination": "salesforce", "environment": "rehearsal|live",
 "scope": "all|sample|delta|retry", "run_id": "...", "plan_hash": "...", "finished_at": "...",
 "balanced": true,
 "sources": [{"table": "Patient", "extracted": 0, "staged": 0, "rejected": 0, "corrected": 0}],
 "not_in_scope": [{"table": "...", "rows": 0}],
 "lineage": [{"object": "ClinicalExam__c", "source_table": "PeriodontalCharting", "staged": 0,
              "with_payload": 0, "excused": {"reason": 0}}],
 "objects": [{"object": "Contact",
              "this_run": {"in_scope": 0, "sent": 0, "created": 0, "updated": 0, "unchanged": 0, "failed": 0,
                           "held_back": 0},
              "state": {"in_scope": 0, "loaded": 0, "failed": 0, "held_back": 0, "stale": 0, "retained": 0,
                        "in_destination": 0},
              "fields_compared": 0, "fields_different": 0, "meaning_compared": 0, "meaning_different": 0,
              "fill_rates": {"Email": 0.97}}],
 "rejects": [{"table": "...", "source_key": "...", "column": "...", "code": "...", "message": "..."}],
 "corrections": [], "held_back": [],
 "failures": [{"object": "...", "key": "...", "code": "...", "message": "..."}], "conflicts": []}
""")


def shape(value: Any) -> Any:
    """Keys in their order, all the way down; values don't count, nor the names of counted things."""
    if isinstance(value, dict):
        return [
            (key, None if key in ("excused", "fill_rates") else shape(each)) for key, each in value.items()
        ]
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return None


def test_the_file_has_exactly_the_keys_of_the_contract(tmp_path: Path) -> None:
    whole = BALANCED.model_copy(update={"failures": [FAILURE], "corrections": [], "held_back": []})

    written = json.loads(write_reconciliation(whole, tmp_path).read_text(encoding="utf-8"))

    assert shape(written) == shape(CONTRACT)


def test_what_was_written_can_be_read_again(tmp_path: Path) -> None:
    write_reconciliation(BALANCED, tmp_path)

    assert read_reconciliation(tmp_path) == BALANCED


def test_the_file_and_its_folder_are_the_owners_alone(tmp_path: Path) -> None:
    path = write_reconciliation(BALANCED, tmp_path / "reports" / "rehearsal")

    assert path.name == "reconciliation.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_new_report_takes_the_old_ones_place_whole(tmp_path: Path) -> None:
    first = write_reconciliation(BALANCED, tmp_path)
    with first.open(encoding="utf-8") as reader:
        write_reconciliation(BALANCED.model_copy(update={"run_id": "later"}), tmp_path)

        assert json.load(reader)["run_id"] == "run"
    assert read_reconciliation(tmp_path).run_id == "later"
    assert [path.name for path in tmp_path.iterdir()] == ["reconciliation.json"]


def test_what_a_dead_writer_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".reconciliation.json.part").write_text("{", encoding="utf-8")

    write_reconciliation(BALANCED, tmp_path)

    assert read_reconciliation(tmp_path) == BALANCED


def test_a_report_that_isnt_there_yet_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="isn't there; materialise"):
        read_reconciliation(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"practice": "Quillington"}'])
def test_a_report_that_cant_be_read_isnt_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "reconciliation.json").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="can't be read by this version") as error:
        read_reconciliation(tmp_path)
    assert "Quillington" not in str(error.value)
    assert error.value.__suppress_context__


def shown(reconciliation: Reconciliation) -> str:
    console = Console(width=200, file=StringIO())
    with console.capture() as capture:
        console.print(render(reconciliation))
    return capture.get()


def test_a_clean_reconciliation_says_so() -> None:
    text = shown(BALANCED)

    assert "maple -> salesforce/rehearsal" in text
    assert "balanced, nothing differs" in text
    assert "NO" not in text


@pytest.mark.parametrize(
    "update",
    [
        {"balanced": False},
        {"failures": [FAILURE]},
        {"objects": [CONTACT.model_copy(update={"fields_different": 1})]},
        {"objects": [CONTACT.model_copy(update={"meaning_different": 1})]},
    ],
)
def test_a_reconciliation_with_anything_open_isnt_clean(update: dict[str, object]) -> None:
    reconciliation = BALANCED.model_copy(update=update)

    assert not reconciliation.clean
    assert "NOT CLEAN" in shown(reconciliation)


def test_an_unbalanced_source_or_object_is_marked() -> None:
    source = BALANCED.sources[0].model_copy(update={"staged": 2})
    state = CONTACT.state.model_copy(update={"in_destination": 4})
    contact = CONTACT.model_copy(update={"state": state})

    text = shown(BALANCED.model_copy(update={"sources": [source], "objects": [contact]}))

    assert sum(line.rstrip(" │┃").endswith("NO") for line in text.splitlines()) == 2


def test_an_empty_reconciliation_can_be_shown() -> None:
    nothing: dict[str, object] = {
        "sources": [],
        "lineage": [],
        "objects": [],
        "rejects": [],
        "not_in_scope": [],
    }

    assert "balanced" in shown(BALANCED.model_copy(update=nothing))
