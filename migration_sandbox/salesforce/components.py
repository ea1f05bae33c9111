"""Layouts, tabs and list views of an org: where they are kept, and the layouts that an object begins with.

What a component must look like is layout_rules.py's and list_rules.py's, deploying deploy.py's. A component
is its XML; objects, fields and permission sets are not kept here but made into XML by metadata_xml.py.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.metadata_files import Node, leaf, read_xml, to_xml
from migration_sandbox.salesforce.org import Org, Statement
from migration_sandbox.salesforce.schema import Field, SObject

PREFIXES = {"Layout": "00h", "CustomTab": "01r", "ListView": "00B"}
LAYOUT_NAMES = {
    "Account": "Account-Account Layout",
    "Contact": "Contact-Contact Layout",
    "Event": "Event-Event Layout",
    "Task": "Task-Task Layout",
    "AccountContactRelation": "AccountContactRelation-Account Contact Relationship Layout",
    "ContentVersion": "ContentVersion-General",
}
ADDRESSES = ("Billing", "Shipping", "Mailing", "Other")
RELATED = {
    "Account": ("RelatedContactList", "RelatedActivityList", "RelatedHistoryList", "RelatedFileList"),
    "Contact": ("RelatedActivityList", "RelatedHistoryList", "RelatedFileList"),
}
SYSTEM = frozenset({"Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp"})
STAMPS = ("CreatedById", "LastModifiedById")


@dataclass(frozen=True)
class Stored:
    """One component; `body` is its XML, `created` and `modified` are seconds since 1970."""

    kind: str
    name: str
    body: str
    id: str
    created: float
    modified: float

    @property
    def root(self) -> Node:
        return read_xml(self.body.encode())


def component_key(kind: str, name: str) -> str:
    """Where the org keeps a component."""
    return f"component:{kind}:{name}"


def stored(org: Org, kind: str) -> dict[str, Stored]:
    """All components of a kind by name, the layouts that nobody deployed included."""
    start = component_key(kind, "")
    with org.lock:
        rows = org.db.execute(
            "SELECT value FROM meta WHERE substr(key, 1, ?) = ? ORDER BY rowid", [len(start), start]
        ).fetchall()
    found = {item.name: item for item in (Stored(**json.loads(value)) for (value,) in rows)}
    if kind == "Layout":
        owners = {name.partition("-")[0] for name in found}
        for sobject in list(org.objects.values()):
            name = LAYOUT_NAMES.get(sobject.name)
            if sobject.custom and sobject.name not in owners:
                name = default_name(sobject)
            if name is not None and name not in found:
                body = to_xml(default_layout(sobject))
                made = ids.make_id(PREFIXES[kind], int.from_bytes(name.encode()[:5], "big") % 10**9)
                found[name] = Stored(kind, name, body, made, org_made(org), org_made(org))
    return found


def org_made(org: Org) -> float:
    """When the org and what it begins with were made, in seconds since 1970."""
    made: datetime = org.tables["Organization"].scan(["CreatedDate"])["CreatedDate"][0]
    return made.replace(tzinfo=UTC).timestamp()


def keep(org: Org, kind: str, components: Iterable[tuple[str, Node]]) -> list[Statement]:
    """Statements that make components true; a known one keeps its id and its time of creation."""
    known = stored(org, kind)
    statements: list[Statement] = []
    for name, node in components:
        old = known.get(name)
        now = time.time()
        key = old.id if old else ids.make_id(PREFIXES[kind], org.next_number("component"))
        made = Stored(kind, name, to_xml(node), key, old.created if old else now, now)
        statements.append(org.set_meta(component_key(kind, name), asdict(made)))
    return statements


def default_name(sobject: SObject) -> str:
    return f"{sobject.name}-{sobject.label} Layout"


def compound_parts(sobject: SObject) -> dict[str, str]:
    """Field -> the compound field that stands for it on a layout."""
    found: dict[str, str] = {}
    for prefix in ADDRESSES:
        if f"{prefix}Street" in sobject.fields:
            for part in ("Street", "City", "State", "PostalCode", "Country"):
                found[prefix + part] = f"{prefix}Address"
    if {"Name", "LastName"} <= set(sobject.fields):
        found |= dict.fromkeys(("Salutation", "FirstName", "MiddleName", "LastName", "Suffix"), "Name")
    return found


def layout_fields(sobject: SObject) -> dict[str, tuple[bool, bool]]:
    """What a layout of the object may show: name -> (must be Readonly, must be Required)."""
    parts = compound_parts(sobject)
    found: dict[str, tuple[bool, bool]] = {}
    for item in sobject.fields.values():
        shown = parts.get(item.name, item.name)
        if item.name in SYSTEM or (shown in found and shown != item.name):
            continue
        found[shown] = (_read_only(item) and shown not in parts.values(), _required(sobject, item))
    if "Name" in parts.values():
        found["Name"] = (False, True)
    return found


def _read_only(item: Field) -> bool:
    return not item.createable and not item.updateable


def _required(sobject: SObject, item: Field) -> bool:
    named = sobject.custom and item.name_field and sobject.name_format is None
    return (item.required or item.master_detail or named) and item.type != "boolean"


def _item(name: str, behavior: str) -> Node:
    return Node("layoutItems", "", [leaf("behavior", behavior), leaf("field", name)])


def section(label: str, columns: list[list[Node]], style: str, custom: bool = False) -> Node:
    flags = [leaf("customLabel", custom), leaf("detailHeading", False), leaf("editHeading", True)]
    made = [Node("layoutColumns", "", items) for items in columns]
    return Node("layoutSections", "", [*flags, leaf("label", label), *made, leaf("style", style)])


def default_layout(sobject: SObject) -> Node:
    """The layout that an object begins with. A custom object's shows its name, its owner and who made it: a
    new field is on no layout until somebody puts it there."""
    fields = layout_fields(sobject)
    stamps = [name for name in STAMPS if name in fields]
    if sobject.custom:
        first, second = ["Name"], [name for name in ("OwnerId",) if name in fields]
    else:
        own = [name for name in fields if name not in stamps and not name.endswith("__c")]
        first, second = own[::2], own[1::2]
    columns = [[_behaving(fields, name) for name in side] for side in (first, second)]
    sections = [section("Information", columns, "TwoColumnsTopToBottom")]
    if stamps:
        system = [[_item(name, "Readonly")] for name in stamps]
        sections.append(section("System Information", system, "TwoColumnsTopToBottom"))
    sections.append(section("Custom Links", [[], [], []], "CustomLinks", custom=True))
    lists = [Node("relatedLists", "", [leaf("relatedList", name)]) for name in RELATED.get(sobject.name, ())]
    flags = [
        leaf(name, False)
        for name in (
            "showEmailCheckbox", "showHighlightsPanel", "showInteractionLogPanel",
            "showRunAssignmentRulesCheckbox", "showSubmitAndAttachButton",
        )
    ]  # fmt: skip
    made = Node("Layout", "", [*sections, *lists, *flags])
    with_required(made, sobject)
    return made


def with_required(layout: Node, sobject: SObject) -> bool:
    """Put required fields that a layout lacks into its first column, in place: the platform shows them on
    every layout. Answers whether there were any."""
    columns = [column for one in layout.all("layoutSections") for column in one.all("layoutColumns")]
    shown = {item.get("field") for column in columns for item in column.all("layoutItems")}
    fields = layout_fields(sobject)
    missing = [name for name, (_, required) in fields.items() if required and name not in shown]
    columns[0].children += [_behaving(fields, name) for name in missing]
    return bool(missing)


def _behaving(fields: dict[str, tuple[bool, bool]], name: str) -> Node:
    read_only, required = fields[name]
    return _item(name, "Readonly" if read_only else "Required" if required else "Edit")
