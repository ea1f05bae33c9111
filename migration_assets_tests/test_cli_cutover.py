"""``migration-assets cutover``: what it says of a practice and how the sensor's cursor is read and reset."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
)
from typer.testing import CliRunner, Result

from migration_assets.cli import app
from migration_assets.errors import ConfigurationError
from migration_assets.migration.platform import default_platform
from migration_assets.orchestration.cutover_cursor import Entry, SensorCursor, asked_resets
from migration_assets.panda.change_cursor import Strategy, TableCursor
from migration_assets.panda.change_store import CHANGES
from migration_assets_tests.orchestration.test_cutover_sensor import document, position
from migration_assets_tests.test_cli import ROOT

NOW = datetime.now(UTC)
PATIENT = TableCursor(
    strategy=Strategy.ROWVERSION, column="RowVer", version="00ff", polled_at=NOW, compared_at=NOW
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHT_SECRET", "a long enough secret")
    monkeypatch.setenv("MIGRATION_DATA", str(tmp_path))
    monkeypatch.delenv("MIGRATION_PRACTICES", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    monkeypatch.setenv("MIGRATION_DAGSTER_STORAGE", str(tmp_path / "dagster"))
    monkeypatch.setenv("MIGRATION_DAGSTER_LOGS", str(tmp_path / "dagster" / "logs"))
    (tmp_path / "dagster").mkdir()
    (tmp_path / "practices").mkdir()
    written = yaml.safe_dump(document("maple", NOW - timedelta(hours=1)))
    (tmp_path / "practices" / "maple.yaml").write_text(written, encoding="utf-8")
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cutover", *arguments])


def store_cursor(cursor: SensorCursor) -> None:
    """As the daemon does after a tick."""
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("migration_assets"), "__repository__"),
        "cutover_salesforce",
    )
    told = SensorInstigatorData(cursor=cursor.dumped())
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, told)
    with DagsterInstance.get() as instance:
        instance.add_instigator_state(state)


def test_the_status_says_how_far_each_table_and_each_destination_is(data: Path) -> None:
    said = call("status", "maple").output
    assert "open" in said and "change detection hasn't begun" in said

    with default_platform(data).change_store("maple").open() as session:
        known = position(3).model_copy(update={"tables": {"Patient": PATIENT}})
        session.replace_table(CHANGES, "cursor", pl.DataFrame({"cursor": [known.dumped()]}))
    store_cursor(SensorCursor(practices={"maple": Entry(polled_at=NOW, stopped="drained")}))
    lines = call("status", "maple").output.splitlines()
    assert any({"Patient", "rowversion", "RowVer", "00ff"} <= set(line.split()) for line in lines)
    (told,) = (line for line in lines if line.split()[:1] == ["salesforce"])
    assert "no payload" in told and " on " in told and "no more, drained" in told


@pytest.mark.usefixtures("data")
def test_a_cursor_is_printed_as_json_and_a_reset_waits_for_the_sensor() -> None:
    store_cursor(SensorCursor(practices={"maple": Entry(cursor=position(3)), "oak": Entry()}))
    printed = json.loads(call("cursor", "salesforce", "maple").output)
    assert list(printed["practices"]) == ["maple"]
    assert printed["practices"]["maple"]["cursor"]["polls"] == 3
    assert set(json.loads(call("cursor", "salesforce").output)["practices"]) == {"maple", "oak"}

    assert call("reset-cursor", "salesforce", "maple").exit_code == 0
    with DagsterInstance.get() as instance:
        assert set(asked_resets(instance, "salesforce", ["maple", "oak"])) == {"maple"}
        assert asked_resets(instance, "freshsales", ["maple"]) == {}


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "oak"),
        ("cursor", "mailchimp"),
        ("cursor", "salesforce", "oak"),
        ("reset-cursor", "salesforce", "oak"),
    ],
)
def test_what_isn_t_known_is_refused_by_name(arguments: tuple[str, ...]) -> None:
    assert isinstance(call(*arguments).exception, ConfigurationError)


def test_each_command_says_what_it_is_for() -> None:
    for name, word in (("status", "window"), ("cursor", "JSON"), ("reset-cursor", "while the daemon runs")):
        assert word in " ".join(call(name, "--help").output.replace("│", " ").split())
