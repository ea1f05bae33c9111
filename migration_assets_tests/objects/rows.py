"""Raw source rows for tests: sound unless a test says otherwise, typed as the extraction leaves them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.objects.base import Staged, StagingContext, StagingInputs
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import ChartConventions, Profile, load_profile

TODAY = date(2026, 11, 22)
SITES = ("MB", "B", "DB", "ML", "L", "DL")
_MOMENT = datetime(2024, 5, 6, 9, 30)

Row = dict[str, Any]

_TEXT = pl.String()
_TIME = pl.Datetime("ms")
PATIENT: dict[str, pl.DataType] = {
    "PatientID": pl.Int32(),
    **dict.fromkeys(("ChartNumber", "FirstName", "MiddleName", "LastName", "PreferredName"), _TEXT),
    "DateOfBirth": pl.Date(),
    **dict.fromkeys(("Sex", "Email", "HomePhone", "WorkPhone", "MobilePhone", "Address1", "Address2"), _TEXT),
    **dict.fromkeys(("City", "State", "Zip"), _TEXT),
    "PrimaryProviderID": pl.Int32(),
    "BridgeID": _TEXT,
    "Inactive": pl.Boolean(),
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
EXAM: dict[str, pl.DataType] = {
    "ExamID": pl.Int32(),
    "PatientID": pl.Int32(),
    "ProviderID": pl.Int32(),
    "ExamDate": _TIME,
    "ChartingType": _TEXT,
    "ToothNumberingSystem": _TEXT,
    "PlaqueIndex": pl.Decimal(5, 2),
    "BleedingIndex": pl.Decimal(5, 2),
    "Notes": _TEXT,
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
CHART: dict[str, pl.DataType] = {
    "ChartingID": pl.Int64(),
    "ExamID": pl.Int32(),
    "Tooth": _TEXT,
    "ToothStatus": _TEXT,
    **{f"PocketDepth_{site}": pl.UInt8() for site in SITES},
    **{f"Recession_{site}": pl.Int16() for site in SITES},
    **{f"{flag}_{site}": pl.Boolean() for flag in ("BOP", "Suppuration", "Plaque") for site in SITES},
    "Mobility": pl.Decimal(2, 1),
    **{f"Furcation_{entrance}": pl.UInt8() for entrance in "MDBL"},
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
PROVIDER: dict[str, pl.DataType] = {
    "ProviderID": pl.Int32(),
    **dict.fromkeys(("FirstName", "LastName", "Credentials", "Specialty", "Role", "NPI"), _TEXT),
    **dict.fromkeys(("Email", "Phone", "PracticeName"), _TEXT),
    "IsReferring": pl.Boolean(),
    "Active": pl.Boolean(),
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
PLAN: dict[str, pl.DataType] = {
    "PlanID": pl.Int32(),
    "PatientID": pl.Int32(),
    "ProviderID": pl.Int32(),
    **dict.fromkeys(("PlanName", "TreatmentType", "Status"), _TEXT),
    "EstimatedCost": pl.Decimal(12, 2),
    "TreatmentNotes": _TEXT,
    **dict.fromkeys(("ProposedAt", "AcceptedAt", "CompletedAt"), pl.Date()),
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
LINE: dict[str, pl.DataType] = {
    "LineID": pl.Int32(),
    "PlanID": pl.Int32(),
    "Sequence": pl.Int32(),
    **dict.fromkeys(("Phase", "ProcedureCode", "Description", "ToothSite"), _TEXT),
    "EstimatedCost": pl.Decimal(12, 2),
    "HealingWeeks": pl.Int32(),
    "ScheduledDate": pl.Date(),
    "Status": _TEXT,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
FINDING: dict[str, pl.DataType] = {
    "FindingID": pl.Int64(),
    "ExamID": pl.Int32(),
    **dict.fromkeys(("Tooth", "Site", "FindingName", "FindingValue"), _TEXT),
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
CLASSIFICATION: dict[str, pl.DataType] = {
    "ClassificationID": pl.Int32(),
    "PatientID": pl.Int32(),
    "ExamID": pl.Int32(),
    **dict.fromkeys(("Stage", "Grade", "Extent"), _TEXT),
    "StagedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
INSURANCE: dict[str, pl.DataType] = {
    "InsuranceID": pl.Int32(),
    "PatientID": pl.Int32(),
    "Priority": pl.Int32(),
    **dict.fromkeys(("Carrier", "PolicyNumber", "GroupNumber"), _TEXT),
    **dict.fromkeys(("CoveragePreventive", "CoverageBasic", "CoverageMajor"), pl.Decimal(5, 2)),
    "Active": pl.Boolean(),
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
NOTE: dict[str, pl.DataType] = {
    "NoteID": pl.Int32(),
    "PatientID": pl.Int32(),
    "AppointmentID": pl.Int32(),
    "ProviderID": pl.Int32(),
    **dict.fromkeys(("NoteType", "Subjective", "Objective", "Assessment", "Plan", "Body"), _TEXT),
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}


def patient(key: int = 1, **changed: Any) -> Row:
    sound = {"LastName": "Archer", "DateOfBirth": date(1970, 2, 3), "Inactive": False, "CreatedAt": _MOMENT}
    return {"PatientID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def exam(key: int = 10, **changed: Any) -> Row:
    sound = {"PatientID": 1, "ExamDate": _MOMENT, "ToothNumberingSystem": "Universal", "CreatedAt": _MOMENT}
    return {"ExamID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def charted(key: int = 100, **changed: Any) -> Row:
    sound = {"ExamID": 10, "Tooth": "3", "ToothStatus": "present", "PocketDepth_MB": 4}
    return {"ChartingID": key, **sound, "Mobility": Decimal("1.0"), "ModifiedAt": _MOMENT, **changed}


def provider(key: int = 5, **changed: Any) -> Row:
    sound = {"LastName": "Vale", "IsReferring": False, "Active": True, "CreatedAt": _MOMENT}
    return {"ProviderID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def plan(key: int = 20, **changed: Any) -> Row:
    sound = {
        "PatientID": 1,
        "ProviderID": 5,
        "PlanName": "Implant",
        "Status": "proposed",
        "CreatedAt": _MOMENT,
    }
    return {"PlanID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def line(key: int = 200, **changed: Any) -> Row:
    sound = {"PlanID": 20, "Sequence": 1, "ProcedureCode": "D6010", "ToothSite": "3"}
    return {"LineID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def finding(key: int = 300, **changed: Any) -> Row:
    sound = {"ExamID": 10, "Tooth": "3", "Site": "MB", "FindingName": "Fremitus", "FindingValue": "+"}
    return {"FindingID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def classification(key: int = 60, **changed: Any) -> Row:
    sound = {"PatientID": 1, "ExamID": 10, "Stage": "III", "Grade": "B", "StagedAt": _MOMENT}
    return {"ClassificationID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def insurance(key: int = 70, **changed: Any) -> Row:
    sound = {"PatientID": 1, "Priority": 1, "Carrier": "Acme", "Active": True}
    return {"InsuranceID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def note(key: int = 80, **changed: Any) -> Row:
    sound = {"PatientID": 1, "ProviderID": 5, "NoteType": "Progress", "CreatedAt": _MOMENT}
    return {"NoteID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def frame(schema: Mapping[str, pl.DataType], rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=dict(schema))


def context(profile: Profile | None = None, zone: str = "America/New_York") -> StagingContext:
    return StagingContext("maple", ZoneInfo(zone), profile or load_profile("default"), TODAY)


def charting_as(**conventions: Any) -> StagingContext:
    """A context whose profile charts by other conventions."""
    changed = load_profile("default").model_copy(update={"chart": ChartConventions(**conventions)})
    return context(changed)


class StagedPractice(Mapping[str, Staged]):
    """Every object by its name, staged when it is first asked for, after those that it uses."""

    def __init__(self, raw: Mapping[str, pl.DataFrame], given: StagingContext) -> None:
        self._raw = raw
        self._context = given
        self._objects = {each.name: each for each in STAGED_OBJECTS}
        self._done: dict[str, Staged] = {}

    def __getitem__(self, name: str) -> Staged:
        if name not in self._done:
            each = self._objects[name]
            inputs = StagingInputs(
                {table: self._raw[table] for table in each.reads}, {used: self[used] for used in each.uses}
            )
            self._done[name] = each.stage(inputs, self._context)
        return self._done[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)


def stage_raw(raw: Mapping[str, pl.DataFrame], given: StagingContext | None = None) -> StagedPractice:
    """All objects out of raw tables, those of a generated practice ``measured`` on the way."""
    # It takes its types from here.
    from migration_assets_tests.objects.rows_of_files import measured

    return StagedPractice(measured(raw), given or context())


def raw_tables(**given: list[Row] | None) -> dict[str, pl.DataFrame]:
    """Every source table by its rows: ``patients``, ``exams``, ``chart`` and so on (``_TABLES``).

    Of the patients and what hangs on their charts and plans there is one sound row where none are given; all
    others are empty.
    """
    tables = _tables()
    assert given.keys() <= tables.keys()
    raw = {}
    for name, (table, schema, sound) in tables.items():
        rows = given.get(name)
        raw[table] = frame(schema, sound if rows is None else rows)
    return raw


def _tables() -> dict[str, tuple[str, Mapping[str, pl.DataType], list[Row]]]:
    """Argument of ``stage_rows`` -> source table, its columns, its rows where none are given."""
    # It takes its types from here.
    from migration_assets_tests.objects import rows_of_files as files
    from migration_assets_tests.objects.rows_of_referrals import APPOINTMENT, REFERRAL, STAFF

    return {
        "providers": ("Provider", PROVIDER, [provider()]),
        "patients": ("Patient", PATIENT, [patient()]),
        "exams": ("ClinicalExam", EXAM, [exam()]),
        "chart": ("PeriodontalCharting", CHART, [charted()]),
        "plans": ("TreatmentPlan", PLAN, [plan()]),
        "lines": ("TreatmentPlanLine", LINE, [line()]),
        "findings": ("ExamFinding", FINDING, [finding()]),
        "classifications": ("PeriodontalClassification", CLASSIFICATION, [classification()]),
        "insurances": ("Insurance", INSURANCE, [insurance()]),
        "notes": ("ClinicalNote", NOTE, [note()]),
        "referrals": ("Referral", REFERRAL, []),
        "appointments": ("Appointment", APPOINTMENT, []),
        "staff": ("StaffUser", STAFF, []),
        "documents": ("Document", files.DOCUMENT, []),
        "letters": ("Letter", files.LETTER, []),
        "templates": ("LetterTemplate", files.TEMPLATE, []),
        "radiographs": ("Radiograph", files.RADIOGRAPH, []),
        "share": ("share_files", files.SHARE_FILE, []),
    }


def stage_rows(
    patients: list[Row] | None = None,
    exams: list[Row] | None = None,
    chart: list[Row] | None = None,
    given: StagingContext | None = None,
    **others: list[Row],
) -> StagedPractice:
    """All objects out of the tables of ``raw_tables``."""
    return stage_raw(raw_tables(patients=patients, exams=exams, chart=chart, **others), given)


def reasons(staged: Staged) -> list[tuple[str, str, str]]:
    """source_key, column, code of every reject, sorted."""
    return sorted(staged.rejects.select("source_key", "column", "code").rows())


def changes(staged: Staged) -> list[tuple[str, str, str, str]]:
    """source_key, column, code, original of every correction, sorted."""
    return sorted(staged.corrections.select("source_key", "column", "code", "original").rows())
