"""What is rehearsed with a patient: all that is the patient's or referred to, and nothing of another's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.mapping.apply import Payload, apply, source_table
from migration_assets.mapping.chart_layout import MEASURES
from migration_assets.mapping.chart_layout import plan as plan_layout
from migration_assets.mapping.spec import OWNERS_TABLE, PRACTICE_TABLE
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.sample_scope import scope_keys, scope_of
from migration_assets.migration.sampling import SampleChoice, choose
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets_tests.mapping.staged import complete, practice, rows
from migration_assets_tests.objects.rows import stage_raw
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.practice.generator import generate

ROOM = {"ClinicalExam__c": 300, "ClinicalExamChart2__c": 700, "ClinicalExamChart3__c": 473}
PLAN = Plan(
    load_mapping("salesforce").resolved({"accounts": "household", "account_relations": "on"}),
    plan_layout(MEASURES, ROOM, "wide"),
    {"profile": "a" * 64},
)
Payloads = Mapping[str, Payload]
Keys = Mapping[str, set[str]]
_PARENT_TABLES = {"exam_id": "clinical_exams", "plan_id": "treatment_plans"}


def applied(given: Mapping[str, pl.DataFrame]) -> dict[str, Payload]:
    """By object."""
    staged = {PRACTICE_TABLE: practice(), OWNERS_TABLE: rows(OWNERS_TABLE), **given}
    return {
        spec.name: apply(spec, complete(spec, staged), "maple", PLAN.layout if spec.chart else None)
        for spec in PLAN.specs
    }


def scoped(payloads: Payloads, patients: Collection[str]) -> dict[str, set[str]]:
    frames = {spec.asset: payloads[spec.name].frame for spec in PLAN.specs}
    keys = scope_keys(PLAN, frames, patients, practice="maple")
    return {name: set(of_object) for name, of_object in keys.items()}


def scope_by_rows(chosen: Collection[str], **given: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Objects that have any record in scope, their keys without the practice."""
    keys = scoped(applied({table: rows(table, *them) for table, them in given.items()}), chosen)
    return {name: {key.removeprefix("maple:") for key in them} for name, them in keys.items() if them}


def of(patient: int, number: int, **more: Any) -> dict[str, Any]:
    return {"source_id": str(number), "patient_id": str(patient), **more}


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"source_id": str(number), "last_name": "Quill", **more}


def household(number: int) -> dict[str, Any]:
    return {"source_id": str(number), "name": "Quill"}


def test_a_patient_comes_with_the_provider_and_the_household_and_without_their_other_patients() -> None:
    keys = scope_by_rows(
        ["1"],
        patients=[person(each, provider_id="5", household_id="1") for each in (1, 2)],
        households=[household(1)],
        providers=[person(5), person(6)],
        appointments=[of(1, 10, provider_id="5"), of(2, 20, provider_id="5")],
        treatment_plans=[of(1, 11, title="x"), of(2, 21, title="x")],
        treatment_plan_lines=[{"source_id": "12", "plan_id": "11"}, {"source_id": "22", "plan_id": "21"}],
    )

    assert keys == {
        "Account": {"practice:maple", "household:1"},
        "Contact": {"patient:1", "provider:5"},
        "Event": {"appointment:10"},
        "EventRelation": {"attendee:appointment:10+provider:5"},
        "TreatmentPlan__c": {"plan:11"},
        "TreatmentPlanLine__c": {"plan_line:12"},
        "AccountContactRelation": {"account_tie:practice:maple+patient:1"},
    }


def test_a_dentist_comes_with_his_offices_and_without_his_colleagues_there() -> None:
    ties = [("5", "1"), ("6", "1"), ("6", "2")]
    keys = scope_by_rows(
        ["1"],
        patients=[person(1, household_id="1")],
        households=[household(1)],
        providers=[person(5), person(6)],
        offices=[{"source_id": each, "name": "Elm Dental"} for each in "12"],
        office_ties=[
            {"source_id": f"{dentist}{office}", "provider_id": dentist, "office_id": office}
            for dentist, office in ties
        ],
        referrals=[of(1, 30, direction="incoming", provider_id="5", title="x")],
    )

    assert keys["Contact"] == {"patient:1", "provider:5"}
    assert keys["Account"] == {"practice:maple", "household:1", "office:1"}
    assert keys["AccountContactRelation"] == {
        "account_tie:office:1+provider:5",
        "account_tie:practice:maple+patient:1",
    }


def file(number: int, patient: int | None) -> dict[str, Any]:
    owner = None if patient is None else str(patient)
    return {"source_id": str(number), "patient_id": owner, "title": "Scan", "file_name": "Scan.pdf"}


def letter(patient: int, number: int, document: int, plan: int) -> dict[str, Any]:
    return of(patient, number, document_id=str(document), plan_id=str(plan), place="first")


def test_a_paper_of_nobodys_comes_only_with_a_letter_of_the_patient() -> None:
    keys = scope_by_rows(
        ["1"],
        patients=[person(1)],
        treatment_plans=[of(1, 11, title="x")],
        documents=[file(90, None), file(91, None), file(92, 1)],
        letters=[letter(1, 95, 90, 11)],
    )

    assert keys["ContentVersion"] == {"document:90", "document:92"}
    assert keys["ContentDocumentLink"] == {
        "file_link:document:90+plan:11",
        "file_link:document:90+practice:maple",
        "file_link:document:92+patient:1",
    }


def test_what_joins_records_of_two_patients_comes_only_with_both() -> None:
    crossed: dict[str, list[dict[str, Any]]] = {
        "patients": [person(1), person(2)],
        "treatment_plans": [of(1, 11, title="x")],
        "documents": [file(90, 2)],
        "letters": [letter(1, 95, 90, 11)],
    }
    link = "file_link:document:90+plan:11"

    alone = [scope_by_rows([patient], **crossed) for patient in "12"]
    both = scope_by_rows(["1", "2"], **crossed)

    assert "ContentVersion" not in alone[0]
    assert all(link not in each.get("ContentDocumentLink", ()) for each in alone)
    assert link in both["ContentDocumentLink"]


def test_a_record_stays_its_patients_where_a_field_that_may_be_empty_names_another() -> None:
    staged = {
        "patients": rows("patients", person(1), person(2)),
        "treatment_plans": rows("treatment_plans", of(1, 11, title="x")),
    }
    payloads = applied(staged)
    plans = payloads["TreatmentPlan__c"]
    named = plans.frame.with_columns(Provider__c=pl.lit("maple:patient:2"))
    payloads["TreatmentPlan__c"] = replace(plans, frame=named)

    first, second = (scoped(payloads, [patient]) for patient in "12")

    assert (first["TreatmentPlan__c"], second["TreatmentPlan__c"]) == ({"maple:plan:11"}, set())
    assert first["Contact"] == {"maple:patient:1"}


def test_what_hangs_on_a_patient_who_was_rejected_is_nobody_elses() -> None:
    keys = scope_by_rows(
        ["1"],
        patients=[person(1, provider_id="5")],
        providers=[person(5)],
        appointments=[of(3, 20, provider_id="5")],
        documents=[file(90, 3)],
    )

    assert "Event" not in keys
    assert "EventRelation" not in keys
    assert "ContentVersion" not in keys


def owners(staged: Mapping[str, pl.DataFrame]) -> dict[tuple[str, str], str]:
    """Source table and id of each staged row that hangs on a patient -> the patient."""
    found = {("Patient", each): each for each in staged["patients"]["source_id"]}
    for name, frame in staged.items():
        if "patient_id" in frame.columns:
            for source_id, patient in frame.select("source_id", "patient_id").drop_nulls().iter_rows():
                found[source_table(name), source_id] = patient
    for name, frame in staged.items():
        for column, parent in _PARENT_TABLES.items():
            if column in frame.columns and "patient_id" not in frame.columns:
                for source_id, parent_id in frame.select("source_id", column).iter_rows():
                    found[source_table(name), source_id] = found.get((source_table(parent), parent_id), "?")
    return found


def assert_closed(
    payloads: Payloads, keys: Keys, staged: Mapping[str, pl.DataFrame], chosen: set[str]
) -> None:
    """By the staged rows that records are made from, not by the way that the scope takes."""
    owner = owners(staged)
    anothers: set[tuple[str, str]] = set()
    for name, payload in payloads.items():
        records = payload.lineage.filter(pl.col("role").is_in(["record", "companion"]))
        for key, table, source_id in records.select("key", "source_table", "source_id").iter_rows():
            whose = owner.get((table, source_id))
            if whose in chosen:
                assert key in keys[name]
            elif whose is not None:
                assert key not in keys[name]
                anothers.add((name, key))
    for spec in PLAN.specs:
        schema = payloads[spec.name].schema
        inside = payloads[spec.name].frame.filter(pl.col(schema.key_field).is_in(keys[spec.name]))
        for reference in schema.references:
            for parent in inside[reference.name].drop_nulls():
                places = [target for target in reference.targets if parent in set(_keys(payloads[target]))]
                assert not any((target, parent) in anothers for target in places)
                assert all(parent in keys[target] for target in places)


def _keys(payload: Payload) -> pl.Series:
    return payload.frame[payload.schema.key_field]


@pytest.fixture(scope="module")
def generated() -> dict[str, pl.DataFrame]:
    told = stage_raw(as_extracted(generate(11, 120, numbering="mixed", planted=1, tables="all")))
    return {name: each.rows for name, each in told.items()}


def test_a_generated_practices_sample_is_whole_and_has_nobody_elses(
    generated: dict[str, pl.DataFrame],
) -> None:
    nothing = pl.DataFrame(schema=REJECT_COLUMNS), pl.DataFrame(schema=CORRECTION_COLUMNS)
    sample = choose(generated, *nothing, SampleChoice(20, 3))
    payloads = applied(generated)
    frames = {spec.asset: payloads[spec.name].frame for spec in PLAN.specs}

    scope = scope_of(sample, PLAN, frames, "maple")

    keys = {name: set(scope.filter(object=name)["key"]) for name in payloads}
    assert_closed(payloads, keys, generated, set(sample.patients["source_id"]))
    assert set(scope["why"]) == {"sample"}
    assert not scope.select("object", "key").is_duplicated().any()
    assert all(0 < len(keys[name]) < payload.frame.height for name, payload in payloads.items())


_ids = st.sampled_from(["1", "2", "3", "4"])
_maybe = st.one_of(st.none(), _ids)


def _table(name: str, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[pl.DataFrame]:
    made = st.lists(st.fixed_dictionaries({"source_id": _ids, **columns}), max_size=4, unique_by=_source_id)
    return made.map(lambda them: rows(name, *them))


def _source_id(row: dict[str, Any]) -> str:
    return str(row["source_id"])


_practices = st.fixed_dictionaries(
    {
        "patients": _table("patients", household_id=_ids, provider_id=_maybe),
        "households": _table("households"),
        "providers": _table("providers"),
        "referrers": _table("referrers"),
        "offices": _table("offices"),
        "office_ties": _table("office_ties", provider_id=_maybe, referrer_id=_maybe, office_id=_ids),
        "clinical_exams": _table("clinical_exams", patient_id=_ids, provider_id=_maybe),
        "exam_findings": _table("exam_findings", exam_id=_ids),
        "treatment_plans": _table("treatment_plans", patient_id=_ids, provider_id=_maybe),
        "treatment_plan_lines": _table("treatment_plan_lines", plan_id=_ids),
        "appointments": _table("appointments", patient_id=_ids, provider_id=_maybe),
        "referrals": _table("referrals", patient_id=_ids, provider_id=_maybe, referrer_id=_maybe),
        "documents": _table("documents", patient_id=_maybe),
        "letters": _table(
            "letters",
            patient_id=_ids,
            plan_id=_maybe,
            referral_id=_maybe,
            document_id=_maybe,
            place=st.just("none"),
        ),
    }
)


@settings(max_examples=25, deadline=None)
@given(_practices, st.sets(_ids))
def test_whatever_refers_to_what_the_scope_is_closed(
    staged: dict[str, pl.DataFrame], patients: set[str]
) -> None:
    payloads = applied(staged)
    chosen = patients & set(staged["patients"]["source_id"])

    assert_closed(payloads, scoped(payloads, chosen), staged, chosen)
