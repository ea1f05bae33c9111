"""Which user of the org owns a provider's records: by e-mail, by a colleague's name, or by default.

The rule: a person's user is the only active one with the person's address that may own records; an address
that people of several names share tells nothing, those who have left not counted unless all have. A provider
of the practice who has none so takes that of the staff of the same name, where everybody at work under that
name has the one user and no other provider of the practice bears it. All else belongs to the default owner,
or, without one, to the user who loaded it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from migration_assets_tests.blackbox import names, words
from migration_assets_tests.blackbox.report import Row

STAFF_COLUMNS = ("UserID", "FullName", "Email", "Active")
PROVIDER_COLUMNS = ("ProviderID", "FirstName", "LastName", "Email", "IsReferring", "Active")


@dataclass(frozen=True)
class _Person:
    name: str
    address: str | None
    works: bool


@dataclass(frozen=True)
class Owners:
    """``by_provider``: ProviderID -> Id of a user; ``otherwise`` owns the rest."""

    by_provider: dict[Any, str]
    otherwise: str | None

    def of(self, provider: Any) -> str | None:
        return self.by_provider.get(provider, self.otherwise)


def owners(
    staff: Iterable[Row],
    providers: Iterable[Row],
    users: Iterable[Row],
    login: str | None,
    default: str | None = None,
) -> Owners:
    """``users`` are the org's, ``default`` a username or an e-mail.

    Raises ValueError where that isn't exactly one user who may own records.
    """
    everybody = list(users)
    by_address: dict[str, list[str]] = defaultdict(list)
    for user in filter(_may_own, everybody):
        if address := _folded(str(user["Email"] or "").removesuffix(".invalid")):
            by_address[address].append(user["Id"])
    staff, providers = list(staff), list(providers)
    colleagues = [_colleague(row) for row in staff]
    by_name: dict[str, set[str | None]] = defaultdict(set)
    for row, person in zip(staff, colleagues, strict=True):
        user_id = _only_one(by_address, person, colleagues)
        if words.text(row["FullName"]) and (user_id or person.works):
            by_name[person.name].add(user_id)
    people = [_treating(row) for row in providers]
    own = [person.name for row, person in zip(providers, people, strict=True) if not _refers(row)]
    found: dict[Any, str] = {}
    for row, person in zip(providers, people, strict=True):
        user_id = _only_one(by_address, person, people)
        doubtful = len(by_address.get(person.address or "", ())) > 1
        if user_id is None and not doubtful and not _refers(row) and words.text(row["FirstName"]):
            namesakes = by_name.get(person.name, set())
            if len(namesakes) == 1 and own.count(person.name) == 1:
                user_id = next(iter(namesakes))
        if user_id is not None:
            found[row["ProviderID"]] = user_id
    return Owners(found, login if default is None else _default(everybody, default))


def _only_one(by_address: dict[str, list[str]], person: _Person, people: list[_Person]) -> str | None:
    """The one user with a person's address, unless people of other names have it too."""
    fit = by_address.get(person.address or "", [])
    if len(fit) != 1:
        return None
    sharing = [each for each in people if each.address == person.address]
    at_work = [each for each in sharing if each.works] or sharing
    return fit[0] if all(each.name == person.name for each in at_work) else None


def _default(users: list[Row], wanted: str) -> str:
    named = [user for user in users if _folded(user["Username"]) == _folded(wanted)]
    named = named or [
        user
        for user in users
        if _folded(str(user["Email"] or "").removesuffix(".invalid")) == _folded(wanted)
    ]
    fit = [str(user["Id"]) for user in named if _may_own(user)]
    if len(fit) != 1:
        raise ValueError("the default owner isn't exactly one user who may own records")
    return fit[0]


def _may_own(user: Row) -> bool:
    # Licences for one purpose, such as Chatter alone, begin so.
    licence = ((user.get("Profile") or {}).get("UserLicense") or {}).get("LicenseDefinitionKey") or ""
    return bool(user["IsActive"]) and user["UserType"] == "Standard" and not licence.startswith("PID_")


def _refers(row: Row) -> bool:
    return words.flag(row["IsReferring"])


def _colleague(row: Row) -> _Person:
    name = words.text(row["FullName"])
    return _person(row, f"#{row['UserID']}" if name is None else names.person(name).folded)


def _treating(row: Row) -> _Person:
    parts = filter(None, (words.text(row["FirstName"]), words.text(row["LastName"])))
    return _person(row, names.person(" ".join(parts)).folded)


def _person(row: Row, name: str) -> _Person:
    works = row["Active"] is None or words.flag(row["Active"])
    return _Person(name, names.email(words.text(row["Email"])), works)


def _folded(address: Any) -> str:
    return str(address or "").strip().casefold()
