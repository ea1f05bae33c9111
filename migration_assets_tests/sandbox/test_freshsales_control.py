"""Rates on a faster clock, faults of every kind, what a killed server keeps, damage, dumps."""

import threading
import time
from collections.abc import Iterator

import pytest
import requests

from migration_assets_tests.sandbox.freshsales_fixtures import Opened, fresh, opened, session_of
from migration_sandbox.freshsales.control import ControlRefused


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("control") / "account") as account:
        yield account


@pytest.fixture
def account(server: Opened) -> Opened:
    return fresh(server)


OWNERS = "/selector/owners"


def test_the_hour_is_the_accounts_and_says_when_it_is_over(account: Opened) -> None:
    account.control.settings(plan="growth", calls_an_hour=3)
    assert [account.call("GET", OWNERS).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    wait = int(account.call("GET", OWNERS).headers["Retry-After"])
    assert 3590 <= wait <= 3600
    account.control.advance(wait)
    assert account.call("GET", OWNERS).status_code == 200
    rates = account.control.rates()
    assert (rates["peak_hour"], rates["refused"]) == (3, 3)


def test_plans_have_their_hour_and_all_share_a_minute(account: Opened) -> None:
    account.control.settings(rate_headers=True)
    for plan, limit in (("growth", 1000), ("pro", 2000), ("enterprise", 5000)):
        account.control.settings(plan=plan)
        assert account.call("GET", OWNERS).headers["X-RateLimit-Limit"] == str(limit)
    account.control.settings(calls_a_minute=4)
    assert account.call("GET", OWNERS).status_code == 200
    refused = account.call("GET", OWNERS)
    assert (refused.status_code, int(refused.headers["Retry-After"]) <= 60) == (429, True)


def test_a_faster_clock_ends_the_minute_sooner(account: Opened) -> None:
    account.control.settings(calls_a_minute=1, clock_speed=600, retry_after_in="wall")
    assert account.call("GET", OWNERS).status_code == 200
    refused = account.call("GET", OWNERS)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    time.sleep(0.12)
    assert account.call("GET", OWNERS).status_code == 200


def test_calls_refused_may_count_and_a_wrong_key_never_does(account: Opened) -> None:
    account.control.settings(calls_an_hour=1, refused_calls_count=True)
    session_of(account.sandbox, "wrong").get(f"{account.sandbox.url}/api{OWNERS}", timeout=30)
    assert [account.call("GET", OWNERS).status_code for _ in range(3)] == [200, 429, 429]
    assert account.control.rates()["hour"] == 3


@pytest.mark.parametrize(
    ("kind", "status"), [("limit", 429), ("error", 500), ("unavailable", 503), ("key", 401)]
)
def test_an_answer_can_be_an_error_before_the_deed(account: Opened, kind: str, status: int) -> None:
    account.control.fault(kind, count=2, method="POST", path="/contacts$")
    body = {"contact": {"last_name": "X"}}
    assert [account.call("POST", "/contacts", json=body).status_code for _ in range(3)] == [
        status,
        status,
        200,
    ]
    assert account.control.counts()["contacts"] == 1


@pytest.mark.parametrize(("moment", "kept"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("how", ["lost", "timeout"])
def test_an_answer_can_be_lost_before_or_after_the_deed(
    account: Opened, how: str, moment: str, kept: int
) -> None:
    account.control.fault(f"{how}_{moment}", path="/contacts$", seconds=0.05)
    with pytest.raises(requests.exceptions.ConnectionError):
        account.call("POST", "/contacts", json={"contact": {"last_name": "X"}})
    assert account.control.counts()["contacts"] == kept
    assert account.control.requests()[-1].status is None
    account.contact()


def test_an_upload_can_be_lost_after_the_deed(account: Opened) -> None:
    patient = account.contact()
    account.control.fault("lost_after", path="/documents$")
    with pytest.raises(requests.exceptions.ConnectionError):
        account.upload(patient["id"], b"x" * 300_000)
    assert account.control.counts()["document"] == 1


def test_a_share_of_calls_fails_by_a_seed(account: Opened) -> None:
    def fails() -> list[bool]:
        account.control.reset()
        account.control.fault("error", count=1000, share=0.3, seed=7)
        return [account.call("GET", OWNERS).status_code == 500 for _ in range(30)]

    first = fails()
    assert 0 < sum(first) < 30
    assert fails() == first
    account.control.forget_faults()
    assert account.call("GET", OWNERS).status_code == 200


def test_a_held_call_is_let_go(account: Opened) -> None:
    held = account.control.hold("GET", "/owners")
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(account.call("GET", OWNERS).status_code))
    thread.start()
    held.wait()
    held.release()
    thread.join()
    assert found == [200]


def test_the_log_has_paths_and_no_values(account: Opened) -> None:
    account.control.forget_requests()
    made = account.contact(last_name="Secretperson")
    account.ok("GET", "/lookup?q=Secretperson&f=last_name&entities=contact")
    url = account.upload(made["id"], b"x", "Secretfile.pdf").json()["url"]
    account.session.get(url, timeout=30)
    told = [(entry.method, entry.path, entry.status) for entry in account.control.requests()]
    assert told[0] == ("POST", "/api/contacts", 200)
    assert told[-1][1].endswith("/{signed}")
    assert "Secret" not in str(told) + account.sandbox.log_path.read_text()


def test_control_wants_its_token_and_knows_its_settings(account: Opened) -> None:
    assert account.session.get(f"{account.sandbox.url}/sandbox/dump", timeout=30).status_code == 404
    with pytest.raises(ControlRefused, match="plan"):
        account.control.settings(plan="ultimate")
    with pytest.raises(ControlRefused, match="time_zone"):
        account.control.settings(time_zone="Mars/Olympus")
    with pytest.raises(ControlRefused, match="kind is one of"):
        account.control.fault("earthquake")


def test_a_killed_server_comes_back_as_it_was(account: Opened) -> None:
    account.control.settings(calls_an_hour=1000, clock_speed=50)
    account.control.advance(86_400)
    patient = account.contact(external_id="k1")
    account.note(patient["id"], "x")
    account.upload(patient["id"], b"content")
    account.ok("DELETE", f"/contacts/{account.contact()['id']}")
    before, rates, moment = account.control.dump(), account.control.rates()["total"], account.control.time()
    account.sandbox.kill()
    account.sandbox.start()
    account.session = session_of(account.sandbox)
    assert account.control.dump() == before
    assert account.control.rates()["total"] == rates
    assert account.control.time() > moment
    assert account.control.settings()["clock_speed"] == 50
    assert account.contact()["id"] > patient["id"]


def test_damage_is_done_behind_the_clients_back(account: Opened) -> None:
    name = account.field("contacts", "Depth", "number")
    made = account.contact(first_name="Jane", city="Boston", custom_field={name: 4})
    note = account.note(made["id"], "one\r\ntwo")
    document = account.upload(made["id"], b"content").json()["id"]
    path = f"/contacts/{made['id']}"
    account.control.corrupt("change_character", "contacts", field=name)
    account.control.corrupt("swap_fields", "contacts", field="first_name", other_field="city")
    told = account.ok("GET", path)["contact"]
    assert (told["custom_field"][name], told["first_name"], told["city"]) == (5, "Boston", "Jane")
    account.control.corrupt("lose_line_break", "note", field="description", id=note["id"])
    assert account.ok("GET", f"{path}?include=notes")["notes"][0]["description"] == "one two"
    before = account.control.dump()["document"][str(document)]["sha256"]
    account.control.corrupt("change_byte", "document")
    assert account.control.dump()["document"][str(document)]["sha256"] != before
    url = account.ok("GET", f"{path}/document_associations")["documents"][0]["url"]
    assert account.session.get(url, timeout=30).content != b"content"
    account.control.corrupt("double", "contacts", key_field="city", key="Jane")
    assert account.control.counts()["contacts"] == 2
    account.control.corrupt("delete", "note")
    assert account.control.counts()["note"] == 0
    with pytest.raises(ControlRefused, match="no record fits"):
        account.control.corrupt("delete", "note")


def test_two_users_may_have_one_email(account: Opened) -> None:
    for _ in range(2):
        account.control.add_user("twice@example.com", "Twice")
    listed = account.ok("GET", OWNERS)["users"]
    assert [item["email"] for item in listed].count("twice@example.com") == 2
