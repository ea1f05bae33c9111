"""Documents of the sandbox org and the links that show them on records."""

import hashlib
from collections.abc import Iterator

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from migration_assets_tests.sandbox.salesforce_file_fixtures import (
    LETTER,
    code_of,
    make_file_schema,
    make_patient,
    read_content,
    read_links,
    upload,
)
from migration_assets_tests.sandbox.salesforce_fixtures import (
    Opened,
    Package,
    csv_text,
    deploy,
    field_xml,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("documents") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_file_schema(opened)
        yield opened


@pytest.fixture
def patient(org: Opened) -> str:
    return make_patient(org)


def test_a_version_makes_its_document_and_the_link_to_where_it_belongs(org: Opened, patient: str) -> None:
    made = upload(
        org, PathOnClient="C:\\letters\\To Smith.PDF", FirstPublishLocationId=patient, ChartNumber__c="77"
    )
    assert (made["Title"], made["FileExtension"], made["FileType"]) == ("To Smith", "PDF", "PDF")
    assert (made["Checksum"], made["ContentSize"]) == (hashlib.md5(LETTER).hexdigest(), len(LETTER))
    assert (made["VersionNumber"], made["IsLatest"], made["ContentLocation"]) == ("1", True, "S")
    assert made["ChartNumber__c"] == "77"
    document = org.client.ContentDocument.get(made["ContentDocumentId"])
    assert (document["Title"], document["LatestPublishedVersionId"]) == ("To Smith", made["Id"])
    links = read_links(org, document["Id"])
    assert links == {patient: ("V", "AllUsers"), made["OwnerId"]: ("I", "AllUsers")}


@pytest.mark.parametrize("name", ["ContentDocument", "ContentDocumentLink"])
def test_only_versions_take_custom_fields(org: Opened, name: str) -> None:
    done = deploy(org.client, Package({name: field_xml("Extra__c", "Text", length=10)}))
    assert (done.status, "Extra__c" in str(org.client.restful(f"sobjects/{name}/describe"))) == (
        "Failed",
        False,
    )


def test_describe_tells_what_may_be_done_with_files(org: Opened) -> None:
    version, document = org.client.ContentVersion.describe(), org.client.ContentDocument.describe()
    assert (version["createable"], version["updateable"], version["deletable"]) == (True, True, False)
    assert (document["createable"], document["updateable"], document["deletable"]) == (False, True, True)
    data = next(item for item in version["fields"] if item["name"] == "VersionData")
    assert (data["type"], data["filterable"], data["updateable"]) == ("base64", False, False)
    fields = org.client.ContentDocumentLink.describe()["fields"]
    entity = next(item for item in fields if item["name"] == "LinkedEntityId")
    assert {"Contact", "Exam__c", "User"} <= set(entity["referenceTo"])


def test_links_are_read_by_document_or_record_only(org: Opened, patient: str) -> None:
    made = upload(org, FirstPublishLocationId=patient)
    said = "Implementation restriction: ContentDocumentLink requires a filter by a single Id"
    for where in ("", " WHERE ShareType = 'V'", f" WHERE LinkedEntityId = '{patient}' OR ShareType = 'V'"):
        with pytest.raises(SalesforceMalformedRequest, match=said):
            org.client.query("SELECT Id FROM ContentDocumentLink" + where)
    text = "SELECT ContentDocument.Title, LinkedEntity.Type FROM ContentDocumentLink"
    found = org.client.query(f"{text} WHERE LinkedEntityId IN ('{patient}')")["records"]
    assert [row["LinkedEntity"]["Type"] for row in found] == ["Contact"]
    assert found[0]["ContentDocument"]["Title"] == made["Title"]
    document = f"ContentDocumentId = '{made['ContentDocumentId']}' AND ContentDocument.Title = 'letter'"
    for where in (document, f"LinkedEntityId = '{patient}' AND LinkedEntity.Name = 'Patient'"):
        with pytest.raises(SalesforceMalformedRequest, match="can't be filtered by"):
            org.client.query(f"SELECT Id FROM ContentDocumentLink WHERE {where}")
    org.sandbox.control.settings(query_all_files=True)
    try:
        assert org.client.query("SELECT Id FROM ContentDocumentLink")["totalSize"] > 1
    finally:
        org.sandbox.control.settings(query_all_files=False)
    answer = org.bulk.request(
        "POST", "/jobs/query", json={"operation": "query", "query": "SELECT Id FROM ContentDocumentLink"}
    )
    assert code_of(answer) == "MALFORMED_QUERY"


def test_a_document_is_linked_once_to_a_record_with_a_share_that_fits(org: Opened, patient: str) -> None:
    document = upload(org)["ContentDocumentId"]
    org.client.Exam__c.upsert("PANDA_Key__c/x1", {})
    header = ["ContentDocumentId", "Exam__c:LinkedEntity.PANDA_Key__c", "ShareType"]
    rows = [[document, "x1", "V"], [document, "x1", "V"]]
    job, told = org.bulk.run("ContentDocumentLink", "insert", csv_text(header, rows))
    assert told["numberRecordsFailed"] == 1, org.bulk.errors(job)
    assert org.bulk.errors(job)[0].startswith("DUPLICATE_VALUE")
    link = {"ContentDocumentId": document, "LinkedEntityId": patient}
    for share, code in (
        (None, "REQUIRED_FIELD_MISSING"), ("Viewer", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("C", "FIELD_INTEGRITY_EXCEPTION"),
    ):  # fmt: skip
        with pytest.raises(SalesforceMalformedRequest, match=code):
            org.client.ContentDocumentLink.create({**link, "ShareType": share})
    org.sandbox.control.settings(link_share_type_required=False, file_link_visibility="InternalUsers")
    try:
        org.client.ContentDocumentLink.create(link)
    finally:
        org.sandbox.control.settings(link_share_type_required=True, file_link_visibility="AllUsers")
    assert read_links(org, document)[patient] == ("V", "InternalUsers")


def test_a_document_takes_versions_and_links_along_and_nothing_else_deletes_them(
    org: Opened, patient: str
) -> None:
    made = upload(org, FirstPublishLocationId=patient)
    document = made["ContentDocumentId"]
    with pytest.raises(SalesforceMalformedRequest, match="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"):
        org.client.ContentVersion.delete(made["Id"])
    with pytest.raises(SalesforceMalformedRequest, match="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"):
        org.client.ContentDocument.create({"Title": "x"})
    where = f"LinkedEntityId = '{made['OwnerId']}' AND ContentDocumentId = '{document}'"
    text = f"SELECT Id FROM ContentDocumentLink WHERE {where}"
    with pytest.raises(SalesforceMalformedRequest, match="FIELD_INTEGRITY_EXCEPTION"):
        org.client.ContentDocumentLink.delete(org.client.query(text)["records"][0]["Id"])
    org.client.ContentDocument.delete(document)
    with pytest.raises(SalesforceResourceNotFound):
        org.client.ContentVersion.get(made["Id"])
    assert org.bulk.request("GET", f"/sobjects/ContentVersion/{made['Id']}/VersionData").status_code == 404
    assert read_links(org, document) == {}
    text = f"SELECT Id FROM ContentVersion WHERE IsDeleted = true AND ContentDocumentId = '{document}'"
    assert org.client.query(text, include_deleted=True)["totalSize"] == 1


def test_a_file_outlives_the_record_it_is_shown_on(org: Opened, patient: str) -> None:
    made = upload(org, FirstPublishLocationId=patient)
    org.client.Contact.delete(patient)
    assert read_links(org, made["ContentDocumentId"]) == {made["OwnerId"]: ("I", "AllUsers")}
    assert read_content(org, made["Id"]) == LETTER
