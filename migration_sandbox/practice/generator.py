"""A whole practice out of a seed and a size, and its way into a database of the sandbox's SQL server.

Each table is a module of its own; this one only joins them. The data of a seed never changes with the day
it is generated on: time ends on a fixed day (``draw.LAST_DAY``).
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from migration_sandbox.practice import chart_defects, defects
from migration_sandbox.practice.canaries import Canaries
from migration_sandbox.practice.charting import chart, indices
from migration_sandbox.practice.draft import Draft
from migration_sandbox.practice.draw import stream
from migration_sandbox.practice.exams import exams, schedule
from migration_sandbox.practice.field import Field
from migration_sandbox.practice.manifest import Manifest
from migration_sandbox.practice.mouth import mouths
from migration_sandbox.practice.people import patients as patient_table
from migration_sandbox.practice.people import providers
from migration_sandbox.practice.schema import ddl
from migration_sandbox.practice.teeth import Numbering
from migration_sandbox.sqlserver.database import Database

MOST_CANARIES = 30
ORPHANS = ("parent_missing", "orphan_chart_row")


@dataclass(frozen=True)
class Practice:
    """Frames by table name, parents before children, and what is known about them."""

    tables: dict[str, pl.DataFrame]
    manifest: Manifest


def generate(
    seed: int,
    patients: int = 200,
    *,
    name: str = "maple",
    exams_per_patient: float = 5.0,
    numbering: Numbering = "Universal",
    planted: int = 1,
    canaries: int = 6,
) -> Practice:
    """A practice of ``patients`` people, the same for the same arguments.

    ``planted`` is how many times each kind of defect is planted (0: a clean practice; 1 takes about forty
    patients). Raises ValueError when there are too few patients for the defects or too many canaries.
    """
    if not 0 <= canaries <= min(MOST_CANARIES, patients):
        raise ValueError(f"canaries must be between 0 and {MOST_CANARIES} and at most the number of patients")
    visits, first_visit = schedule(seed, patients, exams_per_patient)
    staff = providers(seed, patients)
    inside = staff.filter(~staff["IsReferring"])["ProviderID"].to_list()
    people = patient_table(seed, first_visit, inside)
    rows = chart(seed, visits, mouths(seed, patients), numbering)
    draft = Draft(
        {
            "Provider": staff,
            "Patient": people,
            "ClinicalExam": exams(seed, visits, people["PatientID"], inside, numbering, indices(rows)),
            "PeriodontalCharting": rows,
        }
    )
    marked = Canaries(seed, draft)
    for position in stream(seed, "canary patients").choice(patients, canaries, replace=False):
        marked.plant(int(people["PatientID"][int(position)]))
    field = Field(seed, draft, marked.patients, numbering)
    for _ in range(planted):
        for kind in (*defects.KINDS, *chart_defects.KINDS):
            kind(field)
    tables = draft.finish()
    manifest = Manifest(
        practice=name,
        seed=seed,
        patients=patients,
        numbering=numbering,
        counts={table: frame.height for table, frame in tables.items()},
        defects=tuple(sorted(field.expectations)),
        canaries=marked.standing(tables),
    )
    return Practice(tables, manifest)


def write_database(practice: Practice, path: Path) -> None:
    """Create the database with every table of the schema and fill those that the practice has.

    Where orphans are among the defects, that table's foreign keys are not checked on the way in, as in a
    database whose constraints were once switched off. Raises FileExistsError when there is one already.
    """
    orphaned = {defect.table for defect in practice.manifest.defects if defect.code in ORPHANS}
    path.parent.mkdir(parents=True, exist_ok=True)
    with Database.create(path, ddl()) as database:
        for table, frame in practice.tables.items():
            database.append(table, frame, check_foreign_keys=table not in orphaned)
