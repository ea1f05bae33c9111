"""Approving: what a person attests before anything is loaded live, and what that takes.

Dagster and the command line know no users: a name is given, and the machine's own facts stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from migration_assets.errors import ConfigurationError, GateClosed
from migration_assets.migration import gate
from migration_assets.migration.attesting import here
from migration_assets.migration.decisions import Approval, Decision, RehearsalCompleted
from migration_assets.migration.ledger import Target


def require_approvable(
    decisions: Sequence[Decision], target: Target, plan: gate.PlanFacts
) -> RehearsalCompleted:
    """The destination's latest rehearsal, where it is clean and of exactly this plan.

    Raises GateClosed saying what is missing or what changed since, ConfigurationError for a rehearsal's
    target, which nobody has to approve.
    """
    if target.environment == gate.REHEARSAL:
        raise ConfigurationError(f"{target}: a rehearsal needs no approval; approve live")
    again = f"materialise {target.destination}_rehearsal/* for {target.practice}"
    rehearsals = [
        each
        for each in decisions
        if isinstance(each, RehearsalCompleted) and each.destination == target.destination
    ]
    if not rehearsals:
        raise GateClosed(f"{target}: nothing can be approved before a rehearsal; {again}")
    latest = rehearsals[-1]
    if latest.plan_hash != plan.hash:
        raise GateClosed(
            f"{target}: changed since the rehearsal of {latest.at:%Y-%m-%d}: {gate.changes(latest, plan)}; "
            f"{again}"
        )
    if not latest.clean:
        raise GateClosed(
            f"{target}: the rehearsal of {latest.at:%Y-%m-%d} (run {latest.run_id}) wasn't clean; mend what "
            f"its reconciliation and its diff show, then {again}"
        )
    return latest


def make_approval(
    target: Target,
    plan: gate.PlanFacts,
    rehearsal: RehearsalCompleted,
    approved_by: str,
    pages: Mapping[str, str],
) -> Approval:
    """``pages``: sha256 of what the rehearsal showed, by file name.

    Raises ConfigurationError where the name is blank.
    """
    name = " ".join(approved_by.split())
    if not name:
        raise ConfigurationError(f"{target}: an approval needs the name of who approves (--by NAME)")
    actor = here()
    return Approval(
        destination=target.destination,
        approved_by=name,
        **actor,
        plan_hash=rehearsal.plan_hash,
        rehearsal_run_id=rehearsal.run_id,
        plan_parts=plan.parts,
        attestation=(
            f"{name} attests to have looked at rehearsal {rehearsal.run_id} of "
            f"{rehearsal.at:%Y-%m-%d %H:%M} UTC and approves loading {target} by plan {rehearsal.plan_hash}; "
            f"written down by OS user {actor['os_user']} on {actor['host']}"
        ),
        hashes=pages,
    )
