"""Makes anew those records of one object that a change reaches, and puts them into the upload's file in the place
of what stood there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import polars as pl

from migration_assets.destinations.base import Identity
from migration_assets.mapping.apply import apply, source_table
from migration_assets.mapping.problems import find_problems
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.delta_changes import Change, Changes
from migration_assets.migration.delta_reach import Reach
from migration_assets.migration.delta_rows import StagedRows, merged_objects, source_ids
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
    """In a session on the upload's file with panda.duckdb attached, whose copies are still the former ones."""

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
        before = self.session.sql(
            f"SELECT {quoted(key)}, {PAYLOAD_HASH} FROM {UPLOAD}.{quoted(payload_table(spec.asset))} "
            f"WHERE {quoted(key)} IN (SELECT unnest($1::VARCHAR[]))",
            (list(keys),),
        )
        changed = frame.join(before, on=[key, PAYLOAD_HASH], how="anti")[key].to_list()
        gone = keep_former(self.session, spec, frame, keys)
        self._replace(payload_table(spec.asset), key, keys, frame)
        self._replace(problems_table(spec.asset), "key", keys, parts.problems)
        self._replace(holds_table(spec.asset), "key", keys, parts.holds)
        drop_current(self.session, spec)
        self._replace("lineage", "key", keys, parts.lineage, spec.name)
        if shared is not None:
            self.session.execute(f"DELETE FROM {UPLOAD}.{SHARED} WHERE object = $1", (spec.name,))
            of_object = shared.shared.select(pl.lit(spec.name).alias("object"), pl.all())
            self.session.append(UPLOAD, SHARED, of_object)
        reached = frozenset(self._source_rows(reach))
        self._replace_by_row(EXCUSES, spec.name, reached, parts.excuses)
        staged = {
            (source_table(source.staged), each)
            for source in spec.sources
            for each in reach.ids[source.staged]
        }
        self._replace_by_row("left_empty", spec.name, staged, parts.left_empty)
        return Remade(changed, gone, reached)

    def _typed(self, spec: ObjectSpec, frame: pl.DataFrame) -> pl.DataFrame:
        """Columns that none of the sources at hand fills have the type that they have in the payload."""
        stored = self.session.sql(f"SELECT * FROM {UPLOAD}.{quoted(payload_table(spec.asset))} LIMIT 0")
        return frame.with_columns(
            pl.col(name).cast(stored.schema[name]) for name, dtype in frame.schema.items() if dtype == pl.Null
        )

    def _replace(
        self, table: str, column: str, keys: Collection[str], rows: pl.DataFrame, of: str | None = None
    ) -> None:
        """The rows of these keys, of one object where the table has those of all."""
        place, wanted = f"{UPLOAD}.{quoted(table)}", f"{quoted(column)} IN (SELECT unnest($1::VARCHAR[]))"
        if of is None:
            self.session.execute(f"DELETE FROM {place} WHERE {wanted}", (list(keys),))
        else:
            self.session.execute(f"DELETE FROM {place} WHERE {wanted} AND object = $2", (list(keys), of))
        self.session.append(UPLOAD, table, rows)

    def _replace_by_row(
        self, table: str, of: str, source_rows: Collection[tuple[str, str]], rows: pl.DataFrame
    ) -> None:
        tables, ids = [each for each, _ in source_rows], [each for _, each in source_rows]
        self.session.execute(
            f"DELETE FROM {UPLOAD}.{quoted(table)} WHERE object = $1 AND (source_table, source_id) IN "
            "(SELECT (t, i) FROM (SELECT unnest($2::VARCHAR[]) AS t, unnest($3::VARCHAR[]) AS i))",
            (of, tables, ids),
        )
        self.session.append(UPLOAD, table, rows)

    def _keys(self, spec: ObjectSpec, reach: Reach) -> set[str]:
        """Records that the reached rows were."""
        keys: set[str] = set()
        for source in spec.sources:
            ids = self._former_source_ids(source.staged, reach.ids[source.staged])
            found = self.session.sql(
                f"SELECT DISTINCT key FROM {UPLOAD}.lineage WHERE object = $1 AND source_table = $2 "
                "AND role = $3 AND source_id IN (SELECT unnest($4::VARCHAR[]))",
                (spec.name, source_table(source.staged), source.role, list(ids)),
            )
            keys |= set(found["key"])
        return keys

    def _sources_of(self, spec: ObjectSpec, keys: Collection[str]) -> dict[str, list[str]]:
        """Source rows that these records were, by source table."""
        roles = list({source.role for source in spec.sources})
        found = self.session.sql(
            f"SELECT DISTINCT source_table, source_id FROM {UPLOAD}.lineage WHERE object = $1 "
            "AND key IN (SELECT unnest($2::VARCHAR[])) AND role IN (SELECT unnest($3::VARCHAR[]))",
            (spec.name, list(keys), roles),
        )
        return {
            str(table): part["source_id"].to_list()
            for (table,), part in found.partition_by("source_table", as_dict=True).items()
        }

    def _source_rows(self, reach: Reach) -> Iterator[tuple[str, str]]:
        """What the reached rows are and were in the source."""
        merged = set(merged_objects(self.session, f"{PANDA}.staged"))
        for name, ids in reach.ids.items():
            now = source_ids(self.session, name, ids, merged=name in merged, schema=f"{PANDA}.staged")
            for each in now | self._former_source_ids(name, ids):
                yield source_table(name), each

    def _former_source_ids(self, name: str, ids: Collection[str]) -> set[str]:
        merged = name in merged_objects(self.session, SOURCE)
        return source_ids(self.session, name, ids, merged=merged, schema=SOURCE)
