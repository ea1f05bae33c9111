"""An org as plain data, for "the org after against the org before". Read by the control interface only.

Nothing is left out as unimportant: which system fields may differ is the reader's to say.
"""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from migration_sandbox.salesforce.components import PREFIXES, stored
from migration_sandbox.salesforce.describe import describe_field
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.table import ROW, STATE, Table

CHUNK = 1 << 20


def dump(org: Org) -> dict[str, Any]:
    """What the org holds, and what it is made of.

    - records: object -> its live records in the order of their ids, a field that is null left out; of every
      object that takes records or lets them be deleted.
    - files: id of a live ContentVersion -> SHA-256 of its content.
    - schema: the same objects -> their fields as describe has them, hidden ones included.
    - components: Layout, CustomTab and ListView -> name -> XML; PermissionSet -> name -> what it grants.
    """
    with org.lock:
        held = {name: table for name, table in org.tables.items() if table.sobject.holds_data}
        components: dict[str, Any] = {
            kind: {name: item.body for name, item in sorted(stored(org, kind).items())} for kind in PREFIXES
        }
        versions = org.tables["ContentVersion"].scan(["Id", "ContentBodyId"])
        return {
            "records": {name: _records(table) for name, table in held.items()},
            "files": {
                key: _sha256(org.blobs.path(body))
                for key, body in versions.select("Id", "ContentBodyId").iter_rows()
            },
            "schema": {
                name: [describe_field(org, table.sobject, item) for item in table.sobject.fields.values()]
                for name, table in held.items()
            },
            "components": components | {"PermissionSet": dict(sorted(org.permission_sets.items()))},
        }


def _records(table: Table) -> list[dict[str, Any]]:
    frame = table.scan(list(table.sobject.fields)).drop(ROW, STATE)
    return [_plain(zip(frame.columns, row, strict=True)) for row in frame.iter_rows()]


def _plain(cells: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in cells
        if value is not None
    }


def _sha256(path: Path) -> str | None:
    """None where the content is missing, which a reader must see and not stumble over."""
    if not path.exists():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
