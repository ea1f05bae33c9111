"""What the platform itself puts into a record as it is saved: names, defaults, an event's end.

Rules of single objects stand here, so that write.py knows none of them.
"""

import re
from collections.abc import Collection

import polars as pl

from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.table import ROW
from migration_sandbox.salesforce.values import TRUE, Errors

MAX_EVENT_MINUTES = 14 * 24 * 60
_NUMBER = re.compile(r"\{(0+)\}")


def created_defaults(sobject: SObject, user_id: str) -> dict[str, object]:
    """Defaults of a new record, by field."""
    found: dict[str, object] = {}
    for name, item in sobject.fields.items():
        if item.type == "boolean":
            found[name] = (item.default or "false").lower() in TRUE
        elif item.default is not None and item.textual:
            found[name] = item.default
        elif item.default is not None and item.numeric:
            found[name] = float(item.default) if item.scale else int(float(item.default))
    if "OwnerId" in sobject.fields:
        found["OwnerId"] = user_id
    return found


def before_update(sobject: SObject, old: pl.DataFrame, given: Collection[str]) -> pl.DataFrame:
    """Old rows without what follows from fields that are about to change."""
    if sobject.name != "Event":
        return old
    stale = []
    if "EndDateTime" not in given and {"StartDateTime", "ActivityDateTime", "DurationInMinutes"} & set(given):
        stale.append("EndDateTime")
    if "StartDateTime" not in given and "ActivityDateTime" in given:
        stale.append("StartDateTime")
    return old.with_columns(pl.lit(None, dtype=pl.Datetime("ms")).alias(name) for name in stale)


def complete(sobject: SObject, frame: pl.DataFrame) -> Errors:
    """Fill, in place, the columns that follow from others; returns errors by row of the frame."""
    if sobject.name == "Contact":
        parts = ["FirstName", "MiddleName", "LastName", "Suffix"]
        name = pl.concat_str([pl.col(part) for part in parts], separator=" ", ignore_nulls=True)
        _set(frame, frame.select(name.alias("Name"))["Name"])
    elif sobject.name == "Event":
        return _event(frame)
    elif sobject.custom:
        _custom_name(sobject, frame)
    return {}


def _set(frame: pl.DataFrame, column: pl.Series) -> None:
    frame.replace_column(frame.get_column_index(column.name), column)


def _custom_name(sobject: SObject, frame: pl.DataFrame) -> None:
    if sobject.name_format is None:
        _set(frame, frame["Name"].zip_with(frame["Name"].is_not_null(), frame["Id"]))
        return
    found = _NUMBER.search(sobject.name_format)
    digits = found.group(1) if found else "0"
    before, after = sobject.name_format.split(found.group(0), 1) if found else (sobject.name_format, "")
    number = pl.col(ROW).cast(pl.String).str.zfill(len(digits))
    _set(frame, frame.select(pl.format(before.replace("{", "") + "{}" + after, number).alias("Name"))["Name"])


def _event(frame: pl.DataFrame) -> Errors:
    """Start and either end or duration are required; each follows from the others (Object Reference)."""
    start = pl.coalesce("StartDateTime", "ActivityDateTime")
    minutes = pl.duration(minutes=pl.col("DurationInMinutes"))
    span = ((pl.col("EndDateTime") - start).dt.total_minutes()).cast(pl.Int64)
    all_day = pl.col("IsAllDayEvent")
    checks = frame.select(
        (start.is_null() & pl.col("ActivityDate").is_null()).alias("no_start"),
        (~all_day & pl.col("DurationInMinutes").is_null() & pl.col("EndDateTime").is_null()).alias("no_end"),
        (span < 0).fill_null(False).alias("negative"),
        ((span > MAX_EVENT_MINUTES) & ~all_day).fill_null(False).alias("long"),
    )
    errors: Errors = {}
    rules = {
        "no_start": RowError(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [ActivityDateTime]", ("ActivityDateTime",)
        ),
        "no_end": RowError(
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [DurationInMinutes]",
            ("DurationInMinutes",),
        ),
        "negative": RowError(
            "FIELD_INTEGRITY_EXCEPTION", "End date/time must be after the start date/time", ("EndDateTime",)
        ),
        "long": RowError(
            "NUMBER_OUTSIDE_VALID_RANGE", "An event can't last longer than fourteen days", ("EndDateTime",)
        ),
    }
    for name, error in rules.items():
        if checks[name].any():
            for row in checks[name].arg_true().to_list():
                errors.setdefault(row, error)
    end = pl.coalesce(pl.col("EndDateTime"), start + minutes)
    filled = frame.select(
        start.alias("StartDateTime"),
        end.alias("EndDateTime"),
        start.alias("ActivityDateTime"),
        pl.coalesce(start.dt.date(), "ActivityDate").alias("ActivityDate"),
        end.dt.date().alias("EndDate"),
        (end - start).dt.total_minutes().alias("DurationInMinutes"),
        pl.lit(False).alias("IsArchived"),
    )
    for column in filled.iter_columns():
        _set(frame, column)
    return errors
