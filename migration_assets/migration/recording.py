"""Entries of the audit log about what was done: made from an operation's own outcome, counts and hashes only.

What people decided is made where they decide it (``approving``, ``adoption_operations``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from migration_assets.migration.decisions import (
    Exported,
    Extracted,
    Head,
    Reconciled,
    RehearsalCompleted,
    Staged,
)
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan
from migration_assets.migration.platform import Platform
from migration_assets.migration.reconciliation import Reconciliation
from migration_assets.migration.staging import StagingOutcome
from migration_assets.practice import Practice

if TYPE_CHECKING:
    from migration_assets.panda.extract import Extraction

RECONCILIATION_FILE = "reconciliation.json"
REHEARSAL_PAGES = (RECONCILIATION_FILE, "field_diff.html", "field_diff.json")
"""What is read before a rehearsal is approved; the approval names their hashes."""


def record_extraction(platform: Platform, practice: Practice, run_id: str, extraction: Extraction) -> Head:
    rows = {each.logical: each.rows for each in extraction.tables}
    files = {f"share_files.{state}": count for state, count in extraction.share_files.items()}
    return platform.decisions(practice).append(
        Extracted(run_id=run_id, batch_id=extraction.batch_id, counts=rows | files)
    )


def record_staging(platform: Platform, practice: Practice, run_id: str, outcome: StagingOutcome) -> Head:
    verdict = outcome.verdict
    counts = {name: getattr(verdict, name) for name in ("extracted", "staged", "rejected", "corrected")}
    return platform.decisions(practice).append(
        Staged(
            run_id=run_id,
            object=verdict.object,
            batch_id=verdict.batch_id,
            passed=verdict.passed,
            counts=counts,
        )
    )


def reconciled(target: Target, run_id: str, reconciliation: Reconciliation, document: bytes) -> Reconciled:
    """``document``: the text of reconciliation.json."""
    return Reconciled(
        destination=target.destination,
        environment=target.environment,
        run_id=run_id,
        plan_hash=reconciliation.plan_hash,
        scope=reconciliation.scope,
        balanced=reconciliation.balanced,
        clean=reconciliation.clean,
        counts=_counts(reconciliation),
        hashes={RECONCILIATION_FILE: hashlib.sha256(document).hexdigest()},
    )


def rehearsed(
    target: Target, run_id: str, reconciliation: Reconciliation, plan: Plan, entry: Reconciled
) -> RehearsalCompleted:
    """``entry``: that of the same reconciliation."""
    return RehearsalCompleted(
        destination=target.destination,
        run_id=run_id,
        plan_hash=reconciliation.plan_hash,
        clean=reconciliation.clean,
        plan_parts=plan.parts,
        counts=entry.counts,
        hashes=entry.hashes,
    )


def exported(target: Target, run_id: str | None, paths: Iterable[Path]) -> Exported:
    return Exported(
        destination=target.destination,
        environment=target.environment,
        run_id=run_id,
        hashes=hashes_of(paths),
    )


def audit_exported(paths: Iterable[Path]) -> Exported:
    """The audit log itself, which is about no target."""
    return Exported(hashes=hashes_of(paths))


def hashes_of(paths: Iterable[Path]) -> dict[str, str]:
    """File name -> sha256 of what stands in it now."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _counts(reconciliation: Reconciliation) -> dict[str, int]:
    states = [each.state for each in reconciliation.objects]
    return {
        **{
            name: sum(getattr(state, name) for state in states)
            for name in ("in_scope", "loaded", "failed", "held_back", "in_destination")
        },
        "different": reconciliation.different,
        "rejects": len(reconciliation.rejects),
    }
