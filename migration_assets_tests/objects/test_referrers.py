"""Referring dentists out of free text: which rows name one, and what is known of a person named often."""

from __future__ import annotations

from migration_assets.objects.base import Staged
from migration_assets.objects.referrers import REFERRERS
from migration_assets_tests.objects.rows import Row, provider
from migration_assets_tests.objects.rows_of_referrals import referral, stage_alone


def staged(*referrals: Row, providers: list[Row] | None = None) -> Staged:
    return stage_alone(REFERRERS, referrals=list(referrals), providers=providers)


def test_only_a_name_without_a_provider_makes_a_referrer() -> None:
    told = staged(
        referral(1, ReferrerName="Dr. Jane Smith", ProviderID=5),
        referral(2, ReferrerName="  "),
        referral(3, ReferrerPhone="201-555-0101"),
        referral(4, ReferrerName="n/a"),
        referral(5, ReferrerName="Dr. Jane Smith"),
    )

    assert told.rows["source_id"].to_list() == ["r5"]
    assert (told.rejects.height, told.corrections.height) == (0, 0)


def test_a_row_without_a_key_of_its_own_names_nobody() -> None:
    rows = [referral(7, ReferrerName="Jane Smith"), referral(7, ReferrerName="John Doe")]

    assert staged(*rows, referral(None, ReferrerName="Ann Lee")).rows.height == 0  # type: ignore[arg-type]


def test_a_person_has_the_latest_details_all_credentials_and_every_alias() -> None:
    told = staged(
        referral(
            12, ReferrerName="Dr. Jane Smith DDS", ReferrerPhone="2015550102", ReferrerPractice="Old One"
        ),
        referral(
            9, ReferrerName="smith, jane, DDS", ReferrerPhone="201-555-0101", ReferrerPractice="Old One"
        ),
        referral(
            30,
            ReferrerName="Jane Smith, MS, FAGD",
            ReferrerPhone="201.555.0102",
            ReferrerEmail="Jane@mail.example",
            ReferrerPractice=" ",
        ),
    )

    row = told.rows.row(0, named=True)
    assert told.rows.height == 1
    assert row == {
        "source_id": "r9",
        "last_name": "Smith",
        "first_name": "Jane",
        "credentials": "DDS;MS",
        "credentials_text": "DDS; MS, FAGD",
        "email": "Jane@mail.example",
        "phone": "201.555.0102",
        "practice_name": "Old One",
        "aliases": [
            "jane smith|email:jane@mail.example",
            "jane smith|phone:2015550101",
            "jane smith|phone:2015550102",
            "jane smith|practice:old one",
        ],
    }
    assert told.findings == {
        "referrer_ambiguous": 0,
        "referrer_name_only": 0,
        "referrer_details_differ": 1,
    }


def test_a_name_alone_stays_apart_from_the_same_name_with_details() -> None:
    told = staged(
        referral(1, ReferrerName="Jane Smith"),
        referral(2, ReferrerName="Jane Smith", ReferrerPhone="2015550101"),
        referral(3, ReferrerName="Dr. Jane Smith", ReferrerEmail="front desk"),
    )

    assert told.rows["source_id"].to_list() == ["r1", "r2"]
    assert told.rows["aliases"].to_list() == [["jane smith|"], ["jane smith|phone:2015550101"]]


def test_a_provider_by_name_and_detail_is_no_referrer() -> None:
    known = [provider(5, FirstName="Jané", LastName="SMITH", Phone="(201) 555-0101")]

    assert staged(
        referral(ReferrerName="Dr. Jane Smith", ReferrerPhone="12015550101"), providers=known
    ).rows.is_empty()


def test_one_who_could_be_two_providers_is_neither_and_is_counted() -> None:
    twice = [provider(key, FirstName="Jane", LastName="Smith", PracticeName="Old One") for key in (5, 6)]
    told = staged(referral(ReferrerName="Jane Smith", ReferrerPractice="Old One"), providers=twice)

    assert told.rows["source_id"].to_list() == ["r30"]
    assert told.findings["referrer_ambiguous"] == 1


def test_a_providers_name_alone_makes_nobody_that_provider_and_is_counted() -> None:
    known = [provider(5, FirstName="Jane", LastName="Smith", Phone="2015550101")]
    told = staged(
        referral(1, ReferrerName="Jane Smith"),
        referral(2, ReferrerName="Jane Smith", ReferrerPhone="2015550102"),
        referral(3, ReferrerName="John Smith"),
        providers=known,
    )

    assert told.rows["source_id"].to_list() == ["r1", "r2", "r3"]
    assert told.findings["referrer_name_only"] == 2


def test_a_text_that_is_no_persons_name_stands_whole() -> None:
    told = staged(referral(ReferrerName="Smile Studio / Dr. Lee"))

    assert told.rows.select("last_name", "first_name").row(0) == ("Smile Studio / Dr. Lee", None)
