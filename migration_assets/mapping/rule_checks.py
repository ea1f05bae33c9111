"""A spec's sources: does every column exist, fit its field, and find the parent that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.documents import Document, KeyPath
from migration_assets.errors import SpecError
from migration_assets.mapping.composition_checks import check_composition, check_total, named_rows
from migration_assets.mapping.declarations import (
    Alternatives,
    Constant,
    MergedDeclaration,
    Rule,
    SourceDeclaration,
)
from migration_assets.mapping.names import complaint, unknown_name
from migration_assets.mapping.spec import Chosen, MergedSpec, SourceSpec
from migration_assets.mapping.staged_columns import StagedColumn, World, known_column, staged_columns


def read_source(
    document: Document, at: KeyPath, fields: Mapping[str, FieldSchema], key_field: str, world: World
) -> SourceSpec:
    """The source at ``at`` with its rules checked; raises SpecError naming file and line."""
    declared = document.parse(SourceDeclaration, at, SpecError)
    columns = staged_columns(document, (*at, "staged"), declared.staged, world.staged)
    if "source_id" not in columns or columns["source_id"].nullable:
        raise complaint(
            document,
            (*at, "staged"),
            f"staged.{declared.staged} has no source_id that is never null",
            "use a table whose rows have a primary key",
        )
    for column in (*declared.where, *declared.present):
        place = "where" if column in declared.where else "present"
        known_column(document, (*at, place), declared.staged, column, world.staged)
    plain, choices = _by_choice(document, (*at, "map"), declared.map)
    rules = _rules(document, (*at, "map"), plain, fields, key_field, declared.staged, world)
    alternatives = {
        name: (
            given.by,
            _options(document, (*at, "map", name), name, given, fields, key_field, declared, world),
        )
        for name, given in choices.items()
    }
    merged = tuple(
        _merged(document, (*at, "merged", position), fields, key_field, world)
        for position in range(len(declared.merged))
    )
    merged = (*merged, *named_rows(rules))
    if declared.split is not None and not (declared.split in rules and fields[declared.split].length):
        raise complaint(
            document, (*at, "split"), f"{declared.split} is no mapped text with a length", "name one that is"
        )
    filled = {*rules, *alternatives}
    for position, part in enumerate(merged):
        for name in part.field_names:
            if name in filled:
                raise complaint(
                    document, (*at, "merged", position), f"{name} is mapped already", "keep one of the two"
                )
            filled.add(name)
    always = {*rules, *(name for name, (_, options) in alternatives.items() if None not in options.values())}
    for name, schema in fields.items():
        if schema.required and name not in always:
            raise complaint(
                document, (*at, "map"), f"the required field {name} is not mapped", "map it to a column"
            )
    ordered = {name: rules[name] for name in fields if name in rules}
    return SourceSpec(
        declared.staged,
        declared.key_space,
        declared.role,
        ordered,
        {name: found for name, rule in ordered.items() if (found := _optional_parents(rule, world))},
        merged,
        declared.where,
        declared.otherwise,
        alternatives,
        declared.when,
        declared.present,
        declared.split,
    )


def _by_choice(
    document: Document, at: KeyPath, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Alternatives]]:
    """Plain rules, and those of which the practice chooses one."""
    chosen = {
        name
        for name, rule in given.items()
        if isinstance(rule, dict) and "by" in rule and "column" not in rule
    }
    return (
        {name: rule for name, rule in given.items() if name not in chosen},
        {name: document.parse(Alternatives, (*at, name), SpecError) for name in given if name in chosen},
    )


def _options(
    document: Document,
    at: KeyPath,
    name: str,
    given: Alternatives,
    fields: Mapping[str, FieldSchema],
    key_field: str,
    declared: SourceDeclaration,
    world: World,
) -> dict[str, Chosen | None]:
    _check_field(document, at, name, fields, key_field)
    options: dict[str, Chosen | None] = {}
    for option, written in given.options().items():
        if written is None:
            options[option] = None
            continue
        rule = _rule(document, (*at, option), written)
        _check_rule(document, (*at, option), fields[name], rule, staged=declared.staged, world=world)
        options[option] = Chosen(rule, _optional_parents(rule, world))
    return options


def _optional_parents(rule: Rule, world: World) -> tuple[str, ...]:
    """The staged tables that would hold the parent, one for each of the rule's ``keys_in``."""
    if rule.if_absent is None:
        return ()
    return tuple(world.key_spaces[str(way.parent)][way.key_space] for way in rule.keys_in)


def _rules(
    document: Document,
    at: KeyPath,
    given: Mapping[str, Any],
    fields: Mapping[str, FieldSchema],
    key_field: str,
    staged: str,
    world: World,
) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for name in given:
        _check_field(document, (*at, name), name, fields, key_field)
        rules[name] = _rule(document, (*at, name), given[name])
        _check_rule(document, (*at, name), fields[name], rules[name], staged=staged, world=world)
    return rules


def _check_field(
    document: Document, at: KeyPath, name: str, fields: Mapping[str, FieldSchema], key_field: str
) -> None:
    if name == key_field:
        raise complaint(
            document, at, "the key is made from key_space and source_id", "take it out of the map"
        )
    if name not in fields:
        raise unknown_name(document, at, "declared field of the object", name, fields)


def _merged(
    document: Document, at: KeyPath, fields: Mapping[str, FieldSchema], key_field: str, world: World
) -> MergedSpec:
    declared = document.parse(MergedDeclaration, at, SpecError)
    columns = staged_columns(document, (*at, "staged"), declared.staged, world.staged)
    named = [(("by",), declared.by), *((("where", column), column) for column in declared.where)]
    if declared.order_by is not None:
        named.append((("order_by",), declared.order_by))
    for place, column in named:
        if column not in columns:
            raise unknown_name(
                document, (*at, *place), f"column of staged.{declared.staged}", column, columns
            )
    rules = _rules(document, (*at, "map"), declared.map, fields, key_field, declared.staged, world)
    for name, rule in rules.items():
        if rule.column is None or rule.of is not None or rule.read_as is not None or len(rule.keys_in) > 1:
            raise complaint(
                document, (*at, "map", name), "merged rows give columns only", "write the column's name"
            )
        if rule.if_absent is not None:
            raise complaint(
                document, (*at, "map", name), "merged rows always name a parent", "leave out 'if_absent'"
            )
        if fields[name].required or (fields[name].type is FieldType.CHECKBOX and rule.default is None):
            raise complaint(
                document,
                (*at, "map", name),
                f"{name} must have a value and a record may have no such row",
                "declare another type, or give a default",
            )
    for name, column in declared.lines.items():
        path: KeyPath = (*at, "lines", name)
        _check_field(document, path, name, fields, key_field)
        _check_rule(document, path, fields[name], Rule(column=column), staged=declared.staged, world=world)
        if fields[name].type is not FieldType.LONG_TEXT:
            raise complaint(document, path, f"{name} is a {fields[name].type}", "lines need a long_text")
    for name, total in declared.totals.items():
        _check_field(document, (*at, "totals", name), name, fields, key_field)
        check_total(document, (*at, "totals", name), fields[name], total, declared.staged, world.staged)
    return MergedSpec(
        declared.staged,
        declared.by,
        declared.role,
        declared.where,
        rules,
        declared.lines,
        declared.order_by,
        declared.totals,
    )


def _rule(document: Document, at: KeyPath, given: Any) -> Rule:
    if isinstance(given, str):
        return Rule(column=given)
    if isinstance(given, dict):
        known = [declared.alias or name for name, declared in Rule.model_fields.items()]
        for key in given:
            if key not in known:
                raise unknown_name(document, (*at, str(key)), "transform", str(key), known)
    return document.parse(Rule, at, SpecError)


def _check_rule(
    document: Document,
    at: KeyPath,
    field: FieldSchema,
    rule: Rule,
    *,
    staged: str,
    world: World,
) -> None:
    check_composition(document, at, field, rule, staged, world.staged)
    columns = world.staged[rule.of or staged]
    for column in (rule.column, rule.user_of, None if rule.or_in is None else rule.or_in.column):
        if column is not None and column not in columns:
            raise unknown_name(document, at, f"column of staged.{staged}", column, columns)
    if (rule.user_of is not None) is not (field.type is FieldType.USER):
        raise complaint(
            document,
            at,
            f"{field.name} is a {field.type}",
            "a user, and nothing else, is mapped by {user_of}",
        )
    if (rule.parent is not None) is not field.type.is_reference:
        raise complaint(
            document,
            at,
            f"{field.name} is a {field.type}",
            "a reference, and nothing else, is mapped by {parent, key_space, column}",
        )
    if rule.parent is not None:
        _check_parent(document, at, field, rule, world)
    for key, constant in (("constant", rule.constant), ("default", rule.default)):
        if constant is not None and not _is_a(field, constant):
            raise complaint(
                document, (*at, key), f"is no value of {field.name}, a {field.type}", "mend the value"
            )
    if rule.values is not None:
        _check_values(document, at, field, rule.values)
    if rule.column is not None and rule.read_as is None:
        _check_column(document, at, field, rule, columns[rule.column])


def _check_parent(document: Document, at: KeyPath, field: FieldSchema, rule: Rule, world: World) -> None:
    for way in rule.keys_in:
        parent = str(way.parent)
        if parent not in world.key_spaces:
            raise unknown_name(document, (*at, "parent"), "object of this mapping", parent, world.key_spaces)
        if parent not in field.targets:
            raise complaint(
                document, (*at, "parent"), f"{field.name} refers to {field.reference_to}", "name that object"
            )
        if way.key_space not in world.key_spaces[parent]:
            raise unknown_name(
                document,
                (*at, "key_space"),
                f"key space of {parent}",
                way.key_space,
                world.key_spaces[parent],
            )
    if rule.if_absent is not None and field.required:
        raise complaint(
            document,
            (*at, "if_absent"),
            f"{field.name} is required and can't be left empty",
            "take out 'required' or 'if_absent'",
        )


def _check_values(document: Document, at: KeyPath, field: FieldSchema, values: Mapping[str, str]) -> None:
    if field.type is not FieldType.PICKLIST:
        raise complaint(
            document, (*at, "values"), "translates words of a picklist only", "make the field a picklist"
        )
    for source, target in values.items():
        if target not in field.values:
            raise unknown_name(
                document, (*at, "values", source), f"value of {field.name}", target, field.values
            )


def _check_column(
    document: Document, at: KeyPath, field: FieldSchema, rule: Rule, column: StagedColumn
) -> None:
    if not _fits(field.type, column.dtype):
        raise complaint(
            document,
            at,
            f"{field.name} is a {field.type} and the column is {column.dtype}",
            "map a column of that type or declare another one",
        )
    never_null = field.required or field.type is FieldType.CHECKBOX
    # Another table's row may be missing; the practice itself never is.
    may_be_null = (column.nullable or rule.of is not None) and all(way.column for way in rule.keys_in)
    if never_null and may_be_null and rule.default is None:
        raise complaint(
            document,
            at,
            f"{field.name} must have a value and the column may be null",
            "write {column: ..., default: ...} or map a column that is never null",
        )


def _fits(kind: FieldType, dtype: pl.DataType) -> bool:
    match kind:
        case FieldType.NUMBER | FieldType.CURRENCY | FieldType.PERCENT:
            return dtype.is_numeric()
        case FieldType.CHECKBOX:
            return dtype == pl.Boolean
        case FieldType.DATE:
            return dtype == pl.Date
        case FieldType.DATETIME:
            return dtype == pl.Datetime("ms", "UTC")
        case FieldType.LOOKUP | FieldType.MASTER_DETAIL:
            return dtype == pl.String or dtype.is_integer()
        case _:
            return dtype in (pl.String, pl.Enum, pl.Categorical)


def _is_a(field: FieldSchema, constant: Constant) -> bool:
    match field.type:
        case FieldType.CHECKBOX:
            return isinstance(constant, bool)
        case FieldType.NUMBER | FieldType.CURRENCY | FieldType.PERCENT:
            return isinstance(constant, int) and not isinstance(constant, bool)
        case FieldType.PICKLIST:
            return constant in field.values
        case FieldType.DATE | FieldType.DATETIME | FieldType.LOOKUP | FieldType.MASTER_DETAIL:
            return False
        case _:
            return isinstance(constant, str)
