"""The defects of charting rows; see ``defects`` for how a kind works.

A rejected row leaves its exam in place, flagged as incomplete.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from migration_sandbox.practice.field import Field
from migration_sandbox.practice.teeth import ENTRANCES, PERMANENT, entrances

_CHART = "PeriodontalCharting"
# Written in each system by somebody, and a tooth in none of them; 33 alone would be a canine in FDI.
NO_TOOTH = {"Universal": ("33", "X9"), "FDI": ("19", "X9"), "Palmer": ("UR9", "X9")}


def _full_mouth(field: Field, canary: bool = False) -> tuple[int, list[dict[str, Any]]]:
    exam = field.exam(canary=canary, kind="Full mouth")
    return exam, field.rows_of(exam)


def _probed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A tooth in the middle of the chart that was probed."""
    probed = [
        row for row in rows if row["ToothStatus"] in ("present", "crown") and row["PocketDepth_B"] is not None
    ]
    return probed[len(probed) // 2]


def _flag(field: Field, exam: int) -> None:
    field.expect("flagged", "ClinicalExam", exam, "", "chart_incomplete")


def _entrances(field: Field, row: dict[str, Any]) -> str:
    system = field.numbering_of(row["ExamID"])
    numbers = {tooth.code(system): number for number, tooth in enumerate(PERMANENT, start=1)}
    return entrances(numbers[row["Tooth"]])


def _reject_cell(field: Field, column: str, value: object, code: str, canary: bool = False) -> None:
    exam, rows = _full_mouth(field, canary)
    _reject_one(field, exam, rows, column, value, code)


def _reject_one(
    field: Field, exam: int, rows: list[dict[str, Any]], column: str, value: object, code: str
) -> None:
    if column.startswith("Furcation_"):
        # The grade must be all that is wrong, so the tooth has to have that entrance.
        rows = [row for row in rows if column[-1] in _entrances(field, row)]
    row = _probed(rows)
    field.draft.set(_CHART, row["ChartingID"], **{column: value})
    field.expect("rejected", _CHART, row["ChartingID"], column, code)
    _flag(field, exam)


def invalid_tooth(field: Field) -> None:
    for example in range(2):
        exam, rows = _full_mouth(field)
        code = NO_TOOTH[field.numbering_of(exam)][example]
        _reject_one(field, exam, rows, "Tooth", code, "invalid_tooth")


def duplicate_tooth(field: Field) -> None:
    exam, rows = _full_mouth(field)
    row = _probed(rows)
    again = field.draft.add(_CHART, row, PocketDepth_B=row["PocketDepth_B"] + 1)
    for charting in (row["ChartingID"], again):
        field.expect("rejected", _CHART, charting, "Tooth", "duplicate_tooth")
    _flag(field, exam)


def out_of_range(field: Field) -> None:
    _reject_cell(field, "PocketDepth_MB", 55, "pocket_depth_out_of_range", canary=True)
    _reject_cell(field, "PocketDepth_DL", 20, "pocket_depth_out_of_range")
    _reject_cell(field, "Recession_B", 21, "recession_out_of_range")
    _reject_cell(field, "Recession_ML", -10, "recession_out_of_range")
    _reject_cell(field, "Furcation_B", 5, "furcation_out_of_range")
    _reject_cell(field, "Mobility", Decimal("3.5"), "mobility_out_of_range")
    _reject_cell(field, "Mobility", Decimal("1.3"), "mobility_out_of_range")


def half_grade(field: Field) -> None:
    _, rows = _full_mouth(field)
    charting = _probed(rows)["ChartingID"]
    field.draft.set(_CHART, charting, Mobility=Decimal("1.5"))
    field.expect("kept", _CHART, charting, "Mobility", "half_grade_mobility")


def furcation_without_entrance(field: Field) -> None:
    _, rows = _full_mouth(field)
    row = _probed([row for row in rows if not _entrances(field, row)])
    field.draft.set(_CHART, row["ChartingID"], Furcation_M=2)
    field.expect("kept", _CHART, row["ChartingID"], "Furcation_M", "furcation_without_entrance")


def measures_on_missing_tooth(field: Field) -> None:
    _, rows = _full_mouth(field)
    row = _probed(rows)
    no_furcation = {f"Furcation_{entrance}": None for entrance in ENTRANCES}
    field.draft.set(_CHART, row["ChartingID"], ToothStatus="missing", **no_furcation)
    field.expect("kept", _CHART, row["ChartingID"], "ToothStatus", "measures_on_missing_tooth")


def no_numbering_system(field: Field) -> None:
    exam = field.exam(kind="Screening")
    field.draft.set("ClinicalExam", exam, ToothNumberingSystem=None)
    for row in field.rows_of(exam):
        field.expect("rejected", _CHART, row["ChartingID"], "Tooth", "no_numbering_system")
    _flag(field, exam)


def orphan_chart_row(field: Field) -> None:
    _, rows = _full_mouth(field)
    row = _probed(rows)
    charting = field.draft.add(_CHART, row, ExamID=9_000_000 + row["ExamID"])
    field.expect("rejected", _CHART, charting, "ExamID", "orphan_chart_row")


KINDS: tuple[Callable[[Field], None], ...] = (
    invalid_tooth,
    duplicate_tooth,
    out_of_range,
    half_grade,
    furcation_without_entrance,
    measures_on_missing_tooth,
    no_numbering_system,
    orphan_chart_row,
)
