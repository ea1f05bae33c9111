"""How large the large objects are (letters, radiographs), measured by the server: no content is fetched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from migration_assets.errors import SourceTimeout
from migration_assets.panda.catalog import SourceTable, bracketed
from migration_assets.panda.connection import Query
from migration_assets.panda.odbc_errors import SourcePermissionDenied

SIZE_CLASSES = (2**20, 10 * 2**20, 35 * 2**20)
"""Bytes up to which a class goes when nobody gives others; above the last one is a class, too."""


@dataclass(frozen=True)
class Sizes:
    """``present``: rows whose object isn't NULL; ``by_class``: how many are larger than the class before and
    at most as large as this one (bytes), and None for those above all classes."""

    present: int
    total_bytes: int
    largest_bytes: int
    by_class: Mapping[int | None, int]


@dataclass(frozen=True)
class BlobColumn:
    """``declared``: the profile names it, so that it will be migrated as a file. ``sizes`` is None where the
    login may not read it, or measuring took longer than ``source.query_timeout_seconds``."""

    source_table: str
    column: str
    declared: bool
    sizes: Sizes | None


def measure_blobs(
    query: Query,
    tables: Collection[SourceTable],
    declared: Mapping[str, Collection[str]],
    classes: Sequence[int] = SIZE_CLASSES,
) -> tuple[BlobColumn, ...]:
    """Every varbinary(max) and image column of ``tables``, and what ``declared`` names besides (source name
    in lower case -> columns); ``classes`` ascend."""
    found = []
    for table in sorted(tables, key=lambda each: each.source_name):
        names = declared.get(table.source_name.casefold(), ())
        for column in table.columns:
            if column.is_blob or column.name in names:
                sizes = _measured(query, table, column.name, classes)
                found.append(BlobColumn(table.source_name, column.name, column.name in names, sizes))
    return tuple(found)


def _measured(query: Query, table: SourceTable, column: str, classes: Sequence[int]) -> Sizes | None:
    # image allows no aggregate but over its length, whose sum would overflow an int.
    size = f"DATALENGTH({bracketed(column)})"
    asked = [
        f"COUNT_BIG({size}) AS present",
        f"SUM(CAST({size} AS bigint)) AS total",
        f"MAX({size}) AS largest",
        *(
            f"COUNT_BIG(CASE WHEN {size} <= {most} THEN 1 END) AS c{place}"
            for place, most in enumerate(classes)
        ),
    ]
    try:
        present, total, largest, *up_to = query(f"SELECT {', '.join(asked)} FROM {table.sql_name}")[0]
    except (SourcePermissionDenied, SourceTimeout):
        return None
    bounds = [0, *(int(each) for each in up_to), int(present)]
    counts = [above - below for below, above in pairwise(bounds)]
    return Sizes(
        int(present), int(total or 0), int(largest or 0), dict(zip((*classes, None), counts, strict=True))
    )
