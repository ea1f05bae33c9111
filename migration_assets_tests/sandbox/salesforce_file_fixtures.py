"""Helpers for tests of the sandbox org's files: a schema, uploads, and what came of them."""

import json
from typing import Any

import requests

from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY,
    Opened,
    Package,
    deploy,
    field_xml,
    grant,
    make_exam_schema,
)

LETTER = b"Dear Dr.\r\n--not a boundary\r\n\r\n\x00\xff end"


def make_file_schema(org: Opened) -> None:
    """The schema of exams, and ContentVersion with a key and a chart number."""
    make_exam_schema(org.client)
    fields = KEY + field_xml("ChartNumber__c", "Text", length=20)
    assert deploy(org.client, Package({"ContentVersion": fields})).status == "Succeeded"
    grant(org.client, "Files", ["ContentVersion.PANDA_Key__c", "ContentVersion.ChartNumber__c"])


def make_patient(org: Opened) -> str:
    return str(org.client.Contact.create({"LastName": "Patient"})["id"])


def send(
    org: Opened, content: bytes, file_name: str | None = "letter.pdf", **fields: Any
) -> requests.Response:
    """A multipart upload as the REST guide shows it."""
    record = {"PathOnClient": "letter.pdf", **fields}
    parts = {
        "entity_content": (None, json.dumps(record), "application/json"),
        "VersionData": (file_name, content, "application/octet-stream"),
    }
    return org.bulk.request("POST", "/sobjects/ContentVersion", files=parts)


def send_many(org: Opened, *files: dict[str, Any] | None, **more: Any) -> requests.Response:
    """Letters in one multipart request as the REST guide shows it, with fields for each; `more` is of the
    collection. `_part`, `_field` and `_content` replace the part's name, whose field it is for, and what is
    in it; with None a record comes without a part, and a part without a record stands for None. `_type`
    makes it a record of another object.
    """
    parts: list[tuple[str, Any]] = []
    records = []
    for number, given in enumerate(files):
        part, record = f"file{number}", dict(given or {})
        named = record.pop("_part", part)
        attributes = {"binaryPartName": named, "binaryPartNameAlias": record.pop("_field", "VersionData")}
        content = record.pop("_content", LETTER)
        if content is not None:
            parts.append((part, ("letter.pdf", content, "application/pdf")))
        if given is not None:
            sobject = record.pop("_type", "ContentVersion")
            kind = {"type": sobject} | (attributes if named is not None else {})
            path = {"PathOnClient": "letter.pdf"} if sobject == "ContentVersion" else {}
            records.append({"attributes": kind, **path, **record})
    collection = json.dumps({"allOrNone": False, "records": records, **more})
    first = ("collection", (None, collection, "application/json"))
    return org.bulk.request("POST", "/composite/sobjects", files=[first, *parts])


def upload(org: Opened, content: bytes = LETTER, **fields: Any) -> dict[str, Any]:
    answer = send(org, content, **fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = org.client.ContentVersion.get(answer.json()["id"])
    return found


def read_content(org: Opened, version: str) -> bytes:
    return org.bulk.request("GET", f"/sobjects/ContentVersion/{version}/VersionData").content


def read_links(org: Opened, document: str) -> dict[str, tuple[str, str]]:
    text = "SELECT LinkedEntityId, ShareType, Visibility FROM ContentDocumentLink"
    told = org.client.query(f"{text} WHERE ContentDocumentId = '{document}'")["records"]
    return {row["LinkedEntityId"]: (row["ShareType"], row["Visibility"]) for row in told}


def code_of(answer: requests.Response) -> str:
    return str(answer.json()[0]["errorCode"])
