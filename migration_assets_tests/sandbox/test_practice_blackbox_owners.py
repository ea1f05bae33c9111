"""The blackbox check's owners: by e-mail, by a colleague's name, by default, and never by a guess."""

from __future__ import annotations

from typing import Any

import pytest

from migration_assets_tests.blackbox.owners import owners


def user(number: int, email: str | None, **others: Any) -> dict[str, Any]:
    plain = {"Id": f"005{number}", "Email": email, "Username": f"u{number}@org", "IsActive": True}
    return plain | {"UserType": "Standard", "Profile": None} | others


def staff(number: int, name: str | None, email: str | None, active: bool | None = True) -> dict[str, Any]:
    return {"UserID": number, "FullName": name, "Email": email, "Active": active}


def provider(number: int, name: str, email: str | None = None, **others: Any) -> dict[str, Any]:
    first, last = name.split()
    plain = {"ProviderID": number, "FirstName": first, "LastName": last, "Email": email}
    return plain | {"IsReferring": False, "Active": True} | others


ANN, JO = user(1, "ann@x.example"), user(2, "Jo@x.example.invalid")
_NOBODY: dict[int, str] = {}
_CASES: dict[str, tuple[list[Any], list[Any], list[Any], dict[int, str]]] = {
    "an own address, whatever its case": (
        [ANN, JO],
        [],
        [provider(1, "Jo Hill", "JO@x.example")],
        {1: "0052"},
    ),
    "an inactive user": ([ANN | {"IsActive": False}], [], [provider(1, "Ann Lee", "ann@x.example")], _NOBODY),
    "a user for Chatter alone": (
        [ANN | {"Profile": {"UserLicense": {"LicenseDefinitionKey": "PID_CHATTER_FREE"}}}],
        [],
        [provider(1, "Ann Lee", "ann@x.example")],
        _NOBODY,
    ),
    "two users of an address, whoever has the name": (
        [ANN, user(3, "ann@x.example"), JO],
        [staff(1, "Ann Lee", "jo@x.example")],
        [provider(1, "Ann Lee", "ann@x.example")],
        _NOBODY,
    ),
    "an address that two share": (
        [ANN],
        [],
        [provider(1, "Ann Lee", "ann@x.example"), provider(2, "Bo Ray", "ANN@x.example")],
        _NOBODY,
    ),
    "an address that was another's": (
        [ANN],
        [],
        [provider(1, "Ann Lee", "ann@x.example"), provider(2, "Bo Ray", "ann@x.example", Active=False)],
        {1: "0051"},
    ),
    "a colleague's name": (
        [ANN],
        [staff(1, "LEE, Dr. Ann DDS", "ann@x.example")],
        [provider(1, "Ann Lee")],
        {1: "0051"},
    ),
    "a colleague's name, the own address nobody's": (
        [ANN],
        [staff(1, "Ann Lee", "ann@x.example")],
        [provider(1, "Ann Lee", "lee@private.example")],
        {1: "0051"},
    ),
    "a dentist outside of a colleague's name": (
        [ANN],
        [staff(1, "Ann Lee", "ann@x.example")],
        [provider(1, "Ann Lee", IsReferring=True)],
        _NOBODY,
    ),
    "two colleagues of a name": (
        [ANN, JO],
        [staff(1, "Ann Lee", "ann@x.example"), staff(2, "Ann Lee", "jo@x.example")],
        [provider(1, "Ann Lee")],
        _NOBODY,
    ),
    "a colleague of the name without a user": (
        [ANN],
        [staff(1, "Ann Lee", "ann@x.example"), staff(2, "Ann Lee", None)],
        [provider(1, "Ann Lee")],
        _NOBODY,
    ),
    "one who left without a user": (
        [ANN],
        [staff(1, "Ann Lee", "ann@x.example"), staff(2, "Ann Lee", None, active=False)],
        [provider(1, "Ann Lee")],
        {1: "0051"},
    ),
    "two providers of a colleague's name": (
        [ANN],
        [staff(1, "Ann Lee", "ann@x.example")],
        [provider(1, "Ann Lee"), provider(2, "Ann Lee")],
        _NOBODY,
    ),
}


@pytest.mark.parametrize("case", _CASES)
def test_who_owns_a_providers_records(case: str) -> None:
    users, people, providers, expected = _CASES[case]

    found = owners(people, providers, users, "005L")

    assert {each["ProviderID"]: found.of(each["ProviderID"]) for each in providers} == {
        each["ProviderID"]: expected.get(each["ProviderID"], "005L") for each in providers
    }


def test_a_default_owner_is_named_by_user_name_before_e_mail() -> None:
    named = user(3, "third@x.example", Username="ann@x.example")

    assert owners([], [], [ANN, named], "005L", " Ann@X.example").of(None) == "0053"
    assert owners([], [], [ANN], "005L", "ann@x.example").of("r7") == "0051"
    with pytest.raises(ValueError, match="default owner"):
        owners([], [], [ANN, user(3, "ann@x.example")], "005L", "ann@x.example")
