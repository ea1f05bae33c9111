"""What a permission set may grant. Raises Problem; applying a package is deploy.py's."""

import json
from collections.abc import Callable

from migration_sandbox.salesforce.field_rules import Problem, limited
from migration_sandbox.salesforce.layout_rules import Find
from migration_sandbox.salesforce.metadata_files import Node
from migration_sandbox.salesforce.org import Grants
from migration_sandbox.salesforce.user_permissions import PERMISSIONS

ACTIVITY = "Activity"
OBJECT_FLAGS = ("allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllRecords")
_ELEMENTS = frozenset(
    {
        "fullName", "label", "description", "license", "hasActivationRequired", "fieldPermissions",
        "objectPermissions", "tabSettings", "userPermissions",
    }
)  # fmt: skip
_TABS = ("Available", "None", "Visible")


def read_grants(
    node: Node, known: Grants | None, find: Find, is_tab: Callable[[str], bool], audit_fields: bool
) -> Grants:
    """The grants of a permission set after a deployment: what was there and what its file adds or changes.
    The permission to set audit fields is known only where the org has them enabled."""
    limited(node, "label", "MasterLabel", 80, required=True)
    limited(node, "description", "Description", 255)
    for child in node.children:
        if child.name not in _ELEMENTS:
            raise Problem(f"{child.name} of a permission set are not part of this sandbox")
    grants: Grants = json.loads(json.dumps(known or {}))
    fields, objects = grants.setdefault("fields", {}), grants.setdefault("objects", {})
    for item in node.all("objectPermissions"):
        target = item.get("object") or ""
        objects[target] = _object_flags(item, target, find)
    for item in node.all("fieldPermissions"):
        path = item.get("field") or ""
        flags = {"readable": item.flag("readable"), "editable": item.flag("editable")}
        if flags["editable"] and not flags["readable"]:
            raise Problem(f"Field {path}: editable depends on readable")
        for target_path in _granted_paths(path, find):
            fields[target_path] = flags
    for item in node.all("tabSettings"):
        tab, visibility = item.get("tab") or "", item.get("visibility") or ""
        if not is_tab(tab):
            raise Problem(f"In field: tab - no CustomTab named {tab} found")
        if visibility not in _TABS:
            raise Problem(f"'{visibility}' is not a valid value for the enum 'PermissionSetTabVisibility'")
        grants.setdefault("tabs", {})[tab] = {visibility: True}
    for item in node.all("userPermissions"):
        name = item.get("name") or ""
        if name not in PERMISSIONS or (name == "CreateAuditFields" and not audit_fields):
            raise Problem(f"Unknown user permission: {name}")
        grants.setdefault("user", {})[name] = {"enabled": item.flag("enabled")}
    return grants


def _object_flags(item: Node, target: str, find: Find) -> dict[str, bool]:
    if find(target) is None:
        raise Problem(f"In field: field - no CustomObject named {target} found")
    flags = {flag: item.flag(flag) for flag in OBJECT_FLAGS}
    if not flags["allowRead"] and any(flags.values()):
        raise Problem(f"Permission on {target} depends on permission(s): Read {target}")
    return flags


def _granted_paths(path: str, find: Find) -> list[str]:
    owner, _, name = path.partition(".")
    found = []
    for target_name in ("Event", "Task") if owner in (ACTIVITY, "Event", "Task") else (owner,):
        target = find(target_name)
        item = None if target is None else target.find(name)
        if target is None or item is None:
            raise Problem(f"In field: field - no CustomField named {path} found")
        if item.always_visible:
            raise Problem(f"You cannot deploy to a required field: {path}")
        found.append(f"{target_name}.{item.name}")
    return found
