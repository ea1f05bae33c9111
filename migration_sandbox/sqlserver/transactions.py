"""A session's transaction: begun, ended, and the locks, snapshots and attempts of what writes in it.

What each statement does is in session.py; which rows it locks, in row_locks.py.

READ COMMITTED reads each statement at the latest commit (the databases have READ_COMMITTED_SNAPSHOT on);
SNAPSHOT reads at the transaction's first access, which is a DuckDB transaction. A READ COMMITTED transaction
is one from its first write on: it goes on seeing that moment, so a later statement of it is refused where
another transaction has committed to one of its tables meanwhile. Written rows are locked until the
transaction's end, and who needs them waits.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import duckdb
import pyarrow as pa

from .database import Database
from .duckdb_errors import as_sql_server
from .errors import SqlServerError, deadlocked, refused
from .locks import Blocked
from .schema import Table
from .scope import OutputColumn

_T = TypeVar("_T")
_LOOK_AROUND = 0.05  # seconds that a wait lasts before it asks whether it was cancelled
_descriptors = itertools.count(1)


class Sink(Protocol):
    """Where a statement's results go."""

    def columns(self, columns: list[OutputColumn]) -> None: ...
    def rows(self, columns: list[OutputColumn], batch: pa.RecordBatch) -> bytes: ...
    def encoded_rows(self, rows: bytes) -> None: ...
    def done(self, kind: str, count: int | None) -> None: ...
    def transaction_begun(self, descriptor: int) -> None: ...
    def transaction_ended(self, descriptor: int, committed: bool) -> None: ...


class Transactions:
    """The part of a Session that knows what is open, in T-SQL and in DuckDB."""

    def __init__(self, number: int, database: Database, sink: Sink) -> None:
        self.number = number
        self.database = database
        self.sink = sink
        self.cursor = database.cursor()
        self.isolation = "READ COMMITTED"
        self.open_transactions = 0
        self.implicit_transactions = False
        self.lock_timeout: float | None = None
        self.cancelled = threading.Event()
        self._descriptor = 0
        self._in_duckdb = False  # a DuckDB transaction is open
        self._began_at = 0  # the database's commits when it began
        self._accessed = ""  # the isolation level of the transaction's first access

    def begin(self) -> None:
        self.open_transactions += 1
        if self.open_transactions == 1:
            self._accessed = ""
            self._descriptor = next(_descriptors)
            self.sink.transaction_begun(self._descriptor)

    def commit(self) -> None:
        if not self.open_transactions:
            raise SqlServerError(
                3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."
            )
        if self.open_transactions > 1:
            self.open_transactions -= 1
            return
        self._end(commit=True)

    def rollback(self) -> None:
        if not self.open_transactions:
            raise SqlServerError(
                3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION."
            )
        self._end(commit=False)

    def _end(self, *, commit: bool) -> None:
        self.open_transactions = 0
        self._accessed = ""
        try:
            if self._in_duckdb:
                self._in_duckdb = False
                with self.database.write_lock:
                    (self.database.commit if commit else self.database.rollback)(self.cursor)
        except duckdb.Error as error:
            commit = False
            raise as_sql_server(error) from None
        finally:
            self.database.release(self.cursor)
            self.sink.transaction_ended(self._descriptor, commit)

    def rollback_all(self) -> None:
        if self.open_transactions:
            self._end(commit=False)

    def lose_if_aborted(self) -> None:
        """A transaction that DuckDB has given up is gone for the client too."""
        if not self._in_duckdb:
            return
        try:
            self.cursor.execute("SELECT 1").fetchall()
        except duckdb.Error:
            self.rollback_all()

    # Access

    def check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise SqlServerError(0, "The statement was cancelled by the client.")

    def before_read(self) -> None:
        if self.implicit_transactions and not self.open_transactions:
            self.begin()
        if not self.open_transactions:
            return
        if self._accessed and self._accessed != self.isolation:
            if self.isolation == "SNAPSHOT":
                raise SqlServerError(
                    3951, "Transaction failed in this database because the statement was run under snapshot "
                          "isolation but "
                    "the transaction did not start in snapshot isolation.",
                )  # fmt: skip
            raise refused("a snapshot transaction that turns to READ COMMITTED")
        self._accessed = self.isolation
        if self.isolation == "SNAPSHOT" and not self._in_duckdb:
            with self._write_lock():
                self._begin_in_duckdb()

    def _begin_in_duckdb(self) -> None:
        self.cursor.execute("BEGIN")
        # DuckDB takes its snapshot when the file is first read.
        self.cursor.execute("SELECT 1 FROM sandbox.counter").fetchall()
        self._in_duckdb = True
        self._began_at = self.database.commits

    def changed_meanwhile(self, tables: Iterable[Table]) -> bool:
        """Whether others have committed to the tables since the open DuckDB transaction's moment."""
        return self._in_duckdb and self.database.changed_since(self._began_at, tables)

    def check_current(self, tables: Iterable[Table]) -> None:
        if self.isolation == "READ COMMITTED" and self.changed_meanwhile(tables):
            raise refused(
                "a READ COMMITTED transaction that has written and goes on to a table which another "
                "transaction has committed to since"
            )

    def held(self, work: Callable[[], _T]) -> _T:
        """The work done in the session's transaction or in one of its own, once others' locks are gone."""
        alone = not self.open_transactions
        if not alone:
            if self.isolation == "SNAPSHOT":
                self.before_read()
            self._accessed = self._accessed or self.isolation
        deadline = None if self.lock_timeout is None else time.monotonic() + self.lock_timeout
        try:
            while True:
                try:
                    return self._attempt(work, alone=alone)
                except Blocked as blocked:
                    self._wait_for(blocked.by, deadline)
        finally:
            if alone:
                self.database.release(self.cursor)

    def _attempt(self, work: Callable[[], _T], *, alone: bool) -> _T:
        with self._write_lock():
            begun = not self._in_duckdb
            if begun:
                self._begin_in_duckdb()
            try:
                result = work()
            except BaseException:
                if begun:
                    self._in_duckdb = False
                    self.database.rollback(self.cursor)
                raise
            if alone:
                self._in_duckdb = False
                self.database.commit(self.cursor)
            return result

    def _wait_for(self, others: frozenset[object], deadline: float | None) -> None:
        self.check_cancelled()
        if deadline is not None and time.monotonic() >= deadline:
            raise SqlServerError(1222, "Lock request time out period exceeded.", state=51)
        if not self.database.locks.wait(self.cursor, others, _LOOK_AROUND):
            raise deadlocked(self.number)

    @contextlib.contextmanager
    def _write_lock(self) -> Iterator[None]:
        while not self.database.write_lock.acquire(timeout=_LOOK_AROUND):
            self.check_cancelled()
        try:
            yield
        finally:
            self.database.write_lock.release()
