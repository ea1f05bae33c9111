"""Original creation times on new records, in a running org that permits them and one that doesn't."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migration_assets.destinations.base import Batch
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets_tests.destinations.salesforce.batches import collected, frame, open_batch, read
from migration_assets_tests.destinations.salesforce.conftest import Notes, settings_for
from migration_assets_tests.destinations.salesforce.joining_schemas import DATED_EXAM
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

MADE = datetime(2009, 3, 2, 14, 5, tzinfo=UTC)
KEYS = [f"maple:exam:{number}" for number in range(6)]


def exams(absent: Collection[str], **changes: Any) -> Batch:
    """Six exams; the last two have no date, or one that is yet to come."""
    dates: list[datetime | None] = [*[MADE] * 4, None, datetime.now(UTC) + timedelta(days=9)]
    rows = [
        {"PANDA_Key__c": key, "Short__c": "first", "Original_Create_Date__c": made} | changes
        for key, made in zip(KEYS, dates, strict=True)
    ]
    return Batch("a1", DATED_EXAM, frame(DATED_EXAM, rows), absent=frozenset(absent))


def years(org: SalesforceDestination) -> dict[str, int]:
    rows = org._session.query("SELECT PANDA_Key__c, CreatedDate FROM ClinicalExam__c")
    assert len({row["PANDA_Key__c"] for row in rows}) == len(rows)
    return {row["PANDA_Key__c"]: int(row["CreatedDate"][:4]) for row in rows}


def operations(org: SalesforceDestination, journal: Notes) -> list[str]:
    return [org._loader.jobs.get(job).operation for job in journal.jobs]


def test_new_records_get_their_date_and_what_is_there_is_upserted(
    joining_org: SalesforceSandbox, joining_control: Control
) -> None:
    joining_control.settings(set_audit_fields=True)
    org, journal = connect(settings_for(joining_org)), Notes()
    this_year = datetime.now(UTC).year
    # One is there though the ledger doesn't know it: its job's results were lost.
    lost = replace(exams([]), rows=exams([]).rows[:1])
    collected(org.send(lost, Notes()))
    results = collected(org.send(exams(KEYS, Short__c="second"), journal))
    assert {each.outcome for each in results.values()} == {"loaded"}
    assert sorted(key for key, each in results.items() if each.created) == KEYS[1:]
    assert operations(org, journal) == ["insert", "upsert"]
    assert years(org) == dict.fromkeys([KEYS[0], *KEYS[4:]], this_year) | dict.fromkeys(KEYS[1:4], 2009)
    assert set(read(org, DATED_EXAM, "maple:", "Short__c")["Short__c"]) == {"second"}
    journal = Notes()
    again = collected(org.send(exams([]), journal))
    assert {(each.outcome, each.created) for each in again.values()} == {("loaded", False)}
    assert operations(org, journal) == ["upsert"]
    org.close()


@pytest.mark.parametrize(
    ("permitted", "setting"), [(False, "auto"), (True, "never")], ids=["not permitted", "not wanted"]
)
def test_without_permission_or_wish_everything_is_upserted(
    joining_org: SalesforceSandbox, joining_control: Control, permitted: bool, setting: str
) -> None:
    joining_control.settings(set_audit_fields=permitted)
    org, journal = connect(settings_for(joining_org, audit_fields=setting)), Notes()
    results = collected(org.send(exams(KEYS), journal))
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", True)}
    assert operations(org, journal) == ["upsert"]
    assert set(years(org).values()) == {datetime.now(UTC).year}
    org.close()


def test_locked_rows_keep_their_date_and_a_settled_insert_loses_nothing(
    joining_org: SalesforceSandbox, joining_control: Control
) -> None:
    joining_control.settings(set_audit_fields=True)
    org, journal = connect(settings_for(joining_org)), Notes()
    collected(org.send(replace(exams([]), rows=exams([]).rows[:1]), Notes()))
    joining_control.lock_rows(2)
    batch = exams(KEYS)
    results = collected(org.send(batch, journal))
    assert {each.outcome for each in results.values()} == {"loaded"}
    assert operations(org, journal) == ["insert", "insert", "upsert"]
    assert sorted(years(org).values())[:3] == [2009] * 3
    settled = collected(org.settle(open_batch(batch, journal.jobs[0]), Notes()))
    # The insert refused what was there: that isn't a failure, it is for the upsert to bring.
    assert settled[KEYS[0]].outcome == "not_sent" or settled[KEYS[0]].code == "UNABLE_TO_LOCK_ROW"
    assert sum(each.outcome == "loaded" for each in settled.values()) >= 1
    assert "DUPLICATE_VALUE" not in {each.code for each in settled.values() if each.outcome == "failed"}
    org.close()
