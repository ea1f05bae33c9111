"""Users of an org: who is found by a query, and who can't be made an owner."""

from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceError

from migration_assets_tests.sandbox.salesforce_fixtures import Opened, sign_in
from migration_sandbox.salesforce.control import ControlRefused
from migration_sandbox.salesforce.launch import SalesforceSandbox

LICENCE = "Profile.UserLicense.LicenseDefinitionKey"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("users") / "org") as sandbox:
        yield sign_in(sandbox)


def test_users_are_found_with_their_licence(org: Opened) -> None:
    control = org.sandbox.control
    control.add_user("vale@practice.example", "vale@practice.example", "Vale", "Ann")
    control.add_user("desk@practice.example", "desk@practice.example", "Desk", profile="Chatter Free User")
    control.add_user("autoproc@org.example", "autoproc@org.example", "Automated Process", profile="")
    query = f"SELECT Username, Name, UserType, {LICENCE} FROM User ORDER BY Username"
    found = {row["Username"]: row for row in org.client.query_all(query)["records"]}
    kinds = {
        name: (row["UserType"], row["Profile"] and row["Profile"]["UserLicense"]["LicenseDefinitionKey"])
        for name, row in found.items()
    }
    assert kinds == {
        "migration@sandbox.example": ("Standard", "SFDC"),
        "vale@practice.example": ("Standard", "SFDC"),
        "desk@practice.example": ("CsnOnly", "PID_CHATTER_FREE"),
        "autoproc@org.example": ("AutomatedProcess", None),
    }
    assert found["vale@practice.example"]["Name"] == "Ann Vale"


def test_who_is_inactive_or_has_no_full_licence_owns_nothing(org: Opened) -> None:
    control, contacts = org.sandbox.control, org.client.Contact
    leaving = control.add_user("leaving@practice.example", "l@practice.example", "Leaving")
    chatting = control.add_user(
        "chat@practice.example", "c@practice.example", "Chat", profile="Chatter Free User"
    )
    kept = contacts.create({"LastName": "Doe", "OwnerId": leaving})["id"]
    assert (
        control.add_user("LEAVING@practice.example", "l@practice.example", "Leaving", active=False) == leaving
    )

    for owner, code in (
        (leaving, "INACTIVE_OWNER_OR_USER"),
        (chatting, "OP_WITH_INVALID_USER_TYPE_EXCEPTION"),
    ):
        with pytest.raises(SalesforceError) as refused:
            contacts.create({"LastName": "Doe", "OwnerId": owner})
        told: Any = refused.value.content
        assert [one["errorCode"] for one in told] == [code]

    # What an inactive user owns already can be changed, and given to somebody else.
    contacts.update(kept, {"FirstName": "Jane"})
    contacts.update(kept, {"OwnerId": contacts.get(contacts.create({"LastName": "Roe"})["id"])["OwnerId"]})
    control.settings(set_audit_fields=True)
    assert contacts.create({"LastName": "Doe", "OwnerId": leaving})["success"]
    control.settings(set_audit_fields=False)


def test_an_unknown_profile_is_refused(org: Opened) -> None:
    with pytest.raises(ControlRefused):
        org.sandbox.control.add_user("x@practice.example", "x@practice.example", "X", profile="Partner")
