"""What each note and each appointment's description must say, and on which record a note must be.

A clinical note, a visit's notes, a plan's narrative, an exam with its whole chart, a referral, a letter, a
radiograph and a paper are a note each, with what has no field of its own; so is a plan's line where an
account has no modules. Values of other rows stand there wherever those rows aren't rejected themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import markup, words
from migration_assets_tests.blackbox.derived import classification_line
from migration_assets_tests.blackbox.file_names import document_name, last_part, letter_type, time_of
from migration_assets_tests.blackbox.freshsales.derived import provider_names
from migration_assets_tests.blackbox.freshsales.exams import Exam
from migration_assets_tests.blackbox.freshsales.texts import (
    ANYTHING,
    Block,
    block,
    block_of_lines,
    told_number,
    told_times,
)
from migration_assets_tests.blackbox.records import MOST_MINUTES
from migration_assets_tests.blackbox.report import RENAMED, Announced, Row
from migration_assets_tests.blackbox.words import UNUSABLE

_CONTACT = "patient"
_PERCENT = words.within(0, 100, "0.01")
_COST = words.within(0, 10**12, "0.01")
_WEEKS = words.within(0, 260)
_MINUTES = words.within(0, MOST_MINUTES)


@dataclass(frozen=True)
class Written:
    """A text of the key ``<practice>:<space>:<id>``; ``on``: key space and id of the record that it is on,
    None for the practice's own account. ``exam``: the one whose chart stands at its end."""

    space: str
    number: Any
    on: tuple[str, Any] | None
    blocks: list[Block]
    exam: Exam | None = None


class Notes:
    """All texts of a practice, out of tables as ``derived`` makes them."""

    def __init__(
        self,
        tables: Mapping[str, list[Row]],
        announced: Announced,
        of_exams: Mapping[Any, Exam],
        zone: ZoneInfo,
        *,
        modules: bool,
    ) -> None:
        self._tables, self._announced, self._exams = tables, announced, of_exams
        self._modules = modules
        self._time = told_times(zone)
        self._provider = provider_names(tables["Provider"], announced)

    def appointments(self) -> dict[Any, list[Block]]:
        """Descriptions by AppointmentID."""
        return {
            row["AppointmentID"]: [
                *block("Status", words.lines(row["Status"])),
                *block("Visit type", words.lines(row["SessionType"])),
                *block("Duration in minutes", told_number(_MINUTES(row["DurationMinutes"]))),
                *block("Provider", self._provider(row["ProviderID"])),
                *block("PANDA appointment", str(row["AppointmentID"])),
                *block("Created in PANDA", self._time(row["CreatedAt"])),
            ]
            for row in self._rows("Appointment", "AppointmentID")
        }

    def all(self) -> Iterator[Written]:
        yield from self._clinical()
        yield from self._visits()
        yield from self._plans()
        if not self._modules:
            yield from self._lines()
        yield from self._exam_notes()
        yield from self._referrals()
        yield from self._letters()
        yield from self._radiographs()
        yield from self._papers()

    def _rows(self, table: str, key: str) -> Iterator[Row]:
        for row in self._tables[table]:
            if not self._announced.absent(table, row[key]):
                yield self._announced.corrected(table, row[key], row)

    def _known(self, table: str, key: str) -> dict[str, Row]:
        """Rows that others may quote: all but the rejected ones."""
        return {
            str(row[key]): self._announced.corrected(table, row[key], row)
            for row in self._tables[table]
            if not self._announced.rejected(table, row[key])
        }

    @cached_property
    def _appointments(self) -> dict[str, Row]:
        return self._known("Appointment", "AppointmentID")

    @cached_property
    def _plan_rows(self) -> dict[str, Row]:
        return self._known("TreatmentPlan", "PlanID")

    @cached_property
    def _referral_rows(self) -> dict[str, Row]:
        return self._known("Referral", "ReferralID")

    @cached_property
    def _documents(self) -> dict[str, Row]:
        return self._known("Document", "DocumentID")

    def _visit(self, row: Row | None) -> list[Any]:
        if row is None:
            return []
        texts = (words.lines(row["SessionType"]), words.lines(row["Status"]))
        return [self._time(row["StartsAt"]), *texts]

    def _clinical(self) -> Iterator[Written]:
        for row in self._rows("ClinicalNote", "NoteID"):
            visit = (
                None if row["AppointmentID"] is None else self._appointments.get(str(row["AppointmentID"]))
            )
            yield Written(
                "note",
                row["NoteID"],
                (_CONTACT, row["PatientID"]),
                [
                    *block(None, words.note_title(row["NoteType"], row["CreatedAt"])),
                    *block("Type", words.lines(row["NoteType"])),
                    *block("Written", self._time(row["CreatedAt"])),
                    *block("Visit", *self._visit(visit)),
                    *block("PANDA appointment", words.text(row["AppointmentID"])),
                    *block("Provider", self._provider(row["ProviderID"])),
                    *block("Subjective", words.lines(row["Subjective"])),
                    *block("Objective", words.lines(row["Objective"])),
                    *block("Assessment", words.lines(row["Assessment"])),
                    *block("Plan", words.lines(row["Plan"])),
                    *block("Note", markup.readable(words.lines(row["Body"]))),
                ],
            )

    def _visits(self) -> Iterator[Written]:
        for row in self._rows("Appointment", "AppointmentID"):
            if words.lines(row["Notes"]) is not None:
                blocks = [
                    *block(None, "Visit note"),
                    *block("Visit", *self._visit(row)),
                    *block("PANDA appointment", str(row["AppointmentID"])),
                    *block("Provider", self._provider(row["ProviderID"])),
                    *block("Note", words.lines(row["Notes"])),
                ]
                yield Written("appointment_note", row["AppointmentID"], (_CONTACT, row["PatientID"]), blocks)

    def _plans(self) -> Iterator[Written]:
        for row in self._rows("TreatmentPlan", "PlanID"):
            if words.lines(row["TreatmentNotes"]) is not None:
                blocks = [
                    *block(None, "Treatment plan narrative"),
                    *block("Plan", words.lines(row["PlanName"])),
                    *block("Created in PANDA", self._time(row["CreatedAt"])),
                    *block("Provider", self._provider(row["ProviderID"])),
                    *block("Narrative", words.lines(row["TreatmentNotes"])),
                ]
                yield Written("plan_note", row["PlanID"], ("plan", row["PlanID"]), blocks)

    def _lines(self) -> Iterator[Written]:
        for row in self._rows("TreatmentPlanLine", "LineID"):
            blocks = [
                *block(None, "Treatment plan line"),
                *block("Sequence", told_number(row["Sequence"])),
                *block("Phase", words.lines(row["Phase"])),
                *block("CDT code", words.procedure_code(row["ProcedureCode"])),
                *block("Tooth site", words.lines(row["ToothSite"])),
                *block("Scheduled", words.day(row["ScheduledDate"])),
                *block("Healing weeks", told_number(_WEEKS(row["HealingWeeks"]))),
                *block("Status", words.lines(row["Status"])),
                *block("Estimated cost", told_number(_COST(row["EstimatedCost"]))),
                *block("Description", words.lines(row["Description"])),
            ]
            yield Written("plan_line_note", row["LineID"], ("plan", row["PlanID"]), blocks)

    def _exam_notes(self) -> Iterator[Written]:
        findings = self._of_exams("ExamFinding", "FindingID")
        classified = self._of_exams("PeriodontalClassification", "ClassificationID")
        for row in self._rows("ClinicalExam", "ExamID"):
            exam = self._exams[row["ExamID"]]
            incomplete = "yes" if exam.rejected else "no"
            blocks = [
                *block(None, "Periodontal charting"),
                *block("PANDA exam", str(row["ExamID"])),
                *block("Examined", self._time(row["ExamDate"])),
                *block("Type", words.lines(row["ChartingType"])),
                *block("Tooth numbering", words.numbering_system(row["ToothNumberingSystem"])),
                *block("Plaque index in percent", told_number(_PERCENT(row["PlaqueIndex"]))),
                *block("Bleeding index in percent", told_number(_PERCENT(row["BleedingIndex"]))),
                *block("Chart incomplete", incomplete),
                *block("Teeth not migrated", str(exam.rejected)),
                *block("Provider", self._provider(row["ProviderID"])),
                *block_of_lines(
                    "Classification", map(classification_line, classified.get(row["ExamID"], ()))
                ),
                *block_of_lines("Findings", filter(None, map(_finding, findings.get(row["ExamID"], ())))),
                *block("Created in PANDA", self._time(row["CreatedAt"])),
                *block("Notes", words.lines(row["Notes"])),
            ]
            yield Written("exam_note", row["ExamID"], (_CONTACT, row["PatientID"]), blocks, exam)

    def _of_exams(self, table: str, key: str) -> dict[Any, list[Row]]:
        rows: dict[Any, list[Row]] = {}
        for row in sorted(self._tables[table], key=lambda each: int(each[key])):
            if not self._announced.rejected(table, row[key]):
                rows.setdefault(row["ExamID"], []).append(self._announced.corrected(table, row[key], row))
        return rows

    def _referrals(self) -> Iterator[Written]:
        for row in self._rows("Referral", "ReferralID"):
            blocks = [
                *block(None, words.referral_title(row["Direction"], row["ReferredAt"])),
                *block("Direction", words.direction(row["Direction"])),
                *block("Referred", words.day(row["ReferredAt"])),
                *block("Completed", words.day(row["CompletedAt"])),
                *block("Type", words.lines(row["ReferralType"])),
                *block("Status", words.referral_status(row["Status"])),
                *block("Dentist", self._provider(row["found.ProviderID"])),
                *block("Dentist as written", words.lines(row["ReferrerName"])),
                *block("Practice", words.lines(row["ReferrerPractice"])),
                *block("Phone", words.lines(row["ReferrerPhone"])),
                *block("Email", words.address(row["ReferrerEmail"])),
                *block("Notes", words.lines(row["Notes"])),
            ]
            yield Written("referral_note", row["ReferralID"], (_CONTACT, row["PatientID"]), blocks)

    def _letters(self) -> Iterator[Written]:
        templates = {row["TemplateID"]: words.lines(row["Name"]) for row in self._tables["LetterTemplate"]}
        for row in self._rows("Letter", "LetterID"):
            template = row["TemplateID"]
            plan, referral = (
                self._plan_rows.get(str(row["PlanID"])),
                self._referral_rows.get(str(row["ReferralID"])),
            )
            document = self._documents.get(str(row["DocumentID"]))
            blocks = [
                *block(None, "Letter"),
                *block("Sent", self._time(time_of(row["SentAt"]))),
                *block("Type", words.as_lines(letter_type(row["LetterType"]))),
                *block("To", words.lines(row["Recipient"])),
                *block("Subject", words.lines(row["Subject"])),
                *block("Template", None if template is None else templates.get(template) or UNUSABLE),
                *block("Provider", self._provider(row["ProviderID"])),
                *block("Treatment plan", None if plan is None else words.title(plan["PlanName"])),
                *block("Referral", _referral(referral)),
                *self._file(document, "File"),
                *block("PANDA letter", str(row["LetterID"])),
            ]
            yield Written("letter_note", row["LetterID"], (_CONTACT, row["PatientID"]), blocks)

    def _radiographs(self) -> Iterator[Written]:
        share = {row["Path"].strip() for row in self._tables["share."]}
        for row in self._rows("Radiograph", "RadiographID"):
            path = words.text(row["FilePath"])
            document = self._documents.get(str(row["DocumentID"]))
            no_image = document is None if path is None else path not in share
            blocks = [
                *block(None, "Radiograph"),
                *block("Radiograph date", self._time(time_of(row["TakenAt"], date.today()))),
                *block("Tooth site", words.lines(row["ToothSite"])),
                *block("Type", words.lines(row["ImageType"])),
                *block("File", last_part(row["FilePath"])),
                *self._file(document, "Document"),
                *([Block("No image", ANYTHING)] if no_image else []),
                *block("PANDA radiograph", str(row["RadiographID"])),
            ]
            yield Written("radiograph_note", row["RadiographID"], (_CONTACT, row["PatientID"]), blocks)

    def _papers(self) -> Iterator[Written]:
        """Of documents that are no letter's and no radiograph's."""
        named = {row["DocumentID"] for table in ("Letter", "Radiograph") for row in self._tables[table]}
        for row in self._rows("Document", "DocumentID"):
            if row["DocumentID"] not in named:
                blocks = [
                    *block(None, "Document"),
                    *block("Filed", self._time(time_of(row["CreatedAt"]))),
                    *block("File", self._file_name(row)),
                    *block("MIME type", words.lines(row["MimeType"])),
                    *block("PANDA document", str(row["DocumentID"])),
                ]
                on = None if row["PatientID"] is None else (_CONTACT, row["PatientID"])
                yield Written("document_note", row["DocumentID"], on, blocks)

    def _file(self, document: Row | None, label: str) -> list[Block]:
        if document is None:
            return []
        filed = self._time(time_of(document["CreatedAt"]))
        return [*block(label, self._file_name(document)), *block("Filed", filed)]

    def _file_name(self, row: Row) -> Any:
        written = words.text(row["FileName"])
        name = document_name(row["DocumentID"], written, row["MimeType"])
        mended = self._announced.says("Document", row["DocumentID"], "FileName", *RENAMED)
        return name if name == written or mended else UNUSABLE


def _finding(row: Row) -> str | None:
    site = words.site(row["Site"])
    told = (
        words.lines(row["raw.Tooth"]),
        site,
        words.lines(row["FindingName"]),
        words.lines(row["FindingValue"]),
    )
    return ", ".join(str(each) for each in told if each is not None) or None


def _referral(row: Row | None) -> Any:
    return None if row is None else words.referral_title(row["Direction"], row["ReferredAt"])
