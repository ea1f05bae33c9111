"""Who holds which rows: locks by table and key, kept from a statement to the end of its transaction.

A written row is locked by its key; its key's existence is locked apart from it, exclusively where a row
comes or goes and shared where another refers to it, so that an update of a patient doesn't hold up the
patient's new exam. A statement over more rows than SQL Server's threshold takes the whole table where nobody
else has a lock there, else it keeps its single rows (Microsoft Learn, "Transaction locking and row versioning
guide", lock escalation). Readers take no locks: the databases have READ_COMMITTED_SNAPSHOT on.

Deadlines and cancellation belong to the session that waits.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Hashable, Iterable

ESCALATION = 5000
"""Locks of one statement from which it asks for its whole table."""

Owner = Hashable


class Blocked(Exception):
    """Others hold what a statement needs; whoever waits for them asks again afterwards."""

    def __init__(self, by: frozenset[Owner]) -> None:
        super().__init__("locked by another transaction")
        self.by = by


class Locks:
    """Of one database. An owner is a transaction, here its DuckDB cursor."""

    def __init__(self) -> None:
        self._freed = threading.Condition()
        self._tables: dict[str, dict[Owner, bool]] = defaultdict(dict)  # True: the whole of it, exclusively
        self._rows: dict[tuple[str, Hashable], dict[Owner, bool]] = defaultdict(dict)  # True: exclusively
        self._held: dict[Owner, set[tuple[str, Hashable]]] = defaultdict(set)
        self._waits: dict[Owner, frozenset[Owner]] = {}

    def take(self, owner: Owner, table: str, keys: Iterable[Hashable], *, exclusive: bool = True) -> None:
        """All of the keys or none; raises Blocked."""
        with self._freed:
            holders = self._tables[table]
            others = {other for other in holders if other != owner}
            whole = frozenset(other for other in others if holders[other])
            if whole:
                raise Blocked(whole)
            wanted = list(keys)
            if holders.get(owner) or (exclusive and len(wanted) > ESCALATION and not others):
                holders[owner] = True
                return
            resources = [(table, key) for key in wanted]
            blocking = frozenset(
                other
                for resource in resources
                if resource in self._rows
                for other, exclusively in self._rows[resource].items()
                if other != owner and (exclusive or exclusively)
            )
            if blocking:
                raise Blocked(blocking)
            holders.setdefault(owner, False)
            for resource in resources:
                self._rows[resource][owner] = self._rows[resource].get(owner, False) or exclusive
            self._held[owner].update(resources)

    def take_table(self, owner: Owner, table: str) -> None:
        """The whole table, against everybody who wrote there; raises Blocked."""
        with self._freed:
            others = frozenset(other for other in self._tables[table] if other != owner)
            if others:
                raise Blocked(others)
            self._tables[table][owner] = True

    def holds_table(self, owner: Owner, table: str) -> bool:
        with self._freed:
            return self._tables[table].get(owner, False)

    def release(self, owner: Owner) -> None:
        with self._freed:
            for resource in self._held.pop(owner, ()):
                holders = self._rows[resource]
                del holders[owner]
                if not holders:
                    del self._rows[resource]
            for holders in self._tables.values():
                holders.pop(owner, None)
            self._freed.notify_all()

    def wait(self, owner: Owner, by: frozenset[Owner], seconds: float) -> bool:
        """False where waiting would be a deadlock; else returns after a release or so many seconds."""
        with self._freed:
            self._waits[owner] = by
            try:
                if self._waits_for_itself(owner):
                    return False
                if any(self._has_anything(other) for other in by):
                    self._freed.wait(seconds)
                return True
            finally:
                del self._waits[owner]

    def _has_anything(self, owner: Owner) -> bool:
        return any(owner in holders for holders in self._tables.values())

    def _waits_for_itself(self, owner: Owner) -> bool:
        seen: set[Owner] = set()
        ahead = list(self._waits[owner])
        while ahead:
            other = ahead.pop()
            if other == owner:
                return True
            if other not in seen:
                seen.add(other)
                ahead.extend(self._waits.get(other, ()))
        return False
