"""A key written into a text or a file's name comes out again, and the text with it."""

import string

from hypothesis import given
from hypothesis import strategies as st

from migration_assets.destinations.freshsales.markers import (
    marked,
    marked_name,
    unmarked,
    unmarked_name,
)

KEYS = st.text(string.ascii_letters + string.digits + ":.-_ %/[]é", min_size=1, max_size=40)


TEXTS = st.text(min_size=1).filter(lambda text: not text.endswith("\r"))


@given(st.none() | TEXTS, KEYS)
def test_text_and_key_come_back_as_they_were(text: str | None, key: str) -> None:
    assert unmarked(marked(text, key)) == (text, key)


@given(
    st.text(string.ascii_letters + "-_ .()[]é", min_size=1).filter(lambda name: " [PANDA" not in name), KEYS
)
def test_name_and_key_come_back_as_they_were(name: str, key: str) -> None:
    assert unmarked_name(marked_name(name, key)) == (name, key)


def test_markers_read_as_people_see_them() -> None:
    assert marked("Deep pocket.", "maple:note:7") == "Deep pocket.\n[PANDA maple:note:7]"
    assert marked_name("letter.pdf", "maple:document:7") == "letter [PANDA maple.document.7].pdf"


def test_a_marker_is_found_where_line_breaks_were_lost() -> None:
    assert unmarked("One.\r\nTwo.\r\n[PANDA maple:note:7]\r\n") == ("One.\r\nTwo.", "maple:note:7")
    assert unmarked("One. [PANDA maple:note:7]") == ("One.", "maple:note:7")


def test_what_somebody_else_wrote_has_no_key() -> None:
    assert unmarked("See [PANDA maple:note:7] above") == ("See [PANDA maple:note:7] above", None)
    assert unmarked_name("letter.pdf") == ("letter.pdf", None)
