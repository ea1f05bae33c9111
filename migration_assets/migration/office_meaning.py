"""What the accounts of offices must show, and which contacts must be tied to accounts, from the raw rows.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. What an office is says
``raw_offices``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from migration_assets.migration import raw_offices, raw_referrers
from migration_assets.migration.declared_meaning import (
    ColumnMeaning,
    FieldMeaning,
    FurtherOfficesMeaning,
    OfficeMeaning,
    OwnOfficeMeaning,
)
from migration_assets.migration.field_meaning import (
    EXPECTED,
    RAW,
    expected_cells,
    is_staged,
    staged_keys,
)
from migration_assets.migration.raw_names import same_practice
from migration_assets.migration.raw_practice import RawPractice

Tied = Literal["office", "dentist", "practice"]
"""What a row ties together: the office that it names, the dentist whom it names with it, or the practice
itself."""

_PROVIDERS, _PROVIDER = "Provider", "ProviderID"
_REFERRALS, _REFERRAL = "Referral", "ReferralID"


def offices(raw: RawPractice) -> pl.DataFrame:
    """As ``raw_offices`` tells them of the staged rows."""
    named = pl.concat([_by_providers(raw), _by_referrals(raw)])
    return raw_offices.offices(named, raw.name, raw.minted.get("offices", {}))


def expected_of_offices(fields: Mapping[str, FieldMeaning], raw: RawPractice) -> dict[str, pl.DataFrame]:
    """By field with an OfficeMeaning ``_raw`` and ``expected``, a row each office; with the meanings of a
    dentist's offices a row each dentist who has one."""
    kinds = OfficeMeaning | OwnOfficeMeaning | FurtherOfficesMeaning
    wanted = {field: each for field, each in fields.items() if isinstance(each, kinds)}
    told = offices(raw) if wanted else pl.DataFrame(schema=raw_offices.TOLD)
    found = {}
    for field, each in wanted.items():
        match each:
            case OfficeMeaning():
                named = told.select(pl.col("record").alias(RAW), pl.col(each.office).alias(EXPECTED))
                found[field] = named.unique()
            case OwnOfficeMeaning():
                key = f"{raw.practice}:office:" + pl.col("record")
                own = _own_offices(each.own_office, told, raw)
                found[field] = own.select(RAW, key.alias(EXPECTED))
            case FurtherOfficesMeaning():
                found[field] = _further_offices(each.further_offices, told, raw)
    return found


def _further_offices(kind: str, told: pl.DataFrame, raw: RawPractice) -> pl.DataFrame:
    """``_raw`` and ``expected``: offices that aren't the dentist's own."""
    staged = {used: given for given, used in raw.minted.get("offices", {}).items()}
    others = told.filter(pl.col("dentist").str.starts_with(f"{kind}:")).select(
        pl.col("dentist").str.strip_prefix(f"{kind}:").alias(RAW),
        "record",
        "name",
        place=pl.col("record").replace(staged) + "+",
    )
    further = others.unique().join(_own_offices(kind, told, raw), on=[RAW, "record"], how="anti")
    lines = pl.col("name").sort_by("place").str.join("\n").alias(EXPECTED)
    return further.group_by(RAW).agg(lines)


def _own_offices(kind: str, told: pl.DataFrame, raw: RawPractice) -> pl.DataFrame:
    """``_raw``, the dentist, and the office's ``record``. A provider's row names it itself; a referrer's is
    the one whose name the person's text is."""
    if kind == "provider":
        return told.filter(pl.col("table") == _PROVIDERS).select(pl.col("row").alias(RAW), "record")
    named = told.with_columns(alike=_alike(told["name"])).select("dentist", "record", "alike").unique()
    people = raw_referrers.people(raw).select(
        pl.col("record").alias(RAW), dentist="referrer:" + pl.col("record"), alike=pl.col("practice_name")
    )
    people = people.with_columns(alike=_alike(people["alike"]))
    return people.join(named, on=["dentist", "alike"]).select(RAW, "record")


def _alike(written: pl.Series) -> pl.Series:
    texts = [None if text is None else same_practice(text) for text in written]
    return pl.Series(texts, dtype=pl.String)


def tied(what: Tied, table: str, raw: RawPractice) -> pl.Series:
    """Of each raw row of the table what the key of the record ends in, ``office:p7``; null where the row ties
    nothing."""
    rows = raw.keys(table, raw.profile.table(table).key).alias("row")
    if what == "practice":
        return pl.Series([f"practice:{raw.practice}"]).new_from_index(0, rows.len())
    told = offices(raw).filter(pl.col("table") == table)
    value = pl.col("dentist") if what == "dentist" else "office:" + pl.col("record")
    beside = pl.DataFrame([rows]).join(
        told.select("row", value=value), on="row", how="left", maintain_order="left"
    )
    return beside["value"]


def _by_providers(raw: RawPractice) -> pl.DataFrame:
    keys = raw.keys(_PROVIDERS, _PROVIDER)
    return _named(_PROVIDERS, _PROVIDER, "PracticeName", "provider:" + keys, raw)


def dentists_of_referrals(raw: RawPractice) -> pl.Series:
    """Of each raw row of Referral the dentist whom it names, ``provider:3`` or ``referrer:r7``: a staged
    provider by number or by name, or else a referrer."""
    by_text = pl.DataFrame([raw.keys(_REFERRALS, _REFERRAL).alias("referral")]).join(
        raw_referrers.other_dentists(raw), on="referral", how="left", maintain_order="left"
    )
    numbered = raw.keys(_REFERRALS, _PROVIDER).replace("", None)
    provider = numbered.zip_with(numbered.is_not_null(), by_text["provider"])
    known = provider.is_in(staged_keys(_PROVIDERS, raw).implode()).fill_null(value=False)
    return ("provider:" + provider.set(~known, None)).zip_with(
        provider.is_not_null(), "referrer:" + by_text["referrer"]
    )


def _by_referrals(raw: RawPractice) -> pl.DataFrame:
    return _named(_REFERRALS, _REFERRAL, "ReferrerPractice", dentists_of_referrals(raw), raw)


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
