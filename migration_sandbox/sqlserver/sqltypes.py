"""T-SQL's data types: their names, limits and sizes, and the DuckDB type that stores each.

Only facts about types belong here; conversions between them are in conversions.py, their bytes in wire/.
Sources: Microsoft Learn, "Data types (Transact-SQL)", "Precision, scale, and length", "Data type precedence",
and sys.types for the ids.

datetime2(7) and time(7) are stored to the microsecond: a value with a hundred-nanosecond digit is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX = -1  # the length of varchar(max) and its kin, as sys.columns.max_length says it

INTEGERS = ("tinyint", "smallint", "int", "bigint")
RANGES = {
    "tinyint": (0, 255),
    "smallint": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
EXACT = ("decimal", "numeric", "money", "smallmoney")
APPROXIMATE = ("real", "float")
STRINGS = ("char", "varchar", "nchar", "nvarchar")
BINARIES = ("binary", "varbinary", "rowversion")
TEMPORAL = ("date", "time", "datetime", "datetime2")

# sys.types: name -> system_type_id
SYSTEM_TYPE_IDS = {
    "uniqueidentifier": 36, "date": 40, "time": 41, "datetime2": 42, "tinyint": 48, "smallint": 52, "int": 56,
    "real": 59, "money": 60, "datetime": 61, "float": 62, "bit": 104, "decimal": 106, "numeric": 108,
    "smallmoney": 122, "bigint": 127, "varbinary": 165, "varchar": 167, "binary": 173, "char": 175,
    "rowversion": 189, "nvarchar": 231, "nchar": 239,
}  # fmt: skip

# "Data type precedence": the higher number wins.
PRECEDENCE = {
    name: rank
    for rank, name in enumerate(
        (
            "binary", "varbinary", "char", "varchar", "nchar", "nvarchar", "uniqueidentifier", "rowversion",
            "bit",
            "tinyint", "smallint", "int", "bigint", "smallmoney", "money", "numeric", "decimal", "real",
            "float",
            "time", "date", "datetime", "datetime2",
        )
    )
}  # fmt: skip

_DUCKDB = {
    "bit": "BOOLEAN", "tinyint": "UTINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT",
    "real": "FLOAT", "float": "DOUBLE", "money": "DECIMAL(19,4)", "smallmoney": "DECIMAL(10,4)",
    "char": "VARCHAR", "varchar": "VARCHAR", "nchar": "VARCHAR", "nvarchar": "VARCHAR", "date": "DATE",
    "time": "TIME", "datetime": "TIMESTAMP", "datetime2": "TIMESTAMP", "binary": "BLOB", "varbinary": "BLOB",
    "uniqueidentifier": "UUID", "rowversion": "BLOB",
}  # fmt: skip

_FIXED_BYTES = {
    "bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "real": 4, "float": 8, "money": 8,
    "smallmoney": 4, "date": 3, "datetime": 8, "uniqueidentifier": 16, "rowversion": 8,
}  # fmt: skip


@dataclass(frozen=True)
class SqlType:
    """One T-SQL type.

    length: characters for strings, bytes for binaries, MAX for (max); 0 for other types.
    precision: total digits of decimal; scale: its fraction digits, or the fraction digits of time and
    datetime2.
    """

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0

    @property
    def is_string(self) -> bool:
        return self.name in STRINGS

    @property
    def is_unicode(self) -> bool:
        return self.name in ("nchar", "nvarchar")

    @property
    def is_binary(self) -> bool:
        return self.name in BINARIES

    @property
    def is_integer(self) -> bool:
        return self.name in INTEGERS

    @property
    def is_exact(self) -> bool:
        return self.name in EXACT

    @property
    def is_approximate(self) -> bool:
        return self.name in APPROXIMATE

    @property
    def is_numeric(self) -> bool:
        return self.is_integer or self.is_exact or self.is_approximate or self.name == "bit"

    @property
    def is_temporal(self) -> bool:
        return self.name in TEMPORAL

    @property
    def is_max(self) -> bool:
        return self.length == MAX

    @property
    def duckdb(self) -> str:
        if self.name in ("decimal", "numeric"):
            return f"DECIMAL({self.precision},{self.scale})"
        return _DUCKDB[self.name]

    @property
    def max_length(self) -> int:
        """sys.columns.max_length: bytes, -1 for (max)."""
        if self.is_max:
            return MAX
        if self.is_string:
            return self.length * (2 if self.is_unicode else 1)
        if self.name in ("binary", "varbinary"):
            return self.length
        if self.name in ("decimal", "numeric"):
            return decimal_bytes(self.precision)
        if self.name == "time":
            return time_bytes(self.scale)
        if self.name == "datetime2":
            return time_bytes(self.scale) + 3
        return _FIXED_BYTES[self.name]

    @property
    def catalog_precision(self) -> int:
        """sys.columns.precision."""
        fixed = {"bit": 1, "tinyint": 3, "smallint": 5, "int": 10, "bigint": 19, "real": 24, "float": 53,
                 "money": 19, "smallmoney": 10, "date": 10, "datetime": 23}  # fmt: skip
        if self.name in fixed:
            return fixed[self.name]
        if self.name == "time":
            return 8 + (self.scale + 1 if self.scale else 0)
        if self.name == "datetime2":
            return 19 + (self.scale + 1 if self.scale else 0)
        return self.precision

    @property
    def catalog_scale(self) -> int:
        """sys.columns.scale."""
        return {"money": 4, "smallmoney": 4, "datetime": 3}.get(self.name, self.scale)

    @property
    def declaration(self) -> str:
        """As it is written in T-SQL, such as nvarchar(100) or decimal(5,2)."""
        if self.is_max:
            return f"{self.name}(max)"
        if self.is_string or self.name in ("binary", "varbinary"):
            return f"{self.name}({self.length})"
        if self.name in ("decimal", "numeric"):
            return f"{self.name}({self.precision},{self.scale})"
        if self.name in ("time", "datetime2"):
            return f"{self.name}({self.scale})"
        return self.name


def decimal_bytes(precision: int) -> int:
    return 5 if precision <= 9 else 9 if precision <= 19 else 13 if precision <= 28 else 17


def time_bytes(scale: int) -> int:
    return 3 if scale <= 2 else 4 if scale <= 4 else 5


BIT = SqlType("bit")
TINYINT = SqlType("tinyint")
SMALLINT = SqlType("smallint")
INT = SqlType("int")
BIGINT = SqlType("bigint")
FLOAT = SqlType("float")
REAL = SqlType("real")
MONEY = SqlType("money")
DATE = SqlType("date")
DATETIME = SqlType("datetime")
ROWVERSION = SqlType("rowversion")
UNIQUEIDENTIFIER = SqlType("uniqueidentifier")
SYSNAME = SqlType("nvarchar", 128)


def nvarchar(length: int) -> SqlType:
    return SqlType("nvarchar", length)


def varchar(length: int) -> SqlType:
    return SqlType("varchar", length)


def varbinary(length: int) -> SqlType:
    return SqlType("varbinary", length)


def decimal(precision: int, scale: int) -> SqlType:
    return SqlType("decimal", precision=precision, scale=scale)


def datetime2(scale: int) -> SqlType:
    return SqlType("datetime2", scale=scale)


_ALIASES = {"integer": "int", "dec": "decimal", "timestamp": "rowversion", "sysname": "nvarchar"}
_LENGTH_LIMITS = {
    "char": 8000,
    "varchar": 8000,
    "nchar": 4000,
    "nvarchar": 4000,
    "binary": 8000,
    "varbinary": 8000,
}


def make_type(name: str, arguments: tuple[str, ...] = (), *, default_length: int = 1) -> SqlType | None:
    """The type as declared, or None where the sandbox has no such type or the arguments don't fit it.

    default_length is what char and its kin mean without a length: 1 in a declaration, 30 in CAST.
    """
    name = name.lower()
    if name == "sysname":
        return SYSNAME
    name = _ALIASES.get(name, name)
    if name in _LENGTH_LIMITS:
        return _sized_type(name, arguments, default_length)
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    if len(numbers) != len(arguments):
        return None
    if name in ("decimal", "numeric"):
        precision = numbers[0] if numbers else 18
        scale = numbers[1] if len(numbers) > 1 else 0
        if not (1 <= precision <= 38 and scale <= precision and len(numbers) <= 2):
            return None
        return SqlType(name, precision=precision, scale=scale)
    if name in ("time", "datetime2"):
        scale = numbers[0] if numbers else 7
        return SqlType(name, scale=scale) if scale <= 7 and len(numbers) <= 1 else None
    if name == "float":
        bits = numbers[0] if numbers else 53
        return None if not 1 <= bits <= 53 else REAL if bits <= 24 else FLOAT
    if numbers or name not in SYSTEM_TYPE_IDS:
        return None
    return SqlType(name)


def _sized_type(name: str, arguments: tuple[str, ...], default_length: int) -> SqlType | None:
    if not arguments:
        return SqlType(name, default_length)
    if len(arguments) != 1:
        return None
    if arguments[0].lower() == "max":
        return SqlType(name, MAX) if name.startswith(("var", "nvar")) else None
    if not arguments[0].isdigit() or not 1 <= int(arguments[0]) <= _LENGTH_LIMITS[name]:
        return None
    return SqlType(name, int(arguments[0]))
