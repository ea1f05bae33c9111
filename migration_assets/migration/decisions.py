"""The decisions log, which is the audit log: typed, append-only entries beside the ledger, chained by HMAC.

Each entry's link covers the one before (``decision_chain``), so an entry that was altered, removed or put in
between breaks the chain. The head (sequence number and link) is also shown elsewhere, so that a cut tail is
found too. Entries hold names of people who decided, counts and hashes; nothing of a patient's, no record's
key.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from socket import gethostname
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from migration_assets.errors import DecisionLogBroken, LedgerError
from migration_assets.migration.attesting import os_user
from migration_assets.migration.decision_chain import Chain, Row, follow, sealed_part
from migration_assets.migration.ledger import Target
from migration_assets.migration.ledger_tables import DECISIONS
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.practice import CutoverWindow

_APPEND_ATTEMPTS = 100

PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Counts = Mapping[str, int]
Hashes = Mapping[str, str]
"""What -> its sha256: a written report by its file's name, another thing by a name of its own."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class RehearsalCompleted(_Entry):
    """A rehearsal was reconciled; ``clean`` where everything balanced and no comparison differed.

    ``plan_parts`` is what the plan's hash is made of (``Plan.parts``); what older entries lack is empty.
    """

    kind: Literal["rehearsal_completed"] = "rehearsal_completed"
    destination: str
    run_id: str
    plan_hash: str
    clean: bool
    plan_parts: Mapping[str, str] = {}
    counts: Counts = {}
    hashes: Hashes = {}


class Approval(_Entry):
    """An attestation that a person approves a live upload of exactly this plan.

    ``attestation`` is what was attested, in words; ``hashes`` are of the rehearsal's pages as they were then.
    """

    kind: Literal["approval"] = "approval"
    destination: str
    approved_by: PersonName
    os_user: str
    host: str
    plan_hash: str
    rehearsal_run_id: str
    plan_parts: Mapping[str, str] = {}
    attestation: str | None = None
    hashes: Hashes = {}


class _AdoptionEntry(_Entry):
    destination: str
    environment: str
    object: str
    decided_by: PersonName
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


class _Deed(_Entry):
    """What was done, by which run, for which target (neither where it is about none), and who was there."""

    destination: str | None = None
    environment: str | None = None
    run_id: str | None = None
    os_user: str = Field(default_factory=os_user)
    host: str = Field(default_factory=gethostname)
    plan_hash: str | None = None
    counts: Counts = {}
    hashes: Hashes = {}
    decided_by: str | None = None

    def is_of(self, target: Target) -> bool:
        return (self.destination, self.environment) == (target.destination, target.environment)


class _Decided(_Deed):
    decided_by: PersonName


class Extracted(_Deed):
    """The practice's tables were read; ``counts`` are rows by table, of files of its share by their state."""

    kind: Literal["extracted"] = "extracted"
    batch_id: str


class Staged(_Deed):
    """One object was staged out of an extraction; ``counts``: extracted, staged, rejected, corrected."""

    kind: Literal["staged"] = "staged"
    object: str
    batch_id: str
    passed: bool


class SourceRefreshed(_Deed):
    """What had changed in PANDA was read and staged anew; ``counts``: units, and rows by table, those that
    are gone as ``deleted <table>``. ``drain``: every table was compared first."""

    kind: Literal["source_refreshed"] = "source_refreshed"
    sequence: int
    drain: bool = False


class DeltaSent(_Deed):
    """The refreshes up to ``sequence`` are in the destination; ``counts``: sent, found, different, and
    deletions by their outcome."""

    kind: Literal["delta_sent"] = "delta_sent"
    sequence: int


class DrainChecked(_Deed):
    """Source and destination were read once more; ``passed`` where they agree. ``counts``: of ``Drained``."""

    kind: Literal["drain_checked"] = "drain_checked"
    passed: bool


class WindowClosed(_Decided):
    """A person ends the cutover: PANDA and the destination agree, and no delta follows."""

    kind: Literal["window_closed"] = "window_closed"


class SchemaDeployed(_Deed):
    """``counts``: created, updated, unchanged."""

    kind: Literal["schema_deployed"] = "schema_deployed"


class PayloadBuilt(_Deed):
    """``counts`` are records in scope by object."""

    kind: Literal["payload_built"] = "payload_built"


class UploadBegan(_Deed):
    """Written before the first request; ``counts``: in_scope. Without its ``UploadEnded`` it died."""

    kind: Literal["upload_began"] = "upload_began"
    object: str


class UploadEnded(_Deed):
    """``counts``: in_scope, sent, created, updated, unchanged, failed, held_back."""

    kind: Literal["upload_ended"] = "upload_ended"
    object: str


class Reconciled(_Deed):
    """``counts``: in_scope, loaded, failed, held_back, different, and rejects of the source's rows."""

    kind: Literal["reconciled"] = "reconciled"
    scope: str
    balanced: bool
    clean: bool


class RollbackPlanned(_Deed):
    """``hashes``: rollback_plan; ``counts`` by object and action (``Contact.delete``)."""

    kind: Literal["rollback_planned"] = "rollback_planned"


class RollbackDecided(_Decided):
    """A person decided that the rollback plan with this hash is carried out."""

    kind: Literal["rollback_decided"] = "rollback_decided"


class RolledBack(_Deed):
    """A rollback came to its end; ``counts`` by object and outcome."""

    kind: Literal["rolled_back"] = "rolled_back"


class SchemaRemoved(_Decided):
    """A person decided that custom objects and fields are removed, and they were."""

    kind: Literal["schema_removed"] = "schema_removed"


class ConflictsDecided(_Decided):
    """A person decided whose value stays where records of ours were edited in the destination.

    ``counts`` are conflicts by object; ``hashes``: conflicts, the list that was decided about.
    """

    kind: Literal["conflicts_decided"] = "conflicts_decided"
    take: Literal["source", "crm"]


class Exported(_Deed):
    """Files were written that people read or take away; ``hashes`` by file name."""

    kind: Literal["exported"] = "exported"


Decision = (
    RehearsalCompleted
    | Approval
    | AdoptionDecided
    | AdoptionTakenBack
    | Extracted
    | Staged
    | SchemaDeployed
    | PayloadBuilt
    | UploadBegan
    | UploadEnded
    | Reconciled
    | RollbackPlanned
    | RollbackDecided
    | RolledBack
    | SchemaRemoved
    | ConflictsDecided
    | SourceRefreshed
    | DeltaSent
    | DrainChecked
    | WindowClosed
    | Exported
)


def closing_of(
    window: CutoverWindow | None, entries: Iterable[Decision], target: Target
) -> WindowClosed | None:
    """Who ended the cutover of this window; None while it goes on, whatever became of an earlier one."""
    closings = (each for each in entries if isinstance(each, WindowClosed) and each.is_of(target))
    ours = [each for each in closings if window is None or each.at >= window.begins]
    return ours[-1] if ours else None


_DECISION: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: sequence number (0 for an empty log) and its link."""

    sequence: int
    link: str

    def __str__(self) -> str:
        """As it stands in metadata: ``<sequence>:<link>``."""
        return f"{self.sequence}:{self.link}"

    def described(self) -> dict[str, int | str]:
        """As it stands in a JSON report, under the name ``audit_log``."""
        return {"sequence": self.sequence, "link": self.link}


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its place in the chain; ``text`` is what was sealed."""

    head: Head
    text: str
    entry: Decision


class DecisionLog:
    """The decisions of one practice."""

    def __init__(self, engine: Engine, practice: str, keys: PracticeKeys) -> None:
        self._engine = engine
        self._practice = practice
        self._keys = keys

    def append(self, decision: Decision) -> Head:
        """Raises DecisionLogBroken rather than continue a chain that doesn't verify.

        The whole chain is followed each time: at 10,000 entries that is less than a commit that waits for
        its disk, and a head that is kept would let an older entry be altered unseen while a run lasts.
        """
        entry = decision.model_dump_json()
        for _ in range(_APPEND_ATTEMPTS):
            head = self.verify()
            link = self._keys.chain(head.link, sealed_part(head.sequence + 1, entry))
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

    def chain(self) -> Chain:
        """The chain as far as it is sound, and its first fault; raises nothing for one."""
        return follow(self._rows(), self._keys)

    def verify(self) -> Head:
        """The head of a sound chain; raises DecisionLogBroken naming the first bad entry."""
        return self._require_sound(self.chain())

    def entries(self) -> list[Decision]:
        """All decisions, oldest first, of a chain that was verified."""
        return [each.entry for each in self.numbered()]

    def numbered(self) -> list[Numbered]:
        """As ``entries``, each with its number and its link."""
        rows = self._rows()
        self._require_sound(follow(rows, self._keys))
        return [
            Numbered(Head(row.sequence, row.link), row.entry, _DECISION.validate_json(row.entry))
            for row in rows
        ]

    def _require_sound(self, chain: Chain) -> Head:
        if chain.fault is not None:
            raise DecisionLogBroken(
                f"practice {self._practice}: entry {chain.fault.sequence} of the decisions log "
                f"{chain.fault.what}; restore the ledger from a backup before anything is approved"
            )
        return Head(len(chain.links), chain.last_link)

    def _rows(self) -> list[Row]:
        columns = DECISIONS.c
        query = (
            select(columns.sequence, columns.kind, columns.entry, columns.link)
            .where(columns.practice == self._practice)
            .order_by(columns.sequence)
        )
        with self._engine.connect() as connection:
            return [Row(*row) for row in connection.execute(query).all()]
