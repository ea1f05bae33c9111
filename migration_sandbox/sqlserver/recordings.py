"""Long results as they went over the wire, kept so that the same query is answered without work.

For measuring clients: a server that encodes each row anew is slower than the client that reads them. What is
kept is what the server sent itself, so its databases can't be written to meanwhile.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from .errors import SqlServerError

SHORTEST = 10_000
"""Rows of a result that is worth keeping; shorter ones are made anew."""

Key = tuple[str, str, str]
"""Database, DuckDB's text of the query, its arguments."""


@dataclass(frozen=True)
class Recording:
    """ROW tokens in pieces of a batch each, and how many rows they are."""

    pieces: tuple[bytes, ...]
    rows: int


class Recordings:
    """The results that a server keeps; it keeps none unless ``on``."""

    def __init__(self, *, on: bool) -> None:
        self.on = on
        self._lock = threading.Lock()
        self._kept: dict[Key, Recording] = {}

    def find(self, key: Key) -> Recording | None:
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Key, recording: Recording) -> None:
        if self.on and recording.rows >= SHORTEST:
            with self._lock:
                self._kept[key] = recording

    def check_writable(self, database: str) -> None:
        """Raises 3906 while results are kept."""
        if self.on:
            raise SqlServerError(
                3906, f'Failed to update database "{database}" because the database is read-only.'
            )
