"""The go-live checklist: green only where nothing is missing, and what is missing says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from migration_assets.migration.checklist import Facts, Preflight, checklist, ready
from migration_assets.migration.decisions import (
    Approval,
    Decision,
    DrainChecked,
    Exported,
    Reconciled,
    RehearsalCompleted,
    RolledBack,
    SourceRefreshed,
    UploadBegan,
)
from migration_assets.migration.gate import PlanFacts
from migration_assets.migration.ledger import Target
from migration_assets.migration.reconciliation import (
    HeldBack,
    ObjectReconciliation,
    Reconciliation,
    RunCounts,
    StateCounts,
)

LIVE = Target("maple", "salesforce", "live")
PLAN = PlanFacts("a" * 64, {})
TARGET = {"destination": "salesforce", "environment": "live"}
LOAD = UploadBegan(**TARGET, object="Contact")
DRAINED = DrainChecked(**TARGET, passed=True, counts={"waiting": 0})
REFRESHED = SourceRefreshed(sequence=1)
REPORT = Exported(**TARGET, hashes={"report.html": "00"})
FINISHED = datetime(2026, 11, 23, 9, tzinfo=UTC)


def reconciliation(
    failed: int = 0, held_back: int = 0, different: int = 0, code: str = "parent_absent"
) -> Reconciliation:
    loaded = 100 - failed - held_back
    state = StateCounts(
        in_scope=100,
        loaded=loaded,
        failed=failed,
        held_back=held_back,
        stale=0,
        retained=0,
        in_destination=loaded,
    )
    sent = RunCounts(
        in_scope=100, sent=100, created=loaded, updated=0, unchanged=0, failed=failed, held_back=held_back
    )
    contact = ObjectReconciliation(
        object="Contact",
        this_run=sent,
        state=state,
        fields_compared=1,
        fields_different=different,
        meaning_compared=1,
        meaning_different=0,
        fill_rates={},
    )
    return Reconciliation(
        practice="maple",
        destination="salesforce",
        environment="live",
        scope="all",
        run_id="live",
        plan_hash=str(PLAN.hash),
        finished_at=FINISHED,
        balanced=True,
        sources=[],
        not_in_scope=[],
        lineage=[],
        objects=[contact],
        rejects=[],
        corrections=[],
        held_back=[
            HeldBack(object="Contact", key=f"maple:patient:{each}", code=code, message="waits")
            for each in range(held_back)
        ],
        failures=[],
        conflicts=[],
    )


CLEAN = reconciliation()


def reconciled(document: Reconciliation) -> Reconciled:
    return Reconciled(
        **TARGET,
        scope="all",
        balanced=True,
        clean=True,
        hashes={"reconciliation.json": sha256(document.as_json()).hexdigest()},
    )


def decided(document: Reconciliation = CLEAN) -> list[Decision]:
    """A whole way: rehearsed, approved, loaded, reconciled, reported."""
    plan = str(PLAN.hash)
    return [
        RehearsalCompleted(destination="salesforce", run_id="r1", plan_hash=plan, clean=True),
        Approval(
            destination="salesforce",
            approved_by="Dr. Ames",
            os_user="ames",
            host="desk",
            plan_hash=plan,
            rehearsal_run_id="r1",
        ),
        LOAD,
        reconciled(document),
        REPORT,
    ]


def facts(document: Reconciliation = CLEAN) -> Facts:
    preflight = Preflight(str(PLAN.hash), "2026-11-23T08:00:00+00:00", errors=0, warnings=2)
    return Facts(LIVE, PLAN, decided(document), 0.05, preflight, document)


def missing(given: Facts) -> list[str]:
    return [row.requirement.split(" of ")[0] for row in checklist(given) if row.state == "missing"]


def test_a_practice_that_went_the_whole_way_is_ready() -> None:
    rows = checklist(facts())

    assert [row.requirement.split(" of ")[0] for row in rows] == [
        "preflight clean",
        "clean rehearsal",
        "approval",
        "loads complete",
        "reconciliation balanced",
        "delta drained",
        "conflicts decided",
        "report delivered",
    ]
    assert ready(rows)
    of_cutover = [row.state for row in rows if row.requirement in ("delta drained", "conflicts decided")]
    assert of_cutover == ["not_applicable"] * 2
    assert [row.state for row in rows].count("met") == len(rows) - 2


def test_nothing_done_yet_leaves_everything_missing_with_what_to_do() -> None:
    rows = checklist(Facts(LIVE, PlanFacts(None, {}), [], 0.0))

    assert not ready(rows)
    assert len(missing(Facts(LIVE, PLAN, [], 0.0))) == 6
    assert all(row.remedy for row in rows)


@pytest.mark.parametrize(
    ("change", "requirement", "said"),
    [
        ({"preflight": Preflight(str(PLAN.hash), "", 1, 0)}, "preflight clean", "mend what it shows"),
        ({"preflight": Preflight("b" * 64, "", 0, 0)}, "preflight clean", "plan has changed"),
        ({"decisions": [*decided()[:1], *decided()[2:]]}, "approval", "migration-assets approve maple"),
        ({"open_conflicts": 0}, "delta drained", "launch go_live_salesforce for maple"),
        ({"open_conflicts": 0, "decisions": [*decided(), DRAINED, REFRESHED]}, "delta drained", "once more"),
        ({"open_conflicts": 2, "decisions": [*decided(), DRAINED]}, "conflicts decided", "and decide"),
        ({"decisions": decided()[:-1]}, "report delivered", "salesforce/report"),
        ({"decisions": [*decided(), reconciled(CLEAN)]}, "report delivered", "salesforce/report"),
    ],
)
def test_one_thing_that_is_missing_is_named_alone(
    change: dict[str, object], requirement: str, said: str
) -> None:
    changed = replace(facts(), **change)  # type: ignore[arg-type]  # one field of several types

    assert missing(changed) == [requirement]
    assert said in next(row.remedy for row in checklist(changed) if row.state == "missing")


@pytest.mark.parametrize(
    ("document", "requirement", "said"),
    [
        (reconciliation(failed=6), "loads complete", "5.00%: Contact 6 of 100"),
        (
            reconciliation(held_back=6, code="adoption_undecided"),
            "loads complete",
            "6 records wait for somebody to decide",
        ),
        (reconciliation(different=1), "reconciliation balanced", "mend what"),
    ],
)
def test_a_load_that_isnt_whole_is_named(document: Reconciliation, requirement: str, said: str) -> None:
    assert missing(facts(document)) == [requirement]
    assert said in next(row.remedy for row in checklist(facts(document)) if row.state == "missing")


@pytest.mark.parametrize("since", [LOAD, RolledBack(**TARGET)])
def test_what_was_loaded_or_taken_back_since_makes_the_reconciliation_old(since: Decision) -> None:
    changed = replace(facts(), decisions=[*decided(), since])

    assert missing(changed) == ["loads complete", "reconciliation balanced", "report delivered"]


def test_a_reconciliation_that_the_audit_log_doesnt_name_counts_for_nothing() -> None:
    forged = replace(facts(reconciliation(failed=50)), reconciliation=CLEAN)

    assert missing(forged) == ["loads complete", "reconciliation balanced"]


def test_what_fails_within_the_practices_limit_is_shown_and_complete() -> None:
    within = facts(reconciliation(failed=3, held_back=2))

    assert missing(within) == []
    assert "95 of 100 records loaded, 2 held back" in [row.evidence for row in checklist(within)]


def test_a_load_by_another_plan_counts_for_nothing() -> None:
    older = CLEAN.model_copy(update={"plan_hash": "b" * 64})

    assert missing(facts(older)) == ["loads complete", "reconciliation balanced"]
