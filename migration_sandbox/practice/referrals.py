"""The table Referral: who sent a patient here, and to whom the practice sent one on."""

import numpy as np
import polars as pl

from migration_sandbox.practice import names
from migration_sandbox.practice.draw import LAST_DAY, blank_out, office_times, pick, stream, weekday
from migration_sandbox.practice.narratives import referral_remarks
from migration_sandbox.practice.people import phones
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_FIRST = 80_000
# The last of the address book have never referred anybody.
SILENT = 12
_INCOMING = ("completed", "accepted", "received", "declined", "Completed")
_OUTGOING = ("sent", "accepted", "completed", "declined", "Sent")
_TYPES = ("Consultation", "Implant evaluation", "Second opinion", "Perio evaluation", None)
_TYPES_OUT = ("Endodontic evaluation", "Restoration", "Orthodontics", "Oral surgery", "Biopsy")


def referrals(register: Register) -> pl.DataFrame:
    """Two thirds of the patients came by referral, a fifth was sent on; a known dentist is linked."""
    rng = stream(register.seed, "referral")
    everybody = np.arange(register.patients.height)
    came = everybody[rng.random(len(everybody)) < 0.66]
    went = everybody[rng.random(len(everybody)) < 0.2]
    patient = np.concatenate([came, went])
    count = len(patient)
    incoming = pl.Series(np.arange(count) < len(came))
    since = register.exam_days()[register.last_exam()][went]
    day = np.concatenate(
        [register.first_day()[came] - rng.integers(5, 60, len(came)), since + rng.integers(0, 4, len(went))]
    )
    day = weekday(day)

    dentists = register.providers.filter(pl.col("IsReferring"))
    dentists = dentists.head(dentists.height - SILENT)
    # A few send most: the place in the address book is drawn with its square.
    chosen = (rng.random(count) ** 2 * dentists.height).astype(np.int64)
    known = pl.Series(rng.random(count) < 0.75)
    name = ("Dr. " + dentists["FirstName"] + " ").fill_null("Dr. ") + dentists["LastName"]
    stranger = pick(rng, ("Dr. ", "", "Prof. "), count) + pick(rng, names.FEMALE + names.MALE, count)
    stranger = stranger + " " + pick(rng, names.LAST, count)
    status = pick(rng, _INCOMING, count, (5, 2, 2, 0.5, 1)).zip_with(incoming, pick(rng, _OUTGOING, count))
    done = (status.str.to_lowercase() == "completed").to_numpy()
    completed = weekday(np.minimum(day + rng.integers(10, 90, count), LAST_DAY))
    type_out = pick(rng, _TYPES_OUT, count)
    frame = pl.DataFrame(
        {
            "ReferralID": _FIRST + np.arange(count),
            "PatientID": register.patient_ids.gather(patient),
            "Direction": pl.Series(["outgoing"] * count).set(incoming, "incoming"),
            "ProviderID": dentists["ProviderID"].gather(chosen).set(~known, None),
            "ReferrerName": name.gather(chosen).zip_with(known, stranger),
            "ReferrerPractice": dentists["PracticeName"]
            .gather(chosen)
            .zip_with(known, blank_out(rng, pick(rng, names.OUTSIDE_PRACTICES, count), 0.5)),
            "ReferrerPhone": dentists["Phone"].gather(chosen).zip_with(known, phones(rng, count)),
            "ReferrerEmail": dentists["Email"].gather(chosen).set(~known, None),
            "ReferralType": pick(rng, _TYPES, count).zip_with(incoming, type_out),
            "Status": status,
            "ReferredAt": pl.Series(day.astype("datetime64[D]")),
            "CompletedAt": pl.Series(completed.astype("datetime64[D]")).set(pl.Series(~done), None),
            "Notes": referral_remarks(rng, count),
            "ModifiedAt": office_times(rng, np.where(done, completed, day)),
        }
    )
    return as_table("Referral", frame)
