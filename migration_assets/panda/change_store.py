"""What is known of the source's rows (a key and a hash each) and which changes await their refresh.

A DuckDB file of its own, so that a poll never waits for an extraction: ``known.<table>`` and
``changes.pending``. Hashes are over columns as extracted, so that the first known state comes out of panda.*
without asking the source. No query to the source stands here. The file can be made again by an extraction.

A change stays pending until it is acknowledged: a poll whose cursor was lost, or a refresh that was killed,
loses none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.errors import SourceError, WarehouseTableMissing
from migration_assets.warehouse import Session, quoted

KNOWN, CHANGES = "known", "changes"
INCOMING = "incoming"
_PENDING, _STATE = "pending", "state"
_PAGE_ROWS = 50_000
Again = Callable[[], object]
"""Puts all keys of the source's table into ``changes.incoming`` once more."""
NOTHING_KNOWN = (
    "no state of the source is known to compare with; extract the practice and begin its change detection"
)

_PENDING_COLUMNS: dict[str, pl.DataType] = {
    "logical_table": pl.String(),
    "key": pl.String(),
    "deleted": pl.Boolean(),
    "poll": pl.Int64(),
}
"""Logical table, primary key as text, whether the row is gone, and the number of the poll that found it; one
row for each key, the latest."""


@dataclass(frozen=True)
class StoreState:
    """``id`` is another one after the store was begun anew; ``polls`` counts what was stored since."""

    id: str
    polls: int


@dataclass(frozen=True)
class Merged:
    """``changed`` are rows that are new or whose hash is another one; ``deleted`` known keys that are
    gone."""

    changed: int
    deleted: int

    def __add__(self, other: Merged) -> Merged:
        return Merged(self.changed + other.changed, self.deleted + other.deleted)


NOTHING = Merged(0, 0)


class ChangeStore:
    """Over an open session of the store's file; methods write, so the session may not be read-only."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self) -> StoreState:
        """Forgets everything; known states are put in after it."""
        for table in self._session.tables(KNOWN):
            self._session.execute(f"DROP TABLE {KNOWN}.{quoted(table)}")
        self._session.replace_table(CHANGES, _PENDING, pl.DataFrame(schema=_PENDING_COLUMNS))
        state = StoreState(secrets.token_hex(8), 0)
        self._write_state(state)
        return state

    def state(self) -> StoreState | None:
        """None where nothing was ever begun."""
        if not self._session.has_table(CHANGES, _STATE):
            return None
        ((number, polls),) = self._session.read(CHANGES, _STATE, ["id", "polls"]).iter_rows()
        return StoreState(str(number), int(polls))

    def next_poll(self) -> StoreState:
        """Counts a poll; raises WarehouseTableMissing where nothing was begun."""
        state = self.state()
        if state is None:
            raise WarehouseTableMissing(NOTHING_KNOWN)
        state = StoreState(state.id, state.polls + 1)
        self._write_state(state)
        return state

    def remember(self, logical: str, place: str, key: str, left_out: Collection[str]) -> int:
        """Takes the rows at ``place`` (SQL) as the table's known state; gives how many there are."""
        self._hash(place, key, left_out, logical)
        self._session.execute(f"CREATE SCHEMA IF NOT EXISTS {KNOWN}")
        self._session.execute(f"CREATE OR REPLACE TABLE {_known(logical)} AS SELECT * FROM temp.seen")
        self._session.execute("DROP TABLE temp.seen")
        return self.known(logical)

    def known(self, logical: str) -> int:
        """How many rows are known."""
        return self._session.count(KNOWN, logical)

    def merge_rows(
        self,
        logical: str,
        key: str,
        left_out: Collection[str],
        poll: int,
        *,
        whole: bool,
        again: Again | None = None,
    ) -> Merged:
        """Compares the rows in ``changes.incoming`` with what is known, which they become, and drops them.

        ``whole``: they are all of the table, so that a known key that isn't among them was deleted; where
        ``again`` is given, only if it is missing a second time. Raises SourceError where two rows have the
        same key.
        """
        self._hash(f"{CHANGES}.{INCOMING}", key, left_out, logical)
        known = _known(logical)
        with self._session.transaction():
            self._session.execute(
                "CREATE OR REPLACE TEMP TABLE found AS SELECT s.key, s.hash FROM temp.seen s "
                f"LEFT JOIN {known} k ON k.key = s.key WHERE k.hash IS DISTINCT FROM s.hash"
            )
            changed = self._count("temp.found")
            self._pend(logical, "temp.found", poll, deleted=False)
            self._session.execute(f"DELETE FROM {known} WHERE key IN (SELECT key FROM temp.found)")
            self._session.execute(f"INSERT INTO {known} SELECT key, hash FROM temp.found")
            deleted = self._drop_missing(logical, poll, again) if whole else 0
        self._clear("temp.seen", "temp.found", f"{CHANGES}.{INCOMING}")
        return Merged(changed, deleted)

    def merge_keys(self, logical: str, poll: int, again: Again | None = None) -> tuple[int, int]:
        """Compares all keys of the source, the one column of ``changes.incoming``, with those known.

        Gives how many known keys are gone, which are pending then, and how many are unknown, which aren't.
        ``again`` as in ``merge_rows``.
        """
        self._keys("temp.seen")
        known = _known(logical)
        with self._session.transaction():
            unknown = self._count(f"(FROM temp.seen WHERE key NOT IN (SELECT key FROM {known}))")
            deleted = self._drop_missing(logical, poll, again)
        self._clear("temp.seen", f"{CHANGES}.{INCOMING}")
        return deleted, unknown

    def merge_deleted(self, logical: str, poll: int) -> int:
        """Takes the keys in ``changes.incoming`` as deleted; gives how many of them were known."""
        self._keys("temp.seen")
        known = _known(logical)
        with self._session.transaction():
            self._session.execute(
                "CREATE OR REPLACE TEMP TABLE found AS "
                f"SELECT key FROM {known} WHERE key IN (SELECT key FROM temp.seen)"
            )
            deleted = self._forget(logical, poll)
        self._clear("temp.seen", f"{CHANGES}.{INCOMING}")
        return deleted

    def waiting(self) -> pl.DataFrame:
        """Changes that nobody has acknowledged: logical_table, deleted, rows."""
        return self._session.sql(
            f"SELECT logical_table, deleted, count(*) AS rows FROM {CHANGES}.{_PENDING} "
            "GROUP BY ALL ORDER BY ALL"
        )

    def pending(self, logical: str, upto: int, page_rows: int = _PAGE_ROWS) -> Iterator[pl.DataFrame]:
        """The table's pending changes of polls up to this one, by key, in frames of at most ``page_rows``:
        key, deleted."""
        last: str | None = None
        while True:
            page = self._session.sql(
                f"SELECT key, deleted FROM {CHANGES}.{_PENDING} WHERE logical_table = $1 AND poll <= $2 "
                f"AND ($3 IS NULL OR key > $3) ORDER BY key LIMIT {page_rows}",
                (logical, upto, last),
            )
            if page.is_empty():
                return
            yield page
            last = page["key"][-1]

    def acknowledge(self, upto: int) -> None:
        """The changes of polls up to this one are refreshed; a key that changed again since stays pending."""
        self._session.execute(f"DELETE FROM {CHANGES}.{_PENDING} WHERE poll <= $1", (upto,))

    def _hash(self, place: str, key: str, left_out: Collection[str], logical: str) -> None:
        columns = self._session.sql(f"SELECT * FROM {place} LIMIT 0").columns
        self._session.execute(
            f"CREATE OR REPLACE TEMP TABLE seen AS SELECT CAST({quoted(key)} AS VARCHAR) AS key, "
            f"{_row_hash([name for name in columns if name not in left_out])} AS hash FROM {place}"
        )
        if self._count("temp.seen") != self._count("(SELECT DISTINCT key FROM temp.seen WHERE key NOT NULL)"):
            raise SourceError(
                f"several rows of {logical} have the same {key}, or rows have none; name the primary key "
                "under the table's 'key' in the profile"
            )

    def _keys(self, place: str) -> None:
        self._session.execute(
            f"CREATE OR REPLACE TEMP TABLE {place} AS "
            f"SELECT CAST(COLUMNS(*) AS VARCHAR) AS key FROM {CHANGES}.{INCOMING}"
        )

    def _drop_missing(self, logical: str, poll: int, again: Again | None) -> int:
        self._session.execute(
            "CREATE OR REPLACE TEMP TABLE found AS "
            f"SELECT key FROM {_known(logical)} WHERE key NOT IN (SELECT key FROM temp.seen)"
        )
        if again is not None and self._count("temp.found"):
            again()
            self._keys("temp.seen_again")
            self._session.execute("DELETE FROM temp.found WHERE key IN (SELECT key FROM temp.seen_again)")
            self._clear("temp.seen_again")
        return self._forget(logical, poll)

    def _forget(self, logical: str, poll: int) -> int:
        """The keys in ``temp.found`` are known no more."""
        deleted = self._count("temp.found")
        self._pend(logical, "temp.found", poll, deleted=True)
        self._session.execute(f"DELETE FROM {_known(logical)} WHERE key IN (SELECT key FROM temp.found)")
        self._clear("temp.found")
        return deleted

    def _pend(self, logical: str, found: str, poll: int, *, deleted: bool) -> None:
        pending = f"{CHANGES}.{_PENDING}"
        self._session.execute(
            f"DELETE FROM {pending} WHERE logical_table = $1 AND key IN (SELECT key FROM {found})", (logical,)
        )
        self._session.execute(
            f"INSERT INTO {pending} SELECT $1, key, $2, $3 FROM {found}", (logical, deleted, poll)
        )

    def _count(self, place: str) -> int:
        return int(self._session.sql(f"SELECT count(*) AS n FROM {place}").item())

    def _clear(self, *places: str) -> None:
        for place in places:
            self._session.execute(f"DROP TABLE IF EXISTS {place}")

    def _write_state(self, state: StoreState) -> None:
        self._session.replace_table(CHANGES, _STATE, pl.DataFrame([{"id": state.id, "polls": state.polls}]))


def _known(logical: str) -> str:
    return f"{KNOWN}.{quoted(logical)}"


def _row_hash(columns: Sequence[str]) -> str:
    """128 bits over each column's text with its length before it, so that null, '' and neighbours stay apart;
    in the order of names, since a catalog's order may be another one some day."""
    parts = [
        f"coalesce(strlen(CAST({name} AS VARCHAR)) || ':' || CAST({name} AS VARCHAR), '-')"
        for name in map(quoted, sorted(columns))
    ]
    return f"md5_number(concat({', '.join(parts)}))"
