"""Referrals: their words, their other dentist, and what can't go on."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.objects.base import Staged
from migration_assets.objects.referrals import REFERRALS
from migration_assets.objects.referrers import REFERRERS
from migration_assets_tests.objects.rows import Row, changes, provider, reasons
from migration_assets_tests.objects.rows_of_referrals import REFERRAL, referral, stage_alone


def staged(*referrals: Row, providers: list[Row] | None = None) -> Staged:
    return stage_alone(REFERRALS, referrals=list(referrals), providers=providers)


@pytest.mark.parametrize(
    ("written", "direction"), [("incoming", "incoming"), (" OUTGOING", "outgoing"), ("Inbound", "incoming")]
)
def test_a_direction_is_one_of_two_words(written: str, direction: str) -> None:
    assert staged(referral(Direction=written)).rows["direction"].item() == direction


@pytest.mark.parametrize("written", ["sideways", "", None])
def test_a_referral_of_no_direction_is_rejected_for_that_alone(written: str | None) -> None:
    assert reasons(staged(referral(Direction=written))) == [("30", "Direction", "unknown_direction")]


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("received", "received"),
        ("Sent", "sent"),
        ("ACCEPT", "accepted"),
        ("declined", "declined"),
        (" Complete ", "completed"),
        (None, None),
    ],
)
def test_a_status_is_one_of_five_words(written: str | None, status: str | None) -> None:
    told = staged(referral(Status=written))

    assert told.rows["status"].item() == status
    assert changes(told) == []


@pytest.mark.parametrize("written", ["pending", "scheduled", "In Treatment", "None"])
def test_another_systems_status_is_left_empty_and_listed(written: str) -> None:
    told = staged(referral(Status=written))

    assert told.rows["status"].item() is None
    assert changes(told) == [("30", "Status", "unknown_referral_status", written)]


def test_a_title_says_direction_and_day() -> None:
    told = staged(
        referral(1),
        referral(2, Direction="outgoing", ReferredAt=None),
        referral(3, ReferredAt=date(1753, 1, 1)),
    )

    assert told.rows["title"].to_list() == [
        "Incoming referral 2024-03-10",
        "Outgoing referral",
        "Incoming referral",
    ]
    assert changes(told) == [("3", "ReferredAt", "date_implausible", "1753-01-01")]


def test_a_provider_by_number_stands_before_what_the_free_text_says() -> None:
    known = [provider(5), provider(6, FirstName="Jane", LastName="Smith", Phone="2015550101")]
    row = referral(ProviderID=5, ReferrerName="Jane Smith", ReferrerPhone="2015550101")
    told = staged(row, providers=known)

    assert told.rows.select("provider_id", "referrer_id", "referrer_name").row(0) == ("5", None, "Jane Smith")
    assert told.findings["referrer_is_provider"] == 0


def test_the_other_dentist_is_a_provider_by_the_rule_else_a_referrer_else_nobody() -> None:
    told = staged(
        referral(1, ReferrerName="Dr. Jane Smith", ReferrerPhone="201-555-0101"),
        referral(3, ReferrerName="John Doe"),
        referral(2, ReferrerName="Dr. John Doe"),
        referral(4, ReferrerPractice="Old One"),
        referral(5, ReferrerName="unknown"),
        providers=[provider(6, FirstName="Jane", LastName="Smith", Phone="2015550101")],
    )

    assert told.rows.sort("source_id").select("provider_id", "referrer_id").rows() == [
        ("6", None),
        (None, "r2"),
        (None, "r2"),
        (None, None),
        (None, None),
    ]
    assert told.findings["referrer_is_provider"] == 1
    assert told.findings["referrer_not_named"] == 1


def test_an_email_that_is_none_is_left_empty_and_listed() -> None:
    told = staged(referral(ReferrerEmail="front desk", ReferrerName="Jane Smith"))

    assert changes(told) == [("30", "ReferrerEmail", "invalid_email", "front desk")]
    assert told.rows["referrer_email"].item() is None


def test_a_completion_before_the_referral_is_kept_and_counted() -> None:
    told = staged(referral(1, CompletedAt=date(2024, 3, 9)), referral(2, CompletedAt=date(2024, 3, 10)))

    assert told.rows.height == 2
    assert told.findings["dates_out_of_order"] == 1


_texts = st.sampled_from([None, "", "Jane Smith", "Dr. Jane Smith DDS", "John Doe", "N/A", "Zqx7f / Doe"])
_details = st.sampled_from([None, "", "2015550101", "a@mail.example", "Old One", "Zqx7f"])
_known = {
    "ReferralID": st.integers(1, 8),
    "PatientID": st.sampled_from([1, 1, 1, None]),
    "Direction": st.sampled_from(["incoming", "outgoing", "Zqx7f", None]),
    "ProviderID": st.sampled_from([None, None, 5, 99]),
    "ReferrerName": _texts,
    **dict.fromkeys(("ReferrerPractice", "ReferrerPhone", "ReferrerEmail", "Status"), _details),
    "ReferredAt": st.sampled_from([None, date(1753, 1, 1), date(2024, 1, 1)]),
}
_rows = st.lists(st.fixed_dictionaries({name: _known.get(name, st.none()) for name in REFERRAL}), max_size=8)
_people = st.lists(
    st.sampled_from(
        [
            provider(5, FirstName="Jane", LastName="Smith", Phone="201 555 0101"),
            provider(6, FirstName="Jane", LastName="Smith", Email="a@mail.example"),
            provider(7, LastName=None, FirstName="John", PracticeName="Old One"),
        ]
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(_rows, _people)
def test_every_row_is_accounted_for_and_has_one_other_dentist_at_most(
    rows: list[Row], providers: list[Row]
) -> None:
    told = stage_alone(REFERRALS, referrals=rows, providers=providers)
    referrers = stage_alone(REFERRERS, referrals=rows, providers=providers)

    assert len(rows) == told.rows.height + told.rejects["source_key"].n_unique()
    assert referrers.rejects.is_empty()
    assert set(told.rows["referrer_id"].drop_nulls()) <= set(referrers.rows["source_id"])
    for row in told.rows.iter_rows(named=True):
        named = row["provider_id"] is not None, row["referrer_id"] is not None
        if row["referrer_name"] in (None, "N/A"):
            assert not named[1]
        else:
            assert sum(named) == 1
    said = [*told.rejects["message"], *told.corrections["message"]]
    assert not any("Zqx7f" in message for message in said)
