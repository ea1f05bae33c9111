"""What every migrated object's file in this folder provides: types only, no rule of any object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl
from pandera.polars import DataFrameModel

from migration_assets.panda.profile import Profile

UTC_MS = pl.Datetime("ms", "UTC")

REJECT_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_table": pl.String(),
    "source_key": pl.String(),
    "parent_key": pl.String(),
    "column": pl.String(),
    "code": pl.String(),
    "message": pl.String(),
}
"""A row that failed its schema: staged object, logical source table, primary key as text, the key of
the parent it hangs on (a chart row's exam; else null), the source's column, a stable code, a sentence."""

CORRECTION_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_table": pl.String(),
    "source_key": pl.String(),
    "column": pl.String(),
    "code": pl.String(),
    "message": pl.String(),
    "original": pl.String(),
}
"""A value that was changed on the way in; ``original`` is the source's own, so it never leaves data/."""


MERGED_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_key": pl.String(),
    "source_id": pl.String(),
    "excused": pl.String(),
}
"""Where several source rows make one staged row: each source row's primary key as text, the ``source_id`` of
the (staged or rejected) row that it is part of, and, where it is part of none, the stated reason."""


def by_key(column: str = "source_id") -> tuple[pl.Expr, pl.Expr]:
    """What rows are sorted by to stand as their source's keys count: numbers as numbers, then as text.

    Every order that may have ties ends with it, so that nothing hangs on how rows came.
    """
    text = pl.col(column).cast(pl.String)
    return text.cast(pl.Int64, strict=False), text


@dataclass(frozen=True)
class StagingContext:
    """What staging needs besides rows; ``today`` is the practice-local date of the extraction, ``name`` what
    the practice calls itself, where it matters."""

    practice: str
    time_zone: ZoneInfo
    profile: Profile
    today: date
    name: str | None = None


@dataclass(frozen=True)
class Staged:
    """Outcome of staging one object: ``rows`` as its schema says; REJECT_COLUMNS; CORRECTION_COLUMNS.

    ``findings`` counts what was kept but deserves a look (code -> rows). For the object's primary source
    table: rows extracted = ``source_rows`` + distinct rejected source keys. ``merged`` is MERGED_COLUMNS
    where several source rows make one staged row, None where each makes its own.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    corrections: pl.DataFrame
    findings: Mapping[str, int]
    merged: pl.DataFrame | None = None

    @property
    def source_rows(self) -> int:
        """How many source rows are staged: in a staged row, or excused from being in any."""
        if self.merged is None:
            return self.rows.height
        staged = self.merged["source_id"].is_in(self.rows["source_id"].implode()).fill_null(False)
        return int((staged | self.merged["excused"].is_not_null()).sum())


@dataclass(frozen=True)
class StagingInputs:
    """``raw``: logical table name -> frame as extracted (verbatim); ``staged``: the objects of ``uses``."""

    raw: Mapping[str, pl.DataFrame]
    staged: Mapping[str, Staged]


@dataclass(frozen=True)
class StagedObject:
    """One migrated object: staged table ``name``, whose rows come from ``source_table``.

    ``reads`` are all logical source tables that the staging function looks at (``source_table`` among
    them), ``uses`` the staged objects that it needs first, ``source_columns`` the staged columns that come
    from one logical column of ``source_table`` each. A ``derived`` object's rows are made out of several of
    ``source_table``'s, which another object stages: they account for no source row. What staging calls them
    follows the rows, so the model of those that become records has ``aliases`` and the ledger mints the ids
    that destinations know; ``named_by`` are the staged tables and columns that hold these ids. ``computed``
    says what each computed column is made of, for the field inventory.

    Rows of one patient are staged from that patient's rows and the practice's common tables alone, unless
    they go ``across_patients`` (a household, a referrer found in several referrals). ``belongs_by`` is the
    staged column, and the logical table whose key it holds, by which a row is a patient's; by default its
    own source row.
    """

    name: str
    source_table: str
    reads: tuple[str, ...]
    uses: tuple[str, ...]
    model: type[DataFrameModel]
    stage: Callable[[StagingInputs, StagingContext], Staged]
    source_columns: Mapping[str, str]
    derived: bool = False
    named_by: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)
    across_patients: bool = False
    belongs_by: tuple[str, str] | None = None

    @property
    def belonging(self) -> tuple[str, str]:
        """``belongs_by``, told or not."""
        return self.belongs_by or ("source_id", self.source_table)

    @property
    def lineage_table(self) -> str:
        """The table of which a row's ``source_id`` is a key: the source's, or its own of a derived object."""
        return self.name if self.derived else self.source_table


CONTENT = "content"
"""Column of a drawn row's file, Binary; null where the row has none."""


@dataclass(frozen=True)
class DrawnObject:
    """A table of files that we make: a mapping names it like a staged one, and nothing of it is staged.

    It is drawn for the payload of a mapping that uses it, so that no other practice pays for it. ``draw``
    takes the staged frames of ``uses`` and gives the rows of ``model`` with CONTENT beside them, a batch at a
    time; the same frames always give the same bytes. There is one row for each row of the staged object
    ``of``, with its ``source_id``; it has a file where that id stands in ``named_in``, a staged table and its
    column. ``typical_bytes`` is about what a file has, for estimates before any is drawn; ``source_columns``
    and ``computed`` as of a StagedObject.
    """

    name: str
    of: StagedObject
    uses: tuple[str, ...]
    model: type[DataFrameModel]
    draw: Callable[[Mapping[str, pl.DataFrame]], Iterator[pl.DataFrame]]
    named_in: tuple[str, str]
    source_columns: Mapping[str, str]
    computed: Mapping[str, str]
    typical_bytes: int

    @property
    def lineage_table(self) -> str:
        """As of the object ``of``: a drawn row stands for the source's row that it was drawn from."""
        return self.of.lineage_table
