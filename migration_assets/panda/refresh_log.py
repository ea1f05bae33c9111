"""What was refreshed since the last whole extraction, in panda.duckdb: names and shapes of the tables.

Whoever made something of the rows (an upload's payload) remembers the last sequence that went into it and
finds here what came after. A whole extraction begins anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import polars as pl

from migration_assets.warehouse import Session

BASE: Final = "base"
REFRESHES: Final = "refreshes"
REFRESHED_UNITS: Final = "refreshed_units"
REFRESHED_OBJECTS: Final = "refreshed_objects"
REFRESHED_ROWS: Final = "refreshed_rows"

BASE_COLUMNS: dict[str, pl.DataType] = {"batch_id": pl.String()}
"""One row: the batch of the whole extraction."""

LOG_COLUMNS: dict[str, dict[str, pl.DataType]] = {
    REFRESHES: {
        "sequence": pl.Int64(),
        "batch_id": pl.String(),
        "refreshed_at": pl.Datetime("ms", "UTC"),
    },
    REFRESHED_UNITS: {"sequence": pl.Int64(), "unit": pl.String()},
    REFRESHED_OBJECTS: {"sequence": pl.Int64(), "object": pl.String()},
    REFRESHED_ROWS: {
        "sequence": pl.Int64(),
        "logical_table": pl.String(),
        "key": pl.String(),
        "deleted": pl.Boolean(),
        "changed_at": pl.Datetime("ms", "UTC"),
        "basis": pl.String(),
        "seen_at": pl.Datetime("ms", "UTC"),
    },
}
"""``refreshed_units``: units whose rows were staged anew; ``refreshed_objects``: staged objects of which all
rows were. ``refreshed_rows``: primary key as text; ``changed_at`` is the row's own stamp where ``basis`` is
``modified_at``, else (``poll``) the poll before the one that found it, after which it changed."""


def begin_log(session: Session, schema: str, batch_id: str) -> None:
    """Forgets all refreshes: the extraction has what they brought."""
    session.replace_table(schema, BASE, pl.DataFrame([{"batch_id": batch_id}], schema=BASE_COLUMNS))
    for name, columns in LOG_COLUMNS.items():
        session.replace_table(schema, name, pl.DataFrame(schema=columns))


def note_object(session: Session, schema: str, batch_id: str, staged_object: str) -> None:
    """All rows of the staged object were staged anew, by a person or with all the others; nothing where no
    extraction has begun a log."""
    if not session.has_table(schema, REFRESHES):
        return
    sequence = last_sequence(session, schema) + 1
    done = {"sequence": sequence, "batch_id": batch_id, "refreshed_at": datetime.now(UTC)}
    named = {"sequence": sequence, "object": staged_object}
    for name, row in ((REFRESHES, done), (REFRESHED_OBJECTS, named)):
        session.append(schema, name, pl.DataFrame([row], schema=LOG_COLUMNS[name]))


def last_sequence(session: Session, schema: str) -> int:
    """0 where nothing was refreshed."""
    if not session.has_table(schema, REFRESHES):
        return 0
    return int(session.sql(f"SELECT coalesce(max(sequence), 0) AS n FROM {schema}.{REFRESHES}").item())
