"""What a spec's rules may refer to: the columns of staged tables and the objects of the mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from migration_assets.documents import Document, KeyPath
from migration_assets.mapping.names import unknown_name


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column of a staged table as its Pandera schema declares it."""

    dtype: pl.DataType
    nullable: bool


StagedColumns = Mapping[str, Mapping[str, StagedColumn]]
"""By staged table, then column."""


@dataclass(frozen=True, slots=True)
class World:
    """What a rule may refer to: staged columns, and of each object of the mapping its key spaces with the
    staged table that each is made from."""

    staged: StagedColumns
    key_spaces: Mapping[str, Mapping[str, str]]


def staged_columns(
    document: Document, at: KeyPath, table: str, staged: StagedColumns
) -> Mapping[str, StagedColumn]:
    """The columns of a staged table that the spec names at ``at``; raises SpecError where there is none."""
    if table not in staged:
        raise unknown_name(document, at, "staged table", table, staged)
    return staged[table]


def known_column(
    document: Document, at: KeyPath, table: str, column: str, staged: StagedColumns
) -> StagedColumn:
    """A column of a staged table; raises SpecError where it has none of that name."""
    columns = staged_columns(document, at, table, staged)
    if column not in columns:
        raise unknown_name(document, at, f"column of staged.{table}", column, columns)
    return columns[column]
