"""Generated practices as Freshsales would return them, and their raw rows, for tests of the second reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from migration_assets.destinations.base import payload_dtype
from migration_assets.mapping.apply import apply
from migration_assets.mapping.spec import PRACTICE_TABLE, MappingSet
from migration_assets.migration.meaning import ObjectMeaning, compare, load_meanings, missing
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import CONTENT
from migration_assets.objects.registry import DRAWN_OBJECTS
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.practice import Policies
from migration_assets_tests.mapping.freshsales import chosen
from migration_assets_tests.mapping.staged import complete
from migration_assets_tests.mapping.staged import practice as practice_table
from migration_assets_tests.objects.rows import context, stage_raw

MEANINGS = load_meanings("freshsales")
NAME = "Maple Periodontics"


@dataclass(frozen=True)
class Returned:
    """The raw rows, and by object the records of a faithful destination."""

    raw: RawPractice
    mapping: MappingSet
    records: Mapping[str, pl.DataFrame]

    def key_field(self, name: str) -> str:
        return self.mapping.of_object(name).schema.key_field

    def different(self, name: str, records: pl.DataFrame | None = None) -> pl.DataFrame:
        """Differences of the object's records, of other ones than those where some are given."""
        there = self.records[name] if records is None else records
        return compare(MEANINGS[name], name, self.key_field(name), there, self.raw).differences

    def lost(self, name: str, records: pl.DataFrame | None = None) -> set[str]:
        """Keys of raw rows that none of the records mirrors."""
        there = self.records[name] if records is None else records
        key = self.key_field(name)
        return set(missing(MEANINGS[name], name, key, there[key], self.raw, ())["key"])

    def with_value(self, name: str, key: str, field: str, value: object) -> pl.DataFrame:
        """The object's records with another value in one of them."""
        rows = self.records[name]
        here = pl.col(self.key_field(name)) == key
        new = pl.lit(value, rows.schema[field])
        return rows.with_columns(pl.when(here).then(new).otherwise(field).alias(field))

    def text(self, name: str, key: str, field: str = "description") -> str:
        found = self.records[name].filter(pl.col(self.key_field(name)) == key)[field].item()
        assert isinstance(found, str)
        return found


def returned(
    tables: Mapping[str, pl.DataFrame],
    *,
    profile: Profile | None = None,
    policies: Policies | None = None,
    **options: str,
) -> Returned:
    """``tables`` are raw ones as extracted; ``options`` the environment's choices."""
    policies, profile = policies or Policies(), profile or load_profile("default")
    staging = replace(context(profile), name=NAME)
    staged = stage_raw(tables, staging)
    rows = {name: each.rows for name, each in staged.items()} | {PRACTICE_TABLE: practice_table()}
    for drawn in DRAWN_OBJECTS:
        rows[drawn.name] = pl.concat([each.drop(CONTENT) for each in drawn.draw(rows)])
    raw = RawPractice(
        practice="maple",
        zone=staging.time_zone,
        profile=profile,
        tables=tables,
        rejects=pl.concat([each.rejects for each in staged.values()]),
        corrections=pl.concat([each.corrections for each in staged.values()]),
        policies=policies,
        options=options,
        name=NAME,
    )
    choices = {"accounts": policies.accounts, "shared_emails": policies.shared_emails, **options}
    mapping = chosen(**choices)
    records = {}
    for spec in mapping:
        payload = apply(spec, complete(spec, rows), "maple", None)
        records[spec.name] = payload.frame.select(
            pl.col(each.name).cast(payload_dtype(each)) for each in payload.schema.returned_fields
        )
    return Returned(raw, mapping, records)


def meaning_of(name: str, key_space: str) -> ObjectMeaning:
    return next(each for each in MEANINGS[name] if each.key_space == key_space)
