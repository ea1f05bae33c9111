"""What is drawn where two periodontal charts differ: seen without colours, exact to the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from migration_assets.perio import charting
from migration_assets.perio.charting import Site
from migration_assets.perio.teeth import Entrance
from migration_assets.perio_chart.layout import (
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
from migration_assets.perio_chart.marks import BLACK, WHITE, hatched, tag, words
from migration_assets.perio_chart.model import Difference
from migration_assets.perio_chart.text import told


def marked(found: Sequence[Difference], seats: Mapping[int, str], scale: Scale) -> Iterator[str]:
    """A hatched box behind each site, tooth's value or furcation that differs, and the value's own cell."""
    slots = {code: slot for slot, code in seats.items()}
    drawn = [each for each in found if each.tooth in slots]
    by_site: dict[tuple[str, Site], list[Difference]] = {}
    for each in drawn:
        if isinstance(each.place, Site):
            by_site.setdefault((each.tooth, each.place), []).append(each)
        else:
            yield _marked_tooth(each, slots[each.tooth], scale)
    for (tooth, site), differing in by_site.items():
        slot = slots[tooth]
        aspect = next(each for each in ASPECTS if site in each.sites and slot in each.slots)
        x = dict(ordered(slot, aspect.sites))[site] - SITE / 2
        top, high = aspect.box
        title = tag("title", words("; ".join(told(each) for each in differing)))
        about = {"data_tooth": tooth, "data_site": site, "class_": "differs"}
        yield hatched(x, top, SITE, high, title, **about)
        rows = (aspect.row(each.measure) - ROW / 2 + 0.5 for each in differing)
        cells = " ".join(f"M{x + 0.5:g},{y:g} h{SITE - 1:g} v{ROW - 1:g} h{1 - SITE:g} z" for y in rows)
        about |= {
            "class_": "differing-value",
            "data_measures": " ".join(each.measure.name for each in differing),
        }
        yield tag("path", d=cells, fill=WHITE, stroke=BLACK, stroke_width=0.9, **about)


def _marked_tooth(each: Difference, slot: int, scale: Scale) -> str:
    about = {"class_": "differs", "data_tooth": each.tooth, "data_measure": each.measure.name}
    title = tag("title", words(told(each)))
    if isinstance(each.place, Entrance):
        sites = BUCCAL_SITES if each.place is Entrance.BUCCAL else LINGUAL_SITES
        aspect = next(one for one in ASPECTS if one.sites is sites and slot in one.slots)
        x, y = furcation_place(slot, each.place, scale.panel(aspect))
        return hatched(x - 6.5, y - 6.5, 13, 13, title, data_entrance=each.place, **about)
    y = header_rows(slot <= 16)[each.measure.name]
    high = STATUS_ROW if each.measure is charting.STATUS else ROW
    left, wide = column(slot) - COLUMN / 2, COLUMN
    box = {"width": wide - 6, "height": high - 1, "fill": WHITE, "stroke": BLACK, "stroke_width": 0.9}
    cell = tag("rect", x=left + 3, y=y - high / 2 + 0.5, class_="differing-value", **box)
    return hatched(left, y - high / 2, wide, high, title, **about) + cell
