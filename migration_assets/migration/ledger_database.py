"""The ledger's database: opened, made where there is none, and its errors without the records they quote."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.dialects import registry
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

from migration_assets.errors import LedgerError
from migration_assets.migration.ledger_tables import BATCH_EVENTS, METADATA

_BUSY_TIMEOUT_SECONDS = 60


def open_ledger_database(url: str) -> Engine:
    """``sqlite:///...`` or a Postgres URL; creates what is missing, with files only the owner can read."""
    # A log or an error that shows a statement would show keys and messages of records with it.
    engine = create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(engine.url.database).touch(mode=0o600)
        event.listen(engine, "connect", _durable_sqlite)
    with translated(engine.url.render_as_string(hide_password=True)), engine.begin() as connection:
        for statement in _tables_of(engine.dialect.name):
            connection.exec_driver_sql(statement)
    return engine


@cache
def _tables_of(dialect: str) -> tuple[str, ...]:
    """Not create_all: it looks first and creates then, and another process may be doing the same."""
    made: list[CreateTable | CreateIndex] = []
    for table in METADATA.sorted_tables:
        made.append(CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=lambda each: str(each.name))
        made += [CreateIndex(index, if_not_exists=True) for index in indexes]
    known = registry.load(dialect)()
    return tuple(str(each.compile(dialect=known)) for each in made)


def _durable_sqlite(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_SECONDS * 1000}")
    _switch_to_wal(connection)
    # FULL: in WAL mode NORMAL may lose the last commits in a power cut, and an intent must not be lost.
    connection.execute("PRAGMA synchronous=FULL")


def _switch_to_wal(connection: Any) -> None:
    """SQLite answers "locked" at once, without its busy timeout, while another process makes the switch."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))
        else:
            return


@contextmanager
def translated(where: str) -> Iterator[None]:
    """SQLAlchemy's messages quote parameters, which are keys and messages of records."""
    try:
        yield
    except StatementError as error:
        raise LedgerError(
            f"ledger of {where}: the database refused ({type(error.orig).__name__}); "
            "check that its disk has room and that it can be written"
        ) from None


def read_known_jobs(engine: Engine) -> frozenset[str]:
    """Ids of every job that this database has ever written down, whatever the practice."""
    query = select(BATCH_EVENTS.c.job_id).where(BATCH_EVENTS.c.kind == "job_created")
    with translated("this installation"), engine.connect() as connection:
        return frozenset(job for job in connection.execute(query).scalars() if job is not None)
