"""The defects of classifications, insurances, findings, notes, appointments and referrals; see ``defects``.

Each is a row more that copies an ordinary one but for what is wrong, so that all others stay as they are.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from migration_sandbox.practice.chart_defects import NO_TOOTH
from migration_sandbox.practice.field import Field
from migration_sandbox.practice.manifest import Outcome

_CLASSIFICATION, _FINDING = "PeriodontalClassification", "ExamFinding"
# What old software writes for "none": the zero of OLE dates, and the first day of SQL Server's datetime.
_OLE_ZERO, _FIRST_DAY = datetime(1899, 12, 30, 9, 0), date(1753, 1, 1)
_BROKEN_RTF = "{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}\\f0 Exam without an end.\\par"
_NOBODY = 9_000_000
_PARENT = {
    "PeriodontalClassification": "PatientID",
    "Insurance": "PatientID",
    "ExamFinding": "ExamID",
    "ClinicalNote": "PatientID",
    "Appointment": "PatientID",
    "Referral": "PatientID",
}


def _add(
    field: Field, outcome: Outcome, table: str, column: str, code: str, value: object, **others: Any
) -> None:
    """A copy with ``value`` in its ``column``, and ``others``."""
    like = field.spare(table)
    key = field.draft.add(table, like, **others, **{column: value})
    field.expect(outcome, table, key, column, code)


def classifications(field: Field) -> None:
    for column, value, code in (
        ("Grade", "D", "unknown_grade"),
        ("Extent", "everywhere", "unknown_extent"),
        ("StagedAt", _OLE_ZERO, "staged_at_implausible"),
    ):
        _add(field, "corrected", _CLASSIFICATION, column, code, value, ExamID=None)


def coverage_out_of_range(field: Field) -> None:
    for column, value in (("CoverageBasic", Decimal("150.00")), ("CoverageMajor", Decimal("-5.00"))):
        _add(field, "corrected", "Insurance", column, "coverage_out_of_range", value, Priority=4)


def findings(field: Field) -> None:
    for place in range(2):
        like = field.spare(_FINDING)
        tooth = NO_TOOTH[field.numbering_of(like["ExamID"])][place]
        finding = field.draft.add(_FINDING, like, Tooth=tooth, Site="B")
        field.expect("corrected", _FINDING, finding, "Tooth", "bad_tooth")
    _add(field, "corrected", _FINDING, "Site", "unknown_site", "XX")
    _add(field, "rejected", _FINDING, "FindingName", "missing_finding_name", "  ")


def findings_without_a_system(field: Field) -> None:
    """The teeth of findings whose exam has lost its numbering system can't be read either."""
    exams = [
        int(exam)
        for exam in field.keys("ClinicalExam", "flagged")
        if field.draft.row("ClinicalExam", exam)["ToothNumberingSystem"] is None
    ]
    rows = field.draft.table(_FINDING)
    for finding in rows.filter(rows["ExamID"].is_in(exams), rows["Tooth"].is_not_null())["FindingID"]:
        field.expect("corrected", _FINDING, finding, "Tooth", "bad_tooth")


def notes(field: Field) -> None:
    parts = dict.fromkeys(("Subjective", "Objective", "Assessment", "Plan"))
    _add(field, "kept", "ClinicalNote", "Body", "rtf_unreadable", _BROKEN_RTF, **parts)


def appointments(field: Field) -> None:
    _add(field, "rejected", "Appointment", "StartsAt", "start_implausible", _OLE_ZERO)
    for minutes in (-30, 5000):
        _add(field, "corrected", "Appointment", "DurationMinutes", "duration_out_of_range", minutes)


def referrals(field: Field) -> None:
    _add(field, "rejected", "Referral", "Direction", "unknown_direction", "sideways")
    for column, value, code in (
        ("Status", "pending", "unknown_referral_status"),
        ("ReferrerEmail", "ask the desk", "invalid_email"),
        ("ReferredAt", _FIRST_DAY, "date_implausible"),
    ):
        _add(field, "corrected", "Referral", column, code, value)


def two_dentists_of_one_name(field: Field) -> None:
    """Of one name and one practice, so that a referral by name and practice can't tell them apart."""
    one = field.draft.table("Provider").filter("IsReferring").drop_nulls(["FirstName", "PracticeName"])
    known = one.row(0, named=True)
    field.draft.add("Provider", known, NPI=None, Phone=None, Email=f"second.{known['Email']}")
    _add(
        field,
        "kept",
        "Referral",
        "ReferrerName",
        "referrer_ambiguous",
        f"{known['FirstName']} {known['LastName']}",
        ProviderID=None,
        ReferrerPractice=known["PracticeName"],
        ReferrerPhone=None,
        ReferrerEmail=None,
    )


def orphans(field: Field) -> None:
    for table, column in _PARENT.items():
        like = field.spare(table)
        # Without its exam nobody could say which tooth a finding means, which would be a second thing wrong.
        more = {_CLASSIFICATION: {"ExamID": None}, _FINDING: {"Tooth": None, "Site": None}}.get(table, {})
        key = field.draft.add(table, like, **more, **{column: _NOBODY + like[column]})
        field.expect("held_back", table, key, "", "parent_missing")


KINDS: tuple[Callable[[Field], None], ...] = (
    classifications,
    coverage_out_of_range,
    findings,
    notes,
    appointments,
    referrals,
    two_dentists_of_one_name,
    orphans,
)
