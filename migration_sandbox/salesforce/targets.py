"""What a column name of an upload means: a field, or a parent found by its external id.

`Contact__r.PANDA_Key__c` is a parent by key; a polymorphic relationship must say which object it means
(`Contact:Who.PANDA_Key__c`) and a plain one must not (Bulk API 2.0, "Relationship Fields in a Header Row").
"""

from dataclasses import dataclass

from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.schema import Field, SObject


class UnknownColumn(Exception):
    """A column that the org (or this user) doesn't know; carries the name as it was given."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@dataclass(frozen=True)
class Target:
    """Where a column goes. With `parent`, its values are the parent's `key` and `field` is the lookup."""

    header: str
    field: Field
    parent: SObject | None = None
    key: Field | None = None


def field_target(org: Org, sobject: SObject, name: str) -> Target:
    found = sobject.find(name)
    if found is None or not org.can_see(sobject, found.name):
        raise UnknownColumn(name)
    return Target(name, found)


def resolve(org: Org, sobject: SObject, header: str, typed: bool = False) -> Target:
    """What a header means. `typed`: a plain relationship may name its object too, as JSON's attributes do.

    Raises UnknownColumn.
    """
    path, dot, key_name = header.partition(".")
    if not dot:
        return field_target(org, sobject, header)
    named, colon, relationship = path.rpartition(":")
    reference = sobject.by_relationship(relationship)
    if reference is None or not org.can_see(sobject, reference.name):
        raise UnknownColumn(header)
    if reference.polymorphic != bool(colon) and not (typed and colon):
        raise UnknownColumn(header)
    wanted = named.lower() if colon else reference.references[0].lower()
    parent_name = next((name for name in reference.references if name.lower() == wanted), None)
    if parent_name is None:
        raise UnknownColumn(header)
    parent = org.objects[parent_name]
    key = parent.find(key_name)
    if key is None or not org.can_see(parent, key.name) or not key.lookup_key:
        raise UnknownColumn(header)
    return Target(header, reference, parent, key)
