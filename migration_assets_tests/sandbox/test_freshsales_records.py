"""Contacts, sales accounts and deals: shapes, links, unique rules, upsert, the recycle bin, forgetting."""

from collections.abc import Iterator

import pytest

from migration_assets_tests.sandbox.freshsales_fixtures import Opened, fresh, opened, session_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("records") / "account") as account:
        yield account


@pytest.fixture
def account(server: Opened) -> Opened:
    return fresh(server)


def test_a_contact_comes_back_in_the_recorded_shape(account: Opened) -> None:
    made = account.contact(first_name="Jane", emails="jane@example.com", external_id="PANDA:maple:patient:1")
    assert len(str(made["id"])) == 11
    assert made["display_name"] == "Jane Sampleton"
    assert made["email"] == "jane@example.com"
    assert [(item["value"], item["is_primary"], item["_destroy"]) for item in made["emails"]] == [
        ("jane@example.com", True, False)
    ]
    assert made["custom_field"] == {}
    assert made["is_deleted"] is False
    assert made["links"]["notes"].startswith(f"/crm/sales/contacts/{made['id']}/notes")
    assert made["created_at"][-6:] in ("-04:00", "-05:00")
    assert account.ok("GET", f"/contacts/{made['id']}") == {"contact": made, "meta": None}


def test_a_write_may_be_flat_or_under_its_root(account: Opened) -> None:
    flat = account.ok("POST", "/contacts", {"first_name": "Flat"})["contact"]
    assert account.ok("PUT", f"/contacts/{flat['id']}", {"contact": {"city": "Boston"}})["contact"][
        "city"
    ] == ("Boston")


def test_an_answer_can_be_sent_back_as_it_is(account: Opened) -> None:
    made = account.contact(emails="jane@example.com", tags=["patient"])
    again = account.ok("PUT", f"/contacts/{made['id']}", {"contact": made})["contact"]
    assert {**again, "updated_at": None} == {**made, "updated_at": None}


def test_unknown_fields_are_refused_by_name_or_ignored(account: Opened) -> None:
    body = {"contact": {"last_name": "X", "nickname": "Y", "custom_field": {"cf_none": 1}}}
    assert account.refused("POST", "/contacts", body) == [
        "nickname is not a field of Contact",
        "cf_none is not a field of Contact",
    ]
    account.control.settings(unknown_fields="ignore")
    assert account.ok("POST", "/contacts", body)["contact"]["custom_field"] == {}


def test_two_contacts_cant_share_a_primary_email_or_an_external_id(account: Opened) -> None:
    account.contact(emails="family@example.com", external_id="k1")
    body = {"contact": {"last_name": "B", "emails": "Family@Example.com", "external_id": "k1"}}
    assert account.refused("POST", "/contacts", body) == [
        "Email has already been taken",
        "External ID has already been taken",
    ]
    account.control.settings(unique_emails=False)
    account.contact(emails="family@example.com", external_id="k2")


def test_a_second_email_may_be_anothers_first(account: Opened) -> None:
    account.contact(emails="family@example.com")
    child = account.contact(emails=["child@example.com", "family@example.com"])
    assert child["email"] == "child@example.com"
    assert [item["is_primary"] for item in child["emails"]] == [True, False]


def test_emails_are_changed_one_by_one_by_their_id(account: Opened) -> None:
    made = account.contact(emails=["a@example.com", "b@example.com"])
    first, second = made["emails"]
    body = {
        "emails": [{**first, "_destroy": True}, {**second, "is_primary": True}, {"value": "c@example.com"}]
    }
    told = account.ok("PUT", f"/contacts/{made['id']}", {"contact": body})["contact"]
    assert told["email"] == "b@example.com"
    assert [item["value"] for item in told["emails"]] == ["b@example.com", "c@example.com"]


def test_accounts_are_unique_by_name_and_contacts_belong_to_them(account: Opened) -> None:
    office = account.ok("POST", "/sales_accounts", {"sales_account": {"name": "Dr. X"}})["sales_account"]
    assert account.refused("POST", "/sales_accounts", {"sales_account": {"name": "dr. x"}}) == [
        "Name has already been taken"
    ]
    made = account.contact(sales_accounts=[{"id": office["id"], "is_primary": True}])
    assert [(item["id"], item["is_primary"], item["partial"]) for item in made["sales_accounts"]] == [
        (office["id"], True, True)
    ]
    body = {"contact": {"sales_accounts": [{"id": 1}]}}
    assert account.refused("PUT", f"/contacts/{made['id']}", body)


def test_a_deal_has_its_amount_as_a_string_and_its_links(account: Opened) -> None:
    patient = account.contact()
    made = account.deal(contacts_added_list=[patient["id"]])
    assert made["amount"] == "5600.0"
    told = account.ok("GET", f"/deals/{made['id']}?include=contacts,owner,deal_stage")
    assert told["deal"]["contact_ids"] == [patient["id"]]
    assert [item["id"] for item in told["contacts"]] == [patient["id"]]
    assert told["deal"]["owner_id"] is None
    assert [item["name"] for item in told["deal_stages"]] == ["New"]
    assert account.refused("POST", "/deals", {"deal": {"name": "No amount"}}) == ["Deal value can't be blank"]
    shown = account.ok("GET", f"/contacts/{patient['id']}?include=deals")
    assert (shown["contact"]["open_deals_amount"], shown["contact"]["open_deals_count"]) == ("5600.0", 1)


def test_a_stage_belongs_to_its_pipeline_and_a_closed_one_dates_the_deal(account: Opened) -> None:
    stages = [("Consultation", "Open", 20), ("Completed", "Closed Won", 100), ("Lost", "Closed Lost", 0)]
    made = account.control.add_pipeline("Treatment", stages)
    done = account.deal(deal_pipeline_id=made["id"], deal_stage_id=made["stages"]["Completed"])
    assert done["closed_date"] is not None
    other = account.ok("GET", "/selector/deal_pipelines")["deal_pipelines"][0]["deal_stages"][0]["id"]
    assert account.refused("PUT", f"/deals/{done['id']}", {"deal": {"deal_stage_id": other}}) == [
        "Deal stage is not one of the deal's pipeline"
    ]
    again = account.ok(
        "PUT", f"/deals/{done['id']}", {"deal": {"deal_stage_id": made["stages"]["Consultation"]}}
    )
    assert again["deal"]["closed_date"] is None


def test_upsert_finds_by_email_or_external_id_and_creates_once(account: Opened) -> None:
    body = {"unique_identifier": {"external_id": "k1"}, "contact": {"last_name": "One"}}
    first = account.ok("POST", "/contacts/upsert", body)["contact"]
    assert first["external_id"] == "k1"
    again = account.ok("POST", "/contacts/upsert", {**body, "contact": {"last_name": "Two"}})["contact"]
    assert (again["id"], again["last_name"]) == (first["id"], "Two")
    by_email = {"unique_identifier": {"emails": "z@example.com"}, "contact": {"last_name": "Z"}}
    assert account.ok("POST", "/contacts/upsert", by_email)["contact"]["email"] == "z@example.com"
    assert account.control.counts()["contacts"] == 2
    unknown = {"unique_identifier": {"city": "Boston"}, "contact": {}}
    assert account.refused("POST", "/contacts/upsert", unknown)
    assert account.refused("POST", "/custom_module/cm_x/upsert", {}, status=404)


def test_a_deleted_record_lies_in_the_bin_and_gives_its_keys_back(account: Opened) -> None:
    made = account.contact(emails="a@example.com")
    assert account.ok("DELETE", f"/contacts/{made['id']}") is True
    assert account.refused("GET", f"/contacts/{made['id']}", status=404)
    listed = account.ok("GET", f"/contacts/view/{account.view('contacts', 'Recycle Bin')}")["contacts"]
    assert [(item["id"], item["is_deleted"]) for item in listed] == [(made["id"], True)]
    account.contact(emails="a@example.com")
    account.control.settings(bin_keeps_unique=True)
    assert account.refused("POST", "/contacts", {"contact": {"emails": "a@example.com"}}) == [
        "Email has already been taken"
    ]


def test_the_bin_forgets_after_its_days(account: Opened) -> None:
    made = account.contact()
    account.ok("DELETE", f"/contacts/{made['id']}")
    account.control.advance(91 * 86_400)
    assert account.ok("GET", f"/contacts/view/{account.view('contacts', 'Recycle Bin')}")["contacts"] == []
    assert account.control.counts()["contacts:bin"] == 0


def test_forgetting_takes_notes_files_and_links_along(account: Opened) -> None:
    patient, other = account.contact(), account.contact()
    deal = account.deal(contacts_added_list=[patient["id"], other["id"]])
    account.note(patient["id"], "x")
    account.note(other["id"], "stays")
    assert account.upload(patient["id"], b"%PDF").status_code == 200
    assert account.ok("DELETE", f"/contacts/{patient['id']}/forget") is True
    counts = account.control.counts()
    assert (counts["contacts"], counts["contacts:bin"], counts["note"], counts["document"]) == (1, 0, 1, 0)
    assert counts["file_bytes"] == 0
    linked = account.ok("GET", f"/deals/{deal['id']}?include=contacts")["deal"]["contact_ids"]
    assert linked == [other["id"]]


def test_bulk_destroy_is_all_or_nothing(account: Opened) -> None:
    ids = [account.contact()["id"] for _ in range(3)]
    assert account.refused("POST", "/contacts/bulk_destroy", {"selected_ids": [*ids, 1]}, status=404)
    account.ok("POST", "/contacts/bulk_destroy", {"selected_ids": ids})
    assert account.control.counts()["contacts:bin"] == 3


def test_created_at_is_the_accounts_own_unless_it_keeps_what_was_sent(account: Opened) -> None:
    sent = {"created_at": "2001-02-03T04:05:06-05:00"}
    assert account.contact(**sent)["created_at"] > "2020"
    account.control.settings(keep_sent_created_at=True)
    assert account.contact(**sent)["created_at"] == "2001-02-03T04:05:06-05:00"


def test_owners_are_users_that_are_active(account: Opened) -> None:
    gone = account.control.add_user("gone@example.com", "Gone", active=False)
    listed = account.ok("GET", "/selector/owners")["users"]
    assert {item["email"]: item["is_active"] for item in listed}["gone@example.com"] is False
    body = {"contact": {"last_name": "X", "owner_id": gone}}
    assert account.refused("POST", "/contacts", body) == ["Sales owner is invalid: there is no such id"]


def test_a_key_is_a_users(account: Opened) -> None:
    for header in ("", "Token token=wrong", "Bearer " + account.sandbox.api_key):
        answer = account.session.get(
            f"https://{account.sandbox.bundle}/api/selector/owners",
            headers={"Authorization": header},
            timeout=30,
        )
        assert answer.status_code == 401
    account.control.add_user("agent@example.com", "Agent", key="agent-key")
    agent = Opened(account.sandbox, session_of(account.sandbox, "agent-key"))
    number = agent.contact()["id"]
    assert agent.ok("GET", f"/contacts/{number}?include=creater")["users"][0]["email"] == "agent@example.com"
    form = agent.form("contacts")
    assert agent.refused(
        "POST", f"/settings/contacts/forms/{form}/fields", {"label": "A", "field_type": "text"}, status=403
    )


def test_both_forms_of_address_are_served_and_the_rest_is_refused(account: Opened) -> None:
    short = account.session.get(f"{account.sandbox.url}/api/selector/owners", timeout=30)
    assert short.status_code == 200
    assert account.refused("GET", "/cpq/products", status=501)
    assert account.refused("GET", "/nonsense", status=404) == ["The sandbox knows no GET of this path"]
    assert account.refused("GET", "/contacts", status=404)
    account.control.settings(not_found_message="list", create_status=201)
    assert account.call("GET", "/contacts/1").json()["errors"]["message"] == ["The resource was not found"]
    assert account.call("POST", "/contacts", json={"last_name": "X"}).status_code == 201
