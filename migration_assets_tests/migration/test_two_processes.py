"""Two processes use one SQLite ledger at once: nothing is lost and the chain of decisions stays one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from migration_assets.migration.decisions import DecisionLog
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import open_ledger_database
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets_tests.migration.records import CONTACT

ROUNDS = 25
_WRITER = """
import sys
from migration_assets.destinations.base import LoadResult
from migration_assets.migration.decisions import DecisionLog, RehearsalCompleted
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import open_ledger_database
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets_tests.migration.records import CONTACT

url, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
keys = PracticeKeys("maple", "x" * 32)
print("ready", flush=True)
sys.stdin.readline()
engine = open_ledger_database(url)
ledger = Ledger(engine, Target("maple", "salesforce", name), keys)
log = DecisionLog(engine, "maple", keys)
for number in range(rounds):
    key = f"maple:patient:{number}"
    batch = ledger.intend(CONTACT, [(key, "hash")], name)
    ledger.record(CONTACT, [LoadResult(key, "loaded")], name, batch)
    ledger.settled(batch)
    log.append(RehearsalCompleted(destination=name, run_id=str(number), plan_hash="p", clean=True))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A ledger that two processes created and wrote at the same time."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/maple.sqlite"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, url, name, str(ROUNDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for name in ("first", "second")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    return open_ledger_database(url)


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_process_finds_all_that_it_wrote(shared: Engine, name: str) -> None:
    ledger = Ledger(shared, Target("maple", "salesforce", name), PracticeKeys("maple", "x" * 32))

    assert ledger.state(CONTACT)["outcome"].to_list() == ["loaded"] * ROUNDS
    assert ledger.open_batches(CONTACT) == []


def test_their_decisions_stand_in_one_sound_chain(shared: Engine) -> None:
    log = DecisionLog(shared, "maple", PracticeKeys("maple", "x" * 32))

    assert log.verify().sequence == 2 * ROUNDS
    for name in ("first", "second"):
        runs = [
            entry.run_id
            for entry in log.entries()
            if entry.kind == "rehearsal_completed" and entry.destination == name
        ]
        assert runs == [str(number) for number in range(ROUNDS)]


def test_the_database_is_in_write_ahead_mode_so_that_readers_dont_wait(shared: Engine) -> None:
    with shared.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
