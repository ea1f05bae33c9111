"""The gate: live needs a clean rehearsal and an approval of the same plan, whatever else was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.errors import GateClosed
from migration_assets.migration.decisions import Approval, Decision, RehearsalCompleted
from migration_assets.migration.gate import PlanFacts, require_open, requirements

PLAN, OTHER_PLAN = "a" * 64, "b" * 64
NOW = PlanFacts(PLAN, {"profile": "p2", "mapping of Contact": "m2", "time_zone": "America/Chicago"})


def rehearsed(
    run_id: str = "r1", *, clean: bool = True, plan: str = PLAN, to: str = "salesforce"
) -> Decision:
    return RehearsalCompleted(destination=to, run_id=run_id, plan_hash=plan, clean=clean)


def approved(
    run_id: str = "r1", *, plan: str = PLAN, to: str = "salesforce", parts: Mapping[str, str] | None = None
) -> Decision:
    return Approval(
        at=datetime(2026, 11, 23, tzinfo=UTC),
        plan_parts=parts or {},
        destination=to,
        approved_by="Dr. Ames",
        os_user="ames",
        host="desk",
        plan_hash=plan,
        rehearsal_run_id=run_id,
    )


def missing(*decisions: Decision, environment: str = "live") -> list[str]:
    checklist = requirements(
        decisions, practice="maple", destination="salesforce", environment=environment, plan=NOW
    )
    return [each.name.split(" of ")[0] for each in checklist if not each.met]


def open_live(decisions: Sequence[Decision], plan: PlanFacts = NOW) -> None:
    require_open(decisions, practice="maple", destination="salesforce", environment="live", plan=plan)


def test_a_rehearsal_needs_nothing() -> None:
    assert missing(environment="rehearsal") == []


def test_live_needs_a_clean_rehearsal_and_an_approval() -> None:
    assert missing() == ["clean rehearsal", "approval"]
    assert missing(rehearsed()) == ["approval"]
    assert missing(rehearsed(), approved()) == []


@pytest.mark.parametrize("environment", ["Live", "production", ""])
def test_an_environment_that_isnt_a_rehearsal_is_guarded_like_live(environment: str) -> None:
    assert missing(environment=environment) == ["clean rehearsal", "approval"]


def test_an_approved_rehearsal_that_wasnt_clean_opens_nothing() -> None:
    assert missing(rehearsed(clean=False), approved()) == ["clean rehearsal"]


def test_an_approval_ends_with_the_next_rehearsal() -> None:
    assert missing(rehearsed(), approved(), rehearsed("r2")) == ["approval"]
    assert missing(rehearsed(), approved(), rehearsed("r2"), approved("r2")) == []


def test_an_approval_ends_with_the_next_reconciliation_of_the_same_run() -> None:
    assert missing(rehearsed(clean=False), approved(), rehearsed()) == ["approval"]


def test_an_approval_of_an_older_rehearsal_doesnt_count() -> None:
    assert missing(rehearsed(), rehearsed("r2"), approved("r1")) == ["approval"]


def test_an_approval_before_any_rehearsal_doesnt_count() -> None:
    assert missing(approved(), rehearsed()) == ["approval"]


def test_a_later_dirty_rehearsal_closes_the_gate() -> None:
    assert missing(rehearsed(), approved(), rehearsed("r2", clean=False)) == ["clean rehearsal", "approval"]


def test_other_plans_and_other_destinations_count_for_nothing() -> None:
    elsewhere = [rehearsed(plan=OTHER_PLAN), approved(plan=OTHER_PLAN)]
    other = [rehearsed(to="freshsales"), approved(to="freshsales")]

    assert missing(*elsewhere, *other) == ["clean rehearsal", "approval"]
    assert missing(rehearsed(), approved(), *elsewhere, *other) == []


def test_a_closed_gate_says_what_is_missing_and_what_to_do() -> None:
    with pytest.raises(GateClosed) as error:
        open_live(())

    assert str(error.value) == (
        "practice maple: salesforce/live may not be loaded: "
        "clean rehearsal of plan aaaaaaaaaaaa is missing: materialise salesforce_rehearsal/* for maple and "
        "mend what its reconciliation shows; approval of plan aaaaaaaaaaaa is missing: run `migration-assets "
        "approve maple salesforce` once the practice has read that rehearsal's diff"
    )


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        (
            [
                rehearsed(plan=OTHER_PLAN),
                approved(
                    plan=OTHER_PLAN, parts={**NOW.parts, "profile": "p1", "time_zone": "Mars", "gone": "x"}
                ),
            ],
            "(changed since the approval by Dr. Ames on 2026-11-23: gone, profile, time_zone)",
        ),
        (
            [rehearsed(plan=OTHER_PLAN), approved(plan=OTHER_PLAN)],
            "Dr. Ames on 2026-11-23: the plan (that entry is older than the record of its parts))",
        ),
        (
            [rehearsed(), approved(), rehearsed("r2")],
            "(it was rehearsed again since the approval by Dr. Ames on 2026-11-23)",
        ),
    ],
)
def test_a_gate_that_closed_again_says_why_by_names_and_not_by_values(
    decisions: list[Decision], said: str
) -> None:
    with pytest.raises(GateClosed) as error:
        open_live(decisions)

    assert said in str(error.value)
    assert "Chicago" not in str(error.value)
    assert "Mars" not in str(error.value)


def test_without_a_stored_plan_nothing_opens() -> None:
    with pytest.raises(GateClosed, match="none is stored yet"):
        open_live([rehearsed(), approved()], PlanFacts(None, {}))


_RUNS = st.sampled_from(["r1", "r2", "r3"])
_PLANS = st.sampled_from([PLAN, PLAN, OTHER_PLAN])
_PLACES = st.sampled_from(["salesforce", "salesforce", "freshsales"])
_DECISIONS = st.lists(
    st.one_of(
        st.builds(
            lambda run, clean, plan, to: rehearsed(run, clean=clean, plan=plan, to=to),
            _RUNS,
            st.booleans(),
            _PLANS,
            _PLACES,
        ),
        st.builds(lambda run, plan, to: approved(run, plan=plan, to=to), _RUNS, _PLANS, _PLACES),
    ),
    max_size=8,
)


@given(_DECISIONS)
def test_live_opens_exactly_after_an_approval_of_the_latest_clean_rehearsal(
    log: list[RehearsalCompleted | Approval],
) -> None:
    ours = [each for each in log if each.destination == "salesforce" and each.plan_hash == PLAN]
    while ours and isinstance(ours[-1], Approval):
        ours.pop()
    after = [each for each in log if each.destination == "salesforce" and each.plan_hash == PLAN][len(ours) :]
    latest = ours[-1] if ours else None
    expected = (
        isinstance(latest, RehearsalCompleted)
        and latest.clean
        and any(isinstance(each, Approval) and each.rehearsal_run_id == latest.run_id for each in after)
    )

    assert (missing(*log) == []) == expected


@given(_DECISIONS)
def test_the_gate_is_open_exactly_where_the_checklist_is_met(log: list[Decision]) -> None:
    def is_open() -> bool:
        try:
            open_live(log)
        except GateClosed:
            return False
        return True

    assert is_open() == (missing(*log) == [])
