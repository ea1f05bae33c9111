"""Batches on their way to a running org and back: sent, refused, retried, read again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from migration_assets.destinations.base import Batch, ReadRequest
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets.errors import DestinationError, DestinationLimitReached, JobFailed
from migration_assets_tests.destinations.salesforce.batches import (
    collected,
    exams,
    frame,
    numbered,
    read,
)
from migration_assets_tests.destinations.salesforce.conftest import WIDE, Connect, Notes
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT, EVENT, EXAM
from migration_sandbox.salesforce.control import Control


@pytest.fixture(autouse=True)
def _empty_org(control: Control) -> None:
    control.reset()


@pytest.fixture
def patients(org: SalesforceDestination) -> None:
    """One account with two patients of practice maple."""
    account = frame(ACCOUNT, [{"PANDA_Key__c": "maple:account:1", "Name": "Maple"}])
    people = frame(
        CONTACT,
        [
            {"PANDA_Key__c": f"maple:patient:{name}", "LastName": name, "AccountId": "maple:account:1",
             "Credentials__c": "DDS;MS", "Provider__c": True, "Specialty__c": "Periodontics"}
            for name in ("one", "two")
        ],
    )  # fmt: skip
    for schema, rows in ((ACCOUNT, account), (CONTACT, people)):
        sent = collected(org.send(Batch("b0", schema, rows), Notes()))
        assert {each.outcome for each in sent.values()} == {"loaded"}


FULL = {
    "PANDA_Key__c": "maple:exam:1",
    "Contact__c": "maple:patient:one",
    "Notes__c": 'first line\r\nsecond, with "quotes"\n\tÜñí — 歯周病 🦷',
    "Short__c": "a;b,c'd",
    "Depth__c": 12,
    "Cost__c": Decimal("1234567.89"),
    "Ratio__c": Decimal("0.125"),
    "Bleeding__c": True,
    "Exam_Date__c": date(1959, 2, 28),
    "Charted_At__c": datetime(2026, 3, 8, 7, 30, 15, 250_000, tzinfo=UTC),
    "Numbering__c": "FDI",
}
BARE = {"PANDA_Key__c": "maple:exam:2", "Bleeding__c": False}


@pytest.mark.usefixtures("patients")
def test_typed_rows_come_back_as_they_were_sent(org: SalesforceDestination, journal: Notes) -> None:
    batch = exams(FULL, BARE)
    sent = collected(org.send(batch, journal))
    assert all(each.outcome == "loaded" and each.created and each.destination_id for each in sent.values())
    found = read(org, EXAM, "maple:")
    assert_frame_equal(
        found.select(batch.rows.columns), batch.rows, check_row_order=False, check_dtypes=False
    )
    assert set(found["_id"]) == {each.destination_id for each in sent.values()}
    assert found.schema["_modified_at"] == pl.Datetime("ms", "UTC")


@pytest.mark.usefixtures("patients")
def test_the_job_is_written_down_before_and_after_its_upload(
    org: SalesforceDestination, journal: Notes
) -> None:
    collected(org.send(exams(FULL), journal))
    assert journal.steps == ["created", "submitted", "ended"]
    assert journal.events[-1] == ("ended", "b1", "JobComplete")


@pytest.mark.usefixtures("patients")
def test_sending_again_updates_and_null_empties(org: SalesforceDestination, journal: Notes) -> None:
    collected(org.send(exams(FULL), journal))
    emptied = exams({"PANDA_Key__c": "maple:exam:1", "Bleeding__c": False})
    sent = collected(org.send(emptied, journal))
    assert [(each.outcome, each.created) for each in sent.values()] == [("loaded", False)]
    assert_frame_equal(read(org, EXAM, "maple:").select(EXAM.field_names), emptied.rows, check_dtypes=False)


@pytest.mark.usefixtures("patients")
def test_standard_objects_with_a_parent_come_back(org: SalesforceDestination) -> None:
    found = read(org, CONTACT, "maple:patient:", "LastName", "AccountId", "Credentials__c", "Provider__c")
    assert found.sort("LastName").drop("_id", "_modified_at").rows() == [
        ("maple:patient:one", "one", "maple:account:1", "DDS;MS", True),
        ("maple:patient:two", "two", "maple:account:1", "DDS;MS", True),
    ]


@pytest.mark.usefixtures("patients")
def test_old_events_and_their_polymorphic_parents_come_back(org: SalesforceDestination) -> None:
    rows = frame(
        EVENT,
        [
            {"PANDA_Key__c": f"maple:appointment:{year}", "Subject": "Visit", "DurationInMinutes": 30,
             "StartDateTime": datetime(year, 5, 4, 13, 0, tzinfo=UTC), "WhoId": "maple:patient:one",
             "WhatId": "maple:account:1", "SessionType__c": "Maintenance"}
            for year in (2015, 2026)
        ],
    )  # fmt: skip
    sent = collected(org.send(Batch("b1", EVENT, rows), Notes()))
    assert {each.outcome for each in sent.values()} == {"loaded"}
    found = read(org, EVENT, "maple:appointment:").select(EVENT.field_names)
    assert_frame_equal(found, rows, check_row_order=False)


@pytest.mark.usefixtures("patients")
def test_a_refused_row_gives_code_and_field_and_the_others_go_on(
    org: SalesforceDestination, journal: Notes
) -> None:
    rows = [
        {"PANDA_Key__c": "m:1", "Short__c": "secret" * 20},
        {"PANDA_Key__c": "m:2", "Numbering__c": "Secret"},
        {"PANDA_Key__c": "m:3", "Contact__c": "maple:patient:secret"},
        {"PANDA_Key__c": "m:4", "Short__c": "#N/A"},
        {"PANDA_Key__c": "m:5", "Short__c": "fine"},
    ]
    found = collected(org.send(exams(*rows), journal))
    assert [(key, found[key].outcome) for key in sorted(found)] == [
        ("m:1", "failed"),
        ("m:2", "failed"),
        ("m:3", "failed"),
        ("m:4", "failed"),
        ("m:5", "loaded"),
    ]
    assert (found["m:1"].code, found["m:1"].field) == ("STRING_TOO_LONG", "Short__c")
    assert (found["m:2"].code, found["m:2"].field) == (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Numbering__c",
    )
    assert found["m:3"].code in ("INVALID_FIELD", "INVALID_CROSS_REFERENCE_KEY")
    assert (found["m:4"].code, found["m:4"].field) == ("UNREPRESENTABLE_VALUE", "Short__c")
    assert "ecret" not in "".join(each.message or "" for each in found.values())


def test_a_full_mouth_of_measures_comes_back(org: SalesforceDestination, journal: Notes) -> None:
    names = [name for name in WIDE.field_names if name.startswith("PocketDepth")]
    rows = frame(
        WIDE,
        [
            {"PANDA_Key__c": f"w:{row}"}
            | {name: (row + at) % 13 for at, name in enumerate(names) if (row + at) % 7}
            for row in range(60)
        ],
    )
    sent = collected(org.send(Batch("b1", WIDE, rows), journal))
    assert len(sent) == 60
    assert_frame_equal(read(org, WIDE, "w:").select(rows.columns), rows, check_row_order=False)


TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from('\r\n",;#N/A\t\\'),
        st.characters(exclude_categories=["Cs", "Cc"], include_characters="\r\n\t"),
    ),
    min_size=1,
    max_size=300,
)


@given(texts=st.lists(TEXT, min_size=1, max_size=40))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_comes_back_from_the_org_as_it_is(org: SalesforceDestination, texts: list[str]) -> None:
    texts = [text for text in texts if text != csv.NULL] or ["x"]
    rows = frame(EXAM, [{"PANDA_Key__c": f"t:{at}", "Notes__c": text} for at, text in enumerate(texts)])
    assert {each.outcome for each in collected(org.send(Batch("b1", EXAM, rows), Notes())).values()} == {
        "loaded"
    }
    found = read(org, EXAM, "t:", "Notes__c").filter(
        pl.col("PANDA_Key__c").is_in(rows["PANDA_Key__c"].to_list())
    )
    assert dict(found.select("PANDA_Key__c", "Notes__c").iter_rows()) == {
        f"t:{at}": text for at, text in enumerate(texts)
    }


@pytest.mark.parametrize("prefix", ["a_b:", "a%:", "a\\b:", "it's:", "Case:"])
def test_a_prefix_finds_its_own_keys_only(org: SalesforceDestination, prefix: str) -> None:
    others = ["axb:", "ab:", "a:", "a%%:", "case:", "its:", "a\\\\b:"]
    keys = [f"{each}{number}" for each in (prefix, *others) for number in range(2)]
    sent = collected(org.send(exams(*({"PANDA_Key__c": key} for key in keys)), Notes()))
    assert {each.outcome for each in sent.values()} == {"loaded"}
    found = read(org, EXAM, prefix, "Short__c")
    assert sorted(found["PANDA_Key__c"]) == [f"{prefix}0", f"{prefix}1"]


def test_nothing_found_is_one_typed_frame_without_rows(org: SalesforceDestination, control: Control) -> None:
    for header in (True, False):
        control.settings(bulk_query_empty_header=header)
        found = read(org, EXAM, "nobody:")
        assert found.height == 0
        assert found.schema["Charted_At__c"] == pl.Datetime("ms", "UTC")


def test_pages_are_joined(org: SalesforceDestination, control: Control) -> None:
    control.settings(bulk_query_page_rows=7, bulk_number_style="scientific")
    batch = numbered(40)
    collected(org.send(batch, Notes()))
    pages = list(org.read(ReadRequest(EXAM, "maple:exam:", ("Depth__c",))))
    assert max(page.height for page in pages) <= 7
    found = pl.concat(pages).select("PANDA_Key__c", "Depth__c").sort("PANDA_Key__c")
    assert_frame_equal(found, batch.rows.select("PANDA_Key__c", "Depth__c"))


def test_a_query_job_is_deleted_after_reading(org: SalesforceDestination, control: Control) -> None:
    read(org, EXAM, "nobody:")
    assert [each.method for each in control.requests() if "/jobs/query/" in each.path][-1] == "DELETE"


def test_a_batch_that_is_too_large_for_a_job_is_refused_and_can_be_split(connected: Connect) -> None:
    org = connected(bulk={"max_job_bytes": 10_000})
    batch = exams(*({"PANDA_Key__c": f"s:{at:03}", "Notes__c": "x" * 100} for at in range(200)))
    with pytest.raises(DestinationError, match="batches"):
        collected(org.send(batch, Notes()))
    parts = list(org.batches(EXAM, batch.rows))
    assert len(parts) > 1
    sent = [collected(org.send(Batch("b", EXAM, part), Notes())) for part in parts]
    assert sum(map(len, sent)) == 200


def test_repeated_keys_are_refused(org: SalesforceDestination) -> None:
    with pytest.raises(ValueError, match="each different"):
        collected(org.send(exams(BARE, BARE), Notes()))


def test_locked_rows_are_sent_again_in_a_job_of_their_own(
    org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.lock_rows(3)
    sent = collected(org.send(numbered(20), journal))
    assert len(sent) == 20
    assert {each.outcome for each in sent.values()} == {"loaded"}
    assert journal.steps == ["created", "submitted", "ended"] * 2
    assert len(set(journal.jobs)) == 2


def test_rows_that_stay_locked_fail_in_the_end(connected: Connect, control: Control, journal: Notes) -> None:
    control.lock_rows(1_000)
    sent = collected(connected(bulk={"lock_attempts": 2}).send(numbered(5), journal))
    assert {(each.outcome, each.code) for each in sent.values()} == {("failed", "UNABLE_TO_LOCK_ROW")}
    assert len(journal.jobs) == 2


def test_a_job_that_fails_as_a_whole_names_itself(
    org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.fail_jobs()
    with pytest.raises(JobFailed) as failed:
        collected(org.send(numbered(5), journal))
    assert journal.jobs[0] in str(failed.value)
    assert journal.events[-1] == ("ended", "b1", "Failed")


def test_no_job_begins_when_the_days_requests_are_nearly_used_up(
    connected: Connect, control: Control, journal: Notes
) -> None:
    org = connected()
    org.identity()
    assert org.api_usage is not None
    most = org.api_usage[1]
    control.set_api_usage(most - most // 25)
    org.identity()
    control.set_api_usage(0)
    control.forget_requests()

    with pytest.raises(DestinationLimitReached, match="5% are left to others") as stopped:
        collected(org.send(numbered(3), journal))

    assert "run it again tomorrow" in str(stopped.value)
    assert (control.requests(), journal.steps) == ([], [])


def test_a_token_that_expires_between_two_batches_is_renewed(
    org: SalesforceDestination, control: Control
) -> None:
    collected(org.send(numbered(2), Notes()))
    control.expire_tokens()
    assert {each.outcome for each in collected(org.send(numbered(3), Notes())).values()} == {"loaded"}
