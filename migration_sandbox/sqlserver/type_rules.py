"""Rules that join types and values: literals' types, the common type of operands, what strings sort by, LIKE.

Pure functions of types and text; what an expression means as a whole is in expression_binder.py. Sources:
Microsoft Learn, "Data type precedence", "Precision, scale, and length", "LIKE", and the word sort of Windows
collations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import syntax
from .errors import SqlServerError, refused
from .scope import Bound
from .sqltypes import INT, MAX, PRECEDENCE, SqlType, decimal, nvarchar, varbinary, varchar
from .storage_rules import comparison_key


def literal(item: syntax.Literal) -> Bound:
    text = item.text
    quoted = "'" + text.replace("'", "''") + "'"
    if item.kind == "null":
        return Bound("NULL", None)
    if item.kind == "string":
        return Bound(
            quoted, varchar(max(1, len(text))) if len(text) <= 8000 else varchar(MAX), nullable=False
        )
    if item.kind == "unicode":
        units = len(text.encode("utf-16-le")) // 2
        return Bound(quoted, nvarchar(max(1, units)) if units <= 4000 else nvarchar(MAX), nullable=False)
    if item.kind == "binary":
        digits = text if len(text) % 2 == 0 else "0" + text
        return Bound(f"from_hex('{digits}')", varbinary(max(1, len(digits) // 2)), nullable=False)
    if item.kind == "float":
        return Bound(f"CAST('{text}' AS DOUBLE)", SqlType("float"), nullable=False)
    if item.kind == "integer" and int(text) < 2**31:
        return Bound(f"CAST({int(text)} AS INTEGER)", INT, nullable=False, digits=len(str(int(text))))
    whole, _, fraction = text.partition(".")
    precision = max(1, len(whole.lstrip("0")) + len(fraction))
    if precision > 38:
        raise SqlServerError(
            1007, "The number is out of the range for numeric representation (maximum precision 38)."
        )
    kind = SqlType("numeric", precision=precision, scale=len(fraction))
    return Bound(f"CAST('{text}' AS {kind.duckdb})", kind, nullable=False)


def common_type(operands: Sequence[Bound]) -> SqlType:
    """By data type precedence; lengths, precision and scale widen to hold every operand."""
    known = [operand for operand in operands if operand.type is not None]
    if not known:
        return INT
    kinds = [operand.result_type for operand in known]
    highest = max(kinds, key=lambda kind: PRECEDENCE[kind.name])
    if highest.name in ("decimal", "numeric"):
        shapes = [as_decimal(operand) for operand in known if operand.result_type.is_numeric]
        scale = max(shape.scale for shape in shapes)
        whole = max(shape.precision - shape.scale for shape in shapes)
        if whole + scale > 38:
            raise refused("decimals that have no common type of 38 digits")
        return SqlType(highest.name, precision=whole + scale, scale=scale)
    if highest.is_string or highest.name in ("binary", "varbinary"):
        alike = [kind for kind in kinds if kind.is_string == highest.is_string]
        length = MAX if any(kind.is_max for kind in alike) else max(kind.length for kind in alike)
        limit = 4000 if highest.is_unicode else 8000
        return SqlType(highest.name, MAX if length == MAX and "var" in highest.name else min(length, limit))
    if highest.name in ("time", "datetime2"):
        scales = [kind.scale for kind in kinds if kind.name == highest.name]
        scales += [3 for kind in kinds if kind.name == "datetime"] + [7 for kind in kinds if kind.is_string]
        return SqlType(highest.name, scale=max(scales))
    return highest


def as_decimal(bound: Bound) -> SqlType:
    kind = bound.result_type
    if kind.name in ("decimal", "numeric"):
        return decimal(kind.precision, kind.scale)
    if kind.is_integer:
        digits = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}[kind.name]
        return decimal(bound.digits or digits, 0)
    if kind.name == "bit":
        return decimal(1, 0)
    if kind.is_string:
        raise refused("a string among decimals")
    return decimal(kind.catalog_precision, 4)


def order_key(sql: str, kind: SqlType) -> str:
    """What strings sort by: letters without case, trailing blanks ignored, by ICU's root order.

    For nvarchar hyphen and apostrophe count only between strings that are equal without them ("word sort").
    """
    if not kind.is_string:
        return sql
    plain = comparison_key(sql, kind)
    if not kind.is_unicode:
        return f"icu_sort_key({plain}, 'en')"
    return (
        f"(icu_sort_key(regexp_replace({plain}, '[-'']', '', 'g'), 'en') || ' ' || icu_sort_key({plain}, "
        "'en'))"
    )


def like_regex(pattern: str, escape: str | None) -> str:
    """A LIKE pattern as RE2: %, _, [a-f], [^a-f] and an escape character."""
    out: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if escape and character == escape:
            if position >= len(pattern):
                return "[^\\x{0}-\\x{10FFFF}]"  # a pattern that ends in its escape character matches nothing
            out.append(re.escape(pattern[position]))
            position += 1
        elif character == "%":
            out.append(".*")
        elif character == "_":
            out.append(".")
        elif character == "[":
            end = pattern.find("]", position + 1)
            if end < 0:
                return "[^\\x{0}-\\x{10FFFF}]"
            body = pattern[position:end]
            if "-" in body.strip("^-") or escape:
                _check_range(body)
            negated = "^" if body.startswith("^") else ""
            members = "".join(c if c == "-" else re.escape(c) for c in body.removeprefix("^"))
            out.append(f"[{negated}{members}]")
            position = end + 1
        else:
            out.append(re.escape(character))
    return "".join(out)


def _check_range(body: str) -> None:
    # A range follows the collation's order, which is known here for digits and for ASCII letters without
    # case.
    if not re.fullmatch(r"\^?(?:0-9|[0-9]-[0-9]|a-z|A-Z|[A-Za-z0-9])+", body):
        raise refused("this range in a LIKE pattern")
