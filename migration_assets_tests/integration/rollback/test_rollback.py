"""The org after a rollback against every record of it before the migration."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from migration_assets.cli import app
from migration_assets.migration.decisions import RollbackDecided, RolledBack
from migration_assets.migration.operations import Migration
from migration_assets.migration.rollback import Rollback
from migration_assets_tests.integration import worker
from migration_assets_tests.integration.installation import PRACTICE, REHEARSAL, Installation, Org
from migration_assets_tests.integration.rollback.conftest import (
    keys_left,
    load,
    records,
    rollback,
    rows_of,
)
from migration_sandbox.salesforce.control import Control


def run(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ["rollback", PRACTICE, "salesforce", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_what_others_did_since_is_left_with_what_it_needs_and_listed(
    loaded: Installation, control: Control, before: dict[str, Any], org: Org
) -> None:
    control.add_user("ames@office.example", "ames@office.example", "Ames")
    mine = keys_left(control.dump())
    dump = control.dump()["records"]
    exam = next(row for row in dump["ClinicalExam__c"] if row.get("Contact__c"))
    patients = {row["Id"]: row for row in dump["Contact"] if "maple:patient:" in str(row.get("PANDA_Key__c"))}
    visited = next(
        row
        for row in patients.values()
        if row["Id"] != exam["Contact__c"] and row.get("Description") != "kept"
    )
    line = dump["TreatmentPlanLine__c"][0]
    with requests.Session() as ames:
        ames.trust_env = False
        ames.verify = str(org.sandbox.ca_path)
        ames.headers["Authorization"] = f"Bearer {control.sign_in('ames@office.example')}"
        objects = f"{org.sandbox.url}/services/data/v66.0/sobjects"
        changed = ames.patch(
            f"{objects}/ClinicalExam__c/{exam['Id']}", json={"Exam_Notes__c": "seen by Ames"}
        )
        called = ames.post(f"{objects}/Task", json={"Subject": "Call", "WhoId": visited["Id"]})
        removed = ames.delete(f"{objects}/TreatmentPlanLine__c/{line['Id']}")
        assert (changed.status_code, called.status_code, removed.status_code) == (204, 201, 204)

    done = rollback(loaded).roll_back("Dr. Ames")

    left = rows_of(done.plan.table, "leave")
    assert left[exam["PANDA_Key__c"]] == ("changed_by_others", None)
    assert left[visited["PANDA_Key__c"]] == ("has_dependents", "Task: 1")
    assert {reason for reason, _ in left.values()} == {"changed_by_others", "has_dependents", "needed"}
    assert done.counts["TreatmentPlanLine__c.gone"] == 1
    assert done.clean
    after = control.dump()
    assert set(keys_left(after)) == set(left) < set(mine)
    for name, rows in records(before).items():
        assert {key: records(after)[name][key] for key in rows} == rows


def test_a_killed_rollback_is_ended_by_another(
    loaded: Installation, control: Control, before: dict[str, Any]
) -> None:
    died = worker.DieAt("INSERT INTO record_events", 4)
    process = worker._FORKS.Process(
        target=_roll_back, args=(loaded.data, dict(loaded.environment), died), daemon=True
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert records(control.dump()) != records(before)

    done = rollback(loaded, "again").roll_back("Dr. Ames")

    assert done.clean
    assert done.number("gone") > 0
    assert records(control.dump()) == records(before)
    entries = loaded.platform.decisions(loaded.platform.practice(PRACTICE)).entries()
    kinds = [each.kind for each in entries if isinstance(each, RollbackDecided | RolledBack)]
    assert kinds == ["rollback_decided", "rollback_decided", "rolled_back"]


def _roll_back(data: Path, environment: dict[str, str], died: worker.DieAt) -> None:
    os.environ.update(environment)
    Rollback(Migration(worker.platform_over(data, died), REHEARSAL), "killed").roll_back("Dr. Ames")


def test_the_org_is_as_it_was_twice_over_and_takes_another_migration(
    loaded: Installation, control: Control, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_DATA", str(loaded.data))
    assert len(keys_left(control.dump())) > 20
    folder = loaded.platform.report_directory(REHEARSAL)

    assert "--decide" in run("--plan-only")
    planned = json.loads((folder / "rollback_plan.json").read_text())
    assert planned["counts"]["Contact.restore"] == 1
    assert "everything was found as planned" in run(
        "--plan", planned["plan"][:12], "--decide", "Dr. Ames", "--remove-schema"
    )

    after = control.dump()
    assert _without_removed_fields(after) == _without_removed_fields(before)
    assert "ClinicalExam__c" not in after["schema"]
    assert {"oak:patient:1"} == {row.get("PANDA_Key__c") for row in after["records"]["Contact"]} - {None}
    assert "nothing to do" in run("--decide", "Dr. Ames")
    entries = loaded.platform.decisions(loaded.platform.practice(PRACTICE)).entries()
    assert len([each for each in entries if isinstance(each, RollbackDecided)]) == 1

    loaded.migration().prepare()
    load(loaded)
    reconciled = loaded.reconcile().reconciliation
    assert reconciled.clean
    assert rollback(loaded).roll_back("Dr. Ames").clean
    assert _without_removed_fields(control.dump()) == _without_removed_fields(before)


def _without_removed_fields(dump: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """A checkbox is false in every record as long as its field is there."""
    return {
        name: {
            key: {field: value for field, value in row.items() if value is not False}
            for key, row in rows.items()
        }
        for name, rows in records(dump).items()
    }
