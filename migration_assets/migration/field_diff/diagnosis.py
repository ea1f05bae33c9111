"""Why values of the diff differ, as far as the values themselves tell it.

Pure over classed rows. Dates and numbers are judged over all differing values of a field or an object, texts
and references one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from migration_assets.migration.field_diff.chart_diagnosis import DIAGNOSED, ENOUGH, chart_diagnoses
from migration_assets.migration.field_diff.charts import Charts
from migration_assets.migration.field_diff.origin import MOMENT
from migration_assets.migration.field_diff.shape import DIFFERING

_HOUR, _DAY = 3600, 86400
_QUARTER = 900
_LONGEST_SHIFT = 26 * _HOUR
_AT_LEAST = 2


def diagnosed(classed: pl.DataFrame, charts: Charts | None) -> pl.DataFrame:
    """``classed`` rows with ``diagnosis`` and ``detail``, null where nothing is sure."""
    rows = classed.with_row_index("_row")
    differing = rows.filter(pl.col("cls").is_in(DIFFERING))
    found = [pl.DataFrame(schema=DIAGNOSED)]
    if differing.height:
        found += chart_diagnoses(differing, charts) if charts is not None else []
        found += _each(differing.join(pl.concat(found), on="_row", how="anti"))
    told = pl.concat(found)
    return rows.join(told, on="_row", how="left", maintain_order="left").drop("_row")


def _each(differing: pl.DataFrame) -> Iterable[pl.DataFrame]:
    steps: tuple[Callable[[pl.DataFrame], pl.DataFrame], ...] = (
        _references,
        _shifted_moments,
        _shifted_days,
        _line_breaks,
        _truncated,
        _lines,
        _signs,
        _decimals,
    )
    for diagnose in steps:
        found = diagnose(differing)
        differing = differing.join(found, on="_row", how="anti")
        yield found


def _as(name: str, detail: pl.Expr) -> tuple[str, pl.Expr, pl.Expr]:
    return "_row", pl.lit(name).alias("diagnosis"), detail.alias("detail")


def _references(rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.filter(pl.col("kind") == "reference")
    provider = pl.col("should").str.contains("^[^:]*:(provider|referrer):")
    lost = pl.col("cls") == "lost"
    unresolved = named.filter(lost & provider)
    wrong = named.filter(~(lost & provider).fill_null(value=False))
    how = pl.when(lost).then(pl.lit("names no record")).otherwise(pl.lit("names another record"))
    return pl.concat(
        [
            unresolved.select(*_as("provider_unresolved", pl.lit("PANDA names one, the record doesn't"))),
            wrong.select(*_as("wrong_reference", how)),
        ]
    )


def _shifted_moments(rows: pl.DataFrame) -> pl.DataFrame:
    """Most date-times of an object differ by one offset, or by those of summer and winter."""
    moved = _moved(rows, "moment", MOMENT)
    near = (pl.col("by") - pl.col("by").mode().first().over("object")).abs() <= _HOUR
    possible = (pl.col("by").abs() <= _LONGEST_SHIFT) & (pl.col("by") % _QUARTER == 0)
    fits = near & possible
    shifted = moved.filter(fits, fits.mean().over("object") >= ENOUGH)
    hours, minutes = pl.col("by").abs() // _HOUR, pl.col("by").abs() % _HOUR // 60
    sign = pl.when(pl.col("by") < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
    of_hour = pl.when(minutes > 0).then(pl.format(":{}", minutes.cast(pl.String).str.zfill(2)))
    clock = (pl.col("returned") == pl.col("source")).all().over("object")
    why = pl.when(clock).then(pl.lit(": the wall clock taken for UTC")).otherwise(pl.lit(""))
    detail = pl.format("shifted by {}{}{} h{}", sign, hours, of_hour.otherwise(pl.lit("")), why)
    return shifted.select(*_as("time_shifted", detail))


def _shifted_days(rows: pl.DataFrame) -> pl.DataFrame:
    """Most days of an object's field are the one before, or the one after."""
    moved = _moved(rows, "date", "%Y-%m-%d")
    of_field = ["object", "field"]
    fits = (pl.col("by") == pl.col("by").mode().first().over(of_field)) & (pl.col("by").abs() == _DAY)
    enough = (fits.mean().over(of_field) >= ENOUGH) & (pl.len().over(of_field) >= _AT_LEAST)
    way = pl.when(pl.col("by") < 0).then(pl.lit("-1")).otherwise(pl.lit("+1"))
    return moved.filter(fits & enough).select(*_as("time_shifted", pl.format("shifted by {} day", way)))


def _moved(rows: pl.DataFrame, kind: str, form: str) -> pl.DataFrame:
    """Changed values of the kind with ``by``, seconds from what should be to what is."""
    told = [pl.col(name).str.to_datetime(form, strict=False) for name in ("returned", "should")]
    changed = rows.filter(pl.col("kind") == kind, pl.col("cls") == "changed")
    return changed.with_columns((told[0] - told[1]).dt.total_seconds().alias("by")).drop_nulls("by")


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    unix = [pl.col(name).str.replace_all("\r\n?", "\n").str.strip_chars() for name in ("should", "returned")]
    texts = rows.filter(pl.col("kind") == "text", pl.col("cls") == "changed")
    return texts.with_columns(unix)


def _line_breaks(rows: pl.DataFrame) -> pl.DataFrame:
    should, returned = (pl.col(name) for name in ("should", "returned"))
    before, after = (each.str.count_matches("\n") for each in (should, returned))
    squeezed = [each.str.replace_all(r"\s+", "") for each in (should, returned)]
    lost = _texts(rows).filter(squeezed[0] == squeezed[1], after < before)
    return lost.select(
        *_as("line_break_lost", pl.format("{} of {} line breaks lost", before - after, before))
    )


def _truncated(rows: pl.DataFrame) -> pl.DataFrame:
    should = pl.col("should")
    kept = pl.col("returned").str.strip_chars_end("…").str.strip_chars_end()
    cut = _texts(rows).filter(
        kept.str.len_chars() > 0, kept.str.len_chars() < should.str.len_chars(), should.str.starts_with(kept)
    )
    detail = pl.format(
        "cut at {} of {} characters", pl.col("returned").str.len_chars(), should.str.len_chars()
    )
    return cut.select(*_as("truncated", detail))


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    """Lines of a text of several that aren't there, or are there and shouldn't be."""
    texts = _texts(rows).filter(pl.col("should").str.contains("\n"))
    should, returned = (pl.col(name).str.split("\n") for name in ("should", "returned"))
    lost, added = should.list.set_difference(returned), returned.list.set_difference(should)
    detail = pl.format(
        "{} of {} lines aren't there as they should be, {} others are",
        lost.list.len(),
        should.list.len(),
        added.list.len(),
    )
    return texts.filter(lost.list.len() + added.list.len() > 0).select(*_as("lines_differ", detail))


def _signs(rows: pl.DataFrame) -> pl.DataFrame:
    turned = pl.col("_should") == -pl.col("_returned")
    told = _of_most(_numbers(rows), turned)
    return told.select(*_as("sign_turned", pl.lit("the sign is the other one")))


def _decimals(rows: pl.DataFrame) -> pl.DataFrame:
    places = (pl.col("_returned") / pl.col("_should")).log10()
    whole = places.round()
    of_ten = (places - whole).abs() < 1e-9
    numbers = _numbers(rows).filter(pl.col("_returned") / pl.col("_should") > 0)
    usual = whole == whole.mode().first().over("object", "together")
    told = _of_most(numbers, of_ten & usual & (whole != 0))
    way = pl.when(whole > 0).then(pl.lit("right")).otherwise(pl.lit("left"))
    detail = pl.format("the decimal point stands {} further {}", whole.abs().cast(pl.Int64), way)
    return told.select(*_as("decimal_shifted", detail))


def _numbers(rows: pl.DataFrame) -> pl.DataFrame:
    values = [
        pl.col(name).cast(pl.Float64, strict=False).alias(f"_{name}") for name in ("should", "returned")
    ]
    numbers = rows.filter(pl.col("kind") == "number", pl.col("cls") == "changed").with_columns(values)
    return numbers.filter(pl.col("_should") != 0, pl.col("_returned") != 0)


def _of_most(rows: pl.DataFrame, fits: pl.Expr) -> pl.DataFrame:
    """Rows that fit, where most of those that are diagnosed together do; one value of a chart is no proof."""
    together = ["object", "together"]
    enough = fits.mean().over(together) >= ENOUGH
    proof = pl.col("cell").is_null() | (pl.len().over(together) >= _AT_LEAST)
    return rows.filter(fits & enough & proof)
