"""The guide for a practice's people is made from the mapping and the planned layout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migration_assets.mapping.chart_layout import MEASURES, plan
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.reports.go_live_guide import Guide, make_guide
from migration_assets.reports.page import render

TARGET = Target("maple", "salesforce", "live")
MAPPING = load_mapping("salesforce").resolved({"accounts": "practice"})
ROOMS = {"ClinicalExam__c": 463, "ClinicalExamChart2__c": 700, "ClinicalExamChart3__c": 473}
WIDE = Plan(MAPPING, plan(MEASURES, ROOMS), {"profile": "a" * 64})
PER_TOOTH = replace(WIDE, layout=plan(MEASURES, ROOMS, "per_tooth"))


@pytest.fixture(scope="module")
def guide() -> Guide:
    return make_guide(WIDE, TARGET, "Maple Periodontics")


def test_every_kind_of_record_has_a_place(guide: Guide) -> None:
    where = {each.object: each.where for each in guide.places}

    assert {name for name in where if name.endswith("__c")} == {
        spec.name for spec in WIDE.specs if spec.schema.custom
    }
    assert where["TreatmentPlan__c"] == "On the contact, tab Related, the list TreatmentPlans."
    assert where["TreatmentPlanLine__c"] == "On the Treatment Plan, tab Related, the list Lines."
    assert "Files" in where["ContentVersion"]
    assert not any("{" in sentence for sentence in where.values())


def test_tables_without_records_of_their_own_are_found_by_their_fields(guide: Guide) -> None:
    insurance = next(each for each in guide.beside if each.table == "Insurance")

    assert insurance.object == "Contact"
    assert {"Insurance Carrier", "Policy Number"} <= set(insurance.labels)


def test_the_pipeline_names_the_mappings_own_statuses(guide: Guide) -> None:
    assert guide.pipeline is not None
    assert guide.pipeline.values == ("proposed", "accepted", "in-progress", "completed", "declined")
    assert guide.pipeline.shown[1] == "Treatment Plans: accepted"
    assert not any("{" in sentence for sentence in guide.pipeline.sentences)


@pytest.mark.parametrize("made", [WIDE, PER_TOOTH], ids=["wide", "per tooth"])
def test_the_charts_example_is_a_field_that_the_plan_has(made: Plan) -> None:
    chart = make_guide(made, TARGET, "Maple").chart
    assert chart is not None and chart.example is not None
    fields = {field.name: field for schema in made.schemas.values() for field in schema.fields}

    assert fields[chart.example.name].label == chart.example.label
    assert fields[chart.example.name].help_text == chart.example.help_text
    written = "_".join(part for part, _ in chart.example.parts).replace("UR_3", "UR3")
    assert f"{written}__c" == chart.example.name


def test_each_measure_is_told_on_the_record_that_holds_it(guide: Guide) -> None:
    assert guide.chart is not None
    assert WIDE.layout is not None
    told = {part.object: len(part.measures) for part in guide.chart.parts}

    for held in WIDE.layout.objects:
        assert told[held.object] == len(held.measures)
    assert [len(teeth) for teeth in guide.chart.quadrants.values()] == [8, 8, 8, 8]
    assert guide.chart.quadrants["UR"][0].universal == "8"


def test_fields_are_listed_under_pandas_own_names_without_keys_and_links(guide: Guide) -> None:
    patients = {each.column: each.label for each in guide.fields["Patient"]}

    assert patients["ChartNumber"] == "PANDA Chart Number"
    assert "PatientID" not in patients
    assert "ContentDocumentLink" not in {each.object for fields in guide.fields.values() for each in fields}
    columns = [each.column for fields in guide.fields.values() for each in fields]
    assert all(name[0].isupper() for name in columns)


def test_the_page_is_made_of_it_and_names_no_address(guide: Guide) -> None:
    page = render("go_live_guide.html.j2", title="Guide", head=None, guide=guide)

    assert guide.chart is not None and guide.chart.example is not None
    assert guide.chart.example.name in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.fixture(scope="module")
def in_freshsales() -> Guide:
    mapping = load_mapping("freshsales").resolved({"accounts": "practice", "modules": "on"})
    return make_guide(Plan(mapping, None, {}), Target("maple", "freshsales", "live"), "Maple Periodontics")


def test_plans_are_told_as_another_destination_shows_them(in_freshsales: Guide) -> None:
    pipeline = in_freshsales.pipeline
    assert pipeline is not None

    assert (pipeline.status, pipeline.heading) == ("Deal stage", "Where they are")
    assert pipeline.values == ("Consultation", "Accepted", "In Treatment", "Completed", "Lost")
    assert pipeline.shown[2] == "Board of Deals, column In Treatment"
    assert not any("{" in sentence for sentence in pipeline.sentences)


def test_a_chart_without_fields_of_its_own_is_told_where_its_parts_are(in_freshsales: Guide) -> None:
    chart = in_freshsales.chart
    assert chart is not None and chart.example is None
    told = {part.object: part for part in chart.parts}

    assert "Last_Pocket_Depth_MM__c" in told["contact"].measures
    assert {"depth", "recession", "bleeding"} <= set(told["note"].measures)
    assert all(part.sentence for part in chart.parts)
    page = render("go_live_guide.html.j2", title="Guide", head=None, guide=in_freshsales)
    assert "An example" not in page
    assert "Charts count in Universal numbers" in page


def test_rows_that_become_lines_of_a_text_are_told_by_that_text(in_freshsales: Guide) -> None:
    beside = {(each.table, each.object): each.labels for each in in_freshsales.beside}

    assert beside["ExamFinding", "Note"] == ("Description",)
    assert "Charted On" in beside["ClinicalExam (chart summaries)", "Contact"]
    assert all(beside.values())


def test_without_modules_the_guide_still_reads() -> None:
    mapping = load_mapping("freshsales").resolved({"accounts": "none", "modules": "off"})
    made = make_guide(Plan(mapping, None, {}), Target("maple", "freshsales", "live"), "Maple Periodontics")

    assert "cm_dental_treatment_plan" not in {each.object for each in made.places}
    notes = next(each for each in made.places if each.object == "note")
    assert "TreatmentPlanLine" in notes.tables
    assert made.pipeline is not None
    assert not any("{" in sentence for sentence in made.pipeline.sentences)
