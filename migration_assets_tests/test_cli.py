"""The command line as a person uses it: a process with its output and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def call(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "DAGSTER_"))
    }
    return subprocess.run(
        [COMMAND, *arguments],
        env={
            **own,
            "MIGRATION_DATA": str(data),
            "DAGSTER_HOME": str(ROOT),
            "MIGRATION_DAGSTER_STORAGE": str(data / "dagster"),
            "MIGRATION_DAGSTER_LOGS": str(data / "dagster" / "logs"),
            "MAPLE_KEY": "a long enough key",
            **environment,
        },
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
    failed = call(data, "verify", practice)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert failed.stderr.strip()
    assert not (data / "ledger").exists()


def test_verify_prints_the_head_of_the_decisions_log(data: Path) -> None:
    verified = call(data, "verify", "maple")
    assert verified.returncode == 0
    assert "practice maple: 0 decisions, head" in verified.stdout


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
    for command in ("practices", "register", "preflight", "report", "scope", "verify"):
        assert command in shown.stdout + shown.stderr
