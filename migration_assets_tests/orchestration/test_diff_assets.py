"""What Dagster shows of the field-level diff: counts, places of the pages, checks that fail."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from dagster import DagsterInstance, materialize

from migration_assets.migration.decisions import Head
from migration_assets.migration.operations import Migration
from migration_assets.orchestration import diff_assets
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets_tests.orchestration.installation import evaluations, metadata
from migration_assets_tests.reports.diffs import check, diff, field


@pytest.mark.parametrize(
    ("cls", "passed", "verdicts"),
    [
        ("expected", True, (True, True)),
        ("format", True, (True, True)),
        *((cls, True, (False, True)) for cls in ("changed", "lost", "added")),
        ("same", False, (True, False)),
    ],
)
def test_what_differs_fails_a_check_of_its_own(
    cls: str, passed: bool, verdicts: tuple[bool, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[Path] = []

    def note(_: Migration, _run: str | None, paths: Iterable[Path]) -> Head:
        exported.extend(paths)
        return Head(5, "cd" * 32)

    found = diff([field("1", cls=cls), field("1")], checks=[check("plan_lines", passed=passed)])
    monkeypatch.setattr(diff_assets, "compute", lambda _: found)
    monkeypatch.setattr(Migration, "practice", SimpleNamespace(name="Maple"))
    monkeypatch.setattr(Migration, "audit_head", lambda _: Head(4, "ab" * 32))
    monkeypatch.setattr(Migration, "note_exported", note)
    platform = PlatformResource(data=str(tmp_path), practices=None, warehouse=WarehouseResource())

    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("practice", ["maple"])
        run = materialize(
            [diff_assets.build_field_diff("salesforce_rehearsal", "salesforce", "rehearsal")],
            partition_key="maple",
            instance=instance,
            resources={"platform": platform},
        )

    assert {each.check_name: each.passed for each in evaluations(run)} == dict(
        zip(("no_field_lost_or_changed", "charts_lines_and_providers"), verdicts, strict=True)
    )
    told = metadata(run, "salesforce_rehearsal/field_diff")
    assert told["audit_log"] == f"5:{'cd' * 32}"
    assert [told["report"], told["json"]] == [str(each) for each in exported]
    assert all(each.exists() for each in exported)
    assert "Almond" not in str(told)
