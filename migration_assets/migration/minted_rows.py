"""Minted ids in the place of those that staging gave the rows of derived tables, wherever rows name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.upload_file import MINTED_COLUMNS, SOURCE
from migration_assets.objects.base import StagedObject
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.warehouse import Session

_TABLE = "minted"
Ids = Mapping[str, str]
"""Staging's id -> the one that stands in the payload."""


def minted_objects(names: Iterable[str]) -> list[StagedObject]:
    """Those of the staged objects whose rows become records under minted ids."""
    wanted = set(names)
    return [
        each
        for each in STAGED_OBJECTS
        if each.name in wanted and each.derived and "aliases" in each.model.to_schema().columns
    ]


@dataclass(frozen=True)
class MintedRows:
    """``ids``: by derived table."""

    ids: Mapping[str, Ids] = field(default_factory=dict)

    @classmethod
    def resolve(cls, minted: MintedKeys, people: Mapping[str, pl.DataFrame]) -> MintedRows:
        """``people``: whole staged tables of the ``minted_objects``, with ``source_id`` and ``aliases``."""
        return cls(
            {
                name: minted.resolve(name, dict(rows.select("source_id", "aliases").iter_rows()))
                for name, rows in people.items()
            }
        )

    @classmethod
    def read(cls, session: Session) -> MintedRows:
        """Those that the last build of the session's file used."""
        ids: dict[str, dict[str, str]] = {}
        for name, given, used in session.read(SOURCE, _TABLE, list(MINTED_COLUMNS)).iter_rows():
            ids.setdefault(name, {})[given] = used
        return cls(ids)

    def write(self, session: Session) -> None:
        rows = [
            {"staged": name, "staged_id": given, "source_id": used}
            for name, ids in self.ids.items()
            for given, used in ids.items()
        ]
        session.replace_table(SOURCE, _TABLE, pl.DataFrame(rows, schema=MINTED_COLUMNS))

    def applied(self, table: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of any staged table with the minted ids in them."""
        for column, ids in self.columns(table).items():
            rows = rows.with_columns(pl.col(column).replace_strict(ids, default=None, return_dtype=pl.String))
        return rows

    def columns(self, table: str) -> dict[str, Ids]:
        """Columns of a staged table that hold ids which are minted."""
        found: dict[str, Ids] = {}
        for each in STAGED_OBJECTS:
            if each.name in self.ids:
                if each.name == table:
                    found["source_id"] = self.ids[table]
                if table in each.named_by:
                    found[each.named_by[table]] = self.ids[each.name]
        return found

    def moved_since(self, former: MintedRows) -> dict[str, list[str]]:
        """By derived table: staging's ids that stand for somebody else than before."""
        return {
            name: [given for given, used in ids.items() if former.ids.get(name, {}).get(given, used) != used]
            for name, ids in self.ids.items()
        }
