"""What went wrong with a chart: told by all values of an exam that differ, never by one.

Pure. Each function takes the differing rows (CELL_COLUMNS and more, with ``_row``) that nothing has explained
yet and answers DIAGNOSED: the rows that it explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from migration_assets.migration.field_diff.charts import Charts
from migration_assets.migration.raw_chart import QUADRANTS, TEETH_A_QUADRANT

DIAGNOSED: Final[dict[str, pl.DataType]] = {
    "_row": pl.UInt32(),
    "diagnosis": pl.String(),
    "detail": pl.String(),
}
ENOUGH: Final = 0.9
"""Share of the differing values that an explanation must explain."""
_SYSTEMS = ("Universal", "FDI", "Palmer")
_LAST_TOOTH = len(QUADRANTS) * TEETH_A_QUADRANT
_SIDED = r"^(.*_)([MD])([BL]?)$"
_SWAPPED_AT_LEAST, _SHIFTED_AT_LEAST = 2, 4
_NO_NAMES = pl.DataFrame(schema={"exam": pl.String, "name": pl.String})
_MISREAD_REJECT = "invalid_tooth"


def misread_systems(differing: pl.DataFrame, charts: Charts) -> pl.DataFrame:
    """Exams whose values are where they would be if their teeth were written in another numbering system."""
    of_exams = differing.drop_nulls("exam")
    exams = of_exams["exam"].unique()
    said = of_exams.filter(pl.col("kind") == "system").select("exam", said="returned")
    values = of_exams.drop_nulls("cell").join(charts.systems, on="exam").join(said, on="exam", how="left")
    parts, silent = [pl.DataFrame(schema=DIAGNOSED)], [_NO_NAMES]
    for system in _SYSTEMS if values.height else ():
        as_read = charts.read_in(system, exams).rename({"expected": "as_read"})
        silent.append(_without(as_read, charts.systems, system, exams))
        others = values.filter(pl.col("system") != system)
        read = others.join(as_read, on=["exam", "tooth", "cell"], how="left")
        hit = pl.col("returned").eq_missing(pl.col("as_read"))
        # A system that knows none of the teeth as written leaves no value to tell it by.
        witness = (hit & pl.col("returned").is_not_null()).any() | (pl.col("said") == system).any()
        told = read.group_by("exam", "system").agg(hit.mean().alias("share"), witness.alias("witness"))
        misread = told.filter(pl.col("share") >= ENOUGH, "witness")
        detail = pl.concat_str("system", pl.lit(f" read as {system}"))
        parts.append(_of_exams(of_exams, misread, detail))
    parts.append(_refused_teeth(of_exams, values, charts, pl.concat(silent)))
    return pl.concat(parts).unique("_row", keep="first", maintain_order=True)


def _without(as_read: pl.DataFrame, systems: pl.DataFrame, system: str, exams: pl.Series) -> pl.DataFrame:
    """exam, name: exams in another system whose teeth are none in this one."""
    others = systems.filter(pl.col("exam").is_in(exams.implode()), pl.col("system") != system)
    return others.join(as_read, on="exam", how="anti").select("exam", name=pl.lit(system))


def _refused_teeth(
    of_exams: pl.DataFrame, values: pl.DataFrame, charts: Charts, silent: pl.DataFrame
) -> pl.DataFrame:
    """Exams that lost their chart since staging took their teeth, which are right in their own system, for
    none; ``silent`` (exam, name) are the systems that would do so."""
    refused = charts.raw.rejects.filter(pl.col("code") == _MISREAD_REJECT)["source_key"]
    taken = charts.written.with_columns(gone=pl.col("source_key").is_in(refused.implode()))
    told = taken.group_by("exam").agg(pl.col("gone").mean()).filter(pl.col("gone") >= ENOUGH)
    lost = values.group_by("exam", "system").agg(pl.col("returned").is_null().mean().alias("share"))
    misread = lost.filter(pl.col("share") >= ENOUGH).join(told, on="exam", how="semi")
    named = silent.group_by("exam", maintain_order=True).agg(pl.col("name").str.join(" or "))
    misread = misread.join(named, on="exam", how="left")
    other = pl.col("name").fill_null("another system")
    return _of_exams(of_exams, misread, pl.concat_str("system", pl.lit(" read as "), other))


def _of_exams(of_exams: pl.DataFrame, misread: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    """DIAGNOSED of all rows of the exams (exam, system) that are misread."""
    return of_exams.join(misread.select("exam", detail.alias("detail")), on="exam").select(
        "_row", pl.lit("numbering_system").alias("diagnosis"), "detail"
    )


def swapped_sides(differing: pl.DataFrame, charts: Charts) -> pl.DataFrame:
    """Exams in which what is charted mesially was returned distally and the other way round."""
    values = differing.drop_nulls("cell")
    side = pl.col("cell").str.extract(_SIDED, 2)
    other = pl.when(side == "M").then(pl.lit("D")).otherwise(pl.lit("M"))
    partner = pl.concat_str(
        pl.col("cell").str.extract(_SIDED, 1), other, pl.col("cell").str.extract(_SIDED, 3)
    )
    sided = values.filter(side.is_not_null()).with_columns(partner.alias("partner"))
    beside = charts.expected.rename({"cell": "partner", "expected": "there"})
    read = sided.join(beside, on=["exam", "tooth", "partner"], how="left")
    hit = pl.col("returned").eq_missing(pl.col("there"))
    enough = (hit.mean().over("exam") >= ENOUGH) & (pl.len().over("exam") >= _SWAPPED_AT_LEAST)
    return read.filter(enough & hit).select(
        "_row",
        pl.lit("mesial_distal_swapped").alias("diagnosis"),
        pl.concat_str(pl.lit("the value of "), "partner", pl.lit(" of the same tooth")).alias("detail"),
    )


def shifted_teeth(differing: pl.DataFrame, charts: Charts) -> pl.DataFrame:
    """Measures of an exam of which each value was returned at the neighbouring tooth."""
    number = pl.col("tooth").cast(pl.Int64, strict=False)
    values = differing.drop_nulls("cell").filter(number.is_between(1, _LAST_TOOTH))
    parts = [pl.DataFrame(schema=DIAGNOSED)]
    for step in (1, -1):
        origin = ((number - 1 - step) % _LAST_TOOTH + 1).cast(pl.String)
        beside = charts.expected.rename({"tooth": "origin", "expected": "there"})
        read = values.with_columns(origin.alias("origin")).join(
            beside, on=["exam", "origin", "cell"], how="left"
        )
        of_measure = ["exam", "together"]
        hit = pl.col("returned").eq_missing(pl.col("there"))
        enough = (hit.mean().over(of_measure) >= ENOUGH) & (pl.len().over(of_measure) >= _SHIFTED_AT_LEAST)
        whose = pl.concat_str(pl.lit("the value of tooth "), "origin", pl.lit(" (Universal)"))
        parts.append(
            read.filter(enough & hit).select(
                "_row", pl.lit("teeth_shifted").alias("diagnosis"), whose.alias("detail")
            )
        )
    return pl.concat(parts).unique("_row", keep="first", maintain_order=True)


def chart_diagnoses(differing: pl.DataFrame, charts: Charts) -> Iterator[pl.DataFrame]:
    """DIAGNOSED of each kind, the surest first; what one explains the next isn't asked."""
    for diagnose in (misread_systems, swapped_sides, shifted_teeth):
        found = diagnose(differing, charts)
        differing = differing.join(found, on="_row", how="anti")
        yield found
