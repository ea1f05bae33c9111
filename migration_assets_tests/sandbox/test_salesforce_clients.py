"""What unmodified clients ask of the sandbox org beside rows: who one is, composite calls, odd paths."""

import datetime
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from migration_assets_tests.sandbox.salesforce_fixtures import (
    VERSION,
    Opened,
    make_exam_schema,
    sign_in,
    trusting_session,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

ROOT = f"/services/data/v{VERSION}"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("clients") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        yield opened


def _get(org: Opened, path: str, **more: Any) -> Any:
    return org.bulk.session.get(org.sandbox.url + path, timeout=30, **more)


def _post(org: Opened, path: str, body: object) -> Any:
    return org.bulk.request("POST", path, json=body)


def _count(org: Opened, sobject: str, name: str) -> int:
    field = "LastName" if sobject == "Contact" else "Name"
    return int(org.client.query(f"SELECT COUNT() FROM {sobject} WHERE {field} = '{name}'")["totalSize"])


def test_identity_is_found_where_the_token_and_the_resources_say(org: Opened) -> None:
    told = _get(org, ROOT).json()["identity"].removeprefix(org.sandbox.url)
    identity = _get(org, told).json()
    assert identity["organization_id"] == org.client.query("SELECT Id FROM Organization")["records"][0]["Id"]
    assert identity["user_id"] == told.rpartition("/")[2]
    refused = trusting_session(org.sandbox).get(
        org.sandbox.url + told, timeout=30, headers={"Authorization": "Bearer x"}
    )
    assert (refused.status_code, refused.text) == (403, "Bad_OAuth_Token")


def test_a_revoked_token_is_no_session_any_more(org: Opened) -> None:
    other = sign_in(org.sandbox)
    url = f"{org.sandbox.url}/services/oauth2/revoke"
    assert other.bulk.session.post(url, data={"token": other.token}, timeout=30).status_code == 200
    assert other.bulk.request("GET", "/limits").json()[0]["errorCode"] == "INVALID_SESSION_ID"
    assert other.bulk.session.post(url, data={"token": other.token}, timeout=30).status_code == 400


def _assertion(org: Opened, key: rsa.RSAPrivateKey, **changed: object) -> dict[str, Any]:
    claims = {
        "iss": org.sandbox.client_id, "sub": "migration@sandbox.example", "aud": "https://login.salesforce.com",
        "exp": datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=3),
    }  # fmt: skip
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jwt.encode({**claims, **changed}, key, algorithm="RS256"),
    }
    url = f"{org.sandbox.url}/services/oauth2/token"
    answer: dict[str, Any] = trusting_session(org.sandbox).post(url, data=form, timeout=30).json()
    return answer


def test_an_assertion_is_taken_from_the_registered_certificates_key_only(org: Opened) -> None:
    mine, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "migration")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(mine.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .sign(mine, hashes.SHA256())
    )  # fmt: skip
    org.sandbox.control.register_certificate(made.public_bytes(serialization.Encoding.PEM).decode())
    token = _assertion(org, mine)["access_token"]
    answer = trusting_session(org.sandbox).get(
        org.sandbox.url + ROOT + "/limits", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert answer.status_code == 200
    assert _assertion(org, other)["error"] == "invalid_grant"
    assert (
        _assertion(org, mine, aud="https://elsewhere.example")["error_description"] == "audience is invalid"
    )
    assert _assertion(org, mine, sub="nobody@sandbox.example")["error"] == "invalid_grant"


def test_flows_that_need_a_browser_and_old_interfaces_are_refused_by_name(org: Opened) -> None:
    told = _get(org, "/services/oauth2/authorize?response_type=code&code_challenge=x").json()
    assert "PKCE" in told["error_description"]
    bulk = org.bulk.session.post(f"{org.sandbox.url}/services/async/66.0/job", data="<x/>", timeout=30)
    assert "<exceptionCode>FeatureNotEnabled</exceptionCode>" in bulk.text
    for path in (
        "/search?q=FIND+{x}",
        "/tooling/executeAnonymous?anonymousBody=x",
        "/query?explain=SELECT+Id+FROM+Account",
        "/sobjects/Account/describe/layouts",
        "/sobjects/User/describe/namedLayouts/UserAlt",
        "/tabs",
    ):
        assert org.bulk.request("GET", path).json()[0]["errorCode"] == "FUNCTIONALITY_NOT_ENABLED"


def test_paths_are_taken_with_doubled_slashes_and_in_any_case(org: Opened) -> None:
    assert _get(org, f"//Services/DATA/v{VERSION}/SObjects/contact/describe").json()["name"] == "Contact"
    org.client.Contact.upsert("PANDA_Key__c/Query", {"LastName": "Case kept"})
    assert org.client.query("SELECT PANDA_Key__c FROM Contact")["records"][0]["PANDA_Key__c"] == "Query"


def test_a_query_tells_its_columns(org: Opened) -> None:
    told = org.bulk.request(
        "GET", "/query", params={"q": "SELECT Id, Name, Owner.Name FROM Account", "columns": "true"}
    ).json()
    names = [
        (one["columnName"], [inner["columnName"] for inner in one["joinColumns"]])
        for one in told["columnMetadata"]
    ]
    assert names == [("Id", []), ("Name", []), ("Owner", ["Name"])]


def test_record_counts(org: Opened) -> None:
    org.client.Account.create({"Name": "Counted"})
    told = org.bulk.request("GET", "/limits/recordCount?sObjects=account").json()["sObjects"]
    assert told == [
        {"count": org.client.query("SELECT COUNT() FROM Account")["totalSize"], "name": "Account"}
    ]


def _pair(name: str, last_name: str | None) -> list[dict[str, Any]]:
    person = {"AccountId": "@{practice.id}"} | ({"LastName": last_name} if last_name else {})
    return [
        {
            "method": "POST",
            "url": f"{ROOT}/sobjects/Account",
            "referenceId": "practice",
            "body": {"Name": name},
        },
        {"method": "POST", "url": f"{ROOT}/sobjects/Contact", "referenceId": "person", "body": person},
    ]


def test_a_composite_call_with_all_or_none_keeps_nothing_of_a_failure(org: Opened) -> None:
    calls = _pair("Undone", None)
    told = _post(org, "/composite", {"allOrNone": True, "compositeRequest": calls}).json()[
        "compositeResponse"
    ]
    assert [one["body"][0]["errorCode"] for one in told] == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert _count(org, "Account", "Undone") == 0
    told = _post(org, "/composite", {"compositeRequest": calls}).json()["compositeResponse"]
    assert [one["httpStatusCode"] for one in told] == [201, 400]
    assert _count(org, "Account", "Undone") == 1


def test_what_a_composite_call_undid_leaves_ids_and_unique_keys_free(org: Opened) -> None:
    taken = {"LastName": "Key", "PANDA_Key__c": "free-again"}
    calls = [
        {"method": "POST", "url": f"{ROOT}/sobjects/Contact", "referenceId": "one", "body": taken},
        {"method": "POST", "url": f"{ROOT}/sobjects/Contact", "referenceId": "two", "body": {}},
    ]
    _post(org, "/composite", {"allOrNone": True, "compositeRequest": calls})
    made = org.client.Contact.create(taken)
    assert org.client.Contact.get(made["id"])["PANDA_Key__c"] == "free-again"


def test_a_graph_fails_alone(org: Opened) -> None:
    graphs = [
        {"graphId": "good", "compositeRequest": _pair("Good graph", "G")},
        {"graphId": "bad", "compositeRequest": _pair("Bad graph", None)},
    ]
    told = _post(org, "/composite/graph", {"graphs": graphs}).json()["graphs"]
    assert [(one["graphId"], one["isSuccessful"]) for one in told] == [("good", True), ("bad", False)]
    assert (_count(org, "Account", "Good graph"), _count(org, "Account", "Bad graph")) == (1, 0)
    wide = [{"graphId": f"g{n}", "compositeRequest": _pair("x", "y")} for n in range(76)]
    assert "75 graphs" in _post(org, "/composite/graph", {"graphs": wide}).json()[0]["message"]
    one = {"method": "GET", "url": f"{ROOT}/limits"}
    nodes = [one | {"referenceId": f"r{n}"} for n in range(501)]
    deep = {"graphs": [{"graphId": "g", "compositeRequest": nodes}]}
    assert "500 nodes" in _post(org, "/composite/graph", deep).json()[0]["message"]


def _tree(name: str, last_name: str) -> dict[str, Any]:
    person = {"attributes": {"type": "Contact", "referenceId": "p"}, "LastName": last_name}
    account = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": name}
    return {"records": [account | {"Contacts": {"records": [person]}}]}


def test_a_tree_is_made_whole_or_not_at_all(org: Opened) -> None:
    done = _post(org, "/composite/tree/Account", _tree("Tree", "Leaf"))
    assert (done.status_code, done.json()["hasErrors"]) == (201, False)
    person = next(one["id"] for one in done.json()["results"] if one["referenceId"] == "p")
    found = org.client.query(f"SELECT Account.Name FROM Contact WHERE Id = '{person}'")["records"][0]
    assert found["Account"]["Name"] == "Tree"
    bad = _post(org, "/composite/tree/Account", _tree("Felled", ""))
    assert (bad.status_code, [one["referenceId"] for one in bad.json()["results"]]) == (400, ["p"])
    assert _count(org, "Account", "Felled") == 0


def test_a_batch_goes_on_after_an_error_unless_told_otherwise(org: Opened) -> None:
    calls = [
        {"method": "GET", "url": f"v{VERSION}/sobjects/Nothing/describe"},
        {"method": "GET", "url": f"v{VERSION}/limits"},
    ]
    told = _post(org, "/composite/batch", {"batchRequests": calls}).json()
    assert [one["statusCode"] for one in told["results"]] == [404, 200]
    halted = _post(org, "/composite/batch", {"batchRequests": calls, "haltOnError": True}).json()
    assert [one["statusCode"] for one in halted["results"]] == [404, 412]


def test_a_collection_over_several_objects_is_undone_together(org: Opened) -> None:
    records = [
        {"attributes": {"type": "Account"}, "Name": "Both"},
        {"attributes": {"type": "Contact"}, "FirstName": "No last name"},
    ]
    told = _post(org, "/composite/sobjects", {"allOrNone": True, "records": records}).json()
    assert [one["errors"][0]["statusCode"] for one in told] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert _count(org, "Account", "Both") == 0


def test_records_are_read_by_a_list_of_ids_with_null_for_the_missing(org: Opened) -> None:
    made = org.client.Account.create({"Name": "Listed"})["id"]
    body = {"ids": [made, "001Hs0000099999IAA"], "fields": ["Name"]}
    told = _post(org, "/composite/sobjects/Account", body).json()
    assert (told[0]["Name"], told[1]) == ("Listed", None)


def test_children_come_with_their_parents(org: Opened) -> None:
    names = {"Parent one": ["Ann", "Bob", "Cid"], "Parent two": []}
    for name, children in names.items():
        made = org.client.Account.create({"Name": name})["id"]
        for child in children:
            org.client.Contact.create({"LastName": child, "AccountId": made})
    inner = "SELECT LastName FROM Contacts WHERE LastName != 'Ann' ORDER BY LastName DESC LIMIT 1"
    query = f"SELECT Name, ({inner}) FROM Account WHERE Name LIKE 'Parent %' ORDER BY Name"
    one, two = org.client.query(query)["records"]
    assert (one["Contacts"]["totalSize"], two["Contacts"]) == (1, None)
    child = one["Contacts"]["records"][0]
    assert (child["attributes"]["type"], child["LastName"], "AccountId" in child) == ("Contact", "Cid", False)
    refused = org.bulk.request(
        "GET", "/query", params={"q": "SELECT Id, (SELECT Id FROM Nothing) FROM Account"}
    )
    assert refused.json()[0]["errorCode"] == "INVALID_TYPE"
    bulk = _post(org, "/jobs/query", {"operation": "query", "query": query})
    assert bulk.status_code == 400


def test_a_parent_with_many_children_shows_a_page_of_them_and_where_the_next_is(org: Opened) -> None:
    made = org.client.Account.create({"Name": "Many"})["id"]
    rows = [f"Child {at:03}" for at in range(450)]
    _, told = org.bulk.run(
        "Contact", "insert", "LastName,AccountId\n" + "".join(f"{row},{made}\n" for row in rows)
    )
    assert told["numberRecordsProcessed"] == 450
    inner = "SELECT LastName FROM Contacts ORDER BY LastName LIMIT 420"
    page = org.client.query(f"SELECT Name, ({inner}) FROM Account WHERE Name = 'Many'")["records"][0][
        "Contacts"
    ]
    assert (page["totalSize"], page["done"], len(page["records"])) == (420, False, 200)
    seen = page["records"]
    while not page["done"]:
        page = _get(org, page["nextRecordsUrl"]).json()
        seen += page["records"]
    assert [one["LastName"] for one in seen] == rows[:420]
    assert "AccountId" not in seen[-1]
    listed = ",".join(one["attributes"]["url"].rpartition("/")[2] for one in seen)
    refused = org.bulk.request("DELETE", f"/composite/sobjects?ids={listed}")
    assert refused.json()[0]["errorCode"] == "EXCEEDED_ID_LIMIT"


@pytest.mark.parametrize(("version", "status", "length"), [("45.0", 204, 0), ("46.0", 200, 1)])
def test_an_upsert_that_updates_answers_with_a_body_since_version_46(
    org: Opened, version: str, status: int, length: int
) -> None:
    path = f"/services/data/v{version}/sobjects/Contact/PANDA_Key__c/Body"
    org.client.Contact.upsert("PANDA_Key__c/Body", {"LastName": "First"})
    told = org.bulk.session.patch(org.sandbox.url + path, json={"LastName": "Second"}, timeout=30)
    assert (told.status_code, min(len(told.content), 1)) == (status, length)
