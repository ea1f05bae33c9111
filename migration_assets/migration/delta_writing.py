"""The tables of an upload's file that account for staged rows, brought up to what was made anew in it."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from migration_assets.mapping.apply import source_table
from migration_assets.mapping.spec import PRACTICE_TABLE
from migration_assets.migration.accounting import unaccounted
from migration_assets.migration.asked_values import among, among_rows
from migration_assets.migration.delta_rows import merged_objects
from migration_assets.migration.payload_parts import answered_tables
from migration_assets.migration.plan import Plan
from migration_assets.migration.source_copies import PANDA
from migration_assets.migration.upload_file import EXCUSES, SOURCE, STAGED_ROW_COLUMNS, UPLOAD
from migration_assets.objects.registry import DRAWN_OBJECTS
from migration_assets.warehouse import Session, quoted


def note_staging_excuses(session: Session, plan: Plan) -> frozenset[tuple[str, str]]:
    """Rows that staging itself excuses now, or did: their excuses by the objects that answer for them. To be
    called while the copies are the former ones; answers (source table, source id) of the rows that differ."""
    now, before = (
        f"SELECT object, source_key, excused FROM {schema}.merged_rows WHERE excused IS NOT NULL"
        for schema in (f"{PANDA}.staged", SOURCE)
    )
    left, came = session.sql(f"{before} EXCEPT {now}"), session.sql(f"{now} EXCEPT {before}")
    tables = {name: source_table(name) for name in {*left["object"], *came["object"]}}
    for spec in plan.specs:
        answered = set(answered_tables(spec, plan.mapping))
        for name, table in tables.items():
            if table not in answered:
                continue
            session.execute(
                f"DELETE FROM {UPLOAD}.{EXCUSES} WHERE object = $1 AND source_table = $2 "
                f"AND source_id IN {among(session, left.filter(object=name)['source_key'].to_list())}",
                (spec.name, table),
            )
            session.append(
                UPLOAD,
                EXCUSES,
                came.filter(object=name).select(
                    pl.lit(spec.name).alias("object"),
                    pl.lit(table).alias("source_table"),
                    pl.col("source_key").alias("source_id"),
                    pl.col("excused").alias("reason"),
                ),
            )
    rows = pl.concat([left, came])
    return frozenset((tables[name], key) for name, key in rows.select("object", "source_key").iter_rows())


def recount(session: Session, plan: Plan) -> None:
    """``staged_rows`` anew, once the copies are those of now; no row is read for it."""
    merged = {source_table(name): name for name in merged_objects(session, SOURCE)}
    drawn = {each.name: each.of.name for each in DRAWN_OBJECTS}
    counts: list[dict[str, str | int | list[str]]] = [
        {
            "object": spec.name,
            "source_table": table,
            "staged": _count(session, drawn.get(name, name), merged.get(table)),
            "accounted_by": objects,
        }
        for spec in plan.specs
        for table, (name, objects) in answered_tables(spec, plan.mapping).items()
    ]
    session.replace_table(UPLOAD, "staged_rows", pl.DataFrame(counts, schema=STAGED_ROW_COLUMNS))


def _count(session: Session, name: str, merged: str | None) -> int:
    """As ``MergedRows.staged`` counts rows of the staged table ``name``."""
    if name == PRACTICE_TABLE:
        return 1
    if merged is None:
        return session.count(SOURCE, f"staged_{name}")
    found = session.sql(
        f"SELECT count(*) FILTER (source_id IN (SELECT source_id FROM {SOURCE}.{quoted(f'staged_{name}')})) "
        f"+ count(excused) AS n FROM {SOURCE}.merged_rows WHERE object = $1",
        (merged,),
    )
    return int(found.item())


def rewrite_excused(session: Session, reached: Collection[tuple[str, str]]) -> None:
    """``excused`` of these source rows, by what became of them in all objects."""
    of_reached = f"(source_table, source_id) IN {among_rows(session, reached)}"
    excuses, lineage = (
        session.sql(f"SELECT * FROM {UPLOAD}.{table} WHERE {of_reached}") for table in (EXCUSES, "lineage")
    )
    session.execute(f"DELETE FROM {UPLOAD}.excused WHERE {of_reached}")
    session.append(UPLOAD, "excused", unaccounted(excuses, lineage, session.read(UPLOAD, "staged_rows")))
