"""One org in one directory: settings, schema, permissions, and the one transaction that changes records.

An SQLite file holds everything small (settings, objects, permission sets, jobs, tokens, and which segments
are current); records stand in Arrow files beside it (table.py). `commit` is the only way records change: it
writes the new segments, then one SQLite transaction makes them and whatever belongs to them (a batch's
outcome, a job's state) true together. What the transaction didn't reach never happened.
"""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from migration_sandbox.salesforce import features, ids
from migration_sandbox.salesforce.blobs import Blobs
from migration_sandbox.salesforce.schema import SObject, from_json, to_json
from migration_sandbox.salesforce.settings import Settings
from migration_sandbox.salesforce.standard import standard_objects
from migration_sandbox.salesforce.table import GONE, LIVE, ROW, STATE, Table

Statement = tuple[str, Sequence[Any]]
Grants = dict[str, dict[str, dict[str, bool]]]

RECORD_BYTES = 2048
CONTENT_OBJECTS = frozenset({"ContentVersion", "ContentDocument", "ContentDocumentLink"})
"""What counts against file storage, at the size of its content."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS permission_sets (name TEXT PRIMARY KEY, row INTEGER NOT NULL, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS segments (object TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (object,
number)); CREATE TABLE IF NOT EXISTS sequences (object TEXT PRIMARY KEY, next_row INTEGER NOT NULL); CREATE
TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, issued REAL NOT NULL); CREATE TABLE IF NOT EXISTS
token_users (token TEXT PRIMARY KEY, user TEXT NOT NULL); CREATE TABLE IF NOT EXISTS jobs (
id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches ( job TEXT NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL,
stop INTEGER NOT NULL, rows INTEGER NOT NULL, first_row INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0,
PRIMARY KEY (job, number)); CREATE TABLE IF NOT EXISTS deploys (id TEXT PRIMARY KEY, value TEXT NOT NULL,
archive BLOB);
"""

USER_ROW = 1
USER_ID = ids.make_id("005", USER_ROW)
ACTING: ContextVar[str] = ContextVar("acting", default=USER_ID)
"""Id of the user whose request or job is being served."""


def utc_now() -> datetime:
    """Now, in UTC without an offset and to the millisecond, as columns keep it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Org:
    """The state of an org. Every change and every consistent read happens under `lock`."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.directory = directory
        self.records = directory / "records"
        self.job_files = directory / "jobs"
        for folder in (directory, self.records, self.job_files):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        self.db = sqlite3.connect(directory / "org.sqlite", check_same_thread=False, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.executescript(SCHEMA)
        self.api_requests = 0
        self.bulk_queries = 0
        self.objects: dict[str, SObject] = {}
        self.tables: dict[str, Table] = {}
        self.permission_sets: dict[str, Grants] = {}
        self._visible: dict[str, frozenset[str]] = {}
        self.blobs = Blobs(directory / "files")
        stored = self.meta("settings")
        self.settings = settings if stored is None else Settings(**stored)
        if stored is None:
            self._create()
        else:
            self._open()
        features.apply(self)
        self.sweep_blobs()

    def meta(self, key: str) -> Any:
        found = self.db.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
        return None if found is None else json.loads(found[0])

    @staticmethod
    def set_meta(key: str, value: Any) -> Statement:
        return ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def next_number(self, name: str) -> int:
        """A number never given before, for ids of things that aren't records (jobs, deployments)."""
        with self.lock:
            number = int(self.meta(f"counter:{name}") or 0) + 1
            self.transaction([self.set_meta(f"counter:{name}", number)])
            return number

    def save_settings(self) -> None:
        self.transaction([self.set_meta("settings", self.settings.model_dump())])

    def transaction(self, statements: Iterable[Statement]) -> None:
        with self.lock:
            inside = self.db.in_transaction
            self.db.execute("SAVEPOINT step" if inside else "BEGIN IMMEDIATE")
            try:
                for sql, values in statements:
                    self.db.execute(sql, values)
            except BaseException:
                self.db.execute("ROLLBACK TO step" if inside else "ROLLBACK")
                raise
            self.db.execute("RELEASE step" if inside else "COMMIT")

    def _create(self) -> None:
        for item in standard_objects().values():
            self._add_object(item)
        statements = [self.set_meta("settings", self.settings.model_dump())]
        statements += [self.object_statement(item) for item in self.objects.values()]
        self.transaction(statements)
        self._first_records()

    def _open(self) -> None:
        for _, value in self.db.execute("SELECT name, value FROM objects ORDER BY rowid"):
            self._add_object(from_json(json.loads(value)))
        for name, value in self.db.execute("SELECT name, value FROM permission_sets"):
            self.permission_sets[name] = json.loads(value)
        listed: dict[str, list[int]] = {}
        for name, number in self.db.execute("SELECT object, number FROM segments ORDER BY number"):
            listed.setdefault(name, []).append(number)
        next_rows = dict(self.db.execute("SELECT object, next_row FROM sequences").fetchall())
        for name, table in self.tables.items():
            table.load(listed.get(name, []), next_rows.get(name, 1))
        known = {table.path(number) for name, table in self.tables.items() for number in listed.get(name, [])}
        for path in self.records.iterdir():
            if path not in known:
                path.unlink()

    def _add_object(self, item: SObject) -> None:
        self.objects[item.name] = item
        if item.virtual:
            return
        table = self.tables.get(item.name)
        if table is None:
            self.tables[item.name] = Table(item, self.records)
        else:
            table.sobject = item

    def object_statement(self, item: SObject) -> Statement:
        return (
            "INSERT INTO objects VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (item.name, json.dumps(to_json(item))),
        )

    def save_schema(
        self, objects: Iterable[SObject], grants: dict[str, Grants], also: Iterable[Statement] = ()
    ) -> None:
        """Make changed objects and permission sets true, with whatever belongs to the same transaction."""
        changed = list(objects)
        statements = [self.object_statement(item) for item in changed]
        for name, value in grants.items():
            statements.append(
                ("UPDATE permission_sets SET value = ? WHERE name = ?", (json.dumps(value), name))
            )
        with self.lock:
            self.transaction([*statements, *also])
            for item in changed:
                old = self.objects.get(item.name)
                self._add_object(item)
                for name in item.fields:
                    new_field = old is None or old.fields.get(name) != item.fields[name]
                    if new_field and not item.virtual:
                        self.tables[item.name].forget_index(name)
            self.permission_sets.update(grants)
            self._visible.clear()
            features.refer(self)

    def create_permission_set(self, name: str, label: str, description: str | None) -> None:
        with self.lock:
            table = self.tables["PermissionSet"]
            row = table.next_row
            record = {"Name": name, "Label": label, "Description": description, "IsOwnedByProfile": False}
            statement = ("INSERT INTO permission_sets VALUES (?, ?, ?)", (name, row, json.dumps({})))
            self.commit([("PermissionSet", self.new_rows("PermissionSet", [record]))], [statement])
            self.permission_sets[name] = {}

    def new_rows(
        self, name: str, records: list[dict[str, Any]], rows: ids.Rows | None = None
    ) -> pl.DataFrame:
        """Records made by the system itself, as full rows (with row numbers of the caller's, if given)."""
        table = self.tables[name]
        now = utc_now()
        user = self.user_id
        if rows is None:
            rows = np.arange(table.next_row, table.next_row + len(records), dtype=np.int64)
        stamps = {
            "IsDeleted": False, "CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now,
            "CreatedById": user, "LastModifiedById": user,
        }  # fmt: skip
        columns = [
            pl.Series(
                field.name, [{**stamps, **record}.get(field.name) for record in records], dtype=field.dtype
            )
            for field in table.sobject.fields.values()
        ]
        frame = pl.DataFrame(columns).with_columns(ids.encode(table.sobject.key_prefix, rows).alias("Id"))
        return frame.with_columns(pl.Series(ROW, rows), pl.lit(LIVE, dtype=pl.Int8).alias(STATE))

    def _first_records(self) -> None:
        settings = self.settings
        organization = {
            "Name": settings.organization_name,
            "IsSandbox": settings.sandbox_org,
            "OrganizationType": settings.organization_type,
            "InstanceName": "SBX1",
            "LanguageLocaleKey": "en_US",
            "DefaultLocaleSidKey": "en_US",
            "TimeZoneSidKey": "America/New_York",
            "Country": "US",
        }
        # The row number makes the org's id, and two orgs must not share one.
        number = int.from_bytes(np.random.default_rng().bytes(5), "big") % 10**12 + 1
        self.tables["Organization"].next_row = number
        frame = self.new_rows("Organization", [organization]).with_columns(
            pl.lit(0, dtype=pl.Int64).alias(ROW)
        )
        self.commit([("Organization", frame)])
        names = ("System Administrator", "Standard User", "Minimum Access - Salesforce")
        self.commit(
            [
                (
                    "Profile",
                    self.new_rows("Profile", [{"Name": name, "UserType": "Standard"} for name in names]),
                )
            ]
        )
        user = {
            "Username": "migration@sandbox.example",
            "LastName": "Migration",
            "FirstName": "Sandbox",
            "Name": "Sandbox Migration",
            "Email": "migration@sandbox.example",
            "Alias": "migr",
            "IsActive": True,
            "UserType": "Standard",
            "ProfileId": ids.make_id("00e", 1),
            "TimeZoneSidKey": "America/New_York",
            "LocaleSidKey": "en_US",
        }
        self.commit([("User", self.new_rows("User", [user]))])

    @property
    def user_id(self) -> str:
        """Who makes and changes records now: the API user, or whom the session's token names."""
        return ACTING.get()

    @property
    def api_user_id(self) -> str:
        """The integration's own user, whose permissions every session has here."""
        return USER_ID

    @property
    def org_id(self) -> str:
        with self.lock:
            return str(self.tables["Organization"].scan(["Id"])["Id"][0])

    def commit(self, writes: Sequence[tuple[str, pl.DataFrame]], also: Iterable[Statement] = ()) -> None:
        """Append full rows to objects, atomically and together with `also`. Frames hold every field of the
        object plus `_row` and `_state`."""
        with self.lock:
            statements: list[Statement] = list(also)
            pending: list[tuple[Table, int, pl.DataFrame]] = []
            number = int(self.meta("counter:segment") or 0)
            for name, frame in writes:
                if not frame.height:
                    continue
                table = self.tables[name]
                number += 1
                table.write(number, frame)
                next_row = max(table.next_row, int(frame[ROW].max()) + 1)  # type: ignore[arg-type]
                statements.append(("INSERT INTO segments VALUES (?, ?)", (name, number)))
                statements.append(("INSERT OR REPLACE INTO sequences VALUES (?, ?)", (name, next_row)))
                pending.append((table, number, frame))
            if pending:
                statements.append(self.set_meta("counter:segment", number))
            self.transaction(statements)
            for table, segment, frame in pending:
                table.attach(segment, frame)
                self._merge(table)
                if table.sobject.name == "PermissionSetAssignment":
                    self._visible.clear()

    def _merge(self, table: Table) -> None:
        small = table.small_segments()
        if not small or self.db.in_transaction:
            return
        number = int(self.meta("counter:segment") or 0) + 1
        frame = table.merged(small)
        table.write(number, frame)
        name = table.sobject.name
        statements = [("DELETE FROM segments WHERE object = ? AND number = ?", (name, old)) for old in small]
        statements.append(("INSERT INTO segments VALUES (?, ?)", (name, number)))
        self.transaction([*statements, self.set_meta("counter:segment", number)])
        table.replace_segments(small, number, frame)

    def forget_object(self, name: str) -> None:
        """Drop an object, its records and their files from memory and disk; the database knows already."""
        with self.lock:
            del self.objects[name]
            for path in self.records.glob(f"{name}.*.arrow"):
                path.unlink()
            del self.tables[name]
            self._visible.clear()

    def sobject(self, name: str) -> SObject | None:
        """An object by its name in any case."""
        found = self.objects.get(name)
        if found is None:
            wanted = name.lower()
            found = next((item for key, item in self.objects.items() if key.lower() == wanted), None)
        return found

    def assigned_permission_sets(self) -> list[str]:
        """Those of the API user: every user of this sandbox may do what it may."""
        with self.lock:
            rows = self.tables["PermissionSetAssignment"].scan(["PermissionSetId", "AssigneeId"])
            assigned = set(rows.filter(pl.col("AssigneeId") == USER_ID)["PermissionSetId"].to_list())
            sets = self.tables["PermissionSet"].scan(["Id", "Name"])
            return [name for key, name in sets.select("Id", "Name").iter_rows() if key in assigned]

    def granted(self, sobject: str, permission: str) -> frozenset[str]:
        """Names of the fields that assigned permission sets grant (`readable` or `editable`), lower case."""
        key = f"{sobject}:{permission}"
        with self.lock:
            found = self._visible.get(key)
            if found is None:
                names: set[str] = set()
                for name in self.assigned_permission_sets():
                    fields = self.permission_sets.get(name, {}).get("fields", {})
                    for path, flags in fields.items():
                        owner, _, item = path.partition(".")
                        if owner == sobject and flags.get(permission):
                            names.add(item.lower())
                found = frozenset(names)
                self._visible[key] = found
            return found

    def can_see(self, sobject: SObject, name: str) -> bool:
        item = sobject.fields[name]
        if item.always_visible or self.settings.fls_from_profile:
            return True
        return name.lower() in self.granted(sobject.name, "readable")

    def can_edit(self, sobject: SObject, name: str) -> bool:
        item = sobject.fields[name]
        if item.always_visible or self.settings.fls_from_profile:
            return True
        return name.lower() in self.granted(sobject.name, "editable")

    def used_data_bytes(self) -> int:
        stored = [
            table.count
            for name, table in self.tables.items()
            if table.sobject.holds_data and name not in CONTENT_OBJECTS
        ]
        return sum(stored) * RECORD_BYTES

    def bulk_batches(self) -> int:
        """Batches that Bulk jobs have taken since the org was made."""
        with self.lock:
            return int(self.db.execute("SELECT COUNT(*) FROM batches").fetchone()[0])

    def used_file_bytes(self) -> int:
        return int(self.tables["ContentVersion"].scan(["ContentSize"])["ContentSize"].sum())

    def drop_records(self, kept: Collection[str] = ()) -> None:
        """Forget every record of a business object that isn't ``kept`` (control endpoint); schema and users
        stay."""
        with self.lock:
            for name, table in self.tables.items():
                if not table.sobject.holds_data or name in ("PermissionSetAssignment", *kept):
                    continue
                frame = table.scan(list(table.sobject.fields), binned=True)
                if frame.height:
                    self.commit([(name, frame.with_columns(pl.lit(GONE, dtype=pl.Int8).alias(STATE)))])
            self.sweep_blobs()

    def sweep_blobs(self) -> None:
        """Forget contents that no record points at: of files that are gone, of uploads that became none."""
        bodies = self.tables["ContentVersion"].scan(["ContentBodyId"], binned=True)["ContentBodyId"]
        self.blobs.sweep(set(bodies.drop_nulls().to_list()))

    def close(self) -> None:
        with self.lock:
            self.db.close()
