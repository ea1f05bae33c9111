"""An account's users, who own records: who they are, not who of a practice they are.

There is no endpoint of users (official): the selector of owners tells them, and an administrator invites
others.
"""

from __future__ import annotations

from collections import defaultdict

from migration_assets.destinations.base import DestinationUser
from migration_assets.destinations.freshsales.discovery import Discovery, Owner


def users(discovery: Discovery) -> list[DestinationUser]:
    """All of them by id; one call. ``username`` is the e-mail, by which people log in."""
    return [
        DestinationUser(
            id=str(owner.id),
            email=owner.email,
            username=owner.email or owner.name,
            active=owner.active,
            may_own=owner.active,
        )
        for owner in sorted(discovery.owners(), key=lambda owner: owner.id)
    ]


def twice(discovery: Discovery) -> list[list[Owner]]:
    """Active users who share an e-mail, together: by e-mail nobody can tell which of them is meant."""
    by_email: dict[str, list[Owner]] = defaultdict(list)
    for owner in discovery.owners():
        if owner.active and owner.email:
            by_email[owner.email.lower()].append(owner)
    return [owners for owners in by_email.values() if len(owners) > 1]
