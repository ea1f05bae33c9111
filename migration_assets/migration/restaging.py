"""Stages the rows of some patients anew, or all rows of an object, within an open panda.duckdb.

The rules are the objects' own, as in ``staging``; here is only which rows they see and which they replace.
The outcome is that of staging everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from migration_assets.migration.staging import (
    Verdict,
    as_frame,
    count_verdict,
    keep_part,
    put_outcome,
    raw_rows,
    read_staged,
    staging_context,
)
from migration_assets.migration.units import Units, in_schema, key_text
from migration_assets.objects.base import (
    CORRECTION_COLUMNS,
    MERGED_COLUMNS,
    REJECT_COLUMNS,
    Staged,
    StagedObject,
    StagingInputs,
)
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.panda.share import SHARE_FILES
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, in_ms, quoted

_RAW = in_schema("panda")
_BY_NAME = {each.name: each for each in STAGED_OBJECTS}
_PARTS = (("rejects", REJECT_COLUMNS), ("corrections", CORRECTION_COLUMNS), ("merged_rows", MERGED_COLUMNS))


@dataclass(frozen=True)
class Restaging:
    """Over an open session on panda.duckdb, within its transaction.

    ``units``: the place of a table of those whose rows are staged anew; ``changed``: that of a table
    (logical_table, key) with the keys of all raw rows that changed, came or went.
    """

    session: Session
    practice: Practice
    profile: Profile
    ownership: Units
    units: str
    changed: str

    def of_units(self, staged_object: StagedObject) -> Verdict:
        """Replaces the object's rows of the units; its other rows stay as they are."""
        context, batch = staging_context(
            self.session, self.practice, self.profile, staged_object.source_table
        )
        inputs = StagingInputs(
            raw={table: self._raw(table) for table in staged_object.reads},
            staged={name: self._staged(_BY_NAME[name]) for name in staged_object.uses},
        )
        outcome = staged_object.stage(inputs, context)
        self._remove(staged_object)
        self.session.append("staged", staged_object.name, outcome.rows)
        for (name, columns), rows in zip(
            _PARTS, (outcome.rejects, outcome.corrections, outcome.merged), strict=True
        ):
            if rows is not None and rows.height:
                self.session.append("staged", name, rows.select(list(columns)))
        verdict = count_verdict(self.session, staged_object, batch, self.practice.policies.reject_limit)
        keep_part(self.session, "verdicts", staged_object.name, as_frame(verdict))
        return verdict

    def whole(self, staged_object: StagedObject) -> tuple[Verdict, pl.DataFrame]:
        """Replaces all rows of the object; answers those that are other rows than before, were or are there
        alone: its staged columns, of either state."""
        before = self.session.read("staged", staged_object.name)
        context, batch = staging_context(
            self.session, self.practice, self.profile, staged_object.source_table
        )
        inputs = StagingInputs(
            raw={table: raw_rows(self.session, table) for table in staged_object.reads},
            staged={name: read_staged(self.session, name) for name in staged_object.uses},
        )
        outcome = staged_object.stage(inputs, context)
        verdict = put_outcome(
            self.session, staged_object, inputs, outcome, batch, self.practice.policies.reject_limit
        )
        return verdict, _difference(before, self.session.read("staged", staged_object.name))

    def _raw(self, table: str) -> pl.DataFrame:
        if table == SHARE_FILES or not self.ownership.owned(table):
            return raw_rows(self.session, table)
        condition = self.ownership.belongs(table, "t", _RAW, self.units)
        return in_ms(self.session.sql(f"SELECT t.* FROM {_RAW(table)} t WHERE {condition}"))

    def _staged(self, used: StagedObject) -> Staged:
        """What the object needs of another: the units' rows of it, or all where they go across patients."""
        if not self.ownership.owned(used.belonging[1]):
            return read_staged(self.session, used.name)
        condition = self.ownership.of_staged(used, "t", _RAW, self.units)
        rows = self.session.sql(
            f"SELECT t.* FROM staged.{quoted(used.name)} t WHERE {condition} ORDER BY t.rowid"
        )
        parts = {
            name: self._part(name, used, columns) if self.session.has_table("staged", name) else None
            for name, columns in _PARTS
        }
        rejects, corrections, merged = (parts[name] for name, _ in _PARTS)
        return Staged(
            rows=in_ms(rows),
            rejects=pl.DataFrame(schema=REJECT_COLUMNS) if rejects is None else rejects,
            corrections=pl.DataFrame(schema=CORRECTION_COLUMNS) if corrections is None else corrections,
            findings={},
            merged=merged if merged is not None and merged.height else None,
        )

    def _part(self, name: str, used: StagedObject, columns: dict[str, pl.DataType]) -> pl.DataFrame:
        condition, selected = self._of_part(name, used), ", ".join(map(quoted, columns))
        return self.session.sql(
            f"SELECT {selected} FROM staged.{name} p WHERE object = $1 AND ({condition}) ORDER BY p.rowid",
            (used.name,),
        )

    def _remove(self, staged_object: StagedObject) -> None:
        """Rows that the units have or had: what a row that is gone, or was another's, gave is told by its
        key."""
        column, table = staged_object.belonging
        now = self.ownership.of_staged(staged_object, "t", _RAW, self.units)
        self.session.execute(
            f"DELETE FROM staged.{quoted(staged_object.name)} t "
            f"WHERE {now} OR t.{quoted(column)} IN ({self._changed_keys(table)})"
        )
        for name, _ in _PARTS:
            if self.session.has_table("staged", name):
                self.session.execute(
                    f"DELETE FROM staged.{name} p WHERE object = $1 AND "
                    f"({self._of_part(name, staged_object)})",
                    (staged_object.name,),
                )

    def _of_part(self, name: str, staged_object: StagedObject) -> str:
        """Rejects and corrections say which table's key they name; merged rows name the object's own."""
        own = staged_object.source_table
        tables = [own] if name == "merged_rows" else [table for table in staged_object.reads if table != own]
        if name != "merged_rows":
            tables.append(own)
        parts = [
            f"({'TRUE' if name == 'merged_rows' else f'p.source_table = {_literal(table)}'} AND "
            f"({self.ownership.names(table, 'p.source_key', _RAW, self.units)} "
            f"OR p.source_key IN ({self._changed_keys(table)})))"
            for table in tables
            if self.ownership.owned(table)
        ]
        return " OR ".join(parts) or "FALSE"

    def _changed_keys(self, table: str) -> str:
        return f"SELECT {key_text('key')} FROM {self.changed} WHERE logical_table = {_literal(table)}"


def _difference(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Rows of either that the other hasn't."""
    common = list(after.columns)
    if before.columns != common or before.schema != after.schema:
        return pl.concat([before, after], how="diagonal_relaxed")
    gone = before.join(after, on=common, how="anti", nulls_equal=True)
    came = after.join(before, on=common, how="anti", nulls_equal=True)
    return pl.concat([gone, came])


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
