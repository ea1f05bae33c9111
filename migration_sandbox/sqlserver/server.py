"""The listener: a directory of databases behind one port, a thread for each client.

A database opens at its first login and closes after its last, so that between them its file is free. A file
``<database>.zone`` beside it names the time zone of the server that it stands for.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import re
import socket
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from .certificate import make_certificate
from .clock import Clock, ClockElsewhere
from .connection import Connection
from .control import serve_control
from .database import Database
from .faults import Faults
from .recordings import Recordings
from .watcher import Watcher
from .wire.packets import Channel

logger = logging.getLogger("migration_sandbox.sqlserver")
_FIRST_SESSION = 51  # SQL Server keeps the ones below for itself


class Databases:
    """The open databases of a directory, each counted by its connections."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Database, int]] = {}

    def open(self, name: str) -> Database:
        """Raises FileNotFoundError where the directory has no database of this name."""
        if not re.fullmatch(r"[\w-]+", name):
            raise FileNotFoundError("no such database")
        with self._lock:
            key = name.casefold()
            database, users = self._open.get(key, (None, 0))
            if database is None:
                path = self._path(key)
                database = Database.open(path, self._clock_of(path))
            self._open[key] = (database, users + 1)
            return database

    def _path(self, key: str) -> Path:
        for path in self._directory.glob("*.duckdb"):
            if path.stem.casefold() == key:
                return path
        raise FileNotFoundError("no such database")

    def _clock_of(self, path: Path) -> Clock:
        named = path.with_suffix(".zone")
        if not named.exists():
            return self._clock
        return ClockElsewhere(self._clock, ZoneInfo(named.read_text(encoding="utf-8").strip()))

    def close(self, database: Database) -> None:
        with self._lock:
            key = database.name.casefold()
            found, users = self._open[key]
            if users > 1:
                self._open[key] = (found, users - 1)
                return
            del self._open[key]
            found.close()

    def clean_up_changes(self, name: str) -> None:
        """As if change tracking's retention had passed; raises FileNotFoundError."""
        database = self.open(name)
        cursor = database.cursor()
        try:
            with database.write_lock, database.transaction(cursor):
                database.tracking.clean_up(cursor)
        finally:
            cursor.close()
            self.close(database)

    def close_all(self) -> None:
        """At the server's end, whoever is connected."""
        with self._lock:
            for database, _ in self._open.values():
                with contextlib.suppress(duckdb.Error):
                    database.close()


def serve(directory: Path, port: int, status_file: Path | None, *, keep_results: bool = False) -> None:
    """Until the process ends. The status file, written once clients may connect, says where everything is."""
    certificate, context = make_certificate(directory)
    faults = Faults()
    clock = Clock()
    databases = Databases(directory, clock)
    watcher = Watcher()
    recordings = Recordings(on=keep_results)
    control = serve_control(faults, clock, databases.clean_up_changes)
    numbers = itertools.count(_FIRST_SESSION)
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        bound = listener.getsockname()[1]
        if status_file is not None:
            _write_status(status_file, bound, control.server_address[1], certificate)
        logger.info("listening on 127.0.0.1:%d", bound)
        try:
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(
                    Channel(client),
                    next(numbers),
                    context,
                    faults,
                    watcher,
                    databases.open,
                    databases.close,
                    recordings,
                )
                threading.Thread(
                    target=connection.serve, name=f"session {connection.number}", daemon=True
                ).start()
        finally:
            databases.close_all()


def _write_status(path: Path, port: int, control_port: int, certificate: Path) -> None:
    status = {"port": port, "control_port": control_port, "certificate": str(certificate), "pid": os.getpid()}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(status))
    temporary.replace(path)
