"""The list of migrated objects; a new one is a file in this folder and a line here."""

from __future__ import annotations

from migration_assets.objects.base import StagedObject
from migration_assets.objects.charting import CHARTING
from migration_assets.objects.clinical_exams import CLINICAL_EXAMS
from migration_assets.objects.patients import PATIENTS
from migration_assets.objects.providers import PROVIDERS
from migration_assets.objects.treatment_plan_lines import TREATMENT_PLAN_LINES
from migration_assets.objects.treatment_plans import TREATMENT_PLANS

STAGED_OBJECTS: tuple[StagedObject, ...] = (
    PROVIDERS,
    PATIENTS,
    CHARTING,
    CLINICAL_EXAMS,
    TREATMENT_PLANS,
    TREATMENT_PLAN_LINES,
)
"""In the order of dependency: whatever an object ``uses`` stands before it."""
