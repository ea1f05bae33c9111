"""The way of one practice as the data engineer clicks it: rehearsal of a sample, diff, approval, live load,
report, checklist, rollback; and what is refused on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dagster import AssetKey, ExecuteInProcessResult

from migration_assets_tests.orchestration.conftest import use_folder
from migration_assets_tests.orchestration.installation import (
    LIVE,
    SOURCE_TABLES,
    STAGED_TABLES,
    Office,
    Outside,
    failure_messages,
    metadata,
    own_instance,
    verdicts,
)
from migration_sandbox.practice.generator import Practice, generate

DATABASE, PATIENTS, SAMPLE = "panda_birch", 14, 10
REHEARSAL = "salesforce_rehearsal"
SYSTEM = {"SystemModstamp", "LastModifiedDate", "LastModifiedById"}
"""What an org writes by itself into a record that is put back as it was."""


@dataclass(frozen=True)
class Way:
    """One practice that has gone the whole way, step by step."""

    office: Office
    before: dict[str, Any]
    requests_while_rehearsing: int
    rehearsal: ExecuteInProcessResult
    refused: ExecuteInProcessResult
    requests_while_refused: int
    approval: ExecuteInProcessResult
    live: ExecuteInProcessResult
    rollback: ExecuteInProcessResult
    after: dict[str, Any]


@pytest.fixture(scope="module")
def small() -> Practice:
    """Without defects, so that nothing waits for somebody to mend it."""
    return generate(13, PATIENTS, exams_per_patient=1.5, planted=0, tables="all")


@pytest.fixture(scope="module")
def way(around: Outside, small: Practice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    data = tmp_path_factory.mktemp("way")
    with pytest.MonkeyPatch.context() as patch:
        use_folder(patch, data)
        with own_instance(data) as instance:
            around.add_practice(small, DATABASE)
            office = Office(around, data, instance, "birch")
            office.write_file(DATABASE, rehearsal__patients=SAMPLE)
            control = around.live.control
            before = control.dump()
            control.forget_requests()
            rehearsal = office.materialize(*SOURCE_TABLES, *STAGED_TABLES, *office.group(REHEARSAL))
            while_rehearsing = len(control.requests())
            refused = office.materialize(f"{LIVE}/schema")
            while_refused = len(control.requests()) - while_rehearsing
            approved_by = {"ops": {"approve": {"config": {"approved_by": "Dr. Ames"}}}}
            approval = office.run_job("approve_salesforce", approved_by)
            live = office.materialize(*office.group(LIVE))
            decided = {"ops": {"roll_back": {"config": {"decided_by": "Dr. Ames", "remove_schema": True}}}}
            rollback = office.run_job("roll_back_salesforce", decided)
            yield Way(
                office,
                before,
                while_rehearsing,
                rehearsal,
                refused,
                while_refused,
                approval,
                live,
                rollback,
                control.dump(),
            )


def test_a_rehearsal_loads_a_sample_and_makes_no_request_to_the_live_org(way: Way) -> None:
    assert failure_messages(way.rehearsal) == {}
    told = metadata(way.rehearsal, f"{REHEARSAL}/payload")
    assert told["sampled_patients"] == SAMPLE
    chosen = {row.data["stratum"]: row.data for row in told["strata"].records}
    assert all(row["chosen"] > 0 for row in chosen.values() if row["patients"])
    assert metadata(way.rehearsal, f"{REHEARSAL}/reconciliation")["balanced"] is True
    assert way.requests_while_rehearsing == 0


def test_live_is_refused_before_the_approval_and_without_a_request(way: Way) -> None:
    assert verdicts(way.refused)[f"{LIVE}/schema may_upload"] is False
    assert "approv" in failure_messages(way.refused)["salesforce__schema"]
    assert way.requests_while_refused == 0


def test_after_the_approval_everything_goes_live_and_the_checklist_is_green(
    way: Way, small: Practice
) -> None:
    assert failure_messages(way.approval) == {}
    assert failure_messages(way.live) == {}
    failed = [name for name, passed in verdicts(way.live).items() if not passed]
    assert failed == []
    assert metadata(way.live, f"{LIVE}/reconciliation")["balanced"] is True
    exams = metadata(way.live, f"{LIVE}/clinical_exam")["dagster/row_count"]
    assert exams == small.manifest.counts["ClinicalExam"]
    assert exams > metadata(way.rehearsal, f"{REHEARSAL}/clinical_exam")["dagster/row_count"]


def test_the_head_of_the_audit_log_goes_with_every_outcome(way: Way) -> None:
    steps = [
        metadata(way.rehearsal, f"{REHEARSAL}/reconciliation"),
        metadata(way.live, f"{LIVE}/reconciliation"),
        metadata(way.live, f"{LIVE}/report"),
    ]
    sequences = [int(str(step["audit_log"]).partition(":")[0]) for step in steps]
    assert sequences == sorted(set(sequences))


def test_reports_stand_where_the_assets_say(way: Way) -> None:
    folder = way.office.data / "reports" / "birch" / "salesforce"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= {
        "rehearsal/field_diff.html",
        "rehearsal/field_diff.json",
        "live/field_diff.html",
        "live/report.html",
        "live/report.pdf",
        "live/report.json",
        "live/checklist.html",
        "live/go_live_guide.html",
        "live/rollback.json",
    }
    documents = {path: json.loads(path.read_text()) for path in folder.rglob("*.json")}
    without_head = {path.name for path, document in documents.items() if "audit_log" not in document}
    assert without_head == {"reconciliation.json"}, "its form is fixed; its hash stands in the log"
    document = documents[folder / "rehearsal" / "field_diff.json"]
    assert len(document["patients"]) == SAMPLE


def test_a_rollback_leaves_the_live_org_as_it_was(way: Way) -> None:
    assert failure_messages(way.rollback) == {}
    assert _without_system_fields(way.after["records"]) == _without_system_fields(way.before["records"])
    assert way.after["files"] == way.before["files"]


def test_nothing_of_a_patient_stands_in_any_log_of_the_whole_way(
    way: Way, small: Practice, words: list[str]
) -> None:
    names = small.tables["Patient"]["LastName"].drop_nulls()
    rare = [name for name in names.unique() if len(name) > 7]
    assert rare
    assert way.office.places_of_leaks([*words, *rare]) == []


def test_what_was_rolled_back_says_so_in_the_graph(way: Way) -> None:
    records = way.office.instance.fetch_observations(AssetKey([LIVE, "contact"]), limit=1).records
    assert records, "no observation"


def _without_system_fields(records: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{field: value for field, value in each.items() if field not in SYSTEM} for each in rows]
        for name, rows in records.items()
        if rows
    }
