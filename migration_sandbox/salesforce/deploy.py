"""What a package may do to this org, component by component, on a copy of its schema.

What one field must be by itself is field_rules.py's; here is what it must be in this org: limits, references,
clashes, permission sets. Running and keeping deployments is deployer.py's.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.field_rules import Problem, check_change, check_name, limited, read_field
from migration_sandbox.salesforce.metadata_files import Node, ObjectFile, Package
from migration_sandbox.salesforce.org import Grants, Org
from migration_sandbox.salesforce.schema import Field, SObject, custom_object
from migration_sandbox.salesforce.settings import HARD_FIELD_CAP

MAX_EXTERNAL_IDS = 25
MAX_MASTERS = 2
ACTIVITY = "Activity"
KNOWN_TYPES = frozenset({"CustomObject", "CustomField", "PermissionSet"})
OBJECT_FLAGS = ("allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllRecords")


@dataclass
class Component:
    """The outcome of one component."""

    kind: str
    path: str
    name: str
    created: bool = False
    changed: bool = True
    problem: str | None = None


def prefix_of(number: int) -> str:
    """Key prefix of the nth custom object: a00, a01, ..."""
    return f"a{ids.BASE62[number // 62 % 62]}{ids.BASE62[number % 62]}"


class Applying:
    """One package against a copy of the schema. Nothing of the org changes here."""

    def __init__(self, org: Org, package: Package) -> None:
        self.org = org
        self.package = package
        self.objects: dict[str, SObject] = {}
        self.created: set[str] = set()
        self.grants: dict[str, Grants] = {}
        self.labels: dict[str, tuple[str, str | None]] = {}
        self.components: list[Component] = []
        self._children: dict[str, dict[str, tuple[str, str]]] = {}

    def find(self, name: str) -> SObject | None:
        return self.objects.get(name) or self.org.objects.get(name)

    def change(self, name: str) -> SObject:
        """The copy of an object that this package edits."""
        if name not in self.objects:
            self.objects[name] = self.org.objects[name].copy()
        return self.objects[name]

    def attempt(self, component: Component, step: Any) -> None:
        try:
            component.created, component.changed = step()
        except Problem as problem:
            component.problem = problem.text
        self.components.append(component)

    def run(self) -> list[Component]:
        self._manifest()
        for file in self.package.objects:
            if self._whole_object(file):
                self.attempt(
                    Component("CustomObject", file.path, file.name), lambda file=file: self._object(file)
                )
        waiting = [(file, node) for file in self.package.objects for node in file.root.all("fields")]
        seen: set[str] = set()
        for file, node in waiting:
            name = f"{file.name}.{node.get('fullName') or ''}"
            double = name.lower() in seen
            seen.add(name.lower())
            component = Component("CustomField", file.path, name)
            self.attempt(
                component, lambda file=file, node=node, double=double: self._field(file.name, node, double)
            )
        for file in self.package.permission_sets:
            component = Component("PermissionSet", file.path, file.name)
            self.attempt(component, lambda file=file: self._permission_set(file.name, file.root))
        return self.components

    def _whole_object(self, file: ObjectFile) -> bool:
        members = self.package.manifest.get("CustomObject", [])
        return file.name in members or ("*" in members and file.name.endswith("__c"))

    def _fail(self, kind: str, path: str, name: str, problem: str) -> None:
        self.components.append(Component(kind, path, name, problem=problem))

    def _manifest(self) -> None:
        """Everything named must be there, everything there must be named."""
        for path in self.package.unknown:
            self._fail("", path, path, "this kind of component is not part of this sandbox")
        present: dict[str, set[str]] = {
            "CustomObject": {file.name for file in self.package.objects},
            "PermissionSet": {file.name for file in self.package.permission_sets},
            "CustomField": {
                f"{file.name}.{node.get('fullName')}"
                for file in self.package.objects
                for node in file.root.all("fields")
            },
        }
        for kind, members in self.package.manifest.items():
            if kind not in KNOWN_TYPES:
                self._fail(kind, "package.xml", kind, f"Entity type: '{kind}' is not part of this sandbox")
                continue
            for member in members:
                if member != "*" and member not in present[kind]:
                    problem = (
                        f"An object '{member}' of type {kind} was named in package.xml, but was "
                        f"not found in zipped directory"
                    )
                    self._fail(kind, "package.xml", member, problem)
        fields = set(self.package.manifest.get("CustomField", []))
        for file in self.package.objects:
            named = {name.partition(".")[0] for name in fields}
            if not self._whole_object(file) and file.name not in named:
                self._fail(
                    "CustomObject", file.path, file.name, f"The file {file.path} is not in package.xml"
                )
        sets = self.package.manifest.get("PermissionSet", [])
        for file in self.package.permission_sets:
            if file.name not in sets and "*" not in sets:
                self._fail(
                    "PermissionSet", file.path, file.name, f"The file {file.path} is not in package.xml"
                )

    def _object(self, file: ObjectFile) -> tuple[bool, bool]:
        node, name = file.root, file.name
        if name == ACTIVITY:
            return False, False
        if not name.endswith("__c"):
            if self.find(name) is None:
                raise Problem(f"no CustomObject named {name} found")
            return False, False
        check_name(name, "Object Name")
        label = limited(node, "label", "MasterLabel", 40, required=True) or ""
        plural = limited(node, "pluralLabel", "PluralLabel", 40, required=True) or ""
        if node.get("deploymentStatus") not in ("Deployed", "InDevelopment"):
            raise Problem("Required field is missing: deploymentStatus")
        sharing = node.get("sharingModel")
        if sharing not in ("Private", "Read", "ReadWrite", "ControlledByParent"):
            raise Problem("Required field is missing: sharingModel")
        name_field, name_format = self._name_field(node)
        known = self.org.objects.get(name)
        if known is None:
            made = self._new_object(name, label, plural, name_field, sharing)
        else:
            made = self.change(name)
            made.label, made.label_plural = label, plural
            old = made.fields["Name"]
            made.put(Field(**{**asdict(old), "label": name_field.label}))
        made.name_format, made.sharing_model = name_format, sharing
        made.description = limited(node, "description", "Description", 1000)
        if node.flag("enableActivities") and not made.enable_activities:
            made.enable_activities = True
            self._as_related_to(name)
        return known is None, True

    def _name_field(self, node: Node) -> tuple[Field, str | None]:
        found = node.first("nameField")
        if found is None or not found.get("type"):
            raise Problem("Required field is missing: nameField")
        label = limited(found, "label", "MasterLabel", 40, required=True) or ""
        if found.get("type") == "AutoNumber":
            shown = found.get("displayFormat") or "{0}"
            if "{0" not in shown or "}" not in shown:
                raise Problem("The display format needs a number like {0000}")
            fixed = Field(
                "Name", label, "string", length=80, name_field=True, createable=False, updateable=False
            )
            return fixed, shown
        if found.get("type") != "Text":
            raise Problem("A name field is of type Text or AutoNumber")
        return Field("Name", label, "string", length=80, name_field=True), None

    def _new_object(self, name: str, label: str, plural: str, name_field: Field, sharing: str) -> SObject:
        custom = sum(item.custom for item in self.org.objects.values()) + len(self.created)
        limit = self.org.settings.custom_object_limit
        if custom >= limit:
            raise Problem(
                f"You have reached the maximum number of custom objects ({limit}) for this organization"
            )
        made = custom_object(
            name, label, plural, prefix_of(custom), name_field, sharing != "ControlledByParent"
        )
        self.objects[name] = made
        self.created.add(name)
        return made

    def _as_related_to(self, name: str) -> None:
        for activity in ("Event", "Task"):
            changed = self.change(activity)
            old = changed.fields["WhatId"]
            changed.put(Field(**{**asdict(old), "references": (*old.references, name)}))

    def _field(self, owner: str, node: Node, double: bool) -> tuple[bool, bool]:
        if double:
            raise Problem(f"Duplicate field name in the package: {node.get('fullName')}")
        owners = ["Event", "Task"] if owner == ACTIVITY else [owner]
        if owner in ("Event", "Task"):
            raise Problem(f"Custom fields of {owner} are defined on Activity")
        for name in owners:
            found = self.find(name)
            if found is None or found.virtual or not found.createable:
                raise Problem(f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}")
        made = read_field(owner, node)
        outcome = (False, False)
        for name in owners:
            outcome = self._put(name, owner, made)
        return outcome

    def _put(self, name: str, owner: str, made: Field) -> tuple[bool, bool]:
        sobject = self.find(name)
        assert sobject is not None
        old = sobject.find(made.name)
        if old is not None:
            if old.name != made.name:
                raise Problem(f"There is already a field named {old.name} on {owner}.")
            check_change(old, made)
        else:
            self._room(sobject, owner)
        self._relations(sobject, made, old)
        self._keys(sobject, made, old)
        if name not in self.created:
            sobject = self.change(name)
        sobject.put(made)
        return old is None, old != made

    def _room(self, sobject: SObject, owner: str) -> None:
        settings = self.org.settings
        limit = settings.activity_custom_fields if owner == ACTIVITY else settings.custom_field_limit
        limit = min(limit, HARD_FIELD_CAP)
        if sobject.custom_fields >= limit:
            raise Problem(
                f"You have reached the maximum number of custom fields ({limit}) for this object: {owner}"
            )

    def _relations(self, sobject: SObject, made: Field, old: Field | None) -> None:
        if not made.references:
            return
        target = self.find(made.references[0])
        if target is None or target.virtual:
            raise Problem(
                f"referenceTo value of '{made.references[0]}' does not resolve to a valid sObject type"
            )
        child = (made.child_relationship_name or "").lower()
        for other in {**self.org.objects, **self.objects}.values():
            for item in other.fields.values():
                same = other.name == sobject.name and item.name == made.name
                taken = (
                    item.child_relationship_name or ""
                ).lower() == child and target.name in item.references
                if taken and not same:
                    shown = (made.child_relationship_name or "").removesuffix("__r")
                    raise Problem(f"There is already a Child Relationship named {shown} on {target.label}.")
        if made.master_detail and (old is None or not old.master_detail):
            masters = sum(item.master_detail for item in sobject.fields.values())
            if not sobject.custom or masters >= MAX_MASTERS:
                raise Problem("Master-detail relationships are not possible here, or there are two already")
            if sobject.sharing_model != "ControlledByParent":
                raise Problem(
                    "Cannot set sharingModel to anything but ControlledByParent on a CustomObject with "
                    "a MasterDetail relationship field"
                )
            table = self.org.tables.get(sobject.name)
            if table is not None and table.count:
                raise Problem(
                    "Cannot create a new Master-Detail relationship field on an object that has records"
                )

    def _keys(self, sobject: SObject, made: Field, old: Field | None) -> None:
        external = sum(item.external_id for item in sobject.fields.values())
        if made.external_id and not (old and old.external_id) and external >= MAX_EXTERNAL_IDS:
            raise Problem(f"Too many external id fields: an object has at most {MAX_EXTERNAL_IDS}")
        if made.unique and old is not None and not old.unique:
            values = self.org.tables[sobject.name].scan([made.name])[made.name].drop_nulls()
            if values.str.to_lowercase().n_unique() != len(values):
                raise Problem("Cannot make the field unique: it has duplicate values")

    def _permission_set(self, name: str, node: Node) -> tuple[bool, bool]:
        label = limited(node, "label", "MasterLabel", 80, required=True) or ""
        known = self.org.permission_sets.get(name)
        grants: Grants = json.loads(json.dumps(known or {}))
        fields, objects = grants.setdefault("fields", {}), grants.setdefault("objects", {})
        for item in node.all("objectPermissions"):
            target = item.get("object") or ""
            if self.find(target) is None:
                raise Problem(f"In field: field - no CustomObject named {target} found")
            flags = {flag: item.flag(flag) for flag in OBJECT_FLAGS}
            if not flags["allowRead"] and any(flags.values()):
                raise Problem(f"Permission on {target} depends on permission(s): Read {target}")
            objects[target] = flags
        for item in node.all("fieldPermissions"):
            path = item.get("field") or ""
            flags = {"readable": item.flag("readable"), "editable": item.flag("editable")}
            if flags["editable"] and not flags["readable"]:
                raise Problem(f"Field {path}: editable depends on readable")
            for target_path in self._granted_paths(path):
                fields[target_path] = flags
        self.grants[name] = grants
        self.labels[name] = (label, node.get("description"))
        return known is None, grants != known

    def _granted_paths(self, path: str) -> list[str]:
        owner, _, name = path.partition(".")
        found = []
        for target_name in ("Event", "Task") if owner in (ACTIVITY, "Event", "Task") else (owner,):
            target = self.find(target_name)
            item = None if target is None else target.find(name)
            if target is None or item is None:
                raise Problem(f"In field: field - no CustomField named {path} found")
            if item.always_visible:
                raise Problem(f"You cannot deploy to a required field: {path}")
            found.append(f"{target_name}.{item.name}")
        return found
