"""Whose records the diff shows, and those records, out of the upload's file: as mapped and as returned.

Reads; judges nothing. The records of patients are found as a rehearsal's scope finds them (``sample_scope``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.errors import ConfigurationError, StagingRefused
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.asked_values import among
from migration_assets.migration.copied_source import copied_practice
from migration_assets.migration.operations import Migration
from migration_assets.migration.payload import read_build
from migration_assets.migration.plan import Plan
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.sample_scope import patients_of, scope_keys
from migration_assets.migration.sampling import PATIENT_COLUMNS, Sample, SampleChoice, choose
from migration_assets.migration.upload_file import READBACK, SAMPLE, SOURCE, UPLOAD, payload_table
from migration_assets.warehouse import Session, quoted

SPOT_CHECK_PATIENTS = 10
ASKED_FOR = "asked for"
"""Why a patient is in a diff whom somebody named."""
_STAGED = "staged_"


@dataclass(frozen=True)
class Sampled:
    """What the diff is computed from.

    ``patients``: sampling.PATIENT_COLUMNS, ``staged_patients`` the staged table. By object: ``mapped`` the
    payload's records of the patients and of what these refer to, as far as they are in the upload's scope;
    ``returned`` those of them that were read back; ``built`` the keys of the whole payload. ``owners``:
    ``key`` and ``patient`` of every patient's record.
    """

    plan: Plan
    raw: RawPractice
    patients: pl.DataFrame
    staged_patients: pl.DataFrame
    mapped: Mapping[str, pl.DataFrame]
    returned: Mapping[str, pl.DataFrame]
    built: Mapping[str, pl.Series]
    owners: pl.DataFrame

    def key_field(self, name: str) -> str:
        return self.plan.mapping.of_object(name).schema.key_field


def read_sample(migration: Migration, wanted: Sequence[str] | None) -> Sampled:
    """The records of the ``wanted`` patients (source ids), else of those rehearsed, else of a spot check.

    Raises ConfigurationError where a patient is wanted who isn't staged, StagingRefused where the plan has
    changed since the payload was built, and WarehouseTableMissing before the first reconciliation.
    """
    practice, plan = migration.practice, migration.stored_plan()
    platform, target = migration.platform, migration.target
    profile, options = platform.profile(practice), platform.options(practice, target)
    with platform.upload_warehouse(target).open(read_only=True) as session:
        if read_build(session).plan_hash != plan.hash:
            raise StagingRefused(
                f"{target}: the mapping, the profile or the practice's settings changed since the payload "
                "was built; build, upload and reconcile it again before you compare its fields"
            )
        staged_patients = session.read(SOURCE, "staged_patients")
        patients = _patients(session, staged_patients, wanted, practice.rehearsal.seed)
        narrow = {spec.asset: _references(session, spec) for spec in plan.specs}
        ids = patients["source_id"]
        keys = scope_keys(plan, narrow, ids.to_list(), practice=practice.key)
        owned = patients_of(plan, narrow, practice=practice.key)
        for name, of_object in owned.items():
            mine = of_object.filter(pl.col("patient").is_in(ids.implode()))["key"]
            keys[name] = pl.concat([keys[name], mine]).unique(maintain_order=True)
        scope = session.read(UPLOAD, "scope")
        mapped, returned = {}, {}
        for spec in plan.specs:
            inside = scope.filter(pl.col("object") == spec.name)["key"]
            wanted_keys = keys[spec.name].filter(keys[spec.name].is_in(inside.implode()))
            mapped[spec.name] = _rows(session, UPLOAD, payload_table(spec.asset), spec, wanted_keys)
            returned[spec.name] = _rows(session, READBACK, spec.asset, spec, wanted_keys)
        return Sampled(
            plan=plan,
            raw=copied_practice(session, practice, profile, options),
            patients=patients,
            staged_patients=staged_patients,
            mapped=mapped,
            returned=returned,
            built={spec.name: narrow[spec.asset][spec.schema.key_field] for spec in plan.specs},
            owners=pl.concat(owned.values()),
        )


def _patients(
    session: Session, staged: pl.DataFrame, wanted: Sequence[str] | None, seed: int
) -> pl.DataFrame:
    rehearsed = session.read(UPLOAD, SAMPLE)
    if wanted is None:
        return rehearsed if rehearsed.height else _spot_check(session, seed).patients
    known = staged.filter(pl.col("source_id").is_in(list(wanted)))["source_id"]
    unknown = len(set(wanted)) - known.len()
    if unknown:
        raise ConfigurationError(
            f"{unknown} of the patients that the diff is asked for aren't staged; give source ids of PANDA's "
            "patients, or stage the practice again"
        )
    asked = pl.DataFrame({"source_id": list(dict.fromkeys(wanted))})
    asked = asked.join(rehearsed, on="source_id", how="left", maintain_order="left")
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return asked.with_columns(pl.col("strata").fill_null(nothing), pl.col("why").fill_null(ASKED_FOR)).select(
        *PATIENT_COLUMNS
    )


def _spot_check(session: Session, seed: int) -> Sample:
    """A few patients of a practice that is there as a whole, the same ones every time."""
    staged = {
        table.removeprefix(_STAGED): session.read(SOURCE, table)
        for table in session.tables(SOURCE)
        if table.startswith(_STAGED)
    }
    rejects, corrections = (session.read(SOURCE, name) for name in ("rejects", "corrections"))
    return choose(staged, rejects, corrections, SampleChoice(SPOT_CHECK_PATIENTS, seed))


def _references(session: Session, spec: ObjectSpec) -> pl.DataFrame:
    columns = [spec.schema.key_field, *(each.name for each in spec.schema.references)]
    return session.read(UPLOAD, payload_table(spec.asset), columns)


def _rows(session: Session, schema: str, table: str, spec: ObjectSpec, keys: pl.Series) -> pl.DataFrame:
    """The table's records with these keys, each once."""
    key = spec.schema.key_field
    wanted = among(session, keys.to_list())
    rows = session.sql(f"SELECT * FROM {schema}.{quoted(table)} WHERE {quoted(key)} IN {wanted}")
    return rows.unique(key, keep="first", maintain_order=True)
