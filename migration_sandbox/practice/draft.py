"""A practice while single cells and rows of it are still being changed.

Canaries and defects go through this: edits are collected by primary key and applied to each frame at once,
so that a handful of changes costs the same on a thousand rows and on a million.
"""

from collections import defaultdict
from typing import Any

import polars as pl

from migration_sandbox.practice.schema import key_column


class Draft:
    """The tables of a practice with edits and added rows on top."""

    def __init__(self, tables: dict[str, pl.DataFrame]) -> None:
        self._tables = tables
        self._edits: dict[str, dict[str, dict[int, Any]]] = defaultdict(lambda: defaultdict(dict))
        self._added: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def table(self, name: str) -> pl.DataFrame:
        """The table as generated, without edits."""
        return self._tables[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._tables)

    def row(self, table: str, key: int) -> dict[str, Any]:
        """One generated row with its edits so far."""
        row: dict[str, Any] = self._tables[table].row(
            by_predicate=pl.col(key_column(table)) == key, named=True
        )
        return row | {column: values[key] for column, values in self._edits[table].items() if key in values}

    def set(self, table: str, key: int, **values: Any) -> None:
        for column, value in values.items():
            self._edits[table][column][key] = value

    def add(self, table: str, like: dict[str, Any], **values: Any) -> int:
        """Add a row that copies ``like`` but for ``values``; returns its new primary key."""
        column = key_column(table)
        highest: Any = self._tables[table][column].max()
        key = int(highest) + 1 + len(self._added[table])
        self._added[table].append(like | values | {column: key})
        return key

    def finish(self) -> dict[str, pl.DataFrame]:
        """The tables with everything applied; columns, types and the order of rows stay."""
        return {name: self._finished(name, frame) for name, frame in self._tables.items()}

    def _finished(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        key = pl.col(key_column(name))
        edited = [
            key.replace_strict(
                pl.Series(list(values), dtype=frame.schema[key_column(name)]),
                pl.Series(list(values.values()), dtype=frame.schema[column]),
                default=pl.col(column),
                return_dtype=frame.schema[column],
            ).alias(column)
            for column, values in self._edits[name].items()
        ]
        frame = frame.with_columns(edited)
        return (
            frame.vstack(pl.DataFrame(self._added[name], schema=frame.schema)) if self._added[name] else frame
        )
