"""An org's users: who they are, and which of them may own records; not who of a practice they are.

A record's owner must be active and of a kind that owns records: assigning a Chatter, portal or community user
is refused with OP_WITH_INVALID_USER_TYPE_EXCEPTION, which names neither the user nor the field.
"""

from __future__ import annotations

from typing import Any

from migration_assets.destinations.base import DestinationUser
from migration_assets.destinations.salesforce.preflight_queries import known
from migration_assets.destinations.salesforce.session import SalesforceSession

_FIELDS = "Id, Email, Username, IsActive, UserType"
_LICENCE = "Profile.UserLicense.LicenseDefinitionKey"
_STANDARD = "Standard"
_RESTRICTED_LICENCES = "PID_"
"""Licences for one purpose (Chatter, portals, knowledge, content) begin so; full ones are SFDC, AUL and their
kin (Object Reference, UserLicense)."""

_SANDBOX_SUFFIX = ".invalid"
"""What copying an org into a sandbox adds to every user's address, so that no mail leaves it."""


def users(session: SalesforceSession) -> list[DestinationUser]:
    """All users by id, 18 characters; without the licence where the login may not see it."""
    rows = known(session.query, f"SELECT {_FIELDS}, {_LICENCE} FROM User ORDER BY Id")
    if rows is None:
        rows = session.query(f"SELECT {_FIELDS} FROM User ORDER BY Id")
    return [_user(row) for row in rows]


def _user(row: dict[str, Any]) -> DestinationUser:
    email: str | None = row["Email"]
    return DestinationUser(
        id=str(row["Id"]),
        email=None if email is None else email.removesuffix(_SANDBOX_SUFFIX),
        username=str(row["Username"]),
        active=bool(row["IsActive"]),
        may_own=row["UserType"] == _STANDARD and not _licence(row).startswith(_RESTRICTED_LICENCES),
    )


def _licence(row: dict[str, Any]) -> str:
    """The definition key; users of the platform's own have no profile."""
    profile = row.get("Profile") or {}
    licence = profile.get("UserLicense") or {}
    return str(licence.get("LicenseDefinitionKey") or "")
