"""A run may die at any step: the next one loses nothing and sends nothing twice."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import read_known_jobs
from migration_assets.migration.load import Loader
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets_tests.migration.fake_destination import FakeDestination, Job, Killed
from migration_assets_tests.migration.records import (
    CONTACT,
    KEY,
    SCHEMAS,
    before_image,
    contact,
    contacts,
    fresh_ledger,
    outcomes,
)

NUMBERS = (1, 2, 3, 4, 5)
STEPS_OF_A_RUN = 16


def run(destination: FakeDestination, ledger: Ledger, run_id: str, die_at: int | None = None) -> None:
    destination.steps.clear()
    destination.die_at = die_at
    engine = ledger._engine
    loader = Loader(destination, ledger, run_id, lambda: read_known_jobs(engine), SCHEMAS.__getitem__)
    with suppress(Killed):
        loader.load(contacts(*NUMBERS))


def test_a_run_has_the_steps_that_these_tests_die_at() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        run(destination, ledger, "run")

    assert len(destination.steps) == STEPS_OF_A_RUN
    assert destination.steps[:4] == [
        "about to read",
        "about to create the job",
        "job created",
        "job known",
    ]


@pytest.mark.parametrize("step", range(1, STEPS_OF_A_RUN + 1))
def test_after_a_death_at_any_step_every_record_is_there_once(step: int) -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        run(destination, ledger, "first", die_at=step)
        run(destination, ledger, "second")

        assert set(outcomes(ledger, CONTACT).values()) == {"loaded"}
        assert destination.keys(CONTACT) == {contact(number) for number in NUMBERS}
        assert set(destination.writes.values()) == {1}
        assert ledger.open_batches(CONTACT) == []


@settings(max_examples=25, deadline=None)
@given(
    deaths=st.lists(st.integers(1, STEPS_OF_A_RUN), max_size=3),
    refused=st.sets(st.sampled_from(NUMBERS)),
    skipped=st.sets(st.sampled_from(NUMBERS)),
    there_before=st.sets(st.sampled_from(NUMBERS)),
)
def test_after_several_deaths_the_ledger_tells_what_is_there(
    deaths: list[int], refused: set[int], skipped: set[int], there_before: set[int]
) -> None:
    destination = FakeDestination()
    destination.refused = {contact(number) for number in refused}
    destination.skipped = {contact(number) for number in skipped}
    for number in there_before:
        destination.put(CONTACT, {KEY: contact(number), "LastName": "Before"})
    with fresh_ledger() as ledger:
        for number, step in enumerate(deaths):
            run(destination, ledger, f"run{number}", die_at=step)
        run(destination, ledger, "last")

        loaded = set(NUMBERS) - refused - skipped
        state = outcomes(ledger, CONTACT)
        assert set(state) == {contact(number) for number in NUMBERS}
        assert {key for key, outcome in state.items() if outcome == "loaded"} == set(map(contact, loaded))
        assert all(destination.writes[contact(number)] == 1 for number in loaded)
        assert ledger.open_batches(CONTACT) == []
        for number in loaded:
            image = before_image(ledger, CONTACT, contact(number))
            assert (image is not None) == (number in there_before)

        destination.sent.clear()
        run(destination, ledger, "once more")
        again = {key for batch in destination.sent for key in batch}
        assert again == {contact(number) for number in refused | skipped}


def test_a_job_that_the_destination_has_forgotten_is_sent_again() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        run(destination, ledger, "first", die_at=7)
        assert destination.steps[-1] == "job processed"
        destination.forgets_jobs = True

        run(destination, ledger, "second")

        assert set(outcomes(ledger, CONTACT).values()) == {"loaded"}
        assert destination.keys(CONTACT) == {contact(number) for number in NUMBERS}


def test_our_own_record_of_a_forgotten_job_is_no_before_image() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        run(destination, ledger, "first", die_at=7)
        destination.forgets_jobs = True
        run(destination, ledger, "second")

        assert all(before_image(ledger, CONTACT, contact(number)) is None for number in NUMBERS)


def test_answers_that_came_before_the_job_was_forgotten_are_kept() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination(batch_rows=5)
        run(destination, ledger, "first", die_at=8)
        assert destination.steps[-1] == "results handed over"
        destination.forgets_jobs = True
        destination.sent.clear()

        run(destination, ledger, "second")

        assert destination.sent == [[contact(3), contact(4), contact(5)]]


def test_a_job_whose_id_was_never_written_down_is_abandoned() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        run(destination, ledger, "first", die_at=3)
        assert destination.steps[-1] == "job created"

        run(destination, ledger, "second")

        assert destination.jobs["job1"].state == "aborted"


def test_orphans_are_sought_only_where_a_batch_never_wrote_down_a_job() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        run(destination, ledger, "first", die_at=4)
        assert destination.steps[-1] == "job known"

        run(destination, ledger, "second")
        run(destination, ledger, "third")

        assert destination.orphans_sought == []


def test_a_job_that_another_practices_ledger_knows_is_left_alone() -> None:
    with fresh_ledger() as ledger:
        destination = FakeDestination()
        destination.jobs["job1"] = Job(CONTACT)
        other = Ledger(ledger._engine, Target("oak", "salesforce", "live"), PracticeKeys("oak", "x" * 32))
        other.job_created(other.intend(CONTACT, [("oak:patient:1", "hash")], "run"), "job1")
        run(destination, ledger, "first", die_at=2)

        run(destination, ledger, "second")

        assert destination.jobs["job1"].state == "open"
        assert destination.orphans_sought == [frozenset({"job1"})]
