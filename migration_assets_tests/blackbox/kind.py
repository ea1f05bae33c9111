"""How a kind of record is described: its fields, the columns that they are made of, how both sides are read.

Which kinds there are, and what each of their fields holds, stands in ``fields`` and ``records``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import eq
from typing import Any

from migration_assets_tests.blackbox import words


@dataclass(frozen=True)
class Reading:
    """Raw cells -> what the org must hold, and an org's cell in the form to compare with that.

    ``same`` says whether the two agree, where being equal isn't it.
    """

    expected: Callable[..., Any]
    found: Callable[[Any], Any]
    same: Callable[[Any, Any], bool] = eq


@dataclass(frozen=True)
class Field:
    """A field of the org, the columns whose cells it is made of, and how.

    A column with a dot isn't the table's own but one that ``derived`` has put beside them.
    """

    name: str
    columns: tuple[str, ...]
    reading: Reading


@dataclass(frozen=True)
class Reference:
    """A field that names another record: by the key space and the column that holds the parent's id.

    Without a column it names the practice's own. An optional one is empty where the parent isn't migrated;
    the parent may be in the key space ``or_else`` (and column) where the first column is empty.
    """

    name: str
    space: str
    column: str | None = None
    optional: bool = False
    or_else: tuple[str, str] | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of record: a row of ``table`` each, by ``key``; ``plural`` is its name in the report.

    A table whose name ends with a dot is none of the database's but one that ``derived`` has made.
    """

    plural: str
    object: str
    space: str
    table: str
    key: str
    fields: tuple[Field, ...]
    references: tuple[Reference, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(each.name for each in self.fields), *(each.name for each in self.references))

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's own columns that are compared."""
        used = [column for each in self.fields for column in each.columns]
        used += [each.column for each in self.references if each.column is not None]
        return tuple(column for column in dict.fromkeys([self.key, *used]) if "." not in column)


TEXT = Reading(words.text, words.as_text)
LINES = Reading(words.lines, words.as_lines)
NUMBER = Reading(words.number, words.number)
PERCENT = Reading(words.within(0, 100, "0.01"), words.number)
FLAG = Reading(words.flag, words.flag)
DAY = Reading(words.day, words.as_text)


def word(read: Callable[..., Any]) -> Reading:
    """What a function makes of raw cells, to the letter."""
    return Reading(read, words.as_text)


def always(value: bool) -> Reading:
    return Reading(lambda: value, words.flag)


def fields_of(*rows: tuple[str, str, Reading]) -> tuple[Field, ...]:
    """Field, its columns (blank for a constant), reading."""
    return tuple(Field(name, tuple(columns.split()), reading) for name, columns, reading in rows)


OF_A_PATIENT = (
    Reference("Contact__c", "patient", "PatientID"),
    Reference("Provider__c", "provider", "ProviderID", optional=True),
)
