"""A periodontal chart, or two beside each other, drawn as SVG in the layout that clinicians know.

One text without scripts, ids or fonts of its own: it stands in a page as it is, as often as wanted. What a
chart holds is ``perio_chart``'s, where something stands ``perio_chart_layout``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.perio import charting
from migration_assets.perio.charting import Measure
from migration_assets.perio.teeth import Entrance, tooth_of_slot
from migration_assets.reports.perio_chart import NOTHING_AT_SITE, Chart, Difference, Tooth, differences
from migration_assets.reports.perio_chart_differences import marked
from migration_assets.reports.perio_chart_layout import (
    ASPECTS,
    BETWEEN,
    BUCCAL_SITES,
    CHART_WIDTH,
    COLUMN,
    LEFT,
    LINE,
    LIST_TOP,
    OUTWARD,
    PANEL,
    RIGHT,
    ROW_NAMES,
    Aspect,
    Scale,
    base_of,
    column,
    furcation_place,
    header_rows,
    margin_of,
    ordered,
    scale_of,
)
from migration_assets.reports.perio_chart_marks import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    PALE,
    SKY,
    VERMILION,
    WHITE,
    Panel,
    flag,
    furcation,
    hatched,
    number,
    outline,
    tag,
    words,
)
from migration_assets.reports.perio_chart_text import (
    POCKET_MM,
    code,
    legend,
    listed_lines,
    listed_teeth,
    shown,
    summary,
    summary_of_differences,
)

_WIDTHS = {"molar": 34.0, "premolar": 26.0, "canine": 25.0, "incisor": 25.0}
_LOWER_INCISOR = 20.0
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
    found = () if other is None else differences(chart, other)
    scale = scale_of(charts)
    codes = list(dict.fromkeys(code for each in charts for code in each.listed))
    listed = [listed_lines(each, codes, found) for each in charts]
    heights = [max(len(lines[place]) for lines in listed) for place in range(len(codes))]
    bottom = LIST_TOP + (LINE * (sum(heights) + 1) + 6 if codes else 0)
    wide = CHART_WIDTH * len(charts) + BETWEEN * (len(charts) - 1)
    key, high = legend(bottom, wide, compared=other is not None)
    drawn = [
        tag(
            "g",
            *_sheet(each, scale, found, caption),
            *listed_teeth(codes, lines, heights, found),
            class_="chart",
            transform=f"translate({place * (CHART_WIDTH + BETWEEN):g} 0)",
        )
        for place, (each, lines, caption) in enumerate(zip(charts, listed, captions, strict=False))
    ]
    if other is not None and chart.system != other.system:
        drawn[:0] = [
            hatched(place * (CHART_WIDTH + BETWEEN) + LEFT - 4, 18, 620, 13, class_="differs")
            for place in range(2)
        ]
    said = [f"{caption}: {summary(each)}" for each, caption in zip(charts, captions, strict=False)]
    if other is not None:
        said.append(summary_of_differences(found, chart.system))
    pixels = wide if width is None else width
    return tag(
        "svg",
        tag("title", words("Periodontal chart: " + " and ".join(captions[: len(charts)]))),
        tag("desc", words(" ".join(said))),
        tag("rect", width=wide, height=high, fill=WHITE),
        *drawn,
        key,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        viewBox=f"0 0 {wide:g} {high:g}",
        width=pixels,
        height=round(high * pixels / wide),
        font_family="Arial, Helvetica, sans-serif",
        font_size=8,
    )


def _sheet(chart: Chart, scale: Scale, found: Sequence[Difference], caption: str) -> Iterator[str]:
    told = f"Teeth in {chart.system}" if chart.system else "No numbering system told; teeth in Universal"
    if chart.told_twice:
        told += f"; values that two records tell differently, one of them drawn: {chart.told_twice}"
    yield tag("text", words(caption), x=LEFT, y=13, font_size=12, font_weight="bold")
    yield tag("text", words(f"{told}. The patient's right is on the left."), x=LEFT, y=27, fill=GREY)
    yield from marked(found, scale)
    for upper in (True, False):
        yield from _header(chart, upper)
    for aspect in ASPECTS:
        yield from _panel(chart, aspect, scale)
        yield from _rows(chart, aspect)


def _header(chart: Chart, upper: bool) -> Iterator[str]:
    rows = header_rows(upper)
    for name, title in zip(rows, ("Tooth", "Status", "Mobility"), strict=True):
        yield _row_name(title, rows[name])
    for slot in range(1, 17) if upper else range(17, 33):
        tooth, about = chart.tooth(str(slot)), {"data_tooth": slot}
        bold = {"font_size": 10, "font_weight": "bold", "class_": "number"}
        yield _centred(code(str(slot), chart.system), column(slot), rows["number"], **bold, **about)
        if tooth.status is not None:
            small = {"font_size": 6.5, "class_": "status"}
            yield _centred(tooth.status[:10], column(slot), rows["status"], **small, **about)
        if tooth.mobility is not None:
            grade = number(tooth.mobility)
            yield _centred(grade, column(slot), rows["mobility"], class_="mobility", **about)


def _panel(chart: Chart, aspect: Aspect, scale: Scale) -> Iterator[str]:
    at = scale.panel(aspect)
    yield from _grid(aspect, scale, at)
    for slot in aspect.slots:
        yield _tooth(slot, chart.teeth.get(str(slot)), aspect, at)
    yield from _curves(chart, aspect, at)
    for slot in aspect.slots:
        for entrance, grade in chart.tooth(str(slot)).furcation.items():
            if (entrance is Entrance.BUCCAL) == (aspect.sites is BUCCAL_SITES):
                x, y = furcation_place(slot, entrance, at)
                about = {"data_tooth": slot, "data_entrance": entrance, "data_grade": number(grade)}
                yield furcation(grade, x, y, upper=aspect.upper, **about)


def _tooth(slot: int, tooth: Tooth | None, aspect: Aspect, at: Panel) -> str:
    kind, roots = _form(slot, aspect.upper)
    wide = _LOWER_INCISOR if kind == "incisor" and not aspect.upper else _WIDTHS[kind]
    status = None if tooth is None else tooth.status
    if status == "primary":
        wide *= 0.75
    return outline(kind, roots, status, tooth is not None, at, column(slot), wide)


def _form(slot: int, upper: bool) -> tuple[str, int]:
    """The kind of a tooth and how many roots it has."""
    position = tooth_of_slot(slot).position
    if position > 5:
        return "molar", 3 if upper else 2
    if position > 3:
        return "premolar", 2 if slot in _TWO_ROOTED_PREMOLARS else 1
    return ("canine" if position == 3 else "incisor"), 1


def _grid(aspect: Aspect, scale: Scale, at: Panel) -> Iterator[str]:
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


def _curves(chart: Chart, aspect: Aspect, at: Panel) -> Iterator[str]:
    places = [
        (slot, site, x, chart.tooth(str(slot)).sites.get(site, NOTHING_AT_SITE))
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
    for (slot, site, x, findings), apical, base in zip(places, margins, bases, strict=True):
        about = {"data_tooth": slot, "data_site": site}
        if apical is not None:
            corner = {"x": x - 1.7, "y": at.y(apical) - 1.7}
            squares.append(tag("rect", class_="margin", **corner, width=3.4, height=3.4, **about))
        if base is not None:
            hollow = WHITE if findings.recession is None else None
            dots.append(tag("circle", class_="depth", cx=x, cy=at.y(base), r=1.9, fill=hollow, **about))
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


def _rows(chart: Chart, aspect: Aspect) -> Iterator[str]:
    no: list[str] = []
    for measure in OUTWARD:
        yield _row_name(ROW_NAMES[measure.name], aspect.row(measure))
        yield tag("g", *_row(chart, aspect, measure, no), text_anchor="middle")
    if no:
        yield tag("path", class_="no", d=" ".join(no), stroke=GREY, stroke_width=0.8)
    top, high = aspect.box
    edges = [column(slot) + side * COLUMN / 2 for slot in aspect.slots for side in (-1, 1)]
    lines = " ".join(f"M{x:g},{top:g} v{high:g}" for x in dict.fromkeys(edges))
    yield tag("path", d=lines, stroke=PALE, stroke_width=0.4)


def _row(chart: Chart, aspect: Aspect, measure: Measure, no: list[str]) -> Iterator[str]:
    """One measure of all sites; findings that were charted as none go to ``no``, as parts of one path."""
    y = aspect.row(measure)
    for slot in aspect.slots:
        for site, x in ordered(slot, aspect.sites):
            value = chart.tooth(str(slot)).value(measure, site)
            about = {"data_tooth": slot, "data_site": site}
            if value is True:
                yield flag(measure.name, x, y, **about)
            elif value is False:
                no.append(f"M{x - 1.5:.1f},{y:.1f} h3")
            elif value is not None:
                weight = "bold" if measure is charting.POCKET_DEPTH and float(value) >= POCKET_MM else None
                style = {"font_weight": weight, "class_": measure.name}
                yield tag("text", words(shown(value)), x=x, y=y + 2.8, **style, **about)


def _row_name(name: str, y: float) -> str:
    return tag("text", words(name), x=LEFT - 4, y=y + 2.6, text_anchor="end", font_size=7, fill=GREY)


def _centred(text: str, x: float, y: float, **attributes: object) -> str:
    return tag("text", words(text), x=x, y=y + 2.8, text_anchor="middle", **attributes)
