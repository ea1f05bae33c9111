"""What a mapping spec's file says, key by key: the declarations that ``loader`` reads and checks.

Models of the file's own parts only; what they become once checked stands in ``spec``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from migration_assets.destinations.base import Identity as IdentityKind
from migration_assets.mapping.compositions import TextRule, Total, Words
from migration_assets.practice import Settings

KeySpace = Literal[
    "practice",
    "patient",
    "provider",
    "referrer",
    "exam",
    "exam_chart2",
    "exam_chart3",
    "exam_tooth",
    "exam_finding",
    "chart",
    "household",
    "office",
    "account_tie",
    "document",
    "radiograph",
    "file_link",
    "attendee",
    "plan",
    "plan_line",
    "referral",
    "appointment",
    "note",
    "appointment_note",
    "plan_note",
    "plan_line_note",
    "letter_note",
    "radiograph_note",
    "document_note",
    "referral_note",
    "exam_note",
]
Constant = bool | int | str

JOINED = "_key"
"""Column of a key that no field of the destination holds."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "accounts": ("practice", "household", "none"),
    "account_relations": ("off", "on"),
    "shared_emails": ("second_field", "first", "as_is"),
    "modules": ("on", "off"),
    "several_practices": ("off", "on"),
    "deletions": ("report", "flag", "delete"),
}
"""Choices by which a spec may say different things, and what each may be; the first where nothing is chosen.

``accounts`` is the practice's policy, ``account_relations`` whether the destination keeps contacts of several
accounts. ``shared_emails`` is the practice's policy for an address that several people have, where the
destination keeps addresses unique: the first of them keeps it, and the others have it in a second field
(``second_field``) or nowhere (``first``); ``as_is`` leaves it with all, once the destination's administrator
has switched uniqueness off.
``modules``: whether the destination's plan has objects of one's own. ``several_practices``: whether other
practices' records come to the same place, where names are to be unique. ``deletions``, what becomes of
records whose row is gone from the source, is the practice's policy: only ``flag`` needs a field there.
"""


class Identity(Settings):
    """How a record is found again, see ``destinations.base.Identity``.

    ``field`` holds the key, ``joins`` are the references that it is made of where no field of the destination
    can; its ``key_space`` is then one for all sources. ``{marker: field}`` is short for a record known by a
    marker in that text.
    """

    kind: IdentityKind
    field: str = JOINED
    joins: tuple[str, ...] = ()
    key_space: KeySpace | None = None
    marker: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.keys() == {"marker"}:
            return {"kind": IdentityKind.MARKER, **given}
        return given

    @model_validator(mode="after")
    def _one_way(self) -> Identity:
        by_parents = self.kind is IdentityKind.PARENTS
        by_marker = self.kind is IdentityKind.MARKER
        if by_marker is not (self.marker is not None):
            raise ValueError("a record known by a marker, and no other, is {marker}: the text that bears it")
        if by_marker and (self.field != JOINED or self.joins or self.key_space is not None):
            raise ValueError("a record known by a marker has {marker} and nothing else")
        if by_parents and (self.field != JOINED or len(self.joins) < 2 or self.key_space is None):
            raise ValueError("a record known by its parents has {kind, joins, key_space}, two joins or more")
        if (
            not by_parents
            and not by_marker
            and (self.field == JOINED or self.joins or self.key_space is not None)
        ):
            raise ValueError("a record known by a field has {kind, field}")
        return self


class KeyIn(Settings):
    """Where a parent's source id may stand: ``column``, of ``key_space``; none for the practice itself.

    ``parent`` is named where it is another object than the rule's own.
    """

    key_space: KeySpace
    column: str | None = None
    parent: str | None = None

    @model_validator(mode="after")
    def _has_a_column(self) -> KeyIn:
        if (self.column is None) is not (self.key_space == "practice"):
            raise ValueError("'column' holds the parent's source id; the practice itself has none")
        return self


class Rule(Settings):
    """Where one field's value comes from; a bare column name is short for ``{column: name}``.

    ``{column, values, default}`` copies a staged column, translating words of a picklist and filling
    nulls; ``{parent, key_space, column}`` is the parent's key, ``column`` its source id (left out for the
    practice itself) and ``or`` where it stands if that column is null; ``{user_of}`` is the destination's
    user who is the provider in that column, else the practice's default owner; ``{constant}`` is the same
    for every record; ``{text}`` is made of several columns, and ``{choose}`` the value of the first known
    word of its columns, null where there is none. With ``of`` and ``by`` the column is that of another staged
    table: of its row whose ``source_id`` stands in the column ``by``. ``{column, read_as: local_day}`` is the
    practice's day of a time.

    A record waits for its parent, unless ``if_absent: leave_empty`` says that it goes without: the reference
    is then null wherever the parent isn't staged or didn't get into the destination, and that is listed.
    """

    column: str | None = None
    values: dict[str, str] | None = None
    default: Constant | None = None
    parent: str | None = None
    key_space: KeySpace | None = None
    or_in: Annotated[KeyIn | None, Field(alias="or")] = None
    if_absent: Literal["leave_empty"] | None = None
    user_of: str | None = None
    constant: Constant | None = None
    of: str | None = None
    by: str | None = None
    read_as: Literal["local_day"] | None = None
    text: TextRule | None = None
    choose: Annotated[tuple[Words, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_transform(self) -> Rule:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given in ({"constant"}, {"user_of"}, {"text"}, {"choose"}):
            return self
        if ("of" in given) is not ("by" in given):
            raise ValueError("another table's column is {of, by, column}")
        if "of" in given and given & {"or_in", "if_absent"}:
            raise ValueError("a parent's id in another table goes without 'or' and 'if_absent'")
        given -= {"of", "by"}
        if "parent" in given:
            if "key_space" not in given or not given <= {
                "parent",
                "key_space",
                "column",
                "or_in",
                "if_absent",
            }:
                raise ValueError("a parent's key is {parent, key_space, column, or, if_absent}")
            if "or_in" in given and "column" not in given:
                raise ValueError("'or' stands beside a 'column' that may be null")
            if "column" not in given and self.key_space != "practice":
                raise ValueError("'column' is missing: the staged column that holds the parent's source id")
        elif "column" not in given or not given <= {"column", "values", "default", "read_as"}:
            raise ValueError(
                "a rule is {column, values, default}, {parent, key_space, column}, {user_of}, {constant}, "
                "{text} or {choose}"
            )
        return self

    @property
    def place(self) -> str | None:
        """The column as ``composing.with_borrowed`` names it beside a row's own."""
        return self.column if self.of is None else f"{self.by}>{self.of}.{self.column}"

    def described(self) -> dict[str, Any]:
        """Plain values of everything that it says; part of the mapping's hash.

        What only some destinations need isn't named where it isn't used, so that the others' hashes stay.
        """
        later = ("of", "by", "read_as", "text", "choose")
        return self.model_dump(exclude={name for name in later if getattr(self, name) is None})

    @property
    def keys_in(self) -> tuple[KeyIn, ...]:
        """Where the parent's source id may stand; the first that isn't null counts."""
        if self.key_space is None:
            return ()
        first = KeyIn(key_space=self.key_space, column=self.place, parent=self.parent)
        return (first,) if self.or_in is None else (first, self.or_in.model_copy(update=self._own_parent()))

    def _own_parent(self) -> dict[str, str | None]:
        return {"parent": self.or_in.parent or self.parent} if self.or_in is not None else {}

    @property
    def parents(self) -> tuple[str, ...]:
        """Objects that the rule's keys may lead to."""
        return tuple(dict.fromkeys(str(way.parent) for way in self.keys_in))

    @property
    def transform(self) -> str:
        """How the value is made, in the words of the field inventory."""
        if self.constant is not None:
            return "constant"
        if self.parent is not None:
            return f"key of {' or '.join(self.parents)}"
        if self.user_of is not None:
            return "user of the provider, else the default owner"
        parts = ["values" if self.values else "copy"]
        if self.read_as is not None:
            parts = ["the practice's day"]
        return " + ".join(parts + (["default"] if self.default is not None else []))


class MergedDeclaration(Settings):
    """Rows of another staged table that become fields of a source's records.

    ``by`` is its column that holds the record's source id, ``where`` the values that a row's columns must
    have. ``map`` copies columns of the one row that a record then has; ``lines`` puts a column of all its
    rows, ordered by ``order_by``, on lines of one text; ``totals`` say what all of them are together.
    """

    staged: str
    by: str
    role: Annotated[str, Field(min_length=1)]
    where: dict[str, Constant] = Field(default_factory=dict)
    map: dict[str, Any] = Field(default_factory=dict)
    lines: dict[str, str] = Field(default_factory=dict)
    order_by: str | None = None
    totals: dict[str, Total] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _either(self) -> MergedDeclaration:
        if [bool(self.map), bool(self.lines), bool(self.totals)].count(True) != 1:
            raise ValueError(
                "merged rows are mapped by 'map', one row a record, or by 'lines' or 'totals', all of them"
            )
        if bool(self.order_by) is not bool(self.lines):
            raise ValueError("'lines' need 'order_by', the column in whose order they stand")
        return self


class Alternatives(Settings):
    """``{by: accounts, practice: RULE, ...}``: the rule of what the practice chose; null maps nothing."""

    by: Literal["accounts"]
    practice: Any
    household: Any
    none: Any

    def options(self) -> Mapping[str, Any]:
        return {option: getattr(self, option) for option in CHOICES[self.by]}


class SourceDeclaration(Settings):
    """A staged table whose rows become records of the object, one each.

    ``where`` are values that a row's columns must have, ``otherwise`` the reason why any other row is no
    record of its own; ``present`` are columns that a row must have besides. ``when`` names the practice's
    choices under which the source counts at all. The role ``relation`` is that of records which only join
    others. ``split`` is the text of which a row makes several records where it is too long for one.
    """

    staged: str
    key_space: KeySpace
    role: Literal["record", "companion", "relation"]
    map: dict[str, Any]
    merged: list[dict[str, Any]] = Field(default_factory=list)
    where: dict[str, Constant] = Field(default_factory=dict)
    otherwise: str | None = None
    when: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    present: tuple[str, ...] = ()
    split: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SourceDeclaration:
        if bool(self.where or self.present) is not (self.otherwise is not None):
            raise ValueError(
                "'where' and 'otherwise', the reason of rows that it leaves out, go together; so do "
                "'present' and 'otherwise'"
            )
        for choice, options in self.when.items():
            if unknown := set(options) - set(CHOICES.get(choice, ())):
                raise ValueError(f"'when' names what nobody can choose: {', '.join(sorted(unknown))}")
        return self


class ChartDeclaration(Settings):
    """The staged table whose rows, many an exam, are gathered into the object's wide fields."""

    staged: str
    exam_column: str
    measures: Annotated[tuple[str, ...], Field(min_length=1)]


class ChartPart(StrEnum):
    """What of a chart an object's records hold.

    EXAM: the exam with the measures that have room there; COMPANION: one an exam, wide fields of measures
    that had no room before it; TEETH: one a tooth that holds what no wide field takes.
    """

    EXAM = "exam"
    COMPANION = "companion"
    TEETH = "teeth"


class ChartPartDeclaration(Settings):
    """``{of, holds}``: the object takes a part of the chart that the object ``of`` carries."""

    of: str
    holds: Literal[ChartPart.COMPANION, ChartPart.TEETH]
