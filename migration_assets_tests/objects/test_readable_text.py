"""Rich text as people read it: the lines that markup makes, and never a word less."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.objects.readable_text import (
    TextFormat,
    UnreadableRtf,
    format_of,
    text_of_html,
    text_of_rtf,
)
from migration_sandbox.practice.clinical_notes import as_rtf

_HEAD = "{\\rtf1\\ansi\\ansicpg1252\\uc1{\\fonttbl{\\f0\\fnil Segoe UI;}}\\pard\\f0\\fs20 "
_lines = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1),
    min_size=1,
    max_size=4,
).filter(lambda lines: not any("\xad" in line for line in lines))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("PD < 5 mm and > 3 mm", TextFormat.PLAIN),
        ("<left> a<b c>d", TextFormat.PLAIN),
        ("R&amp;D", TextFormat.PLAIN),
        ("\\rtf1 isn't it", TextFormat.PLAIN),
        ("a<BR/>b", TextFormat.HTML),
        ("seen <b>twice</b>", TextFormat.HTML),
        ("\r\n\ufeff{\\RTF1 x}", TextFormat.RTF),
        ("{\\rtf1 <p>", TextFormat.RTF),
    ],
)
def test_a_text_says_itself_how_it_is_written(text: str, written: TextFormat) -> None:
    assert format_of(text) is written


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a</p><p>b<br>c</p><div>d</div>", "a\nb\nc\nd"),
        ("<p>a</p><p>&nbsp;</p><p><br></p><p>b</p>", "a\n\n\nb"),
        ("<html><head><title>T</title><style>p {}</style></head><body>a<script>b()</script></body>", "T\na"),
        ("<p>one\r\n   two&nbsp; <b>three</b>,four</p>", "one two  three,four"),
        ("<ul><li>a</li><li><p>b</p><ol start='3'><li>c<li>d</ol></li></ul>e", "- a\n- b\n  3. c\n  4. d\ne"),
        ("<table><tr><td></td><td>4</td></tr><tr><td><p>5</p></td><th>6</th></tr></table>", "\t4\n5\t6"),
        ("a<td>b</td><td>c</td></tr>d<tr><td>e", "a\nb\tc\nd\ne"),
        ("<ul><li>&nbsp;</li><li></li><li> <b>a</b></li></ul>", "- a"),
        ("<pre>a\n  b</pre>c", "a\n  b\nc"),
        ("<b>typed</b>\r\nlines\nstay", "typed\nlines\nstay"),
        ("<p>3 &lt; 4 &amp; 5 &#8805; 4 &unknown;</p>", "3 < 4 & 5 ≥ 4 &unknown;"),
        ("<p>a<5, b<three sites, <!-- dropped -->c <!-- not ended", "a<5, b<three sites, c <!-- not ended"),
        ("<p>x</p><script>never ended", "x\n<script>never ended"),
        ("<p>PD<b and c>d <b >bold</ b><td nowrap  width=10% />x</p>", "PD<b and c>d bold</ b>\nx"),
        ("<p class='a>b'>x<o:p></o:p><![if !y]>z<![endif]></p>", "xz"),
        (
            "<table><tr><td><ol><li>depth 4 mm<li></ol></td><td>bone</td></tr></table>",
            "1. depth 4 mm\tbone",
        ),
    ],
)
def test_html_makes_the_lines_that_a_browser_makes(page: str, text: str) -> None:
    assert text_of_html(page) == text


@given(_lines)
def test_every_character_comes_back_out_of_html(lines: list[str]) -> None:
    page = "".join(f"<p>{html.escape(line)}</p>" for line in lines)

    assert text_of_html(page) == "\n".join(lines)


@given(
    st.lists(
        st.sampled_from(["<", "<5", "a<x", "w>", "</", "</q9", "<!", "<?", "&", "&#", "zz", "<![", "'", '"'])
    )
)
def test_what_is_no_markup_stays_word_by_word(words: list[str]) -> None:
    told = text_of_html(f"<div>{' '.join(words)}</div>")

    assert told.split() == words


@given(_lines)
def test_every_character_comes_back_out_of_rtf(lines: list[str]) -> None:
    rtf = _HEAD + "\\par\r\n".join(as_rtf(line) for line in lines) + "\\par\r\n}"

    assert text_of_rtf(rtf) == "\n".join(lines)


@pytest.mark.parametrize(
    ("rtf", "text"),
    [
        ("{\\rtf1 a\\line b\\tab c\\\nd}", "a\nb\tc\nd"),
        ("{\\rtf1\\ansicpg1252 caf\\'e9 \\~\\emdash  x\\-y}", "café  — xy"),
        ("{\\rtf1 {\\*\\generator Riched20;}{\\info{\\author B}}a}", "a"),
        (" {\\rtf1 a}\r\n\0", "a"),
        (
            r'{\rtf1 {\field{\*\fldinst{HYPERLINK "http://x.example"}}{\fldrslt{here}}}\emdash  {\b b}}',
            "here— b",
        ),
        (
            r"{\rtf1 {\pntext 1.\tab}{\*\pn\pnlvlbody\pnstart1{\pntxta.}}graft\par {\pntext 2.\tab}heal}",
            "1.\tgraft\n2.\theal",
        ),
        (r"{\rtf1\binfsxn7\binsxn7 a{\pict{\*\picprop{\sp x}}\wmetafile8 0a0b}b}", "ab"),
        ("{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fcharset204 Arial;}}\\f0 \\'e4\\'e0}", "да"),
        (
            "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fnil Segoe UI;}{\\f1\\fnil\\fcharset204 Arial;}}"
            "\\f0 caf\\'e9 \\f1\\'c4\\'e0}",
            "café Да",
        ),
    ],
)
def test_rtf_says_lines_signs_and_code_pages(rtf: str, text: str) -> None:
    assert text_of_rtf(rtf) == text


@pytest.mark.parametrize(
    "broken",
    [
        "{\\rtf1 a",
        "{\\rtf1 {a}",
        "{\\rtf1 a}}b",
        "{\\rtf1 a} b",
        "{\\rtf1 \\u-10179?alone}",
        "{\\rtf1\\ansicpg1252 \\'81}",
        "{\\rtf1 \\uc x}",
        "{\\rtf1 {\\pict\\bin3 }}}} a}",
        "{\\rtf1 \\u99999999999?}",
    ],
)
def test_broken_rtf_is_refused_without_telling_its_words(broken: str) -> None:
    with pytest.raises(UnreadableRtf) as caught:
        text_of_rtf(broken)

    assert not re.search(r"alone|\\", str(caught.value))
    assert caught.value.__cause__ is None
