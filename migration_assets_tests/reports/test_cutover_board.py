"""The cutover board's page and document: the figures are the facts', the plots hold every point."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.migration.board import (
    CREATED_COLUMNS,
    FOUND_COLUMNS,
    BoardFacts,
    DrainedFacts,
    TableFacts,
    intervals_of,
    lag_of,
    objects_of,
    points_of,
    with_lag,
)
from migration_assets.migration.decisions import Head
from migration_assets.reports import plots
from migration_assets.reports.cutover_board import board_counts, write_board
from migration_assets_tests.migration.test_board import BEGINS, NOW, board, conflicts, record, records

HEAD = Head(7, "c" * 64)
KEY = "maple:patient:"


def night(deltas: int) -> BoardFacts:
    """A window with so many deltas, the lag growing from 20 s to some hours, and one failure."""
    minutes = 290 / deltas
    rows = [
        record(n, 20 * 600 ** (n / deltas), run=n, at=BEGINS + timedelta(minutes=n * minutes))
        for n in range(deltas)
    ]
    rows.append(record(deltas, None, "failed", run=deltas, object="Case__c"))
    sent = records(*rows)
    found = sent.select("at", rows=pl.lit(1, pl.Int64)).cast(FOUND_COLUMNS)  # type: ignore[arg-type]
    intervals, length = intervals_of(found, sent, BEGINS, NOW)
    created = pl.DataFrame(schema=CREATED_COLUMNS)
    return board(
        tables=(TableFacts("Patient", "rowversion", "it has <one>", "00ff", NOW, BEGINS, 12_345, 6, 7),),
        objects=objects_of(sent, conflicts(Contact=(1, 2)), created, ["Contact"]),
        lag=lag_of(with_lag(sent)),
        points=points_of(sent),
        intervals=intervals,
        interval_minutes=length,
    )


def plotted(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def of_class(plot: ElementTree.Element, tag: str, style: str) -> list[ElementTree.Element]:
    return [each for each in plot.iter(tag) if style in each.get("class", "").split()]


@pytest.mark.parametrize("deltas", [1, 3, 5_000])
def test_each_point_of_the_facts_stands_in_the_plot_at_its_time_and_height(
    deltas: int, tmp_path: Path
) -> None:
    facts = night(deltas)

    page, _ = write_board(facts, HEAD, tmp_path)

    lag, flow = plotted(page.read_text(encoding="utf-8"))
    assert len(facts.points) == min(deltas, 240)
    heights = {}
    for style in ("p50", "p95", "most"):
        (line,) = (each for each in lag.iter("polyline") if style in each.get("class", ""))
        spots = [tuple(map(float, each.split(","))) for each in line.get("points", "").split()]
        heights[style] = [y for _, y in spots]
        assert len(spots) == len(facts.points)
        assert [x for x, _ in spots] == sorted(x for x, _ in spots)
        # The lag grows with time, and upwards is smaller.
        assert heights[style] == sorted(heights[style], reverse=True)
        assert all(0 < x < plots.WIDTH and 0 < y < plots.HEIGHT for x, y in spots)
    assert all(p50 >= p95 >= most for p50, p95, most in zip(*heights.values(), strict=True))
    told = [each.findtext("title") or "" for each in of_class(lag, "rect", "told")]
    assert [re.findall(r"of ([\d,]+) records", each) for each in told] == [
        [f"{each.lag.measured:,}"] for each in facts.points
    ]
    for style, counts in (
        ("found", [each.found for each in facts.intervals]),
        ("sent", [each.sent for each in facts.intervals]),
    ):
        tall = [float(each.get("height", "")) for each in of_class(flow, "rect", style)]
        some = [each for each in counts if each]
        assert [each / max(tall) for each in tall] == pytest.approx(
            [each / max(some) for each in some], abs=0.01
        )
    words = {each.text for each in flow.iter("text")} | {each.text for each in lag.iter("text")}
    assert {"time at the practice (America/New_York)", "lag (logarithmic)"} <= words
    assert page.stat().st_size < 200_000


def test_page_and_document_hold_the_same_figures_and_no_key(tmp_path: Path) -> None:
    facts = replace(night(3), drained=DrainedFacts(NOW, passed=False, counts={"not_sent": 4}))

    page, document = write_board(facts, HEAD, tmp_path)

    text, told = page.read_text(encoding="utf-8"), json.loads(document.read_text(encoding="utf-8"))
    contact, case = (
        re.search(rf'<tr data-object="{name}">.*?</tr>', text, re.DOTALL) for name in ("Contact", "Case__c")
    )
    assert contact is not None and case is not None
    assert ">1 / 2<" in contact[0]
    assert 'number bad">1 (1)<' in case[0]
    assert "12,345" in text and "it has &lt;one&gt;" in text
    assert "Maple &amp; Sons" in text and f"entry 7, {'c' * 64}" in text
    assert "not sent 4" in text
    assert re.findall(r'data-alarm="([a-z-]+)"', text) == [each["code"] for each in told["alarms"]]
    assert [each["code"] for each in told["alarms"]] == ["failed-records", "conflicts"]
    assert (told["lag"]["measured"], len(told["points"]), told["waiting"]) == (3, 3, 7)
    assert told["points"][0]["at"] == facts.points[0].at.isoformat()
    assert [each["failed_now"] for each in told["objects"]] == [0, 1]
    assert (told["practice"], told["audit_log"]["sequence"]) == ("maple", 7)
    counts = board_counts(facts)
    assert (counts["failed"], counts["waiting"], counts["alarms"]) == (1, 7, "failed-records, conflicts")
    assert KEY not in text + json.dumps(told) + json.dumps(counts)
    assert {each.stat().st_mode & 0o777 for each in (page, document)} == {0o600}


def test_a_board_of_nothing_and_of_busy_files_says_so(tmp_path: Path) -> None:
    page, _ = write_board(board(tables=(), busy=("changes", "panda")), HEAD, tmp_path)

    text = page.read_text(encoding="utf-8")
    assert plotted(text) == []
    assert "A run was writing the change store and the practice&#39;s tables (panda.duckdb)" in text
    assert "No lag was measured yet." in text
    assert "Nothing asks for you." in text


def test_ticks_stay_at_round_hours_where_the_clocks_are_changed() -> None:
    zone = ZoneInfo("America/New_York")
    begins = BEGINS.replace(month=10, day=31, hour=22)
    moments = [begins, begins + timedelta(hours=30)]
    plot = plots.lines(
        (moments[0], moments[1]), moments, [plots.Series("lag", "p50", [1.0, 2.0])], ["", ""], zone, "lag"
    )

    shown = [each.text or "" for each in ElementTree.fromstring(plot).iter("text")]
    assert [each for each in shown if re.fullmatch(r"\d\d:\d\d", each)] == [
        f"{hour % 24:02}:00" for hour in range(20, 48, 4)
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (4.26, "4.3 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (-90, "-1 min 30 s"),
        (97_200, "1 d 3 h"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert plots.duration(seconds) == said
