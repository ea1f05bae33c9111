"""What a package may do to this org, component by component, on a copy of its schema.

What one field must be by itself is field_rules.py's, and layouts, list views and permission sets have modules
of their own, and taking away is destroy.py's; here is what must hold in this org: order, limits, references,
clashes. Running and keeping deployments is deployer.py's.
"""

import itertools
import json
from dataclasses import asdict
from typing import Any

from migration_sandbox.salesforce import deleted_schema, ids
from migration_sandbox.salesforce.components import (
    default_layout,
    default_name,
    keep,
    stored,
    with_required,
)
from migration_sandbox.salesforce.destroy import Destroying, Gone
from migration_sandbox.salesforce.features import CURRENCY
from migration_sandbox.salesforce.field_rules import Problem, check_change, check_name, limited, read_field
from migration_sandbox.salesforce.layout_rules import check_layout, check_tab
from migration_sandbox.salesforce.list_rules import check_list_view
from migration_sandbox.salesforce.manifest_rules import Component, check_manifest, whole_object
from migration_sandbox.salesforce.metadata_files import ComponentFile, Node, Package
from migration_sandbox.salesforce.org import Grants, Org, Statement
from migration_sandbox.salesforce.permission_rules import ACTIVITY, read_grants
from migration_sandbox.salesforce.schema import Field, SObject, custom_object
from migration_sandbox.salesforce.settings import HARD_FIELD_CAP

MAX_EXTERNAL_IDS = 25
MAX_MASTERS = 2


def prefix_of(number: int) -> str:
    """Key prefix of the nth custom object: a00, a01, ..."""
    return f"a{ids.BASE62[number // 62 % 62]}{ids.BASE62[number % 62]}"


class Applying:
    """One package against a copy of the schema. Nothing of the org changes here. With `purge`, what it
    deletes leaves room for what comes."""

    def __init__(self, org: Org, package: Package, purge: bool = False) -> None:
        self.org = org
        self.package = package
        self.purge = purge
        self.gone = Gone()
        self._stored: dict[str, dict[str, Node]] = {}
        self.objects: dict[str, SObject] = {}
        self.created: set[str] = set()
        self.grants: dict[str, Grants] = {}
        self.labels: dict[str, tuple[str, str | None]] = {}
        self.kept: dict[str, dict[str, Node]] = {"Layout": {}, "CustomTab": {}, "ListView": {}}
        self.components: list[Component] = []

    def find(self, name: str) -> SObject | None:
        known = self.org.objects
        return self.objects.get(name) or (None if name in self.gone.objects else known.get(name))

    def all_objects(self) -> list[SObject]:
        """Every object as the package leaves it so far."""
        known = {name: item for name, item in self.org.objects.items() if name not in self.gone.objects}
        return list({**known, **self.objects}.values())

    def stored(self, kind: str) -> dict[str, Node]:
        """Layouts, tabs or list views as the package leaves them so far, by name."""
        if kind not in self._stored:
            self._stored[kind] = {name: item.root for name, item in stored(self.org, kind).items()}
        gone = self.gone.components[kind]
        known = {name: root for name, root in self._stored[kind].items() if name not in gone}
        return known | self.kept[kind]

    def grants_of(self, name: str) -> Grants:
        """The copy of a permission set's grants that this package edits."""
        if name not in self.grants:
            self.grants[name] = json.loads(json.dumps(self.org.permission_sets[name]))
        return self.grants[name]

    def change(self, name: str) -> SObject:
        """The copy of an object that this package edits."""
        if name not in self.objects:
            self.objects[name] = self.org.objects[name].copy()
        return self.objects[name]

    def run(self) -> list[Component]:
        """Components by what others need of them: objects, fields, list views, tabs, layouts, permissions."""
        self.components += check_manifest(self.package)
        self._delete(last=False)
        objects = self.package.of("CustomObject")
        for file in objects:
            if whole_object(self.package, file):
                self._attempt(Component("CustomObject", file.path, file.name), self._object, file)
        self._children(objects, "CustomField", "fields", self._field)
        self._required_on_layouts()
        self._children(objects, "ListView", "listViews", self._list_view)
        for file in self.package.of("CustomTab"):
            self._attempt(Component("CustomTab", file.path, file.name), self._tab, file)
        for file in self.package.of("Layout"):
            self._attempt(Component("Layout", file.path, file.name), self._layout, file)
        for file in self.package.of("PermissionSet"):
            component = Component("PermissionSet", file.path, file.name)
            self._attempt(component, self._permission_set, file.name, file.root)
        self._delete(last=True)
        return self.components

    def _delete(self, last: bool) -> None:
        for deletions in self.package.deletions:
            if deletions.last == last:
                self.components += Destroying(self, deletions).run()

    def _required_on_layouts(self) -> None:
        """A required field that comes is on all layouts of its object at once."""
        for name, sobject in self.objects.items():
            for key, root in self.stored("Layout").items():
                if key.partition("-")[0] == name and with_required(root, sobject):
                    self.kept["Layout"][key] = root

    def statements(self) -> list[Statement]:
        """What makes the components beside objects and permission sets true."""
        return [
            one for kind, nodes in self.kept.items() if nodes for one in keep(self.org, kind, nodes.items())
        ]

    def _attempt(self, component: Component, step: Any, *given: Any) -> None:
        try:
            component.created, component.changed = step(*given)
        except Problem as problem:
            component.problem = problem.text
        self.components.append(component)

    def _children(self, files: list[ComponentFile], kind: str, element: str, step: Any) -> None:
        seen: set[str] = set()
        for file in files:
            for node in file.root.all(element):
                name = f"{file.name}.{node.get('fullName') or ''}"
                double = name.lower() in seen
                seen.add(name.lower())
                self._attempt(Component(kind, file.path, name), step, file.name, node, double)

    def _keep(self, kind: str, name: str, node: Node) -> tuple[bool, bool]:
        known = self.stored(kind).get(name)
        self.kept[kind][name] = node
        self.gone.components[kind].discard(name)
        return known is None, known is None or known != node

    def _list_view(self, owner: str, node: Node, double: bool) -> tuple[bool, bool]:
        if double:
            raise Problem(f"Duplicate name in the package: {node.get('fullName')}")
        sobject = self.find(owner)
        if sobject is None or sobject.virtual:
            raise Problem(f"no CustomObject named {owner} found")
        check_list_view(sobject, node)
        return self._keep("ListView", f"{owner}.{node.get('fullName')}", Node("ListView", "", node.children))

    def _tab(self, file: ComponentFile) -> tuple[bool, bool]:
        check_tab(file.name, file.root, self.find)
        return self._keep("CustomTab", file.name, file.root)

    def _layout(self, file: ComponentFile) -> tuple[bool, bool]:
        check_layout(file.name, file.root, self.find)
        return self._keep("Layout", file.name, file.root)

    def _is_tab(self, name: str) -> bool:
        if name.startswith("standard-"):
            found = self.find(name.removeprefix("standard-"))
            return found is not None and not found.custom
        return name in self.stored("CustomTab")

    def _object(self, file: ComponentFile) -> tuple[bool, bool]:
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
        known = self.find(name)
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
        custom = sum(item.custom for item in self.all_objects())
        custom += len(deleted_schema.objects(self.org)) + (0 if self.purge else len(self.gone.objects))
        limit = self.org.settings.custom_object_limit
        if custom >= limit:
            raise Problem(
                f"You have reached the maximum number of custom objects ({limit}) for this organization"
            )
        prefix = self._new_prefix()
        made = custom_object(name, label, plural, prefix, name_field, sharing != "ControlledByParent")
        if self.org.settings.multi_currency:
            made.put(CURRENCY)
        self.objects[name] = made
        self.created.add(name)
        self.kept["Layout"][default_name(made)] = default_layout(made)
        return made

    def _new_prefix(self) -> str:
        taken = {item.key_prefix for item in (*self.org.objects.values(), *self.objects.values())}
        taken |= deleted_schema.retired_prefixes(self.org)
        return next(prefix for prefix in map(prefix_of, itertools.count()) if prefix not in taken)

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
            if found is None or found.virtual or not found.customizable:
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
        counted = "Event" if owner == ACTIVITY else owner
        deleted = deleted_schema.fields_of(self.org, counted)
        deleted += 0 if self.purge else len(self.gone.fields.get(counted, ()))
        if sobject.custom_fields + deleted >= limit:
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
        for other in self.all_objects():
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
        known = self.grants.get(name, None if name in self.gone.sets else self.org.permission_sets.get(name))
        audit_fields = self.org.settings.set_audit_fields
        grants = read_grants(node, known, self.find, self._is_tab, audit_fields)
        self.grants[name] = grants
        self.labels[name] = (node.get("label") or "", node.get("description"))
        return known is None, grants != known
