"""Compositions of a spec: does every column of a text exist, every word's value, every total's field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.documents import Document, KeyPath
from migration_assets.errors import SpecError
from migration_assets.mapping.compositions import Distinct, TextRule, Total, Words
from migration_assets.mapping.declarations import CHOICES, Rule
from migration_assets.mapping.names import complaint, unknown_name
from migration_assets.mapping.spec import MergedSpec
from migration_assets.mapping.staged_columns import StagedColumns, known_column

_TEXTS = (FieldType.TEXT, FieldType.LONG_TEXT)


def check_composition(
    document: Document, at: KeyPath, field: FieldSchema, rule: Rule, staged: str, known: StagedColumns
) -> None:
    """Raises SpecError where a rule's ``text``, ``choose``, ``of`` or ``read_as`` can't be carried out."""
    if rule.text is not None:
        _check_text(document, at, field, rule.text, staged, known)
    if rule.choose is not None:
        _check_words(document, at, field, rule.choose, staged, known)
    if rule.of is not None and rule.by is not None:
        known_column(document, (*at, "by"), staged, rule.by, known)
        known_column(document, at, rule.of, str(rule.column), known)
    if rule.read_as is not None:
        column = known_column(document, at, rule.of or staged, str(rule.column), known)
        if column.dtype != pl.Datetime("ms", "UTC") or field.type is not FieldType.DATE:
            raise complaint(document, at, "a local day is a date out of a time", "map a column of that type")


def _check_text(
    document: Document, at: KeyPath, field: FieldSchema, text: TextRule, staged: str, known: StagedColumns
) -> None:
    if field.type not in _TEXTS:
        raise complaint(document, at, f"{field.name} is a {field.type}", "a text goes into a text")
    if field.required and text.otherwise is None and all(part.say is None for part in text.parts):
        raise complaint(
            document, at, f"{field.name} must have a value and the text may be empty", "give 'otherwise'"
        )
    for part in text.parts:
        for column in part.all_columns:
            known_column(document, at, part.of or part.rows or staged, column, known)
        if part.of is not None:
            known_column(document, at, staged, str(part.by), known)
        if part.rows is not None:
            known_column(document, at, part.rows, str(part.by), known)
            known_column(document, at, part.rows, str(part.order_by), known)


def _check_words(
    document: Document,
    at: KeyPath,
    field: FieldSchema,
    choose: tuple[Words, ...],
    staged: str,
    known: StagedColumns,
) -> None:
    if field.type is not FieldType.PICKLIST or field.required:
        raise complaint(
            document, at, "chooses a picklist's value, or none", "declare one that isn't required"
        )
    for words in choose:
        if known_column(document, at, staged, words.column, known).dtype != pl.String:
            raise complaint(document, at, f"{words.column} holds no words", "name a column of text")
        for value in words.values.values():
            if value not in field.values:
                raise unknown_name(document, at, f"value of {field.name}", value, field.values)


def named_rows(rules: Mapping[str, Rule]) -> Iterator[MergedSpec]:
    """The rows of other tables that texts list, as merged rows that fill no field by themselves."""
    for rule in rules.values():
        for part in rule.text.parts if rule.text is not None else ():
            if part.rows is not None:
                yield MergedSpec(part.rows, str(part.by), str(part.role), {}, {}, {}, part.order_by)


def check_total(
    document: Document, at: KeyPath, field: FieldSchema, total: Total, staged: str, known: StagedColumns
) -> None:
    """Raises SpecError where the field can't hold what merged rows are together."""
    if field.required:
        raise complaint(document, at, f"{field.name} is required", "a total goes into a field that isn't")
    if total.column is None:
        if field.type is not FieldType.NUMBER:
            raise complaint(document, at, f"{field.name} is a {field.type}", "a count goes into a number")
        return
    column = known_column(document, at, staged, total.column, known)
    if column.dtype != pl.Date or field.type is not FieldType.DATE:
        raise complaint(document, at, "the first or last of rows is a date", "name a date's column and field")


def read_distinct(
    document: Document, fields: Mapping[str, FieldSchema], key_field: str
) -> tuple[Distinct, ...]:
    """The file's ``distinct``; raises SpecError where it names what isn't there or can't be moved."""
    found = []
    for position in range(len(document.data.get("distinct", ()))):
        at: KeyPath = ("distinct", position)
        declared = document.parse(Distinct, at, SpecError)
        for name in (declared.field, *((declared.to,) if declared.to is not None else ())):
            if name not in fields:
                raise unknown_name(document, at, "declared field of the object", name, fields)
            if name == key_field or fields[name].type not in (*_TEXTS, FieldType.EMAIL):
                raise complaint(document, at, f"{name} is no text of its own", "name a text or an e-mail")
        for choice, options in declared.when.items():
            if unknown := set(options) - set(CHOICES.get(choice, ())):
                raise complaint(
                    document,
                    at,
                    f"'when' names what nobody can choose: {', '.join(sorted(unknown))}",
                    "mend it",
                )
        if declared.then == "leave_empty" and fields[declared.field].required:
            raise complaint(document, at, f"{declared.field} is required", "choose another 'then'")
        found.append(declared)
    return tuple(found)
