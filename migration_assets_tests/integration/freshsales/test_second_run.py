"""What a second upload sends: nothing, or the one record whose row has changed."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from migration_assets_tests.integration.freshsales.installation import (
    Account,
    Installation,
    assert_all_arrived,
)


def _sent_of_second(installation: Installation, account: Account) -> tuple[dict[str, int], Counter[str]]:
    """Records sent by object, where any were, and the calls that wrote."""
    installation.build("second")
    before = account.last_request()
    ended = installation.run(run_id="second")
    assert ended.error is None, ended.message
    sent = {each.object: each.sent for each in ended.returned if each.sent}
    return sent, account.sent_since(before)


def test_a_second_run_makes_no_call_that_writes(loaded: Installation, account: Account) -> None:
    assert _sent_of_second(loaded, account) == ({}, Counter())
    assert_all_arrived(loaded, account)


def test_one_changed_cell_sends_the_records_that_show_it_and_no_other(
    loaded: Installation, account: Account
) -> None:
    """A patient's telephone, a note's text and a visit's title each stand in one record; one call each."""
    note = loaded.raw("ClinicalNote")["NoteID"].max()
    visit = loaded.raw("Appointment")["AppointmentID"].max()
    patient = loaded.raw("Patient")["PatientID"].max()
    loaded.change("Patient", pl.col("PatientID") == patient, MobilePhone="212-555-0199")
    loaded.change("ClinicalNote", pl.col("NoteID") == note, Body="Written anew.")
    loaded.change("Appointment", pl.col("AppointmentID") == visit, DurationMinutes=55)

    sent, calls = _sent_of_second(loaded, account)

    assert sent == {"contact": 1, "appointment": 1, "note": 1}
    assert calls == {"PUT /api/contacts/{id}": 1, "PUT /api/appointments/{id}": 1, "PUT /api/notes/{id}": 1}
    assert_all_arrived(loaded, account)


@pytest.mark.parametrize("deletes", [False, True], ids=["files are fixed", "files can be deleted"])
def test_a_chart_that_was_changed_is_drawn_anew_and_replaces_its_file_where_the_account_lets_it(
    deletes: bool, loaded: Installation, account: Account
) -> None:
    account.control.settings(document_delete=deletes)
    tooth = loaded.raw("PeriodontalCharting").row(0, named=True)
    depth = next(name for name in tooth if name.startswith("PocketDepth") and tooth[name] is not None)
    chart = f"maple:chart:{tooth['ExamID']}"
    before = account.hashes()
    same = pl.col("ChartingID") == tooth["ChartingID"]
    loaded.change("PeriodontalCharting", same, **{depth: tooth[depth] % 9 + 1})

    sent, calls = _sent_of_second(loaded, account)

    assert sent["document"] == 1
    after = account.hashes()
    assert after.keys() == before.keys()
    assert {key for key in after if after[key] != before[key]} == ({chart} if deletes else set())
    assert calls["POST /api/documents"] == (1 if deletes else 0)
    if deletes:
        assert_all_arrived(loaded, account)
        return
    reconciled = loaded.reconcile().reconciliation
    [failure] = reconciled.failures
    assert (failure.object, failure.key, failure.code) == ("document", chart, "file_fixed")
    assert "have it deleted by hand, then run again" in failure.message
    assert reconciled.balanced
