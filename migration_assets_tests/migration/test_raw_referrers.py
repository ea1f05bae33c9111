"""The second reader of referring dentists against literal referrals, and against staging's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_referrers import other_dentists, people
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets.objects.referrals import REFERRALS
from migration_assets.objects.referrers import REFERRERS
from migration_assets_tests.migration.meaning_frames import DEFAULT, listed
from migration_assets_tests.objects.rows import PROVIDER, frame
from migration_assets_tests.objects.rows_of_referrals import REFERRAL, referral, stage_alone

JANE = {"ReferrerName": "Dr. Jane Smith, DDS", "ReferrerEmail": "jane@dentists.example"}
Rows = list[dict[str, Any]]


def raw(
    referrals: Rows, providers: Rows | None = None, minted: Mapping[str, Mapping[str, str]] | None = None
) -> RawPractice:
    return RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables={"Referral": frame(REFERRAL, referrals), "Provider": frame(PROVIDER, providers or [])},
        rejects=listed(REJECT_COLUMNS),
        corrections=listed(CORRECTION_COLUMNS),
        minted=minted or {},
    )


def records(practice: RawPractice) -> dict[str, str | None]:
    """Of each referral that names somebody, what the key of the other dentist's record ends in."""
    told = other_dentists(practice)
    return {key: provider or referrer for key, provider, referrer in told.iter_rows()}


def test_one_person_in_three_spellings_is_one_record_with_the_latest_of_what_is_told() -> None:
    practice = raw(
        [
            referral(32, ReferrerName="SMITH, JANE", ReferrerPhone="518.555.0101 x2"),
            referral(30, **JANE, ReferrerPractice="Elm Dental, LLC"),
            referral(
                31, ReferrerName="jane smith", ReferrerPractice="elm dental", ReferrerPhone="+1 518 555 0101"
            ),
            referral(33, ReferrerName="Jane Smith"),
        ]
    )

    assert records(practice) == {"30": "r30", "31": "r30", "32": "r30", "33": "r33"}
    assert people(practice).row(0, named=True) == {
        "record": "r30",
        "last_name": "SMITH",
        "first_name": "JANE",
        "credentials": "DDS",
        "credentials_text": "DDS",
        "email": "jane@dentists.example",
        "phone": "518.555.0101 x2",
        "practice_name": "elm dental",
    }


def test_a_person_with_a_detail_of_one_provider_is_that_provider_and_of_two_is_none() -> None:
    smith = {"FirstName": "Jane", "LastName": "Smith", "Phone": "518-555-0101"}
    by_phone = referral(30, ReferrerName="Dr. Smith, Jane", ReferrerPhone="(518) 555-0101")
    by_name = referral(31, ReferrerName="Jane Smith", ReferrerPhone="(518) 555-0999")

    one = raw([by_phone, by_name], [{"ProviderID": 5, **smith}])
    two = raw([by_phone], [{"ProviderID": 5, **smith}, {"ProviderID": 6, **smith}])

    assert records(one) == {"30": "5", "31": "r31"}
    assert records(two) == {"30": "r30"}


def test_who_is_named_by_number_or_not_at_all_is_nobody_here() -> None:
    practice = raw([referral(30, **JANE, ProviderID=5), referral(31, ReferrerName="n/a"), referral(32)])

    assert records(practice) == {}


def test_a_minted_id_stands_in_the_place_of_the_smallest_number() -> None:
    practice = raw([referral(30, **JANE)], minted={"referrers": {"r30": "r17"}})

    assert records(practice) == {"30": "r17"}
    assert people(practice)["record"].to_list() == ["r17"]


_referral = st.fixed_dictionaries(
    {
        "ReferrerName": st.sampled_from(
            [
                "Jane Smith",
                "Dr. Smith, Jane",
                "Smith, Jane, DMD",
                "J. Smith",
                "Smith",
                "unknown",
                None,
                "Ana Kim",
            ]
        ),
        "ReferrerEmail": st.sampled_from(
            [None, "a@x.example", "A@X.example", "b@x.example", "nobody", "c@y.example"]
        ),
        "ReferrerPhone": st.sampled_from([None, "518-555-0101", "+1 518 555 0101", "5185550102", "12"]),
        "ReferrerPractice": st.sampled_from([None, "Elm Dental", "ELM DENTAL, LLC", "Oak", "none"]),
        "ProviderID": st.sampled_from([None, None, None, 5]),
    }
)
_provider = st.fixed_dictionaries(
    {
        "FirstName": st.sampled_from(["Jane", "Ana", None]),
        "LastName": st.sampled_from(["Smith", "Kim", None]),
        "Email": st.sampled_from([None, "a@x.example", "d@y.example"]),
        "Phone": st.sampled_from([None, "518.555.0102"]),
        "PracticeName": st.sampled_from([None, "Oak, P.C."]),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_referral, max_size=8), st.lists(_provider, max_size=3), st.randoms())
def test_both_readers_find_the_same_people_in_any_order(referrals: Rows, providers: Rows, order: Any) -> None:
    rows = [referral(30 + at, **each) for at, each in enumerate(referrals)]
    order.shuffle(rows)
    known = [{"ProviderID": 5 + at, **each} for at, each in enumerate(providers)]
    practice = raw(rows, known)

    staged = stage_alone(REFERRERS, referrals=rows, providers=known).rows.rename({"source_id": "record"})
    told = people(practice)
    assert told.sort("record").equals(staged.select(told.columns).sort("record"))
    linked = stage_alone(REFERRALS, referrals=rows, providers=known).rows.filter(
        ~pl.col("source_id").is_in([str(each["ReferralID"]) for each in rows if each["ProviderID"]])
    )
    expected = {
        key: provider or referrer
        for key, provider, referrer in linked.select("source_id", "provider_id", "referrer_id").iter_rows()
        if provider or referrer
    }
    assert records(practice) == expected
