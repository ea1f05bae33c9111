"""T-SQL's expressions, predicates and queries, read by recursive descent.

Statements are in parser.py. What T-SQL knows and this grammar doesn't is either a syntax error here or a
refusal in the binder, never a guess.
"""

from __future__ import annotations

from . import syntax
from .ddl import column_type
from .errors import SqlServerError, refused
from .lexer import Kind, TokenStream
from .syntax import Expression, Predicate, Query, Select

_COMPARISONS = {
    "=": "=",
    "<>": "<>",
    "!=": "<>",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "!<": ">=",
    "!>": "<=",
}
_WITHOUT_PARENTHESES = ("CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER")
_RESERVED_CALLS = ("COALESCE", "NULLIF", "LEFT", "RIGHT")
_DATE_CALLS = ("DATEADD", "DATEDIFF", "DATEPART")


def query(stream: TokenStream) -> Query:
    common_tables: list[syntax.CommonTable] = []
    if stream.accept("WITH"):
        while True:
            name = stream.identifier()
            columns = _names(stream) if stream.at_mark("(") else ()
            stream.expect("AS")
            stream.expect_mark("(")
            common_tables.append(syntax.CommonTable(name, columns, query(stream)))
            stream.expect_mark(")")
            if not stream.accept_mark(","):
                break
    selects = [_select_term(stream)]
    while stream.current.keyword in ("UNION", "EXCEPT", "INTERSECT"):
        word = stream.advance().keyword
        if word != "UNION" or not stream.accept("ALL"):
            raise refused(f"{word} without ALL")
        selects.append(_select_term(stream))
    order_by, offset, fetch = _order_by(stream)
    if stream.current.keyword in ("FOR", "OPTION"):
        raise refused(f"a query with {stream.current.keyword}")
    return Query(tuple(common_tables), tuple(selects), order_by, offset, fetch)


def _select_term(stream: TokenStream) -> Select:
    if stream.accept_mark("("):
        term = _select_term(stream)
        stream.expect_mark(")")
        return term
    return _select(stream)


def _select(stream: TokenStream) -> Select:
    stream.expect("SELECT")
    distinct = stream.accept("DISTINCT")
    if not distinct:
        stream.accept("ALL")
    top = _top(stream) if stream.accept("TOP") else None
    items = [_select_item(stream)]
    while stream.accept_mark(","):
        items.append(_select_item(stream))
    if stream.at("INTO"):
        raise refused("SELECT INTO")
    source = from_clause(stream) if stream.accept("FROM") else None
    where = predicate(stream) if stream.accept("WHERE") else None
    group_by: list[Expression] = []
    if stream.accept("GROUP"):
        stream.expect("BY")
        group_by.append(expression(stream))
        while stream.accept_mark(","):
            group_by.append(expression(stream))
        if stream.at("WITH"):
            raise refused("GROUP BY WITH CUBE or ROLLUP")
    having = predicate(stream) if stream.accept("HAVING") else None
    return Select(tuple(items), source, where, tuple(group_by), having, distinct, top)


def _top(stream: TokenStream) -> Expression:
    if stream.accept_mark("("):
        count = expression(stream)
        stream.expect_mark(")")
    else:
        count = _primary(stream)
    if stream.at("PERCENT") or stream.at("WITH", "TIES"):
        raise refused("TOP with PERCENT or TIES")
    return count


def _select_item(stream: TokenStream) -> syntax.SelectItem | syntax.Star:
    if stream.accept_mark("*"):
        return syntax.Star(None)
    if stream.peek().text == "." and stream.peek(2).text == "*" and stream.peek(2).kind is Kind.MARK:
        qualifier = stream.identifier()
        stream.expect_mark(".")
        stream.expect_mark("*")
        return syntax.Star(qualifier)
    if stream.current.kind in (Kind.NAME, Kind.WORD) and stream.peek().text == "=":
        alias = stream.identifier()
        stream.expect_mark("=")
        return syntax.SelectItem(expression(stream), alias)
    value = expression(stream)
    if stream.accept("AS"):
        if stream.current.kind in (Kind.STRING, Kind.UNICODE_STRING):
            return syntax.SelectItem(value, stream.advance().text)
        return syntax.SelectItem(value, stream.identifier())
    return syntax.SelectItem(value, _optional_alias(stream))


def _optional_alias(stream: TokenStream) -> str | None:
    if stream.accept("AS"):
        return stream.identifier()
    token = stream.current
    if token.kind is Kind.NAME:
        return stream.identifier()
    if token.kind is Kind.WORD:
        try:
            return stream.identifier()
        except SqlServerError:
            return None
    return None


def _order_by(
    stream: TokenStream,
) -> tuple[tuple[syntax.OrderItem, ...], Expression | None, Expression | None]:
    if not stream.accept("ORDER"):
        return (), None, None
    stream.expect("BY")
    items = [_order_item(stream)]
    while stream.accept_mark(","):
        items.append(_order_item(stream))
    offset = fetch = None
    if stream.accept("OFFSET"):
        offset = expression(stream)
        if not stream.accept("ROWS"):
            stream.expect("ROW")
        if stream.accept("FETCH"):
            if not stream.accept("NEXT"):
                stream.expect("FIRST")
            fetch = expression(stream)
            if not stream.accept("ROWS"):
                stream.expect("ROW")
            stream.expect("ONLY")
    return tuple(items), offset, fetch


def _order_item(stream: TokenStream) -> syntax.OrderItem:
    value = expression(stream)
    if stream.accept("DESC"):
        return syntax.OrderItem(value, descending=True)
    stream.accept("ASC")
    return syntax.OrderItem(value, descending=False)


def from_clause(stream: TokenStream) -> syntax.Source:
    source = _joined(stream)
    while stream.accept_mark(","):
        source = syntax.Join("CROSS", source, _joined(stream), None)
    return source


def _joined(stream: TokenStream) -> syntax.Source:
    source = _table(stream)
    while True:
        kind = ""
        if stream.accept("CROSS"):
            if stream.at("APPLY"):
                raise refused("CROSS APPLY")
            stream.expect("JOIN")
            source = syntax.Join("CROSS", source, _table(stream), None)
            continue
        if stream.current.keyword in ("LEFT", "RIGHT", "FULL"):
            kind = stream.advance().keyword
            stream.accept("OUTER")
        elif stream.accept("INNER") or stream.at("JOIN"):
            kind = "INNER"
        if not kind:
            return source
        stream.expect("JOIN")
        right = _joined_right(stream)
        stream.expect("ON")
        source = syntax.Join(kind, source, right, predicate(stream))


def _joined_right(stream: TokenStream) -> syntax.Source:
    if stream.at_mark("(") and stream.peek().keyword not in ("SELECT", "WITH"):
        stream.expect_mark("(")
        inner = _joined(stream)
        stream.expect_mark(")")
        return inner
    return _table(stream)


def _table(stream: TokenStream) -> syntax.Source:
    if stream.accept_mark("("):
        inner = query(stream)
        stream.expect_mark(")")
        alias = _optional_alias(stream)
        if alias is None:
            raise stream.error()
        return syntax.DerivedTable(inner, alias, _names(stream) if stream.at_mark("(") else ())
    parts = qualified_name(stream)
    if stream.at_mark("(") and parts[-1].upper() == "CHANGETABLE":
        return _change_table(stream)
    if stream.at_mark("("):
        return syntax.TableFunction(parts[-1], _arguments(stream), _optional_alias(stream))
    alias = _optional_alias(stream)
    if stream.at("WITH") or stream.at_mark("("):
        raise refused("a table hint")
    if stream.at("TABLESAMPLE") or stream.at("FOR", "SYSTEM_TIME"):
        raise refused(stream.current.keyword)
    return syntax.TableName(parts, alias)


def _change_table(stream: TokenStream) -> syntax.Source:
    stream.expect_mark("(")
    if not stream.accept("CHANGES"):
        raise refused("CHANGETABLE of another kind than CHANGES")
    table = syntax.TableName(qualified_name(stream), None)
    stream.expect_mark(",")
    since = expression(stream)
    if stream.at_mark(","):
        raise refused("CHANGETABLE with FORCESEEK")
    stream.expect_mark(")")
    alias = _optional_alias(stream)
    if alias is None:
        raise SqlServerError(22104, "A table returned by the CHANGETABLE function must be aliased.")
    if stream.at_mark("("):
        raise refused("CHANGETABLE with a column list")
    return syntax.ChangeTable(table, since, alias)


def qualified_name(stream: TokenStream) -> tuple[str, ...]:
    parts = [stream.identifier()]
    while stream.accept_mark("."):
        if stream.at_mark("."):  # database..table
            parts.append("dbo")
            continue
        parts.append(stream.identifier())
    return tuple(parts)


def _names(stream: TokenStream) -> tuple[str, ...]:
    stream.expect_mark("(")
    names = [stream.identifier()]
    while stream.accept_mark(","):
        names.append(stream.identifier())
    stream.expect_mark(")")
    return tuple(names)


def predicate(stream: TokenStream) -> Predicate:
    left = _conjunction(stream)
    while stream.accept("OR"):
        left = syntax.Logical("OR", left, _conjunction(stream))
    return left


def _conjunction(stream: TokenStream) -> Predicate:
    left = _negation(stream)
    while stream.accept("AND"):
        left = syntax.Logical("AND", left, _negation(stream))
    return left


def _negation(stream: TokenStream) -> Predicate:
    if stream.accept("NOT"):
        return syntax.Not(_negation(stream))
    if stream.accept("EXISTS"):
        stream.expect_mark("(")
        inner = query(stream)
        stream.expect_mark(")")
        return syntax.Exists(inner)
    if stream.at_mark("("):
        start = stream.index
        try:
            stream.expect_mark("(")
            inner_predicate = predicate(stream)
            stream.expect_mark(")")
        except SqlServerError:
            stream.index = start  # a parenthesised expression, not a predicate
        else:
            return inner_predicate
    return _comparison(stream)


def _comparison(stream: TokenStream) -> Predicate:
    left = expression(stream)
    if stream.accept("IS"):
        negated = stream.accept("NOT")
        stream.expect("NULL")
        return syntax.IsNull(left, negated)
    negated = stream.accept("NOT")
    if stream.accept("IN"):
        stream.expect_mark("(")
        if stream.at("SELECT") or stream.at("WITH"):
            inner = query(stream)
            stream.expect_mark(")")
            return syntax.In(left, (), inner, negated)
        items = [expression(stream)]
        while stream.accept_mark(","):
            items.append(expression(stream))
        stream.expect_mark(")")
        return syntax.In(left, tuple(items), None, negated)
    if stream.accept("BETWEEN"):
        low = expression(stream)
        stream.expect("AND")
        high = expression(stream)
        between = syntax.Logical(
            "AND", syntax.Comparison(">=", left, low), syntax.Comparison("<=", left, high)
        )
        return syntax.Not(between) if negated else between
    if stream.accept("LIKE"):
        pattern = expression(stream)
        escape = expression(stream) if stream.accept("ESCAPE") else None
        return syntax.Like(left, pattern, escape, negated)
    operator = _COMPARISONS.get(stream.current.text) if stream.current.kind is Kind.MARK else None
    if negated or operator is None:
        raise stream.error()
    stream.advance()
    if stream.current.keyword in ("ALL", "ANY", "SOME"):
        raise refused(f"a comparison with {stream.current.keyword}")
    return syntax.Comparison(operator, left, expression(stream))


def expression(stream: TokenStream) -> Expression:
    left = _product(stream)
    while stream.at_mark("+") or stream.at_mark("-"):
        operator = stream.advance().text
        left = syntax.Arithmetic(operator, left, _product(stream))
    if stream.current.kind is Kind.MARK and stream.current.text in ("&", "|", "^", "~"):
        raise refused("a bitwise operator")
    if stream.at("COLLATE"):
        raise refused("COLLATE")
    return left


def _product(stream: TokenStream) -> Expression:
    left = _unary(stream)
    while stream.current.kind is Kind.MARK and stream.current.text in ("*", "/", "%"):
        operator = stream.advance().text
        left = syntax.Arithmetic(operator, left, _unary(stream))
    return left


def _unary(stream: TokenStream) -> Expression:
    if stream.accept_mark("-"):
        return syntax.Negation(_unary(stream))
    if stream.accept_mark("+"):
        return _unary(stream)
    return _primary(stream)


def _primary(stream: TokenStream) -> Expression:
    token = stream.current
    if token.kind is Kind.MARK and token.text == "(":
        stream.advance()
        if stream.at("SELECT") or stream.at("WITH"):
            inner = syntax.ScalarQuery(query(stream))
            stream.expect_mark(")")
            return inner
        value = expression(stream)
        stream.expect_mark(")")
        return value
    literal = _literal(stream)
    if literal is not None:
        return literal
    if token.kind is Kind.VARIABLE:
        stream.advance()
        if token.text.startswith("@@"):
            return syntax.GlobalVariable(token.text.upper())
        return syntax.Parameter(token.text)
    if token.keyword == "CASE":
        return _case(stream)
    if token.keyword in ("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT") and stream.peek().text == "(":
        return _cast(stream)
    if token.keyword in _WITHOUT_PARENTHESES:
        stream.advance()
        return syntax.Call(token.keyword, ())
    if token.keyword in _RESERVED_CALLS and stream.peek().text == "(":
        stream.advance()
        return syntax.Call(token.keyword, _arguments(stream))
    parts = qualified_name(stream)
    if not stream.at_mark("("):
        return syntax.Name(parts)
    return _call(stream, parts)


def _literal(stream: TokenStream) -> syntax.Literal | None:
    token = stream.current
    kinds = {Kind.STRING: "string", Kind.UNICODE_STRING: "unicode", Kind.BINARY: "binary"}
    if token.kind in kinds:
        stream.advance()
        return syntax.Literal(kinds[token.kind], token.text[2:] if token.kind is Kind.BINARY else token.text)
    if token.kind is Kind.NUMBER:
        stream.advance()
        exponent = "e" in token.text.lower()
        kind = "float" if exponent else "decimal" if "." in token.text else "integer"
        return syntax.Literal(kind, token.text)
    if token.keyword == "NULL":
        stream.advance()
        return syntax.Literal("null", "")
    return None


def _call(stream: TokenStream, parts: tuple[str, ...]) -> Expression:
    if len(parts) > 1 and parts[0].lower() != "sys":
        raise refused("a user-defined function")
    name = parts[-1].upper()
    if name in _DATE_CALLS:
        stream.expect_mark("(")
        part = syntax.DatePart(stream.identifier().lower())
        rest: list[Expression] = [part]
        while stream.accept_mark(","):
            rest.append(expression(stream))
        stream.expect_mark(")")
        return syntax.Call(name, tuple(rest))
    if name == "IIF":
        stream.expect_mark("(")
        condition = predicate(stream)
        stream.expect_mark(",")
        then = expression(stream)
        stream.expect_mark(",")
        otherwise = expression(stream)
        stream.expect_mark(")")
        return syntax.Case(((condition, then),), otherwise)
    if stream.peek().text == "*" and stream.peek(2).text == ")":
        for _ in range(3):
            stream.advance()
        call = syntax.Call(name, (), star=True)
    elif stream.peek().keyword == "DISTINCT":
        stream.expect_mark("(")
        stream.expect("DISTINCT")
        call = syntax.Call(name, (expression(stream),), distinct=True)
        stream.expect_mark(")")
    else:
        call = syntax.Call(name, _arguments(stream))
    if stream.at("OVER"):
        raise refused("a window function")
    return call


def _arguments(stream: TokenStream) -> tuple[Expression, ...]:
    stream.expect_mark("(")
    arguments: list[Expression] = []
    if not stream.at_mark(")"):
        arguments.append(expression(stream))
        while stream.accept_mark(","):
            arguments.append(expression(stream))
    stream.expect_mark(")")
    return tuple(arguments)


def _case(stream: TokenStream) -> Expression:
    stream.expect("CASE")
    subject = None if stream.at("WHEN") else expression(stream)
    branches: list[tuple[Predicate, Expression]] = []
    while stream.accept("WHEN"):
        condition = (
            predicate(stream) if subject is None else syntax.Comparison("=", subject, expression(stream))
        )
        stream.expect("THEN")
        branches.append((condition, expression(stream)))
    if not branches:
        raise stream.error()
    otherwise = expression(stream) if stream.accept("ELSE") else None
    stream.expect("END")
    return syntax.Case(tuple(branches), otherwise)


def _cast(stream: TokenStream) -> Expression:
    word = stream.advance().keyword
    if word.startswith("TRY_"):
        raise refused(word)
    stream.expect_mark("(")
    if word == "CAST":
        operand = expression(stream)
        stream.expect("AS")
        target = column_type(stream, default_length=30)
        style = None
    else:
        target = column_type(stream, default_length=30)
        stream.expect_mark(",")
        operand = expression(stream)
        style = _style(stream) if stream.accept_mark(",") else None
    stream.expect_mark(")")
    return syntax.Cast(operand, target, style)


def _style(stream: TokenStream) -> int:
    token = stream.advance()
    if token.kind is not Kind.NUMBER or not token.text.isdigit():
        raise refused("a CONVERT style that isn't a number")
    return int(token.text)
