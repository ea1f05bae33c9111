"""The reconciliation as data: exactly the contract of reconciliation.json, and nothing that computes it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceCounts(_Part):
    """Rows of one source table: extracted = staged + rejected; ``corrected`` counts changed values."""

    table: str
    extracted: int
    staged: int
    rejected: int
    corrected: int

    @property
    def balanced(self) -> bool:
        return self.extracted == self.staged + self.rejected


class NotInScope(_Part):
    """A table that no migrated object reads; ``rows`` is null where the login may not count them."""

    table: str
    rows: int | None


class LineageCounts(_Part):
    """Staged rows of one source table: each in a payload, or excused by a stated reason."""

    object: str
    source_table: str
    staged: int
    with_payload: int
    excused: dict[str, int]

    @property
    def total(self) -> bool:
        return self.staged == self.with_payload + sum(self.excused.values())


class RunCounts(_Part):
    """What the last upload of the object did, in records."""

    in_scope: int
    sent: int
    created: int
    updated: int
    unchanged: int
    failed: int
    held_back: int


class StateCounts(_Part):
    """How things stand: in_scope = loaded + failed + held_back; loaded + stale + retained = in_destination.

    ``stale``: failed or held back now, but present from before; ``retained``: present, and not in this scope:
    gone from the source, or of an earlier rehearsal's other patients.
    """

    in_scope: int
    loaded: int
    failed: int
    held_back: int
    stale: int
    retained: int
    in_destination: int

    @property
    def scope_balanced(self) -> bool:
        return self.in_scope == self.loaded + self.failed + self.held_back

    @property
    def destination_balanced(self) -> bool:
        return self.in_destination == self.loaded + self.stale + self.retained


class ObjectReconciliation(_Part):
    object: str
    this_run: RunCounts
    state: StateCounts
    fields_compared: int
    fields_different: int
    meaning_compared: int
    meaning_different: int
    fill_rates: dict[str, float]


class Reject(_Part):
    table: str
    source_key: str
    column: str | None
    code: str
    message: str


class HeldBack(_Part):
    object: str
    key: str
    code: str
    message: str


class Failure(_Part):
    object: str
    key: str
    code: str
    message: str


class Reconciliation(_Part):
    """One reconciliation of one target; ``balanced`` where all three equations hold and the destination
    holds exactly the records that it should."""

    practice: str
    destination: str
    environment: Literal["rehearsal", "live"]
    scope: Literal["all", "sample", "delta", "retry"]
    run_id: str
    plan_hash: str
    finished_at: datetime
    balanced: bool
    sources: list[SourceCounts]
    not_in_scope: list[NotInScope]
    lineage: list[LineageCounts]
    objects: list[ObjectReconciliation]
    rejects: list[Reject]
    corrections: list[Reject]
    held_back: list[HeldBack]
    failures: list[Failure]
    conflicts: list[HeldBack]

    @property
    def different(self) -> int:
        """Fields that differ in either comparison."""
        return sum(each.fields_different + each.meaning_different for each in self.objects)

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing different, nothing refused by the destination."""
        return self.balanced and self.different == 0 and not self.failures

    def as_json(self) -> bytes:
        """The text of reconciliation.json; its hash stands in the audit log."""
        return (self.model_dump_json(indent=2) + "\n").encode()
