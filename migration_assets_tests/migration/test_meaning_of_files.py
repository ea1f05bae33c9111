"""The comparison of meaning sees each file, what its letters and images say of it, and where it shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.destinations.base import payload_dtype
from migration_assets.mapping.apply import apply
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import PRACTICE_TABLE
from migration_assets.migration.meaning import compare, missing
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import REJECT_COLUMNS
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.practice import Policies
from migration_assets_tests.mapping.staged import complete
from migration_assets_tests.mapping.staged import practice as practice_table
from migration_assets_tests.migration.meaning_frames import DEFAULT, MEANINGS, found, listed
from migration_assets_tests.objects.rows import Row, context, patient, raw_tables, stage_raw
from migration_assets_tests.objects.rows_of_files import (
    BYTES,
    HASH,
    MD5,
    document,
    letter,
    radiograph,
    share_file,
    template,
)
from migration_assets_tests.objects.rows_of_referrals import appointment

FILE, LINK, ATTENDEE = "ContentVersion", "ContentDocumentLink", "EventRelation"
PATIENT, LINES = "Contact", ("Letters_Without_File__c", "Radiographs_Without_File__c")
SHARE = "\\\\PANDA01\\Images\\"
_SPECS = load_specs("salesforce", {each.name: each.model for each in STAGED_OBJECTS})
_CHOICES = {choice: _SPECS.resolved({"accounts": choice}) for choice in ("practice", "none")}


class Migrated:
    """Raw rows, and the records of a faithful destination by object; of patients the lines alone."""

    def __init__(self, accounts: Any = "practice", **rows: list[Row]) -> None:
        tables = raw_tables(**{"providers": [], "exams": [], "chart": [], "plans": [], "lines": [], **rows})
        staged = stage_raw(tables, context())
        used = {"patients", "documents", "letters", "radiographs", "appointments"}
        frames = {name: staged[name].rows for name in used} | {PRACTICE_TABLE: practice_table()}
        self.raw = RawPractice(
            practice="maple",
            zone=ZoneInfo("America/New_York"),
            profile=DEFAULT,
            tables=tables,
            rejects=pl.concat([staged[name].rejects for name in used]),
            corrections=pl.concat([staged[name].corrections for name in used]),
            policies=Policies(accounts=accounts),
        )
        self.keys: dict[str, str] = {}
        self.returned: dict[str, pl.DataFrame] = {}
        for name in (FILE, LINK, ATTENDEE, PATIENT):
            spec = _CHOICES[accounts].of_object(name)
            payload = apply(spec, complete(spec, frames), "maple", None)
            self.keys[name] = payload.schema.key_field
            self.returned[name] = payload.frame.select(
                pl.col(each.name).cast(payload_dtype(each))
                for each in payload.schema.returned_fields
                if name != PATIENT or each.name in (self.keys[name], *LINES)
            )

    def differing(self, name: str, returned: pl.DataFrame | None = None) -> list[tuple[str, str, str]]:
        there = self.returned[name] if returned is None else returned
        return found(compare(MEANINGS[name], name, self.keys[name], there, self.raw))

    def lost(self, name: str, returned: pl.DataFrame | None = None) -> set[str]:
        there = self.returned[name] if returned is None else returned
        return set(
            missing(MEANINGS[name], name, self.keys[name], there[self.keys[name]], self.raw, ())["key"]
        )


MOMENT = datetime(2024, 5, 6, 9, 30)
MIGRATED = Migrated(
    patients=[patient(1, ChartNumber="A-1"), patient(2, ChartNumber=" B-2 ")],
    documents=[
        document(90, FileName="Implant plan.PDF", **{MD5: "a" * 32}),
        document(91, PatientID=2, FileName="Scan", MimeType="image/png", **{BYTES: 9}),
        document(92, PatientID=None),
    ],
    letters=[
        letter(1, DocumentID=90, SentAt=None, Subject="No time", TemplateID=3),
        letter(2, DocumentID=90, SentAt=MOMENT + timedelta(days=1), Subject="Second", PlanID=20),
        letter(3, DocumentID=90, LetterType="TO-SPECIALIST", Subject="First", TemplateID=2, ProviderID=5),
        letter(4, DocumentID=90, PlanID=20, ReferralID=30, SentAt=MOMENT + timedelta(days=1)),
        letter(5, PatientID=2, PlanID=21, Recipient="Ada\n Vale"),
        letter(6, PatientID=2, LetterType=None, SentAt=None, DocumentID=999),
    ],
    templates=[template(2, Name=" Recall "), template(3, Name="Consent")],
    radiographs=[
        radiograph(1, FilePath=f" {SHARE}2024/IMG 1.JPG "),
        radiograph(2, DocumentID=91, PatientID=2),
        radiograph(3, DocumentID=91, PatientID=2, TakenAt=None, ToothSite="15"),
    ],
    share=[share_file(f"{SHARE}2024/IMG 1.JPG")],
    appointments=[appointment(40, ProviderID=5), appointment(41)],
)


def changed(name: str, key: str, **values: Any) -> pl.DataFrame:
    """What was returned with other values in one record."""
    rows = MIGRATED.returned[name]
    at = pl.col(MIGRATED.keys[name]) == key
    return rows.with_columns(
        pl.when(at).then(pl.lit(value, rows.schema[field])).otherwise(field).alias(field)
        for field, value in values.items()
    )


@pytest.mark.parametrize("name", [FILE, LINK, ATTENDEE, PATIENT])
def test_a_faithful_destination_differs_in_nothing_and_lacks_nothing(name: str) -> None:
    assert MIGRATED.returned[name].height > 0
    assert MIGRATED.differing(name) == []
    assert MIGRATED.lost(name) == set()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Title", "Implant"),
        ("PathOnClient", "Implant plan"),
        ("ContentSize", 8),
        ("Checksum", HASH),
        ("ChartNumber__c", "B-2"),
        ("Document_Type__c", "document"),
        ("Mime_Type__c", None),
        ("Original_Create_Date__c", MOMENT),
        ("Letter_Type__c", "to patient"),
        ("Letter_Subject__c", "No time"),
        ("Letter_Sent__c", None),
        ("Letter_Template__c", "Consent"),
        ("Source_Provider_ID__c", "6"),
        ("Other_Letters__c", "2024-05-07: to patient, Second\nto patient, No time\n2024-05-07: to patient"),
        ("Tooth_Site__c", "14"),
    ],
)
def test_a_fact_of_another_file_is_found(field: str, value: object) -> None:
    told = MIGRATED.differing(FILE, changed(FILE, "maple:document:90", **{field: value}))

    assert [each[:2] for each in told] == [("maple:document:90", field)]


def test_a_file_of_the_share_is_compared_with_what_lies_there() -> None:
    wrong = {"Checksum": "b" * 32, "ContentSize": 1, "Title": "IMG 2", "Mime_Type__c": "image/png"}
    told = MIGRATED.differing(FILE, changed(FILE, "maple:radiograph:1", **wrong))

    assert {field for _, field, _ in told} == set(wrong)
    assert {key for key, _, _ in told} == {"maple:radiograph:1"}


def test_what_has_no_file_stands_on_lines_of_its_patient() -> None:
    lines = "Letter\n2024-05-06: to patient, Ada Vale"
    assert MIGRATED.returned[PATIENT].filter(Letters_Without_File__c=lines).height == 1
    for wrong in ("Letter", "2024-05-06: to patient, Ada Vale\nLetter"):
        told = MIGRATED.differing(PATIENT, changed(PATIENT, "maple:patient:2", Letters_Without_File__c=wrong))
        assert [each[:2] for each in told] == [("maple:patient:2", "Letters_Without_File__c")]


def test_each_file_that_isnt_there_is_named_and_no_image_without_a_file() -> None:
    assert MIGRATED.lost(FILE, MIGRATED.returned[FILE].clear()) == {
        "maple:document:90",
        "maple:document:91",
        "maple:document:92",
        "maple:radiograph:1",
    }


def test_links_lead_to_the_patient_the_plan_and_the_referral_or_to_the_practice() -> None:
    links = {
        "maple:file_link:document:90+patient:1",
        "maple:file_link:document:90+plan:20",
        "maple:file_link:document:90+referral:30",
        "maple:file_link:document:91+patient:2",
        "maple:file_link:document:92+practice:maple",
        "maple:file_link:radiograph:1+patient:1",
    }

    assert MIGRATED.lost(LINK, MIGRATED.returned[LINK].clear()) == links
    for link in links:
        assert MIGRATED.lost(LINK, MIGRATED.returned[LINK].filter(pl.col("_key") != link)) == {link}


def test_a_link_to_another_patient_is_one_too_many_and_one_too_few() -> None:
    true, wrong = "maple:file_link:document:90+patient:1", "maple:file_link:document:90+patient:2"
    swapped = changed(LINK, true, _key=wrong, LinkedEntityId="maple:patient:2")

    assert MIGRATED.differing(LINK, swapped) == [(wrong, "_key", "record_unexpected")]
    assert MIGRATED.lost(LINK, swapped) == {true}


@pytest.mark.parametrize(
    ("name", "key", "field", "value"),
    [
        (LINK, "maple:file_link:document:90+patient:1", "LinkedEntityId", "maple:patient:2"),
        (LINK, "maple:file_link:document:90+patient:1", "ContentDocumentId", None),
        (LINK, "maple:file_link:document:90+plan:20", "ShareType", "I"),
        (ATTENDEE, "maple:attendee:appointment:40+provider:5", "IsInvitee", False),
    ],
)
def test_what_a_joining_record_shows_is_compared_too(name: str, key: str, field: str, value: object) -> None:
    told = MIGRATED.differing(name, changed(name, key, **{field: value}))

    assert [each[:2] for each in told] == [(key, field)]


def test_without_accounts_a_paper_of_nobodys_is_linked_to_nothing() -> None:
    nobodys = Migrated("none", documents=[document(92, PatientID=None)])

    assert nobodys.lost(FILE, nobodys.returned[FILE].clear()) == {"maple:document:92"}
    assert nobodys.returned[LINK].is_empty()
    assert nobodys.lost(LINK) == set()
    linked = pl.DataFrame({"_key": ["maple:file_link:document:92+practice:maple"]})
    assert [code for _, _, code in nobodys.differing(LINK, linked)] == ["record_unexpected"]


@pytest.mark.parametrize(
    ("table", "key", "code", "lost"),
    [
        ("Document", "91", "content_missing", "maple:document:91"),
        ("Document", "91", "content_empty", "maple:document:91"),
        ("Radiograph", "1", "file_not_found", "maple:radiograph:1"),
        ("Radiograph", "1", "file_outside_share", "maple:radiograph:1"),
    ],
)
def test_a_file_that_was_refused_though_it_is_there_is_expected(
    table: str, key: str, code: str, lost: str
) -> None:
    reject = listed(REJECT_COLUMNS, {"source_table": table, "source_key": key, "code": code})
    told = Migrated.__new__(Migrated)
    told.__dict__.update(MIGRATED.__dict__)
    told.raw = RawPractice(**{**MIGRATED.raw.__dict__, "rejects": reject})

    assert told.lost(FILE, MIGRATED.returned[FILE].clear()) >= {lost}


_times = st.sampled_from([None, MOMENT, MOMENT + timedelta(hours=1), datetime(1899, 12, 30)])
_names = st.sampled_from(["Consent.pdf", "Consent", ".pdf", "\t", "a.b 1.5", "x.JPeG "]) | st.text(max_size=4)
_paths = st.sampled_from([None, "  ", f"{SHARE}a.png", f" {SHARE}b.JPG", f"{SHARE}c\\", "gone", "Z:\\new"])
_few = st.sampled_from([None, 8, 9, 10, 999])
_DOCUMENTS = st.fixed_dictionaries(
    {
        "PatientID": st.sampled_from([None, 1, 2]),
        "FileName": _names,
        "MimeType": st.sampled_from([None, "application/pdf", " IMAGE/png; x", "text/rtf"]),
        "CreatedAt": _times,
    }
)
_LETTERS = st.fixed_dictionaries(
    {
        "DocumentID": _few,
        "SentAt": _times,
        "LetterType": st.sampled_from([None, "To_Patient", " ", "Memo  X"]),
        "Subject": st.none() | st.text(max_size=3),
        "TemplateID": st.sampled_from([None, 2, 3]),
        "PlanID": st.sampled_from([None, 20]),
    }
)
_IMAGES = st.fixed_dictionaries({"DocumentID": _few, "TakenAt": _times, "FilePath": _paths})


@settings(deadline=None, max_examples=40)
@given(
    st.lists(_DOCUMENTS, min_size=3, max_size=3),
    st.lists(_LETTERS, max_size=6),
    st.lists(_IMAGES, max_size=6),
)
def test_whatever_the_practice_filed_both_readers_agree(
    documents: list[Row], letters: list[Row], images: list[Row]
) -> None:
    migrated = Migrated(
        documents=[document(8 + at, **row) for at, row in enumerate(documents)]
        + [document(11, **{MD5: None})],
        letters=[letter(at, **row) for at, row in enumerate(letters)],
        templates=[template(2)],
        radiographs=[radiograph(at, **row) for at, row in enumerate(images)],
        share=[
            share_file(f"{SHARE}a.png"),
            share_file(f" {SHARE}b.JPG", size=3),
            share_file(f"{SHARE}c\\"),
            share_file("gone", "file_not_found"),
        ],
    )

    for name in (FILE, LINK, PATIENT):
        assert migrated.differing(name) == []
        assert migrated.lost(name) == set()
