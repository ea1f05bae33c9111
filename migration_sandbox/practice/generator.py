"""A whole practice out of a seed and a size, and its way into a database of the sandbox's SQL server.

Each table is a module of its own; this one only joins them. The data of a seed never changes with the day
it is generated on: time ends on a fixed day (``draw.LAST_DAY``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from migration_sandbox.practice import (
    chart_defects,
    defects,
    descendants,
    diagnosis_defects,
    file_defects,
    plan_defects,
    provider_defects,
    record_defects,
)
from migration_sandbox.practice.canaries import Canaries
from migration_sandbox.practice.charting import chart, indices
from migration_sandbox.practice.dentition import birth_days, with_mixed_dentition, with_supernumeraries
from migration_sandbox.practice.draft import Draft
from migration_sandbox.practice.draw import Ints, stream
from migration_sandbox.practice.exams import exams, numbering_of_each, schedule
from migration_sandbox.practice.field import Field, order_of_patients
from migration_sandbox.practice.manifest import Manifest
from migration_sandbox.practice.mouth import mouths
from migration_sandbox.practice.oddities import with_oddities
from migration_sandbox.practice.people import dentists_outside, providers
from migration_sandbox.practice.people import patients as patient_table
from migration_sandbox.practice.radiographs import share_files
from migration_sandbox.practice.records import records
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import ddl, table_names
from migration_sandbox.practice.teeth import Habit
from migration_sandbox.sqlserver.database import Database

MOST_CANARIES = 30
ORPHANS = ("parent_missing", "orphan_chart_row")
Tables = Literal["charting", "all"]
"""``charting``: Provider, Patient, ClinicalExam, PeriodontalCharting; ``all``: every table of the schema."""
# One patient in so many is a child, and one in so many has a supernumerary tooth.
_CHILDREN, _SUPERNUMERARY = 30, 70
_NOBODY: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Practice:
    """Frames by table name, parents before children, and what is known about them.

    ``share`` holds the files of the practice's image share, by path with ``/``.
    """

    tables: dict[str, pl.DataFrame]
    manifest: Manifest
    share: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Charted:
    """People and their charts, and the ids of those patients who are canaries or have unusual teeth."""

    register: Register
    rows: pl.DataFrame
    canaries: list[int]
    reserved: list[int]


def generate(
    seed: int,
    patients: int = 200,
    *,
    name: str = "maple",
    exams_per_patient: float = 5.0,
    numbering: Habit = "Universal",
    planted: int = 1,
    canaries: int = 6,
    tables: Tables = "charting",
) -> Practice:
    """A practice of ``patients`` people, the same for the same arguments.

    ``planted`` is how many times each kind of defect is planted (0: a clean practice; 1 takes about forty
    patients, about sixty with all tables). With all tables the four of charting hold the same rows as without
    but for a few patients, who become children or get a tooth more, and for more dentists outside. Raises
    ValueError when there are too few patients for the defects or too many canaries.
    """
    if not 0 <= canaries <= min(MOST_CANARIES, patients):
        raise ValueError(f"canaries must be between 0 and {MOST_CANARIES} and at most the number of patients")
    charted = _charted(seed, patients, exams_per_patient, numbering, canaries, tables)
    register = charted.register
    frames = {
        "Provider": register.providers,
        "Patient": register.patients,
        "ClinicalExam": register.exams,
        "PeriodontalCharting": charted.rows,
    }
    images: dict[int, bytes] = {}
    if tables == "all":
        others, images = records(register)
        others = with_oddities(register, others, charted.canaries)
        frames = {table: (frames | others)[table] for table in table_names()}
    draft = Draft(frames)
    marked = Canaries(seed, draft)
    for patient in charted.canaries:
        marked.plant(patient)
    if tables == "all":
        marked.plant_records()
    ground = Field(seed, draft, marked.patients, numbering, charted.reserved)
    _plant(ground, planted, tables)
    finished = draft.finish()
    manifest = Manifest(
        practice=name,
        seed=seed,
        patients=patients,
        numbering=numbering,
        counts={table: frame.height for table, frame in finished.items()},
        defects=tuple(sorted(ground.expectations)),
        canaries=marked.standing(finished),
    )
    return Practice(finished, manifest, share_files(finished["Radiograph"], images) if images else {})


def _charted(
    seed: int, patients: int, exams_per_patient: float, habit: Habit, canaries: int, tables: Tables
) -> _Charted:
    visits, first_visit = schedule(seed, patients, exams_per_patient)
    staff = providers(seed, patients)
    inside = staff.filter(~staff["IsReferring"])["ProviderID"].to_list()
    people = patient_table(seed, first_visit, inside)
    ids = people["PatientID"]
    marked = ids.gather(stream(seed, "canary patients").choice(patients, canaries, replace=False)).to_list()
    numbering = numbering_of_each(seed, visits, habit)
    mouth = mouths(seed, patients)
    rows = chart(seed, visits, mouth, numbering)
    children, supernumerary = _unusual(seed, ids, marked) if tables == "all" else (_NOBODY, _NOBODY)
    if tables == "all":
        born = people["DateOfBirth"].scatter(children, birth_days(seed, children, first_visit))
        people = people.with_columns(born)
        rows = with_mixed_dentition(rows, visits, numbering, children, born)
        rows = with_supernumeraries(rows, visits, numbering, supernumerary)
        staff = staff.vstack(dentists_outside(seed, patients, staff.height + 1))
    sessions = exams(seed, visits, ids, inside, numbering, indices(rows))
    child = np.isin(np.arange(patients), children)
    return _Charted(
        register=Register(seed, people, staff, sessions, visits, numbering, mouth, child),
        rows=rows,
        canaries=marked,
        reserved=ids.gather(np.concatenate([children, supernumerary])).to_list(),
    )


def _unusual(seed: int, patients: pl.Series, canaries: list[int]) -> tuple[Ints, Ints]:
    """Positions of the children and of the patients with a supernumerary tooth.

    They are those whom the defects would come to last, so that each defect hits whom it hits without them.
    """
    order = order_of_patients(seed, patients, canaries)
    children, others = len(patients) // _CHILDREN, len(patients) // _SUPERNUMERARY
    places = {patient: place for place, patient in enumerate(patients)}
    tail = np.array([places[patient] for patient in order[len(order) - children - others :]], np.int64)
    return tail[:children], tail[children:]


def _plant(ground: Field, times: int, tables: Tables) -> None:
    """Every kind of defect so many times: those of charting first, which take the same patients always."""
    for _ in range(times):
        for kind in (*defects.KINDS, *chart_defects.KINDS, defects.duplicate_chart_number):
            kind(ground)
    if tables == "all":
        for _ in range(times):
            for kind in (*provider_defects.KINDS, *plan_defects.KINDS, *diagnosis_defects.KINDS):
                kind(ground)
        for _ in range(times):
            for kind in record_defects.KINDS:
                kind(ground)
        for _ in range(times):
            for kind in file_defects.KINDS:
                kind(ground)
        record_defects.findings_without_a_system(ground)
        descendants.hold_back(ground)


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


def write_share(practice: Practice, directory: Path) -> None:
    """Write the files of the image share below ``directory``, which stands for ``radiographs.SHARE``."""
    for path, content in practice.share.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
