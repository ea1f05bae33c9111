"""The comparison of the blackbox check, as pure functions over rows of the source and records of the org.

What an org must hold for a patient, an exam and a chart is written down here a second time, on purpose,
with the few lines of code it takes and without the platform or its stand-ins (neither may be imported).
Connections, options and printing are in ``blackbox``.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]

SITES = ("MB", "B", "DB", "ML", "L", "DL")
MEASURES = ("PocketDepth", "Recession")

PATIENT_COLUMNS = (
    *(
        "PatientID",
        "ChartNumber",
        "FirstName",
        "MiddleName",
        "LastName",
        "PreferredName",
        "DateOfBirth",
        "Sex",
    ),
    *("Email", "HomePhone", "WorkPhone", "MobilePhone", "Address1", "Address2", "City", "State", "Zip"),
    *("BridgeID", "Inactive", "CreatedAt"),
)
EXAM_COLUMNS = (
    *(
        "ExamID",
        "PatientID",
        "ExamDate",
        "ChartingType",
        "ToothNumberingSystem",
        "PlaqueIndex",
        "BleedingIndex",
    ),
    "Notes",
)
CHART_COLUMNS = (
    *("ChartingID", "ExamID", "Tooth"),
    *(f"{measure}_{site}" for measure in MEASURES for site in SITES),
)


def plain(value: Any) -> str | None:
    """Text without blanks around it; blank is the same as nothing."""
    return None if value is None or not str(value).strip() else str(value).strip()


def lines(value: Any) -> str | None:
    """Text with every line break as LF and no blanks at the ends of the whole."""
    return plain(None if value is None else str(value).replace("\r\n", "\n").replace("\r", "\n"))


def number(value: Any) -> float | None:
    return None if value is None or value == "" else float(value)


def flag(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1")


def day(value: Any) -> str | None:
    return None if not value else value.isoformat()[:10] if isinstance(value, date) else str(value)[:10]


def street(row: Row) -> str | None:
    parts = [part for part in (lines(row["Address1"]), lines(row["Address2"])) if part]
    return "\n".join(parts) or None


def same_moment(local: datetime | None, sent: Any, zone: ZoneInfo) -> bool:
    """Whether the org's UTC time is that local time, to the second, by either offset where clocks changed."""
    if local is None or not sent:
        return local is None and not sent
    found = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", str(sent)))
    meant = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return any(abs((found - moment).total_seconds()) < 1 for moment in meant)


# Org field, how both sides are read, and the source's value.
Reader = tuple[str, Callable[[Any], Any], Callable[[Row], Any]]


def _column(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


CONTACT_FIELDS: tuple[Reader, ...] = (
    ("LastName", plain, _column("LastName")),
    ("FirstName", plain, _column("FirstName")),
    ("MiddleName", plain, _column("MiddleName")),
    ("Birthdate", day, _column("DateOfBirth")),
    ("Email", plain, _column("Email")),
    ("HomePhone", plain, _column("HomePhone")),
    ("Phone", plain, _column("WorkPhone")),
    ("MobilePhone", plain, _column("MobilePhone")),
    ("MailingStreet", lines, street),
    ("MailingCity", plain, _column("City")),
    ("MailingState", plain, _column("State")),
    ("MailingPostalCode", plain, _column("Zip")),
    ("PANDA_Chart_Number__c", plain, _column("ChartNumber")),
    ("Preferred_Name__c", plain, _column("PreferredName")),
    ("Sex__c", plain, _column("Sex")),
    ("PANDA_Bridge_ID__c", plain, _column("BridgeID")),
    ("Inactive__c", flag, _column("Inactive")),
)
EXAM_FIELDS: tuple[Reader, ...] = (
    ("Exam_Date__c", day, _column("ExamDate")),
    ("Charting_Type__c", plain, _column("ChartingType")),
    ("ToothNumberingSystem__c", plain, _column("ToothNumberingSystem")),
    ("Plaque_Index__c", number, _column("PlaqueIndex")),
    ("Bleeding_Index__c", number, _column("BleedingIndex")),
    ("Exam_Notes__c", lines, _column("Notes")),
)
QUADRANT_OF = {n: ("UR", "UL", "LL", "LR")[(n - 1) // 8] for n in range(1, 33)}
SITE_FIELDS = tuple(
    f"{measure}_{site}_{quadrant}{tooth}__c"
    for measure in MEASURES
    for tooth, quadrant in QUADRANT_OF.items()
    for site in SITES
)
ACCOUNT_QUERY = ("Id", "PANDA_Key__c", "Name")
CONTACT_QUERY = (
    "Id",
    "PANDA_Key__c",
    "AccountId",
    "Original_Create_Date__c",
    *(name for name, *_ in CONTACT_FIELDS),
)
EXAM_QUERY = (
    *("Id", "PANDA_Key__c", "Contact__c", "Exam_Time__c", "Chart_Incomplete__c", "Rejected_Teeth__c"),
    *(name for name, *_ in EXAM_FIELDS),
    *SITE_FIELDS,
)


def universal(tooth: Any, system: Any) -> int | None:
    """The Universal number of a permanent tooth written in a system, None for anything else.

    Counted from the midline, FDI and Palmer run 1-8 in each quadrant; Universal runs 8-1, 9-16, 24-17, 25-32.
    """
    code, name = str(tooth).strip().upper(), str(system or "").strip().lower()
    if name == "universal":
        return int(code) if code.isdecimal() and 1 <= int(code) <= 32 else None
    if name == "fdi":
        written = re.fullmatch(r"([1-4])([1-8])", code)
        quadrant = int(written[1]) if written else 0
    else:
        written = re.fullmatch(r"(UR|UL|LL|LR)-?([1-8])", code) if name == "palmer" else None
        quadrant = ("UR", "UL", "LL", "LR").index(written[1]) + 1 if written else 0
    if written is None:
        return None
    place = int(written[2])
    return (9 - place, 8 + place, 25 - place, 24 + place)[quadrant - 1]


@dataclass(frozen=True)
class Difference:
    kind: str
    object: str
    field: str
    key: str
    source: Any = None
    org: Any = None


@dataclass
class Report:
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, obj: str, name: str, key: str, source: Any = None, org: Any = None) -> None:
        self.differences.append(Difference(kind, obj, name, key, source, org))


@dataclass
class Source:
    patients: list[Row]
    exams: list[Row]
    chart: list[Row]


@dataclass
class Org:
    accounts: list[Row]
    contacts: list[Row]
    exams: list[Row]


class Announced:
    """What a manifest says a migration leaves out or changes; without one, nothing."""

    def __init__(self, defects: Iterable[Row] = ()) -> None:
        self._absent: set[tuple[str, str]] = set()
        self._flagged: set[str] = set()
        self._corrected: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for defect in defects:
            row = (defect["table"], str(defect["source_key"]))
            if defect["outcome"] in ("rejected", "held_back"):
                self._absent.add(row)
            elif defect["outcome"] == "corrected":
                self._corrected[row].append(defect)
            elif defect["outcome"] == "flagged":
                self._flagged.add(row[1])

    def absent(self, table: str, key: Any) -> bool:
        return (table, str(key)) in self._absent

    def flagged(self, exam: Any) -> bool:
        return str(exam) in self._flagged

    def corrected(self, table: str, key: Any, row: Row) -> Row:
        """The row with its announced corrections: underscores of the bridge as blanks, all else made null."""
        changed = dict(row)
        for defect in self._corrected.get((table, str(key)), ()):
            value = changed[defect["column"]]
            changed[defect["column"]] = (
                value.replace("_", " ") if defect["code"] == "bridge_underscore" else None
            )
        return changed


def by_key(
    report: Report, obj: str, records: list[Row], expected: Iterable[str], other: tuple[str, ...]
) -> dict[str, Row]:
    """The org's records by key; reports keys that are missing, doubled, or not the source's."""
    wanted = set(expected)
    found: dict[str, Row] = {}
    for record in records:
        key = str(record["PANDA_Key__c"])
        if key in found:
            report.add("doubled", obj, "PANDA_Key__c", key)
        elif key in wanted:
            found[key] = record
        elif not key.startswith(other):
            report.add("extra", obj, "PANDA_Key__c", key)
    for key in sorted(wanted - found.keys()):
        report.add("missing", obj, "PANDA_Key__c", key)
    return found


def compare_fields(
    report: Report, obj: str, key: str, row: Row, record: Row, readers: tuple[Reader, ...]
) -> None:
    for name, read, value in readers:
        source, org = value(row), record.get(name)
        report.counts["fields compared"] += 1
        if read(source) != read(org):
            report.add("differs", obj, name, key, source, org)
        elif read is lines and source is not None and str(source).strip() != str(org).strip():
            report.counts["line breaks written differently"] += 1


def compare_moment(
    report: Report, obj: str, key: str, name: str, local: datetime | None, sent: Any, zone: ZoneInfo
) -> None:
    report.counts["fields compared"] += 1
    if not same_moment(local, sent, zone):
        report.add("differs", obj, name, key, local, sent)


def compare_chart(
    report: Report, key: str, exam: Row, rows: list[Row], record: Row, announced: Announced
) -> None:
    """All 384 site fields of an exam against its charting rows, and what it says about rejected teeth."""
    kept = [row for row in rows if not announced.absent("PeriodontalCharting", row["ChartingID"])]
    expected: dict[str, Any] = {}
    charted: set[int] = set()
    for row in kept:
        tooth = universal(row["Tooth"], exam["ToothNumberingSystem"])
        if tooth is None or tooth in charted:
            reason = "unknown tooth" if tooth is None else "tooth charted twice"
            report.add(reason, "PeriodontalCharting", "Tooth", str(row["ChartingID"]), row["Tooth"])
            continue
        charted.add(tooth)
        for measure in MEASURES:
            for site in SITES:
                expected[f"{measure}_{site}_{QUADRANT_OF[tooth]}{tooth}__c"] = row[f"{measure}_{site}"]
    for name in SITE_FIELDS:
        source, org = number(expected.get(name)), number(record.get(name))
        report.counts["sites compared"] += source is not None
        if source != org:
            report.add("differs", "ClinicalExam__c", name, key, source, org)
    rejected = [row for row in rows if announced.absent("PeriodontalCharting", row["ChartingID"])]
    # A tooth charted twice is two rows and one tooth: either count describes it.
    counts = {float(len(rejected)), float(len({row["Tooth"] for row in rejected}))}
    if flag(record.get("Chart_Incomplete__c")) != announced.flagged(exam["ExamID"]):
        report.add(
            "differs",
            "ClinicalExam__c",
            "Chart_Incomplete__c",
            key,
            bool(rejected),
            record.get("Chart_Incomplete__c"),
        )
    if (number(record.get("Rejected_Teeth__c")) or 0.0) not in counts:
        report.add(
            "differs",
            "ClinicalExam__c",
            "Rejected_Teeth__c",
            key,
            len(rejected),
            record.get("Rejected_Teeth__c"),
        )


def compare(
    source: Source,
    org: Org,
    practice: str,
    zone: ZoneInfo,
    announced: Announced,
    other_kinds: tuple[str, ...] = (),
) -> Report:
    """Every record and every site of the source against the org."""
    report = Report()
    other = tuple(f"{practice}:{kind}:" for kind in other_kinds)
    patients = {
        f"{practice}:patient:{row['PatientID']}": announced.corrected("Patient", row["PatientID"], row)
        for row in source.patients
        if not announced.absent("Patient", row["PatientID"])
    }
    exams = {
        f"{practice}:exam:{row['ExamID']}": row
        for row in source.exams
        if not announced.absent("ClinicalExam", row["ExamID"])
    }
    known_exams = {row["ExamID"] for row in source.exams}
    rows_of: dict[Any, list[Row]] = defaultdict(list)
    for row in source.chart:
        rows_of[row["ExamID"]].append(row)
        if row["ExamID"] not in known_exams and not announced.absent(
            "PeriodontalCharting", row["ChartingID"]
        ):
            report.add("without exam", "PeriodontalCharting", "ExamID", str(row["ChartingID"]))

    home = f"{practice}:practice:{practice}"
    accounts = by_key(report, "Account", org.accounts, [home], other)
    contacts = by_key(report, "Contact", org.contacts, patients, other)
    records = by_key(report, "ClinicalExam__c", org.exams, exams, other)
    for key, contact in contacts.items():
        compare_fields(report, "Contact", key, patients[key], contact, CONTACT_FIELDS)
        compare_moment(
            report, "Contact", key, "Original_Create_Date__c", patients[key]["CreatedAt"],
            contact.get("Original_Create_Date__c"), zone,
        )  # fmt: skip
        if contact.get("AccountId") != accounts.get(home, {}).get("Id"):
            report.add("differs", "Contact", "AccountId", key)
    for key, record in records.items():
        exam = exams[key]
        compare_fields(report, "ClinicalExam__c", key, exam, record, EXAM_FIELDS)
        compare_moment(
            report, "ClinicalExam__c", key, "Exam_Time__c", exam["ExamDate"], record.get("Exam_Time__c"), zone
        )
        patient = contacts.get(f"{practice}:patient:{exam['PatientID']}", {})
        if not patient or record.get("Contact__c") != patient.get("Id"):
            report.add("differs", "ClinicalExam__c", "Contact__c", key)
        compare_chart(report, key, exam, rows_of[exam["ExamID"]], record, announced)
    report.counts["patients compared"] = len(contacts)
    report.counts["exams compared"] = len(records)
    return report
