"""How far change detection has come with a practice: what must survive a restart, as JSON.

Holds versions, moments and names of tables and columns; no key and no value of a row. Which rows are known
stands in change_store.py.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from migration_assets.errors import ConfigurationError
from migration_assets.practice import Settings


class Strategy(StrEnum):
    """How changes of one table are found, in the order of preference."""

    CHANGE_TRACKING = "change_tracking"
    ROWVERSION = "rowversion"
    MODIFIED_AT = "modified_at"
    COMPARE = "compare"


class ServerIdentity(Settings):
    """Which database answered. ``created`` (sys.databases.create_date) is another one after a database was
    dropped and restored; a restore over it shows by versions below ours."""

    server: str
    database: str
    created: str


class TableCursor(Settings):
    """``version`` is where the next poll begins: change tracking's version, eight bytes of rowversion as hex,
    or the latest trusted modification in the practice's local time (ISO 8601); None where only a comparison
    serves. ``column`` is the actual name of the column that it is of. Both moments are UTC."""

    strategy: Strategy
    column: str | None = None
    version: str | None = None
    polled_at: AwareDatetime
    compared_at: AwareDatetime


class Cursor(Settings):
    """A practice's position. ``rowversion`` (hex), ``change_tracking`` and ``clock`` (the server's local
    time) are the latest that its server told. ``store`` and ``polls`` say which known state belongs to it."""

    format: Literal[1] = 1
    server: ServerIdentity
    rowversion: str
    change_tracking: int | None
    clock: datetime
    store: str
    polls: int
    tables: dict[str, TableCursor]

    def dumped(self) -> str:
        return self.model_dump_json()


def load_cursor(text: str) -> Cursor:
    """The inverse of ``Cursor.dumped``; raises ConfigurationError for anything else."""
    try:
        return Cursor.model_validate_json(text)
    except ValidationError:
        raise ConfigurationError(
            "the cursor of the change detection can't be read; reset it: the next poll compares every table"
        ) from None
