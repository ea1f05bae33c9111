"""Objects, fields and permission sets of an org as the Metadata API's XML: the inverse of a deployment.

Only what a deployment stores is written; what the platform adds for features that this sandbox doesn't have
(action overrides, search layouts, sharing recalculation) isn't there.
"""

from collections.abc import Callable

from migration_sandbox.salesforce.components import Stored, stored
from migration_sandbox.salesforce.metadata_files import Node, leaf, ordered
from migration_sandbox.salesforce.org import Grants, Org
from migration_sandbox.salesforce.schema import Field, SObject

ACTIVITY = "Activity"
_STANDARD_TYPES = {
    "string": "Text", "textarea": "TextArea", "boolean": "Checkbox", "double": "Number", "int": "Number",
    "currency": "Currency", "percent": "Percent", "date": "Date", "datetime": "DateTime", "email": "Email",
    "phone": "Phone", "url": "Url", "picklist": "Picklist", "multipicklist": "MultiselectPicklist",
    "combobox": "Picklist", "reference": "Lookup",
}  # fmt: skip
TAB_VISIBILITY = ("Visible", "Available", "None")


def custom_field(item: Field, name: str | None = None) -> Node:
    """A `fields` element; `name` is its full name where that has the object in front."""
    node = Node("fields", "", [leaf("fullName", name or item.name)])

    def put(key: str, value: object) -> None:
        if value is not None and value != "":
            node.children.append(leaf(key, value))

    if not item.custom:
        if item.type in ("picklist", "reference"):
            put("type", _STANDARD_TYPES[item.type])
        return node
    put("label", item.label)
    put("type", item.metadata_type)
    put("description", item.description)
    put("inlineHelpText", item.help_text)
    for key, value in _shape(item).items():
        put(key, value)
    if item.picklist:
        node.children.append(_value_set(item))
    return node


def _shape(item: Field) -> dict[str, object]:
    """What a field of this type has beside label and texts; empty values aren't written."""
    kind = item.metadata_type
    made: dict[str, object] = {}
    if kind in ("Text", "LongTextArea"):
        made["length"] = item.length
    if item.numeric:
        made |= {"precision": item.precision, "scale": item.scale}
    if item.visible_lines:
        made["visibleLines"] = item.visible_lines
    if kind in ("Text", "Number", "Email"):
        made |= {"externalId": item.external_id, "unique": item.unique}
    if item.unique and kind == "Text":
        made["caseSensitive"] = item.case_sensitive
    if kind not in ("Checkbox", "LongTextArea", "MultiselectPicklist", "MasterDetail"):
        made["required"] = item.required
    if not item.picklist:
        made["defaultValue"] = item.default
    if item.references:
        child = (item.child_relationship_name or "").removesuffix("__r")
        made |= {"referenceTo": item.references[0], "relationshipName": child}
    if item.master_detail:
        made |= {"reparentableMasterDetail": item.updateable, "writeRequiresMasterRead": False}
    elif item.references:
        made["deleteConstraint"] = "SetNull"
    return made


def _value_set(item: Field) -> Node:
    values = [
        Node("value", "", [leaf("fullName", one), leaf("default", one == item.default), leaf("label", one)])
        for one in item.picklist
    ]
    definition = Node("valueSetDefinition", "", [leaf("sorted", False), *values])
    return Node("valueSet", "", [leaf("restricted", item.restricted), definition])


def custom_object(org: Org, sobject: SObject, name: str | None = None) -> Node:
    """A whole object: its properties, custom fields and list views."""
    made = Node("CustomObject", "", [])
    if sobject.custom:
        title = sobject.name_field
        named = [leaf("label", title.label if title else "Name")]
        if sobject.name_format is not None:
            named += [leaf("type", "AutoNumber"), leaf("displayFormat", sobject.name_format)]
        else:
            named.append(leaf("type", "Text"))
        made.children += [
            leaf("label", sobject.label), leaf("pluralLabel", sobject.label_plural),
            leaf("deploymentStatus", "Deployed"), leaf("sharingModel", sobject.sharing_model),
            leaf("enableActivities", sobject.enable_activities), leaf("enableBulkApi", True),
            leaf("enableSharing", True), leaf("enableStreamingApi", True), Node("nameField", "", named),
        ]  # fmt: skip
        if sobject.description:
            made.children.append(leaf("description", sobject.description))
    made.children += [custom_field(item) for item in sobject.fields.values() if item.custom]
    owner = name or sobject.name
    for view in stored(org, "ListView").values():
        if view.name.partition(".")[0] == owner:
            made.children.append(list_view(view))
    return made


def list_view(item: Stored) -> Node:
    """A `listViews` element, its name without the object."""
    root = item.root
    rest = [child for child in root.children if child.name != "fullName"]
    return Node("listViews", "", [leaf("fullName", item.name.partition(".")[2]), *rest])


def permission_set(org: Org, name: str) -> Node:
    grants: Grants = org.permission_sets[name]
    table = org.tables["PermissionSet"].scan(["Name", "Label", "Description"])
    table = table.select("Name", "Label", "Description")
    label, description = next(
        ((shown, text) for key, shown, text in table.iter_rows() if key == name), (name, None)
    )
    made = Node("PermissionSet", "", [leaf("label", label), leaf("hasActivationRequired", False)])
    if description:
        made.children.append(leaf("description", description))

    def put(kind: str, subject: str, values: dict[str, object]) -> None:
        children = [leaf(subject, values[subject]), *(leaf(k, v) for k, v in values.items() if k != subject)]
        made.children.append(Node(kind, "", children))

    fields: dict[str, dict[str, bool]] = {}
    for path, flags in sorted(grants.get("fields", {}).items()):
        owner, _, field = path.partition(".")
        fields[f"{ACTIVITY if owner in ('Event', 'Task') else owner}.{field}"] = flags
    for path, flags in fields.items():
        put("fieldPermissions", "field", {"field": path, **flags})
    for target, flags in sorted(grants.get("objects", {}).items()):
        put("objectPermissions", "object", {"object": target, **flags})
    for tab, flags in sorted(grants.get("tabs", {}).items()):
        shown = next((one for one in TAB_VISIBILITY if flags.get(one)), "None")
        put("tabSettings", "tab", {"tab": tab, "visibility": shown})
    for permission, flags in sorted(grants.get("user", {}).items()):
        put("userPermissions", "name", {"name": permission, **flags})
    return made


def _object(org: Org, name: str) -> Node | None:
    sobject = org.objects.get("Event" if name == ACTIVITY else name)
    if sobject is None or sobject.virtual or (name in ("Event", "Task")):
        return None
    return custom_object(org, sobject, name)


def _field(org: Org, name: str) -> Node | None:
    owner, _, field_name = name.partition(".")
    sobject = org.objects.get("Event" if owner == ACTIVITY else owner)
    item = None if sobject is None or sobject.virtual else sobject.find(field_name)
    return None if item is None else custom_field(item, name)


def _kept(kind: str) -> Callable[[Org, str], Node | None]:
    def read(org: Org, name: str) -> Node | None:
        found = stored(org, kind).get(name)
        return None if found is None else found.root

    return read


def _set(org: Org, name: str) -> Node | None:
    return permission_set(org, name) if name in org.permission_sets else None


READERS: dict[str, Callable[[Org, str], Node | None]] = {
    "CustomObject": _object,
    "CustomField": _field,
    "PermissionSet": _set,
    "Layout": _kept("Layout"),
    "CustomTab": _kept("CustomTab"),
    "ListView": _kept("ListView"),
}


def read(org: Org, kind: str, name: str) -> Node | None:
    """One component with its full name in it, in the schema's order; None where there is none."""
    found = READERS[kind](org, name)
    if found is None:
        return None
    rest = [child for child in found.children if child.name != "fullName"]
    return ordered(Node(kind, "", [leaf("fullName", name), *rest]))


def names(org: Org, kind: str) -> list[str]:
    """Full names of all components of a kind."""
    if kind == "PermissionSet":
        return sorted(org.permission_sets)
    if kind not in ("CustomObject", "CustomField"):
        return sorted(stored(org, kind))
    found: list[str] = []
    for sobject in list(org.objects.values()):
        if sobject.virtual or not (sobject.custom or sobject.createable) or sobject.name == "Task":
            continue
        owner = ACTIVITY if sobject.name == "Event" else sobject.name
        if kind == "CustomObject":
            found.append(owner)
        else:
            found += [f"{owner}.{item.name}" for item in sobject.fields.values() if item.custom]
    return sorted(found)
