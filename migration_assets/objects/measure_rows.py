"""A chart kept as one row for each exam, measure and tooth, read as if it had a row for each tooth.

What the rows of a tooth say is joined before anything is judged, so that the same rules make the same
staged charts of both shapes: where a tooth is refused, all its rows are. Which code is which measure, and
where its values stand, is the profile's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from migration_assets.errors import ConfigurationError
from migration_assets.objects import charted_teeth, source_rows, validation
from migration_assets.objects.base import REJECT_COLUMNS, StagingContext, StagingInputs
from migration_assets.objects.source_rows import Kind, SourceRows
from migration_assets.objects.validation import Refusal
from migration_assets.panda.profile import MeasureRows

NOT_MIGRATED = "not_migrated"
"""Kind of a row whose measure is outside the migration."""
MEASURE_NOT_MIGRATED = "measure_not_migrated"
"""Why such a row went nowhere."""

SENTENCES = {
    "unknown_measure": "the row's measure is none of the profile's codes",
    "value_without_place": "the row holds a value in a column that its measure doesn't use",
}

_TABLE = "PeriodontalCharting"
_KEY = "ChartingID"
_SITES = ("MB", "B", "DB", "ML", "L", "DL")
_ENTRANCES: tuple[Literal["M", "D", "B", "L"], ...] = ("M", "D", "B", "L")
_VALUES = tuple(f"Value_{site}" for site in _SITES)
_OF_TOOTH = "Value_Tooth"
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "ExamID": Kind.KEY,
    "Measure": Kind.KEY,
    "Tooth": Kind.TEXT,
    _OF_TOOTH: Kind.DECIMAL,
    **dict.fromkeys(_VALUES, Kind.WHOLE),
    "ModifiedAt": Kind.TIME,
}
_PREFIXES = {"pocket_depth": "PocketDepth", "recession": "Recession"}
_FLAG_PREFIXES = {"bleeding": "BOP", "suppuration": "Suppuration", "plaque": "Plaque"}


@dataclass(frozen=True)
class MergedRows:
    """``source``: the teeth, a row each, with the logical columns of a tooth row; ``refusals`` are of them.

    A tooth's key is ``<exam>-<Universal code>``. ``parts``: source_key of each row of the table, source_id
    of the tooth that it is part of (null where it is part of none), ``kind`` (its measure), ``time``
    (1, or the how manieth of the tooth's rows of this kind it is) and ``excused`` (why it is part of none).
    ``rejects``: REJECT_COLUMNS of rows whose measure is unknown, which are part of no tooth and take none
    with them. ``findings`` counts as in ``Staged``.
    """

    source: SourceRows
    refusals: tuple[Refusal, ...]
    parts: pl.DataFrame
    rejects: pl.DataFrame
    findings: Mapping[str, int]


def source_columns(rows: MeasureRows) -> dict[str, str]:
    """Staged column of a measure -> the logical source column in which its value stands."""
    columns = {"status": _OF_TOOTH, "mobility": _OF_TOOTH}
    for measure in ("pocket_depth", "recession", *_FLAG_PREFIXES):
        columns |= {f"{measure}_{site.lower()}": f"Value_{site}" for site in _SITES}
    # Without furcation rows the columns are null and nothing is ever said of them.
    return columns | {
        f"furcation_{entrance.lower()}": f"Value_{rows.furcation_sites.get(entrance, 'B')}"
        for entrance in _ENTRANCES
    }


def conventions(context: StagingContext) -> MeasureRows:
    """Raises ConfigurationError where the profile doesn't say what the rows mean."""
    found = context.profile.chart.measure_rows
    if found is None:
        raise ConfigurationError(
            f"the profile '{context.profile.name}' charts by measure rows and doesn't say which code is "
            "which measure; add chart.measure_rows"
        )
    return found


def read(inputs: StagingInputs, context: StagingContext, kinds: Mapping[str, Kind]) -> MergedRows:
    """The table's rows joined by exam and tooth, sorted by exam; ``kinds`` are a tooth row's columns."""
    declared = conventions(context)
    raw = source_rows.read(inputs, context, _TABLE, _KINDS, order_by="ExamID")
    rows = _identified(raw.frame, charted_teeth.teeth(raw.frame, inputs, context), declared)
    charted = rows.filter(pl.col("kind") != NOT_MIGRATED)
    teeth = charted.group_by("source_id", maintain_order=True).agg(
        pl.col("ExamID", "written").first(), pl.col("Tooth").min(), pl.col("ModifiedAt").max()
    )
    for kind in declared.kinds.values():
        of_kind = charted.filter(pl.col("kind") == kind).unique("source_id", keep="first")
        columns = dict(_columns(kind, declared, of_kind.schema[_VALUES[0]]))
        if columns:
            part = of_kind.select("source_id", **columns)
            teeth = teeth.join(part, on="source_id", how="left", maintain_order="left")
    frame = teeth.with_columns(pl.col("source_id").alias(_KEY)).select(
        pl.col(name) if name in teeth.columns or name == _KEY else _nothing(name, kind)
        for name, kind in kinds.items()
    )
    flags, unreadable = _flags(charted, rows, raw, declared, teeth)
    # What the source holds in a status row's own column is the original of a status that isn't known.
    verbatim = frame.with_columns(pl.col("ToothStatus").alias(_OF_TOOTH))
    return MergedRows(
        SourceRows(_TABLE, frame, verbatim, unreadable),
        tuple(flags),
        rows.select(
            "source_key",
            pl.when(pl.col("kind").ne_missing(NOT_MIGRATED)).then("source_id").alias("source_id"),
            "kind",
            pl.int_range(1, pl.len() + 1).over("source_id", "kind").alias("time"),
            pl.when(pl.col("kind") == NOT_MIGRATED).then(pl.lit(MEASURE_NOT_MIGRATED)).alias("excused"),
        ),
        _unknown(rows.filter(pl.col("kind").is_null())),
        {"bits_not_migrated": _other_bits(charted, declared)},
    )


def _identified(frame: pl.DataFrame, teeth: pl.DataFrame, declared: MeasureRows) -> pl.DataFrame:
    """Adds source_key, kind (null where it is unknown) and the tooth's source_id."""
    kind = pl.col("Measure").replace_strict(declared.kinds, default=None, return_dtype=pl.String)
    tooth = pl.coalesce("universal", pl.concat_str(pl.lit("?"), "written"), pl.lit("?"))
    key = pl.concat_str(pl.col("ExamID").fill_null(""), pl.lit("-"), tooth)
    rows = frame.with_columns(
        teeth["universal"], teeth["written"], kind.alias("kind"), validation.told_apart(frame[_KEY])
    )
    # A row of an unknown measure is counted by itself, beside the tooth.
    alone = pl.concat_str(key, pl.lit("#"), "source_key")
    return rows.with_columns(pl.when(pl.col("kind").is_null()).then(alone).otherwise(key).alias("source_id"))


def _unknown(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        object=pl.lit("charting"),
        source_table=pl.lit(_TABLE),
        source_key="source_key",
        parent_key="ExamID",
        column=pl.lit("Measure"),
        code=pl.lit("unknown_measure"),
        message=pl.lit(SENTENCES["unknown_measure"]),
    ).select(*REJECT_COLUMNS)


def _columns(kind: str, declared: MeasureRows, whole: pl.DataType) -> Iterator[tuple[str, pl.Expr]]:
    """The logical columns of a tooth row that a row of this kind fills."""
    if kind in _PREFIXES:
        yield from ((f"{_PREFIXES[kind]}_{place}", pl.col(f"Value_{place}")) for place in _SITES)
    elif kind == "mobility":
        yield "Mobility", pl.col(_OF_TOOTH)
    elif kind == "status":
        number = pl.col(_OF_TOOTH).cast(pl.Int64, strict=False).cast(pl.String)
        words = {code: word for code, word in declared.statuses.items() if word is not None}
        silent = [code for code, word in declared.statuses.items() if word is None]
        yield "ToothStatus", pl.when(~number.is_in(silent)).then(number.replace(words))
    elif kind == "furcation":
        for entrance, site in declared.furcation_sites.items():
            yield f"Furcation_{entrance}", pl.col(f"Value_{site}")
    elif kind in _FLAG_PREFIXES:
        for place, value in ((site, pl.col(f"Value_{site}")) for site in _SITES):
            yield f"{_FLAG_PREFIXES[kind]}_{place}", pl.when(value.is_in([0, 1])).then(value == 1)
    elif kind == "findings":
        for finding, bit in declared.bits.items():
            for place, value in ((site, pl.col(f"Value_{site}")) for site in _SITES):
                is_set = (value & pl.lit(bit, dtype=whole)) != 0
                yield f"{_FLAG_PREFIXES[finding]}_{place}", pl.when(value >= 0).then(is_set)


def _nothing(name: str, kind: Kind) -> pl.Expr:
    return pl.repeat(None, pl.len(), dtype=source_rows.TYPES[kind]).alias(name)


def _flags(
    charted: pl.DataFrame,
    rows: pl.DataFrame,
    raw: SourceRows,
    declared: MeasureRows,
    teeth: pl.DataFrame,
) -> tuple[list[Refusal], dict[str, pl.Series]]:
    """What is wrong with any row of a tooth, by tooth: refusals, and values that can't be read by column."""
    found = pl.DataFrame(
        {
            "value_without_place": _without_place(charted, declared),
            "duplicate_tooth": charted.select("source_id", "kind").is_duplicated()
            & charted["universal"].is_not_null(),
            "missing_key": charted[_KEY].is_null(),
            "duplicate_key": charted[_KEY].is_in(
                rows[_KEY].filter(rows[_KEY].is_duplicated()).drop_nulls().unique().implode()
            ),
        }
    )
    of_migrated = rows.select((pl.col("kind") != NOT_MIGRATED).fill_null(False)).to_series()
    unreadable = {name: column.filter(of_migrated) for name, column in raw.unreadable.items()}
    for name in _VALUES:
        nonsense = _nonsense(charted, name)
        unreadable[name] = unreadable[name] | nonsense if name in unreadable else nonsense
    by_row = found.with_columns(pl.Series(name, column) for name, column in unreadable.items())
    by_tooth = by_row.with_columns(charted["source_id"]).group_by("source_id").agg(pl.all().any())
    told = teeth.select("source_id").join(by_tooth, on="source_id", how="left", maintain_order="left")
    columns = {
        "value_without_place": "Measure",
        "duplicate_tooth": "Tooth",
        "missing_key": _KEY,
        "duplicate_key": _KEY,
    }
    refusals = [Refusal(code, columns[code], told[code]) for code in found.columns]
    return refusals, {name: told[name] for name in unreadable}


def _without_place(charted: pl.DataFrame, declared: MeasureRows) -> pl.Series:
    """Rows with a value above 0 in a column of another measure: nowhere to go, and never to be dropped."""
    wrong = pl.lit(False)
    for kind in declared.kinds.values():
        used = {_OF_TOOTH} if kind in ("mobility", "status") else set(_VALUES)
        if kind == "furcation":
            used = {f"Value_{site}" for site in declared.furcation_sites.values()}
        others = [pl.col(name) > 0 for name in (*_VALUES, _OF_TOOTH) if name not in used]
        wrong = wrong | ((pl.col("kind") == kind) & pl.any_horizontal(others).fill_null(False))
    return charted.select(wrong.fill_null(False).alias("wrong")).to_series()


def _nonsense(charted: pl.DataFrame, name: str) -> pl.Series:
    """A yes/no that is neither 0 nor 1, a bit field below 0."""
    flag = pl.col("kind").is_in(list(_FLAG_PREFIXES)) & ~pl.col(name).is_in([0, 1])
    bits = (pl.col("kind") == "findings") & (pl.col(name) < 0)
    return charted.select((flag | bits).fill_null(False).alias(name)).to_series()


def _other_bits(charted: pl.DataFrame, declared: MeasureRows) -> int:
    """Findings rows with a bit that no migrated finding has (calculus)."""
    known = sum(declared.bits.values())
    rows = charted.filter(pl.col("kind") == "findings").select(pl.col(*_VALUES).cast(pl.Int64))
    other = rows.select(pl.any_horizontal((pl.all() >= 0) & ((pl.all() & ~pl.lit(known)) != 0)))
    return int(other.to_series().sum())
