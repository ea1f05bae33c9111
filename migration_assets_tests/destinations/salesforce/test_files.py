"""Files on their way into a running org, alone and many together: checked, looked up, never doubled."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from migration_assets.destinations.base import Batch, LoadResult
from migration_assets.destinations.salesforce import file_upload
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.destinations.salesforce.file_upload import BodyOfMany
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.errors import (
    ContentChanged,
    DestinationError,
    DestinationLimitReached,
    SourceUnreachable,
)
from migration_assets_tests.destinations.salesforce.batches import collected, open_batch, read
from migration_assets_tests.destinations.salesforce.conftest import Notes, settings_for
from migration_assets_tests.destinations.salesforce.joining_schemas import (
    FILE,
    Contents,
    files,
    listed,
    one_file_each,
    row_of,
)
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

ALONE, TOGETHER = "/sobjects/ContentVersion", "/composite/sobjects"
POST = f"({ALONE}|{TOGETHER})$"
HOW = pytest.mark.parametrize("together", [0, 8_000_000])
SMALL = b"Dear Dr.\r\n--not a boundary\r\n\r\n\x00\xff end"


@pytest.fixture
def org(joining_org: SalesforceSandbox, joining_control: Control) -> Iterator[SalesforceDestination]:
    assert joining_control.counts().get("ContentVersion", 0) == 0
    destination = connect(settings_for(joining_org))
    yield destination
    destination.close()


@pytest.fixture
def contents() -> Contents:
    noise = random.Random(4)
    sizes = {"tiny": 1, "letter": 100_000, "radiograph": 3_000_000, "scan": 8_000_000}
    return Contents({f"maple:document:{name}": noise.randbytes(size) for name, size in sizes.items()})


def posts(control: Control, *paths: str) -> int:
    ends = paths or (ALONE, TOGETHER)
    return sum(each.method == "POST" and each.path.endswith(ends) for each in control.requests())


def sent(org: SalesforceDestination, batch: Batch) -> dict[str, LoadResult]:
    return collected(org.send(batch, Notes()))


def test_files_arrive_to_the_byte_and_a_second_run_sends_none(
    joining_org: SalesforceSandbox, joining_control: Control, contents: Contents
) -> None:
    org = connect(settings_for(joining_org, files={"together_max_bytes": 3_000_000}))
    owner = org._session.user_id()
    made = datetime(2011, 5, 4, 9, 30, tzinfo=UTC)
    batch = one_file_each(contents, ChartNumber__c="417", OwnerId=owner, Original_Create_Date__c=made)
    first = sent(org, batch)
    assert {(each.outcome, each.created) for each in first.values()} == {("loaded", True)}
    assert (posts(joining_control, ALONE), posts(joining_control, TOGETHER)) == (1, 1)
    found = read(org, FILE, "maple:")
    assert listed(found, *FILE.field_names) == listed(batch.rows, *FILE.field_names)
    assert dict(found.select("PANDA_Key__c", "_id").iter_rows()) == {
        key: each.destination_id for key, each in first.items()
    }
    joining_control.forget_requests()
    contents.asked.clear()
    again = sent(org, batch)
    assert {(each.outcome, each.created) for each in again.values()} == {("loaded", False)}
    assert contents.asked == []
    assert {each.method for each in joining_control.requests()} <= {"GET", "POST", "DELETE"}
    assert posts(joining_control) == 0
    org.close()


def test_what_differs_is_changed_without_the_content_and_other_content_is_a_new_version(
    org: SalesforceDestination, joining_control: Control
) -> None:
    contents = Contents({"maple:document:1": SMALL, "maple:document:2": SMALL * 2, "maple:document:3": b"x"})
    sent(org, one_file_each(contents))
    contents.by_key["maple:document:2"] = b"scanned anew"
    contents.asked.clear()
    rows = [row_of(key, content) for key, content in contents.by_key.items()]
    rows[0] |= {"Title": "Renamed", "ChartNumber__c": "5"}
    rows[2] |= {"PathOnClient": "other.pdf"}
    rows.append(row_of("maple:document:4", SMALL))
    contents.by_key["maple:document:4"] = SMALL
    joining_control.forget_requests()
    # After an answer that says nothing, the version that was there before isn't taken for the new one.
    joining_control.fault("unavailable", 1, "POST", POST)
    results = sent(org, files(contents, *rows))
    made = {key: (each.outcome, each.created) for key, each in results.items()}
    assert made.pop("maple:document:4") == ("loaded", True)
    assert set(made.values()) == {("loaded", False)}
    assert (posts(joining_control, ALONE), posts(joining_control, TOGETHER)) == (0, 2)
    # A version keeps the path that it was made with, so another path is another version.
    assert sorted(contents.asked) == [f"maple:document:{number}" for number in (2, 3, 4)]
    found = read(org, FILE, "maple:")
    assert listed(found, "PANDA_Key__c", "Title", "PathOnClient", "Checksum") == sorted(
        (row["PANDA_Key__c"], row["Title"], row["PathOnClient"], row["Checksum"]) for row in rows
    )
    assert (joining_control.counts()["ContentDocument"], joining_control.counts()["ContentVersion"]) == (4, 6)


def test_a_changed_file_stays_one_document_though_somebody_has_added_a_version_without_our_key(
    org: SalesforceDestination, us: Any, somebody: Any, joining_control: Control
) -> None:
    key = "maple:document:1"
    contents = Contents({key: SMALL})
    made = sent(org, one_file_each(contents))[key].destination_id
    document = us.ContentVersion.get(made)["ContentDocumentId"]
    somebody.ContentVersion.create(
        {"ContentDocumentId": document, "PathOnClient": "scan.txt", "VersionData": "c2Nhbg=="}
    )
    unchanged = sent(org, one_file_each(contents))[key]
    assert (unchanged.outcome, unchanged.destination_id) == ("loaded", made)
    contents.by_key[key] = b"written anew"

    changed = sent(org, one_file_each(contents))[key]

    assert (changed.outcome, changed.created) == ("loaded", False)
    assert us.ContentVersion.get(changed.destination_id)["ContentDocumentId"] == document
    assert (joining_control.counts()["ContentDocument"], joining_control.counts()["ContentVersion"]) == (1, 3)


@pytest.mark.parametrize("count", [1, 60])
def test_files_whose_answer_was_lost_are_found_and_not_sent_again(
    joining_org: SalesforceSandbox, joining_control: Control, count: int
) -> None:
    org = connect(settings_for(joining_org))
    contents = Contents({f"maple:document:{number}": SMALL * 1_000 for number in range(count)})
    held = joining_control.hold("POST", POST, moment="after")

    def lose() -> None:
        held.wait()
        held.drop()

    losing = threading.Thread(target=lose)
    losing.start()
    results = sent(org, one_file_each(contents))
    losing.join()
    assert [(each.outcome, each.created) for each in results.values()] == [("loaded", True)] * count
    assert (posts(joining_control), joining_control.counts()["ContentVersion"]) == (1, count)
    found = read(org, FILE, "maple:")
    assert dict(found.select("PANDA_Key__c", "_id").iter_rows()) == {
        key: each.destination_id for key, each in results.items()
    }
    org.close()


@HOW
def test_a_connection_that_is_cut_in_the_middle_is_begun_anew(
    joining_org: SalesforceSandbox, joining_control: Control, contents: Contents, together: int
) -> None:
    org = connect(settings_for(joining_org, files={"together_max_bytes": together}))
    held = joining_control.hold("POST", POST, moment="upload", size=1_000_000)

    def cut() -> None:
        held.wait()
        held.drop()

    cutting = threading.Thread(target=cut)
    cutting.start()
    results = sent(org, one_file_each(contents))
    cutting.join()
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", True)}
    assert joining_control.counts()["ContentVersion"] == 4
    org.close()


@HOW
@pytest.mark.parametrize("kind", ["session", "unavailable", "error"])
def test_what_passes_is_tried_again(
    joining_org: SalesforceSandbox, joining_control: Control, contents: Contents, kind: str, together: int
) -> None:
    org = connect(settings_for(joining_org, files={"together_max_bytes": together}))
    # A request whose fresh login is refused too is no passing thing.
    joining_control.fault(kind, 1 if kind == "session" else 2, "POST", POST)
    results = sent(org, one_file_each(contents))
    assert {each.outcome for each in results.values()} == {"loaded"}
    assert joining_control.counts()["ContentVersion"] == 4
    org.close()


@HOW
def test_files_that_cannot_be_sent_fail_by_themselves(
    joining_org: SalesforceSandbox, joining_control: Control, contents: Contents, together: int
) -> None:
    limits = {"max_bytes": 4_000_000, "together_max_bytes": together}
    org = connect(settings_for(joining_org, files=limits))
    rows = [row_of(key, content) for key, content in contents.by_key.items()]
    contents.by_key["maple:document:letter"] = bytes(100_000)
    longer, gone = b"longer than was said", SMALL * 20_000
    for name, content in (("longer", longer), ("gone", gone), ("moved", gone), ("long_title", SMALL)):
        contents.by_key[f"maple:document:{name}"] = content
        rows.append(row_of(f"maple:document:{name}", content))
    contents.by_key["maple:document:longer"] += b"!"
    rows[-1]["Title"] = "x" * 256
    contents.broken = {
        "maple:document:gone": SourceUnreachable("the server doesn't answer"),
        "maple:document:moved": ContentChanged("the row is gone"),
    }
    results = {key.rpartition(":")[2]: each for key, each in sent(org, files(contents, *rows)).items()}
    assert {name: each.code for name, each in results.items()} == {
        "tiny": None,
        "radiograph": None,
        "scan": "FILE_TOO_LARGE",
        "letter": "CONTENT_CHANGED",
        "longer": "CONTENT_CHANGED",
        "moved": "CONTENT_CHANGED",
        "gone": "CONTENT_UNREADABLE",
        "long_title": "STRING_TOO_LONG",
    }
    assert "8,000,000" in str(results["scan"].message) and "4,000,000" in str(results["scan"].message)
    assert results["long_title"].field == "Title"
    assert sorted(contents.asked) == sorted(key for key in contents.by_key if not key.endswith("scan"))
    assert joining_control.counts()["ContentVersion"] == 2
    assert bool(posts(joining_control, TOGETHER)) == bool(together)
    org.close()


@pytest.mark.parametrize(("together", "refused"), [(0, 1), (8_000_000, 3)])
def test_a_full_org_fails_the_files_that_it_refused_and_stops(
    joining_org: SalesforceSandbox, joining_control: Control, together: int, refused: int
) -> None:
    joining_control.settings(file_storage_mb=1)
    org = connect(settings_for(joining_org, files={"at_once": 1, "together_max_bytes": together}))
    contents = Contents({f"maple:document:{number}": bytes(600_000) for number in range(4)})
    results: list[LoadResult] = []
    with pytest.raises(DestinationLimitReached, match="storage"):
        results.extend(each for part in org.send(one_file_each(contents), Notes()) for each in part)
    assert [(each.outcome, each.code) for each in results] == [
        ("loaded", None),
        *[("failed", "STORAGE_LIMIT_EXCEEDED")] * refused,
    ]
    assert len(contents.asked) == 1 + refused
    org.close()


def test_an_org_that_takes_no_request_for_many_files_gets_each_alone(
    joining_org: SalesforceSandbox, joining_control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    joining_control.settings(file_bytes=2 * len(SMALL))
    org = connect(settings_for(joining_org))
    batches = [
        one_file_each(Contents({f"maple:document:{part}{number}": SMALL for number in range(3)}))
        for part in "ab"
    ]
    with caplog.at_level(logging.WARNING):
        results = sent(org, batches[0]) | sent(org, batches[1])
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", True)}
    assert len(results) == joining_control.counts()["ContentVersion"] == 6
    assert (posts(joining_control, ALONE), posts(joining_control, TOGETHER)) == (6, 1)
    told = [each.getMessage() for each in caplog.records if "many files" in each.getMessage()]
    assert len(told) == 1
    assert "400 FILE_SIZE_LIMIT_EXCEEDED" in told[0] and "maple" not in told[0]
    org.close()


@pytest.mark.parametrize(("code", "arrived"), [("UNABLE_TO_LOCK_ROW", 0), ("DUPLICATE_VALUE", 3), (None, 3)])
def test_answers_that_dont_say_what_became_of_files_are_looked_into(
    org: SalesforceDestination,
    joining_control: Control,
    monkeypatch: pytest.MonkeyPatch,
    code: str | None,
    arrived: int,
) -> None:
    real, asked = file_upload._post, []

    def answer_once(session: SalesforceSession, path: str, body: BodyOfMany) -> Any:
        asked.append(path)
        answers = real(session, path, body) if arrived or len(asked) > 1 else []
        refusal = {"success": False, "errors": [{"statusCode": code, "message": "", "fields": []}]}
        return answers if len(asked) > 1 else [refusal] * 3 if code else answers[:2]

    monkeypatch.setattr(file_upload, "_post", answer_once)
    results = sent(org, one_file_each(Contents({f"maple:document:{number}": SMALL for number in range(3)})))
    assert [(each.outcome, each.created) for each in results.values()] == [("loaded", True)] * 3
    assert joining_control.counts()["ContentVersion"] == 3
    assert len(asked) == (1 if arrived else 2)


def test_a_batch_that_broke_off_is_sent_again_without_doubling(
    joining_org: SalesforceSandbox, org: SalesforceDestination, joining_control: Control
) -> None:
    contents = Contents({f"maple:document:it's \\{number}": SMALL * (number + 1) for number in range(6)})
    batch = one_file_each(contents)
    joining_control.fault("unavailable", 2, "POST", POST)
    impatient = connect(settings_for(joining_org, retry_attempts=1, files={"at_once": 2}))
    with pytest.raises(DestinationError):
        collected(impatient.send(batch, Notes()))
    impatient.close()
    settled = collected(org.settle(open_batch(batch, None), Notes()))
    assert {each.outcome for each in settled.values()} == {"not_sent"}
    assert len(settled) == 6
    results = sent(org, batch)
    assert {each.outcome for each in results.values()} == {"loaded"}
    assert joining_control.counts()["ContentVersion"] == 6


def test_the_original_date_is_set_where_the_org_takes_it(
    joining_org: SalesforceSandbox, joining_control: Control
) -> None:
    made = datetime(2011, 5, 4, 9, 30, tzinfo=UTC)
    for permitted, year in ((True, made.year), (False, datetime.now(UTC).year)):
        joining_control.settings(set_audit_fields=True, content_version_audit_fields=permitted)
        for count in (1, 2):
            org = connect(settings_for(joining_org))
            keys = [f"maple:document:{permitted}:{count}:{number}" for number in range(count)]
            contents = Contents(dict.fromkeys(keys, SMALL))
            results = sent(org, one_file_each(contents, Original_Create_Date__c=made))
            assert [each.outcome for each in results.values()] == ["loaded"] * count
            soql = f"SELECT CreatedDate FROM ContentVersion WHERE PANDA_Key__c LIKE '{keys[0][:-1]}%'"
            assert [row["CreatedDate"][:4] for row in org._session.query(soql)] == [str(year)] * count
            org.close()


def test_batches_are_small_and_need_a_source_of_contents(
    org: SalesforceDestination, contents: Contents
) -> None:
    batch = files(contents, *(row_of(f"maple:document:{number}", SMALL) for number in range(450)))
    assert [part.height for part in org.batches(FILE, batch.rows)] == [200, 200, 50]
    blind = one_file_each(contents)
    with pytest.raises(ValueError, match="contents"):
        collected(org.send(Batch(blind.id, FILE, blind.rows), Notes()))
