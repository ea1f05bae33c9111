"""T-SQL text cut into tokens, with SQL Server's own errors for text that isn't T-SQL.

Quoted identifiers are always on, as every ODBC driver sets them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .errors import SqlServerError, refused, syntax_near


class Kind(Enum):
    WORD = "word"  # a keyword or an unquoted identifier
    NAME = "name"  # [bracketed] or "quoted"
    STRING = "string"
    UNICODE_STRING = "unicode string"
    NUMBER = "number"
    BINARY = "binary"  # 0x...
    VARIABLE = "variable"  # @P1, @@TRANCOUNT
    MARK = "mark"
    END = "end"


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str  # without its quotes
    position: int = 0

    @property
    def keyword(self) -> str:
        """The word in upper case; empty for anything that was quoted."""
        return self.text.upper() if self.kind is Kind.WORD else ""


_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<unicode_string>[nN]'(?:[^']|'')*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<bracketed>\[(?:[^\]]|\]\])*\])
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<binary>0[xX][0-9a-fA-F]*)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d*)?)
    | (?P<variable>@@?[\w$\#@]+)
    | (?P<word>[^\W\d][\w$\#@]*|\#[\w$\#@]*)
    | (?P<mark><>|<=|>=|!=|!<|!>|::|\+=|-=|\*=|/=|[-+*/%(),.;=<>~&|^:{}?])
    """,
    re.VERBOSE,
)


def tokenize(sql: str) -> list[Token]:
    """All tokens of a batch and an END token.

    Raises SqlServerError 105 for an unclosed quote, 113 for an unclosed comment, 102 for anything else.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            raise _unreadable(sql, position)
        kind = match.lastgroup
        text = match.group()
        start, position = position, match.end()
        if kind == "space":
            continue
        if kind == "comment":
            position = _after_comment(sql, position)
        elif kind == "unicode_string":
            tokens.append(Token(Kind.UNICODE_STRING, text[2:-1].replace("''", "'"), start))
        elif kind == "string":
            tokens.append(Token(Kind.STRING, text[1:-1].replace("''", "'"), start))
        elif kind == "bracketed":
            tokens.append(Token(Kind.NAME, text[1:-1].replace("]]", "]"), start))
        elif kind == "quoted":
            tokens.append(Token(Kind.NAME, text[1:-1].replace('""', '"'), start))
        else:
            assert kind is not None
            tokens.append(Token(Kind(kind), text, start))
    tokens.append(Token(Kind.END, "", len(sql)))
    return tokens


def _after_comment(sql: str, position: int) -> int:
    depth = 1
    while depth:
        match = re.compile(r"/\*|\*/").search(sql, position)
        if match is None:
            raise SqlServerError(113, "Missing end comment mark '*/'.", severity=15)
        depth += 1 if match.group() == "/*" else -1
        position = match.end()
    return position


def _unreadable(sql: str, position: int) -> SqlServerError:
    if sql[position] in "'\"[":
        return SqlServerError(105, "Unclosed quotation mark after the character string.", severity=15)
    if sql[position] in "$£€¥":
        return refused("a money literal")
    return syntax_near(sql[position])


class TokenStream:
    """A reader over tokens with one-token lookahead and T-SQL's syntax errors."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        token = self.current
        if token.kind is not Kind.END:
            self.index += 1
        return token

    def at(self, *words: str) -> bool:
        """Whether the next tokens are these keywords, in order."""
        return all(self.peek(offset).keyword == word for offset, word in enumerate(words))

    def at_mark(self, mark: str) -> bool:
        return self.current.kind is Kind.MARK and self.current.text == mark

    def accept(self, *words: str) -> bool:
        if not self.at(*words):
            return False
        for _ in words:
            self.advance()
        return True

    def accept_mark(self, mark: str) -> bool:
        if not self.at_mark(mark):
            return False
        self.advance()
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.error()

    def expect_mark(self, mark: str) -> None:
        if not self.accept_mark(mark):
            raise self.error()

    def error(self) -> SqlServerError:
        token = self.current
        if token.kind is Kind.END:
            previous = self.tokens[self.index - 1].text if self.index else ""
            return syntax_near(previous)
        if token.keyword in RESERVED:
            return SqlServerError(156, f"Incorrect syntax near the keyword '{token.text}'.", severity=15)
        return syntax_near(token.text)

    def identifier(self) -> str:
        """A name: quoted, or a word that isn't reserved."""
        token = self.current
        if token.kind is Kind.NAME or (token.kind is Kind.WORD and token.keyword not in RESERVED):
            self.advance()
            return token.text
        raise self.error()


# Of T-SQL's reserved words those that this grammar meets where a name could stand.
RESERVED = frozenset(
    [
        "ADD",
        "ALL",
        "ALTER",
        "AND",
        "ANY",
        "AS",
        "ASC",
        "BACKUP",
        "BEGIN",
        "BETWEEN",
        "BREAK",
        "BROWSE",
        "BULK",
        "BY",
        "CASCADE",
        "CASE",
        "CHECK",
        "CHECKPOINT",
        "CLOSE",
        "CLUSTERED",
        "COALESCE",
        "COLLATE",
        "COLUMN",
        "COMMIT",
        "COMPUTE",
        "CONSTRAINT",
        "CONTAINS",
        "CONTINUE",
        "CONVERT",
        "CREATE",
        "CROSS",
        "CURRENT",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "CURRENT_USER",
        "CURSOR",
        "DATABASE",
        "DBCC",
        "DEALLOCATE",
        "DECLARE",
        "DEFAULT",
        "DELETE",
        "DENY",
        "DESC",
        "DISTINCT",
        "DISTRIBUTED",
        "DOUBLE",
        "DROP",
        "ELSE",
        "END",
        "ERRLVL",
        "ESCAPE",
        "EXCEPT",
        "EXEC",
        "EXECUTE",
        "EXISTS",
        "EXIT",
        "EXTERNAL",
        "FETCH",
        "FOR",
        "FOREIGN",
        "FREETEXT",
        "FROM",
        "FULL",
        "FUNCTION",
        "GOTO",
        "GRANT",
        "GROUP",
        "HAVING",
        "HOLDLOCK",
        "IDENTITY",
        "IF",
        "IN",
        "INDEX",
        "INNER",
        "INSERT",
        "INTERSECT",
        "INTO",
        "IS",
        "JOIN",
        "KEY",
        "KILL",
        "LEFT",
        "LIKE",
        "LINENO",
        "LOAD",
        "MERGE",
        "NATIONAL",
        "NOCHECK",
        "NONCLUSTERED",
        "NOT",
        "NULL",
        "NULLIF",
        "OF",
        "OFF",
        "OFFSETS",
        "ON",
        "OPEN",
        "OPENQUERY",
        "OPENROWSET",
        "OPTION",
        "OR",
        "ORDER",
        "OUTER",
        "OVER",
        "PERCENT",
        "PIVOT",
        "PLAN",
        "PRIMARY",
        "PRINT",
        "PROC",
        "PROCEDURE",
        "PUBLIC",
        "RAISERROR",
        "READ",
        "RECONFIGURE",
        "REFERENCES",
        "REPLICATION",
        "RESTORE",
        "RESTRICT",
        "RETURN",
        "REVERT",
        "REVOKE",
        "RIGHT",
        "ROLLBACK",
        "ROWCOUNT",
        "RULE",
        "SAVE",
        "SCHEMA",
        "SELECT",
        "SESSION_USER",
        "SET",
        "SHUTDOWN",
        "SOME",
        "STATISTICS",
        "SYSTEM_USER",
        "TABLE",
        "TABLESAMPLE",
        "THEN",
        "TO",
        "TOP",
        "TRAN",
        "TRANSACTION",
        "TRIGGER",
        "TRUNCATE",
        "TRY_CONVERT",
        "TSEQUAL",
        "UNION",
        "UNIQUE",
        "UNPIVOT",
        "UPDATE",
        "USE",
        "USER",
        "VALUES",
        "VARYING",
        "VIEW",
        "WAITFOR",
        "WHEN",
        "WHERE",
        "WHILE",
        "WITH",
    ]
)
