"""How much, how hard and how long: by stated rules from counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from migration_assets.destinations.base import LoadResult, Volumes
from migration_assets.mapping.chart_layout import MEASURES
from migration_assets.mapping.chart_layout import plan as plan_layout
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.ledger_tables import BATCHES, RECORD_EVENTS
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.scoping import ChartFacts, ObjectScope, Scope, make_scope
from migration_assets.migration.staging import Verdict
from migration_assets.migration.survey import measured_rates
from migration_assets_tests.migration.records import CONTACT

MAPPING = load_mapping("salesforce").resolved({"accounts": "practice"})
ROOM = {"ClinicalExam__c": 463, "ClinicalExamChart2__c": 700}
PLAN = Plan(MAPPING, plan_layout(MEASURES, ROOM, "wide"), {"profile": "a" * 64})
EASY = ChartFacts(systems=1, measures=2)


def verdict(name: str, table: str, extracted: int, rejected: int = 0, corrected: int = 0) -> Verdict:
    return Verdict(name, table, "b", extracted, extracted - rejected, rejected, corrected, 0.02, True)


PATIENTS = verdict("patients", "Patient", 1_000)
REFERRALS = verdict("referrals", "Referral", 300)
NOBODY = verdict("referrers", "Referral", 0)


def scope(
    *verdicts: Verdict,
    records: dict[str, int] | None = None,
    charts: ChartFacts = EASY,
    rates: dict[str, float] | None = None,
) -> Scope:
    return make_scope(PLAN, Volumes(records or {}), verdicts, charts, rates or {})


def contact(made: Scope) -> ObjectScope:
    return next(each for each in made.objects if each.object == "Contact")


@pytest.mark.parametrize(
    ("patients", "referrers", "records", "grade", "reasons"),
    [
        (PATIENTS, NOBODY, 1_000, "simple", ()),
        (replace(PATIENTS, rejected=1), NOBODY, 1_000, "simple", ("rejects",)),
        (replace(PATIENTS, corrected=11), NOBODY, 10_001, "moderate", ("many corrections", "size")),
        (replace(PATIENTS, rejected=10), NOBODY, 1_000, "moderate", ("rejects near the limit",)),
        (
            replace(PATIENTS, rejected=10),
            verdict("referrers", "Referral", 4),
            100_001,
            "complex",
            ("rejects near the limit", "people in free text", "size"),
        ),
    ],
)
def test_an_object_is_as_hard_as_its_points(
    patients: Verdict, referrers: Verdict, records: int, grade: str, reasons: tuple[str, ...]
) -> None:
    made = contact(scope(patients, referrers, records={"Contact": records}))

    assert (made.grade, made.reasons) == (grade, reasons)


def test_a_chart_in_several_systems_with_many_measures_over_several_objects_is_moderate_by_itself() -> None:
    made = scope(charts=ChartFacts(systems=2, measures=8, exams_without_system=0))
    exams = next(each for each in made.objects if each.object == "ClinicalExam__c")

    assert exams.reasons == ("numbering systems", "many measures", "chart over several objects")
    assert made.grade == exams.grade == "moderate"


def test_rows_of_the_source_count_once_and_derived_people_never() -> None:
    made = scope(PATIENTS, verdict("referrers", "Referral", 4), REFERRALS)

    assert made.source_rows == 1_300
    assert contact(made).source_rows == 1_000


def test_the_duration_is_by_what_was_measured_on_the_target_else_by_the_benchmark() -> None:
    records = {"Contact": 29_690, "TreatmentPlan__c": 0}
    by_benchmark, measured = scope(records=records), scope(records=records, rates={"Contact": 100.0})

    assert contact(by_benchmark).seconds == pytest.approx(10.4)
    assert by_benchmark.seconds["upload"] == pytest.approx(10.4)
    assert contact(measured).seconds == pytest.approx(296.9)
    assert (contact(by_benchmark).measured_by, contact(measured).measured_by) == ("benchmark", "ledger")
    assert measured.expected_seconds == pytest.approx(by_benchmark.expected_seconds + 286.5)


def uploaded(ledger: Ledger, run_id: str, count: int, answered_by: str | None = None) -> str:
    keys = [f"maple:patient:{run_id}{number}" for number in range(count)]
    batch = ledger.intend(CONTACT, [(key, "h") for key in keys], run_id)
    results = [LoadResult(key, "loaded", f"id{key}", created=True) for key in keys]
    ledger.record(CONTACT, results, answered_by or run_id, batch)
    return batch


def timed(engine: Engine, batch: str, began: datetime, seconds: float) -> None:
    with engine.begin() as connection:
        connection.execute(update(BATCHES).where(BATCHES.c.batch_id == batch).values(intended_at=began))
        of_batch = RECORD_EVENTS.c.batch_id == batch
        ended = began + timedelta(seconds=seconds)
        connection.execute(update(RECORD_EVENTS).where(of_batch).values(at=ended))


def test_rates_are_those_of_the_latest_large_upload_that_got_its_own_answers(
    engine: Engine, ledger: Ledger
) -> None:
    morning = datetime(2024, 5, 6, 8, tzinfo=UTC)
    runs = [
        ("old", 300, "old", 3.0),
        ("latest", 400, "latest", 8.0),
        ("killed", 300, "next", 7_200.0),
        ("retry", 5, "retry", 5.0),
    ]
    for hour, (run_id, count, answered_by, seconds) in enumerate(runs):
        batch = uploaded(ledger, run_id, count, answered_by)
        timed(engine, batch, morning + timedelta(hours=hour), seconds)

    assert measured_rates(engine, ledger.target) == {"Contact": pytest.approx(50.0)}
    assert measured_rates(engine, replace(ledger.target, environment="live")) == {}
