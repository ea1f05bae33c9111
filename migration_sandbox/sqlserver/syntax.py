"""The parts of T-SQL that the sandbox reads, as a syntax tree. Shapes only: parsing is in parser.py, meaning
in binder.py."""

from __future__ import annotations

from dataclasses import dataclass

from .sqltypes import SqlType


@dataclass(frozen=True)
class Literal:
    """kind: integer, decimal, float, string, unicode, binary or null; text as written, without quotes or
    0x."""

    kind: str
    text: str


@dataclass(frozen=True)
class Name:
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    name: str  # with its @


@dataclass(frozen=True)
class GlobalVariable:
    name: str  # upper case, with its @@


@dataclass(frozen=True)
class Call:
    name: str  # upper case
    arguments: tuple[Expression, ...]
    distinct: bool = False
    star: bool = False


@dataclass(frozen=True)
class Arithmetic:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Negation:
    operand: Expression


@dataclass(frozen=True)
class Case:
    branches: tuple[tuple[Predicate, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True)
class Cast:
    operand: Expression
    type: SqlType
    style: int | None


@dataclass(frozen=True)
class DatePart:
    """The first argument of DATEADD and DATEDIFF."""

    part: str


@dataclass(frozen=True)
class ScalarQuery:
    query: Query


Expression = (
    Literal
    | Name
    | Parameter
    | GlobalVariable
    | Call
    | Arithmetic
    | Negation
    | Case
    | Cast
    | DatePart
    | ScalarQuery
)


@dataclass(frozen=True)
class Comparison:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Logical:
    operator: str  # AND, OR
    left: Predicate
    right: Predicate


@dataclass(frozen=True)
class Not:
    operand: Predicate


@dataclass(frozen=True)
class IsNull:
    operand: Expression
    negated: bool


@dataclass(frozen=True)
class In:
    operand: Expression
    items: tuple[Expression, ...]
    query: Query | None
    negated: bool


@dataclass(frozen=True)
class Like:
    operand: Expression
    pattern: Expression
    escape: Expression | None
    negated: bool


@dataclass(frozen=True)
class Exists:
    query: Query


Predicate = Comparison | Logical | Not | IsNull | In | Like | Exists


@dataclass(frozen=True)
class Star:
    qualifier: str | None


@dataclass(frozen=True)
class SelectItem:
    expression: Expression
    alias: str | None


@dataclass(frozen=True)
class TableName:
    parts: tuple[str, ...]
    alias: str | None


@dataclass(frozen=True)
class TableFunction:
    name: str
    arguments: tuple[Expression, ...]
    alias: str | None


@dataclass(frozen=True)
class DerivedTable:
    query: Query
    alias: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Join:
    """kind: INNER, LEFT, RIGHT, FULL or CROSS."""

    kind: str
    left: Source
    right: Source
    condition: Predicate | None


@dataclass(frozen=True)
class ChangeTable:
    """CHANGETABLE(CHANGES table, since)."""

    table: TableName
    since: Expression
    alias: str


Source = TableName | TableFunction | DerivedTable | Join | ChangeTable


@dataclass(frozen=True)
class OrderItem:
    expression: Expression
    descending: bool


@dataclass(frozen=True)
class Select:
    items: tuple[SelectItem | Star, ...]
    source: Source | None
    where: Predicate | None
    group_by: tuple[Expression, ...]
    having: Predicate | None
    distinct: bool
    top: Expression | None


@dataclass(frozen=True)
class CommonTable:
    name: str
    columns: tuple[str, ...]
    query: Query


@dataclass(frozen=True)
class Query:
    """One Select, or several joined by UNION ALL."""

    common_tables: tuple[CommonTable, ...]
    selects: tuple[Select, ...]
    order_by: tuple[OrderItem, ...]
    offset: Expression | None
    fetch: Expression | None


@dataclass(frozen=True)
class Insert:
    table: TableName
    columns: tuple[str, ...]
    rows: tuple[tuple[Expression | None, ...], ...]  # None is DEFAULT
    query: Query | None


@dataclass(frozen=True)
class Update:
    table: TableName
    assignments: tuple[tuple[str, Expression | None], ...]
    where: Predicate | None


@dataclass(frozen=True)
class Delete:
    table: TableName
    where: Predicate | None


@dataclass(frozen=True)
class Truncate:
    table: TableName


@dataclass(frozen=True)
class SetOption:
    """SET of a session option, upper case: ("NOCOUNT", "ON"), ("LOCK_TIMEOUT", "5000")."""

    name: str
    value: str


@dataclass(frozen=True)
class SetIsolation:
    level: str  # "SNAPSHOT", "READ COMMITTED"


@dataclass(frozen=True)
class BeginTransaction:
    pass


@dataclass(frozen=True)
class Commit:
    pass


@dataclass(frozen=True)
class Rollback:
    pass


@dataclass(frozen=True)
class Use:
    database: str


@dataclass(frozen=True)
class If:
    condition: Predicate
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class Execute:
    """EXEC of a procedure with literal arguments, by position or by name."""

    procedure: str
    arguments: tuple[tuple[str | None, Expression], ...]


@dataclass(frozen=True)
class AlterDatabase:
    """SET CHANGE_TRACKING = ON or OFF of a database, with its options; None for the session's own."""

    database: str | None
    on: bool
    retention: int
    units: str  # DAYS, HOURS, MINUTES
    auto_cleanup: bool


@dataclass(frozen=True)
class AlterTable:
    """ENABLE or DISABLE CHANGE_TRACKING of a table."""

    table: TableName
    on: bool


@dataclass(frozen=True)
class Grant:
    """GRANT VIEW CHANGE TRACKING ON a table TO a login's user."""

    table: TableName
    to: str


Statement = (
    Query | Insert | Update | Delete | Truncate | SetOption | SetIsolation | BeginTransaction | Commit |
    Rollback | Use | If | Execute | AlterDatabase | AlterTable | Grant
)  # fmt: skip
