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
from migration_assets.perio_chart.model import (
    NOTHING_AT_SITE,
    Chart,
    SiteFindings,
    Tooth,
    differences,
)
from migration_assets.perio_chart.svg import pair, svg

SVG = "{http://www.w3.org/2000/svg}"
UPPER, LOWER = [str(slot) for slot in range(1, 17)], [str(slot) for slot in range(32, 16, -1)]
LETTERS = "ABCDEFGHIJKLMNOPQRST"
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
    charted = {"3": Tooth(mobility=1.0), "53": Tooth(mobility=1.0), "AS": Tooth()}
    (half,) = halves(svg(Chart(NumberingSystem(system), charted)))

    shown = sorted(
        of_class(half, "number"), key=lambda each: (float(each.attrib["y"]), float(each.attrib["x"]))
    )
    assert " ".join(each.text or "" for each in shown) == f"{upper} {lower}"
    beneath = [each.text or "" for each in of_class(half, "listed")]
    other = "" if system == "Universal" else " (Universal)"
    assert beneath == [f"53{other}: mobility 1", f"AS{other}: nothing charted"]


@pytest.mark.parametrize(
    ("system", "upper", "lower"),
    [
        ("Universal", "1 2 3 A B C D E F G H I J 14 15 16", "32 31 30 T S R Q P O N M L K 19 18 17"),
        (
            "FDI",
            "18 17 16 55 54 53 52 51 61 62 63 64 65 26 27 28",
            "48 47 46 85 84 83 82 81 71 72 73 74 75 36 37 38",
        ),
        (
            "Palmer",
            "UR8 UR7 UR6 URE URD URC URB URA ULA ULB ULC ULD ULE UL6 UL7 UL8",
            "LR8 LR7 LR6 LRE LRD LRC LRB LRA LLA LLB LLC LLD LLE LL6 LL7 LL8",
        ),
    ],
)
def test_a_childs_teeth_stand_where_their_successors_will(system: str, upper: str, lower: str) -> None:
    sites = {Site.MESIO_BUCCAL: SiteFindings(2, bleeding=True), Site.DISTO_LINGUAL: SiteFindings(1)}
    (half,) = halves(
        svg(Chart(NumberingSystem(system), {letter: Tooth("primary", 0.0, sites) for letter in LETTERS}))
    )

    shown = sorted(
        of_class(half, "number"), key=lambda each: (float(each.attrib["y"]), float(each.attrib["x"]))
    )
    assert " ".join(each.text or "" for each in shown) == f"{upper} {lower}"
    points = places(half, "depth")
    assert points.keys() == {(letter, site) for letter in LETTERS for site in ("MB", "DL")}
    # Mesial is towards the midline.
    middles = {each.attrib["data-tooth"]: float(each.attrib["x"]) for each in of_class(half, "number")}
    for letter in LETTERS:
        right_of_middle = points[letter, "MB"][0] > middles[letter]
        assert right_of_middle == (letter in "ABCDEPQRST")


def test_of_a_child_tooth_and_its_successor_the_one_with_more_findings_is_drawn_and_the_other_listed() -> (
    None
):
    chart = Chart(
        NumberingSystem.UNIVERSAL,
        {
            "A": Tooth("primary", 1.0),
            "4": Tooth("unerupted"),
            "E": Tooth("missing"),
            "8": Tooth("present", sites={Site.BUCCAL: SiteFindings(2)}),
        },
    )
    (half,) = halves(svg(chart))

    numbers = [each.text for each in of_class(half, "number")]
    assert "A" in numbers and "4" not in numbers and "8" in numbers and "E" not in numbers
    assert [each.text for each in of_class(half, "listed")] == [
        "4: tooth status unerupted",
        "E: tooth status missing",
    ]


def test_a_pair_is_drawn_on_one_scale_with_the_same_seats_and_marks() -> None:
    before = Chart(None, {"A": Tooth("primary", 1.0, {Site.BUCCAL: SiteFindings(2)})})
    after = Chart(None, {"4": Tooth("present", 1.0)})
    first, second = (ET.fromstring(each) for each in pair(before, after))

    assert first.attrib["viewBox"] == second.attrib["viewBox"]
    for drawn in (first, second):
        assert "A" in [each.text for each in of_class(drawn, "number")]
        assert {each.attrib["data-tooth"] for each in of_class(drawn, "differs")} == {"A", "4"}
    assert pair(before, before)[0] == pair(before, before)[1]


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
            (each.attrib["data-tooth"], measure, each.attrib["data-site"])
            for each in of_class(half, "differing-value")
            for measure in each.get("data-measures", "").split()
        ]
        assert sorted(cells) == sorted(values)
    assert len(differences(chart, other)) == len(values) + sum(name != "site" for _, name, _ in truth)


def test_a_tooth_of_the_list_and_the_numbering_system_are_marked_too() -> None:
    before = Chart(NumberingSystem.UNIVERSAL, {"53": Tooth("present", 1.0)})
    after = Chart(NumberingSystem.PALMER, {"53": Tooth("present", 2.0), "AS": Tooth("present")})
    drawn = ET.fromstring(svg(before, after))

    assert [each.get("data-tooth") for each in drawn.iter() if each.get("class") == "differs"] == [
        *(None, "53", "AS") * 2,
    ]
    assert [each.text for each in of_class(drawn, "listed")] == [
        "53: mobility 1; tooth status present (differs: mobility)",
        "AS: not charted (differs: tooth status)",
        "53 (Universal): mobility 2; tooth status present (differs: mobility)",
        "AS (Universal): tooth status present (differs: tooth status)",
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

    assert "2 of 32 permanent teeth charted; 0 of 20 primary teeth; 1 missing" in said
    assert "depths at 2 sites, the deepest 7 mm, 1 of 4 mm" in said
    assert said.endswith("Values that differ: 5, on teeth 18, 16.")
