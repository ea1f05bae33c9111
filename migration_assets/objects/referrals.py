"""Referrals: the schema of ``staged.referrals`` and how rows of Referral become it.

The other dentist is a provider, by number or by the rule of ``referrer_matching``, or one of
``staged.referrers``; what the row says of them in free text stands beside, as written.
"""

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
from migration_assets.objects.plausible import is_address, is_implausible
from migration_assets.objects.referrer_matching import Matching
from migration_assets.objects.referrers import match_referrers
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.vocabulary import REFERRAL_DIRECTIONS, REFERRAL_STATUSES

_TABLE = "Referral"
_KEY = "ReferralID"

_TEXTS = {
    "referrer_name": "ReferrerName",
    "referrer_practice": "ReferrerPractice",
    "referrer_phone": "ReferrerPhone",
    "referrer_email": "ReferrerEmail",
    "referral_type": "ReferralType",
    "notes": "Notes",
}
_DATES = {"referred_on": "ReferredAt", "completed_on": "CompletedAt"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    "direction": "Direction",
    "provider_id": "ProviderID",
    "referrer_id": "ReferrerName",
    **_TEXTS,
    "status": "Status",
    "title": "Direction",
    **_DATES,
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    **dict.fromkeys(("Direction", "ProviderID", "Status", *_TEXTS.values()), Kind.TEXT),
    **dict.fromkeys(_DATES.values(), Kind.DATE),
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    "unknown_direction": "the direction is neither incoming nor outgoing, so the referral can't be read",
    "unknown_referral_status": "the status is none of received, sent, accepted, declined and completed; it "
    "is left empty",
    "invalid_email": "the e-mail is no address that could receive anything; it is left empty",
    "date_implausible": "the date lies before 1900 or after 2100; it is left empty",
}


class Referral(pa.DataFrameModel):
    """``staged.referrals``: one row a referral.

    ``direction`` is incoming or outgoing. The other dentist is ``provider_id``, or else ``referrer_id`` (a
    ``source_id`` of ``staged.referrers``); neither where the row names nobody. ``title`` names the record.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    direction: pl.String
    provider_id: pl.String = pa.Field(nullable=True)
    referrer_id: pl.String = pa.Field(nullable=True)
    referrer_name: pl.String = pa.Field(nullable=True)
    referrer_practice: pl.String = pa.Field(nullable=True)
    referrer_phone: pl.String = pa.Field(nullable=True)
    referrer_email: pl.String = pa.Field(nullable=True)
    referral_type: pl.String = pa.Field(nullable=True)
    status: pl.String = pa.Field(nullable=True)
    title: pl.String
    referred_on: pl.Date = pa.Field(nullable=True)
    completed_on: pl.Date = pa.Field(nullable=True)
    notes: pl.String = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("direction", name="unknown_direction")
    @classmethod
    def _known_direction(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("direction").is_in(sorted(set(REFERRAL_DIRECTIONS.values()))))

    @pa.check("status", name="unknown_referral_status")
    @classmethod
    def _known_status(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("status").is_in(sorted(set(REFERRAL_STATUSES.values()))))


_RULES = Rules(
    "referrals", Referral, SOURCE_COLUMNS, _SENTENCES, null_codes={"direction": "unknown_direction"}
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Referral as ``Referral`` says; a referral of an unknown patient is staged too.

    Findings: ``referrer_is_provider`` (found by the rule, not by number), ``referrer_not_named`` (a text that
    names nobody, "unknown") and ``dates_out_of_order`` count referrals.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    direction = _word(frame["Direction"], REFERRAL_DIRECTIONS)
    status = _word(frame["Status"], REFERRAL_STATUSES)
    no_address = ~is_address(frame["ReferrerEmail"])
    implausible = {column: is_implausible(frame[column]) for column in _DATES.values()}
    modified = local_time.to_utc(frame["ModifiedAt"], context.time_zone)
    corrected = [
        Correction("unknown_referral_status", "Status", frame["Status"].is_not_null() & status.is_null()),
        Correction("invalid_email", "ReferrerEmail", no_address),
        *(Correction("date_implausible", column, rows) for column, rows in implausible.items()),
    ]
    rows = (
        frame.select(
            pl.col(_KEY).alias("source_id"),
            pl.col("PatientID").alias("patient_id"),
            *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
            *(
                frame[column].set(implausible[column], None).alias(staged)
                for staged, column in _DATES.items()
            ),
            direction.alias("direction"),
            status.alias("status"),
            modified.times.alias("modified_at"),
            *_other_dentist(match_referrers(inputs, context)),
        )
        .with_columns(frame["ReferrerEmail"].set(no_address, None).alias("referrer_email"))
        .with_columns(_title().alias("title"))
    )
    given = frame["ProviderID"].is_not_null()
    return settle(
        _RULES,
        source,
        rows,
        corrected=corrected,
        times={"modified_at": modified},
        counted=lambda verdict: _findings(verdict.rows, given.filter(verdict.kept)),
    )


def _word(written: pl.Series, words: Mapping[str, str]) -> pl.Series:
    """The value that a spelling stands for, null for any other; "In-bound" and "in bound" are one."""
    plain = written.str.to_uppercase().str.replace_all(r"[\s_-]+", " ")
    return plain.replace_strict(words, default=None, return_dtype=pl.String)


def _other_dentist(matching: Matching) -> tuple[pl.Expr, pl.Expr]:
    """provider_id and referrer_id; a number in the row stands before what its free text says."""
    found = {
        staged: pl.col(_KEY).replace_strict(ids, default=None, return_dtype=pl.String)
        for staged, ids in (
            ("provider_id", matching.providers_by_entry()),
            ("referrer_id", matching.referrers_by_entry()),
        )
    }
    return (
        pl.coalesce("ProviderID", found["provider_id"]).alias("provider_id"),
        found["referrer_id"].alias("referrer_id"),
    )


def _title() -> pl.Expr:
    what = pl.concat_str(pl.col("direction").str.to_titlecase(), pl.lit("referral"), separator=" ")
    day = pl.col("referred_on").dt.strftime("%Y-%m-%d")
    return pl.concat_str(what.fill_null("Referral"), day, separator=" ", ignore_nulls=True)


def _findings(rows: pl.DataFrame, given: pl.Series) -> dict[str, int]:
    """``given``: the row has a provider by number."""
    nobody = rows["provider_id"].is_null() & rows["referrer_id"].is_null()
    return {
        "referrer_is_provider": int((rows["provider_id"].is_not_null() & ~given).sum()),
        "referrer_not_named": int((nobody & rows["referrer_name"].is_not_null()).sum()),
        "dates_out_of_order": int((rows["completed_on"] < rows["referred_on"]).sum()),
    }


REFERRALS = StagedObject(
    name="referrals",
    source_table=_TABLE,
    reads=(_TABLE, "Provider"),
    uses=(),
    model=Referral,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    across_patients=True,
)
