"""What people see: sections of a layout, views, tabs, and what is done about layouts that are somebody's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from migration_assets.destinations.base import FieldType, ObjectSchema
from migration_assets.destinations.salesforce import layouts, presentation
from migration_assets.destinations.salesforce.metadata_package import (
    NAMESPACE,
    Grants,
    Presentation,
    Properties,
    build,
)
from migration_assets.destinations.salesforce.presentation import Shown
from migration_assets.mapping.chart_layout import MEASURES, plan
from migration_assets.migration.plan import load_mapping
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EXAM, KEY

N = f"{{{NAMESPACE}}}"
LAYOUT = plan(MEASURES, {"ClinicalExam__c": 2_000})
CHARTED = load_mapping("salesforce").of_object("ClinicalExam__c").schema_with(LAYOUT)
TOOTH = load_mapping("salesforce").of_object("ClinicalExamTooth__c").schema_with(LAYOUT)
PLAN = load_mapping("salesforce").of_object("TreatmentPlan__c").schema
LINE = load_mapping("salesforce").of_object("TreatmentPlanLine__c").schema
ALL = [CONTACT, EXAM, PLAN, LINE]


def shown_fields(properties: Properties) -> Iterator[tuple[str, str]]:
    """Field and behaviour of every item of a layout."""
    for name, value in properties:
        if name == "layoutItems" and not isinstance(value, str):
            item = dict(value)
            yield str(item["field"]), str(item["behavior"])
        elif not isinstance(value, str):
            yield from shown_fields(value)


def test_a_chart_stands_in_sections_by_measure_and_quadrant() -> None:
    by_label = {each.label: each for each in layouts.sections(CHARTED)}
    quadrants = ("upper right", "upper left", "lower left", "lower right")

    measures = (
        "Pocket depth", "Recession", "Mobility", "Furcation", "Tooth status", "Bleeding on probing",
        "Suppuration", "Plaque",
    )  # fmt: skip
    expected = {f"{measure} – {quadrant}" for measure in measures for quadrant in quadrants}
    assert {label for label in by_label if "–" in label} == expected
    depth = by_label["Pocket depth – upper right"]
    assert depth.left[:3] == ("PocketDepth_MB_UR1__c", "PocketDepth_B_UR1__c", "PocketDepth_DB_UR1__c")
    assert depth.right is not None
    assert depth.right[-1] == "PocketDepth_DL_UR8__c"
    assert len(depth.left) == len(depth.right) == 24


def test_a_tooths_record_has_a_section_a_measure() -> None:
    labels = [each.label for each in layouts.sections(TOOTH)]
    assert labels[:2] == ["Information", "Pocket depth"]


@pytest.mark.parametrize("schema", [CHARTED, TOOTH, PLAN, LINE], ids=lambda each: each.name)
def test_every_field_of_an_object_stands_on_its_layout_once(schema: ObjectSchema) -> None:
    shown = [name for name, _ in shown_fields(layouts.layout(schema, []))]

    assert sorted(shown) == sorted({"Name", *schema.field_names})


def test_a_layout_asks_for_what_is_required_and_protects_the_key() -> None:
    behaviors = dict(shown_fields(layouts.layout(PLAN, [])))
    line = dict(shown_fields(layouts.layout(LINE, [])))

    assert {behaviors[name] for name in ("Name", "Contact__c")} == {"Required"}
    assert behaviors["PANDA_Key__c"] == "Readonly"
    assert behaviors["Status__c"] == "Edit"
    # The line's own name is an automatic number.
    assert (line["Name"], line["TreatmentPlan__c"]) == ("Readonly", "Required")


def test_objects_that_people_open_have_tabs_and_details_have_none() -> None:
    assert [each.name for each in ALL if layouts.is_opened_by_people(each)] == [EXAM.name, PLAN.name]


def test_each_status_of_a_plan_has_a_list_view() -> None:
    views = layouts.list_views(PLAN)

    assert list(views) == [
        "All",
        "Status_proposed",
        "Status_accepted",
        "Status_in_progress",
        "Status_completed",
        "Status_declined",
    ]
    view = dict(views["Status_in_progress"])
    assert view["filters"] == [("field", "Status__c"), ("operation", "equals"), ("value", "in-progress")]
    assert view["label"] == "Treatment Plans: in-progress"
    assert list(layouts.list_views(LINE)) == []


def test_a_list_shows_what_tells_records_apart() -> None:
    assert layouts.list_columns(PLAN) == (
        "NAME",
        "Proposed_Date__c",
        "Accepted_Date__c",
        "Completed_Date__c",
        "Status__c",
    )


def test_a_patients_page_lists_the_patients_records() -> None:
    assert [name for name, _ in layouts.related(CONTACT, ALL)] == [
        "ClinicalExam__c.Contact__c",
        "TreatmentPlan__c.Contact__c",
        "TreatmentPlan__c.Provider__c",
    ]


def unpack(package: bytes) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist()}


def test_a_new_object_comes_with_everything_that_shows_it() -> None:
    shown = presentation.lacking(Shown(), [PLAN], extend=False)
    grants = Grants(frozenset(), frozenset({PLAN.name}), tabs=frozenset({PLAN.name}))
    files = unpack(build("66.0", [PLAN], {}, grants, shown))

    assert set(files) == {
        "layouts/TreatmentPlan__c-Treatment Plan Layout.layout",
        "objects/TreatmentPlan__c.object",
        "package.xml",
        "permissionsets/PANDA_Migration.permissionset",
        "tabs/TreatmentPlan__c.tab",
    }
    assert len(list(files["objects/TreatmentPlan__c.object"].iter(f"{N}listViews"))) == 6
    visible = files["permissionsets/PANDA_Migration.permissionset"].find(f"{N}tabSettings")
    assert visible is not None and visible.findtext(f"{N}visibility") == "Visible"
    kinds = {each.findtext(f"{N}name"): each for each in files["package.xml"].iter(f"{N}types")}
    assert set(kinds) == {"Layout", "CustomTab", "ListView", "CustomObject", "PermissionSet"}


def test_a_list_view_of_an_object_that_is_there_comes_without_the_object() -> None:
    views = {PLAN.name: {"All": layouts.list_views(PLAN)["All"]}}
    files = unpack(build("66.0", [], {}, None, Presentation(list_views=views)))

    assert [each.tag for each in files["objects/TreatmentPlan__c.object"]] == [f"{N}listViews"]
    members = [each.text for each in files["package.xml"].iter(f"{N}members")]
    assert members == ["TreatmentPlan__c.All"]


def on(*names: str) -> Properties:
    items: Properties = [("layoutItems", [("behavior", "Edit"), ("field", name)]) for name in names]
    return [("layoutSections", [("label", "Theirs"), ("layoutColumns", items), ("style", "OneColumn")])]


THEIRS: Properties = [("excludeButtons", "Clone"), *on("LastName"), ("showEmailCheckbox", "false")]
CONTACTS = Shown({"Contact-Contact Layout": THEIRS})


def test_somebodys_layout_is_left_alone_and_what_it_lacks_is_told() -> None:
    untouched = presentation.lacking(CONTACTS, [CONTACT, EXAM], extend=False)
    (found,) = presentation.findings(CONTACTS, [CONTACT, EXAM])

    assert "Contact-Contact Layout" not in untouched.layouts
    assert (found.code, found.severity, found.object) == ("layout_incomplete", "note", "Contact")
    assert "4 fields (PANDA_Key__c, Provider__c, Specialty__c, Credentials__c)" in found.message
    assert "ClinicalExam__c.Contact__c" in found.message


def test_an_extended_layout_keeps_what_it_had_and_lacks_nothing_more() -> None:
    made = presentation.lacking(CONTACTS, [CONTACT, EXAM], extend=True).layouts["Contact-Contact Layout"]

    assert [name for name, _ in made] == [
        "excludeButtons",
        "layoutSections",
        "layoutSections",
        "relatedLists",
        "showEmailCheckbox",
    ]
    assert [each for each in made if each in THEIRS] == THEIRS
    again = Shown({"Contact-Contact Layout": made, **_of(EXAM)}, frozenset({EXAM.name}), _views(EXAM))
    assert presentation.lacking(again, [CONTACT, EXAM], extend=True) == Presentation()
    assert list(presentation.findings(again, [CONTACT, EXAM])) == []


def _of(schema: ObjectSchema) -> dict[str, Properties]:
    return {layouts.layout_name(schema): layouts.layout(schema, [CONTACT, EXAM])}


def _views(schema: ObjectSchema) -> frozenset[str]:
    return frozenset(f"{schema.name}.{name}" for name in layouts.list_views(schema))


def test_the_empty_layout_that_the_platform_made_is_filled() -> None:
    shown = Shown({"ClinicalExam__c-Clinical Exam Layout": on("Name")})

    assert "ClinicalExam__c-Clinical Exam Layout" in presentation.lacking(shown, [EXAM], extend=False).layouts


def test_a_field_that_is_new_to_an_arranged_layout_is_told_not_added() -> None:
    arranged = Shown(_of(EXAM), frozenset({EXAM.name}), _views(EXAM))
    more = replace(EXAM, fields=(*EXAM.fields, replace(KEY, name="New__c", type=FieldType.TEXT)))

    assert presentation.lacking(arranged, [more], extend=False) == Presentation()
    assert [each.message.count("New__c") for each in presentation.findings(arranged, [more])] == [1]


def test_a_label_that_a_file_name_can_not_hold_is_escaped() -> None:
    odd = ObjectSchema("Odd__c", "Gum & Bone", "Odds", True, KEY.name, (KEY,))

    assert layouts.layout_name(odd) == "Odd__c-Gum %26 Bone Layout"
