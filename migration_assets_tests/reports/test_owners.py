"""The two files that say whose user is whose, and whom to invite."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from migration_assets.destinations.base import DestinationUser
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.owners import Outcome, Owners, ProviderMatch, StaffMatch
from migration_assets.reports.owners import MEANINGS, as_workbook, outcome_counts, write_users
from migration_assets_tests.reports.test_inventory import rows, sheets

HEAD = Head(7, "c" * 64)
TARGET = Target("maple", "salesforce", "rehearsal")
MADE_AT = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
USER = DestinationUser("005000000000001AAA", "ann@practice.example", "ann@practice.example.dev", True, True)


@pytest.fixture
def owners() -> Owners:
    staff = [
        StaffMatch(
            "1", "Ann Vale", "hygienist", "PERIO\\ann", "ann@practice.example", True, Outcome.MATCHED, USER
        ),
        StaffMatch("2", "Bea Moss", "desk", "PERIO\\bea", "=1+2@practice.example", True, Outcome.NO_USER),
        StaffMatch("3", "Cy Quill", "desk", None, None, False, Outcome.NO_ADDRESS),
    ]
    providers = [
        ProviderMatch("5", "Ann Vale", None, False, False, Outcome.MATCHED, USER, "name"),
        ProviderMatch("6", "Dee Ash", None, False, True, Outcome.NO_ADDRESS),
        ProviderMatch("7", "Eli Fir", None, True, False, Outcome.NO_ADDRESS),
    ]
    return Owners("run1", staff, providers, USER)


def test_both_files_are_for_their_owner_only_and_programs_find_everybody(
    owners: Owners, tmp_path: Path
) -> None:
    paths = write_users(owners, TARGET, "Maple Periodontics", MADE_AT, HEAD, tmp_path / "reports")

    assert [path.name for path in paths] == ["users.xlsx", "users.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    document = json.loads(paths[1].read_text())
    assert (document["run_id"], document["default_owner"], document["to_invite"]) == (
        "run1",
        USER.username,
        ["2"],
    )
    assert document["staff"][0]["user_id"] == document["providers"][0]["user_id"] == USER.id
    assert [each["outcome"] for each in document["providers"]] == ["matched", "no_address", "no_address"]


def test_people_find_whom_to_invite_and_what_a_word_means(owners: Owners) -> None:
    book = zipfile.ZipFile(BytesIO(as_workbook(owners, TARGET, "Maple Periodontics", MADE_AT, HEAD)))
    found = {name: rows(book, sheet) for name, sheet in sheets(book).items()}

    assert list(found) == ["About", "To invite", "Staff", "Providers", "Without user"]
    about = {cells.get("A"): cells.get("B") for cells in found["About"]}
    assert about["Staff matched"] == "1 of 3"
    assert MEANINGS.keys() == set(Outcome)
    assert str(about["no_address"]).endswith("(1 staff, 2 providers)")
    heading, invited = found["To invite"]
    assert [
        invited[place]
        for place, text in heading.items()
        if text in {"Role", "Windows login", "Name", "E-mail"}
    ] == [
        "desk",
        "PERIO\\bea",
        "Bea Moss",
        "=1+2@practice.example",
    ]
    assert [cells["A"] for cells in found["Without user"][1:]] == ["6"]


def test_outcomes_are_counted_without_naming_anybody(owners: Owners) -> None:
    assert outcome_counts(owners) == [
        {"outcome": "matched", "staff": 1, "providers": 1},
        {"outcome": "no_user", "staff": 1, "providers": 0},
        {"outcome": "no_address", "staff": 1, "providers": 2},
    ]
