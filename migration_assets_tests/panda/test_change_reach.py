"""Which rows a changed row reaches, by the profile's keys and what the staged objects declare."""

from __future__ import annotations

import polars as pl

from migration_assets.objects.base import StagedObject
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.change_reach import Reads, Route, reached, routes
from migration_assets.panda.profile import load_profile

PROFILE = load_profile("default")
BY_NAME = {each.name: each for each in STAGED_OBJECTS}
LINKS: dict[tuple[str, str], list[tuple[str, str | None]]] = {
    ("PeriodontalCharting", "ExamID"): [("1", "10"), ("2", "10"), ("3", "20"), ("3", "30"), ("4", None)],
    ("Letter", "DocumentID"): [("7", "70"), ("8", "80"), ("9", None)],
    ("TreatmentPlanLine", "PlanID"): [("51", "5"), ("52", "5"), ("61", "6")],
    ("ClinicalExam", "PatientID"): [("10", "100"), ("20", "100"), ("30", "300")],
}


def _reads(staged: StagedObject) -> frozenset[str]:
    return frozenset(staged.reads).union(*(_reads(BY_NAME[used]) for used in staged.uses))


def _lookup(table: str, column: str) -> pl.DataFrame:
    return pl.DataFrame(LINKS[table, column], {"key": pl.String(), "reference": pl.String()}, orient="row")


def _route(table: str, name: str) -> Route:
    each = BY_NAME[name]
    declared = Reads(name, each.source_table, _reads(each), grouped=each.derived)
    return next(route for route in routes(PROFILE, [declared]) if route.table == table)


def _reached(table: str, name: str, *keys: str) -> list[str] | None:
    found = reached(_route(table, name), pl.Series(keys, dtype=pl.String()), _lookup)
    return None if found is None else found.to_list()


def test_a_chart_row_reaches_its_exam_and_a_moved_one_both() -> None:
    assert _reached("PeriodontalCharting", "clinical_exams", "1", "2") == ["10"]
    assert _reached("PeriodontalCharting", "clinical_exams", "3") == ["20", "30"]


def test_a_document_reaches_its_letter_and_a_letter_its_document() -> None:
    assert _reached("Document", "letters", "70") == ["7"]
    assert _reached("Letter", "documents", "7", "9") == ["70"]


def test_an_exam_that_reads_its_patient_is_reached_by_a_changed_patient() -> None:
    assert _reached("Patient", "clinical_exams", "100") == ["10", "20"]


def test_a_line_reaches_the_plan_that_a_mapping_makes_of_both() -> None:
    deal = Reads("deal", "TreatmentPlan", frozenset({"TreatmentPlanLine"}))
    route = next(route for route in routes(PROFILE, [deal]) if route.table == "TreatmentPlanLine")
    found = reached(route, pl.Series(["51", "52"]), _lookup)
    assert found is not None and found.to_list() == ["5"]


def test_a_row_of_an_object_s_own_table_reaches_itself() -> None:
    assert _reached("TreatmentPlanLine", "treatment_plan_lines", "5") == ["5"]


def test_an_object_made_of_groups_is_staged_as_a_whole() -> None:
    assert _reached("Patient", "households", "100") is None


def test_every_object_has_a_route_for_every_table_that_it_reads() -> None:
    declared = [Reads(name, each.source_table, _reads(each)) for name, each in BY_NAME.items()]
    unreached = {(r.table, r.object) for r in routes(PROFILE, declared) if r.steps is None}
    assert unreached == set()
