"""Values that only one record may have, when only some records are made anew: which record has each is told
by all of them together, so these few fields are made of all, and nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from migration_assets.mapping.apply import apply
from migration_assets.mapping.spec import ObjectSpec, SourceSpec
from migration_assets.migration.delta_rows import StagedRows
from migration_assets.migration.upload_file import UPLOAD, payload_table
from migration_assets.warehouse import Session, quoted


@dataclass(frozen=True)
class SharedValues:
    """``values``: key and the fields of ``fields``, of every record; ``shared``: SHARED_COLUMNS."""

    fields: tuple[str, ...]
    values: pl.DataFrame
    shared: pl.DataFrame

    def put_into(self, frame: pl.DataFrame, key: str) -> pl.DataFrame:
        """Records made without regard to the others, with the values that they have among all."""
        beside = frame.select(key).join(self.values, on=key, how="left", maintain_order="left")
        return frame.with_columns(beside[name] for name in self.fields)

    def changed(self, session: Session, spec: ObjectSpec) -> list[str]:
        """Keys of records that the payload has with another value."""
        key = spec.schema.key_field
        columns = ", ".join(quoted(each) for each in (key, *self.fields))
        stood = session.sql(f"SELECT {columns} FROM {UPLOAD}.{quoted(payload_table(spec.asset))}")
        both = stood.join(self.values, on=key, how="inner", suffix=_NOW)
        unlike = pl.any_horizontal(
            pl.col(each).cast(pl.String).ne_missing(pl.col(each + _NOW).cast(pl.String))
            for each in self.fields
        )
        return both.filter(unlike)[key].to_list()


_NOW = "\x00now"


def without_others(spec: ObjectSpec) -> ObjectSpec:
    """The spec by which a record can be made alone."""
    return replace(spec, distinct=()) if _fields(spec) else spec


def shared_values(spec: ObjectSpec, rows: StagedRows, practice: str) -> SharedValues | None:
    """None where no record depends on another one's values."""
    fields = _fields(spec)
    if not fields:
        return None
    narrow = _narrowed(spec, fields)
    payload = apply(narrow, {table: rows.whole(table) for table in narrow.staged_tables}, practice, None)
    return SharedValues(fields, payload.frame.select(spec.schema.key_field, *fields), payload.shared)


def _fields(spec: ObjectSpec) -> tuple[str, ...]:
    if all(rule.then == "add_practice" for rule in spec.distinct):
        return ()
    return tuple(
        dict.fromkeys(name for rule in spec.distinct for name in (rule.field, rule.to) if name is not None)
    )


def _narrowed(spec: ObjectSpec, fields: tuple[str, ...]) -> ObjectSpec:
    """The spec with these fields alone, and those that come with them."""
    merged = [
        each for source in spec.sources for each in source.merged if set(each.field_names) & set(fields)
    ]
    wanted = {
        spec.schema.key_field,
        *fields,
        *(name for each in merged for name in each.field_names),
        *(source.split for source in spec.sources if source.split is not None),
    }

    def narrow(source: SourceSpec) -> SourceSpec:
        return replace(
            source,
            rules={name: rule for name, rule in source.rules.items() if name in wanted},
            optional_parents={
                name: parents for name, parents in source.optional_parents.items() if name in wanted
            },
            merged=tuple(each for each in source.merged if each in merged),
        )

    schema = replace(spec.schema, fields=tuple(each for each in spec.schema.fields if each.name in wanted))
    return replace(spec, schema=schema, sources=tuple(narrow(each) for each in spec.sources), chart=None)
