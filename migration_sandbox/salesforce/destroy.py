"""What a package takes away: destructiveChanges.xml, destructiveChangesPre.xml, destructiveChangesPost.xml.

After "Metadata API Developer Guide", Deleting Components. Known from deployments to real orgs: `No
CustomField named: X found` as a warning, `This custom field is referenced elsewhere in salesforce.com. : Y`.
What is deleted goes from layouts, list views' columns and permission sets by itself; a lookup to an object, a
list view's filter and a rule do not let go. Other wordings are (U). Making it true is destroy_apply.py's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration_sandbox.salesforce.field_rules import Problem
from migration_sandbox.salesforce.manifest_rules import KNOWN_TYPES, Component
from migration_sandbox.salesforce.metadata_files import Deletions
from migration_sandbox.salesforce.org import Grants
from migration_sandbox.salesforce.org_rules import rules
from migration_sandbox.salesforce.permission_rules import ACTIVITY

if TYPE_CHECKING:
    from migration_sandbox.salesforce.deploy import Applying

KINDS = ("PermissionSet", "ListView", "Layout", "CustomTab", "CustomField", "CustomObject")
"""In the order in which they go, whatever the order of the manifest."""


class NotThere(Exception):
    """There is no such component."""


@dataclass
class Gone:
    """What a deployment has taken away so far; fields by object, both objects of Activity named."""

    objects: set[str] = field(default_factory=set)
    fields: dict[str, set[str]] = field(default_factory=dict)
    sets: set[str] = field(default_factory=set)
    components: dict[str, set[str]] = field(
        default_factory=lambda: {"Layout": set(), "CustomTab": set(), "ListView": set()}
    )


class Destroying:
    """One manifest of deletions against the copy of the schema that `Applying` holds."""

    def __init__(self, applying: "Applying", deletions: Deletions) -> None:
        self.applying = applying
        self.org = applying.org
        self.gone = applying.gone
        self.deletions = deletions
        self.doomed = set(deletions.members.get("CustomObject", []))
        self._rules = rules(self.org)
        self._fields: set[tuple[str, str]] = set()

    def run(self) -> list[Component]:
        steps: dict[str, Callable[[str], None]] = {
            "PermissionSet": self._permission_set, "ListView": self._list_view, "Layout": self._layout,
            "CustomTab": self._tab, "CustomField": self._field, "CustomObject": self._object,
        }  # fmt: skip
        path = self.deletions.path
        made = [
            Component(kind, path, kind, problem=f"Entity type: '{kind}' is not part of this sandbox")
            for kind in self.deletions.members
            if kind not in KNOWN_TYPES
        ]
        for kind in KINDS:
            for name in self.deletions.members.get(kind, []):
                made.append(self._attempt(kind, name, steps[kind]))
        self._clean_layouts()
        self._clean_list_views()
        return made

    def _attempt(self, kind: str, name: str, step: Callable[[str], None]) -> Component:
        path = self.deletions.path
        try:
            step(name)
        except NotThere:
            missing = f"No {kind} named: {name} found"
            return Component(kind, path, path, problem=missing, warning=True)
        except Problem as problem:
            return Component(kind, path, name, problem=problem.text)
        return Component(kind, path, name, deleted=True)

    def _permission_set(self, name: str) -> None:
        if name not in self.applying.grants and (
            name not in self.org.permission_sets or name in self.gone.sets
        ):
            raise NotThere
        sets = self.org.tables["PermissionSet"].scan(["Id", "Name"]).select("Name", "Id").iter_rows()
        key = dict(sets).get(name)
        assigned = self.org.tables["PermissionSetAssignment"].scan(["PermissionSetId"])["PermissionSetId"]
        refused = self.org.settings.delete_assigned_permission_set == "refuse"
        if refused and key is not None and key in assigned.to_list():
            raise Problem("Can't delete the permission set: it is assigned to users")
        self.applying.grants.pop(name, None)
        self.applying.labels.pop(name, None)
        self.gone.sets.add(name)

    def _component(self, kind: str, name: str) -> None:
        if name not in self.applying.stored(kind):
            raise NotThere
        self.applying.kept[kind].pop(name, None)
        self.gone.components[kind].add(name)

    def _list_view(self, name: str) -> None:
        self._component("ListView", name)

    def _tab(self, name: str) -> None:
        self._component("CustomTab", name)
        for grants in self._granting("tabs", name):
            del grants["tabs"][name]

    def _layout(self, name: str) -> None:
        owner = name.partition("-")[0]
        layouts = [key for key in self.applying.stored("Layout") if key.partition("-")[0] == owner]
        if layouts == [name] and owner not in self.doomed:
            raise Problem(f"Can't delete the only page layout of {owner}")
        self._component("Layout", name)

    def _field(self, path: str) -> None:
        owner, _, name = path.partition(".")
        owners = ("Event", "Task") if owner == ACTIVITY else (owner,)
        found = [self.applying.find(one) for one in owners]
        if owner in ("Event", "Task") or not all(
            one is not None and name in one.fields and one.fields[name].custom for one in found
        ):
            raise NotThere
        self._unreferenced(owners, name)
        for one in owners:
            self._drop_field(one, name)

    def _unreferenced(self, owners: tuple[str, ...], name: str) -> None:
        users = [
            f"{rule.kind.capitalize()} rule - {rule.name}"
            for rule in self._rules
            if rule.object in owners and name in rule.fields
        ]
        users += [
            f"List View - {key}"
            for key, root in self.applying.stored("ListView").items()
            if key.partition(".")[0] in owners
            and any(one.get("field") == name for one in root.all("filters"))
        ]
        if users:
            shown = " ".join(
                f"This custom field is referenced elsewhere in salesforce.com. : {user}." for user in users
            )
            raise Problem(shown)

    def _drop_field(self, owner: str, name: str) -> None:
        applying = self.applying
        sobject = applying.objects[owner] if owner in applying.created else applying.change(owner)
        sobject.drop(name)
        self.gone.fields.setdefault(owner, set()).add(name)
        path = f"{owner}.{name}"
        for grants in self._granting("fields", path):
            del grants["fields"][path]
        self._fields.add((owner, name))

    def _object(self, name: str) -> None:
        applying = self.applying
        found = applying.find(name)
        if found is None or not found.custom:
            raise NotThere
        lookups = [
            (other.name, item.name)
            for other in applying.all_objects()
            for item in other.fields.values()
            if item.custom and name in item.references and other.name not in self.doomed
        ]
        if lookups:
            shown = ", ".join(f"{owner}.{item}" for owner, item in lookups)
            raise Problem(f"This custom object is referenced elsewhere in salesforce.com. : {shown}.")
        applying.objects.pop(name, None)
        applying.created.discard(name)
        self.gone.objects.add(name)
        self.gone.fields.pop(name, None)
        for activity in ("Event", "Task"):
            if name in (what := applying.change(activity).fields["WhatId"]).references:
                left = tuple(one for one in what.references if one != name)
                applying.change(activity).refer(what.name, left)
        for kind in self.gone.components:
            for key in list(applying.stored(kind)):
                if key == name or key.startswith((f"{name}-", f"{name}.")):
                    applying.kept[kind].pop(key, None)
                    self.gone.components[kind].add(key)
        for grants in self._all_grants():
            grants.get("objects", {}).pop(name, None)
            grants.get("tabs", {}).pop(name, None)
            fields = grants.get("fields", {})
            for path in [path for path in fields if path.startswith(f"{name}.")]:
                del fields[path]

    def _all_grants(self) -> list[Grants]:
        """Grants of every permission set, as copies that the package changes."""
        applying = self.applying
        for name in self.org.permission_sets:
            if name not in self.gone.sets:
                applying.grants_of(name)
        return list(applying.grants.values())

    def _granting(self, kind: str, what: str) -> list[Grants]:
        return [grants for grants in self._all_grants() if what in grants.get(kind, {})]

    def _clean_layouts(self) -> None:
        """Fields, and the related lists of lookups and of objects, go off every layout."""
        for key, root in self.applying.stored("Layout").items():
            owner = key.partition("-")[0]
            changed = False
            for one in root.all("layoutSections"):
                for column in one.all("layoutColumns"):
                    kept = [
                        item for item in column.children if (owner, item.get("field")) not in self._fields
                    ]
                    changed |= len(kept) != len(column.children)
                    column.children = kept
            lists = [one for one in root.all("relatedLists") if self._is_gone(one.get("relatedList") or "")]
            if lists:
                root.children = [one for one in root.children if one not in lists]
            if changed or lists:
                self.applying.kept["Layout"][key] = root

    def _is_gone(self, related_list: str) -> bool:
        owner, _, name = related_list.partition(".")
        return owner in self.gone.objects or (owner, name) in self._fields

    def _clean_list_views(self) -> None:
        for key, root in self.applying.stored("ListView").items():
            owner = key.partition(".")[0]
            columns = [one for one in root.all("columns") if (owner, one.text.strip()) in self._fields]
            if columns:
                root.children = [one for one in root.children if one not in columns]
                self.applying.kept["ListView"][key] = root
