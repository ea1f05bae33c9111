"""A batch of T-SQL read into statements; what isn't among them is refused by its first words."""

from __future__ import annotations

from . import syntax
from .change_tracking import UNITS
from .errors import SqlServerError, refused
from .expression_parser import expression, predicate, qualified_name, query
from .lexer import Kind, TokenStream, tokenize
from .syntax import Expression, Statement

_TRANSACTION = ("TRAN", "TRANSACTION", "WORK")
_STATEMENTS_REFUSED = frozenset(
    [
        "BACKUP",
        "BULK",
        "CHECKPOINT",
        "CLOSE",
        "CREATE",
        "DBCC",
        "DEALLOCATE",
        "DECLARE",
        "DENY",
        "DROP",
        "FETCH",
        "GOTO",
        "KILL",
        "MERGE",
        "OPEN",
        "PRINT",
        "RAISERROR",
        "RECONFIGURE",
        "RESTORE",
        "RETURN",
        "REVERT",
        "REVOKE",
        "SAVE",
        "SHUTDOWN",
        "THROW",
        "WAITFOR",
        "WHILE",
    ]
)


def parse_batch(sql: str) -> list[Statement]:
    """Raises SqlServerError with 102 or 156 for what isn't T-SQL, 50000 for T-SQL that the sandbox won't
    run."""
    stream = TokenStream(tokenize(sql))
    statements: list[Statement] = []
    while stream.current.kind is not Kind.END:
        if stream.accept_mark(";"):
            continue
        statements.append(_statement(stream, first=not statements))
    return statements


def _statement(stream: TokenStream, *, first: bool) -> Statement:
    word = stream.current.keyword
    if word in ("SELECT", "WITH") or stream.at_mark("("):
        return query(stream)
    if word == "INSERT":
        return _insert(stream)
    if word == "UPDATE":
        return _update(stream)
    if word == "DELETE":
        return _delete(stream)
    if word == "TRUNCATE":
        stream.expect("TRUNCATE", "TABLE")
        return syntax.Truncate(syntax.TableName(qualified_name(stream), None))
    if word == "SET":
        return _set(stream)
    if word in ("BEGIN", "COMMIT", "ROLLBACK"):
        return _transaction(stream)
    if word == "IF":
        return _if(stream)
    if word == "ALTER":
        return _alter(stream)
    if word == "GRANT":
        return _grant(stream)
    if word == "USE":
        stream.expect("USE")
        return syntax.Use(stream.identifier())
    if word in ("EXEC", "EXECUTE"):
        stream.advance()
        return _execute(stream)
    if word in _STATEMENTS_REFUSED:
        raise refused(f"the statement {word}")
    if first and stream.current.kind in (Kind.WORD, Kind.NAME):
        return _execute(stream)  # a batch may begin with a procedure's name alone
    raise stream.error()


def _insert(stream: TokenStream) -> Statement:
    stream.expect("INSERT")
    stream.accept("INTO")
    table = syntax.TableName(qualified_name(stream), None)
    columns: list[str] = []
    if stream.at_mark("(") and stream.peek().keyword != "SELECT":
        stream.expect_mark("(")
        columns.append(stream.identifier())
        while stream.accept_mark(","):
            columns.append(stream.identifier())
        stream.expect_mark(")")
    if stream.at("OUTPUT"):
        raise refused("OUTPUT")
    if not stream.accept("VALUES"):
        if stream.accept("DEFAULT", "VALUES"):
            return syntax.Insert(table, (), ((),), None)
        if stream.current.keyword not in ("SELECT", "WITH"):
            raise stream.error()
        return syntax.Insert(table, tuple(columns), (), query(stream))
    rows = [_row(stream)]
    while stream.accept_mark(","):
        rows.append(_row(stream))
    return syntax.Insert(table, tuple(columns), tuple(rows), None)


def _row(stream: TokenStream) -> tuple[Expression | None, ...]:
    stream.expect_mark("(")
    values = [_value(stream)]
    while stream.accept_mark(","):
        values.append(_value(stream))
    stream.expect_mark(")")
    return tuple(values)


def _value(stream: TokenStream) -> Expression | None:
    return None if stream.accept("DEFAULT") else expression(stream)


def _update(stream: TokenStream) -> Statement:
    stream.expect("UPDATE")
    table = syntax.TableName(qualified_name(stream), None)
    stream.expect("SET")
    assignments: list[tuple[str, Expression | None]] = []
    while True:
        name = qualified_name(stream)
        if not stream.accept_mark("="):
            raise refused("a compound assignment")
        assignments.append((name[-1], _value(stream)))
        if not stream.accept_mark(","):
            break
    if stream.current.keyword in ("FROM", "OUTPUT"):
        raise refused(f"UPDATE with {stream.current.keyword}")
    return syntax.Update(table, tuple(assignments), predicate(stream) if stream.accept("WHERE") else None)


def _delete(stream: TokenStream) -> Statement:
    stream.expect("DELETE")
    stream.accept("FROM")
    table = syntax.TableName(qualified_name(stream), None)
    if stream.current.keyword in ("FROM", "OUTPUT", "INNER", "JOIN"):
        raise refused(f"DELETE with {stream.current.keyword}")
    return syntax.Delete(table, predicate(stream) if stream.accept("WHERE") else None)


def _set(stream: TokenStream) -> Statement:
    stream.expect("SET")
    if stream.current.kind is Kind.VARIABLE:
        raise refused("variables")
    if stream.accept("TRANSACTION", "ISOLATION", "LEVEL"):
        level = stream.advance().keyword
        if level in ("READ", "REPEATABLE"):
            level += " " + stream.advance().keyword
        if level not in ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SNAPSHOT", "SERIALIZABLE"):
            raise stream.error()
        return syntax.SetIsolation(level)
    name = stream.advance().text.upper()
    while stream.accept_mark(","):  # SET QUOTED_IDENTIFIER, ANSI_NULLS ON
        name += "," + stream.advance().text.upper()
    sign = "-" if stream.accept_mark("-") else ""
    if stream.current.kind in (Kind.END, Kind.MARK):
        raise stream.error()
    return syntax.SetOption(name, sign + stream.advance().text.upper())


def _alter(stream: TokenStream) -> Statement:
    stream.expect("ALTER")
    if stream.accept("DATABASE"):
        database = None if stream.accept("CURRENT") else stream.identifier()
        stream.expect("SET")
        return _database_tracking(stream, database)
    if not stream.accept("TABLE"):
        raise refused(f"ALTER {stream.current.keyword}")
    table = syntax.TableName(qualified_name(stream), None)
    on = stream.accept("ENABLE", "CHANGE_TRACKING")
    if not on and not stream.accept("DISABLE", "CHANGE_TRACKING"):
        raise refused("ALTER TABLE other than of change tracking")
    if on and stream.accept("WITH"):
        stream.expect_mark("(")
        stream.expect("TRACK_COLUMNS_UPDATED")
        stream.expect_mark("=")
        if not stream.accept("OFF"):
            raise refused("TRACK_COLUMNS_UPDATED")
        stream.expect_mark(")")
    return syntax.AlterTable(table, on)


def _database_tracking(stream: TokenStream, database: str | None) -> Statement:
    if not stream.accept("CHANGE_TRACKING"):
        raise refused("ALTER DATABASE other than of change tracking")
    stream.expect_mark("=")
    if stream.accept("OFF"):
        return syntax.AlterDatabase(database, on=False, retention=0, units="DAYS", auto_cleanup=False)
    stream.expect("ON")
    retention, units, cleanup = 2, "DAYS", True  # SQL Server's defaults
    if stream.accept_mark("("):
        while True:
            if stream.accept("CHANGE_RETENTION"):
                stream.expect_mark("=")
                number = stream.advance()
                if number.kind is not Kind.NUMBER or not number.text.isdigit():
                    raise stream.error()
                retention, units = int(number.text), stream.advance().keyword
                if units not in UNITS:
                    raise stream.error()
            else:
                stream.expect("AUTO_CLEANUP")
                stream.expect_mark("=")
                cleanup = stream.accept("ON")
                if not cleanup:
                    stream.expect("OFF")
            if not stream.accept_mark(","):
                break
        stream.expect_mark(")")
    return syntax.AlterDatabase(database, on=True, retention=retention, units=units, auto_cleanup=cleanup)


def _grant(stream: TokenStream) -> Statement:
    stream.expect("GRANT")
    if not stream.accept("VIEW", "CHANGE", "TRACKING"):
        raise refused("GRANT of another permission than VIEW CHANGE TRACKING")
    stream.expect("ON")
    if stream.at("OBJECT") and stream.peek().text == "::":
        stream.advance()
        stream.expect_mark("::")
    table = syntax.TableName(qualified_name(stream), None)
    stream.expect("TO")
    return syntax.Grant(table, stream.identifier())


def _transaction(stream: TokenStream) -> Statement:
    word = stream.advance().keyword
    if word == "BEGIN" and stream.current.keyword not in ("TRAN", "TRANSACTION"):
        raise refused("BEGIN other than of a transaction")
    named = stream.current.keyword in _TRANSACTION
    if named:
        stream.advance()
    if named and (stream.current.kind is Kind.NAME or stream.current.kind is Kind.VARIABLE):
        raise refused("a named transaction")
    if word == "BEGIN":
        return syntax.BeginTransaction()
    return syntax.Commit() if word == "COMMIT" else syntax.Rollback()


def _if(stream: TokenStream) -> Statement:
    stream.expect("IF")
    condition = predicate(stream)
    then = _block(stream)
    stream.accept_mark(";")
    return syntax.If(condition, then, _block(stream) if stream.accept("ELSE") else ())


def _block(stream: TokenStream) -> tuple[Statement, ...]:
    if not (stream.at("BEGIN") and stream.peek().keyword not in ("TRAN", "TRANSACTION")):
        return (_statement(stream, first=False),)
    stream.expect("BEGIN")
    statements: list[Statement] = []
    while not stream.accept("END"):
        if stream.current.kind is Kind.END:
            raise stream.error()
        if not stream.accept_mark(";"):
            statements.append(_statement(stream, first=False))
    return tuple(statements)


def _execute(stream: TokenStream) -> Statement:
    procedure = qualified_name(stream)[-1].lower()
    arguments: list[tuple[str | None, Expression]] = []
    while stream.current.kind is not Kind.END and not stream.at_mark(";"):
        name = None
        if stream.current.kind is Kind.VARIABLE and stream.peek().text == "=":
            name = stream.advance().text.lower()
            stream.advance()
        if stream.at_mark("-") or stream.current.kind in (
            Kind.STRING, Kind.UNICODE_STRING, Kind.NUMBER, Kind.BINARY, Kind.VARIABLE,
        ) or stream.at("NULL"):  # fmt: skip
            value = expression(stream)
        elif stream.current.kind in (Kind.WORD, Kind.NAME):
            value = syntax.Literal("unicode", stream.advance().text)  # EXEC sp_columns Patient
        else:
            raise stream.error()
        if stream.at("OUTPUT") or stream.at("OUT"):
            raise refused("an output argument of EXEC")
        arguments.append((name, value))
        if not stream.accept_mark(","):
            break
    if stream.current.kind is not Kind.END and not stream.at_mark(";"):
        raise stream.error()
    return syntax.Execute(procedure, tuple(arguments))


def one_statement(sql: str) -> Statement:
    statements = parse_batch(sql)
    if len(statements) != 1:
        raise SqlServerError(
            11526, "The metadata could not be determined because the batch has several statements."
        )
    return statements[0]
