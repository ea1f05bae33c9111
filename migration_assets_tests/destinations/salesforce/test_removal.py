"""Records of a running org, deleted: by collections, by jobs, files by their documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Thread
from typing import Any

import pytest

from migration_assets.destinations.removal import Removal
from migration_assets.destinations.salesforce import removal
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.batches import collected as sent
from migration_assets_tests.destinations.salesforce.conftest import Notes
from migration_assets_tests.destinations.salesforce.joining_schemas import (
    FILE,
    LINK,
    Contents,
    one_file_each,
)
from migration_assets_tests.destinations.salesforce.schemas import CONTACT
from migration_sandbox.salesforce.control import Control


def outcomes(parts: Iterable[Sequence[Removal]]) -> dict[str, tuple[str, str | None]]:
    listed = [each for part in parts for each in part]
    by_key: dict[str, tuple[str, str | None]] = {each.key: (each.outcome, each.code) for each in listed}
    assert len(by_key) == len(listed)
    return by_key


def people(us: Any, count: int) -> dict[str, str]:
    made = ({"LastName": f"P{number}", "PANDA_Key__c": f"maple:patient:{number}"} for number in range(count))
    return {fields["PANDA_Key__c"]: us.Contact.create(fields)["id"] for fields in made}


def purged(us: Any, control: Control) -> str:
    """The id of a record that is in no recycle bin any more."""
    made = str(us.Contact.create({"LastName": "Gone"})["id"])
    control.settings(recycle_bin_records=0, recycle_bin_hold_seconds=0)
    us.Contact.delete(made)
    control.settings(recycle_bin_records=None, recycle_bin_hold_seconds=7_200)
    return made


def there(us: Any, name: str = "Contact") -> list[str]:
    return [each["Id"] for each in us.query(f"SELECT Id FROM {name}")["records"]]


def test_deleting_twice_is_deleting_once(
    joined: SalesforceDestination, us: Any, joining_control: Control
) -> None:
    one, two = people(us, 2).items()
    us.Contact.delete(two[1])
    keep = us.Contact.create({"LastName": "Theirs"})["id"]
    wanted = dict([one, two, ("maple:patient:never", purged(us, joining_control))])

    assert outcomes(joined.delete(CONTACT, wanted)) == {
        one[0]: ("deleted", None),
        two[0]: ("gone", None),
        "maple:patient:never": ("gone", None),
    }
    assert there(us) == [keep]
    assert set(outcomes(joined.delete(CONTACT, wanted)).values()) == {("gone", None)}
    assert joining_control.counts()["Contact"] == 1


def test_a_file_goes_with_its_document_and_what_others_added_to_it(
    joined: SalesforceDestination, us: Any, somebody: Any, joining_control: Control
) -> None:
    contents = Contents({"maple:letter:1": b"one", "maple:letter:2": b"two"})
    ids = {
        key: str(each.destination_id)
        for key, each in sent(joined.send(one_file_each(contents), Notes())).items()
    }
    document = us.ContentVersion.get(ids["maple:letter:1"])["ContentDocumentId"]
    further = {"ContentDocumentId": document, "PathOnClient": "n.txt", "VersionData": "bm90ZQ=="}
    somebody.ContentVersion.create(further)

    assert outcomes(joined.delete(FILE, {"maple:letter:1": ids["maple:letter:1"]})) == {
        "maple:letter:1": ("deleted", None)
    }
    assert there(us, "ContentVersion") == [ids["maple:letter:2"]]
    assert outcomes(joined.delete(FILE, ids)) == {
        "maple:letter:1": ("gone", None),
        "maple:letter:2": ("deleted", None),
    }
    assert joining_control.counts().get("ContentDocument", 0) == 0


def test_what_the_org_refuses_stays_and_the_rest_goes(joined: SalesforceDestination, us: Any) -> None:
    file = sent(joined.send(one_file_each(Contents({"maple:letter:1": b"one"})), Notes()))["maple:letter:1"]
    document = us.ContentVersion.get(str(file.destination_id))["ContentDocumentId"]
    [owners] = us.query(f"SELECT Id FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'")[
        "records"
    ]
    ann = us.Contact.create({"LastName": "Quill"})["id"]
    link = us.ContentDocumentLink.create(
        {"ContentDocumentId": document, "LinkedEntityId": ann, "ShareType": "V"}
    )["id"]

    found = outcomes(joined.delete(LINK, {"owner's": owners["Id"], "ours": link}))

    assert found["ours"] == ("deleted", None)
    outcome, code = found["owner's"]
    assert outcome == "failed" and code is not None
    assert owners["Id"] in {
        each["Id"]
        for each in us.query(f"SELECT Id FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'")[
            "records"
        ]
    }


def test_a_lost_answer_is_asked_again(
    joined: SalesforceDestination, us: Any, joining_control: Control
) -> None:
    wanted = people(us, 3)
    joined.identity()
    held = joining_control.hold("DELETE", "composite/sobjects", moment="after")
    found: dict[str, tuple[str, str | None]] = {}
    worker = Thread(target=lambda: found.update(outcomes(joined.delete(CONTACT, wanted))))
    worker.start()
    held.wait()
    held.drop()
    worker.join(30)

    assert found.keys() == wanted.keys()
    assert {outcome for outcome, _ in found.values()} == {"gone"}
    assert there(us) == []


def test_a_full_recycle_bin_keeps_nobody_from_deleting(
    joined: SalesforceDestination, us: Any, joining_control: Control
) -> None:
    joining_control.settings(recycle_bin_records=2, recycle_bin_hold_seconds=0)
    wanted = people(us, 5)

    assert set(outcomes(joined.delete(CONTACT, wanted)).values()) == {("deleted", None)}
    assert set(outcomes(joined.delete(CONTACT, wanted)).values()) == {("gone", None)}


def test_many_go_by_a_job(
    joined: SalesforceDestination,
    us: Any,
    joining_control: Control,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "MOST_BY_COLLECTIONS", 3)
    wanted = people(us, 6)
    never = purged(us, joining_control)
    joining_control.forget_requests()

    found = outcomes(joined.delete(CONTACT, {**wanted, "maple:patient:never": never}))

    assert found.pop("maple:patient:never") == ("gone", None)
    assert found == dict.fromkeys(wanted, ("deleted", None))
    made = [
        each for each in joining_control.requests() if each.method == "POST" and each.path.endswith("/ingest")
    ]
    assert len(made) == 1
    assert there(us) == []


def test_what_a_job_does_not_do_goes_by_collections(
    joined: SalesforceDestination,
    us: Any,
    joining_control: Control,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "MOST_BY_COLLECTIONS", 3)
    wanted = people(us, 4)
    joining_control.fail_jobs()

    assert outcomes(joined.delete(CONTACT, wanted)) == dict.fromkeys(wanted, ("deleted", None))
    assert there(us) == []


def test_a_locked_record_is_tried_again_before_it_counts_as_failed(
    joined: SalesforceDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox locks rows of jobs only, so collections' answers are made here."""
    asked: list[list[str]] = []

    class Answer:
        def __init__(self, ids: list[str]) -> None:
            self.ids = ids

        def json(self) -> list[dict[str, Any]]:
            locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}
            return [
                {"id": each, "success": each == "a" or (each == "b" and len(asked) > 1), "errors": [locked]}
                for each in self.ids
            ]

    def request(_: str, __: str, params: dict[str, str]) -> Answer:
        asked.append(params["ids"].split(","))
        return Answer(asked[-1])

    monkeypatch.setattr(joined._session, "request", request)

    assert outcomes(joined.delete(CONTACT, {"1": "a", "2": "b", "3": "c"})) == {
        "1": ("deleted", None),
        "2": ("deleted", None),
        "3": ("failed", "UNABLE_TO_LOCK_ROW"),
    }
    assert asked == [["a", "b", "c"], ["b", "c"], ["c"], ["c"]]
