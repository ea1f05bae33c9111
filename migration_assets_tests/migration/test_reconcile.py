"""The third equation: how the records of an object stand, from the ledger and from what was read back."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration.ledger import STATE_COLUMNS
from migration_assets.migration.reconcile import _state_counts
from migration_assets.migration.reconciliation import StateCounts


def counts(
    in_scope: list[str], ledger: dict[str, tuple[str, bool]], found: list[str]
) -> tuple[StateCounts, bool, bool]:
    """``ledger``: key -> (outcome, present)."""
    rows = [
        dict.fromkeys(STATE_COLUMNS) | {"key": key, "outcome": outcome, "present": present}
        for key, (outcome, present) in ledger.items()
    ]
    state = _state_counts(
        pl.Series("PANDA_Key__c", in_scope, dtype=pl.String),
        pl.DataFrame(rows, schema=STATE_COLUMNS),
        pl.Series("PANDA_Key__c", found, dtype=pl.String),
    )
    return state, state.scope_balanced, state.destination_balanced


def test_all_loaded_and_all_there_is_balanced() -> None:
    state, *balanced = counts(["a", "b"], {"a": ("loaded", True), "b": ("loaded", True)}, ["a", "b"])

    assert (state.in_scope, state.loaded, state.in_destination) == (2, 2, 2)
    assert balanced == [True, True]


@pytest.mark.parametrize("outcome", ["failed", "not_sent", "held_back"])
def test_a_record_that_didnt_go_through_and_stands_there_from_before_is_stale(outcome: str) -> None:
    state, *balanced = counts(["a"], {"a": (outcome, True)}, ["a"])

    assert (state.loaded, state.stale, state.failed + state.held_back) == (0, 1, 1)
    assert balanced == [True, True]


def test_a_record_that_never_went_through_is_nowhere() -> None:
    state, *balanced = counts(["a", "b"], {"a": ("failed", False), "b": ("held_back", False)}, [])

    assert (state.failed, state.held_back, state.stale) == (1, 1, 0)
    assert balanced == [True, True]


@pytest.mark.parametrize("outcome", ["loaded", "failed", "held_back"])
def test_a_record_that_is_gone_from_the_source_and_stands_there_is_retained(outcome: str) -> None:
    state, *balanced = counts(["a"], {"a": ("loaded", True), "gone": (outcome, True)}, ["a", "gone"])

    assert (state.in_scope, state.loaded, state.retained) == (1, 1, 1)
    assert balanced == [True, True]


def test_a_record_that_was_deleted_there_unbalances() -> None:
    _, in_scope, there = counts(["a", "b"], {"a": ("loaded", True), "b": ("loaded", False)}, ["a"])

    assert (in_scope, there) == (True, False)


def test_a_record_that_stands_there_twice_unbalances() -> None:
    assert not counts(["a"], {"a": ("loaded", True)}, ["a", "a"])[2]


def test_a_record_that_nobody_sent_unbalances() -> None:
    assert not counts(["a"], {"a": ("loaded", True)}, ["a", "stranger"])[2]


def test_a_record_that_was_never_uploaded_unbalances() -> None:
    assert not counts(["a", "b"], {"a": ("loaded", True)}, ["a"])[1]


_OUTCOMES = st.tuples(st.sampled_from(["loaded", "failed", "not_sent", "held_back"]), st.booleans())


@given(st.dictionaries(st.sampled_from("abcdef"), _OUTCOMES), st.sets(st.sampled_from("abcdef")))
def test_both_sides_balance_exactly_where_ledger_and_destination_agree(
    ledger: dict[str, tuple[str, bool]], gone: set[str]
) -> None:
    in_scope = [key for key in ledger if key not in gone]
    found = [key for key, (_, present) in ledger.items() if present]
    lost = [key for key in in_scope if ledger[key] == ("loaded", False)]

    _, scope_balanced, destination_balanced = counts(in_scope, ledger, found)

    assert scope_balanced
    assert destination_balanced == (not lost)
