"""Current records with the column that isn't stored: whether an activity is archived changes with time."""

from collections.abc import Sequence

import polars as pl

from migration_sandbox.salesforce.activities import ACTIVITIES, ARCHIVE_NEEDS, archived
from migration_sandbox.salesforce.ids import Rows
from migration_sandbox.salesforce.org import Org, utc_now
from migration_sandbox.salesforce.schema import SObject

ARCHIVED = "IsArchived"


def _needed(sobject: SObject, names: Sequence[str]) -> list[str]:
    if sobject.name in ACTIVITIES and ARCHIVED in names:
        return sorted({*names, *ARCHIVE_NEEDS[sobject.name]})
    return list(names)


def _derived(org: Org, sobject: SObject, names: Sequence[str], frame: pl.DataFrame) -> pl.DataFrame:
    if sobject.name in ACTIVITIES and ARCHIVED in names:
        now = pl.lit(utc_now(), dtype=pl.Datetime("ms"))
        return frame.with_columns(archived(sobject.name, org.settings, now))
    return frame


def gather(org: Org, sobject: SObject, rows: Rows, names: Sequence[str]) -> pl.DataFrame:
    """Records by row, in the order asked for; all must exist."""
    frame = org.tables[sobject.name].gather(rows, _needed(sobject, names))
    return _derived(org, sobject, names, frame)


def scan(org: Org, sobject: SObject, names: Sequence[str], all_rows: bool) -> pl.DataFrame:
    """Every record, in the order of ids; recycle bin and archived activities only with `all_rows`."""
    hides = sobject.name in ACTIVITIES and not all_rows
    names = [*names, ARCHIVED] if hides else list(names)
    frame = org.tables[sobject.name].scan(_needed(sobject, names), binned=all_rows)
    frame = _derived(org, sobject, names, frame)
    return frame.filter(~pl.col(ARCHIVED)) if hides else frame
