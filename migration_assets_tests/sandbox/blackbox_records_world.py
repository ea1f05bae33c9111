"""The small practice of ``blackbox_world`` with findings, notes, events, referrals, classifications and
insurances, and the org that a faithful migration leaves behind, both written out by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from migration_assets_tests.blackbox.compare import Org
from migration_assets_tests.sandbox.blackbox_world import EXAM, Rows, Tables, small_org, small_source

RECORDS = ("classifications", "insurances", "findings", "notes", "events", "referrals")
FINDING, NOTE, EVENT, REFERRAL = "ClinicalExamFinding__c", "ClinicalNote__c", "Event", "Referral__c"

_RTF = (
    "{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\f0\\b Exam:\\b0  pus at \\u8220?14\\u8221?.\\par caf\\'e9\\par\r\n}"
)
_HTML = "<div>Called&nbsp;back.</div><ul><li>depth &lt; 4 mm</li></ul>"
_CREATED = {"CreatedAt": datetime(2024, 7, 1, 9, 0)}


def records_source() -> Tables:
    tables = small_source()
    classification = {
        "ClassificationID": 50, "PatientID": 1, "ExamID": 10, "Stage": "Stage 3", "Grade": "b",
        "Extent": "Localised", "StagedAt": datetime(2024, 1, 15, 23, 30),
    }  # fmt: skip
    insurance = {
        "InsuranceID": 60, "PatientID": 1, "Priority": 2, "Carrier": "Beacon", "PolicyNumber": "W1",
        "GroupNumber": None, "CoveragePreventive": "100.00", "CoverageBasic": "80.00", "CoverageMajor": None,
        "Active": True,
    }  # fmt: skip
    finding = {
        "FindingID": 70, "ExamID": 11, "Tooth": "13", "Site": "mb", "FindingName": "Fremitus",
        "FindingValue": "++",
    }  # fmt: skip
    return {
        **tables,
        "PeriodontalClassification": [
            classification,
            # Without a time it is the earliest, whatever its number; of 51 and 53 the higher number is later.
            classification | {"ClassificationID": 54, "StagedAt": None, "ExamID": None, "Grade": None},
            classification | {"ClassificationID": 53, "Stage": "IV", "Extent": None},
            classification | {"ClassificationID": 51, "Stage": None, "ExamID": None},
        ],
        "Insurance": [
            insurance,
            insurance | {"InsuranceID": 61, "Priority": 1, "Carrier": "Acme", "Active": False},
            insurance | {"InsuranceID": 62, "Priority": 1, "Carrier": "Clearwater", "PolicyNumber": "W2"},
            insurance | {"InsuranceID": 63, "Priority": 2, "Carrier": "Dentalia", "CoverageBasic": "37.50"},
        ],
        "ExamFinding": [
            finding,
            finding | {"FindingID": 71, "Tooth": None, "Site": None, "FindingName": "Tongue"},
        ],
        "Appointment": _appointments(),
        "ClinicalNote": _notes(),
        "Referral": _referrals(),
    }


def _appointments() -> Rows:
    visit = _CREATED | {
        "AppointmentID": 80, "PatientID": 1, "ProviderID": 3, "SessionType": "Recall",
        "StartsAt": datetime(2019, 1, 15, 9, 0), "DurationMinutes": 45, "Status": "Completed",
        "Notes": "Escort.\r\nCard.",
    }  # fmt: skip
    return [
        visit,
        visit | {"AppointmentID": 81, "SessionType": None, "DurationMinutes": None, "ProviderID": None},
    ]


def _notes() -> Rows:
    soap = _CREATED | {
        "NoteID": 90, "PatientID": 1, "AppointmentID": 80, "ProviderID": 3, "NoteType": "SOAP",
        "Subjective": "Fine.", "Objective": "Line one.\r\nLine two.", "Assessment": "Stable",
        "Plan": "Recall", "Body": None,
    }  # fmt: skip
    rich = soap | dict.fromkeys(("Subjective", "Objective", "Assessment", "Plan"))
    rich |= {"AppointmentID": None, "ProviderID": None, "NoteType": None}
    return [
        soap,
        rich | {"NoteID": 91, "Body": _RTF},
        rich | {"NoteID": 92, "Body": _HTML},
        rich | {"NoteID": 93, "Body": "Depth <5 mm.\r\nNext."},
    ]


def _referrals() -> Rows:
    referral: dict[str, Any] = {
        "ReferralID": 40, "PatientID": 1, "Direction": "Incoming", "ProviderID": 3,
        "ReferrerName": "Dr. O'Brien", "ReferrerPractice": None, "ReferrerPhone": None,
        "ReferrerEmail": None, "ReferralType": "Implant",
        "Status": "Complete", "ReferredAt": date(2024, 3, 10), "CompletedAt": date(2024, 4, 1),
        "Notes": "Please.",
    }  # fmt: skip
    unnumbered = referral | {"ProviderID": None}
    return [
        referral,
        # The provider by name and telephone.
        unnumbered | {"ReferralID": 41, "ReferrerName": "OBRIEN, ANN", "ReferrerPhone": "+1 212.555.0199 x4"},
        # One person over three rows, each sharing something else with the next.
        unnumbered | {"ReferralID": 42, "ReferrerName": "Dr. Zoé Weiß", "ReferrerEmail": "z@weiss.example"},
        unnumbered
        | {
            "ReferralID": 43, "ReferrerName": "Weiss, Zoe, DMD", "ReferrerEmail": "Z@WEISS.example",
            "ReferrerPractice": "Smile & Co., LLC",
        },
        unnumbered
        | {
            "ReferralID": 44, "ReferrerName": "ZOE WEISS", "ReferrerPractice": "Smile and Co",
            "Status": "sent",
        },
        # The same name alone is somebody else; a provider's name alone is no provider.
        unnumbered | {"ReferralID": 45, "ReferrerName": "Zoe Weiss", "Direction": "outgoing"},
        unnumbered | {"ReferralID": 46, "ReferrerName": "Ann O'Brien", "ReferredAt": None},
        unnumbered | {"ReferralID": 47, "ReferrerName": "unknown"},
    ]  # fmt: skip


def records_org() -> Org:
    """What a faithful migration of ``records_source`` leaves behind."""
    org = small_org()
    _, anna, _ = org.records["Contact"]
    exam = org.records[EXAM][0]
    staged = {"Periodontal_Stage__c": "IV", "Periodontal_Grade__c": "B", "Staging_Date__c": "2024-01-15"}
    exam |= staged
    anna |= staged | {
        "Classification_History__c": "Stage III, Localized\r\n2024-01-15: Stage III, Grade B, Localized\r\n"
        "2024-01-15: Grade B, Localized",
        "Insurance_Carrier__c": "Clearwater", "Policy_Number__c": "W2", "Coverage_Preventive__c": 100.0,
        "Coverage_Basic__c": 80.0, "Secondary_Insurance_Carrier__c": "Beacon",
        "Secondary_Policy_Number__c": "W1",
        "Secondary_Coverage_Preventive__c": 100.0, "Secondary_Coverage_Basic__c": 80.0,
        "Other_Insurance__c": "1. Acme (ended): W1, 100 %, 80 %\r\n2. Dentalia: W1, 100 %, 37.5 %",
    }  # fmt: skip
    org.records["Contact"] += _referrers()
    finding = {
        "PANDA_Key__c": "maple:exam_finding:70", EXAM: "a00B", "Finding__c": "Fremitus", "Value__c": "++",
        "ToothNumber__c": "6", "ToothAsCharted__c": "13", "Site__c": "MB",
    }  # fmt: skip
    other = {"PANDA_Key__c": "maple:exam_finding:71", EXAM: "a00B", "Finding__c": "Tongue", "Value__c": "++"}
    others = {FINDING: [finding, other], NOTE: _note_records(), EVENT: _events(), REFERRAL: _sent()}
    return Org(org.records | others, org.described)


def _referrers() -> Rows:
    person = {
        "AccountId": "001A", "LastName": "WEISS", "FirstName": "ZOE", "Inactive__c": False,
        "Provider__c": True, "Referring_Dentist__c": True,
    }  # fmt: skip
    return [
        person
        | {
            "Id": "003W", "PANDA_Key__c": "maple:referrer:r42", "Email": "Z@WEISS.example",
            "Credentials__c": "DMD", "Credentials_Text__c": "DMD", "Practice_Name__c": "Smile and Co",
        },
        person
        | {"Id": "003X", "PANDA_Key__c": "maple:referrer:r45", "LastName": "Weiss", "FirstName": "Zoe"},
        person
        | {"Id": "003Y", "PANDA_Key__c": "maple:referrer:r46", "LastName": "O'Brien", "FirstName": "Ann"},
    ]  # fmt: skip


def _events() -> Rows:
    event = {
        "Id": "00UA", "PANDA_Key__c": "maple:appointment:80", "WhoId": "003A", "Subject": "Recall",
        "StartDateTime": "2019-01-15T14:00:00.000+0000", "EndDateTime": "2019-01-15T14:45:00.000+0000",
        "Description": "Escort.\nCard.", "SessionType__c": "Recall", "Duration__c": 45.0,
        "Appointment_ID__c": "80", "Appointment_Status__c": "Completed", "Source_Provider_ID__c": "3",
        "Original_Create_Date__c": "2024-07-01T13:00:00.000+0000",
    }  # fmt: skip
    empty = dict.fromkeys(("SessionType__c", "Duration__c", "Source_Provider_ID__c"))
    second = {
        "PANDA_Key__c": "maple:appointment:81", "Subject": "Appointment", "Appointment_ID__c": "81",
        "EndDateTime": "2019-01-15T14:00:00.000+0000",
    }  # fmt: skip
    return [event, event | empty | second]


def _note_records() -> Rows:
    soap = {
        "PANDA_Key__c": "maple:note:90", "Name": "SOAP note 2024-07-01", "Contact__c": "003A",
        "Provider__c": "003P", "Note_Type__c": "SOAP", "Note_Time__c": "2024-07-01T13:00:00.000Z",
        "Appointment_ID__c": "80", "Subjective__c": "Fine.", "Objective__c": "Line one.\nLine two.",
        "Assessment__c": "Stable", "Plan__c": "Recall",
    }  # fmt: skip
    rich = {
        "Name": "Clinical note 2024-07-01", "Contact__c": "003A", "Note_Time__c": "2024-07-01T13:00:00.000Z",
    }  # fmt: skip
    return [
        soap,
        rich
        | {
            "PANDA_Key__c": "maple:note:91", "Body__c": "Exam: pus at “14”.\ncafé", "Body_Format__c": "rtf",
            "Body_Original__c": _RTF,
        },
        rich
        | {
            "PANDA_Key__c": "maple:note:92", "Body__c": "Called back.\n- depth < 4 mm",
            "Body_Format__c": "html", "Body_Original__c": _HTML,
        },
        rich
        | {
            "PANDA_Key__c": "maple:note:93", "Body__c": "Depth <5 mm.\nNext.", "Body_Format__c": "plain",
        },
    ]  # fmt: skip


def _sent() -> Rows:
    referral = {
        "PANDA_Key__c": "maple:referral:40", "Name": "Incoming referral 2024-03-10", "Contact__c": "003A",
        "Direction__c": "incoming", "Referrer__c": "003P", "Referrer_Name__c": "Dr. O'Brien",
        "Referral_Type__c": "Implant", "Referral_Status__c": "completed", "Referred_Date__c": "2024-03-10",
        "Completed_Date__c": "2024-04-01", "Referral_Notes__c": "Please.",
    }  # fmt: skip

    def like(number: int, referrer: str | None, name: str, **others: Any) -> dict[str, Any]:
        key = f"maple:referral:{number}"
        return referral | {"PANDA_Key__c": key, "Referrer__c": referrer, "Referrer_Name__c": name} | others

    return [
        referral,
        like(41, "003P", "OBRIEN, ANN", Referrer_Phone__c="+1 212.555.0199 x4"),
        like(42, "003W", "Dr. Zoé Weiß", Referrer_Email__c="z@weiss.example"),
        like(
            43,
            "003W",
            "Weiss, Zoe, DMD",
            Referrer_Email__c="Z@WEISS.example",
            Referrer_Practice__c="Smile & Co., LLC",
        ),
        like(44, "003W", "ZOE WEISS", Referrer_Practice__c="Smile and Co", Referral_Status__c="sent"),
        like(45, "003X", "Zoe Weiss", Direction__c="outgoing", Name="Outgoing referral 2024-03-10"),
        like(46, "003Y", "Ann O'Brien", Name="Incoming referral", Referred_Date__c=None),
        like(47, None, "unknown"),
    ]
