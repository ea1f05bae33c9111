"""What people see of our objects: page layouts, list views, tabs, as properties of the Metadata API.

Pure: schemas in, properties out. A chart's fields are found by their names and stand in sections by measure
and quadrant. What an org has already, and whether it may be changed, is ``presentation``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.salesforce.metadata_package import MAX_LABEL, Properties
from migration_assets.perio.charting import ChartField, Measure, parse_field_name
from migration_assets.perio.errors import UnknownChartField
from migration_assets.perio.teeth import tooth_of_slot

MOTIF = "Custom94: Stethoscope"
"""The icon of a tab; the platform's list of motifs is fixed."""
BESIDE = "PANDA Perio"
"""Heading of the section that an existing layout is extended by."""

_QUADRANTS = {"UR": "upper right", "UL": "upper left", "LL": "lower left", "LR": "lower right"}
_LEFT_PLACES = frozenset({"MB", "B", "DB", "M"})
_CUSTOM = "__c"
_STATUS = "Status__c"
_ORIGIN = frozenset({"Original_Create_Date__c"})
_COLUMNS_SHOWN = 5
_SHOWN_FIRST = (
    FieldType.DATE,
    FieldType.PICKLIST,
    FieldType.CURRENCY,
    FieldType.TEXT,
    FieldType.NUMBER,
    FieldType.CHECKBOX,
)
"""Kinds of fields that lists show, in this order; long texts and references are for the record's page."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its fields in one column or two (``right`` None for one)."""

    label: str
    left: tuple[str, ...]
    right: tuple[str, ...] | None = None


def is_opened_by_people(schema: ObjectSchema) -> bool:
    """Whether an object deserves a tab: a detail of another custom object is reached from that one."""
    return schema.custom and not any(_is_detail_of_custom(field) for field in schema.stored_fields)


def _is_detail_of_custom(field: FieldSchema) -> bool:
    bound = field.type is FieldType.MASTER_DETAIL or (field.type.is_reference and field.required)
    return bound and (field.reference_to or "").endswith(_CUSTOM)


def layout_name(schema: ObjectSchema) -> str:
    """Full name of the layout that the platform itself gives a new custom object."""
    return f"{schema.name}-{quote(f'{schema.label} Layout', safe=' ')}"


def sections(schema: ObjectSchema) -> tuple[Section, ...]:
    """All fields of a custom object, each once: what it is, its texts, its chart, where it comes from."""
    charted = {field.name: found for field in schema.stored_fields if (found := _charted(field)) is not None}
    plain = [field for field in schema.stored_fields if field.name not in charted]
    origin = [each.name for each in plain if each.name == schema.key_field or each.name in _ORIGIN]
    texts = [each.name for each in plain if each.type is FieldType.LONG_TEXT]
    rest = [each.name for each in plain if each.name not in {*origin, *texts, "Name"}]
    made = [Section("Information", *_halves(["Name", *rest]))]
    if texts:
        made.append(Section("Notes", tuple(texts)))
    made += _chart_sections(charted)
    made.append(Section(BESIDE, *_halves(origin)))
    return tuple(made)


def _charted(field: FieldSchema) -> ChartField | None:
    try:
        return parse_field_name(field.name)
    except UnknownChartField:
        return None


def _chart_sections(charted: dict[str, ChartField]) -> Iterator[Section]:
    """By measure and quadrant; the buccal places stand left, the lingual ones right."""
    grouped: dict[tuple[Measure, str | None], list[tuple[str, ChartField]]] = {}
    for name, found in charted.items():
        quadrant = None if found.slot is None else str(tooth_of_slot(found.slot).quadrant)
        grouped.setdefault((found.measure, quadrant), []).append((name, found))
    for (measure, quadrant), members in grouped.items():
        title = measure.long_title or measure.title
        label = title if quadrant is None else f"{title} – {_QUADRANTS[quadrant]}"
        if measure.places:
            left = tuple(name for name, found in members if str(found.place) in _LEFT_PLACES)
            yield Section(label, left, tuple(name for name, _ in members if name not in left))
        else:
            yield Section(label, *_halves([name for name, _ in members]))


def _halves(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    middle = (len(names) + 1) // 2
    return tuple(names[:middle]), tuple(names[middle:])


def layout(schema: ObjectSchema, schemas: Iterable[ObjectSchema]) -> Properties:
    """A whole layout of a custom object; its children among ``schemas`` are its related lists."""
    return [
        *(_section(schema, each) for each in sections(schema)),
        *(related_list(name, child) for name, child in related(schema, schemas)),
    ]


def section_beside(schema: ObjectSchema, names: Sequence[str]) -> tuple[str, Properties | str]:
    """A section that holds fields that an existing layout lacks."""
    return _section(schema, Section(BESIDE, *_halves(names)))


def _section(schema: ObjectSchema, section: Section) -> tuple[str, Properties | str]:
    columns = [section.left] if section.right is None else [section.left, section.right]
    return (
        "layoutSections",
        [
            ("customLabel", "true"),
            ("detailHeading", "true"),
            ("editHeading", "true"),
            ("label", section.label),
            *(("layoutColumns", [_item(schema, name) for name in names]) for names in columns),
            ("style", "OneColumn" if section.right is None else "TwoColumnsTopToBottom"),
        ],
    )


def _item(schema: ObjectSchema, name: str) -> tuple[str, Properties | str]:
    return ("layoutItems", [("behavior", _behavior(schema, name)), ("field", name)])


def _behavior(schema: ObjectSchema, name: str) -> str:
    field = next((each for each in schema.stored_fields if each.name == name), None)
    if field is None:
        # A name that isn't mapped is an automatic number.
        return "Readonly"
    if field.required or field.type is FieldType.MASTER_DETAIL or (schema.custom and name == "Name"):
        return "Required"
    return "Readonly" if field.name == schema.key_field else "Edit"


def related(schema: ObjectSchema, schemas: Iterable[ObjectSchema]) -> list[tuple[str, ObjectSchema]]:
    """Related lists that our custom objects give the object: ``Child__c.Parent__c`` and the child."""
    return [
        (f"{child.name}.{field.name}", child)
        for child in schemas
        if child.custom and child.name != schema.name
        for field in child.references
        if field.custom and schema.name in field.targets
    ]


def related_list(name: str, child: ObjectSchema) -> tuple[str, Properties | str]:
    columns: Properties = [("fields", column) for column in list_columns(child)]
    return ("relatedLists", [*columns, ("relatedList", name)])


def list_columns(schema: ObjectSchema) -> tuple[str, ...]:
    """What a list shows of a custom object's records: the name, and a few fields that tell them apart."""
    candidates = [
        field
        for field in schema.stored_fields
        if field.custom
        and field.type in _SHOWN_FIRST
        and field.name != schema.key_field
        and _charted(field) is None
    ]
    candidates.sort(key=lambda field: _SHOWN_FIRST.index(field.type))
    return ("NAME", *(field.name for field in candidates[: _COLUMNS_SHOWN - 1]))


def list_views(schema: ObjectSchema) -> dict[str, Properties]:
    """By name: all records, and one view for each status that the object's records can have."""
    if not is_opened_by_people(schema):
        return {}
    views = {"All": _view("All", f"All {schema.plural_label}", schema)}
    status = next((field for field in schema.stored_fields if field.name == _STATUS), None)
    for value in status.values if status is not None else ():
        name = "Status_" + re.sub(r"[^A-Za-z0-9]+", "_", value).strip("_")
        views[name] = _view(name, f"{schema.plural_label}: {value}", schema, value)
    return views


def _view(name: str, label: str, schema: ObjectSchema, status: str | None = None) -> Properties:
    filters: Properties = []
    if status is not None:
        filters = [("filters", [("field", _STATUS), ("operation", "equals"), ("value", status)])]
    return [
        ("fullName", name),
        *(("columns", column) for column in list_columns(schema)),
        ("filterScope", "Everything"),
        *filters,
        ("label", label[:MAX_LABEL]),
    ]


def tab() -> Properties:
    """A custom object's tab; its file is named after the object."""
    return [("customObject", "true"), ("motif", MOTIF)]
