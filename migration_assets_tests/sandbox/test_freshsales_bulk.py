"""Bulk upserts: jobs, failures of single rows, and a server that is killed between two of them."""

from collections.abc import Iterator

import pytest

from migration_assets_tests.sandbox.freshsales_fixtures import Opened, fresh, opened, session_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("bulk") / "account") as account:
        yield account


@pytest.fixture
def account(server: Opened) -> Opened:
    return fresh(server, calls_a_minute=10_000)


def test_rows_are_found_by_email_external_id_or_id(account: Opened) -> None:
    old = account.contact(emails="a@example.com", city="Boston")
    other = account.contact()
    job = account.bulk(
        [
            {"emails": "a@example.com", "data": {"last_name": "A"}},
            {"external_id": "k1", "data": {"last_name": "B"}},
            {"id": other["id"], "data": {"last_name": "C"}},
        ]
    )
    assert (job["status"], job["progress"]) == ("completed", 100)
    assert job["data"] == {"success_count": 3, "failed_count": 0}
    told = account.ok("GET", f"/contacts/{old['id']}")["contact"]
    assert (told["last_name"], told["city"]) == ("A", "Boston")
    assert account.control.counts()["contacts"] == 3


@pytest.mark.parametrize("style", ["listed", "counted", "silent"])
def test_a_row_that_fails_leaves_the_others_and_says_what_the_setting_allows(
    account: Opened, style: str
) -> None:
    account.control.settings(bulk_failures=style)
    taken = account.contact(emails="taken@example.com")
    job = account.bulk(
        [
            {"external_id": "k1", "data": {"last_name": "A", "emails": "taken@example.com"}},
            {"external_id": "k2", "data": {"last_name": "B"}},
            {"id": 1, "data": {}},
        ]
    )
    assert job["status"] == "completed"
    assert account.control.counts()["contacts"] == 2
    match style:
        case "silent":
            assert job["data"] is None
        case "counted":
            assert job["data"] == {"success_count": 1, "failed_count": 2}
        case _:
            assert [item["index"] for item in job["data"]["errors"]] == [0, 2]
            assert job["data"]["errors"][0]["message"] == "Email has already been taken"
            assert job["data"]["ids"][1] not in (None, taken["id"])


def test_a_call_is_refused_whole_where_it_is_malformed(account: Opened) -> None:
    row = {"external_id": "k", "data": {"last_name": "A"}}
    malformed: list[object] = [[row] * 101, [], "x", [{"data": {}}], [{**row, "emails": "a@b.co"}]]
    for rows in [*malformed, [{**row, "city": "x"}]]:
        assert account.refused("POST", "/contacts/bulk_upsert", {"contacts": rows})
    account.control.settings(bulk_contact_keys=["emails"])
    assert account.refused("POST", "/contacts/bulk_upsert", {"contacts": [row]})
    account.control.settings(bulk_contact_keys=["emails", "external_id"])
    assert account.control.counts()["contacts"] == 0


def test_rows_and_jobs_fail_on_demand(account: Opened) -> None:
    rows = [{"external_id": f"k{number}", "data": {"last_name": "A"}} for number in range(4)]
    account.control.fail_rows(1)
    assert account.bulk(rows)["data"] == {"success_count": 3, "failed_count": 1}
    account.control.fail_jobs()
    assert account.bulk(rows)["status"] == "failed"


def test_accounts_and_deals_are_upserted_by_name(account: Opened) -> None:
    row = {"name": "Office", "data": {"city": "Boston"}}
    account.bulk([row, row], "sales_accounts")
    assert account.control.counts()["sales_accounts"] == 1
    account.bulk([{"name": "Plan", "data": {"amount": 5}}], "deals")
    assert account.control.counts()["deals"] == 1


def test_a_killed_server_goes_on_after_its_last_row(account: Opened) -> None:
    account.control.settings(bulk_row_seconds=0.02)
    rows = [{"external_id": f"k{number}", "data": {"last_name": f"N{number}"}} for number in range(40)]
    told = account.ok("POST", "/contacts/bulk_upsert", {"contacts": rows})
    while account.control.counts()["contacts"] < 5:
        pass
    account.sandbox.kill()
    account.sandbox.start()
    account.session = session_of(account.sandbox)
    account.control.settings(bulk_row_seconds=0)
    assert account.finished(told["job_status_url"])["data"] == {"success_count": 40, "failed_count": 0}
    keys = [item["values"]["external_id"] for item in account.control.dump()["contacts"].values()]
    assert sorted(keys) == sorted(f"k{number}" for number in range(40))
