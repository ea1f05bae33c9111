"""The raw rows that stand in an upload's file beside its payload, as the second reader takes them.

Read for the comparison of meaning and for the field-level diff; what they mean is ``meaning``'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.upload_file import SOURCE
from migration_assets.panda.profile import Profile
from migration_assets.practice import Practice
from migration_assets.warehouse import Session

_RAW_PREFIX = "raw_"


def copied_practice(
    session: Session, practice: Practice, profile: Profile, options: Mapping[str, str]
) -> RawPractice:
    """Every raw table that was copied with the payload; ``options`` are what the environment chooses."""
    return RawPractice(
        practice=practice.key,
        zone=practice.time_zone,
        profile=profile,
        tables={
            table.removeprefix(_RAW_PREFIX): session.read(SOURCE, table)
            for table in session.tables(SOURCE)
            if table.startswith(_RAW_PREFIX)
        },
        rejects=session.read(SOURCE, "rejects"),
        corrections=session.read(SOURCE, "corrections"),
        minted=_minted(session),
        policies=practice.policies,
        options=options,
        name=practice.name,
    )


def _minted(session: Session) -> dict[str, dict[str, str]]:
    """Staged table -> staging's id of a row -> the id that stands in the payload."""
    found: dict[str, dict[str, str]] = {}
    for staged, given, used in session.read(SOURCE, "minted").iter_rows():
        found.setdefault(staged, {})[given] = used
    return found
