"""The first comparison: what was sent against what the destination returns, field by field.

Pure. Equality is by the field's declared type (both frames are typed by it, see ``Batch``); nothing is
rounded, trimmed or folded. A text that differs in CR LF against LF alone is a class of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema

DIFFERENCE_COLUMNS: dict[str, pl.DataType] = {
    "comparison": pl.String(),
    "object": pl.String(),
    "key": pl.String(),
    "field": pl.String(),
    "code": pl.String(),
    "expected": pl.String(),
    "actual": pl.String(),
}
"""``comparison`` is transport or meaning; codes: value_lost, value_added, value_changed, line_break,
record_missing, record_doubled, record_unexpected. Values stay in the upload's file and its reports."""

LINE_BREAK = "line_break"
_TEXTS = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})


@dataclass(frozen=True)
class Comparison:
    """``different`` counts ``differences`` without those of line breaks."""

    compared: int
    differences: pl.DataFrame

    @property
    def different(self) -> int:
        return self.differences.filter(pl.col("code") != LINE_BREAK).height

    @property
    def line_breaks(self) -> int:
        return self.differences.height - self.different

    def without(self, fields: pl.DataFrame) -> Comparison:
        """Without differences in these fields of records (object, key, field)."""
        left = self.differences.join(fields, on=["object", "key", "field"], how="anti", maintain_order="left")
        return replace(self, differences=left)


def compare(schema: ObjectSchema, sent: pl.DataFrame, returned: pl.DataFrame, known: pl.Series) -> Comparison:
    """``sent``: payload rows the destination has accepted; ``returned``: every record found there of this
    practice; ``known``: all keys that may be there (sent now or before)."""
    key = schema.key_field
    parts = [
        _records(schema, _only(sent, returned, key), "record_missing"),
        _records(schema, returned.filter(~pl.col(key).is_in(known.to_list())), "record_unexpected"),
        _records(schema, returned.filter(pl.col(key).is_duplicated()).unique(subset=key), "record_doubled"),
    ]
    names = [each.name for each in schema.returned_fields]
    fields = [each for each in schema.returned_fields if each.name != key]
    both = sent.select(names).join(returned.select(names), on=key, how="inner", suffix=_RETURNED)
    parts.extend(_differing(schema, each, both) for each in _unlike(fields, both))
    return Comparison(both.height * len(fields), pl.concat(parts))


_RETURNED = "\x00returned"


def differences(
    comparison: str, object_name: str, field: str, rows: pl.DataFrame, code: pl.Expr | None = None
) -> pl.DataFrame:
    """Rows (key, expected, actual) as DIFFERENCE_COLUMNS; the code from what is null unless given."""
    lost = pl.col("expected").is_not_null() & pl.col("actual").is_null()
    added = pl.col("expected").is_null() & pl.col("actual").is_not_null()
    by_nulls = pl.when(lost).then(pl.lit("value_lost")).when(added).then(pl.lit("value_added"))
    return rows.select(
        pl.lit(comparison).alias("comparison"),
        pl.lit(object_name).alias("object"),
        pl.col("key").cast(pl.String),
        pl.lit(field).alias("field"),
        (code if code is not None else by_nulls.otherwise(pl.lit("value_changed"))).alias("code"),
        pl.col("expected").cast(pl.String),
        pl.col("actual").cast(pl.String),
    )


def no_differences() -> pl.DataFrame:
    return pl.DataFrame(schema=DIFFERENCE_COLUMNS)


def _only(left: pl.DataFrame, right: pl.DataFrame, key: str) -> pl.DataFrame:
    return left.join(right, on=key, how="anti")


def _records(schema: ObjectSchema, rows: pl.DataFrame, code: str) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.String)
    of_key = rows.select(
        pl.col(schema.key_field).alias("key"), nothing.alias("expected"), nothing.alias("actual")
    )
    return differences("transport", schema.name, schema.key_field, of_key, pl.lit(code))


def _unlike(fields: list[FieldSchema], both: pl.DataFrame) -> list[FieldSchema]:
    """Fields in which any record differs: asked of all at once, since a chart has hundreds of them."""
    unlike = both.select(_is_unlike(each).any().alias(each.name) for each in fields)
    return [each for each in fields if unlike[each.name].item()]


def _is_unlike(field: FieldSchema) -> pl.Expr:
    expected = pl.col(field.name)
    unlike = ~expected.eq_missing(pl.col(field.name + _RETURNED))
    # A record for which no owner was found has the one whom the destination gave it.
    return unlike & expected.is_not_null() if field.type is FieldType.USER else unlike


def _differing(schema: ObjectSchema, field: FieldSchema, both: pl.DataFrame) -> pl.DataFrame:
    expected, actual = pl.col(field.name), pl.col(field.name + _RETURNED)
    rows = both.filter(_is_unlike(field)).select(
        pl.col(schema.key_field).alias("key"), expected.alias("expected"), actual.alias("actual")
    )
    if rows.is_empty():
        return no_differences()
    if field.type not in _TEXTS:
        return differences("transport", schema.name, field.name, rows)
    same_lines = _with_lf("expected").eq_missing(_with_lf("actual"))
    return pl.concat(
        [
            differences("transport", schema.name, field.name, rows.filter(~same_lines)),
            differences("transport", schema.name, field.name, rows.filter(same_lines), pl.lit(LINE_BREAK)),
        ]
    )


def _with_lf(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("\r\n", "\n", literal=True)
