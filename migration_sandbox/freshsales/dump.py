"""Everything that an account holds, as plain data: what a rollback or a second run is compared with."""

from typing import Any

from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import STANDARD

ACTIVITIES = ("note", "appointment", "task")
SCHEMA = ("module", "field", "view")


def entities(account: Account) -> list[str]:
    return [*STANDARD, *(row.values["entity_name"] for row in account.rows("module"))]


def _record(row: Row) -> dict[str, Any]:
    return {
        "values": row.values,
        "custom_field": row.custom,
        "created": row.created,
        "updated": row.updated,
        "deleted": row.deleted,
    }


def dump(account: Account) -> dict[str, dict[str, Any]]:
    """entity -> id -> record, the recycle bin's among them (`deleted` says when); documents with the SHA-256
    of their content, users without their keys, pipelines without their stages."""
    with account.lock:
        told = {
            name: {str(row.id): _record(row) for row in account.rows(name)}
            for name in (*entities(account), *ACTIVITIES, *SCHEMA)
        }
        told["document"] = {
            str(row.id): {
                **{key: value for key, value in row.values.items() if key != "blob"},
                "created": row.created,
            }
            for row in account.rows("document")
        }
        told["user"] = {
            str(row.id): {key: value for key, value in row.values.items() if key != "key"}
            for row in account.rows("user")
        }
        told["pipeline"] = {str(row.id): dict(row.values) for row in account.rows("selector:deal_pipelines")}
        return told


def counts(account: Account) -> dict[str, int]:
    """Live records by entity, what lies in the bin under `<entity>:bin`, files and their bytes."""
    with account.lock:
        told: dict[str, int] = {}
        for name in entities(account):
            rows = account.rows(name)
            told[name] = sum(row.live for row in rows)
            told[f"{name}:bin"] = len(rows) - told[name]
        for name in (*ACTIVITIES, "document"):
            told[name] = len(account.rows(name))
        told["file_bytes"] = account.used_file_bytes()
        return told


def drop_records(account: Account, schema: bool) -> None:
    """Forget all records, files and jobs; with `schema` custom fields, modules and added pipelines too."""
    with account.lock:
        gone = [
            (name, row.id)
            for name in (*entities(account), *ACTIVITIES, "document", "job", "job_rows")
            for row in account.rows(name)
        ]
        if schema:
            gone += [("module", row.id) for row in account.rows("module")]
            gone += [("field", row.id) for row in account.rows("field")]
            for kind in ("form", "view"):
                gone += [
                    (kind, row.id) for row in account.rows(kind) if row.values["entity"].startswith("cm_")
                ]
        account.commit([], gone)
        account.blobs.sweep(set())
