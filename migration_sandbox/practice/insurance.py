"""The table Insurance: what pays for whom, primary and secondary."""

import numpy as np
import polars as pl

from migration_sandbox.practice import names
from migration_sandbox.practice.draw import LAST_DAY, blank_out, office_times, pick, stream, weekday
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_FIRST = 70_000
_COVERAGE = {"Preventive": (100, 100, 90, 80), "Basic": (80, 80, 70, 50), "Major": (50, 50, 60, 0)}


def insurance(register: Register) -> pl.DataFrame:
    """Four patients in five have one, a quarter of those a second; a few hold one that has ended."""
    rng = stream(register.seed, "insurance")
    everybody = np.arange(register.patients.height)
    primary = everybody[rng.random(len(everybody)) < 0.8]
    secondary = primary[rng.random(len(primary)) < 0.25]
    patient = np.concatenate([primary, secondary])
    priority = np.repeat([1, 2], [len(primary), len(secondary)])
    order = np.lexsort((priority, patient))
    count = len(patient)
    letters = pick(rng, ("W", "XG", "H-", ""), count)
    number = pl.Series(rng.integers(10**7, 10**9, count)).cast(pl.String)
    coverage = {
        f"Coverage{kind}": blank_out(rng, pick(rng, shares, count), 0.05)
        for kind, shares in _COVERAGE.items()
    }
    frame = pl.DataFrame(
        {
            "InsuranceID": _FIRST + np.arange(count),
            "PatientID": register.patient_ids.gather(patient[order]),
            "Priority": priority[order],
            "Carrier": pick(rng, names.CARRIERS, count),
            "PolicyNumber": letters + number,
            "GroupNumber": blank_out(
                rng, "G" + pl.Series(rng.integers(100, 9999, count)).cast(pl.String), 0.15
            ),
            **coverage,
            "Active": pl.Series(rng.random(count) < 0.93),
            "ModifiedAt": office_times(rng, weekday(LAST_DAY - rng.integers(4, 900, count))),
        }
    )
    return as_table("Insurance", frame)
