"""What became of a record whose row is gone from the source, and why it stayed where it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from migration_assets.migration import rollback_plan

DELETION_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "outcome": pl.String(),
    "code": pl.String(),
    "message": pl.String(),
}
"""A row a record: ``outcome`` is retained, flagged, deleted or failed; ``code`` and ``message`` say why it
stayed or failed, and ``gone`` that somebody, or a run that was cut off, had deleted it before. No value."""

GONE, NO_FLAG, STOOD_BEFORE = "gone", "no_flag", "stood_before"
CHANGED, DEPENDENTS, NEEDED, NOT_OURS, PART = (
    rollback_plan.CHANGED,
    rollback_plan.DEPENDENTS,
    rollback_plan.NEEDED,
    rollback_plan.NOT_OURS,
    rollback_plan.PART,
)
_SENTENCES = {
    **rollback_plan.REASONS,
    GONE: "It isn't there any more.",
    NO_FLAG: "Records of this object can't be marked.",
    STOOD_BEFORE: "It stood there before the migration.",
    DEPENDENTS: "Records that stay hang on it: they would be deleted with it, or lose their reference.",
}


@dataclass(frozen=True, slots=True)
class Deletion:
    """One record, and what became of it."""

    object: str
    key: str
    outcome: Literal["retained", "flagged", "deleted", "failed"]
    code: str | None = None
    message: str | None = None

    @property
    def row(self) -> tuple[str, str, str, str | None, str | None]:
        return self.object, self.key, self.outcome, self.code, self.message or _SENTENCES.get(self.code or "")


def left(record: rollback_plan.Record) -> Deletion:
    """A record that is judged to stay."""
    told = _SENTENCES.get(record.reason or "")
    message = f"{told} ({record.detail})" if told is not None and record.detail else told
    return Deletion(record.object, record.key, "retained", record.reason, message)
