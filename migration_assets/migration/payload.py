"""Builds an upload's own file: the scope's raw rows, the payload of every object, lineage, problems.

panda.duckdb is open, read-only, only while this runs: an upload that lasts hours works from its own file
and a later extraction can't race it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from migration_assets.errors import WarehouseTableMissing
from migration_assets.mapping.apply import LINEAGE_COLUMNS, Payload, apply, source_table
from migration_assets.mapping.apply import key as record_key
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.mapping.problems import MESSAGES
from migration_assets.mapping.spec import OWNERS_TABLE, PRACTICE_TABLE, MappingSet, ObjectSpec
from migration_assets.migration import owners
from migration_assets.migration.accounting import accountable, unaccounted
from migration_assets.migration.drawn_files import draw, drawn_of
from migration_assets.migration.load import Shipment, UploadSummary
from migration_assets.migration.merged_rows import MergedRows
from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.plan import Plan
from migration_assets.migration.sample_scope import linking_columns, scope_of
from migration_assets.migration.sampling import PATIENT_COLUMNS, STRATUM_COLUMNS, Sample, SampleChoice, choose
from migration_assets.migration.staging import VERDICT_COLUMNS, Verdict, read_verdicts, require_passed
from migration_assets.migration.upload_file import (
    BUILD_COLUMNS,
    EXCUSED_COLUMNS,
    HOLD_COLUMNS,
    LEFT_EMPTY_COLUMNS,
    MINTED_COLUMNS,
    SAMPLE,
    SCOPE_ALL,
    SCOPE_COLUMNS,
    SCOPE_SAMPLE,
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
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.share import SHARE_FILES, SHARE_FILES_COLUMNS
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse, quoted

_PANDA, _EXAMS = "panda_file", "clinical_exams"


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
    """What the payload in an upload's file was built by."""

    plan_hash: str
    scope: str
    run_id: str


def staged_names(mapping: MappingSet) -> list[str]:
    """Staged objects that any record of this mapping is made from, in staging order; those that a drawn table
    needs among them."""
    used = {table for spec in mapping for table in spec.staged_tables}
    used.update(name for each in drawn_of(mapping) for name in each.uses)
    return [each.name for each in STAGED_OBJECTS if each.name in used]


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
        with session.attached(panda, _PANDA), session.transaction():
            # A crash before the payload is whole leaves a file that no upload takes.
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {UPLOAD}")
            session.execute(f"DROP TABLE IF EXISTS {UPLOAD}.build")
            _copy_source(session, names)
        verdicts = read_copied_verdicts(session, names)
        require_passed(practice.key, verdicts)
        staged = {name: session.read(SOURCE, f"staged_{name}") for name in names}
        _mint(session, staged, minted)
        staged[OWNERS_TABLE] = owners.read(session)
        of_practice = {"source_id": practice.key, "name": practice.name, "time_zone": practice.time_zone.key}
        staged[PRACTICE_TABLE] = pl.DataFrame([of_practice])
        for each in drawn_of(plan.mapping):
            staged[each.name] = draw(session, each, staged)
        build_of = Build(plan.hash, SCOPE_ALL if sample is None else SCOPE_SAMPLE, run_id)
        with session.transaction():
            written = _write(session, practice, plan, staged, build_of)
            chosen = None if sample is None else _choose(session, staged, sample)
            in_scope = _write_scope(session, practice, plan, chosen)
        return replace(written, in_scope=in_scope, sample=chosen)


def read_copied_verdicts(session: Session, names: list[str]) -> list[Verdict]:
    rows = session.read(SOURCE, "verdicts", [name for name in VERDICT_COLUMNS if name != "staged_at"])
    by_name = {row["object"]: Verdict(**row) for row in rows.iter_rows(named=True)}
    return [by_name[name] for name in names]


def read_build(session: Session) -> Build:
    """Raises WarehouseTableMissing where no payload was built yet."""
    if not session.has_table(UPLOAD, "build"):
        raise WarehouseTableMissing(
            "no payload was built yet; materialise the destination's payload asset first"
        )
    row = session.read(UPLOAD, "build").row(0, named=True)
    return Build(row["plan_hash"], row["scope"], row["run_id"])


def read_shipment(session: Session, spec: ObjectSpec, plan: Plan) -> Shipment:
    """The object's payload rows that are in scope."""
    scope = session.read(UPLOAD, "scope").filter(pl.col("object") == spec.name)
    payload = session.read(UPLOAD, payload_table(spec.asset))
    in_scope = payload.join(
        scope.select(pl.col("key").alias(spec.schema.key_field)), on=spec.schema.key_field, how="semi"
    )
    problems = session.read(UPLOAD, problems_table(spec.asset)).with_columns(
        pl.col("code").replace_strict(MESSAGES, default=None).alias("message")
    )
    holds = session.read(UPLOAD, holds_table(spec.asset))
    return Shipment(plan.schemas[spec.asset], in_scope, problems, holds, spec.optional_references)


def store_upload(session: Session, summary: UploadSummary, run_id: str) -> None:
    """Keep what the last upload of the object did, for reports."""
    row = pl.DataFrame(
        [{"run_id": run_id} | {name: getattr(summary, name) for name in UPLOADS_COLUMNS if name != "run_id"}],
        schema=UPLOADS_COLUMNS,
    )
    others = read_uploads(session).filter(pl.col("object") != summary.object)
    session.replace_table(UPLOAD, "uploads", pl.concat([others, row]))


def read_uploads(session: Session) -> pl.DataFrame:
    """UPLOADS_COLUMNS, a row an object that was ever uploaded from this file."""
    if not session.has_table(UPLOAD, "uploads"):
        return pl.DataFrame(schema=UPLOADS_COLUMNS)
    return session.read(UPLOAD, "uploads")


def _copy_source(session: Session, names: list[str]) -> None:
    """Raw rows verbatim, staged rows, and what staging said of them; types stay DuckDB's own."""
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {SOURCE}")
    objects = [each for each in STAGED_OBJECTS if each.name in names]
    raw = dict.fromkeys(table for each in objects for table in each.reads)
    if SHARE_FILES in raw and not _is_in_panda(session, SHARE_FILES):
        # An extraction that looked at no files.
        session.replace_table(SOURCE, f"raw_{SHARE_FILES}", pl.DataFrame(schema=SHARE_FILES_COLUMNS))
        del raw[SHARE_FILES]
    copies = [(f"raw_{table}", f"panda.{quoted(table)}") for table in raw]
    copies += [(f"staged_{name}", f"staged.{quoted(name)}") for name in names]
    copies += [(name, f"panda.{name}") for name in ("extractions", "not_in_scope")]
    copies += [(name, f"staged.{name}") for name in ("rejects", "corrections", "merged_rows", "verdicts")]
    for table, origin in copies:
        session.execute(
            f"CREATE OR REPLACE TABLE {SOURCE}.{quoted(table)} AS SELECT * FROM {_PANDA}.{origin}"
        )


def _is_in_panda(session: Session, table: str) -> bool:
    found = session.sql(
        "SELECT 1 AS n FROM duckdb_tables() "
        "WHERE database_name = $1 AND schema_name = 'panda' AND table_name = $2",
        (_PANDA, table),
    )
    return found.height > 0


def _mint(session: Session, staged: dict[str, pl.DataFrame], minted: MintedKeys) -> None:
    """Puts minted ids in the place of those that staging gave the rows of derived tables."""
    rows: list[dict[str, str]] = []
    for each in STAGED_OBJECTS:
        if each.name not in staged or not each.derived or "aliases" not in staged[each.name].columns:
            continue
        people = staged[each.name]
        ids = minted.resolve(each.name, dict(people.select("source_id", "aliases").iter_rows()))
        staged[each.name] = people.with_columns(_replaced("source_id", ids))
        for table, column in each.named_by.items():
            if table in staged:
                staged[table] = staged[table].with_columns(_replaced(column, ids))
        rows += [{"staged": each.name, "staged_id": given, "source_id": used} for given, used in ids.items()]
    session.replace_table(SOURCE, "minted", pl.DataFrame(rows, schema=MINTED_COLUMNS))


def _replaced(column: str, ids: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(ids, default=None, return_dtype=pl.String)


def _write(
    session: Session, practice: Practice, plan: Plan, staged: Mapping[str, pl.DataFrame], build_of: Build
) -> PayloadSummary:
    lineage, excused, left_empty, shared = [], [], [], []
    staged_rows: list[dict[str, str | int | list[str]]] = []
    records: dict[str, int] = {}
    problems: dict[str, int] = {}
    merged = MergedRows.of(session.read(SOURCE, "merged_rows"))
    for spec in plan.specs:
        payload = apply(spec, staged, practice.key, plan.layout if spec.chart else None)
        frame = payload.frame.with_columns(hash_rows(payload.frame).alias(PAYLOAD_HASH))
        session.replace_table(UPLOAD, payload_table(spec.asset), frame)
        session.replace_table(UPLOAD, problems_table(spec.asset), payload.problems)
        session.replace_table(
            UPLOAD, holds_table(spec.asset), _held_by_choice(spec, practice, staged, payload)
        )
        keys = payload.frame[spec.schema.key_field]
        lineage.append(merged.by_source_row(payload.lineage))
        tables = {source_table(name): (name, objects) for name, objects in accountable(spec, plan.mapping)}
        left_out = merged.excused(payload.excused, list(tables))
        excused.append(left_out.select(pl.lit(spec.name).alias("object"), pl.all()))
        left_empty.append(payload.left_empty.select(pl.lit(spec.name).alias("object"), pl.all()))
        shared.append(payload.shared.select(pl.lit(spec.name).alias("object"), pl.all()))
        staged_rows.extend(
            {
                "object": spec.name,
                "source_table": table,
                "staged": merged.staged(table, staged[name]),
                "accounted_by": objects,
            }
            for table, (name, objects) in tables.items()
        )
        records[spec.name] = keys.len()
        problems[spec.name] = payload.problems["key"].n_unique()
    in_a_payload = pl.concat([pl.DataFrame(schema=LINEAGE_COLUMNS), *lineage])
    answered = pl.DataFrame(staged_rows, schema=STAGED_ROW_COLUMNS)
    left_out = pl.concat([pl.DataFrame(schema=EXCUSED_COLUMNS), *excused])
    session.replace_table(UPLOAD, "lineage", in_a_payload)
    session.replace_table(UPLOAD, "excused", unaccounted(left_out, in_a_payload, answered))
    session.replace_table(
        UPLOAD, "left_empty", pl.concat([pl.DataFrame(schema=LEFT_EMPTY_COLUMNS), *left_empty])
    )
    session.replace_table(UPLOAD, SHARED, pl.concat([pl.DataFrame(schema=SHARED_COLUMNS), *shared]))
    session.replace_table(UPLOAD, "staged_rows", answered)
    built = [{**_as_row(build_of), "built_at": datetime.now(UTC)}]
    session.replace_table(UPLOAD, "build", pl.DataFrame(built, schema=BUILD_COLUMNS))
    return PayloadSummary(records, {}, problems)


def _choose(session: Session, staged: Mapping[str, pl.DataFrame], choice: SampleChoice) -> Sample:
    return choose(staged, session.read(SOURCE, "rejects"), session.read(SOURCE, "corrections"), choice)


def _write_scope(session: Session, practice: Practice, plan: Plan, sample: Sample | None) -> dict[str, int]:
    """Which records are in scope and why; answers how many, by object."""
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


def _held_by_choice(
    spec: ObjectSpec, practice: Practice, staged: Mapping[str, pl.DataFrame], payload: Payload
) -> pl.DataFrame:
    """HOLD_COLUMNS: records of exams that lack a tooth, and parts of their charts, where the practice would
    rather have none than a part."""
    if _EXAMS not in staged or practice.policies.on_bad_tooth == "load_flagged":
        return pl.DataFrame(schema=HOLD_COLUMNS)
    exams = staged[_EXAMS].filter("chart_incomplete")["source_id"]
    of_exams = (pl.col("source_table") == source_table(_EXAMS)) & (pl.col("role") == "record")
    keys = payload.lineage.filter(of_exams & pl.col("source_id").is_in(exams.implode()))["key"]
    if spec.chart is not None and spec.name != spec.chart.exam:
        held = [record_key(practice.key, spec.chart.exam_key_space, each) for each in exams]
        chart = next(each.name for each in spec.schema.references if each.reference_to == spec.chart.exam)
        keys = payload.frame.filter(pl.col(chart).is_in(held))[spec.schema.key_field]
    return (
        keys.unique(maintain_order=True)
        .to_frame("key")
        .select(
            "key",
            code=pl.lit("chart_incomplete"),
            message=pl.lit(
                "rows of its chart are rejects, and the practice holds such exams (policies.on_bad_tooth)"
            ),
        )
    )


def _as_row(build_of: Build) -> dict[str, str]:
    return {"plan_hash": build_of.plan_hash, "scope": build_of.scope, "run_id": build_of.run_id}
