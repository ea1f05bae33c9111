"""The second reader of the chart: what raw chart rows say of each tooth, written without objects/ or perio/.

Both shapes of the table become one row a tooth here, by another way than staging's: teeth by arithmetic,
bits by division, measures joined one after the other. A cell is named as the column of a tooth row is,
``PocketDepth_MB``, ``BOP_L``, ``Furcation_D``, ``Mobility``, ``ToothStatus``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import polars as pl

from migration_assets.errors import ConfigurationError
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import read
from migration_assets.panda.profile import ChartConventions, MeasureRows
from migration_assets.practice import Settings

QUADRANTS = ("UR", "UL", "LL", "LR")
TEETH_A_QUADRANT = 8
_PRIMARY_A_QUADRANT = 5
_UNIVERSAL = re.compile(r"[1-9]|[12][0-9]|3[0-2]|5[1-9]|[67][0-9]|8[0-2]|[A-T]S?")
_FDI = re.compile(r"[1-4][1-8]|[5-8][1-5]")
_PALMER_FIRST = re.compile(r"(UR|UL|LL|LR)[- ]?([1-8A-E])")
_PALMER_LAST = re.compile(r"([1-8A-E])[- ]?(UR|UL|LL|LR)")
# Zsigmondy's cross: the corner behind the number for the patient's right, before it for the left.
_PALMER_CORNERS = {"┘": "UR", "⏌": "UR", "└": "UL", "⎿": "UL", "┌": "LL", "⎾": "LL", "┐": "LR", "⏋": "LR"}
_STATUSES = ("present", "missing", "implant", "pontic", "crown", "unerupted", "impacted", "primary")
_FLAGS = {"BOP": "bleeding", "Suppuration": "suppuration", "Plaque": "plaque"}
_KINDS = {
    "PocketDepth": "pocket_depth",
    "Recession": "recession",
    "Mobility": "mobility",
    "Furcation": "furcation",
    "ToothStatus": "status",
    **_FLAGS,
}
_TRUE, _FALSE = ("1", "true", "1.0"), ("0", "false", "0.0")
_SITES, _ENTRANCES = ("MB", "B", "DB", "ML", "L", "DL"), ("M", "D", "B", "L")
_NUMBERS = (
    *(f"{measure}_{site}" for measure in ("PocketDepth", "Recession") for site in _SITES),
    *(f"Furcation_{entrance}" for entrance in _ENTRANCES),
    "Mobility",
)
_RANGES = {"PocketDepth": (0, 19), "Recession": (-9, 20), "Mobility": (0, 3)}
_HIGHEST_FURCATION = {"glickman": 4, "hamp": 3}
_JUDGED_HERE = (
    "orphan_chart_row",
    "no_numbering_system",
    "unknown_numbering_system",
    "invalid_tooth",
    "duplicate_tooth",
    "pocket_depth_out_of_range",
    "recession_out_of_range",
    "mobility_out_of_range",
    "furcation_out_of_range",
)
"""Reasons for a chart row's rejection that are judged a second time: were they believed, a pipeline that
misreads a tooth or turns a sign would excuse itself by refusing what it misread."""


class ExamsMeaning(Settings):
    """Where the exams of a chart stand, and in which column the system is that their teeth are written in."""

    table: str
    key: str
    system: str


class ChartTable(Settings):
    """Logical names: the chart's table, its key, the exam's id, the tooth as written and its ``exams``."""

    table: str
    key: str
    exam: str
    tooth: str
    exams: ExamsMeaning


def teeth(chart: ChartTable, cells: Collection[str], raw: RawPractice) -> pl.DataFrame:
    """One row a tooth that staging had to keep: ``exam``, ``tooth`` (Universal code), ``record`` (what its
    record's key ends in), ``written``, and ``cells``: Float64 for numbers, String for words and Yes/No."""
    conventions = raw.profile.chart
    told = (_joined if conventions.shape == "measure_row" else _by_tooth)(
        chart, _rows(chart, raw), dict.fromkeys((*cells, *_NUMBERS)), raw
    )
    possible = (_possible(pl.col(cell), cell, conventions) for cell in _NUMBERS)
    return told.filter(*possible).select("exam", "tooth", "written", "record", *cells)


def charted_teeth(chart: ChartTable, raw: RawPractice) -> pl.DataFrame:
    """``exam`` and how many ``teeth`` it charts, whatever became of them. Where a tooth has several rows of
    one measure it counts as often, and so does each row of a measure that the profile doesn't know."""
    numbered, declared = _numbered(chart, raw), raw.profile.chart.measure_rows
    if declared is None or raw.profile.chart.shape != "measure_row":
        return numbered.group_by("exam").agg(teeth=pl.len())
    code = pl.col(raw.profile.table(chart.table).actual("Measure")).cast(pl.String).str.strip_chars()
    unreadable = pl.concat_str(pl.lit("?"), pl.col("written").fill_null(""))
    rows = numbered.with_columns(
        kind=code.replace_strict(dict(declared.kinds), default=None, return_dtype=pl.String),
        tooth=pl.coalesce("tooth", unreadable),
    )
    unknown = rows.filter(pl.col("kind").is_null()).group_by("exam").agg(teeth=pl.len())
    migrated = rows.filter(pl.col("kind") != "not_migrated").group_by("exam", "tooth", "kind").len()
    known = migrated.group_by("exam", "tooth").agg(pl.col("len").max())
    of_exam = known.group_by("exam").agg(teeth=pl.col("len").sum())
    return pl.concat([of_exam, unknown], how="vertical_relaxed").group_by("exam").agg(pl.col("teeth").sum())


def as_written(chart: ChartTable, cells: Collection[str], raw: RawPractice) -> pl.DataFrame:
    """What stands in the table for each of the cells, in refused rows too, all as text: ``exam``, ``tooth``,
    ``cell``, ``source_key`` (the raw row's), ``source_column`` (logical), ``source``."""
    rows, table = _rows(chart, raw), raw.profile.table(chart.table)
    measured = raw.profile.chart.measure_rows
    parts = [pl.DataFrame(schema=dict.fromkeys(_WRITTEN, pl.String))]
    if measured is None or raw.profile.chart.shape != "measure_row":
        there = [cell for cell in cells if table.has(cell) and table.actual(cell) in rows.columns]
        parts += [_written(rows, cell, cell, table.actual(cell)) for cell in there]
    else:
        code = pl.col(table.actual("Measure")).cast(pl.String).str.strip_chars()
        parts += [
            _written(rows.filter(code == known), cell, f"{column} of {known}", table.actual(column))
            for known, kind in measured.kinds.items()
            for cell, column in _places(kind, cells, measured)
        ]
    return pl.concat(parts)


_WRITTEN = ("exam", "tooth", "cell", "source_key", "source_column", "source")


def _written(rows: pl.DataFrame, cell: str, column: str, actual: str) -> pl.DataFrame:
    return rows.select(
        "exam",
        "tooth",
        pl.lit(cell).alias("cell"),
        pl.col("key").alias("source_key"),
        pl.lit(column).alias("source_column"),
        pl.col(actual).cast(pl.String).alias("source"),
    )


def _by_tooth(
    chart: ChartTable, rows: pl.DataFrame, cells: Collection[str], raw: RawPractice
) -> pl.DataFrame:
    """A row a tooth as the table has it."""
    kept = rows.filter(~pl.col("refused"), pl.len().over("exam", "tooth") == 1)
    table = raw.profile.table(chart.table)
    there = [cell for cell in cells if table.has(cell) and table.actual(cell) in kept.columns]
    return kept.select(
        "exam",
        "tooth",
        "written",
        pl.col("key").alias("record"),
        *(_value(kept[table.actual(cell)], cell, raw.profile.chart).alias(cell) for cell in there),
        *_nothing(cell for cell in cells if cell not in there),
    )


def _nothing(cells: Iterable[str]) -> Iterator[pl.Expr]:
    for cell in cells:
        yield pl.lit(None, pl.String if _is_word(cell) else pl.Float64).alias(cell)


def _possible(value: pl.Expr, cell: str, conventions: ChartConventions) -> pl.Expr:
    """Whether a chart may hold the number; nothing charted is possible."""
    measure = cell.partition("_")[0]
    low, high = _RANGES.get(measure, (0, _HIGHEST_FURCATION[conventions.furcation_scale]))
    steps = value * 2 if measure == "Mobility" else value
    return (value.is_between(low, high) & (steps == steps.floor())).fill_null(value=True)


def _rows(chart: ChartTable, raw: RawPractice) -> pl.DataFrame:
    """Raw rows whose tooth can be told, as ``_numbered`` has them."""
    return _numbered(chart, raw).filter(pl.col("tooth").is_not_null())


def _numbered(chart: ChartTable, raw: RawPractice) -> pl.DataFrame:
    """Raw rows: exam, key, written, tooth, raw columns, and ``refused``: whether staging refused the
    row for any reason that isn't judged here."""
    systems = dict(
        zip(
            raw.keys(chart.exams.table, chart.exams.key),
            read(raw.column(chart.exams.table, chart.exams.system), "numbering_system", raw.zone),
            strict=True,
        )
    )
    judged_here = pl.col("code").is_in(_JUDGED_HERE).fill_null(value=False)
    refused = raw.rejects.filter(pl.col("source_table") == chart.table, ~judged_here)["source_key"]
    keys = raw.keys(chart.table, chart.key)
    rows = raw.tables[chart.table].with_columns(
        raw.keys(chart.table, chart.exam).alias("exam"),
        keys.alias("key"),
        keys.is_in(refused.implode()).fill_null(value=True).alias("refused"),
        raw.column(chart.table, chart.tooth).cast(pl.String).str.strip_chars().alias("written"),
    )
    system = pl.col("exam").replace_strict(systems, default=None, return_dtype=pl.String)
    numbered = rows.with_columns(system.alias("_system"))
    spelled = numbered.select("written", "_system").drop_nulls().unique()
    codes = [universal_tooth(written, known) for written, known in spelled.iter_rows()]
    lookup = spelled.with_columns(pl.Series("tooth", codes, dtype=pl.String)).drop_nulls()
    return numbered.join(lookup, on=["written", "_system"], how="left", maintain_order="left")


def _joined(chart: ChartTable, rows: pl.DataFrame, cells: Collection[str], raw: RawPractice) -> pl.DataFrame:
    """A row a tooth out of one a measure."""
    declared = raw.profile.chart.measure_rows
    if declared is None:
        raise ConfigurationError("the profile's chart.measure_rows is missing")
    actual = raw.profile.table(chart.table).actual
    code = pl.col(actual("Measure")).cast(pl.String).str.strip_chars()
    kinds = {known: kind for known, kind in declared.kinds.items() if kind != "not_migrated"}
    place = ["exam", "tooth"]
    migrated = rows.with_columns(code.alias("_code")).filter(pl.col("_code").is_in(list(kinds)))
    kind_of = pl.col("_code").replace_strict(kinds)
    again = (pl.len().over(*place, kind_of) > 1).any().over(place)
    kept = migrated.filter(~(again | pl.col("refused").any().over(place)))
    told = kept.group_by(place).agg(pl.col("written").min())
    told = told.with_columns(pl.concat_str("exam", pl.lit("-"), "tooth").alias("record"))
    filled: set[str] = set()
    for known, kind in declared.kinds.items():
        of_kind = kept.filter(pl.col("_code") == known)
        columns = [
            _decoded(of_kind[actual(column)], cell, kind, raw.profile.chart, declared).alias(cell)
            for cell, column in _places(kind, cells, declared)
        ]
        filled.update(column.name for column in columns)
        if columns:
            told = told.join(of_kind.select(*place, *columns), on=place, how="left")
    return told.with_columns(*_nothing(cell for cell in cells if cell not in filled))


def _places(kind: str, cells: Collection[str], declared: MeasureRows) -> Iterator[tuple[str, str]]:
    """Which cells a row of this kind fills, each with the logical column of its value."""
    for cell in cells:
        measure, _, place = cell.partition("_")
        by_bit = kind == "findings" and _FLAGS.get(measure) in declared.bits
        if _KINDS[measure] != kind and not by_bit:
            continue
        if measure == "Furcation":
            site: str | None = {str(at): to for at, to in declared.furcation_sites.items()}.get(place)
            if site is not None:
                yield cell, f"Value_{site}"
        else:
            yield cell, f"Value_{place or 'Tooth'}"


def _decoded(
    column: pl.Series, cell: str, kind: str, conventions: ChartConventions, declared: MeasureRows
) -> pl.Series:
    measure = cell.partition("_")[0]
    if kind == "findings":
        bit = {str(finding): number for finding, number in declared.bits.items()}[_FLAGS[measure]]
        numbers = [None if number is None else int(number) for number in _charted(column, conventions)]
        answers = [None if n is None else "Yes" if n // bit % 2 else "No" for n in numbers]
        return pl.Series(answers, dtype=pl.String)
    if kind == "status":
        numbers = [None if number is None else int(number) for number in _charted(column, conventions)]
        words = [None if n is None else declared.statuses.get(str(n)) for n in numbers]
        return _status(pl.Series(words, dtype=pl.String))
    return _value(column, cell, conventions)


def _is_word(cell: str) -> bool:
    return cell == "ToothStatus" or cell.partition("_")[0] in _FLAGS


def _value(raw: pl.Series, cell: str, conventions: ChartConventions) -> pl.Series:
    """A raw cell as the field shows it."""
    measure = cell.partition("_")[0]
    if measure == "ToothStatus":
        return _status(raw)
    if measure in _FLAGS:
        text = raw.cast(pl.String).str.strip_chars().str.to_lowercase()
        answers = {**dict.fromkeys(_TRUE, "Yes"), **dict.fromkeys(_FALSE, "No")}
        return text.replace_strict(answers, default=None, return_dtype=pl.String)
    return chart_number(raw, measure, conventions)


def _status(raw: pl.Series) -> pl.Series:
    word = raw.cast(pl.String).str.strip_chars().str.to_lowercase()
    return word.replace_strict({known: known for known in _STATUSES}, default=None, return_dtype=pl.String)


def _charted(raw: pl.Series, conventions: ChartConventions) -> pl.Series:
    """Numbers, null where the source's own number says "not charted"."""
    values = raw.cast(pl.Float64)
    if conventions.not_charted is None:
        return values
    return values.set((values == float(conventions.not_charted)).fill_null(value=False), None)


def chart_number(raw: pl.Series, measure: str, conventions: ChartConventions) -> pl.Series:
    """A raw number of the chart; a recession is positive where the margin lies apical of the CEJ."""
    values = _charted(raw, conventions)
    if measure != "Recession":
        return values
    apical = -values if conventions.recession_positive == "coronal" else values
    if conventions.overgrowth_offset is None:
        return apical
    # 105 is an overgrowth of 5 mm whatever the sign of the others means.
    over = (values > conventions.overgrowth_offset).fill_null(value=False)
    return apical.zip_with(~over, conventions.overgrowth_offset - values)


def universal_tooth(written: str, system: str) -> str | None:
    """Universal code (1-32, A-T, supernumeraries 51-82 and AS-TS) of a tooth as the practice wrote it."""
    text = written.strip().upper()
    if system == "Universal":
        return text if _UNIVERSAL.fullmatch(text) else None
    if system == "FDI":
        if not _FDI.fullmatch(text):
            return None
        quadrant, position = int(text[0]) - 1, int(text[1])
        # Quadrants 5 to 8 are those of the primary teeth.
        primary = quadrant >= len(QUADRANTS)
        return _from_midline(quadrant % len(QUADRANTS), position, primary=primary)
    for corner, quadrant_name in _PALMER_CORNERS.items():
        text = text.replace(corner, quadrant_name)
    if found := _PALMER_FIRST.fullmatch(text):
        return _palmer(found[1], found[2])
    if found := _PALMER_LAST.fullmatch(text):
        return _palmer(found[2], found[1])
    return None


def _palmer(quadrant: str, within: str) -> str:
    primary = within.isalpha()
    return _from_midline(
        QUADRANTS.index(quadrant), ord(within) - ord("A") + 1 if primary else int(within), primary=primary
    )


def _from_midline(quadrant: int, position: int, *, primary: bool) -> str:
    """Universal counts clockwise from the upper right last tooth; positions count from the midline."""
    in_quadrant = _PRIMARY_A_QUADRANT if primary else TEETH_A_QUADRANT
    runs_towards_midline = quadrant in (0, 2)
    place = quadrant * in_quadrant + (in_quadrant + 1 - position if runs_towards_midline else position)
    return chr(ord("A") + place - 1) if primary else str(place)
