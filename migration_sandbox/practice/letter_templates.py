"""The table LetterTemplate: bodies with merge fields and conditions, as a practice writes them."""

from datetime import datetime

import polars as pl

from migration_sandbox.practice.schema import as_table

TO_PATIENT, TO_PATIENT_SHORT, TO_DENTIST, TO_SPECIALIST, RECALL = 1, 2, 3, 4, 5
_TEMPLATES: tuple[tuple[str, str | None, str], ...] = (
    (
        "Treatment plan to patient",
        "Patient",
        "Dear <<Patient.FirstName>> <<Patient.LastName>>,\r\n\r\n"
        "thank you for your visit on <<Exam.Date>>. We propose: <<Plan.Lines>>.\r\n"
        "<<IF Plan.EstimatedCost > 1000>>Please ask us about payment in instalments.<<END IF>>\r\n"
        "<<IF Insurance.Carrier>>We have sent an estimate to <<Insurance.Carrier>>"
        "<<IF Insurance.Secondary>> and to your second insurance<<END IF>>.<<END IF>>\r\n\r\n"
        "Sincerely,\r\n<<Provider.FullName>>, <<Provider.Credentials>>",
    ),
    (
        "Treatment plan, short",
        "Patient",
        "Dear <<Patient.PreferredName>>,\r\nyour plan: <<Plan.Name>>, <<Plan.EstimatedCost>>.\r\n",
    ),
    (
        "Report to referring dentist",
        "Referring dentist",
        "{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Segoe UI;}}\\f0\\fs22"
        " Dear Dr. <<Referral.ReferrerName>>,\\par\r\n"
        "{\\b Re:} <<Patient.FullName>>, born <<Patient.DateOfBirth>>,"
        " chart <<Patient.ChartNumber>>\\par\r\n"
        "<<IF Classification.Stage>>Stage <<Classification.Stage>>,"
        " grade <<Classification.Grade>>.<<END IF>>\\par\r\n}",
    ),
    (
        "Referral to specialist",
        "Specialist",
        "Dear colleague,\r\nplease see <<Patient.FullName>> for <<Referral.Type>>.\r\n"
        "<<IF Patient.Allergies>>Allergies: <<Patient.Allergies>><<END IF>>\r\nThank you.",
    ),
    (
        "Recall",
        "Patient",
        "<html><body><p>Dear <<Patient.FirstName>>,</p>"
        "<p>it is time for your visit. "
        "<<IF Appointment.Next>>See you on <<Appointment.Next>>.<<END IF>></p></body></html>",
    ),
    (
        "Surgery instructions (español)",
        "Patient",
        "Estimado/a <<Patient.FirstName>>:\r\nNo coma nada seis horas antes de la cirugía.\r\n",
    ),
    (
        "Insurance narrative",
        "Insurance",
        "To <<Insurance.Carrier>>, policy <<Insurance.PolicyNumber>>:\r\n<<Plan.TreatmentNotes>>",
    ),
    ("Empty letterhead", None, "<<Practice.Name>>\r\n<<Practice.Address>>\r\n<<Date.Today>>\r\n"),
)


def letter_templates() -> pl.DataFrame:
    frame = pl.DataFrame(
        [
            (number, name, category, body, datetime(2021, 2, number, 10, 0))
            for number, (name, category, body) in enumerate(_TEMPLATES, start=1)
        ],
        schema=["TemplateID", "Name", "Category", "Body", "ModifiedAt"],
        orient="row",
    )
    return as_table("LetterTemplate", frame)
