"""Approving in Dagster's UI, the go-live asset, and the heads of the audit log that Dagster remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    DagsterInvalidConfigError,
    materialize,
)

from migration_assets.migration.checklist import Row
from migration_assets.migration.decisions import Approval, Exported, RehearsalCompleted
from migration_assets.migration.gate import LIVE, PlanFacts
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import load_mapping
from migration_assets.orchestration import approval_assets
from migration_assets.orchestration.approval_assets import build_go_live
from migration_assets.orchestration.approval_jobs import build_approval_job
from migration_assets.orchestration.audit_anchors import anchors_of
from migration_assets.orchestration.destination_assets import build_destination_assets
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets_tests.orchestration.installation import evaluations, failure_messages, metadata

KEY = {"env": "MAPLE_KEY"}
ORG = {
    "instance_url": "https://127.0.0.1:9",
    "auth": {"flow": "client_credentials", "client_id": KEY, "client_secret": KEY},
}
FILE = {
    "practice": "maple",
    "name": "Maple Periodontics",
    "time_zone": "America/New_York",
    "encryption_key": KEY,
    "source": {"server": "127.0.0.1", "port": 9, "database": "d", "username": "u", "password": KEY},
    "destinations": {"salesforce": {"environments": {"rehearsal": ORG, "live": ORG}}},
}


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformResource:
    monkeypatch.setenv("MAPLE_KEY", "a long enough key")
    (tmp_path / "practices").mkdir()
    (tmp_path / "practices" / "maple.yaml").write_text(json.dumps(FILE), encoding="utf-8")
    return PlatformResource(data=str(tmp_path), practices=None, warehouse=WarehouseResource())


@pytest.fixture
def migration(platform: PlatformResource, monkeypatch: pytest.MonkeyPatch) -> Migration:
    """A practice's way to live, with a plan that was rehearsed cleanly."""
    monkeypatch.setattr(Migration, "plan_facts", lambda _: PlanFacts("a" * 64, {"profile": "p"}))
    found = Migration(platform.platform(), Target("maple", "salesforce", LIVE))
    found.note(RehearsalCompleted(destination="salesforce", run_id="r1", plan_hash="a" * 64, clean=True))
    return found


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("practice", ["maple"])
        yield made


def test_the_approval_job_asks_for_a_name_and_shows_what_was_attested(
    platform: PlatformResource, migration: Migration, instance: DagsterInstance
) -> None:
    job = build_approval_job("salesforce")
    with pytest.raises(DagsterInvalidConfigError):
        job.execute_in_process(partition_key="maple", instance=instance, resources={"platform": platform})

    run = job.execute_in_process(
        partition_key="maple",
        instance=instance,
        resources={"platform": platform},
        run_config={"ops": {"approve": {"config": {"approved_by": "Dr. Ames"}}}},
    )

    assert run.success
    approval = migration.decisions.entries()[-1]
    assert isinstance(approval, Approval)
    assert (approval.approved_by, approval.plan_parts) == ("Dr. Ames", {"profile": "p"})
    (anchor,) = anchors_of(instance, "maple")
    assert (anchor.sequence, anchor.link) == (2, migration.audit_head().link)
    assert list(anchors_of(instance, "oak")) == []


@pytest.mark.parametrize("state", ["met", "missing"])
def test_the_go_live_asset_is_red_where_something_is_missing_and_says_what(
    platform: PlatformResource,
    migration: Migration,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    row = Row("report delivered", "missing" if state == "missing" else "met", "materialise it", "")
    monkeypatch.setattr(approval_assets, "checklist", lambda _: [row])

    run = materialize(
        [build_go_live("salesforce", "salesforce", LIVE)],
        partition_key="maple",
        instance=instance,
        resources={"platform": platform},
    )

    (check,) = evaluations(run)
    assert (check.check_name, check.passed) == ("ready", state == "met")
    told = metadata(run, "salesforce/go_live")
    assert told["ready"] is (state == "met")
    page = Path(told["report"])
    assert page.stat().st_mode & 0o777 == 0o600
    assert "report delivered" in page.read_text(encoding="utf-8")
    assert isinstance(migration.decisions.entries()[-1], Exported)
    assert told["audit_log"] == str(migration.audit_head())


@pytest.mark.usefixtures("migration")
def test_live_schema_isnt_deployed_without_approval_and_its_check_says_what_is_missing(
    platform: PlatformResource, instance: DagsterInstance
) -> None:
    (schema,) = (
        each
        for each in build_destination_assets(load_mapping("salesforce"), LIVE)
        if each.key == AssetKey(["salesforce", "schema"])
    )

    run = materialize(
        [schema],
        partition_key="maple",
        instance=instance,
        resources={"platform": platform},
        raise_on_error=False,
    )

    (check,) = evaluations(run)
    assert (check.check_name, check.passed) == ("may_upload", False)
    assert "approval of " in str(check.description)
    assert "may not be loaded" in failure_messages(run)["salesforce__schema"]


def test_heads_come_from_materialisations_and_observations_each_once(instance: DagsterInstance) -> None:
    key, head = AssetKey(["salesforce", "contact"]), f"7:{'c' * 64}"
    shown = {"audit_log": head}
    instance.report_runless_asset_event(AssetMaterialization(key, partition="maple", metadata=shown))
    instance.report_runless_asset_event(AssetObservation(key, partition="maple", metadata=shown))
    later = {"audit_log": f"9:{'d' * 64}"}
    instance.report_runless_asset_event(AssetObservation(key, partition="maple", metadata=later))
    instance.report_runless_asset_event(AssetMaterialization(key, partition="oak", metadata=later))
    instance.report_runless_asset_event(
        AssetMaterialization(key, partition="maple", metadata={"audit_log": "no head"})
    )

    assert sorted(each.sequence for each in anchors_of(instance, "maple")) == [7, 9]
