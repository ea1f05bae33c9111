"""Files that we make ourselves for an upload: drawn once a payload, kept packed in the upload's own file.

What they show is the affair of the object that draws them (``objects.registry.DRAWN_OBJECTS``). Letters and
images of the practice are never kept here: they are streamed from the source.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from migration_assets.errors import ContentChanged
from migration_assets.mapping.spec import MappingSet
from migration_assets.migration.asked_values import among
from migration_assets.migration.upload_file import DRAWN_COLUMNS, UPLOAD, drawn_table
from migration_assets.objects.base import CONTENT, DrawnObject
from migration_assets.objects.registry import DRAWN_OBJECTS
from migration_assets.warehouse import Session, Warehouse, quoted

_LEVEL = 1
"""Of zlib: an SVG gets to a fifth of its size, and a higher level takes as long again as the drawing."""


def drawn_of(mapping: MappingSet) -> list[DrawnObject]:
    """The drawn tables that any record of the mapping is made from."""
    used = {table for spec in mapping for table in spec.staged_tables}
    return [each for each in DRAWN_OBJECTS if each.name in used]


def draw(session: Session, drawn: DrawnObject, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Rows of ``drawn.model``; the files go into the session's file, in the place of those drawn before.

    A batch is written before the next is drawn: all files of a practice together fill memory.
    """
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {UPLOAD}")
    session.execute(f"CREATE OR REPLACE TABLE {_place(drawn)} ({DRAWN_COLUMNS})")
    return _draw(session, drawn, staged)


def draw_again(
    session: Session, drawn: DrawnObject, staged: Mapping[str, pl.DataFrame], ids: Collection[str]
) -> pl.DataFrame:
    """As ``draw``, for the rows of these ids alone: ``staged`` has what those that are still there are drawn
    from, the other files stay."""
    session.execute(f"DELETE FROM {_place(drawn)} WHERE source_id IN {among(session, ids)}")
    return _draw(session, drawn, staged)


def _draw(session: Session, drawn: DrawnObject, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    schema = {name: each.dtype.type for name, each in drawn.model.to_schema().columns.items()}
    rows = [pl.DataFrame(schema=schema)]
    for batch in drawn.draw(staged):
        files = batch.filter(pl.col(CONTENT).is_not_null()).select("source_id", CONTENT)
        packed = [zlib.compress(each, _LEVEL) for each in files[CONTENT]]
        session.append(
            UPLOAD,
            drawn_table(drawn.name),
            files.with_columns(pl.Series(CONTENT, packed, dtype=pl.Binary)),
        )
        rows.append(batch.drop(CONTENT))
    return pl.concat(rows)


def _place(drawn: DrawnObject) -> str:
    return f"{UPLOAD}.{quoted(drawn_table(drawn.name))}"


@dataclass(frozen=True)
class DrawnFiles:
    """The drawn files of an upload. Each is read over a session of its own, so several threads may read at
    once, and nobody who wants to write waits longer than for one file."""

    upload: Warehouse

    def pieces(self, name: str, source_id: str) -> Iterator[bytes]:
        """The whole file of a row of the drawn table ``name``, in one piece.

        Raises ContentChanged where it isn't there, WarehouseBusy where somebody keeps the upload's file.
        """
        query = f"SELECT {CONTENT} FROM {UPLOAD}.{quoted(drawn_table(name))} WHERE source_id = $1"
        with self.upload.open(read_only=True) as session:
            found = session.sql(query, (source_id,))
        if found.is_empty():
            raise ContentChanged(f"{name}: a drawn file isn't there; materialise the payload again")
        yield zlib.decompress(found[CONTENT].item())
