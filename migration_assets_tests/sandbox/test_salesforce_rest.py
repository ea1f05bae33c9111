"""The sandbox org over REST: sessions, describe, records, SOQL, by simple-salesforce and requests."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from migration_assets_tests.sandbox.salesforce_fixtures import (
    Opened,
    make_exam_schema,
    sign_in,
    trusting_session,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("rest") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        yield opened


def _content(error: SalesforceError) -> Any:
    return error.content


class _ToSandbox(HTTPAdapter):
    """Sends what is meant for a My Domain host to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://practice.my.salesforce.com", self.url)
        return super().send(request, *args, **more)


def test_simple_salesforce_signs_in_by_client_credentials(org: Opened) -> None:
    session = trusting_session(org.sandbox)
    session.mount("https://practice.my.salesforce.com", _ToSandbox(org.sandbox.url))
    client = Salesforce(
        consumer_key=org.sandbox.client_id,
        consumer_secret=org.sandbox.client_secret,
        domain="practice.my",
        session=session,
    )
    assert client.query("SELECT Id FROM Organization")["totalSize"] == 1


def test_a_wrong_secret_is_an_invalid_client(org: Opened) -> None:
    session = trusting_session(org.sandbox)
    session.mount("https://practice.my.salesforce.com", _ToSandbox(org.sandbox.url))
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client"):
        Salesforce(
            consumer_key=org.sandbox.client_id, consumer_secret="no", domain="practice.my", session=session
        )


def test_an_expired_token_is_refused_as_the_platform_does(org: Opened) -> None:
    other = sign_in(org.sandbox)
    before = org.sandbox.control.settings()["token_lifetime_seconds"]
    org.sandbox.control.settings(token_lifetime_seconds=0)
    try:
        with pytest.raises(SalesforceExpiredSession) as refused:
            other.client.query("SELECT Id FROM User")
    finally:
        org.sandbox.control.settings(token_lifetime_seconds=before)
    assert _content(refused.value) == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


def test_every_answer_tells_the_api_usage(org: Opened) -> None:
    answer = org.bulk.request("GET", "/limits")
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")
    assert answer.json()["DailyApiRequests"]["Max"] == 100_000


def test_userinfo_names_the_org(org: Opened) -> None:
    told = org.bulk.session.get(f"{org.sandbox.url}/services/oauth2/userinfo", timeout=30).json()
    assert told["organization_id"].startswith("00D")


def test_contact_has_its_standard_fields_with_their_lengths(org: Opened) -> None:
    fields = {item["name"]: item for item in org.client.Contact.describe()["fields"]}
    assert (fields["LastName"]["length"], fields["LastName"]["nillable"]) == (80, False)
    assert (fields["MailingStreet"]["type"], fields["MailingStreet"]["length"]) == ("textarea", 255)
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert (fields["PANDA_Key__c"]["externalId"], fields["PANDA_Key__c"]["unique"]) == (True, True)
    assert fields["CreatedDate"]["createable"] is False


def test_a_record_is_made_changed_read_and_deleted(org: Opened) -> None:
    made = org.client.Contact.create({"LastName": "Ångström", "FirstName": "Ada", "Birthdate": "1970-02-03"})
    org.client.Contact.update(made["id"], {"FirstName": None, "HasOptedOutOfEmail": True})
    found = org.client.Contact.get(made["id"])
    assert (found["Name"], found["FirstName"], found["HasOptedOutOfEmail"]) == ("Ångström", None, True)
    assert found["CreatedDate"].endswith("+0000")
    org.client.Contact.delete(made["id"])
    with pytest.raises(SalesforceResourceNotFound) as gone:
        org.client.Contact.get(made["id"])
    assert _content(gone.value)[0]["errorCode"] == "ENTITY_IS_DELETED"


def test_upsert_by_external_id_creates_once_and_finds_the_key_in_any_case(org: Opened) -> None:
    assert org.client.Contact.upsert("PANDA_Key__c/maple:patient:77", {"LastName": "A"}) == 201
    assert org.client.Contact.upsert("PANDA_Key__c/MAPLE:Patient:77", {"LastName": "B"}) == 200
    told = org.client.query("SELECT LastName FROM Contact WHERE PANDA_Key__c = 'maple:patient:77'")
    assert [row["LastName"] for row in told["records"]] == ["B"]


def test_an_external_id_held_twice_answers_300(org: Opened) -> None:
    org.client.Contact.upsert("PANDA_Key__c/twice", {"LastName": "A"})
    org.sandbox.control.corrupt("double", "Contact", key_field="PANDA_Key__c", key="twice")
    with pytest.raises(SalesforceMoreThanOneRecord):
        org.client.Contact.upsert("PANDA_Key__c/twice", {"LastName": "B"})


def test_a_child_finds_its_parent_by_external_id(org: Opened) -> None:
    org.client.Contact.upsert("PANDA_Key__c/parent", {"LastName": "Parent"})
    org.client.Exam__c.upsert("PANDA_Key__c/child", {"Depth__c": 5, "Contact__r": {"PANDA_Key__c": "Parent"}})
    found = org.client.query(
        "SELECT Contact__r.LastName, Contact__r.Owner.Name, Depth__c "
        "FROM Exam__c WHERE PANDA_Key__c = 'child'"
    )["records"][0]
    assert found["Contact__r"]["LastName"] == "Parent"
    assert found["Contact__r"]["Owner"]["Name"] == "Sandbox Migration"
    assert found["Depth__c"] == 5.0


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"FirstName": "x"}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG"),
        ({"LastName": "x", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS"),
        ({"LastName": "x", "AccountId": "001"}, "MALFORMED_ID"),
        ({"LastName": "x", "Nothing__c": "1"}, "INVALID_FIELD"),
        ({"LastName": "x", "CreatedDate": "2020-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_bad_record_is_refused_with_its_code(org: Opened, record: dict[str, str], code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.client.Contact.create(record)
    assert _content(refused.value)[0]["errorCode"] == code


def test_audit_fields_are_set_on_insert_where_the_org_permits_it(org: Opened) -> None:
    org.sandbox.control.settings(set_audit_fields=True)
    try:
        made = org.client.Contact.create({"LastName": "Old", "CreatedDate": "2010-05-06T07:08:09Z"})
        found = org.client.Contact.get(made["id"])
        assert found["CreatedDate"] == "2010-05-06T07:08:09.000+0000"
        with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
            org.client.Contact.update(made["id"], {"CreatedDate": "2011-05-06T07:08:09Z"})
    finally:
        org.sandbox.control.settings(set_audit_fields=False)


def test_collections_upsert_in_order_and_say_what_failed(org: Opened) -> None:
    records = [
        {"attributes": {"type": "Contact"}, "PANDA_Key__c": f"c{n}", "LastName": name}
        for n, name in enumerate(["A", None, "C"])
    ]
    answer = org.bulk.request(
        "PATCH", "/composite/sobjects/Contact/PANDA_Key__c", json={"records": records, "allOrNone": False}
    )
    told = answer.json()
    assert [item["success"] for item in told] == [True, False, True]
    assert told[0]["created"] is True
    assert told[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    wanted = ",".join(item["id"] for item in told if item["success"])
    gone = org.bulk.request("DELETE", f"/composite/sobjects?ids={wanted}").json()
    assert [item["success"] for item in gone] == [True, True]


def test_composite_passes_an_id_on(org: Opened) -> None:
    body = {
        "compositeRequest": [
            {
                "method": "POST",
                "url": "/services/data/v66.0/sobjects/Account",
                "referenceId": "a",
                "body": {"Name": "Practice"},
            },
            {
                "method": "POST",
                "url": "/services/data/v66.0/sobjects/Contact",
                "referenceId": "c",
                "body": {"LastName": "x", "AccountId": "@{a.id}"},
            },
        ]
    }
    told = org.bulk.request("POST", "/composite", json=body).json()["compositeResponse"]
    assert [item["httpStatusCode"] for item in told] == [201, 201]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Code__c = 'o\\'neil'", ["O'Neil"]),
        ("Code__c LIKE '50\\%%'", ["50% off"]),
        ("Code__c LIKE 'a\\_c'", ["a_c"]),
        ("Code__c LIKE 'a_c'", ["a_c", "abc"]),
        ("Code__c = 'x\\\\y'", ["x\\y"]),
        ("Code__c = 'l\\nm'", ["l\nm"]),
        ("Code__c IN ('ABC', 'a_c') AND NOT Depth__c > 3", ["a_c", "abc"]),
        ("Depth__c = null AND Code__c != 'abc'", ["50% off"]),
        ("Exam_Date__c >= 2024-01-02 OR Seen_At__c < 2020-01-01T00:00:00Z", ["O'Neil", "x\\y"]),
        ("(Flag__c = true OR System__c = 'fdi') AND Code__c NOT IN ('x\\\\y')", ["l\nm"]),
    ],
)
def test_soql_finds_what_the_platform_would(org: Opened, condition: str, expected: list[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"Code__c": "O'Neil", "Depth__c": 4, "Exam_Date__c": "2024-01-02"},
        {"Code__c": "50% off"},
        {"Code__c": "a_c", "Depth__c": 0},
        {"Code__c": "abc", "Depth__c": 3, "Exam_Date__c": "2024-01-01"},
        {"Code__c": "x\\y", "Depth__c": 9, "Seen_At__c": "2019-12-31T23:00:00-00:30", "Flag__c": True},
        {"Code__c": "l\nm", "Depth__c": 9, "System__c": "FDI"},
    ]
    records = [
        {"attributes": {"type": "Exam__c"}, "PANDA_Key__c": f"soql{n}", **row} for n, row in enumerate(rows)
    ]
    told = org.bulk.request(
        "PATCH", "/composite/sobjects/Exam__c/PANDA_Key__c", json={"records": records}
    ).json()
    assert all(item["success"] for item in told), told
    where = f"PANDA_Key__c LIKE 'soql%' AND ({condition})"
    found = org.client.query(f"SELECT Code__c FROM Exam__c WHERE {where} ORDER BY Code__c NULLS LAST")
    assert sorted(row["Code__c"] for row in found["records"]) == sorted(expected)


def test_pages_of_two_thousand_hold_every_record_once(org: Opened) -> None:
    rows = "PANDA_Key__c,LastName\n" + "".join(f"page{n},x\n" for n in range(4500))
    org.bulk.run("Contact", "insert", rows)
    told = org.client.query_all("SELECT PANDA_Key__c FROM Contact WHERE PANDA_Key__c LIKE 'page%'")
    assert len({row["PANDA_Key__c"] for row in told["records"]}) == told["totalSize"] == 4500
    first = org.client.query("SELECT Id FROM Contact WHERE PANDA_Key__c LIKE 'page%'")
    assert (len(first["records"]), first["done"]) == (2000, False)


def test_counts_and_groups(org: Opened) -> None:
    org.client.Exam__c.upsert("PANDA_Key__c/g1", {"System__c": "FDI", "Depth__c": 2, "Code__c": "g"})
    org.client.Exam__c.upsert("PANDA_Key__c/g2", {"System__c": "FDI", "Depth__c": 4, "Code__c": "g"})
    assert org.client.query("SELECT COUNT() FROM Exam__c WHERE Code__c = 'g'")["totalSize"] == 2
    told = org.client.query(
        "SELECT System__c, COUNT(Id) n, MAX(Depth__c) FROM Exam__c WHERE Code__c = 'g' GROUP BY System__c"
    )["records"]
    assert [(row["System__c"], row["n"], row["expr0"]) for row in told] == [("FDI", 2, 4.0)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Nothing FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Contact LIMIT 200", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 'a\\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Exam__c WHERE Notes__c = 'a'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_a_query_the_platform_refuses_is_refused(org: Opened, query: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.client.query(query)
    assert _content(refused.value)[0]["errorCode"] == code


def test_events_older_than_a_year_are_left_to_query_all(org: Opened) -> None:
    org.client.Contact.upsert("PANDA_Key__c/visitor", {"LastName": "Visitor"})
    for key, start in (("ev-old", "2001-01-01T10:00:00Z"), ("ev-new", "2099-01-01T10:00:00Z")):
        who = {"attributes": {"type": "Contact"}, "PANDA_Key__c": "visitor"}
        event = {"Subject": "Visit", "StartDateTime": start, "DurationInMinutes": 30, "Who": who}
        org.client.Event.upsert(f"PANDA_Key__c/{key}", event)
    text = "SELECT PANDA_Key__c, EndDateTime, WhoId FROM Event"
    assert [row["PANDA_Key__c"] for row in org.client.query(text)["records"]] == ["ev-new"]
    found = org.client.query(text, include_deleted=True)["records"]
    assert {row["EndDateTime"] for row in found} == {
        "2001-01-01T10:30:00.000+0000",
        "2099-01-01T10:30:00.000+0000",
    }
    with pytest.raises(SalesforceMalformedRequest, match="REQUIRED_FIELD_MISSING"):
        org.client.Event.create({"StartDateTime": "2099-01-01T10:00:00Z"})


def test_an_unknown_path_and_a_missing_session_are_told_apart(org: Opened) -> None:
    assert org.bulk.request("GET", "/nothing").json()[0]["errorCode"] == "NOT_FOUND"
    anonymous = trusting_session(org.sandbox)
    answer = anonymous.get(f"{org.sandbox.url}/services/data/v66.0/sobjects", timeout=30)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
