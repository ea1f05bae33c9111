from datetime import date, datetime

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import changes, patient, reasons, stage_rows


def staged(*rows: dict[str, object]) -> Staged:
    return stage_rows(patients=list(rows), exams=[], chart=[])["patients"]


@pytest.mark.parametrize("blank", [None, "", "  \t"])
def test_a_patient_without_last_name_is_rejected(blank: str | None) -> None:
    told = staged(patient(1, LastName=blank), patient(2))
    assert reasons(told) == [("1", "LastName", "missing_last_name")]
    assert told.rows["source_id"].to_list() == ["2"]


def test_texts_lose_blanks_at_their_ends_and_keep_those_inside() -> None:
    told = staged(patient(FirstName="  Mary  Ann ", City="\u00a0", Zip=" "))
    assert told.rows["first_name"].item() == "Mary  Ann"
    assert told.rows["city"].item() is None
    assert told.rows["postal_code"].item() is None
    assert changes(told) == []


def test_street_joins_two_address_lines() -> None:
    told = staged(
        patient(1, Address1="12 Elm St", Address2="Apt 3"),
        patient(2, Address1="12 Elm St"),
        patient(3, Address2="Apt 3"),
        patient(4),
    )
    assert told.rows["street"].to_list() == ["12 Elm St\nApt 3", "12 Elm St", "Apt 3", None]


@pytest.mark.parametrize(
    "email", ["none", "ann at mail.example", "ann@", "a..b@mail.example", "ann@localhost"]
)
def test_what_is_no_address_is_corrected_to_nothing(email: str) -> None:
    told = staged(patient(Email=email))
    assert changes(told) == [("1", "Email", "invalid_email", email)]
    assert told.rows["email"].item() is None


def test_an_address_keeps_its_case() -> None:
    told = staged(patient(Email=" Ann_Lee-x+1@Mail.Example "))
    assert told.rows["email"].item() == "Ann_Lee-x+1@Mail.Example"
    assert changes(told) == []


def test_the_bridge_placeholder_becomes_nothing_only_where_the_bridge_wrote() -> None:
    told = staged(
        patient(1, BridgeID="OD1", HomePhone="NA", Email="NA", PreferredName="NA"),
        patient(2, BridgeID=None, LastName="Na", HomePhone="NA"),
        patient(3, BridgeID=" ", LastName="NA"),
        patient(4, BridgeID="OD4", LastName="Na"),
    )
    assert changes(told) == [
        ("1", "Email", "bridge_placeholder", "NA"),
        ("1", "HomePhone", "bridge_placeholder", "NA"),
    ]
    assert told.rows["last_name"].to_list() == ["Archer", "Na", "NA", "Na"]
    assert told.rows["home_phone"].to_list() == [None, "NA", None, None]
    assert told.rows["preferred_name"].to_list() == ["NA", None, None, None]


def test_a_last_name_that_was_the_placeholder_is_missing() -> None:
    told = staged(patient(BridgeID="OD1", LastName="NA"))
    assert reasons(told) == [("1", "LastName", "missing_last_name")]
    assert changes(told) == [("1", "LastName", "bridge_placeholder", "NA")]


def test_the_bridge_underscores_become_blanks_but_not_in_an_email() -> None:
    told = staged(
        patient(1, BridgeID="OD1", LastName="De_la_Cruz", Email="ann_lee@mail.example"),
        patient(2, LastName="De_la_Cruz"),
    )
    assert changes(told) == [("1", "LastName", "bridge_underscore", "De_la_Cruz")]
    assert told.rows["last_name"].to_list() == ["De la Cruz", "De_la_Cruz"]
    assert told.rows["email"].to_list() == ["ann_lee@mail.example", None]


@pytest.mark.parametrize(
    ("born", "code"),
    [
        (date(2026, 11, 23), "birth_date_in_future"),
        (date(1899, 12, 31), "birth_date_implausible"),
        (date(1753, 1, 1), "birth_date_implausible"),
    ],
)
def test_an_impossible_birth_date_is_left_empty(born: date, code: str) -> None:
    told = staged(patient(DateOfBirth=born))
    assert changes(told) == [("1", "DateOfBirth", code, born.isoformat())]
    assert told.rows["date_of_birth"].item() is None


@pytest.mark.parametrize("born", [date(1900, 1, 1), date(2026, 11, 22)])
def test_the_first_and_last_possible_birth_dates_stay(born: date) -> None:
    assert staged(patient(DateOfBirth=born)).rows["date_of_birth"].item() == born


def test_sex_is_one_letter_and_an_unknown_code_is_listed() -> None:
    told = staged(patient(1, Sex="f"), patient(2, Sex="U"), patient(3, Sex=None), patient(4, Sex="?"))
    assert told.rows["sex"].to_list() == ["F", "U", None, None]
    assert changes(told) == [("4", "Sex", "unknown_sex", "?")]


def test_shared_emails_and_chart_numbers_are_kept_and_counted() -> None:
    told = staged(
        patient(1, Email="ann@mail.example", ChartNumber="P-1"),
        patient(2, Email="Ann@mail.example", ChartNumber="P-1"),
        patient(3, Email="bob@mail.example", ChartNumber=""),
        patient(4, ChartNumber=""),
    )
    assert told.rows.height == 4
    assert (told.findings["shared_email"], told.findings["duplicate_chart_number"]) == (2, 2)


def test_a_primary_key_that_repeats_rejects_all_its_rows_and_each_is_counted() -> None:
    told = staged(patient(7), patient(7), patient(8))
    assert reasons(told) == [("7#1", "PatientID", "duplicate_key"), ("7#2", "PatientID", "duplicate_key")]
    assert told.rows["source_id"].to_list() == ["8"]


def test_local_times_become_utc_and_skipped_or_repeated_ones_are_counted() -> None:
    told = staged(
        patient(1, CreatedAt=datetime(2024, 1, 5, 9, 0)),
        patient(2, CreatedAt=datetime(2024, 3, 10, 2, 30)),
        patient(3, CreatedAt=datetime(2024, 11, 3, 1, 30), ModifiedAt=datetime(2024, 11, 3, 1, 30)),
    )
    assert told.rows["created_at"].dt.replace_time_zone(None).to_list() == [
        datetime(2024, 1, 5, 14, 0),
        datetime(2024, 3, 10, 7, 30),
        datetime(2024, 11, 3, 5, 30),
    ]
    assert (told.findings["time_gap"], told.findings["time_fold"]) == (1, 1)
