"""Bulk upserts: a job of up to a hundred rows, done in the background one row a commit.

A row's record and the job's progress become true in one transaction, so a killed server goes on after the
last row that it did. A row that fails leaves the others alone.
"""

import logging
import time
from typing import Any

from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import ACCOUNTS, CONTACTS, Entity
from migration_sandbox.freshsales.errors import ApiError, bad
from migration_sandbox.freshsales.render import entity_of
from migration_sandbox.freshsales.seed import new_row
from migration_sandbox.freshsales.values import integer
from migration_sandbox.freshsales.write import find, prepare
from migration_sandbox.serving.background import Background
from migration_sandbox.serving.blame import blame

logger = logging.getLogger("migration_sandbox.freshsales")

Given = dict[str, Any]


def keys_of(account: Account, entity: Entity, bulk: bool) -> list[str]:
    """What a record of the entity may be found by in an upsert."""
    settings = account.settings
    if entity.name == CONTACTS:
        return settings.bulk_contact_keys if bulk else settings.contact_upsert_keys
    return settings.account_upsert_keys if entity.name == ACCOUNTS else settings.deal_upsert_keys


def target(account: Account, entity: Entity, identifier: Given) -> Row | None:
    """A copy of the record that `{"emails": "x"}`, `{"name": "x"}` or `{"id": 1}` names, or None."""
    ((key, value),) = identifier.items()
    if key == "id":
        found = account.copy(entity.name, integer("Id", value) or 0)
        if found is None or not found.live:
            raise bad("There is no such record")
        return found
    if not value or not isinstance(value, str):
        raise bad(f"{key} is invalid")
    rows = find(account, entity.name, key, value)
    if len(rows) > 1:
        raise bad(f"{key} is not unique: {len(rows)} records have it")
    return account.copy(entity.name, rows[0].id) if rows else None


def upserted(account: Account, entity: Entity, identifier: Given, data: Given, user: int) -> Row:
    """The record that an upsert leaves, not yet committed."""
    row = target(account, entity, identifier)
    ((key, value),) = identifier.items()
    if row is None and "email" not in data:
        data = {key: value, **data}
    return prepare(account, entity, data, row, user)


def create_job(account: Account, entity: Entity, rows: object, user: int) -> Row:
    """Raises 400 for a call that is no list of rows, or too long a one."""
    most = account.settings.bulk_rows
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise bad(f"{entity.name} is not a list of records")
    if len(rows) > most:
        raise bad(f"{entity.name} has more than {most} records")
    keys = [*keys_of(account, entity, bulk=True), "id"]
    for row in rows:
        if sum(key in row for key in keys) != 1 or not isinstance(row.get("data"), dict):
            raise bad(f"Each record has one of {', '.join(keys)}, and its data")
        if set(row) - {*keys, "data"}:
            raise bad("A record has its identifier and its data, nothing else")
    job = new_row(
        account,
        {
            "entity": entity.name, "user": user, "count": len(rows), "next": 0, "state": "queued",
            "errors": [], "ids": [], "job_type_name": f"bulk_upsert_{entity.name}",
        },
    )  # fmt: skip
    # What was sent stands apart: the job itself is written again with every row that is done.
    account.commit([("job", job), ("job_rows", Row(job.id, {"rows": rows}))])
    return job


def shown(account: Account, job: Row) -> Given:
    """GET /job_statuses/:id. What `data` says of failures is a setting."""
    values, settings = job.values, account.settings
    done = values["state"] in ("done", "failed")
    data: Given | None = None
    if done and settings.bulk_failures != "silent":
        failed = len(values["errors"])
        data = {"success_count": values["next"] - failed, "failed_count": failed}
        if settings.bulk_failures == "listed":
            data |= {"errors": values["errors"], "ids": values["ids"]}
    return {
        "id": job.id,
        "job_type_name": values["job_type_name"],
        "status": settings.job_words[values["state"]],
        "progress": 100 * values["next"] // values["count"],
        "data": data,
        "created_at": account.time(job.created),
        "status_updated_at": account.time(job.updated),
    }


class Worker(Background):
    """Owns the processing thread. `fail_rows` and `fail_jobs` are faults that the control endpoints set."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account
        self.fail_rows = 0
        self.fail_jobs = 0

    def work(self) -> bool:
        """One row of the oldest job."""
        with self.account.lock:
            job = self._next()
            if job is None:
                return False
            self._step(job)
        if self.account.settings.bulk_row_seconds:
            time.sleep(self.account.settings.bulk_row_seconds)
        return True

    def _next(self) -> Row | None:
        due = self.account.now() - self.account.settings.bulk_start_seconds
        for job in self.account.rows("job"):
            if job.values["state"] in ("queued", "running") and job.created <= due:
                return self.account.copy("job", job.id)
        return None

    def _step(self, job: Row) -> None:
        """The job's next row, or its end."""
        values = job.values
        job.updated = self.account.now()
        entity = entity_of(self.account, values["entity"])
        if self.fail_jobs or entity is None:
            self.fail_jobs = max(self.fail_jobs - 1, 0)
            values["state"] = "failed"
            self.account.commit([("job", job)])
            return
        place = values["next"]
        given = self.account.tables["job_rows"][job.id].values["rows"][place]
        values["state"], values["next"] = "running", place + 1
        changes = [("job", job)]
        try:
            if self.fail_rows:
                self.fail_rows -= 1
                raise bad("The record could not be saved")
            row = self._row(entity, given, values["user"])
            changes.append((entity.name, row))
            values["ids"].append(row.id)
        except ApiError as error:
            self._failed(values, given, "; ".join(error.messages))
        except Exception as error:
            logger.error("job %s: %s", job.id, blame(error))
            self._failed(values, given, f"{type(error).__name__} in the sandbox")
        done = values["next"] >= values["count"]
        if done:
            values["state"] = "done"
        self.account.commit(changes, [("job_rows", job.id)] if done else [])

    def _failed(self, values: Given, given: Given, message: str) -> None:
        identifier = {key: value for key, value in given.items() if key != "data"}
        values["errors"].append({"index": values["next"] - 1, **identifier, "message": message})
        values["ids"].append(None)

    def _row(self, entity: Entity, given: Given, user: int) -> Row:
        identifier = {key: value for key, value in given.items() if key != "data"}
        return upserted(self.account, entity, identifier, given["data"], user)
