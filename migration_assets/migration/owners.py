"""Who of a practice is which user of a destination: who owns a provider's records, and whom to invite.

A person is matched by e-mail alone (case doesn't count), and never guessed:

1. Staff: the one user with the person's address who is active and may own records. Several such users leave
   it ambiguous. An address that people of different names share says nothing about any of them; those who
   have left the practice don't count, unless all have.
2. Providers: in the same way by the provider's own address. A provider of the practice who finds no user so
   gets the user of staff of the same full name (titles, degrees, case and accents don't count), where all
   who work under the name lead to one user and no other provider of the practice has it. A referring dentist
   isn't matched by name.
3. Nobody else's records: the default owner of the practice's file, by username or e-mail; without one they
   carry no owner, and the login that loads them owns them.

What is done with an owner is the mapping's business; ``payload`` reads the stored table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from migration_assets.destinations.base import DestinationUser
from migration_assets.errors import ConfigurationError
from migration_assets.mapping.spec import OWNERS_TABLE
from migration_assets.migration.upload_file import SOURCE
from migration_assets.perio.names import read_name
from migration_assets.warehouse import Session

OWNER_COLUMNS: dict[str, pl.DataType] = {"provider_id": pl.String(), "user_id": pl.String()}
"""The user who owns a provider's records; the default owner in the row without a provider."""

_STAFF_OUTCOMES = "staff_outcomes"
STAFF_COLUMNS: dict[str, pl.DataType] = {"source_id": pl.String(), "outcome": pl.String()}
"""What became of each of the staff: a login is no record that anything could bring there."""

STAFF, PROVIDERS = "staff_users", "providers"


class Outcome(StrEnum):
    """What looking for a person's user came to."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    ADDRESS_SHARED = "address_shared"
    NAME_SHARED = "name_shared"
    INACTIVE = "user_inactive"
    MAY_NOT_OWN = "user_may_not_own"
    NO_USER = "no_user"
    NO_ADDRESS = "no_address"


UNDECIDED = frozenset({Outcome.AMBIGUOUS, Outcome.ADDRESS_SHARED, Outcome.NAME_SHARED})
"""Outcomes that a person has to decide, by mending an address or a name at one of the two ends."""

_WITHOUT_ACCOUNT = frozenset({Outcome.NO_USER, Outcome.NO_ADDRESS})
_MAY_GO_BY_NAME = frozenset(Outcome) - {Outcome.MATCHED, Outcome.AMBIGUOUS}


@dataclass(frozen=True, slots=True)
class StaffMatch:
    """One row of ``staged.staff_users``; ``user`` is set where ``outcome`` is MATCHED."""

    source_id: str
    full_name: str | None
    role: str | None
    windows_login: str | None
    email: str | None
    active: bool
    outcome: Outcome
    user: DestinationUser | None = None


@dataclass(frozen=True, slots=True)
class ProviderMatch:
    """One row of ``staged.providers``; ``by`` is ``email`` or ``name`` where ``outcome`` is MATCHED."""

    source_id: str
    name: str
    email: str | None
    referring: bool
    inactive: bool
    outcome: Outcome
    user: DestinationUser | None = None
    by: str | None = None


@dataclass(frozen=True)
class Owners:
    """A practice's people with their users, as of one run."""

    run_id: str
    staff: Sequence[StaffMatch]
    providers: Sequence[ProviderMatch]
    default: DestinationUser | None = None

    @property
    def by_provider(self) -> dict[str, str]:
        """provider_id -> id of the user who owns the provider's records."""
        return {each.source_id: each.user.id for each in self.providers if each.user is not None}

    @property
    def matched(self) -> list[StaffMatch]:
        return [each for each in self.staff if each.user is not None]

    @property
    def to_invite(self) -> list[StaffMatch]:
        """Staff who work at the practice and have no user; those without an address need one first."""
        return [each for each in self.staff if each.active and each.outcome in _WITHOUT_ACCOUNT]

    @property
    def without_user(self) -> list[ProviderMatch]:
        """The practice's own providers, former ones too, whose records go to the default owner."""
        return [each for each in self.providers if each.user is None and not each.referring]

    @property
    def ambiguous(self) -> list[StaffMatch | ProviderMatch]:
        people: Iterable[StaffMatch | ProviderMatch] = [*self.staff, *self.providers]
        return [each for each in people if each.outcome in UNDECIDED]

    @property
    def complete(self) -> bool:
        """Whether every record that a provider owns has an owner, and nobody is left to decide about."""
        return (self.default is not None or not self.without_user) and not self.ambiguous


def match(
    staff: pl.DataFrame,
    providers: pl.DataFrame,
    users: Sequence[DestinationUser],
    *,
    run_id: str,
    default: DestinationUser | None = None,
) -> Owners:
    """``staff`` and ``providers`` are the staged tables, rows of one person each; by the rules above."""
    by_address = _Users(users)
    matched = _match_staff(staff, by_address)
    return Owners(run_id, matched, _match_providers(providers, matched, by_address), default)


def find_default_owner(users: Sequence[DestinationUser], wanted: str, where: str) -> DestinationUser:
    """The user of this username, else the only active one of this e-mail who may own records.

    Raises ConfigurationError naming ``where`` the setting stands, never whom it names.
    """
    named = [each for each in users if _folded(each.username) == _folded(wanted)]
    found = named or [each for each in users if each.email and _folded(each.email) == _folded(wanted)]
    fit = [each for each in found if each.active and each.may_own]
    if len(fit) == 1:
        return fit[0]
    if not found:
        problem, remedy = "names no user there", "correct the username or e-mail, or invite that user"
    elif fit:
        problem, remedy = f"is the e-mail of {len(fit)} users", "write the username of one of them"
    elif any(each.active for each in found):
        problem, remedy = "names a user who may own nothing", "give that user a full licence or name another"
    else:
        problem, remedy = "names an inactive user", "activate that user or name another"
    raise ConfigurationError(f"{where}: default_owner {problem}; {remedy}")


def store(session: Session, owners: Owners) -> None:
    """Put them into the upload's own file, in place of those of an earlier run."""
    pairs: list[tuple[str | None, str]] = list(owners.by_provider.items())
    if owners.default is not None:
        pairs.append((None, owners.default.id))
    session.replace_table(SOURCE, OWNERS_TABLE, pl.DataFrame(pairs, schema=OWNER_COLUMNS, orient="row"))
    outcomes = [(each.source_id, str(each.outcome)) for each in owners.staff]
    session.replace_table(SOURCE, _STAFF_OUTCOMES, pl.DataFrame(outcomes, schema=STAFF_COLUMNS, orient="row"))


def read(session: Session) -> pl.DataFrame:
    """OWNER_COLUMNS; no rows where nobody was matched yet."""
    if not session.has_table(SOURCE, OWNERS_TABLE):
        return pl.DataFrame(schema=OWNER_COLUMNS)
    return session.read(SOURCE, OWNERS_TABLE, list(OWNER_COLUMNS))


def read_staff(session: Session) -> pl.DataFrame:
    """STAFF_COLUMNS; no rows where nobody was matched yet."""
    if not session.has_table(SOURCE, _STAFF_OUTCOMES):
        return pl.DataFrame(schema=STAFF_COLUMNS)
    return session.read(SOURCE, _STAFF_OUTCOMES, list(STAFF_COLUMNS))


class _Users:
    """Users by address."""

    def __init__(self, users: Iterable[DestinationUser]) -> None:
        self._by_address: dict[str, list[DestinationUser]] = {}
        for each in users:
            if each.email is not None:
                self._by_address.setdefault(_folded(each.email), []).append(each)

    def find(self, email: str | None) -> tuple[Outcome, DestinationUser | None]:
        if email is None:
            return Outcome.NO_ADDRESS, None
        found = self._by_address.get(_folded(email), [])
        fit = [each for each in found if each.active and each.may_own]
        if len(fit) == 1:
            return Outcome.MATCHED, fit[0]
        if fit:
            return Outcome.AMBIGUOUS, None
        if any(each.active for each in found):
            return Outcome.MAY_NOT_OWN, None
        return (Outcome.INACTIVE if found else Outcome.NO_USER), None


@dataclass(frozen=True, slots=True)
class _Person:
    """What two rows are compared by; ``name`` is folded, and the row's own where there is none."""

    name: str
    address: str | None
    active: bool


class _SharedAddresses:
    """Which names have an address: of those who are active, or of all where nobody is."""

    def __init__(self, people: Sequence[_Person]) -> None:
        self._names: dict[str, set[str]] = {}
        for only_active in (True, False):
            names: dict[str, set[str]] = {}
            for each in people:
                if each.address is not None and (each.active or not only_active):
                    names.setdefault(each.address, set()).add(each.name)
            self._names = names | self._names

    def shares(self, person: _Person) -> bool:
        return person.address is not None and bool(self._names[person.address] - {person.name})


def _match_staff(staff: pl.DataFrame, users: _Users) -> list[StaffMatch]:
    rows = list(staff.sort("source_id").iter_rows(named=True))
    people = [_staff_person(row) for row in rows]
    shared = _SharedAddresses(people)
    matched = []
    for row, person in zip(rows, people, strict=True):
        outcome, user = _find(users, row["email"], shared.shares(person))
        described = {name: row[name] for name in ("source_id", "full_name", "role", "windows_login", "email")}
        matched.append(StaffMatch(**described, active=person.active, outcome=outcome, user=user))
    return matched


def _match_providers(
    providers: pl.DataFrame, staff: Sequence[StaffMatch], users: _Users
) -> list[ProviderMatch]:
    rows = list(providers.sort("source_id").iter_rows(named=True))
    people = [_provider_person(row) for row in rows]
    shared = _SharedAddresses(people)
    by_name = _by_name(staff)
    own_names = [person.name for row, person in zip(rows, people, strict=True) if not row["referring"]]
    matched = []
    for row, person in zip(rows, people, strict=True):
        outcome, user = _find(users, row["email"], shared.shares(person))
        by = None if user is None else "email"
        goes_by_name = outcome in _MAY_GO_BY_NAME and not row["referring"] and row["first_name"]
        if goes_by_name and (namesakes := by_name.get(person.name)):
            if len(namesakes) > 1 or own_names.count(person.name) > 1:
                outcome = Outcome.NAME_SHARED
            else:
                outcome, (user,), by = Outcome.MATCHED, namesakes, "name"
        matched.append(
            ProviderMatch(
                source_id=row["source_id"],
                name=_provider_name(row),
                email=row["email"],
                referring=bool(row["referring"]),
                inactive=bool(row["inactive"]),
                outcome=outcome,
                user=user,
                by=by,
            )
        )
    return matched


def _find(users: _Users, email: str | None, is_shared: bool) -> tuple[Outcome, DestinationUser | None]:
    outcome, user = users.find(email)
    # Nobody has to decide whose address it is while no user has it.
    return (Outcome.ADDRESS_SHARED, None) if is_shared and user is not None else (outcome, user)


def _by_name(staff: Sequence[StaffMatch]) -> Mapping[str, set[DestinationUser | None]]:
    """Folded full name -> users of staff of that name, None among them for one at work who has none.

    Only names that lead to a user.
    """
    found: dict[str, set[DestinationUser | None]] = {}
    for each in staff:
        if each.full_name is not None and (each.user is not None or each.active):
            found.setdefault(read_name(each.full_name).folded, set()).add(each.user)
    return {name: users for name, users in found.items() if users != {None}}


def _staff_person(row: Mapping[str, str | bool | None]) -> _Person:
    name, email = row["full_name"], row["email"]
    return _Person(
        read_name(str(name)).folded if name else f"#{row['source_id']}",
        _folded(str(email)) if email else None,
        row["active"] is not False,
    )


def _provider_person(row: Mapping[str, str | bool | None]) -> _Person:
    email = row["email"]
    return _Person(
        read_name(_provider_name(row)).folded,
        _folded(str(email)) if email else None,
        row["inactive"] is not True,
    )


def _provider_name(row: Mapping[str, str | bool | None]) -> str:
    return " ".join(str(part) for part in (row["first_name"], row["last_name"]) if part)


def _folded(address: str) -> str:
    return address.strip().casefold()
