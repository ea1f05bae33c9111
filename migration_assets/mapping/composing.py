"""Values that are made of more than a column: those of other tables, texts, words of a list, local days.

They are put beside a source's rows as columns of their own, so that a record's rules only copy. Times are
told in the practice's time zone with their offset; nothing is cut but names that the spec cuts.
"""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.destinations.base import ObjectSchema
from migration_assets.mapping.compositions import TextPart, TextRule, Words
from migration_assets.mapping.declarations import Rule
from migration_assets.mapping.problems import PayloadRefused
from migration_assets.mapping.spec import PRACTICE_TABLE, SourceSpec
from migration_assets.objects.base import by_key

_ELLIPSIS = "…"
_TIME = "%Y-%m-%d %H:%M:%S %:z"
_ID = "_composed_for"

Tables = Mapping[str, pl.DataFrame]


def composed(field: str) -> str:
    """The column beside a source's rows that holds a field's composed value."""
    return f"={field}"


def is_composed(rule: Rule) -> bool:
    return rule.text is not None or rule.choose is not None or rule.read_as is not None


def with_composed(
    rows: pl.DataFrame, source: SourceSpec, schema: ObjectSchema, staged: Tables
) -> pl.DataFrame:
    """``rows`` with the columns that the source's rules need besides the table's own.

    Raises PayloadRefused where a time has to be told and the practice's table doesn't know its zone.
    """
    borrowed = {
        str(rule.place): _borrowed(rows, staged[rule.of], str(rule.by), str(rule.column))
        for rule in source.rules.values()
        if rule.of is not None
    }
    rows = rows.with_columns(column.alias(name) for name, column in borrowed.items())
    made = {}
    for name, rule in source.rules.items():
        if rule.text is not None:
            made[name] = _text(rows, rule.text, schema.field(name).length, staged)
        elif rule.choose is not None:
            made[name] = rows.select(pl.coalesce(_chosen(rows, words) for words in rule.choose)).to_series()
        elif rule.read_as is not None:
            made[name] = rows[str(rule.place)].dt.convert_time_zone(_zone(staged)).dt.date()
    return rows.with_columns(column.alias(composed(name)) for name, column in made.items())


def _zone(staged: Tables) -> str:
    practice = staged.get(PRACTICE_TABLE)
    if practice is None or "time_zone" not in practice.columns or practice.height != 1:
        raise PayloadRefused(
            "the table of the practice has no time zone; build the payload from its registry"
        )
    return ZoneInfo(str(practice["time_zone"].item())).key


def _borrowed(rows: pl.DataFrame, table: pl.DataFrame, by: str, column: str) -> pl.Series:
    """``column`` of the table's row whose source id stands in each row's ``by``; null where there is none."""
    wanted = rows.select(pl.col(by).cast(pl.String).alias(_ID))
    known = table.select(pl.col("source_id").cast(pl.String).alias(_ID), pl.col(column).alias("_value"))
    return wanted.join(known, on=_ID, how="left", maintain_order="left")["_value"]


def _text(rows: pl.DataFrame, rule: TextRule, length: int | None, staged: Tables) -> pl.Series:
    """Its parts that aren't empty; ``otherwise``, or null, where all that could be empty are."""
    parts = [_part(rows, part, staged) for part in rule.parts]
    frame = pl.DataFrame([part.alias(str(place)) for place, part in enumerate(parts)])
    optional = [pl.col(str(place)) for place, part in enumerate(rule.parts) if part.say is None]
    text = pl.concat_str(pl.all(), separator=rule.joined, ignore_nulls=True)
    if optional:
        nothing = pl.all_horizontal(each.is_null() for each in optional)
        text = pl.when(~nothing).then(text).otherwise(pl.lit(rule.otherwise, pl.String))
    made = frame.select(text.alias("text"))["text"]
    if not rule.cut or length is None:
        return made
    short = pl.col("text").str.slice(0, length - 1) + _ELLIPSIS
    too_long = pl.col("text").str.len_chars() > length
    return made.to_frame().select(pl.when(too_long).then(short).otherwise("text").alias("text"))["text"]


def _part(rows: pl.DataFrame, part: TextPart, staged: Tables) -> pl.Series:
    if part.say is not None:
        return pl.Series([part.say], dtype=pl.String).new_from_index(0, rows.height)
    if part.rows is not None:
        return _listed(rows, part, staged)
    if part.of is None:
        taken = rows.select(part.columns)
    else:
        table = staged[part.of]
        taken = pl.DataFrame(
            [_borrowed(rows, table, str(part.by), name).alias(name) for name in part.columns]
        )
    label = "" if part.label is None else f"{part.label}: "
    return taken.select((pl.lit(label) + _line(taken, staged)).alias("part"))["part"]


def _listed(rows: pl.DataFrame, part: TextPart, staged: Tables) -> pl.Series:
    """A line for each row of the other table that belongs to a record."""
    theirs = staged[str(part.rows)].sort(*by_key(str(part.order_by)), *by_key(), nulls_last=True)
    line = _grouped(theirs, part, staged) if part.groups else _line(theirs, staged, part.columns)
    lines = theirs.select(pl.col(str(part.by)).cast(pl.String).alias(_ID), line)
    texts = lines.drop_nulls().group_by(_ID).agg(pl.col("line").str.join("\n"))
    own = rows.select(pl.col("source_id").cast(pl.String).alias(_ID))
    found = own.join(texts, on=_ID, how="left", maintain_order="left")
    label = "" if part.label is None else f"{part.label}:\n"
    return found.select((pl.lit(label) + pl.col("line")).alias("part"))["part"]


def _grouped(rows: pl.DataFrame, part: TextPart, staged: Tables) -> pl.Expr:
    """A row's groups of values, joined by semicolons."""
    groups = []
    for group in part.groups:
        values = [
            pl.col(name).replace_strict({True: "+", False: "-"}, return_dtype=pl.String)
            if rows.schema[name] == pl.Boolean
            else _words(name, rows.schema[name], staged)
            for name in group.columns
        ]
        told = pl.concat_str([value.fill_null(".") for value in values], separator=" ")
        label = "" if group.label is None else f"{group.label} "
        stated = pl.any_horizontal(value.is_not_null() for value in values)
        groups.append(pl.when(stated).then(pl.lit(label) + told))
    return pl.concat_str(groups, separator="; ", ignore_nulls=True).alias("line")


def _line(frame: pl.DataFrame, staged: Tables, columns: tuple[str, ...] | None = None) -> pl.Expr:
    """The columns' values as words, joined by commas; null where all of them are."""
    names = columns or tuple(frame.columns)
    words = [_words(name, frame.schema[name], staged) for name in names]
    line = pl.concat_str(words, separator=", ", ignore_nulls=True)
    return pl.when(pl.any_horizontal(word.is_not_null() for word in words)).then(line).alias("line")


def _words(name: str, dtype: pl.DataType, staged: Tables) -> pl.Expr:
    """A value as people write it: 2024-05-06 09:30:00 -04:00, 2024-05-06, 1250.5, yes."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.convert_time_zone(_zone(staged)).dt.strftime(_TIME)
    if dtype == pl.Date:
        return column.dt.strftime("%Y-%m-%d")
    if dtype == pl.Boolean:
        return column.replace_strict({True: "yes", False: "no"}, return_dtype=pl.String)
    if dtype.is_decimal() or dtype.is_float():
        text = column.cast(pl.String)
        return (
            pl.when(text.str.contains(".", literal=True))
            .then(text.str.strip_chars_end("0").str.strip_chars_end("."))
            .otherwise(text)
        )
    text = column.cast(pl.String)
    return pl.when(text != "").then(text)


def _chosen(rows: pl.DataFrame, words: Words) -> pl.Expr:
    """The value of the first of a text's words that is known."""
    known = {_folded(word): value for word, value in words.values.items()}
    meant = {}
    for text in rows[words.column].drop_nulls().unique():
        values = (known.get(_folded(word)) for word in text.split(";"))
        meant[text] = next((value for value in values if value is not None), None)
    return pl.col(words.column).replace_strict(meant, default=None, return_dtype=pl.String)


def _folded(word: str) -> str:
    return " ".join(word.casefold().replace("-", " ").replace("_", " ").split())
