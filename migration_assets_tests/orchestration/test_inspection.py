"""The field inventory is made before anything is deployed, and the deployed org is compared with it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity

from migration_assets.destinations.base import Finding
from migration_assets.orchestration.inspection_assets import findings_check
from migration_assets_tests.orchestration.conftest import Migrated
from migration_assets_tests.orchestration.installation import Office, failure_messages, metadata, verdicts

INVENTORY = "salesforce_rehearsal/field_inventory"
PREFLIGHT = "salesforce_rehearsal/preflight"


def test_a_run_writes_the_inventory_for_its_owner_only(migrated: Migrated) -> None:
    told = metadata(migrated.first, INVENTORY)
    paths = [Path(str(told["report"])), Path(str(told["json"]))]

    assert [path.name for path in paths] == ["field_inventory.xlsx", "field_inventory.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    document = json.loads(paths[1].read_text())
    assert document["plan_hash"] == told["plan_hash"]
    assert sum(len(each["fields"]) for each in document["objects"]) == told["fields"]


def test_what_is_deployed_is_what_the_inventory_says(migrated: Migrated) -> None:
    drift = {name: passed for name, passed in verdicts(migrated.first).items() if "schema_drift" in str(name)}

    assert list(drift.values()) == [True]


def test_a_preflight_before_the_schema_knows_what_deploying_will_mend(office: Office) -> None:
    result = office.materialize(INVENTORY, PREFLIGHT)

    assert failure_messages(result) == {}
    told = metadata(result, PREFLIGHT)
    document = json.loads(Path(str(told["report"])).read_text())
    assert stat.S_IMODE(Path(str(told["report"])).stat().st_mode) == 0o600
    assert document["volumes"] is None
    findings = document["findings"]
    assert all(each["severity"] != "error" or each["mended_by_deploying"] for each in findings)
    assert verdicts(result)[f"{PREFLIGHT} ready_to_load"] is True


def test_a_preflight_after_staging_says_what_the_load_needs(migrated: Migrated) -> None:
    told = metadata(migrated.second, PREFLIGHT)
    document = json.loads(Path(str(told["report"])).read_text())

    exams = document["volumes"]["records"]["ClinicalExam__c"]
    assert exams > 0
    per_tooth = document["volumes"]["alternatives"]["per_tooth"]
    assert per_tooth["ClinicalExamTooth__c"] > 10 * exams
    codes = {each["code"] for each in document["findings"]}
    assert {"record_storage", "load_estimate", "alternative_layout"} <= codes
    assert told["mended_by_deploying"] == 0


def test_a_preflight_after_staging_says_what_the_rows_say(migrated: Migrated) -> None:
    told = metadata(migrated.second, PREFLIGHT)
    document = json.loads(Path(str(told["report"])).read_text())

    scope = document["scope"]
    assert (told["complexity"], told["source_rows"]) == (scope["grade"], scope["source_rows"])
    assert [record.data["object"] for record in told["scope"].records] == [
        each["object"] for each in scope["objects"]
    ]
    listed = {each["code"] for each in document["procedure_texts"]}
    found = [each for each in document["findings"] if each["code"] == "procedure_code_several_texts"]
    assert len(found) == len(listed)
    severities = {each["code"]: each["severity"] for each in document["findings"]}
    assert severities["exams_without_numbering_system"] == "warning"
    # Its charts are rejects within the practice's limit, which doesn't keep it from loading.
    assert verdicts(migrated.second)[f"{PREFLIGHT} ready_to_load"] is True


@pytest.mark.parametrize(
    ("severity", "passed", "shown"),
    [
        ("note", True, AssetCheckSeverity.WARN),
        ("warning", False, AssetCheckSeverity.WARN),
        ("error", False, AssetCheckSeverity.ERROR),
    ],
)
def test_a_check_is_as_severe_as_its_worst_finding(
    severity: str, passed: bool, shown: AssetCheckSeverity
) -> None:
    findings = [
        Finding("field_larger", "note", "larger", "Contact", "Sex__c"),
        Finding("x", severity, "differs", "Contact", "Sex__c"),  # type: ignore[arg-type]
    ]
    check = findings_check("ready_to_load", findings)

    assert (check.passed, check.severity) == (passed, shown)
    assert check.metadata["findings_in_all"].value == 2
