"""One transaction of the practice at work: rows read, inserted, updated and deleted over the owner's login.

Every write is by primary key and is noted with the row before and after, as the database then held it; the
notes go to the journal when the transaction commits. ModifiedAt and CreatedAt are the source clock's, as
PANDA's own program sets them. Which rows are written is events.py's business.
"""

from datetime import datetime
from typing import Any

import pyodbc

from migration_sandbox.practice.journal import Journal, Kind, state
from migration_sandbox.practice.schema import frame_schema, key_column

Row = dict[str, Any]
_PARAMETERS = 2000  # of one statement; SQL Server takes 2100


class Desk:
    """``connection`` commits by hand; several desks may share ``keys``, the last key given in each table."""

    def __init__(self, connection: pyodbc.Connection, journal: Journal, keys: dict[str, int]) -> None:
        self._cursor = connection.cursor()
        self._connection = connection
        self._journal = journal
        self._keys = keys
        self._notes: list[dict[str, Any]] = []
        self._event = ""
        self.now = datetime.min

    def begin(self, event: str) -> None:
        self._notes.clear()
        self._event = event
        self.now = self._cursor.execute("SELECT SYSDATETIME()").fetchval()
        self.now = self.now.replace(microsecond=self.now.microsecond // 1000 * 1000)

    def write(self) -> int:
        """The rows into the journal, before the commit; its answer goes to ``commit``."""
        return self._journal.begin(self._notes)

    def commit(self, transaction: int) -> None:
        self._connection.commit()
        self._journal.committed(transaction)
        self._notes.clear()

    def rollback(self) -> None:
        self._connection.rollback()
        self._notes.clear()

    @property
    def changed(self) -> int:
        """Rows that the transaction has written so far."""
        return len(self._notes)

    def next_key(self, table: str) -> int:
        if table not in self._keys:
            highest = self._cursor.execute(f"SELECT MAX({key_column(table)}) FROM dbo.{table}").fetchval()
            self._keys[table] = highest or 0
        self._keys[table] += 1
        return self._keys[table]

    def row(self, table: str, key: int) -> Row | None:
        found = self.rows(table, f"{key_column(table)} = ?", key)
        return found[0] if found else None

    def rows(self, table: str, where: str, *parameters: object) -> list[Row]:
        """All columns but RowVer, in the order of the key."""
        names = list(frame_schema(table))
        listed = ", ".join(f"[{name}]" for name in names)
        sql = f"SELECT {listed} FROM dbo.{table} WHERE {where} ORDER BY {names[0]}"
        return [
            dict(zip(names, row, strict=True)) for row in self._cursor.execute(sql, *parameters).fetchall()
        ]

    def one(self, table: str, from_share: float, where: str = "1 = 1", *parameters: object) -> Row | None:
        """The first row that qualifies from this share of the table's keys on, or from its beginning."""
        key = key_column(table)
        highest = self._cursor.execute(f"SELECT MAX({key}), MIN({key}) FROM dbo.{table}").fetchone()
        if highest is None or highest[0] is None:
            return None
        start = highest[1] + int((highest[0] - highest[1]) * from_share)
        sql = f"SELECT TOP 1 {key} FROM dbo.{table} WHERE {key} >= ? AND {where} ORDER BY {key}"
        for least in (start, highest[1]):
            found = self._cursor.execute(sql, least, *parameters).fetchval()
            if found is not None:
                return self.row(table, found)
        return None

    def insert(self, table: str, **cells: Any) -> int:
        """Cells that aren't given are NULL; the key and the times are set here. Returns the key."""
        return self.insert_all(table, [cells])[0]

    def insert_all(self, table: str, rows: list[Row]) -> list[int]:
        """Rows of the same columns, as ``insert`` takes them, in as few statements as their cells allow."""
        keys = [self.next_key(table) for _ in rows]
        stamps: Row = {name: self.now for name in ("CreatedAt", "ModifiedAt") if name in frame_schema(table)}
        self._insert(
            table,
            [{key_column(table): key, **stamps, **cells} for key, cells in zip(keys, rows, strict=True)],
        )
        return keys

    def _insert(self, table: str, rows: list[Row]) -> None:
        """The rows as they are given, keys and times too."""
        if not rows:
            return
        size = _PARAMETERS // len(rows[0])
        names = ", ".join(f"[{name}]" for name in rows[0])
        marks = "(" + ", ".join("?" for _ in rows[0]) + ")"
        column = key_column(table)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            values = [value for row in part for value in row.values()]
            self._cursor.execute(
                f"INSERT INTO dbo.{table} ({names}) VALUES {', '.join([marks] * len(part))}", *values
            )
            listed = [row[column] for row in part]
            for after in self.rows(table, f"{column} IN ({', '.join('?' for _ in listed)})", *listed):
                self._note_row(table, "insert", after[column], None, after)

    def update(self, table: str, key: int, **cells: Any) -> None:
        before = self.row(table, key)
        cells = {"ModifiedAt": self.now, **cells}
        sets = ", ".join(f"[{name}] = ?" for name in cells)
        self._cursor.execute(
            f"UPDATE dbo.{table} SET {sets} WHERE {key_column(table)} = ?", *cells.values(), key
        )
        self._note(table, "update", key, before)

    def rekey(self, table: str, key: int) -> int:
        """The row under a new primary key, which it returns: in the journal a deletion and an insertion."""
        before, new = self.row(table, key), self.next_key(table)
        column = key_column(table)
        self._cursor.execute(
            f"UPDATE dbo.{table} SET {column} = ?, ModifiedAt = ? WHERE {column} = ?", new, self.now, key
        )
        self._note(table, "delete", key, before)
        self._note(table, "insert", new, None)
        return new

    def delete(self, table: str, key: int) -> None:
        before = self.row(table, key)
        self._cursor.execute(f"DELETE FROM dbo.{table} WHERE {key_column(table)} = ?", key)
        self._note(table, "delete", key, before)

    def update_all(self, table: str, column: str, value: Any) -> None:
        """One statement over the whole table, times included."""
        before = self.rows(table, "1 = 1")
        self._cursor.execute(f"UPDATE dbo.{table} SET [{column}] = ?, ModifiedAt = ?", value, self.now)
        after = {row[key_column(table)]: row for row in self.rows(table, "1 = 1")}
        for row in before:
            self._note_row(table, "update", row[key_column(table)], row, after[row[key_column(table)]])

    def refill(self, table: str) -> None:
        """The table truncated and filled again with the same rows: new row versions, the old times."""
        rows = self.rows(table, "1 = 1")
        self._cursor.execute(f"TRUNCATE TABLE dbo.{table}")
        for row in rows:
            self._note_row(table, "delete", row[key_column(table)], row, None)
        self._insert(table, rows)

    def _note(self, table: str, kind: Kind, key: int, before: Row | None) -> None:
        self._note_row(table, kind, key, before, None if kind == "delete" else self.row(table, key))

    def _note_row(self, table: str, kind: Kind, key: int, before: Row | None, after: Row | None) -> None:
        self._notes.append(
            {
                "time": self.now.isoformat(),
                "event": self._event,
                "table": table,
                "key": key,
                "kind": kind,
                "before": state(before),
                "after": state(after),
            }
        )
