"""The rows of a drawn periodontal chart: numbers, status and mobility of whole teeth, figures and flags of
each site. The panels that they stand beside are ``svg``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

from migration_assets.perio import charting
from migration_assets.perio.charting import Measure, Site
from migration_assets.perio_chart.columns import Sheet
from migration_assets.perio_chart.layout import (
    COLUMN,
    LEFT,
    OUTWARD,
    ROW_NAMES,
    Aspect,
    column,
    header_rows,
    ordered,
)
from migration_assets.perio_chart.marks import GREY, PALE, flag, number, tag, words
from migration_assets.perio_chart.model import NOTHING_AT_SITE, Value
from migration_assets.perio_chart.text import POCKET_MM, code, shown


def header(sheet: Sheet, upper: bool) -> Iterator[str]:
    """Number, status and mobility of an arch's teeth."""
    rows = header_rows(upper)
    for name, title in zip(rows, ("Tooth", "Status", "Mobility"), strict=True):
        yield _row_name(title, rows[name])
    for slot in range(1, 17) if upper else range(17, 33):
        tooth, about = sheet.tooth(slot), {"data_tooth": sheet.seats[slot]}
        bold = {"font_size": 10, "font_weight": "bold", "class_": "number"}
        yield _centred(
            code(sheet.seats[slot], sheet.chart.system), column(slot), rows["number"], **bold, **about
        )
        if tooth.status is not None:
            small = {"font_size": 6.5, "class_": "status"}
            yield _centred(tooth.status[:10], column(slot), rows["status"], **small, **about)
        if tooth.mobility is not None:
            grade = number(tooth.mobility)
            yield _centred(grade, column(slot), rows["mobility"], class_="mobility", **about)


def rows(sheet: Sheet, aspect: Aspect) -> Iterator[str]:
    """The measures of an aspect's sites."""
    no: list[str] = []
    for measure in OUTWARD:
        yield _row_name(ROW_NAMES[measure.name], aspect.row(measure))
        yield tag("g", *_row(sheet, aspect, measure, no), text_anchor="middle")
    if no:
        yield tag("path", class_="no", d=" ".join(no), stroke=GREY, stroke_width=0.8)
    yield _edges(aspect)


def _row(sheet: Sheet, aspect: Aspect, measure: Measure, no: list[str]) -> Iterator[str]:
    """One measure of all sites; findings that were charted as none go to ``no``, as parts of one path."""
    y, name = aspect.row(measure), measure.name
    for slot in aspect.slots:
        sites = sheet.tooth(slot).sites
        for site, x in ordered(slot, aspect.sites) if sites else ():
            value = getattr(sites.get(site, NOTHING_AT_SITE), name)
            if value is False:
                no.append(f"M{x - 1.5:.1f},{y:.1f} h3")
            elif value is not None:
                yield _cell(name, value, x, y, sheet.seats[slot], site)


@lru_cache(maxsize=16384)
def _cell(measure: str, value: Value, x: float, y: float, tooth: str, site: Site) -> str:
    """A finding in its row. Rows stand at the same place on every chart, so charts share their cells."""
    about = {"data_tooth": tooth, "data_site": site}
    if value is True:
        return flag(measure, x, y, **about)
    deep = measure == charting.POCKET_DEPTH.name and float(value) >= POCKET_MM
    style = {"font_weight": "bold" if deep else None, "class_": measure}
    return tag("text", words(shown(value)), x=x, y=y + 2.8, **style, **about)


@cache
def _edges(aspect: Aspect) -> str:
    """The lines between the teeth."""
    top, high = aspect.box
    edges = [column(slot) + side * COLUMN / 2 for slot in aspect.slots for side in (-1, 1)]
    lines = " ".join(f"M{x:g},{top:g} v{high:g}" for x in dict.fromkeys(edges))
    return tag("path", d=lines, stroke=PALE, stroke_width=0.4)


@cache
def _row_name(name: str, y: float) -> str:
    return tag("text", words(name), x=LEFT - 4, y=y + 2.6, text_anchor="end", font_size=7, fill=GREY)


@lru_cache(maxsize=4096)
def _centred(text: str, x: float, y: float, **attributes: object) -> str:
    return tag("text", words(text), x=x, y=y + 2.8, text_anchor="middle", **attributes)
