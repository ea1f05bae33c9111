"""Rules of events and tasks: when an event begins and ends, when a task is closed, what is archived.

Who takes part in an event besides its WhoId is event_relations.py's.
"""

from collections.abc import Collection
from datetime import timedelta

import polars as pl

from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.saving import Saving
from migration_sandbox.salesforce.settings import Settings
from migration_sandbox.salesforce.values import Errors

ACTIVITIES = frozenset({"Event", "Task"})
ARCHIVE_NEEDS = {
    "Event": ("ActivityDateTime", "ActivityDate", "EndDateTime", "LastModifiedDate"),
    "Task": ("IsClosed", "ActivityDate", "CreatedDate", "LastModifiedDate"),
}
"""Fields that decide whether an activity is archived."""

MAX_EVENT_MINUTES = 14 * 24 * 60
CLOSED = "Completed"

NO_START = RowError(
    "REQUIRED_FIELD_MISSING", "Required fields are missing: [ActivityDateTime]", ("ActivityDateTime",)
)
NO_END = RowError(
    "REQUIRED_FIELD_MISSING", "Required fields are missing: [DurationInMinutes]", ("DurationInMinutes",)
)
NEGATIVE = RowError(
    "FIELD_INTEGRITY_EXCEPTION", "End date/time must be after the start date/time", ("EndDateTime",)
)
TOO_LONG = RowError(
    "NUMBER_OUTSIDE_VALID_RANGE", "An event can't last longer than fourteen days", ("EndDateTime",)
)


def stale_before_update(old: pl.DataFrame, given: Collection[str]) -> pl.DataFrame:
    """Old events without what follows from fields that are about to change."""
    stale = []
    if "EndDateTime" not in given and {"StartDateTime", "ActivityDateTime", "DurationInMinutes"} & set(given):
        stale.append("EndDateTime")
    if "StartDateTime" not in given and "ActivityDateTime" in given:
        stale.append("StartDateTime")
    return old.with_columns(pl.lit(None, dtype=pl.Datetime("ms")).alias(name) for name in stale)


def complete_event(saving: Saving) -> Errors:
    """Start and either end or duration are required; each follows from the others (Object Reference)."""
    start = pl.coalesce("StartDateTime", "ActivityDateTime")
    minutes = pl.duration(minutes=pl.col("DurationInMinutes"))
    span = ((pl.col("EndDateTime") - start).dt.total_minutes()).cast(pl.Int64)
    all_day = pl.col("IsAllDayEvent")
    checks = saving.frame.select(
        (start.is_null() & pl.col("ActivityDate").is_null()).alias("no_start"),
        (~all_day & pl.col("DurationInMinutes").is_null() & pl.col("EndDateTime").is_null()).alias("no_end"),
        (span < 0).fill_null(False).alias("negative"),
        ((span > MAX_EVENT_MINUTES) & ~all_day).fill_null(False).alias("long"),
    )
    errors: Errors = {}
    rules = {"no_start": NO_START, "no_end": NO_END, "negative": NEGATIVE, "long": TOO_LONG}
    for name, error in rules.items():
        for row in checks[name].arg_true().to_list():
            errors.setdefault(row, error)
    end = pl.coalesce(pl.col("EndDateTime"), start + minutes)
    filled = saving.frame.select(
        start.alias("StartDateTime"),
        end.alias("EndDateTime"),
        start.alias("ActivityDateTime"),
        pl.coalesce(start.dt.date(), "ActivityDate").alias("ActivityDate"),
        end.dt.date().alias("EndDate"),
        (end - start).dt.total_minutes().alias("DurationInMinutes"),
        pl.lit(False).alias("IsArchived"),
    )
    for column in filled.iter_columns():
        saving.put(column.name, column)
    return errors


def complete_task(saving: Saving) -> Errors:
    saving.put("IsClosed", (saving.frame["Status"] == CLOSED).fill_null(False))
    saving.put("IsArchived", [False] * saving.frame.height)
    return {}


def archived(name: str, settings: Settings, now: pl.Expr) -> pl.Expr:
    """Which rows of Event or Task are archived: a column IsArchived over the columns of ARCHIVE_NEEDS.

    Events by their date; closed tasks by their date, or by their creation where they have none (Object
    Reference, "Archived Activities").
    """
    limit = now - timedelta(days=settings.archive_after_days)
    waited = pl.col("LastModifiedDate") <= now - timedelta(seconds=settings.archive_delay_seconds)
    day = pl.col("ActivityDate").cast(pl.Datetime("ms"))
    if name == "Task":
        old = pl.col("IsClosed").fill_null(False) & (pl.coalesce(day, "CreatedDate") <= limit)
    elif settings.archive_events_by == "end":
        old = pl.coalesce("EndDateTime", "ActivityDateTime", day) <= limit
    else:
        old = pl.coalesce("ActivityDateTime", day) <= limit
    return (old & waited).fill_null(False).alias("IsArchived")
