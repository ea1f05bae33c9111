"""CAST, CONVERT and the implicit conversions as DuckDB SQL that yields what SQL Server yields, or refuses.

Sources: Microsoft Learn, "CAST and CONVERT (Transact-SQL)", "Data type conversion", "Data type synonyms".
A value that can't be converted stops the statement at run time through `failure`, whose text session.py turns
back into the error number; it carries type names and no value.
"""

from __future__ import annotations

from .errors import SqlServerError, refused
from .sqltypes import MAX, SqlType
from .storage_rules import rounded_time, rounded_timestamp, utf16_units

FAILURE = "TSQL"

# CONVERT's styles that the sandbox knows, as DuckDB's strftime; {f} is the fraction with its point.
_DATE_STYLES = {None: "%Y-%m-%d", 23: "%Y-%m-%d", 101: "%m/%d/%Y", 103: "%d/%m/%Y", 112: "%Y%m%d",
                120: "%Y-%m-%d", 121: "%Y-%m-%d", 126: "%Y-%m-%d"}  # fmt: skip
_ISO_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0?)?)?)?"
_COMPACT_DATE = r"[0-9]{8}"


def failure(number: int, *arguments: str) -> str:
    """A DuckDB expression that stops the statement with this SQL Server error."""
    return f"error('{FAILURE}:{number}:{':'.join(arguments)}')"


def impossible(source: SqlType, target: SqlType, *, explicit: bool) -> SqlServerError:
    if explicit:
        return SqlServerError(
            529, f"Explicit conversion from data type {source.name} to {target.name} is not allowed.", state=2
        )
    return SqlServerError(
        206, f"Operand type clash: {source.name} is incompatible with {target.name}", state=2
    )


def convert(
    sql: str, source: SqlType, target: SqlType, *, style: int | None = None, explicit: bool = False
) -> str:
    """`sql` of type source as an expression of type target, by T-SQL's rules."""
    if source == target:
        return sql
    if target.is_string:
        return _to_string(sql, source, target, style)
    if target.is_binary:
        return _to_binary(sql, source, target, style)
    if target.is_numeric:
        return _to_number(sql, source, target, explicit=explicit)
    if target.is_temporal:
        return _to_temporal(sql, source, target, style, explicit=explicit)
    if source.is_string:
        checked = f"TRY_CAST({sql} AS UUID)"
        return f"CASE WHEN {sql} IS NOT NULL AND {checked} IS NULL THEN {failure(8169)} ELSE {checked} END"
    raise impossible(source, target, explicit=explicit)


def _to_string(sql: str, source: SqlType, target: SqlType, style: int | None) -> str:
    if source.is_string:
        return _string_to_string(sql, source, target)
    if source.is_integer or source.name == "bit":
        text = f"CAST(CAST({sql} AS BIGINT) AS VARCHAR)"
        star = source.name in ("int", "smallint", "tinyint") and not target.is_unicode
        too_long = "'*'" if star else failure(8115, target.name)
        return _padded(_or(text, target, too_long), target)
    if source.name in ("decimal", "numeric"):
        return _padded(_or(f"CAST({sql} AS VARCHAR)", target, failure(8115, target.name)), target)
    if source.name in ("date", "datetime", "datetime2"):
        return _padded(_cut(_temporal_text(sql, source, style), target), target)
    if source.name == "uniqueidentifier":
        return _padded(_or(f"upper(CAST({sql} AS VARCHAR))", target, failure(8170)), target)
    if source.is_binary and style in (1, 2):
        text = f"hex({sql})"
        return _padded(_cut(f"('0x' || {text})" if style == 1 else text, target), target)
    raise refused(
        f"the conversion of {source.name} to {target.name}" + (f" in style {style}" if style else "")
    )


def _string_to_string(sql: str, source: SqlType, target: SqlType) -> str:
    if source.is_unicode and not target.is_unicode:
        # SQL Server puts its best fit or '?' for a character outside the code page; which one isn't known
        # here.
        sql = (
            f"CASE WHEN strlen({sql}) <> length({sql}) AND tsql_cp1252({sql}) IS NULL THEN "
            f"{failure(50000)} ELSE {sql} END"
        )
    fits = target.is_max or (not source.is_max and source.length <= target.length)
    return _padded(sql if fits else _cut(sql, target), target)


def _units(sql: str, target: SqlType) -> str:
    return utf16_units(sql) if target.is_unicode else f"length({sql})"


def _or(sql: str, target: SqlType, too_long: str) -> str:
    if target.is_max:
        return sql
    return f"CASE WHEN length({sql}) > {target.length} THEN {too_long} ELSE {sql} END"


def _cut(sql: str, target: SqlType) -> str:
    return sql if target.is_max else substring(sql, "1", str(target.length))


def _padded(sql: str, target: SqlType) -> str:
    if target.name not in ("char", "nchar"):
        return sql
    return f"rpad({sql}, CAST({target.length} - {_units(sql, target)} + length({sql}) AS INTEGER), ' ')"


def substring(sql: str, start: str, length: str) -> str:
    """Characters from start (1 is the first) counted in UTF-16 units, as SUBSTRING counts nvarchar."""
    plain = f"substring({sql}, {start}, {length})"
    return (
        f"CASE WHEN {utf16_units(sql)} = length({sql}) THEN {plain} ELSE tsql_utf16_part({sql}, {start}, "
        f"{length}) END"
    )


def _temporal_text(sql: str, source: SqlType, style: int | None) -> str:
    if source.name == "date" or style in (23, 101, 103, 112):
        if style not in _DATE_STYLES:
            raise refused(f"CONVERT of {source.name} in style {style}")
        # strftime doesn't pad years below 1000.
        return f"strftime({sql}, '{_DATE_STYLES[style]}')"
    seconds = f"strftime({sql}, '%Y-%m-%d %H:%M:%S')"
    if style == 120 or (source.name == "datetime2" and source.scale == 0 and style in (None, 121)):
        return seconds
    if style == 121 or (style is None and source.name == "datetime2"):
        digits = 3 if source.name == "datetime" else source.scale
        fraction = f"strftime({sql}, '%f')"
        shown = f"rpad({fraction}, {digits}, '0')" if digits > 6 else f"left({fraction}, {digits})"
        return f"({seconds} || '.' || {shown})"
    raise refused(f"the conversion of {source.name} to a string" + (f" in style {style}" if style else ""))


def _to_binary(sql: str, source: SqlType, target: SqlType, style: int | None) -> str:
    if style:
        raise refused(f"the conversion to {target.name} in style {style}")
    length = 8 if target.name == "rowversion" else target.length
    if source.is_integer:
        digits = {"tinyint": 2, "smallint": 4, "int": 8, "bigint": 16}[source.name]
        raw = (
            f"from_hex(CASE WHEN {sql} < 0 THEN {failure(50000)} ELSE printf('%0{digits}x', CAST({sql} AS "
            "BIGINT)) END)"
        )
        width = digits // 2
        if length in (MAX, width) or (target.name == "varbinary" and length > width):
            return raw
        if length > width:
            return f"(from_hex('{'00' * (length - width)}') || {raw})"
        return f"array_slice({raw}, {width - length + 1}, {width})"
    if source.is_string:
        sql = f"tsql_utf16({sql})" if source.is_unicode else f"tsql_cp1252({sql})"
    elif not source.is_binary:
        raise refused(f"the conversion of {source.name} to {target.name}")
    if length == MAX:
        return sql
    cut = f"array_slice({sql}, 1, {length})"
    if target.name == "varbinary":
        return cut
    return f"({cut} || from_hex(repeat('00', CAST({length} - octet_length({cut}) AS INTEGER))))"


def _to_number(sql: str, source: SqlType, target: SqlType, *, explicit: bool) -> str:
    storage = target.duckdb
    if source.is_string:
        return _string_to_number(sql, source, target)
    if source.is_binary:
        if not target.is_integer:
            raise refused(f"the conversion of {source.name} to {target.name}")
        widths = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
        last = f"right(hex({sql}), {2 * widths[target.name]})"
        return f"CAST(CAST(('0x0' || {last}) AS UHUGEINT) AS {storage})"
    if source.is_temporal or source.name == "uniqueidentifier":
        if source.name == "datetime":
            raise refused("the conversion of datetime to a number")
        raise impossible(source, target, explicit=explicit)
    if target.name == "bit":
        return f"({sql} <> 0)" if source.name != "bit" else sql
    if target.is_integer and (source.is_exact or source.is_approximate):
        if source.name in ("money", "smallmoney"):
            return f"CAST(round({sql}, 0) AS {storage})"  # money alone rounds
        return f"CAST(trunc({sql}) AS {storage})"
    if source.name == "bit" and target.is_exact:
        return f"CAST(CAST({sql} AS INTEGER) AS {storage})"
    return f"CAST({sql} AS {storage})"


def _string_to_number(sql: str, source: SqlType, target: SqlType) -> str:
    text = f"trim({sql}, ' ')"
    wrong = failure(245 if target.is_integer or target.name == "bit" else 8114, source.name, target.name)
    if target.is_integer or target.name == "bit":
        pattern, blank = "[+-]?[0-9]+", "0"
    elif target.is_approximate:
        pattern, blank = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", "0"
    elif target.name in ("money", "smallmoney"):
        raise refused(f"the conversion of {source.name} to {target.name}")
    else:
        pattern, blank = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", wrong
    value = f"CAST({text} AS {target.duckdb})"
    if target.name == "bit":
        yes, no = f"lower({text}) = 'true'", f"lower({text}) = 'false'"
        return (
            f"CASE WHEN {sql} IS NULL THEN NULL WHEN {yes} THEN true WHEN {no} OR {text} = '' THEN false "
            f"WHEN NOT regexp_full_match({text}, '{pattern}') THEN {wrong} ELSE CAST({text} AS HUGEINT) <> "
            "0 END"
        )
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL WHEN {text} = '' THEN {blank} "
        f"WHEN NOT regexp_full_match({text}, '{pattern}') THEN {wrong} ELSE {value} END"
    )


def _to_temporal(sql: str, source: SqlType, target: SqlType, style: int | None, *, explicit: bool) -> str:
    if source.is_string:
        if style is not None:
            raise refused(f"the conversion of a string to {target.name} in style {style}")
        return _string_to_temporal(sql, target)
    if not source.is_temporal:
        if source.is_numeric and target.name == "datetime":
            raise refused("the conversion of a number to datetime")
        raise impossible(source, target, explicit=explicit)
    if target.name == "time" or source.name == "time":
        if target.name == source.name:
            return rounded_time(sql, target)
        raise refused(f"the conversion of {source.name} to {target.name}")
    if target.name == "date":
        return f"CAST({sql} AS DATE)"
    return _stamp(f"CAST({sql} AS TIMESTAMP)", target)


def _stamp(stamp: str, target: SqlType) -> str:
    rounded = rounded_timestamp(stamp, target)
    if target.name != "datetime":
        return rounded
    return f"CASE WHEN {stamp} < TIMESTAMP '1753-01-01' THEN {failure(242, target.name)} ELSE {rounded} END"


def _string_to_temporal(sql: str, target: SqlType) -> str:
    """ISO 8601 alone: what other text means depends on SET LANGUAGE and DATEFORMAT, so it is refused at run
    time."""
    text = f"trim({sql}, ' ')"
    if target.name == "time":
        raise refused("the conversion of a string to time")
    compact = f"regexp_full_match({text}, '{_COMPACT_DATE}')"
    dashed = f"(left({text}, 4) || '-' || substring({text}, 5, 2) || '-' || substring({text}, 7, 2))"
    readable = f"CASE WHEN {compact} THEN {dashed} ELSE {text} END"
    stamp = f"TRY_CAST({readable} AS TIMESTAMP)"
    value = f"CAST({stamp} AS DATE)" if target.name == "date" else _stamp(stamp, target)
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL "
        f"WHEN NOT ({compact} OR regexp_full_match({text}, '{_ISO_STAMP}')) THEN {failure(50000)} "
        f"WHEN {stamp} IS NULL THEN {failure(241)} ELSE {value} END"
    )
