"""Letters: their words, their document, and which of a document's letters comes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.objects.base import Staged
from migration_assets.objects.letters import LETTERS
from migration_assets_tests.objects.rows import Row, changes, reasons
from migration_assets_tests.objects.rows_of_files import BYTES, document, letter, stage_files, template


def staged(*letters: Row, **others: list[Row]) -> Staged:
    return stage_files(LETTERS, letters=list(letters), **others)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("TO PATIENT", "to patient"),
        ("To-Specialist", "to specialist"),
        (" to  referring_dentist ", "to referring dentist"),
        ("Narrative to Insurance", "Narrative to Insurance"),
        (" ", None),
    ],
)
def test_a_known_type_has_one_spelling_and_any_other_stays_as_written(written: str, read: str | None) -> None:
    told = staged(letter(LetterType=written))

    assert told.rows["letter_type"].item() == read
    assert changes(told) == []


def test_a_letter_whose_document_is_not_there_keeps_all_else() -> None:
    row = letter(1, PlanID=20, Recipient="Ada Vale", Subject="Re: x", ProviderID=5, ReferralID=30)
    told = staged(
        row | {"DocumentID": 90},
        row | {"LetterID": 2, "DocumentID": 91},
        row | {"LetterID": 3, "DocumentID": 999},
        row | {"LetterID": 4},
        documents=[document(90), document(91, **{BYTES: 0})],
    )

    assert told.rows.select("document_id", "has_file", "place").rows() == [
        ("90", True, "first"),
        (None, False, "none"),
        (None, False, "none"),
        (None, False, "none"),
    ]
    own = ("patient_id", "plan_id", "provider_id", "referral_id", "recipient", "subject", "sent_at")
    assert told.rows.select(own).n_unique() == 1
    assert told.rows.select(own).row(0)[:5] == ("1", "20", "5", "30", "Ada Vale")
    assert changes(told) == [
        ("2", "DocumentID", "document_rejected", "91"),
        ("3", "DocumentID", "document_missing", "999"),
    ]
    assert told.findings["letter_without_file"] == 3


def test_a_template_is_its_name() -> None:
    told = staged(
        letter(1, TemplateID=2), letter(2, TemplateID=7), letter(3), templates=[template(2), template(3)]
    )

    assert told.rows["template"].to_list() == ["Recall", None, None]
    assert changes(told) == [("2", "TemplateID", "template_missing", "7")]


def test_a_summary_is_one_line_of_what_is_known_with_the_practice_s_day() -> None:
    told = staged(
        letter(1, Recipient="Ada\r\n Vale", Subject="Re: x", SentAt=datetime(2024, 7, 1, 23, 30)),
        letter(2, SentAt=None),
        letter(3, LetterType=None),
        letter(4, LetterType=None, SentAt=datetime(9999, 12, 31)),
    )

    assert told.rows["summary"].to_list() == [
        "2024-07-01: to patient, Ada Vale, Re: x",
        "to patient",
        "2024-05-06",
        "Letter",
    ]
    assert told.rows["sent_at"][0] == datetime(2024, 7, 2, 3, 30, tzinfo=UTC)
    assert [each[:3] for each in changes(told)] == [("4", "SentAt", "date_implausible")]


def test_only_staged_letters_are_ranked() -> None:
    early = letter(1, DocumentID=90, PatientID=None, SentAt=datetime(2020, 1, 1))
    told = staged(early, letter(2, DocumentID=90), documents=[document(90)])

    assert reasons(told) == [("1", "PatientID", "required_value_missing")]
    assert told.rows.select("source_id", "place").rows() == [("2", "first")]


_days = st.none() | st.integers(0, 3).map(lambda days: datetime(2024, 5, 6) + timedelta(days))
_letters = st.lists(st.tuples(st.sampled_from([None, 8, 9, 999]), _days), max_size=15)


@settings(deadline=None, max_examples=50)
@given(_letters)
def test_each_document_has_one_first_letter_and_it_is_the_earliest(
    written: list[tuple[int | None, datetime | None]],
) -> None:
    rows = [letter(key, DocumentID=of, SentAt=at) for key, (of, at) in enumerate(written, start=1)]
    told = staged(*rows, documents=[document(8), document(9)]).rows
    filed = [(of, at, key) for key, (of, at) in enumerate(written, start=1) if of in (8, 9)]
    first = {min((at or datetime.max, key) for of, at, key in filed if of == each)[1] for each, _, _ in filed}
    places = dict(told.select("source_id", "place").iter_rows())

    assert {int(key) for key, place in places.items() if place == "first"} == first
    assert {int(key) for key, place in places.items() if place != "none"} == {key for _, _, key in filed}
    assert told["has_file"].to_list() == [place != "none" for place in places.values()]
