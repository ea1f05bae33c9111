"""The second reader of households against staging's own rule, and the Account that each choice means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.migration.meaning import compare, missing
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import Staged
from migration_assets.practice import Accounts, Policies
from migration_assets_tests.migration.meaning_frames import DEFAULT, KEY, MEANINGS, found
from migration_assets_tests.objects.rows import Row, patient, raw_tables, stage_raw
from migration_assets_tests.objects.rows_of_referrals import referral

ELM = {"Address1": "12 Elm St", "City": "Albany", "Zip": "12345"}
FAMILY = [
    patient(12, **ELM, LastName="Lee", DateOfBirth=date(1950, 1, 1), HomePhone="518-555-0101"),
    patient(3, **ELM, LastName="Kim", HomePhone="(518) 555 0101"),
    patient(4, **ELM, LastName="Vale"),
]
PRACTICE = "maple:practice:maple"


def migrated(
    patients: list[Row],
    accounts: Accounts = "household",
    minted: Mapping[str, Mapping[str, str]] | None = None,
    **others: list[Row],
) -> tuple[RawPractice, Staged, Staged]:
    """The raw practice, and its patients and households as staged."""
    tables = raw_tables(patients=patients, **others)
    staged = stage_raw(tables)
    patients_told = staged["patients"]
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables=tables,
        rejects=patients_told.rejects,
        corrections=patients_told.corrections,
        minted=minted or {},
        policies=Policies(accounts=accounts),
    )
    return raw, patients_told, staged["households"]


def accounts_differing(raw: RawPractice, accounts: Mapping[str, str | None]) -> list[tuple[str, str, str]]:
    """What is said of contacts that are nothing but their key and their account."""
    contacts = pl.DataFrame(
        list(accounts.items()), schema={KEY: pl.String, "AccountId": pl.String}, orient="row"
    )
    return found(compare(MEANINGS["Contact"], "Contact", KEY, contacts, raw))


def households_differing(raw: RawPractice, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    records = pl.DataFrame(list(names.items()), schema={KEY: pl.String, "Name": pl.String}, orient="row")
    return found(compare(MEANINGS["Account"], "Account", KEY, records, raw))


def households_missing(raw: RawPractice, *keys: str) -> set[str]:
    there = pl.Series([PRACTICE, *keys])
    return set(missing(MEANINGS["Account"], "Account", KEY, there, raw, ())["key"])


@pytest.mark.parametrize(
    ("accounts", "of_family", "of_dentists"),
    [("practice", PRACTICE, PRACTICE), ("household", "maple:household:h3", PRACTICE), ("none", None, None)],
)
def test_a_contact_hangs_on_what_the_practice_chose(
    accounts: Accounts, of_family: str | None, of_dentists: str | None
) -> None:
    named = referral(30, ReferrerName="Jane Smith")
    raw, *_ = migrated(FAMILY[:2], accounts, referrals=[named])
    true = {
        "maple:patient:12": of_family,
        "maple:patient:3": of_family,
        "maple:provider:5": of_dentists,
        "maple:referrer:r30": of_dentists,
    }
    assert accounts_differing(raw, true) == []

    for wrong in {PRACTICE, "maple:household:h3", "maple:household:h12", None} - {of_family}:
        assert ("maple:patient:12", "AccountId") in {
            (key, field) for key, field, _ in accounts_differing(raw, true | {"maple:patient:12": wrong})
        }
    for dentist in ("maple:provider:5", "maple:referrer:r30"):
        wrong = None if of_dentists else PRACTICE
        assert [key for key, *_ in accounts_differing(raw, true | {dentist: wrong})] == [dentist]


def test_each_household_is_an_account_by_the_name_of_its_oldest() -> None:
    raw, *_ = migrated(FAMILY)
    family, alone = "maple:household:h3", "maple:household:h4"

    assert households_differing(raw, {family: "Lee Household", alone: "Vale Household"}) == []
    assert [key for key, *_ in households_differing(raw, {family: "Kim Household"})] == [family]
    assert households_missing(raw, family, alone) == set()
    assert households_missing(raw, family) == {alone}


@pytest.mark.parametrize("accounts", ["practice", "none"])
def test_where_the_practice_wants_no_households_none_is_missing_and_any_is_wrong(accounts: Accounts) -> None:
    raw, *_ = migrated(FAMILY, accounts)

    assert households_missing(raw) == set()
    assert [key for key, *_ in households_differing(raw, {"maple:household:h3": "Lee Household"})] == [
        "maple:household:h3"
    ]


def test_a_household_keeps_the_id_that_it_was_minted() -> None:
    raw, *_ = migrated(FAMILY, minted={"households": {"h3": "h99"}})

    assert accounts_differing(raw, {"maple:patient:12": "maple:household:h99"}) == []
    assert households_missing(raw) == {"maple:household:h99", "maple:household:h4"}


def test_a_rejected_patient_joins_nobody() -> None:
    twice = patient(9, **ELM, LastName="Vale", HomePhone="5185550101")
    raw, *_ = migrated([*FAMILY, twice, twice])

    assert households_missing(raw) == {"maple:household:h3", "maple:household:h4"}


_neighbour = st.fixed_dictionaries(
    {
        "LastName": st.sampled_from(
            ["Smith", "smith jr.", "SMITH III", "Peña", "Pena", "Jr", "-", "NA", None]
        ),
        "HomePhone": st.sampled_from([None, "518-555-0101", "+1 518 555 0101 x3", "5185550102", "12", "NA"]),
        "Address1": st.sampled_from(["12 Elm St.", " 12 elm st", "12_Elm_St", "NA", "none", None]),
        "Address2": st.sampled_from([None, None, None, "Apt 3", "#3"]),
        "City": st.sampled_from(["Albany", "ALBANY", None, "NA", "Troy"]),
        "State": st.sampled_from(["NY", "ny", None]),
        "Zip": st.sampled_from(["12345", "12345-6789", "12346", "1234567890", "00000", "NA", None]),
        "DateOfBirth": st.sampled_from([None, date(1950, 1, 1), date(1980, 1, 1), date(1753, 1, 1)]),
        "BridgeID": st.sampled_from([None, "OD1"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_neighbour, max_size=9), st.randoms())
def test_both_readers_find_the_same_households_in_any_order(neighbours: list[Any], order: Any) -> None:
    rows = [patient(8 + at, **each) for at, each in enumerate(neighbours)]
    order.shuffle(rows)
    raw, patients, households = migrated(rows)

    keys = patients.rows.select(
        "maple:patient:" + pl.col("source_id"), household="maple:household:" + pl.col("household_id")
    )
    assert accounts_differing(raw, dict(keys.iter_rows())) == []
    named = households.rows.select("maple:household:" + pl.col("source_id"), "name")
    assert households_differing(raw, dict(named.iter_rows())) == []
    assert households_missing(raw) == set(named.to_series())
