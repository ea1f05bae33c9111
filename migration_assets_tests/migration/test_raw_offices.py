"""The second reader of offices against staging's own rule, through the mapping, and what it must not miss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.mapping.apply import apply
from migration_assets.mapping.spec import PRACTICE_TABLE
from migration_assets.migration.meaning import compare, missing
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.practice import Accounts, Policies
from migration_assets_tests.mapping.staged import practice as practice_table
from migration_assets_tests.migration.meaning_frames import DEFAULT, KEY, MEANINGS, found
from migration_assets_tests.objects.rows import Row, context, patient, provider, raw_tables, stage_raw
from migration_assets_tests.objects.rows_of_referrals import referral

ACCOUNT, TIE = "Account", "AccountContactRelation"
KEYS = {ACCOUNT: KEY, TIE: "_key"}
NAMED = [
    referral(30, ProviderID=5, ReferrerPractice="ELM DENTAL PC"),
    referral(31, ProviderID=5, ReferrerPractice="Oak Dental"),
    referral(32, ReferrerName="Jane Smith", ReferrerPractice="Oak Dental, LLC"),
    referral(33, ReferrerName="Jane Smith", ReferrerPractice="oak dental"),
]
NAME = "Ash & Fir"
STAGED = ("providers", "patients", "households", "referrers", "referrals", "offices", "office_ties")
Records = Mapping[str, pl.DataFrame]


def migrated(
    referrals: list[Row],
    providers: list[Row] | None = None,
    accounts: Accounts = "household",
    relations: str = "on",
    minted: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[RawPractice, Records]:
    """The raw practice, and the records of a faithful destination by object."""
    tables = raw_tables(
        patients=[patient(1), patient(2, Address1="4 Oak Ave", Zip="12346")],
        providers=providers or [provider(5, PracticeName="Elm Dental")],
        referrals=referrals,
    )
    objects = stage_raw(tables, replace(context(), name=NAME))
    staged = {name: objects[name] for name in STAGED}
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables=tables,
        rejects=pl.concat([each.rejects for each in staged.values()]),
        corrections=pl.concat([each.corrections for each in staged.values()]),
        minted=minted or {},
        policies=Policies(accounts=accounts),
        options={"account_relations": relations},
        name=NAME,
    )
    rows = {name: each.rows for name, each in staged.items()} | {PRACTICE_TABLE: practice_table()}
    mapping = load_mapping("salesforce").resolved({"accounts": accounts, "account_relations": relations})
    specs = [spec for spec in mapping if spec.name in KEYS]
    return raw, {spec.name: apply(spec, rows, "maple", None).frame for spec in specs}


def told(raw: RawPractice, records: Records) -> list[tuple[str, str, str]]:
    """Everything that differs, is odd or is missing; the practice's own account is in no raw row."""
    what = []
    for name, rows in records.items():
        key = KEYS[name]
        what += found(compare(MEANINGS[name], name, key, rows, raw))
        lost = missing(MEANINGS[name], name, key, rows[key], raw, ())
        what += [(each, name, "missing") for each in lost["key"]]
    return what


def test_a_faithful_destination_ties_dentists_to_offices_and_patients_to_the_practice() -> None:
    raw, records = migrated(NAMED)

    assert sorted(records[TIE]["_key"]) == [
        "maple:account_tie:office:p5+provider:5",
        "maple:account_tie:office:r31+provider:5",
        "maple:account_tie:office:r31+referrer:r32",
        "maple:account_tie:practice:maple+patient:1",
        "maple:account_tie:practice:maple+patient:2",
    ]
    assert told(raw, records) == []


@pytest.mark.parametrize(("accounts", "kinds"), [("practice", {"provider", "referrer"}), ("none", set())])
def test_only_who_has_an_account_has_further_ones(accounts: Accounts, kinds: set[str]) -> None:
    raw, records = migrated(NAMED, accounts=accounts)

    ties = records[TIE]["_key"] if TIE in records else pl.Series(dtype=pl.String)
    assert {key.partition("+")[2].partition(":")[0] for key in ties} == kinds
    assert told(raw, records) == []


def test_where_nobody_is_tied_an_office_is_wrong_and_none_is_missing() -> None:
    tied, records = migrated(NAMED)
    raw, without = migrated(NAMED, relations="off")

    assert TIE not in without
    assert told(raw, without) == []
    assert {key for key, *_ in told(raw, {ACCOUNT: records[ACCOUNT]})} == {
        "maple:office:p5",
        "maple:office:r31",
    }
    assert {key for key, *_ in told(tied, {ACCOUNT: without[ACCOUNT]})} == {
        "maple:office:p5",
        "maple:office:r31",
    }


def test_what_is_lost_wrong_or_odd_is_found() -> None:
    raw, records = migrated(NAMED)
    ties, first = records[TIE], pl.col("_key") == records[TIE]["_key"][0]

    def with_ties(changed: pl.DataFrame) -> list[str]:
        return [code for *_, code in told(raw, {TIE: changed})]

    assert with_ties(ties.filter(~first)) == ["missing"]
    moved = pl.when(first).then(pl.lit("maple:office:r31")).otherwise("AccountId")
    assert len(with_ties(ties.with_columns(moved.alias("AccountId")))) == 1
    ended = ties.with_columns(IsActive=~first)
    assert len(with_ties(ended)) == 1
    odd = pl.when(first).then(pl.lit("maple:account_tie:office:p5+referrer:r32")).otherwise("_key")
    assert with_ties(ties.with_columns(odd.alias("_key"))) == ["record_unexpected", "missing"]
    renamed = records[ACCOUNT].with_columns(Name=pl.lit("Oak Dental, LLC"))
    assert ("maple:office:p5", "Name") in {each[:2] for each in told(raw, {ACCOUNT: renamed})}


def test_an_office_keeps_the_id_that_it_was_minted() -> None:
    raw, _ = migrated(NAMED, minted={"offices": {"r31": "r2"}})

    lost = missing(MEANINGS[ACCOUNT], ACCOUNT, KEY, pl.Series([""]), raw, ())["key"]
    assert {"maple:office:p5", "maple:office:r2"} <= set(lost)


_texts = st.sampled_from(
    [
        "Elm Dental",
        "elm dental p.c.",
        " Elm_Dental",
        "Oak & Ash",
        "oak and ash LLC",
        "NA",
        "none",
        "ASH AND FIR PC",
        None,
    ]
)
_referrals = st.fixed_dictionaries(
    {
        "ProviderID": st.sampled_from([None, None, 5, 6, 10, 99]),
        "ReferrerName": st.sampled_from([None, "Dr. Jane Smith", "Smith, Jane", "Ann Moss", "unknown"]),
        "ReferrerPractice": _texts,
        "ReferrerPhone": st.sampled_from([None, "518-555-0101"]),
        "Direction": st.sampled_from(["incoming", "outgoing", "incoming", "sideways"]),
    }
)


@settings(max_examples=30, deadline=None)
@given(st.lists(_referrals, max_size=8), st.lists(_texts, min_size=3, max_size=3))
def test_both_readers_find_the_same_offices_and_ties(named: list[Any], own: list[Any]) -> None:
    last_names = ("Vale", "Moss", None)
    providers = [
        provider(key, FirstName="Ann", LastName=last, PracticeName=text)
        for key, last, text in zip((10, 6, 5), last_names, own, strict=True)
    ]
    raw, records = migrated([referral(8 + at, **each) for at, each in enumerate(named)], providers)

    assert told(raw, records) == []
