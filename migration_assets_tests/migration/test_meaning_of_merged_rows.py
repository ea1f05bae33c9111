"""What rows of other tables give to a patient's and an exam's record: the right row, read rightly."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.migration.meaning import compare
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets_tests.migration.meaning_frames import (
    DEFAULT,
    KEY,
    MEANINGS,
    correction,
    found,
    listed,
)
from migration_assets_tests.objects.rows import frame, raw_tables

CLASSIFICATION: dict[str, pl.DataType] = {
    **dict.fromkeys(("ClassificationID", "PatientID", "ExamID"), pl.Int32()),
    **dict.fromkeys(("Stage", "Grade", "Extent"), pl.String()),
    "StagedAt": pl.Datetime("us"),
}
INSURANCE: dict[str, pl.DataType] = {
    **dict.fromkeys(("InsuranceID", "PatientID", "Priority"), pl.Int32()),
    **dict.fromkeys(("Carrier", "PolicyNumber", "GroupNumber"), pl.String()),
    **dict.fromkeys(("CoveragePreventive", "CoverageBasic", "CoverageMajor"), pl.Decimal(5, 2)),
    "Active": pl.Boolean(),
}
_PERCENT = pl.Decimal(38, 2)
Rows = list[dict[str, Any]]


def classified(key: int, stage: str, day: str | None, **more: Any) -> dict[str, Any]:
    at = None if day is None else datetime.fromisoformat(f"{day}T23:30")
    return {"ClassificationID": key, "PatientID": 7, "Stage": stage, "Grade": "b", "StagedAt": at, **more}


def insured(key: int, carrier: str, **more: Any) -> dict[str, Any]:
    return {"InsuranceID": key, "PatientID": 7, "Priority": 1, "Carrier": carrier, "Active": True, **more}


def differing(
    record: dict[str, Any],
    classifications: Rows,
    insurances: Rows,
    *corrections: dict[str, str],
    rejects: tuple[dict[str, str], ...] = (),
    key: str = "maple:patient:7",
) -> dict[str, str]:
    """Fields of the record that differ from what the rows give it, with the code."""
    own = {
        "PeriodontalClassification": frame(CLASSIFICATION, classifications),
        "Insurance": frame(INSURANCE, insurances),
    }
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables=raw_tables(exams=[], chart=[]) | own,
        rejects=listed(REJECT_COLUMNS, *rejects),
        corrections=listed(CORRECTION_COLUMNS, *corrections),
    )
    types = {
        field: _PERCENT if "Coverage" in field else pl.Date() if field == "Staging_Date__c" else pl.String()
        for field in record
    }
    name = "ClinicalExam__c" if ":exam:" in key else "Contact"
    returned = pl.DataFrame([record | {KEY: key}], schema=types | {KEY: pl.String()})
    return {field: code for _, field, code in found(compare(MEANINGS[name], name, KEY, returned, raw))}


CLASSIFICATIONS = [
    classified(12, "Stage 3", "2021-03-02", Grade="Grade C", Extent="generalised"),
    classified(11, "II", None, Grade=None),
    classified(9, "iv", "2021-03-02", ExamID=9),
    classified(10, "1", "2020-05-06", ExamID=9, Extent="Molar/Incisor"),
    classified(99, "I", "2024-01-01", PatientID=8),
]
STAGED = {
    "Periodontal_Stage__c": "III",
    "Periodontal_Grade__c": "C",
    "Periodontal_Extent__c": "Generalized",
    "Staging_Date__c": date(2021, 3, 2),
    "Classification_History__c": "Stage II\n2020-05-06: Stage I, Grade B, Molar/incisor\n"
    "2021-03-02: Stage IV, Grade B",
}


def test_the_latest_classification_gives_the_fields_and_all_earlier_ones_a_line_each() -> None:
    assert differing(STAGED, CLASSIFICATIONS, []) == {}
    assert differing(dict.fromkeys(STAGED), [], []) == {}


def test_an_exam_has_the_latest_of_its_own_classifications() -> None:
    own = {"Periodontal_Stage__c": "IV", "Periodontal_Grade__c": "B", "Staging_Date__c": date(2021, 3, 2)}

    assert differing(own, CLASSIFICATIONS, [], key="maple:exam:9") == {}
    wrong = own | {"Periodontal_Stage__c": "III"}
    assert differing(wrong, CLASSIFICATIONS, [], key="maple:exam:9") == {
        "Periodontal_Stage__c": "value_changed"
    }


@pytest.mark.parametrize("field", STAGED)
def test_a_field_of_the_wrong_row_is_found(field: str) -> None:
    older = [row for row in CLASSIFICATIONS if row["ClassificationID"] == 10]

    assert field in differing(STAGED, older, [])


def test_a_rejected_row_isnt_the_latest() -> None:
    reject = {"source_table": "PeriodontalClassification", "source_key": "12"}
    next_one = {"Periodontal_Stage__c": "IV", "Periodontal_Grade__c": "B", "Periodontal_Extent__c": None}

    assert differing(next_one, CLASSIFICATIONS, [], rejects=(reject,)) == {}


def test_an_unknown_stage_is_empty_whether_it_was_listed_or_not_and_a_known_one_is_expected_anyway() -> None:
    empty = {"Periodontal_Stage__c": None}
    told = correction("Stage", "unknown_stage", "PeriodontalClassification", "1")

    assert differing(empty, [classified(1, "V", "2021-03-02")], [], told) == {}
    assert differing(empty, [classified(1, "V", "2021-03-02")], []) == {}
    assert differing(empty, [classified(1, "IV", "2021-03-02")], [], told) == {
        "Periodontal_Stage__c": "value_lost"
    }


def test_a_time_that_was_listed_as_implausible_makes_no_classification_the_latest() -> None:
    rows = [classified(1, "I", "2090-03-02"), classified(2, "II", "2021-03-02")]
    told = correction("StagedAt", "staged_at_implausible", "PeriodontalClassification", "1")
    second = {"Periodontal_Stage__c": "II", "Classification_History__c": "Stage I, Grade B"}

    assert differing(second, rows, [], told) == {}


INSURANCES = [
    insured(4, "Fourth", Priority=3, PolicyNumber="12", GroupNumber="G3", CoverageBasic=Decimal("62.50")),
    insured(3, "Ended", Active=False, Priority=None),
    insured(2, "Second", CoveragePreventive=Decimal(100), CoverageMajor=Decimal(101)),
    insured(1, "First", Priority=2, PolicyNumber="P1"),
    insured(5, "Third", Priority=None, Active=None),
]
INSURED = {
    "Insurance_Carrier__c": "Second",
    "Policy_Number__c": None,
    "Coverage_Preventive__c": Decimal(100),
    "Coverage_Major__c": None,
    "Secondary_Insurance_Carrier__c": "First",
    "Secondary_Policy_Number__c": "P1",
    "Secondary_Coverage_Basic__c": None,
    "Other_Insurance__c": "Other: Ended, no longer active\nOther: Third\n"
    "Other (priority 3): Fourth, policy 12, group G3, basic 62.5 %",
}


def test_insurances_stand_in_their_places_by_priority_and_number() -> None:
    assert differing(INSURED, [], INSURANCES) == {}


def test_insurances_that_changed_places_or_ended_are_found() -> None:
    swapped = {"Insurance_Carrier__c": "First", "Secondary_Insurance_Carrier__c": "Second"}
    ended = [row | {"Active": False} for row in INSURANCES]

    assert set(differing(INSURED | swapped, [], INSURANCES)) == set(swapped)
    assert {"Insurance_Carrier__c", "Secondary_Insurance_Carrier__c", "Other_Insurance__c"} <= set(
        differing(INSURED, [], ended)
    )


def test_whoever_isnt_a_patient_has_none_of_it() -> None:
    provider = {"Periodontal_Stage__c": "III", "Insurance_Carrier__c": "Second"}

    assert differing(provider, CLASSIFICATIONS, INSURANCES, key="maple:provider:7") == dict.fromkeys(
        provider, "value_added"
    )
