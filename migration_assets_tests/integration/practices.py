"""The practices that are migrated here: small, without planted defects, always the same rows.

They have people, charts and plans; all other tables are empty. What their charts must become stands in
``chart_model``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import cycle, islice

import polars as pl

from migration_sandbox.practice.generator import Practice, generate
from migration_sandbox.practice.teeth import NUMBERINGS, PERMANENT, PRIMARY, Habit, Numbering

PATIENTS, PROVIDERS = 12, 10
TABLES = (
    "Provider",
    "Patient",
    "ClinicalExam",
    "PeriodontalCharting",
    "TreatmentPlan",
    "TreatmentPlanLine",
)
_PRIMARY_CHARTED = ("E", "T", "K")
_SUPERNUMERARY_CHARTED = ("58", "FS")
_WITHOUT_FURCATION = ("6", "7", "8", "9", "10", "11", *(str(number) for number in range(22, 28)))


def generated(habit: Habit | tuple[Numbering, ...] = "Universal", patients: int = PATIENTS) -> Practice:
    """The tables that are migrated, the same mouths whatever the habit; ``mixed`` takes the systems in turn,
    several those that are given.

    Some exams chart a tooth that has a record of its own: a primary one, a supernumerary one (in Universal),
    or one with the grade of a furcation that it hasn't.
    """
    made = _generated(habit, patients)
    return replace(made, tables=dict(made.tables))


@cache
def _generated(habit: Habit | tuple[Numbering, ...], patients: int) -> Practice:
    made = generate(7, patients, exams_per_patient=2.5, planted=0, canaries=4, tables="all")
    tables = {name: rows if name in TABLES else rows.clear() for name, rows in made.tables.items()}
    tables["Provider"] = tables["Provider"].sort("IsReferring", "ProviderID").head(PROVIDERS)
    exams = tables["ClinicalExam"]
    given = (NUMBERINGS if habit == "mixed" else (habit,)) if isinstance(habit, str) else habit
    systems = list(islice(cycle(given), exams.height))
    tables["ClinicalExam"] = exams.with_columns(pl.Series("ToothNumberingSystem", systems))
    chart = _with_unusual_teeth(
        tables["PeriodontalCharting"], dict(zip(exams["ExamID"], systems, strict=True))
    )
    tables["PeriodontalCharting"] = _written(chart, dict(zip(exams["ExamID"], systems, strict=True)))
    return replace(made, tables=tables)


def with_few_teeth(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The practice with one permanent tooth an exam and those that have a record of their own anyway."""
    chart = tables["PeriodontalCharting"]
    permanent = pl.col("Tooth").is_in([tooth.universal for tooth in PERMANENT])
    first = pl.col("ChartingID") == pl.col("ChartingID").min().over("ExamID")
    return {**tables, "PeriodontalCharting": chart.filter(~permanent | first)}


def _with_unusual_teeth(chart: pl.DataFrame, systems: dict[int, Numbering]) -> pl.DataFrame:
    """In Universal: a primary tooth in each of the first three exams, a supernumerary one in the first exams
    that are in Universal, each with the values of the exam's first tooth, and one furcation too many."""
    firsts = chart.unique("ExamID", keep="first", maintain_order=True)
    universal = [exam for exam in firsts["ExamID"] if systems[exam] == "Universal"]
    places = [
        *zip(firsts["ExamID"], _PRIMARY_CHARTED, strict=False),
        *zip(universal, _SUPERNUMERARY_CHARTED, strict=False),
    ]
    wanted = pl.DataFrame(places, schema={"ExamID": chart.schema["ExamID"], "code": pl.String}, orient="row")
    last = chart.select(pl.col("ChartingID").max()).item()
    added = (
        wanted.join(firsts, on="ExamID", how="left", maintain_order="left")
        .with_columns(Tooth="code", ToothStatus=pl.lit("present"))
        .with_columns(
            pl.int_range(last + 1, last + 1 + pl.len()).cast(chart.schema["ChartingID"]).alias("ChartingID")
        )
    )
    single = chart.filter(pl.col("Tooth").is_in(_WITHOUT_FURCATION))["ChartingID"].first()
    furcation = pl.when(pl.col("ChartingID") == single).then(2).otherwise("Furcation_B")
    odd = chart.with_columns(furcation.cast(chart.schema["Furcation_B"]).alias("Furcation_B"))
    return pl.concat([odd, added.select(chart.columns)])


def _written(chart: pl.DataFrame, systems: dict[int, Numbering]) -> pl.DataFrame:
    """Each exam's teeth as its numbering system writes them."""
    codes = {tooth.universal: tooth for tooth in (*PERMANENT, *PRIMARY)}

    def written() -> Iterator[str]:
        for exam, universal in chart.select("ExamID", "Tooth").iter_rows():
            yield codes[universal].code(systems[exam]) if universal in codes else universal

    return chart.with_columns(pl.Series("Tooth", list(written())))
