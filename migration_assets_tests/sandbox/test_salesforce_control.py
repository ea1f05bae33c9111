"""What a test may do to the sandbox org: watch, hold, drop, damage, fail, kill."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from migration_assets_tests.sandbox.salesforce_fixtures import Opened, csv_text, make_exam_schema, sign_in
from migration_sandbox.salesforce.control import ControlRefused, NotHeld
from migration_sandbox.salesforce.launch import SalesforceSandbox

UPSERT = {"externalIdFieldName": "PANDA_Key__c"}


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("control") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        yield opened


def test_the_log_shows_requests_without_values(org: Opened) -> None:
    org.sandbox.control.forget_requests()
    assert org.sandbox.control.requests() == []
    org.client.Contact.upsert("PANDA_Key__c/secret-77", {"LastName": "Hidden"})
    org.client.query("SELECT Id FROM Contact WHERE LastName = 'Hidden'")
    found = org.sandbox.control.requests()
    assert [(entry.method, entry.status) for entry in found] == [("PATCH", 201), ("GET", 200)]
    assert found[0].path.endswith("/Contact/PANDA_Key__c/{value}")
    own_log = org.sandbox.log_path.read_text()
    assert "secret-77" not in own_log
    assert "Hidden" not in own_log


def test_control_wants_its_token(org: Opened) -> None:
    answer = org.bulk.session.get(f"{org.sandbox.url}/sandbox/requests", timeout=30)
    assert answer.status_code == 404


def _in_background(work: object, *given: object) -> tuple[threading.Thread, list[BaseException]]:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work(*given)  # type: ignore[operator]
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


@pytest.mark.parametrize(("moment", "kept"), [("before", 0), ("after", 1)])
def test_a_request_dropped_before_or_after_it_is_processed(org: Opened, moment: str, kept: int) -> None:
    key = f"dropped-{moment}"
    held = org.sandbox.control.hold("PATCH", "/sobjects/Contact/PANDA_Key__c/", moment=moment)
    thread, failures = _in_background(org.client.Contact.upsert, f"PANDA_Key__c/{key}", {"LastName": "x"})
    held.wait()
    held.drop()
    thread.join()
    assert isinstance(failures[0], requests.exceptions.ConnectionError)
    found = org.client.query(f"SELECT COUNT() FROM Contact WHERE PANDA_Key__c = '{key}'")
    assert found["totalSize"] == kept


def test_the_second_matching_request_is_the_one_held(org: Opened) -> None:
    held = org.sandbox.control.hold("GET", "/limits", nth=2)
    assert org.bulk.request("GET", "/limits").status_code == 200
    assert held.state == "waiting"
    thread, failures = _in_background(org.bulk.request, "GET", "/limits")
    held.wait()
    held.release()
    thread.join()
    assert not failures
    with pytest.raises(NotHeld):
        org.sandbox.control.hold("GET", "/nothing").wait(0.05)


def test_an_upload_cut_in_the_middle_leaves_the_job_open_and_empty(org: Opened) -> None:
    job = org.bulk.create("Contact", "upsert", **UPSERT)
    content = csv_text(["PANDA_Key__c", "LastName"], [[f"cut{n}", "x" * 50] for n in range(50_000)]).encode()
    held = org.sandbox.control.hold("PUT", "/batches", moment="upload", size=500_000)
    thread, failures = _in_background(org.bulk.put, job, content)
    held.wait()
    held.drop()
    thread.join()
    assert failures
    assert org.bulk.request("GET", f"/jobs/ingest/{job}").json()["state"] == "Open"
    assert org.bulk.put(job, content).status_code == 201


def test_results_can_be_cut_in_the_middle(org: Opened) -> None:
    rows = [[f"res{n}", "y" * 50] for n in range(5_000)]
    job, _ = org.bulk.run("Contact", "upsert", csv_text(["PANDA_Key__c", "LastName"], rows), **UPSERT)
    held = org.sandbox.control.hold("GET", "/successfulResults", moment="download", size=10_000)
    thread, failures = _in_background(org.bulk.results, job, "successfulResults")
    held.wait()
    held.drop()
    thread.join()
    assert failures
    assert len(org.bulk.results(job, "successfulResults")) == 5_000


def test_faults_answer_for_the_platform(org: Opened) -> None:
    org.sandbox.control.fault("unavailable", count=2, path="/limits")
    org.sandbox.control.fault("limit", method="GET", path="/limits")
    codes = [org.bulk.request("GET", "/limits").status_code for _ in range(4)]
    assert codes == [503, 503, 403, 200]


def test_the_orgs_limit_stops_calls(org: Opened) -> None:
    used = org.sandbox.control.settings()["daily_api_requests"]
    org.sandbox.control.set_api_usage(used)
    answer = org.bulk.request("GET", "/limits")
    org.sandbox.control.set_api_usage(0)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_locked_rows_and_failed_jobs(org: Opened) -> None:
    org.sandbox.control.lock_rows(2)
    rows = csv_text(["PANDA_Key__c", "LastName"], [[f"lock{n}", "x"] for n in range(5)])
    job, told = org.bulk.run("Contact", "upsert", rows, **UPSERT)
    assert told["numberRecordsFailed"] == 2
    assert all(text.startswith("UNABLE_TO_LOCK_ROW:") for text in org.bulk.errors(job))
    org.sandbox.control.fail_jobs()
    assert org.bulk.run("Contact", "upsert", rows, **UPSERT)[1]["state"] == "Failed"
    assert org.bulk.run("Contact", "upsert", rows, **UPSERT)[1]["state"] == "JobComplete"


def test_corruptions_say_what_they_did_and_do_no_more(org: Opened) -> None:
    control = org.sandbox.control
    record = {"Notes__c": "a\r\nb", "Code__c": "left", "Depth__c": 3}
    org.client.Exam__c.upsert("PANDA_Key__c/harm", record)
    one = {"key_field": "PANDA_Key__c", "key": "harm"}
    done = control.corrupt("lose_line_break", "Exam__c", field="Notes__c", **one)
    assert done["fields"] == ["Notes__c"]
    control.corrupt("change_character", "Exam__c", field="Code__c", **one)
    control.corrupt("change_character", "Exam__c", field="Depth__c", **one)
    text = "SELECT Id, Notes__c, Code__c, Depth__c FROM Exam__c WHERE PANDA_Key__c = 'harm'"
    found = org.client.query(text)["records"][0]
    assert (found["Notes__c"], found["Depth__c"]) == ("ab", 4.0)
    assert sum(a != b for a, b in zip(found["Code__c"], "left", strict=True)) == 1
    double = control.corrupt("double", "Exam__c", **one)["double"]
    assert {row["Id"] for row in org.client.query(text)["records"]} == {found["Id"], double}
    control.corrupt("delete", "Exam__c", id=double)
    assert [row["Id"] for row in org.client.query(text)["records"]] == [found["Id"]]
    with pytest.raises(ControlRefused, match="no record fits"):
        control.corrupt("lose_line_break", "Exam__c", field="Notes__c", seed=1)


def test_two_fields_swapped(org: Opened) -> None:
    org.client.Contact.upsert("PANDA_Key__c/swap", {"LastName": "Last", "FirstName": "First"})
    org.sandbox.control.corrupt(
        "swap_fields",
        "Contact",
        field="FirstName",
        other_field="LastName",
        key_field="PANDA_Key__c",
        key="swap",
    )
    told = org.client.query("SELECT FirstName, LastName FROM Contact WHERE PANDA_Key__c = 'swap'")["records"]
    assert (told[0]["FirstName"], told[0]["LastName"]) == ("Last", "First")


def test_all_tokens_expire_at_once(org: Opened) -> None:
    org.sandbox.control.expire_tokens()
    assert org.bulk.request("GET", "/limits").status_code == 401
    org.bulk.session.headers["Authorization"] = f"Bearer {sign_in(org.sandbox).token}"
    assert org.bulk.request("GET", "/limits").status_code == 200


def test_a_killed_server_goes_on_where_it_was_and_does_no_batch_twice(tmp_path: Path) -> None:
    sandbox = SalesforceSandbox(tmp_path / "org").start()
    try:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        sandbox.control.settings(bulk_batch_rows=1000, bulk_batch_pause_seconds=0.05)
        job = opened.bulk.create("Contact", "insert")
        rows = [[f"kill{n}", "x"] for n in range(20_000)]
        opened.bulk.put(job, csv_text(["PANDA_Key__c", "LastName"], rows).encode())
        opened.bulk.close(job)
        while (
            not (done := opened.bulk.request("GET", f"/jobs/ingest/{job}").json()).get(
                "numberRecordsProcessed", 0
            )
            > 0
        ):
            pass
        assert done["state"] == "InProgress"
        sandbox.kill()
        sandbox.start()
        told = opened.bulk.wait(job)
        assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (
            "JobComplete", 20_000, 0,
        )  # fmt: skip
        assert sandbox.control.counts()["Contact"] == 20_000
        found = opened.bulk.results(job, "successfulResults")
        assert len({row["sf__Id"] for row in found}) == 20_000
        assert len(opened.client.Contact.describe()["fields"]) > 40
    finally:
        sandbox.kill()


def test_reset_empties_the_org_and_keeps_its_schema(tmp_path: Path) -> None:
    with SalesforceSandbox(tmp_path / "org", edition="developer") as sandbox:
        opened = sign_in(sandbox)
        opened.client.Contact.create({"LastName": "x"})
        sandbox.control.reset()
        assert sandbox.control.counts()["Contact"] == 0
        kind = opened.client.query("SELECT OrganizationType FROM Organization")["records"][0]
        assert kind["OrganizationType"] == "Developer Edition"
