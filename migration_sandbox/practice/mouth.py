"""The course of a disease: what state each tooth of each patient is in at any time since the first exam.

Numbers are plausible, not epidemiology: interproximal sites and molars are deeper, attachment is lost at a
rate that differs between patients, some teeth are lost and some of those replaced by implants.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import Bools, Floats, Ints, stream
from migration_sandbox.practice.teeth import MOLARS, SITES, THIRD_MOLARS

STATUSES = ("present", "missing", "implant", "pontic", "crown", "unerupted", "impacted")
PRESENT, MISSING, IMPLANT, PONTIC, CROWN, UNERUPTED, IMPACTED = range(7)
# What can be probed: a pontic has no sulcus, an unerupted tooth no access.
PROBED = (PRESENT, IMPLANT, CROWN)

_USUAL = (0.80, 0.05, 0.03, 0.015, 0.105, 0.0, 0.0)
_THIRD_MOLAR = (0.32, 0.50, 0.0, 0.0, 0.01, 0.07, 0.10)
# Later than any visit, in years.
NEVER = np.float32(1e9)


@dataclass(frozen=True)
class Mouths:
    """Arrays by patient, tooth (in Universal order) and site; times in years since the first exam."""

    status: Ints
    lost_at: Floats
    implant_at: Floats
    depth: Floats
    depth_rate: Floats
    margin: Floats
    margin_rate: Floats
    hygiene: Floats
    lists_missing: Bools

    def status_at(self, patient: Ints, tooth: Ints, years: Floats) -> Ints:
        """The status code of each tooth at its time."""
        status = self.status[patient, tooth]
        lost = years >= self.lost_at[patient, tooth]
        replaced = years >= self.implant_at[patient, tooth]
        return np.where(replaced, IMPLANT, np.where(lost, MISSING, status))


def status_names(status: Ints) -> pl.Series:
    return pl.Series(STATUSES).gather(status)


def mouths(seed: int, patients: int) -> Mouths:
    """The mouths of ``patients`` people."""
    rng = stream(seed, "mouth")
    severity = np.clip(rng.gamma(1.6, 0.6, patients), 0, 4).astype(np.float32)
    third = np.isin(np.arange(1, 33), THIRD_MOLARS)
    molar = np.isin(np.arange(1, 33), MOLARS)
    interproximal = np.array([site not in ("B", "L") for site in SITES])

    teeth = (patients, 32)
    status = np.where(third, rng.choice(7, size=teeth, p=_THIRD_MOLAR), rng.choice(7, size=teeth, p=_USUAL))
    natural = (status == PRESENT) | (status == CROWN)
    hazard = 0.004 * (1 + severity[:, None] * 2)
    lost_at = np.where(natural, rng.exponential(1, teeth) / hazard, NEVER).astype(np.float32) + np.float32(
        0.2
    )
    replaced = rng.random(teeth) < 0.45
    implant_at = np.where(replaced, lost_at + rng.uniform(0.5, 1.5, teeth), NEVER).astype(np.float32)

    sites = (patients, 32, 6)
    sick = severity[:, None, None] * rng.gamma(1.2, 0.7, (patients, 32, 1)).astype(np.float32)
    proneness = (0.35 + 0.65 * interproximal) * (0.8 + 0.5 * molar[:, None])
    depth = 1.7 + 0.6 * interproximal + sick * proneness + rng.normal(0, 0.35, sites)
    margin = sick * 0.45 - 0.3 + rng.normal(0, 0.8, sites)
    return Mouths(
        status=status,
        lost_at=lost_at,
        implant_at=implant_at,
        depth=depth.astype(np.float32),
        depth_rate=(sick * proneness * 0.12).astype(np.float32),
        margin=margin.astype(np.float32),
        margin_rate=(sick * 0.10 + rng.uniform(0, 0.05, sites)).astype(np.float32),
        hygiene=rng.beta(2, 5, patients).astype(np.float32),
        lists_missing=rng.random(patients) < 0.6,
    )
