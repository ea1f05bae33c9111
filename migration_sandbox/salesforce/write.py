"""Saving records: one engine for REST, collections and Bulk, over columns.

A batch is a frame of what the client sent plus a Target for each column. Every rule that refuses a record
lives here or in values.py; a refused row never stops the others. What passes is written in one commit
together with the statements that the caller makes from the outcome, so a batch is processed exactly once
even if the process dies.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.access import denied
from migration_sandbox.salesforce.blobs import Blob
from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.org import CONTENT_OBJECTS, RECORD_BYTES, Org, Statement, utc_now
from migration_sandbox.salesforce.org_rules import refuse
from migration_sandbox.salesforce.parents import parent_by_id, parent_by_key
from migration_sandbox.salesforce.records import before_update, complete, created_defaults, follow
from migration_sandbox.salesforce.saving import Saving
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.table import BINNED, LIVE, ROW, STATE, index_key
from migration_sandbox.salesforce.targets import Target
from migration_sandbox.salesforce.users import refuse_owners
from migration_sandbox.salesforce.values import Column, Errors, Mask, convert

LOCKED = RowError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
CSV_NULL = "#N/A"
JSON_NULL = "\x00null"

AUDIT_FIELDS = frozenset({"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"})


@dataclass
class Outcome:
    """A row for each row of the batch: its id (null where refused), whether it was made, or why not."""

    ids: pl.Series
    created: pl.Series
    errors: Errors


Also = Callable[[Outcome], Iterable[Statement]]


@dataclass
class Batch:
    """What to save: `operation` is insert, update or upsert; `key` is upsert's external id (None: Id);
    `given` has a column for each target, in their order; `blobs` are contents that came with rows."""

    sobject: SObject
    operation: str
    targets: Sequence[Target]
    given: pl.DataFrame
    key: Field | None = None
    null_token: str = CSV_NULL
    locked: frozenset[int] = frozenset()
    refused: Errors = field(default_factory=dict)
    blobs: Mapping[int, Blob] = field(default_factory=dict)


class _Save:
    def __init__(self, org: Org, batch: Batch) -> None:
        self.org = org
        self.batch = batch
        self.sobject = batch.sobject
        self.table = org.tables[batch.sobject.name]
        self.size = batch.given.height
        self.errors: Errors = {
            **dict.fromkeys(batch.locked, LOCKED),
            **batch.refused,
        }
        self.rows: ids.Rows = np.full(self.size, -1, dtype=np.int64)
        self.columns: dict[str, Column] = {}

    def refuse(self, errors: Errors) -> None:
        for row, error in errors.items():
            self.errors.setdefault(row, error)

    def refuse_rows(self, rows: Iterable[int], error: RowError) -> None:
        for row in rows:
            self.errors.setdefault(row, error)

    def run(self, also: Also) -> Outcome:
        self._identify()
        self._convert()
        new = self.rows < 0
        self.refuse(denied(self.org, self.sobject, new))
        self._permissions(new)
        self._required(new)
        self._unique()
        self._storage(new)
        good = np.ones(self.size, dtype=np.bool_)
        good[list(self.errors)] = False
        frame, order = self._frame(good, new)
        blobs = {place: self.batch.blobs[row] for place, row in enumerate(order) if row in self.batch.blobs}
        saving = Saving(self.org, self.sobject, frame, blobs)
        late = complete(saving) if frame.height else {}
        late = refuse(saving) | refuse_owners(saving) | late if frame.height else late
        if late:
            self.refuse({int(order[row]): error for row, error in late.items()})
            saving, order = saving.without(list(late)), np.delete(order, list(late))
        outcome = self._outcome(saving.frame, order, new)
        writes = follow(saving)
        self.org.commit([(self.sobject.name, saving.frame), *writes], also(outcome))
        return outcome

    def _identify(self) -> None:
        """Find the existing record of each row; -1 stays for a new one."""
        batch = self.batch
        if batch.operation == "insert":
            return
        name = "Id" if batch.key is None else batch.key.name
        place = next(
            (i for i, target in enumerate(batch.targets) if target.field.name == name and not target.parent),
            None,
        )
        missing = RowError(
            "MISSING_ARGUMENT", f"{name} not specified" + ("" if batch.key else " in an update call"), (name,)
        )
        if place is None:
            self.refuse_rows(range(self.size), missing)
            return
        given = batch.given.to_series(place)
        text = given if given.dtype == pl.String else given.cast(pl.String)
        blank = ((text == "") | (text == batch.null_token)).fill_null(True)
        if name == "Id":
            self._identify_by_id(text.zip_with(~blank, pl.Series([None], dtype=pl.String)))
            if batch.operation == "update":
                self.refuse_rows(np.flatnonzero(blank.to_numpy()).tolist(), missing)
            return
        self.refuse_rows(np.flatnonzero(blank.to_numpy()).tolist(), missing)
        item = self.sobject.fields[name]
        if self.org.settings.trim_text:
            text = text.str.strip_chars()
        keys = index_key(item, text).to_list()
        index = self.table.index(name)
        self.rows = index.lookup(keys)
        for key, found in index.doubled.items() if index.doubled else ():
            message = (
                f"{name}: more than one record found for external id field: "
                f"{[self._id(row) for row in found]}"
            )
            self.refuse_rows(
                (row for row, value in enumerate(keys) if value == key),
                RowError("INVALID_FIELD", message, (name,)),
            )
        self._repeated(keys, blank.to_list(), name)

    def _repeated(self, keys: list[str | None], blank: list[bool], name: str) -> None:
        distinct = len(set(keys))
        if distinct == len(keys):
            return
        first: dict[str, int] = {}
        for row, key in enumerate(keys):
            if key is None or blank[row]:
                continue
            seen = first.setdefault(key, row)
            if seen != row:
                error = RowError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", (name,))
                self.errors.setdefault(row, error)
                if self.org.settings.duplicate_keys_in_batch == "all":
                    self.errors.setdefault(seen, error)

    def _identify_by_id(self, given: pl.Series) -> None:
        rows, fine = ids.decode(given, self.sobject.key_prefix)
        present = given.is_not_null().to_numpy()
        states = self.table.states(rows)
        for row in np.flatnonzero(present & ((states != LIVE) | ~fine)).tolist():
            if not fine[row] or rows[row] < 0:
                label = f"{self.sobject.label} ID"
                error = RowError(
                    "MALFORMED_ID", f"{label}: id value of incorrect type: {given[row]}", ("Id",)
                )
            elif states[row] == BINNED:
                error = RowError("ENTITY_IS_DELETED", "entity is deleted")
            else:
                error = RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            self.errors.setdefault(row, error)
        self.rows = np.where(states == LIVE, rows, -1)
        known = self.rows[self.rows >= 0]
        if len(np.unique(known)) != len(known):
            self._repeated(
                [str(row) if row >= 0 else None for row in self.rows.tolist()], [False] * self.size, "Id"
            )

    def _id(self, row: int) -> str:
        return ids.make_id(self.sobject.key_prefix, row)

    def _convert(self) -> None:
        batch = self.batch
        for place, target in enumerate(batch.targets):
            item = target.field
            if item.type == "id":
                continue
            given = batch.given.to_series(place)
            if target.parent is not None:
                column = parent_by_key(self.org, target, given, batch.null_token)
            elif item.type == "reference":
                column = parent_by_id(self.org, item, given, batch.null_token)
            else:
                column = convert(item, given, batch.null_token, self.org.settings)
            self.refuse(column.errors)
            self.columns[item.name] = column

    def _permissions(self, new: Mask) -> None:
        for name, column in self.columns.items():
            item = self.sobject.fields[name]
            insertable = item.createable or (name in AUDIT_FIELDS and self._audited())
            editable = self.org.can_edit(self.sobject, name)
            error = RowError(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {name}. Please check the security settings of this "
                f"field and verify "
                "that it is read/write for your profile or permission set.",
                (name,),
            )
            if not (insertable and editable):
                given = new & self._given(column)
                self.refuse_rows(np.flatnonzero(given).tolist(), error)
            if (
                item.master_detail
                and not item.updateable
                and self.org.settings.master_detail_unchanged == "accept"
            ):
                self.refuse_rows(self._moved(item, column), error)
            elif not (item.updateable and editable):
                given = ~new & self._given(column)
                self.refuse_rows(np.flatnonzero(given).tolist(), error)

    def _audited(self) -> bool:
        """Whether the system's own stamps may be given: on insert only, and where the org permits it."""
        settings = self.org.settings
        excepted = self.sobject.name == "ContentVersion" and not settings.content_version_audit_fields
        return self.batch.operation == "insert" and settings.set_audit_fields and not excepted

    @staticmethod
    def _given(column: Column) -> Mask:
        given: Mask = column.values.is_not_null().to_numpy()
        return given if column.nulls is None else given | column.nulls.to_numpy()

    def _moved(self, item: Field, column: Column) -> list[int]:
        """Rows of existing records that name another master."""
        places = np.flatnonzero((self.rows >= 0) & self._given(column))
        if not len(places):
            return []
        old = self.table.gather(self.rows[places], [item.name])[item.name]
        changed = (old != column.values.gather(places)).fill_null(True).to_numpy()
        return [int(row) for row in places[changed]]

    def _required(self, new: Mask) -> None:
        missing: dict[int, list[str]] = {}
        for name, item in self.sobject.fields.items():
            if not item.required or item.type == "boolean":
                continue
            column = self.columns.get(name)
            if column is None:
                bad = new if item.default is None else np.zeros(self.size, dtype=np.bool_)
            else:
                absent = column.values.is_null().to_numpy()
                bad = new & absent
                if column.nulls is not None:
                    bad = bad | column.nulls.to_numpy()
            for row in np.flatnonzero(bad).tolist():
                missing.setdefault(row, []).append(name)
        for row, names in missing.items():
            text = f"Required fields are missing: [{', '.join(names)}]"
            self.errors.setdefault(row, RowError("REQUIRED_FIELD_MISSING", text, tuple(names)))

    def _unique(self) -> None:
        for name, column in self.columns.items():
            item = self.sobject.fields[name]
            if not item.unique:
                continue
            keys = index_key(item, column.values).to_list()
            index = self.table.index(name)
            found = index.lookup(keys)
            clash = (found >= 0) & (found != self.rows)
            for row in np.flatnonzero(clash).tolist():
                self._duplicate(row, item, self._id(int(found[row])))
            if len(set(keys)) == len(keys):
                continue
            seen: dict[str, int] = {}
            for row, key in enumerate(keys):
                if key is not None and row not in self.errors and seen.setdefault(key, row) != row:
                    self._duplicate(row, item, "in this batch")

    def _duplicate(self, row: int, item: Field, other: str) -> None:
        message = f"duplicate value found: {item.name} duplicates value on record with id: {other}"
        self.errors.setdefault(row, RowError("DUPLICATE_VALUE", message))

    def _storage(self, new: Mask) -> None:
        settings = self.org.settings
        if not settings.enforce_data_storage or self.sobject.name in CONTENT_OBJECTS:
            return
        room = settings.data_storage_mb * 1_048_576 - self.org.used_data_bytes()
        fits = max(room // RECORD_BYTES, 0)
        rows = (
            [row for row in np.flatnonzero(new).tolist() if row not in self.errors]
            if fits < self.size
            else []
        )
        self.refuse_rows(rows[fits:], RowError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"))

    def _frame(self, good: Mask, new: Mask) -> tuple[pl.DataFrame, ids.Rows]:
        """Full rows of what passed, and which row of the batch each is; existing records come first."""
        updates = np.flatnonzero(good & ~new)
        inserts = np.flatnonzero(good & new)
        parts = []
        if len(updates):
            parts.append(self._updated(updates))
        if len(inserts) or not parts:
            parts.append(self._inserted(inserts))
        frame = parts[0] if len(parts) == 1 else pl.concat(parts)
        return frame, np.concatenate([updates, inserts])

    def _picked(self, column: Column, places: npt.NDArray[np.intp], item: Field) -> pl.Series:
        values = column.values if len(places) == self.size else column.values.gather(places)
        return values if values.dtype == item.dtype else values.cast(item.dtype)

    def _stamp(self) -> dict[str, object]:
        now = utc_now()
        return {"LastModifiedDate": now, "LastModifiedById": self.org.user_id, "SystemModstamp": now}

    def _updated(self, places: npt.NDArray[np.intp]) -> pl.DataFrame:
        rows = self.rows[places]
        old = before_update(self.sobject, self.table.gather(rows, list(self.sobject.fields)), self.columns)
        stamp = self._stamp()
        changed: list[pl.Series] = []
        for name, column in self.columns.items():
            item = self.sobject.fields[name]
            value = self._picked(column, places, item)
            if value.null_count():
                kept = old[name]
                if column.nulls is not None:
                    cleared = column.nulls.gather(places)
                    kept = kept.zip_with(~cleared, pl.Series([None], dtype=item.dtype))
                value = value.zip_with(value.is_not_null(), kept)
            changed.append(value.alias(name))
        old = old.with_columns(changed)
        stamps = [
            pl.lit(value, dtype=self.sobject.fields[name].dtype).alias(name)
            for name, value in stamp.items()
            if name in self.sobject.fields
        ]
        return old.with_columns(stamps)

    def _inserted(self, places: npt.NDArray[np.intp]) -> pl.DataFrame:
        count = len(places)
        rows = np.arange(self.table.next_row, self.table.next_row + count, dtype=np.int64)
        stamp = self._stamp() | {"IsDeleted": False, "CreatedById": self.org.user_id}
        stamp["CreatedDate"] = stamp["SystemModstamp"]
        defaults = stamp | created_defaults(self.sobject, self.org.user_id)
        made: list[pl.Series] = []
        for name, item in self.sobject.fields.items():
            column = self.columns.get(name)
            default = defaults.get(name)
            if name == "Id":
                made.append(ids.encode(self.sobject.key_prefix, rows).alias("Id"))
            elif column is not None:
                value = self._picked(column, places, item)
                if default is not None and value.null_count():
                    value = value.fill_null(default)
                made.append(value.alias(name))
            else:
                made.append(pl.Series(name, [default], dtype=item.dtype).new_from_index(0, count))
        made.append(pl.Series(ROW, rows))
        made.append(pl.Series(STATE, [LIVE], dtype=pl.Int8).new_from_index(0, count))
        return pl.DataFrame(made)

    def _outcome(self, frame: pl.DataFrame, order: ids.Rows, new: Mask) -> Outcome:
        saved = np.full(self.size, -1, dtype=np.int64)
        saved[order] = frame[ROW].to_numpy()
        return Outcome(ids.encode(self.sobject.key_prefix, saved), pl.Series(new & (saved >= 0)), self.errors)


def nothing_more(_outcome: Outcome) -> Iterable[Statement]:
    return ()


def save(org: Org, batch: Batch, also: Also = nothing_more) -> Outcome:
    """Insert, update or upsert a batch; commits what passes together with `also(outcome)`. Contents of what
    doesn't pass are forgotten."""
    saved: set[int] = set()
    try:
        with org.lock:
            outcome = _Save(org, batch).run(also)
        saved = set(batch.blobs) - set(outcome.errors)
        return outcome
    finally:
        for row in set(batch.blobs) - saved:
            org.blobs.discard(batch.blobs[row])
