"""The sheet "Plans" of the field inventory: what the mapping needs of each kind against what each of the
destination's plans allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migration_assets.destinations.administration import PlanRoom

NAME = "Plans"
_COLUMNS = {
    "Plan": 22,
    "The account's own": 12,
    "Object": 26,
    "Kind": 22,
    "Needed": 9,
    "Of these there": 12,
    "Others there": 12,
    "Limit": 9,
    "Left then": 9,
    "Fits": 8,
    "Which": 70,
    "Otherwise": 50,
}


def shown(rooms: Sequence[PlanRoom]) -> list[PlanRoom]:
    """Without kinds of which nothing is needed and nothing there."""
    return [each for each in rooms if each.needed or each.there or each.others]


def write_plans(sheet: Any, book: Any, rooms: Sequence[PlanRoom]) -> None:
    """A line a plan, object and kind; the account's own plan is bold and what doesn't fit is red."""
    heading = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "valign": "top"})
    for column, (title, width) in enumerate(_COLUMNS.items()):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, heading)
    styles = {
        (own, fits): book.add_format(
            {"valign": "top", "text_wrap": True, "bold": own} | ({} if fits else {"font_color": "#A3231F"})
        )
        for own in (True, False)
        for fits in (True, False)
    }
    row = 0
    for row, each in enumerate(shown(rooms), start=1):
        style = styles[each.own, each.fits]
        for column, value in enumerate(_cells(each)):
            if isinstance(value, int):
                sheet.write_number(row, column, value, style)
            else:
                sheet.write_string(row, column, value, style)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, row, len(_COLUMNS) - 1)


def _cells(each: PlanRoom) -> tuple[str | int, ...]:
    return (
        each.plan,
        "yes" if each.own else "",
        each.object or "(the whole account)",
        each.kind,
        len(each.needed),
        each.there,
        each.others,
        each.limit,
        each.limit - each.others - len(each.needed),
        "yes" if each.fits else "NO",
        ", ".join(each.needed),
        "" if each.fits else each.otherwise or "",
    )
