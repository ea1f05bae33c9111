"""The list of migrated objects; a new one is a file in this folder and a line here."""

from __future__ import annotations

from migration_assets.objects.appointments import APPOINTMENTS
from migration_assets.objects.base import DrawnObject, StagedObject
from migration_assets.objects.chart_summaries import CHART_SUMMARIES
from migration_assets.objects.charting import CHARTING
from migration_assets.objects.classifications import CLASSIFICATIONS
from migration_assets.objects.clinical_exams import CLINICAL_EXAMS
from migration_assets.objects.clinical_notes import CLINICAL_NOTES
from migration_assets.objects.documents import DOCUMENTS
from migration_assets.objects.exam_charts import EXAM_CHARTS
from migration_assets.objects.exam_findings import EXAM_FINDINGS
from migration_assets.objects.households import HOUSEHOLDS
from migration_assets.objects.insurances import INSURANCES
from migration_assets.objects.letters import LETTERS
from migration_assets.objects.office_ties import OFFICE_TIES
from migration_assets.objects.offices import OFFICES
from migration_assets.objects.patients import PATIENTS
from migration_assets.objects.providers import PROVIDERS
from migration_assets.objects.radiographs import RADIOGRAPHS
from migration_assets.objects.referrals import REFERRALS
from migration_assets.objects.referrers import REFERRERS
from migration_assets.objects.staff_users import STAFF_USERS
from migration_assets.objects.treatment_plan_lines import TREATMENT_PLAN_LINES
from migration_assets.objects.treatment_plans import TREATMENT_PLANS

STAGED_OBJECTS: tuple[StagedObject, ...] = (
    PROVIDERS,
    PATIENTS,
    HOUSEHOLDS,
    CHARTING,
    CLINICAL_EXAMS,
    CHART_SUMMARIES,
    TREATMENT_PLANS,
    TREATMENT_PLAN_LINES,
    EXAM_FINDINGS,
    CLASSIFICATIONS,
    INSURANCES,
    CLINICAL_NOTES,
    APPOINTMENTS,
    REFERRERS,
    REFERRALS,
    OFFICES,
    OFFICE_TIES,
    DOCUMENTS,
    LETTERS,
    RADIOGRAPHS,
    STAFF_USERS,
)
"""In the order of dependency: whatever an object ``uses`` stands before it."""

DRAWN_OBJECTS: tuple[DrawnObject, ...] = (EXAM_CHARTS,)
"""Tables that are made for a payload instead of being staged."""

MAPPED_OBJECTS: tuple[StagedObject | DrawnObject, ...] = (*STAGED_OBJECTS, *DRAWN_OBJECTS)
"""All tables that a mapping spec may name."""
