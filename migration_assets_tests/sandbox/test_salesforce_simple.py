"""Unmodified simple-salesforce against the sandbox org, over its own client code only."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from migration_assets_tests.sandbox.salesforce_fixtures import make_exam_schema, sign_in
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    with SalesforceSandbox(tmp_path_factory.mktemp("simple") / "org", sandbox_org=True) as running:
        make_exam_schema(sign_in(running).client)
        yield running


@pytest.fixture
def client(sandbox: SalesforceSandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client with a session of its own making; trust comes from the environment, as a user gives it."""
    token = sign_in(sandbox).token
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sandbox.ca_path))
    return Salesforce(session_id=token, instance_url=sandbox.url)


def test_records_are_made_read_changed_and_deleted(client: Any) -> None:
    made = client.Contact.create({"LastName": "Simple", "PANDA_Key__c": "simple-1"})
    assert client.Contact.get(made["id"])["LastName"] == "Simple"
    assert client.Contact.get_by_custom_id("PANDA_Key__c", "simple-1")["Id"] == made["id"]
    assert client.Contact.upsert("PANDA_Key__c/simple-1", {"FirstName": "Very"}) == 200
    assert client.Contact.update(made["id"], {"Title": "Dr."}) == 204
    assert client.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        client.Contact.get(made["id"])


def test_queries_page_through_everything(client: Any) -> None:
    rows = [{"LastName": f"Page {number}"} for number in range(2100)]
    results = client.bulk2.Contact.insert(records=rows, batch_size=1500, wait=0)
    assert sum(int(one["numberRecordsProcessed"]) for one in results) == len(rows)
    query = "SELECT Id, LastName FROM Contact WHERE LastName LIKE 'Page %'"
    assert client.query(query)["done"] is False
    assert len(client.query_all(query)["records"]) == len(rows)
    assert len(list(client.query_all_iter(query))) == len(rows)
    csv = "".join(client.bulk2.Contact.query(query, wait=0))
    assert csv.count("\n") >= len(rows)


def test_bulk_two_upserts_by_key_and_tells_what_failed(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "exams.csv"
    path.write_text("PANDA_Key__c,Code__c\nb-1,A\nb-2,longer than ten characters\n")
    result = client.bulk2.Exam__c.upsert(str(path), external_id_field="PANDA_Key__c", wait=0)[0]
    assert (result["numberRecordsProcessed"], result["numberRecordsFailed"]) == (2, 1)
    assert "STRING_TOO_LONG" in client.bulk2.Exam__c.get_failed_records(result["job_id"])
    assert "b-1" in client.bulk2.Exam__c.get_successful_records(result["job_id"])


def test_metadata_is_described_listed_read_and_retrieved(client: Any) -> None:
    mdapi = client.mdapi
    assert "Layout" in {item.xmlName for item in mdapi.describe_metadata().metadataObjects}
    query = mdapi.ListMetadataQuery(type="Layout")
    assert "Contact-Contact Layout" in {item.fullName for item in mdapi.list_metadata(queries=[query])}
    exam = mdapi.CustomObject.read("Exam__c")
    kinds = {item.fullName: item.type for item in exam.fields}
    assert (kinds["System__c"], kinds["Contact__c"], exam.nameField.type) == (
        "Picklist",
        "Lookup",
        "AutoNumber",
    )
    layout = mdapi.Layout.read("Exam__c-Exam Layout")
    assert layout.layoutSections[0].layoutColumns[0].layoutItems[0].field == "Name"
    number, _ = mdapi.retrieve("1", unpackaged={"CustomObject": ["Exam__c"]})
    assert mdapi.check_retrieve_status(number)[0] == "Succeeded"
    archive = mdapi.retrieve_zip(number)[3]
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert "objects/Exam__c.object" in opened.namelist()


def test_tooling_limits_and_what_the_org_is(client: Any) -> None:
    assert client.is_sandbox() is True
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    told = client.toolingexecute("query/?q=SELECT+Id+FROM+CustomField+WHERE+DeveloperName='Depth'")
    assert told["totalSize"] == 1
    assert client.restful("sobjects/User/describe")["name"] == "User"
    assert client.oauth2("userinfo")["preferred_username"] == "migration@sandbox.example"


def test_what_this_org_has_not_is_refused_in_words(client: Any) -> None:
    with pytest.raises(SalesforceRefusedRequest, match="SOSL is not part of this sandbox"):
        client.search("FIND {Simple}")
    with pytest.raises(SalesforceMalformedRequest, match=r"Bulk API 1\.0 is not part"):
        client.bulk.Contact.insert([{"LastName": "x"}])
