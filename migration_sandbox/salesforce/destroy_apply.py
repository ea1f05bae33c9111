"""Making deletions of schema true: values, records and files go, key prefixes are never given again.

What may be deleted is destroy.py's, and what a deleted thing still counts is deleted_schema.py's.
"""

import time
from collections.abc import Iterable

import polars as pl

from migration_sandbox.salesforce import deleted_schema
from migration_sandbox.salesforce.components import component_key
from migration_sandbox.salesforce.deleted_schema import DeletedField, DeletedObject
from migration_sandbox.salesforce.destroy import Gone
from migration_sandbox.salesforce.org import Org, Statement
from migration_sandbox.salesforce.remove import delete
from migration_sandbox.salesforce.table import GONE, STATE


def apply(org: Org, gone: Gone, purge: bool) -> None:
    """Before the changed schema is saved. `purge`: nothing of it counts against a limit afterwards."""
    objects = [name for name in sorted(gone.objects) if name in org.objects]
    fields = {
        name: sorted(item for item in names if item in org.objects[name].fields)
        for name, names in gone.fields.items()
        if name in org.objects and name not in objects
    }
    statements: list[Statement] = [
        ("DELETE FROM meta WHERE key = ?", (component_key(kind, name),))
        for kind, names in gone.components.items()
        for name in sorted(names)
    ]
    now = time.time()
    if not purge:
        # A field of Activity is one field, though Event and Task both have it.
        counting = [
            DeletedField(owner, name, now)
            for owner, names in fields.items()
            if owner != "Task"
            for name in names
        ]
        statements += deleted_schema.remember(org, counting, [DeletedObject(name, now) for name in objects])
    for name, names in fields.items():
        _forget_values(org, name, names)
    for name in objects:
        _delete_records(org, name)
    statements += _without(org, objects)
    statements += _without_sets(org, sorted(gone.sets & org.permission_sets.keys()))
    org.transaction(statements)
    for name in objects:
        org.forget_object(name)
    for name in gone.sets:
        org.permission_sets.pop(name, None)
    if objects:
        org.sweep_blobs()


def _forget_values(org: Org, name: str, fields: Iterable[str]) -> None:
    """Write the object's rows anew without the fields: one of the same name that comes later is empty."""
    table = org.tables[name]
    left = [item for item in table.sobject.fields if item not in set(fields)]
    org.commit([(name, table.scan(left, binned=True))])
    for item in fields:
        table.forget_index(item)


def _delete_records(org: Org, name: str) -> None:
    """For good, with what goes along with them elsewhere."""
    table = org.tables[name]
    keys = table.scan(["Id"])["Id"]
    if len(keys):
        delete(org, table.sobject, keys, hard=True)


def _without(org: Org, names: list[str]) -> list[Statement]:
    if not names:
        return []
    tables = {"objects": "name", "segments": "object", "sequences": "object"}
    made: list[Statement] = [
        (f"DELETE FROM {table} WHERE {column} = ?", (name,))
        for table, column in tables.items()
        for name in names
    ]
    return [*made, deleted_schema.retire(org, [org.objects[name].key_prefix for name in names])]


def _without_sets(org: Org, names: list[str]) -> list[Statement]:
    """Permission sets and their assignments."""
    state = pl.lit(GONE, dtype=pl.Int8).alias(STATE)
    sets = org.tables["PermissionSet"]
    doomed = sets.scan(list(sets.sobject.fields)).filter(pl.col("Name").is_in(names))
    assignments = org.tables["PermissionSetAssignment"]
    assigned = assignments.scan(list(assignments.sobject.fields))
    assigned = assigned.filter(pl.col("PermissionSetId").is_in(doomed["Id"].implode()))
    org.commit(
        [
            ("PermissionSetAssignment", assigned.with_columns(state)),
            ("PermissionSet", doomed.with_columns(state)),
        ]
    )
    return [("DELETE FROM permission_sets WHERE name = ?", (name,)) for name in names]
