"""Several batches on their way at once: nothing is answered twice, a failure stops what hasn't begun."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from migration_assets.destinations.base import Batch, Journal, LoadResult
from migration_assets.errors import JobFailed
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.progress import Progress
from migration_assets_tests.migration.fake_destination import FakeDestination
from migration_assets_tests.migration.records import CONTACT, contact, contacts, loader, outcomes

_SECONDS = 10
_OVER_SECONDS = 0.5
"""Within which a thread that has raised has ended."""
_PEOPLE = range(1, 13)
"""Four batches of three."""


@dataclass
class Crowded(FakeDestination):
    """Answers no batch before ``together`` of them have come; the one that holds ``broken`` fails, and it is
    over before the others are answered."""

    batches_at_once: int = 3
    together: int = 3
    broken: str | None = None
    _came: threading.Barrier = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _broke: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._came = threading.Barrier(self.together)

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        with self._lock:
            first_ones = len(self.sent) < self.together
            answers = [list(part) for part in super().send(batch, journal)]
        if first_ones:
            self._came.wait(_SECONDS)
        if self.broken in batch.rows[CONTACT.key_field]:
            self._broke.set()
            raise JobFailed("the job failed before it processed a row")
        if self.broken is not None:
            assert self._broke.wait(_SECONDS)
            time.sleep(_OVER_SECONDS)
        yield from answers


def test_as_many_batches_as_the_destination_likes_are_on_their_way_at_once(ledger: Ledger) -> None:
    destination = Crowded()

    summary = loader(destination, ledger).load(contacts(*_PEOPLE))

    assert (summary.sent, summary.created, summary.failed) == (12, 12, 0)
    assert destination.keys(CONTACT) == {contact(number) for number in _PEOPLE}
    assert set(destination.writes.values()) == {1}


def test_after_a_failure_no_further_batch_begins_and_those_on_their_way_keep_their_answers(
    ledger: Ledger,
) -> None:
    destination = Crowded(broken=contact(1))

    with pytest.raises(JobFailed):
        loader(destination, ledger).load(contacts(*_PEOPLE))

    answered = [key for key, outcome in outcomes(ledger, CONTACT).items() if outcome == "loaded"]
    assert len(destination.sent) == 3
    assert len(answered) == 6
    destination.broken = None
    assert loader(destination, ledger, "second").load(contacts(*_PEOPLE)).unchanged >= 6
    assert set(outcomes(ledger, CONTACT).values()) == {"loaded"}


def test_every_answer_is_told_to_whom_it_may_concern(ledger: Ledger) -> None:
    heard: list[Progress] = []
    destination = Crowded(refused={contact(5)})

    replace(loader(destination, ledger), watch=heard.append).load(contacts(*_PEOPLE))

    assert [each.answered for each in heard] == sorted({each.answered for each in heard})
    assert (heard[-1].object, heard[-1].to_send) == ("Contact", 12)
    assert (heard[-1].accepted, heard[-1].failed) == (11, 1)


def test_progress_tells_rate_and_time_left() -> None:
    half_way = Progress("Contact", 9_000, 2_990, 10, 60.0)

    assert str(half_way) == (
        "Contact: 3,000 of 9,000 records answered, 2,990 accepted, 10 not, 50 a second, 2:00 left"
    )
    assert str(replace(half_way, accepted=8_990)).endswith("150 a second")
