"""What each field of people, exams and plans must hold, out of which columns of the practice's database.

The fields of charts are named by formula, in ``chart``; all other kinds of record stand in ``records``.
"""

from collections.abc import Collection
from dataclasses import replace
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import files, records, words
from migration_assets_tests.blackbox.kind import (
    DAY,
    FLAG,
    LINES,
    NUMBER,
    OF_A_PATIENT,
    PERCENT,
    TEXT,
    Field,
    Kind,
    Reading,
    Reference,
    always,
    fields_of,
    word,
)

_NOT_NEGATIVE = Reading(words.within(0, 10**12, "0.01"), words.number)
# Five years is longer than anything heals.
_WEEKS = Reading(words.within(0, 260), words.number)
_OWNER = fields_of(("OwnerId", "owner.UserID", TEXT))
_OWNED = ("provider", "referrer", "patient", "exam", "plan", "appointment")


def kinds(
    zone: ZoneInfo, groups: Collection[str] = records.GROUPS, accounts: str = "practice"
) -> tuple[Kind, ...]:
    """All kinds of a practice in that zone that are compared with these groups and those that they need,
    parents before children.

    ``accounts`` is one of ``households.ACCOUNTS``, the practice's choice.
    """
    groups = records.with_needed(groups)
    local = words.moment(zone)
    moment = Reading(local, words.as_moment)
    patient, exam = _patient(moment), _exam(moment)
    if "classifications" in groups:
        of_patient = records.classified("patient") + records.earlier_classifications()
        patient = replace(patient, fields=patient.fields + of_patient)
        exam = replace(exam, fields=exam.fields + records.classified("exam"))
    if "insurances" in groups:
        patient = replace(patient, fields=patient.fields + records.insured())
    if "files" in groups:
        patient = replace(patient, fields=patient.fields + files.without_file())
    others = {
        "findings": (records.finding(),),
        "notes": (records.note(moment),),
        "events": (records.event(local, moment),),
        "referrals": (records.referrer(), records.referral()),
        "files": files.kinds(local),
        "offices": (_OFFICE,),
    }
    found = (kind for group, of_group in others.items() if group in groups for kind in of_group)
    all_kinds = (_provider(moment), patient, exam, _plan(moment), _PLAN_LINE, *found)
    if "owners" in groups:
        all_kinds = tuple(
            replace(kind, fields=kind.fields + _OWNER) if kind.space in _OWNED else kind for kind in all_kinds
        )
    if accounts == "household":
        return (_HOUSEHOLD, *(_in_household(kind) for kind in all_kinds))
    return tuple(map(_without_account, all_kinds)) if accounts == "none" else all_kinds


def _in_household(kind: Kind) -> Kind:
    """A patient hangs on the household, everybody else on the practice."""
    if kind.space != "patient":
        return kind
    others = tuple(each for each in kind.references if each.name != "AccountId")
    return replace(kind, references=(Reference("AccountId", "household", "found.HouseholdID"), *others))


def _without_account(kind: Kind) -> Kind:
    others = tuple(each for each in kind.references if each.name != "AccountId")
    if others == kind.references:
        return kind
    nothing = Field("AccountId", (), Reading(lambda: None, words.as_text))
    return replace(kind, fields=(*kind.fields, nothing), references=others)


def _provider(moment: Reading) -> Kind:
    fields = fields_of(
        ("LastName", "LastName", TEXT),
        ("FirstName", "FirstName", TEXT),
        ("Email", "Email", TEXT),
        ("Phone", "Phone", TEXT),
        ("Inactive__c", "Active", Reading(words.opposite, words.flag)),
        ("Original_Create_Date__c", "CreatedAt", moment),
        ("Provider__c", "", always(True)),
        ("Source_Provider_ID__c", "ProviderID", TEXT),
        ("Credentials__c", "Credentials", Reading(words.credentials, words.as_credentials)),
        ("Credentials_Text__c", "Credentials", TEXT),
        ("Specialty__c", "Specialty", word(words.specialty)),
        ("Specialty_Text__c", "Specialty", TEXT),
        ("Provider_Role__c", "Role", TEXT),
        ("NPI__c", "NPI", word(words.npi)),
        ("Referring_Dentist__c", "IsReferring", FLAG),
        ("Practice_Name__c", "PracticeName", TEXT),
    )
    references = (Reference("AccountId", "practice"),)
    return Kind("providers", "Contact", "provider", "Provider", "ProviderID", fields, references)


def _patient(moment: Reading) -> Kind:
    fields = fields_of(
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
        ("Sex__c", "Sex", word(words.sex)),
        ("PANDA_Bridge_ID__c", "BridgeID", TEXT),
        ("Inactive__c", "Inactive", FLAG),
        ("Original_Create_Date__c", "CreatedAt", moment),
        ("Provider__c", "", always(False)),
        ("Referring_Dentist__c", "", always(False)),
    )
    references = (
        Reference("AccountId", "practice"),
        Reference("Primary_Provider__c", "provider", "PrimaryProviderID", optional=True),
    )
    return Kind("patients", "Contact", "patient", "Patient", "PatientID", fields, references)


def _exam(moment: Reading) -> Kind:
    fields = fields_of(
        ("Exam_Date__c", "ExamDate", DAY),
        ("Exam_Time__c", "ExamDate", moment),
        ("Charting_Type__c", "ChartingType", TEXT),
        ("ToothNumberingSystem__c", "ToothNumberingSystem", word(words.numbering_system)),
        ("Plaque_Index__c", "PlaqueIndex", PERCENT),
        ("Bleeding_Index__c", "BleedingIndex", PERCENT),
        ("Exam_Notes__c", "Notes", LINES),
        ("Original_Create_Date__c", "CreatedAt", moment),
    )
    return Kind("exams", "ClinicalExam__c", "exam", "ClinicalExam", "ExamID", fields, OF_A_PATIENT)


def _plan(moment: Reading) -> Kind:
    fields = fields_of(
        ("Name", "PlanName", word(words.title)),
        ("Plan_Name__c", "PlanName", TEXT),
        ("Status__c", "Status", word(words.plan_status)),
        ("TreatmentType__c", "TreatmentType", TEXT),
        ("EstimatedCost__c", "EstimatedCost", _NOT_NEGATIVE),
        ("Treatment_Notes__c", "TreatmentNotes", LINES),
        ("Proposed_Date__c", "ProposedAt", DAY),
        ("Accepted_Date__c", "AcceptedAt", DAY),
        ("Completed_Date__c", "CompletedAt", DAY),
        ("Original_Create_Date__c", "CreatedAt", moment),
    )
    return Kind("plans", "TreatmentPlan__c", "plan", "TreatmentPlan", "PlanID", fields, OF_A_PATIENT)


_HOUSEHOLD = Kind(
    "households",
    "Account",
    "household",
    "households.",
    "HouseholdID",
    fields_of(("Name", "Name", TEXT)),
    (),
)

_OFFICE = Kind("offices", "Account", "office", "offices.", "OfficeID", fields_of(("Name", "Name", TEXT)), ())

_PLAN_LINE = Kind(
    "plan lines",
    "TreatmentPlanLine__c",
    "plan_line",
    "TreatmentPlanLine",
    "LineID",
    fields_of(
        ("Sequence__c", "Sequence", NUMBER),
        ("Phase__c", "Phase", TEXT),
        ("ADA_Code__c", "ProcedureCode", word(words.procedure_code)),
        ("Description__c", "Description", LINES),
        ("ToothSite__c", "ToothSite", TEXT),
        ("EstimatedCost__c", "EstimatedCost", _NOT_NEGATIVE),
        ("HealingWeeks__c", "HealingWeeks", _WEEKS),
        ("ScheduledDate__c", "ScheduledDate", DAY),
        ("Status__c", "Status", TEXT),
    ),
    (Reference("TreatmentPlan__c", "plan", "PlanID"),),
)
