"""JSON records in and out: what REST, collections and composite share.

A JSON record becomes a row of text columns and goes through write.py like a Bulk row, so both APIs refuse the
same things.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.access import READ, may
from migration_sandbox.salesforce.blobs import Blob
from migration_sandbox.salesforce.content import VERSION
from migration_sandbox.salesforce.errors import ApiError, RowError, not_found
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.reading import gather
from migration_sandbox.salesforce.remove import delete
from migration_sandbox.salesforce.render import json_records
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.soql_run import Column, Result
from migration_sandbox.salesforce.table import BINNED, LIVE, index_key
from migration_sandbox.salesforce.targets import Target, UnknownColumn, resolve
from migration_sandbox.salesforce.write import JSON_NULL, Batch, Outcome, save

NO_BLOBS: Mapping[int, Blob] = {}
STATUS = {"ENTITY_IS_DELETED": 404, "INVALID_CROSS_REFERENCE_KEY": 404}


def find_object(org: Org, name: str) -> SObject:
    found = org.sobject(name)
    if found is None or not may(org, found, READ):
        raise not_found()
    return found


def writable(org: Org, name: str, operation: str = "insert") -> SObject:
    """The object, if its records can be inserted, updated or deleted by clients."""
    sobject = find_object(org, name)
    if not sobject.permits(operation):
        raise ApiError(
            400,
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            f"entity type {sobject.name} does not support {operation}",
        )
    return sobject


def key_field(org: Org, sobject: SObject, name: str) -> Field:
    """The field an upsert path names: an external id that this user sees, or Id."""
    found = sobject.find(name)
    if found is None or not org.can_see(sobject, found.name) or not found.lookup_key:
        raise ApiError(
            400,
            "NOT_FOUND",
            f"Provided external ID field does not exist or is not accessible: {name}",
        )
    settings = org.settings
    unsure = {
        "Event": settings.activity_upsert,
        "Task": settings.activity_upsert,
        VERSION: settings.content_version_upsert,
    }
    if found.custom and not unsure.get(sobject.name, True):
        raise ApiError(400, "INVALID_FIELD", f"{name} can't be used to upsert {sobject.name}")
    return found


def _text(value: object, name: str) -> str:
    if value is None or value == "":
        return JSON_NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return repr(value)
    raise ApiError(400, "JSON_PARSER_ERROR", f"Can not deserialize field {name}: a plain value was expected")


def too_large(most: int) -> ApiError:
    return ApiError(400, "FILE_SIZE_LIMIT_EXCEEDED", f"The file is larger than {most} bytes")


def put_base64(org: Org, text: str) -> Blob:
    most = org.settings.json_file_bytes
    if len(text) > most * 4 // 3 + 4:
        raise too_large(most)
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, "JSON_PARSER_ERROR", "VersionData is not valid base64") from None
    return org.blobs.put(content)


def flatten(record: dict[str, Any]) -> dict[str, str]:
    """`{"Name": "x", "Account": {"PANDA_Key__c": "k"}}` -> `{"Name": "x", "Account.PANDA_Key__c": "k"}`.

    A parent's object comes in its `attributes` or as its `type`; a polymorphic relationship needs it.
    """
    cells: dict[str, str] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if not isinstance(value, dict):
            cells[name] = _text(value, name)
            continue
        keys = {key: inner for key, inner in value.items() if key not in ("attributes", "type")}
        if len(keys) != 1:
            raise ApiError(400, "INVALID_FIELD", f"{name}: a parent is named by exactly one external id")
        key, inner = next(iter(keys.items()))
        typed = (value.get("attributes") or {}).get("type") or value.get("type")
        cells[f"{typed}:{name}.{key}" if typed else f"{name}.{key}"] = _text(inner, name)
    return cells


def _untyped(sobject: SObject, header: str) -> bool:
    reference = sobject.by_relationship(header.partition(".")[0])
    return "." in header and reference is not None and reference.polymorphic


def _contents(
    org: Org, sobject: SObject, rows: list[dict[str, str]], blobs: Mapping[int, Blob]
) -> dict[int, Blob]:
    """The binary contents of rows, on disk: those that came apart and those that stand in rows as base64."""
    names = {item.name.lower() for item in sobject.fields.values() if item.binary}
    found: dict[int, Blob] = {}
    try:
        for place, row in enumerate(rows if names else ()):
            for name, value in row.items():
                if name.lower() in names and value != JSON_NULL:
                    found[place] = put_base64(org, value)
    except ApiError:
        for blob in found.values():
            org.blobs.discard(blob)
        raise
    return {**found, **blobs}


def batch_of(
    org: Org,
    sobject: SObject,
    operation: str,
    rows: list[dict[str, str]],
    key: Field | None,
    blobs: Mapping[int, Blob] = NO_BLOBS,
) -> Batch:
    """Rows of cells as a batch. Raises INVALID_FIELD for a name that the user can't see."""
    binary = {item.name.lower() for item in sobject.fields.values() if item.binary}
    headers = list(dict.fromkeys(name for row in rows for name in row if name.lower() not in binary))
    targets: list[Target] = []
    for name in headers:
        try:
            targets.append(resolve(org, sobject, name, typed=True))
        except UnknownColumn:
            if _untyped(sobject, name):
                message = f"The external foreign key reference does not reference a valid entity: {name}"
                raise ApiError(400, "INVALID_FIELD", message) from None
            raise ApiError(
                400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}"
            ) from None
    given = pl.DataFrame(
        {str(at): [row.get(name) for row in rows] for at, name in enumerate(headers)},
        schema_overrides={str(at): pl.String for at in range(len(headers))},
    )
    if not headers:
        given = pl.DataFrame({"none": [None] * len(rows)}, schema={"none": pl.String})
    return Batch(
        sobject, operation, targets, given, key, JSON_NULL, blobs=_contents(org, sobject, rows, blobs)
    )


def as_api_error(error: RowError) -> ApiError:
    return ApiError(STATUS.get(error.code, 400), error.code, error.message, error.fields)


def save_one(
    org: Org,
    sobject: SObject,
    operation: str,
    cells: dict[str, str],
    key: Field | None,
    blob: Blob | None = None,
) -> Outcome:
    """One record; raises ApiError with the row's own code."""
    blobs = NO_BLOBS if blob is None else {0: blob}
    outcome = save(org, batch_of(org, sobject, operation, [cells], key, blobs))
    if outcome.errors:
        raise as_api_error(outcome.errors[0])
    return outcome


def delete_one(org: Org, sobject: SObject, record_id: str) -> None:
    outcome = delete(org, sobject, pl.Series([record_id]), hard=False)
    if outcome.errors:
        error = outcome.errors[0]
        if error.code == "MALFORMED_ID":
            raise not_found("Provided external ID field does not exist or is not accessible: " + record_id)
        raise as_api_error(error)


def row_of(org: Org, sobject: SObject, record_id: str) -> int:
    """The row of a live record's id; NOT_FOUND or ENTITY_IS_DELETED otherwise."""
    rows, fine = ids.decode(pl.Series([record_id]), sobject.key_prefix)
    state = org.tables[sobject.name].states(rows)[0] if fine[0] else None
    if state == BINNED:
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    if state != LIVE:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {record_id}")
    return int(rows[0])


def rows_by_key(org: Org, sobject: SObject, key: Field, value: str) -> list[int]:
    if key.type == "id":
        return [row_of(org, sobject, value)]
    wanted = index_key(key, pl.Series([value]))[0]
    return org.tables[sobject.name].index(key.name).rows(wanted)


def read_one(org: Org, sobject: SObject, row: int, wanted: list[str] | None, version: str) -> dict[str, Any]:
    """A record as JSON: the fields asked for, or all that the user sees."""
    if wanted is None:
        fields = [item for item in sobject.fields.values() if org.can_see(sobject, item.name)]
    else:
        fields = []
        for name in wanted:
            item = sobject.find(name)
            if item is None or not org.can_see(sobject, item.name):
                raise ApiError(
                    400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}"
                )
            fields.append(item)
    columns = [Column(item.name, (item.name,), (), item) for item in fields]
    names = list(dict.fromkeys(["Id", *(item.name for item in fields)]))
    frame = gather(org, sobject, np.array([row], dtype=np.int64), names)
    return json_records(Result(sobject, columns, frame), version, 0, 1)[0]
