"""Raw rows read through the profile: logical column names, plain types, the canonical chart conventions.

A raw frame is what the extraction or a CSV export left: actual column names, the source's own types, nothing
changed. What a value may be is the business of each object's file; here it is only made readable, and what
can't be read as its column's kind is handed back as unreadable, never silently lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

import polars as pl

from migration_assets.errors import ConfigurationError, SourceColumnMissing
from migration_assets.objects.base import StagingContext, StagingInputs
from migration_assets.panda.profile import ChartConventions, TableProfile

# Wide enough for every decimal(p, 4) that a count, a percentage or a grade stands in.
DECIMAL = pl.Decimal(18, 4)
NAIVE_MS = pl.Datetime("ms")

# What Int16 holds; a chart's numbers are tinyint or smallint and stay small.
_NARROW = (pl.Int8, pl.UInt8, pl.Int16)
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


class Kind(Enum):
    """How a column is read, and as which type.

    KEY and TEXT become String without surrounding white space, blank is null; WHOLE Int64, or Int16
    where the source's own type fits in it; DECIMAL Decimal(18, 4); FLAG Boolean; DATE Date; TIME
    Datetime("ms") without a zone.
    """

    KEY = auto()
    TEXT = auto()
    WHOLE = auto()
    DECIMAL = auto()
    FLAG = auto()
    DATE = auto()
    TIME = auto()


TYPES: Mapping[Kind, pl.DataType] = {
    Kind.KEY: pl.String(),
    Kind.TEXT: pl.String(),
    Kind.WHOLE: pl.Int64(),
    Kind.DECIMAL: DECIMAL,
    Kind.FLAG: pl.Boolean(),
    Kind.DATE: pl.Date(),
    Kind.TIME: NAIVE_MS,
}


@dataclass(frozen=True)
class SourceRows:
    """One source table as read: ``frame`` has the logical columns asked for, a row for each raw row.

    ``verbatim`` is the raw frame in the same order, by logical name, only a chart's number for "not charted"
    being null already; ``unreadable`` logical column -> which
    rows hold a value that isn't of the column's kind (null in ``frame``).
    """

    table: str
    frame: pl.DataFrame
    verbatim: pl.DataFrame
    unreadable: Mapping[str, pl.Series]

    def original(self, column: str) -> pl.Series:
        """The source's own values of a logical column as text, for the list of corrections."""
        return self.verbatim[column].cast(pl.String, strict=False)


def read(
    inputs: StagingInputs,
    context: StagingContext,
    table: str,
    kinds: Mapping[str, Kind],
    order_by: str | None = None,
) -> SourceRows:
    """Logical table ``table`` with the columns of ``kinds``, sorted stably by the logical key ``order_by``.

    A column that the profile doesn't declare is null throughout, unless it is a KEY. Raises
    SourceColumnMissing where the raw frame lacks a declared column, ConfigurationError where a KEY isn't
    declared or a time has an offset.
    """
    verbatim = _by_logical_name(inputs.raw[table], context.profile.table(table), table, kinds)
    if table == "PeriodontalCharting":
        verbatim = _without_not_charted(verbatim, context.profile.chart)
    if order_by is not None:
        verbatim = verbatim.sort(_readable(order_by, Kind.KEY, verbatim), maintain_order=True)
    frame = verbatim.select(_readable(column, kind, verbatim) for column, kind in kinds.items())
    present = verbatim.select(
        _has_value(column, verbatim.schema[column])
        for column, kind in kinds.items()
        if _may_be_unreadable(kind, verbatim.schema[column])
    )
    unreadable = {name: present[name] & frame[name].is_null() for name in present.columns}
    return SourceRows(table, frame, verbatim, unreadable)


def canonical_recession(source: pl.Expr, conventions: ChartConventions) -> pl.Expr:
    """Recession in whole mm as the source counts it -> positive where the margin lies apical of the CEJ.

    With an overgrowth offset of 100, 105 is an overgrowth of 5 mm (Open Dental), whatever the sign of the
    other values means.
    """
    canonical = source if conventions.recession_positive == "apical" else -source
    if conventions.overgrowth_offset is None:
        return canonical
    return (
        pl.when(source > conventions.overgrowth_offset)
        .then(conventions.overgrowth_offset - source)
        .otherwise(canonical)
    )


def _by_logical_name(
    raw: pl.DataFrame, profile: TableProfile, table: str, kinds: Mapping[str, Kind]
) -> pl.DataFrame:
    # SQL Server and DuckDB don't tell the case of a column's name apart, polars does.
    present = {name.casefold(): name for name in raw.columns}
    columns = []
    for logical, kind in kinds.items():
        if not profile.has(logical) and kind is not Kind.KEY:
            columns.append(pl.repeat(None, pl.len(), dtype=TYPES[kind]).alias(logical))
            continue
        actual = profile.actual(logical)
        if actual.casefold() not in present:
            raise SourceColumnMissing(
                f"the extracted table {table} has no column '{actual}' (the profile's '{logical}'); "
                "extract the table again, or mend its columns in the profile"
            )
        found = present[actual.casefold()]
        dtype = raw.schema[found]
        if kind is Kind.TIME and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            raise ConfigurationError(
                f"column '{actual}' of {table} holds times with an offset; give a view that converts them "
                "to the practice's local time and name it in the profile"
            )
        columns.append(pl.col(found).alias(logical))
    return raw.select(columns)


def _without_not_charted(rows: pl.DataFrame, conventions: ChartConventions) -> pl.DataFrame:
    """Null for the number that means "not charted", in every column of the chart that holds numbers."""
    if conventions.not_charted is None:
        return rows
    measured = (
        "PocketDepth_",
        "Recession_",
        "Mobility",
        "Furcation_",
        "BOP_",
        "Suppuration_",
        "Plaque_",
        "Value_",
    )
    return rows.with_columns(
        pl.when(pl.col(name).cast(pl.Float64, strict=False) == conventions.not_charted)
        .then(None)
        .otherwise(pl.col(name))
        .alias(name)
        for name in rows.columns
        if name.startswith(measured) and rows.schema[name] != pl.Boolean
    )


def _may_be_unreadable(kind: Kind, dtype: pl.DataType) -> bool:
    match kind:
        case Kind.KEY | Kind.TEXT:
            return False
        case Kind.WHOLE:
            return not dtype.is_integer()
        case Kind.DECIMAL:
            return not dtype.is_integer() or dtype in (pl.Int64, pl.UInt64)
        case Kind.FLAG:
            return dtype != pl.Boolean
        case _:
            return not isinstance(dtype, pl.Date | pl.Datetime)


def _has_value(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    # A blank text stands for no value, whatever the column's kind.
    there = value.str.strip_chars() != "" if dtype == pl.String else value.is_not_null()
    return there.fill_null(False)


def _readable(column: str, kind: Kind, rows: pl.DataFrame) -> pl.Expr:
    dtype = rows.schema[column]
    value = pl.col(column)
    if kind in (Kind.KEY, Kind.TEXT):
        text = value.cast(pl.String).str.strip_chars()
        read: pl.Expr = pl.when(text != "").then(text)
    elif dtype == pl.String:
        read = _from_text(value.str.strip_chars(), kind)
    elif kind is Kind.WHOLE:
        read = _whole(value, dtype)
    elif kind is Kind.FLAG and dtype != pl.Boolean:
        read = _from_text(_whole(value, dtype).cast(pl.String), kind)
    elif kind in (Kind.DATE, Kind.TIME) and not isinstance(dtype, pl.Date | pl.Datetime):
        # polars would take any number for days or milliseconds since 1970.
        read = pl.repeat(None, pl.len(), dtype=TYPES[kind])
    else:
        read = value.cast(TYPES[kind], strict=False)
    return read.alias(column)


def _whole(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_integer():
        return value.cast(pl.Int16 if dtype in _NARROW else pl.Int64, strict=False)
    number = value.cast(pl.Float64, strict=False)
    return pl.when(number == number.floor()).then(number).cast(pl.Int64, strict=False)


def _from_text(text: pl.Expr, kind: Kind) -> pl.Expr:
    """A column of trimmed text (a CSV export) read as ``kind``; what can't be read becomes null."""
    match kind:
        case Kind.FLAG:
            return text.str.to_lowercase().replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)
        case Kind.DATE | Kind.TIME:
            forms = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d")
            days = text.str.to_date("%Y-%m-%d", strict=False).cast(NAIVE_MS)
            times = [text.str.to_datetime(form, time_unit="ms", strict=False) for form in forms[:2]]
            return pl.coalesce(*times, days).cast(TYPES[kind])
        case _:
            return text.cast(TYPES[kind], strict=False)
