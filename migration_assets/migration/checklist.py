"""The go-live checklist: the gate's requirements and what the load itself left, as a table. A pure function
of facts that somebody else reads; nothing of a patient's stands in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from migration_assets.migration.adoption import UNDECIDED
from migration_assets.migration.decisions import (
    Decision,
    DrainChecked,
    Exported,
    Reconciled,
    RolledBack,
    SourceRefreshed,
    UploadBegan,
)
from migration_assets.migration.gate import LIVE, PlanFacts, Requirement, requirements
from migration_assets.migration.ledger import Target
from migration_assets.migration.reconciliation import Reconciliation
from migration_assets.migration.recording import RECONCILIATION_FILE

REPORT_FILE = "report.html"
_NO_CUTOVER = "nothing is refreshed from PANDA by itself; stop using it before the load, or load again after"
_AHEAD = "the cutover's window hasn't begun; PANDA goes on being used until it has ended"
_NOT_RECONCILED = "no reconciliation of this plan since the last load"

State = Literal["met", "missing", "not_applicable"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line; ``remedy`` says how to meet what is missing or why it doesn't apply."""

    requirement: str
    state: State
    remedy: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """The last preflight of live: by which plan, when (ISO 8601), and how many findings still stand, by
    severity; what a deployment of the schema mends isn't one."""

    plan_hash: str
    made_at: str
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checklist judges; None where there is none of it yet. ``open_conflicts`` None: the practice
    has no cutover, or one that lies ``ahead``."""

    target: Target
    plan: PlanFacts
    decisions: Sequence[Decision]
    failure_limit: float
    preflight: Preflight | None = None
    reconciliation: Reconciliation | None = None
    open_conflicts: int | None = None
    ahead: bool = False


def checklist(facts: Facts) -> list[Row]:
    """Every row, in the order in which they are met."""
    return [
        _preflight(facts),
        *(_of_gate(each) for each in _gate(facts)),
        _loaded(facts),
        _balanced(facts),
        _drained(facts),
        _decided(facts),
        _delivered(facts),
    ]


def ready(rows: Sequence[Row]) -> bool:
    return not any(row.state == "missing" for row in rows)


def _gate(facts: Facts) -> list[Requirement]:
    return requirements(
        facts.decisions,
        practice=facts.target.practice,
        destination=facts.target.destination,
        environment=LIVE,
        plan=facts.plan,
    )


def _of_gate(requirement: Requirement) -> Row:
    state: State = "met" if requirement.met else "missing"
    remedy = "" if requirement.met else requirement.remedy
    return Row(requirement.name, state, remedy, requirement.evidence)


def _row(requirement: str, met: bool, remedy: str, evidence: str) -> Row:
    return Row(requirement, "met" if met else "missing", "" if met else remedy, evidence)


def _preflight(facts: Facts) -> Row:
    name, found = "preflight clean", facts.preflight
    again = f"materialise {facts.target.destination}/preflight for {facts.target.practice}"
    if found is None:
        return Row(name, "missing", again, "no preflight yet")
    evidence = f"{found.errors:,} errors, {found.warnings:,} warnings, {found.made_at[:16].replace('T', ' ')}"
    if found.plan_hash != facts.plan.hash:
        return Row(name, "missing", f"{again} (the plan has changed since)", evidence)
    return _row(name, not found.errors, f"mend what it shows, then {again}", evidence)


def _reconciled(facts: Facts) -> Reconciled | None:
    """The last reconciliation of the target in the log, unless something was loaded or taken back since."""
    last: Reconciled | None = None
    for each in facts.decisions:
        if isinstance(each, Reconciled | UploadBegan | RolledBack) and each.is_of(facts.target):
            last = each if isinstance(each, Reconciled) else None
    return last


def _current(facts: Facts) -> Reconciliation | None:
    """The reconciliation, where it is by the plan as it is now and the very one that the audit log names."""
    found, entry = facts.reconciliation, _reconciled(facts)
    if found is None or entry is None or found.plan_hash != facts.plan.hash:
        return None
    sealed = entry.hashes.get(RECONCILIATION_FILE)
    return found if sealed == hashlib.sha256(found.as_json()).hexdigest() else None


def _loaded(facts: Facts) -> Row:
    """Held back is what hangs on a reject that the practice's limit allows; but nobody goes live with a
    decision to take."""
    name, found = "loads complete", _current(facts)
    again = f"materialise {facts.target.destination}/* for {facts.target.practice}"
    if found is None:
        return Row(name, "missing", again, _NOT_RECONCILED)
    states = {each.object: each.state for each in found.objects}
    scope = sum(each.in_scope for each in states.values())
    loaded = sum(each.loaded for each in states.values())
    held = sum(each.held_back for each in states.values())
    evidence = f"{loaded:,} of {scope:,} records loaded, {held:,} held back"
    if not scope:
        return Row(name, "missing", again, evidence)
    behind = [
        f"{name} {each.failed:,} of {each.in_scope:,}"
        for name, each in states.items()
        if each.failed > facts.failure_limit * each.in_scope
    ]
    undecided = sum(each.code == UNDECIDED for each in found.held_back)
    wanting = []
    if behind:
        wanting.append(
            f"failed beyond the practice's failure_limit of {facts.failure_limit:.2%}: {', '.join(behind)}; "
            f"mend the causes that the report shows and run retry_{facts.target.destination}"
        )
    if undecided:
        wanting.append(
            f"{undecided:,} records wait for somebody to decide whether they are there already; run "
            f"migration-assets adopt {facts.target.practice} {facts.target.destination} --environment live"
        )
    return _row(name, not wanting, "; ".join(wanting), evidence)


def _balanced(facts: Facts) -> Row:
    name, found = "reconciliation balanced", _current(facts)
    again = f"materialise {facts.target.destination}/reconciliation for {facts.target.practice}"
    if found is None:
        return Row(name, "missing", again, _NOT_RECONCILED)
    evidence = f"{'balanced' if found.balanced else 'not balanced'}, {found.different:,} fields differ"
    met = found.balanced and not found.different
    return _row(name, met, f"mend what the reconciliation shows, then {again}", evidence)


def _drained(facts: Facts) -> Row:
    """Both sides were read once more and agreed, and nothing was refreshed or sent since."""
    name = "delta drained"
    if facts.open_conflicts is None:
        return Row(name, "not_applicable", _AHEAD if facts.ahead else _NO_CUTOVER, "")
    last: DrainChecked | None = None
    for each in facts.decisions:
        if isinstance(each, SourceRefreshed):
            last = None
        elif isinstance(each, DrainChecked | UploadBegan | RolledBack) and each.is_of(facts.target):
            last = each if isinstance(each, DrainChecked) else None
    remedy = f"launch go_live_{facts.target.destination} for {facts.target.practice}: it refreshes once more"
    if last is None:
        return Row(name, "missing", remedy, "source and destination weren't compared since the last refresh")
    told = ", ".join(f"{what.replace('_', ' ')} {count:,}" for what, count in last.counts.items())
    return _row(name, last.passed, remedy, f"{last.at:%Y-%m-%d %H:%M} UTC: {told}")


def _decided(facts: Facts) -> Row:
    name = "conflicts decided"
    if facts.open_conflicts is None:
        return Row(name, "not_applicable", "only a cutover has conflicts", "")
    remedy = (
        f"look at the page of migration-assets conflicts {facts.target.practice} "
        f"{facts.target.destination} and decide"
    )
    return _row(name, not facts.open_conflicts, remedy, f"{facts.open_conflicts:,} wait for a decision")


def _delivered(facts: Facts) -> Row:
    """A report that was written after the last reconciliation of live."""
    reconciled = _reconciled(facts)
    since = [] if reconciled is None else facts.decisions[list(facts.decisions).index(reconciled) :]
    written = [
        each
        for each in since
        if isinstance(each, Exported) and each.is_of(facts.target) and REPORT_FILE in each.hashes
    ]
    evidence = f"{REPORT_FILE} of {written[-1].at:%Y-%m-%d %H:%M} UTC" if written else ""
    remedy = f"materialise {facts.target.destination}/report for {facts.target.practice}"
    return _row("report delivered", bool(written), remedy, evidence)
