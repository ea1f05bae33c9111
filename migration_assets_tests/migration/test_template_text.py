"""A letter template's text taken apart: nothing of it gets lost, whatever somebody wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration.template_text import Kind, parse

_MARKS = ("<<", ">>", "<<IF ", "<<IF A.B>>", "<<END IF>>", "<<ELSE>>", "<<A.B>>", "&lt;&lt;", "&gt;&gt;")
_written = st.lists(
    st.sampled_from((*_MARKS, "<", ">", "IF", " ", "\r\n", "Dear", "é")) | st.text(max_size=3)
)
_balanced = st.recursive(
    st.sampled_from(("", "words", "<<A.B>>", "<br>")),
    lambda inner: st.lists(
        inner
        | inner.map("<<IF C.D>>{}<<END IF>>".format)
        | st.tuples(inner, inner).map(lambda two: "<<IF C.D>>{}<<ELSE>>{}<<END IF>>".format(*two)),
        max_size=4,
    ).map("".join),
)


def kinds(text: str) -> list[str]:
    return [each.kind.value for each in parse(text).pieces]


@given(_written.map("".join))
def test_the_pieces_joined_are_the_text_and_every_mark_is_told_or_a_problem(text: str) -> None:
    parsed = parse(text)

    assert "".join(each.written for each in parsed.pieces) == text
    unclosed = sum("doesn't end" in each.message for each in parsed.problems)
    marks = sum(each.kind is not Kind.TEXT for each in parsed.pieces)
    assert marks + unclosed == sum(each.written.startswith(("<<", "&lt;&lt;")) for each in parsed.pieces)
    assert all(1 <= each.at <= len(text) for each in parsed.problems)
    opened = sum(each.kind is Kind.IF for each in parsed.pieces)
    assert len(parsed.conditions) == opened


@given(_balanced)
def test_conditions_that_are_closed_are_no_problem_however_deep_they_stand(text: str) -> None:
    parsed = parse(text)

    assert parsed.problems == ()
    assert len(parsed.conditions) == text.count("<<IF")
    assert all(each.depth >= 0 for each in parsed.pieces)


def test_fields_and_nested_conditions_are_found() -> None:
    parsed = parse("Hi <<P.A>><<IF Q.B > 1000>>x<<IF Q.C = 'no.field'>>y<<END IF>><<END IF>> <<P.A>>")

    assert parsed.fields == ("P.A", "Q.B", "Q.C")
    assert [(each.test, each.depth) for each in parsed.conditions] == [
        ("Q.B > 1000", 0),
        ("Q.C = 'no.field'", 1),
    ]
    assert [each.depth for each in parsed.pieces if each.written == "y"] == [2]


def test_marks_that_an_html_editor_escaped_are_marks() -> None:
    parsed = parse(
        "<p>&lt;&lt;IF Plan.Cost &gt; 5&gt;&gt;<b>&lt;&lt;Plan.Name&gt;&gt;</b>&lt;&lt;END IF&gt;&gt;</p>"
    )

    assert parsed.fields == ("Plan.Name", "Plan.Cost")
    assert parsed.conditions[0].test == "Plan.Cost > 5"
    assert parsed.problems == ()


def test_what_is_unbalanced_is_told_with_its_place() -> None:
    def told(text: str) -> list[tuple[int, str]]:
        return [(each.at, each.message) for each in parse(text).problems]

    assert told("<<IF A.B>>x") == [(1, "the IF that stands here has no END IF")]
    assert told("x<<END IF>>") == [(2, "END IF stands here without an IF")]
    assert told("x <<A.B and <<C.D>>") == [(3, "a merge field begins here and doesn't end")]
    assert told("<<whatever>>") == [(1, "this mark is neither a merge field nor a condition")]
    assert kinds("<<ELSE>>") == ["else"]
