"""How one table is read: which of its columns, by what T-SQL, into buffers of what size.

Pure but for ``measure``, which asks the server for lengths. What is done with the rows is in extract.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from migration_assets.panda.catalog import SourceColumn, SourceTable, bracketed
from migration_assets.panda.connection import BATCH_BYTES, BATCH_ROWS, Query
from migration_assets.panda.profile import TableProfile

# The widest of what isn't text or binary, a decimal(38) as text, stays below this.
_FIXED_WIDTH = 64
_UTF16_UNIT = 2
_MD5_DIGITS = 32
# The server reads every byte of a content to tell its MD5, so that each batch of rows takes its time.
_BATCH_ROWS_WITH_CONTENTS = 500


@dataclass(frozen=True)
class Reading:
    """One table's columns to extract; ``left_out`` are its large objects and types that Arrow lacks.

    Of each of ``contents``, the large objects that the profile declares, come its size and its MD5 instead:
    columns ``<name>__bytes`` (bigint) and ``<name>__md5`` (32 lower-case hex digits), null where it is null.
    ``where``: a T-SQL condition on the rows; None reads them all.
    """

    table: SourceTable
    columns: tuple[SourceColumn, ...]
    contents: tuple[SourceColumn, ...]
    left_out: tuple[str, ...]
    undeclared: tuple[str, ...]
    modified_at: str | None
    where: str | None = None

    @property
    def rows(self) -> str:
        """What stands after FROM."""
        return self.table.sql_name if self.where is None else f"{self.table.sql_name} WHERE {self.where}"

    @property
    def query(self) -> str:
        selected = [f"{as_selected(column)} AS {bracketed(column.name)}" for column in self.columns]
        for column in self.contents:
            content, (size, md5) = as_binary(column), content_columns(column.name)
            selected += [
                f"CAST(DATALENGTH({content}) AS bigint) AS {bracketed(size)}",
                f"LOWER(CONVERT(varchar({_MD5_DIGITS}), HASHBYTES('MD5', {content}), 2)) AS {bracketed(md5)}",
            ]
        return f"SELECT {', '.join(selected)} FROM {self.rows}"

    @property
    def batch_rows(self) -> int:
        """How many rows may come at once."""
        return _BATCH_ROWS_WITH_CONTENTS if self.contents else BATCH_ROWS


@dataclass(frozen=True)
class Measures:
    """Of a table as the transaction sees it; text in UTF-16 units, binary in bytes."""

    rows: int
    max_modified_at: datetime | None
    max_text_size: int
    max_binary_size: int
    row_bytes: int

    @property
    def max_bytes_per_batch(self) -> int:
        """Room for at least one row, however long its texts are."""
        return max(BATCH_BYTES, 2 * self.row_bytes)


def plan_reading(table: SourceTable, profile: TableProfile) -> Reading:
    """Every column comes along, declared or not, but large objects and types without a form in Arrow."""
    blobs = set(profile.blobs.values())
    declared = set(profile.columns.values())

    def is_read(column: SourceColumn) -> bool:
        return column.is_readable and column.name not in blobs and not column.is_blob

    return Reading(
        table=table,
        columns=tuple(column for column in table.columns if is_read(column)),
        contents=tuple(column for column in table.columns if column.name in blobs),
        left_out=tuple(column.name for column in table.columns if not is_read(column)),
        undeclared=tuple(c.name for c in table.columns if is_read(c) and c.name not in declared),
        modified_at=None if profile.modified_at is None else profile.actual(profile.modified_at),
    )


def measure(query: Query, reading: Reading) -> Measures:
    """Counts the rows and finds the longest value of each column whose declaration has no limit."""
    unbounded = [column for column in reading.columns if column.is_unbounded]
    asked = ["COUNT_BIG(*) AS n"]
    if reading.modified_at is not None:
        asked.append(f"MAX({bracketed(reading.modified_at)}) AS latest")
    asked += [
        f"MAX(DATALENGTH({as_selected(column)})) AS l{position}" for position, column in enumerate(unbounded)
    ]
    found = list(query(f"SELECT {', '.join(asked)} FROM {reading.rows}")[0])
    rows = int(found.pop(0))
    latest = found.pop(0) if reading.modified_at is not None else None
    lengths = {
        column.name: _units(column, int(longest or 0))
        for column, longest in zip(unbounded, found, strict=True)
    }
    # One limit serves all columns of a result, so it may not be below a declared length either.
    texts = [lengths.get(c.name, c.max_length or 0) for c in reading.columns if c.is_text]
    texts += [_MD5_DIGITS] * len(reading.contents)
    binaries = [lengths.get(c.name, c.max_length or 0) for c in reading.columns if c.is_binary]
    text_limit, binary_limit = max(texts, default=0) or 1, max(binaries, default=0) or 1
    return Measures(
        rows=rows,
        max_modified_at=latest,
        max_text_size=text_limit,
        max_binary_size=binary_limit,
        row_bytes=sum(_width(column, text_limit, binary_limit) for column in reading.columns)
        + len(reading.contents) * (_FIXED_WIDTH + _text_width(_MD5_DIGITS)),
    )


def content_columns(actual: str) -> tuple[str, str]:
    """The extracted columns of a large object's size and MD5, by its actual name."""
    return f"{actual}__bytes", f"{actual}__md5"


def as_selected(column: SourceColumn) -> str:
    """The column as a type that a driver gives whole."""
    name = bracketed(column.name)
    if column.type in ("text", "ntext", "xml"):
        return f"CAST({name} AS nvarchar(max))"
    return name


def as_binary(column: SourceColumn) -> str:
    """A large object's own bytes, of which the server can tell size, MD5 and parts."""
    if column.is_binary and column.type != "image":
        return bracketed(column.name)
    return f"CAST({as_selected(column)} AS varbinary(max))"


def _units(column: SourceColumn, data_length: int) -> int:
    """DATALENGTH's bytes in the units of the buffer; varchar's bytes are never fewer than its units."""
    return data_length // _UTF16_UNIT if column.type in ("nvarchar", "text", "ntext", "xml") else data_length


def _width(column: SourceColumn, text_limit: int, binary_limit: int) -> int:
    if column.is_text:
        size = text_limit if column.is_unbounded else column.max_length or 0
        return _text_width(size)
    if column.is_binary:
        return (binary_limit if column.is_unbounded else column.max_length or 8) + 8
    return _FIXED_WIDTH


def _text_width(units: int) -> int:
    return (units + 1) * _UTF16_UNIT + 8
