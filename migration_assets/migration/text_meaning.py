"""What a composed text must show: its lines out of a record's raw row and of rows of other tables.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. Texts that go on in further
records are ``parted_meaning``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl

from migration_assets.migration import raw_files, raw_markup
from migration_assets.migration.declared_meaning import (
    ColumnMeaning,
    FileMeaning,
    NoImageMeaning,
    PartsMeaning,
    RefusedTeethMeaning,
    TextCell,
    TextMeaning,
    TextPart,
)
from migration_assets.migration.field_meaning import (
    EXPECTED,
    RAW,
    expected_cells,
    is_staged,
    staged_keys,
)
from migration_assets.migration.file_meaning import expected_of_files
from migration_assets.migration.merged_meaning import classified_lines
from migration_assets.migration.office_meaning import dentists_of_referrals
from migration_assets.migration.raw_figures import chart_lines, charts, refused_teeth
from migration_assets.migration.raw_practice import RawPractice, numbered

EXACT = "exact"
"""How many characters of the expected text are compared as they are; what is behind them, a readable text of
markup, by its words alone. Null where all are."""

TOLD: dict[str, pl.DataType] = {RAW: pl.String(), EXPECTED: pl.String(), EXACT: pl.Int64()}
_FILE = "file"
_DOCUMENT, _DOCUMENT_ID = "Document", "DocumentID"
_PLACES = {"percent": Decimal("0.01"), "money": Decimal("0.0001")}

Texts = list[str | None]


def expected_texts(table: str, key: str, declared: TextMeaning, raw: RawPractice) -> pl.DataFrame:
    """TOLD, a row each raw row of the table in its order; a text of nothing but what is always said is
    null."""
    keys = raw.keys(table, key)
    columns = [_part(table, key, part, raw) for part in declared.text]
    optional = [at for at, part in enumerate(declared.text) if part.say is None]
    loose = _in_markup(table, declared, raw)
    label = len(f"{declared.text[-1].label}: ") if declared.text[-1].label else 0
    rows: list[tuple[str | None, str | None, int | None]] = []
    for place, number in enumerate(keys):
        parts = [column[place] for column in columns]
        if all(parts[at] is None for at in optional):
            rows.append((number, None, None))
            continue
        text = declared.joined.join(part for part in parts if part is not None)
        last = parts[-1] or ""
        exact = len(text) - len(last) + label if last and loose[place] else None
        rows.append((number, text, exact))
    return pl.DataFrame(rows, schema=TOLD, orient="row")


def own_columns(declared: TextMeaning) -> tuple[str, ...]:
    """Columns of the record's own row that the text shows."""
    shown = [cell for part in declared.text if not (part.table or part.rows_of) for cell in part.show]
    return tuple(dict.fromkeys(column for cell in shown for column in _columns(cell)))


def further_tables(declared: TextMeaning) -> tuple[str, ...]:
    """Other tables whose rows it shows."""
    tables = (part.table or part.rows_of or (part.chart and part.chart.table) for part in declared.text)
    return tuple(dict.fromkeys(table for table in tables if table))


def _columns(cell: TextCell) -> Iterator[str]:
    if isinstance(cell, ColumnMeaning):
        yield cell.column
    elif isinstance(cell, PartsMeaning):
        yield from (part.column for part in cell.parts)


def _in_markup(table: str, declared: TextMeaning, raw: RawPractice) -> list[bool]:
    """Whether the text's last part is read out of markup, row by row."""
    last = declared.text[-1].show[-1:]
    if last and isinstance(last[0], ColumnMeaning) and last[0].read_as == "words":
        bodies = raw.column(table, last[0].column).cast(pl.String)
        return [body is not None and raw_markup.format_of(body) != "plain" for body in bodies]
    return [False] * raw.tables[table].height


def _part(table: str, key: str, part: TextPart, raw: RawPractice) -> Texts:
    """The part of each raw row's text, with its label; None where there is nothing to show."""
    keys = raw.keys(table, key)
    if part.say is not None:
        return [part.say] * len(keys)
    if part.chart is not None:
        exams = staged_keys(part.chart.exams.table, raw)
        of_exam = {exam: chart_lines(teeth) for exam, teeth in charts(part.chart, exams, raw).items()}
        return _labelled(part, [of_exam.get(number) for number in keys], ":\n")
    if part.rows_of is not None:
        of_record = _rows(part, part.rows_of, raw)
        return _labelled(part, [of_record.get(number) for number in keys], ":\n")
    if part.table is not None:
        found = _found(part, part.table, raw)
        return _labelled(part, [found.get(number or "") for number in _named(table, part, raw)])
    return _labelled(part, _lines(_cells(table, key, cell, raw) for cell in part.show))


def _labelled(part: TextPart, texts: Texts, separator: str = ": ") -> Texts:
    label = "" if part.label is None else part.label + separator
    return [None if text is None else label + text for text in texts]


def _lines(columns: Iterable[Texts]) -> Texts:
    """Cells of a row with commas between them."""
    rows = zip(*columns, strict=True)
    return [", ".join(cell for cell in row if cell is not None) or None for row in rows]


def _named(table: str, part: TextPart, raw: RawPractice) -> Sequence[str | None]:
    """Whom each row names by number, or else by its texts."""
    if not part.or_named:
        return list(raw.keys(table, str(part.by)))
    dentists = dentists_of_referrals(raw)
    provider = dentists.set(~dentists.str.starts_with("provider:").fill_null(value=False), None)
    return list(provider.str.strip_prefix("provider:"))


def _found(part: TextPart, table: str, raw: RawPractice) -> dict[str, str]:
    """Number of a staged row of the other table -> what is shown of it."""
    key = raw.profile.table(table).key
    lines = _lines(_cells(table, key, cell, raw) for cell in part.show)
    rows = zip(raw.keys(table, key), is_staged(table, raw), lines, strict=True)
    return {number: line for number, is_there, line in rows if is_there and line is not None}


def _rows(part: TextPart, table: str, raw: RawPractice) -> dict[str, str]:
    """Record that the column ``by`` of the other table's staged rows names -> a line for each of these."""
    key, by = raw.profile.table(table).key, str(part.by)
    if part.lines is not None:
        lines: Texts = list(classified_lines(table, key, by, raw))
    else:
        lines = _lines(_cells(table, key, cell, raw) for cell in part.show)
    rows = zip(raw.keys(table, key), raw.keys(table, by), is_staged(table, raw), lines, strict=True)
    of_record: dict[str, list[str]] = {}
    for _, record, is_there, line in sorted(rows, key=lambda row: numbered(row[0])):
        if is_there and record is not None and line is not None:
            of_record.setdefault(record, []).append(line)
    return {record: "\n".join(own) for record, own in of_record.items()}


def _cells(table: str, key: str, cell: TextCell, raw: RawPractice) -> Texts:
    """A cell of each raw row as people write it."""
    match cell:
        case FileMeaning():
            names = expected_of_files({_FILE: cell}, table, key, raw)[_FILE]
            of_row = dict(names.iter_rows())
            return [of_row.get(number) for number in raw.keys(table, key)]
        case NoImageMeaning():
            documents = raw.keys(table, _DOCUMENT_ID)
            is_filed = documents.is_in(staged_keys(_DOCUMENT, raw).implode()).fill_null(value=False)
            path = raw.column(table, raw.profile.table(table).file_paths[0])
            return list(raw_files.no_image(path, is_filed, raw))
        case RefusedTeethMeaning():
            lost = refused_teeth(cell.chart, raw)
            counts = (lost.get(number, 0) for number in raw.keys(table, key))
            return [
                str(count) if cell.refused_teeth == "count" else "yes" if count else "no" for count in counts
            ]
        case ColumnMeaning(read_as="words"):
            texts = expected_cells(table, key, cell.model_copy(update={"read_as": "text"}), raw)[EXPECTED]
            marked = (text is not None and raw_markup.format_of(text) != "plain" for text in texts)
            return [
                raw_markup.words_of(text) if is_marked and text else text
                for text, is_marked in zip(texts, marked, strict=True)
            ]
        case _:
            values = expected_cells(table, key, cell, raw)[EXPECTED]
            kind = cell.read_as if isinstance(cell, ColumnMeaning) else "text"
            return [_in_words(value, kind, raw) for value in values]


def _in_words(value: Any, kind: str, raw: RawPractice) -> str | None:
    """``2024-05-06 09:30:00 -04:00`` by the practice's clocks, ``2024-05-06``, ``1250.5``, ``3``."""
    if isinstance(value, datetime):
        local = value.astimezone(raw.zone)
        sign, minutes = divmod(int((local.utcoffset() or value - value).total_seconds()) // 60, 24 * 60)
        minutes = minutes if sign >= 0 else 24 * 60 - minutes
        offset = f"{'-' if sign < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
        return f"{local:%H:%M:%S}".join([f"{local.date().isoformat()} ", f" {offset}"])
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        short = value.quantize(_PLACES.get(kind, _PLACES["money"]), ROUND_HALF_EVEN).normalize()
        return f"{short + 0:f}"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{Decimal(repr(value)):f}"
    return None if value is None or value == "" else str(value)
