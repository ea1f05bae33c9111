"""The practice of ``blackbox_records_world`` with files, what is written of them, and staff.

And the org that a faithful migration leaves behind, both written out by hand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from migration_assets_tests.blackbox.compare import Org
from migration_assets_tests.sandbox.blackbox_records_world import EVENT, REFERRAL, records_org, records_source
from migration_assets_tests.sandbox.blackbox_world import EXAM, LOGIN, PLAN, Rows, Tables

VERSION, LINK, ATTENDEE = "ContentVersion", "ContentDocumentLink", "EventRelation"
_MD5 = "0123456789abcdef0123456789abcdef"
ON_SHARE = "\\\\PANDA01\\Images\\2020\\IMG_402.PNG"


def files_source() -> Tables:
    staff = {"UserID": 1, "FullName": "O'Brien, Ann", "Email": "Ann@maple.example", "Active": True}
    return {
        **records_source(),
        "Document": _documents(),
        "Letter": _letters(),
        "LetterTemplate": [{"TemplateID": 9, "Name": "Report "}, {"TemplateID": 8, "Name": "Recall"}],
        "Radiograph": _radiographs(),
        "share.": [{"Path": ON_SHARE, "Bytes": 7, "MD5": _MD5[::-1], "SHA256": "0f"}],
        "StaffUser": [staff, staff | {"UserID": 2, "FullName": "Jo Hill", "Email": "jo@maple.example"}],
    }


def _documents() -> Rows:
    document = {
        "DocumentID": 200, "PatientID": 1, "FileName": " Report to Dr. X.PDF", "MimeType": "application/pdf",
        "CreatedAt": datetime(2024, 7, 1, 9, 0), "size of": 3, "MD5 of": bytes.fromhex(_MD5),
    }  # fmt: skip
    return [
        document,
        document | {"DocumentID": 201, "PatientID": None, "FileName": "Fees 12.5", "MimeType": None},
        document | {"DocumentID": 202, "PatientID": 2, "FileName": "IMG_400.png", "MimeType": "image/png"},
    ]


def _letters() -> Rows:
    letter: dict[str, Any] = {
        "LetterID": 300, "PatientID": 1, "ProviderID": None, "PlanID": 20, "ReferralID": None,
        "TemplateID": None, "LetterType": "To-Patient", "Recipient": "Zoë", "Subject": "Your\r\nplan",
        "DocumentID": 200, "SentAt": datetime(2024, 3, 2, 23, 30),
    }  # fmt: skip
    bare = dict.fromkeys(("LetterType", "Recipient", "Subject", "SentAt", "PlanID"))
    return [
        letter,
        # The earliest is the first, whatever its number; one without a time is the last, but the first line.
        letter
        | {
            "LetterID": 301, "PlanID": None, "ReferralID": 40, "TemplateID": 9, "LetterType": "Referral",
            "Subject": "Re: Zoë", "SentAt": datetime(2024, 3, 1, 9, 0), "ProviderID": 3,
        },
        letter | {"LetterID": 302, "SentAt": None, "LetterType": "TO  SPECIALIST", "Recipient": None},
        letter | {"LetterID": 303, "DocumentID": None},
        letter | bare | {"LetterID": 304, "DocumentID": None},
    ]  # fmt: skip


def _radiographs() -> Rows:
    image = {
        "RadiographID": 400, "PatientID": 2, "ToothSite": "13", "ImageType": "Periapical",
        "TakenAt": datetime(2020, 2, 3, 10, 0), "FilePath": None, "DocumentID": 202,
    }  # fmt: skip
    return [
        image,
        image | {"RadiographID": 401, "TakenAt": datetime(2020, 2, 3, 10, 5), "ToothSite": None},
        image | {"RadiographID": 402, "PatientID": 1, "FilePath": ON_SHARE, "DocumentID": None},
        image | {"RadiographID": 403, "DocumentID": None, "TakenAt": None},
        image | {"RadiographID": 404, "DocumentID": None, "FilePath": "D:\\old\\x.png", "ToothSite": None},
    ]


def files_org() -> Org:
    """What a faithful migration of ``files_source`` leaves behind."""
    org = records_org()
    _, anna, ben, *_ = org.records["Contact"]
    letter = "2024-03-02: to patient, Zoë, Your plan"
    anna["Letters_Without_File__c"] = f"Letter\r\n{letter}"
    ben["Radiographs_Without_File__c"] = "Periapical, 13\n2020-02-03: Periapical"
    document = {
        "Id": "068A", "ContentDocumentId": "069A", "PANDA_Key__c": "maple:document:200",
        "Title": "Report to Dr. X", "PathOnClient": "Report to Dr. X.PDF", "ContentSize": 3,
        "Checksum": _MD5, "OwnerId": LOGIN, "ChartNumber__c": "P-1", "Document_Type__c": "letter",
        "Mime_Type__c": "application/pdf", "Original_Create_Date__c": "2024-07-01T13:00:00.000+0000",
    }  # fmt: skip
    first = {
        "Letter_Type__c": "Referral", "Letter_Recipient__c": "Zoë", "Letter_Subject__c": "Re: Zoë",
        "Letter_Sent__c": "2024-03-01T14:00:00.000+0000", "Letter_Template__c": "Report",
        "Source_Provider_ID__c": "3", "Other_Letters__c": f"to specialist, Your plan\n{letter}",
    }  # fmt: skip
    fees = {
        "Id": "068B", "ContentDocumentId": "069B", "PANDA_Key__c": "maple:document:201", "Title": "Fees 12.5",
        "PathOnClient": "Fees 12.5", "Mime_Type__c": None, "ChartNumber__c": None,
        "Document_Type__c": "document",
    }  # fmt: skip
    image = {
        "Title": "IMG_400", "PathOnClient": "IMG_400.png", "Mime_Type__c": "image/png",
        "Document_Type__c": "radiograph", "Radiograph_Date__c": "2020-02-03T15:00:00.000+0000",
        "Tooth_Site__c": "13", "Image_Type__c": "Periapical",
    }  # fmt: skip
    stored = {
        "Id": "068C", "ContentDocumentId": "069C", "PANDA_Key__c": "maple:document:202",
        "Other_Radiographs__c": "2020-02-03: Periapical",
    }  # fmt: skip
    on_share = {
        "Id": "068D", "ContentDocumentId": "069D", "PANDA_Key__c": "maple:radiograph:402", "Title": "IMG_402",
        "PathOnClient": "IMG_402.PNG", "ContentSize": 7.0, "Checksum": _MD5[::-1].upper(),
        "Original_Create_Date__c": None,
    }  # fmt: skip
    versions = [document | first, document | fees, document | image | stored, document | image | on_share]
    pairs = [("A", "003A"), ("A", "a05A"), ("A", "a07A"), ("B", "001A"), ("C", "003B"), ("D", "003A")]
    links = [_link(f"069{one}", other) for one, other in pairs]
    links += [_link(each["ContentDocumentId"], LOGIN) | {"ShareType": "I"} for each in versions]
    invited = {"EventId": "00UA", "RelationId": "003P", "IsInvitee": True, "IsDeleted": False}
    others = {VERSION: versions, LINK: links, ATTENDEE: [invited], "User": _users()}
    _give_owners(org)
    return replace(org, records=org.records | others, login=LOGIN)


def _link(document: Any, record: str) -> dict[str, Any]:
    return {"ContentDocumentId": document, "LinkedEntityId": record, "ShareType": "V"}


def _users() -> Rows:
    user: dict[str, Any] = {
        "Id": LOGIN, "Email": "admin@maple.example", "Username": "admin@maple.test", "IsActive": True,
        "UserType": "Standard", "Profile": {"UserLicense": {"LicenseDefinitionKey": "SFDC"}},
    }  # fmt: skip
    return [
        user,
        user | {"Id": "005A", "Email": "ann@maple.example.invalid", "Username": "ann@maple.test"},
        user | {"Id": "005D", "Email": "desk@maple.example", "Username": "desk@maple.test"},
        user | {"Id": "005X", "Email": "ann@maple.example", "Username": "old@x", "IsActive": False},
        user | {"Id": "005F", "Email": None, "Username": "free@x", "UserType": "CsnOnly", "Profile": None},
    ]


def _give_owners(org: Org) -> None:
    """The provider's user has the provider and whatever names it, the login all else."""
    org.records[REFERRAL][0]["Id"] = "a07A"
    org.records[EVENT][1]["Id"] = "00UB"
    for obj, provider in (
        ("Contact", "Primary_Provider__c"),
        (EXAM, "Provider__c"),
        (PLAN, "Provider__c"),
        (EVENT, "Source_Provider_ID__c"),
    ):
        for record in org.records[obj]:
            named = record.get(provider) or record.get("Source_Provider_ID__c")
            record["OwnerId"] = "005A" if named else LOGIN
