"""Views and their pages, filtered search, lookup, includes."""

from collections.abc import Iterator

import pytest

from migration_assets_tests.sandbox.freshsales_fixtures import Opened, fresh, opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("lists") / "account") as account:
        yield account


@pytest.fixture
def account(server: Opened) -> Opened:
    return fresh(server, calls_a_minute=10_000)


def test_pages_of_a_view_hold_every_record_once(account: Opened) -> None:
    rows = [{"external_id": f"k{number}", "data": {"last_name": f"N{number}"}} for number in range(100)]
    account.bulk(rows)
    account.bulk([{"external_id": "k100", "data": {"last_name": "N100"}}])
    view = account.view("contacts", "All Contacts")
    seen: list[str] = []
    for page in (1, 2, 3):
        told = account.ok(
            "GET", f"/contacts/view/{view}?page={page}&per_page=50&sort=updated_at&sort_type=asc"
        )
        assert told["meta"] == {"total_pages": 3, "total": 101}
        seen += [item["external_id"] for item in told["contacts"]]
    assert sorted(seen) == sorted(f"k{number}" for number in range(101))
    assert account.ok("GET", f"/contacts/view/{view}?page=4&per_page=50")["contacts"] == []
    assert len(account.ok("GET", f"/contacts/view/{view}?per_page=500")["contacts"]) == 100
    assert len(account.ok("GET", f"/contacts/view/{view}")["contacts"]) == 25


def test_deals_are_listed_by_their_stages_forecast_and_no_view_has_all(account: Opened) -> None:
    stages = {item["name"]: item["id"] for item in account.ok("GET", "/selector/deal_stages")["deal_stages"]}
    for name in ("New", "Won", "Lost"):
        account.deal(name=name, deal_stage_id=stages[name])
    names = [item["name"] for item in account.ok("GET", "/deals/filters")["filters"]]
    assert "All Deals" not in names
    for view, name in (("Open Deals", "New"), ("Won Deals", "Won"), ("Lost Deals", "Lost")):
        listed = account.ok("GET", f"/deals/view/{account.view('deals', view)}")["deals"]
        assert [item["name"] for item in listed] == [name]


def test_a_view_takes_light_includes_and_heavy_ones_by_setting(account: Opened) -> None:
    owner = account.ok("GET", "/selector/owners")["users"][0]["id"]
    made = account.contact(owner_id=owner)
    account.note(made["id"], "seen")
    path = f"/contacts/view/{account.view('contacts', 'All Contacts')}"
    told = account.ok("GET", f"{path}?include=owner")
    assert (told["contacts"][0]["owner_id"], told["users"][0]["id"]) == (owner, owner)
    assert account.refused("GET", f"{path}?include=notes") == ["include notes is not served here"]
    account.control.settings(notes_in_views=True)
    assert account.ok("GET", f"{path}?include=notes")["notes"][0]["description"] == "seen"


def test_filtered_search_finds_by_email_and_shows_little(account: Opened) -> None:
    account.contact(emails="a@example.com")
    account.contact(emails="b@example.com", external_id="k2")
    rule = {"attribute": "contact_email.email", "operator": "is_in", "value": "A@example.com"}
    told = account.ok("POST", "/filtered_search/contact", {"filter_rule": [rule]})
    assert [item["email"] for item in told["contacts"]] == ["a@example.com"]
    assert told["contacts"][0]["partial"] is True
    assert "custom_field" not in told["contacts"][0]
    assert told["meta"] == {"total": 1}
    later = {"attribute": "updated_at", "operator": "is_after", "value": "2020-01-01T00:00:00Z"}
    key = {"attribute": "external_id", "operator": "is_in", "value": ["k2", "k3"]}
    both = account.ok("POST", "/filtered_search/contact", {"filter_rule": [later, key]})
    assert [item["email"] for item in both["contacts"]] == ["b@example.com"]
    odd = {"attribute": "city", "operator": "sounds_like", "value": "x"}
    assert account.refused("POST", "/filtered_search/contact", {"filter_rule": [odd]})
    assert account.refused("POST", "/filtered_search/lead", {"filter_rule": [key]}, status=404)


def test_lookup_wants_the_whole_value_of_one_field(account: Opened) -> None:
    name = account.field("contacts", "Chart Number", "text")
    made = account.contact(emails="a@example.com", external_id="k1", custom_field={name: "C-7"})
    for field, value in (("email", "a@example.com"), ("external_id", "k1"), (name, "C-7")):
        told = account.ok("GET", "/lookup", params={"q": value, "f": field, "entities": "contact,deal"})
        assert [item["id"] for item in told["contacts"]["contacts"]] == [made["id"]]
    nothing = account.ok("GET", "/lookup?q=example.com&f=email&entities=contact")
    assert nothing["contacts"]["contacts"] == []
    assert account.refused("GET", "/lookup?q=x&f=cf_none&entities=contact")


def test_a_search_may_lag_behind_writes(account: Opened) -> None:
    account.control.settings(search_delay_seconds=60)
    account.contact(external_id="k1")
    path = "/lookup?q=k1&f=external_id&entities=contact"
    assert account.ok("GET", path)["contacts"]["contacts"] == []
    account.control.advance(61)
    assert len(account.ok("GET", path)["contacts"]["contacts"]) == 1
