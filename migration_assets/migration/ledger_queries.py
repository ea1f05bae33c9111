"""What every query of the ledger's tables needs: whose rows, in how many keys at once, and moments with their
offset."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Table, and_

if TYPE_CHECKING:
    from migration_assets.migration.ledger import Target

# Well below the number of parameters that SQLite (32,766) and Postgres (65,535) take.
_KEYS_A_QUERY = 10_000


def is_target(table: Table, target: Target) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in target.columns().items()))


def of_records(
    table: Table, target: Target, object_name: str, keys: Collection[str] | None = None
) -> list[ColumnElement[bool]]:
    """Conditions that together hold for the object's rows of the table, or for those of these keys' records;
    at least one."""
    of_object = and_(is_target(table, target), table.c.object == object_name)
    if keys is None:
        return [of_object]
    return [and_(of_object, table.c.key.in_(some)) for some in in_parts(keys) or [()]]


def in_parts(keys: Collection[str]) -> list[Sequence[str]]:
    """As many keys as a query takes; no part where there are none."""
    several = tuple(keys)
    return [several[start : start + _KEYS_A_QUERY] for start in range(0, len(several), _KEYS_A_QUERY)]


def aware(moment: datetime) -> datetime:
    """SQLite forgets the offset of a timestamp; all of ours are UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
