"""Answering a parsed query over an org: names against the visible schema, conditions as polars expressions.

The result is a frame with a column for each selected path (aliases of aggregates included) and what each
column is; rendering to JSON or CSV is render.py's. Comparisons follow SOQL: text is compared without regard
to case, null is not less than anything, `!=` and NOT IN find nulls, and a hidden field doesn't exist.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.access import READ, may
from migration_sandbox.salesforce.content import LINK, check_link_filter
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.name_object import NAME
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.reading import gather, scan
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.soql import (
    Aggregate,
    Comparison,
    Condition,
    Logical,
    Path,
    Query,
    malformed,
)
from migration_sandbox.salesforce.soql_values import id_values, typed_value
from migration_sandbox.salesforce.table import GONE
from migration_sandbox.salesforce.virtual import virtual_frame

MAX_OFFSET = 2000
MAX_DEPTH = 5


@dataclass(frozen=True)
class Column:
    """A column of a result. `parts` is the path as the schema spells it; `owners` are the objects of the
    parents on the way. Aggregates have no parts but their alias."""

    key: str
    parts: tuple[str, ...]
    owners: tuple[str, ...]
    field: Field | None
    aggregate: bool = False


@dataclass
class Result:
    sobject: SObject
    columns: list[Column]
    frame: pl.DataFrame
    aggregated: bool = False
    plain_count: int | None = None


@dataclass
class _Join:
    """What is needed of a parent: its reference field and object (NAME: any of several), by path."""

    reference: Field
    parent: SObject
    columns: dict[str, Field] = field(default_factory=dict)


def _no_column(name: str, sobject: SObject) -> ApiError:
    message = (
        f"No such column '{name}' on entity '{sobject.name}'. If you are attempting to use a custom "
        f"field, be sure "
        "to append the '__c' after the custom field name. Please reference your WSDL or the describe "
        "call for the "
        "appropriate names."
    )
    return ApiError(400, "INVALID_FIELD", message)


class _Resolver:
    """Finds what each path means, and remembers which columns of which parents it takes."""

    def __init__(self, org: Org, source: SObject) -> None:
        self.org = org
        self.source = source
        self.own: dict[str, Field] = {}
        self.joins: dict[str, _Join] = {}

    def field_of(self, sobject: SObject, name: str) -> Field:
        found = sobject.find(name)
        if found is None or (not sobject.virtual and not self.org.can_see(sobject, found.name)):
            raise _no_column(name, sobject)
        return found

    def resolve(self, path: Path) -> Column:
        parts = path.parts
        if len(parts) > 1 and parts[0].lower() == self.source.name.lower():
            parts = parts[1:]
        sobject = self.source
        spelled: list[str] = []
        owners: list[str] = []
        for part in parts[:-1]:
            reference = sobject.by_relationship(part)
            if reference is None or not self.org.can_see(sobject, reference.name):
                raise ApiError(
                    400,
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{part}' in field path. If you are attempting to "
                    f"use a custom "
                    "relationship, be sure to append the '__r' after the custom relationship name. "
                    "Please reference "
                    "your WSDL or the describe call for the appropriate names.",
                )
            self._need(tuple(spelled), reference)
            sobject = NAME if reference.polymorphic else self.org.objects[reference.references[0]]
            spelled.append(reference.relationship_name or part)
            owners.append(sobject.name)
            self.joins.setdefault(".".join(spelled), _Join(reference, sobject))
        if len(spelled) > MAX_DEPTH:
            raise malformed(f"Only {MAX_DEPTH} levels of relationships are allowed in a query")
        found = self.field_of(sobject, parts[-1])
        self._need(tuple(spelled), found)
        full = (*spelled, found.name)
        return Column(".".join(full), full, tuple(owners), found)

    def _need(self, path: tuple[str, ...], item: Field) -> None:
        if path:
            self.joins[".".join(path)].columns[item.name] = item
        else:
            self.own[item.name] = item

    def frame(self, all_rows: bool) -> pl.DataFrame:
        if self.source.virtual:
            frame = virtual_frame(self.org, self.source.name)
        else:
            frame = scan(self.org, self.source, sorted({"Id", *self.own}), all_rows)
        for key in sorted(self.joins, key=lambda text: text.count(".")):
            frame = self._join(frame, key, self.joins[key])
        return frame

    def _join(self, frame: pl.DataFrame, key: str, join: _Join) -> pl.DataFrame:
        above = key.rpartition(".")[0]
        given = frame[f"{above}.{join.reference.name}" if above else join.reference.name]
        any_of = join.parent is NAME
        wanted = {"Id": NAME.fields["Id"], **join.columns}
        if any_of:
            wanted["Type"] = NAME.fields["Type"]
        made = {
            name: pl.repeat(None, len(given), dtype=item.dtype, eager=True) for name, item in wanted.items()
        }
        for name in join.reference.references if any_of else (join.parent.name,):
            for column, values in self._parents(self.org.objects[name], given, list(wanted)).items():
                made[column] = values.zip_with(values.is_not_null(), made[column])
        return frame.with_columns(values.alias(f"{key}.{name}") for name, values in made.items())

    def _parents(self, parent: SObject, given: pl.Series, names: list[str]) -> dict[str, pl.Series]:
        """Columns of one parent object, aligned with the references; null where they lead elsewhere."""
        if parent.virtual:
            made = virtual_frame(self.org, parent.name)
            there = given.alias("Id").to_frame().join(made, on="Id", how="left", maintain_order="left")
            return {name: there[name] for name in names if name in there.columns}
        table = self.org.tables[parent.name]
        rows, _ = ids.decode(given, parent.key_prefix)
        known = table.states(rows) != GONE
        if not known.any():
            return {}
        position = np.full(len(rows), -1, dtype=np.int64)
        position[known] = np.arange(int(known.sum()))
        at = pl.Series(position)
        at = at.zip_with(at >= 0, pl.Series([None], dtype=pl.Int64))
        found = gather(self.org, parent, rows[known], [name for name in names if name in parent.fields])
        if "Type" in names and "Type" not in parent.fields:
            found = found.with_columns(pl.lit(parent.name).alias("Type"))
        return {name: found[name].gather(at) for name in names if name in found.columns}


def _comparison(resolver: _Resolver, part: Comparison) -> pl.Expr:
    column = resolver.resolve(part.path)
    item = column.field
    assert item is not None
    if item.long_text:
        raise ApiError(400, "INVALID_FIELD", f"field '{item.name}' can not be filtered in a query call")
    target = pl.col(column.key)
    operator = part.operator
    wants_null = any(value.kind == "null" for value in part.values)
    typed = [typed_value(item, value) for value in part.values if value.kind != "null"]
    is_id = item.type in ("id", "reference")
    if is_id:
        typed = list(id_values([str(value) for value in typed]))
    elif item.textual and operator != "like" and not item.case_sensitive:
        target = target.str.to_lowercase()
        typed = [str(value).lower() for value in typed]
    if item.numeric:
        target = target.cast(pl.Float64)
    if operator in ("includes", "excludes"):
        if item.type != "multipicklist":
            raise malformed(f"{operator} needs a multi-select picklist")
        hit = pl.any_horizontal(_has_all(target, str(value)) for value in typed).fill_null(False)
        return hit if operator == "includes" else ~hit
    if operator in ("in", "not in", "=", "!="):
        hit = target.is_in(typed).fill_null(False) if typed else pl.lit(False)
        if wants_null:
            hit = hit | pl.col(column.key).is_null()
        return hit if operator in ("in", "=") else ~hit
    if operator == "like":
        if not item.textual:
            raise ApiError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {item.type} field")
        return target.str.contains("(?i)" + part.values[0].pattern).fill_null(False)
    if wants_null or item.type in ("boolean", "id", "reference", "multipicklist"):
        raise ApiError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {item.type} field")
    value = pl.lit(typed[0])
    found = {"<": target < value, "<=": target <= value, ">": target > value, ">=": target >= value}[operator]
    return found.fill_null(False)


def _has_all(target: pl.Expr, wanted: str) -> pl.Expr:
    """One INCLUDES argument: all of its `;`-separated values."""
    split = target.str.split(";")
    return pl.all_horizontal(split.list.contains(value) for value in wanted.split(";"))


def _condition(resolver: _Resolver, part: Condition) -> pl.Expr:
    if isinstance(part, Comparison):
        return _comparison(resolver, part)
    inner = [_condition(resolver, one) for one in part.parts]
    if part.operator == "not":
        return ~inner[0]
    assert isinstance(part, Logical)
    return pl.all_horizontal(inner) if part.operator == "and" else pl.any_horizontal(inner)


def _aggregate(resolver: _Resolver, part: Aggregate, name: str) -> tuple[Column, pl.Expr]:
    if part.path is None:
        return Column(name, (name,), (), None, True), pl.len().alias(name)
    column = resolver.resolve(part.path)
    item = column.field
    assert item is not None
    target = pl.col(column.key)
    made = {
        "count": target.count(),
        "count_distinct": target.drop_nulls().n_unique(),
        "min": target.min(),
        "max": target.max(),
        "sum": target.sum(),
        "avg": target.mean(),
    }[part.function]
    if part.function in ("sum", "avg") and not item.numeric:
        raise malformed(f"field {item.name} does not support aggregate operator {part.function.upper()}")
    shown = item if part.function in ("min", "max", "sum") else None
    return Column(name, (name,), (), shown, True), made.alias(name)


def _group(resolver: _Resolver, query: Query, rows: pl.DataFrame) -> tuple[list[Column], pl.DataFrame]:
    keys = {resolver.resolve(path).key: resolver.resolve(path) for path in query.group_by}
    columns: list[Column] = []
    made: list[pl.Expr] = []
    number = 0
    for item in query.select:
        if isinstance(item, Aggregate):
            name = item.alias or f"expr{number}"
            number += item.alias is None
            column, expression = _aggregate(resolver, item, name)
            columns.append(column)
            made.append(expression)
        else:
            column = resolver.resolve(item)
            if column.key not in keys:
                raise malformed(f"Field must be grouped or aggregated: {item}")
            last = column.parts[-1]
            columns.append(Column(column.key, (last,), (), column.field, True))
    grouped = rows.group_by(list(keys), maintain_order=True).agg(made) if keys else rows.select(made)
    return columns, grouped


def source_of(org: Org, query: Query, tooling: bool = False) -> SObject:
    """The object a query reads; raises INVALID_TYPE, or MALFORMED_QUERY where it needs another filter."""
    found = org.sobject(query.source)
    if found is None or (found.tooling and not tooling) or not may(org, found, READ):
        raise ApiError(
            400,
            "INVALID_TYPE",
            f"sObject type '{query.source}' is not supported. If you are attempting to use a custom "
            f"object, be sure "
            "to append the '__c' after the entity name. Please reference your WSDL or the describe call "
            "for the "
            "appropriate names.",
        )
    if found.name == LINK:
        check_link_filter(query.where, org.settings.query_all_files)
    return found


def run(org: Org, query: Query, all_rows: bool = False, tooling: bool = False) -> Result:
    """Answer `query`; `all_rows` is queryAll (recycle bin and archived events included)."""
    with org.lock:
        source = source_of(org, query, tooling)
        resolver = _Resolver(org, source)
        plain = [resolver.resolve(item) for item in query.select if isinstance(item, Path)]
        for item in query.select:
            if isinstance(item, Aggregate) and item.path is not None:
                resolver.resolve(item.path)
        for path in query.group_by:
            resolver.resolve(path)
        condition = _condition(resolver, query.where) if query.where is not None else None
        if query.offset > MAX_OFFSET:
            raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        orders = (
            [] if query.aggregated else [(resolver.resolve(order.path), order) for order in query.order_by]
        )
        for column, _ in orders:
            if column.field is not None and column.field.long_text:
                raise malformed(f"field '{column.field.name}' can not be sorted in a query call")
        frame = resolver.frame(all_rows)
    if condition is not None:
        frame = frame.filter(condition)
    if query.plain_count:
        total = frame.height if query.limit is None else min(frame.height, query.limit)
        return Result(source, [], frame.clear(), plain_count=total)
    if query.aggregated:
        columns, frame = _group(resolver, query, frame)
        if query.order_by:
            names = {column.parts[-1].lower(): column.key for column in columns}
            wanted = [names.get(str(order.path).lower()) for order in query.order_by]
            if None in wanted:
                raise malformed("ORDER BY of an aggregate query needs a grouped field or an alias")
            frame = frame.sort(
                [name for name in wanted if name], descending=[order.descending for order in query.order_by]
            )
        return Result(source, columns, _cut(frame, query), aggregated=True)
    if orders:
        keys = [
            pl.col(column.key).str.to_lowercase()
            if column.field is not None and column.field.textual
            else pl.col(column.key)
            for column, _ in orders
        ]
        frame = frame.sort(
            keys,
            descending=[order.descending for _, order in orders],
            nulls_last=[order.nulls_last for _, order in orders],
            maintain_order=True,
        )
    frame = _cut(frame, query)
    shown = list(dict.fromkeys(column.key for column in plain))
    needed = [f"{key}.Id" for key in resolver.joins]
    needed += [f"{key}.Type" for key, join in resolver.joins.items() if join.parent is NAME]
    parents = [name for name in needed if name not in shown]
    hidden = [] if source.virtual or "Id" in shown else ["Id"]
    return Result(source, plain, frame.select(*shown, *parents, *hidden))


def _cut(frame: pl.DataFrame, query: Query) -> pl.DataFrame:
    return frame.slice(query.offset, query.limit)
