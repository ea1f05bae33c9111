"""CREATE TABLE and CREATE INDEX statements read into a Schema; anything else in a script is refused.

A script runs once, when a database is made; the wire accepts no DDL. Foreign keys may name tables created
later in the script, as a schema's dump may.
"""

from __future__ import annotations

import dataclasses

from .errors import SqlServerError, refused
from .lexer import Kind, TokenStream, tokenize
from .schema import Column, ForeignKey, Index, PrimaryKey, Schema, Table, system_name
from .sqltypes import SqlType, make_type

# A column's default is one of these calls or a literal, so that an append can evaluate it for every row at
# once.
DEFAULT_CALLS = ("GETDATE", "SYSDATETIME", "GETUTCDATE", "SYSUTCDATETIME", "NEWID")


def parse_schema(ddl: str) -> Schema:
    """Raises SqlServerError for a statement that isn't T-SQL or that the sandbox doesn't know."""
    stream = TokenStream(tokenize(ddl))
    tables: dict[str, Table] = {}
    while stream.current.kind is not Kind.END:
        if stream.accept_mark(";") or stream.accept("GO"):
            continue
        if stream.accept("CREATE", "TABLE"):
            table = _create_table(stream)
            if table.full_name.casefold() in tables:
                raise SqlServerError(
                    2714, f"There is already an object named '{table.name}' in the database.", state=6
                )
            tables[table.full_name.casefold()] = table
        elif stream.at("CREATE"):
            name, index = _create_index(stream)
            owner = tables.get(name.casefold())
            if owner is None:
                raise SqlServerError(
                    1088, f'Cannot find the object "{name}" because it does not exist.', state=12
                )
            _check_columns(owner, index.columns)
            tables[name.casefold()] = dataclasses.replace(owner, indexes=(*owner.indexes, index))
        else:
            raise stream.error()
    for table in tables.values():
        _check_references(table, tables)
    return Schema(tuple(tables.values()))


def object_name(stream: TokenStream) -> tuple[str, str]:
    first = stream.identifier()
    return (first, stream.identifier()) if stream.accept_mark(".") else ("dbo", first)


def column_type(stream: TokenStream, *, default_length: int = 1) -> SqlType:
    """A type such as nvarchar(100), at the stream's position."""
    name = stream.identifier()
    if name.casefold() == "national" or stream.at("VARYING"):
        raise refused("a type of two words")
    if stream.accept("PRECISION"):
        name = "float"
    arguments: list[str] = []
    if stream.accept_mark("("):
        arguments.append(stream.advance().text)
        while stream.accept_mark(","):
            arguments.append(stream.advance().text)
        stream.expect_mark(")")
    declared = make_type(name, tuple(arguments), default_length=default_length)
    if declared is None:
        raise refused(f"the data type {name}")
    return declared


def _create_table(stream: TokenStream) -> Table:
    schema, name = object_name(stream)
    columns: list[Column] = []
    primary_key: PrimaryKey | None = None
    foreign_keys: list[ForeignKey] = []
    stream.expect_mark("(")
    while True:
        constraint = stream.identifier() if stream.accept("CONSTRAINT") else None
        if stream.accept("PRIMARY", "KEY"):
            primary_key = _primary_key(name, constraint, _key_columns(stream))
        elif stream.accept("FOREIGN", "KEY"):
            foreign_keys.append(_references(stream, name, constraint, _column_list(stream)))
        elif constraint is not None:
            raise refused("a table constraint other than a primary or foreign key")
        else:
            column, is_key, references = _column(stream, name)
            columns.append(column)
            foreign_keys.extend(references)
            if is_key is not None:
                primary_key = _primary_key(name, is_key or None, (column.name,))
        if not stream.accept_mark(","):
            break
    stream.expect_mark(")")
    table = Table(schema, name, tuple(columns), primary_key, tuple(foreign_keys))
    if primary_key is not None:
        _check_columns(table, primary_key.columns)
        keys = {column.casefold() for column in primary_key.columns}
        columns = [
            dataclasses.replace(c, nullable=c.nullable and c.name.casefold() not in keys) for c in columns
        ]
        table = dataclasses.replace(table, columns=tuple(columns))
    for key in foreign_keys:
        _check_columns(table, key.columns)
    return table


def _column(stream: TokenStream, table: str) -> tuple[Column, str | None, list[ForeignKey]]:
    """The column; the name of its own primary key, empty where unnamed, None without one; its references."""
    name = stream.identifier()
    declared = column_type(stream)
    nullable = True
    default: str | None = None
    key: str | None = None
    references: list[ForeignKey] = []
    while True:
        constraint = stream.identifier() if stream.accept("CONSTRAINT") else None
        if stream.accept("NOT", "NULL"):
            nullable = False
        elif stream.accept("NULL"):
            pass
        elif stream.accept("DEFAULT"):
            default = _default(stream)
        elif stream.accept("PRIMARY", "KEY"):
            if not stream.accept("CLUSTERED"):
                stream.accept("NONCLUSTERED")
            key = constraint or ""
        elif stream.accept("FOREIGN", "KEY") or stream.at("REFERENCES"):
            references.append(_references(stream, table, constraint, (name,)))
        elif (
            stream.current.keyword in ("IDENTITY", "UNIQUE", "CHECK", "COLLATE", "AS", "SPARSE") or constraint
        ):
            raise refused(f"a column declared with {stream.current.text}")
        else:
            return Column(name, declared, nullable, default), key, references


def _default(stream: TokenStream) -> str:
    depth = 0
    while stream.accept_mark("("):
        depth += 1
    sign = "-" if stream.accept_mark("-") else ""
    token = stream.advance()
    if token.kind in (Kind.STRING, Kind.UNICODE_STRING) and not sign:
        text = ("N" if token.kind is Kind.UNICODE_STRING else "") + "'" + token.text.replace("'", "''") + "'"
    elif token.kind is Kind.NUMBER or token.keyword == "NULL":
        text = sign + token.text
    elif token.keyword in DEFAULT_CALLS and stream.accept_mark("("):
        stream.expect_mark(")")
        text = token.text + "()"
    else:
        raise refused("a default that is neither a literal nor the current time nor a new id")
    for _ in range(depth):
        stream.expect_mark(")")
    return text


def _references(stream: TokenStream, table: str, name: str | None, columns: tuple[str, ...]) -> ForeignKey:
    stream.expect("REFERENCES")
    schema, referenced = object_name(stream)
    referenced_columns = _column_list(stream) if stream.at_mark("(") else ()
    if stream.at("ON"):
        raise refused("a foreign key with ON DELETE or ON UPDATE")
    return ForeignKey(
        name or system_name("FK", (table, *columns, referenced)),
        columns,
        f"{schema}.{referenced}",
        referenced_columns,
    )


def _primary_key(table: str, name: str | None, columns: tuple[str, ...]) -> PrimaryKey:
    return PrimaryKey(name or system_name("PK", (table, *columns)), columns, system_named=name is None)


def _key_columns(stream: TokenStream) -> tuple[str, ...]:
    if not stream.accept("CLUSTERED"):
        stream.accept("NONCLUSTERED")
    return _column_list(stream)


def _column_list(stream: TokenStream) -> tuple[str, ...]:
    stream.expect_mark("(")
    columns = [stream.identifier()]
    stream.accept("ASC")
    while stream.accept_mark(","):
        columns.append(stream.identifier())
        stream.accept("ASC")
    stream.expect_mark(")")
    return tuple(columns)


def _create_index(stream: TokenStream) -> tuple[str, Index]:
    stream.expect("CREATE")
    if stream.at("UNIQUE"):
        raise refused("a unique index")
    stream.accept("NONCLUSTERED")
    stream.expect("INDEX")
    name = stream.identifier()
    stream.expect("ON")
    schema, table = object_name(stream)
    return f"{schema}.{table}", Index(name, _column_list(stream), unique=False)


def _check_columns(table: Table, columns: tuple[str, ...]) -> None:
    for name in columns:
        if table.column(name) is None:
            raise SqlServerError(1911, f"Column name '{name}' does not exist in the target table or view.")


def _check_references(table: Table, tables: dict[str, Table]) -> None:
    resolved = []
    for key in table.foreign_keys:
        target = tables.get(key.referenced_table.casefold())
        if target is None:
            raise SqlServerError(
                1767, f"Foreign key '{key.name}' references invalid table '{key.referenced_table}'.", state=0
            )
        primary = target.primary_key.columns if target.primary_key else ()
        wanted = key.referenced_columns or primary
        if not primary or [name.casefold() for name in wanted] != [name.casefold() for name in primary]:
            raise SqlServerError(
                1776,
                f"There are no primary or candidate keys in the referenced table '{key.referenced_table}' "
                "that "
                f"match the referencing column list in the foreign key '{key.name}'.",
                state=0,
            )
        resolved.append(
            dataclasses.replace(key, referenced_table=target.full_name, referenced_columns=primary)
        )
    tables[table.full_name.casefold()] = dataclasses.replace(table, foreign_keys=tuple(resolved))
