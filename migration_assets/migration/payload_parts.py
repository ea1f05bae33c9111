"""What an upload's file holds of an object's records, made of staged rows: of all of them or of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.mapping.apply import Payload, source_table
from migration_assets.mapping.apply import key as record_key
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.mapping.spec import MappingSet, ObjectSpec
from migration_assets.migration.accounting import accountable
from migration_assets.migration.drawn_files import drawn_of
from migration_assets.migration.merged_rows import MergedRows
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.upload_file import HOLD_COLUMNS
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.practice import Practice

EXAMS = "clinical_exams"


@dataclass(frozen=True)
class Parts:
    """``frame`` has the schema's fields and PAYLOAD_HASH; ``problems``, ``holds``, ``lineage``,
    ``left_empty`` and ``shared`` are as the upload's tables have them; ``excuses`` are EXCUSED_COLUMNS, for
    rows too that another object takes."""

    frame: pl.DataFrame
    problems: pl.DataFrame
    holds: pl.DataFrame
    lineage: pl.DataFrame
    excuses: pl.DataFrame
    left_empty: pl.DataFrame
    shared: pl.DataFrame


def staged_names(mapping: MappingSet) -> list[str]:
    """Staged objects that any record of this mapping is made from, in staging order; those that a drawn table
    needs among them."""
    used = {table for spec in mapping for table in spec.staged_tables}
    used.update(name for each in drawn_of(mapping) for name in each.uses)
    return [each.name for each in STAGED_OBJECTS if each.name in used]


def answered_tables(spec: ObjectSpec, mapping: MappingSet) -> dict[str, tuple[str, list[str]]]:
    """Source tables that the object answers for: the staged table, and the objects whose lineage counts."""
    return {source_table(name): (name, objects) for name, objects in accountable(spec, mapping)}


def parts_of(
    spec: ObjectSpec,
    payload: Payload,
    staged: Mapping[str, pl.DataFrame],
    practice: Practice,
    merged: MergedRows,
    answered: Sequence[str] = (),
) -> Parts:
    """``staged`` are the tables that the payload was made from; ``answered`` the source tables of which the
    rows that staging itself has excused are excused here."""
    of_object = pl.lit(spec.name).alias("object")
    return Parts(
        frame=payload.frame.with_columns(hash_rows(payload.frame).alias(PAYLOAD_HASH)),
        problems=payload.problems,
        holds=_held_by_choice(spec, practice, staged, payload),
        lineage=merged.by_source_row(payload.lineage),
        excuses=merged.excused(payload.excused, answered).select(of_object, pl.all()),
        left_empty=payload.left_empty.select(of_object, pl.all()),
        shared=payload.shared.select(of_object, pl.all()),
    )


def _held_by_choice(
    spec: ObjectSpec, practice: Practice, staged: Mapping[str, pl.DataFrame], payload: Payload
) -> pl.DataFrame:
    """HOLD_COLUMNS: records of exams that lack a tooth, and parts of their charts, where the practice would
    rather have none than a part."""
    if EXAMS not in staged or practice.policies.on_bad_tooth == "load_flagged":
        return pl.DataFrame(schema=HOLD_COLUMNS)
    exams = staged[EXAMS].filter("chart_incomplete")["source_id"]
    of_exams = (pl.col("source_table") == source_table(EXAMS)) & (pl.col("role") == "record")
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
