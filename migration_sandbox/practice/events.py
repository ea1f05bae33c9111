"""What happens at a practice in a day: each event writes the rows that PANDA would, through a Desk.

An event that finds nothing to work on (no appointment ahead, say) writes nothing. Rows are chosen by the
random stream alone, so that the same seed on the same database is the same day.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from migration_sandbox.practice.desk import Desk, Row
from migration_sandbox.practice.front_desk import FRONT_DESK
from migration_sandbox.practice.pdf import one_page

Event = Callable[[Desk, Random], None]

_SESSIONS = ("Initial Consultation", "Periodontal Maintenance", "Surgical Procedure")
_NEXT_STATUS = {"proposed": "accepted", "accepted": "in-progress", "in-progress": "completed"}
_FAMILY = ("Alder", "Birch", "Cedar", "Hazel", "Juniper", "Larch", "Poplar", "Rowan", "Spruce", "Willow")
_GIVEN = ("Ada", "Bruno", "Clara", "Dario", "Edith", "Felix", "Greta", "Hugo", "Ida", "Jonas")
_STEPS = (("D4341", "Scaling and root planing, per quadrant", "180.00"), ("D4910", "Maintenance", "120.00"))


def _patient(desk: Desk, rng: Random) -> Row | None:
    return desk.one("Patient", rng.random(), "Inactive = 0")


def _phone(rng: Random) -> str:
    return f"(555) {rng.randrange(200, 999)}-{rng.randrange(10_000):04d}"


def appointment_booked(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is not None:
        day = (desk.now + timedelta(days=rng.randrange(1, 60))).replace(
            hour=8, minute=0, second=0, microsecond=0
        )
        desk.insert(
            "Appointment",
            PatientID=patient["PatientID"],
            ProviderID=patient["PrimaryProviderID"],
            SessionType=rng.choice(_SESSIONS),
            StartsAt=day + timedelta(minutes=15 * rng.randrange(36)),
            DurationMinutes=rng.choice((30, 45, 60, 90)),
            Status="Scheduled",
        )


def _ahead(desk: Desk, rng: Random) -> Row | None:
    return desk.one("Appointment", rng.random(), "Status IN ('Scheduled', 'Confirmed')")


def appointment_changed(desk: Desk, rng: Random) -> None:
    found = _ahead(desk, rng)
    if found is None:
        return
    key = found["AppointmentID"]
    if rng.random() < 0.4:
        desk.update("Appointment", key, StartsAt=found["StartsAt"] + timedelta(days=rng.randrange(1, 15)))
    else:
        desk.update("Appointment", key, Status=rng.choice(("Confirmed", "Cancelled", "No-show")))


def appointment_deleted(desk: Desk, rng: Random) -> None:
    found = _ahead(desk, rng)
    if found is not None and not desk.rows("ClinicalNote", "AppointmentID = ?", found["AppointmentID"]):
        desk.delete("Appointment", found["AppointmentID"])


def visit(desk: Desk, rng: Random) -> None:
    """An appointment kept: it is completed, an exam charted tooth by tooth, a note written."""
    found = _ahead(desk, rng)
    if found is None:
        return
    patient, provider = found["PatientID"], found["ProviderID"]
    desk.update("Appointment", found["AppointmentID"], Status="Completed")
    last = desk.one("ClinicalExam", 1.0, "PatientID = ?", patient)
    numbering = last["ToothNumberingSystem"] if last is not None else "Universal"
    chart = desk.rows("PeriodontalCharting", "ExamID = ?", last["ExamID"]) if last is not None else []
    exam = desk.insert(
        "ClinicalExam",
        PatientID=patient,
        ProviderID=provider,
        ExamDate=desk.now.replace(microsecond=0),
        ChartingType="full mouth" if len(chart) > 8 else "limited",
        ToothNumberingSystem=numbering,
        BleedingIndex=f"{rng.randrange(10, 60)}.00",
    )
    left_out = ("ChartingID", "ModifiedAt")
    teeth = [{name: value for name, value in row.items() if name not in left_out} for row in chart]
    desk.insert_all("PeriodontalCharting", [row | {"ExamID": exam} | _measured(row, rng) for row in teeth])
    desk.insert(
        "ClinicalNote",
        PatientID=patient,
        AppointmentID=found["AppointmentID"],
        ProviderID=provider,
        NoteType="progress",
        Body="Charted; oral hygiene reviewed.",
    )


def _measured(charted: Row, rng: Random) -> dict[str, Any]:
    """Some of a tooth's pocket depths measured anew."""
    depths = [name for name, value in charted.items() if name.startswith("PocketDepth") and value is not None]
    return {name: rng.randrange(1, 8) for name in depths if rng.random() < 0.3}


def chart_corrected(desk: Desk, rng: Random) -> None:
    """A tooth's row alone: nothing of its exam's own row changes."""
    row = desk.one("PeriodontalCharting", rng.random(), "PocketDepth_B IS NOT NULL")
    if row is not None:
        desk.update("PeriodontalCharting", row["ChartingID"], PocketDepth_B=row["PocketDepth_B"] % 9 + 1)


def chart_row_deleted(desk: Desk, rng: Random) -> None:
    row = desk.one("PeriodontalCharting", rng.random())
    if row is not None:
        desk.delete("PeriodontalCharting", row["ChartingID"])


def exam_corrected(desk: Desk, rng: Random) -> None:
    exam = desk.one("ClinicalExam", rng.random())
    if exam is not None:
        desk.update("ClinicalExam", exam["ExamID"], PlaqueIndex=f"{rng.randrange(5, 80)}.50")


def plan_proposed(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is None:
        return
    plan = desk.insert(
        "TreatmentPlan",
        PatientID=patient["PatientID"],
        ProviderID=patient["PrimaryProviderID"],
        PlanName="Periodontal therapy",
        TreatmentType="Non-surgical",
        Status="proposed",
        EstimatedCost="300.00",
        TreatmentNotes="Four quadrants, then maintenance.",
        ProposedAt=desk.now.date(),
    )
    lines: list[Row] = [
        {"PlanID": plan, "Sequence": sequence, "Phase": "therapy", "ProcedureCode": code,
         "Description": description, "ToothSite": "UR", "EstimatedCost": cost, "Status": "proposed"}
        for sequence, (code, description, cost) in enumerate(_STEPS, 1)
    ]  # fmt: skip
    desk.insert_all("TreatmentPlanLine", lines)


def plan_moved_on(desk: Desk, rng: Random) -> None:
    plan = desk.one("TreatmentPlan", rng.random(), "Status IN ('proposed', 'accepted', 'in-progress')")
    if plan is not None:
        status = _NEXT_STATUS[plan["Status"].lower().rstrip()]
        desk.update("TreatmentPlan", plan["PlanID"], Status=status)


def plan_line_changed(desk: Desk, rng: Random) -> None:
    """A line alone: nothing of its plan's own row changes."""
    line = desk.one("TreatmentPlanLine", rng.random())
    if line is not None:
        day = (desk.now + timedelta(days=rng.randrange(7, 90))).date()
        desk.update(
            "TreatmentPlanLine", line["LineID"], ScheduledDate=day, EstimatedCost=f"{rng.randrange(900)}.00"
        )


def plan_line_deleted(desk: Desk, rng: Random) -> None:
    line = desk.one("TreatmentPlanLine", rng.random())
    if line is not None:
        desk.delete("TreatmentPlanLine", line["LineID"])


def letter_sent(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is not None:
        file = desk.insert(
            "Document",
            PatientID=patient["PatientID"],
            FileName=f"letter {rng.randrange(10**6):06d}.pdf",
            MimeType="application/pdf",
            Content=one_page("Letter", ["Your next visit is due.", f"Reference {rng.randrange(10**6)}"]),
        )
        desk.insert(
            "Letter", PatientID=patient["PatientID"], ProviderID=patient["PrimaryProviderID"],
            LetterType="to patient", Recipient=patient["LastName"], Subject="Recall", DocumentID=file,
            SentAt=desk.now.replace(microsecond=0),
        )  # fmt: skip


def letter_rewritten(desk: Desk, rng: Random) -> None:
    """A document's content alone: nothing of its letter's own row changes."""
    letter = desk.one("Letter", rng.random(), "DocumentID IS NOT NULL")
    if letter is not None:
        content = one_page("Letter", ["Corrected.", f"Reference {rng.randrange(10**6)}"])
        desk.update("Document", letter["DocumentID"], Content=content)


def patient_corrected(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is not None:
        change = rng.choice(
            ({"MobilePhone": _phone(rng)}, {"Address1": f"{rng.randrange(1, 900)} Elm Street"},
             {"Email": f"patient{patient['PatientID']}@mail.example"})
        )  # fmt: skip
        desk.update("Patient", patient["PatientID"], **change)


def patient_registered(desk: Desk, rng: Random) -> None:
    desk.insert(
        "Patient", ChartNumber=f"N{desk.next_key('Patient'):06d}", FirstName=rng.choice(_GIVEN),
        LastName=rng.choice(_FAMILY), Sex=rng.choice("FM"), MobilePhone=_phone(rng), Inactive=False,
    )  # fmt: skip


EVENTS: dict[Event, float] = {
    appointment_booked: 5, appointment_changed: 4, appointment_deleted: 0.5, visit: 3, chart_corrected: 2,
    chart_row_deleted: 0.2, exam_corrected: 0.5, plan_proposed: 1, plan_moved_on: 1, plan_line_changed: 1.5,
    plan_line_deleted: 0.2, letter_sent: 2, letter_rewritten: 0.3, patient_corrected: 2,
    patient_registered: 0.5, **FRONT_DESK,
}  # fmt: skip
"""How often each happens in an hour of the office's."""
