"""The words of a drawn periodontal chart: teeth's numbers, the summary that is read aloud, the teeth listed
beneath and the legend. Curves and outlines are ``svg``'s.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from functools import lru_cache

from migration_assets.perio import charting
from migration_assets.perio.charting import Measure, Per
from migration_assets.perio.teeth import SLOTS, TEETH, NumberingSystem
from migration_assets.perio_chart.columns import SUCCESSORS
from migration_assets.perio_chart.layout import BUCCAL_SITES, LEFT, LINE, LINGUAL_SITES, LIST_TOP
from migration_assets.perio_chart.marks import (
    BLACK,
    BLUE,
    GREY,
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
from migration_assets.perio_chart.model import SITE_MEASURES, Chart, Difference, Value

POCKET_MM = 4
"""From this depth on a number is bold and counted as a pocket."""
_LINE_LETTERS, _LETTER, _LEGEND_ROW = 145, 4.1, 15.0


def code(universal: str, system: NumberingSystem | None) -> str:
    """The tooth's number as the practice writes it; one that its system doesn't know says so."""
    tooth = TEETH.get(universal)
    if tooth is None:
        return f"{universal or 'no number'} (no tooth)"
    if system is None or system is NumberingSystem.UNIVERSAL:
        return universal
    return f"{universal} (Universal)" if tooth.supernumerary else tooth.code(system)


def shown(value: Value | None) -> str:
    """A value in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else number(value)


def told(each: Difference) -> str:
    """A difference in words: "Pocket depth MB: 4 in the first chart, nothing in the second"."""
    place = f" {each.place}" if each.place is not None else ""
    before, after = shown(each.before), shown(each.after)
    return f"{each.measure.title}{place}: {before} in the first chart, {after} in the second"


def summary(chart: Chart) -> str:
    """What the picture shows, for those who hear it."""
    permanent = [code for code in chart.teeth if code.isdecimal() and int(code) in SLOTS]
    primary = [code for code in chart.teeth if code in SUCCESSORS]
    teeth = chart.teeth.values()
    sites = [findings for tooth in teeth for findings in tooth.sites.values()]
    depths = [each.pocket_depth for each in sites if each.pocket_depth is not None]
    statuses = [tooth.status for tooth in teeth]
    said = [
        f"teeth numbered in {chart.system or 'no system that is told'}",
        f"{len(permanent)} of 32 permanent teeth charted",
        f"{len(primary)} of 20 primary teeth",
        *(f"{statuses.count(each)} {each}" for each in ("missing", "implant") if each in statuses),
        f"depths at {len(depths)} sites"
        + (f", the deepest {number(max(depths))} mm" if depths else "")
        + f", {sum(depth >= POCKET_MM for depth in depths)} of {POCKET_MM} mm or more",
        f"bleeding at {sum(each.bleeding is True for each in sites)}",
        f"suppuration at {sum(each.suppuration is True for each in sites)}",
        f"plaque at {sum(each.plaque is True for each in sites)}",
        f"{sum(grade > 0 for tooth in teeth for grade in tooth.furcation.values())} furcations",
        f"{sum((tooth.mobility or 0) > 0 for tooth in teeth)} mobile teeth",
        f"{len(chart.teeth) - len(permanent) - len(primary)} supernumerary teeth",
    ]
    return "; ".join(said) + "."


def summary_of_differences(found: Sequence[Difference], system: NumberingSystem | None) -> str:
    """How many values differ, and on which teeth."""
    teeth = list(dict.fromkeys(code(each.tooth, system) for each in found))
    return f"Values that differ: {len(found)}" + (f", on teeth {', '.join(teeth)}." if teeth else ".")


def listed_lines(chart: Chart, codes: Sequence[str], found: Sequence[Difference]) -> list[list[str]]:
    """What was charted on each of the teeth that have no column, in lines that fit the sheet."""
    return [textwrap.wrap(_of_one(chart, each) + _differing(each, found), _LINE_LETTERS) for each in codes]


def _differing(universal: str, found: Sequence[Difference]) -> str:
    names = [
        f"{each.measure.title.lower()} {each.place or ''}".strip()
        for each in found
        if each.tooth == universal
    ]
    return f" (differs: {', '.join(names)})" if names else ""


def _of_one(chart: Chart, universal: str) -> str:
    name = code(universal, chart.system)
    if universal not in chart.teeth:
        return f"{name}: not charted"
    found = []
    for measure in charting.MEASURES:
        if (said := _of_measure(chart, universal, measure)) is not None:
            found.append(said)
    return f"{name}: " + ("; ".join(found) or "nothing charted")


def _of_measure(chart: Chart, universal: str, measure: Measure) -> str | None:
    tooth = chart.teeth[universal]
    if measure.per is Per.SITE:
        sides = [[tooth.value(measure, site) for site in side] for side in (BUCCAL_SITES, LINGUAL_SITES)]
        if all(value is None for side in sides for value in side):
            return None
        text = " / ".join(" ".join("–" if each is None else shown(each) for each in side) for side in sides)
        # One measure stays on one line.
        return f"{measure.title.lower()} {text}".replace(" ", "\N{NO-BREAK SPACE}")
    values = [(place, tooth.value(measure, place)) for place in measure.places or (None,)]
    said = [f"{place or ''} {shown(value)}".strip() for place, value in values if value is not None]
    return f"{measure.title.lower()} {', '.join(said)}" if said else None


def listed_teeth(
    codes: Sequence[str], lines: Sequence[Sequence[str]], heights: Sequence[int], found: Sequence[Difference]
) -> Iterator[str]:
    """The teeth beneath the chart; ``heights`` in lines, so that two charts' lists stand level."""
    if not codes:
        return
    heading = "Teeth without a column of their own (sites DB B MB / DL L ML; – is not charted)"
    yield tag("text", words(heading), x=LEFT, y=LIST_TOP, font_weight="bold")
    top = LIST_TOP + 4
    for universal, of_tooth, height in zip(codes, lines, heights, strict=True):
        if differing := [each for each in found if each.tooth == universal]:
            title = tag("title", words("; ".join(told(each) for each in differing)))
            about = {"class_": "differs", "data_tooth": universal}
            yield hatched(LEFT - 18, top + 1, 12, height * LINE - 2, title, **about)
        for place, line in enumerate(of_tooth):
            y = top + (place + 0.8) * LINE
            yield tag("text", words(line), class_="listed", data_tooth=universal, x=LEFT, y=y)
        top += height * LINE


@lru_cache(maxsize=256)
def legend(top: float, wide: float, *, compared: bool, primary: bool = False) -> tuple[str, float]:
    """The key to all marks, and where it ends."""
    x, y, made = LEFT, top + 12, []
    for mark, text in _explained(compared=compared, primary=primary):
        needed = 24 + len(text) * _LETTER
        if x + needed > wide:
            x, y = LEFT, y + _LEGEND_ROW
        drawn = tag("g", mark, transform=f"translate({x:.1f} {y:.1f})")
        made.append(drawn + tag("text", words(text), x=x + 14, y=y + 2.8))
        x += needed
    return tag("g", *made, class_="legend", fill=BLACK), y + 14


def _explained(*, compared: bool, primary: bool) -> Iterator[tuple[str, str]]:
    """Marks about the point 0, 0 and what they mean."""
    depth = {"stroke": VERMILION, "stroke_width": 1.5}
    yield (
        tag("path", d="M-9,0 H9", **depth) + tag("circle", r=1.9, fill=VERMILION),
        "pocket's base (depth from the margin)",
    )
    yield (
        tag("path", d="M-9,0 H9", **depth)
        + tag("circle", r=1.9, fill=WHITE, stroke=VERMILION, stroke_width=0.9),
        "no margin charted: from the CEJ",
    )
    yield (
        tag("path", d="M-9,0 H9", stroke=BLUE, stroke_width=1.3, stroke_dasharray="3 1.5")
        + tag("rect", x=-1.7, y=-1.7, width=3.4, height=3.4, fill=WHITE, stroke=BLUE),
        "gingival margin",
    )
    for name in (each.name for each in SITE_MEASURES if each.low is None):
        yield flag(name, 0.0, 0.0), name
    yield tag("path", d="M-1.5,0 h3", stroke=GREY, stroke_width=0.8), "charted: none (empty: not charted)"
    for grade in range(5):
        yield furcation(grade, 0.0, 0.0), f"furcation {grade}"
    yield tag("text", "5", x=-2, y=3, font_weight="bold"), f"{POCKET_MM} mm or more"
    if compared:
        yield hatched(-7.0, -5.0, 14.0, 10.0), "the charts differ here; the value in a white box"
    if primary:
        small = outline("molar", 2, None, True, Panel(-1.2, 0.6), 0.0, 12.0)
        yield small, "smaller: a primary tooth, in its successor's column"
