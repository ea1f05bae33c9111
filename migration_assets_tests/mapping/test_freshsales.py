"""What a practice becomes in Freshsales: contacts, accounts, deals and their lines; texts stand elsewhere."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import FieldType, Identity
from migration_assets.mapping.inventory import inventory
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets_tests.mapping.freshsales import by_key, chosen, payload
from migration_assets_tests.mapping.staged import STAGED_MODELS

GROWTH = {"text": 20, "textarea": 5, "dropdown": 30, "number": 30, "checkbox": 30, "date": 30, "multi": 5}
"""Custom fields an entity that the smallest plan has, by kind; lookups it has none (shared/facts)."""
KINDS = {
    FieldType.TEXT: "text",
    FieldType.LONG_TEXT: "textarea",
    FieldType.PICKLIST: "dropdown",
    FieldType.NUMBER: "number",
    FieldType.CHECKBOX: "checkbox",
    FieldType.DATE: "date",
    FieldType.MULTI_PICKLIST: "multi",
}


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"source_id": str(number), "last_name": f"Quill {number}", "inactive": False} | more


def test_objects_are_known_as_their_records_can_be() -> None:
    assert {spec.name: spec.schema.identity for spec in chosen()} == {
        "sales_account": Identity.FIELD,
        "contact": Identity.EXTERNAL_ID,
        "deal": Identity.FIELD,
        "cm_dental_treatment_plan": Identity.FIELD,
        "appointment": Identity.MARKER,
        "note": Identity.MARKER,
        "document": Identity.MARKER,
    }
    note = chosen().of_object("note").schema
    assert (note.key_field, note.marked_field) == ("_key", "description")
    assert note.field("_key").virtual
    assert chosen().of_object("document").schema.content_field == "file"


def test_what_the_smallest_plan_has_no_room_for_isnt_asked_of_it() -> None:
    for spec in chosen(modules="off"):
        custom = [field for field in spec.schema.stored_fields if field.custom]
        asked = Counter(KINDS[field.type] for field in custom)
        assert all(number <= GROWTH[kind] for kind, number in asked.items()), spec.name
        assert all((field.length or 0) <= 10_000 for field in custom)


def test_without_modules_the_lines_of_a_plan_are_notes_on_its_deal() -> None:
    line = {"source_id": "9", "plan_id": "5", "procedure_code": "D4341", "healing_weeks": 6}

    record = payload("cm_dental_treatment_plan", treatment_plan_lines=[line])
    note = payload("note", {"modules": "off"}, treatment_plan_lines=[line])

    assert by_key(record, "name", "cf_deal") == {"maple:plan_line:9": ("D4341", "maple:plan:5")}
    assert "cm_dental_treatment_plan" not in [spec.asset for spec in chosen(modules="off")]
    assert by_key(note, "target") == {"maple:plan_line_note:9": "maple:plan:5"}
    assert "CDT code: D4341\nHealing weeks: 6" in note.frame["description"][0]
    assert payload("note", treatment_plan_lines=[line]).frame.is_empty()


def test_a_line_belongs_to_its_plans_patient() -> None:
    lines = [{"source_id": "9", "plan_id": "5"}, {"source_id": "10", "plan_id": "6"}]

    made = payload(
        "cm_dental_treatment_plan",
        treatment_plans=[{"source_id": "5", "patient_id": "7"}],
        treatment_plan_lines=lines,
    )

    assert by_key(made, "cf_contact", "name") == {
        "maple:plan_line:9": ("maple:patient:7", "Procedure"),
        "maple:plan_line:10": (None, "Procedure"),
    }


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("proposed", "Consultation"),
        ("accepted", "Accepted"),
        ("in-progress", "In Treatment"),
        ("completed", "Completed"),
        ("declined", "Lost"),
        (None, "Consultation"),
    ],
)
def test_a_deals_stage_is_its_plans_status(status: str | None, stage: str) -> None:
    plan: dict[str, Any] = {"source_id": "5", "patient_id": "7", "status": status}

    made = payload("deal", treatment_plans=[plan])

    assert by_key(made, "deal_stage", "cf_plan_status") == {"maple:plan:5": (stage, status)}


def test_a_plan_without_a_cost_has_a_value_of_nothing_and_says_so() -> None:
    plans: list[dict[str, Any]] = [
        {"source_id": "5", "patient_id": "7", "title": "Implant", "estimated_cost": Decimal("1250.5")},
        {"source_id": "6", "patient_id": "7", "title": "Implant"},
    ]

    made = payload("deal", treatment_plans=plans)

    assert by_key(made, "amount", "cf_estimated_cost") == {
        "maple:plan:5": (Decimal("1250.5"), Decimal("1250.5")),
        "maple:plan:6": (Decimal(0), None),
    }
    assert made.problems.is_empty()


RELATIVES = [
    patient(12, email="Home@Quill.example"),
    patient(3, email="home@quill.example "),
    patient(4, email="own@quill.example"),
    patient(5),
]


@pytest.mark.parametrize(
    ("choice", "emails", "others"),
    [
        ("second_field", [None, "home@quill.example ", "own@quill.example", None], ["Home@Quill.example"]),
        ("first", [None, "home@quill.example ", "own@quill.example", None], []),
        ("as_is", ["Home@Quill.example", "home@quill.example ", "own@quill.example", None], []),
    ],
)
def test_one_of_several_with_an_address_keeps_it_as_the_practice_chooses(
    choice: str, emails: list[str | None], others: list[str]
) -> None:
    made = payload("contact", {"shared_emails": choice}, patients=RELATIVES)

    assert made.frame["email"].to_list() == emails
    moved = made.frame["cf_other_email"].drop_nulls().to_list() if choice == "second_field" else []
    assert moved == others
    assert ("cf_other_email" in made.schema.field_names) is (choice == "second_field")
    listed = made.shared.select("key", "first_key").rows()
    assert listed == ([] if choice == "as_is" else [("maple:patient:12", "maple:patient:3")])


def test_a_providers_address_comes_before_a_patients() -> None:
    made = payload(
        "contact",
        providers=[{"source_id": "90", "last_name": "Vale", "email": "vale@quill.example"}],
        patients=[patient(1, email="VALE@quill.example")],
    )

    assert by_key(made, "email", "cf_other_email") == {
        "maple:provider:90": ("vale@quill.example", None),
        "maple:patient:1": (None, "VALE@quill.example"),
    }


def test_accounts_of_one_name_are_told_apart_by_their_ids() -> None:
    households = [
        {"source_id": "h7", "name": "Quill Household"},
        {"source_id": "h3", "name": "Quill household"},
    ]

    made = payload("sales_account", {"accounts": "household"}, households=households)

    assert by_key(made, "name") == {
        "maple:practice:maple": "Maple Periodontics",
        "maple:household:h7": "Quill Household (h7)",
        "maple:household:h3": "Quill household",
    }


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ({"role": "periodontist", "credentials": "DDS;MS"}, "Periodontist"),
        ({"role": "Dental-Hygienist"}, "RDH"),
        ({"role": "office staff"}, "Office Staff"),
        ({"role": "general dentist", "credentials": "DMD;MS"}, "DMD"),
        ({"role": "associate", "specialty": "Periodontics", "credentials": "DDS"}, "Periodontist"),
        ({"role": "bookkeeper"}, None),
    ],
)
def test_a_providers_role_is_read_from_role_specialty_or_credentials(
    given: dict[str, str], role: str | None
) -> None:
    made = payload("contact", providers=[{"source_id": "3", "last_name": "Vale", **given}])

    assert by_key(made, "cf_provider_role", "cf_provider_role_text") == {
        "maple:provider:3": (role, given["role"])
    }


def test_a_referring_dentist_has_a_company_and_the_count_of_their_referrals() -> None:
    def referral(number: int, direction: str, day: int | None) -> dict[str, Any]:
        on = None if day is None else date(2024, 5, day)
        return {"source_id": str(number), "provider_id": "3", "direction": direction, "referred_on": on}

    made = payload(
        "contact",
        providers=[{"source_id": str(n), "last_name": "Vale", "referring": True} for n in (3, 4)],
        office_ties=[
            {"source_id": "p1", "provider_id": "3", "office_id": "p1", "place": "first"},
            {"source_id": "p2", "provider_id": "3", "office_id": "p2", "place": "further"},
        ],
        referrals=[
            referral(1, "incoming", 9),
            referral(2, "incoming", 2),
            referral(3, "incoming", None),
            referral(4, "outgoing", 1),
        ],
    )

    fields = ("sales_account", "cf_total_referrals", "cf_first_referral_date", "cf_last_referral_date")
    assert by_key(made, *fields) == {
        "maple:provider:3": ("maple:office:p1", 3, date(2024, 5, 2), date(2024, 5, 9)),
        "maple:provider:4": (None, 0, None, None),
    }


def test_days_are_the_practices_own() -> None:
    late = datetime(2024, 5, 7, 2, 0, tzinfo=UTC)

    made = payload("contact", patients=[patient(1, created_at=late)])

    assert made.frame["cf_original_create_date"].to_list() == [date(2024, 5, 6)]


def test_the_figures_of_a_chart_are_the_patients() -> None:
    summary = {
        "source_id": "1",
        "patient_id": "1",
        "last_pocket_depth": 7,
        "bleeding_share": Decimal("12.50"),
    }

    made = payload("contact", patients=[patient(1), patient(2)], chart_summaries=[summary])

    assert by_key(made, "cf_last_pocket_depth", "cf_bop", "cf_chart_incomplete") == {
        "maple:patient:1": (7, Decimal("12.50"), False),
        "maple:patient:2": (None, None, False),
    }


def test_the_inventory_says_what_is_computed_and_of_which_exam() -> None:
    mapping = chosen()
    frame = inventory(mapping, None, {each.name: each.source_columns for each in STAGED_OBJECTS})

    listed = frame.select("object", "field").unique()
    assert set(listed.rows()) == {
        (spec.name, each.name) for spec in mapping for each in spec.schema.stored_fields
    }
    depth = frame.filter(field="cf_last_pocket_depth").row(0, named=True)
    assert depth["transform"] == (
        "computed: deepest pocket depth, in mm, of the patient's latest exam that has a chart"
    )
    assert depth["label"] == depth["mission_name"] == "Last_Pocket_Depth_MM__c"
    assert set(frame.filter(field="cf_other_email")["staged_table"]) == {"providers", "referrers", "patients"}
    visit = frame.filter(object="note", staged_table="appointments", source_column="StartsAt")
    assert set(visit["transform"]) == {"in a text, as Visit, found by appointment_id", "in a text, as Visit"}
    assert frame["why"].null_count() == 0


NOT_SENT = {
    "patients": {"address1", "address2", "household_id"},
    "providers": {"credentials_unparsed"},
    "appointments": set(),
    "treatment_plans": set(),
    "treatment_plan_lines": set(),
    "clinical_exams": {"examined_on", "provider_id"},
    "charting": {"exam_id", "slot", "source_id"},
    "exam_findings": {"exam_id", "source_id", "tooth"},
    "classifications": {"exam_id", "of_exam", "of_patient", "patient_id", "source_id", "staged_at"},
    "insurances": {"active", "patient_id", "place", "priority", "source_id"},
    "clinical_notes": {"body_format", "body_original", "created_at", "provider_id", "source_id"},
    "referrals": {"provider_id", "referrer_id", "source_id"},
    "documents": {"chart_number", "kind", "title"},
    "letters": {
        "document_id", "has_file", "place", "plan_id", "provider_id", "referral_id", "summary",
    },
    "radiographs": {
        "chart_number", "document_id", "mime_type", "own_file", "place", "summary", "title",
    },
    "chart_summaries": {"patient_id", "source_id"},
}  # fmt: skip
"""By staged table: columns by which rows are found or told apart, and those that another one holds whole."""


@pytest.mark.parametrize("table", NOT_SENT)
def test_every_other_staged_column_goes_somewhere(table: str) -> None:
    frame = inventory(chosen(), None, {})

    sent = set(frame.filter(staged_table=table)["staged_column"].drop_nulls())

    assert set(STAGED_MODELS[table].to_schema().columns) - sent - {"modified_at"} == NOT_SENT[table]


def test_choices_change_what_is_sent_and_so_the_hash() -> None:
    hashes = [chosen(shared_emails=each).content_hash() for each in ("second_field", "first", "as_is")]

    assert len(set(hashes)) == 3
    assert chosen(modules="off").content_hash() not in hashes
    assert pl.Series(hashes).str.len_chars().unique().to_list() == [64]
