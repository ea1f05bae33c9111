"""What stands in several rows of a practice's database and in one record of the org, put beside that row.

A derived column has a dot in its name, a derived table a dot at its end; ``records`` names those it needs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from migration_assets_tests.blackbox import files as filed
from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.households import households
from migration_assets_tests.blackbox.offices import Known, offices
from migration_assets_tests.blackbox.owners import PROVIDER_COLUMNS as OWNING_COLUMNS
from migration_assets_tests.blackbox.owners import STAFF_COLUMNS, Owners
from migration_assets_tests.blackbox.referrers import PROVIDER_COLUMNS, REFERRAL_COLUMNS, referrers
from migration_assets_tests.blackbox.report import Announced, Row

Tables = Mapping[str, list[Row]]

_CLASSIFICATION, _INSURANCE = "PeriodontalClassification", "Insurance"
_STATED = ("Stage", "Grade", "Extent", "StagedAt")
_TEXTS = ("Carrier", "PolicyNumber", "GroupNumber")
_SHARES = ("CoveragePreventive", "CoverageBasic", "CoverageMajor")
_NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "classifications": {_CLASSIFICATION: ("ClassificationID", "PatientID", "ExamID", *_STATED)},
    "insurances": {_INSURANCE: ("InsuranceID", "PatientID", "Priority", "Active", *_TEXTS, *_SHARES)},
    "findings": {"ClinicalExam": ("ExamID", "ToothNumberingSystem")},
    "referrals": {"Referral": REFERRAL_COLUMNS, "Provider": PROVIDER_COLUMNS},
    "files": filed.COLUMNS,
    "owners": {"StaffUser": STAFF_COLUMNS, "Provider": OWNING_COLUMNS},
}
_OWNED = {
    "Provider": ("ProviderID", "ProviderID"),
    "Patient": ("PatientID", "PrimaryProviderID"),
    "ClinicalExam": ("ExamID", "ProviderID"),
    "TreatmentPlan": ("PlanID", "ProviderID"),
    "Appointment": ("AppointmentID", "ProviderID"),
    "referrers.": ("ReferrerID", "ReferrerID"),
}
"""Table -> its key, and the column with the provider whose user owns the record; no referrer has a user."""


def needed(groups: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Tables and columns that the derived ones of these groups are made of."""
    columns: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for table, names in _NEEDED.get(group, {}).items():
            columns[table] = tuple(dict.fromkeys([*columns.get(table, ()), *names]))
    return columns


def derive(
    source: Tables,
    groups: Collection[str],
    announced: Announced,
    utc: Callable[[datetime | None], Any],
    accounts: str = "practice",
    owners: Owners | None = None,
    known: Known | None = None,
) -> dict[str, list[Row]]:
    """The source with what the groups and the choice of accounts need beside its rows; ``utc`` reads the
    practice's times. ``owners`` are needed by their group alone; without ``known`` nobody is tied to more
    accounts than their own."""
    tables = dict(source)
    if accounts == "household":
        together = households(left(source, "Patient", "PatientID", announced))
        tables["households."] = together.named
        tables["Patient"] = [
            row | {"found.HouseholdID": together.of_patient.get(row["PatientID"])}
            for row in tables["Patient"]
        ]
    if "classifications" in groups:
        rows = left(source, _CLASSIFICATION, "ClassificationID", announced)
        tables["Patient"] = _with(tables["Patient"], "PatientID", lambda of: _of_patient(of, utc), rows)
        tables["ClinicalExam"] = _with(tables["ClinicalExam"], "ExamID", lambda of: _of_exam(of, utc), rows)
    if "insurances" in groups:
        rows = left(source, _INSURANCE, "InsuranceID", announced)
        tables["Patient"] = _with(tables["Patient"], "PatientID", _insured, rows)
    if "findings" in groups:
        tables["ExamFinding"] = _with_system(source)
    if "referrals" in groups:
        found = referrers(source["Referral"], source["Provider"])
        nobody: tuple[Any, str | None] = (None, None)
        tables["referrers."] = found.people
        tables["Referral"] = [
            row
            | {
                "found.ProviderID": row["ProviderID"] or found.of_entry.get(row["ReferralID"], nobody)[0],
                "found.ReferrerID": found.of_entry.get(row["ReferralID"], nobody)[1],
            }
            for row in source["Referral"]
        ]
    if "files" in groups:
        found_files = filed.files(source, announced, utc)
        tables |= {
            "documents.": found_files.documents,
            "images.": found_files.images,
            "links.": found_files.links,
        }
        tables["Patient"] = [row | found_files.lines(row["PatientID"]) for row in tables["Patient"]]
    if "attendees" in groups:
        tables["attendees."] = [
            {"One": f"appointment:{row['AppointmentID']}", "Other": f"provider:{row['ProviderID']}"}
            for row in left(source, "Appointment", "AppointmentID", announced)
            if row["ProviderID"] is not None
        ]
    if "offices" in groups:
        tables |= (
            {"offices.": [], "ties.": []} if known is None else _tied(tables, announced, accounts, known)
        )
    if "owners" in groups and owners is not None:
        for table, (key, column) in _OWNED.items():
            tables[table] = [
                row | {"owner.UserID": owners.of(announced.corrected(table, row[key], row)[column])}
                for row in tables.get(table, [])
            ]
    return tables


def _tied(tables: Tables, announced: Announced, accounts: str, known: Known) -> dict[str, list[Row]]:
    referrals = [
        announced.corrected("Referral", row["ReferralID"], row)
        for row in tables["Referral"]
        if not announced.rejected("Referral", row["ReferralID"])
    ]
    providers = left(tables, "Provider", "ProviderID", announced)
    found = offices(providers, referrals, tables["referrers."], known)
    patients = left(tables, "Patient", "PatientID", announced) if accounts == "household" else []
    to_practice = [{"One": f"patient:{row['PatientID']}", "Other": None} for row in patients]
    return {"offices.": found.named, "ties.": [*found.ties, *to_practice]}


def left(source: Tables, table: str, key: str, announced: Announced) -> list[Row]:
    """Rows but for those announced absent, corrected as announced."""
    rows = (row for row in source[table] if not announced.absent(table, row[key]))
    return [announced.corrected(table, row[key], row) for row in rows]


def _with(rows: list[Row], key: str, made: Callable[[list[Row]], Row], others: Iterable[Row]) -> list[Row]:
    """Each row with what is made of the others that name it."""
    grouped: dict[Any, list[Row]] = defaultdict(list)
    for other in others:
        grouped[other[key]].append(other)
    return [row | made(grouped.get(row[key], [])) for row in rows]


def _in_time(rows: list[Row], utc: Callable[[datetime | None], Any]) -> list[Row]:
    """Classifications from the earliest, those without a time before all others, then by number."""

    def when(row: Row) -> tuple[Any, ...]:
        at = row["StagedAt"]
        return (at is not None, 0 if at is None else utc(at), int(row["ClassificationID"]))

    return sorted(rows, key=when)


def _latest(of: str, rows: list[Row]) -> Row:
    return {f"{of}.{column}": rows[-1][column] if rows else None for column in _STATED}


def _of_patient(rows: list[Row], utc: Callable[[datetime | None], Any]) -> Row:
    in_time = _in_time(rows, utc)
    history = "\n".join(map(classification_line, in_time[:-1])) or None
    return {**_latest("patient", in_time), "patient.History": history}


def _of_exam(rows: list[Row], utc: Callable[[datetime | None], Any]) -> Row:
    return _latest("exam", _in_time(rows, utc))


def classification_line(row: Row) -> str:
    """``2021-03-02: Stage III, Grade B, Generalized`` without what isn't stated."""
    stage, grade, extent = words.stage(row["Stage"]), words.grade(row["Grade"]), words.extent(row["Extent"])
    stated = [
        written
        for value, written in ((stage, f"Stage {stage}"), (grade, f"Grade {grade}"), (extent, str(extent)))
        if isinstance(value, str)
    ]
    day = words.day(row["StagedAt"])
    parts = [day] if isinstance(day, str) else []
    return ": ".join(parts + ([", ".join(stated)] if stated else [])) or "Periodontal classification"


def _insured(rows: list[Row]) -> Row:
    """The first two that are active, by priority and number, and what the line of each other must say."""
    in_turn = sorted(rows, key=lambda row: (int(row["Priority"]), int(row["InsuranceID"])))
    active = [row for row in in_turn if row["Active"] is None or words.flag(row["Active"])]
    first: list[Row | None] = [*active[:2], None, None]
    placed = {
        f"{place}.{column}": None if row is None else row[column]
        for place, row in zip(("primary", "secondary"), first, strict=False)
        for column in (*_TEXTS, *_SHARES)
    }
    told = tuple(_told(row) for row in in_turn if row not in active[:2])
    return {**placed, "other.Insurances": told or None}


def _told(row: Row) -> tuple[str, ...]:
    """Each text, and each percentage in its shortest form."""
    texts = [" ".join(written.split()) for column in _TEXTS if (written := words.text(row[column]))]
    shares = [value for column in _SHARES if (value := words.number(row[column])) is not None]
    return (*texts, *(f"{share.normalize():f}" for share in shares if 0 <= share <= 100))


def _with_system(source: Tables) -> list[Row]:
    """Findings with their exam's numbering, and their tooth as it was charted whatever is announced of it."""
    systems = {exam["ExamID"]: exam["ToothNumberingSystem"] for exam in source["ClinicalExam"]}
    return [
        row | {"raw.Tooth": row["Tooth"], "exam.ToothNumberingSystem": systems.get(row["ExamID"])}
        for row in source["ExamFinding"]
    ]
