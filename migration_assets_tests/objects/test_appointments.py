"""Appointments: when they are, how long they last, what they are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migration_assets.objects.appointments import APPOINTMENTS
from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, changes, reasons
from migration_assets_tests.objects.rows_of_referrals import appointment, stage_alone


def staged(*rows: Row) -> Staged:
    return stage_alone(APPOINTMENTS, appointments=list(rows))


def test_an_appointment_ends_its_minutes_after_its_start_in_utc() -> None:
    row = staged(appointment(StartsAt=datetime(2024, 7, 1, 23, 30), DurationMinutes=45)).rows.row(
        0, named=True
    )

    assert row["starts_at"] == datetime(2024, 7, 2, 3, 30, tzinfo=UTC)
    assert row["ends_at"] - row["starts_at"] == timedelta(minutes=45)


def test_minutes_pass_while_the_clocks_are_changed() -> None:
    told = staged(appointment(StartsAt=datetime(2024, 3, 10, 1, 30), DurationMinutes=60))

    assert told.rows["ends_at"].item() == datetime(2024, 3, 10, 7, 30, tzinfo=UTC)


def test_an_appointment_without_minutes_ends_when_it_begins() -> None:
    told = staged(appointment(DurationMinutes=None))

    assert told.rows["duration_minutes"].item() is None
    assert told.rows["ends_at"].item() == told.rows["starts_at"].item()
    assert changes(told) == []


@pytest.mark.parametrize(("minutes", "stays"), [(0, True), (1440, True), (1441, False), (-1, False)])
def test_a_session_lasts_a_day_at_most(minutes: int, stays: bool) -> None:
    told = staged(appointment(DurationMinutes=minutes))

    assert told.rows["duration_minutes"].item() == (minutes if stays else None)
    assert (told.rows["duration_minutes"].item() is not None) == stays
    assert changes(told) == (
        [] if stays else [("40", "DurationMinutes", "duration_out_of_range", str(minutes))]
    )


@pytest.mark.parametrize("wrong", [datetime(1899, 12, 30), datetime(2101, 1, 1), datetime(9999, 12, 31, 23)])
def test_an_impossible_start_is_rejected_once(wrong: datetime) -> None:
    told = staged(appointment(1, StartsAt=wrong), appointment(2))

    assert reasons(told) == [("1", "StartsAt", "start_implausible")]
    assert told.rows["source_id"].to_list() == ["2"]


def test_an_appointment_without_a_start_is_rejected() -> None:
    assert reasons(staged(appointment(StartsAt=None))) == [("40", "StartsAt", "required_value_missing")]


def test_a_visit_ahead_is_staged_and_one_of_an_unknown_patient_too() -> None:
    told = staged(appointment(StartsAt=datetime(2027, 2, 1, 9), PatientID=999))

    assert told.rows["patient_id"].item() == "999"


def test_the_subject_is_the_session_and_a_long_one_stays_whole_beside_it() -> None:
    long = "s" * 256
    told = staged(appointment(1), appointment(2, SessionType=" "), appointment(3, SessionType=long))

    assert told.rows["subject"].to_list() == ["Surgical Procedure", "Appointment", "s" * 254 + "…"]
    assert told.rows["session_type"].to_list() == ["Surgical Procedure", None, long]


def test_notes_keep_their_line_breaks_and_status_its_words() -> None:
    told = staged(appointment(Notes="a\r\n\r\n  b", Status="No-show"))

    assert told.rows.select("notes", "status").row(0) == ("a\r\n\r\n  b", "No-show")


def test_a_start_that_the_clocks_skipped_is_counted() -> None:
    told = staged(appointment(1, StartsAt=datetime(2024, 3, 10, 2, 30)), appointment(2))

    assert (told.findings["time_gap"], told.findings["time_fold"]) == (1, 0)
