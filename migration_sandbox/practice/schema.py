"""The PANDA Perio schema as this sandbox creates it, and the polars types its tables' frames have.

The DDL itself is ``schema.sql``. Nothing about the content of a table belongs here.
"""

import re
from functools import cache
from importlib.resources import files

import polars as pl

_TABLE = re.compile(r"CREATE TABLE dbo\.(\w+) \((.*?)\n\);", re.DOTALL)
_COLUMN = re.compile(
    r"(?:^|,)\s*\[?(\w+)\]?\s+"
    r"(int|bigint|tinyint|smallint|bit|date|datetime2|decimal|n?varchar|char|varbinary|rowversion)\b"
    r"(?:\((\w+)(?:,\s*(\d+))?\))?",
    re.MULTILINE,
)
_PLAIN: dict[str, pl.DataType] = {
    "int": pl.Int32(),
    "bigint": pl.Int64(),
    "tinyint": pl.UInt8(),
    "smallint": pl.Int16(),
    "bit": pl.Boolean(),
    "date": pl.Date(),
    "datetime2": pl.Datetime("us"),
    "nvarchar": pl.String(),
    "varchar": pl.String(),
    "char": pl.String(),
    "varbinary": pl.Binary(),
}


def ddl() -> str:
    """The T-SQL that creates every table of the default PANDA Perio profile."""
    return files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")


@cache
def _tables() -> dict[str, dict[str, pl.DataType]]:
    without_comments = re.sub(r"--[^\n]*", "", ddl())
    tables: dict[str, dict[str, pl.DataType]] = {}
    for table, body in _TABLE.findall(without_comments):
        columns: dict[str, pl.DataType] = {}
        for name, kind, size, scale in _COLUMN.findall(body):
            if kind == "decimal":
                columns[name] = pl.Decimal(int(size), int(scale))
            elif kind != "rowversion":
                columns[name] = _PLAIN[kind]
        tables[table] = columns
    return tables


def table_names() -> tuple[str, ...]:
    """Every table of the schema, in an order in which no foreign key points forward."""
    return tuple(_tables())


def frame_schema(table: str) -> dict[str, pl.DataType]:
    """A table's columns and polars types, without ``RowVer``, which the server assigns itself."""
    return dict(_tables()[table])


def key_column(table: str) -> str:
    """The primary key of a table: every table of this schema has one of a single column, its first."""
    return next(iter(_tables()[table]))


def as_table(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the table's columns, in its order and of its types."""
    schema = frame_schema(table)
    return frame.select(list(schema)).cast(schema)  # type: ignore[arg-type]
