"""The defects of treatment plans and their lines; see ``defects`` for how a kind works."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from migration_sandbox.practice.field import Field

_PLAN, _LINE = "TreatmentPlan", "TreatmentPlanLine"


def _lines_of(field: Field, plan: int) -> list[dict[str, Any]]:
    lines = field.draft.table(_LINE)
    return lines.filter(pl.col("PlanID") == plan).sort("Sequence").to_dicts()


def _line(field: Field, suits: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
    """A line that suits, of a plan of an untouched patient."""
    while True:
        plan = field.record(_PLAN)["PlanID"]
        for line in _lines_of(field, plan):
            if suits(line):
                return line


def unknown_plan_status(field: Field) -> None:
    for status in ("On hold", "Waiting for insurance"):
        plan = field.record(_PLAN)["PlanID"]
        field.draft.set(_PLAN, plan, Status=status)
        field.expect("corrected", _PLAN, plan, "Status", "unknown_plan_status")


def cost_out_of_range(field: Field) -> None:
    plan = field.record(_PLAN, canary=True)["PlanID"]
    field.draft.set(_PLAN, plan, EstimatedCost=Decimal("-350.00"))
    field.expect("rejected", _PLAN, plan, "EstimatedCost", "cost_out_of_range")
    # A letter's link to a plan that isn't there would be a second thing wrong.
    letters = field.draft.table("Letter")
    for letter in letters.filter(pl.col("PlanID") == plan)["LetterID"]:
        field.draft.set("Letter", letter, PlanID=None)


def dates_out_of_order(field: Field) -> None:
    plan = field.record(_PLAN, lambda row: row["CompletedAt"] is not None)
    before = plan["AcceptedAt"] - timedelta(days=30)
    field.draft.set(_PLAN, plan["PlanID"], CompletedAt=before)
    field.expect("kept", _PLAN, plan["PlanID"], "CompletedAt", "dates_out_of_order")


def invalid_procedure_code(field: Field) -> None:
    for code in ("4341", "D43A1"):
        line = _line(field, lambda row: row["ProcedureCode"] is not None)["LineID"]
        field.draft.set(_LINE, line, ProcedureCode=code)
        field.expect("corrected", _LINE, line, "ProcedureCode", "invalid_procedure_code")


def duplicate_sequence(field: Field) -> None:
    second = _line(field, lambda row: row["Sequence"] == 2)
    first = _lines_of(field, second["PlanID"])[0]
    field.draft.set(_LINE, second["LineID"], Sequence=first["Sequence"])
    for line in (first["LineID"], second["LineID"]):
        field.expect("kept", _LINE, line, "Sequence", "duplicate_sequence")


def implausible_date(field: Field) -> None:
    line = _line(field, lambda row: row["ScheduledDate"] is not None)["LineID"]
    field.draft.set(_LINE, line, ScheduledDate=date(1753, 1, 1))
    field.expect("corrected", _LINE, line, "ScheduledDate", "date_implausible")


def orphan_line(field: Field) -> None:
    like = _line(field)
    line = field.draft.add(_LINE, like, PlanID=9_000_000 + like["PlanID"])
    field.expect("held_back", _LINE, line, "", "parent_missing")


KINDS: tuple[Callable[[Field], None], ...] = (
    unknown_plan_status,
    cost_out_of_range,
    dates_out_of_order,
    invalid_procedure_code,
    duplicate_sequence,
    implausible_date,
    orphan_line,
)
