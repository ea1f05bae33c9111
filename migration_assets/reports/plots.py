"""Plots over time as inline SVG: lines on a logarithmic scale of seconds, and bars. What they show is given.

Colours and strokes are classes of ``cutover_board.css``, so that a page is readable in light and in dark; no
plot needs a script, and what a point holds is told by the browser when it is pointed at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

WIDTH, HEIGHT = 960, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 28, 34, 58
_SECONDS_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200)
_DAY = 86_400
_MOST_TICKS = 9
_TIME_STEPS = tuple(timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720))
_MARKED = 60
"""Up to so many points each has its mark; more of them are a line alone."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one set of bars; ``style`` is its class, ``values`` are one for each moment of the plot."""

    name: str
    style: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plot's area: moments from ``begins`` to ``ends`` across, 0 to 1 upwards."""

    begins: datetime
    ends: datetime

    def x(self, moment: datetime) -> float:
        whole = (self.ends - self.begins).total_seconds()
        return _LEFT + (moment - self.begins).total_seconds() / whole * (WIDTH - _LEFT - _RIGHT)

    def y(self, share: float) -> float:
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def duration(seconds: float) -> str:
    """As people say it: ``45 s``, ``3 min 20 s``, ``2 h 5 min``, ``1 d 3 h``."""
    sign, whole = ("-" if seconds < 0 else ""), round(abs(seconds))
    for size, unit, part, smaller in ((_DAY, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{sign}{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{sign}{abs(seconds):.1f} s" if abs(seconds) < 10 and seconds != whole else f"{sign}{whole} s"


def lines(
    span: tuple[datetime, datetime],
    moments: Sequence[datetime],
    series: Sequence[Series],
    told: Sequence[str],
    zone: ZoneInfo,
    title: str,
) -> Markup:
    """Seconds (at least 1) over a span of time. ``told`` says a sentence for each moment."""
    frame = _Frame(*span)
    low, high = _span([value for each in series for value in each.values])
    ticks = [each for each in (*_SECONDS_TICKS, *_days(high)) if low <= each <= high]
    ticks = ticks[:: -(-len(ticks) // _MOST_TICKS)]

    def height(seconds: float) -> float:
        return frame.y((math.log(max(seconds, low)) - math.log(low)) / (math.log(high) - math.log(low)))

    parts = [*_levels({height(each): duration(each) for each in ticks}), *_times(frame, zone)]
    xs = [frame.x(each) for each in moments]
    for each in series:
        spots = [(x, height(value)) for x, value in zip(xs, each.values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline class="line {each.style}" points="{path}"/>')
        if len(spots) <= _MARKED:
            parts += [
                f'<circle class="mark {each.style}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in spots
            ]
    parts += _told(xs, told)
    return _drawn(title, parts, series, "lag (logarithmic)", zone)


def bars(
    moments: Sequence[datetime],
    width: timedelta,
    series: Sequence[Series],
    told: Sequence[str],
    zone: ZoneInfo,
    title: str,
    axis: str,
) -> Markup:
    """Counts of intervals that begin at ``moments`` and are ``width`` long, a bar a series side by side."""
    frame = _Frame(moments[0], moments[-1] + width)
    step = _step(max((value for each in series for value in each.values), default=0))
    most = max(math.ceil(max(value for each in series for value in each.values) / step), 1) * step
    parts = [
        *_levels({frame.y(level * step / most): f"{level * step:,}" for level in range(most // step + 1)}),
        *_times(frame, zone),
    ]
    room = frame.x(moments[0] + width) - frame.x(moments[0])
    each_width = room * 0.8 / len(series)
    for number, each in enumerate(series):
        for moment, value in zip(moments, each.values, strict=True):
            if value:
                x, y = frame.x(moment) + room * 0.1 + number * each_width, frame.y(value / most)
                parts.append(
                    f'<rect class="bar {each.style}" x="{x:.1f}" y="{y:.1f}" width="{each_width:.1f}" '
                    f'height="{frame.y(0) - y:.1f}"/>'
                )
    parts += _told([frame.x(each) + room / 2 for each in moments], told)
    return _drawn(title, parts, series, axis, zone)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The ticks below and above all values."""
    low, high = max(min(values), 1.0), max(*values, 1.0)
    levels = [*_SECONDS_TICKS, *_days(high)]
    return (
        float(max(each for each in levels if each <= low)),
        float(min(each for each in levels if each > high)),
    )


def _days(seconds: float) -> Iterator[int]:
    """Powers of two of a day, up to the first above ``seconds``."""
    day = _DAY
    while True:
        yield day
        if day > seconds:
            return
        day *= 2


def _step(most: float) -> int:
    """A step of 1, 2 or 5 times a power of ten that takes no more than six to the top."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if size * factor * 6 >= most:
                return size * factor
        size *= 10


def _levels(labels: Mapping[float, str]) -> Iterator[str]:
    for y, label in labels.items():
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="end" x="{_LEFT - 8}" y="{y + 4:.1f}">{escape(label)}</text>'


def _times(frame: _Frame, zone: ZoneInfo) -> Iterator[str]:
    """Ticks at round times of the practice's clock, the day under the first one of each."""
    whole = frame.ends - frame.begins
    step = next((each for each in _TIME_STEPS if whole / each <= _MOST_TICKS), None)
    step = step or timedelta(days=math.ceil(whole / timedelta(days=_MOST_TICKS)))
    begins = frame.begins.astimezone(zone)
    midnight = begins.replace(hour=0, minute=0, second=0, microsecond=0)
    # Local arithmetic: ticks stay at round hours where the clocks are changed in the window.
    moment = midnight + math.ceil((begins - midnight) / step) * step
    day, bottom = None, frame.y(0)
    while (x := frame.x(moment)) <= WIDTH - _RIGHT + 0.5:
        yield f'<line class="tick" x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{bottom + 5:.1f}"/>'
        yield f'<text class="middle" x="{x:.1f}" y="{bottom + 19:.1f}">{moment:%H:%M}</text>'
        if moment.date() != day:
            day = moment.date()
            yield (f'<text class="middle" x="{x:.1f}" y="{bottom + 34:.1f}">{moment.day} {moment:%b}</text>')
        moment += step


def _told(xs: Sequence[float], told: Sequence[str]) -> Iterator[str]:
    """A band around each moment that says what is there when it is pointed at."""
    edges = [_LEFT, *((left + right) / 2 for left, right in pairwise(xs)), WIDTH - _RIGHT]
    for (left, right), text in zip(pairwise(edges), told, strict=True):
        yield (
            f'<rect class="told" x="{left:.1f}" y="{_TOP}" width="{max(right - left, 0):.1f}" '
            f'height="{HEIGHT - _TOP - _BOTTOM}"><title>{escape(text)}</title></rect>'
        )


def _drawn(title: str, parts: Sequence[str], series: Sequence[Series], axis: str, zone: ZoneInfo) -> Markup:
    legend, x = [], _LEFT
    for each in series:
        legend.append(f'<line class="line key {each.style}" x1="{x}" y1="14" x2="{x + 26}" y2="14"/>')
        legend.append(f'<text x="{x + 32}" y="18">{escape(each.name)}</text>')
        x += 60 + 7 * len(each.name)
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    axes = (
        f'<text class="middle axis" transform="translate(14 {middle:.0f}) rotate(-90)">{escape(axis)}</text>'
        f'<text class="middle axis" x="{(_LEFT + WIDTH - _RIGHT) / 2:.0f}" y="{HEIGHT - 6}">'
        f"time at the practice ({escape(zone.key)})</text>"
        f'<line class="tick" x1="{_LEFT}" y1="{HEIGHT - _BOTTOM}" x2="{WIDTH - _RIGHT}" '
        f'y2="{HEIGHT - _BOTTOM}"/>'
    )
    inside = "".join([axes, *legend, *parts])
    return Markup(
        f'<svg class="plot" role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{inside}</svg>"
    )
