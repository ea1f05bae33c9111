"""What the accounts of offices must show, and which contacts must be tied to accounts, from the raw rows.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. What an office is says
``raw_offices``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from migration_assets.migration import raw_offices, raw_referrers
from migration_assets.migration.field_meaning import (
    EXPECTED,
    RAW,
    ColumnMeaning,
    FieldMeaning,
    OfficeMeaning,
    expected_cells,
    is_staged,
    staged_keys,
)
from migration_assets.migration.raw_practice import RawPractice

Tied = Literal["office", "dentist", "practice"]
"""What a row ties together: the office that it names, the dentist whom it names with it, or the practice
itself, on which households' patients don't hang."""

_PROVIDERS, _PROVIDER = "Provider", "ProviderID"
_REFERRALS, _REFERRAL = "Referral", "ReferralID"


def ties_accounts(raw: RawPractice) -> bool:
    """Whether contacts are tied to further accounts at all; one without its own account can't be."""
    return raw.options.get("account_relations") == "on" and raw.policies.accounts != "none"


def offices(raw: RawPractice) -> pl.DataFrame:
    """As ``raw_offices`` tells them of the staged rows; no row where nobody is tied to them."""
    if not ties_accounts(raw):
        return pl.DataFrame(schema=raw_offices.TOLD)
    named = pl.concat([_by_providers(raw), _by_referrals(raw)])
    return raw_offices.offices(named, raw.name, raw.minted.get("offices", {}))


def expected_of_offices(fields: Mapping[str, FieldMeaning], raw: RawPractice) -> dict[str, pl.DataFrame]:
    """By field with an OfficeMeaning ``_raw`` and ``expected``, a row each office."""
    told = offices(raw).select(pl.col("record").alias(RAW), "name").unique()
    return {
        field: told.select(RAW, pl.col(declared.office).alias(EXPECTED))
        for field, declared in fields.items()
        if isinstance(declared, OfficeMeaning)
    }


def tied(what: Tied, table: str, raw: RawPractice) -> pl.Series:
    """Of each raw row of the table what the key of the record ends in, ``office:p7``; null where the row ties
    nothing."""
    rows = raw.keys(table, raw.profile.table(table).key).alias("row")
    if what == "practice":
        ties = ties_accounts(raw) and raw.policies.accounts == "household"
        return pl.Series([f"practice:{raw.practice}" if ties else None], dtype=pl.String).new_from_index(
            0, rows.len()
        )
    told = offices(raw).filter(pl.col("table") == table)
    value = pl.col("dentist") if what == "dentist" else "office:" + pl.col("record")
    beside = pl.DataFrame([rows]).join(
        told.select("row", value=value), on="row", how="left", maintain_order="left"
    )
    return beside["value"]


def _by_providers(raw: RawPractice) -> pl.DataFrame:
    keys = raw.keys(_PROVIDERS, _PROVIDER)
    return _named(_PROVIDERS, _PROVIDER, "PracticeName", "provider:" + keys, raw)


def _by_referrals(raw: RawPractice) -> pl.DataFrame:
    """With the dentist whom the row names: a staged provider by number or by name, or else a referrer."""
    by_text = pl.DataFrame([raw.keys(_REFERRALS, _REFERRAL).alias("referral")]).join(
        raw_referrers.other_dentists(raw), on="referral", how="left", maintain_order="left"
    )
    numbered = raw.keys(_REFERRALS, _PROVIDER).replace("", None)
    provider = numbered.zip_with(numbered.is_not_null(), by_text["provider"])
    known = provider.is_in(staged_keys(_PROVIDERS, raw).implode()).fill_null(value=False)
    dentist = ("provider:" + provider.set(~known, None)).zip_with(
        provider.is_not_null(), "referrer:" + by_text["referrer"]
    )
    return _named(_REFERRALS, _REFERRAL, "ReferrerPractice", dentist, raw)


def _named(table: str, key: str, column: str, dentist: pl.Series, raw: RawPractice) -> pl.DataFrame:
    text = ColumnMeaning.model_validate({"column": column, "as": "text"})
    cells = expected_cells(table, key, text, raw)
    return (
        pl.DataFrame(
            [
                pl.Series("table", [table], dtype=pl.String).new_from_index(0, cells.height),
                cells[RAW].alias("row"),
                dentist.alias("dentist"),
                cells[EXPECTED].alias("written"),
            ]
        )
        .filter(is_staged(table, raw))
        .drop_nulls()
    )
