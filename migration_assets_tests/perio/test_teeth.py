import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.errors import (
    InvalidTooth,
    NoSuchNotation,
    NumberingSystemMissing,
    PerioError,
    UnknownNumberingSystem,
)
from migration_assets.perio.teeth import (
    TEETH,
    NumberingSystem,
    Quadrant,
    furcation_entrances,
    normalised_numbering_system,
    normalised_tooth,
    parse_numbering_system,
    parse_tooth,
    quadrant,
    slot,
    tooth_lookup,
    universal_tooth,
)

# All 52 teeth as Universal/FDI/Palmer, copied from the checked table (ISO 3950), not computed.
_WRITTEN = """
1/18/UR8 2/17/UR7 3/16/UR6 4/15/UR5 5/14/UR4 6/13/UR3 7/12/UR2 8/11/UR1
9/21/UL1 10/22/UL2 11/23/UL3 12/24/UL4 13/25/UL5 14/26/UL6 15/27/UL7 16/28/UL8
17/38/LL8 18/37/LL7 19/36/LL6 20/35/LL5 21/34/LL4 22/33/LL3 23/32/LL2 24/31/LL1
25/41/LR1 26/42/LR2 27/43/LR3 28/44/LR4 29/45/LR5 30/46/LR6 31/47/LR7 32/48/LR8
A/55/URE B/54/URD C/53/URC D/52/URB E/51/URA F/61/ULA G/62/ULB H/63/ULC I/64/ULD J/65/ULE
K/75/LLE L/74/LLD M/73/LLC N/72/LLB O/71/LLA P/81/LRA Q/82/LRB R/83/LRC S/84/LRD T/85/LRE
"""
TABLE = _WRITTEN.split()
SYSTEMS = (NumberingSystem.UNIVERSAL, NumberingSystem.FDI, NumberingSystem.PALMER)

regular_teeth = st.sampled_from([tooth for tooth in TEETH.values() if not tooth.supernumerary])
supernumeraries = st.sampled_from([tooth for tooth in TEETH.values() if tooth.supernumerary])
systems = st.sampled_from(SYSTEMS)


@pytest.mark.parametrize("entry", TABLE)
def test_every_tooth_has_the_codes_of_the_checked_table_in_all_directions(entry: str) -> None:
    codes = dict(zip(SYSTEMS, entry.split("/"), strict=True))
    for system, code in codes.items():
        tooth = parse_tooth(code, system)
        assert {other: tooth.code(other) for other in SYSTEMS} == codes


def test_there_are_52_teeth_and_52_supernumeraries() -> None:
    assert len(TABLE) == 52
    assert sum(not tooth.supernumerary for tooth in TEETH.values()) == 52
    extra = {tooth.universal for tooth in TEETH.values() if tooth.supernumerary}
    assert extra == {str(number) for number in range(51, 83)} | {
        f"{letter}S" for letter in "ABCDEFGHIJKLMNOPQRST"
    }


@given(regular_teeth, systems, st.sampled_from(["", " ", "\t"]), st.booleans())
def test_a_code_reads_back_as_its_tooth_whatever_the_case_and_blanks(tooth, system, blank, lower) -> None:  # type: ignore[no-untyped-def]
    written = tooth.code(system)
    assert parse_tooth(blank + (written.lower() if lower else written) + blank, system) == tooth


@pytest.mark.parametrize(
    ("written", "universal"),
    [
        ("UR4", "5"), ("UR-4", "5"), ("4UR", "5"), ("4┘", "5"), ("4⏌", "5"),
        ("UL-4", "12"), ("└4", "12"), ("⎿4", "12"),
        ("4LL", "21"), ("┌4", "21"), ("⎾4", "21"),
        ("lr4", "28"), ("4┐", "28"), ("4⏋", "28"),
        ("URE", "A"), ("E┘", "A"), ("LR-A", "P"), ("┌a", "O"),
    ],
)  # fmt: skip
def test_palmer_is_read_in_all_its_spellings(written: str, universal: str) -> None:
    assert parse_tooth(written, NumberingSystem.PALMER).universal == universal


@pytest.mark.parametrize("written", ["UR9", "UR0", "┘4", "4└", "U4", "4", "UR", "URF", "UR44", "", "16"])
def test_what_is_no_palmer_tooth_is_refused(written: str) -> None:
    with pytest.raises(InvalidTooth):
        parse_tooth(written, "Palmer")


@pytest.mark.parametrize(
    ("written", "system"),
    [("33", "Universal"), ("0", "Universal"), ("83", "Universal"), ("U", "Universal"), ("US", "Universal"),
     ("06", "Universal"), ("19", "FDI"), ("49", "FDI"), ("56", "FDI"), ("AS", "FDI"), ("UR4", "FDI")],
)  # fmt: skip
def test_what_is_no_tooth_of_its_system_is_refused(written: str, system: str) -> None:
    with pytest.raises(InvalidTooth):
        parse_tooth(written, system)


def test_eighteen_codes_name_different_teeth_in_universal_and_fdi_so_none_is_read_without_its_system() -> (
    None
):
    permanent = {str(number) for number in range(1, 33)}
    both = {code for code in permanent if code in {tooth.fdi for tooth in TEETH.values()}}
    assert both == {str(code) for code in (*range(11, 19), *range(21, 29), 31, 32)}
    for code in both:
        assert parse_tooth(code, "FDI") != parse_tooth(code, "Universal")
        for nothing in (None, "", "  "):
            with pytest.raises(NumberingSystemMissing):
                parse_tooth(code, nothing)


def test_fifty_one_is_a_supernumerary_in_universal_and_a_primary_tooth_in_fdi() -> None:
    assert parse_tooth("51", "Universal").supernumerary
    assert parse_tooth("51", "FDI").universal == "E"


@given(supernumeraries, st.sampled_from([NumberingSystem.FDI, NumberingSystem.PALMER]))
def test_a_supernumerary_has_a_code_in_universal_only(tooth, system) -> None:  # type: ignore[no-untyped-def]
    assert parse_tooth(tooth.universal, "Universal") == tooth
    with pytest.raises(NoSuchNotation):
        tooth.code(system)


@pytest.mark.parametrize(
    ("name", "system"),
    [("universal", "Universal"), (" FDI ", "FDI"), ("PALMER", "Palmer"), ("Universal/National", "Universal"),
     ("iso  3950", "FDI"), ("ISO", "FDI"), ("Zsigmondy-Palmer", "Palmer")],
)  # fmt: skip
def test_a_numbering_system_is_known_by_its_common_names(name: str, system: str) -> None:
    assert parse_numbering_system(name) == system


@pytest.mark.parametrize("name", ["Haderup", "American", "1", "Universal FDI"])
def test_another_numbering_system_is_refused(name: str) -> None:
    with pytest.raises(UnknownNumberingSystem):
        parse_numbering_system(name)


@given(st.text(max_size=6), st.one_of(st.none(), st.text(max_size=8), systems))
def test_any_text_that_is_no_tooth_is_one_of_our_errors_which_does_not_quote_it(
    written: str, system: str | None
) -> None:
    with pytest.raises(PerioError) as caught:
        parse_tooth(f"Zqx{written}", system)
    assert "Zqx" not in str(caught.value)


def test_slots_are_the_permanent_teeth() -> None:
    assert [slot(str(number)) for number in range(1, 33)] == list(range(1, 33))
    assert slot("A") is None
    assert slot("51") is None


def test_quadrants_follow_the_universal_numbers_by_eights() -> None:
    expected = [Quadrant.UPPER_RIGHT, Quadrant.UPPER_LEFT, Quadrant.LOWER_LEFT, Quadrant.LOWER_RIGHT]
    assert [quadrant(number) for number in range(1, 33)] == [each for each in expected for _ in range(8)]
    with pytest.raises(InvalidTooth):
        quadrant(33)


def test_a_supernumerary_stands_in_the_quadrant_of_the_tooth_beside_it() -> None:
    assert universal_tooth("69").quadrant == universal_tooth("19").quadrant
    assert universal_tooth("TS").quadrant == universal_tooth("T").quadrant


def test_there_are_34_furcation_entrances_where_the_facts_say() -> None:
    entrances = {number: "".join(furcation_entrances(str(number))) for number in range(1, 33)}
    assert {number for number, letters in entrances.items() if letters == "MDB"} == {1, 2, 3, 14, 15, 16}
    assert {number for number, letters in entrances.items() if letters == "BL"} == {17, 18, 19, 30, 31, 32}
    assert {number for number, letters in entrances.items() if letters == "MD"} == {5, 12}
    assert sum(map(len, entrances.values())) == 34


def test_primary_molars_alone_of_the_primary_teeth_have_furcations() -> None:
    assert {letter for letter in "ABCDEFGHIJKLMNOPQRST" if furcation_entrances(letter)} == set("ABIJKLST")
    assert furcation_entrances("52") == ()


def test_the_lookup_frame_agrees_with_the_parser_and_has_each_spelling_once_a_system() -> None:
    lookup = tooth_lookup()
    assert not lookup.select("numbering_system", "tooth").is_duplicated().any()
    assert lookup.schema["slot"] == pl.Int8
    for system, written, universal, place, entrances in lookup.iter_rows():
        tooth = parse_tooth(written, system)
        assert (tooth.universal, tooth.slot) == (universal, place)
        assert "".join(furcation_entrances(universal)) == entrances


def test_columns_normalise_as_the_parser_does() -> None:
    frame = pl.DataFrame({"tooth": [" ur-4 ", "a", None], "system": ["  iso   3950", "Haderup", None]})
    told = frame.select(normalised_tooth(pl.col("tooth")), normalised_numbering_system(pl.col("system")))
    assert told["tooth"].to_list() == ["UR-4", "A", None]
    assert told["system"].to_list() == ["FDI", None, None]
