"""What a practice's letter templates say, and where each of their merge fields lands in a destination.

PANDA calls the tables in a template by short names (``Exam.Date``, ``Plan.Lines``), so a name is looked up
among the tables and columns of the practice's profile; what lands where is the inventory's to say. The texts
are PANDA's and stay so: templates are built anew by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from migration_assets.mapping.spec import PRACTICE_TABLE
from migration_assets.migration.template_text import TemplateText, parse
from migration_assets.panda.profile import Profile

TEMPLATES, LETTERS = "LetterTemplate", "Letter"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|\d+")
_FULL_NAME, _NAME_PARTS = "fullname", ("firstname", "lastname")


@dataclass(frozen=True, slots=True)
class Landing:
    """A field of the destination that a column of PANDA's fills: API names and the label that people see."""

    object: str
    field: str
    label: str


@dataclass(frozen=True, slots=True)
class MergeField:
    """What a merge field means: ``table`` and ``columns`` by logical name, as far as the profile has them.

    ``rows_of`` is a table whose rows it lists (``Plan.Lines``), ``objects`` what these rows become.
    ``landings`` is empty where the destination has no field for it.
    """

    name: str
    table: str | None = None
    columns: tuple[str, ...] = ()
    rows_of: str | None = None
    landings: tuple[Landing, ...] = ()
    objects: tuple[str, ...] = ()

    @property
    def has_field(self) -> bool:
        return bool(self.landings or self.objects)

    @property
    def source(self) -> str | None:
        """``Patient.FirstName``, several joined by +; None where no column is known."""
        if self.rows_of is not None:
            return f"rows of {self.rows_of}"
        return " + ".join(f"{self.table}.{column}" for column in self.columns) or None


@dataclass(frozen=True, slots=True)
class Template:
    """One row of LetterTemplate with its text as PANDA holds it; ``used`` counts the letters that name it,
    ``last_used`` is the latest of their times, the practice's own."""

    id: str
    name: str
    category: str | None
    body: str
    format: str
    text: TemplateText
    used: int
    last_used: datetime | None


@dataclass(frozen=True)
class TemplateReference:
    """``fields``: every merge field that any template has, by name."""

    templates: tuple[Template, ...]
    fields: Mapping[str, MergeField]

    @property
    def without_field(self) -> tuple[MergeField, ...]:
        return tuple(each for each in self.fields.values() if not each.has_field)


def make_reference(
    templates: pl.DataFrame, letters: pl.DataFrame, profile: Profile, inventory: pl.DataFrame
) -> TemplateReference:
    """``templates`` and ``letters`` as they were extracted, ``inventory`` of INVENTORY_COLUMNS."""
    used = _use(letters, profile)
    columns = profile.table(TEMPLATES)
    read = {
        name: templates[columns.actual(name)].to_list()
        if columns.has(name) and columns.actual(name) in templates.columns
        else [None] * templates.height
        for name in ("TemplateID", "Name", "Category", "Body")
    }
    made = []
    for number, name, category, body in zip(*read.values(), strict=True):
        count, last = used.get(str(number), (0, None))
        written = str(body or "")
        made.append(
            Template(
                str(number),
                str(name or f"Template {number}"),
                category,
                written,
                _format(written),
                parse(written),
                count,
                last,
            )
        )
    tables = _Tables(profile, inventory)
    names = dict.fromkeys(name for each in made for name in each.text.fields)
    return TemplateReference(tuple(made), {name: tables.meaning(name) for name in sorted(names)})


def _use(letters: pl.DataFrame, profile: Profile) -> dict[str, tuple[int, datetime | None]]:
    table = profile.table(LETTERS)
    if not (table.has("TemplateID") and table.has("SentAt")) or letters.is_empty():
        return {}
    template, sent = (pl.col(table.actual(name)) for name in ("TemplateID", "SentAt"))
    counted = letters.group_by(template.cast(pl.String).alias("template")).agg(
        pl.len(), sent.cast(pl.Datetime("ms"), strict=False).max().alias("last")
    )
    return {name: (count, last) for name, count, last in counted.iter_rows() if name is not None}


def _format(body: str) -> str:
    start = body.lstrip()[:200].lower()
    if start.startswith("{\\rtf"):
        return "RTF"
    return "HTML" if re.match(r"<(?:!doctype|html|body|p|div|table)\b", start) else "text"


class _Tables:
    """The profile's tables and the inventory's, by the words that their names are made of."""

    def __init__(self, profile: Profile, inventory: pl.DataFrame) -> None:
        self._columns: dict[str, tuple[str, ...]] = {
            name: table.logical_columns for name, table in profile.tables.items()
        }
        own = inventory.filter(pl.col("source_table") == PRACTICE_TABLE)["source_column"].drop_nulls()
        self._columns[PRACTICE_TABLE] = tuple(own.unique(maintain_order=True))
        self._inventory = inventory

    def meaning(self, name: str) -> MergeField:
        short, _, rest = name.partition(".")
        table = self._table(short)
        if table is None:
            return MergeField(name)
        children = self._table_of_rows(table, rest)
        if children is not None:
            return MergeField(name, table, rows_of=children, objects=self._objects(children))
        columns = self._columns_of(table, short, rest)
        return MergeField(name, table, columns, landings=self._landings(table, columns))

    def _table(self, short: str) -> str | None:
        """The table of that name, else the only one whose name ends in it (Exam: ClinicalExam)."""
        wanted = _words(short)
        exact = [name for name in self._columns if _words(name) == wanted]
        ending = [name for name in self._columns if _words(name)[-len(wanted) :] == wanted]
        found = exact or ending
        return found[0] if len(found) == 1 else None

    def _table_of_rows(self, table: str, rest: str) -> str | None:
        """``Lines`` of TreatmentPlan: the table TreatmentPlanLine."""
        wanted = _words(table) + _words(rest.removesuffix("s"))
        found = [name for name in self._columns if _words(name) == wanted]
        return found[0] if found and rest.endswith("s") else None

    def _columns_of(self, table: str, short: str, rest: str) -> tuple[str, ...]:
        """The column of that name, or with the table's before it (``Referral.Type``: ReferralType), or
        first and last name where the template wants both at once."""
        by_name = {column.casefold(): column for column in self._columns[table]}
        names = (rest, short + rest, table + rest)
        found = next((by_name[name.casefold()] for name in names if name.casefold() in by_name), None)
        if found is not None:
            return (found,)
        if rest.casefold() == _FULL_NAME and all(part in by_name for part in _NAME_PARTS):
            return tuple(by_name[part] for part in _NAME_PARTS)
        return ()

    def _landings(self, table: str, columns: tuple[str, ...]) -> tuple[Landing, ...]:
        rows = self._inventory.filter(
            (pl.col("source_table") == table) & pl.col("source_column").is_in(list(columns))
        )
        found = rows.filter(~pl.col("transform").str.starts_with("key")).select("object", "field", "label")
        return tuple(Landing(*row) for row in found.unique(maintain_order=True).iter_rows())

    def _objects(self, table: str) -> tuple[str, ...]:
        rows = self._inventory.filter(
            (pl.col("source_table") == table) & pl.col("transform").str.starts_with("key")
        )
        return tuple(rows["object"].unique(maintain_order=True))


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(name))
