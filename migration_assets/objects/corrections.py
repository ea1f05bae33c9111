"""Values that are changed on the way in, gathered as CORRECTION_COLUMNS; no rule of any object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.objects.base import CORRECTION_COLUMNS
from migration_assets.objects.source_rows import SourceRows


@dataclass(frozen=True)
class Correction:
    """Rows (Boolean, by position) in which the value of the logical ``column`` was changed."""

    code: str
    column: str
    rows: pl.Series


def gather(
    name: str, source: SourceRows, key: str, corrections: Sequence[Correction], sentences: Mapping[str, str]
) -> pl.DataFrame:
    """CORRECTION_COLUMNS of all ``corrections``, the original being the source's own value as text."""
    frames = [pl.DataFrame(schema=CORRECTION_COLUMNS)]
    for correction in corrections:
        rows = correction.rows.fill_null(False)
        if not rows.any():
            continue
        changed = pl.DataFrame(
            {
                "source_key": source.frame[key].filter(rows),
                "original": source.original(correction.column).filter(rows),
            }
        )
        frames.append(
            changed.select(
                object=pl.lit(name),
                source_table=pl.lit(source.table),
                source_key="source_key",
                column=pl.lit(correction.column),
                code=pl.lit(correction.code),
                message=pl.lit(sentences[correction.code]),
                original="original",
            )
        )
    return pl.concat(frames)
