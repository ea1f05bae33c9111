"""Deleting records of the sandbox org, and who changed what: recycle bin, users, the dump that compares."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce.api import Salesforce

from migration_assets_tests.sandbox.salesforce_fixtures import (
    VERSION,
    Bulk,
    Opened,
    csv_text,
    make_exam_schema,
    sign_in,
    trusting_session,
)
from migration_sandbox.salesforce.control import ControlRefused
from migration_sandbox.salesforce.launch import SalesforceSandbox

FILE = {"PathOnClient": "letter.txt", "VersionData": "bGV0dGVy"}


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("deletions") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        yield opened


@pytest.fixture(scope="module")
def vale(org: Opened) -> Opened:
    """The org as another user of it."""
    control = org.sandbox.control
    control.add_user("vale@practice.example", "vale@practice.example", "Vale", "Ann")
    token = control.sign_in("vale@practice.example")
    session = trusting_session(org.sandbox)
    client = Salesforce(session_id=token, instance_url=org.sandbox.url, session=session, version=VERSION)
    return Opened(org.sandbox, token, client, Bulk(org.sandbox, token))


def contacts(org: Opened, *names: str) -> list[str]:
    return [str(org.client.Contact.create({"LastName": name})["id"]) for name in names]


def who(record: dict[str, Any]) -> tuple[str, str]:
    return record["CreatedById"], record["LastModifiedById"]


def me(org: Opened) -> str:
    told = org.client.session.get(
        f"{org.sandbox.url}/services/oauth2/userinfo", headers={"Authorization": f"Bearer {org.token}"}
    )
    return str(told.json()["user_id"])


def collection(org: Opened, ids: list[str]) -> list[list[str]]:
    """Codes of a collection's deletions, in the order of the ids."""
    answer = org.bulk.request("DELETE", f"/composite/sobjects?ids={','.join(ids)}&allOrNone=false")
    assert answer.status_code == 200, answer.text
    return [[error["statusCode"] for error in one["errors"]] for one in answer.json()]


def test_what_a_user_saves_bears_that_users_id_in_rest_and_in_bulk(org: Opened, vale: Opened) -> None:
    assert me(org) != me(vale)
    (key,) = contacts(org, "Doe")
    first = org.client.Contact.get(key)
    vale.client.Contact.update(key, {"PANDA_Key__c": "who-1"})
    second = org.client.Contact.get(key)
    assert (who(first), who(second)) == ((me(org), me(org)), (me(org), me(vale)))
    assert second["LastModifiedDate"] > first["LastModifiedDate"]

    vale.bulk.run("Contact", "insert", csv_text(["LastName", "PANDA_Key__c"], [["Roe", "who-2"]]))
    made = org.client.query("SELECT CreatedById, LastModifiedById, OwnerId FROM Contact WHERE "
                            "PANDA_Key__c = 'who-2'")["records"][0]  # fmt: skip
    assert (*who(made), made["OwnerId"]) == (me(vale),) * 3
    org.bulk.run("Contact", "update", csv_text(["Id", "Title"], [[key, "Ms"]]))
    assert org.client.Contact.get(key)["LastModifiedById"] == me(org)
    with pytest.raises(ControlRefused):
        org.sandbox.control.sign_in("nobody@practice.example")


def test_what_hangs_on_a_cleared_lookup_moves_its_system_stamp_only(org: Opened) -> None:
    (key,) = contacts(org, "Poe")
    exam = org.client.Exam__c.create({"Contact__c": key})["id"]
    before = org.client.Exam__c.get(exam)
    org.client.Contact.delete(key)
    after = org.client.Exam__c.get(exam)
    assert after["Contact__c"] is None
    assert (after["LastModifiedDate"], after["LastModifiedById"]) == (
        before["LastModifiedDate"],
        before["LastModifiedById"],
    )
    assert after["SystemModstamp"] > before["SystemModstamp"]


def test_a_users_own_task_link_and_version_are_found_from_the_patient(org: Opened, vale: Opened) -> None:
    patient, other = contacts(org, "Moe", "Noe")
    version = org.client.ContentVersion.create({**FILE, "FirstPublishLocationId": patient})["id"]
    document = org.client.ContentVersion.get(version)["ContentDocumentId"]

    task = vale.client.Task.create({"WhoId": patient, "Subject": "Call"})["id"]
    link = {"ContentDocumentId": document, "LinkedEntityId": other, "ShareType": "V"}
    vale.client.ContentDocumentLink.create(link)
    vale.client.ContentVersion.create({**FILE, "ContentDocumentId": document, "Title": "Later"})

    children = {
        (one["childSObject"], one["field"]): one["cascadeDelete"]
        for one in org.client.Contact.describe()["childRelationships"]
    }
    expected = {
        ("Task", "WhoId"): True,
        ("Event", "WhoId"): True,
        ("ContentDocumentLink", "LinkedEntityId"): True,
    }
    assert expected.items() <= children.items()
    assert who(org.client.Task.get(task)) == (me(vale), me(vale))
    versions = org.client.query_all(
        f"SELECT CreatedById FROM ContentVersion WHERE ContentDocumentId = '{document}' "
        "ORDER BY VersionNumber"
    )["records"]
    assert [one["CreatedById"] for one in versions] == [me(org), me(vale)]
    assert who(org.client.ContentDocument.get(document)) == (me(org), me(vale))

    assert collection(org, [document]) == [[]]
    links = org.client.query(
        f"SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId IN ('{patient}', '{other}')"
    )
    left = org.client.query(f"SELECT Id FROM ContentVersion WHERE ContentDocumentId = '{document}'")
    assert (links["totalSize"], left["totalSize"]) == (0, 0)
    assert org.client.Contact.get(other)["LastName"] == "Noe"
    refused = org.bulk.request("DELETE", f"/sobjects/ContentVersion/{version}")
    assert refused.status_code in (400, 405)


def test_deleting_again_says_whether_the_record_is_in_the_bin_or_gone(org: Opened) -> None:
    binned, gone, live = contacts(org, "Binned", "Gone", "Live")
    assert collection(org, [binned]) == [[]]
    org.bulk.run("Contact", "hardDelete", csv_text(["Id"], [[gone]]))
    codes = [["ENTITY_IS_DELETED"], ["INVALID_CROSS_REFERENCE_KEY"], []]
    assert collection(org, [binned, gone, live]) == codes

    job, told = org.bulk.run("Contact", "delete", csv_text(["Id"], [[binned], [gone], [live]]))
    assert told["numberRecordsFailed"] == 3
    failed = {row["Id"]: row["sf__Error"].partition(":")[0] for row in org.bulk.results(job, "failedResults")}
    assert failed == {
        binned: "ENTITY_IS_DELETED", gone: "INVALID_CROSS_REFERENCE_KEY", live: "ENTITY_IS_DELETED"
    }  # fmt: skip
    for key, code in ((binned, "ENTITY_IS_DELETED"), (gone, "INVALID_CROSS_REFERENCE_KEY")):
        answer = org.bulk.request("DELETE", f"/sobjects/Contact/{key}")
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, code)


def test_a_locked_row_is_not_deleted_until_it_is_tried_again(org: Opened) -> None:
    keys = contacts(org, "Locked", "Free")
    org.sandbox.control.lock_rows(1)
    text = csv_text(["Id"], [[key] for key in keys])
    job, _ = org.bulk.run("Contact", "delete", text)
    assert [row["Id"] for row in org.bulk.results(job, "failedResults")] == keys[:1]
    assert org.bulk.errors(job)[0].startswith("UNABLE_TO_LOCK_ROW:")
    assert collection(org, keys) == [[], ["ENTITY_IS_DELETED"]]


def test_a_full_recycle_bin_forgets_its_oldest_and_refuses_nothing(org: Opened) -> None:
    control = org.sandbox.control
    control.reset()
    keys = contacts(org, *(f"Bin {number}" for number in range(5)))
    control.settings(recycle_bin_records=3, recycle_bin_hold_seconds=3600)
    try:
        for key in keys[:4]:
            assert collection(org, [key]) == [[]]
        query = "SELECT Id FROM Contact WHERE IsDeleted = true ORDER BY Id"
        shown = org.client.query_all(query, include_deleted=True)["records"]
        assert [one["Id"] for one in shown] == keys[:4]

        control.settings(recycle_bin_hold_seconds=0)
        assert collection(org, [keys[4]]) == [[]]
        shown = org.client.query_all(query, include_deleted=True)["records"]
        assert [one["Id"] for one in shown] == keys[2:]
        assert collection(org, [keys[0]]) == [["INVALID_CROSS_REFERENCE_KEY"]]
    finally:
        control.settings(recycle_bin_records=None, recycle_bin_hold_seconds=7200)


def test_a_dump_shows_what_differs_and_nothing_where_nothing_does(org: Opened) -> None:
    control = org.sandbox.control
    (key,) = contacts(org, "Dumped")
    version = org.client.ContentVersion.create({**FILE, "FirstPublishLocationId": key})["id"]
    before = control.dump()
    assert control.dump() == before
    record = next(one for one in before["records"]["Contact"] if one["Id"] == key)
    assert (record["LastName"], "FirstName" in record) == ("Dumped", False)
    assert before["files"][version] == hashlib.sha256(b"letter").hexdigest()

    org.client.Contact.update(key, {"FirstName": "Ann"})
    control.corrupt("change_byte", "ContentVersion", id=version, keep_checksum=True)
    after = control.dump()
    changed = next(one for one in after["records"]["Contact"] if one["Id"] == key)
    assert {name for name in changed if changed[name] != record.get(name)} == {
        "FirstName", "Name", "LastModifiedDate", "SystemModstamp"
    }  # fmt: skip
    assert after["files"][version] != before["files"][version]
    assert (after["schema"], after["components"]) == (before["schema"], before["components"])
