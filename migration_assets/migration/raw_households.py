"""The second reader's households: which patients live together, told a second time.

The rule is staging's, by another way: of all patients at one address, circles of equal last names and of
equal home phones are laid over each other until none touch. An address is the street and the postal code, or
the city with its state where there is none. Nothing of objects/, mapping/ or perio/ is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from migration_assets.migration.raw_names import names_nobody, same_letters, same_phone

COLUMNS = ("LastName", "Address1", "Address2", "City", "State", "Zip", "HomePhone")
"""Texts of Patient that the rule looks at, besides ``DateOfBirth``."""
TOLD: dict[str, pl.DataType] = dict.fromkeys(("patient", "record", "name"), pl.String())
"""A row a patient: what the key of the household's record ends in, and its name."""

_NOTHING = re.compile(r"|n a|na|none|unknown|not known|not given|tbd")
_ZIP_PLUS_4 = re.compile(r"^([0-9]{5})[0-9]{4}$")
_GENERATION_BEHIND = re.compile(r"(?<=\S) (?:jr|sr|ii|iii|iv)$")

_Row = dict[str, Any]


def households(patients: pl.DataFrame, minted: Mapping[str, str]) -> pl.DataFrame:
    """TOLD of each patient.

    ``patients``: ``patient`` (unique keys), ``DateOfBirth`` and COLUMNS, blank texts being null. ``minted``:
    ``h`` and the smallest key of a household -> the id that the ledger gave it.
    """
    at_address: dict[Any, list[_Row]] = {}
    for row in patients.iter_rows(named=True):
        at_address.setdefault(_address(row) or ("alone", row["patient"]), []).append(row)
    told = []
    for neighbours in at_address.values():
        for members in _circles(neighbours):
            first = min(members, key=_number)
            by_text = f"h{first['patient']}"
            name = f"{min(members, key=_age)['LastName']} Household"
            told += [(row["patient"], minted.get(by_text, by_text), name) for row in members]
    return pl.DataFrame(told, schema=TOLD, orient="row")


def _address(row: _Row) -> tuple[str, ...] | None:
    street = _letters(" ".join(filter(None, (row["Address1"], row["Address2"]))))
    code = _ZIP_PLUS_4.sub(r"\1", _letters(row["Zip"]).replace(" ", ""))
    place = (code,) if code.strip("0") else (_letters(row["City"]), _letters(row["State"]))
    return (street, *place) if street and place[0] else None


def _circles(neighbours: list[_Row]) -> Iterator[list[_Row]]:
    """Neighbours by household: each one's circle takes in every circle that shares a name or a number."""
    circles: list[tuple[set[str], list[_Row]]] = []
    alike: dict[tuple[str, str], list[_Row]] = {}
    for row in neighbours:
        alike.setdefault(
            (_family(row["LastName"] or ""), same_phone(row["HomePhone"] or "") or ""), []
        ).append(row)
    for (name, number), rows in alike.items():
        if not name and not number:
            circles += [(set(), [row]) for row in rows]
            continue
        shared = {text for text in (name and f"{name}, ", number) if text}
        touching = [circle for circle in circles if circle[0] & shared]
        circles = [circle for circle in circles if not circle[0] & shared]
        circles.append(
            (
                shared.union(*(known for known, _ in touching)),
                rows + [row for _, of in touching for row in of],
            )
        )
    return (rows for _, rows in circles)


def _family(last_name: str) -> str:
    return "" if names_nobody(last_name) else _GENERATION_BEHIND.sub("", same_letters(last_name))


def _letters(written: str | None) -> str:
    """Blank where the text says nothing."""
    letters = same_letters(written or "")
    return "" if _NOTHING.fullmatch(letters) else letters


def _age(row: _Row) -> tuple[Any, ...]:
    """The oldest first, those of unknown age last, else by number."""
    born = row["DateOfBirth"]
    return (born is None, 0 if born is None else born.toordinal(), *_number(row))


def _number(row: _Row) -> tuple[bool, int, str]:
    key = row["patient"]
    return (not key.isdecimal(), int(key) if key.isdecimal() else 0, key)
