"""Fields that rows of another table give to a record: a patient's classification, an exam's, the insurances.

Which row counts, and how a row reads as a line, is told here a second time, from raw rows that weren't
rejected; no code of objects/ and mapping/ is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Literal

import polars as pl
from pydantic import Field, model_validator

from migration_assets.migration import raw_papers
from migration_assets.migration.declared_meaning import ColumnMeaning, RowMeaning
from migration_assets.migration.field_meaning import EXPECTED, RAW, expected_cells, is_staged
from migration_assets.migration.raw_papers import PaperRows, papers_of
from migration_assets.migration.raw_practice import RawPractice, numbered
from migration_assets.migration.raw_reader import ReadAs
from migration_assets.practice import Settings

_Row = dict[str, Any]
_COVERAGES = ("Preventive", "Basic", "Major")
_CLASSIFIED: dict[str, ReadAs] = {
    "StagedAt": "moment",
    "Stage": "stage",
    "Grade": "grade",
    "Extent": "extent",
}
_INSURED: dict[str, ReadAs] = {
    "Priority": "number",
    **dict.fromkeys(("Carrier", "PolicyNumber", "GroupNumber"), "text"),
    **{f"Coverage{kind}": "percent" for kind in _COVERAGES},
}


class MergedMeaning(Settings):
    """Rows of ``table`` whose column ``by`` holds the record's source id.

    ``rows``: of classifications the ``latest`` or the ``earlier`` ones; of active insurances the ``first`` or
    the ``second`` one, or all ``others`` with those no longer active; of letters and radiographs the
    ``first_of_file`` or ``further_of_file`` of a document, or those ``without_file``. One row gives
    ``fields``, several give the text ``lines``, a line each.
    """

    table: str
    key: str
    by: str
    rows: Literal["latest", "earlier", "first", "second", "others"] | PaperRows
    fields: dict[str, RowMeaning] = Field(default_factory=dict)
    lines: str | None = None

    @model_validator(mode="after")
    def _either(self) -> MergedMeaning:
        if bool(self.fields) is (self.lines is not None):
            raise ValueError("one row gives 'fields', several give 'lines'")
        return self

    @property
    def field_names(self) -> tuple[str, ...]:
        return (*self.fields, *([self.lines] if self.lines else []))


def expected_merged(merged: MergedMeaning, raw: RawPractice) -> dict[str, pl.DataFrame]:
    """By field ``_raw``, a record's source id, and ``expected``; records without such a row aren't there."""
    chosen = _places(merged, raw)
    if merged.lines is not None:
        line = _lines(merged, raw)
        texts = [(record, "\n".join(line[place] for place in places)) for record, places in chosen.items()]
        schema = {RAW: pl.String, EXPECTED: pl.String}
        return {merged.lines: pl.DataFrame([each for each in texts if each[1]], schema=schema, orient="row")}
    places = [place for of_record in chosen.values() for place in of_record]
    records = raw.keys(merged.table, merged.by).alias(RAW)
    return {
        field: expected_cells(merged.table, merged.key, declared, raw).with_columns(records)[places]
        for field, declared in merged.fields.items()
    }


def classified_lines(table: str, key: str, by: str, raw: RawPractice) -> list[str]:
    """How each raw classification reads as a line."""
    return _lines(MergedMeaning(table=table, key=key, by=by, rows="earlier", lines="-"), raw)


def chosen_rows(merged: MergedMeaning, raw: RawPractice) -> pl.DataFrame:
    """Raw rows that count: ``_raw``, their record's source id, and ``place``, in the order of the lines."""
    rows = [(record, place) for record, places in _places(merged, raw).items() for place in places]
    return pl.DataFrame(rows, schema={RAW: pl.String, "place": pl.Int64}, orient="row")


def _places(merged: MergedMeaning, raw: RawPractice) -> dict[str, list[int]]:
    """Of each record the places of the raw rows that count, in the order of their lines."""
    match merged.rows:
        case "first_of_file" | "further_of_file" | "without_file" as rows:
            return papers_of(merged.table, merged.by, rows, raw)
    chosen = _chosen(merged, _told(merged, raw))
    return {record: [row["place"] for row in of_record] for record, of_record in chosen}


def _lines(merged: MergedMeaning, raw: RawPractice) -> list[str]:
    """How each raw row reads as a line."""
    match merged.rows:
        case "further_of_file" | "without_file":
            return raw_papers.lines(merged.table, raw)
    line = _classified_line if merged.rows == "earlier" else _insured_line
    return [line(row) for row in _told(merged, raw)]


def _chosen(merged: MergedMeaning, rows: Sequence[_Row]) -> Iterator[tuple[str, list[_Row]]]:
    """Of each record the rows that count, in the order of their lines; equal ones by number."""
    of_record: dict[str, list[_Row]] = {}
    for row in sorted(rows, key=lambda row: numbered(row["key"])):
        if row["staged"] and row["record"] is not None:
            of_record.setdefault(row["record"], []).append(row)
    for record, own in of_record.items():
        if merged.rows in ("latest", "earlier"):
            *earlier, latest = sorted(own, key=_time)
            yield record, [latest] if merged.rows == "latest" else earlier
            continue
        active = sorted((row for row in own if row["active"]), key=_priority)
        in_place = [row["place"] for row in active[:2]]
        others = sorted((row for row in own if row["place"] not in in_place), key=_priority_of_line)
        yield record, {"first": active[:1], "second": active[1:2], "others": others}[merged.rows]


def _told(merged: MergedMeaning, raw: RawPractice) -> list[_Row]:
    """Every raw row as read: ``place``, ``key``, ``record``, ``staged``, ``active``, ``day``, its columns."""
    of_time = merged.rows in ("latest", "earlier")
    kinds: dict[str, ReadAs] = {**_CLASSIFIED, "day": "day"} if of_time else _INSURED
    columns = [
        expected_cells(
            merged.table,
            merged.key,
            ColumnMeaning.model_validate({"column": "StagedAt" if name == "day" else name, "as": kind}),
            raw,
        )[EXPECTED].alias(name)
        for name, kind in kinds.items()
    ]
    if not of_time:
        # Whoever insures is taken to do so still where the source doesn't say.
        columns.append(
            raw.column(merged.table, "Active").cast(pl.Boolean).fill_null(value=True).alias("active")
        )
    return (
        pl.DataFrame(
            [
                raw.keys(merged.table, merged.key).alias("key"),
                raw.keys(merged.table, merged.by).alias("record"),
                is_staged(merged.table, raw).alias("staged"),
                *columns,
            ]
        )
        .with_row_index("place")
        .to_dicts()
    )


def _time(row: _Row) -> tuple[bool, Any]:
    return row["StagedAt"] is not None, row["StagedAt"]


def _priority(row: _Row) -> tuple[bool, float]:
    return row["Priority"] is None, row["Priority"] or 0.0


def _priority_of_line(row: _Row) -> tuple[bool, float]:
    """Lines without a priority stand before the others, as those without a time do."""
    return row["Priority"] is not None, row["Priority"] or 0.0


def _classified_line(row: _Row) -> str:
    """``2021-03-02: Stage III, Grade B, Generalized``, as far as it is stated."""
    stated = [f"{word} {row[word]}" for word in ("Stage", "Grade") if row[word]]
    if row["Extent"]:
        stated.append(row["Extent"])
    day = row["day"].isoformat() if row["day"] else None
    return ": ".join(part for part in (day, ", ".join(stated)) if part) or "Periodontal classification"


def _insured_line(row: _Row) -> str:
    """``Other (priority 3): Delta, policy 12, group G3, preventive 80 %, no longer active``."""
    stated = [row["Carrier"]] if row["Carrier"] else []
    stated += [
        f"{word} {row[f'{word.title()}Number']}"
        for word in ("policy", "group")
        if row[f"{word.title()}Number"]
    ]
    for kind in _COVERAGES:
        share: Decimal | None = row[f"Coverage{kind}"]
        if share is not None:
            stated.append(f"{kind.lower()} {share.normalize():f} %")
    if not row["active"]:
        stated.append("no longer active")
    priority = "" if row["Priority"] is None else f" (priority {row['Priority']:.0f})"
    return " ".join(f"Other{priority}: {', '.join(stated) or 'nothing stated'}".split())
