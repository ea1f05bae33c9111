"""Names and shapes of the tables in an upload's own DuckDB file, ``<destination>.<environment>.duckdb``.

One writer an environment; everything in it can be made again. Rows of patients stand here and in reports,
nowhere else.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from migration_assets.mapping import sharing

UPLOAD: Final = "upload"
SOURCE: Final = "source"
READBACK: Final = "readback"

SCOPE_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), "key": pl.String(), "why": pl.String()}
"""Which records an upload brings to the payload's state, and why: all, sample, delta, retry."""
SCOPE_ALL: Final = "all"
SCOPE_SAMPLE: Final = "sample"
SCOPE_DELTA: Final = "delta"
SCOPE_RETRY: Final = "retry"

EXCUSED_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_table": pl.String(),
    "source_id": pl.String(),
    "reason": pl.String(),
}
"""Staged rows that go into no payload, each with its stated reason."""
EXCUSES: Final = "excuses"
"""Table of EXCUSED_COLUMNS: every reason that any object gave, for rows too that another one took."""

LEFT_EMPTY_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_table": pl.String(),
    "source_id": pl.String(),
    "column": pl.String(),
}
"""References of staged rows that were left empty, since the parent isn't staged and may be absent."""

STAGED_ROW_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "source_table": pl.String(),
    "staged": pl.Int64(),
    "accounted_by": pl.List(pl.String()),
}
"""Staged rows of a source table that must be in a payload or be excused. ``accounted_by``: the objects whose
lineage counts; a chart's rows may have gone to any object that shares the chart."""

MINTED_COLUMNS: dict[str, pl.DataType] = {
    "staged": pl.String(),
    "staged_id": pl.String(),
    "source_id": pl.String(),
}
"""The id that staging gave a row of a derived table, and the minted one that stands in the payload."""

HOLD_COLUMNS: dict[str, pl.DataType] = {"key": pl.String(), "code": pl.String(), "message": pl.String()}
"""Records that the practice's own choice keeps back, with a code and a sentence."""

BUILD_COLUMNS: dict[str, pl.DataType] = {
    "plan_hash": pl.String(),
    "scope": pl.String(),
    "run_id": pl.String(),
    "built_at": pl.Datetime("ms", "UTC"),
    "base": pl.String(),
    "sequence": pl.Int64(),
    "owners": pl.String(),
}
"""One row: what the payload in this file was built by and of. ``base`` and ``sequence`` are the whole
extraction and the last refresh that are in it (``panda.refresh_log``), ``owners`` a hash of whose user is
whose."""

SENT: Final = "sent"
SENT_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), "built_at": pl.Datetime("ms", "UTC")}
"""Objects whose records in scope were sent, and the moment when that scope was built, in the table SENT."""

GONE: Final = "gone"
GONE_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), "key": pl.String()}
"""Records that were in the payload and are no more, in the table GONE."""

UPLOADS_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "run_id": pl.String(),
    "in_scope": pl.Int64(),
    "sent": pl.Int64(),
    "created": pl.Int64(),
    "updated": pl.Int64(),
    "unchanged": pl.Int64(),
    "failed": pl.Int64(),
    "held_back": pl.Int64(),
}
"""What the last upload of each object did (``UploadSummary``)."""


SHARED: Final = "shared"
SHARED_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), **sharing.SHARED_COLUMNS}
"""Records with a value that an earlier record has and the destination keeps unique: which, and what became of
it, in the table SHARED."""

DRAWN_COLUMNS: Final = "source_id VARCHAR, content BLOB USING COMPRESSION uncompressed"
"""Files that were drawn for the payload, packed by zlib: packed by DuckDB, 2048 are unpacked to read one."""

SAMPLE, STRATA = "sample", "strata"
"""Tables of a rehearsal's sample (``sampling``: PATIENT_COLUMNS, STRATUM_COLUMNS), empty in another scope."""


def payload_table(asset: str) -> str:
    return f"payload_{asset}"


def former_table(asset: str) -> str:
    """Rows that the payload had before, with the hashes that they had."""
    return f"former_{asset}"


def drawn_table(name: str) -> str:
    return f"drawn_{name}"


def problems_table(asset: str) -> str:
    return f"problems_{asset}"


def holds_table(asset: str) -> str:
    return f"holds_{asset}"
