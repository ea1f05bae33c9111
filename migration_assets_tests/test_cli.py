"""The command line as a person uses it: a process with its output and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migration_assets.cli import app
from migration_assets.errors import ConfigurationError, DecisionLogBroken
from migration_assets.migration.decisions import RehearsalCompleted
from migration_assets.migration.gate import PlanFacts
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import default_platform

FILE = """\
practice: maple
name: "Maple [bold]Periodontics"
time_zone: America/New_York
encryption_key: {env: MAPLE_KEY}
source: {server: 127.0.0.1, port: 9, database: d, username: u, password: {env: MAPLE_KEY},
         login_timeout_seconds: 1}
destinations: {}
"""
COMMAND = Path(sys.executable).with_name("migration-assets")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "practices"
    folder.mkdir()
    (folder / "maple.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def own_environment(data: Path) -> dict[str, str]:
    return {
        "MIGRATION_DATA": str(data),
        "DAGSTER_HOME": str(ROOT),
        "MIGRATION_DAGSTER_STORAGE": str(data / "dagster"),
        "MIGRATION_DAGSTER_LOGS": str(data / "dagster" / "logs"),
        "MAPLE_KEY": "a long enough key",
    }


def call(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "DAGSTER_"))
    }
    return subprocess.run(
        [COMMAND, *arguments],
        env={**own, **own_environment(data), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_practices_lists_what_can_be_used_and_what_is_wrong_with_the_rest(data: Path) -> None:
    listed = call(data, "practices")
    assert listed.returncode == 0
    assert "Maple [bold]Periodontics" in listed.stdout
    (data / "practices" / "oak.yaml").write_text("practice: oak\n", encoding="utf-8")
    broken = call(data, "practices")
    assert broken.returncode == 1
    assert "oak.yaml" in broken.stdout
    assert "maple" in broken.stdout


def test_register_adds_partitions_once(data: Path) -> None:
    assert "partitions added: maple" in call(data, "register").stdout
    assert "none, all are there" in call(data, "register").stdout


def test_an_error_is_one_sentence_and_no_traceback(data: Path) -> None:
    failed = call(data, "preflight", "maple")
    assert failed.returncode == 1
    assert "no server answered" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("practice", ["oak", "../maple", "Maple"])
def test_a_practice_that_isn_t_there_is_told(data: Path, practice: str) -> None:
    failed = call(data, "audit", "verify", practice)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert failed.stderr.strip()
    assert not (data / "ledger").exists()


def test_an_audit_log_is_exported_and_verified_against_what_was_noted_elsewhere(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in own_environment(data).items():
        monkeypatch.setenv(name, value)
    # In this process, since each of these loads Dagster.
    exported = CliRunner().invoke(app, ["audit", "export", "maple"])
    assert exported.exit_code == 0, exported.output
    head = exported.stdout.split("head ")[1].strip()
    verified = CliRunner().invoke(app, ["audit", "verify", "maple", "--head", head])
    assert verified.exit_code == 0, verified.output
    assert f"practice maple: sound, 1 entries, head {head}" in verified.stdout
    assert "compared with 1 heads from elsewhere; newest: entry 1, --head" in verified.stdout

    (data / "ledger" / "maple.sqlite").unlink()
    cut = CliRunner().invoke(app, ["audit", "verify", "maple", "--head", head])
    assert isinstance(cut.exception, DecisionLogBroken)
    assert "entry 1 of the decisions log is missing" in str(cut.exception)


def test_approving_shows_what_is_approved_and_takes_a_name(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in own_environment(data).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Migration, "plan_facts", lambda _: PlanFacts("a" * 64, {}))
    live = Migration(default_platform(), Target("maple", "salesforce", "live"))
    counts = {"loaded": 1200, "in_scope": 1234, "different": 0}
    live.note(
        RehearsalCompleted(
            destination="salesforce", run_id="run-7", plan_hash="a" * 64, clean=True, counts=counts
        )
    )
    page = live.rehearsal_pages()[1]
    page.parent.mkdir(parents=True)
    page.write_text("the diff", encoding="utf-8")

    unnamed = CliRunner().invoke(app, ["approve", "maple", "salesforce"])
    assert isinstance(unnamed.exception, ConfigurationError)
    assert "--by NAME" in str(unnamed.exception)
    assert live.audit_head().sequence == 1

    approved = CliRunner().invoke(app, ["approve", "maple", "salesforce", "--by", "Dr. [b]Ames"])
    assert approved.exit_code == 0, approved.output
    told = approved.stdout
    assert "rehearsal run-7 of " in told
    assert "1,200 of 1,234 records loaded, 0 fields different" in told
    assert f"look at {page}" in told
    assert "Dr. [b]Ames attests to have looked at rehearsal run-7" in told
    assert f"entry 2, {live.audit_head().link}" in told


def test_a_report_that_wasn_t_made_says_what_to_materialise(data: Path) -> None:
    failed = call(data, "report", "maple", "salesforce")
    assert failed.returncode == 1
    assert "materialise the environment's reconciliation first" in failed.stderr


@pytest.mark.parametrize(
    ("command", "place"),
    [("report", ("oak",)), ("report", ("salesforce", "--environment", "../../x")), ("scope", ("oak",))],
)
def test_a_report_is_looked_for_in_known_places_only(
    data: Path, command: str, place: tuple[str, ...]
) -> None:
    failed = call(data, command, "maple", *place)
    assert failed.returncode == 1
    assert "known: " in failed.stderr


def test_without_a_command_the_help_names_them_all(data: Path) -> None:
    shown = call(data)
    for command in ("practices", "register", "preflight", "report", "scope", "approve", "checklist", "audit"):
        assert command in shown.stdout + shown.stderr
