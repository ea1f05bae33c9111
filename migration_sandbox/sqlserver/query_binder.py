"""The meaning of queries: sources, grouping, order and paging as one DuckDB SELECT, with typed columns.

Every query's columns are c0, c1, ... in DuckDB; their T-SQL names are kept apart, since T-SQL allows a name
twice and none at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from . import syntax
from .aggregates import aggregate, any_value, count, has_aggregate
from .catalog_views import VIEWS, relation
from .change_tracking import changetable_columns
from .environment import Environment
from .errors import SqlServerError, invalid_object, permission_denied, refused
from .expression_binder import ExpressionBinder
from .permissions import VIEW_CHANGE_TRACKING, my_permissions, object_table
from .schema import Table, quoted
from .scope import Bound, OutputColumn, Scope, SourceColumn, SourceTable
from .sqltypes import BIGINT, SYSNAME
from .storage_rules import comparison_key
from .type_rules import common_type, order_key


@dataclass
class _Grouping:
    """How a grouping query's expressions are seen: by their DuckDB text before grouping."""

    scope: Scope
    keys: dict[str, Bound]
    inside_aggregate: bool = False


@dataclass(frozen=True)
class _CommonTable:
    sql: str
    columns: tuple[OutputColumn, ...]


class QueryBinder(ExpressionBinder):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._groupings: list[_Grouping] = []
        self._common_tables: dict[str, _CommonTable] = {}
        self._aliases = 0
        self.tables: list[Table] = []  # the database's own tables that the query reads

    def query(self, query: syntax.Query, outer: Scope | None = None) -> tuple[str, list[OutputColumn]]:
        """DuckDB SQL and the result's columns."""
        before = dict(self._common_tables)
        for common in query.common_tables:
            sql, columns = self.query(common.query)
            named = _renamed(columns, common.columns)
            self._common_tables[common.name.casefold()] = _CommonTable(sql, tuple(named))
        try:
            if len(query.selects) == 1:
                return self._select(query.selects[0], query, outer)
            return self._union(query, outer)
        finally:
            self._common_tables = before

    def bind_subquery(self, query: syntax.Query, outer: Scope) -> tuple[str, list[OutputColumn]]:
        _check_subquery_order(query)
        return self.query(query, outer)

    def _union(self, query: syntax.Query, outer: Scope | None) -> tuple[str, list[OutputColumn]]:
        bare = syntax.Query((), (), (), None, None)
        parts = [self._select(select, bare, outer) for select in query.selects]
        widths = {len(columns) for _, columns in parts}
        if len(widths) != 1:
            raise SqlServerError(205, "All queries combined using a UNION, INTERSECT or EXCEPT operator "
                                      "must have an "
                                 "equal number of expressions in their target lists.")  # fmt: skip
        kinds = [common_type([Bound("", c[i].type) for _, c in parts]) for i in range(widths.pop())]
        selects = []
        for sql, columns in parts:
            items = [
                f"{self.as_type(Bound(f'u.c{i}', column.type), kind).sql} AS c{i}"
                for i, (column, kind) in enumerate(zip(columns, kinds, strict=True))
            ]
            selects.append(f"SELECT {', '.join(items)} FROM ({sql}) u")
        output = [
            OutputColumn(column.name, kind, any(c[i].nullable for _, c in parts))
            for i, (column, kind) in enumerate(zip(parts[0][1], kinds, strict=True))
        ]
        sources = tuple(SourceColumn(c.name, f"u.c{i}", c.type, c.nullable) for i, c in enumerate(output))
        scope = Scope([SourceTable("", None, sources)])
        order = self._order(query, scope, [Bound(c.sql, c.type) for c in sources], [c.name for c in output])
        names = ", ".join(c.sql for c in sources)
        return (
            f"SELECT {names} FROM ({' UNION ALL '.join(selects)}) u{order}{self._paging(query, None)}",
            output,
        )

    def _select(
        self, select: syntax.Select, query: syntax.Query, outer: Scope | None
    ) -> tuple[str, list[OutputColumn]]:
        scope = Scope(outer=outer)
        source = f" FROM {self._source(select.source, scope)}" if select.source is not None else ""
        where = f" WHERE {self.predicate(select.where, scope)}" if select.where is not None else ""
        grouped = bool(select.group_by) or select.having is not None or has_aggregate(select)
        grouping, keys = self._grouping(select, scope) if grouped else (None, [])
        with self._inside(grouping):
            items, names = self._items(select, scope)
            having = f" HAVING {self.predicate(select.having, scope)}" if select.having is not None else ""
            if select.distinct:
                if grouped:
                    raise refused("DISTINCT with aggregates")
                keys = [comparison_key(item.sql, item.result_type) for item in items]
                items = [Bound(any_value(item), item.type, item.nullable) for item in items]
                order = self._distinct_order(query, items, names)
            else:
                order = self._order(query, scope, items, names)
        output = [
            OutputColumn(name, item.result_type, item.nullable)
            for item, name in zip(items, names, strict=True)
        ]
        columns = ", ".join(
            f"{self.as_type(item, item.result_type).sql} AS c{number}" for number, item in enumerate(items)
        )
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        return (
            f"SELECT {columns}{source}{where}{group}{having}{order}{self._paging(query, select.top)}",
            output,
        )

    def _items(self, select: syntax.Select, scope: Scope) -> tuple[list[Bound], list[str]]:
        items: list[Bound] = []
        names: list[str] = []
        for item in select.items:
            if isinstance(item, syntax.Star):
                for column in self._star(item, scope):
                    items.append(self.bind(syntax.Name(column), scope))
                    names.append(column[-1])
                continue
            items.append(self.bind(item.expression, scope))
            own = item.expression.parts[-1] if isinstance(item.expression, syntax.Name) else ""
            names.append(
                item.alias if item.alias is not None else self._spelled(item.expression, scope) or own
            )
        return items, names

    def _spelled(self, expression: syntax.Expression, scope: Scope) -> str:
        """A column's name as its table declares it, whatever the query's case."""
        return scope.resolve(expression.parts).name if isinstance(expression, syntax.Name) else ""

    def _star(self, star: syntax.Star, scope: Scope) -> Iterator[tuple[str, ...]]:
        sources = [
            source
            for source in scope.sources
            if star.qualifier is None or source.exposed.casefold() == star.qualifier.casefold()
        ]
        if not sources:
            raise SqlServerError(263, "Must specify table to select from.")
        for source in sources:
            for column in source.columns:
                yield (source.exposed, column.name) if source.exposed else (column.name,)

    # Grouping

    def _grouping(self, select: syntax.Select, scope: Scope) -> tuple[_Grouping, list[str]]:
        seen: dict[str, Bound] = {}
        keys: list[str] = []
        for expression in select.group_by:
            bound = self.bind(expression, scope)
            if bound.type is None or isinstance(expression, syntax.Literal | syntax.Parameter):
                raise SqlServerError(164, "Each GROUP BY expression must contain at least one column that "
                                          "is not an "
                                     "outer reference.")  # fmt: skip
            keys.append(comparison_key(bound.sql, bound.type))
            seen[bound.sql] = (
                Bound(any_value(bound), bound.type, bound.nullable) if bound.type.is_string else bound
            )
        return _Grouping(scope, seen), keys

    @contextmanager
    def _inside(self, grouping: _Grouping | None) -> Iterator[None]:
        if grouping is None:
            yield
            return
        self._groupings.append(grouping)
        try:
            yield
        finally:
            self._groupings.pop()

    def _current(self, scope: Scope) -> _Grouping | None:
        found = self._groupings[-1] if self._groupings else None
        return found if found is not None and found.scope is scope and not found.inside_aggregate else None

    def grouped(self, bound: Bound, scope: Scope) -> Bound | None:
        grouping = self._current(scope)
        return grouping.keys.get(bound.sql) if grouping is not None else None

    def check_ungrouped(self, name: syntax.Name, scope: Scope) -> None:
        if self._current(scope) is not None and any(
            column is scope.resolve(name.parts) for source in scope.sources for column in source.columns
        ):
            raise SqlServerError(
                8120,
                f"Column '{'.'.join(name.parts)}' is invalid in the select list because it is not contained "
                "in either "
                "an aggregate function or the GROUP BY clause.",
            )

    def bind_aggregate(self, call: syntax.Call, scope: Scope) -> Bound:
        grouping = self._current(scope)
        if grouping is None:
            raise SqlServerError(147, "An aggregate may not appear in the WHERE clause, in another "
                                      "aggregate or over "
                                 "an outer reference here.", severity=15)  # fmt: skip
        if call.star:
            if call.name not in ("COUNT", "COUNT_BIG"):
                raise SqlServerError(102, "Incorrect syntax near '*'.", severity=15)
            return count(call.name, "count(*)")
        if len(call.arguments) != 1:
            raise SqlServerError(
                174, f"The {call.name.lower()} function requires 1 argument(s).", severity=15
            )
        grouping.inside_aggregate = True
        try:
            operand = self.bind(call.arguments[0], scope)
        finally:
            grouping.inside_aggregate = False
        if operand.type is None:
            raise SqlServerError(8117, f"Operand data type NULL is invalid for {call.name.lower()} operator.")
        return aggregate(call, operand, operand.type)

    # Order and paging

    def _order(self, query: syntax.Query, scope: Scope, items: list[Bound], names: list[str]) -> str:
        if not query.order_by:
            return ""
        terms = []
        for item in query.order_by:
            bound = _listed(item.expression, items, names)
            if bound is None:
                bound = self.bind(item.expression, scope)
            terms.append(_order_term(bound, descending=item.descending))
        return f" ORDER BY {', '.join(terms)}"

    def _distinct_order(self, query: syntax.Query, items: list[Bound], names: list[str]) -> str:
        terms = []
        for item in query.order_by:
            bound = _listed(item.expression, items, names)
            if bound is None:
                raise SqlServerError(145, "ORDER BY items must appear in the select list if SELECT DISTINCT "
                                          "is "
                                     "specified.", severity=15)  # fmt: skip
            terms.append(_order_term(bound, descending=item.descending))
        return f" ORDER BY {', '.join(terms)}" if terms else ""

    def _paging(self, query: syntax.Query, top: syntax.Expression | None) -> str:
        if top is not None:
            if query.offset is not None:
                raise SqlServerError(
                    10741, "A TOP can not be used in the same query or sub-query as a OFFSET.", severity=15
                )
            return f" LIMIT {self._count(top)}"
        if query.offset is None:
            return ""
        limit = f" LIMIT {self._count(query.fetch)}" if query.fetch is not None else ""
        return f"{limit} OFFSET {self._count(query.offset)}"

    def _count(self, expression: syntax.Expression) -> int:
        if self.environment.describing and isinstance(expression, syntax.Parameter):
            self.suggested.setdefault(expression.name.casefold(), BIGINT)
            return 0
        value = self.constant(expression)
        if not isinstance(value, int):
            raise SqlServerError(1060, "The number of rows provided for a TOP or FETCH clauses row count "
                                       "parameter must "
                                 "be an integer.", severity=15)  # fmt: skip
        if value < 0:
            raise SqlServerError(1014, "A TOP or FETCH clause contains an invalid value.", severity=15)
        return value

    # Sources

    def _alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def _source(self, source: syntax.Source, scope: Scope) -> str:
        match source:
            case syntax.TableName():
                return self._named_table(source, scope)
            case syntax.TableFunction():
                return self._table_function(source, scope)
            case syntax.ChangeTable():
                return self._change_table(source, scope)
            case syntax.DerivedTable(query, alias, columns):
                _check_subquery_order(query)
                sql, output = self.query(query)
                return self._relation(f"({sql})", alias, None, _renamed(output, columns), scope)
            case syntax.Join(kind, left, right, condition):
                sides = f"{self._source(left, scope)} {kind} JOIN {self._source(right, scope)}"
                if condition is None:
                    return f"({sides})"
                return f"({sides} ON {self.predicate(condition, scope)})"

    def _named_table(self, source: syntax.TableName, scope: Scope) -> str:
        parts = source.parts
        exposed = source.alias or parts[-1]
        if len(parts) == 1 and parts[0].casefold() in self._common_tables:
            common = self._common_tables[parts[0].casefold()]
            return self._relation(f"({common.sql})", exposed, None, list(common.columns), scope)
        view = VIEWS.get(".".join(part.casefold() for part in parts[-2:])) if len(parts) > 1 else None
        if view is not None and self._is_here(parts):
            alias = self._alias()
            view_columns = tuple(
                SourceColumn(name, f'{alias}."{name}"', kind, True) for name, kind in view.columns
            )
            scope.add(SourceTable(exposed, parts[-2], view_columns))
            return f"{relation(view, self.environment)} {alias}"
        table = self.table(source)
        self.require("SELECT", table)
        self.tables.append(table)
        alias = self._alias()
        columns = tuple(
            SourceColumn(c.name, f"{alias}.{quoted(c.name)}", c.type, c.nullable) for c in table.columns
        )
        scope.add(SourceTable(exposed, table.schema, columns))
        return f"{table.duckdb_name} {alias}"

    def _is_here(self, parts: tuple[str, ...]) -> bool:
        return len(parts) < 3 or parts[-3].casefold() == self.environment.database.name.casefold()

    def table(self, source: syntax.TableName) -> Table:
        """A table of the session's database; raises 208."""
        parts = source.parts
        owner = parts[-2] if len(parts) > 1 else "dbo"
        found = self.environment.database.schema.table(parts[-1], owner) if self._is_here(parts) else None
        if found is None or len(parts) > 3:
            raise invalid_object(".".join(parts))
        return found

    def require(self, permission: str, table: Table) -> None:
        environment = self.environment
        granted = permission == VIEW_CHANGE_TRACKING and environment.database.tracking.granted(
            environment.login.name, table
        )
        if not granted and not environment.login.may(permission):
            raise permission_denied(permission, table.name, self.environment.database.name, table.schema)

    def _change_table(self, source: syntax.ChangeTable, scope: Scope) -> str:
        table = self.table(source.table)
        self.require(VIEW_CHANGE_TRACKING, table)
        tracking = self.environment.database.tracking
        if self.environment.describing and isinstance(source.since, syntax.Parameter):
            self.suggested.setdefault(source.since.name.casefold(), BIGINT)
            since = None
        else:
            since = self.constant(source.since)
        if isinstance(since, str):
            raise refused("CHANGETABLE since a version that isn't a number")
        self.tables.append(table)
        output = [OutputColumn(name, kind, nullable=True) for name, kind in changetable_columns(table)]
        return self._relation(tracking.changes(table, since), source.alias, None, output, scope)

    def _table_function(self, source: syntax.TableFunction, scope: Scope) -> str:
        if source.name.casefold() != "fn_my_permissions" or len(source.arguments) != 2:
            raise refused("this table-valued function")
        securable, kind = (self.constant(argument) for argument in source.arguments)
        rows = my_permissions(
            self.environment.login,
            self.environment.database.schema,
            None if securable is None else str(securable),
            None if kind is None else str(kind),
        )
        table = object_table(self.environment.database.schema, str(securable or ""))
        tracking = self.environment.database.tracking
        if table is not None and rows and tracking.granted(self.environment.login.name, table):
            rows.append((str(securable), "", VIEW_CHANGE_TRACKING))
        names = ("entity_name", "subentity_name", "permission_name")
        output = [OutputColumn(name, SYSNAME, nullable=True) for name in names]
        quoted_rows = [
            "(" + ", ".join("'" + value.replace("'", "''") + "'" for value in row) + ")" for row in rows
        ]
        empty = "SELECT NULL::VARCHAR c0, NULL::VARCHAR c1, NULL::VARCHAR c2 WHERE false"
        body = f"SELECT * FROM (VALUES {', '.join(quoted_rows)}) v(c0, c1, c2)" if rows else empty
        return self._relation(f"({body})", source.alias or source.name, None, output, scope)

    def _relation(
        self, sql: str, exposed: str, schema: str | None, output: list[OutputColumn], scope: Scope
    ) -> str:
        alias = self._alias()
        columns = tuple(
            SourceColumn(column.name, f"{alias}.c{number}", column.type, column.nullable)
            for number, column in enumerate(output)
        )
        scope.add(SourceTable(exposed, schema, columns))
        return f"{sql} {alias}"


def _check_subquery_order(query: syntax.Query) -> None:
    paged = query.offset is not None or any(select.top is not None for select in query.selects)
    if query.order_by and not paged:
        raise SqlServerError(1033, "The ORDER BY clause is invalid in views, inline functions, derived "
                                   "tables, "
                             "subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is "
                             "also "
                             "specified.", severity=15)  # fmt: skip


def _renamed(columns: list[OutputColumn], names: tuple[str, ...]) -> list[OutputColumn]:
    if not names:
        return columns
    if len(names) != len(columns):
        raise SqlServerError(
            8158, "The query has more or fewer columns than were specified in its column list."
        )
    return [
        OutputColumn(name, column.type, column.nullable) for name, column in zip(names, columns, strict=True)
    ]


def _listed(expression: syntax.Expression, items: list[Bound], names: list[str]) -> Bound | None:
    """The select list's own item that ORDER BY names by position or by name."""
    if isinstance(expression, syntax.Literal) and expression.kind == "integer":
        position = int(expression.text)
        if not 1 <= position <= len(items):
            raise SqlServerError(108, f"The ORDER BY position number {position} is out of range of the "
                                      "number of items "
                                 "in the select list.", severity=15)  # fmt: skip
        return items[position - 1]
    if isinstance(expression, syntax.Literal | syntax.Parameter):
        raise SqlServerError(408, "A constant expression was encountered in the ORDER BY list.", severity=15)
    if isinstance(expression, syntax.Name):
        name = expression.parts[-1].casefold()
        found = [item for item, alias in zip(items, names, strict=True) if alias.casefold() == name]
        if len(expression.parts) == 1 and found:
            if len({item.sql for item in found}) > 1:
                raise SqlServerError(209, f"Ambiguous column name '{expression.parts[-1]}'.")
            return found[0]
    return None


def _order_term(bound: Bound, *, descending: bool) -> str:
    kind = bound.result_type
    if kind.name == "uniqueidentifier":
        raise refused("the order of uniqueidentifiers")
    return f"{order_key(bound.sql, kind)} {'DESC NULLS LAST' if descending else 'ASC NULLS FIRST'}"
