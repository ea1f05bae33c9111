"""The drawn chart: every finding at its place and nowhere else, and two charts' differences exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.perio.charting import Site
from migration_assets.perio.teeth import Entrance, NumberingSystem
from migration_assets.reports.perio_chart import (
    NOTHING_AT_SITE,
    Chart,
    SiteFindings,
    Tooth,
    differences,
)
from migration_assets.reports.perio_chart_svg import svg

SVG = "{http://www.w3.org/2000/svg}"
UPPER, LOWER = [str(slot) for slot in range(1, 17)], [str(slot) for slot in range(32, 16, -1)]
BUCCAL, LINGUAL = ["DB", "B", "MB"], ["DL", "L", "ML"]
ASPECTS = [(UPPER, BUCCAL), (UPPER, LINGUAL), (LOWER, LINGUAL), (LOWER, BUCCAL)]
"""From top to bottom; teeth from left to right, sites as they stand on the patient's right."""

depths, recessions = st.none() | st.integers(0, 19), st.none() | st.integers(-9, 20)
answers = st.none() | st.booleans()
findings = st.builds(SiteFindings, depths, recessions, answers, answers, answers)
statuses = st.sampled_from(
    [None, "present", "missing", "implant", "pontic", "crown", "unerupted", "impacted"]
)
teeth = st.builds(
    Tooth,
    statuses,
    st.sampled_from([None, 0.0, 1.5, 3.0]),
    st.dictionaries(st.sampled_from(list(Site)), findings.filter(lambda each: each != NOTHING_AT_SITE)),
    st.dictionaries(st.sampled_from(list(Entrance)), st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0])),
)
charts = st.builds(
    Chart,
    st.sampled_from([None, *NumberingSystem]),
    st.dictionaries(st.sampled_from([*UPPER, *LOWER]), teeth.filter(lambda each: each != Tooth())),
)
few = settings(max_examples=25, deadline=None)


def halves(drawn: str) -> list[ET.Element]:
    return [each for each in ET.fromstring(drawn).iter(f"{SVG}g") if each.get("class") == "chart"]


def of_class(half: ET.Element, name: str) -> Iterator[ET.Element]:
    return (each for each in half.iter() if each.get("class") == name)


def order(numbers: list[str], sites: list[str]) -> list[tuple[str, str]]:
    """Places of an aspect from left to right: distal sites stand away from the midline."""
    return [(n, site) for i, n in enumerate(numbers) for site in (sites if i < 8 else reversed(sites))]


def places(half: ET.Element, name: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Where each site's mark of a class has its middle; no site may have two."""
    found = {}
    for each in of_class(half, name):
        place = (each.attrib["data-tooth"], each.attrib["data-site"])
        assert place not in found
        if name == "depth":
            found[place] = (float(each.attrib["cx"]), float(each.attrib["cy"]))
        else:
            found[place] = (float(each.attrib["x"]) + 1.7, float(each.attrib["y"]) + 1.7)
    return found


def charted(chart: Chart, measure: str) -> dict[tuple[str, str], float]:
    return {
        (number, str(site)): getattr(each, measure)
        for number, tooth in chart.teeth.items()
        for site, each in tooth.sites.items()
        if getattr(each, measure) is not None
    }


@few
@given(charts)
def test_each_charted_site_has_one_point_as_far_from_the_cej_as_it_was_measured(chart: Chart) -> None:
    (half,) = halves(svg(chart))
    margins, bases = charted(chart, "recession"), charted(chart, "pocket_depth")
    bases = {place: depth + margins.get(place, 0) for place, depth in bases.items()}
    levels = [float(each.attrib["y1"]) for each in of_class(half, "cej")]
    away = []
    for name, truth in (("margin", margins), ("depth", bases)):
        points = places(half, name)
        assert points.keys() == truth.keys()
        for (numbers, sites), cej in zip(ASPECTS, levels, strict=True):
            here = [each for each in order(numbers, sites) if each in points]
            assert [points[each][0] for each in here] == sorted({points[each][0] for each in here})
            apical = -1 if numbers is UPPER else 1
            away += [(truth[each], (points[each][1] - cej) * apical) for each in here]
    # One scale for all: a millimetre is as long everywhere, and apical is away from the other arch.
    steps = [distance / measured for measured, distance in away if measured]
    assert all(step == pytest.approx(steps[0], abs=0.03) and step > 2 for step in steps)
    assert all(distance == pytest.approx(0, abs=0.03) for measured, distance in away if not measured)


@few
@given(charts)
def test_a_site_that_was_not_charted_is_a_gap_in_its_curve(chart: Chart) -> None:
    (half,) = halves(svg(chart))
    for name, measure in (("margin", "recession"), ("depth", "pocket_depth")):
        there, points = charted(chart, measure), places(half, name)
        runs: list[list[float]] = []
        for numbers, sites in ASPECTS:
            runs.append([])
            for place in order(numbers, sites):
                if place in there:
                    runs[-1].append(points[place][0])
                elif runs[-1]:
                    runs.append([])
        curves = [
            [float(point.partition(",")[0]) for point in each.attrib["points"].split()]
            for each in of_class(half, f"{name}-curve")
        ]
        expected = [run for run in runs if run]
        assert [len(each) for each in curves] == [len(each) for each in expected]
        for curve, run in zip(curves, expected, strict=True):
            assert curve == pytest.approx(run, abs=0.02)


@few
@given(charts)
def test_numbers_and_dots_tell_zero_and_no_from_nothing(chart: Chart) -> None:
    (half,) = halves(svg(chart))
    for measure in ("pocket_depth", "recession"):
        texts = {
            (each.attrib["data-tooth"], each.attrib["data-site"]): float(each.text or "")
            for each in of_class(half, measure)
        }
        assert texts == charted(chart, measure)
    no = 0
    for measure in ("bleeding", "suppuration", "plaque"):
        told = charted(chart, measure)
        dots = [(each.attrib["data-tooth"], each.attrib["data-site"]) for each in of_class(half, measure)]
        assert sorted(dots) == sorted(place for place, found in told.items() if found)
        no += sum(not found for found in told.values())
    assert sum(each.attrib["d"].count("M") for each in of_class(half, "no")) == no
    grades = {
        (each.attrib["data-tooth"], each.attrib["data-entrance"]): float(each.attrib["data-grade"])
        for each in of_class(half, "furcation")
    }
    assert grades == {
        (number, str(entrance)): grade
        for number, tooth in chart.teeth.items()
        for entrance, grade in tooth.furcation.items()
    }


def test_each_grade_of_a_furcation_and_each_status_looks_different() -> None:
    def looks(tooth: Tooth, name: str) -> list[str]:
        (half,) = halves(svg(Chart(None, {"3": tooth})))
        # In the order of the page: the upper panel of buccal sides begins with tooth 1.
        found = list(of_class(half, name))
        each = found[2] if name == "outline" else found[0]
        each = ET.fromstring(ET.tostring(each))
        each.attrib.pop("data-grade", None)
        return [ET.tostring(each, encoding="unicode")]

    grades = [
        looks(Tooth(furcation={Entrance.BUCCAL: grade}), "furcation") for grade in (0.0, 1.0, 2.0, 3.0, 4.0)
    ]
    assert len({str(each) for each in grades}) == 5
    words = ["present", "missing", "implant", "pontic", "crown", "unerupted", "impacted", "primary"]
    assert len({str(looks(Tooth(word), "outline")) for word in words}) == 8


@pytest.mark.parametrize(
    ("system", "upper", "lower"),
    [
        (
            "Universal",
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
            "32 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17",
        ),
        (
            "FDI",
            "18 17 16 15 14 13 12 11 21 22 23 24 25 26 27 28",
            "48 47 46 45 44 43 42 41 31 32 33 34 35 36 37 38",
        ),
        (
            "Palmer",
            "UR8 UR7 UR6 UR5 UR4 UR3 UR2 UR1 UL1 UL2 UL3 UL4 UL5 UL6 UL7 UL8",
            "LR8 LR7 LR6 LR5 LR4 LR3 LR2 LR1 LL1 LL2 LL3 LL4 LL5 LL6 LL7 LL8",
        ),
    ],
)
def test_teeth_are_numbered_as_the_practice_numbers_them(system: str, upper: str, lower: str) -> None:
    listed = {"A": Tooth("primary"), "53": Tooth(mobility=1.0)}
    (half,) = halves(svg(Chart(NumberingSystem(system), listed)))

    shown = sorted(
        of_class(half, "number"), key=lambda each: (float(each.attrib["y"]), float(each.attrib["x"]))
    )
    assert " ".join(each.text or "" for each in shown) == f"{upper} {lower}"
    beneath = [each.text or "" for each in of_class(half, "listed")]
    primary = {"Universal": "A", "FDI": "55", "Palmer": "URE"}[system]
    other = "53" if system == "Universal" else "53 (Universal)"
    assert beneath == [f"{other}: mobility 1", f"{primary}: tooth status primary"]


@few
@given(charts, st.data())
def test_two_charts_mark_what_differs_in_both_and_nothing_else(chart: Chart, data: st.DataObject) -> None:
    changed = data.draw(st.dictionaries(st.sampled_from(["3", "14", "19", "30"]), teeth))
    other = replace(chart, teeth={**chart.teeth, **changed})
    truth, values = set(), set()
    for number in changed:
        before, after = chart.tooth(number), other.tooth(number)
        for name in ("status", "mobility"):
            if getattr(before, name) != getattr(after, name):
                truth.add((number, name, ""))
        for entrance in Entrance:
            if before.furcation.get(entrance) != after.furcation.get(entrance):
                truth.add((number, "furcation", str(entrance)))
        for site in Site:
            was, becomes = (each.sites.get(site, NOTHING_AT_SITE) for each in (before, after))
            differing = {n for n in SiteFindings.__slots__ if getattr(was, n) != getattr(becomes, n)}
            values |= {(number, name, str(site)) for name in differing}
            if differing:
                truth.add((number, "site", str(site)))

    for half in halves(svg(chart, other)):
        marks = [
            (
                each.attrib["data-tooth"],
                each.get("data-measure", "site"),
                each.get("data-site") or each.get("data-entrance", ""),
            )
            for each in of_class(half, "differs")
        ]
        assert sorted(marks) == sorted(truth)
        cells = [
            (each.attrib["data-tooth"], each.attrib["data-measure"], each.attrib["data-site"])
            for each in of_class(half, "differing-value")
            if "data-site" in each.attrib
        ]
        assert sorted(cells) == sorted(values)
    assert len(differences(chart, other)) == len(values) + sum(name != "site" for _, name, _ in truth)


def test_a_tooth_of_the_list_and_the_numbering_system_are_marked_too() -> None:
    before = Chart(NumberingSystem.UNIVERSAL, {"A": Tooth("primary", 1.0)})
    after = Chart(NumberingSystem.PALMER, {"A": Tooth("primary", 2.0), "B": Tooth("primary")})
    drawn = ET.fromstring(svg(before, after))

    assert [each.get("data-tooth") for each in drawn.iter() if each.get("class") == "differs"] == [
        *(None, None),
        *("A", "B") * 2,
    ]
    assert [each.text for each in of_class(drawn, "listed")] == [
        "A: mobility 1; tooth status primary (differs: mobility)",
        "B: not charted (differs: tooth status)",
        "URE: mobility 2; tooth status primary (differs: mobility)",
        "URD: tooth status primary (differs: tooth status)",
    ]


def test_texts_from_outside_stay_texts_and_the_picture_asks_for_nothing() -> None:
    nasty = "<script>alert(1)</script> & \"'\x00\x1b\ud800"
    chart = Chart(None, {"3": Tooth(nasty), "A": Tooth(nasty), nasty: Tooth(mobility=1.0)})
    drawn = svg(chart, Chart(), captions=(nasty, nasty), width=900)
    tree = ET.fromstring(drawn.encode())

    assert tree.attrib["width"] == "900"
    assert [each.tag for each in tree][:2] == [f"{SVG}title", f"{SVG}desc"]
    allowed = {"svg", "title", "desc", "g", "path", "rect", "circle", "line", "text", "polyline", "polygon"}
    assert {each.tag.removeprefix(SVG) for each in tree.iter()} <= allowed
    assert not {key for each in tree.iter() for key in each.attrib} & {"id", "href", "style", "onload"}


def test_it_is_told_to_those_who_hear_it() -> None:
    sites = {Site.BUCCAL: SiteFindings(7, 1, bleeding=True), Site.LINGUAL: SiteFindings(3)}
    chart = Chart(NumberingSystem.FDI, {"3": Tooth(sites=sites), "1": Tooth("missing")})
    said = ET.fromstring(svg(chart, Chart(NumberingSystem.FDI))).findtext(f"{SVG}desc") or ""

    assert (
        "2 of 32 permanent teeth charted; 1 missing; depths at 2 sites, the deepest 7 mm, 1 of 4 mm" in said
    )
    assert said.endswith("Values that differ: 5, on teeth 18, 16.")
