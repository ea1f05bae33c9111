"""Records that the diff lacks: raw rows that became no record without being refused, and records that are in
the payload and weren't returned.

Whose they are is told by what they refer to. Values of records that are there are ``cells``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from migration_assets.migration import meaning as meanings_of
from migration_assets.migration.declared_meaning import ColumnMeaning, FoundMeaning
from migration_assets.migration.field_diff.charts import Charts
from migration_assets.migration.field_diff.sample import Sampled
from migration_assets.migration.field_meaning import EXPECTED, RAW, expected_cells
from migration_assets.migration.joined_meaning import joined_records
from migration_assets.migration.meaning import ObjectMeaning
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.sample_scope import named_patient, patient_prefixes

MISSING_COLUMNS: dict[str, pl.DataType] = dict.fromkeys(
    (
        *("object", "key", "field", "patient", "source_table", "source_key"),
        *("mapped", "expected", "parent", "exam", "detail"),
    ),
    pl.String(),
)
"""A row a missing record. ``parent``: key of the first record that it refers to, ``exam``: source id of the
exam whose tooth it is; ``mapped`` and ``expected`` are its key, as far as it is there."""

_NOT_MAPPED = "in PANDA, in no payload and among no rejects"
_NOT_RETURNED = "in the payload, not in the destination"
_PATIENT = "Patient"


def missing_records(
    sampled: Sampled, declared: Mapping[str, Sequence[ObjectMeaning]], charts: Charts | None
) -> pl.DataFrame:
    """MISSING_COLUMNS of the sample's patients and of what their records refer to, parents first."""
    patients = sampled.patients["source_id"]
    raw = charts.raw if charts is not None else sampled.raw
    names = {name for schema in sampled.plan.schemas.values() for name in schema.field_names}
    owners = sampled.owners
    found = [pl.DataFrame(schema=MISSING_COLUMNS)]
    for spec in sampled.plan.specs:
        name, key = spec.name, spec.schema.key_field
        meanings = declared.get(name, ())
        lost = meanings_of.missing(meanings, name, key, sampled.built[name], raw, names)["key"]
        told = _told(sampled, name, meanings, lost, raw, charts, owners)
        owners = pl.concat([owners, told.select("key", "patient").drop_nulls()])
        found.append(told.filter(pl.col("patient").is_in(patients.implode())))
        found.append(_not_returned(sampled, name, key, meanings, owners, raw))
    return pl.concat(found)


def references(meaning: ObjectMeaning) -> Iterator[ColumnMeaning]:
    """Plain columns of the raw row that name another record."""
    for declared in meaning.fields.values():
        if isinstance(declared, ColumnMeaning) and declared.read_as == "reference":
            yield declared


def _told(
    sampled: Sampled,
    name: str,
    meanings: Sequence[ObjectMeaning],
    lost: pl.Series,
    raw: RawPractice,
    charts: Charts | None,
    owners: pl.DataFrame,
) -> pl.DataFrame:
    """Raw rows without a record, with whom they belong to."""
    parts = [pl.DataFrame(schema=MISSING_COLUMNS)]
    for meaning in meanings:
        prefix = f"{raw.practice}:{meaning.key_space}:"
        of_space = lost.filter(lost.str.starts_with(prefix))
        if of_space.is_empty() or meaning.table not in raw.tables:
            continue
        rows = pl.DataFrame({"key": of_space}).with_columns(pl.col("key").str.strip_prefix(prefix).alias(RAW))
        ties = rows.join(_ties(meaning, raw, charts), on=RAW, how="left", maintain_order="left")
        named = _patient(ties, sampled, name, owners)
        parts.append(
            named.select(
                pl.lit(name).alias("object"),
                "key",
                pl.lit(sampled.key_field(name)).alias("field"),
                "patient",
                pl.lit(meaning.table).alias("source_table"),
                pl.col(RAW).alias("source_key"),
                pl.lit(None, pl.String).alias("mapped"),
                pl.col("key").alias("expected"),
                "parent",
                "exam",
                pl.lit(_NOT_MAPPED).alias("detail"),
            )
        )
    return pl.concat(parts).unique("key", keep="first", maintain_order=True)


def _ties(meaning: ObjectMeaning, raw: RawPractice, charts: Charts | None) -> pl.DataFrame:
    """What rows refer to: ``_raw``, ``ties`` (keys), ``named`` (a patient), ``parent``, ``exam``."""
    nothing = pl.lit(None, pl.String)
    if meaning.joins:
        joined = joined_records(meaning.table, meaning.joins, raw)
        fields = [join.field for join in meaning.joins]
        told = joined.select(pl.col("id").alias(RAW), pl.concat_list(fields).alias("ties"))
        return told.with_columns(named=nothing, parent=nothing, exam=nothing).unique(RAW)
    if meaning.chart is not None and meaning.chart.teeth is not None and charts is not None:
        key = f"{raw.practice}:{meaning.chart.teeth.exam_key_space}:" + pl.col("exam")
        told = charts.told.select(pl.col("record").alias(RAW), "exam", parent=key)
        return told.with_columns(ties=pl.concat_list("parent"), named=nothing).select(
            RAW, "ties", "named", "parent", "exam"
        )
    keys = raw.keys(meaning.table, meaning.key)
    named = [expected_cells(meaning.table, meaning.key, each, raw)[EXPECTED] for each in references(meaning)]
    found = [each for each in meaning.fields.values() if isinstance(each, FoundMeaning)]
    by = next((raw.keys(meaning.table, each.by) for each in found if each.table == _PATIENT), None)
    rows = pl.DataFrame([keys.alias(RAW), *(each.alias(str(at)) for at, each in enumerate(named))])
    columns = [pl.col(str(at)) for at in range(len(named))]
    return rows.select(
        RAW,
        pl.concat_list(columns).alias("ties") if columns else pl.lit([], pl.List(pl.String)).alias("ties"),
        (nothing if by is None else pl.lit(by)).alias("named"),
        (columns[0] if columns else nothing).alias("parent"),
        nothing.alias("exam"),
    ).unique(RAW, keep="first")


def _patient(ties: pl.DataFrame, sampled: Sampled, name: str, owners: pl.DataFrame) -> pl.DataFrame:
    """``ties`` with ``patient``: the row's own, else that of the first record that it refers to."""
    prefixes = patient_prefixes(sampled.plan, sampled.raw.practice)
    own = named_patient(ties["key"], prefixes[name]) if name in prefixes else None
    known = pl.concat([owners, *(_as_owners(ties["ties"], prefix) for prefix in prefixes.values())])
    of_ties = (
        ties.select("key", pl.col("ties").alias("tie"))
        .explode("tie")
        .join(known.unique("key", keep="first").rename({"key": "tie"}), on="tie")
        .unique("key", keep="first", maintain_order=True)
        .rename({"patient": "of_tie"})
    )
    with_ties = ties.join(of_ties.select("key", "of_tie"), on="key", how="left", maintain_order="left")
    first = pl.lit(None, pl.String) if own is None else pl.lit(own)
    return with_ties.with_columns(pl.coalesce(first, "named", "of_tie").alias("patient"))


def _as_owners(ties: pl.Series, prefix: str) -> pl.DataFrame:
    keys = ties.explode().drop_nulls().unique()
    return pl.DataFrame({"key": keys, "patient": named_patient(keys, prefix)}).drop_nulls()


def _not_returned(
    sampled: Sampled,
    name: str,
    key: str,
    meanings: Sequence[ObjectMeaning],
    owners: pl.DataFrame,
    raw: RawPractice,
) -> pl.DataFrame:
    """Records of the payload that aren't in the destination."""
    gone = sampled.mapped[name].join(sampled.returned[name], on=key, how="anti")
    tables = {f"{raw.practice}:{each.key_space}:": each.table for each in meanings}
    space = pl.col(key).str.extract("^([^:]*:[^:]*:)")
    parents = [each.name for each in sampled.plan.mapping.of_object(name).schema.references]
    chosen = gone.select(
        pl.lit(name).alias("object"),
        pl.col(key).alias("key"),
        pl.lit(key).alias("field"),
        space.replace_strict(tables, default=None, return_dtype=pl.String).alias("source_table"),
        pl.col(key).str.replace("^[^:]*:[^:]*:", "").alias("source_key"),
        pl.col(key).alias("mapped"),
        pl.col(key).alias("expected"),
        (pl.col(parents[0]).cast(pl.String) if parents else pl.lit(None, pl.String)).alias("parent"),
        pl.lit(None, pl.String).alias("exam"),
        pl.lit(_NOT_RETURNED).alias("detail"),
    )
    named = chosen.join(owners.unique("key", keep="first"), on="key", how="left", maintain_order="left")
    return named.select(*MISSING_COLUMNS)
