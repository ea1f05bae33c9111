"""What the diff checks by name: numbering systems, lines of plans, providers, whole charts.

Each row says of one record what ought to be there and what was found, in words for a reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from migration_assets.migration.declared_meaning import ColumnMeaning, DentistMeaning
from migration_assets.migration.field_diff.missing import references
from migration_assets.migration.field_diff.sample import Sampled
from migration_assets.migration.field_diff.shape import CHECK_COLUMNS
from migration_assets.migration.field_diff.text_checks import text_checks
from migration_assets.migration.field_meaning import EXPECTED, expected_cells, is_staged
from migration_assets.migration.joined_meaning import joined_records
from migration_assets.migration.meaning import ObjectMeaning

_PLAN, _PROVIDER = "plan", "provider"
_LINES = "TreatmentPlanLine"
_FURTHER = r"-part[0-9]+$"
_NOTHING = "none"
Meanings = Mapping[str, Sequence[ObjectMeaning]]


def checks(sampled: Sampled, declared: Meanings, cells: pl.DataFrame) -> pl.DataFrame:
    """CHECK_COLUMNS; ``cells`` are the sample's classed values (CELL_COLUMNS and ``patient``)."""
    parts = [
        _numbering_systems(cells),
        *_plan_lines(sampled, declared),
        _providers(sampled, declared, cells),
        *_joined_providers(sampled, declared),
        _charts(cells),
        *text_checks(declared, cells, sampled.raw),
    ]
    return pl.concat([pl.DataFrame(schema=CHECK_COLUMNS), *parts])


def _check(name: str, expected: pl.Expr, found: pl.Expr, passed: pl.Expr) -> list[pl.Expr]:
    return [
        pl.lit(name).alias("check"),
        pl.col("patient").cast(pl.String),
        pl.col("key"),
        expected.alias("expected"),
        found.alias("found"),
        passed.fill_null(value=False).alias("passed"),
    ]


def _numbering_systems(cells: pl.DataFrame) -> pl.DataFrame:
    systems = cells.filter(pl.col("kind") == "system")
    told = [pl.col(name).fill_null(_NOTHING) for name in ("expected", "returned")]
    return systems.select(_check("numbering_systems", told[0], told[1], pl.col("meant")))


def of_lines(declared: Meanings) -> Iterator[tuple[str, ObjectMeaning]]:
    """Objects and key spaces of plan lines, be they records of their own or notes on their plan."""
    for name, meanings in declared.items():
        yield from ((name, meaning) for meaning in meanings if meaning.table == _LINES)


def lines_of_plans(sampled: Sampled, declared: Meanings) -> pl.DataFrame:
    """``key`` of each plan of a patient of the sample, and how many ``lines`` it has in PANDA (those that
    aren't rejects), ``mapped`` and ``returned``."""
    counts = pl.DataFrame(
        schema={"key": pl.String, "lines": pl.UInt32, "mapped": pl.UInt32, "returned": pl.UInt32}
    )
    for name, meaning in of_lines(declared):
        parent = next((each for each in references(meaning) if each.key_space == _PLAN), None)
        field = next((field for field, each in meaning.fields.items() if each == parent), None)
        if parent is None or field is None or meaning.table not in sampled.raw.tables:
            continue
        rows = expected_cells(meaning.table, meaning.key, parent, sampled.raw)
        lines = rows.filter(is_staged(meaning.table, sampled.raw)).group_by(key=EXPECTED).agg(lines=pl.len())
        for frames, count in ((sampled.mapped, "mapped"), (sampled.returned, "returned")):
            key = pl.col(sampled.key_field(name))
            of_space = key.str.starts_with(f"{sampled.raw.practice}:{meaning.key_space}:")
            records = frames[name].filter(of_space, ~key.str.contains(_FURTHER))
            there = records.group_by(key=pl.col(field).cast(pl.String)).agg(pl.len().alias(count))
            lines = lines.join(there, on="key", how="left")
        counts = pl.concat([counts, lines.with_columns(pl.col("mapped", "returned").fill_null(0))])
    return counts


def _plan_lines(sampled: Sampled, declared: Meanings) -> Iterator[pl.DataFrame]:
    counts = lines_of_plans(sampled, declared)
    for name, _ in _of_space(declared, _PLAN):
        plans = _of_patients(sampled, name).join(counts, on="key", how="left")
        lines, mapped, returned = (pl.col(each).fill_null(0) for each in ("lines", "mapped", "returned"))
        yield plans.select(
            _check(
                "plan_lines",
                pl.format("{} lines in PANDA", lines),
                pl.format("{} in the payload, {} in the destination", mapped, returned),
                (lines == mapped) & (lines == returned),
            )
        )


def _providers(sampled: Sampled, declared: Meanings, cells: pl.DataFrame) -> pl.DataFrame:
    """Records whose row names a provider: the record must name one that is in the destination."""
    named = pl.DataFrame(
        [
            (name, field)
            for name, meanings in declared.items()
            for meaning in meanings
            for field, each in meaning.fields.items()
            if (isinstance(each, ColumnMeaning) and each.read_as == "reference")
            or isinstance(each, DentistMeaning)
            if each.key_space == _PROVIDER
        ],
        schema={"object": pl.String, "field": pl.String},
        orient="row",
    )
    of_row = pl.col("source").str.strip_chars() != ""
    fields = cells.join(named, on=["object", "field"], how="semi").filter(of_row)
    there = pl.concat(
        [
            pl.Series([], dtype=pl.String),
            *(rows[sampled.key_field(name)] for name, rows in sampled.returned.items()),
        ]
    )
    arrived = pl.col("returned").is_in(there.implode()) & pl.col("meant")
    found = (
        pl.when(pl.col("returned").is_not_null())
        .then(pl.col("returned"))
        .when(pl.col("expected").is_null())
        .then(pl.lit("none: PANDA's own provider isn't there or was refused"))
        .otherwise(pl.lit(_NOTHING))
    )
    return fields.select(_check("providers", pl.format("provider {}", pl.col("source")), found, arrived))


def _joined_providers(sampled: Sampled, declared: Meanings) -> Iterator[pl.DataFrame]:
    """Records that tie a provider to a patient's record, as the provider of an appointment."""
    raw = sampled.raw
    patients = sampled.owners.filter(pl.col("patient").is_in(sampled.patients["source_id"].implode()))
    for name, meanings in declared.items():
        if name not in sampled.returned:
            continue
        for meaning in meanings:
            spaces = [join.key_space for join in meaning.joins]
            if _PROVIDER not in spaces or any(each is None for each in spaces):
                continue
            other = next(join.field for join in meaning.joins if join.key_space != _PROVIDER)
            provider = next(join.field for join in meaning.joins if join.key_space == _PROVIDER)
            prefix = f"{raw.practice}:{meaning.key_space}:"
            asked = joined_records(meaning.table, meaning.joins, raw).select(
                (prefix + pl.col("id")).alias("record"), pl.col(other).alias("key"), provider=provider
            )
            mine = asked.join(patients.unique("key", keep="first"), on="key")
            there = sampled.returned[name][sampled.key_field(name)]
            arrived = pl.col("record").is_in(there.implode())
            found = pl.when(arrived).then(pl.col("provider")).otherwise(pl.lit(_NOTHING))
            number = pl.col("provider").str.replace("^[^:]*:[^:]*:", "")
            yield mine.select(_check("providers", pl.format("provider {}", number), found, arrived))


def _charts(cells: pl.DataFrame) -> pl.DataFrame:
    """Of each exam with a chart how many values there are and how many differ."""
    charted = cells.filter(pl.col("cell").is_not_null())
    systems = cells.filter(pl.col("kind") == "system").select("exam", "key", "patient")
    counts = charted.group_by("exam").agg(
        values=pl.col("expected").drop_nulls().len(), differ=(~pl.col("meant")).sum()
    )
    exams = counts.join(systems.unique("exam", keep="first"), on="exam").sort("key")
    found = pl.format("{} values differ", pl.col("differ"))
    return exams.select(
        _check("charts", pl.format("{} values charted", pl.col("values")), found, pl.col("differ") == 0)
    )


def _of_space(declared: Meanings, key_space: str) -> Iterator[tuple[str, ObjectMeaning]]:
    for name, meanings in declared.items():
        yield from ((name, meaning) for meaning in meanings if meaning.key_space == key_space)


def _of_patients(sampled: Sampled, name: str) -> pl.DataFrame:
    """``key`` and ``patient`` of the sample's mapped records of an object."""
    keys = sampled.mapped[name].select(pl.col(sampled.key_field(name)).alias("key"))
    return keys.join(sampled.owners.unique("key", keep="first"), on="key", maintain_order="left")
