"""Treatment plans and their lines: normalised words, impossible values, and what only deserves a look."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, changes, line, plan, reasons, stage_rows


def plans(*rows: Row) -> Staged:
    return stage_rows(plans=list(rows))["treatment_plans"]


def lines(*rows: Row) -> Staged:
    return stage_rows(lines=list(rows))["treatment_plan_lines"]


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("Proposed", "proposed"),
        ("ACCEPTED", "accepted"),
        ("In Progress", "in-progress"),
        ("in progress", "in-progress"),
        ("in-progress", "in-progress"),
        (" In_Progress ", "in-progress"),
        ("completed", "completed"),
        ("Declined", "declined"),
        (None, None),
        (" ", None),
    ],
)
def test_a_status_is_one_of_five_words(written: str | None, status: str | None) -> None:
    told = plans(plan(Status=written))

    assert told.rows["status"].item() == status
    assert changes(told) == []


def test_an_unknown_status_is_left_empty_and_listed() -> None:
    told = plans(plan(Status="on hold"))

    assert told.rows["status"].item() is None
    assert changes(told) == [("20", "Status", "unknown_plan_status", "on hold")]


def test_a_cost_below_zero_rejects_the_plan_or_the_line_and_zero_is_a_cost() -> None:
    told = plans(plan(1, EstimatedCost=Decimal("-0.01")), plan(2, EstimatedCost=Decimal(0)), plan(3))
    assert reasons(told) == [("1", "EstimatedCost", "cost_out_of_range")]
    assert told.rows["estimated_cost"].to_list() == [Decimal(0), None]

    told = lines(line(1, EstimatedCost=Decimal("-0.01")), line(2, EstimatedCost=Decimal("1250.50")))
    assert reasons(told) == [("1", "EstimatedCost", "cost_out_of_range")]
    assert told.rows["estimated_cost"].to_list() == [Decimal("1250.50")]


@pytest.mark.parametrize("column", ["ProposedAt", "AcceptedAt", "CompletedAt"])
@pytest.mark.parametrize("wrong", [date(1899, 12, 31), date(2101, 1, 1)])
def test_an_impossible_date_is_left_empty_and_listed(column: str, wrong: date) -> None:
    assert changes(plans(plan() | {column: wrong})) == [("20", column, "date_implausible", wrong.isoformat())]


@pytest.mark.parametrize("possible", [date(1900, 1, 1), date(2100, 12, 31)])
def test_the_first_and_last_possible_dates_stay(possible: date) -> None:
    assert lines(line(ScheduledDate=possible)).rows["scheduled_on"].item() == possible


def test_dates_out_of_order_are_kept_and_counted_once_a_plan() -> None:
    first, second, third = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)
    told = plans(
        plan(1, ProposedAt=first, AcceptedAt=second, CompletedAt=third),
        plan(2, ProposedAt=third, AcceptedAt=second, CompletedAt=first),
        plan(3, ProposedAt=second, CompletedAt=first),
        plan(4, AcceptedAt=first, CompletedAt=first),
        plan(5, AcceptedAt=second, CompletedAt=date(1800, 1, 1)),
    )

    assert told.findings["dates_out_of_order"] == 2
    assert told.rows.height == 5


def test_the_narrative_keeps_its_line_breaks() -> None:
    narrative = "Phase I:\r\n  scaling\n\nPhase II"

    assert plans(plan(TreatmentNotes=narrative)).rows["notes"].item() == narrative


def test_a_plan_is_titled_by_its_name_and_a_long_name_stays_whole_beside_it() -> None:
    long = "n" * 81
    told = plans(
        plan(1, PlanName="Implant"), plan(2, PlanName=long), plan(3, PlanName="n" * 80), plan(4, PlanName=" ")
    )

    assert told.rows["title"].to_list() == ["Implant", "n" * 79 + "…", "n" * 80, "Treatment plan"]
    assert told.rows["plan_name"].to_list() == ["Implant", long, "n" * 80, None]


def test_plans_and_lines_without_their_parent_are_staged() -> None:
    told = stage_rows(plans=[plan(PatientID=999)], lines=[line(PlanID=888)])

    assert told["treatment_plans"].rows["patient_id"].item() == "999"
    assert told["treatment_plan_lines"].rows["plan_id"].item() == "888"


@pytest.mark.parametrize("written", ["4341", "D434", "D43411", "D4341-LR", "X4341", "D４３４１"])
def test_what_is_no_cdt_code_is_left_empty_and_listed(written: str) -> None:
    told = lines(line(ProcedureCode=written, Description="scaling"))

    assert told.rows["procedure_code"].item() is None
    assert told.rows["description"].item() == "scaling"
    assert changes(told) == [("200", "ProcedureCode", "invalid_procedure_code", written)]


def test_a_cdt_code_is_printed_with_a_capital() -> None:
    told = lines(line(ProcedureCode=" d4341 "))

    assert told.rows["procedure_code"].item() == "D4341"
    assert changes(told) == []


@pytest.mark.parametrize(("weeks", "stays"), [(0, True), (260, True), (261, False), (-1, False)])
def test_healing_takes_none_to_260_weeks(weeks: int, stays: bool) -> None:
    told = lines(line(HealingWeeks=weeks))

    assert told.rows["healing_weeks"].item() == (weeks if stays else None)
    assert changes(told) == (
        [] if stays else [("200", "HealingWeeks", "healing_weeks_out_of_range", str(weeks))]
    )


def test_lines_that_share_a_sequence_number_of_a_plan_are_kept_and_counted() -> None:
    told = lines(
        line(1, Sequence=1),
        line(2, Sequence=1),
        line(3, Sequence=2),
        line(4, PlanID=21, Sequence=1),
        line(5, Sequence=None),
        line(6, Sequence=None),
    )

    assert told.findings["duplicate_sequence"] == 2
    assert told.rows.height == 6


def test_a_tooth_site_is_carried_as_written_and_an_unreadable_one_counted() -> None:
    sites = ["3", "2-5", "UR", "upper arch", "UR4", "the sore one", None]
    told = lines(*(line(key, ToothSite=site) for key, site in enumerate(sites)))

    assert told.rows["tooth_site"].to_list() == sites
    assert told.findings["unreadable_tooth_site"] == 1
