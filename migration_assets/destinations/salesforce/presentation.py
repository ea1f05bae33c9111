"""What an org shows of our objects and what it lacks: page layouts, tabs, list views, related lists.

New objects come with all of it. A layout that is there is somebody's: it is changed only where the settings
say ``layouts: extend``, or where it is the empty one that the platform made, and else what to add by hand is
a finding. Tabs and list views are added and never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from migration_assets.destinations.base import Finding, ObjectSchema
from migration_assets.destinations.salesforce import layouts, soap
from migration_assets.destinations.salesforce.metadata_package import Presentation, Properties
from migration_assets.destinations.salesforce.session import SalesforceSession

_LAYOUT, _TAB, _VIEW = "Layout", "CustomTab", "ListView"
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """What the org has: ``layouts`` of our objects by full name, objects with tabs, ``Object.View`` names."""

    layouts: dict[str, Properties] = field(default_factory=dict)
    tabs: frozenset[str] = frozenset()
    list_views: frozenset[str] = frozenset()

    def layouts_of(self, name: str) -> list[str]:
        return [each for each in self.layouts if each.partition("-")[0] == name]


@dataclass(frozen=True, slots=True)
class Lack:
    """What one existing layout lacks of an object's fields and related lists."""

    layout: str
    schema: ObjectSchema
    fields: tuple[str, ...]
    related: tuple[tuple[str, ObjectSchema], ...]
    untouched: bool

    def __bool__(self) -> bool:
        return bool(self.fields or self.related)


def read(session: SalesforceSession, schemas: Sequence[ObjectSchema]) -> Shown:
    names = soap.list_metadata(session, (_LAYOUT, _TAB, _VIEW))
    objects = {schema.name for schema in schemas}
    ours = [name for name in names[_LAYOUT] if name.partition("-")[0] in objects]
    return Shown(soap.read_metadata(session, _LAYOUT, ours), frozenset(names[_TAB]), frozenset(names[_VIEW]))


def lacking(shown: Shown, schemas: Sequence[ObjectSchema], *, extend: bool) -> Presentation:
    """What has to be deployed, objects that aren't there yet among it."""
    made: dict[str, Properties] = {}
    for schema in schemas:
        existing = shown.layouts_of(schema.name)
        if schema.custom and not existing:
            made[layouts.layout_name(schema)] = layouts.layout(schema, schemas)
        for lack in _lacks(shown, schema, schemas):
            if lack.untouched:
                made[lack.layout] = layouts.layout(schema, schemas)
            elif extend:
                made[lack.layout] = extended(shown.layouts[lack.layout], lack)
    views = {
        schema.name: {
            name: view
            for name, view in layouts.list_views(schema).items()
            if f"{schema.name}.{name}" not in shown.list_views
        }
        for schema in schemas
    }
    tabs = [
        each.name for each in schemas if layouts.is_opened_by_people(each) and each.name not in shown.tabs
    ]
    return Presentation(
        layouts=made,
        tabs={name: layouts.tab() for name in tabs},
        list_views={name: missing for name, missing in views.items() if missing},
    )


def findings(shown: Shown, schemas: Sequence[ObjectSchema]) -> Iterator[Finding]:
    """What to add by hand, a note a layout."""
    for schema in schemas:
        for lack in _lacks(shown, schema, schemas):
            parts = []
            if lack.fields:
                parts.append(f"{len(lack.fields)} fields ({_some(lack.fields)})")
            if lack.related:
                parts.append(f"related lists {_some([name for name, _ in lack.related])}")
            message = (
                f"page layout {lack.layout} doesn't show {' and '.join(parts)}; add them in Setup, or set "
                "layouts: extend in the practice's file"
            )
            yield Finding("layout_incomplete", "note", message, schema.name)


def _lacks(shown: Shown, schema: ObjectSchema, schemas: Sequence[ObjectSchema]) -> Iterator[Lack]:
    ours = [each.name for each in schema.stored_fields if each.custom]
    for name in shown.layouts_of(schema.name):
        present = set(
            _texts(shown.layouts[name], ("layoutSections", "layoutColumns", "layoutItems", "field"))
        )
        lists = set(_texts(shown.layouts[name], ("relatedLists", "relatedList")))
        lack = Lack(
            layout=name,
            schema=schema,
            fields=tuple(each for each in ours if each not in present),
            related=tuple(each for each in layouts.related(schema, schemas) if each[0] not in lists),
            untouched=schema.custom and not any(each.endswith("__c") for each in present),
        )
        if lack:
            yield lack


def extended(existing: Properties, lack: Lack) -> Properties:
    """The layout with what it lacks: a section at the end, related lists after those that are there."""
    whole = list(existing)
    if lack.fields:
        whole = _after(whole, "layoutSections", [layouts.section_beside(lack.schema, lack.fields)])
    if lack.related:
        more = [layouts.related_list(name, child) for name, child in lack.related]
        whole = _after(whole, "relatedLists", more)
    return whole


def without(existing: Properties, fields: Collection[str], related: frozenset[str]) -> Properties:
    """The layout without these fields and related lists, nor a section of ours that is empty then."""
    kept: Properties = []
    for name, value in existing:
        if name == "layoutSections" and not isinstance(value, str):
            section = _without_items(value, fields)
            emptied = section != value and not list(
                _texts(section, ("layoutColumns", "layoutItems", "field"))
            )
            if not (emptied and ("label", layouts.BESIDE) in section):
                kept.append((name, section))
        elif name != "relatedLists" or not related & set(_texts([(name, value)], (name, "relatedList"))):
            kept.append((name, value))
    return kept


def _without_items(section: Properties, fields: Collection[str]) -> Properties:
    return [
        (name, [each for each in value if not set(fields) & set(_texts([each], ("layoutItems", "field")))])
        if name == "layoutColumns" and not isinstance(value, str)
        else (name, value)
        for name, value in section
    ]


def _after(whole: Properties, name: str, more: Properties) -> Properties:
    """``more`` behind the last property of its name; elements are in alphabetical order by name."""
    position = max((number + 1 for number, each in enumerate(whole) if each[0] <= name), default=0)
    return [*whole[:position], *more, *whole[position:]]


def _texts(properties: Properties, path: Sequence[str]) -> Iterator[str]:
    """Texts of all properties at the path."""
    head, *rest = path
    for name, value in properties:
        if name == head and rest and not isinstance(value, str):
            yield from _texts(value, rest)
        elif name == head and not rest and isinstance(value, str):
            yield value


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
