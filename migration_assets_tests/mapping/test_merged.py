"""Rows that become fields of another's record, and parents that stand in one of two key spaces."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from migration_assets.mapping.apply import RECORD_REJECTED, Payload, apply
from migration_assets.mapping.chart_layout import ChartLayout, ObjectMeasures
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.problems import PayloadRefused
from migration_assets_tests.mapping.staged import STAGED_MODELS, complete, practice, rows

MAPPING = load_specs("salesforce", STAGED_MODELS).resolved({"accounts": "practice"})
LAYOUT = ChartLayout((ObjectMeasures("ClinicalExam__c", ()),))
PATIENT = {"source_id": "7", "last_name": "Quill"}


def classification(number: int, **more: Any) -> dict[str, Any]:
    usual = {
        "source_id": str(number),
        "patient_id": "7",
        "stage": "II",
        "staged_at": datetime(2020 + number, 5, 6, tzinfo=UTC),
        "staged_on": date(2020 + number, 5, 6),
        "summary": f"{2020 + number}-05-06: Stage II",
        "of_patient": False,
        "of_exam": False,
    }
    return usual | more


def insurance(number: int, place: str, **more: Any) -> dict[str, Any]:
    usual = {"source_id": str(number), "patient_id": "7", "place": place, "priority": number}
    return usual | {"carrier": f"Carrier {number}", "summary": f"Carrier {number}, ended"} | more


def contact(**tables: list[dict[str, Any]]) -> Payload:
    staged = {"patients": rows("patients", PATIENT), "practice": practice()}
    spec = MAPPING.of_object("Contact")
    given = {name: rows(name, *them) for name, them in tables.items()}
    return apply(spec, complete(spec, {**staged, **given}), "maple", None)


def test_the_latest_classification_gives_fields_and_the_earlier_ones_lines_in_order() -> None:
    payload = contact(
        classifications=[
            classification(3, of_patient=True, stage="III", grade="B"),
            classification(2),
            classification(1),
        ]
    )

    row = payload.frame.row(0, named=True)
    assert (row["Periodontal_Stage__c"], row["Periodontal_Grade__c"]) == ("III", "B")
    assert row["Staging_Date__c"] == date(2023, 5, 6)
    assert row["Classification_History__c"] == "2021-05-06: Stage II\n2022-05-06: Stage II"
    of_table = payload.lineage.filter(source_table="PeriodontalClassification")
    assert sorted(of_table.select("key", "source_id", "role").rows()) == [
        ("maple:patient:7", str(number), "classification") for number in (1, 2, 3)
    ]
    assert payload.excused.is_empty()


def test_insurances_stand_in_their_places_and_a_patient_without_any_has_none() -> None:
    payload = contact(
        patients=[PATIENT, {"source_id": "8", "last_name": "Vale"}],
        insurances=[
            insurance(1, "primary", policy_number="P-1", coverage_basic=Decimal(80)),
            insurance(2, "secondary"),
            insurance(4, "other"),
            insurance(3, "other"),
        ],
    )

    row, other = payload.frame.rows(named=True)
    assert (row["Insurance_Carrier__c"], row["Policy_Number__c"]) == ("Carrier 1", "P-1")
    assert row["Coverage_Basic__c"] == 80
    assert row["Secondary_Insurance_Carrier__c"] == "Carrier 2"
    assert row["Other_Insurance__c"] == "Carrier 3, ended\nCarrier 4, ended"
    assert (other["Insurance_Carrier__c"], other["Other_Insurance__c"]) == (None, None)


def test_rows_of_a_rejected_patient_are_excused() -> None:
    payload = contact(insurances=[insurance(1, "primary", patient_id="99")])

    assert payload.excused.rows() == [("Insurance", "1", RECORD_REJECTED)]
    assert payload.lineage.filter(source_table="Insurance").is_empty()


def test_two_rows_where_one_is_mapped_stop_the_payload() -> None:
    with pytest.raises(PayloadRefused, match=r"several rows of staged\.insurances"):
        contact(insurances=[insurance(1, "primary"), insurance(2, "primary")])


def test_an_exam_takes_its_own_classification() -> None:
    spec = MAPPING.of_object("ClinicalExam__c")
    exam = {"source_id": "9", "patient_id": "7", "rejected_teeth": 0, "chart_incomplete": False}
    staged = {
        "clinical_exams": rows("clinical_exams", exam),
        "classifications": rows(
            "classifications",
            classification(1, exam_id="9", of_exam=True, extent="Generalized"),
            classification(2),
        ),
    }

    payload = apply(spec, complete(spec, staged), "maple", LAYOUT)

    assert payload.frame.select("Periodontal_Extent__c", "Staging_Date__c").row(0) == (
        "Generalized",
        date(2021, 5, 6),
    )
    assert payload.lineage.filter(role="classification")["source_id"].to_list() == ["1"]


@pytest.mark.parametrize(
    ("provider", "referrer", "key"),
    [
        ("5", None, "maple:provider:5"),
        (None, "r3", "maple:referrer:r3"),
        (None, None, None),
        # The provider was rejected, the referrer of another extraction is gone: the referral stays.
        ("6", None, None),
        (None, "r4", None),
    ],
)
def test_a_referrals_other_dentist_is_a_provider_or_somebody_whom_it_names(
    provider: str | None, referrer: str | None, key: str | None
) -> None:
    spec = MAPPING.of_object("Referral__c")
    referral = {"source_id": "1", "patient_id": "7", "title": "Incoming", "direction": "incoming"}
    staged = {
        "referrals": rows("referrals", referral | {"provider_id": provider, "referrer_id": referrer}),
        "providers": rows("providers", {"source_id": "5"}),
        "referrers": rows("referrers", {"source_id": "r3"}),
    }

    payload = apply(spec, complete(spec, staged), "maple", None)

    assert payload.frame["Referrer__c"].item() == key
    left = [(table, number) for table, number, _ in payload.left_empty.rows()]
    assert left == ([("Referral", "1")] if key is None and (provider or referrer) else [])
