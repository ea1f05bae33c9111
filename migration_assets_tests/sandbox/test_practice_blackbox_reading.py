"""How the blackbox check reads an org over the wire: archived events, long texts, objects that it lacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migration_assets_tests.blackbox.reading import read_org
from migration_assets_tests.blackbox.relations import TIE
from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY,
    Opened,
    Package,
    deploy,
    field_xml,
    grant,
    object_xml,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

_BODY = 'One "two",\nthree.\n' + "x" * 40_000


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("blackbox") / "org", sandbox_org=True) as sandbox:
        opened = sign_in(sandbox)
        note = object_xml("Note") + KEY + field_xml("Body__c", "LongTextArea", length=131072, visibleLines=5)
        done = deploy(opened.client, Package({"Activity": KEY, "Contact": KEY, "ClinicalNote__c": note}))
        assert done.status == "Succeeded", done.errors
        objects = ("Activity", "Contact", "ClinicalNote__c")
        grant(
            opened.client, "Reader", [*(f"{obj}.PANDA_Key__c" for obj in objects), "ClinicalNote__c.Body__c"]
        )
        yield opened


def _event(org: Opened, key: str, day: str) -> str:
    times = {"StartDateTime": f"{day}T14:00:00Z", "EndDateTime": f"{day}T14:30:00Z"}
    made = org.client.Event.create({"Subject": "Recall", "PANDA_Key__c": key, **times})
    return str(made["id"])


def test_archived_events_are_read_and_deleted_ones_are_not(org: Opened) -> None:
    _event(org, "ma_le:appointment:1", "2019-01-15")
    _event(org, "ma_le:appointment:2", "2031-01-15")
    _event(org, "maple:appointment:3", "2031-01-15")
    org.client.Event.delete(_event(org, "ma_le:appointment:4", "2031-01-15"))

    found = read_org(org.client, "ma_le", ("events",))

    keys = {record["PANDA_Key__c"] for record in found.records["Event"]}
    assert keys == {"ma_le:appointment:1", "ma_le:appointment:2"}
    assert "SessionType__c" not in found.described["Event"]


def test_notes_come_whole_by_the_bulk_connection(org: Opened) -> None:
    org.client.ClinicalNote__c.create({"PANDA_Key__c": "oak:note:1", "Body__c": _BODY})

    found = read_org(org.client, "oak", ("notes", "findings"))

    (note,) = found.records["ClinicalNote__c"]
    assert note["Body__c"].replace("\r\n", "\n") == _BODY
    assert "ClinicalExamFinding__c" not in found.described


def test_the_accounts_of_a_practices_contacts_are_read_where_the_org_keeps_several(org: Opened) -> None:
    assert TIE not in read_org(org.client, "elm", ("ties",)).described

    org.sandbox.control.settings(contacts_to_multiple_accounts=True)
    own, other = (org.client.Account.create({"Name": name})["id"] for name in ("Elm", "Oak"))
    of_elm, _ = (
        org.client.Contact.create({"LastName": "Lee", "AccountId": own, "PANDA_Key__c": key})["id"]
        for key in ("elm:provider:1", "oak:provider:1")
    )
    org.client.AccountContactRelation.create({"ContactId": of_elm, "AccountId": other})

    ties = read_org(org.client, "elm", ("ties",)).records[TIE]
    assert {(each["ContactId"], each["AccountId"], each["IsDirect"]) for each in ties} == {
        (of_elm, own, True),
        (of_elm, other, False),
    }
