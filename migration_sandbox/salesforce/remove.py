"""Deleting records: into the recycle bin or for good, with what goes along.

Details go with their master, an account's contacts with it, and activities with the person or record that
they are about (Salesforce Help, "Delete Contacts"; of one about a person and a record alike: unconfirmed).
Other lookups are cleared (delete constraint SetNull, the default of a lookup field) unless their field says
otherwise. What is over the recycle bin's limit goes for good, the oldest first.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.access import DELETE, may
from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.org import Org, utc_now
from migration_sandbox.salesforce.records import after_delete, before_delete
from migration_sandbox.salesforce.saving import Writes
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.table import BINNED, GONE, LIVE, ROW, STATE
from migration_sandbox.salesforce.values import Errors
from migration_sandbox.salesforce.write import LOCKED, Also, Outcome, nothing_more


def delete(
    org: Org,
    sobject: SObject,
    given: pl.Series,
    hard: bool,
    also: Also = nothing_more,
    locked: Collection[int] = (),
) -> Outcome:
    """Delete by Id: into the recycle bin, or for good, but for `locked` rows of the batch. Details go with
    their master, lookups are cleared."""
    with org.lock:
        table = org.tables[sobject.name]
        rows, fine = ids.decode(given.cast(pl.String), sobject.key_prefix)
        states = table.states(rows)
        errors: Errors = {}
        for row in np.flatnonzero(states != LIVE).tolist():
            if not given[row]:
                errors[row] = RowError("MISSING_ARGUMENT", "Id not specified in a delete call")
            elif not fine[row] or rows[row] < 0:
                errors[row] = RowError("MALFORMED_ID", f"bad id {given[row]}", ("Id",))
            elif states[row] == BINNED:
                errors[row] = RowError("ENTITY_IS_DELETED", "entity is deleted")
            else:
                errors[row] = RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        places = np.flatnonzero(states == LIVE)
        if not may(org, sobject, DELETE):
            refused = RowError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
            errors |= dict.fromkeys(places.tolist(), refused)
        errors |= dict.fromkeys(set(places.tolist()).intersection(locked), LOCKED)
        frame = table.gather(rows[places], list(sobject.fields))
        for place, error in before_delete(sobject, frame).items():
            errors[int(places[place])] = error
        kept = np.ones(len(rows), dtype=np.bool_)
        kept[list(errors)] = False
        good = np.unique(rows[kept])
        outcome = Outcome(
            ids.encode(sobject.key_prefix, np.where(kept, rows, -1)),
            pl.Series([False]).new_from_index(0, len(rows)),
            errors,
        )
        removal = _Removal(org)
        removal.add(sobject, good)
        gone = table.gather(good, list(sobject.fields))
        writes = removal.writes(GONE if hard else BINNED) + after_delete(org, sobject, gone)
        org.commit(writes, also(outcome))
        empty_overfull_bin(org)
        return outcome


def empty_overfull_bin(org: Org) -> None:
    """Forget the oldest of what is over the recycle bin's limit and has been in it long enough.

    Each record counts, also one that went along with another (unconfirmed).
    """
    settings = org.settings
    over = sum(table.binned_count for table in org.tables.values()) - settings.recycle_bin_limit
    if over <= 0:
        return
    limit = utc_now() - timedelta(seconds=settings.recycle_bin_hold_seconds)
    parts = [
        table.scan(["SystemModstamp"], binned=True)
        .filter(pl.col(STATE) == BINNED)
        .select("SystemModstamp", ROW, pl.lit(name).alias("object"))
        for name, table in org.tables.items()
        if table.binned_count
    ]
    oldest = pl.concat(parts).filter(pl.col("SystemModstamp") <= limit)
    oldest = oldest.sort("SystemModstamp", maintain_order=True).head(over)
    for (name,), rows in oldest.group_by("object", maintain_order=True):
        table = org.tables[str(name)]
        frame = table.gather(rows[ROW].to_numpy(), list(table.sobject.fields))
        org.commit([(str(name), frame.with_columns(pl.lit(GONE, dtype=pl.Int8).alias(STATE)))])


@dataclass
class _Removal:
    """What one deletion does, by object and row: gone with it, or a lookup cleared. Each row is written once,
    so that what is cleared in a record that goes as well doesn't bring it back."""

    org: Org
    gone: dict[str, set[int]] = field(default_factory=dict)
    cleared: dict[str, dict[str, set[int]]] = field(default_factory=dict)

    def add(self, sobject: SObject, rows: ids.Rows) -> None:
        known = self.gone.setdefault(sobject.name, set())
        new = np.array([row for row in rows.tolist() if row not in known], dtype=np.int64)
        if not len(new):
            return
        known.update(new.tolist())
        keys = ids.encode(sobject.key_prefix, new)
        for other in list(self.org.objects.values()):
            if other.virtual or not other.holds_data:
                continue
            for item in other.fields.values():
                if item.type == "reference" and sobject.name in item.references:
                    self._refer(sobject, other, item, keys)

    def _refer(self, sobject: SObject, other: SObject, item: Field, keys: pl.Series) -> None:
        if item.on_delete == "keep":
            return
        children = self.org.tables[other.name].scan([item.name])
        hit = children.filter(pl.col(item.name).is_in(keys.implode()))[ROW].to_numpy()
        if not len(hit):
            return
        if item.cascades or (sobject.name, other.name, item.name) == ("Account", "Contact", "AccountId"):
            self.add(other, hit)
        else:
            self.cleared.setdefault(other.name, {}).setdefault(item.name, set()).update(hit.tolist())

    def writes(self, state: int) -> Writes:
        made: Writes = []
        for name, rows in self.gone.items():
            frame = self._frame(name, rows).with_columns(
                pl.lit(True).alias("IsDeleted"),
                pl.lit(state, dtype=pl.Int8).alias(STATE),
                pl.lit(utc_now(), dtype=pl.Datetime("ms")).alias("SystemModstamp"),
            )
            made.append((name, frame))
        for name, fields in self.cleared.items():
            left = set().union(*fields.values()) - self.gone.get(name, set())
            frame = self._frame(name, left)
            nothing = pl.lit(None, dtype=pl.String)
            cleared = [
                pl.when(pl.col(ROW).is_in(list(hit))).then(nothing).otherwise(pl.col(item)).alias(item)
                for item, hit in fields.items()
            ]
            # The system's own doing: nobody has modified these records.
            if "SystemModstamp" in frame.columns:
                cleared.append(pl.lit(utc_now(), dtype=pl.Datetime("ms")).alias("SystemModstamp"))
            made.append((name, frame.with_columns(cleared)))
        return made

    def _frame(self, name: str, rows: set[int]) -> pl.DataFrame:
        table = self.org.tables[name]
        return table.gather(np.array(sorted(rows), dtype=np.int64), list(table.sobject.fields))
