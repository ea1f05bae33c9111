"""Rows of Document that no letter or radiograph owns: scanned papers of patients, and the practice's own."""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import LAST_DAY, office_times, stream, weekday
from migration_sandbox.practice.images import jpeg, picture
from migration_sandbox.practice.pdf import one_page
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_MEDICAL_HISTORY = ("Allergies: none known.", "Medication: metformin.", "Signed by the patient.")
_REPORT = "Biopsy: fibrous tissue, no dysplasia.\r\nBefund: unauffällig.\r\n"


def other_documents(register: Register, first_document: int) -> pl.DataFrame:
    """Papers of a third of the patients, half of them more than one kind, and two papers of nobody's."""
    rng = stream(register.seed, "paper")
    card = jpeg(picture(rng, 96, 64)).with_comment("insurance card")
    # Name, MIME type as the scanner's program gives it, if at all, and content.
    kinds: tuple[tuple[str, str | None, bytes], ...] = (
        ("Medical history & consent.pdf", "application/pdf", one_page("Medical history", _MEDICAL_HISTORY)),
        ("Insurance card #1.JPG", "image/jpeg", card),
        ("Befund Müller Labor.txt", "text/plain", _REPORT.encode()),
        ("scan0001", None, card),
    )
    owners = np.flatnonzero(rng.random(register.patients.height) < 0.33)
    owners = np.repeat(owners, rng.integers(1, 3, len(owners)))
    kind = rng.integers(0, len(kinds), len(owners))
    created = office_times(
        rng, weekday(np.minimum(register.first_day()[owners] + rng.integers(0, 400, len(owners)), LAST_DAY))
    )
    made = np.append(created, office_times(rng, np.array([LAST_DAY - 400, LAST_DAY - 30])))
    chosen = [kinds[which] for which in kind.tolist()]
    chosen += [
        (title + ".pdf", "application/pdf", one_page(title, [title]))
        for title in ("Fee schedule", "Price list")
    ]
    frame = pl.DataFrame(
        {
            "DocumentID": first_document + np.arange(len(chosen)),
            "PatientID": pl.concat(
                [register.patient_ids.gather(owners), pl.Series([None, None], dtype=pl.Int32)]
            ),
            "FileName": [name for name, _, _ in chosen],
            "MimeType": [mime_type for _, mime_type, _ in chosen],
            "Content": pl.Series([content for _, _, content in chosen], dtype=pl.Binary),
            "CreatedAt": made,
            "ModifiedAt": made,
        }
    )
    return as_table("Document", frame)
