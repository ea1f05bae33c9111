"""A treatment plan or a line of one that went wrong in any field is found."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.migration.meaning import compare
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.transport import Comparison
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets_tests.migration.meaning_frames import (
    DEFAULT,
    KEY,
    MEANINGS,
    PROVIDER,
    PROVIDER_TYPES,
    found,
    listed,
)

PLAN: dict[str, Any] = {
    "PlanID": 3,
    "PatientID": 7,
    "ProviderID": 5,
    "PlanName": "n" * 81,
    "TreatmentType": "implant",
    "Status": "In Progress",
    "EstimatedCost": Decimal("4250.50"),
    "TreatmentNotes": "one\r\n  two",
    "ProposedAt": date(2024, 1, 2),
    "AcceptedAt": date(2024, 1, 3),
    "CompletedAt": None,
    "CreatedAt": datetime(2024, 1, 2, 9, 30),
}
PLAN_RECORD: dict[str, Any] = {
    KEY: "maple:plan:3",
    "Name": "n" * 79 + "…",
    "Plan_Name__c": "n" * 81,
    "Contact__c": "maple:patient:7",
    "Provider__c": "maple:provider:5",
    "Status__c": "in-progress",
    "TreatmentType__c": "implant",
    "EstimatedCost__c": Decimal("4250.50"),
    "Treatment_Notes__c": "one\r\n  two",
    "Proposed_Date__c": date(2024, 1, 2),
    "Accepted_Date__c": date(2024, 1, 3),
    "Completed_Date__c": None,
    "Original_Create_Date__c": datetime(2024, 1, 2, 14, 30, tzinfo=UTC),
}
LINE: dict[str, Any] = {
    "LineID": 4,
    "PlanID": 3,
    "Sequence": 2,
    "Phase": "implant placement",
    "ProcedureCode": "d6010",
    "Description": "implant",
    "ToothSite": "2-5",
    "EstimatedCost": Decimal("0.00"),
    "HealingWeeks": 0,
    "ScheduledDate": date(2024, 6, 1),
    "Status": "Scheduled",
}
LINE_RECORD: dict[str, Any] = {
    KEY: "maple:plan_line:4",
    "TreatmentPlan__c": "maple:plan:3",
    "Sequence__c": 2,
    "Phase__c": "implant placement",
    "ADA_Code__c": "D6010",
    "Description__c": "implant",
    "ToothSite__c": "2-5",
    "EstimatedCost__c": Decimal("0.00"),
    "HealingWeeks__c": 0,
    "ScheduledDate__c": date(2024, 6, 1),
    "Status__c": "Scheduled",
}


def plan_compared(name: str, raw_row: dict[str, Any], record: dict[str, Any]) -> Comparison:
    table = name.removesuffix("__c")
    columns = dict.fromkeys(raw_row, pl.String()) | {
        **dict.fromkeys(
            ("PlanID", "PatientID", "ProviderID", "LineID", "Sequence", "HealingWeeks"), pl.Int32()
        ),
        "EstimatedCost": pl.Decimal(12, 2),
        **dict.fromkeys(("ProposedAt", "AcceptedAt", "CompletedAt", "ScheduledDate"), pl.Date()),
        "CreatedAt": pl.Datetime("us"),
    }
    types = dict.fromkeys(record, pl.String()) | {
        "EstimatedCost__c": pl.Decimal(38, 18),
        **dict.fromkeys(("Sequence__c", "HealingWeeks__c"), pl.Int64()),
        **{field: pl.Date() for field in record if field.endswith("Date__c")},
        "Original_Create_Date__c": pl.Datetime("ms", "UTC"),
    }
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables={
            table: pl.DataFrame([raw_row], schema={column: columns[column] for column in raw_row}),
            "Provider": pl.DataFrame([PROVIDER], schema=PROVIDER_TYPES),
        },
        rejects=listed(REJECT_COLUMNS),
        corrections=listed(CORRECTION_COLUMNS),
    )
    returned = pl.DataFrame([record], schema={field: types[field] for field in record})
    return compare(MEANINGS[name], name, KEY, returned, raw)


@pytest.mark.parametrize(
    ("name", "raw_row", "record"),
    [("TreatmentPlan__c", PLAN, PLAN_RECORD), ("TreatmentPlanLine__c", LINE, LINE_RECORD)],
)
def test_a_true_plan_and_line_differ_in_nothing(
    name: str, raw_row: dict[str, Any], record: dict[str, Any]
) -> None:
    comparison = plan_compared(name, raw_row, record)

    assert found(comparison) == []
    assert comparison.compared == len(record) - 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("Name", "n" * 80),
        ("Plan_Name__c", "n" * 80),
        ("Provider__c", None),
        ("Status__c", "accepted"),
        ("EstimatedCost__c", Decimal("4250.51")),
        ("EstimatedCost__c", Decimal("4250.500000000000000001")),
        ("Treatment_Notes__c", "one\r\n two"),
        ("Accepted_Date__c", date(2024, 1, 2)),
        ("Completed_Date__c", date(2024, 1, 2)),
    ],
)
def test_one_wrong_value_of_a_plan_is_found(field: str, wrong: object) -> None:
    assert [
        name for _, name, _ in found(plan_compared("TreatmentPlan__c", PLAN, PLAN_RECORD | {field: wrong}))
    ] == [field]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("TreatmentPlan__c", "maple:plan:2"),
        ("Sequence__c", 1),
        ("ADA_Code__c", None),
        ("EstimatedCost__c", None),
        ("HealingWeeks__c", None),
        ("ToothSite__c", "2"),
    ],
)
def test_one_wrong_value_of_a_line_is_found(field: str, wrong: object) -> None:
    comparison = plan_compared("TreatmentPlanLine__c", LINE, LINE_RECORD | {field: wrong})

    assert [name for _, name, _ in found(comparison)] == [field]


def test_a_plan_without_a_name_is_called_one() -> None:
    unnamed = PLAN_RECORD | {"Name": "Treatment plan", "Plan_Name__c": None}

    assert found(plan_compared("TreatmentPlan__c", PLAN | {"PlanName": " "}, unnamed)) == []
