"""What Dagster shows of records that are there already: counts, a report's place, and a check that warns."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from dagster import AssetCheckSeverity, DagsterInstance, materialize

from migration_assets.migration.adopting import Look
from migration_assets.migration.adoption import ADOPTION_COLUMNS
from migration_assets.migration.decisions import Head
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.adoption_assets import build_adoptions
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets_tests.orchestration.installation import evaluations, metadata


@pytest.mark.parametrize(("state", "passed"), [("matched", False), ("ambiguous", False), ("no", True)])
def test_matches_that_wait_for_a_decision_are_a_warning(
    state: str, passed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ("Contact", "maple:patient:1", "003A", "Email + LastName", state, None)
    found = Look(pl.DataFrame([row], schema=ADOPTION_COLUMNS, orient="row"), {})
    monkeypatch.setattr(Migration, "find_adoptions", lambda *_: found)
    monkeypatch.setattr(Migration, "audit_head", lambda _: Head(3, "c" * 64))
    platform = PlatformResource(data=str(tmp_path), practices=None, warehouse=WarehouseResource())

    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("practice", ["maple"])
        run = materialize(
            [build_adoptions("salesforce_rehearsal", "salesforce", "rehearsal")],
            partition_key="maple",
            instance=instance,
            resources={"platform": platform},
        )

    (check,) = evaluations(run)
    assert (check.check_name, check.passed, check.severity) == (
        "adoptions_decided",
        passed,
        AssetCheckSeverity.WARN,
    )
    told = metadata(run, "salesforce_rehearsal/adoptions")
    assert (told[state], told["list_hash"]) == (1, found.list_hash)
    assert Path(told["report"]).exists()
