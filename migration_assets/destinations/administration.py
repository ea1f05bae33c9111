"""What a destination's administrator decides and makes by hand: the plan that is bought, and steps.

Part of the port; the rest stands in ``base``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanRoom:
    """Whether what the mapping needs of one kind fits under one of the plans that a destination sells.

    ``needed`` names it: fields of ``object``, or objects where that is None, since they count for the whole
    account. ``there`` of them are in the account already, and ``others`` of the kind that aren't ours; all
    count against ``limit``. ``own`` marks the plan of the account, with its own limits where the settings
    have some. ``otherwise`` is a sentence on what can be done without it.
    """

    plan: str
    own: bool
    object: str | None
    kind: str
    needed: tuple[str, ...]
    there: int
    others: int
    limit: int
    otherwise: str | None = None

    @property
    def fits(self) -> bool:
        return not self.needed or len(self.needed) + self.others <= self.limit


@dataclass(frozen=True, slots=True)
class ManualStep:
    """Something that an administrator makes by hand, in the words of the destination's screens.

    ``place`` is the part of the settings where it is made, ``label`` its exact name there and ``kind`` what
    the screens call it. ``object`` and ``field`` are the mapping's names of it; no field, and it is an object
    of its own or a setting of one. ``choices`` are a list's, in order; of something that is ``there`` already
    only those that it lacks. ``points_to`` is the place whose records a reference names. ``required``: every
    record of the migration has a value. ``mind`` is what else to know about it.
    """

    object: str
    place: str
    label: str
    kind: str
    field: str | None = None
    choices: tuple[str, ...] = ()
    points_to: str | None = None
    required: bool = False
    there: bool = False
    mind: str | None = None

    @property
    def sentence(self) -> str:
        listed = ", ".join(self.choices)
        if self.there:
            what = f"complete {self.label!r}, a {self.kind}" + (f", by {listed}" if listed else "")
        else:
            to = f" to {self.points_to}" if self.points_to else ""
            what = f"add {self.label!r}, a {self.kind}{to}" + (
                f" with the choices {listed}" if listed else ""
            )
        return f"{self.place}: {what}" + (f" ({self.mind})" if self.mind else "")
