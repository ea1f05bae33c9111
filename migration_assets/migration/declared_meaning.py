"""What meanings/<destination>.yaml may say of a field: where its value stands, and how it reads.

Declarations only; how each is carried out stands in the module of its kind (``field_meaning``,
``text_meaning``, ``unique_meaning``, ``figures_meaning`` and those of papers, people and offices).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from migration_assets.migration.raw_chart import ChartTable, ExamsMeaning
from migration_assets.migration.raw_figures import Figure
from migration_assets.migration.raw_reader import ReadAs
from migration_assets.migration.raw_referrers import PersonField
from migration_assets.practice import Accounts, Settings

Choices = dict[str, tuple[str, ...]]
"""Name of a choice of the practice or of the destination's environment -> what it must be."""


class ColumnMeaning(Settings):
    """``column`` read as ``as`` says.

    ``and``: a second column whose text stands on the next line. ``of``: the table of an optional parent,
    whose key is expected only where its row was staged. ``or_practice``: the practice itself where the row
    names no parent. ``plus``: the column of minutes to add.
    """

    column: str
    read_as: Annotated[ReadAs, Field(alias="as")]
    and_column: Annotated[str | None, Field(alias="and")] = None
    key_space: str | None = None
    of: str | None = None
    or_practice: bool = False
    plus: str | None = None
    at_most: int | None = None
    otherwise: str | None = None


class ConstantMeaning(Settings):
    """What the field shows in every record of the key space."""

    constant: Annotated[bool | str, Field(alias="is")]


class PartsMeaning(Settings):
    """Several columns as one text, ``joined`` between them; one that is null is left out.

    ``otherwise`` stands where all are, and a text longer than ``at_most`` is cut, its last character an
    ellipsis.
    """

    parts: list[ColumnMeaning]
    joined: str = " "
    otherwise: str | None = None
    at_most: int | None = None


class FirstMeaning(Settings):
    """The first of several columns that says anything."""

    first_of: list[ColumnMeaning]


class ToothMeaning(Settings):
    """The Universal code of a tooth that is written in the numbering system of its exam."""

    tooth: str
    exam: str
    exams: ExamsMeaning


class DentistMeaning(Settings):
    """The provider whom the column names, else whom the row's free text names: a provider, or a referrer of
    the key space ``else``."""

    dentist: str
    key_space: str
    of: str
    else_in: Annotated[str, Field(alias="else")]


class FoundMeaning(Settings):
    """A cell of the row of ``in`` whose key stands in the column ``by``; nothing where it wasn't staged."""

    by: str
    table: Annotated[str, Field(alias="in")]
    found: ColumnMeaning


class KindMeaning(Settings):
    """The first word of ``kinds`` whose table names the row in its column ``column``, else ``otherwise``."""

    kinds: dict[str, str]
    column: str
    otherwise: str


class PersonMeaning(Settings):
    """A value of a person whom only free text names, read as ``as`` says where it isn't shown as it is."""

    person: PersonField
    read_as: Annotated[ReadAs | None, Field(alias="as")] = None


class AccountMeaning(Settings):
    """By the practice's choice (``policies.accounts``): the practice's Account, a patient's household's, or
    none. The record is the patient, or ``of`` is the column that names the patient."""

    account: dict[Accounts, Literal["practice", "household"] | None]
    of: str | None = None


class OfficeMeaning(Settings):
    """A value of an office of dentists."""

    office: Literal["name"]


class OwnOfficeMeaning(Settings):
    """The office that a dentist's own texts name; the record is the dentist."""

    own_office: Literal["provider", "referrer"]


class FurtherOfficesMeaning(Settings):
    """The other offices that name a dentist, one a line, by the row by which each is known."""

    further_offices: Literal["provider", "referrer"]


class HouseholdMeaning(Settings):
    """A value of a household of patients."""

    household: Literal["name"]


class PracticeMeaning(Settings):
    """What the practice's registry says of the practice itself."""

    practice: Literal["name"]


class FileMeaning(Settings):
    """A fact of the file that a row has in the database or on the share."""

    file: Literal["title", "name", "type", "bytes", "md5"]


class ReferralsMeaning(Settings):
    """How many incoming referrals name the dentist whom the record is, or the ``first`` or ``last`` day of
    any."""

    referrals: Literal["count", "first", "last"]
    of: Literal["provider", "referrer"]


class FigureMeaning(Settings):
    """A figure of the patient's latest exam that has a chart, or of all exams."""

    figure: Figure


class UniqueMeaning(Settings):
    """A value that only one record may have, whatever its case: the first by the meanings' order, then by
    number.

    ``again`` is what the others show, by the practice's choice ``by`` where there is one: ``nothing``, the
    ``same`` value, or the value ``with_id`` behind it. Under the choices ``with_practice`` the practice's
    name stands behind every value but itself.
    """

    unique: ColumnMeaning | PersonMeaning | OfficeMeaning | HouseholdMeaning | PracticeMeaning
    by: str | None = None
    again: dict[str, Literal["nothing", "same", "with_id"]]
    with_practice: Choices | None = None


class AgainMeaning(Settings):
    """The value of the field ``again_of`` that an earlier record has already, under these choices."""

    again_of: str
    when: Choices = Field(default_factory=dict)


class RefusedTeethMeaning(Settings):
    """How many charted teeth of the exam were refused, or whether ``any`` was; the record is the exam."""

    refused_teeth: Literal["count", "any"]
    chart: ChartTable


class NoImageMeaning(Settings):
    """Why the radiograph has no file of its own, where the reason isn't that its document is the file."""

    no_image: Literal["problem"]


class UntoldMeaning(Settings):
    """Nothing that the raw rows tell: the field isn't looked at, for the stated reason."""

    untold: str


RowMeaning = (
    ColumnMeaning | PartsMeaning | FirstMeaning | ToothMeaning | DentistMeaning | FoundMeaning | KindMeaning
)
TextCell = ColumnMeaning | PartsMeaning | FileMeaning | RefusedTeethMeaning | NoImageMeaning


class TextPart(Settings):
    """A line or several of a text, behind ``label``; where there is nothing to ``show`` it is left out.

    ``say`` stands in every record. ``show`` are cells, a comma between them: of the row itself; of the row of
    ``in`` whose key stands in the column ``by``, or who is named by text instead (``or_named``); or of all
    rows of ``rows_of`` whose column ``by`` holds the record's number, a line each by number. ``lines`` are
    such rows in words of their own, ``chart`` those of the exam's teeth.
    """

    say: str | None = None
    label: str | None = None
    show: list[TextCell] = Field(default_factory=list)
    table: Annotated[str | None, Field(alias="in")] = None
    by: str | None = None
    or_named: bool = False
    rows_of: str | None = None
    lines: Literal["classified"] | None = None
    chart: ChartTable | None = None

    @model_validator(mode="after")
    def _shows_one_thing(self) -> TextPart:
        if [self.say is not None, bool(self.show), self.lines is not None, self.chart is not None].count(
            True
        ) != 1:
            raise ValueError("a part of a text has one of 'say', 'show', 'lines' and 'chart'")
        if (self.by is not None) is not bool(self.table or self.rows_of):
            raise ValueError("'by' goes with 'in' or 'rows_of'")
        return self


class TextMeaning(Settings):
    """A text of several parts with ``joined`` between them."""

    text: list[TextPart]
    joined: str = "\n"


FieldMeaning = (
    RowMeaning
    | ConstantMeaning
    | PersonMeaning
    | AccountMeaning
    | HouseholdMeaning
    | OfficeMeaning
    | OwnOfficeMeaning
    | FurtherOfficesMeaning
    | PracticeMeaning
    | FileMeaning
    | ReferralsMeaning
    | FigureMeaning
    | UniqueMeaning
    | AgainMeaning
    | TextMeaning
    | UntoldMeaning
)
