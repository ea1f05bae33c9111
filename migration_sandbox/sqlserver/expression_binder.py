"""The meaning of expressions and predicates: T-SQL's types and three-valued logic as DuckDB SQL.

Each construct either has an exact translation here or is refused. Queries inside expressions are bound by the
subclass in query_binder.py.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence

from . import functions, session_functions, syntax
from .conversions import convert, failure
from .environment import Environment
from .errors import SqlServerError, refused
from .permissions import object_table
from .scope import Bound, OutputColumn, Scope
from .sqltypes import (
    INT,
    MAX,
    SqlType,
    decimal,
    nvarchar,
    varbinary,
)  # fmt: skip
from .storage_rules import comparison_key
from .syntax import Expression, Predicate
from .type_rules import as_decimal, common_type, like_regex, literal, order_key

AGGREGATES = ("COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG")


class ExpressionBinder(abc.ABC):
    """One statement's binding; `arguments` and `suggested` fill up while it goes on."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.arguments: dict[str, object] = {}  # DuckDB's parameters, by name
        self.suggested: dict[str, SqlType] = {}  # for parameters that nobody declared

    @abc.abstractmethod
    def bind_subquery(self, query: syntax.Query, outer: Scope) -> tuple[str, list[OutputColumn]]:
        """A query in parentheses as DuckDB SQL, and its columns."""

    @abc.abstractmethod
    def bind_aggregate(self, call: syntax.Call, scope: Scope) -> Bound:
        """COUNT, SUM and their kin, where the query allows them."""

    @abc.abstractmethod
    def grouped(self, bound: Bound, scope: Scope) -> Bound | None:
        """What stands for an expression that the query groups by; None for any other."""

    @abc.abstractmethod
    def check_ungrouped(self, name: syntax.Name, scope: Scope) -> None:
        """Raises 8120 for a column outside of the aggregates of a grouping query."""

    def bind(self, expression: Expression, scope: Scope) -> Bound:
        bound = self._bind(expression, scope)
        return self.grouped(bound, scope) or bound

    def _bind(self, expression: Expression, scope: Scope) -> Bound:
        match expression:
            case syntax.Literal():
                return literal(expression)
            case syntax.Name():
                return self._name(expression, scope)
            case syntax.Parameter(name):
                return self._parameter(name)
            case syntax.GlobalVariable(name):
                variable = session_functions.VARIABLES.get(name)
                if variable is None:
                    raise refused(f"the variable {name}")
                return variable(self.environment)
            case syntax.Call():
                return self._call(expression, scope)
            case syntax.Arithmetic(operator, left, right):
                return self._arithmetic(operator, self.bind(left, scope), self.bind(right, scope))
            case syntax.Negation(operand):
                return self._negation(self.bind(operand, scope))
            case syntax.Case():
                return self._case(expression, scope)
            case syntax.Cast(operand, target, style):
                source = self.bind(operand, scope)
                if source.type is None:
                    source = self.as_type(source, target)
                assert source.type is not None
                return Bound(
                    convert(source.sql, source.type, target, style=style, explicit=True),
                    target,
                    source.nullable,
                )
            case syntax.DatePart():
                raise refused("a date part outside a date function")
            case syntax.ScalarQuery(query):
                sql, columns = self.bind_subquery(query, scope)
                if len(columns) != 1:
                    raise SqlServerError(
                        116, "Only one expression can be specified in the select list when the subquery is "
                             "not "
                        "introduced with EXISTS.",
                    )  # fmt: skip
                return Bound(f"({sql})", columns[0].type, nullable=True)

    def _name(self, name: syntax.Name, scope: Scope) -> Bound:
        column = scope.resolve(name.parts)
        bound = Bound(column.sql, column.type, column.nullable)
        if self.grouped(bound, scope) is None:
            self.check_ungrouped(name, scope)
        return bound

    def _parameter(self, name: str) -> Bound:
        declared = self.environment.parameters.get(name.casefold())
        if declared is None:
            if not self.environment.describing:
                raise SqlServerError(137, f'Must declare the scalar variable "{name}".', severity=15, state=2)
            return Bound("NULL", None, parameter=name)
        key = "p_" + re.sub(r"\W", "_", name[1:].casefold())
        self.arguments[key] = declared.value
        return Bound(f"CAST(${key} AS {declared.type.duckdb})", declared.type, nullable=True)

    # Types meeting each other

    def as_type(self, bound: Bound, target: SqlType) -> Bound:
        """The expression converted implicitly; an undeclared parameter takes the type as its own."""
        if bound.type is None:
            if bound.parameter is not None:
                self.suggested.setdefault(bound.parameter.casefold(), target)
            return Bound(f"CAST(NULL AS {target.duckdb})", target, nullable=True)
        return Bound(convert(bound.sql, bound.type, target), target, bound.nullable, digits=bound.digits)

    def common(self, operands: Sequence[Bound]) -> list[Bound]:
        """The operands in the one type that CASE, COALESCE, UNION or a comparison gives them."""
        target = common_type(operands)
        return [self.as_type(operand, target) for operand in operands]

    # Operators

    def _negation(self, bound: Bound) -> Bound:
        operand = self.as_type(bound, INT) if bound.type is None else bound
        kind = operand.result_type
        if kind.name == "bit" or not kind.is_numeric:
            raise SqlServerError(8117, f"Operand data type {kind.name} is invalid for minus operator.")
        if kind.name == "tinyint":  # the only unsigned one turns into a smallint
            return Bound(f"(-CAST({operand.sql} AS SMALLINT))", SqlType("smallint"), operand.nullable)
        return Bound(f"(-{operand.sql})", kind, operand.nullable, digits=operand.digits)

    def _arithmetic(self, operator: str, left: Bound, right: Bound) -> Bound:
        kinds = [bound.type for bound in (left, right) if bound.type is not None]
        nullable = left.nullable or right.nullable
        if operator == "+" and kinds and all(kind.is_string for kind in kinds):
            return self._concatenation(left, right)
        if operator == "+" and kinds and all(kind.is_binary for kind in kinds):
            raise refused("the concatenation of binaries")
        target = common_type([left, right])
        if target.is_temporal or not target.is_numeric or target.name in ("bit", "money", "smallmoney"):
            raise refused(f"{operator} of {' and '.join(kind.name for kind in kinds)}")
        if target.is_exact:
            return self._decimal(operator, left, right)
        a, b = self.as_type(left, target).sql, self.as_type(right, target).sql
        if operator in ("/", "%"):
            if operator == "%" and target.is_approximate:
                raise SqlServerError(
                    402,
                    f"The data types {kinds[0].name} and {kinds[-1].name} are incompatible in the modulo "
                    "operator.",
                )
            symbol = "//" if operator == "/" and target.is_integer else operator
            result = f"CASE WHEN {b} = 0 THEN {failure(8134)} ELSE {a} {symbol} {b} END"
            return Bound(f"CAST({result} AS {target.duckdb})", target, nullable)
        return Bound(f"CAST({a} {operator} {b} AS {target.duckdb})", target, nullable)

    def _decimal(self, operator: str, left: Bound, right: Bound) -> Bound:
        if operator in ("/", "%"):
            raise refused("the division of decimals")
        a, b = as_decimal(left), as_decimal(right)
        if operator == "*":
            precision, scale = a.precision + b.precision + 1, a.scale + b.scale
        else:
            scale = max(a.scale, b.scale)
            precision = scale + max(a.precision - a.scale, b.precision - b.scale) + 1
        if precision > 38:
            raise refused("arithmetic on decimals of more than 38 digits")
        target = decimal(precision, scale)
        x, y = self.as_type(left, a).sql, self.as_type(right, b).sql
        if operator != "*":
            x, y = f"CAST({x} AS {target.duckdb})", f"CAST({y} AS {target.duckdb})"
        return Bound(f"CAST({x} {operator} {y} AS {target.duckdb})", target, left.nullable or right.nullable)

    def _concatenation(self, left: Bound, right: Bound) -> Bound:
        known = left.type or right.type
        assert known is not None
        a, b = self.as_type(left, left.type or known), self.as_type(right, right.type or known)
        first, second = a.result_type, b.result_type
        unicode = first.is_unicode or second.is_unicode
        limit = 4000 if unicode else 8000
        if first.is_max or second.is_max:
            length = MAX
        else:
            length = first.length + second.length
            if length > limit:
                raise refused("a concatenation that may pass 8000 bytes")
        return Bound(
            f"({a.sql} || {b.sql})",
            SqlType("nvarchar" if unicode else "varchar", length),
            a.nullable or b.nullable,
        )

    def _case(self, case: syntax.Case, scope: Scope) -> Bound:
        results = [self.bind(result, scope) for _, result in case.branches]
        otherwise = (
            literal(syntax.Literal("null", ""))
            if case.otherwise is None
            else self.bind(case.otherwise, scope)
        )
        converted = self.common([*results, otherwise])
        whens = " ".join(
            f"WHEN {self.predicate(condition, scope)} THEN {result.sql}"
            for (condition, _), result in zip(case.branches, converted[:-1], strict=True)
        )
        return Bound(f"CASE {whens} ELSE {converted[-1].sql} END", converted[0].type, nullable=True)

    # Calls

    def _call(self, call: syntax.Call, scope: Scope) -> Bound:
        if call.name in AGGREGATES:
            return self.bind_aggregate(call, scope)
        if call.star or call.distinct:
            raise refused(f"{call.name} of * or DISTINCT")
        session = session_functions.FUNCTIONS.get(call.name)
        if session is not None:
            return session(self.environment, [self.constant(argument) for argument in call.arguments])
        if call.arguments and isinstance(call.arguments[0], syntax.DatePart):
            return self._date_call(call, call.arguments[0].part, scope)
        if call.name == "HASHBYTES" and len(call.arguments) == 2:
            data = self.bind(call.arguments[1], scope)
            return functions.hashbytes(str(self.constant(call.arguments[0])), data)
        arguments = [self.bind(argument, scope) for argument in call.arguments]
        if call.name in ("COALESCE", "ISNULL", "NULLIF"):
            return self._null_function(call.name, arguments)
        if call.name == "SUBSTRING" and len(arguments) == 3:
            arguments = [
                arguments[0],
                *(self.as_type(a, INT) if a.type is None else a for a in arguments[1:]),
            ]
        scalar = functions.SCALARS.get(call.name)
        if scalar is None:
            raise refused(f"the function {call.name}")
        return scalar(call.name, arguments)

    def _date_call(self, call: syntax.Call, part: str, scope: Scope) -> Bound:
        arguments = [self.bind(argument, scope) for argument in call.arguments[1:]]
        if call.name == "DATEPART" and len(arguments) == 1:
            return functions.datepart(part, arguments[0])
        if len(arguments) != 2:
            raise SqlServerError(
                174, f"The {call.name.lower()} function requires 3 argument(s).", severity=15
            )
        return (
            functions.datediff(part, arguments)
            if call.name == "DATEDIFF"
            else functions.dateadd(part, arguments)
        )

    def _null_function(self, name: str, arguments: Sequence[Bound]) -> Bound:
        if name == "COALESCE":
            converted = self.common(arguments)
            nullable = all(argument.nullable for argument in arguments)
            return Bound(
                f"coalesce({', '.join(item.sql for item in converted)})", converted[0].type, nullable
            )
        if len(arguments) != 2:
            raise SqlServerError(174, f"The {name.lower()} function requires 2 argument(s).", severity=15)
        first, second = arguments
        if name == "NULLIF":
            equal = self.compare("=", first, second)
            return Bound(f"CASE WHEN {equal} THEN NULL ELSE {first.sql} END", first.type, nullable=True)
        target = first.type or second.type or INT
        pair = [self.as_type(argument, target) for argument in arguments]  # ISNULL keeps the first one's type
        return Bound(f"coalesce({pair[0].sql}, {pair[1].sql})", target, first.nullable and second.nullable)

    def constant(self, expression: Expression) -> session_functions.Constant:
        """The value of an argument that has to be known before the statement runs."""
        match expression:
            case syntax.Literal("null", _):
                return None
            case syntax.Literal("string" | "unicode", text):
                return text
            case syntax.Literal("integer", text):
                return int(text)
            case syntax.Parameter(name):
                declared = self.environment.parameters.get(name.casefold())
                if declared is not None and isinstance(declared.value, str | int | None):
                    return declared.value
            case syntax.Call(name, arguments) if name in ("DB_NAME", "OBJECT_ID", "USER_NAME", "SUSER_SNAME"):
                if name == "DB_NAME" and not arguments:
                    return self.environment.database.name
                if name == "OBJECT_ID" and len(arguments) == 1:
                    table = object_table(self.environment.database.schema, str(self.constant(arguments[0])))
                    return table.object_id if table is not None else None
                if name != "OBJECT_ID" and not arguments:
                    return self.environment.login.name
        raise refused("an argument that isn't a constant here")

    # Predicates

    def predicate(self, predicate: Predicate, scope: Scope) -> str:
        match predicate:
            case syntax.Comparison(operator, left, right):
                return self.compare(operator, self.bind(left, scope), self.bind(right, scope))
            case syntax.Logical(operator, left, right):
                return f"({self.predicate(left, scope)} {operator} {self.predicate(right, scope)})"
            case syntax.Not(operand):
                return f"(NOT {self.predicate(operand, scope)})"
            case syntax.IsNull(operand, negated):
                return f"({self.bind(operand, scope).sql} IS {'NOT ' if negated else ''}NULL)"
            case syntax.In():
                return self._in(predicate, scope)
            case syntax.Like():
                return self._like(predicate, scope)
            case syntax.Exists(query):
                return f"EXISTS ({self.bind_subquery(query, scope)[0]})"

    def compare(self, operator: str, left: Bound, right: Bound) -> str:
        target = common_type([left, right])
        if target.name == "uniqueidentifier" and operator not in ("=", "<>"):
            raise refused("the order of uniqueidentifiers")
        if target.is_binary:
            return self._compare_binaries(operator, left, right)
        a, b = self.as_type(left, target).sql, self.as_type(right, target).sql
        if target.is_string:
            key = comparison_key if operator in ("=", "<>") else order_key
            a, b = key(a, target), key(b, target)
        return f"({a} {operator} {b})"

    def _compare_binaries(self, operator: str, left: Bound, right: Bound) -> str:
        # Trailing zeros don't count: 0x01 = 0x0100. Without a common length the shorter one is filled up.
        long = varbinary(MAX)
        a, b = self.as_type(left, left.type or long), self.as_type(right, right.type or left.type or long)
        if a.result_type.max_length == b.result_type.max_length and "varbinary" not in (
            a.result_type.name,
            b.result_type.name,
        ):
            return f"({a.sql} {operator} {b.sql})"
        width = f"greatest(octet_length({a.sql}), octet_length({b.sql}))"

        def filled(sql: str) -> str:
            return f"({sql} || from_hex(repeat('00', CAST({width} - octet_length({sql}) AS INTEGER))))"

        return f"({filled(a.sql)} {operator} {filled(b.sql)})"

    def _in(self, predicate: syntax.In, scope: Scope) -> str:
        operand = self.bind(predicate.operand, scope)
        negation = "NOT " if predicate.negated else ""
        if predicate.query is None:
            tests = [self.compare("=", operand, self.bind(item, scope)) for item in predicate.items]
            return f"({negation}({' OR '.join(tests)}))"
        sql, columns = self.bind_subquery(predicate.query, scope)
        if len(columns) != 1:
            raise SqlServerError(116, "Only one expression can be specified in the select list when the "
                                      "subquery is "
                                 "not introduced with EXISTS.")  # fmt: skip
        column = Bound("s.c0", columns[0].type)
        target = common_type([operand, column])
        if target.is_binary:
            raise refused("IN of binaries")
        mine, theirs = self.as_type(operand, target).sql, self.as_type(column, target).sql
        values = f"SELECT {comparison_key(theirs, target)} FROM ({sql}) s"
        return f"({comparison_key(mine, target)} {negation}IN ({values}))"

    def _like(self, predicate: syntax.Like, scope: Scope) -> str:
        operand = self.bind(predicate.operand, scope)
        kind = operand.type or nvarchar(4000)
        if not kind.is_string:
            raise refused(f"LIKE on {kind.name}")
        if self.environment.describing and isinstance(predicate.pattern, syntax.Parameter):
            self.as_type(self.bind(predicate.pattern, scope), kind)
            return "(NULL)"
        pattern = self.constant(predicate.pattern)
        escape = None if predicate.escape is None else self.constant(predicate.escape)
        if pattern is None or (predicate.escape is not None and escape is None):
            return "(NULL)"
        regex = like_regex(str(pattern), None if escape is None else str(escape))
        if not kind.is_unicode:
            if str(pattern).endswith(" "):
                raise refused("LIKE on varchar with a pattern that ends in a blank")
            regex += " *"
        sql = self.as_type(operand, kind).sql
        quoted = regex.replace("'", "''")
        return f"({'NOT ' if predicate.negated else ''}regexp_full_match({sql}, '{quoted}', 'is'))"
