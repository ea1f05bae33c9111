"""What a template's merge fields mean, and where each lands in the destination."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from migration_assets.mapping.inventory import inventory
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.template_reference import TemplateReference, make_reference
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile, load_profile
from migration_sandbox.practice.letter_templates import letter_templates

LETTERS = pl.DataFrame(
    {"TemplateID": [3, 3, None], "SentAt": [datetime(2024, 1, 2), datetime(2024, 5, 6, 7), None]}
)


@pytest.fixture(scope="module")
def fields() -> pl.DataFrame:
    mapping = load_mapping("salesforce").resolved({"accounts": "practice"})
    return inventory(mapping, None, {each.name: each.source_columns for each in STAGED_OBJECTS})


@pytest.fixture(scope="module")
def reference(fields: pl.DataFrame) -> TemplateReference:
    return make_reference(letter_templates(), LETTERS, load_profile("default"), fields)


@pytest.mark.parametrize(
    ("name", "source", "lands_in"),
    [
        ("Patient.ChartNumber", "Patient.ChartNumber", ["Contact.PANDA_Chart_Number__c"]),
        (
            "Exam.Date",
            "ClinicalExam.ExamDate",
            ["ClinicalExam__c.Exam_Date__c", "ClinicalExam__c.Exam_Time__c"],
        ),
        ("Referral.Type", "Referral.ReferralType", ["Referral__c.Referral_Type__c"]),
        (
            "Provider.FullName",
            "Provider.FirstName + Provider.LastName",
            ["Contact.LastName", "Contact.FirstName"],
        ),
        ("Practice.Name", "practice.name", ["Account.Name"]),
        ("Patient.Allergies", None, []),
        ("Date.Today", None, []),
    ],
)
def test_a_merge_field_is_found_by_the_profiles_own_names(
    reference: TemplateReference, name: str, source: str | None, lands_in: list[str]
) -> None:
    meaning = reference.fields[name]

    assert meaning.source == source
    assert [f"{each.object}.{each.field}" for each in meaning.landings] == lands_in


def test_rows_of_a_child_are_records(reference: TemplateReference) -> None:
    lines = reference.fields["Plan.Lines"]

    assert (lines.source, lines.objects) == ("rows of TreatmentPlanLine", ("TreatmentPlanLine__c",))


def test_what_has_no_field_is_told(reference: TemplateReference) -> None:
    assert [each.name for each in reference.without_field] == [
        "Appointment.Next",
        "Date.Today",
        "Insurance.Secondary",
        "Patient.Allergies",
        "Practice.Address",
    ]


def test_a_template_keeps_its_text_and_knows_its_use(reference: TemplateReference) -> None:
    bodies = letter_templates()["Body"].to_list()
    third = reference.templates[2]

    assert [each.body for each in reference.templates] == bodies
    assert [each.format for each in reference.templates].count("RTF") == 1
    assert (third.format, third.used, third.last_used) == ("RTF", 2, datetime(2024, 5, 6, 7))
    assert reference.templates[0].used == 0


def test_a_practice_that_calls_its_columns_otherwise_is_read_through_its_profile(
    fields: pl.DataFrame,
) -> None:
    default = load_profile("default")
    table = default.table("LetterTemplate").model_copy(
        update={"columns": {"TemplateID": "TplNo", "Name": "Title", "Body": "Txt", "ModifiedAt": "M"}}
    )
    profile: Profile = default.model_copy(update={"tables": {**default.tables, "LetterTemplate": table}})
    rows = pl.DataFrame({"TplNo": [7], "Title": [None], "Txt": ["<<Patient.FirstName>>"], "M": [None]})

    made = make_reference(rows, LETTERS, profile, fields).templates[0]

    assert (made.id, made.name, made.category, made.text.fields) == (
        "7",
        "Template 7",
        None,
        ("Patient.FirstName",),
    )
