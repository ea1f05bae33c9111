"""A ledger on a real SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import open_ledger_database
from migration_assets.migration.practice_keys import PracticeKeys

TARGET = Target("maple", "salesforce", "rehearsal")


@pytest.fixture
def keys() -> PracticeKeys:
    return PracticeKeys("maple", "correct horse battery staple")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    database = open_ledger_database(f"sqlite:///{tmp_path}/ledger/maple.sqlite")
    yield database
    database.dispose()


@pytest.fixture
def ledger(engine: Engine, keys: PracticeKeys) -> Ledger:
    return Ledger(engine, TARGET, keys)
