"""The rehearsal's sample: which patients are rehearsed, and why.

Pure over the staged tables: the same practice and seed give the same sample in any order of rows. Which
records come with the patients is ``sample_scope``'s; reading the tables and keeping the choice is for whoever
asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from migration_assets.errors import ConfigurationError
from migration_assets.perio.teeth import NumberingSystem

PATIENT_COLUMNS: dict[str, pl.DataType] = {
    "source_id": pl.String(),
    "strata": pl.List(pl.String()),
    "why": pl.String(),
}
STRATUM_COLUMNS: dict[str, pl.DataType] = {
    "name": pl.String(),
    "patients": pl.Int64(),
    "chosen": pl.Int64(),
}

_PATIENTS = "patients"
_PARENT_TABLES = {"exam_id": "clinical_exams", "plan_id": "treatment_plans"}
_NOTES = {
    "clinical_notes": ("subjective", "objective", "assessment", "plan", "body"),
    "clinical_exams": ("notes",),
    "treatment_plans": ("notes",),
    "referrals": ("notes",),
    "appointments": ("notes",),
}
_ADULT = 18
_QUADRANTS = 4
_TEETH_OF_A_QUADRANT = 8

Staged = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class SampleChoice:
    """How many patients to choose, and from which seed."""

    size: int
    seed: int


@dataclass(frozen=True)
class Sample:
    """``patients``: PATIENT_COLUMNS, a row a chosen patient in the order of choice, with every stratum that
    the patient belongs to; ``why`` is ``stratum`` (chosen to cover one) or ``random``. ``strata``:
    STRATUM_COLUMNS, all of them, also those that the practice has no patient of.
    """

    patients: pl.DataFrame
    strata: pl.DataFrame


def choose(
    staged: Staged,
    rejects: pl.DataFrame,
    corrections: pl.DataFrame,
    choice: SampleChoice,
) -> Sample:
    """At least one patient of every stratum by as few patients as a greedy cover needs, the rest at random.

    ``staged`` are the tables of ``objects.registry`` by name; one that isn't there counts as empty.
    ``rejects`` REJECT_COLUMNS, ``corrections`` CORRECTION_COLUMNS, of all objects. A rejected row belongs to
    a patient only where its reject names the exam that it hangs on: other rejects tell no parent. Raises
    ConfigurationError where the size is less than 1.
    """
    size, seed = choice.size, choice.seed
    if size < 1:
        raise ConfigurationError(f"a rehearsal's sample of {size} patients is none; choose 1 or more")
    known = set(staged[_PATIENTS]["source_id"])
    members = {
        name: set(patients.drop_nulls()) & known for name, patients in _strata(staged, rejects, corrections)
    }
    of_patient: dict[str, list[str]] = {patient: [] for patient in known}
    for name, patients in members.items():
        for patient in patients:
            of_patient[patient].append(name)
    in_order = sorted(known, key=lambda patient: _rank(seed, patient))
    cover = _cover(in_order, of_patient, size)
    rest = [patient for patient in in_order if patient not in set(cover)][: size - len(cover)]
    chosen = [(patient, of_patient[patient], "stratum") for patient in cover]
    chosen += [(patient, of_patient[patient], "random") for patient in rest]
    ids = {patient for patient, _, _ in chosen}
    strata = [(name, len(patients), len(patients & ids)) for name, patients in members.items()]
    return Sample(
        pl.DataFrame(chosen, schema=PATIENT_COLUMNS, orient="row"),
        pl.DataFrame(strata, schema=STRATUM_COLUMNS, orient="row"),
    )


def _rank(seed: int, patient: str) -> bytes:
    """A random order that depends on nothing but the seed and the patient's own id."""
    return hashlib.blake2b(f"{seed}:{patient}".encode(), digest_size=16).digest()


def _cover(in_order: list[str], of_patient: Mapping[str, list[str]], size: int) -> list[str]:
    """Greedy: whoever adds most strata, of equals the first of the order."""
    first_of: dict[frozenset[str], str] = {}
    for patient in in_order:
        first_of.setdefault(frozenset(of_patient[patient]), patient)
    missing = frozenset().union(*first_of)
    cover: list[str] = []
    while missing and len(cover) < size:
        best = max(first_of, key=lambda strata: len(strata & missing))
        cover.append(first_of.pop(best))
        missing -= best
    return cover


def _strata(
    staged: Staged, rejects: pl.DataFrame, corrections: pl.DataFrame
) -> Iterator[tuple[str, pl.Series]]:
    """Name and patients (some twice or null) of each stratum, in the order in which a report lists them."""
    yield from _of_exams(staged)
    plans = _of(staged, "treatment_plans")
    yield "several plans", _several(plans["patient_id"])
    lines = _of(staged, "treatment_plan_lines")
    if lines.height:
        phases = lines.drop_nulls("phase").group_by("plan_id").agg(pl.col("phase").n_unique())
        phased = plans.join(phases.filter(pl.col("phase") > 1), left_on="source_id", right_on="plan_id")
        yield "multi-phase plan", phased["patient_id"]
    else:
        yield "multi-phase plan", _nobody()
    referrals = _of(staged, "referrals")
    for direction in ("incoming", "outgoing"):
        of_direction = referrals.filter(pl.col("direction") == direction) if referrals.height else referrals
        yield f"{direction} referral", of_direction["patient_id"]
    yield "letter", _of(staged, "letters")["patient_id"]
    yield "radiograph", _of(staged, "radiographs")["patient_id"]
    yield "longest note", _longest_note(staged)
    yield "several insurances", _several(_of(staged, "insurances")["patient_id"])
    yield "rejects", _rejected(staged, rejects)
    yield "corrections", _corrected(staged, corrections)


def _of_exams(staged: Staged) -> Iterator[tuple[str, pl.Series]]:
    exams, teeth = _of(staged, "clinical_exams"), _of(staged, "charting")
    if not exams.height:
        kinds = ("child", "implant", "full-mouth chart", "limited chart")
        names = [*(f"numbering {system}" for system in NumberingSystem), "no numbering system", *kinds]
        yield from ((name, _nobody()) for name in names)
        return
    for system in NumberingSystem:
        of_system = exams.filter(pl.col("numbering_system") == system.value)
        yield f"numbering {system}", of_system["patient_id"]
    yield "no numbering system", exams.filter(pl.col("numbering_system").is_null())["patient_id"]
    births = staged[_PATIENTS].select(patient_id="source_id", born="date_of_birth")
    aged = exams.join(births, on="patient_id", how="left", maintain_order="left")
    minor = aged.filter(pl.col("examined_on") < pl.col("born").dt.offset_by(f"{_ADULT}y"))["patient_id"]
    if not teeth.height:
        teeth = pl.DataFrame(schema=dict.fromkeys(("exam_id", "universal", "status"), pl.String))
        teeth = teeth.with_columns(slot=pl.lit(None, pl.Int8))
    primary = pl.col("universal").str.contains("^[A-T]$")
    charts = teeth.group_by("exam_id").agg(
        primary=primary.any(),
        implant=(pl.col("status") == "implant").any(),
        quadrants=((pl.col("slot") - 1) // _TEETH_OF_A_QUADRANT).drop_nulls().n_unique(),
    )
    charted = exams.join(charts, left_on="source_id", right_on="exam_id", how="left", maintain_order="left")
    yield "child", pl.concat([minor, charted.filter("primary")["patient_id"]])
    yield "implant", charted.filter("implant")["patient_id"]
    # Practices write the kind of chart as they like; where the words don't say it, the teeth do.
    written = pl.col("charting_type").str.to_lowercase().fill_null("")
    says_full, says_limited = written.str.contains("full"), written.str.contains("limited")
    full = says_full | (~says_limited & (pl.col("quadrants") == _QUADRANTS))
    limited = says_limited | (~says_full & (pl.col("quadrants") < _QUADRANTS))
    yield "full-mouth chart", charted.filter(full.fill_null(False))["patient_id"]
    yield "limited chart", charted.filter(limited.fill_null(False))["patient_id"]


def _of(staged: Staged, table: str) -> pl.DataFrame:
    found = staged.get(table)
    return pl.DataFrame({"patient_id": _nobody()}) if found is None or not found.height else found


def _nobody() -> pl.Series:
    return pl.Series([], dtype=pl.String)


def _several(patients: pl.Series) -> pl.Series:
    return patients.filter(patients.is_duplicated())


def _longest_note(staged: Staged) -> pl.Series:
    """Whose is the longest text in any field of notes; several where they are equally long."""
    texts = [
        table.select("patient_id", length=pl.max_horizontal(pl.col(columns).str.len_chars()))
        for name, columns in _NOTES.items()
        if (table := _of(staged, name)).height
    ]
    if not texts:
        return _nobody()
    lengths = pl.concat(texts).drop_nulls()
    return lengths.filter((pl.col("length") == pl.col("length").max()) & (pl.col("length") > 0))["patient_id"]


def _rejected(staged: Staged, rejects: pl.DataFrame) -> pl.Series:
    """The only parent that a reject names is an exam."""
    exams = _owners(staged, "clinical_exams")
    named = rejects.drop_nulls("parent_key")
    return named.join(exams, left_on="parent_key", right_on="source_id")["patient_id"]


def _corrected(staged: Staged, corrections: pl.DataFrame) -> pl.Series:
    found = [_nobody()]
    for (name,), rows in corrections.partition_by("object", as_dict=True).items():
        owners = _owners(staged, str(name))
        found.append(rows.join(owners, left_on="source_key", right_on="source_id")["patient_id"])
    return pl.concat(found)


def _owners(staged: Staged, table: str) -> pl.DataFrame:
    """source_id, patient_id of the table's rows; no rows where they hang on no patient."""
    rows = staged.get(table)
    if rows is not None and table == _PATIENTS:
        return rows.select("source_id", patient_id="source_id")
    if rows is not None and "patient_id" in rows.columns:
        return rows.select("source_id", "patient_id")
    for column, parent in _PARENT_TABLES.items():
        if rows is not None and column in rows.columns:
            parents = _owners(staged, parent).rename({"source_id": column})
            return rows.select("source_id", column).join(parents, on=column).drop(column)
    return pl.DataFrame({"source_id": _nobody(), "patient_id": _nobody()})
