"""The gate before every upload and every deployment of a schema: a pure function of the decisions, the plan
and the environment. What it lacks is told with names of settings, never with their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migration_assets.errors import GateClosed
from migration_assets.migration.decisions import Approval, Decision, RehearsalCompleted

LIVE = "live"
REHEARSAL = "rehearsal"
CLEAN_REHEARSAL, APPROVAL = "clean rehearsal", "approval"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the go-live checklist; ``remedy`` says how to meet it, ``evidence`` what there is."""

    name: str
    met: bool
    remedy: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A plan's hash and what it is made of (``Plan.parts``); ``hash`` is None where none is stored yet."""

    hash: str | None
    parts: Mapping[str, str]


def requirements(
    decisions: Sequence[Decision], *, practice: str, destination: str, environment: str, plan: PlanFacts
) -> list[Requirement]:
    """What an upload needs. A rehearsal needs nothing; live, and any environment that isn't a rehearsal,
    needs a clean rehearsal and an approval of the same plan, given after the latest rehearsal of that plan.
    """
    if environment == REHEARSAL:
        return []
    ours = [
        each
        for each in decisions
        if isinstance(each, RehearsalCompleted | Approval) and each.destination == destination
    ]
    latest: RehearsalCompleted | None = None
    approval: Approval | None = None
    for each in ours:
        if each.plan_hash != plan.hash:
            continue
        if isinstance(each, RehearsalCompleted):
            latest, approval = each, None  # a rehearsal may repeat its run's id; what was approved is past
        elif latest is not None and each.rehearsal_run_id == latest.run_id:
            approval = each
    named = "the plan (none is stored yet)" if plan.hash is None else f"plan {plan.hash[:12]}"
    return [
        Requirement(
            f"{CLEAN_REHEARSAL} of {named}",
            latest is not None and latest.clean,
            f"materialise {destination}_rehearsal/* for {practice} and mend what its reconciliation shows",
            "" if latest is None else _rehearsed(latest),
        ),
        Requirement(
            f"{APPROVAL} of {named}",
            approval is not None,
            f"run `migration-assets approve {practice} {destination}` once the practice has read that "
            f"rehearsal's diff{_since_approval(ours, latest, plan)}",
            "" if approval is None else f"approved {by_and_when(approval)}",
        ),
    ]


def require_open(
    decisions: Sequence[Decision], *, practice: str, destination: str, environment: str, plan: PlanFacts
) -> None:
    """Raises GateClosed naming everything that is missing, and what changed since the last approval."""
    missing = [
        each
        for each in requirements(
            decisions, practice=practice, destination=destination, environment=environment, plan=plan
        )
        if not each.met
    ]
    if missing:
        lines = "; ".join(f"{each.name} is missing: {each.remedy}" for each in missing)
        raise GateClosed(f"practice {practice}: {destination}/{environment} may not be loaded: {lines}")


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of what differs, is new or is gone, sorted."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def changes(before: Approval | RehearsalCompleted, plan: PlanFacts) -> str:
    """What of the plan changed since an entry of another plan, by name."""
    if plan.hash is None:
        return "which plan there is now (none is stored)"
    if not before.plan_parts:
        return "the plan (that entry is older than the record of its parts)"
    return ", ".join(changed_parts(before.plan_parts, plan.parts))


def by_and_when(approval: Approval) -> str:
    return f"by {approval.approved_by} on {approval.at:%Y-%m-%d}"


def _rehearsed(rehearsal: RehearsalCompleted) -> str:
    verdict = "clean" if rehearsal.clean else "not clean"
    return f"{verdict}, run {rehearsal.run_id} of {rehearsal.at:%Y-%m-%d %H:%M} UTC"


def _since_approval(
    ours: Sequence[RehearsalCompleted | Approval], latest: RehearsalCompleted | None, plan: PlanFacts
) -> str:
    """Why the last approval doesn't count any more, as the end of a sentence; empty where there is none."""
    approvals = [each for each in ours if isinstance(each, Approval)]
    if not approvals:
        return ""
    last = approvals[-1]
    if last.plan_hash != plan.hash:
        return f" (changed since the approval {by_and_when(last)}: {changes(last, plan)})"
    if latest is not None:
        return f" (it was rehearsed again since the approval {by_and_when(last)})"
    return f" (the approval {by_and_when(last)} names a rehearsal that isn't in the log)"
