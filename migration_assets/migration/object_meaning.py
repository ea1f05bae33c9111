"""What records of one key space of an object mirror in the raw tables, and which of them must be there.

A part of the comparison of meaning: read from meanings/<destination>.yaml; no code of objects/ and mapping/
is used. What the fields show is ``meaning``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from pydantic import Field

from migration_assets.documents import read_document
from migration_assets.migration import raw_referrers
from migration_assets.migration.chart_meaning import ChartMeaning
from migration_assets.migration.declared_meaning import Choices, ColumnMeaning, FieldMeaning, KindMeaning
from migration_assets.migration.field_meaning import EXPECTED, RAW, expected_cells, households, staged_keys
from migration_assets.migration.figures_meaning import FiguresMeaning, charted_exams
from migration_assets.migration.file_meaning import files_of
from migration_assets.migration.joined_meaning import JoinMeaning
from migration_assets.migration.merged_meaning import MergedMeaning
from migration_assets.migration.office_meaning import offices
from migration_assets.migration.raw_chart import ChartTable
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.unique_meaning import Space, is_chosen
from migration_assets.practice import Settings

_MEANINGS = Path(__file__).parent / "meanings"


class Only(Settings):
    """What ``kind`` of row becomes a record, as ``by`` tells it."""

    kind: str
    by: KindMeaning


class ObjectMeaning(Settings):
    """Which raw table records of one key space mirror, and what each plain field must show.

    ``merged`` rows of other tables fill more of its fields, ``figures`` sum up the charts of patients. Where
    ``people`` is true the records mirror the people whom the table's free text names, where ``households`` or
    ``offices`` is true the households of its patients or the offices of dentists, where ``practice`` is true
    the practice's own registry; not its rows. Where ``files`` is true only rows with a file are records;
    ``charted`` only exams of which a tooth is kept; ``present`` names a text that a row must have, ``only``
    what kind it must be. Records with ``joins`` only join others: what they join is in their key, and no
    other plain field but constants is declared of them. ``parted`` is the text that goes on in further
    records where it is long. ``when`` names the choices under which the records are there at all.
    """

    table: str
    key: str
    key_space: str
    fields: dict[str, FieldMeaning]
    merged: list[MergedMeaning] = Field(default_factory=list)
    figures: FiguresMeaning | None = None
    chart: ChartMeaning | None = None
    people: bool = False
    households: bool = False
    offices: bool = False
    practice: bool = False
    files: bool = False
    charted: ChartTable | None = None
    present: str | None = None
    only: Only | None = None
    parted: str | None = None
    joins: list[JoinMeaning] = Field(default_factory=list)
    when: Choices = Field(default_factory=dict)

    @property
    def field_names(self) -> tuple[str, ...]:
        merged = (field for each in self.merged for field in each.field_names)
        return (*(join.field for join in self.joins), *self.fields, *merged)

    @property
    def space(self) -> Space:
        return self.key_space, self.table, self.key, self.fields


def load_meanings(destination: str, directory: Path = _MEANINGS) -> Mapping[str, tuple[ObjectMeaning, ...]]:
    """By object, a meaning for each of its key spaces; raises ConfigurationError naming file and line."""
    document = read_document(directory / f"{destination}.yaml")
    return {
        name: tuple(
            document.parse(ObjectMeaning, (name, *place))
            for place in ([(at,) for at in range(len(part))] if isinstance(part, list) else [()])
        )
        for name, part in document.data.items()
    }


def chosen(meanings: Sequence[ObjectMeaning], raw: RawPractice) -> list[ObjectMeaning]:
    """Those whose records are there under the choices of the practice and the destination's environment."""
    return [meaning for meaning in meanings if is_chosen(meaning.when, raw)]


def staged_records(meaning: ObjectMeaning, raw: RawPractice) -> pl.Series:
    """What the keys of the records that must be there end in."""
    if meaning.practice:
        return pl.Series([raw.practice])
    if meaning.people:
        return raw_referrers.people(raw)["record"]
    if meaning.households:
        return households(raw)["record"].unique(maintain_order=True)
    if meaning.offices:
        return offices(raw)["record"].unique(maintain_order=True)
    if meaning.charted is not None:
        return charted_exams(meaning.charted, raw)
    keys = staged_keys(meaning.table, raw)
    if meaning.files:
        keys = keys.filter(keys.is_in(files_of(meaning.table, raw).implode()))
    if meaning.present is not None:
        text = ColumnMeaning.model_validate({"column": meaning.present, "as": "text"})
        noted = expected_cells(meaning.table, meaning.key, text, raw).drop_nulls()[RAW]
        keys = keys.filter(keys.is_in(noted.implode()))
    if meaning.only is not None:
        kinds = expected_cells(meaning.table, meaning.key, meaning.only.by, raw)
        wanted = kinds.filter(pl.col(EXPECTED) == meaning.only.kind)[RAW]
        keys = keys.filter(keys.is_in(wanted.implode()))
    return keys
