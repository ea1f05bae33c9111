"""When the source rows changed that a delta's records come from: for the lag on the cutover's board."""

from __future__ import annotations

import polars as pl

from migration_assets.mapping.apply import key as record_key
from migration_assets.mapping.apply import source_table
from migration_assets.migration.plan import Plan
from migration_assets.migration.units import key_text
from migration_assets.migration.upload_file import UPLOAD
from migration_assets.panda.extract import SCHEMA
from migration_assets.panda.refresh_log import REFRESHED_ROWS
from migration_assets.warehouse import Warehouse

TIME_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "changed_at": pl.Datetime("ms", "UTC"),
    "basis": pl.String(),
    "seen_at": pl.Datetime("ms", "UTC"),
}
"""Of the earliest change that reached the record; as in ``panda.refresh_log``."""

_PANDA = "panda_file"


def record_times(
    practice: str, plan: Plan, panda: Warehouse, upload: Warehouse, *, since: int
) -> pl.DataFrame:
    """TIME_COLUMNS of the records that refreshes after ``since`` reached by a row of their own.

    A record that is gone has no lineage any more: it is told by its key.
    """
    spaces = [
        (spec.name, source_table(source.staged), record_key(practice, source.key_space, ""))
        for spec in plan.specs
        for source in spec.sources
    ]
    with upload.open() as session, session.attached(panda, _PANDA):
        session.put_temporary(
            "key_spaces",
            pl.DataFrame(spaces, schema=["object", "source_table", "prefix"], orient="row"),
        )
        session.execute(
            "CREATE OR REPLACE TEMP TABLE changed_rows AS "
            f"SELECT r.* REPLACE ({key_text('r.key')} AS key) "
            f"FROM {_PANDA}.{SCHEMA}.{REFRESHED_ROWS} r WHERE sequence > $1",
            (since,),
        )
        found = session.sql(
            f"""
            WITH reached AS (
                SELECT l.object, l.key, r.changed_at, r.basis, r.seen_at
                FROM {UPLOAD}.lineage l
                JOIN temp.changed_rows r ON l.source_table = r.logical_table AND l.source_id = r.key
                UNION ALL
                SELECT s.object, s.prefix || r.key, r.changed_at, r.basis, r.seen_at
                FROM temp.changed_rows r JOIN temp.key_spaces s ON s.source_table = r.logical_table
                WHERE r.deleted
            )
            SELECT object, key, min(changed_at) AS changed_at, arg_min(basis, changed_at) AS basis,
                   arg_min(seen_at, changed_at) AS seen_at
            FROM reached GROUP BY object, key ORDER BY object, key
            """
        )
    return found.cast(pl.Schema(TIME_COLUMNS))
