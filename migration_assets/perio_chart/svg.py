"""A periodontal chart, or two beside each other, drawn as SVG in the layout that clinicians know.

One text without scripts, ids or fonts of its own: it stands in a page as it is, as often as wanted. What a
chart holds is ``model``'s, where something stands ``layout``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from migration_assets.perio.teeth import TEETH, Entrance, Tooth
from migration_assets.perio_chart.columns import Sheet, listed, seats
from migration_assets.perio_chart.differences import marked
from migration_assets.perio_chart.layout import (
    ASPECTS,
    BETWEEN,
    BUCCAL_SITES,
    CHART_WIDTH,
    LEFT,
    LINE,
    LIST_TOP,
    PANEL,
    RIGHT,
    Aspect,
    Scale,
    base_of,
    column,
    furcation_place,
    margin_of,
    ordered,
    scale_of,
)
from migration_assets.perio_chart.marks import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    PALE,
    SKY,
    VERMILION,
    WHITE,
    Panel,
    base_mark,
    furcation,
    hatched,
    margin_mark,
    number,
    of_site,
    outline,
    tag,
    words,
)
from migration_assets.perio_chart.model import NOTHING_AT_SITE, Chart, Difference, differences
from migration_assets.perio_chart.rows import header, rows
from migration_assets.perio_chart.text import (
    legend,
    listed_lines,
    listed_teeth,
    summary,
    summary_of_differences,
)

_WIDTHS = {"molar": 34.0, "premolar": 26.0, "canine": 25.0, "incisor": 25.0}
_LOWER_INCISOR = 20.0
_PRIMARY = 0.75
"""A primary tooth's size to that of a permanent one."""
_TWO_ROOTED_PREMOLARS = (5, 12)


def svg(
    chart: Chart,
    other: Chart | None = None,
    *,
    captions: Sequence[str] = ("Before", "After"),
    width: int | None = None,
) -> str:
    """The chart as an ``<svg>``; with ``other`` both beside each other on one scale, and what differs marked
    in both. ``captions`` stand above the charts; ``width`` in pixels, by nature 692 a chart."""
    charts = [chart] if other is None else [chart, other]
    drawing = _Drawing.of(charts)
    wide = CHART_WIDTH * len(charts) + BETWEEN * (len(charts) - 1)
    key, high = legend(drawing.bottom, wide, compared=other is not None, primary=drawing.primary)
    drawn = [
        tag("g", *drawing.sheet(place, caption), class_="chart", transform=f"translate({x:g} 0)")
        for place, caption, x in zip(range(len(charts)), captions, (0.0, CHART_WIDTH + BETWEEN), strict=False)
    ]
    said = [f"{caption}: {summary(each)}" for each, caption in zip(charts, captions, strict=False)]
    if other is not None:
        said.append(summary_of_differences(drawing.found, chart.system))
    title = "Periodontal chart: " + " and ".join(captions[: len(charts)])
    return _picture(title, " ".join(said), [*drawn, key], wide, high, width)


def document(chart: Chart, caption: str) -> bytes:
    """The chart as a file of its own; the same chart and caption give the same bytes in any process.

    The bytes are part of payloads: whoever changes what is drawn raises ``migration.plan.ENGINE_VERSION``.
    """
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg(chart, captions=[caption])}\n'.encode()


def pair(before: Chart, after: Chart) -> tuple[str, str]:
    """Two pictures without captions that a page may set beside or beneath each other: one scale, what differs
    marked in both. The legend is a picture of its own, ``key``."""
    drawing = _Drawing.of([before, after])
    differing = summary_of_differences(drawing.found, before.system)

    def picture(place: int, chart: Chart) -> str:
        drawn = tag("g", *drawing.sheet(place, ""), class_="chart")
        said = f"{summary(chart)} {differing}"
        return _picture("Periodontal chart", said, [drawn], CHART_WIDTH, drawing.bottom)

    first = picture(0, before)
    return first, first if before == after else picture(1, after)


def key(*, compared: bool = True, primary: bool = True) -> str:
    """The legend alone, as a picture of a chart's width."""
    drawn, high = legend(0, CHART_WIDTH, compared=compared, primary=primary)
    return _picture("Key to the charts", "", [drawn], CHART_WIDTH, high)


def _picture(
    title: str, said: str, drawn: Sequence[str], wide: float, high: float, width: int | None = None
) -> str:
    pixels = wide if width is None else width
    return tag(
        "svg",
        tag("title", words(title)),
        tag("desc", words(said)),
        tag("rect", width=wide, height=high, fill=WHITE),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        viewBox=f"0 0 {wide:g} {high:g}",
        width=pixels,
        height=round(high * pixels / wide),
        font_family="Arial, Helvetica, sans-serif",
        font_size=8,
    )


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What charts that are drawn together share: scale, seats, differences and the list beneath."""

    charts: Sequence[Chart]
    found: Sequence[Difference]
    scale: Scale
    seats: Mapping[int, str]
    codes: Sequence[str]
    lines: Sequence[Sequence[Sequence[str]]]

    @classmethod
    def of(cls, charts: Sequence[Chart]) -> _Drawing:
        found = differences(*charts) if len(charts) > 1 else ()
        seated = seats(charts)
        codes = listed(charts, seated)
        lines = [listed_lines(each, codes, found) for each in charts]
        return cls(charts, found, scale_of(charts), seated, codes, lines)

    @property
    def heights(self) -> list[int]:
        """Lines of each listed tooth, so that two charts' lists stand level."""
        return [max(len(lines[place]) for lines in self.lines) for place in range(len(self.codes))]

    @property
    def bottom(self) -> float:
        return LIST_TOP + (LINE * (sum(self.heights) + 1) + 6 if self.codes else 0)

    @property
    def primary(self) -> bool:
        """Whether a primary tooth stands in a column."""
        return any(not code.isdecimal() for code in self.seats.values())

    def sheet(self, place: int, caption: str) -> Iterator[str]:
        """The elements of one of the charts."""
        chart = self.charts[place]
        sheet = Sheet(chart, self.seats)
        told = f"Teeth in {chart.system}" if chart.system else "No numbering system told; teeth in Universal"
        if chart.told_twice:
            told += f"; values that two records tell differently, one of them drawn: {chart.told_twice}"
        if len({each.system for each in self.charts}) > 1:
            yield hatched(LEFT - 4, 18, 620, 13, class_="differs")
        if caption:
            yield tag("text", words(caption), x=LEFT, y=13, font_size=12, font_weight="bold")
        yield tag("text", words(f"{told}. The patient's right is on the left."), x=LEFT, y=27, fill=GREY)
        yield from marked(self.found, self.seats, self.scale)
        for upper in (True, False):
            yield from header(sheet, upper)
        for aspect in ASPECTS:
            yield from _panel(sheet, aspect, self.scale)
            yield from rows(sheet, aspect)
        yield from listed_teeth(self.codes, self.lines[place], self.heights, self.found)


def _panel(sheet: Sheet, aspect: Aspect, scale: Scale) -> Iterator[str]:
    at = scale.panel(aspect)
    yield _grid(aspect, scale)
    for slot in aspect.slots:
        yield _tooth(slot, sheet, aspect, at)
    yield from _curves(sheet, aspect, at)
    for slot in aspect.slots:
        for entrance, grade in sheet.tooth(slot).furcation.items():
            if (entrance is Entrance.BUCCAL) == (aspect.sites is BUCCAL_SITES):
                x, y = furcation_place(slot, entrance, at)
                about = {
                    "data_tooth": sheet.seats[slot],
                    "data_entrance": entrance,
                    "data_grade": number(grade),
                }
                yield furcation(grade, x, y, upper=aspect.upper, **about)


def _tooth(slot: int, sheet: Sheet, aspect: Aspect, at: Panel) -> str:
    tooth = TEETH[sheet.seats[slot]]
    kind, roots = _form(tooth, aspect.upper)
    wide = _LOWER_INCISOR if kind == "incisor" and not aspect.upper else _WIDTHS[kind]
    status = sheet.tooth(slot).status
    high = 1.0
    if tooth.primary or status == "primary":
        wide, high = wide * _PRIMARY, _PRIMARY
    return outline(kind, roots, status, sheet.charted(slot), at, column(slot), wide, high)


def _form(tooth: Tooth, upper: bool) -> tuple[str, int]:
    """The kind of a tooth and how many roots it has; a child has molars from the fourth tooth on."""
    if tooth.position > (3 if tooth.primary else 5):
        return "molar", 3 if upper else 2
    if tooth.position > 3:
        return "premolar", 2 if tooth.slot in _TWO_ROOTED_PREMOLARS else 1
    return ("canine" if tooth.position == 3 else "incisor"), 1


@lru_cache(maxsize=256)
def _grid(aspect: Aspect, scale: Scale) -> str:
    return "".join(_lines(aspect, scale, scale.panel(aspect)))


def _lines(aspect: Aspect, scale: Scale, at: Panel) -> Iterator[str]:
    left, right = LEFT, CHART_WIDTH - RIGHT
    levels = range(-int(scale.coronal), int(scale.apical) + 1)
    for strong in (False, True):
        lines = " ".join(
            f"M{left:g},{at.y(each):.1f} H{right:g}" for each in levels if each and (each % 5 == 0) == strong
        )
        yield tag("path", d=lines, stroke=PALE if strong else FAINT, stroke_width=0.5)
    inside = range(int(aspect.top) + 5, int(aspect.top + PANEL) - 4)
    for each in (level for level in levels if level and level % 5 == 0 and int(at.y(level)) in inside):
        yield tag(
            "text", f"{each} mm", x=left - 4, y=at.y(each) + 2, text_anchor="end", font_size=6.5, fill=GREY
        )
    yield tag("text", aspect.name, x=4, y=at.cej - 8, font_weight="bold")
    yield tag("text", "CEJ", x=left - 4, y=at.cej + 2.5, text_anchor="end", font_weight="bold")
    cej = {"stroke": BLACK, "stroke_width": 0.9, "stroke_dasharray": "6 1.5 1.5 1.5"}
    yield tag("line", class_="cej", x1=left, x2=right, y1=at.cej, y2=at.cej, **cej)


def _curves(sheet: Sheet, aspect: Aspect, at: Panel) -> Iterator[str]:
    places = [
        (sheet.seats[slot], site, x, sheet.tooth(slot).sites.get(site, NOTHING_AT_SITE))
        for slot in aspect.slots
        for site, x in ordered(slot, aspect.sites)
    ]
    margins = [margin_of(findings) for *_, findings in places]
    bases = [base_of(findings) for *_, findings in places]
    across = [x for _, _, x, _ in places]
    for run in _runs([None if base is None else margin for margin, base in zip(margins, bases, strict=True)]):
        there = [f"{across[each]:.1f},{at.y(margins[each] or 0):.1f}" for each in run]
        back = [f"{across[each]:.1f},{at.y(bases[each] or 0):.1f}" for each in reversed(run)]
        yield tag("polygon", points=" ".join(there + back), fill=SKY, fill_opacity=0.3)
    depth = {"stroke": VERMILION, "stroke_width": 1.5}
    margin = {"stroke": BLUE, "stroke_width": 1.3, "stroke_dasharray": "3 1.5"}
    for name, values, style in (("margin", margins, margin), ("depth", bases, depth)):
        for run in _runs(values):
            points = " ".join(f"{across[each]:.2f},{at.y(values[each] or 0):.2f}" for each in run)
            yield tag("polyline", class_=f"{name}-curve", points=points, fill="none", **style)
    squares, dots = [], []
    for (tooth, site, x, _), apical, base in zip(places, margins, bases, strict=True):
        about = of_site(tooth, site)
        if apical is not None:
            squares.append(margin_mark(x, at.y(apical), about))
        if base is not None:
            dots.append(base_mark(x, at.y(base), about, hollow=apical is None))
    yield tag("g", *squares, fill=WHITE, stroke=BLUE, stroke_width=0.9)
    yield tag("g", *dots, fill=VERMILION, stroke=VERMILION, stroke_width=0.9)


def _runs(values: Sequence[float | None]) -> Iterator[list[int]]:
    """Places of neighbours that all have a value: between two runs the curve has a gap."""
    run: list[int] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            run.append(place)
        elif run:
            yield run
            run = []
