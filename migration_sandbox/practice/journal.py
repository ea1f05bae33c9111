"""The journal of what a day simulator wrote: JSON lines, one for each changed row, one for each commit.

A row's line is written before its transaction commits, the transaction's own line after, so that a killed
simulator leaves no committed change without a line. What the lines say is the ground truth that a migration
is compared with: nothing here reads the database.

A row's line: {"transaction": 7, "time": the source clock's local time, "event": "visit", "table":
"Appointment", "key": 300001, "kind": "insert" | "update" | "delete", "before": null or {"hash": ..., "cells":
{...}}, "after": the same}. A commit's line: {"transaction": 7, "committed": UTC of this process's clock}.
Cells are the table's columns without RowVer: decimals as text, times in ISO 8601, binaries as {"sha256": ...,
"bytes": n}. hash: SHA-256 of the cells as JSON with sorted keys.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, TextIO

Kind = Literal["insert", "update", "delete"]
Cells = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One row of a committed transaction; ``committed`` is UTC by the writing process's clock."""

    transaction: int
    time: datetime
    event: str
    table: str
    key: int
    kind: Kind
    before: Cells | None
    after: Cells | None
    committed: datetime


class Journal:
    """Appends to a file; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transaction = max((line["transaction"] for line in _lines(path)), default=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin(self, rows: list[dict[str, Any]]) -> int:
        """Writes a transaction's rows, each with time, event, table, key, kind, before and after cells."""
        self._transaction += 1
        for row in rows:
            self._write({"transaction": self._transaction, **row})
        self._file.flush()
        return self._transaction

    def committed(self, transaction: int) -> None:
        self._write({"transaction": transaction, "committed": datetime.now(UTC).isoformat()})
        self._file.flush()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def state(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A row's hash and its cells as the journal holds them."""
    if row is None:
        return None
    cells = {name: _cell(value) for name, value in row.items()}
    return {"hash": row_hash(cells), "cells": cells}


def row_hash(cells: Cells) -> str:
    text = json.dumps(cells, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def changes(path: Path) -> list[Change]:
    """The committed changes in the order of their commits; a transaction's in the order of its statements."""
    waiting: dict[int, list[dict[str, Any]]] = {}
    found: list[Change] = []
    for line in _lines(path):
        if "committed" not in line:
            waiting.setdefault(line["transaction"], []).append(line)
            continue
        moment = datetime.fromisoformat(line["committed"])
        for row in waiting.pop(line["transaction"], []):
            before, after = (state and state["cells"] for state in (row["before"], row["after"]))
            found.append(
                Change(
                    row["transaction"], datetime.fromisoformat(row["time"]), row["event"], row["table"],
                    row["key"], row["kind"], before, after, moment,
                )
            )  # fmt: skip
    return found


def last_states(path: Path) -> dict[tuple[str, int], Cells | None]:
    """Of every table and key that changed what it is in the end; None for a row that is gone."""
    return {(change.table, change.key): change.after for change in changes(path)}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):  # a killed writer's last line may be half of one
                yield json.loads(line)


def _cell(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value
