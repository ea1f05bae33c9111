"""Builds an upload's own file: the scope's raw rows, the payload of every object, lineage, problems.

panda.duckdb is open, read-only, only while this runs: an upload that lasts hours works from its own file
and a later extraction can't race it. Bringing a payload up to what changed since is ``delta_payload``'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import polars as pl

from migration_assets.errors import WarehouseTableMissing
from migration_assets.mapping.apply import LINEAGE_COLUMNS, apply
from migration_assets.mapping.problems import MESSAGES
from migration_assets.mapping.spec import OWNERS_TABLE, PRACTICE_TABLE, MappingSet, ObjectSpec
from migration_assets.migration import owners
from migration_assets.migration.accounting import unaccounted
from migration_assets.migration.drawn_files import draw, drawn_of
from migration_assets.migration.former_rows import drop_current, former_rows, in_question, keep_former
from migration_assets.migration.load import Shipment, UploadSummary
from migration_assets.migration.merged_rows import MergedRows
from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.minted_rows import MintedRows, minted_objects
from migration_assets.migration.payload_parts import answered_tables, parts_of, staged_names
from migration_assets.migration.plan import Plan
from migration_assets.migration.sample_scope import linking_columns, scope_of
from migration_assets.migration.sampling import PATIENT_COLUMNS, STRATUM_COLUMNS, Sample, SampleChoice, choose
from migration_assets.migration.source_copies import PANDA, Extracted, copy_source, extracted
from migration_assets.migration.staging import VERDICT_COLUMNS, Verdict, read_verdicts, require_passed
from migration_assets.migration.upload_file import (
    BUILD_COLUMNS,
    EXCUSED_COLUMNS,
    EXCUSES,
    LEFT_EMPTY_COLUMNS,
    SAMPLE,
    SCOPE_ALL,
    SCOPE_COLUMNS,
    SCOPE_DELTA,
    SCOPE_SAMPLE,
    SENT,
    SENT_COLUMNS,
    SHARED,
    SHARED_COLUMNS,
    SOURCE,
    STAGED_ROW_COLUMNS,
    STRATA,
    UPLOAD,
    UPLOADS_COLUMNS,
    holds_table,
    payload_table,
    problems_table,
)
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse, in_ms, quoted

__all__ = [
    "Build",
    "PayloadSummary",
    "build",
    "current_verdicts",
    "described",
    "pseudo_tables",
    "read_build",
    "read_copied_verdicts",
    "read_shipment",
    "read_uploads",
    "staged_names",
    "store_upload",
    "write_build",
    "write_scope",
]


@dataclass(frozen=True, slots=True)
class PayloadSummary:
    """Records in the payload, those of them in scope, and those that can't be sent as they are, by object;
    and the sample, where the scope is one."""

    records: Mapping[str, int]
    in_scope: Mapping[str, int]
    problems: Mapping[str, int]
    sample: Sample | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """What the payload in an upload's file was built by, and of (BUILD_COLUMNS); ``base`` is None where no
    extraction is known that later refreshes go on from."""

    plan_hash: str
    scope: str
    run_id: str
    built_at: datetime
    base: str | None = None
    sequence: int = 0
    owners: str | None = None


def current_verdicts(panda: Warehouse, mapping: MappingSet) -> list[Verdict]:
    """The latest verdicts of what the mapping uses; raises StagingRefused where one is missing."""
    with panda.open(read_only=True) as session:
        return read_verdicts(session, staged_names(mapping))


def build(
    practice: Practice,
    plan: Plan,
    panda: Warehouse,
    upload: Warehouse,
    minted: MintedKeys,
    *,
    run_id: str,
    sample: SampleChoice | None = None,
) -> PayloadSummary:
    """Replace the file's content by the payload of the staged tables as they are now.

    In scope is everything, or what comes with a ``sample`` of patients. Raises StagingRefused where the
    staged batch has no passing verdict: nothing is built of it then.
    """
    names = staged_names(plan.mapping)
    with upload.open() as session:
        with session.attached(panda, PANDA), session.transaction():
            # A crash before the payload is whole leaves a file that no upload takes.
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {UPLOAD}")
            session.execute(f"DROP TABLE IF EXISTS {UPLOAD}.build")
            of = extracted(session)
            copy_source(session, names)
        verdicts = read_copied_verdicts(session, names)
        require_passed(practice.key, verdicts)
        staged = {name: session.read(SOURCE, f"staged_{name}") for name in names}
        mint = MintedRows.resolve(minted, {each.name: staged[each.name] for each in minted_objects(names)})
        mint.write(session)
        staged = {name: mint.applied(name, rows) for name, rows in staged.items()}
        staged |= pseudo_tables(session, practice)
        for each in drawn_of(plan.mapping):
            staged[each.name] = draw(session, each, staged)
        build_of = described(session, plan, SCOPE_ALL if sample is None else SCOPE_SAMPLE, run_id, of)
        with session.transaction():
            written = _write(session, practice, plan, staged)
            write_build(session, build_of)
            chosen = None if sample is None else _choose(session, staged, sample)
            in_scope = write_scope(session, practice, plan, chosen)
        return replace(written, in_scope=in_scope, sample=chosen)


def pseudo_tables(session: Session, practice: Practice) -> dict[str, pl.DataFrame]:
    """Tables that a mapping names like staged ones: the practice itself, and whose user is whose."""
    of_practice = {"source_id": practice.key, "name": practice.name, "time_zone": practice.time_zone.key}
    return {OWNERS_TABLE: owners.read(session), PRACTICE_TABLE: pl.DataFrame([of_practice])}


def read_copied_verdicts(session: Session, names: list[str]) -> list[Verdict]:
    rows = session.read(SOURCE, "verdicts", [name for name in VERDICT_COLUMNS if name != "staged_at"])
    by_name = {row["object"]: Verdict(**row) for row in rows.iter_rows(named=True)}
    return [by_name[name] for name in names]


def described(session: Session, plan: Plan, scope: str, run_id: str, of: Extracted) -> Build:
    """A build of now, by the plan and the owners of the session's file."""
    users = sorted(f"{provider}={user}" for provider, user in owners.read(session).iter_rows())
    owned = hashlib.sha256("\n".join(users).encode()).hexdigest()
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Build(plan.hash, scope, run_id, now, of.base, of.sequence, owned)


def write_build(session: Session, build_of: Build) -> None:
    session.replace_table(UPLOAD, "build", pl.DataFrame([asdict(build_of)], schema=BUILD_COLUMNS))


def read_build(session: Session) -> Build:
    """Raises WarehouseTableMissing where no payload was built yet."""
    if not session.has_table(UPLOAD, "build"):
        raise WarehouseTableMissing(
            "no payload was built yet; materialise the destination's payload asset first"
        )
    return Build(**session.read(UPLOAD, "build").row(0, named=True))


def read_shipment(
    session: Session, spec: ObjectSpec, plan: Plan, keys: Sequence[str] | None = None
) -> Shipment:
    """The object's payload rows that are in scope, or those of ``keys``."""
    rows = session.sql(
        f"SELECT p.* FROM {UPLOAD}.{quoted(payload_table(spec.asset))} p "
        f"WHERE p.{quoted(spec.schema.key_field)} IN {in_question(session, spec.name, keys)} "
        "ORDER BY p.rowid"
    )
    problems = session.read(UPLOAD, problems_table(spec.asset)).with_columns(
        pl.col("code").replace_strict(MESSAGES, default=None).alias("message")
    )
    return Shipment(
        plan.schemas[spec.asset],
        in_ms(rows),
        problems,
        session.read(UPLOAD, holds_table(spec.asset)),
        spec.optional_references,
        former=former_rows(session, plan, spec.name, keys),
        narrow=keys is not None or read_build(session).scope == SCOPE_DELTA,
    )


def store_upload(session: Session, summary: UploadSummary, run_id: str) -> None:
    """Keep what the last upload of the object did, for reports, and that the scope was sent."""
    row = pl.DataFrame(
        [{"run_id": run_id} | {name: getattr(summary, name) for name in UPLOADS_COLUMNS if name != "run_id"}],
        schema=UPLOADS_COLUMNS,
    )
    others = read_uploads(session).filter(pl.col("object") != summary.object)
    session.replace_table(UPLOAD, "uploads", pl.concat([others, row]))
    of_build = pl.DataFrame([(summary.object, read_build(session).built_at)], SENT_COLUMNS, orient="row")
    session.append(UPLOAD, SENT, of_build)


def read_uploads(session: Session) -> pl.DataFrame:
    """UPLOADS_COLUMNS, a row an object that was ever uploaded from this file."""
    if not session.has_table(UPLOAD, "uploads"):
        return pl.DataFrame(schema=UPLOADS_COLUMNS)
    return session.read(UPLOAD, "uploads")


def _write(
    session: Session, practice: Practice, plan: Plan, staged: Mapping[str, pl.DataFrame]
) -> PayloadSummary:
    lineage, excuses, left_empty, shared = [], [], [], []
    staged_rows: list[dict[str, str | int | list[str]]] = []
    records: dict[str, int] = {}
    problems: dict[str, int] = {}
    merged = MergedRows.of(session.read(SOURCE, "merged_rows"))
    for spec in plan.specs:
        payload = apply(spec, staged, practice.key, plan.layout if spec.chart else None)
        tables = answered_tables(spec, plan.mapping)
        parts = parts_of(spec, payload, staged, practice, merged, list(tables))
        keep_former(session, spec, parts.frame)
        session.replace_table(UPLOAD, payload_table(spec.asset), parts.frame)
        session.replace_table(UPLOAD, problems_table(spec.asset), parts.problems)
        session.replace_table(UPLOAD, holds_table(spec.asset), parts.holds)
        drop_current(session, spec)
        lineage.append(parts.lineage)
        excuses.append(parts.excuses)
        left_empty.append(parts.left_empty)
        shared.append(parts.shared)
        staged_rows.extend(
            {
                "object": spec.name,
                "source_table": table,
                "staged": merged.staged(table, staged[name]),
                "accounted_by": objects,
            }
            for table, (name, objects) in tables.items()
        )
        records[spec.name] = parts.frame.height
        problems[spec.name] = parts.problems["key"].n_unique()
    in_a_payload = pl.concat([pl.DataFrame(schema=LINEAGE_COLUMNS), *lineage])
    answered = pl.DataFrame(staged_rows, schema=STAGED_ROW_COLUMNS)
    left_out = pl.concat([pl.DataFrame(schema=EXCUSED_COLUMNS), *excuses])
    session.replace_table(UPLOAD, "lineage", in_a_payload)
    session.replace_table(UPLOAD, EXCUSES, left_out)
    session.replace_table(UPLOAD, "excused", unaccounted(left_out, in_a_payload, answered))
    session.replace_table(
        UPLOAD, "left_empty", pl.concat([pl.DataFrame(schema=LEFT_EMPTY_COLUMNS), *left_empty])
    )
    session.replace_table(UPLOAD, SHARED, pl.concat([pl.DataFrame(schema=SHARED_COLUMNS), *shared]))
    session.replace_table(UPLOAD, "staged_rows", answered)
    return PayloadSummary(records, {}, problems)


def _choose(session: Session, staged: Mapping[str, pl.DataFrame], choice: SampleChoice) -> Sample:
    return choose(staged, session.read(SOURCE, "rejects"), session.read(SOURCE, "corrections"), choice)


def write_scope(session: Session, practice: Practice, plan: Plan, sample: Sample | None) -> dict[str, int]:
    """Which records are in scope and why, all or the sample's; answers how many, by object."""
    if sample is None:
        everything = [
            session.read(UPLOAD, payload_table(spec.asset), [spec.schema.key_field]).select(
                pl.lit(spec.name).alias("object"),
                pl.col(spec.schema.key_field).alias("key"),
                pl.lit(SCOPE_ALL).alias("why"),
            )
            for spec in plan.specs
        ]
        scope = pl.concat([pl.DataFrame(schema=SCOPE_COLUMNS), *everything])
    else:
        payloads = {
            name: session.read(UPLOAD, payload_table(name), linking_columns(schema))
            for name, schema in plan.schemas.items()
        }
        scope = scope_of(sample, plan, payloads, practice.key)
    session.replace_table(UPLOAD, "scope", scope)
    patients = pl.DataFrame(schema=PATIENT_COLUMNS) if sample is None else sample.patients
    session.replace_table(UPLOAD, SAMPLE, patients)
    strata = pl.DataFrame(schema=STRATUM_COLUMNS) if sample is None else sample.strata
    session.replace_table(UPLOAD, STRATA, strata)
    return {spec.name: scope.filter(object=spec.name).height for spec in plan.specs}
