"""One layout for all environments of a destination: what was rehearsed and approved is what live gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migration_assets.destinations.kind import ChartChoice, LayoutKind
from migration_assets.errors import ConfigurationError
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import wide_layout
from migration_assets_tests.migration.test_operations import FILE, Office, founded


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("MAPLE_KEY", "x" * 32)
    return founded(tmp_path)


def wanting(office: Office, environment: str, kind: LayoutKind) -> Migration:
    """The practice, as if its file said so for the environment."""
    known = office.platform.destinations["salesforce"]
    chosen = replace(known, chart=lambda _: ChartChoice(kind, 25))
    platform = replace(office.platform, destinations={"salesforce": chosen})
    return Migration(platform, office.migration(environment).target)


def test_live_takes_the_layout_that_was_rehearsed_whatever_its_own_room(office: Office) -> None:
    office.destination.room = 800
    rehearsed = office.migration().prepare().plan_hash
    office.destination.room = 500

    with office.migration("live").planned() as (plan, _):
        assert plan.hash == rehearsed


def test_live_does_not_start_another_kind_of_layout(office: Office) -> None:
    office.migration().prepare()

    with pytest.raises(ConfigurationError, match=r"chart_layout is per_tooth here, .* are planned wide"):
        wanting(office, "live", "per_tooth").prepare()
    rehearsed = wanting(office, "rehearsal", "per_tooth").prepare()
    assert wanting(office, "live", "per_tooth").stored_plan().hash == rehearsed.plan_hash


def test_a_limit_that_only_judges_changes_no_plan(office: Office) -> None:
    before = office.migration().prepare().plan_hash

    def now(policies: str) -> str:
        file = office.platform.practices / "maple.yaml"
        file.write_text(FILE.replace("{reject_limit: 0.5}", policies), encoding="utf-8")
        return office.migration().stored_plan().hash

    assert now("{reject_limit: 0.5, failure_limit: 0.25}") == before
    assert now("{reject_limit: 0.5, on_bad_tooth: hold_exam}") != before


def test_charts_by_tooth_are_measured_against_the_wide_ones_that_the_org_has_room_for(office: Office) -> None:
    office.destination.room = 500
    with office.migration().planned() as (wide, destination):
        assert wide_layout(wide, destination, 25) is None
    with wanting(office, "rehearsal", "per_tooth").planned() as (plan, destination):
        found = wide_layout(plan, destination, 25)

    assert found == wide.layout
    assert plan.layout is not None and plan.layout.measures == ()
