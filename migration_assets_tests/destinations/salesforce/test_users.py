"""Users of an org as the port knows them, asked of a running sandbox org."""

from __future__ import annotations

import pytest

from migration_assets.destinations.base import DestinationUser
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.conftest import Connect
from migration_sandbox.salesforce.control import Control


def test_only_active_users_with_a_full_licence_can_be_owners(
    org: SalesforceDestination, control: Control
) -> None:
    added = {
        name: control.add_user(
            f"{name}@users.example", f"{name.title()}@practice.example", name, profile=profile, active=active
        )
        for name, profile, active in (
            ("full", "Standard User", True),
            ("platform", "Standard Platform User", True),
            ("former", "Standard User", False),
            ("chatting", "Chatter Free User", True),
            ("machine", "", True),
        )
    }

    known = {each.username: each for each in org.users()}

    assert known["full@users.example"] == DestinationUser(
        added["full"], "Full@practice.example", "full@users.example", active=True, may_own=True
    )
    assert {
        name: (known[f"{name}@users.example"].active, known[f"{name}@users.example"].may_own)
        for name in added
    } == {
        "full": (True, True),
        "platform": (True, True),
        "former": (False, True),
        "chatting": (True, False),
        "machine": (True, False),
    }
    assert {len(each.id) for each in known.values()} == {18}


def test_the_address_is_the_one_from_before_a_sandbox_was_made(
    org: SalesforceDestination, control: Control
) -> None:
    control.add_user("vale@practice.example.dev", "vale@practice.example.invalid", "Vale")

    known = {each.username: each.email for each in org.users()}

    assert known["vale@practice.example.dev"] == "vale@practice.example"


def test_the_default_owner_may_stand_in_the_environment(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_OWNER", "office@practice.example")

    assert connected().default_owner is None
    assert connected(default_owner="ames@practice.example").default_owner == "ames@practice.example"
    assert connected(default_owner={"env": "TEST_OWNER"}).default_owner == "office@practice.example"
