"""How the staging of every object ends: its rows are judged, and what became of them is put together.

No rule of any object; which rows may go on is for ``validation``, what was changed for ``corrections``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from pandera.polars import DataFrameModel

from migration_assets.objects import corrections, local_time, validation
from migration_assets.objects.base import CORRECTION_COLUMNS, Staged
from migration_assets.objects.corrections import Correction
from migration_assets.objects.local_time import UtcTimes
from migration_assets.objects.source_rows import SourceRows
from migration_assets.objects.validation import Refusal, Verdict


@dataclass(frozen=True)
class Rules:
    """What an object's file states once for all its rows.

    ``source_columns``: staged -> logical source column, of every column that the model may refuse;
    ``sentences``: code -> sentence, of refusals and corrections alike; the rest as in
    ``validation.Candidates``.
    """

    name: str
    model: type[DataFrameModel]
    source_columns: Mapping[str, str]
    sentences: Mapping[str, str]
    null_codes: Mapping[str, str] | None = None
    unique_code: tuple[str, str] | None = None
    parent: str | None = None


def _nothing(_: Verdict) -> Mapping[str, int]:
    return {}


def settle(
    rules: Rules,
    source: SourceRows,
    rows: pl.DataFrame,
    *,
    refusals: Iterable[Refusal] = (),
    corrected: Sequence[Correction] = (),
    times: Mapping[str, UtcTimes] | None = None,
    counted: Callable[[Verdict], Mapping[str, int]] = _nothing,
) -> Staged:
    """Judge ``rows``, one for each row of ``source`` and in its order, with at least the model's columns.

    Values that can't be read are refused besides ``refusals``. Findings are what ``counted`` says of the
    verdict, and how many of the rows kept have a time of ``times`` that the clocks skipped or showed twice.
    Raises StagedSchemaBroken as ``validation.judge`` does.
    """
    key = rules.source_columns["source_id"]
    verdict = validation.judge(
        validation.Candidates(
            name=rules.name,
            source_table=source.table,
            key=key,
            rows=rows.select(*rules.model.to_schema().columns),
            source_columns=rules.source_columns,
            sentences=rules.sentences,
            refusals=(*refusals, *validation.unreadable(source, rules.source_columns)),
            null_codes=rules.null_codes,
            unique_code=rules.unique_code,
            parent=rules.parent,
        ),
        rules.model,
    )
    return Staged(
        rows=verdict.rows,
        rejects=verdict.rejects,
        corrections=corrections.gather(rules.name, source, key, corrected, rules.sentences),
        findings={**counted(verdict), **local_time.findings(verdict.kept, times or {})},
    )


def settle_derived(
    rules: Rules, table: str, rows: pl.DataFrame, counted: Callable[[Verdict], Mapping[str, int]]
) -> Staged:
    """Judge the rows of a derived object, which are none of ``table``'s: nothing of them was corrected.

    Findings are what ``counted`` says of the verdict. Raises StagedSchemaBroken as ``validation.judge`` does.
    """
    verdict = validation.judge(
        validation.Candidates(
            name=rules.name,
            source_table=table,
            key=rules.source_columns["source_id"],
            rows=rows,
            source_columns=rules.source_columns,
            sentences=rules.sentences,
        ),
        rules.model,
    )
    return Staged(
        rows=verdict.rows,
        rejects=verdict.rejects,
        corrections=pl.DataFrame(schema=CORRECTION_COLUMNS),
        findings=counted(verdict),
    )
