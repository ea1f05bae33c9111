"""How the blackbox check reads free text: names of dentists, their details, and rich text word by word."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from migration_assets_tests.blackbox import markup, names, words
from migration_assets_tests.blackbox.referrers import referrers


@pytest.mark.parametrize(
    ("written", "first", "last", "credentials"),
    [
        ("Dr. Jane Smith, DDS", "Jane", "Smith", "DDS"),
        ("Smith Jr., Jane D.M.D., MS", "Jane", "Smith Jr.", "D.M.D., MS"),
        ("Prof. Dr. María José Castañeda", "María José", "Castañeda", None),
        ("Jean-Luc van der Berg", "Jean-Luc", "van der Berg", None),
        ("Dr.Ng", None, "Ng", None),
        ("Jane_Smith", "Jane", "Smith", None),
        ("Jane Smith FAGD", "Jane", "Smith", "FAGD"),
        ("Smile Studio", None, "Smile Studio", None),
        ("Drs. Smith and Jones", None, "Drs. Smith and Jones", None),
        ("Garcia Lopez, Ana", None, "Garcia Lopez, Ana", None),
        ("Smith J.", None, "Smith J.", None),
        ("美咲 山田", "美咲", "山田", None),
    ],
)
def test_a_name_is_parted_where_that_needs_no_guess(
    written: str, first: str | None, last: str, credentials: str | None
) -> None:
    read = names.person(written)
    assert (read.first, read.last, read.credentials) == (first, last, credentials)


def test_spellings_of_one_name_are_one() -> None:
    spellings = ("Dr. Zoé Weiß", "WEISS, ZOE", "zoe weiss, dds", "Prof. Zoë Weiss", "Weiss, Zoe, DMD, MS")
    assert {names.person(written).folded for written in spellings} == {"zoe weiss"}
    assert names.person("Łukasz Yılmaz").folded == names.person("LUKASZ YILMAZ").folded
    assert names.person("Zoe Weiss").folded != names.person("Weiss Zoe").folded
    assert names.folded("O'Brien-Søren") == "obrien soren"


def test_details_are_told_from_what_only_fills_a_form() -> None:
    assert names.phone("+1 (212) 555-0199 x12") == names.phone("212.555.0199") == "2125550199"
    assert names.phone("0199") is names.phone("000-000-0000") is None
    assert names.email("A@B.example") == "a@b.example" and names.email("none") is names.email("a@b") is None
    assert names.practice("Smile & Co., L.L.C.") == names.practice("smile and co") == "smile and co"
    assert names.practice("n/a") is names.practice("") is None
    assert names.names_nobody("N/A") and names.names_nobody("NA") and names.names_nobody("--")
    assert not names.names_nobody("Na")


def row(number: int, name: str, email: str | None = None, phone: str | None = None) -> dict[str, Any]:
    return {
        "ReferralID": number, "ProviderID": None, "ReferrerName": name, "ReferrerEmail": email,
        "ReferrerPhone": phone, "ReferrerPractice": None,
    }  # fmt: skip


def provider(number: int, email: str) -> dict[str, Any]:
    return {
        "ProviderID": number, "FirstName": "Jane", "LastName": "Smith", "Email": email, "Phone": None,
        "PracticeName": None,
    }  # fmt: skip


def test_whoever_is_joined_over_several_rows_is_one_in_any_order() -> None:
    rows = [
        row(9, "Jane Smith", "j@smith.example"),
        row(10, "SMITH, JANE", "J@smith.example", "212-555-0101"),
        row(11, "Dr. Jane Smith", None, "(212) 555-0101"),
        row(12, "Jane Smith", None, "(212) 555-0102"),
        row(13, "Jane Smith"),
        row(14, "Jane Smith, DDS"),
        row(15, "John Smith", "j@smith.example"),
    ]
    for seed in range(60):
        order = Random(seed).sample(rows, len(rows))
        of_entry = {number: referrer for number, (_, referrer) in referrers(order, []).of_entry.items()}
        assert of_entry == {9: "r9", 10: "r9", 11: "r9", 12: "r12", 13: "r13", 14: "r13", 15: "r15"}


def test_one_provider_is_the_person_and_of_two_neither() -> None:
    rows = [
        row(9, "Jane Smith", "j@smith.example", "212-555-0101"),
        row(10, "Smith, Jane", None, "212-555-0101"),
        row(11, "Jane Smith"),
    ]
    one = referrers(rows, [provider(1, "J@Smith.example"), provider(2, "other@smith.example")])
    assert one.of_entry == {9: (1, None), 10: (1, None), 11: (None, "r11")}

    two = referrers(rows, [provider(1, "j@smith.example"), provider(2, "j@smith.example")])
    assert two.of_entry == {9: (None, "r9"), 10: (None, "r9"), 11: (None, "r11")}
    assert {person["ReferrerID"] for person in two.people} == {"r9", "r11"}


@pytest.mark.parametrize(
    ("body", "written", "expected"),
    [
        (r"{\rtf1\ansi{\fonttbl A;}{\*\gen X;}\b Pus\b0\par at 14\line x\tab y}", "rtf", "Pus at 14 x y"),
        (r"{\rtf1 caf\'e9 \u21608?\u-10179?\u-8638? \{a\}\~\\}", "rtf", "café 周🙂 {a} \\"),
        (r"{\rtf1 \ldblquote b\rdblquote\emdash c\endash\~d}", "rtf", "“b”—c– d"),
        (r"{\rtf1{\uc0 \u21608 x}{\uc2\u8217 ''}y\u8217?z}", "rtf", "周x’y’z"),
        (r"{\rtf1\trowd\intbl 14\cell 7 mm\cell\row\pard{\header no} end}", "rtf", "14 7 mm end"),
        ("<p>A&nbsp;&lt;&#32;b<br/>c</p><style>p {}</style><!-- d --><script>e</script>", "html", "A < b c"),
        ("<ol><li>one</li><li><b>t</b>wo</li></ol><ul><li>x</li></ul>", "html", "1. one 2. two x"),
        ("no tag: <left> < 5 & > 3", "plain", None),
        ("{\\rtf1 open {\\b group}", "rtf", None),
    ],
)  # fmt: skip
def test_rich_text_is_read_word_by_word(body: str, written: str, expected: str | None) -> None:
    assert markup.format_of(body) == written
    read = markup.readable(body)
    assert read == (body if expected is None else tuple(expected.split()))


def test_signs_of_layout_are_no_words() -> None:
    assert markup.same(("a", "b", "c"), "a\n- b | c\xad")
    assert not markup.same(("a", "b", "c"), "a b")
    assert not markup.same(("a", "b"), None)
    assert not markup.same("a\nb", "a b")


def test_words_of_stages_referrals_and_titles() -> None:
    assert {words.stage(written) for written in ("III", "Stage 3", "stage: iii", "3")} == {"III"}
    assert words.grade("Grade b") == "B" and words.extent("molar-incisor") == "Molar/incisor"
    assert words.referral_status("Complete") == "completed" and words.direction("In-bound") is words.UNUSABLE
    unknown = (words.stage("V"), words.grade("D"), words.referral_status("pending"), words.site("XX"))
    assert set(unknown) == {words.UNUSABLE}
    assert words.note_title("Phone  notes", None) == "Phone notes"
    assert words.note_title("x" * 100, None) == "x" * 68 + "…"
