"""The second reader of words against literal tables, and against the functions that it must not import."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration import raw_words
from migration_assets.migration.raw_reader import read
from migration_assets.objects.providers import _known_credentials, _npi, _specialty
from migration_assets.objects.referrals import _word
from migration_assets.perio.classification import parse_extent, parse_grade, parse_stage
from migration_assets.perio.errors import UnknownClassification
from migration_assets.perio.people import Credential
from migration_assets.perio.vocabulary import REFERRAL_DIRECTIONS, REFERRAL_STATUSES

_PIECES = [
    *(credential.value for credential in Credential),
    *(
        "D.D.S.",
        "D. D. S.",
        "dmd",
        "Ph. D.",
        "board-certified",
        "Diplomate",
        "XYZ",
        "Dr",
        "of",
        "M",
        "S",
        "D",
    ),
]
_SEPARATORS = [", ", "; ", " ", "/", " & ", "-", ".", "\n", " ("]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("DDS, MS", "DDS;MS"),
        ("MS DDS", "DDS;MS"),
        ("D.M.D.; Board Certified", "DMD;Board Certified"),
        ("D. D. S.", "DDS"),
        ("dds ms, board-certified", "DDS;MS;Board Certified"),
        ("DDS, Knight of Malta", "DDS"),
        ("DDSMS", None),
        ("", None),
    ],
)
def test_credentials(written: str, meant: str | None) -> None:
    assert raw_words.credentials(written) == meant


@given(st.lists(st.tuples(st.sampled_from(_PIECES), st.sampled_from(_SEPARATORS)), max_size=6))
def test_both_readers_agree_on_credentials(pieces: list[tuple[str, str]]) -> None:
    written = "".join(piece + separator for piece, separator in pieces)

    assert raw_words.credentials(written) == _known_credentials(written)


@given(
    st.one_of(
        st.sampled_from(
            [
                *("Perio", "OMFS", "Oral & Maxillofacial Surgery", "G.P.", "general  dentist", "Prosth."),
                *("oral and maxillofacial surgeon", "Orthodontics", "", "Oral/Maxillofacial Surgery", "o.s"),
            ]
        ),
        st.text("OMFSGPperio. &/", max_size=10),
    )
)
def test_both_readers_agree_on_specialties(written: str) -> None:
    assert raw_words.specialty(written) == _specialty(written)


@given(st.from_regex(r" ?[0-3][0-9]{8,10}", fullmatch=True))
def test_both_readers_agree_on_npis(written: str) -> None:
    assert raw_words.npi(written) == _npi(written)


def test_the_facts_npi_is_one_and_its_neighbour_isnt() -> None:
    assert raw_words.npi("1234567893") == "1234567893"
    assert raw_words.npi("1234567890") is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Proposed", "proposed"),
        ("In Progress", "in-progress"),
        ("in_progress", "in-progress"),
        ("IN-PROGRESS", "in-progress"),
        ("complete", "completed"),
        ("on hold", None),
        ("", None),
    ],
)
def test_statuses(written: str, meant: str | None) -> None:
    assert raw_words.plan_status(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"), [(" d4341 ", "D4341"), ("4341", None), ("D43411", None), ("D４３４１", None)]
)
def test_procedure_codes(written: str, meant: str | None) -> None:
    assert raw_words.procedure_code(written) == meant


_CLASSIFIED = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "Stage ", "stage: ", "STAGE_", "Grade ", "grade:", " "]),
    st.sampled_from(
        ["I", "ii", "III", "IV", "V", "3", "5", "A", "b", "C", "D", "local", "Generalised", "molar/incisor"]
    ),
    st.sampled_from(["", ".", " ", " pattern", "-pattern"]),
)


@given(_CLASSIFIED)
def test_both_readers_agree_on_classifications(written: str) -> None:
    readers = (
        (raw_words.stage, parse_stage),
        (raw_words.grade, parse_grade),
        (raw_words.extent, parse_extent),
    )
    for second, first in readers:
        try:
            meant: str | None = str(first(written))
        except UnknownClassification:
            meant = None
        assert second(written) == meant


@given(
    st.sampled_from([*REFERRAL_STATUSES, *REFERRAL_DIRECTIONS, "PENDING", "IN BOUND", ""]),
    st.sampled_from([str.upper, str.lower, str.title, lambda word: f" {word}\n", lambda word: word[:1]]),
)
def test_both_readers_agree_on_a_referrals_words(word: str, spelled: Callable[[str], str]) -> None:
    written = pl.Series([spelled(word).strip()])

    assert raw_words.referral_status(spelled(word)) == _word(written, REFERRAL_STATUSES)[0]
    assert raw_words.referral_direction(spelled(word)) == _word(written, REFERRAL_DIRECTIONS)[0]


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("SOAP", "SOAP note"),
        ("Progress  Note", "Progress Note"),
        ("Notes", "Notes"),
        ("Endnote", "Endnote note"),
        ("", None),
    ],
)
def test_a_notes_title_says_once_that_it_is_a_note(written: str, title: str | None) -> None:
    assert raw_words.note_title(written) == title


def test_a_share_outside_a_hundred_and_minutes_outside_a_day_are_nothing() -> None:
    zone = ZoneInfo("America/New_York")
    shares = pl.Series(
        [Decimal("-0.01"), Decimal(0), Decimal("62.50"), Decimal(100), Decimal("100.01"), None]
    )

    assert read(shares, "percent", zone).to_list() == [
        None,
        Decimal(0),
        Decimal("62.5"),
        Decimal(100),
        None,
        None,
    ]
    assert read(pl.Series([-1, 0, 1440, 1441, None]), "minutes", zone).to_list() == [
        None,
        0,
        1440,
        None,
        None,
    ]


def test_a_sum_is_exact_and_who_isnt_active_is_inactive() -> None:
    zone = ZoneInfo("America/New_York")
    sums = pl.Series([Decimal("4250.50"), None], dtype=pl.Decimal(12, 2))
    active = pl.Series([True, False, None])

    assert read(sums, "money", zone).to_list() == [Decimal("4250.50"), None]
    assert read(active, "opposite_flag", zone).to_list() == [False, True, False]
    assert read(pl.Series(["perio", None]), "specialty", zone).to_list() == ["Periodontics", None]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Periodontist", "Periodontist"),
        ("dental  hygienist", "RDH"),
        ("Front-Desk", "Office Staff"),
        ("owner; D.D.S.; dds", "DDS"),
        ("owner", None),
    ],
)
def test_a_role_is_the_first_known_of_several(written: str, meant: str | None) -> None:
    assert raw_words.role(written) == meant


def test_a_specialty_or_a_degree_tells_a_role_and_a_status_a_stage() -> None:
    assert raw_words.role_of_specialty("Perio") == "Periodontist"
    assert raw_words.role_of_specialty("Prosthodontics") is None
    assert raw_words.role_of_credentials("MS, D.M.D.") == "DMD"
    assert raw_words.role_of_credentials("MS") is None
    assert [raw_words.deal_stage(each) for each in ("Proposed", "in progress", "declined", "lost")] == [
        "Consultation",
        "In Treatment",
        "Lost",
        None,
    ]
