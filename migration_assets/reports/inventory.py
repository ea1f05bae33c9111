"""The field inventory as files: ``field_inventory.xlsx`` for people, ``field_inventory.json`` for programs.

Both say the same and hold names only, never a record's value. What stands in them is ``mapping.inventory``'s
to know; this module groups it by object and lays it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from migration_assets.destinations.administration import PlanRoom
from migration_assets.destinations.base import ObjectSchema
from migration_assets.mapping.inventory import INVENTORY_COLUMNS, inventory
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan
from migration_assets.objects.registry import MAPPED_OBJECTS
from migration_assets.reports import plan_sheet
from migration_assets.reports.files import write_document, write_private

JSON_NAME, XLSX_NAME = "field_inventory.json", "field_inventory.xlsx"

_SOURCE_COLUMNS = (
    "source_table",
    "source_column",
    "staged_table",
    "staged_column",
    "transform",
    "translation",
    "default",
    "constant",
)
_FIELD_COLUMNS = tuple(name for name in INVENTORY_COLUMNS if name not in ("object", *_SOURCE_COLUMNS))
_HEADINGS: Mapping[str, tuple[str, int, str]] = {
    "field": ("Field", 30, "API name of the field on its object."),
    "label": ("Label", 34, "What users see; a label that was changed in the organisation stays as it is."),
    "type": ("Type", 14, "Kind of field."),
    "length": ("Length", 8, "Characters that a text holds."),
    "precision": ("Digits", 8, "Digits of a number in all."),
    "scale": ("Decimals", 9, "Digits after the point."),
    "required": ("Required", 9, "No record without it."),
    "custom": ("Custom", 8, "Made by the migration; otherwise the destination's own field."),
    "values": ("Picklist values", 34, "Values that a picklist offers, in order."),
    "reference_to": ("Points to", 20, "The object whose record a reference names."),
    "source_table": ("PANDA table", 22, "Table in PANDA Perio; 'practice' is the practice itself."),
    "source_column": ("PANDA column", 24, "Column in PANDA Perio, by its logical name."),
    "staged_table": ("Staged table", 20, "Table of checked rows that the value is taken from."),
    "staged_column": ("Staged column", 22, "Its column; none where the value is a constant or a key of one."),
    "transform": ("How", 20, "copy, words translated, key of another object, constant, or tooth of a chart."),
    "translation": ("Words translated", 30, "PANDA's word -> the picklist's value."),
    "default": ("Default", 10, "What stands there when PANDA has nothing."),
    "constant": ("Constant", 10, "The same for every record of this source."),
    "mission_name": ("Name in the list", 26, "What the migration's list of fields calls it."),
    "why": ("Why it sits here", 60, "The reason for the place and form of the field."),
    "help_text": ("Help text", 60, "Shown beside the field."),
}
"""Column of the frame -> heading, width in characters, what it means; in the order of the sheets."""

_FORBIDDEN_IN_SHEET = str.maketrans(dict.fromkeys("[]:*?/\\", "_"))
_LONGEST_SHEET_NAME = 31


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """Fields of one object of the plan, in all and those that the migration makes."""

    object: str
    fields: int
    custom_fields: int


@dataclass(frozen=True, slots=True)
class FieldInventory:
    """An inventory as ``frame`` (INVENTORY_COLUMNS) with what it belongs to; ``rooms`` as the destination
    answered ``Destination.plans``."""

    target: Target
    practice_name: str
    plan_hash: str
    made_at: datetime
    head: Head
    schemas: tuple[ObjectSchema, ...]
    frame: pl.DataFrame
    rooms: tuple[PlanRoom, ...] = ()

    @property
    def counts(self) -> tuple[ObjectCounts, ...]:
        fields = self.frame.unique(["object", "field"])
        return tuple(
            ObjectCounts(schema.name, of_object.height, int(of_object["custom"].sum()))
            for schema in self.schemas
            for of_object in (fields.filter(object=schema.name),)
        )


def make_inventory(
    target: Target,
    practice_name: str,
    plan: Plan,
    made_at: datetime,
    head: Head,
    rooms: Sequence[PlanRoom] = (),
) -> FieldInventory:
    frame = inventory(plan.mapping, plan.layout, {each.name: each.source_columns for each in MAPPED_OBJECTS})
    return FieldInventory(
        target,
        practice_name,
        plan.hash,
        made_at,
        head,
        tuple(plan.schemas.values()),
        frame,
        tuple(rooms),
    )


def write_inventory(made: FieldInventory, directory: Path) -> tuple[Path, Path]:
    """Both files, the XLSX first, each readable by its owner only and whole or not at all."""
    return (
        write_private(directory / XLSX_NAME, as_workbook(made)),
        write_document(directory / JSON_NAME, as_document(made)),
    )


def as_document(made: FieldInventory) -> dict[str, Any]:
    """practice, destination, environment, plan_hash, made_at, objects with fields with sources, plans (the
    room by plan, object and kind), audit_log."""
    target = made.target
    return {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "plan_hash": made.plan_hash,
        "made_at": made.made_at.isoformat(),
        "objects": [_object(made, schema) for schema in made.schemas],
        "plans": [asdict(each) | {"fits": each.fits} for each in made.rooms],
        AUDIT_LOG: made.head.described(),
    }


def _object(made: FieldInventory, schema: ObjectSchema) -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = {}
    for row in made.frame.filter(object=schema.name).iter_rows(named=True):
        of_field = {name: row[name] for name in _FIELD_COLUMNS}
        field = fields.setdefault(row["field"], {**of_field, "sources": []})
        field["sources"].append({name: row[name] for name in _SOURCE_COLUMNS})
    return {
        "object": schema.name,
        "label": schema.label,
        "plural_label": schema.plural_label,
        "custom": schema.custom,
        "key_field": schema.key_field,
        "fields": list(fields.values()),
    }


def as_workbook(made: FieldInventory) -> bytes:
    """A sheet an object, and a first one that explains; headers stay in sight and every column filters."""
    import xlsxwriter

    content = BytesIO()
    # A text that begins with = or http is a text.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": f"Field inventory {made.target}", "created": made.made_at})
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "heading": book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "valign": "top"}),
            "cell": book.add_format({"valign": "top"}),
            "wrapped": book.add_format({"valign": "top", "text_wrap": True}),
            "link": book.get_default_url_format(),
        }
        sheets = _sheet_names([schema.name for schema in made.schemas])
        _write_explanation(book.add_worksheet("About"), styles, made, sheets)
        if made.rooms:
            plan_sheet.write_plans(book.add_worksheet(plan_sheet.NAME), book, made.rooms)
        for schema in made.schemas:
            sheet = book.add_worksheet(sheets[schema.name])
            _write_object(sheet, styles, made.frame.filter(object=schema.name))
    return content.getvalue()


def _sheet_names(objects: Iterable[str]) -> dict[str, str]:
    """At most 31 characters, none of []:*?/\\, each once whatever the case (the format's own rules)."""
    names: dict[str, str] = {}
    taken = {"about", plan_sheet.NAME.lower()}
    for each in objects:
        wanted = each.translate(_FORBIDDEN_IN_SHEET)[:_LONGEST_SHEET_NAME]
        name, number = wanted, 2
        while name.lower() in taken:
            suffix = f"~{number}"
            name, number = wanted[: _LONGEST_SHEET_NAME - len(suffix)] + suffix, number + 1
        taken.add(name.lower())
        names[each] = name
    return names


def _write_explanation(
    sheet: Any, styles: Mapping[str, Any], made: FieldInventory, sheets: Mapping[str, str]
) -> None:
    target = made.target
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, "Field inventory", styles["title"])
    facts = (
        ("Practice", f"{made.practice_name} ({target.practice})"),
        ("Destination", f"{target.destination}, {target.environment}"),
        ("Plan", made.plan_hash),
        ("Made at", f"{made.made_at:%Y-%m-%d %H:%M} {made.made_at.tzname() or ''}".rstrip()),
        ("Audit log", str(made.head)),
        (
            "What this is",
            "Every field that the migration fills, a line a field and source.",
        ),
    )
    row = 2
    for name, value in facts:
        sheet.write_string(row, 0, name, styles["cell"])
        sheet.write_string(row, 1, value, styles["wrapped"])
        row += 1
    row = _write_heading(sheet, styles, row + 1, ("Object", "Fields"))
    for each in made.counts:
        sheet.write_url(row, 0, f"internal:'{sheets[each.object]}'!A1", styles["link"], each.object)
        counted = f"{each.fields:,} fields, of which {each.custom_fields:,} are made by the migration"
        sheet.write_string(row, 1, counted, styles["cell"])
        row += 1
    row = _write_heading(sheet, styles, row + 1, ("Column", "What it means"))
    for heading, _, meaning in _HEADINGS.values():
        sheet.write_string(row, 0, heading, styles["cell"])
        sheet.write_string(row, 1, meaning, styles["wrapped"])
        row += 1


def _write_heading(sheet: Any, styles: Mapping[str, Any], row: int, headings: Sequence[str]) -> int:
    for column, heading in enumerate(headings):
        sheet.write_string(row, column, heading, styles["heading"])
    return row + 1


def _write_object(sheet: Any, styles: Mapping[str, Any], rows: pl.DataFrame) -> None:
    _write_heading(sheet, styles, 0, [heading for heading, _, _ in _HEADINGS.values()])
    for column, (_, width, _) in enumerate(_HEADINGS.values()):
        sheet.set_column(column, column, width)
    for number, row in enumerate(rows.iter_rows(named=True), start=1):
        for column, name in enumerate(_HEADINGS):
            _write_cell(sheet, number, column, row[name], styles["cell"])
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(rows.height, 1), len(_HEADINGS) - 1)


def _write_cell(sheet: Any, row: int, column: int, value: Any, style: Any) -> None:
    match value:
        case None | []:
            return
        case bool():
            sheet.write_string(row, column, "yes" if value else "no", style)
        case int():
            sheet.write_number(row, column, value, style)
        case list():
            sheet.write_string(row, column, "; ".join(value), style)
        case _:
            sheet.write_string(row, column, str(value), style)


def counts_as_rows(made: FieldInventory) -> list[dict[str, str | int]]:
    """ObjectCounts as rows for a table of metadata."""
    return [asdict(each) for each in made.counts]
