"""Patients: the schema of ``staged.patients`` and how rows of Patient become it.

The households that they name are told in ``households``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.households import household_ids
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import EARLIEST_DATE, is_address
from migration_assets.objects.source_rows import Kind, SourceRows
from migration_assets.perio.vocabulary import SEXES

_TABLE = "Patient"
_KEY = "PatientID"

_TEXTS = {
    "chart_number": "ChartNumber",
    "first_name": "FirstName",
    "middle_name": "MiddleName",
    "last_name": "LastName",
    "preferred_name": "PreferredName",
    "sex": "Sex",
    "email": "Email",
    "home_phone": "HomePhone",
    "work_phone": "WorkPhone",
    "mobile_phone": "MobilePhone",
    "address1": "Address1",
    "address2": "Address2",
    "city": "City",
    "state": "State",
    "postal_code": "Zip",
    "provider_id": "PrimaryProviderID",
    "bridge_id": "BridgeID",
}
_TIMES = {"created_at": "CreatedAt", "modified_at": "ModifiedAt"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    **_TEXTS,
    "street": "Address1",
    "household_id": "Address1",
    "date_of_birth": "DateOfBirth",
    "inactive": "Inactive",
    **_TIMES,
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "DateOfBirth": Kind.DATE,
    "Inactive": Kind.FLAG,
    **dict.fromkeys(_TIMES.values(), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    "missing_last_name": "a patient without a last name can't become a contact",
    "bridge_placeholder": "the Open Dental bridge wrote its sign for an empty field; it is left empty",
    "bridge_underscore": "the Open Dental bridge wrote underscores for spaces; they are spaces again",
    "invalid_email": "the e-mail is no address that could receive anything; it is left empty",
    "birth_date_in_future": "the birth date lies after the day of the extraction; it is left empty",
    "birth_date_implausible": "the birth date lies before 1900; it is left empty",
    "unknown_sex": "the sex is none of the known codes; it is left empty",
}


class Patient(pa.DataFrameModel):
    """``staged.patients``: one row a patient of the practice; ``household_id`` is one of ``households``."""

    source_id: pl.String = pa.Field(unique=True)
    chart_number: pl.String = pa.Field(nullable=True)
    first_name: pl.String = pa.Field(nullable=True)
    middle_name: pl.String = pa.Field(nullable=True)
    last_name: pl.String
    preferred_name: pl.String = pa.Field(nullable=True)
    date_of_birth: pl.Date = pa.Field(nullable=True)
    sex: pl.String = pa.Field(nullable=True)
    email: pl.String = pa.Field(nullable=True)
    home_phone: pl.String = pa.Field(nullable=True)
    work_phone: pl.String = pa.Field(nullable=True)
    mobile_phone: pl.String = pa.Field(nullable=True)
    address1: pl.String = pa.Field(nullable=True)
    address2: pl.String = pa.Field(nullable=True)
    street: pl.String = pa.Field(nullable=True)
    city: pl.String = pa.Field(nullable=True)
    state: pl.String = pa.Field(nullable=True)
    postal_code: pl.String = pa.Field(nullable=True)
    household_id: pl.String
    provider_id: pl.String = pa.Field(nullable=True)
    bridge_id: pl.String = pa.Field(nullable=True)
    inactive: pl.Boolean = pa.Field(nullable=True)
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("sex", name="unknown_sex")
    @classmethod
    def _known_sex(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("sex").is_in(sorted(set(SEXES.values()))))

    @pa.check("date_of_birth", name="birth_date_implausible")
    @classmethod
    def _plausible_birth(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("date_of_birth") >= EARLIEST_DATE)


_RULES = Rules("patients", Patient, SOURCE_COLUMNS, _SENTENCES, null_codes={"last_name": "missing_last_name"})


@dataclass(frozen=True)
class BirthDates:
    """``usable`` Date, null where the date was corrected away; the masks say why."""

    usable: pl.Series
    in_future: pl.Series
    implausible: pl.Series


def birth_dates(written: pl.Series, today: date) -> BirthDates:
    """Birth dates after ``today`` or before 1900 aren't used."""
    in_future = (written > today).fill_null(False)
    implausible = (written < EARLIEST_DATE).fill_null(False)
    usable = written.set(in_future | implausible, None)
    return BirthDates(usable, in_future, implausible)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Patient as ``Patient`` says; e-mails keep the case that they are written in.

    Rejected patients belong to no household and join none.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame, cleansed = _without_bridge_marks(source, context.profile.bridge.patient)
    births = birth_dates(frame["DateOfBirth"], context.today)
    no_address = ~is_address(frame["Email"])
    sex = frame["Sex"].str.to_uppercase().replace_strict(SEXES, default=None, return_dtype=pl.String)
    times = {staged: local_time.to_utc(frame[column], context.time_zone) for staged, column in _TIMES.items()}
    corrected = [
        *cleansed,
        Correction("invalid_email", "Email", no_address),
        Correction("birth_date_in_future", "DateOfBirth", births.in_future),
        Correction("birth_date_implausible", "DateOfBirth", births.implausible),
        Correction("unknown_sex", "Sex", frame["Sex"].is_not_null() & sex.is_null()),
    ]
    frame = frame.with_columns(
        births.usable.alias("DateOfBirth"),
        frame["Email"].set(no_address, None).alias("Email"),
        sex.alias("Sex"),
    )
    plain = {staged: pl.col(column) for staged, column in SOURCE_COLUMNS.items() if staged not in _TIMES}
    # Who lives together is known when it is known who is staged; until then everybody lives alone.
    alone = pl.format("h{}", pl.col(_KEY).fill_null(""))
    rows = frame.select(**{**plain, "street": _street(), "household_id": alone}).with_columns(
        utc.times.alias(staged) for staged, utc in times.items()
    )
    staged = settle(
        _RULES,
        source,
        rows,
        corrected=corrected,
        times=times,
        counted=lambda verdict: {
            "shared_email": _repeated(verdict.rows["email"].str.to_lowercase()),
            "duplicate_chart_number": _repeated(verdict.rows["chart_number"]),
        },
    )
    return replace(staged, rows=staged.rows.with_columns(household_ids(staged.rows)))


def _without_bridge_marks(
    source: SourceRows, columns: tuple[str, ...]
) -> tuple[pl.DataFrame, list[Correction]]:
    """The frame with the bridge's ``NA`` and ``_`` undone, only in patients that came over the bridge.

    An underscore is an ordinary character of an e-mail address and stays there.
    """
    frame = source.frame
    bridged = frame["BridgeID"].is_not_null()
    undone: list[Correction] = []
    for column in (column for column in columns if _KINDS.get(column) is Kind.TEXT):
        text = frame[column]
        placeholder = (bridged & (text == "NA")).fill_null(False)
        text = text.set(placeholder, None)
        undone.append(Correction("bridge_placeholder", column, placeholder))
        if column != "Email":
            underscored = (bridged & text.str.contains("_", literal=True)).fill_null(False)
            text = text.zip_with(~underscored, _spaced(text))
            undone.append(Correction("bridge_underscore", column, underscored))
        frame = frame.with_columns(text)
    return frame, undone


def _spaced(text: pl.Series) -> pl.Series:
    spaced = text.str.replace_all("_", " ", literal=True).str.strip_chars()
    # A text of underscores alone was an empty one.
    return spaced.set((spaced == "").fill_null(False), None)


def _street() -> pl.Expr:
    return pl.concat_str("Address1", "Address2", separator="\n", ignore_nulls=True).replace("", None)


def _repeated(values: pl.Series) -> int:
    present = values.drop_nulls()
    return int(present.is_duplicated().sum())


PATIENTS = StagedObject(
    name="patients",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=Patient,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    across_patients=True,
)
