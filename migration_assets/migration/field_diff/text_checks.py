"""The diff's checks where an exam, its chart or a provider stands in a composed text instead of in fields.

Which line of a text it is, the comparison of meaning declares; each is looked for by its label. Checks of
fields are ``checks``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl

from migration_assets.migration.declared_meaning import ColumnMeaning, TextMeaning, TextPart
from migration_assets.migration.field_diff.shape import CHECK_COLUMNS
from migration_assets.migration.object_meaning import ObjectMeaning
from migration_assets.migration.raw_practice import RawPractice

_PROVIDERS = "Provider"
_NOTHING = "none"
_REFUSED = "none: PANDA's own provider isn't there or was refused"

Text = str | None
_Judged = tuple[str, str, bool]


def text_checks(
    declared: Mapping[str, Sequence[ObjectMeaning]], cells: pl.DataFrame, raw: RawPractice
) -> Iterator[pl.DataFrame]:
    """CHECK_COLUMNS; ``cells`` are the sample's classed values (CELL_COLUMNS and ``patient``)."""
    for name, meanings in declared.items():
        of_object = cells.filter(pl.col("object") == name)
        for meaning in meanings:
            prefix = f"{raw.practice}:{meaning.key_space}:"
            for field, text in meaning.fields.items():
                if not isinstance(text, TextMeaning):
                    continue
                rows = of_object.filter(pl.col("field") == field, pl.col("key").str.starts_with(prefix))
                for part in text.text:
                    yield from _of_part(part, rows, meaning, prefix, raw)


def _of_part(
    part: TextPart, rows: pl.DataFrame, meaning: ObjectMeaning, prefix: str, raw: RawPractice
) -> Iterator[pl.DataFrame]:
    if any(isinstance(cell, ColumnMeaning) and cell.read_as == "numbering_system" for cell in part.show):
        yield _checked("numbering_systems", rows, lambda *texts: _system(part, *texts))
    elif part.chart is not None:
        yield _checked("charts", rows, lambda *texts: _chart(part, *texts))
    elif part.table == _PROVIDERS and not part.or_named:
        keys, numbers = raw.keys(meaning.table, meaning.key), raw.keys(meaning.table, str(part.by))
        named = prefix + keys.filter((numbers != "").fill_null(value=False))
        of_row = rows.filter(pl.col("key").is_in(named.implode()))
        yield _checked("providers", of_row, lambda *texts: _provider(part, *texts))


def _checked(name: str, rows: pl.DataFrame, judge: Callable[[Text, Text], _Judged | None]) -> pl.DataFrame:
    checked = [
        (name, patient, key, *judged)
        for patient, key, expected, returned in rows.select(
            "patient", "key", "expected", "returned"
        ).iter_rows()
        if (judged := judge(expected, returned)) is not None
    ]
    return pl.DataFrame(checked, schema=CHECK_COLUMNS, orient="row")


def _system(part: TextPart, expected: Text, returned: Text) -> _Judged:
    wanted, found = _line(part, expected), _line(part, returned)
    return wanted or _NOTHING, found or _NOTHING, wanted == found


def _provider(part: TextPart, expected: Text, returned: Text) -> _Judged:
    wanted, found = _line(part, expected), _line(part, returned)
    told = found or (_REFUSED if wanted is None else _NOTHING)
    return f"provider {wanted or _NOTHING}", told, found is not None and wanted == found


def _chart(part: TextPart, expected: Text, returned: Text) -> _Judged | None:
    """None for an exam without a chart that shows none."""
    wanted, found = _teeth(part, expected), _teeth(part, returned)
    teeth = {*wanted, *found}
    differ = sum(wanted.get(tooth) != found.get(tooth) for tooth in teeth)
    if not teeth:
        return None
    return f"{len(wanted)} teeth charted", f"{differ} teeth differ", differ == 0


def _line(part: TextPart, text: Text) -> Text:
    """What stands behind the label; the whole text where the part has none."""
    if part.label is None or text is None:
        return text
    label = f"{part.label}: "
    lines = (line.removeprefix(label) for line in text.splitlines() if line.startswith(label))
    return next(lines, None)


def _teeth(part: TextPart, text: Text) -> dict[str, str]:
    """The chart's lines by their tooth."""
    _, _, chart = (text or "").partition(f"{part.label}:\n")
    return {line.partition(";")[0]: line for line in chart.splitlines()}
