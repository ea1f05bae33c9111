"""The decisions log: typed, append-only entries beside the ledger, chained by HMAC.

Each entry's link covers the one before, so an entry that was altered, removed or put in between breaks
the chain. The head (sequence number and link) is also shown elsewhere, so that a cut tail is found too.
Entries hold names of people who decided, counts and hashes; nothing of a patient's.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from migration_assets.errors import DecisionLogBroken, LedgerError
from migration_assets.migration.ledger_tables import DECISIONS
from migration_assets.migration.practice_keys import PracticeKeys

_GENESIS = "0" * 64
_APPEND_ATTEMPTS = 100


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    destination: str


class RehearsalCompleted(_Entry):
    """A rehearsal was reconciled; ``clean`` where everything balanced and no comparison differed."""

    kind: Literal["rehearsal_completed"] = "rehearsal_completed"
    run_id: str
    plan_hash: str
    clean: bool


class Approval(_Entry):
    """An attestation that a person approves a live upload of exactly this plan."""

    kind: Literal["approval"] = "approval"
    approved_by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    os_user: str
    host: str
    plan_hash: str
    rehearsal_run_id: str


class _AdoptionEntry(_Entry):
    environment: str
    object: str
    decided_by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    os_user: str
    host: str
    count: int


class AdoptionDecided(_AdoptionEntry):
    """A person decided that ``count`` records that are there already are ours, and are given their keys:
    those of the list of pairs (key, id) with this hash, as it was shown."""

    kind: Literal["adoption_decided"] = "adoption_decided"
    list_hash: str


class AdoptionTakenBack(_AdoptionEntry):
    """A person decided that ``count`` adopted records are given back as they were."""

    kind: Literal["adoption_taken_back"] = "adoption_taken_back"


Decision = RehearsalCompleted | Approval | AdoptionDecided | AdoptionTakenBack
_DECISION: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: sequence number (0 for an empty log) and its link."""

    sequence: int
    link: str


class DecisionLog:
    """The decisions of one practice."""

    def __init__(self, engine: Engine, practice: str, keys: PracticeKeys) -> None:
        self._engine = engine
        self._practice = practice
        self._keys = keys

    def append(self, decision: Decision) -> Head:
        """Raises DecisionLogBroken rather than continue a chain that doesn't verify."""
        entry = decision.model_dump_json()
        for _ in range(_APPEND_ATTEMPTS):
            head = self.verify()
            link = self._keys.chain(head.link, self._sealed_part(head.sequence + 1, entry))
            row = {"sequence": head.sequence + 1, "kind": decision.kind, "entry": entry, "link": link}
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(DECISIONS).values(practice=self._practice, **row))
            except IntegrityError:
                # Another process has just appended: link to its entry instead, and not in step with it.
                time.sleep(random.uniform(0.0, 0.05))
                continue
            except DBAPIError as error:
                raise LedgerError(
                    f"practice {self._practice}: a decision can't be written ({type(error.orig).__name__}); "
                    "check that the ledger's disk has room and that it can be written"
                ) from None
            return Head(head.sequence + 1, link)
        raise LedgerError(f"practice {self._practice}: the decisions log is too busy to append to; try again")

    def verify(self) -> Head:
        """The head of a sound chain; raises DecisionLogBroken naming the first bad entry."""
        head = Head(0, _GENESIS)
        for sequence, kind, entry, link in self._rows():
            expected = self._keys.chain(head.link, self._sealed_part(head.sequence + 1, entry))
            if sequence != head.sequence + 1 or link != expected or json.loads(entry).get("kind") != kind:
                raise DecisionLogBroken(
                    f"practice {self._practice}: entry {head.sequence + 1} of the decisions log was altered, "
                    "removed or written with another key; restore the ledger from a backup before anything "
                    "is approved"
                )
            head = Head(sequence, link)
        return head

    def entries(self) -> list[Decision]:
        """All decisions, oldest first, of a chain that was verified."""
        self.verify()
        return [_DECISION.validate_json(entry) for _, _, entry, _ in self._rows()]

    def _rows(self) -> Iterator[tuple[int, str, str, str]]:
        columns = DECISIONS.c
        query = (
            select(columns.sequence, columns.kind, columns.entry, columns.link)
            .where(columns.practice == self._practice)
            .order_by(columns.sequence)
        )
        with self._engine.connect() as connection:
            for row in connection.execute(query).all():
                yield row.sequence, row.kind, row.entry, row.link

    @staticmethod
    def _sealed_part(sequence: int, entry: str) -> bytes:
        return f"{sequence}:{entry}".encode()
