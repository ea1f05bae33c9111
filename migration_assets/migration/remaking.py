"""Makes anew those records of one object that a change reaches, and puts them into the upload's file in the
place of what stood there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import polars as pl

from migration_assets.destinations.base import Identity
from migration_assets.mapping.apply import apply, source_table
from migration_assets.mapping.problems import find_problems
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.asked_values import among, among_rows
from migration_assets.migration.delta_changes import Change, Changes
from migration_assets.migration.delta_reach import Reach
from migration_assets.migration.delta_rows import StagedRows
from migration_assets.migration.delta_sharing import SharedValues, shared_values, without_others
from migration_assets.migration.former_rows import drop_current, keep_former
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.payload_parts import Parts, parts_of
from migration_assets.migration.plan import Plan
from migration_assets.migration.source_copies import PANDA
from migration_assets.migration.upload_file import (
    EXCUSES,
    SHARED,
    SOURCE,
    UPLOAD,
    holds_table,
    payload_table,
    problems_table,
)
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, quoted


@dataclass(frozen=True, slots=True)
class Remade:
    """``changed``: keys that are new or have another payload than before; ``gone``: those without one now;
    ``reached``: (source table, source id) of all rows that were looked at."""

    changed: list[str]
    gone: list[str]
    reached: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Remaking:
    """In a session on the upload's file, its copies still the former ones, with panda.duckdb attached."""

    session: Session
    practice: Practice
    plan: Plan
    changes: Changes
    rows: StagedRows

    def remake(self, spec: ObjectSpec) -> Remade:
        reach = Reach(spec, self._change, self.rows.values)
        shared = shared_values(spec, self.rows, self.practice.key) if self._may_share(spec, reach) else None
        if shared is not None:
            reach.add(self._sources_of(spec, shared.changed(self.session, spec)))
        if not any(reach.ids[source.staged] for source in spec.sources):
            return Remade([], [], frozenset())
        while True:
            parts = self._parts(spec, reach, shared)
            keys = self._keys(spec, reach) | set(parts.frame[spec.schema.key_field])
            # Of several rows that make one record any may have come, gone, or stayed.
            if spec.schema.identity is not Identity.PARENTS or not reach.add(self._sources_of(spec, keys)):
                break
        return self._write(spec, reach, parts, keys, shared)

    def _change(self, table: str) -> Change:
        drawn = self.rows.drawn.get(table)
        return self.changes.of(table) if drawn is None else self.changes.drawn(drawn)

    def _may_share(self, spec: ObjectSpec, reach: Reach) -> bool:
        return bool(spec.distinct) and bool(reach.size)

    def _parts(self, spec: ObjectSpec, reach: Reach, shared: SharedValues | None) -> Parts:
        """Of the records that the reached rows are or were."""
        made = list(self._by_source(spec, reach, shared))
        key = spec.schema.key_field
        frame = pl.concat([each.frame for each in made], how="vertical_relaxed")
        if spec.schema.identity is Identity.PARENTS:
            frame = frame.unique(key, maintain_order=True)
        schema = spec.schema_with(self.plan.layout if spec.chart else None)
        return Parts(
            frame=frame,
            problems=find_problems(frame.select(schema.field_names), schema),
            holds=pl.concat([each.holds for each in made]).unique(maintain_order=True),
            lineage=pl.concat([each.lineage for each in made]),
            excuses=pl.concat([each.excuses for each in made]),
            left_empty=pl.concat([each.left_empty for each in made]),
            shared=pl.concat([each.shared for each in made]),
        )

    def _by_source(self, spec: ObjectSpec, reach: Reach, shared: SharedValues | None) -> Iterator[Parts]:
        alone, merged = without_others(spec), self.rows.merged(reach.ids)
        for source in spec.sources:
            if not reach.ids[source.staged]:
                continue
            of_source = replace(alone, sources=(source,))
            staged = self.rows.of_records(spec, source, reach.ids[source.staged])
            layout = self.plan.layout if spec.chart else None
            payload = apply(of_source, staged, self.practice.key, layout)
            if shared is not None:
                payload = replace(payload, frame=shared.put_into(payload.frame, spec.schema.key_field))
            yield parts_of(of_source, payload, staged, self.practice, merged)

    def _write(
        self, spec: ObjectSpec, reach: Reach, parts: Parts, keys: Collection[str], shared: SharedValues | None
    ) -> Remade:
        key, frame = spec.schema.key_field, self._typed(spec, parts.frame)
        payload, of_keys = payload_table(spec.asset), among(self.session, keys, "keys")
        before = self.session.sql(
            f"SELECT {quoted(key)}, {PAYLOAD_HASH} FROM {UPLOAD}.{quoted(payload)} "
            f"WHERE {quoted(key)} IN {of_keys}"
        )
        changed = frame.join(before, on=[key, PAYLOAD_HASH], how="anti")[key].to_list()
        gone = keep_former(self.session, spec, frame, before)
        self._replace(payload, f"{quoted(key)} IN {of_keys}", frame)
        self._replace(problems_table(spec.asset), f"key IN {of_keys}", parts.problems)
        self._replace(holds_table(spec.asset), f"key IN {of_keys}", parts.holds)
        drop_current(self.session, spec)
        self._replace("lineage", f"key IN {of_keys} AND object = $1", parts.lineage, spec.name)
        if shared is not None:
            of_object = shared.shared.select(pl.lit(spec.name).alias("object"), pl.all())
            self._replace(SHARED, "object = $1", of_object, spec.name)
        reached = frozenset(self._source_rows(reach))
        self._replace_by_row(EXCUSES, spec.name, reached, parts.excuses)
        staged = {(source_table(each.staged), row) for each in spec.sources for row in reach.ids[each.staged]}
        self._replace_by_row("left_empty", spec.name, staged, parts.left_empty)
        return Remade(changed, gone, reached)

    def _typed(self, spec: ObjectSpec, frame: pl.DataFrame) -> pl.DataFrame:
        """Columns that none of the sources at hand fills have the type that they have in the payload."""
        stored = self.session.sql(f"SELECT * FROM {UPLOAD}.{quoted(payload_table(spec.asset))} LIMIT 0")
        return frame.with_columns(
            pl.col(name).cast(stored.schema[name]) for name, dtype in frame.schema.items() if dtype == pl.Null
        )

    def _replace(self, table: str, where: str, rows: pl.DataFrame, *values: str) -> None:
        self.session.execute(f"DELETE FROM {UPLOAD}.{quoted(table)} WHERE {where}", values)
        if rows.height:
            self.session.append(UPLOAD, table, rows)

    def _replace_by_row(
        self, table: str, of: str, source_rows: Collection[tuple[str, str]], rows: pl.DataFrame
    ) -> None:
        wanted = f"(source_table, source_id) IN {among_rows(self.session, source_rows)}"
        self._replace(table, f"object = $1 AND {wanted}", rows, of)

    def _keys(self, spec: ObjectSpec, reach: Reach) -> set[str]:
        """Records that the reached rows were."""
        keys: set[str] = set()
        for source in spec.sources:
            ids = self._source_ids(source.staged, reach.ids[source.staged], SOURCE)
            found = self.session.sql(
                f"SELECT DISTINCT key FROM {UPLOAD}.lineage WHERE object = $1 AND source_table = $2 "
                f"AND role = $3 AND source_id IN {among(self.session, ids)}",
                (spec.name, source_table(source.staged), source.role),
            )
            keys |= set(found["key"])
        return keys

    def _sources_of(self, spec: ObjectSpec, keys: Collection[str]) -> dict[str, list[str]]:
        """Source rows that these records were, by source table."""
        roles = list({source.role for source in spec.sources})
        found = self.session.sql(
            f"SELECT DISTINCT source_table, source_id FROM {UPLOAD}.lineage WHERE object = $1 "
            f"AND key IN {among(self.session, keys)} AND role IN {among(self.session, roles, 'roles')}",
            (spec.name,),
        )
        return {
            str(table): part["source_id"].to_list()
            for (table,), part in found.partition_by("source_table", as_dict=True).items()
        }

    def _source_rows(self, reach: Reach) -> Iterator[tuple[str, str]]:
        """What the reached rows are and were in the source."""
        for name, ids in reach.ids.items():
            now = self._source_ids(name, ids, f"{PANDA}.staged")
            for each in now | self._source_ids(name, ids, SOURCE):
                yield source_table(name), each

    def _source_ids(self, name: str, ids: Collection[str], schema: str) -> set[str]:
        """The source rows of staged rows, as lineage has them."""
        if name not in self.rows.merged_in(schema):
            return set(ids)
        found = self.session.sql(
            f"SELECT source_key FROM {schema}.merged_rows WHERE object = $1 "
            f"AND source_id IN {among(self.session, ids)}",
            (name,),
        )
        return set(found["source_key"])
