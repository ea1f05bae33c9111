"""All assets of a practice in one run, as "Materialize all" starts it; what those say that only look."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pyodbc
import pytest
from dagster import AssetCheckSeverity, AssetKey, DagsterInstance, ExecuteInProcessResult
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from migration_assets.destinations.base import Finding
from migration_assets.migration.ledger import Target
from migration_assets.migration.owners import read as read_owners
from migration_assets.orchestration.inspection_assets import findings_check
from migration_assets_tests.orchestration.conftest import Migrated
from migration_assets_tests.orchestration.installation import (
    SOURCE_TABLES,
    STAGED_TABLES,
    Office,
    evaluations,
    failure_messages,
    metadata,
    verdicts,
)
from migration_sandbox.practice.generator import Practice
from migration_sandbox.sqlserver.permissions import OWNER

INVENTORY = "salesforce_rehearsal/field_inventory"
PREFLIGHT = "salesforce_rehearsal/preflight"
OWNERS = "salesforce_rehearsal/owners"
UPLOADS = (
    "account",
    "contact",
    "clinical_exam",
    "clinical_exam_chart2",
    "clinical_exam_chart3",
    "clinical_exam_tooth",
    "clinical_exam_finding",
    "clinical_note",
    "event",
    "referral",
    "treatment_plan",
    "treatment_plan_line",
)


def _upload_counts(result: ExecuteInProcessResult) -> dict[str, dict[str, int]]:
    return {name: metadata(result, f"salesforce_rehearsal/{name}") for name in UPLOADS}


def test_every_asset_of_a_practice_materialises_in_one_run(migrated: Migrated) -> None:
    assert failure_messages(migrated.first) == {}
    assert migrated.first.success
    keys = migrated.office.before_live
    materialised = migrated.office.instance.get_latest_materialization_events(keys)
    assert {key for key, entry in materialised.items() if entry} == keys


def test_a_destination_that_the_practice_hasn_t_is_passed_over_in_a_run_of_everything(
    migrated: Migrated,
) -> None:
    skipped = {str(each.step_key) for each in migrated.first.all_events if each.is_step_skipped}
    assert {"freshsales__schema", "freshsales_rehearsal__note", "freshsales__report"} < skipped
    assert {name.partition("__")[0] for name in skipped} == {"freshsales", "freshsales_rehearsal"}

    alone = migrated.office.materialize(*migrated.office.group("freshsales_rehearsal"))
    assert not alone.success
    assert (
        "destinations.freshsales; add that part"
        in failure_messages(alone)["freshsales_rehearsal__field_inventory"]
    )


def test_every_check_passes_and_is_stored_for_its_partition(migrated: Migrated) -> None:
    assert set(verdicts(migrated.first).values()) == {True}
    keys = [
        key
        for key in migrated.office.defs.resolve_asset_graph().asset_check_keys
        if key.asset_key in migrated.office.before_live
    ]
    assert len(evaluations(migrated.first)) == len(keys) > 0
    for key in keys:
        latest, *_ = migrated.office.instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, partition_filter=None
        )
        assert (latest.status, latest.partition) == (AssetCheckExecutionRecordStatus.SUCCEEDED, "maple")


def test_a_check_knows_the_practice_that_it_was_evaluated_for(migrated: Migrated) -> None:
    """Partitioned checks are a preview of dagster; this holds what the platform relies on."""
    assert {each.partition for each in evaluations(migrated.first)} == {"maple"}


def test_the_first_run_creates_every_record_and_the_second_sends_none(migrated: Migrated) -> None:
    for first in _upload_counts(migrated.first).values():
        assert first["created"] == first["sent"] > 0
    for second in _upload_counts(migrated.second).values():
        assert (second["sent"], second["created"], second["updated"]) == (0, 0, 0)
        assert second["unchanged"] + second["held_back"] == second["dagster/row_count"] > 0


def test_rows_are_counted_at_every_stage(migrated: Migrated, practice: Practice) -> None:
    people = 0
    for table, name, counted in (("Patient", "patient", "patients"), ("Provider", "provider", "providers")):
        extracted = metadata(migrated.first, f"panda/{name}")["dagster/row_count"]
        staged = metadata(migrated.first, f"staged/{counted}")
        assert extracted == practice.manifest.counts[table] == staged["extracted"]
        assert staged["dagster/row_count"] + staged["rejected"] == extracted
        people += staged["dagster/row_count"]
    people += metadata(migrated.first, "staged/referrers")["dagster/row_count"]
    assert metadata(migrated.first, "salesforce_rehearsal/contact")["dagster/row_count"] == people


def test_reconciliation_names_its_report_and_shows_a_line_for_each_object(migrated: Migrated) -> None:
    shown = metadata(migrated.second, "salesforce_rehearsal/reconciliation")
    assert Path(shown["report"]).is_file()
    assert {row.data["object"] for row in shown["objects"].records} == {
        "Account",
        "Contact",
        "ClinicalExam__c",
        "ClinicalExamChart2__c",
        "ClinicalExamChart3__c",
        "ClinicalExamTooth__c",
        "ClinicalExamFinding__c",
        "ClinicalNote__c",
        "ContentVersion",
        "ContentDocumentLink",
        "Event",
        "EventRelation",
        "Referral__c",
        "TreatmentPlan__c",
        "TreatmentPlanLine__c",
    }
    assert shown["balanced"] is True


@pytest.mark.parametrize("run", ["first", "second"])
def test_nothing_of_a_patient_and_no_secret_stands_in_any_log(
    migrated: Migrated, run: str, words: list[str]
) -> None:
    result: ExecuteInProcessResult = getattr(migrated, run)
    assert migrated.office.places_of_leaks([migrated.office.practice]), "the search finds nothing at all"
    assert migrated.office.places_of_leaks(words) == []
    said = repr(list(result.all_events)) + repr(result.dagster_run.tags)
    assert [word for word in words if word in said] == []


def test_files_with_values_are_readable_by_their_owner_only(migrated: Migrated) -> None:
    folders = ("warehouse", "ledger", "reports")
    files = [
        path for folder in folders for path in (migrated.office.data / folder).rglob("*") if path.is_file()
    ]
    assert {path.suffix for path in files} >= {".duckdb", ".sqlite", ".json"}
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {
        path.name: "0o600" for path in files
    }


def test_a_rehearsal_leaves_no_live_asset_green(migrated: Migrated) -> None:
    assert (
        migrated.office.instance.get_latest_materialization_event(AssetKey(["salesforce", "contact"])) is None
    )


def test_owners_are_matched_before_the_payload_and_still_there_after_it(
    migrated: Migrated, practice: Practice, staff_with_user: dict[str, str]
) -> None:
    told = metadata(migrated.first, OWNERS)
    document = json.loads(Path(str(told["json"])).read_text())

    assert {Path(str(told[name])).name for name in ("report", "json")} == {"users.xlsx", "users.json"}
    by_user = {each["email"].lower(): each["user_id"] for each in document["staff"] if each["user_id"]}
    assert by_user == staff_with_user
    assert told["matched"] + told["to_invite"] <= practice.manifest.counts["StaffUser"]
    assert told["to_invite"] > 0
    office = migrated.office
    target = Target(office.practice, "salesforce", "rehearsal")
    with office.platform.upload_warehouse(target).open(read_only=True) as session:
        owners = dict(read_owners(session).iter_rows())
    default = owners.pop(None)
    assert set(owners.values()) == set(staff_with_user.values())
    assert default is not None and default not in owners.values()


def test_a_default_owner_who_is_no_user_stops_the_run_before_the_payload(
    migrated: Migrated, office: Office
) -> None:
    _take_over_warehouse(migrated, office)
    office.write_file(
        "panda_maple", destinations__salesforce__environments__rehearsal__default_owner="gone@maple.example"
    )

    result = office.materialize(OWNERS, "salesforce_rehearsal/payload")

    message = failure_messages(result)["salesforce_rehearsal__owners"]
    assert "default_owner names no user there; correct the username or e-mail" in message
    assert "gone@maple.example" not in message
    started = {event.step_key for event in result.all_events if event.is_step_start}
    assert started == {"salesforce_rehearsal__owners"}


def _take_over_warehouse(migrated: Migrated, office: Office) -> None:
    """The other installation begins with what was extracted and staged in the migrated one."""
    warehouse = office.data / "warehouse"
    shutil.copytree(
        migrated.office.data / "warehouse" / migrated.office.practice, warehouse / office.practice
    )


def test_a_failed_verdict_stops_everything_after_it(migrated: Migrated, office: Office) -> None:
    _take_over_warehouse(migrated, office)
    office.write_file("panda_maple", policies__reject_limit=0)
    result = office.materialize(*STAGED_TABLES, *office.group("salesforce_rehearsal"))
    assert not result.success
    assert verdicts(result)["staged/patients reject_share"] is False
    assert verdicts(result)["staged/patients rows_accounted_for"] is True
    started = {event.step_key for event in result.all_events if event.is_step_start}
    assert "salesforce_rehearsal__payload" not in started
    assert "salesforce_rehearsal__contact" not in started


def test_an_upload_alone_makes_no_request_when_the_staged_batch_has_not_passed(
    migrated: Migrated, office: Office
) -> None:
    _take_over_warehouse(migrated, office)
    assert office.materialize("salesforce_rehearsal/schema").success
    office.write_file("panda_maple", policies__reject_limit=0)
    assert not office.materialize("staged/patients").success
    office.outside.org.control.forget_requests()
    result = office.materialize("salesforce_rehearsal/contact")
    assert verdicts(result) == {"salesforce_rehearsal/contact may_upload": False}
    assert (
        "more than the practice's reject_limit of 0.00%"
        in failure_messages(result)["salesforce_rehearsal__contact"]
    )
    assert office.outside.org.control.requests() == []


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


@pytest.fixture
def beside(migrated: Migrated, instance: DagsterInstance, tmp_path: Path) -> Office:
    """What the migrated practice has come to, in a folder and an instance of its own; the org is shared."""
    for kept in ("warehouse", "ledger"):
        shutil.copytree(migrated.office.data / kept, tmp_path / kept)
    return Office(migrated.office.outside, tmp_path, instance, migrated.office.practice)


def test_records_damaged_or_refused_fail_the_checks_that_are_about_them(
    beside: Office, practice: Practice, words: list[str]
) -> None:
    """The last of them all: it leaves the org damaged."""
    beside.outside.add_practice(practice, "panda_changing")
    beside.write_file("panda_changing")
    patient = int([each for each in practice.manifest.canaries if each.table == "Patient"][-1].source_key)
    record = {"key_field": "PANDA_Key__c", "key": f"{beside.practice}:patient:{patient}"}

    beside.outside.org.control.corrupt("change_character", "Contact", field="FirstName", **record)
    damaged = beside.materialize("salesforce_rehearsal/reconciliation")
    failed = {name.rpartition(" ")[2] for name, passed in verdicts(damaged).items() if not passed}
    assert failed == {"transport", "meaning"}

    beside.outside.org.control.corrupt("double", "Contact", **record)
    _change(
        beside, "panda_changing", f"UPDATE dbo.Patient SET City = N'Elsewhere' WHERE PatientID = {patient}"
    )
    uploads = ("payload", "adoptions", "contact", "clinical_exam", "reconciliation")
    refused = beside.materialize(
        *SOURCE_TABLES, "staged/patients", *(f"salesforce_rehearsal/{name}" for name in uploads)
    )
    assert metadata(refused, "salesforce_rehearsal/contact")["failed"] == 1
    red = {
        each.asset_key.path[-1]
        for each in refused.get_asset_check_evaluations()
        if each.check_name == "failures" and not each.passed and each.severity is AssetCheckSeverity.ERROR
    }
    assert red == {"contact", "reconciliation"}
    assert beside.places_of_leaks(words) == []


def _change(office: Office, database: str, statement: str) -> None:
    """Changes the source as the practice's own software would."""
    password = office.outside.secrets["TEST_OWNER_PASSWORD"]
    text = office.outside.sql.connection_string(database, OWNER, password, trust="yes")
    connection = pyodbc.connect(text, autocommit=True)
    connection.execute(statement)
    connection.close()
