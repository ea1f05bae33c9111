"""Files of the sandbox org: versions by multipart and by JSON, their contents, storage, damage."""

import base64
import hashlib
from collections.abc import Iterator

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from migration_assets_tests.sandbox.salesforce_file_fixtures import (
    LETTER,
    code_of,
    make_file_schema,
    make_patient,
    read_content,
    read_links,
    send,
    send_many,
    upload,
)
from migration_assets_tests.sandbox.salesforce_fixtures import (
    Opened,
    csv_text,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("files") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_file_schema(opened)
        yield opened


@pytest.fixture
def patient(org: Opened) -> str:
    return make_patient(org)


def test_content_is_an_address_in_records_and_comes_back_to_the_byte(org: Opened) -> None:
    made = upload(org)
    address = f"/services/data/v66.0/sobjects/ContentVersion/{made['Id']}/VersionData"
    assert made["VersionData"] == address
    text = f"SELECT VersionData FROM ContentVersion WHERE Id = '{made['Id']}'"
    assert org.client.query(text)["records"][0]["VersionData"] == address
    assert read_content(org, made["Id"]) == LETTER
    where = f"WHERE Id = '{made['ContentDocumentId']}'"
    told = org.client.query(f"SELECT LatestPublishedVersion.VersionData FROM ContentDocument {where}")
    found = told["records"][0]["LatestPublishedVersion"]
    assert found["VersionData"] == address


def test_a_large_file_passes_in_pieces(org: Opened) -> None:
    content = bytes(range(256)) * 20_000 + b"\r\n--"
    made = upload(org, content)
    assert made["Checksum"] == hashlib.md5(content).hexdigest()
    assert hashlib.md5(read_content(org, made["Id"])).hexdigest() == made["Checksum"]


def test_json_takes_base64_up_to_its_own_limit(org: Opened) -> None:
    body = {"PathOnClient": "a.txt", "Title": "A", "VersionData": base64.b64encode(LETTER).decode()}
    made = org.client.ContentVersion.create(body)["id"]
    assert read_content(org, made) == LETTER
    org.sandbox.control.settings(json_file_bytes=10, file_bytes=20)
    try:
        with pytest.raises(SalesforceMalformedRequest, match="FILE_SIZE_LIMIT_EXCEEDED"):
            org.client.ContentVersion.create(body)
        assert code_of(send(org, LETTER)) == "FILE_SIZE_LIMIT_EXCEEDED"
        assert send(org, LETTER[:20]).status_code == 201
    finally:
        org.sandbox.control.settings(json_file_bytes=39_321_600, file_bytes=2_147_483_648)


def test_collections_take_files_and_refuse_each_by_itself(org: Opened) -> None:
    data = base64.b64encode(LETTER).decode()
    records = [
        {"attributes": {"type": "ContentVersion"}, "PathOnClient": "a.txt", "VersionData": data},
        {"attributes": {"type": "ContentVersion"}, "PathOnClient": "b.txt"},
    ]
    told = org.bulk.request("POST", "/composite/sobjects", json={"records": records}).json()
    assert [item["success"] for item in told] == [True, False]
    assert read_content(org, told[0]["id"]) == LETTER


def test_many_files_come_in_one_request_and_each_is_answered(org: Opened, patient: str) -> None:
    first = upload(org, FirstPublishLocationId=patient)
    contents = [LETTER * (number + 1) for number in range(120)]
    files: list[dict[str, object]] = [{"_content": content} for content in contents]
    files[3]["Title"] = "x" * 256
    files[7] = {"_content": None, "_part": None}
    files[9]["ContentDocumentId"] = first["ContentDocumentId"]
    files[20] = {"_type": "Contact", "LastName": "Patient", "_content": None, "_part": None}
    before = org.sandbox.control.counts()["ContentDocument"]
    told = send_many(org, *files).json()
    assert [place for place, each in enumerate(told) if not each["success"]] == [3, 7]
    assert [told[place]["errors"][0]["statusCode"] for place in (3, 7)] == [
        "STRING_TOO_LONG",
        "REQUIRED_FIELD_MISSING",
    ]
    assert told[20]["id"].startswith("003")
    for place in (0, 2, 9, 21, 119):
        assert read_content(org, told[place]["id"]) == contents[place]
    assert org.sandbox.control.counts()["ContentDocument"] == before + 116
    made = org.client.ContentVersion.get(told[9]["id"])
    assert (made["VersionNumber"], made["IsLatest"]) == ("2", True)
    assert made["ContentDocumentId"] == first["ContentDocumentId"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([{}, {"_part": "other"}], "INVALID_MULTIPART_REQUEST"),
        ([{}, {"_part": "file0", "_content": None}], "INVALID_MULTIPART_REQUEST"),
        ([{}, {"_content": None}], "INVALID_MULTIPART_REQUEST"),
        ([{}, None], "INVALID_MULTIPART_REQUEST"),
        ([{"_field": "Title"}], "INVALID_MULTIPART_REQUEST"),
        ([{}, {"Nothing__c": "x"}], "INVALID_FIELD"),
        ([{"_content": b"x" * 1_000}, {"_content": b"x" * 1_001}], "FILE_SIZE_LIMIT_EXCEEDED"),
        ([{"_content": b"x"}] * 201, "EXCEEDED_ID_LIMIT"),
    ],
)
def test_a_bad_request_for_many_files_leaves_nothing(
    org: Opened, files: list[dict[str, object] | None], code: str
) -> None:
    org.sandbox.control.settings(file_bytes=2_000)
    try:
        before = org.sandbox.control.counts()
        kept = sorted((org.sandbox.directory / "files").iterdir())
        answer = send_many(org, *files)
        assert (answer.status_code, code_of(answer)) == (400, code)
        assert org.sandbox.control.counts() == before
        assert sorted((org.sandbox.directory / "files").iterdir()) == kept
    finally:
        org.sandbox.control.settings(file_bytes=2_147_483_648)


def test_many_files_are_saved_all_or_none_if_asked_for(org: Opened) -> None:
    before = org.sandbox.control.counts()
    kept = sorted((org.sandbox.directory / "files").iterdir())
    told = send_many(org, {}, {"Title": "x" * 256}, allOrNone=True).json()
    assert [each["errors"][0]["statusCode"] for each in told] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "STRING_TOO_LONG",
    ]
    assert org.sandbox.control.counts() == before
    assert sorted((org.sandbox.directory / "files").iterdir()) == kept
    assert [each["success"] for each in send_many(org, {}, {}, allOrNone=True).json()] == [True, True]


@pytest.mark.parametrize("path", ["/sobjects/ContentVersion", "/composite/sobjects"])
def test_contents_need_records(org: Opened, path: str) -> None:
    part = {"VersionData": ("letter.pdf", LETTER, "application/pdf")}
    answer = org.bulk.request("POST", path, files=part)
    assert code_of(answer) == "INVALID_MULTIPART_REQUEST"
    assert "must include a non-binary part" in answer.json()[0]["message"]


def test_a_file_is_upserted_by_its_key_once_and_never_overwritten(org: Opened) -> None:
    body = {"PathOnClient": "a.txt", "VersionData": base64.b64encode(LETTER).decode()}
    assert org.client.ContentVersion.upsert("PANDA_Key__c/f1", body) == 201
    made = org.client.ContentVersion.get_by_custom_id("PANDA_Key__c", "f1")["Id"]
    data = {"VersionData": body["VersionData"]}
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
        org.client.ContentVersion.upsert("PANDA_Key__c/f1", data)
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
        org.client.ContentVersion.update(made, data)
    answer = send(org, b"other", PANDA_Key__c="f1")
    assert code_of(answer) == "DUPLICATE_VALUE"
    org.client.ContentVersion.update(made, {"Title": "New", "ChartNumber__c": "5"})
    found = org.client.ContentVersion.get(made)
    assert (found["Title"], read_content(org, made)) == ("New", LETTER)
    assert org.client.ContentDocument.get(found["ContentDocumentId"])["Title"] == "New"


def test_an_org_may_refuse_what_nobody_confirmed_for_files(org: Opened) -> None:
    org.sandbox.control.settings(
        set_audit_fields=True, content_version_audit_fields=False, content_version_upsert=False
    )
    try:
        assert (
            code_of(send(org, LETTER, CreatedDate="2010-05-06T07:08:09Z"))
            == "INVALID_FIELD_FOR_INSERT_UPDATE"
        )
        with pytest.raises(SalesforceMalformedRequest, match="can't be used to upsert ContentVersion"):
            org.client.ContentVersion.upsert("PANDA_Key__c/f2", {"PathOnClient": "a", "VersionData": "YQ=="})
    finally:
        org.sandbox.control.settings(
            set_audit_fields=False, content_version_audit_fields=True, content_version_upsert=True
        )


def test_a_second_version_supersedes_the_first(org: Opened, patient: str) -> None:
    first = upload(org, PathOnClient="a.txt")
    document = first["ContentDocumentId"]
    answer = send(org, b"two", ContentDocumentId=document, FirstPublishLocationId=patient)
    assert code_of(answer) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    second = upload(org, b"two", ContentDocumentId=document, PathOnClient="b.txt")
    text = f"SELECT VersionNumber, IsLatest FROM ContentVersion WHERE ContentDocumentId = '{document}'"
    told = org.client.query(text)["records"]
    assert {row["VersionNumber"]: row["IsLatest"] for row in told} == {"1": False, "2": True}
    shown = org.client.ContentDocument.get(document)
    assert (shown["LatestPublishedVersionId"], shown["Title"], shown["ContentSize"]) == (second["Id"], "b", 3)


def test_of_two_versions_in_one_call_the_last_is_the_latest(org: Opened) -> None:
    document = upload(org)["ContentDocumentId"]
    data = base64.b64encode(LETTER).decode()
    records = [
        {
            "attributes": {"type": "ContentVersion"}, "PathOnClient": name, "VersionData": data,
            "ContentDocumentId": document,
        }
        for name in ("b.txt", "c.txt")
    ]  # fmt: skip
    told = org.bulk.request("POST", "/composite/sobjects", json={"records": records}).json()
    assert [item["success"] for item in told] == [True, True]
    text = f"SELECT Id FROM ContentVersion WHERE IsLatest = true AND ContentDocumentId = '{document}'"
    assert [row["Id"] for row in org.client.query(text)["records"]] == [told[1]["id"]]
    assert org.client.ContentDocument.get(document)["LatestPublishedVersionId"] == told[1]["id"]


@pytest.mark.parametrize(
    ("content", "file_name", "fields", "code"),
    [
        (LETTER, "a.pdf", {"PathOnClient": None}, "REQUIRED_FIELD_MISSING"),
        (LETTER, "a.pdf", {"Checksum": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (LETTER, "a.pdf", {"ContentUrl": "https://x.example"}, "INVALID_FIELD"),
        (LETTER, "a.pdf", {"FirstPublishLocationId": "068Hs0000000001AAA"}, "MALFORMED_ID"),
        (LETTER, "a.pdf", {"CreatedDate": "2010-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (LETTER, None, {}, "INVALID_MULTIPART_REQUEST"),
    ],
)
def test_a_bad_upload_leaves_nothing(
    org: Opened, content: bytes, file_name: str | None, fields: dict[str, object], code: str
) -> None:
    before = org.sandbox.control.counts()
    kept = sorted((org.sandbox.directory / "files").iterdir())
    answer = send(org, content, file_name, **fields)
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert org.sandbox.control.counts() == before
    with pytest.raises(SalesforceMalformedRequest):
        org.client.ContentVersion.create({"PathOnClient": "a", "VersionData": "YQ==", "Checksum": "x"})
    assert sorted((org.sandbox.directory / "files").iterdir()) == kept


@pytest.mark.parametrize("path", ["/sobjects/ContentVersion", "/composite/sobjects"])
def test_an_upload_that_breaks_off_leaves_nothing(org: Opened, path: str) -> None:
    kept = sorted((org.sandbox.directory / "files").iterdir())
    head = b'--b\r\nContent-Disposition: form-data; name="VersionData"; filename="a"\r\n\r\nabc'
    answer = org.bulk.request(
        "POST",
        path,
        data=head,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert code_of(answer) == "INVALID_MULTIPART_REQUEST"
    assert sorted((org.sandbox.directory / "files").iterdir()) == kept
    answer = org.bulk.request("POST", "/sobjects/Contact", files={"x": ("a", b"b")})
    assert answer.status_code == 415


def test_the_original_date_is_set_where_the_org_permits_it(org: Opened) -> None:
    org.sandbox.control.settings(set_audit_fields=True)
    try:
        made = upload(org, CreatedDate="2010-05-06T07:08:09Z")
        body = {"PathOnClient": "a", "VersionData": "YQ==", "CreatedDate": "2010-05-06T07:08:09Z"}
        with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
            org.client.ContentVersion.upsert("PANDA_Key__c/dated", body)
    finally:
        org.sandbox.control.settings(set_audit_fields=False)
    assert made["CreatedDate"] == "2010-05-06T07:08:09.000+0000"


def test_bulk_takes_no_contents_and_gives_none(org: Opened) -> None:
    rows = csv_text(["PathOnClient", "VersionData"], [["a.txt", "YQ=="]])
    _, told = org.bulk.run("ContentVersion", "insert", rows)
    assert (told["state"], told["errorMessage"]) == (
        "Failed",
        "FeatureNotEnabled : Binary field not supported",
    )
    query = {"operation": "query", "query": "SELECT Id, VersionData FROM ContentVersion"}
    answer = org.bulk.request("POST", "/jobs/query", json=query)
    assert (answer.status_code, answer.json()[0]["message"]) == (
        400, "FeatureNotEnabled : Binary field not supported",
    )  # fmt: skip
    made = upload(org)["Id"]
    _, told = org.bulk.run("ContentVersion", "update", csv_text(["Id", "ChartNumber__c"], [[made, "9"]]))
    assert told["numberRecordsFailed"] == 0
    assert org.client.ContentVersion.get(made)["ChartNumber__c"] == "9"


def test_files_fill_their_own_storage(org: Opened) -> None:
    free = org.client.limits()["FileStorageMB"]
    upload(org, b"x" * 2_200_000)
    left = org.client.limits()
    assert left["FileStorageMB"]["Remaining"] in (free["Remaining"] - 2, free["Remaining"] - 3)
    org.sandbox.control.settings(file_storage_mb=1)
    try:
        assert code_of(send(org, LETTER)) == "STORAGE_LIMIT_EXCEEDED"
        used = 10_240 - left["FileStorageMB"]["Remaining"]
        org.sandbox.control.settings(file_storage_mb=used + 2)
        data = base64.b64encode(b"x" * 1_048_576).decode()
        record = {"attributes": {"type": "ContentVersion"}, "PathOnClient": "a", "VersionData": data}
        told = org.bulk.request("POST", "/composite/sobjects", json={"records": [record, record]}).json()
        assert [item["success"] for item in told] == [True, False]
    finally:
        org.sandbox.control.settings(file_storage_mb=10_240)


def test_a_damaged_file_shows_in_its_checksum_or_only_in_its_bytes(org: Opened) -> None:
    for keep in (False, True):
        made = upload(org)
        org.sandbox.control.corrupt("change_byte", "ContentVersion", id=made["Id"], keep_checksum=keep)
        content = read_content(org, made["Id"])
        assert sum(a != b for a, b in zip(content, LETTER, strict=True)) == 1
        checksum = org.client.ContentVersion.get(made["Id"])["Checksum"]
        assert (checksum == made["Checksum"]) is keep


def test_other_damage_fits_files_too(org: Opened, patient: str) -> None:
    control = org.sandbox.control
    made = upload(org, FirstPublishLocationId=patient, Title="Letter")
    control.corrupt("change_character", "ContentVersion", id=made["Id"], field="Title")
    assert org.client.ContentVersion.get(made["Id"])["Title"] != "Letter"
    double = control.corrupt("double", "ContentVersion", id=made["Id"])["double"]
    assert read_content(org, double) == LETTER
    where = f"WHERE LinkedEntityId = '{patient}'"
    link = org.client.query(f"SELECT Id FROM ContentDocumentLink {where}")["records"][0]["Id"]
    control.corrupt("delete", "ContentDocumentLink", id=link)
    assert patient not in read_links(org, made["ContentDocumentId"])


def test_files_survive_a_kill_and_go_with_a_reset(tmp_path_factory: pytest.TempPathFactory) -> None:
    sandbox = SalesforceSandbox(tmp_path_factory.mktemp("killed") / "org").start()
    try:
        opened = sign_in(sandbox)
        made = upload(opened)["Id"]
        sandbox.kill()
        (sandbox.directory / "files" / "orphan.part").write_bytes(b"x")
        sandbox.start()
        assert read_content(opened, made) == LETTER
        assert len(list((sandbox.directory / "files").iterdir())) == 1
        sandbox.control.reset()
        assert list((sandbox.directory / "files").iterdir()) == []
    finally:
        sandbox.kill()
