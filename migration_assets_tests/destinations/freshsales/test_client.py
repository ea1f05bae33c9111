"""The client against the sandbox: what it repeats, what it never repeats, and that no error has a value."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.errors_of_api import (
    EMAIL_TAKEN,
    STORAGE_FULL,
    TOO_LONG,
    UNKNOWN,
    ApiRefused,
    refusal_of,
)
from migration_assets.errors import (
    AnswerLost,
    ContentChanged,
    DestinationLoginFailed,
    DestinationUnreachable,
)
from migration_assets_tests.destinations.freshsales.conftest import KEY_VARIABLE, Connect
from migration_assets_tests.sandbox.freshsales_fixtures import Opened


def contact(**fields: object) -> dict[str, object]:
    return {"contact": {"last_name": "Sampleton", **fields}}


@dataclass
class Pieces:
    content: bytes
    size: int = 65_536

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self.content), self.size):
            yield self.content[at : at + self.size]


def upload(
    client: FreshsalesClient, target: int, content: bytes, name: str, size: int | None = None
) -> object:
    fields = {
        "file_name": name,
        "is_shared": "true",
        "targetable_id": str(target),
        "targetable_type": "Contact",
    }
    return client.multipart(
        "documents",
        fields,
        part="file",
        file_name=name,
        content_type="application/pdf",
        size=len(content) if size is None else size,
        pieces=Pieces(content),
    )


@pytest.mark.parametrize("kind", ["lost_after", "error", "unavailable", "gateway"])
def test_a_creation_without_a_good_answer_is_told_and_not_repeated(
    account: Opened, client: FreshsalesClient, kind: str
) -> None:
    account.control.fault(kind, method="POST", path="/api/contacts$")
    with pytest.raises(AnswerLost):
        client.post("contacts", contact())
    posts = [each for each in account.control.requests() if each.method == "POST"]
    assert len(posts) == 1


@pytest.mark.parametrize("kind", ["lost_before", "lost_after", "error", "unavailable", "gateway"])
def test_what_may_be_repeated_is_repeated_until_it_is_answered(
    account: Opened, client: FreshsalesClient, kind: str
) -> None:
    number = account.contact()["id"]
    account.control.fault(kind, count=2, path=f"/contacts/{number}$")
    client.put(f"contacts/{number}", contact(city="Maple"))
    account.control.fault(kind, count=2, path=f"/contacts/{number}$")
    assert client.get(f"contacts/{number}")["contact"]["city"] == "Maple"


def test_a_creation_that_was_refused_for_the_limit_of_calls_is_made_once_the_limit_allows(
    account: Opened, connected: Connect
) -> None:
    client = connected(clock_speed=20)
    account.control.fault("limit", method="POST", path="/api/contacts$")
    account.control.fault("limit_unsaid", method="POST", path="/api/contacts$")
    client.post("contacts", contact())
    assert account.control.counts()["contacts"] == 1


def test_a_server_that_stays_broken_is_given_up_after_the_attempts_of_the_settings(
    account: Opened, connected: Connect
) -> None:
    client = connected(retry_attempts=3)
    account.control.fault("unavailable", count=10)
    with pytest.raises(ApiRefused) as refused:
        client.get("selector/owners")
    assert refused.value.status == 503
    assert len(account.control.requests()) == 3


def test_a_wrong_key_is_named_by_its_variable(
    client: FreshsalesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "not-the-key")
    with pytest.raises(DestinationLoginFailed) as refused:
        client.get("selector/owners")
    assert KEY_VARIABLE in str(refused.value)
    assert "not-the-key" not in str(refused.value)


def test_neither_a_refusal_nor_the_log_has_a_value_of_the_record(
    client: FreshsalesClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = "ann.sampleton@patients.example"
    client.post("contacts", contact(emails=[address]))
    with pytest.raises(ApiRefused) as refused:
        client.post("contacts", contact(emails=[address]))
    assert refused.value.code == EMAIL_TAKEN
    told = str(refused.value) + caplog.text
    assert "sampleton" not in told.lower()


def test_a_certificate_of_nobody_known_is_refused(connected: Connect) -> None:
    with pytest.raises(DestinationUnreachable, match="ca_bundle"):
        connected(ca_bundle=None).get("selector/owners")


def test_nothing_that_answers_is_told_without_a_creation_in_doubt(connected: Connect) -> None:
    client = connected(bundle_url="https://127.0.0.1:9/crm/sales", retry_attempts=2)
    with pytest.raises(DestinationUnreachable):
        client.post("contacts", contact())


def test_deleting_what_is_gone_is_no_error(account: Opened, client: FreshsalesClient) -> None:
    number = account.contact()["id"]
    assert client.delete(f"contacts/{number}")
    assert not client.delete(f"contacts/{number}")


def test_a_file_arrives_byte_by_byte_and_its_download_does_not_count_as_a_call(
    account: Opened, client: FreshsalesClient
) -> None:
    target = account.contact()["id"]
    content = bytes(range(256)) * 1_000
    upload(client, target, content, 'Röntgen "UR6" [PANDA maple.radiograph.7].pdf')
    listed = client.get(f"contacts/{target}/document_associations")["documents"]
    assert listed[0]["name"] == 'Röntgen "UR6" [PANDA maple.radiograph.7].pdf'
    before = account.control.rates()["total"]
    assert b"".join(client.download(listed[0]["url"])) == content
    assert account.control.rates()["total"] == before


@pytest.mark.parametrize("size", [999, 1_001])
def test_a_file_of_another_length_than_was_extracted_is_not_made(
    account: Opened, client: FreshsalesClient, size: int
) -> None:
    target = account.contact()["id"]
    with pytest.raises(ContentChanged):
        upload(client, target, b"x" * 1_000, "letter.pdf", size)
    assert account.control.counts().get("document", 0) == 0


@pytest.mark.parametrize(
    ("message", "code", "label"),
    [
        ("Email has already been taken", EMAIL_TAKEN, None),
        ("Last name is too long (maximum is 255 characters)", TOO_LONG, "Last name"),
        ("You have reached the file storage limit of your plan", STORAGE_FULL, None),
        ("Ann Sampleton was born on 1970-01-01", UNKNOWN, None),
    ],
)
def test_a_sentence_of_the_api_becomes_a_code_of_ours(message: str, code: str, label: str | None) -> None:
    found = refusal_of(message)
    assert (found.code, found.label) == (code, label)
    assert "Sampleton" not in found.message
