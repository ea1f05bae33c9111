"""Whose user is whose: by e-mail, by a stated rule of names, and never by a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.destinations.base import DestinationUser
from migration_assets.errors import ConfigurationError, WarehouseTableMissing
from migration_assets.migration import owners
from migration_assets.migration.owners import Outcome, Owners, find_default_owner
from migration_assets.objects.providers import Provider
from migration_assets.objects.staff_users import StaffUser
from migration_assets_tests.migration.fake_destination import FakeDestination
from migration_assets_tests.migration.test_operations import FILE, Office, opened

VALE, MOSS = "ann.vale@practice.example", "bea.moss@practice.example"


def user(
    name: str, email: str | None = VALE, *, active: bool = True, may_own: bool = True
) -> DestinationUser:
    return DestinationUser(f"005{name}", email, f"{name}@users.example", active, may_own)


def staff(
    number: int, full_name: str | None = "Ann Vale", email: str | None = VALE, **more: Any
) -> dict[str, Any]:
    return {"source_id": str(number), "full_name": full_name, "email": email, "active": True, **more}


def provider(
    number: int, first: str | None, last: str, email: str | None = None, **more: Any
) -> dict[str, Any]:
    named = {"source_id": str(number), "first_name": first, "last_name": last, "email": email}
    return {"referring": False, "inactive": False, **named, **more}


def frame(rows: list[dict[str, Any]], model: type[StaffUser] | type[Provider]) -> pl.DataFrame:
    columns = {name: column.dtype.type for name, column in model.to_schema().columns.items()}
    return pl.DataFrame([dict.fromkeys(columns) | row for row in rows], schema=columns)


def match(
    people: list[dict[str, Any]], users: list[DestinationUser], providers: list[dict[str, Any]] | None = None
) -> Owners:
    return owners.match(frame(people, StaffUser), frame(providers or [], Provider), users, run_id="run")


def outcomes(found: Owners) -> list[tuple[str, str | None]]:
    return [(str(each.outcome), each.user.id if each.user else None) for each in found.staff]


@pytest.mark.parametrize(
    ("users", "outcome"),
    [
        ([user("a", "Ann.VALE@practice.example")], ("matched", "005a")),
        ([user("a"), user("b", active=False), user("c", may_own=False)], ("matched", "005a")),
        ([user("a"), user("b")], ("ambiguous", None)),
        ([user("a", active=False)], ("user_inactive", None)),
        ([user("a", may_own=False), user("b", active=False)], ("user_may_not_own", None)),
        ([user("a", MOSS), user("b", None)], ("no_user", None)),
    ],
)
def test_an_address_leads_to_the_one_active_user_who_may_own(
    users: list[DestinationUser], outcome: tuple[str, str | None]
) -> None:
    assert outcomes(match([staff(1)], users)) == [outcome]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"full_name": "Bea Moss"}, ["address_shared", "address_shared"]),
        ({"full_name": None}, ["address_shared", "address_shared"]),
        ({"full_name": "VALE, Ann, DDS"}, ["matched", "matched"]),
        ({"full_name": "Bea Moss", "active": False}, ["matched", "address_shared"]),
    ],
)
def test_an_address_of_two_people_says_nothing_of_either(second: dict[str, Any], expected: list[str]) -> None:
    found = match([staff(1), staff(2, **second)], [user("a")])

    assert [outcome for outcome, _ in outcomes(found)] == expected


def test_only_who_works_there_and_has_no_user_at_all_is_invited() -> None:
    people = [
        staff(1, "Una User", "una@practice.example"),
        staff(2, "Ivo Invited", "ivo@practice.example"),
        staff(3, "Left Long", "left@practice.example", active=False),
        staff(4, "No Mail", None, active=None),
        staff(5, "Woken Up", "woken@practice.example"),
    ]
    users = [user("a", "una@practice.example"), user("b", "woken@practice.example", active=False)]

    found = match(people, users)

    assert [each.source_id for each in found.to_invite] == ["2", "4"]
    assert [each.source_id for each in found.matched] == ["1"]


NAMED = staff(1, "Dr. Ann Vale, DDS", VALE)
USERS = [user("a"), user("b", MOSS), user("c", "office@practice.example")]


@pytest.mark.parametrize(
    ("people", "providers", "expected"),
    [
        ([], [provider(5, "Ann", "Vale", VALE.upper())], [("matched", "email", "005a")]),
        ([NAMED], [provider(5, "ann", "Vále")], [("matched", "name", "005a")]),
        ([NAMED], [provider(5, "Ann", "Vale", "gone@practice.example")], [("matched", "name", "005a")]),
        ([NAMED], [provider(5, "Ann", "Vale", MOSS)], [("matched", "email", "005b")]),
        ([NAMED], [provider(5, "Ann", "Vale", referring=True)], [("no_address", None, None)]),
        ([NAMED], [provider(5, None, "Vale")], [("no_address", None, None)]),
        ([staff(1, "Ann Vale", None)], [provider(5, "Ann", "Vale")], [("no_address", None, None)]),
        ([NAMED, staff(2, "Ann Vale", MOSS)], [provider(5, "Ann", "Vale")], [("name_shared", None, None)]),
        ([NAMED, staff(2, "Ann Vale", None)], [provider(5, "Ann", "Vale")], [("name_shared", None, None)]),
        (
            [NAMED, staff(2, "Ann Vale", None, active=False)],
            [provider(5, "Ann", "Vale")],
            [("matched", "name", "005a")],
        ),
        (
            [NAMED],
            [provider(5, "Ann", "Vale"), provider(6, "Ann", "Vale")],
            [("name_shared", None, None)] * 2,
        ),
        (
            [NAMED],
            [
                provider(5, "Ann", "Vale", "office@practice.example"),
                provider(6, "Bea", "Moss", "office@practice.example"),
            ],
            [("matched", "name", "005a"), ("address_shared", None, None)],
        ),
    ],
)
def test_a_provider_goes_by_address_and_else_by_the_name_of_staff(
    people: list[dict[str, Any]],
    providers: list[dict[str, Any]],
    expected: list[tuple[str, str | None, str | None]],
) -> None:
    found = match(people, USERS, providers)

    assert [(each.outcome, each.by, each.user and each.user.id) for each in found.providers] == expected
    assert found.by_provider == {
        row["source_id"]: owner for row, (*_, owner) in zip(providers, expected, strict=True) if owner
    }


def test_an_ambiguous_address_of_a_provider_is_not_decided_by_name() -> None:
    users = [user("a"), user("b"), user("c", MOSS)]

    found = match([staff(1, "Ann Vale", MOSS)], users, [provider(5, "Ann", "Vale", VALE)])

    assert [each.outcome for each in found.providers] == [Outcome.AMBIGUOUS]
    assert [each.source_id for each in found.ambiguous] == ["5"]


_NAMES = st.sampled_from([None, "Ann Vale", "Bea Moss", "Cy Quill"])
_ADDRESSES = st.sampled_from([None, VALE, MOSS, VALE.upper(), "desk@practice.example"])
_PEOPLE = st.lists(st.tuples(_NAMES, _ADDRESSES, st.sampled_from([True, False, None])), max_size=6)
_USERS = st.lists(st.tuples(_ADDRESSES, st.booleans(), st.booleans()), max_size=6)


@settings(max_examples=150, deadline=None)
@given(_PEOPLE, _USERS)
def test_nobody_is_given_a_user_whom_another_could_claim(
    people: list[tuple[str | None, str | None, bool | None]],
    known: list[tuple[str | None, bool, bool]],
) -> None:
    users = [user(str(n), email, active=active, may_own=own) for n, (email, active, own) in enumerate(known)]
    rows = [staff(n, name, email, active=active) for n, (name, email, active) in enumerate(people)]

    found = match(rows, users)

    assert len(found.staff) == len(rows)
    for each in found.staff:
        assert (each.user is not None) == (each.outcome is Outcome.MATCHED)
        if each.user is not None:
            assert each.user.active and each.user.may_own
            assert each.user.email is not None and each.email is not None
            assert each.user.email.lower() == each.email.lower()
    claims = {(each.user.id, each.full_name) for each in found.matched if each.user and each.active}
    assert len(claims) == len({claimed for claimed, _ in claims})


@pytest.mark.parametrize(
    ("wanted", "found"), [("A@USERS.example", "005a"), ("office@practice.example", "005c"), (VALE, "005a")]
)
def test_the_default_owner_is_named_by_username_or_address(wanted: str, found: str) -> None:
    assert find_default_owner([*USERS, user("d", active=False)], wanted, "maple").id == found


@pytest.mark.parametrize(
    ("users", "problem"),
    [
        ([user("b", MOSS), user("c", None)], "names no user there; correct"),
        ([user("a", active=False)], "names an inactive user; activate"),
        ([user("a", may_own=False)], "may own nothing; give that user a full licence"),
        ([user("a"), user("b")], "is the e-mail of 2 users; write the username"),
    ],
)
def test_a_default_owner_who_can_not_own_is_an_error_that_names_nobody(
    users: list[DestinationUser], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^maple: default_owner .*{problem}") as raised:
        find_default_owner(users, VALE, "maple")
    assert VALE not in str(raised.value)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("MAPLE_KEY", "x" * 32)
    (tmp_path / "practices").mkdir()
    (tmp_path / "practices" / "maple.yaml").write_text(FILE, encoding="utf-8")
    return opened(tmp_path, FakeDestination(known_users=list(USERS), default_owner="c@users.example"))


def test_owners_are_kept_in_the_uploads_own_file(office: Office) -> None:
    migration = office.migration()
    upload = office.platform.upload_warehouse(migration.target)
    with pytest.raises(WarehouseTableMissing):
        migration.match_owners("run1")
    with office.platform.panda_warehouse("maple").open() as session:
        session.replace_table("staged", "staff_users", frame([NAMED], StaffUser))
        people = [provider(5, "Ann", "Vale"), provider(6, "Bea", "Moss")]
        session.replace_table("staged", "providers", frame(people, Provider))
    with upload.open() as session:
        empty = owners.read(session)

    found = migration.match_owners("run1")

    assert (empty.height, empty.schema) == (0, pl.Schema(owners.OWNER_COLUMNS))
    assert found.complete
    assert [each.source_id for each in found.without_user] == ["6"]
    with upload.open(read_only=True) as session:
        assert owners.read(session).rows() == [("5", "005a"), (None, "005c")]
    office.destination.default_owner = None
    assert not migration.match_owners("run2").complete
    with upload.open(read_only=True) as session:
        assert owners.read(session).rows() == [("5", "005a")]
