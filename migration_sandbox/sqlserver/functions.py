"""T-SQL's scalar functions, each by an exact translation; a function that isn't here is refused.

A function gets its arguments bound and answers with a Bound. Functions whose answer hangs on the session
alone (DB_NAME, HAS_PERMS_BY_NAME) are in session_functions.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .conversions import convert, failure, substring
from .errors import SqlServerError, refused
from .scope import Bound
from .sqltypes import BIGINT, DATETIME, INT, MAX, SqlType, nvarchar, varbinary
from .storage_rules import utf16_units

Scalar = Callable[[str, Sequence[Bound]], Bound]


def _typed(bound: Bound) -> SqlType:
    return bound.type or nvarchar(1)


def _text(name: str, bound: Bound) -> tuple[str, SqlType]:
    """The argument as a string: what isn't one is converted as SQL Server would."""
    kind = bound.type
    if kind is None:
        return "CAST(NULL AS VARCHAR)", nvarchar(1)
    if kind.is_string:
        return bound.sql, kind
    if kind.is_integer:
        return convert(bound.sql, kind, SqlType("varchar", 30)), SqlType("varchar", 30)
    raise refused(f"{name} of {kind.name}")


def _variable(kind: SqlType) -> SqlType:
    """What a string function returns for a char or nchar."""
    return SqlType(
        {"char": "varchar", "nchar": "nvarchar", "binary": "varbinary"}.get(kind.name, kind.name), kind.length
    )


def _counted(name: str, arguments: Sequence[Bound], low: int, high: int | None = None) -> None:
    high = low if high is None else high
    if not low <= len(arguments) <= high:
        raise SqlServerError(174, f"The {name.lower()} function requires {low} argument(s).", severity=15)


def _datalength(name: str, arguments: Sequence[Bound]) -> Bound:
    _counted(name, arguments, 1)
    kind, sql = _typed(arguments[0]), arguments[0].sql
    result = BIGINT if kind.is_max else INT
    if kind.is_unicode:
        length = f"2 * {utf16_units(sql)}"
    elif kind.is_string:
        length = f"length({sql})"
    elif kind.is_binary:
        length = f"octet_length({sql})"
    elif kind.name in ("decimal", "numeric"):
        raise refused("DATALENGTH of a decimal")
    else:
        length = f"CASE WHEN {sql} IS NULL THEN NULL ELSE {kind.max_length} END"
    return Bound(f"CAST({length} AS {result.duckdb})", result, arguments[0].nullable)


def _len(name: str, arguments: Sequence[Bound]) -> Bound:
    _counted(name, arguments, 1)
    sql, kind = _text(name, arguments[0])
    result = BIGINT if kind.is_max else INT
    trimmed = f"rtrim({sql}, ' ')"
    return Bound(f"CAST({utf16_units(trimmed)} AS {result.duckdb})", result, arguments[0].nullable)


def _one_text(pattern: str) -> Scalar:
    def translate(name: str, arguments: Sequence[Bound]) -> Bound:
        _counted(name, arguments, 1)
        sql, kind = _text(name, arguments[0])
        return Bound(pattern.format(sql), _variable(kind), arguments[0].nullable)

    return translate


def _substring(name: str, arguments: Sequence[Bound]) -> Bound:
    _counted(name, arguments, 3)
    source, start, length = arguments
    kind = _typed(source)
    starts, lengths = integer(start), integer(length)
    # A start before the first character takes from the length; a negative length is 537.
    first = f"greatest({starts}, 1)"
    count = (
        f"CASE WHEN {lengths} < 0 THEN {failure(537)} ELSE greatest({lengths} + least({starts}, 1) - 1, "
        "0) END"
    )
    nullable = any(argument.nullable for argument in arguments)
    if kind.is_binary:
        part = f"array_slice({source.sql}, {first}, {first} + ({count}) - 1)"
        empty = f"CASE WHEN ({count}) = 0 AND {source.sql} IS NOT NULL THEN ''::BLOB ELSE {part} END"
        return Bound(empty, varbinary(kind.length if kind.name != "rowversion" else 8), nullable)
    if not kind.is_string:
        raise SqlServerError(
            8116, f"Argument data type {kind.name} is invalid for argument 1 of substring function."
        )
    return Bound(substring(source.sql, first, f"({count})"), _variable(kind), nullable)


def integer(bound: Bound) -> str:
    """An argument that counts, as a BIGINT."""
    if bound.type is None:
        return "CAST(NULL AS BIGINT)"
    return f"CAST({convert(bound.sql, bound.type, BIGINT)} AS BIGINT)"


def _left(name: str, arguments: Sequence[Bound]) -> Bound:
    _counted(name, arguments, 2)
    sql, kind = _text(name, arguments[0])
    count = integer(arguments[1])
    checked = f"CASE WHEN {count} < 0 THEN {failure(536, name.lower())} ELSE {count} END"
    return Bound(substring(sql, "1", checked), _variable(kind), True)


_HASHES = {"SHA2_256": "sha256", "MD5": "md5", "SHA1": "sha1", "SHA": "sha1"}


def hashbytes(algorithm: str, data: Bound) -> Bound:
    """HASHBYTES over the value's own bytes: UTF-16LE for nvarchar, code page 1252 for varchar."""
    function = _HASHES.get(algorithm.upper())
    if function is None:
        raise refused("HASHBYTES with this algorithm")
    kind = _typed(data)
    if not (kind.is_string or kind.is_binary):
        raise SqlServerError(
            8116, f"Argument data type {kind.name} is invalid for argument 2 of hashbytes function."
        )
    value = convert(data.sql, kind, varbinary(MAX))
    return Bound(f"from_hex({function}({value}))", varbinary(8000), data.nullable)


def _abs(name: str, arguments: Sequence[Bound]) -> Bound:
    _counted(name, arguments, 1)
    kind = arguments[0].result_type
    if not (kind.is_integer or kind.is_approximate):
        raise refused(f"ABS of {kind.name}")
    widened = INT if kind.name in ("tinyint", "smallint") else kind
    return Bound(f"CAST(abs({arguments[0].sql}) AS {widened.duckdb})", widened, arguments[0].nullable)


def _concat(name: str, arguments: Sequence[Bound]) -> Bound:
    _counted(name, arguments, 2, 254)
    texts = [_text(name, argument) for argument in arguments]
    unicode = any(kind.is_unicode for _, kind in texts)
    total = MAX if any(kind.is_max for _, kind in texts) else sum(kind.length for _, kind in texts)
    result = SqlType("nvarchar" if unicode else "varchar", total)
    if total > (4000 if unicode else 8000):
        raise refused("CONCAT of more than 8000 bytes")
    return Bound("(" + " || ".join(f"coalesce({sql}, '')" for sql, _ in texts) + ")", result, nullable=False)


_DATE_PARTS = {
    "year": "year", "yy": "year", "yyyy": "year", "month": "month", "mm": "month", "m": "month", "day": "day",
    "dd": "day", "d": "day", "hour": "hour", "hh": "hour", "minute": "minute", "mi": "minute", "n": "minute",
    "second": "second", "ss": "second", "s": "second", "millisecond": "millisecond", "ms": "millisecond",
    "quarter": "quarter", "qq": "quarter", "q": "quarter",
}  # fmt: skip


def _moment(bound: Bound) -> tuple[str, SqlType]:
    kind = bound.type or DATETIME
    if kind.is_string:
        return convert(bound.sql, kind, DATETIME), DATETIME
    if not kind.is_temporal or kind.name == "time":
        raise refused(f"a date function of {kind.name}")
    return bound.sql, kind


def date_part(name: str) -> str:
    part = _DATE_PARTS.get(name)
    if part is None:
        raise refused("this date part")
    return part


def datediff(part: str, arguments: Sequence[Bound]) -> Bound:
    """The boundaries crossed, as DuckDB's date_diff counts them, too."""
    start, end = (f"CAST({_moment(argument)[0]} AS TIMESTAMP)" for argument in arguments)
    nullable = any(argument.nullable for argument in arguments)
    return Bound(f"CAST(date_diff('{date_part(part)}', {start}, {end}) AS INTEGER)", INT, nullable)


def dateadd(part: str, arguments: Sequence[Bound]) -> Bound:
    unit = date_part(part)
    sql, kind = _moment(arguments[1])
    if kind.name == "date" and unit in ("hour", "minute", "second", "millisecond"):
        raise SqlServerError(
            9810, f"The datepart {part} is not supported by date function dateadd for data type date."
        )
    if unit == "millisecond" and kind.name == "datetime":
        raise refused("DATEADD of milliseconds to datetime")
    count = f"CAST({convert(arguments[0].sql, arguments[0].result_type, INT)} AS INTEGER)"
    step = f"to_months(3 * {count})" if unit == "quarter" else f"to_{unit}s({count})"
    return Bound(f"CAST({sql} + {step} AS {kind.duckdb})", kind, True)


def datepart(part: str, argument: Bound) -> Bound:
    sql, _ = _moment(argument)
    unit = date_part(part)
    if unit == "millisecond":
        raise refused("DATEPART of milliseconds")
    return Bound(f"CAST(date_part('{unit}', {sql}) AS INTEGER)", INT, argument.nullable)


def _calendar(part: str) -> Scalar:
    def translate(name: str, arguments: Sequence[Bound]) -> Bound:
        _counted(name, arguments, 1)
        return datepart(part, arguments[0])

    return translate


# DuckDB's upper makes a capital sharp s; SQL Server has none.
_UPPER = (
    "CASE WHEN contains({0}, 'ß') THEN array_to_string(list_transform(string_split({0}, 'ß'), p -> "
    "upper(p)), 'ß') ELSE upper({0}) END"
)

SCALARS: dict[str, Scalar] = {
    "DATALENGTH": _datalength,
    "LEN": _len,
    "UPPER": _one_text(_UPPER),
    "LOWER": _one_text("lower({0})"),
    "LTRIM": _one_text("ltrim({0}, ' ')"),
    "RTRIM": _one_text("rtrim({0}, ' ')"),
    "TRIM": _one_text("trim({0}, ' ')"),
    "SUBSTRING": _substring,
    "LEFT": _left,
    "ABS": _abs,
    "CONCAT": _concat,
    "YEAR": _calendar("year"),
    "MONTH": _calendar("month"),
    "DAY": _calendar("day"),
}
