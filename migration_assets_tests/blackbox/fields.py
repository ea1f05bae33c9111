"""What each field of each kind of record must hold, out of which columns of the practice's database.

The fields of charts are named by formula, in ``chart``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words


@dataclass(frozen=True)
class Reading:
    """Raw cells -> what the org must hold, and an org's cell in the form to compare with that."""

    expected: Callable[..., Any]
    found: Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    """A field of the org, the columns whose cells it is made of, and how."""

    name: str
    columns: tuple[str, ...]
    reading: Reading


@dataclass(frozen=True)
class Reference:
    """A field that names another record: by the key space and the column that holds the parent's id.

    Without a column it names the practice's own. An optional one is empty where the parent isn't migrated.
    """

    name: str
    space: str
    column: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of record: a row of ``table`` each, by ``key``; ``plural`` is its name in the report."""

    plural: str
    object: str
    space: str
    table: str
    key: str
    fields: tuple[Field, ...]
    references: tuple[Reference, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(each.name for each in self.fields), *(each.name for each in self.references))

    @property
    def columns(self) -> tuple[str, ...]:
        used = [column for each in self.fields for column in each.columns]
        used += [each.column for each in self.references if each.column is not None]
        return tuple(dict.fromkeys([self.key, *used]))


TEXT = Reading(words.text, words.as_text)
LINES = Reading(words.lines, words.as_lines)
NUMBER = Reading(words.number, words.number)
NOT_NEGATIVE = Reading(words.within(0, 10**12, "0.01"), words.number)
PERCENT = Reading(words.within(0, 100, "0.01"), words.number)
# Five years is longer than anything heals.
WEEKS = Reading(words.within(0, 260), words.number)
FLAG = Reading(words.flag, words.flag)
DAY = Reading(words.day, words.as_text)


def _word(read: Callable[[Any], Any]) -> Reading:
    return Reading(read, words.as_text)


def _always(value: bool) -> Reading:
    return Reading(lambda: value, words.flag)


def _fields(*rows: tuple[str, str, Reading]) -> tuple[Field, ...]:
    """Field, its columns (blank for a constant), reading."""
    return tuple(Field(name, tuple(columns.split()), reading) for name, columns, reading in rows)


def kinds(zone: ZoneInfo) -> tuple[Kind, ...]:
    """All kinds of a practice in that zone, parents before their children."""
    moment = Reading(words.moment(zone), words.as_moment)
    return (_provider(moment), _patient(moment), _exam(moment), _plan(moment), _PLAN_LINE)


def _provider(moment: Reading) -> Kind:
    fields = _fields(
        ("LastName", "LastName", TEXT),
        ("FirstName", "FirstName", TEXT),
        ("Email", "Email", TEXT),
        ("Phone", "Phone", TEXT),
        ("Inactive__c", "Active", Reading(words.opposite, words.flag)),
        ("Original_Create_Date__c", "CreatedAt", moment),
        ("Provider__c", "", _always(True)),
        ("Source_Provider_ID__c", "ProviderID", TEXT),
        ("Credentials__c", "Credentials", Reading(words.credentials, words.as_credentials)),
        ("Credentials_Text__c", "Credentials", TEXT),
        ("Specialty__c", "Specialty", _word(words.specialty)),
        ("Specialty_Text__c", "Specialty", TEXT),
        ("Provider_Role__c", "Role", TEXT),
        ("NPI__c", "NPI", _word(words.npi)),
        ("Referring_Dentist__c", "IsReferring", FLAG),
        ("Practice_Name__c", "PracticeName", TEXT),
    )
    references = (Reference("AccountId", "practice"),)
    return Kind("providers", "Contact", "provider", "Provider", "ProviderID", fields, references)


def _patient(moment: Reading) -> Kind:
    fields = _fields(
        ("LastName", "LastName", TEXT),
        ("FirstName", "FirstName", TEXT),
        ("MiddleName", "MiddleName", TEXT),
        ("Birthdate", "DateOfBirth", DAY),
        ("Email", "Email", TEXT),
        ("HomePhone", "HomePhone", TEXT),
        ("Phone", "WorkPhone", TEXT),
        ("MobilePhone", "MobilePhone", TEXT),
        ("MailingStreet", "Address1 Address2", Reading(words.street, words.as_lines)),
        ("MailingCity", "City", TEXT),
        ("MailingState", "State", TEXT),
        ("MailingPostalCode", "Zip", TEXT),
        ("PANDA_Chart_Number__c", "ChartNumber", TEXT),
        ("Preferred_Name__c", "PreferredName", TEXT),
        ("Sex__c", "Sex", _word(words.sex)),
        ("PANDA_Bridge_ID__c", "BridgeID", TEXT),
        ("Inactive__c", "Inactive", FLAG),
        ("Original_Create_Date__c", "CreatedAt", moment),
        ("Provider__c", "", _always(False)),
        ("Referring_Dentist__c", "", _always(False)),
    )
    references = (
        Reference("AccountId", "practice"),
        Reference("Primary_Provider__c", "provider", "PrimaryProviderID", optional=True),
    )
    return Kind("patients", "Contact", "patient", "Patient", "PatientID", fields, references)


_OF_A_PATIENT = (
    Reference("Contact__c", "patient", "PatientID"),
    Reference("Provider__c", "provider", "ProviderID", optional=True),
)


def _exam(moment: Reading) -> Kind:
    fields = _fields(
        ("Exam_Date__c", "ExamDate", DAY),
        ("Exam_Time__c", "ExamDate", moment),
        ("Charting_Type__c", "ChartingType", TEXT),
        ("ToothNumberingSystem__c", "ToothNumberingSystem", _word(words.numbering_system)),
        ("Plaque_Index__c", "PlaqueIndex", PERCENT),
        ("Bleeding_Index__c", "BleedingIndex", PERCENT),
        ("Exam_Notes__c", "Notes", LINES),
        ("Original_Create_Date__c", "CreatedAt", moment),
    )
    return Kind("exams", "ClinicalExam__c", "exam", "ClinicalExam", "ExamID", fields, _OF_A_PATIENT)


def _plan(moment: Reading) -> Kind:
    fields = _fields(
        ("Name", "PlanName", _word(words.title)),
        ("Plan_Name__c", "PlanName", TEXT),
        ("Status__c", "Status", _word(words.plan_status)),
        ("TreatmentType__c", "TreatmentType", TEXT),
        ("EstimatedCost__c", "EstimatedCost", NOT_NEGATIVE),
        ("Treatment_Notes__c", "TreatmentNotes", LINES),
        ("Proposed_Date__c", "ProposedAt", DAY),
        ("Accepted_Date__c", "AcceptedAt", DAY),
        ("Completed_Date__c", "CompletedAt", DAY),
        ("Original_Create_Date__c", "CreatedAt", moment),
    )
    return Kind("plans", "TreatmentPlan__c", "plan", "TreatmentPlan", "PlanID", fields, _OF_A_PATIENT)


_PLAN_LINE = Kind(
    "plan lines",
    "TreatmentPlanLine__c",
    "plan_line",
    "TreatmentPlanLine",
    "LineID",
    _fields(
        ("Sequence__c", "Sequence", NUMBER),
        ("Phase__c", "Phase", TEXT),
        ("ADA_Code__c", "ProcedureCode", _word(words.procedure_code)),
        ("Description__c", "Description", LINES),
        ("ToothSite__c", "ToothSite", TEXT),
        ("EstimatedCost__c", "EstimatedCost", NOT_NEGATIVE),
        ("HealingWeeks__c", "HealingWeeks", WEEKS),
        ("ScheduledDate__c", "ScheduledDate", DAY),
        ("Status__c", "Status", TEXT),
    ),
    (Reference("TreatmentPlan__c", "plan", "PlanID"),),
)
