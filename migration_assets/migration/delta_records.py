"""What became of each record that a delta reached: append-only, beside the ledger, read by the board.

A row is written once, after the read-back. Times and outcomes only; what a record holds is never here.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Engine, insert, select

from migration_assets.migration.ledger import Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import aware, is_target
from migration_assets.migration.ledger_tables import DELTA_RECORDS

_MOMENT = pl.Datetime("us", "UTC")

RECORD_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "changed_at": _MOMENT,
    "basis": pl.String(),
    "seen_at": _MOMENT,
    "outcome": pl.String(),
    "found_at": _MOMENT,
}
"""``basis`` says what ``changed_at`` is: ``modified_at``, the row's own stamp, or ``poll``, the poll before
the one that found the change (at the earliest then). ``outcome``: loaded, failed, held_back, not_sent,
unchanged, retained, flagged or deleted. ``found_at`` is null unless the record was read back and equal to its
payload."""

READ_COLUMNS: dict[str, pl.DataType] = {
    "sequence": pl.Int64(),
    "run_id": pl.String(),
    **RECORD_COLUMNS,
    "at": _MOMENT,
}
_MOMENTS = [name for name, dtype in READ_COLUMNS.items() if dtype == _MOMENT]


class DeltaRecords:
    """The delta's records of one target."""

    def __init__(self, engine: Engine, target: Target) -> None:
        self._engine = engine
        self._target = target

    def add(self, rows: pl.DataFrame, run_id: str) -> None:
        """Rows of RECORD_COLUMNS; a column that isn't given is null, moments are in UTC."""
        if rows.is_empty():
            return
        fixed = {**self._target.columns(), "run_id": run_id, "at": datetime.now(UTC)}
        missing = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in RECORD_COLUMNS.items()
            if name not in rows.columns
        ]
        complete = rows.with_columns(missing).select(
            pl.col(name).cast(dtype) for name, dtype in RECORD_COLUMNS.items()
        )
        with translated(str(self._target)), self._engine.begin() as connection:
            connection.execute(
                insert(DELTA_RECORDS), [{**row, **fixed} for row in complete.iter_rows(named=True)]
            )

    def read(self, since: datetime | None = None) -> pl.DataFrame:
        """READ_COLUMNS, oldest first; those that were written at ``since`` or after, all where it is None."""
        table = DELTA_RECORDS.c
        query = select(*(table[name] for name in READ_COLUMNS)).where(is_target(DELTA_RECORDS, self._target))
        if since is not None:
            query = query.where(table.at >= since)
        with translated(str(self._target)), self._engine.connect() as connection:
            rows = [tuple(map(_aware, row)) for row in connection.execute(query.order_by(table.sequence))]
        return pl.DataFrame(rows, schema=READ_COLUMNS, orient="row")


def _aware(value: object) -> object:
    return aware(value) if isinstance(value, datetime) else value
