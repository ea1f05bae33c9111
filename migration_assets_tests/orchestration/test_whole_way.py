"""The way of one practice as the data engineer clicks it: rehearsal of a sample, diff, approval, live load,
cutover, report, checklist, rollback; and what is refused on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyodbc
import pytest
from dagster import AssetKey, ExecuteInProcessResult, SensorResult, build_sensor_context

from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.cutover_jobs import go_live_config
from migration_assets.orchestration.cutover_sensor import build_cutover_sensor
from migration_assets.orchestration.resources import CutoverPace
from migration_assets_tests.orchestration.conftest import use_folder
from migration_assets_tests.orchestration.installation import (
    LIVE,
    STAGED_TABLES,
    Office,
    Outside,
    failure_messages,
    metadata,
    own_instance,
    verdicts,
)
from migration_sandbox.practice.generator import Practice, generate
from migration_sandbox.sqlserver.permissions import OWNER

DATABASE, PATIENTS, SAMPLE = "panda_birch", 14, 10
CHANGED, DRAINED = "+12125550177", "+12125550188"
REHEARSAL = "salesforce_rehearsal"
SYSTEM = {"SystemModstamp", "LastModifiedDate", "LastModifiedById"}
"""What an org writes by itself into a record that is put back as it was."""


@dataclass(frozen=True)
class CutoverNight:
    """What the sensor asked for tick by tick, what those runs and going live did, and the org after it."""

    asked: list[list[str]]
    runs: list[ExecuteInProcessResult]
    go_live: ExecuteInProcessResult
    contacts: dict[str, dict[str, Any]]
    changed: str
    drained: str


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
    night: CutoverNight
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
            office.write_file(DATABASE, rehearsal__patients=SAMPLE, cutover=_window())
            control = around.live.control
            before = control.dump()
            control.forget_requests()
            rehearsal = office.materialize(*office.group("panda"), *STAGED_TABLES, *office.group(REHEARSAL))
            while_rehearsing = len(control.requests())
            refused = office.materialize(f"{LIVE}/schema")
            while_refused = len(control.requests()) - while_rehearsing
            approved_by = {"ops": {"approve": {"config": {"approved_by": "Dr. Ames"}}}}
            approval = office.run_job("approve_salesforce", approved_by)
            live = office.materialize(*_loading(office))
            night = _cutover(office, small)
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
                night,
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
    for run in (way.live, way.night.go_live):
        assert failure_messages(run) == {}
        assert [name for name, passed in verdicts(run).items() if not passed] == []
    assert verdicts(way.night.go_live)[f"{LIVE}/go_live ready"] is True
    assert metadata(way.night.go_live, f"{LIVE}/reconciliation")["balanced"] is True
    exams = metadata(way.live, f"{LIVE}/clinical_exam")["dagster/row_count"]
    assert exams == small.manifest.counts["ClinicalExam"]
    assert exams > metadata(way.rehearsal, f"{REHEARSAL}/clinical_exam")["dagster/row_count"]


def test_the_head_of_the_audit_log_goes_with_every_outcome(way: Way) -> None:
    steps = [
        metadata(way.rehearsal, f"{REHEARSAL}/reconciliation"),
        metadata(way.live, f"{LIVE}/contact"),
        metadata(way.night.go_live, f"{LIVE}/reconciliation"),
        metadata(way.night.go_live, f"{LIVE}/report"),
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
        "live/cutover.html",
        "live/go_live_guide.html",
        "live/rollback.json",
    }
    documents = {path: json.loads(path.read_text()) for path in folder.rglob("*.json")}
    without_head = {path.name for path, document in documents.items() if "audit_log" not in document}
    assert without_head == {"reconciliation.json"}, "its form is fixed; its hash stands in the log"
    document = documents[folder / "rehearsal" / "field_diff.json"]
    assert len(document["patients"]) == SAMPLE


def test_in_the_window_the_sensor_asks_for_what_brings_a_change_to_live(way: Way) -> None:
    assert way.night.asked == [[], ["refresh_panda"], ["delta_salesforce"], []]
    refresh, delta = way.night.runs
    assert failure_messages(refresh) == failure_messages(delta) == {}
    told = metadata(refresh, "panda/refresh")
    assert [row.data for row in told["changes"].records] == [{"table": "Patient", "changed": 1, "deleted": 0}]
    told = metadata(delta, f"{LIVE}/delta")
    assert (told["updated"], told["created"], told["failed"], told["different"]) == (1, 0, 0, 0)
    assert way.night.contacts[way.night.changed]["MobilePhone"] == CHANGED


def test_going_live_drains_what_no_poll_has_seen_and_closes_the_window(way: Way) -> None:
    assert metadata(way.night.go_live, "panda/refresh")["found_by_drain"] == 1
    assert way.night.contacts[way.night.drained]["MobilePhone"] == DRAINED
    target = Target("birch", "salesforce", "live")
    closed = Migration(way.office.platform, target).window_closed()
    assert closed is not None and closed.decided_by == "Dr. Ames"


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


def _loading(office: Office) -> list[str]:
    """Assets of live up to its uploads; what follows them is the go-live job's."""
    last = office.defs.resolve_job_def("go_live_salesforce").asset_layer.selected_asset_keys
    return [name for name in office.group(LIVE) if AssetKey(name.split("/")) not in last]


def _window() -> dict[str, Any]:
    begins = datetime.now(UTC) - timedelta(hours=1)
    ends = begins + timedelta(hours=48)
    return {"begins": begins.isoformat(), "ends": ends.isoformat(), "poll_seconds": 5}


def _cutover(office: Office, practice: Practice) -> CutoverNight:
    """Two patients' numbers change in PANDA, the second after the last poll."""
    first, second = practice.tables["Patient"]["PatientID"].head(2)
    cursor: str | None = None
    asked, runs = [], []
    for number in range(4):
        if number == 1:
            _change_number(office, first, CHANGED)
        cursor, jobs = _tick(office, cursor, timedelta(seconds=10 * number))
        asked.append(jobs)
        runs += [office.run_job(job, {}) for job in jobs]
    _change_number(office, second, DRAINED)
    go_live = office.run_job("go_live_salesforce", go_live_config("salesforce", "Dr. Ames"))
    contacts = {
        each["PANDA_Key__c"]: each for each in office.outside.live.control.dump()["records"]["Contact"]
    }
    return CutoverNight(asked, runs, go_live, contacts, f"birch:patient:{first}", f"birch:patient:{second}")


def _tick(office: Office, cursor: str | None, later: timedelta) -> tuple[str | None, list[str]]:
    sensor = build_cutover_sensor("salesforce", [], now=lambda: datetime.now(UTC) + later)
    resources = {"platform": office.resource, "cutover_pace": CutoverPace()}
    with build_sensor_context(office.instance, cursor, resources=resources) as context:
        result = sensor(context)
    assert isinstance(result, SensorResult)
    return result.cursor, [str(request.job_name) for request in result.run_requests or ()]


def _change_number(office: Office, patient: int, number: str) -> None:
    """As the practice's own software does."""
    password = office.outside.secrets["TEST_OWNER_PASSWORD"]
    text = office.outside.sql.connection_string(DATABASE, OWNER, password, trust="yes")
    connection = pyodbc.connect(text, autocommit=True)
    connection.execute("UPDATE Patient SET MobilePhone = ? WHERE PatientID = ?", number, patient)
    connection.close()
