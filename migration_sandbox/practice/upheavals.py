"""Changes that no day's routine makes, each a trap for whoever follows a database's changes.

They are events like those of events.py, for ``Days.step``; they are drawn where ``Days`` is given UPHEAVALS
with its events.
"""

from random import Random

from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.events import Event


def note_rekeyed(desk: Desk, rng: Random) -> None:
    """A note under a new primary key."""
    note = desk.one("ClinicalNote", rng.random())
    if note is not None:
        desk.rekey("ClinicalNote", note["NoteID"])


def staff_updated_at_once(desk: Desk, rng: Random) -> None:
    """One UPDATE of every row of a table."""
    desk.update_all("StaffUser", "Active", rng.random() < 0.5)


def insurance_refilled(desk: Desk, _: Random) -> None:
    """A table truncated and filled again as it was, in one transaction."""
    desk.refill("Insurance")


def patient_corrected_twice(desk: Desk, rng: Random) -> None:
    """A row changed and changed back, in one transaction: its row version is all that is new."""
    patient = desk.one("Patient", rng.random())
    if patient is not None:
        desk.update("Patient", patient["PatientID"], PreferredName="Twice")
        desk.update("Patient", patient["PatientID"], PreferredName=patient["PreferredName"])


def chart_corrected_unstamped(desk: Desk, rng: Random) -> None:
    """A correction by a script that leaves ModifiedAt as it was."""
    row = desk.one("PeriodontalCharting", rng.random(), "PocketDepth_L IS NOT NULL")
    if row is not None:
        depth = row["PocketDepth_L"] % 9 + 1
        desk.update(
            "PeriodontalCharting", row["ChartingID"], PocketDepth_L=depth, ModifiedAt=row["ModifiedAt"]
        )


UPHEAVALS: dict[Event, float] = {
    note_rekeyed: 0.2, staff_updated_at_once: 0.05, insurance_refilled: 0.05, patient_corrected_twice: 0.3,
    chart_corrected_unstamped: 0.3,
}  # fmt: skip
"""How often each happens in an hour of the office's, where somebody wants them."""
