"""Values that only one record of an object may have: what the first shows, and what the others do.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. Who is first is told over all
key spaces of the object, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from migration_assets.migration.declared_meaning import (
    AgainMeaning,
    ColumnMeaning,
    FieldMeaning,
    HouseholdMeaning,
    OfficeMeaning,
    PersonMeaning,
    UniqueMeaning,
)
from migration_assets.migration.field_meaning import (
    EXPECTED,
    RAW,
    expected_cells,
    expected_of_households,
    expected_of_people,
    is_staged,
)
from migration_assets.migration.office_meaning import expected_of_offices
from migration_assets.migration.raw_practice import RawPractice

Space = tuple[str, str, str, Mapping[str, FieldMeaning]]
"""A key space of the object, its table, the table's key, and what its fields mean."""

_TOLD = {RAW: pl.String, EXPECTED: pl.String}


def is_chosen(when: Mapping[str, tuple[str, ...]], raw: RawPractice) -> bool:
    return all(choice(name, raw) in options for name, options in when.items())


def choice(name: str, raw: RawPractice) -> str | None:
    """What the destination's environment or else the practice chose; None where nobody did."""
    chosen = raw.options.get(name) or getattr(raw.policies, name, None)
    return None if chosen is None else str(chosen)


def expected_unique(
    key_space: str, fields: Mapping[str, FieldMeaning], spaces: Sequence[Space], raw: RawPractice
) -> dict[str, pl.DataFrame]:
    """By field of the key space with a UniqueMeaning or an AgainMeaning ``_raw`` and ``expected``."""
    found = {}
    for field, declared in fields.items():
        if isinstance(declared, UniqueMeaning):
            how = declared.again["always" if declared.by is None else choice(declared.by, raw) or ""]
            rows = [
                (number, _again(value, number, how) if taken else value)
                for space, number, value, taken in _values(field, spaces, raw)
                if space == key_space
            ]
        elif isinstance(declared, AgainMeaning):
            rows = [
                (number, value)
                for space, number, value, taken in _values(declared.again_of, spaces, raw)
                if space == key_space and taken and is_chosen(declared.when, raw)
            ]
        else:
            continue
        found[field] = pl.DataFrame(rows, schema=_TOLD, orient="row")
    return found


def _again(value: str, number: str, how: str) -> str | None:
    return {"nothing": None, "same": value, "with_id": f"{value} ({number})"}[how]


def _values(field: str, spaces: Sequence[Space], raw: RawPractice) -> Iterator[tuple[str, str, str, bool]]:
    """Key space, number and value of each record that has one, and whether an earlier one has it already."""
    taken: set[str] = set()
    for space, table, key, fields in spaces:
        declared = fields.get(field)
        if not isinstance(declared, UniqueMeaning):
            continue
        told = _of_space(table, key, declared, raw).drop_nulls()
        named = declared.with_practice is not None and is_chosen(declared.with_practice, raw)
        for number, plain in sorted(told.iter_rows(), key=lambda row: _in_order(row[0])):
            value = f"{plain} ({raw.name})" if named and plain != raw.name else plain
            alike = value.strip().lower()
            yield space, number, value, alike in taken
            taken.add(alike)


def _of_space(table: str, key: str, declared: UniqueMeaning, raw: RawPractice) -> pl.DataFrame:
    inner = declared.unique
    match inner:
        case ColumnMeaning():
            return expected_cells(table, key, inner, raw).filter(is_staged(table, raw))
        case PersonMeaning():
            return expected_of_people({"": inner}, raw)[""]
        case HouseholdMeaning():
            return expected_of_households({"": inner}, raw)[""]
        case OfficeMeaning():
            return expected_of_offices({"": inner}, raw)[""]
        case _:
            return pl.DataFrame([(raw.practice, raw.name)], schema=_TOLD, orient="row")


def _in_order(number: str) -> tuple[bool, int, str]:
    """By the first digits that stand in it."""
    digits = "".join(sign if sign.isdecimal() else " " for sign in number).split()
    return (not digits, int(digits[0]) if digits else 0, number)
