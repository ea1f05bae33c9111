"""The marks of a drawn periodontal chart: elements of SVG, a tooth's outline, a furcation's triangle.

Nothing here knows where on the sheet something stands, or what a chart is. Colours are Okabe and Ito's, and
each mark has a shape of its own, so that it can be told on grey paper.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from xml.sax.saxutils import escape, quoteattr

BLACK, GREY, PALE, FAINT, WHITE = "#000000", "#666666", "#b0b0b0", "#e4e4e4", "#ffffff"
BLUE, SKY, VERMILION, ORANGE = "#0072b2", "#56b4e9", "#d55e00", "#e69f00"
_BEHIND, _HATCHING = "#fff6d6", "#8c8c8c"
CROWN_MM, ROOT_MM = 8.0, 12.0
"""How far a drawn tooth reaches from the CEJ; a drawing, no measure of anybody's tooth."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_POINT = re.compile(r"(-?[\d.]+),(-?[\d.]+)")
_FURCATION_HALF, _FURCATION_HEIGHT = 3.8, 6.6
_STRIPES = "0.6 2.4"

_CROWN = {
    "molar": "M-.4,0 C-.5,-2 -.52,-5 -.44,-6.4 Q-.22,-8.6 0,-6.6 Q.22,-8.6 .44,-6.4 C.52,-5 .5,-2 .4,0",
    "premolar": "M-.38,0 C-.5,-2 -.52,-4.6 -.42,-6 Q-.16,-7 0,-8 Q.16,-7 .42,-6 C.52,-4.6 .5,-2 .38,0",
    "canine": "M-.36,0 C-.46,-2 -.54,-4.6 -.44,-6 L0,-8 L.44,-6 C.54,-4.6 .46,-2 .36,0",
    "incisor": "M-.36,0 C-.42,-2 -.5,-5 -.47,-7.4 Q0,-8 .47,-7.4 C.5,-5 .42,-2 .36,0",
}
_ONE_ROOT = "M-.37,0 C-.33,5 -.16,10 -.08,11.6 Q0,12.4 .08,11.6 C.16,10 .33,5 .37,0"
_TWO_ROOTS = (
    "M-.4,0 C-.44,5 -.4,9 -.32,11.2 Q-.26,11.9 -.2,11.2 C-.14,9 -.1,6 0,4 "
    "C.1,6 .14,9 .2,11.2 Q.26,11.9 .32,11.2 C.4,9 .44,5 .4,0"
)
_THIRD_ROOT = "M-.1,4.6 C-.1,8 -.07,10.5 -.04,11.4 Q0,12 .04,11.4 C.07,10.5 .1,8 .1,4.6"
_SCREW = "M-.16,0 L-.16,8.6 Q0,11.6 .16,8.6 L.16,0"
_THREADS = " ".join(f"M-.24,{step + 0.9:.1f} L.24,{step:.1f}" for step in (1.0, 2.3, 3.6, 4.9, 6.2, 7.5))
_BANDS = " ".join(f"M-.36,{level:.1f} L.36,{level:.1f}" for level in (-1.2, -2.4, -3.6, -4.8))
_CROSS = "M-.5,-8 L.5,12 M.5,-8 L-.5,12"
_DASHED = {"stroke_dasharray": "2 2"}


def tag(name: str, *inside: str, **attributes: object) -> str:
    """An element; ``_`` in a name of an attribute is ``-`` and one at its end is left out, None is no
    attribute. What is ``inside`` is markup already."""
    given = "".join(
        f" {_name(key)}={_quoted(value)}" for key, value in attributes.items() if value is not None
    )
    return f"<{name}{given}>{''.join(inside)}</{name}>" if inside else f"<{name}{given}/>"


def words(text: str) -> str:
    """Text as markup."""
    return escape(clean(text))


def clean(text: str) -> str:
    """Text without the characters that no XML document can hold."""
    return _NOT_XML.sub("\ufffd", text)


def number(value: float) -> str:
    """A measured value: 3, 1.5."""
    return f"{value:g}"


@cache
def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _quoted(value: object) -> str:
    return f'"{_short(value)}"' if isinstance(value, float) else _quoted_text(str(value))


@lru_cache(maxsize=4096)
def _quoted_text(text: str) -> str:
    return quoteattr(clean(text))


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Panel:
    """Where millimetres stand: ``cej`` is the line's y, ``step`` one's height, negative upwards."""

    cej: float
    step: float

    def y(self, apical: float) -> float:
        """Of what lies so many millimetres apical of the CEJ, coronal where negative."""
        return self.cej + apical * self.step


@lru_cache(maxsize=8192)
def outline(
    kind: str,
    roots: int,
    status: str | None,
    charted: bool,
    at: Panel,
    x: float,
    wide: float,
    high: float = 1.0,
) -> str:
    """A tooth as what stands at its place; ``kind`` is molar, premolar, canine or incisor, ``high`` its
    height to that of a permanent tooth."""

    def path(shape: str, **attributes: object) -> str:
        return tag("path", d=_placed(shape, lambda u, v: (x + u * wide, at.y(v * high))), **attributes)

    # Beyond two, a molar's palatal root stands behind or before the others.
    root = path(_ONE_ROOT if roots == 1 else _TWO_ROOTS) + (path(_THIRD_ROOT) if roots > 2 else "")
    crown = path(_CROWN[kind] + " Z")
    marks, style = crown + root, dict[str, object](_DASHED if not charted else {})
    match status:
        case "missing":
            style = dict(_DASHED)
            marks += path(_CROSS, stroke=BLACK, stroke_width=1, stroke_dasharray="none")
        case "implant":
            screw = path(_SCREW, fill=PALE, stroke=BLACK) + path(_THREADS, stroke=BLACK, stroke_width=1)
            marks = crown + screw
        case "pontic":
            marks = path(_CROWN[kind] + " Z", fill=FAINT, stroke=BLACK) + path(_BANDS, stroke=GREY)
        case "crown":
            marks = path(_CROWN[kind] + " Z", fill=PALE, stroke=BLACK, stroke_width=1.2) + root
        case "unerupted":
            style = dict(_DASHED)
        case "impacted":
            middle = at.y((ROOT_MM - CROWN_MM) * high / 2)
            turned = f"translate({_short(x)} {_short(middle)}) rotate(30) scale(.62)"
            style = {**_DASHED, "transform": f"{turned} translate({_short(-x)} {_short(-middle)})"}
    line = GREY if charted and status != "missing" else PALE
    return tag("g", marks, class_="outline", fill="none", stroke=line, stroke_width=0.8, **style)


def _placed(shape: str, place: Callable[[float, float], tuple[float, float]]) -> str:
    def put(found: re.Match[str]) -> str:
        x, y = place(float(found[1]), float(found[2]))
        return f"{x:.1f},{y:.1f}"

    return _POINT.sub(put, shape)


def furcation(grade: float, x: float, y: float, *, upper: bool = False, **attributes: object) -> str:
    """Grade 0 a dash (charted, none), 1 an open triangle, 2 half full, 3 full, above 3 full on a bar; the
    apex lies where the roots part, which is below in an ``upper`` tooth."""
    half, way = _FURCATION_HALF, -1 if upper else 1
    top, base = y - way * _FURCATION_HEIGHT / 2, y + way * _FURCATION_HEIGHT / 2
    triangle = f"M{x:.1f},{top:.1f} L{x + half:.1f},{base:.1f} L{x - half:.1f},{base:.1f} Z"
    if grade <= 0:
        marks = [tag("path", d=f"M{x - 3:.1f},{y:.1f} h6", stroke_width=1.4)]
    else:
        marks = [tag("path", d=triangle, fill=BLACK if grade >= 3 else WHITE)]
        if 1 < grade < 3:
            marks.append(tag("path", d=f"M{x:.1f},{top:.1f} V{base:.1f} H{x - half:.1f} Z", fill=BLACK))
        if grade > 3:
            marks.append(tag("path", d=f"M{x - half - 1:.1f},{base + way * 2:.1f} h{2 * half + 2:.1f}"))
    return tag("g", *marks, class_="furcation", stroke=BLACK, stroke_width=0.9, **attributes)


@cache
def of_site(tooth: str, site: str) -> str:
    """The attributes that say which site of which tooth a mark is of; ``tooth`` is a Universal code."""
    return f' data-tooth="{tooth}" data-site="{site}"'


def margin_mark(x: float, y: float, about: str) -> str:
    """A square at the gingival margin. Charts have hundreds of these and of ``base_mark``: no ``tag``."""
    place = f'x="{x - 1.7:.1f}" y="{y - 1.7:.2f}"'
    return f'<rect class="margin" {place} width="3.4" height="3.4"{about}/>'


def base_mark(x: float, y: float, about: str, *, hollow: bool) -> str:
    """A dot at the pocket's base."""
    fill = f' fill="{WHITE}"' if hollow else ""
    return f'<circle class="depth" cx="{x:.1f}" cy="{y:.2f}" r="1.9"{fill}{about}/>'


def flag(measure: str, x: float, y: float, **attributes: object) -> str:
    """A finding that is there: bleeding a full dot, suppuration a ring with a point, plaque a square."""
    if measure == "bleeding":
        return tag("circle", class_=measure, cx=x, cy=y, r=2.9, fill=VERMILION, **attributes)
    if measure == "suppuration":
        ring = {"fill": WHITE, "stroke": BLACK, "stroke_width": 1.1}
        point = tag("circle", cx=x, cy=y, r=1.1, fill=ORANGE, stroke=BLACK, stroke_width=0.6)
        return tag("g", tag("circle", cx=x, cy=y, r=3, **ring), point, class_=measure, **attributes)
    return tag("rect", class_=measure, x=x - 2.6, y=y - 2.6, width=5.2, height=5.2, fill=BLUE, **attributes)


def hatched(x: float, y: float, wide: float, high: float, *inside: str, **attributes: object) -> str:
    """A dashed box with upright hatching, which no line of the chart's grid looks like. The hatching is one
    broad dashed line, since a pattern needs an id, which a page may have once only."""
    stripes = {"stroke": _HATCHING, "stroke_width": high, "stroke_dasharray": _STRIPES}
    return tag(
        "g",
        *inside,
        tag("rect", x=x, y=y, width=wide, height=high, fill=_BEHIND, stroke="none"),
        tag("path", d=f"M{x + 1.7:.1f},{y + high / 2:.1f} h{wide - 2:.1f}", **stripes),
        tag("rect", x=x, y=y, width=wide, height=high, stroke_dasharray="3 2"),
        fill="none",
        stroke=BLACK,
        stroke_width=0.9,
        **attributes,
    )
