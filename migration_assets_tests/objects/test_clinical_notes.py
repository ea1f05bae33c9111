"""Clinical notes: rich text becomes readable and stays in the original beside it, and nothing is cut."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, note, stage_rows


def staged(*rows: Row) -> Staged:
    return stage_rows(notes=list(rows))["clinical_notes"]


def bodies(told: Staged) -> list[tuple[str | None, ...]]:
    return told.rows.select("body", "body_format", "body_original").rows()


def test_a_plain_body_stays_as_it_is_with_its_lines() -> None:
    text = "Depth < 5 mm & firm.\r\n\r\n  Recall <soon>."

    assert bodies(staged(note(Body=text))) == [(text, "plain", None)]


def test_markup_is_read_and_kept_to_the_letter_beside_it() -> None:
    web = "<p>Edema &lt; 2&nbsp;mm</p>\r\n<ul><li>rinse</li></ul>\n"
    rich = "{\\rtf1\\ansi {\\b Findings}: d\\u252?nn\\par next\\par}\r\n\0"

    assert bodies(staged(note(1, Body=web), note(2, Body=rich), note(3, Body=web.strip()))) == [
        ("Edema < 2 mm\n- rinse", "html", web),
        ("Findings: dünn\nnext", "rtf", rich),
        ("Edema < 2 mm\n- rinse", "html", web.strip()),
    ]


@pytest.mark.parametrize("broken", ["{\\rtf1 left open", "{\\rtf1 a} tail", "{\\rtf1\\ansicpg1252 \\'81}"])
def test_rtf_that_cant_be_read_stays_the_note_and_is_counted(broken: str) -> None:
    told = staged(note(Body=broken))

    assert bodies(told) == [(broken, "rtf", broken)]
    assert told.findings["rtf_unreadable"] == 1


def test_markup_without_a_word_is_no_text_and_isnt_lost() -> None:
    told = staged(note(1, Body="<p>&nbsp;</p>"), note(2, Body="<p><img src='cid:1'></p>"), note(3, Body=" "))

    assert bodies(told) == [
        (None, "html", "<p>&nbsp;</p>"),
        (None, "html", "<p><img src='cid:1'></p>"),
        (None, None, None),
    ]
    assert told.findings["more_than_text"] == 1


def test_what_plain_text_cant_show_is_counted_for_the_notes_that_are_staged() -> None:
    struck = "{\\rtf1 {\\strike no} yes\\strike0}"
    told = staged(
        note(1, Body=struck),
        note(2, Body="<p><del>no</del> yes</p>"),
        note(3, Body="<p>yes</p>", Plan="{\\rtf1 recall}"),
        note(4, Body=struck, PatientID=None),
    )

    looked = ("struck_out_text", "more_than_text", "rtf_unreadable", "markup_in_part")
    assert [told.findings[name] for name in looked] == [2, 0, 0, 1]
    assert told.rows["plan"].to_list() == [None, None, "{\\rtf1 recall}"]


def test_nothing_is_cut_but_the_title() -> None:
    long = "word " * 30_000 + "end"
    told = staged(note(1, Body=long, NoteType="n" * 200), note(2, Body=f"<p>{long}</p>", Objective=long))

    assert told.rows["body"].to_list() == [long, long]
    assert told.rows["objective"].to_list() == [None, long]
    assert told.rows["note_type"].to_list() == ["n" * 200, "Progress"]
    assert told.rows["title"].to_list() == ["n" * 68 + "… 2024-05-06", "Progress note 2024-05-06"]
    assert told.rows["title"].str.len_chars().max() == 80


@pytest.mark.parametrize(
    ("kind", "created", "title"),
    [
        ("SOAP", datetime(2024, 5, 6, 23, 30), "SOAP note 2024-05-06"),
        ("Phone Note", None, "Phone Note"),
        (None, datetime(2024, 5, 6), "Clinical note 2024-05-06"),
        (None, None, "Clinical note"),
    ],
)
def test_a_note_is_titled_by_its_type_and_the_practices_day(
    kind: str | None, created: datetime | None, title: str
) -> None:
    assert staged(note(NoteType=kind, CreatedAt=created)).rows["title"].item() == title


def test_a_note_was_written_when_it_was_created() -> None:
    told = staged(note(CreatedAt=datetime(2024, 5, 6, 9, 30), ModifiedAt=datetime(2024, 5, 7)))

    written = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)
    assert told.rows.select("noted_at", "created_at").row(0) == (written, written)
