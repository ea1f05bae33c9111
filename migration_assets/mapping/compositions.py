"""What a spec may say beyond copying a column: texts out of several columns, words of a list, totals, shared
values.

Declarations only, as ``declarations`` are; how they are carried out stands in ``composing`` and ``sharing``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from migration_assets.practice import Settings


class Group(Settings):
    """Values of one kind in a line of rows, with blanks between them: ``depth 3 2 . 4 2 6``.

    ``.`` stands for nothing, ``+`` and ``-`` for yes and no; a group of which all is nothing is left out.
    """

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    label: str | None = None


class TextPart(Settings):
    """One line or several of a text; what is empty leaves no trace, not even its ``label``.

    ``say`` is the same for every record. ``columns`` stand one after the other, joined by commas: of the
    row itself; of the row of ``of`` whose ``source_id`` stands in the column ``by``; or of all ``rows`` of a
    table whose column ``by`` holds the record's ``source_id``, a line each in the order of ``order_by``, with
    the role ``role`` in the lineage. A line of ``rows`` may be made of ``groups`` instead, with semicolons
    between them.
    """

    say: str | None = None
    label: str | None = None
    columns: tuple[str, ...] = ()
    of: str | None = None
    rows: str | None = None
    by: str | None = None
    order_by: str | None = None
    role: str | None = None
    groups: tuple[Group, ...] = ()

    @property
    def all_columns(self) -> tuple[str, ...]:
        return self.columns or tuple(name for group in self.groups for name in group.columns)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"columns": [given]} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_kind(self) -> TextPart:
        if [self.say is not None, bool(self.columns), bool(self.groups)].count(True) != 1:
            raise ValueError("a part of a text is {say}, {label, columns} or {label, groups}")
        if self.groups and self.rows is None:
            raise ValueError("'groups' make lines of 'rows'")
        if self.say is not None and self.label is not None:
            raise ValueError("what is always said needs no 'label'")
        elsewhere = [name for name in (self.of, self.rows) if name is not None]
        if len(elsewhere) > 1 or (self.by is not None) is not bool(elsewhere):
            raise ValueError("columns of another table are {of, by, columns} or {rows, by, columns}")
        if any((each is not None) is not (self.rows is not None) for each in (self.order_by, self.role)):
            raise ValueError("'rows' need 'order_by' and 'role', and nothing else has them")
        return self


class TextRule(Settings):
    """A text of ``parts``, joined by ``joined``; ``otherwise`` stands where all of them are empty.

    ``cut``: shortened to the field's length where it is longer, for names of records whose whole text stands
    in another field.
    """

    parts: Annotated[tuple[TextPart, ...], Field(min_length=1)]
    joined: str = "\n"
    otherwise: str | None = None
    cut: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"parts": given} if isinstance(given, list) else given

    @property
    def tables(self) -> tuple[str, ...]:
        """Staged tables that it looks at besides the record's own."""
        return tuple(dict.fromkeys(name for part in self.parts for name in (part.of, part.rows) if name))


class Words(Settings):
    """``values``: word -> value of a picklist; case, blanks, hyphens and underscores don't count.

    A column that holds several words divides them by ``;``.
    """

    column: str
    values: Annotated[dict[str, str], Field(min_length=1)]


class Total(Settings):
    """What all of a record's merged rows are together: how many, or the ``first`` or ``last`` value of a
    column."""

    how: Literal["count", "first", "last"]
    column: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if given == "count":
            return {"how": "count"}
        if isinstance(given, dict) and len(given) == 1:
            [(how, column)] = given.items()
            return {"how": how, "column": column}
        return given

    @model_validator(mode="after")
    def _has_its_column(self) -> Total:
        if (self.column is None) is not (self.how == "count"):
            raise ValueError("a total is count, {first: column} or {last: column}")
        return self


class Distinct(Settings):
    """A field that the destination keeps unique, and what becomes of a value that an earlier record has.

    Case doesn't count. Earlier is the record of the source that stands first, then the one with the smaller
    number. ``then``: ``leave_empty``; ``move`` the value into the field ``to``; ``add_id`` of the record
    behind it. ``add_practice`` is for a value that another practice's record may have: the practice's name
    goes behind each. ``when`` names the choices under which it holds.
    """

    field: str
    then: Literal["leave_empty", "move", "add_id", "add_practice"]
    to: str | None = None
    when: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _moves_somewhere(self) -> Distinct:
        if (self.to is not None) is not (self.then == "move"):
            raise ValueError("'to' is the field into which 'then: move' puts the value")
        return self
