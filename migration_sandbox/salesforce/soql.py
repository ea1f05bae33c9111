"""Reading SOQL: text in, a Query out, MALFORMED_QUERY for anything outside the subset.

The subset: SELECT of fields, parent paths, child subqueries, COUNT(), COUNT/COUNT_DISTINCT/MIN/MAX/SUM/AVG;
one object; WHERE with comparisons, LIKE, IN, INCLUDES, AND/OR/NOT; GROUP BY fields; ORDER BY; LIMIT; OFFSET.
Names are checked by soql_run.py, which knows the schema. Grammar after "SOQL and SOSL Reference", string
escapes included.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from migration_sandbox.salesforce.errors import ApiError

AGGREGATES = frozenset({"count", "count_distinct", "min", "max", "sum", "avg"})
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_NAME = r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*"
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
  | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>""" + _NAME + r""")
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<symbol><=|>=|!=|<>|[=<>(),:])
    )""",
    re.VERBOSE | re.DOTALL,
)  # fmt: skip


@dataclass(frozen=True)
class Path:
    """`Contact__r.PANDA_Key__c`, as written."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Aggregate:
    function: str
    path: Path | None
    alias: str | None


@dataclass(frozen=True)
class Value:
    """A literal: kind is string, number, date, datetime, boolean or null. `pattern` keeps the escapes of a
    string for LIKE."""

    kind: str
    value: Any
    pattern: str = ""


@dataclass(frozen=True)
class Comparison:
    path: Path
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Logical:
    operator: str
    parts: tuple["Condition", ...]


Condition = Comparison | Logical


@dataclass(frozen=True)
class Order:
    path: Path
    descending: bool
    nulls_last: bool


@dataclass
class Query:
    select: list[Path | Aggregate]
    source: str
    where: Condition | None = None
    group_by: list[Path] = field(default_factory=list)
    order_by: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    children: list["Query"] = field(default_factory=list)
    all_rows: bool = False

    @property
    def plain_count(self) -> bool:
        only = self.select[0]
        return len(self.select) == 1 and isinstance(only, Aggregate) and only.path is None

    @property
    def aggregated(self) -> bool:
        return bool(self.group_by) or any(isinstance(item, Aggregate) for item in self.select)


def malformed(message: str) -> ApiError:
    return ApiError(400, "MALFORMED_QUERY", message)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            if rest.startswith("'"):
                raise malformed(
                    f"Bind variables only allowed in Apex code or unterminated string at position {at}"
                )
            raise malformed(f"unexpected token: '{rest[:1]}' at position {at}")
        kind = match.lastgroup or "symbol"
        found.append(_Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return found


def _string(token: _Token) -> Value:
    raw = token.text[1:-1]
    out: list[str] = []
    pattern: list[str] = []
    at = 0
    while at < len(raw):
        char = raw[at]
        if char != "\\":
            out.append(char)
            pattern.append({"%": "[\\s\\S]*", "_": "[\\s\\S]"}.get(char) or re.escape(char))
            at += 1
            continue
        mark = raw[at + 1 : at + 2]
        if mark in ("%", "_"):
            out.append(mark)
            pattern.append(re.escape(mark))
        elif mark in ESCAPES:
            out.append(ESCAPES[mark])
            pattern.append(re.escape(ESCAPES[mark]))
        elif mark == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", raw[at + 2 : at + 6]):
            out.append(chr(int(raw[at + 2 : at + 6], 16)))
            pattern.append(re.escape(out[-1]))
            at += 4
        else:
            raise malformed(
                f"Invalid string literal. Illegal character sequence '\\{mark}' in string literal."
            )
        at += 2
    return Value("string", "".join(out), "^" + "".join(pattern) + "$")


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        """The coming token as a lower-case word or symbol; literals are never mistaken for words."""
        place = self.at + ahead
        if place >= len(self.tokens):
            return ""
        token = self.tokens[place]
        return token.text.lower() if token.kind in ("name", "symbol") else "\0literal"

    def next(self) -> _Token:
        if self.at >= len(self.tokens):
            raise malformed("unexpected token: <EOF>")
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, *words: str) -> bool:
        if all(self.peek(number) == word for number, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def expect(self, word: str) -> None:
        token = self.next()
        if token.text.lower() != word or token.kind == "string":
            raise malformed(f"unexpected token: '{token.text}' at position {token.at} (expecting '{word}')")

    def name(self) -> Path:
        token = self.next()
        if token.kind != "name":
            raise malformed(f"unexpected token: '{token.text}' at position {token.at}")
        return Path(tuple(token.text.split(".")))

    def integer(self) -> int:
        token = self.next()
        if token.kind != "number" or not token.text.isdigit():
            raise malformed(f"unexpected token: '{token.text}' at position {token.at}")
        return int(token.text)

    def query(self) -> Query:
        made = self.statement()
        for words in (("for", "view"), ("for", "reference"), ("for", "update")):
            if self.accept(*words):
                raise malformed(f"{' '.join(words).upper()} is not part of this sandbox's SOQL")
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            raise malformed(f"unexpected token: '{token.text}' at position {token.at}")
        return made

    def statement(self) -> Query:
        self.expect("select")
        select: list[Path | Aggregate] = []
        children: list[Query] = []
        while not select or self.accept(","):
            if self.accept("("):
                children.append(self.statement())
                self.expect(")")
                if not select and not self.accept(","):
                    raise malformed("A query with subqueries needs a field of its own")
                continue
            select.append(self.selected())
        self.expect("from")
        source = self.name()
        if len(source.parts) > 1:
            raise malformed(f"unexpected token: '{source}'")
        made = Query(select, source.parts[0], children=children)
        if self.peek() and self.peek() not in (
            "where",
            "group",
            "order",
            "limit",
            "offset",
            "all",
            "for",
            "with",
            "using",
            ")",
        ):
            self.name()
        if self.accept("where"):
            made.where = self.condition()
        if self.accept("group", "by"):
            made.group_by = self.names()
        if self.accept("order", "by"):
            made.order_by = [self.order()]
            while self.accept(","):
                made.order_by.append(self.order())
        if self.accept("limit"):
            made.limit = self.integer()
        if self.accept("offset"):
            made.offset = self.integer()
        return made

    def names(self) -> list[Path]:
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        return found

    def selected(self) -> Path | Aggregate:
        path = self.name()
        if str(path).lower() == "typeof":
            raise malformed("TYPEOF is not part of this sandbox's SOQL")
        if not self.accept("("):
            return path
        function = str(path).lower()
        if function not in AGGREGATES:
            raise malformed(f"unexpected token: '{path}(' (only aggregate functions are known here)")
        argument = None
        if not self.accept(")"):
            argument = self.name()
            self.expect(")")
        elif function != "count":
            raise malformed(f"{function}() needs a field")
        alias = None
        if self.peek() not in (",", "from") and argument is not None:
            alias = str(self.name())
        return Aggregate(function, argument, alias)

    def order(self) -> Order:
        path = self.name()
        descending = False
        if self.accept("desc"):
            descending = True
        else:
            self.accept("asc")
        nulls_last = False
        if self.accept("nulls", "last"):
            nulls_last = True
        else:
            self.accept("nulls", "first")
        return Order(path, descending, nulls_last)

    def condition(self) -> Condition:
        first = self.unary()
        word = self.peek()
        if word not in ("and", "or"):
            return first
        parts = [first]
        while self.accept(word):
            parts.append(self.unary())
        if self.peek() in ("and", "or"):
            raise malformed("unexpected token: mixed AND and OR need parentheses")
        return Logical(word, tuple(parts))

    def unary(self) -> Condition:
        if self.accept("not"):
            return Logical("not", (self.unary(),))
        if self.accept("("):
            inner = self.condition()
            self.expect(")")
            return inner
        return self.comparison()

    def comparison(self) -> Comparison:
        path = self.name()
        if self.peek() == "(":
            raise malformed(f"unexpected token: '{path}(' (functions are not known in WHERE)")
        for words in (("not", "in"), ("in",), ("includes",), ("excludes",)):
            if self.accept(*words):
                return Comparison(path, " ".join(words), self.listed())
        token = self.next()
        operator = "!=" if token.text == "<>" else token.text.lower()
        if token.kind == "string" or operator not in ("=", "!=", "<", "<=", ">", ">=", "like"):
            raise malformed(f"unexpected token: '{token.text}' at position {token.at}")
        return Comparison(path, operator, (self.value(),))

    def listed(self) -> tuple[Value, ...]:
        self.expect("(")
        if self.peek() == "select":
            raise malformed("semi-joins are not part of this sandbox's SOQL")
        values = [self.value()]
        while self.accept(","):
            values.append(self.value())
        self.expect(")")
        return tuple(values)

    def value(self) -> Value:
        token = self.next()
        if token.kind == "string":
            return _string(token)
        if token.kind in ("number", "date", "datetime"):
            return Value(token.kind, token.text)
        word = token.text.lower()
        if word in ("true", "false"):
            return Value("boolean", word == "true")
        if word == "null":
            return Value("null", None)
        raise malformed(f"unexpected token: '{token.text}' at position {token.at}")


def parse(text: str) -> Query:
    return _Parser(text).query()
