"""The gate before every upload: a pure function of the decisions, the plan and the environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migration_assets.errors import GateClosed
from migration_assets.migration.decisions import Approval, Decision, RehearsalCompleted

LIVE = "live"
REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the go-live checklist; ``remedy`` says how to meet it."""

    name: str
    met: bool
    remedy: str


def requirements(
    decisions: Sequence[Decision], *, practice: str, destination: str, environment: str, plan_hash: str
) -> list[Requirement]:
    """What an upload needs. A rehearsal needs nothing; live, and any environment that isn't a rehearsal,
    needs a clean rehearsal and an approval of the same plan, given after the latest rehearsal of that plan.
    """
    if environment == REHEARSAL:
        return []
    of_plan = [
        each
        for each in decisions
        if isinstance(each, RehearsalCompleted | Approval)
        and each.destination == destination
        and each.plan_hash == plan_hash
    ]
    latest: RehearsalCompleted | None = None
    approved = False
    for each in of_plan:
        if isinstance(each, RehearsalCompleted):
            latest, approved = each, False  # a rehearsal may repeat its run's id; what was approved is past
        elif latest is not None and each.rehearsal_run_id == latest.run_id:
            approved = True
    plan = plan_hash[:12]
    return [
        Requirement(
            f"clean rehearsal of plan {plan}",
            latest is not None and latest.clean,
            f"materialise {destination}_rehearsal/* for {practice} and mend what its reconciliation shows",
        ),
        Requirement(
            f"approval of plan {plan}",
            approved,
            f"have the practice approve that rehearsal of {practice} for {destination}",
        ),
    ]


def require_open(
    decisions: Sequence[Decision], *, practice: str, destination: str, environment: str, plan_hash: str
) -> None:
    """Raises GateClosed naming everything that is missing."""
    missing = [
        each
        for each in requirements(
            decisions,
            practice=practice,
            destination=destination,
            environment=environment,
            plan_hash=plan_hash,
        )
        if not each.met
    ]
    if missing:
        lines = "; ".join(f"{each.name} is missing: {each.remedy}" for each in missing)
        raise GateClosed(f"practice {practice}: {destination}/{environment} may not be loaded: {lines}")
