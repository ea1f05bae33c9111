"""The blackbox check's files where they lie: on the share, in the database, in the org; and their names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migration_assets_tests.blackbox import file_names
from migration_assets_tests.blackbox.contents import Hashes, read_contents
from migration_assets_tests.blackbox.reading import read_org
from migration_assets_tests.blackbox.share import look_at
from migration_assets_tests.sandbox.salesforce_file_fixtures import upload
from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY,
    Opened,
    Package,
    deploy,
    element,
    grant,
    sign_in,
)
from migration_assets_tests.sandbox.sqlserver_fixtures import (  # noqa: F401
    Practice,
    make_practice,
    practice,
    sandbox,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

_PREFIX = "\\\\PANDA01\\Images"
_LARGE = os.urandom(2 * 2**20 + 5)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("blackbox") / "org", sandbox_org=True) as server:
        server.control.add_user("jo@maple.test", "jo@maple.example", "Hill", profile="Chatter Free User")
        opened = sign_in(server)
        # A new version of a file carries its key too.
        version_key = KEY.replace(element("unique", True), "")
        made = deploy(
            opened.client, Package({"Activity": KEY, "Contact": KEY, "ContentVersion": version_key})
        )
        assert made.status == "Succeeded", made.errors
        keyed = ("Activity", "Contact", "ContentVersion")
        grant(opened.client, "Keys", [f"{obj}.PANDA_Key__c" for obj in keyed])
        yield opened


def test_a_file_of_the_share_is_found_as_windows_would_and_never_outside(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    (folder / "2020").mkdir(parents=True)
    (folder / "2020" / "IMG_1.png").write_bytes(b"image")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    inside = (
        f"{_PREFIX}\\2020\\IMG_1.png",
        "//panda01/IMAGES/2020/img_1.PNG",
        f" {_PREFIX}\\x\\..\\2020\\.\\IMG_1.png ",
    )
    lost = (
        f"{_PREFIX}\\..\\secret.png",
        f"{_PREFIX}\\link.png",
        f"{_PREFIX}\\2020",
        f"{_PREFIX}\\2020\\no.png",
        f"{_PREFIX}\\2020\\IMG_1.png\\x",
        f"{_PREFIX}\\nul\0.png",
    )
    elsewhere = (f"{_PREFIX}2\\2020\\IMG_1.png", "D:\\2020\\IMG_1.png", "PANDA01\\Images\\2020\\IMG_1.png")

    rows = {row["Path"]: row for row in look_at([*inside, *lost, *elsewhere], {_PREFIX: str(folder)})}

    assert rows.keys() == {*inside, *lost}
    image = {"Bytes": 5, "MD5": hashlib.md5(b"image").hexdigest(), "SHA256": _sha(b"image")}
    assert all(rows[path] == {"Path": path, **image} for path in inside)
    assert all(set(rows[path].values()) == {path, None} for path in lost)


def test_bytes_of_both_ends_are_hashed_whole(org: Opened, practice: Practice) -> None:  # noqa: F811
    stored = {1: b"small", 2: _LARGE, 3: b"swapped"}
    with practice.owner() as connection:
        for number, content in stored.items():
            connection.execute("INSERT INTO dbo.Document VALUES (?, ?)", number, content)
    sent = {**stored, 3: b"another", 9: b"of no row"}
    versions = [
        upload(org, content, PANDA_Key__c=f"oak:document:{number}") for number, content in sent.items()
    ]
    versions.append(upload(org, b"image", PANDA_Key__c="oak:radiograph:1"))
    source: dict[str, list[dict[str, Any]]] = {
        "Document": [{"DocumentID": number, "size of": len(each)} for number, each in stored.items()],
        "Radiograph": [{"RadiographID": 1, "FilePath": " a.png"}],
        "share.": [{"Path": " a.png", "SHA256": _sha(b"image")}],
    }

    with practice.reader() as connection:
        found = read_contents(connection, org.client, source, versions)

    equal = {"document:1": b"small", "document:2": _LARGE, "radiograph:1": b"image"}
    assert found == {
        **{f"oak:{name}": Hashes(_sha(content), _sha(content)) for name, content in equal.items()},
        "oak:document:3": Hashes(_sha(b"swapped"), _sha(b"another")),
    }


def test_the_latest_versions_links_invitations_and_users_are_read(org: Opened) -> None:
    patient = org.client.Contact.create({"LastName": "P", "PANDA_Key__c": "ma_le:patient:1"})["id"]
    first = upload(org, b"one", PANDA_Key__c="ma_le:document:1", FirstPublishLocationId=patient)
    document = first["ContentDocumentId"]
    latest = upload(org, b"two", PANDA_Key__c="ma_le:document:1", ContentDocumentId=document)
    upload(org, b"two", PANDA_Key__c="maple:document:1")
    event = org.client.Event.create(
        {
            "Subject": "Recall",
            "PANDA_Key__c": "ma_le:appointment:1",
            "StartDateTime": "2019-01-15T14:00:00Z",
            "EndDateTime": "2019-01-15T14:30:00Z",
        }
    )["id"]
    org.client.EventRelation.create({"EventId": event, "RelationId": patient})

    found = read_org(org.client, "ma_le", ("files", "attendees", "owners"))

    [version] = found.records["ContentVersion"]
    assert (version["Id"], version["ContentDocumentId"]) == (latest["Id"], document)
    links = {(row["LinkedEntityId"], row["ShareType"]) for row in found.records["ContentDocumentLink"]}
    assert links == {(patient, "V"), (version["OwnerId"], "I")}
    relations = [(row["EventId"], row["RelationId"]) for row in found.records["EventRelation"]]
    assert relations == [(event, patient)]
    users = {row["Username"]: row for row in found.records["User"]}
    assert users["jo@maple.test"]["Profile"]["UserLicense"]["LicenseDefinitionKey"].startswith("PID_")
    assert found.login == version["OwnerId"]


@pytest.mark.parametrize(
    ("written", "kind", "name", "title"),
    [
        ("Consent.PDF", "image/png", "Consent.PDF", "Consent"),
        ("Report 12.5", "Application/PDF; v=1", "Report 12.5.pdf", "Report 12.5"),
        ("scan", "image/tiff", "scan", "scan"),
        (" a\x00b\x9f .txt", None, "ab .txt", "ab"),
        (".pdf", None, ".pdf", ".pdf"),
        ("a.toolongext", "text/plain", "a.toolongext.txt", "a.toolongext"),
        ("\x01", "image/jpeg", "Document 7.jpg", "Document 7"),
    ],
)
def test_a_documents_name_and_title(written: str, kind: str | None, name: str, title: str) -> None:
    assert file_names.document_name(7, written, kind) == name
    assert file_names.title(name) == title
