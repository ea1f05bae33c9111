"""What the front desk does besides appointments: people, referrals, papers, mistakes and their mending.

Events as in events.py, of which this is a part. A mistake is a row that no migration takes as it stands; at
most one of each kind is open at a time, and ``OPEN_MISTAKES`` finds it in the database.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import numpy as np

from migration_sandbox.practice.desk import Desk, Row
from migration_sandbox.practice.images import picture, png
from migration_sandbox.practice.pdf import one_page

_FAMILY = ("Acosta", "Bergman", "Chaudhry", "Delacroix", "Eklund", "Fontaine", "Grabowski", "Hollis")
_GIVEN = ("Amelie", "Boris", "Cyril", "Dagmar", "Elias", "Frida", "Gustav", "Hanne")
_PRACTICES = ("Lakeside Dental", "Elm Street Dentistry", "Harbor Family Dental", None)
_REFERRALS = ("Consultation", "Implant evaluation", "Second opinion")
_NEXT_REFERRAL = {"received": "accepted", "sent": "accepted", "accepted": "completed"}
_CARRIERS = ("Evergreen Dental", "Prairie Mutual", "Summit Health")
_OLE_ZERO = datetime(1899, 12, 30, 9)

OPEN_MISTAKES = {
    "Patient": "LastName IS NULL AND ChartNumber LIKE 'X%'",
    "Referral": "Direction = 'sideways'",
    "Appointment": "StartsAt < '1900-01-01' AND Status = 'Cancelled'",
}
"""By table the condition that a mistake made here meets."""


def _patient(desk: Desk, rng: Random) -> Row | None:
    return desk.one("Patient", rng.random(), "Inactive = 0")


def name_corrected(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is not None:
        change = (
            {"LastName": rng.choice(_FAMILY)} if rng.random() < 0.5 else {"FirstName": rng.choice(_GIVEN)}
        )
        desk.update("Patient", patient["PatientID"], **change)


def moved_house(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is not None:
        street = f"{rng.randrange(1, 990)} {rng.choice(('Oak', 'Pine', 'Walnut'))} Avenue"
        desk.update(
            "Patient",
            patient["PatientID"],
            Address1=street,
            Address2=None,
            Zip=f"{rng.randrange(10_001, 99_900)}",
        )


def patient_unregistered(desk: Desk, rng: Random) -> None:
    """One of those who registered and never came: nothing else names them."""
    nothing = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM dbo.{table} t WHERE t.PatientID = Patient.PatientID)"
        for table in (
            "Appointment",
            "ClinicalExam",
            "TreatmentPlan",
            "Referral",
            "Document",
            "Letter",
            "ClinicalNote",
        )
    )
    found = desk.one("Patient", rng.random(), f"ChartNumber LIKE 'N%' AND {nothing}")
    if found is not None:
        desk.delete("Patient", found["PatientID"])


def insurance_changed(desk: Desk, rng: Random) -> None:
    row = desk.one("Insurance", rng.random(), "Active = 1")
    if row is not None:
        policy = f"PX{rng.randrange(10**7):07d}"
        desk.update("Insurance", row["InsuranceID"], Carrier=rng.choice(_CARRIERS), PolicyNumber=policy)


def diagnosis_changed(desk: Desk, rng: Random) -> None:
    row = desk.one("PeriodontalClassification", rng.random())
    if row is not None:
        key = row["ClassificationID"]
        desk.update(
            "PeriodontalClassification",
            key,
            Stage=rng.choice(("I", "II", "III", "IV")),
            Grade=rng.choice("ABC"),
        )


def referral_received(desk: Desk, rng: Random) -> None:
    """By a dentist who is in free text alone, or of the address book."""
    patient = _patient(desk, rng)
    if patient is None:
        return
    known = (
        desk.one("Provider", rng.random(), "IsReferring = 1 AND LastName > 'A'")
        if rng.random() < 0.3
        else None
    )
    stranger = f"Dr. {rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"
    desk.insert(
        "Referral",
        PatientID=patient["PatientID"],
        Direction="incoming",
        ProviderID=known["ProviderID"] if known else None,
        ReferrerName=f"Dr. {known['LastName']}" if known else stranger,
        ReferrerPractice=known["PracticeName"] if known else rng.choice(_PRACTICES),
        ReferralType=rng.choice(_REFERRALS),
        Status="received",
        ReferredAt=desk.now.date(),
        Notes="Asked to be called back.",
    )


def referral_moved_on(desk: Desk, rng: Random) -> None:
    row = desk.one(
        "Referral", rng.random(), "Status IN ('received', 'sent', 'accepted') AND Direction <> 'sideways'"
    )
    if row is not None:
        status = _NEXT_REFERRAL[row["Status"].lower().rstrip()]
        done = {"CompletedAt": desk.now.date()} if status == "completed" else {}
        desk.update("Referral", row["ReferralID"], Status=status, **done)


def dentist_moved(desk: Desk, rng: Random) -> None:
    """A row that belongs to no patient and stands in many patients' records."""
    row = desk.one("Provider", rng.random(), "IsReferring = 1")
    if row is not None:
        desk.update(
            "Provider", row["ProviderID"], Phone=f"(212) 55{rng.randrange(6)}-{rng.randrange(10_000):04d}"
        )


def paper_scanned(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is not None:
        number = rng.randrange(10**6)
        desk.insert(
            "Document",
            PatientID=patient["PatientID"],
            FileName=f"scan {number:06d}.pdf",
            MimeType="application/pdf",
            Content=one_page("Consent", [f"Form {number:06d}"]),
        )


def paper_thrown_away(desk: Desk, rng: Random) -> None:
    row = desk.one("Document", rng.random(), "FileName LIKE 'scan %.pdf'")
    if row is not None:
        desk.delete("Document", row["DocumentID"])


def radiograph_taken(desk: Desk, rng: Random) -> None:
    patient = _patient(desk, rng)
    if patient is None:
        return
    number = rng.randrange(10**6)
    image = png(picture(np.random.default_rng(number), 64, 88))
    file = desk.insert(
        "Document",
        PatientID=patient["PatientID"],
        FileName=f"IMG_{number:06d}.png",
        MimeType=image.mime_type,
        Content=image.with_comment(f"radiograph {number}"),
    )
    desk.insert(
        "Radiograph", PatientID=patient["PatientID"], ToothSite=None, ImageType="Bitewing",
        TakenAt=desk.now.replace(microsecond=0), DocumentID=file,
    )  # fmt: skip


def mistake_made(desk: Desk, rng: Random) -> None:
    """Of somebody whom no other event chooses, so that the mistake is one row's alone."""
    table = rng.choice(list(OPEN_MISTAKES))
    patient = _patient(desk, rng)
    if patient is None or desk.one(table, 0.0, OPEN_MISTAKES[table]) is not None:
        return
    if table == "Patient":
        number = f"X{desk.next_key('Patient'):06d}"
        desk.insert("Patient", ChartNumber=number, FirstName=rng.choice(_GIVEN), Sex="F", Inactive=True)
    elif table == "Referral":
        desk.insert(
            "Referral", PatientID=patient["PatientID"], Direction="sideways", Status="received",
            ReferrerName=f"Dr. {rng.choice(_GIVEN)} {rng.choice(_FAMILY)}", ReferredAt=desk.now.date(),
        )  # fmt: skip
    else:
        desk.insert(
            "Appointment", PatientID=patient["PatientID"], ProviderID=patient["PrimaryProviderID"],
            SessionType="Periodontal Maintenance", StartsAt=_OLE_ZERO, DurationMinutes=45, Status="Cancelled",
        )  # fmt: skip


def mistake_mended(desk: Desk, rng: Random) -> None:
    for table in rng.sample(list(OPEN_MISTAKES), len(OPEN_MISTAKES)):
        row = desk.one(table, 0.0, OPEN_MISTAKES[table])
        if row is None:
            continue
        if table == "Patient":
            desk.update(table, row["PatientID"], LastName=rng.choice(_FAMILY), Inactive=False)
        elif table == "Referral":
            desk.update(table, row["ReferralID"], Direction="incoming")
        else:
            starts = (desk.now + timedelta(days=rng.randrange(2, 30))).replace(
                hour=9, minute=0, second=0, microsecond=0
            )
            desk.update(table, row["AppointmentID"], StartsAt=starts, Status="Scheduled")
        return


FRONT_DESK: dict[Callable[[Desk, Random], None], float] = {
    name_corrected: 0.5, moved_house: 0.5, patient_unregistered: 0.1, insurance_changed: 0.5,
    diagnosis_changed: 0.3, referral_received: 0.8, referral_moved_on: 0.5, dentist_moved: 0.1,
    paper_scanned: 0.8, paper_thrown_away: 0.1, radiograph_taken: 0.5, mistake_made: 0.5, mistake_mended: 0.5,
}  # fmt: skip
"""How often each happens in an hour of the office's."""
