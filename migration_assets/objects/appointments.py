"""Appointments: the schema of ``staged.appointments`` and how rows of Appointment become it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_implausible
from migration_assets.objects.source_rows import Kind
from migration_assets.objects.validation import Refusal

SUBJECT_LENGTH = 255
"""Characters of an appointment's subject in the destinations; the whole session type stands beside it."""

MOST_MINUTES = 1440
"""A day: no session lasts longer; what lies above is a mistyped number."""

_TABLE = "Appointment"
_KEY = "AppointmentID"
_UNNAMED = "Appointment"

_TEXTS = {
    "provider_id": "ProviderID",
    "session_type": "SessionType",
    "status": "Status",
    "notes": "Notes",
}
_TIMES = {"starts_at": "StartsAt", "created_at": "CreatedAt", "modified_at": "ModifiedAt"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    **_TEXTS,
    "subject": "SessionType",
    "duration_minutes": "DurationMinutes",
    "ends_at": "DurationMinutes",
    **_TIMES,
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "DurationMinutes": Kind.WHOLE,
    **dict.fromkeys(_TIMES.values(), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    "start_implausible": "the appointment starts before 1900 or after 2100",
    "duration_out_of_range": "the duration lies outside 0 to 1440 minutes; it is left empty",
}


class Appointment(pa.DataFrameModel):
    """``staged.appointments``: one row a visit, past or ahead.

    ``subject`` is the session type, cut at SUBJECT_LENGTH characters, or a word for it where there is none.
    ``ends_at`` lies ``duration_minutes`` after ``starts_at``; where there is no duration it is ``starts_at``.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    provider_id: pl.String = pa.Field(nullable=True)
    subject: pl.String
    session_type: pl.String = pa.Field(nullable=True)
    starts_at: Annotated[pl.Datetime, "ms", "UTC"]
    ends_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    duration_minutes: pl.Int64 = pa.Field(nullable=True)
    status: pl.String = pa.Field(nullable=True)
    notes: pl.String = pa.Field(nullable=True)
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("duration_minutes", name="duration_out_of_range")
    @classmethod
    def _possible_duration(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("duration_minutes").is_between(0, MOST_MINUTES))


_RULES = Rules("appointments", Appointment, SOURCE_COLUMNS, _SENTENCES)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Appointment as ``Appointment`` says; a visit of an unknown patient is staged too."""
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    implausible = is_implausible(frame["StartsAt"].dt.date())
    impossible = ~frame["DurationMinutes"].is_between(0, MOST_MINUTES).fill_null(True)
    times = {staged: local_time.to_utc(frame[column], context.time_zone) for staged, column in _TIMES.items()}
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        _subject().alias("subject"),
        frame["DurationMinutes"].set(impossible, None).cast(pl.Int64).alias("duration_minutes"),
        *(utc.times.alias(staged) for staged, utc in times.items()),
    ).with_columns(
        ends_at=pl.col("starts_at")
        + pl.duration(minutes=pl.col("duration_minutes").fill_null(0), time_unit="ms")
    )
    return settle(
        _RULES,
        source,
        rows,
        refusals=[Refusal("start_implausible", "StartsAt", implausible, ("starts_at",))],
        corrected=[Correction("duration_out_of_range", "DurationMinutes", impossible)],
        times=times,
    )


def _subject() -> pl.Expr:
    session = pl.col("SessionType")
    cut = session.str.slice(0, SUBJECT_LENGTH - 1) + "…"
    return pl.when(session.str.len_chars() > SUBJECT_LENGTH).then(cut).otherwise(session).fill_null(_UNNAMED)


APPOINTMENTS = StagedObject(
    name="appointments",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=Appointment,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
