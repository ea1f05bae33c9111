"""Batches on their way to a running org and back: sent, settled after every kind of crash, read again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from migration_assets.destinations.base import Batch, LoadResult, ObjectSchema, OpenBatch, ReadRequest
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets.errors import DestinationError, DestinationUnreachable, JobFailed, JobLost
from migration_assets_tests.destinations.salesforce.conftest import WIDE, Connect, Notes
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT, EVENT, EXAM
from migration_sandbox.salesforce.control import Control

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_org(control: Control) -> None:
    control.reset()


def frame(schema: ObjectSchema, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows with null in every field that isn't given."""
    return pl.DataFrame(
        [{name: row.get(name) for name in schema.field_names} for row in rows],
        schema={each.name: csv.dtype_of(each) for each in schema.fields},
    )


def exams(*rows: dict[str, Any]) -> Batch:
    return Batch("b1", EXAM, frame(EXAM, rows))


def numbered(count: int) -> Batch:
    return exams(
        *({"PANDA_Key__c": f"maple:exam:{number:04}", "Depth__c": number % 10} for number in range(count))
    )


def collected(results: Iterable[Sequence[LoadResult]]) -> dict[str, LoadResult]:
    """Results by key; every key has exactly one."""
    listed = [each for part in results for each in part]
    by_key = {each.key: each for each in listed}
    assert len(by_key) == len(listed)
    return by_key


def outcomes(results: Iterable[Sequence[LoadResult]]) -> list[tuple[str, str, str | None, str | None]]:
    return sorted((each.key, each.outcome, each.code, each.field) for each in collected(results).values())


def read(org: SalesforceDestination, schema: ObjectSchema, prefix: str, *fields: str) -> pl.DataFrame:
    return pl.concat(org.read(ReadRequest(schema, prefix, fields)))


def open_batch(batch: Batch, job_id: str | None) -> OpenBatch:
    keys = tuple(batch.rows[batch.schema.key_field])
    return OpenBatch(batch.id, batch.schema, keys, datetime.now(UTC), job_id)


def broken_off(org: SalesforceDestination, batch: Batch, journal: Notes) -> OpenBatch:
    """Send until the org stops answering, and what the ledger knows then."""
    with pytest.raises(DestinationError):
        collected(org.send(batch, journal))
    return open_batch(batch, journal.jobs[-1] if journal.jobs else None)


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
    assert_frame_equal(found.select(batch.rows.columns), batch.rows, check_row_order=False)
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
    assert_frame_equal(read(org, EXAM, "maple:").select(EXAM.field_names), emptied.rows)


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
    with pytest.raises(DestinationError, match="split"):
        collected(org.send(batch, Notes()))
    parts = list(org.split(batch.rows, EXAM))
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


def test_a_token_that_expires_between_two_batches_is_renewed(
    org: SalesforceDestination, control: Control
) -> None:
    collected(org.send(numbered(2), Notes()))
    control.expire_tokens()
    assert {each.outcome for each in collected(org.send(numbered(3), Notes())).values()} == {"loaded"}


def test_what_never_got_a_job_was_not_sent(org: SalesforceDestination, journal: Notes) -> None:
    settled = outcomes(org.settle(open_batch(numbered(2), None), journal))
    assert [each[1] for each in settled] == ["not_sent", "not_sent"]
    assert journal.steps == []


def test_a_job_that_was_never_closed_is_aborted(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    batch = numbered(4)
    held = control.hold("PATCH", "/jobs/ingest")
    left = broken_off(connected(read_timeout=0.3, retry_attempts=1), batch, journal)
    held.drop()
    assert journal.steps == ["created", "submitted"]
    settled = outcomes(org.settle(left, journal))
    assert [each[1] for each in settled] == ["not_sent"] * 4
    assert journal.events[-1] == ("ended", "b1", "Aborted")
    assert control.counts().get("ClinicalExam__c", 0) == 0


def test_a_job_whose_closing_was_heard_is_followed_to_its_end(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    held = control.hold("PATCH", "/jobs/ingest", moment="after")
    left = broken_off(connected(read_timeout=0.3, retry_attempts=1), numbered(4), journal)
    held.drop()
    settled = collected(org.settle(left, journal))
    assert {each.outcome for each in settled.values()} == {"loaded"}
    assert journal.events[-1] == ("ended", "b1", "JobComplete")


def test_a_job_that_is_being_processed_is_followed_to_its_end(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.settings(bulk_batch_rows=10, bulk_batch_pause_seconds=0.2)
    left = broken_off(connected(bulk={"poll_limit": 0.1}), numbered(40), journal)
    assert journal.steps == ["created", "submitted"]
    settled = collected(org.settle(left, journal))
    assert len(settled) == 40
    assert {each.outcome for each in settled.values()} == {"loaded"}


def test_a_job_that_somebody_aborted_gives_results_for_what_was_done(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.settings(bulk_batch_rows=10, bulk_batch_pause_seconds=0.3)
    left = broken_off(connected(bulk={"poll_limit": 0.45}), numbered(60), journal)
    assert left.job_id is not None
    org._loader.jobs.abort(left.job_id)
    settled = collected(org.settle(left, journal))
    found = {each.outcome for each in settled.values()}
    assert len(settled) == 60
    assert found == {"loaded", "not_sent"}
    assert sum(each.outcome == "loaded" for each in settled.values()) == control.counts()["ClinicalExam__c"]


def test_a_job_that_was_complete_gives_its_results_again(org: SalesforceDestination, journal: Notes) -> None:
    batch = numbered(5)
    first = outcomes(org.send(batch, journal))
    assert outcomes(org.settle(open_batch(batch, journal.jobs[0]), journal)) == first


def test_keys_that_the_job_does_not_hold_were_not_sent(org: SalesforceDestination, journal: Notes) -> None:
    collected(org.send(numbered(2), journal))
    settled = collected(org.settle(open_batch(numbered(3), journal.jobs[0]), journal))
    assert (settled["maple:exam:0002"].outcome, settled["maple:exam:0002"].code) == ("not_sent", "NO_RESULT")


def test_a_job_that_failed_before_any_row_was_not_sent(
    org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.fail_jobs()
    batch = numbered(3)
    left = broken_off(org, batch, journal)
    assert {each[1] for each in outcomes(org.settle(left, journal))} == {"not_sent"}


def test_expired_results_are_a_lost_job(org: SalesforceDestination, control: Control, journal: Notes) -> None:
    batch = numbered(3)
    collected(org.send(batch, journal))
    control.expire_results(journal.jobs[0])
    with pytest.raises(JobLost, match="by key"):
        collected(org.settle(open_batch(batch, journal.jobs[0]), journal))


def test_a_job_that_is_gone_is_lost(org: SalesforceDestination, journal: Notes) -> None:
    batch = numbered(3)
    collected(org.send(batch, journal))
    org._loader.jobs.delete(journal.jobs[0])
    with pytest.raises(JobLost):
        collected(org.settle(open_batch(batch, journal.jobs[0]), journal))


def test_results_that_break_off_are_fetched_again(
    connected: Connect, control: Control, journal: Notes
) -> None:
    control.hold("GET", "successfulResults", moment="download", size=200)
    sent = collected(connected(read_timeout=0.5).send(numbered(50), journal))
    assert len(sent) == 50
    assert {each.outcome for each in sent.values()} == {"loaded"}


def test_an_upload_that_breaks_off_leaves_a_job_that_can_be_settled(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    held = control.hold("PUT", "/batches", moment="upload", size=100)
    left = broken_off(connected(read_timeout=0.3, retry_attempts=1), numbered(50), journal)
    held.drop()
    assert journal.steps == ["created"]
    assert {each[1] for each in outcomes(org.settle(left, journal))} == {"not_sent"}
    assert control.counts().get("ClinicalExam__c", 0) == 0


def unknown_job(org: SalesforceDestination) -> str:
    return org._loader.jobs.create(EXAM)


def test_a_job_that_nobody_knows_is_abandoned(org: SalesforceDestination) -> None:
    orphan, known = unknown_job(org), unknown_job(org)
    abandoned: tuple[str, ...] = ()
    deadline = time.monotonic() + 5
    # The org's clock is read from its Date header, which knows whole seconds only.
    while orphan not in abandoned and time.monotonic() < deadline:
        abandoned = org.abandon_orphans(EXAM, since=LONG_AGO, known_jobs=[known])
    assert orphan in abandoned
    assert known not in abandoned
    assert org._loader.jobs.get(orphan).state == "Aborted"
    assert org._loader.jobs.get(known).state == "Open"
    assert org.abandon_orphans(CONTACT, since=LONG_AGO, known_jobs=[]) == ()


def test_a_young_job_is_left_to_the_run_that_may_be_writing_it_down(connected: Connect) -> None:
    org = connected(bulk={"orphan_grace": 60})
    orphan = unknown_job(org)
    assert orphan not in org.abandon_orphans(EXAM, since=LONG_AGO, known_jobs=[])
    assert org._loader.jobs.get(orphan).state == "Open"


def test_jobs_from_before_the_time_are_left_alone(connected: Connect) -> None:
    org = connected(bulk={"clock_tolerance": 0})
    orphan = unknown_job(org)
    assert orphan not in org.abandon_orphans(
        EXAM, since=datetime.now(UTC) + timedelta(minutes=1), known_jobs=[]
    )


def test_an_org_that_goes_away_in_the_middle_is_unreachable(
    connected: Connect, control: Control, journal: Notes
) -> None:
    control.hold("GET", "/jobs/ingest/")
    org = connected(read_timeout=0.3, retry_attempts=1)
    with pytest.raises(DestinationUnreachable):
        collected(org.send(numbered(2), journal))
    assert journal.steps == ["created", "submitted"]
