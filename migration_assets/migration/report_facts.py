"""What the post-migration report tells beyond the reconciliation: files, speed, what ran by itself in PANDA.

Read from the upload's own file and the audit log; it connects to nothing. How it is shown is for ``reports``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import polars as pl

from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.decisions import (
    Decision,
    Extracted,
    PayloadBuilt,
    Reconciled,
    RehearsalCompleted,
    UploadBegan,
    UploadEnded,
)
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan
from migration_assets.migration.template_reference import (
    LETTERS,
    TEMPLATES,
    TemplateReference,
    make_reference,
)
from migration_assets.migration.upload_file import (
    READBACK,
    SHARED,
    SHARED_COLUMNS,
    SOURCE,
    UPLOAD,
    payload_table,
)
from migration_assets.panda.profile import Profile
from migration_assets.warehouse import Session

FILE_COLUMNS: Final[dict[str, pl.DataType]] = {
    "key": pl.String(),
    "file": pl.String(),
    "bytes": pl.Int64(),
    "checksum_in_panda": pl.String(),
    "checksum_returned": pl.String(),
    "same": pl.Boolean(),
}
"""A row a file in scope: its record's key, its name, its size, MD5 as the practice's server or share gave it
and as the destination returned it (null where it holds no such file)."""

_BYTES, _CHECKSUM, _FILE_NAME = "bytes", "md5", "file_name"
"""Staged columns of a file, whichever table it comes from."""

Topic = Literal["letters", "appointments", "plans", "referrals"]
_WORDS: Mapping[Topic, tuple[str, str]] = {
    "plans": ("treatment_plans", "status"),
    "referrals": ("referrals", "status"),
}
_DAYS_A_MONTH = 30.4
_FEWEST_INTERVALS = 3


@dataclass(frozen=True, slots=True)
class InUse:
    """Something of PANDA's that people or PANDA itself act by: a type of letter or visit, a status.

    ``last`` is the latest time (UTC for visits and letters); ``months`` the usual time between two of a
    patient's visits of this type, None where too few came again.
    """

    topic: Topic
    name: str
    count: int
    patients: int
    last: datetime | None = None
    months: float | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """All uploads of one object so far; ``broken_off`` began and have no end in the log."""

    object: str
    uploads: int
    broken_off: int
    sent: int
    seconds: float

    @property
    def a_second(self) -> float | None:
        return self.sent / self.seconds if self.seconds and self.sent else None


@dataclass(frozen=True)
class Course:
    """When what happened, as far as the log says; times are UTC."""

    extracted: datetime | None
    built: datetime | None
    began: datetime | None
    ended: datetime | None
    reconciled: datetime | None
    uploads: tuple[Upload, ...]


@dataclass(frozen=True)
class ReportFacts:
    """``files``: FILE_COLUMNS. ``shared``: SHARED_COLUMNS of the records that an upload may bring, none where
    no mapping rule keeps values apart."""

    files: pl.DataFrame
    shared: pl.DataFrame
    in_use: tuple[InUse, ...]
    course: Course
    templates: TemplateReference


def gather(
    session: Session,
    plan: Plan,
    profile: Profile,
    inventory: pl.DataFrame,
    decisions: Iterable[Decision],
    target: Target,
) -> ReportFacts:
    """``session`` is of the upload's file, ``inventory`` of the plan."""
    raw = {
        name: session.read(SOURCE, f"raw_{name}")
        for name in (TEMPLATES, LETTERS)
        if session.has_table(SOURCE, f"raw_{name}")
    }
    nothing = pl.DataFrame()
    return ReportFacts(
        files=pl.concat([pl.DataFrame(schema=FILE_COLUMNS), *_files(session, plan)]),
        shared=_shared(session),
        in_use=(*_letters(session), *_appointments(session), *_statuses(session)),
        course=course(decisions, target),
        templates=make_reference(raw.get(TEMPLATES, nothing), raw.get(LETTERS, nothing), profile, inventory),
    )


def _files(session: Session, plan: Plan) -> Iterable[pl.DataFrame]:
    for spec in plan.specs:
        if spec.schema.content_field is None:
            continue
        names = _fields_of(spec)
        key = spec.schema.key_field
        scope = session.read(UPLOAD, "scope").filter(pl.col("object") == spec.name)["key"]
        sent = session.read(UPLOAD, payload_table(spec.asset)).filter(pl.col(key).is_in(scope.implode()))
        found = session.read(READBACK, spec.asset) if session.has_table(READBACK, spec.asset) else None
        returned = (
            pl.DataFrame(schema={"key": pl.String(), "checksum_returned": pl.String()})
            if found is None
            else found.select(
                pl.col(key).alias("key"), pl.col(names[_CHECKSUM]).alias("checksum_returned")
            ).unique("key", keep="last")
        )
        yield (
            sent.select(
                pl.col(key).alias("key"),
                pl.col(names[_FILE_NAME]).alias("file"),
                pl.col(names[_BYTES]).cast(pl.Int64).alias("bytes"),
                pl.col(names[_CHECKSUM]).alias("checksum_in_panda"),
            )
            .join(returned, on="key", how="left", maintain_order="left")
            .with_columns(same=pl.col("checksum_in_panda").eq_missing(pl.col("checksum_returned")))
            .select(*FILE_COLUMNS)
        )


def _shared(session: Session) -> pl.DataFrame:
    nothing = pl.DataFrame(schema=SHARED_COLUMNS)
    if not session.has_table(UPLOAD, SHARED):
        return nothing
    scope = session.read(UPLOAD, "scope").select("object", "key")
    found = session.read(UPLOAD, SHARED).join(scope, on=["object", "key"], how="semi", maintain_order="left")
    return found.select(*SHARED_COLUMNS)


def _fields_of(spec: ObjectSpec) -> dict[str, str]:
    """Staged column of a file -> the field that it fills."""
    return {
        str(rule.column): field
        for source in spec.sources
        for field, rule in source.rules.items()
        if rule.column in (_BYTES, _CHECKSUM, _FILE_NAME)
    }


def _staged(session: Session, name: str) -> pl.DataFrame | None:
    table = f"staged_{name}"
    return session.read(SOURCE, table) if session.has_table(SOURCE, table) else None


def _letters(session: Session) -> Iterable[InUse]:
    letters = _staged(session, "letters")
    if letters is not None:
        yield from _counted("letters", letters, "letter_type", "sent_at", {})


def _appointments(session: Session) -> Iterable[InUse]:
    visits = _staged(session, "appointments")
    if visits is None:
        return
    between = (
        visits.drop_nulls(["starts_at", "session_type"])
        .sort("starts_at")
        .select(
            "session_type",
            days=(pl.col("starts_at") - pl.col("starts_at").shift(1).over("patient_id", "session_type"))
            .dt.total_hours()
            .cast(pl.Float64)
            / 24,
        )
        .drop_nulls("days")
        .group_by("session_type")
        .agg(pl.col("days").median(), pl.len().alias("n"))
        .filter(pl.col("n") >= _FEWEST_INTERVALS)
    )
    months = {name: round(days / _DAYS_A_MONTH, 1) for name, days, _ in between.iter_rows()}
    yield from _counted("appointments", visits, "session_type", "starts_at", months)


def _statuses(session: Session) -> Iterable[InUse]:
    for topic, (table, column) in _WORDS.items():
        rows = _staged(session, table)
        if rows is not None:
            yield from _counted(topic, rows, column, None, {})


def _counted(
    topic: Topic, rows: pl.DataFrame, by: str, at: str | None, months: Mapping[str, float]
) -> Iterable[InUse]:
    last = pl.lit(None, pl.Datetime("ms", "UTC")) if at is None else pl.col(at).max()
    counted = rows.group_by(by).agg(pl.len(), pl.col("patient_id").n_unique().alias("p"), last.alias("last"))
    for name, count, patients, latest in counted.sort("len", by, descending=[True, False]).iter_rows():
        yield InUse(topic, name or "(none)", count, patients, latest, months.get(name))


def course(decisions: Iterable[Decision], target: Target) -> Course:
    """Extraction is the practice's, all else the target's; the latest of each, uploads over all runs."""
    extracted = built = reconciled = None
    began: list[UploadBegan] = []
    ended: list[UploadEnded] = []
    for each in decisions:
        if isinstance(each, Extracted):
            extracted = each.at
        elif not _is_of(each, target):
            continue
        elif isinstance(each, PayloadBuilt):
            built = each.at
        elif isinstance(each, UploadBegan):
            began.append(each)
        elif isinstance(each, UploadEnded):
            ended.append(each)
        elif isinstance(each, Reconciled | RehearsalCompleted):
            reconciled = each.at
    return Course(
        extracted=extracted,
        built=built,
        began=min((each.at for each in began), default=None),
        ended=max((each.at for each in ended), default=None),
        reconciled=reconciled,
        uploads=tuple(_uploads(name, began, ended) for name in dict.fromkeys(each.object for each in began)),
    )


def _is_of(entry: Decision, target: Target) -> bool:
    where = getattr(entry, "environment", None) or "rehearsal"
    return entry.destination == target.destination and where == target.environment


def _uploads(name: str, began: Sequence[UploadBegan], ended: Sequence[UploadEnded]) -> Upload:
    """An end belongs to the last beginning of its run before it."""
    own = [each for each in began if each.object == name]
    ends = [each for each in ended if each.object == name]
    seconds = 0.0
    for end in ends:
        starts = [each.at for each in own if each.run_id == end.run_id and each.at <= end.at]
        seconds += (end.at - max(starts, default=end.at)).total_seconds()
    sent = sum(each.counts.get("sent", 0) for each in ends)
    return Upload(name, len(own), max(0, len(own) - len(ends)), sent, seconds)
