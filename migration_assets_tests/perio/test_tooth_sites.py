"""Where a plan's line works, as practices write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.errors import NumberingSystemMissing, UnreadableToothSite
from migration_assets.perio.teeth import TEETH, NumberingSystem, Quadrant, Tooth
from migration_assets.perio.tooth_sites import SiteKind, ToothSite, parse_tooth_site

UNIVERSAL = NumberingSystem.UNIVERSAL
PERMANENT = [tooth for tooth in TEETH.values() if tooth.slot is not None]
systems = st.sampled_from(list(NumberingSystem))


def numbers(site: ToothSite) -> list[str]:
    return [tooth.universal for tooth in site.teeth]


@pytest.mark.parametrize(
    ("written", "system", "kind", "teeth"),
    [
        ("3", "Universal", SiteKind.TOOTH, ["3"]),
        ("#3", "Universal", SiteKind.TOOTH, ["3"]),
        ("14", "FDI", SiteKind.TOOTH, ["5"]),
        ("UR-4", "Palmer", SiteKind.TOOTH, ["5"]),
        ("2-5", "Universal", SiteKind.RANGE, ["2", "3", "4", "5"]),
        ("#5 - #2", "Universal", SiteKind.RANGE, ["2", "3", "4", "5"]),
        ("7 to 10", "Universal", SiteKind.RANGE, ["7", "8", "9", "10"]),
        ("12-22", "FDI", SiteKind.RANGE, ["7", "8", "9", "10"]),
        ("UR2-UL2", "Palmer", SiteKind.RANGE, ["7", "8", "9", "10"]),
        ("A–C", "Universal", SiteKind.RANGE, ["A", "B", "C"]),
        ("14, 3", "Universal", SiteKind.LIST, ["3", "14"]),
        ("3 14 19", "Universal", SiteKind.LIST, ["3", "14", "19"]),
        ("3 and 4; 4", "Universal", SiteKind.LIST, ["3", "4"]),
        ("2-4, 30", "Universal", SiteKind.LIST, ["2", "3", "4", "30"]),
    ],
)
def test_teeth_ranges_and_lists_are_read(written: str, system: str, kind: SiteKind, teeth: list[str]) -> None:
    site = parse_tooth_site(written, system)

    assert (site.kind, numbers(site)) == (kind, teeth)


@pytest.mark.parametrize(
    ("written", "kind", "quadrants"),
    [
        ("UR", SiteKind.QUADRANT, ["UR"]),
        ("ll quad", SiteKind.QUADRANT, ["LL"]),
        ("Upper Left Quadrant", SiteKind.QUADRANT, ["UL"]),
        ("upper arch", SiteKind.ARCH, ["UR", "UL"]),
        ("Mandibular", SiteKind.ARCH, ["LL", "LR"]),
        ("full mouth", SiteKind.MOUTH, ["UR", "UL", "LL", "LR"]),
    ],
)
def test_an_area_needs_no_numbering_system(written: str, kind: SiteKind, quadrants: list[str]) -> None:
    site = parse_tooth_site(written, None)

    assert site == ToothSite(kind, (), tuple(map(Quadrant, quadrants)))


def test_areas_and_teeth_stand_in_one_list() -> None:
    site = parse_tooth_site("UR, 30", UNIVERSAL)

    assert (site.kind, numbers(site)) == (SiteKind.LIST, ["30"])
    assert site.quadrants == (Quadrant.UPPER_RIGHT, Quadrant.LOWER_RIGHT)


@pytest.mark.parametrize(
    "written", ["", " ", "-", "33", "2-", "14-20", "C-3", "3,,4", "see note", "3 or so", "2-5-7", "51-52"]
)
def test_anything_else_is_refused_without_quoting_it(written: str) -> None:
    with pytest.raises(UnreadableToothSite) as caught:
        parse_tooth_site(written, UNIVERSAL)
    assert not written.strip(" -") or written not in str(caught.value)


def test_a_tooth_without_its_numbering_system_is_never_guessed() -> None:
    with pytest.raises(NumberingSystemMissing):
        parse_tooth_site("14", None)


@given(st.sampled_from(PERMANENT), st.sampled_from(PERMANENT), systems)
def test_a_range_of_one_arch_is_the_same_teeth_from_either_end(
    one: Tooth, other: Tooth, system: NumberingSystem
) -> None:
    written = f"{one.code(system)}-{other.code(system)}"
    low, high = sorted((one.slot or 0, other.slot or 0))
    if low <= 16 < high:
        with pytest.raises(UnreadableToothSite):
            parse_tooth_site(written, system)
        return

    site = parse_tooth_site(written, system)

    assert numbers(site) == [str(number) for number in range(low, high + 1)]
    assert set(site.quadrants) == {tooth.quadrant for tooth in site.teeth}


@given(
    st.lists(st.sampled_from(PERMANENT), min_size=2, unique=True),
    systems,
    st.sampled_from([", ", ";", " ", " & "]),
)
def test_a_list_of_teeth_is_read_in_every_system(
    teeth: list[Tooth], system: NumberingSystem, separator: str
) -> None:
    site = parse_tooth_site(separator.join(tooth.code(system) for tooth in teeth), system)

    assert set(site.teeth) == set(teeth)
    assert len(site.teeth) == len(teeth)


@given(st.text(max_size=20), systems)
def test_any_text_is_read_or_refused_and_nothing_else(text: str, system: NumberingSystem) -> None:
    try:
        site = parse_tooth_site(text, system)
    except UnreadableToothSite:
        return
    assert site.quadrants
