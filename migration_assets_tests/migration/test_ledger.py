"""The ledger: what was sent, what became of it, what stood there before."""

from __future__ import annotations

import logging
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from migration_assets.destinations.base import DestinationIdentity, LoadResult
from migration_assets.errors import ConfigurationError, LedgerError, LedgerMismatch
from migration_assets.migration.ledger import STATE_COLUMNS, Hold, Ledger, Presence, Target
from migration_assets.migration.ledger_database import open_ledger_database, read_known_jobs
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.migration.written_records import written_records
from migration_assets_tests.migration.records import ACCOUNT, CONTACT, before_image, contact, fresh_ledger

ORG = DestinationIdentity("00D1", is_sandbox=True, name="Maple")
ONE, TWO = contact(1), contact(2)


def row(ledger: Ledger, key: str = ONE) -> dict[str, object]:
    return next(row for row in ledger.state(CONTACT).iter_rows(named=True) if row["key"] == key)


def loaded(key: str = ONE, *, created: bool = False) -> LoadResult:
    return LoadResult(key, "loaded", destination_id=f"id-{key}", created=created)


def test_the_first_organisation_that_answers_is_the_one_it_stays(ledger: Ledger) -> None:
    ledger.bind(ORG)
    ledger.bind(ORG)

    with pytest.raises(LedgerMismatch, match=r"belongs to organisation 00D1 .* but 00D2 .* mend"):
        ledger.bind(DestinationIdentity("00D2", is_sandbox=True, name="Oak"))


def test_an_organisation_that_stops_being_a_sandbox_is_another_one(ledger: Ledger) -> None:
    ledger.bind(ORG)

    with pytest.raises(LedgerMismatch):
        ledger.bind(DestinationIdentity("00D1", is_sandbox=False, name="Maple"))


def test_each_environment_is_bound_by_itself(ledger: Ledger, engine: Engine, keys: PracticeKeys) -> None:
    ledger.bind(ORG)

    Ledger(engine, Target("maple", "salesforce", "live"), keys).bind(
        DestinationIdentity("00D2", is_sandbox=False, name="Maple")
    )


def test_an_empty_ledger_has_a_typed_empty_state(ledger: Ledger) -> None:
    state = ledger.state(CONTACT)

    assert state.is_empty()
    assert dict(state.schema) == STATE_COLUMNS


def test_a_result_carries_the_hash_that_was_intended_for_its_key(ledger: Ledger) -> None:
    batch = ledger.intend(CONTACT, [(ONE, "hash1"), (TWO, "hash2")], "run")
    ledger.record(CONTACT, [loaded(TWO), loaded(ONE)], "run", batch)

    assert (row(ledger, ONE)["payload_hash"], row(ledger, TWO)["payload_hash"]) == ("hash1", "hash2")
    assert row(ledger)["outcome"] == "loaded"
    assert row(ledger)["present"] is True
    assert row(ledger)["destination_id"] == f"id-{ONE}"


def test_an_intent_alone_is_no_outcome(ledger: Ledger) -> None:
    ledger.intend(CONTACT, [(ONE, "hash")], "run")

    assert ledger.state(CONTACT).is_empty()


def test_the_last_sending_decides_and_a_failure_doesnt_make_a_record_absent(ledger: Ledger) -> None:
    ledger.record(CONTACT, [loaded()], "run1")
    ledger.record(CONTACT, [LoadResult(ONE, "failed", code="C", field="LastName", message="m")], "run2")

    state = row(ledger)
    assert (state["outcome"], state["present"], state["run_id"]) == ("failed", True, "run2")
    assert (state["code"], state["field"], state["message"]) == ("C", "LastName", "m")


def test_a_record_that_was_held_back_keeps_its_reason(ledger: Ledger) -> None:
    ledger.hold_back(CONTACT, [Hold(ONE, "parent_absent", "its Account is not there")], "run")

    state = row(ledger)
    assert (state["outcome"], state["present"]) == ("held_back", False)
    assert (state["code"], state["message"]) == ("parent_absent", "its Account is not there")


def test_what_a_read_back_found_changes_presence_alone(ledger: Ledger) -> None:
    ledger.record(CONTACT, [loaded()], "run1")

    ledger.observe(CONTACT, {ONE: Presence.ABSENT}, "run2")
    absent = row(ledger)
    ledger.observe(CONTACT, {ONE: Presence.FOUND}, "run3")
    found = row(ledger)

    assert (absent["outcome"], absent["present"], absent["run_id"]) == ("loaded", False, "run1")
    assert (found["outcome"], found["present"]) == ("loaded", True)


def test_a_record_loaded_again_is_present_again(ledger: Ledger) -> None:
    ledger.record(CONTACT, [loaded()], "run1")
    ledger.observe(CONTACT, {ONE: Presence.ABSENT}, "run2")
    ledger.record(CONTACT, [loaded()], "run3")

    assert row(ledger)["present"] is True


def test_an_open_batch_lists_only_its_unanswered_keys(ledger: Ledger) -> None:
    batch = ledger.intend(CONTACT, [(ONE, "h"), (TWO, "h"), (contact(3), "h")], "run")
    ledger.job_created(batch, "job1")
    ledger.record(CONTACT, [LoadResult(TWO, "failed", code="C")], "run", batch)

    (found,) = ledger.open_batches(CONTACT)
    assert (found.id, found.job_id, found.schema) == (batch, "job1", CONTACT)
    assert found.keys == (ONE, contact(3))
    assert found.intended_at.tzinfo is UTC


def test_an_answer_in_another_batch_answers_nothing_in_this_one(ledger: Ledger) -> None:
    ledger.intend(CONTACT, [(ONE, "h")], "run")
    later = ledger.intend(CONTACT, [(ONE, "h")], "run")
    ledger.record(CONTACT, [loaded()], "run", later)
    ledger.settled(later)

    assert [batch.keys for batch in ledger.open_batches(CONTACT)] == [(ONE,)]


def test_open_batches_come_oldest_first_with_their_latest_job(ledger: Ledger) -> None:
    first = ledger.intend(CONTACT, [(ONE, "h")], "run")
    second = ledger.intend(CONTACT, [(TWO, "h")], "run")
    ledger.job_created(first, "job1")
    ledger.job_created(first, "job2")

    assert [(batch.id, batch.job_id) for batch in ledger.open_batches(CONTACT)] == [
        (first, "job2"),
        (second, None),
    ]


def test_a_settled_batch_is_open_no_more(ledger: Ledger) -> None:
    batch = ledger.intend(CONTACT, [(ONE, "h")], "run")
    ledger.job_submitted(batch)
    ledger.job_ended(batch, "JobComplete")
    ledger.settled(batch)

    assert ledger.open_batches(CONTACT) == []


def test_created_counts_for_the_run_that_created(ledger: Ledger) -> None:
    ledger.record(CONTACT, [loaded(ONE, created=True), loaded(TWO)], "run1")
    ledger.record(CONTACT, [loaded(ONE)], "run2")

    assert ledger.created_in_run(CONTACT, "run1") == {ONE}
    assert ledger.created_in_run(CONTACT, "run2") == frozenset()


def test_the_earliest_image_is_the_one_that_is_kept(ledger: Ledger) -> None:
    assert ledger.keep_before_images(CONTACT, [(ONE, {"LastName": "First"})], "run1") == 1
    assert ledger.keep_before_images(CONTACT, [(ONE, {"LastName": "Second"}), (TWO, {})], "run2") == 1

    assert before_image(ledger, CONTACT, ONE) == {"LastName": "First"}
    assert before_image(ledger, CONTACT, TWO) == {}
    assert before_image(ledger, ACCOUNT, ONE) is None


def test_images_of_dates_and_times_can_be_kept(ledger: Ledger) -> None:
    moment = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
    ledger.keep_before_images(CONTACT, [(ONE, {"Birthdate": date(2001, 2, 3), "At": moment})], "run")

    assert before_image(ledger, CONTACT, ONE) == {
        "Birthdate": "2001-02-03",
        "At": "2024-05-06 07:08:00+00:00",
    }


def test_an_image_cant_be_read_on_disk_nor_under_another_key(ledger: Ledger, engine: Engine) -> None:
    ledger.keep_before_images(CONTACT, [(ONE, {"LastName": "Quillington"})], "run")
    with engine.begin() as connection:
        sealed = connection.execute(text("SELECT sealed FROM before_images")).scalar_one()
        connection.execute(text("UPDATE before_images SET key = :key"), {"key": TWO})

    assert b"Quillington" not in sealed
    with pytest.raises(ConfigurationError, match="can't be decrypted"):
        before_image(ledger, CONTACT, TWO)


def test_an_image_needs_the_secret_that_sealed_it(ledger: Ledger, engine: Engine) -> None:
    ledger.keep_before_images(CONTACT, [(ONE, {"LastName": "Quill"})], "run")
    other = Ledger(engine, ledger.target, PracticeKeys("maple", "another secret altogether"))

    with pytest.raises(ConfigurationError, match="restore that one"):
        before_image(other, CONTACT, ONE)


def test_keys_that_may_be_ours_are_those_loaded_or_with_a_lost_answer(ledger: Ledger) -> None:
    ledger.record(CONTACT, [loaded(ONE), LoadResult(TWO, "not_sent", code="job_lost")], "run")
    ledger.record(CONTACT, [LoadResult(contact(3), "failed", code="C")], "run")

    assert set(written_records(ledger, CONTACT)) == {ONE, TWO}


def test_practices_and_environments_share_a_database_and_nothing_else(
    engine: Engine, keys: PracticeKeys
) -> None:
    ours = Ledger(engine, Target("maple", "salesforce", "live"), keys)
    others = [
        Ledger(engine, Target("oak", "salesforce", "live"), PracticeKeys("oak", "y" * 32)),
        Ledger(engine, Target("maple", "salesforce", "rehearsal"), keys),
        Ledger(engine, Target("maple", "freshsales", "live"), keys),
    ]
    ours.bind(ORG)
    ours.record(CONTACT, [loaded(created=True)], "run")
    ours.intend(CONTACT, [(ONE, "h")], "run")
    ours.keep_before_images(CONTACT, [(ONE, {"LastName": "Quill"})], "run")

    for other in others:
        assert other.state(CONTACT).is_empty()
        assert other.open_batches(CONTACT) == []
        assert not written_records(other, CONTACT)
        assert other.created_in_run(CONTACT, "run") == frozenset()
        assert before_image(other, CONTACT, ONE) is None
        assert other.keep_before_images(CONTACT, [(ONE, {"LastName": "Ames"})], "run") == 1
    assert before_image(ours, CONTACT, ONE) == {"LastName": "Quill"}


def test_objects_of_one_target_are_apart(ledger: Ledger) -> None:
    ledger.record(CONTACT, [loaded()], "run")

    assert ledger.state(ACCOUNT).is_empty()


def test_known_jobs_are_those_of_every_practice(engine: Engine, ledger: Ledger) -> None:
    other = Ledger(engine, Target("oak", "salesforce", "live"), PracticeKeys("oak", "y" * 32))
    ledger.job_created(ledger.intend(CONTACT, [(ONE, "h")], "run"), "job1")
    other.job_created(other.intend(CONTACT, [(ONE, "h")], "run"), "job2")

    assert read_known_jobs(engine) == {"job1", "job2"}


def test_what_was_written_survives_the_process(tmp_path: Path, keys: PracticeKeys) -> None:
    url = f"sqlite:///{tmp_path}/maple.sqlite"
    first = open_ledger_database(url)
    Ledger(first, Target("maple", "salesforce", "live"), keys).intend(CONTACT, [(ONE, "h")], "run")
    first.dispose()

    again = Ledger(open_ledger_database(url), Target("maple", "salesforce", "live"), keys)

    assert [batch.keys for batch in again.open_batches(CONTACT)] == [(ONE,)]


def test_its_files_are_the_owners_alone(engine: Engine, ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(CONTACT, [loaded()], "run")

    with engine.connect():
        files = list((tmp_path / "ledger").iterdir())
        assert {file.name for file in files} == {"maple.sqlite", "maple.sqlite-wal", "maple.sqlite-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "ledger").stat().st_mode) == 0o700


def test_a_refusal_of_the_database_quotes_no_record(
    engine: Engine, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE record_events"))

    with (
        caplog.at_level(logging.DEBUG, "sqlalchemy"),
        pytest.raises(LedgerError, match="maple: salesforce/rehearsal: the database refused") as error,
    ):
        ledger.record(CONTACT, [LoadResult(ONE, "failed", message="Quillington")], "run")

    shown = f"{error.value!r} {error.value.__cause__!r} {caplog.text}"
    assert ONE not in shown
    assert "Quillington" not in shown
    assert error.value.__suppress_context__


def test_a_value_that_the_database_cant_hold_is_our_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerError):
        ledger.hold_back(CONTACT, [Hold(object(), "code", "message")], "run")  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["a folder", "garbage"])
def test_a_file_that_is_no_database_is_our_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "maple.sqlite"
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"no database, whatever its name says" * 100)

    with pytest.raises(LedgerError, match="the database refused"):
        open_ledger_database(f"sqlite:///{path}")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ONE, TWO, contact(3)]),
            st.sampled_from(["loaded", "failed", "not_sent", "held", "absent", "found", "taken_back"]),
        ),
        max_size=12,
    ),
    st.sets(st.sampled_from([ONE, TWO, contact(3), contact(4)])),
)
@settings(max_examples=15, deadline=None)
def test_the_state_of_some_keys_is_theirs_in_the_state_of_all(
    events: list[tuple[str, str]], keys: set[str]
) -> None:
    with fresh_ledger() as ledger:
        for number, (key, what) in enumerate(events):
            if what in ("absent", "found", "taken_back"):
                ledger.observe(CONTACT, {key: Presence(what)}, f"run{number}")
            elif what == "held":
                ledger.hold_back(CONTACT, [Hold(key, "parent_absent", "waits")], f"run{number}")
            else:
                batch = ledger.intend(CONTACT, [(key, f"hash{number}")], f"run{number}")
                result = loaded(key, created=True) if what == "loaded" else LoadResult(key, what)  # type: ignore[arg-type]
                ledger.record(CONTACT, [result], f"run{number}", batch)

        every = ledger.state(CONTACT)
        assert ledger.state(CONTACT, keys).equals(every.filter(pl.col("key").is_in(list(keys))))
        present = every.filter("present")["key"]
        assert ledger.present(CONTACT).to_list() == present.to_list()
        assert set(ledger.present(CONTACT, keys)) == set(present) & keys
        written = written_records(ledger, CONTACT)
        assert written_records(ledger, CONTACT, sorted(keys)) == {
            key: ours for key, ours in written.items() if key in keys
        }
        assert ledger.created_in_run(CONTACT, "run0", keys) == ledger.created_in_run(CONTACT, "run0") & keys
