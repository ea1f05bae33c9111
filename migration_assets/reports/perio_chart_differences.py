"""What is drawn where two periodontal charts differ: seen without colours, exact to the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.perio import charting
from migration_assets.perio.charting import Site
from migration_assets.perio.teeth import Entrance
from migration_assets.reports.perio_chart import Difference, has_column
from migration_assets.reports.perio_chart_layout import (
    ASPECTS,
    BUCCAL_SITES,
    COLUMN,
    LINGUAL_SITES,
    ROW,
    SITE,
    STATUS_ROW,
    Scale,
    column,
    furcation_place,
    header_rows,
    ordered,
)
from migration_assets.reports.perio_chart_marks import BLACK, WHITE, hatched, tag, words
from migration_assets.reports.perio_chart_text import told


def marked(found: Sequence[Difference], scale: Scale) -> Iterator[str]:
    """A hatched box behind each site, tooth's value or furcation that differs, and the value's own cell."""
    drawn = [each for each in found if has_column(each.tooth)]
    by_site: dict[tuple[str, Site], list[Difference]] = {}
    for each in drawn:
        if isinstance(each.place, Site):
            by_site.setdefault((each.tooth, each.place), []).append(each)
        else:
            yield _marked_tooth(each, scale)
    for (tooth, site), differing in by_site.items():
        aspect = next(each for each in ASPECTS if site in each.sites and int(tooth) in each.slots)
        x = dict(ordered(int(tooth), aspect.sites))[site] - SITE / 2
        top, high = aspect.box
        title = tag("title", words("; ".join(told(each) for each in differing)))
        about = {"data_tooth": tooth, "data_site": site, "class_": "differs"}
        yield hatched(x, top, SITE, high, title, **about)
        for each in differing:
            y = aspect.row(each.measure) - ROW / 2
            box = {
                "width": SITE - 1,
                "height": ROW - 1,
                "fill": WHITE,
                "stroke": BLACK,
                "stroke_width": 1.2,
            }
            about |= {"class_": "differing-value", "data_measure": each.measure.name}
            yield tag("rect", x=x + 0.5, y=y + 0.5, **box, **about)


def _marked_tooth(each: Difference, scale: Scale) -> str:
    slot = int(each.tooth)
    about = {"class_": "differs", "data_tooth": slot, "data_measure": each.measure.name}
    title = tag("title", words(told(each)))
    if isinstance(each.place, Entrance):
        sites = BUCCAL_SITES if each.place is Entrance.BUCCAL else LINGUAL_SITES
        aspect = next(one for one in ASPECTS if one.sites is sites and slot in one.slots)
        x, y = furcation_place(slot, each.place, scale.panel(aspect))
        return hatched(x - 6.5, y - 6.5, 13, 13, title, data_entrance=each.place, **about)
    y = header_rows(slot <= 16)[each.measure.name]
    high = STATUS_ROW if each.measure is charting.STATUS else ROW
    left, wide = column(slot) - COLUMN / 2, COLUMN
    box = {"width": wide - 6, "height": high - 1, "fill": WHITE, "stroke": BLACK, "stroke_width": 1.2}
    cell = tag("rect", x=left + 3, y=y - high / 2 + 0.5, class_="differing-value", **box)
    return hatched(left, y - high / 2, wide, high, title, **about) + cell
