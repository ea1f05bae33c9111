"""Brings an upload's file from the payload of its last build to that of the rows as they are now, and puts
into scope what differs: at a cost that grows with what changed, not with the practice.

The tables come out as a full ``payload.build`` would make them, but for the order of their rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from migration_assets.errors import StagingRefused
from migration_assets.migration import payload
from migration_assets.migration.delta_changes import ChangeFinder
from migration_assets.migration.delta_reach import is_separable
from migration_assets.migration.delta_rows import StagedRows
from migration_assets.migration.delta_writing import note_staging_excuses, recount, rewrite_excused
from migration_assets.migration.drawn_files import drawn_of
from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.payload_parts import staged_names
from migration_assets.migration.plan import Plan
from migration_assets.migration.remaking import Remade, Remaking
from migration_assets.migration.source_copies import PANDA, bring_copies, copy_staged, extracted
from migration_assets.migration.staging import VERDICT_COLUMNS, Verdict, require_passed
from migration_assets.migration.upload_file import (
    SCOPE_ALL,
    SCOPE_COLUMNS,
    SCOPE_DELTA,
    SCOPE_RETRY,
    SCOPE_SAMPLE,
    SENT,
    UPLOAD,
    payload_table,
    problems_table,
)
from migration_assets.panda.profile import Profile
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse, quoted


@dataclass(frozen=True, slots=True)
class DeltaBuild:
    """``sequence`` is the last refresh that is in the payload now. Where ``needs_full`` nothing was changed:
    the payload has to be built in full. Counts by object: records in the payload, those in scope, those that
    can't be sent as they are, and those that left the payload."""

    sequence: int
    needs_full: bool = False
    records: Mapping[str, int] = field(default_factory=dict)
    in_scope: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)


def build_delta(
    practice: Practice,
    plan: Plan,
    panda: Warehouse,
    upload: Warehouse,
    minted: MintedKeys,
    *,
    profile: Profile,
    run_id: str,
    unsettled: Mapping[str, Collection[str]],
    everything: bool = False,
) -> DeltaBuild:
    """In scope is what has another payload than before, ``unsettled`` keys (by object) that have one, and
    what the last build's scope had and nobody has sent since; with ``everything`` all records.

    Raises StagingRefused where the payload is of another plan, or a staged object has no passing verdict.
    """
    with upload.open() as session, session.attached(panda, PANDA):
        if not session.has_table(UPLOAD, "build"):
            return DeltaBuild(0, needs_full=True)
        built, now = payload.read_build(session), extracted(session)
        if built.plan_hash != plan.hash:
            raise StagingRefused(
                f"practice {practice.key}: the payload was built by plan {built.plan_hash[:12]}, but the "
                "mapping, the profile or the practice's settings have changed since "
                f"(now {plan.hash[:12]}); materialise the payload again"
            )
        build_of = payload.described(session, plan, SCOPE_ALL if everything else SCOPE_DELTA, run_id, now)
        goes_on = built.base is not None and (built.base, built.owners) == (build_of.base, build_of.owners)
        if not goes_on or built.scope == SCOPE_SAMPLE or not all(is_separable(spec) for spec in plan.specs):
            return DeltaBuild(built.sequence, needs_full=True)
        names = staged_names(plan.mapping)
        require_passed(practice.key, _verdicts(session, names))
        with session.transaction():
            remade: dict[str, Remade] = {}
            if now.sequence > built.sequence:
                finder = ChangeFinder(session, profile, names, built.sequence)
                remade = _remake(session, practice, plan, finder, minted)
            if everything:
                in_scope = payload.write_scope(session, practice, plan, None)
            else:
                changed = {name: each.changed for name, each in remade.items()}
                in_scope = _write_scope(session, plan, built, changed, unsettled)
            payload.write_build(session, build_of)
            return DeltaBuild(
                sequence=now.sequence,
                records={spec.name: session.count(UPLOAD, payload_table(spec.asset)) for spec in plan.specs},
                in_scope=in_scope,
                problems={spec.name: _problems(session, spec.asset) for spec in plan.specs},
                gone={name: len(each.gone) for name, each in remade.items()},
            )


def _remake(
    session: Session, practice: Practice, plan: Plan, finder: ChangeFinder, minted: MintedKeys
) -> dict[str, Remade]:
    changes = finder.find(minted)
    drawn = {each.name: each for each in drawn_of(plan.mapping)}
    rows = StagedRows(session, changes.minted, payload.pseudo_tables(session, practice), drawn)
    remaking = Remaking(session, practice, plan, changes, rows)
    remade = {spec.name: remaking.remake(spec) for spec in plan.specs}
    reached = note_staging_excuses(session, plan).union(*(each.reached for each in remade.values()))
    whole = [name for name in finder.names if name in changes.whole]
    by_id = {name: change.ids for name, change in changes.rows.items() if name not in changes.whole}
    copy_staged(session, whole)
    bring_copies(
        session,
        finder.profile,
        finder.names,
        changes.raw_keys,
        {name: ids for name, ids in by_id.items() if not changes.minted.columns(name)},
    )
    changes.minted.write(session)
    recount(session, plan)
    rewrite_excused(session, reached)
    return remade


def _write_scope(
    session: Session,
    plan: Plan,
    built: payload.Build,
    changed: Mapping[str, Collection[str]],
    unsettled: Mapping[str, Collection[str]],
) -> dict[str, int]:
    """Answers how many records are in scope, by object."""
    parts = [
        pl.DataFrame({"key": list(found.get(spec.name, ()))}, schema={"key": pl.String}).select(
            pl.lit(spec.name).alias("object"), "key", pl.lit(why).alias("why")
        )
        for why, found in ((SCOPE_DELTA, changed), (SCOPE_RETRY, unsettled))
        for spec in plan.specs
    ]
    unsent = session.read(UPLOAD, "scope")
    if session.has_table(UPLOAD, SENT):
        sent = session.read(UPLOAD, SENT).filter(pl.col("built_at") == built.built_at)["object"]
        unsent = unsent.filter(~pl.col("object").is_in(sent.implode()))
    wanted = pl.concat([pl.DataFrame(schema=SCOPE_COLUMNS), *parts, unsent])
    session.put_temporary("wanted", wanted.unique(["object", "key"], keep="first", maintain_order=True))
    there = " UNION ALL ".join(
        f"SELECT object, key, why FROM temp.wanted WHERE object = '{spec.name}' AND key IN "
        f"(SELECT {quoted(spec.schema.key_field)} FROM {UPLOAD}.{quoted(payload_table(spec.asset))})"
        for spec in plan.specs
    )
    scope = session.sql(there)
    session.replace_table(UPLOAD, "scope", scope)
    return {spec.name: scope.filter(object=spec.name).height for spec in plan.specs}


def _verdicts(session: Session, names: Collection[str]) -> list[Verdict]:
    columns = ", ".join(name for name in VERDICT_COLUMNS if name != "staged_at")
    rows = session.sql(f"SELECT {columns} FROM {PANDA}.staged.verdicts").iter_rows(named=True)
    by_name = {row["object"]: Verdict(**row) for row in rows}
    return [by_name[name] for name in names]


def _problems(session: Session, asset: str) -> int:
    found = session.sql(f"SELECT count(DISTINCT key) AS n FROM {UPLOAD}.{quoted(problems_table(asset))}")
    return int(found.item())
