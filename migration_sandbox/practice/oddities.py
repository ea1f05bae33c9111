"""Rows that an office has few of and a migration must know: third and ended insurances, stagings of one
visit, visits without a type, notes written in a word processor or on a web page.

They come behind the ordinary rows of their tables, which stay as they are, and none is wrong.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from migration_sandbox.practice import rich_texts
from migration_sandbox.practice.draw import pick, shifted, stream
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table, key_column
from migration_sandbox.practice.strangers import strangers


def with_oddities(
    register: Register, tables: Mapping[str, pl.DataFrame], skip: list[int]
) -> dict[str, pl.DataFrame]:
    """The tables with more rows of patients other than ``skip``."""
    more = {
        "Referral": strangers(register, tables["Referral"], skip),
        "Insurance": _insurances(register.seed, _of_others(tables["Insurance"], skip)),
        "PeriodontalClassification": _classifications(
            register.seed, _of_others(tables["PeriodontalClassification"], skip)
        ),
        "Appointment": _appointments(register.seed, _of_others(tables["Appointment"], skip)),
        "ClinicalNote": _notes(register.seed, _of_others(tables["ClinicalNote"], skip)),
    }
    return {**tables, **{table: _behind(table, tables[table], rows) for table, rows in more.items()}}


def _of_others(frame: pl.DataFrame, skip: list[int]) -> pl.DataFrame:
    return frame.filter(~pl.col("PatientID").is_in(skip))


def _behind(table: str, frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows numbered on from the frame's last."""
    if rows.is_empty():
        return frame
    key = key_column(table)
    first = int(str(frame[key].max())) + 1 if frame.height else 1
    return frame.vstack(as_table(table, rows.with_columns(pl.Series(key, first + np.arange(rows.height)))))


def _some(rng: np.random.Generator, frame: pl.DataFrame, share: float, least: int = 2) -> pl.DataFrame:
    """A share of the rows, each once, in their order."""
    count = min(frame.height, max(least, int(frame.height * share)))
    return frame[np.sort(rng.choice(frame.height, count, replace=False))]


def _insurances(seed: int, insured: pl.DataFrame) -> pl.DataFrame:
    """A third behind two, a second of the same priority, one that ended before the first began."""
    rng = stream(seed, "odd insurance")
    third = _some(rng, insured.filter(pl.col("Priority") == 2), 0.15).with_columns(
        pl.lit(3).alias("Priority"), pl.lit(True).alias("Active")
    )
    same = _some(rng, insured.filter(pl.col("Priority") == 1), 0.02)
    ended = _some(rng, insured.filter(pl.col("Priority") == 1), 0.06).with_columns(
        pl.lit(False).alias("Active"), pl.lit(None, pl.String).alias("GroupNumber")
    )
    added = pl.concat([third, same, ended], how="vertical_relaxed")
    policies = pl.Series(rng.integers(10**7, 10**9, added.height)).cast(pl.String)
    return added.with_columns(("ODD" + policies).alias("PolicyNumber"))


def _classifications(seed: int, staged: pl.DataFrame) -> pl.DataFrame:
    """One more for the same visit half an hour later, one without a time, one that states an extent alone."""
    rng = stream(seed, "odd classification")
    of_exam = staged.filter(pl.col("ExamID").is_not_null())
    again = _some(rng, of_exam, 0.05).with_columns(
        pl.col("StagedAt") + pl.duration(minutes=30), pl.lit("grade c").alias("Grade")
    )
    timeless = _some(rng, staged, 0.03).with_columns(pl.lit(None, pl.Datetime("us")).alias("StagedAt"))
    extent = _some(rng, staged, 0.02).with_columns(
        pl.lit(None, pl.String).alias("Stage"),
        pl.lit(None, pl.String).alias("Grade"),
        pl.lit("Generalised").alias("Extent"),
    )
    return pl.concat([again, timeless, extent])


def _appointments(seed: int, calendar: pl.DataFrame) -> pl.DataFrame:
    """Visits of the past without a type or with the longest one, of no length and of a whole day's."""
    rng = stream(seed, "odd appointment")
    past = calendar.filter(pl.col("Status") == "Completed")
    added = _some(rng, past, 0.004, least=8)
    turn = np.arange(added.height) % 4
    session = pl.Series([None, "Consultation, " * 7, "Treatment", None], dtype=pl.String).gather(turn)
    minutes = pl.Series([0, 45, 1440, None], dtype=pl.Int32).gather(turn)
    status = pl.Series([None, "Arrived late", "Completed", "Completed"], dtype=pl.String).gather(turn)
    return added.with_columns(
        session.alias("SessionType"), minutes.alias("DurationMinutes"), status.alias("Status")
    )


def _notes(seed: int, notes: pl.DataFrame) -> pl.DataFrame:
    """Every kind of rich text, on notes of which a few have no type."""
    rng = stream(seed, "odd note")
    bodies = rich_texts.bodies()
    added = _some(rng, notes, 0.02, least=2 * len(bodies))
    count = added.height
    parts = ("Subjective", "Objective", "Assessment", "Plan")
    return added.with_columns(
        pick(rng, ("Progress", "Phone note", None), count).alias("NoteType"),
        *(pl.lit(None, pl.String).alias(part) for part in parts),
        pl.Series(bodies).gather(np.arange(count) % len(bodies)).alias("Body"),
        pl.Series("ModifiedAt", shifted(rng, added["CreatedAt"].to_numpy(), 1, 200)),
    )
