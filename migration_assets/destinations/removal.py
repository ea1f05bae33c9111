"""The part of the port that takes a migration back: who changed records since, what hangs on them, deleting.

Types only, as in ``base``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

LAST_CHANGE_COLUMNS: dict[str, pl.DataType] = {
    "_id": pl.String(),
    "key": pl.String(),
    "_changed_at": pl.Datetime("ms", "UTC"),
    "_changed_by_us": pl.Boolean(),
}
"""A record, when a person or a program last changed it, and whether that was this login (null where the
destination keeps nobody's name)."""

DEPENDENT_COLUMNS: dict[str, pl.DataType] = {
    "_id": pl.String(),
    "object": pl.String(),
    "dependent_id": pl.String(),
    "goes": pl.Boolean(),
}
"""A record that refers to the record ``_id``: its object and id, and whether it is deleted with it (otherwise
its reference is emptied, or the deletion is refused)."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one record that was to be deleted.

    ``deleted`` now, ``gone`` where somebody had deleted it before, ``failed`` with the destination's ``code``
    and a sentence without values where it is still there. ``with_parent`` where the destination doesn't
    delete it by itself and it goes with the record that it is on; code and sentence are for when that stays.
    """

    key: str
    outcome: Literal["deleted", "gone", "failed", "with_parent"]
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaRemoval:
    """What was removed of a schema and what was kept with its reason; names as in ``SchemaDeployment``.

    ``counts_still``: custom fields that are removed and still count against the limit until they are erased.
    """

    removed: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]
    counts_still: tuple[str, ...] = ()
