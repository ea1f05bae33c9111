"""Staging the generated practice: charting rows through their rules and Pandera."""

from __future__ import annotations

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from benchmarks.measuring import Measured, Work, measure
from migration_assets.objects.base import StagedObject, StagingContext, StagingInputs
from migration_assets.objects.charting import CHARTING
from migration_assets.objects.patients import PATIENTS
from migration_assets.panda.profile import load_profile
from migration_sandbox.practice.generator import generate


def run(patients: int = 2_000) -> list[Measured]:
    return measure(
        [
            (f"charting rows of {patients:,} patients", partial(_stage, CHARTING, patients)),
            (f"{patients:,} patients", partial(_stage, PATIENTS, patients)),
        ],
        rounds=3,
    )


def _stage(staged_object: StagedObject, patients: int) -> Work:
    inputs = StagingInputs(raw=generate(7, patients).tables, staged={})
    context = StagingContext("bench", ZoneInfo("America/New_York"), load_profile("default"), date.today())
    return lambda: staged_object.stage(inputs, context)
