"""Stages one migrated object in a practice's panda.duckdb and passes the verdict on it.

The rules are the object's own (``objects/``); here is what is the same for all: read what it needs, replace
its rows, rejects and corrections together, and store a verdict that every upload asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.errors import StagingRefused
from migration_assets.objects.base import (
    CORRECTION_COLUMNS,
    MERGED_COLUMNS,
    REJECT_COLUMNS,
    Staged,
    StagedObject,
    StagingContext,
    StagingInputs,
)
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.panda.refresh_log import note_object
from migration_assets.panda.share import SHARE_FILES, read_share_files
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse, quoted

VERDICT_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_table": pl.String(),
    "batch_id": pl.String(),
    "extracted": pl.Int64(),
    "staged": pl.Int64(),
    "rejected": pl.Int64(),
    "corrected": pl.Int64(),
    "reject_limit": pl.Float64(),
    "passed": pl.Boolean(),
    "staged_at": pl.Datetime("ms", "UTC"),
}
"""One row a staged object. ``extracted``, ``staged`` and ``rejected`` count rows of ``source_table``,
``corrected`` counts changed values; ``batch_id`` is the extraction that the rows came from."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a staged object may be uploaded; ``balanced`` says that no row was lost on the way."""

    object: str
    source_table: str
    batch_id: str
    extracted: int
    staged: int
    rejected: int
    corrected: int
    reject_limit: float
    passed: bool

    @property
    def balanced(self) -> bool:
        return self.extracted == self.staged + self.rejected

    @property
    def reject_share(self) -> float:
        return self.rejected / self.extracted if self.extracted else 0.0

    def complaint(self) -> str:
        """Why it didn't pass, with counts only."""
        if not self.balanced:
            return (
                f"{self.object}: {self.extracted} extracted, but {self.staged} staged and "
                f"{self.rejected} rejected"
            )
        return (
            f"{self.object}: {self.rejected} of {self.extracted} rows rejected ({self.reject_share:.2%}), "
            f"more than the practice's reject_limit of {self.reject_limit:.2%}"
        )


@dataclass(frozen=True, slots=True)
class StagingOutcome:
    verdict: Verdict
    rejects_by_code: Mapping[str, int]
    corrections_by_code: Mapping[str, int]
    findings: Mapping[str, int]


def migrated_tables() -> frozenset[str]:
    """Logical tables whose every row is staged or rejected; all others are counted as not in scope."""
    return frozenset(each.source_table for each in STAGED_OBJECTS if not each.derived)


def source_tables() -> tuple[str, ...]:
    """Logical tables that any migrated object reads, in a fixed order; some only to look things up.

    The files of the practice's share, which extraction lists as a table, are none of the database's.
    """
    read = dict.fromkeys(table for each in STAGED_OBJECTS for table in each.reads)
    return tuple(table for table in read if table != SHARE_FILES)


def stage(
    staged_object: StagedObject, practice: Practice, profile: Profile, warehouse: Warehouse
) -> StagingOutcome:
    """Replace the object's staged rows, rejects and corrections by those of the latest extraction.

    Raises WarehouseTableMissing where a source table or a staged object that it needs isn't there.
    """
    with warehouse.open() as session:
        inputs = StagingInputs(
            raw={table: raw_rows(session, table) for table in staged_object.reads},
            staged={name: read_staged(session, name) for name in staged_object.uses},
        )
        context, batch = staging_context(session, practice, profile, staged_object.source_table)
        outcome = staged_object.stage(inputs, context)
        with session.transaction():
            verdict = put_outcome(
                session, staged_object, inputs, outcome, batch, practice.policies.reject_limit
            )
            note_object(session, "panda", batch, staged_object.name)
    return StagingOutcome(
        verdict=verdict,
        rejects_by_code=_by_code(outcome.rejects),
        corrections_by_code=_by_code(outcome.corrections),
        findings=dict(outcome.findings),
    )


def staging_context(
    session: Session, practice: Practice, profile: Profile, source_table: str
) -> tuple[StagingContext, str]:
    """What staging needs besides rows, and the batch of the table's last extraction."""
    batch_id, extracted_at = _latest_extraction(session, source_table)
    context = StagingContext(
        practice=practice.key,
        time_zone=practice.time_zone,
        profile=profile,
        today=_local(extracted_at, practice.time_zone).date(),
        name=practice.name,
    )
    return context, batch_id


def put_outcome(
    session: Session,
    staged_object: StagedObject,
    inputs: StagingInputs,
    outcome: Staged,
    batch_id: str,
    limit: float,
) -> Verdict:
    """Replaces the object's rows, rejects, corrections and verdict."""
    rows = outcome.rows if staged_object.derived else inputs.raw[staged_object.source_table]
    verdict = _judge(staged_object, batch_id, rows.height, outcome, limit)
    session.replace_table("staged", staged_object.name, outcome.rows)
    keep_part(session, "rejects", staged_object.name, outcome.rejects.select(list(REJECT_COLUMNS)))
    corrections = outcome.corrections.select(list(CORRECTION_COLUMNS))
    keep_part(session, "corrections", staged_object.name, corrections)
    merged = pl.DataFrame(schema=MERGED_COLUMNS) if outcome.merged is None else outcome.merged
    keep_part(session, "merged_rows", staged_object.name, merged.select(list(MERGED_COLUMNS)))
    keep_part(session, "verdicts", staged_object.name, as_frame(verdict))
    return verdict


def count_verdict(session: Session, staged_object: StagedObject, batch_id: str, limit: float) -> Verdict:
    """The verdict on what stands in the tables now, counted there."""
    name, table = staged_object.name, staged_object.source_table
    merged = session.sql("SELECT count(*) AS n FROM staged.merged_rows WHERE object = $1", (name,)).item()
    staged = session.count("staged", name)
    if merged:
        staged = session.sql(
            "SELECT count(*) AS n FROM staged.merged_rows WHERE object = $1 AND (excused IS NOT NULL OR "
            f"source_id IN (SELECT source_id FROM staged.{quoted(name)}))",
            (name,),
        ).item()
    rejected = session.sql(
        "SELECT count(DISTINCT source_key) AS n FROM staged.rejects WHERE object = $1 AND source_table = $2",
        (name, table),
    ).item()
    corrected = session.sql("SELECT count(*) AS n FROM staged.corrections WHERE object = $1", (name,)).item()
    extracted = staged if staged_object.derived else session.count("panda", table)
    return _verdict(staged_object, batch_id, extracted, staged, rejected, corrected, limit)


def raw_rows(session: Session, table: str) -> pl.DataFrame:
    return read_share_files(session, "panda") if table == SHARE_FILES else session.read("panda", table)


def read_staged(session: Session, name: str) -> Staged:
    merged = _part(session, "merged_rows", name, MERGED_COLUMNS)
    return Staged(
        rows=session.read("staged", name),
        rejects=_part(session, "rejects", name, REJECT_COLUMNS),
        corrections=_part(session, "corrections", name, CORRECTION_COLUMNS),
        findings={},
        merged=merged if merged.height else None,
    )


def read_verdicts(session: Session, staged_objects: Iterable[str]) -> list[Verdict]:
    """Verdicts of these objects, in their order; raises StagingRefused where one has none yet."""
    if not session.has_table("staged", "verdicts"):
        raise StagingRefused("nothing has been staged yet; materialise staged/* first")
    rows = {row["object"]: row for row in session.read("staged", "verdicts").iter_rows(named=True)}
    verdicts = []
    for name in staged_objects:
        if name not in rows:
            raise StagingRefused(f"staged/{name} has no verdict yet; materialise it first")
        row = rows[name]
        del row["staged_at"]
        verdicts.append(Verdict(**row))
    return verdicts


def require_passed(practice: str, verdicts: Iterable[Verdict]) -> None:
    """Raises StagingRefused naming every object that didn't pass."""
    complaints = [verdict.complaint() for verdict in verdicts if not verdict.passed]
    if complaints:
        raise StagingRefused(
            f"practice {practice}: the staged batch may not be uploaded: {'; '.join(complaints)}; "
            "look at staged.rejects, mend the source or the profile, and stage again"
        )


def _judge(
    staged_object: StagedObject, batch_id: str, extracted: int, outcome: Staged, limit: float
) -> Verdict:
    of_table = outcome.rejects.filter(pl.col("source_table") == staged_object.source_table)
    rejected = of_table["source_key"].n_unique()
    corrected = outcome.corrections.height
    return _verdict(staged_object, batch_id, extracted, outcome.source_rows, rejected, corrected, limit)


def _verdict(
    staged_object: StagedObject,
    batch_id: str,
    extracted: int,
    staged: int,
    rejected: int,
    corrected: int,
    limit: float,
) -> Verdict:
    balanced = extracted == staged + rejected
    within_limit = rejected <= limit * extracted
    return Verdict(
        object=staged_object.name,
        source_table=staged_object.source_table,
        batch_id=batch_id,
        extracted=extracted,
        staged=staged,
        rejected=rejected,
        corrected=corrected,
        reject_limit=limit,
        passed=balanced and within_limit,
    )


def as_frame(verdict: Verdict) -> pl.DataFrame:
    row = {name: getattr(verdict, name) for name in VERDICT_COLUMNS if name != "staged_at"}
    return pl.DataFrame([{**row, "staged_at": datetime.now(UTC)}], schema=VERDICT_COLUMNS)


def _part(session: Session, table: str, name: str, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    if not session.has_table("staged", table):
        return pl.DataFrame(schema=dict(columns))
    return session.read("staged", table).filter(pl.col("object") == name)


def keep_part(session: Session, table: str, name: str, rows: pl.DataFrame) -> None:
    """Replace one object's rows of a table that all staged objects share."""
    if session.has_table("staged", table):
        session.execute(f"DELETE FROM staged.{table} WHERE object = $1", (name,))
    session.append("staged", table, rows)


def _by_code(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("code").len().sort("code").iter_rows())


def _latest_extraction(session: Session, source_table: str) -> tuple[str, datetime]:
    extractions = session.read("panda", "extractions").filter(pl.col("logical_table") == source_table)
    latest = extractions.sort("extracted_at").row(-1, named=True)
    return latest["batch_id"], latest["extracted_at"]


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
