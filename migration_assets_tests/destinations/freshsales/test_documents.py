"""Files: streamed, found by their marker, never sent twice, and compared byte by byte when they are read."""

from collections.abc import Iterator

import pytest

from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets.errors import DestinationLimitReached
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    CONTACT,
    DOCUMENT,
    Journal,
    batch,
    document_row,
    patients,
    read,
    rows,
    sent,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

LETTER, FILM = b"%PDF letter" * 700, bytes(range(256)) * 40


@pytest.fixture
def destination(account: Opened, make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    made = connect(make_settings())
    made.deploy_schema([CONTACT])
    sent(made, patients(1, 2))
    account.control.forget_requests()
    yield made
    made.close()


def test_files_come_back_byte_by_byte(account: Opened, destination: FreshsalesDestination) -> None:
    files = {"maple:document:1": LETTER, "maple:document:2": FILM, "maple:document:3": b""}
    described = [document_row(1, LETTER), document_row(2, FILM, "maple:patient:2"), document_row(3, b"")]
    sent(destination, batch(DOCUMENT, described, files))
    contact = account.control.dump()["contacts"]
    theirs = next(iter(contact))
    assert account.upload(int(theirs), b"x", "by hand.pdf").status_code == 200
    assert rows(destination, DOCUMENT) == described
    account.control.corrupt(
        "change_byte", "document", id=_ids(account)["letter [PANDA maple.document.1].pdf"]
    )
    now = {each["_key"]: each for each in rows(destination, DOCUMENT)}
    assert now["maple:document:1"]["checksum"] != described[0]["checksum"]
    assert now["maple:document:2"] == described[1]


def _ids(account: Opened) -> dict[str, int]:
    return {each["name"]: int(number) for number, each in account.control.dump()["document"].items()}


@pytest.mark.parametrize("kind", ["lost_after", "lost_before", "error"])
def test_a_lost_answer_sends_no_file_twice(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings, kind: str
) -> None:
    account.control.fault(kind, 2, "POST", "/documents")
    described = [document_row(1, LETTER), document_row(2, FILM)]
    files = {"maple:document:1": LETTER, "maple:document:2": FILM}
    assert {each.outcome for each in sent(destination, batch(DOCUMENT, described, files)).values()} == {
        "loaded"
    }
    again = connect(make_settings())
    results = sent(again, batch(DOCUMENT, described, files))
    again.close()
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", False)}
    assert account.control.counts()["document"] == 2


def test_a_file_that_changed_in_the_source_is_never_there_in_half(
    account: Opened, destination: FreshsalesDestination
) -> None:
    described = [document_row(1, LETTER), document_row(2, FILM)]
    files = {"maple:document:1": LETTER[:-1] + b"!", "maple:document:2": FILM[:-9]}
    results = sent(destination, batch(DOCUMENT, described, files))
    assert {(each.outcome, each.code, each.field) for each in results.values()} == {
        ("failed", "content_changed", "file")
    }
    assert account.control.counts()["document"] == 0


@pytest.mark.parametrize("deletes", [False, True])
def test_a_file_with_another_content_takes_its_place_only_where_files_can_be_deleted(
    account: Opened, destination: FreshsalesDestination, deletes: bool
) -> None:
    account.control.settings(document_delete=deletes)
    sent(destination, batch(DOCUMENT, [document_row(1, LETTER)], {"maple:document:1": LETTER}))
    result = sent(destination, batch(DOCUMENT, [document_row(1, FILM)], {"maple:document:1": FILM}))
    told = result["maple:document:1"]
    assert (told.outcome, told.code) == (("loaded", None) if deletes else ("failed", "file_fixed"))
    assert rows(destination, DOCUMENT) == [document_row(1, FILM if deletes else LETTER)]


def test_too_large_a_file_is_told_and_a_full_store_ends_the_sending(
    account: Opened, make_settings: MakeSettings, destination: FreshsalesDestination
) -> None:
    account.control.settings(file_storage_bytes=len(LETTER))
    small = connect(make_settings(files={"max_bytes": len(FILM) - 1}))
    described = [
        document_row(1, FILM),
        document_row(2, LETTER),
        document_row(3, LETTER),
        document_row(4, b"x"),
    ]
    files = {f"maple:document:{number}": LETTER for number in (2, 3)} | {"maple:document:1": FILM}
    sending = iter(small.send(batch(DOCUMENT, described, files), Journal()))
    told = [next(sending)[0] for _ in range(3)]
    with pytest.raises(DestinationLimitReached, match="storage is full"):
        next(sending)
    small.close()
    assert [(each.key[-1], each.code) for each in told] == [
        ("1", "file_too_large"), ("2", None), ("3", "storage_full"),
    ]  # fmt: skip
    assert read(destination, DOCUMENT)["_key"].to_list() == ["maple:document:2"]
