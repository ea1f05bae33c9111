"""Unusual teeth: children whose mixed dentition changes from exam to exam, and supernumerary teeth.

Both alter the charts of patients that were generated as anybody; everybody else's rows stay as they are.
"""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import Ints, stream
from migration_sandbox.practice.exams import FULL_MOUTH, Visits
from migration_sandbox.practice.schema import frame_schema
from migration_sandbox.practice.teeth import ENTRANCES, NUMBERINGS, PERMANENT, PRIMARY, SITES, Numbering

# The age in years at which the teeth from the midline on erupt, third molars never in a child: rounded means
# of the textbooks' tables (Logan and Kronfeld 1933, upper jaw).
_ERUPTION = (7, 8, 11, 10, 11, 6, 12, 99)
_DEEPEST_IN_A_CHILD = 4
_MEASURES = tuple(
    column for column in frame_schema("PeriodontalCharting") if "_" in column or column == "Mobility"
)
# The supernumerary beside tooth 8, between the upper front teeth, is the one most often met.
_BESIDE = (8, 8, 1, 20)
_ABOVE_PERMANENT = 50


def _predecessor(tooth: int) -> int | None:
    """The position in PRIMARY of the tooth before a permanent one (position from 0), None for molars."""
    quadrant, place = divmod(tooth, 8)
    from_midline = 7 - place if quadrant in (0, 2) else place
    if from_midline > 4:
        return None
    return 5 * quadrant + (4 - from_midline if quadrant in (0, 2) else from_midline)


def _from_midline(tooth: int) -> int:
    quadrant, place = divmod(tooth, 8)
    return 7 - place if quadrant in (0, 2) else place


def is_primary(code: str, system: Numbering) -> bool:
    return any(code == tooth.code(system) for tooth in PRIMARY)


def is_supernumerary(code: str, system: Numbering) -> bool:
    """Of the codes that this sandbox writes: 51 to 82 in Universal."""
    return system == "Universal" and code.isdigit() and int(code) > _ABOVE_PERMANENT


def birth_days(seed: int, children: Ints, first_day: Ints) -> pl.Series:
    """Dates of birth that make the patients at these positions six to ten years old at their first exam."""
    ages = stream(seed, "child").uniform(6.2, 9.9, len(children))
    days = first_day[children] - (ages * 365.25).astype(np.int64)
    return pl.Series(days.astype("datetime64[D]"))


def with_mixed_dentition(
    rows: pl.DataFrame, visits: Visits, numbering: Ints, children: Ints, born: pl.Series
) -> pl.DataFrame:
    """The charting rows with those of children as their age has them, in the order they had.

    ``children`` are positions of patients, ``born`` the dates of birth of all patients.
    """
    exam = np.flatnonzero(np.isin(visits.patient, children))
    if not len(exam):
        return rows
    of_children = pl.col("ExamID").is_in(visits.exam_id[exam].tolist())
    days = visits.at[exam].astype("datetime64[D]").astype(np.int64)
    exams = pl.DataFrame(
        {
            "ExamID": pl.Series(visits.exam_id[exam], dtype=rows.schema["ExamID"]),
            "system": pl.Series(NUMBERINGS).gather(numbering[exam]),
            "age": (days - born.to_physical().to_numpy()[visits.patient[exam]]) / 365.25,
        }
    )
    charted = rows.filter(of_children).join(exams, on="ExamID").join(_eruption(), on=["system", "Tooth"])
    theirs = _childlike(charted).select(pl.col(name).cast(kind) for name, kind in rows.schema.items())
    return pl.concat([rows.filter(~of_children), theirs]).sort("ChartingID")


def _eruption() -> pl.DataFrame:
    """By system and permanent tooth: the age of its eruption and its predecessor's code, null for molars."""
    rows = []
    for system in NUMBERINGS:
        for position, tooth in enumerate(PERMANENT):
            before = _predecessor(position)
            code = None if before is None else PRIMARY[before].code(system)
            rows.append((system, tooth.code(system), _ERUPTION[_from_midline(position)], code))
    return pl.DataFrame(rows, schema=["system", "Tooth", "erupts", "predecessor"], orient="row")


def _childlike(rows: pl.DataFrame) -> pl.DataFrame:
    waiting = pl.col("age") < pl.col("erupts")
    primary = waiting & pl.col("predecessor").is_not_null()
    hidden = waiting & pl.col("predecessor").is_null()
    status = pl.col("ToothStatus")
    grown_up = status.is_in(["implant", "pontic", "impacted", "unerupted"])
    shallow = [pl.col(f"PocketDepth_{site}").clip(0, _DEEPEST_IN_A_CHILD) for site in SITES]
    margin = [pl.col(f"Recession_{site}").clip(-2, 1) for site in SITES]
    rows = rows.with_columns(
        *shallow,
        *margin,
        pl.col("Mobility").clip(0, 1),
        *(pl.col(f"Furcation_{entrance}").clip(0, 0) for entrance in ENTRANCES),
        pl.when(hidden)
        .then(pl.lit("unerupted"))
        .when(grown_up)
        .then(pl.lit("present"))
        .otherwise(status)
        .alias("ToothStatus"),
    )
    # Some charts say it of the tooth, in others the code alone does.
    said = primary & (pl.col("ExamID") % 2 == 0) & (pl.col("ToothStatus") == "present")
    return rows.with_columns(
        *(pl.when(hidden).then(None).otherwise(pl.col(column)).alias(column) for column in _MEASURES),
        pl.when(said).then(pl.lit("primary")).otherwise(pl.col("ToothStatus")).alias("ToothStatus"),
        pl.when(primary).then(pl.col("predecessor")).otherwise(pl.col("Tooth")).alias("Tooth"),
    ).with_columns(
        pl.when(primary).then(None).otherwise(pl.col(f"Furcation_{entrance}")).alias(f"Furcation_{entrance}")
        for entrance in ENTRANCES
    )


def with_supernumeraries(rows: pl.DataFrame, visits: Visits, numbering: Ints, patients: Ints) -> pl.DataFrame:
    """A tooth more, added at the end, in each full-mouth Universal chart of the patients at these positions.

    Its code is that of the permanent tooth beside it plus 50; FDI and Palmer have no notation for it.
    """
    universal = numbering == NUMBERINGS.index("Universal")
    chosen = np.flatnonzero(np.isin(visits.patient, patients) & (visits.kind == FULL_MOUTH) & universal)
    beside = {patient: str(_BESIDE[place % len(_BESIDE)]) for place, patient in enumerate(patients.tolist())}
    wanted = pl.DataFrame(
        {
            "ExamID": pl.Series(visits.exam_id[chosen], dtype=rows.schema["ExamID"]),
            "Tooth": pl.Series(
                [beside[patient] for patient in visits.patient[chosen].tolist()], dtype=pl.String
            ),
        }
    )
    added = rows.join(wanted, on=["ExamID", "Tooth"], how="semi")
    last: int = rows["ChartingID"].max()  # type: ignore[assignment]
    added = added.with_columns(
        pl.Series("ChartingID", last + 1 + np.arange(added.height), dtype=rows.schema["ChartingID"]),
        (pl.col("Tooth").cast(pl.Int32) + _ABOVE_PERMANENT).cast(pl.String).alias("Tooth"),
        pl.lit("present").alias("ToothStatus"),
        *(
            pl.lit(None, rows.schema[f"Furcation_{entrance}"]).alias(f"Furcation_{entrance}")
            for entrance in ENTRANCES
        ),
    )
    return pl.concat([rows, added.select(rows.columns)])
