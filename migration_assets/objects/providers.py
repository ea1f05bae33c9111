"""Providers: the schema of ``staged.providers`` and how rows of Provider become it.

The practice's own people and the referring dentists outside it alike. Free text is read (credentials,
specialty) and kept as it was written beside what was understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_address
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.errors import InvalidNpi, UnknownSpecialty
from migration_assets.perio.people import Specialty, parse_credentials, parse_npi, parse_specialty

_TABLE = "Provider"
_KEY = "ProviderID"

_TEXTS = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "credentials_text": "Credentials",
    "specialty_text": "Specialty",
    "role": "Role",
    "npi": "NPI",
    "email": "Email",
    "phone": "Phone",
    "practice_name": "PracticeName",
}
_FLAGS = {"referring": "IsReferring", "inactive": "Active"}
_TIMES = {"created_at": "CreatedAt", "modified_at": "ModifiedAt"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    **_TEXTS,
    "credentials": "Credentials",
    "credentials_unparsed": "Credentials",
    "specialty": "Specialty",
    **_FLAGS,
    **_TIMES,
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    **dict.fromkeys(_FLAGS.values(), Kind.FLAG),
    **dict.fromkeys(_TIMES.values(), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    "missing_last_name": "a provider without a last name can't become a contact",
    "invalid_npi": "the number is no National Provider Identifier; it is left empty",
    "invalid_email": "the e-mail is no address that could receive anything; it is left empty",
    "unknown_specialty": "the specialty is none of the known ones",
}


class Provider(pa.DataFrameModel):
    """``staged.providers``: one row a provider or referring dentist.

    ``credentials`` are those of ``perio.people.Credential``, in its order, joined by ``;``;
    ``credentials_unparsed`` the other words, joined by ``; ``; both texts stand beside as written.
    """

    source_id: pl.String = pa.Field(unique=True)
    first_name: pl.String = pa.Field(nullable=True)
    last_name: pl.String
    credentials: pl.String = pa.Field(nullable=True)
    credentials_text: pl.String = pa.Field(nullable=True)
    credentials_unparsed: pl.String = pa.Field(nullable=True)
    specialty: pl.String = pa.Field(nullable=True)
    specialty_text: pl.String = pa.Field(nullable=True)
    role: pl.String = pa.Field(nullable=True)
    npi: pl.String = pa.Field(nullable=True)
    email: pl.String = pa.Field(nullable=True)
    phone: pl.String = pa.Field(nullable=True)
    practice_name: pl.String = pa.Field(nullable=True)
    referring: pl.Boolean = pa.Field(nullable=True)
    inactive: pl.Boolean = pa.Field(nullable=True)
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("specialty", name="unknown_specialty")
    @classmethod
    def _known_specialty(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("specialty").is_in([str(each) for each in Specialty]))

    @pa.check("npi", name="invalid_npi")
    @classmethod
    def _ten_digits(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("npi").str.contains(r"^[12][0-9]{9}$"))


_RULES = Rules(
    "providers", Provider, SOURCE_COLUMNS, _SENTENCES, null_codes={"last_name": "missing_last_name"}
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Provider as ``Provider`` says; what isn't known of a text is kept and counted."""
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    npi = _by_text(frame["NPI"], _npi)
    specialty = _by_text(frame["Specialty"], _specialty)
    unparsed = _by_text(frame["Credentials"], _unparsed_credentials)
    no_npi = frame["NPI"].is_not_null() & npi.is_null()
    no_address = ~is_address(frame["Email"])
    times = {staged: local_time.to_utc(frame[column], context.time_zone) for staged, column in _TIMES.items()}
    corrected = [
        Correction("invalid_npi", "NPI", no_npi),
        Correction("invalid_email", "Email", no_address),
    ]
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        pl.col("IsReferring").alias("referring"),
        (~pl.col("Active")).alias("inactive"),
    ).with_columns(
        npi.alias("npi"),
        frame["Email"].set(no_address, None).alias("email"),
        specialty.alias("specialty"),
        _by_text(frame["Credentials"], _known_credentials).alias("credentials"),
        unparsed.alias("credentials_unparsed"),
        *(utc.times.alias(staged) for staged, utc in times.items()),
    )
    return settle(
        _RULES, source, rows, corrected=corrected, times=times, counted=lambda verdict: _unknown(verdict.rows)
    )


def _unknown(rows: pl.DataFrame) -> dict[str, int]:
    specialty = rows["specialty"].is_null() & rows["specialty_text"].is_not_null()
    return {
        "unknown_credential": int(rows["credentials_unparsed"].is_not_null().sum()),
        "unknown_specialty": int(specialty.sum()),
    }


def _by_text(texts: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
    """``read`` of every text, once for each different one; null stays null."""
    meant = {text: read(text) for text in texts.drop_nulls().unique()}
    return pl.Series(texts.name, [None if text is None else meant[text] for text in texts], dtype=pl.String)


def _npi(written: str) -> str | None:
    try:
        return parse_npi(written)
    except InvalidNpi:
        return None


def _specialty(written: str) -> str | None:
    try:
        return parse_specialty(written).value
    except UnknownSpecialty:
        return None


def _known_credentials(written: str) -> str | None:
    return ";".join(parse_credentials(written).known) or None


def _unparsed_credentials(written: str) -> str | None:
    return "; ".join(parse_credentials(written).unparsed) or None


PROVIDERS = StagedObject(
    name="providers",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=Provider,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
