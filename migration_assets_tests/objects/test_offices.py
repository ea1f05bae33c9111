"""Offices out of staged providers and referrals: what is one, what it is called, who is named with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migration_assets.objects.office_matching import Dentist, Mention, offices
from migration_assets.perio.names import folded_practice
from migration_assets_tests.objects.rows import Row, StagedPractice, context, provider, stage_rows
from migration_assets_tests.objects.rows_of_referrals import referral

OUTSIDE = provider(7, LastName="Moss", PracticeName="Elm Dental")


def staged(*referrals: Row, providers: list[Row] | None = None, name: str | None = None) -> StagedPractice:
    given_context = replace(context(), name=name)
    return stage_rows(given=given_context, referrals=list(referrals), providers=providers or [OUTSIDE])


def ties(told: StagedPractice) -> list[tuple[str | None, ...]]:
    return told["office_ties"].rows.select("provider_id", "referrer_id", "office_id", "place").rows()


def test_a_dentist_is_tied_to_the_own_office_and_to_those_that_referrals_name() -> None:
    told = staged(
        referral(30, ProviderID=7, ReferrerPractice="ELM DENTAL, P.C."),
        referral(31, ProviderID=7, ReferrerPractice="Oak Dental"),
        referral(32, ReferrerName="Jane Smith", ReferrerPractice="Oak  Dental LLC"),
        referral(33, ReferrerName="Jane Smith", ReferrerPractice="Oak Dental"),
        # Nobody, nothing, and a dentist whom Provider doesn't have.
        referral(34, ReferrerPractice="Ash Dental"),
        referral(35, ReferrerName="Jane Smith", ReferrerPractice="none"),
        referral(36, ProviderID=99, ReferrerPractice="Fir Dental"),
    )

    assert told["offices"].rows.rows() == [
        ("p7", "Elm Dental", ["elm dental"]),
        ("r31", "Oak Dental", ["oak dental"]),
    ]
    assert ties(told) == [
        ("7", None, "p7", "first"),
        ("7", None, "r31", "further"),
        (None, "r32", "r31", "first"),
    ]
    assert told["office_ties"].findings == {"dentist_of_several_offices": 1}
    assert told["offices"].findings == {"office_spellings_differ": 2}
    assert (told["offices"].rejects.height, told["office_ties"].rejects.height) == (0, 0)


def test_the_practice_itself_is_no_office_and_neither_is_what_a_rejected_row_names() -> None:
    own = [provider(5, PracticeName="Maple Periodontics, LLC"), provider(6, LastName=None, PracticeName="X")]
    told = staged(
        referral(30, ProviderID=5, ReferrerPractice="maple periodontics"),
        referral(31, ProviderID=5, ReferrerPractice="Oak Dental", Direction="sideways"),
        providers=own,
        name="Maple Periodontics",
    )

    assert told["referrals"].rows["source_id"].to_list() == ["30"]
    assert (told["offices"].rows.height, told["office_ties"].rows.height) == (0, 0)


_TEXTS = ["Elm Dental", "elm dental", "ELM DENTAL, P.C.", "Oak & Ash", "Oak and Ash LLC", "none", "--"]
_dentists = st.sampled_from([Dentist("1", None), Dentist("2", None), Dentist(None, "r1")])
_rows = st.tuples(st.sampled_from(["Provider", "Referral"]), st.sampled_from(["1", "2", "10", "A3"]))
_mentions = st.dictionaries(_rows, st.tuples(_dentists, st.sampled_from(_TEXTS)), max_size=8)


@given(_mentions, st.randoms())
def test_an_office_is_all_texts_that_fold_alike_in_whatever_order_they_come(
    given_rows: dict[Any, Any], order: Any
) -> None:
    mentions = [Mention(*row, *told) for row, told in given_rows.items()]
    found = offices(mentions)
    order.shuffle(mentions)

    assert offices(mentions) == found
    folded = {each: folded_practice(each.written) for each in mentions}
    assert Counter(each for office in found for each in office.mentions) == Counter(
        each for each in mentions if folded[each] is not None
    )
    assert [{folded[each] for each in office.mentions} for office in found] == [
        {alias} for office in found for alias in office.aliases
    ]
    assert len({office.source_id for office in found}) == len({office.folded for office in found})
    for office in found:
        written = Counter(each.written for each in office.mentions)
        assert written[office.name] == max(written.values())
        assert set(office.dentists) == {each.dentist for each in office.mentions}
