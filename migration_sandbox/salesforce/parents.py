"""References of a batch: parents named by id or by external id, a whole column at a time."""

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.schema import Field
from migration_sandbox.salesforce.table import LIVE, index_key
from migration_sandbox.salesforce.targets import Target
from migration_sandbox.salesforce.values import Column


def _blank(given: pl.Series, null_token: str) -> tuple[pl.Series, pl.Series | None]:
    nulls = (given == null_token).fill_null(False)
    blank = (given == "").fill_null(True) | nulls
    return given.zip_with(~blank, pl.Series([None], dtype=pl.String)), nulls if nulls.any() else None


def parent_by_key(org: Org, target: Target, given: pl.Series, null_token: str) -> Column:
    """Ids of the parents that a column of external ids names; what isn't found is an error of its row."""
    parent, key = target.parent, target.key
    assert parent is not None
    assert key is not None
    if given.dtype != pl.String:
        given = given.cast(pl.String)
    body, nulls = _blank(given, null_token)
    table = org.tables[parent.name]
    if key.type == "id":
        return parent_by_id(org, target.field, given, null_token)
    index = table.index(key.name)
    rows = index.lookup(index_key(key, body).to_list())
    column = Column(ids.encode(parent.key_prefix, rows), nulls)
    for row in np.flatnonzero((rows < 0) & body.is_not_null().to_numpy()).tolist():
        message = (
            f"Foreign key external ID: {body[row].lower()} not found for field {key.name} in "
            f"entity {parent.name}"
        )
        column.errors[row] = RowError("INVALID_FIELD", message)
    return column


def parent_by_id(org: Org, item: Field, given: pl.Series, null_token: str) -> Column:
    """The ids of a column, in full; what is no id, of another object, or gone is an error of its row."""
    size = len(given)
    body, nulls = _blank(given if given.dtype == pl.String else given.cast(pl.String), null_token)
    column = Column(body, nulls)
    resolved = pl.Series([None] * size, dtype=pl.String)
    open_rows = body.is_not_null().to_numpy().copy()
    malformed = np.zeros(size, dtype=np.bool_)
    foreign = np.zeros(size, dtype=np.bool_)
    for name in item.references:
        parent = org.objects[name]
        rows, fine = ids.decode(body, parent.key_prefix)
        malformed |= ~fine
        hit = (rows >= 0) & open_rows
        alive = org.tables[name].states(rows) == LIVE
        foreign |= hit & ~alive
        found = hit & alive
        if found.any():
            made = ids.encode(parent.key_prefix, np.where(found, rows, -1))
            resolved = made.zip_with(pl.Series(found), resolved)
        open_rows &= ~hit
    for row in np.flatnonzero(malformed | open_rows).tolist():
        message = f"{item.label}: id value of incorrect type: {body[row]}"
        column.errors[row] = RowError("MALFORMED_ID", message, (item.name,))
    for row in np.flatnonzero(foreign).tolist():
        column.errors.setdefault(
            row, RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        )
    column.values = resolved
    return column
