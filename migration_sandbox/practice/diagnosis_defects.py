"""The oddities of classifications and of teeth that no wide chart has a place for; see ``defects``."""

from collections.abc import Callable

from migration_sandbox.practice.dentition import is_primary, is_supernumerary
from migration_sandbox.practice.field import Field

_CLASSIFICATION, _CHART = "PeriodontalClassification", "PeriodontalCharting"


def stage_spelling(field: Field) -> None:
    for stage in ("Stage 3", "3"):
        row = field.record(_CLASSIFICATION)["ClassificationID"]
        field.draft.set(_CLASSIFICATION, row, Stage=stage)
        field.expect("kept", _CLASSIFICATION, row, "Stage", "stage_spelling")


def unknown_stage(field: Field) -> None:
    row = field.record(_CLASSIFICATION)["ClassificationID"]
    field.draft.set(_CLASSIFICATION, row, Stage="V")
    field.expect("corrected", _CLASSIFICATION, row, "Stage", "unknown_stage")


def unusual_teeth(field: Field) -> None:
    """A chart with primary teeth and one with a supernumerary, where the practice has such charts left."""
    expected = {defect.source_key for defect in field.expectations if defect.table == _CHART}
    for code, unusual in (("primary_tooth", is_primary), ("supernumerary_tooth", is_supernumerary)):
        for exam in field.exams_of_reserved():
            system = field.numbering_of(exam)
            rows = [row["ChartingID"] for row in field.rows_of(exam) if unusual(row["Tooth"], system)]
            if rows and str(rows[0]) not in expected:
                for charting in rows:
                    field.expect("kept", _CHART, charting, "Tooth", code)
                break


KINDS: tuple[Callable[[Field], None], ...] = (stage_spelling, unknown_stage, unusual_teeth)
