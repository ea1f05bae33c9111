"""What each field must hold beyond charts and plans: of findings, notes, events, referrals and referrers, and
what a patient and an exam take from classifications and insurances.

Each group is compared where it is asked for. Columns with a dot are made in ``derived``.
"""

import re
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from migration_assets_tests.blackbox import markup, words
from migration_assets_tests.blackbox.kind import (
    LINES,
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
from migration_assets_tests.blackbox.teeth import universal

GROUPS = (
    *("classifications", "insurances", "findings", "notes", "events", "referrals"),
    *("files", "attendees", "owners", "offices", "ties"),
)
"""What can be compared beyond people, exams, charts and plans.

``files`` with their contents and links and what has no file, ``attendees`` of events, ``owners`` of records,
``offices`` of dentists as accounts, ``ties`` of contacts to more accounts than their own.
"""
_NEEDED = {
    **{"files": ("referrals",), "attendees": ("events",)},
    **{"offices": ("referrals",), "ties": ("referrals", "offices")},
}
"""Group -> those whose records its own join to others."""

_CLASSIFIED = ("Stage", "Grade", "Extent", "StagedAt")
_LONGEST_SUBJECT = 255
MOST_MINUTES = 24 * 60


def with_needed(groups: Collection[str]) -> tuple[str, ...]:
    """Groups with those that they can't be compared without."""
    more = (needed for group in groups for needed in _NEEDED.get(group, ()))
    return tuple(dict.fromkeys([*groups, *more]))


def _says_each(wanted: tuple[tuple[str, ...], ...] | None, held: str | None) -> bool:
    """Whether each line of a text says all that is wanted of it, in whatever words."""
    if wanted is None or held is None:
        return wanted is None and held is None
    lines = held.split("\n")
    return len(lines) == len(wanted) and all(map(_says, lines, wanted))


def _says(line: str, wanted: tuple[str, ...]) -> bool:
    return all(re.search(rf"(?<![\w.]){re.escape(each)}(?![\w.])", line) for each in wanted)


SAYING = Reading(lambda wanted: wanted, words.as_lines, _says_each)


def classified(of: str) -> tuple[Field, ...]:
    """The fields of the latest classification, of columns that begin with ``of`` and a dot."""
    stage, grade, extent, at = (f"{of}.{column}" for column in _CLASSIFIED)
    return fields_of(
        ("Periodontal_Stage__c", stage, word(words.stage)),
        ("Periodontal_Grade__c", grade, word(words.grade)),
        ("Periodontal_Extent__c", extent, word(words.extent)),
        ("Staging_Date__c", at, word(words.day)),
    )


def earlier_classifications() -> tuple[Field, ...]:
    return fields_of(("Classification_History__c", "patient.History", LINES))


def insured() -> tuple[Field, ...]:
    """The fields of a patient's first two insurances, and of all others."""
    fields: tuple[Field, ...] = ()
    for place, prefix in (("primary", ""), ("secondary", "Secondary_")):
        fields += fields_of(
            (f"{prefix}Insurance_Carrier__c", f"{place}.Carrier", TEXT),
            (f"{prefix}Policy_Number__c", f"{place}.PolicyNumber", TEXT),
            (f"{prefix}Group_Number__c", f"{place}.GroupNumber", TEXT),
            *(
                (f"{prefix}Coverage_{share}__c", f"{place}.Coverage{share}", PERCENT)
                for share in ("Preventive", "Basic", "Major")
            ),
        )
    return fields + fields_of(("Other_Insurance__c", "other.Insurances", SAYING))


def finding() -> Kind:
    fields = fields_of(
        ("Finding__c", "FindingName", TEXT),
        ("Value__c", "FindingValue", LINES),
        ("ToothNumber__c", "Tooth exam.ToothNumberingSystem", word(_tooth)),
        ("ToothAsCharted__c", "raw.Tooth", TEXT),
        ("Site__c", "Site", word(words.site)),
    )
    references = (Reference("ClinicalExam__c", "exam", "ExamID"),)
    return Kind(
        "findings", "ClinicalExamFinding__c", "exam_finding", "ExamFinding", "FindingID", fields, references
    )


def note(moment: Reading) -> Kind:
    fields = fields_of(
        ("Name", "NoteType CreatedAt", word(words.note_title)),
        ("Note_Type__c", "NoteType", TEXT),
        ("Note_Time__c", "CreatedAt", moment),
        ("Appointment_ID__c", "AppointmentID", TEXT),
        ("Subjective__c", "Subjective", LINES),
        ("Objective__c", "Objective", LINES),
        ("Assessment__c", "Assessment", LINES),
        ("Plan__c", "Plan", LINES),
        ("Body__c", "Body", Reading(_of_text(markup.readable), words.as_lines, markup.same)),
        ("Body_Format__c", "Body", word(_of_text(markup.format_of))),
        # Blanks around markup are none of the note's.
        ("Body_Original__c", "Body", Reading(_of_text(markup.original), words.lines)),
    )
    return Kind("notes", "ClinicalNote__c", "note", "ClinicalNote", "NoteID", fields, OF_A_PATIENT)


def event(local: Callable[[datetime | None], Any], moment: Reading) -> Kind:
    """``local`` reads the practice's times, ``moment`` compares them."""
    end = Reading(lambda start, minutes: end_of(local(start), minutes), words.as_moment)
    fields = fields_of(
        ("Subject", "SessionType", word(subject)),
        ("StartDateTime", "StartsAt", moment),
        ("EndDateTime", "StartsAt DurationMinutes", end),
        ("Description", "Notes", LINES),
        ("SessionType__c", "SessionType", TEXT),
        ("Duration__c", "DurationMinutes", Reading(words.within(0, MOST_MINUTES), words.number)),
        ("Appointment_ID__c", "AppointmentID", TEXT),
        ("Appointment_Status__c", "Status", TEXT),
        ("Source_Provider_ID__c", "ProviderID", TEXT),
        ("Original_Create_Date__c", "CreatedAt", moment),
    )
    references = (Reference("WhoId", "patient", "PatientID"),)
    return Kind("events", "Event", "appointment", "Appointment", "AppointmentID", fields, references)


def referral() -> Kind:
    fields = fields_of(
        ("Name", "Direction ReferredAt", word(words.referral_title)),
        ("Direction__c", "Direction", word(words.direction)),
        ("Referrer_Name__c", "ReferrerName", TEXT),
        ("Referrer_Practice__c", "ReferrerPractice", TEXT),
        ("Referrer_Phone__c", "ReferrerPhone", TEXT),
        ("Referrer_Email__c", "ReferrerEmail", word(words.address)),
        ("Referral_Type__c", "ReferralType", TEXT),
        ("Referral_Status__c", "Status", word(words.referral_status)),
        ("Referred_Date__c", "ReferredAt", word(words.day)),
        ("Completed_Date__c", "CompletedAt", word(words.day)),
        ("Referral_Notes__c", "Notes", LINES),
    )
    other = Reference("Referrer__c", "provider", "found.ProviderID", True, ("referrer", "found.ReferrerID"))
    references = (OF_A_PATIENT[0], other)
    return Kind("referrals", "Referral__c", "referral", "Referral", "ReferralID", fields, references)


def referrer() -> Kind:
    fields = fields_of(
        ("LastName", "LastName", TEXT),
        ("FirstName", "FirstName", TEXT),
        ("Email", "Email", TEXT),
        ("Phone", "Phone", TEXT),
        ("Inactive__c", "", always(False)),
        ("Provider__c", "", always(True)),
        ("Credentials__c", "Credentials", Reading(words.credentials, words.as_credentials)),
        ("Credentials_Text__c", "Credentials", TEXT),
        ("Referring_Dentist__c", "", always(True)),
        ("Practice_Name__c", "PracticeName", TEXT),
    )
    references = (Reference("AccountId", "practice"),)
    return Kind("referrers", "Contact", "referrer", "referrers.", "ReferrerID", fields, references)


def _of_text(read: Callable[[str | None], Any]) -> Callable[[Any], Any]:
    return lambda value: read(words.lines(value))


def _tooth(written: Any, system: Any) -> Any:
    """The tooth of an exam in that system; what is none there must be announced."""
    if words.text(written) is None:
        return None
    return universal(written, system) or words.UNUSABLE


def subject(session: Any) -> str:
    whole = words.text(session) or "Appointment"
    return whole if len(whole) <= _LONGEST_SUBJECT else whole[: _LONGEST_SUBJECT - 1] + "…"


def end_of(start: datetime | None, minutes: Any) -> datetime | None:
    """An event of no known duration ends when it starts."""
    length = words.within(0, MOST_MINUTES)(minutes)
    lasts = 0 if length is None or length is words.UNUSABLE else int(length)
    return None if start is None else start + timedelta(minutes=lasts)
