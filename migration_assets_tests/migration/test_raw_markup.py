"""The second reader of rich text against literal notes, and against the module that it must not import."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration.raw_markup import format_of, in_words, words_of
from migration_assets.objects import readable_text
from migration_assets.objects.readable_text import UnreadableRtf

_TEXTS = st.sampled_from(
    [
        *("depth", "bone", "é", "1.", "-", " ", "\n", "a<b", "< 5 mm", "<left>", "&lt;b&gt;", "&amp;"),
        *("&nbsp;", "&eacute;", "&#8217;", "&shy;", "<br>", "<hr/>", "<!-- no -->", "<o:p></o:p>"),
        *("<script>no();</script>", "<style>p {}</style>", "<![if x]>", "<img src='a.png' alt='no'>"),
    ]
)
_ELEMENTS = ["<p>{}</p>", "<p class='a > b'>{}</p>", "<b>{}</b>", "<div>{}</div>", "<pre>{}</pre>"]
_ROWS = ["<ul><li>{}</li><li>{}</li></ul>", "<ol start=3><li>{}</li><li>{}</li></ol>"]
_ROWS += ["<table><tr><td>{}</td><td>{}</td></tr></table>"]
_HTML = st.recursive(
    _TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.builds(str.format, st.sampled_from(_ELEMENTS), inner),
        st.builds(str.format, st.sampled_from(_ROWS), inner, inner),
    ),
    max_leaves=10,
)
_RTF = [
    *("depth", "bone", "é", " ", "\r\n", r"\par ", r"\line ", r"\tab ", r"\b ", r"\b0 ", r"\plain\fs20 "),
    *(r"\u233?", r"\u-10179?\u-8704?", r"\uc2\u233??", r"\'e9", r"\'93\'94", r"{\f1 \'c0}", r"\f1 ", r"\f0 "),
    *(r"{\b bold}", r"{\*\unknown no}", r"{\pict 00ff}", r"{\footnote no}", r"{\pntext\f0\'b7\tab}"),
    *(r"\cell ", r"\row ", r"\{", r"\}", "\\\\", r"\~", r"\-", r"\_", r"\emdash ", r"\bullet "),
]
_HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Segoe UI;}{\f1\fnil\fcharset204 Arial;}}\uc1 "
)


@pytest.mark.parametrize(
    ("written", "kind", "read"),
    [
        ("Depth < 5 mm,\r\n  see <left>", "plain", "Depth < 5 mm, see <left>"),
        ("<p>Depth &lt; 5&nbsp;mm</p><p>Next</p>", "html", "Depth < 5 mm Next"),
        ("one<br>two<b>three</b>", "html", "one twothree"),
        (
            "<ol><li>first</li><li>second</li></ol><ul><li>third</li></ul>",
            "html",
            "1. first 2. second - third",
        ),
        ("<table><tr><td><ol><li>one<li></ol></td><td>two</td></tr></table>", "html", "1. one two"),
        ("<style>p {}</style><p>seen<!-- unseen --></p>", "html", "seen"),
        ("<p> </p>", "html", None),
        (r"{\rtf1\ansi One\par two \u233?\'e9 {\*\x no}\{3\}}", "rtf", "One two éé {3}"),
        (r"{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}\f0\'c4\'e0}", "rtf", "Да"),
        (r"{\rtf1 not closed", "rtf", r"{\rtf1 not closed"),
        (r"{\rtf1 one} two", "rtf", r"{\rtf1 one} two"),
        (r"{\rtf1\ansi\u-10179?\u-8704?}", "rtf", "😀"),
    ],
)
def test_the_words_of_a_note_are_those_that_a_person_reads(written: str, kind: str, read: str | None) -> None:
    assert format_of(written) == kind
    assert words_of(written) == read


@given(_HTML)
def test_both_readers_agree_on_html(written: str) -> None:
    assert format_of(written) == readable_text.format_of(written)
    if format_of(written) == "html":
        assert words_of(written) == in_words(readable_text.text_of_html(written))


@given(st.lists(st.sampled_from(_RTF), max_size=12).map(lambda pieces: _HEAD + "".join(pieces) + "}"))
def test_both_readers_agree_on_rtf(written: str) -> None:
    try:
        read = readable_text.text_of_rtf(written)
    except UnreadableRtf:
        read = written
    assert words_of(written) == in_words(read)
