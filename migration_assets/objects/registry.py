"""The list of migrated objects; a new one is a file in this folder and a line here."""

from __future__ import annotations

from migration_assets.objects.base import StagedObject
from migration_assets.objects.charting import CHARTING
from migration_assets.objects.clinical_exams import CLINICAL_EXAMS
from migration_assets.objects.patients import PATIENTS

STAGED_OBJECTS: tuple[StagedObject, ...] = (PATIENTS, CHARTING, CLINICAL_EXAMS)
"""In the order of dependency: whatever an object ``uses`` stands before it."""
