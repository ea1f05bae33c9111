"""The sensor that keeps a partition for each practice file."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import (
    AddDynamicPartitionsRequest,
    DagsterInstance,
    SensorDefinition,
    SensorResult,
    build_sensor_context,
)

from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets.orchestration.sensors import build_practice_sensor

FILE = """\
practice: {practice}
name: Maple Periodontics
time_zone: America/New_York
encryption_key: {{env: MAPLE_KEY}}
source: {{server: s, database: d, username: u, password: {{env: MAPLE_KEY}}}}
destinations: {{}}
"""


@pytest.fixture
def practices(tmp_path: Path) -> Path:
    folder = tmp_path / "practices"
    folder.mkdir()
    return folder


def _add_file(practices: Path, practice: str) -> Path:
    path = practices / f"{practice}.yaml"
    path.write_text(FILE.format(practice=practice), encoding="utf-8")
    return path


def _tick(instance: DagsterInstance, practices: Path) -> str:
    """Evaluates the sensor, applies what it asks for, and returns what it says."""
    sensor: SensorDefinition = build_practice_sensor()
    platform = PlatformResource(data=str(practices.parent), practices=None, warehouse=WarehouseResource())
    with build_sensor_context(instance, resources={"platform": platform}) as context:
        result = sensor(context)
    assert isinstance(result, SensorResult)
    assert not result.run_requests
    for request in result.dynamic_partitions_requests or ():
        if isinstance(request, AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        else:
            for key in request.partition_keys:
                instance.delete_dynamic_partition(request.partitions_def_name, key)
    return str(result.skip_reason)


def _partitions(instance: DagsterInstance) -> list[str]:
    return sorted(PRACTICES.get_partition_keys(dynamic_partitions_store=instance))


def test_a_valid_file_adds_its_practice_once(instance: DagsterInstance, practices: Path) -> None:
    _add_file(practices, "maple")
    assert "added: maple" in _tick(instance, practices)
    assert _partitions(instance) == ["maple"]
    assert "no practice file has changed" in _tick(instance, practices)


def test_an_invalid_new_file_adds_nothing_and_is_reported(instance: DagsterInstance, practices: Path) -> None:
    (practices / "oak.yaml").write_text("practice: oak\nname: [\n", encoding="utf-8")
    assert "oak.yaml" in _tick(instance, practices)
    assert _partitions(instance) == []


def test_a_file_that_becomes_invalid_changes_nothing_and_is_reported(
    instance: DagsterInstance, practices: Path
) -> None:
    path = _add_file(practices, "maple")
    _tick(instance, practices)
    path.write_text(path.read_text().replace("America/New_York", "Mars"), encoding="utf-8")
    said = _tick(instance, practices)
    assert "maple.yaml, line 3" in said
    assert _partitions(instance) == ["maple"]


def test_a_practice_whose_file_is_gone_goes_when_it_has_no_ledger(
    instance: DagsterInstance, practices: Path
) -> None:
    path = _add_file(practices, "maple")
    _tick(instance, practices)
    path.unlink()
    assert "removed: maple" in _tick(instance, practices)
    assert _partitions(instance) == []


def test_a_practice_whose_file_is_gone_stays_archived_when_it_has_a_ledger(
    instance: DagsterInstance, practices: Path
) -> None:
    path = _add_file(practices, "maple")
    _tick(instance, practices)
    path.unlink()
    ledger = practices.parent / "ledger" / "maple.sqlite"
    ledger.parent.mkdir()
    ledger.touch()
    assert "archived (ledger kept): maple" in _tick(instance, practices)
    assert _partitions(instance) == ["maple"]


def test_a_missing_folder_of_practice_files_removes_nothing(
    instance: DagsterInstance, practices: Path
) -> None:
    """An unmounted disk looks like this."""
    path = _add_file(practices, "maple")
    _tick(instance, practices)
    path.unlink()
    practices.rmdir()
    said = _tick(instance, practices)
    assert _partitions(instance) == ["maple"]
    assert str(practices) in said
