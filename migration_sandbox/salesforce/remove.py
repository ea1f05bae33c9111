"""Deleting records: into the recycle bin or for good, with what goes along.

Details go with their master and an account's contacts with it; other lookups are cleared (delete constraint
SetNull, the default of a lookup field).
"""

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.org import Org, utc_now
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.table import BINNED, GONE, LIVE, ROW, STATE
from migration_sandbox.salesforce.values import Errors
from migration_sandbox.salesforce.write import Also, Outcome, nothing_more


def delete(org: Org, sobject: SObject, given: pl.Series, hard: bool, also: Also = nothing_more) -> Outcome:
    """Delete by Id: into the recycle bin, or for good. Details go with their master, lookups are cleared."""
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
        good = np.unique(rows[states == LIVE])
        outcome = Outcome(
            ids.encode(sobject.key_prefix, np.where(states == LIVE, rows, -1)),
            pl.Series([False]).new_from_index(0, len(rows)),
            errors,
        )
        org.commit(_removals(org, sobject, good, GONE if hard else BINNED), also(outcome))
        return outcome


def _removals(org: Org, sobject: SObject, rows: ids.Rows, state: int) -> list[tuple[str, pl.DataFrame]]:
    table = org.tables[sobject.name]
    frame = table.gather(rows, list(sobject.fields)).with_columns(
        pl.lit(True).alias("IsDeleted"),
        pl.lit(state, dtype=pl.Int8).alias(STATE),
        pl.lit(utc_now(), dtype=pl.Datetime("ms")).alias("SystemModstamp"),
    )
    writes = [(sobject.name, frame)]
    gone = frame["Id"]
    for other in org.objects.values():
        if other.virtual or not other.createable:
            continue
        for item in other.fields.values():
            if item.type != "reference" or sobject.name not in item.references:
                continue
            children = org.tables[other.name].scan([item.name])
            hit = children.filter(pl.col(item.name).is_in(gone.implode()))[ROW].to_numpy()
            if not len(hit):
                continue
            if item.master_detail or (sobject.name, item.name) == ("Account", "AccountId"):
                writes += _removals(org, other, hit, state)
            else:
                cleared = org.tables[other.name].gather(hit, list(other.fields))
                writes.append(
                    (other.name, cleared.with_columns(pl.lit(None, dtype=pl.String).alias(item.name)))
                )
    return writes
