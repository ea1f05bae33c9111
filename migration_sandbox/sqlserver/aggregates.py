"""COUNT, SUM, AVG, MIN and MAX with T-SQL's result types, and whether a select list has any.

Source: Microsoft Learn, "Aggregate functions": SUM and AVG of integers narrower than bigint are int.
"""

from __future__ import annotations

from . import syntax
from .errors import SqlServerError, refused
from .scope import Bound
from .sqltypes import BIGINT, INT, SqlType, decimal
from .storage_rules import comparison_key
from .type_rules import order_key


def any_value(bound: Bound) -> str:
    """One of a group's equal strings; SQL Server doesn't say which, either."""
    return f"any_value({bound.sql})"


def count(name: str, sql: str) -> Bound:
    kind = INT if name == "COUNT" else BIGINT
    return Bound(f"CAST({sql} AS {kind.duckdb})", kind, nullable=False)


def aggregate(call: syntax.Call, operand: Bound, kind: SqlType) -> Bound:
    name, sql = call.name, operand.sql
    distinct = "DISTINCT " if call.distinct else ""
    if name in ("COUNT", "COUNT_BIG"):
        return count(name, f"count({distinct}{comparison_key(sql, kind) if distinct else sql})")
    if name in ("MIN", "MAX"):
        if kind.name in ("bit", "uniqueidentifier"):
            raise refused(f"{name} of {kind.name}")
        if kind.is_string:
            function = "arg_min" if name == "MIN" else "arg_max"
            return Bound(f"{function}({sql}, {order_key(sql, kind)})", kind)
        return Bound(f"{name.lower()}({sql})", kind)
    if not kind.is_numeric or kind.name == "bit":
        raise SqlServerError(8117, f"Operand data type {kind.name} is invalid for {name.lower()} operator.")
    total = f"sum({distinct}{sql})"
    if kind.is_integer:
        result = BIGINT if kind.name == "bigint" else INT
        if name == "SUM":
            return Bound(f"CAST({total} AS {result.duckdb})", result)
        return Bound(
            f"CAST(CAST({total} AS {result.duckdb}) // nullif(count({distinct}{sql}), 0) AS {result.duckdb})",
            result,
        )
    if kind.is_approximate:
        function = "sum" if name == "SUM" else "avg"
        return Bound(f"{function}({distinct}CAST({sql} AS DOUBLE))", SqlType("float"))
    if name == "AVG":
        raise refused(f"AVG of {kind.name}")
    result = decimal(38, kind.scale) if kind.name in ("decimal", "numeric") else SqlType("money")
    return Bound(f"CAST({total} AS {result.duckdb})", result)


def has_aggregate(select: syntax.Select) -> bool:
    return any(isinstance(item, syntax.SelectItem) and _aggregates(item.expression) for item in select.items)


def _aggregates(expression: syntax.Expression) -> bool:
    match expression:
        case syntax.Call(name, arguments):
            return name in ("COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG") or any(
                map(_aggregates, arguments)
            )
        case syntax.Arithmetic(_, left, right):
            return _aggregates(left) or _aggregates(right)
        case syntax.Negation(operand) | syntax.Cast(operand, _, _):
            return _aggregates(operand)
        case syntax.Case(branches, otherwise):
            results = [result for _, result in branches] + ([otherwise] if otherwise is not None else [])
            return any(map(_aggregates, results)) or any(_predicate_aggregates(test) for test, _ in branches)
    return False


def _predicate_aggregates(predicate: syntax.Predicate) -> bool:
    match predicate:
        case syntax.Comparison(_, left, right):
            return _aggregates(left) or _aggregates(right)
        case syntax.Logical(_, left, right):
            return _predicate_aggregates(left) or _predicate_aggregates(right)
        case syntax.Not(operand):
            return _predicate_aggregates(operand)
        case syntax.IsNull(operand, _):
            return _aggregates(operand)
    return False
