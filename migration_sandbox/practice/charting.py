"""The table PeriodontalCharting: a row for each tooth that an exam charted, and the indices an exam shows."""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import Bools, Floats, Ints, shifted, stream
from migration_sandbox.practice.exams import FULL_MOUTH, LIMITED, SCREENING, Visits
from migration_sandbox.practice.mouth import IMPLANT, MISSING, PROBED, Mouths, status_names
from migration_sandbox.practice.schema import frame_schema
from migration_sandbox.practice.teeth import ENTRANCES, NUMBERINGS, PERMANENT, SITES, THIRD_MOLARS, entrances

# Ramfjord's six teeth (1959): 16, 21, 24, 36, 41, 44 in FDI.
_SCREENED = (3, 9, 12, 19, 25, 28)
_FEWEST_ROWS = 24
_DEEPEST = 15


def _charted(rng: np.random.Generator, visits: Visits, mouths: Mouths) -> tuple[Ints, Ints]:
    """Positions of the exam and of the tooth for each row, ordered by exam and Universal number."""
    count = len(visits.kind)
    universal = np.arange(1, 33)
    every = np.broadcast_to(np.arange(32), (count, 32))
    patient = np.broadcast_to(visits.patient[:, None], (count, 32))
    status = mouths.status_at(patient, every, visits.years[:, None])
    missing = status == MISSING

    rank = np.argsort(np.argsort(rng.random((count, 32)) + missing, axis=1), axis=1)
    limited = rank < rng.integers(4, 13, count)[:, None]
    screened = np.broadcast_to(np.isin(universal, _SCREENED), (count, 32))

    listed = ~missing | mouths.lists_missing[visits.patient][:, None]
    # Even an office that leaves missing teeth out lists some where a chart would get shorter than usual.
    listed |= np.cumsum(~listed, axis=1) > 32 - _FEWEST_ROWS
    third = np.isin(universal, THIRD_MOLARS)
    full = np.where(third & missing, mouths.lists_missing[visits.patient][:, None], listed)

    kind = visits.kind[:, None]
    rows = np.select([kind == FULL_MOUTH, kind == LIMITED, kind == SCREENING], [full, limited, screened])
    exam, tooth = np.nonzero(rows)
    return exam, tooth


def _sites(values: Floats | Bools | Ints, measure: str, charted: Bools) -> list[pl.Series]:
    """Six columns of a measure, null where the site was not charted.

    ``charted`` is by row and site, or has a single column that speaks for the whole row.
    """
    charted = np.broadcast_to(charted, values.shape)
    return [
        pl.Series(f"{measure}_{site}", values[:, place]).set(pl.Series(~charted[:, place]), None)
        for place, site in enumerate(SITES)
    ]


def _habit(rng: np.random.Generator, visits: Visits, exam: Ints, share: float) -> Bools:
    """By row: whether the exam recorded a measure at all, which is one decision an exam."""
    return np.asarray(rng.random(len(visits.kind)) < share)[exam]


def _measures(
    rng: np.random.Generator, visits: Visits, mouths: Mouths, exam: Ints, tooth: Ints, status: Ints
) -> list[pl.Series]:
    """Depth, recession, bleeding, suppuration and plaque by site, mobility and furcation by tooth."""
    patient, years = visits.patient[exam], visits.years[exam][:, None]
    rows = (len(exam), 6)
    noise = rng.standard_normal(rows, dtype=np.float32) * np.float32(0.45)
    depth = np.clip(
        np.rint(mouths.depth[patient, tooth] + mouths.depth_rate[patient, tooth] * years + noise), 0, _DEEPEST
    )
    noise = rng.standard_normal(rows, dtype=np.float32) * np.float32(0.3)
    recession = np.clip(
        np.rint(mouths.margin[patient, tooth] + mouths.margin_rate[patient, tooth] * years + noise), -4, 12
    )

    probed = np.isin(status, PROBED)
    depth_charted = probed[:, None] & (rng.random(rows, dtype=np.float32) >= 0.004)
    margin_charted = depth_charted & _habit(rng, visits, exam, 0.92)[:, None]
    bleeding = rng.random(rows, dtype=np.float32) < 0.06 + 0.13 * np.maximum(depth - 2, 0)
    suppuration = rng.random(rows, dtype=np.float32) < 0.04 * np.maximum(depth - 5, 0)
    plaque = rng.random(rows, dtype=np.float32) < mouths.hygiene[patient][:, None]
    columns = _sites(depth.astype(np.uint8), "PocketDepth", depth_charted)
    columns += _sites(recession.astype(np.int16), "Recession", margin_charted)
    columns += _sites(bleeding, "BOP", depth_charted)
    columns += _sites(suppuration, "Suppuration", depth_charted & _habit(rng, visits, exam, 0.7)[:, None])
    columns += _sites(plaque, "Plaque", probed[:, None] & _habit(rng, visits, exam, 0.85)[:, None])

    lost = (depth + np.maximum(recession, 0)).mean(axis=1)
    graded = probed & _habit(rng, visits, exam, 0.85) & (rng.random(len(exam)) < 0.97)
    grade = np.clip(np.floor((lost - 4.5) / 1.6 + rng.random(len(exam))), 0, 3)
    columns.append(pl.Series("Mobility", grade).set(pl.Series(~graded), None))
    columns += _furcations(rng, tooth, lost, probed & (status != IMPLANT) & _habit(rng, visits, exam, 0.8))
    return columns


def _furcations(rng: np.random.Generator, tooth: Ints, lost: Floats, charted: Bools) -> list[pl.Series]:
    """Glickman grades at the entrances that each tooth has; an implant has no roots that divide."""
    columns = []
    for entrance in ENTRANCES:
        has = np.array([entrance in entrances(universal) for universal in range(1, 33)])[tooth]
        grade = np.clip(np.floor((lost - 4) / 1.5 + rng.random(len(tooth))), 0, 4).astype(np.uint8)
        columns.append(pl.Series(f"Furcation_{entrance}", grade).set(pl.Series(~(has & charted)), None))
    return columns


def chart(seed: int, visits: Visits, mouths: Mouths, numbering: Ints) -> pl.DataFrame:
    """All charting rows in the order of exams and teeth, each exam's teeth in its own ``numbering``."""
    rng = stream(seed, "chart")
    exam, tooth = _charted(rng, visits, mouths)
    status = mouths.status_at(visits.patient[exam], tooth, visits.years[exam])
    codes = pl.Series([entry.code(system) for system in NUMBERINGS for entry in PERMANENT])
    frame = pl.DataFrame(
        [
            pl.Series("ChartingID", 100_000 + np.arange(len(exam))),
            pl.Series("ExamID", visits.exam_id[exam]),
            codes.gather(numbering[exam] * len(PERMANENT) + tooth).alias("Tooth"),
            status_names(status).alias("ToothStatus"),
            *_measures(rng, visits, mouths, exam, tooth, status),
            pl.Series("ModifiedAt", shifted(rng, visits.at[exam], 2, 45)),
        ]
    )
    return frame.cast(frame_schema("PeriodontalCharting"))  # type: ignore[arg-type]


def indices(chart_rows: pl.DataFrame) -> pl.DataFrame:
    """ExamID, PlaqueIndex and BleedingIndex: percent of the sites that were charted, null where none was."""

    def share(measure: str) -> pl.Expr:
        columns = [pl.col(f"{measure}_{site}") for site in SITES]
        positive = pl.sum_horizontal(column.sum() for column in columns)
        charted = pl.sum_horizontal(column.count() for column in columns)
        return pl.when(charted > 0).then(positive * 100 / charted).round(2)

    return chart_rows.group_by("ExamID", maintain_order=True).agg(
        share("Plaque").alias("PlaqueIndex"), share("BOP").alias("BleedingIndex")
    )
