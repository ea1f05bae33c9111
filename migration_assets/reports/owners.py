"""A practice's people and their users as files: ``users.xlsx`` for people, ``users.json`` for programs.

Names and addresses of staff stand here and nowhere else that is shown; whom is whose user is decided in
``migration.owners``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.owners import Outcome, Owners, ProviderMatch, StaffMatch
from migration_assets.reports.files import write_document, write_private

JSON_NAME, XLSX_NAME = "users.json", "users.xlsx"

MEANINGS: Mapping[Outcome, str] = {
    Outcome.MATCHED: "found by e-mail (a provider also by the full name of staff who were)",
    Outcome.AMBIGUOUS: "several active users have the e-mail: give all but one another, then match again",
    Outcome.ADDRESS_SHARED: "people of different names share the e-mail: give each one's own in PANDA",
    Outcome.NAME_SHARED: "several people have the full name: give the provider the user's e-mail in PANDA",
    Outcome.INACTIVE: "the user with the e-mail is inactive: activate the user, or correct the e-mail",
    Outcome.MAY_NOT_OWN: "the user with the e-mail may own no records: give the user a full licence",
    Outcome.NO_USER: "no user has the e-mail: invite whoever still works there",
    Outcome.NO_ADDRESS: "PANDA has no usable e-mail: add one, then invite or match again",
}

_STAFF_COLUMNS = {
    "role": ("Role", 20),
    "windows_login": ("Windows login", 26),
    "full_name": ("Name", 30),
    "email": ("E-mail", 36),
    "active": ("Works there", 12),
    "outcome": ("Outcome", 18),
    "username": ("User", 36),
    "what": ("What to do", 70),
}
_PROVIDER_COLUMNS = {
    "source_id": ("ProviderID", 12),
    "name": ("Name", 30),
    "email": ("E-mail", 36),
    "referring": ("Refers only", 12),
    "inactive": ("Former", 10),
    "outcome": ("Outcome", 18),
    "by": ("Found by", 10),
    "username": ("User", 36),
    "what": ("What to do", 70),
}
_Columns = Mapping[str, tuple[str, int]]


def outcome_counts(owners: Owners) -> list[dict[str, str | int]]:
    """How many staff and providers had each outcome; no row for one that nobody had."""
    counted: list[dict[str, str | int]] = [
        {
            "outcome": str(outcome),
            "staff": sum(each.outcome is outcome for each in owners.staff),
            "providers": sum(each.outcome is outcome for each in owners.providers),
        }
        for outcome in Outcome
    ]
    return [row for row in counted if row["staff"] or row["providers"]]


def write_users(
    owners: Owners, target: Target, practice_name: str, made_at: datetime, head: Head, directory: Path
) -> tuple[Path, Path]:
    """Both files, the XLSX first, each readable by its owner only and whole or not at all."""
    return (
        write_private(directory / XLSX_NAME, as_workbook(owners, target, practice_name, made_at, head)),
        write_document(directory / JSON_NAME, as_document(owners, target, made_at, head)),
    )


def as_document(owners: Owners, target: Target, made_at: datetime, head: Head) -> dict[str, Any]:
    """practice, destination, environment, run_id, made_at, default_owner (a username, or null), counts,
    to_invite (UserIDs of staff), staff and providers with their outcome, user_id and username, audit_log."""
    return {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "run_id": owners.run_id,
        "made_at": made_at.isoformat(),
        "default_owner": None if owners.default is None else owners.default.username,
        "counts": outcome_counts(owners),
        "to_invite": [each.source_id for each in owners.to_invite],
        "staff": [_described(each) for each in owners.staff],
        "providers": [_described(each) for each in owners.providers],
        AUDIT_LOG: head.described(),
    }


def _described(match: StaffMatch | ProviderMatch) -> dict[str, Any]:
    fields = {name: getattr(match, name) for name in match.__dataclass_fields__ if name != "user"}
    user = match.user
    named = {
        "user_id": None if user is None else user.id,
        "username": None if user is None else user.username,
    }
    return fields | named


def as_workbook(owners: Owners, target: Target, practice_name: str, made_at: datetime, head: Head) -> bytes:
    """A first sheet that explains, then whom to invite, all staff, all providers, and what is undecided."""
    import xlsxwriter

    content = BytesIO()
    # A text that begins with = or http is a text.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": f"Users {target}", "created": made_at})
        heading = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "valign": "top"})
        title = book.add_format({"bold": True, "font_size": 14})
        about = book.add_worksheet("About")
        about.set_column(0, 0, 26)
        about.set_column(1, 1, 90)
        about.write_string(0, 0, "Users and owners", title)
        rows = [*_facts(owners, target, practice_name, made_at, head), ("", ""), *_legend(owners)]
        for number, (name, value) in enumerate(rows, start=2):
            about.write_string(number, 0, name)
            about.write_string(number, 1, value)
        _add_sheet(book, "To invite", heading, _STAFF_COLUMNS, owners.to_invite)
        _add_sheet(book, "Staff", heading, _STAFF_COLUMNS, owners.staff)
        _add_sheet(book, "Providers", heading, _PROVIDER_COLUMNS, owners.providers)
        _add_sheet(book, "Without user", heading, _PROVIDER_COLUMNS, owners.without_user)
    return content.getvalue()


def _facts(
    owners: Owners, target: Target, practice_name: str, made_at: datetime, head: Head
) -> Iterable[tuple[str, str]]:
    default = owners.default
    yield "Practice", f"{practice_name} ({target.practice})"
    yield "Destination", f"{target.destination}, {target.environment}"
    yield "Made at", f"{made_at:%Y-%m-%d %H:%M} {made_at.tzname() or ''}".rstrip()
    yield "Audit log", str(head)
    yield "Default owner", "none: the login's own user" if default is None else default.username
    yield "Staff matched", f"{len(owners.matched)} of {len(owners.staff)}"
    yield "Staff to invite", str(len(owners.to_invite))
    yield "Providers with a user", f"{len(owners.by_provider)} of {len(owners.providers)}"
    yield "Own providers without", str(len(owners.without_user))


def _legend(owners: Owners) -> Iterable[tuple[str, str]]:
    counts = {
        row["outcome"]: f"{row['staff']} staff, {row['providers']} providers"
        for row in outcome_counts(owners)
    }
    for outcome, meaning in MEANINGS.items():
        yield str(outcome), f"{meaning} ({counts.get(str(outcome), 'nobody')})"


def _add_sheet(
    book: Any, name: str, heading: Any, columns: _Columns, people: Sequence[StaffMatch | ProviderMatch]
) -> None:
    sheet = book.add_worksheet(name)
    for place, (text, width) in enumerate(columns.values()):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, text, heading)
    for number, person in enumerate(people, start=1):
        row = _described(person) | {"what": "" if person.user is not None else MEANINGS[person.outcome]}
        for place, column in enumerate(columns):
            sheet.write_string(number, place, _cell(row[column]))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(people), 1), len(columns) - 1)


def _cell(value: str | bool | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
