"""A person's decision about conflicts: which of them, whose value stays, and the entry in the audit log.

The decision is written down before it has any effect. Where the source's value is taken, the next delta sends
the record; where the destination's is, nothing is sent and nothing asks again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal
from uuid import uuid4

from migration_assets.errors import ConfigurationError
from migration_assets.migration.conflict_store import ConflictStore, Standing
from migration_assets.migration.conflicts import OPEN
from migration_assets.migration.decisions import ConflictsDecided
from migration_assets.migration.target_access import TargetAccess


def conflict_store(access: TargetAccess) -> ConflictStore:
    practice = access.practice
    return ConflictStore(
        access.platform.ledger_engine(practice.key), access.target, access.platform.keys(practice)
    )


def decide(
    access: TargetAccess, take: Literal["source", "crm"], decided_by: str, records: Sequence[str] = ()
) -> list[Standing]:
    """Those that were decided about: without ``records`` all that are open, else all that these name
    (OBJECT:KEY, or OBJECT:KEY:FIELD), also those that were decided otherwise before.

    Raises ConfigurationError where a name fits none, or no name of who decides is given.
    """
    if not decided_by.strip():
        raise ConfigurationError(f"{access.target}: who decides isn't said; give it with --decided-by NAME")
    store = conflict_store(access)
    chosen = _chosen(access, store.standing(), records)
    if not chosen:
        return []
    counts = Counter(each.object for each in chosen)
    run_id = f"decide-{uuid4()}"
    access.note(
        ConflictsDecided(
            destination=access.target.destination,
            environment=access.target.environment,
            run_id=run_id,
            take=take,
            decided_by=decided_by,
            counts=dict(sorted(counts.items())),
            hashes={"conflicts": list_hash(chosen)},
        )
    )
    store.decide(chosen, take, decided_by, run_id)
    return chosen


def list_hash(conflicts: Sequence[Standing]) -> str:
    """Of the events that a list shows; it tells nothing of their values."""
    return sha256("\n".join(f"{each.sequence}:{each.name}" for each in conflicts).encode()).hexdigest()


def _chosen(access: TargetAccess, standing: Sequence[Standing], records: Sequence[str]) -> list[Standing]:
    if not records:
        return [each for each in standing if each.resolution == OPEN]
    wanted, named = set(records), set[str]()
    chosen = []
    for each in standing:
        fits = wanted & {each.name, f"{each.object}:{each.conflict.key}"}
        named |= fits
        if fits:
            chosen.append(each)
    if wanted - named:
        raise ConfigurationError(
            f"{access.target}: {len(wanted - named)} of {len(wanted)} records of --record have no conflict; "
            "`migration-assets conflicts` writes the page that names them all (OBJECT:KEY or "
            "OBJECT:KEY:FIELD), nothing was decided"
        )
    return chosen
