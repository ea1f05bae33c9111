"""Specs are refused at load, with the file, the line and the nearest right name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_assets.errors import SpecError
from migration_assets.mapping.loader import SPECS, load_specs
from migration_assets.mapping.spec import MappingSet
from migration_assets_tests.mapping.staged import STAGED_MODELS

Edit = Callable[[str, str, str], int]


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """The real specs, to be spoilt."""
    shutil.copytree(SPECS / "salesforce", tmp_path / "salesforce")
    shutil.copy(SPECS / "salesforce_standard_fields.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def edit(specs: Path) -> Edit:
    """Replaces a text of a spec, the last where it stands several times, and returns the new one's line."""

    def replace(file: str, old: str, new: str) -> int:
        path = specs / "salesforce" / file
        text = path.read_text()
        assert old in text, f"the test needs '{old}' in {file}"
        before, _, after = text.rpartition(old)
        path.write_text(before + new + after)
        return before.count("\n") + 1

    return replace


def load(directory: Path) -> MappingSet:
    return load_specs("salesforce", STAGED_MODELS, directory)


def refusal(directory: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load(directory)
    return str(caught.value)


def test_parents_come_before_their_children() -> None:
    mapping = load_specs("salesforce", STAGED_MODELS)

    names = [spec.name for spec in mapping]
    assert names[:2] == ["Account", "Contact"]
    for spec in mapping:
        assert all(names.index(parent) < names.index(spec.name) for parent in spec.parents)
    assert {"clinical_exam", "treatment_plan", "treatment_plan_line"} <= {spec.asset for spec in mapping}


def test_the_key_is_the_first_field_and_references_know_both_ways() -> None:
    exam = load_specs("salesforce", STAGED_MODELS).of_asset("clinical_exam").schema

    assert exam.field_names[0] == "PANDA_Key__c"
    patient = exam.field("Contact__c")
    assert (patient.relationship, patient.child_relationship) == ("Contact__r", "ClinicalExams")
    assert patient.required


def test_an_object_may_refer_to_itself_and_isnt_its_own_parent() -> None:
    contact = load_specs("salesforce", STAGED_MODELS).of_object("Contact")

    assert contact.schema.field("Primary_Provider__c").reference_to == "Contact"
    assert contact.parents == {"Account"}


def test_only_a_parent_that_may_be_absent_is_optional_and_its_table_is_read() -> None:
    mapping = load_specs("salesforce", STAGED_MODELS)

    plan = mapping.of_object("TreatmentPlan__c")
    assert plan.optional_references == {"Provider__c"}
    assert set(plan.staged_tables) == {"treatment_plans", "providers", "owners"}
    assert mapping.of_object("TreatmentPlanLine__c").optional_references == set()


def test_a_custom_object_may_name_its_records_by_a_text() -> None:
    name = load_specs("salesforce", STAGED_MODELS).of_object("TreatmentPlan__c").schema.field("Name")

    assert (name.length, name.custom, name.required) == (80, False, True)


def test_standard_fields_take_type_and_length_from_the_catalogue() -> None:
    contact = load_specs("salesforce", STAGED_MODELS).of_object("Contact").schema

    assert (contact.field("FirstName").length, contact.field("LastName").length) == (40, 80)
    assert not contact.field("FirstName").custom
    assert contact.field("AccountId").relationship == "Account"


@pytest.mark.parametrize(
    ("file", "old", "new", "nearest"),
    [
        pytest.param(
            "contact.yaml", "FirstName: first_name", "FirstName: frist_name", "first_name", id="column"
        ),
        pytest.param(
            "contact.yaml", "FirstName: first_name", "FristName: first_name", "FirstName", id="mapped-field"
        ),
        pytest.param(
            "contact.yaml",
            "FirstName: {standard: true}",
            "FirstNam: {standard: true}",
            "FirstName",
            id="standard-field",
        ),
        pytest.param(
            "contact.yaml",
            "Inactive__c: {column: inactive, default: false}",
            "Inactive__c: {colunm: inactive, default: false}",
            "column",
            id="transform",
        ),
        pytest.param("contact.yaml", "staged: patients", "staged: patient", "patients", id="staged-table"),
        pytest.param(
            "clinical_exam.yaml", "parent: Contact,", "parent: Contacts,", "Contact", id="parent-object"
        ),
        pytest.param(
            "clinical_exam.yaml",
            "[pocket_depth, recession,",
            "[pocket_deep, recession,",
            "pocket_depth",
            id="measure",
        ),
        pytest.param(
            "clinical_exam.yaml", "exam_column: exam_id", "exam_column: examid", "exam_id", id="exam-column"
        ),
        pytest.param("account.yaml", "object: Account", "object: Acount", "Account", id="standard-object"),
        pytest.param(
            "account.yaml",
            "field: PANDA_Key__c}",
            "field: Panda_Kee__c}",
            "PANDA_Key__c",
            id="identity-field",
        ),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest_one(
    specs: Path, edit: Edit, *, file: str, old: str, new: str, nearest: str
) -> None:
    line = edit(file, old, new)

    message = refusal(specs)

    assert f"{file}, line {line}" in message
    assert f"did you mean '{nearest}'?" in message


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        pytest.param(
            "contact.yaml",
            "kind: external_id",
            "kind: guess",
            "identity.kind",
            id="identity-of-a-later-kind",
        ),
        pytest.param("contact.yaml", "MiddleName: middle_name", "FirstName: x", "stands twice", id="twice"),
        pytest.param(
            "contact.yaml", "      MiddleName: middle_name\n", "", "declared and never mapped", id="unmapped"
        ),
        pytest.param(
            "contact.yaml",
            "  LastName: {standard: true}\n",
            "",
            "LastName is required",
            id="undeclared-required",
        ),
        pytest.param(
            "contact.yaml",
            "LastName: last_name",
            "LastName: first_name",
            "may be null",
            id="nullable-required",
        ),
        pytest.param(
            "contact.yaml",
            "Inactive__c: {column: inactive, default: false}",
            "Inactive__c: inactive",
            "may be null",
            id="nullable-checkbox",
        ),
        pytest.param(
            "contact.yaml",
            "label: Preferred Name",
            f"label: {'x' * 41}",
            "41 characters, 40",
            id="long-label",
        ),
        pytest.param(
            "contact.yaml",
            "help_text: When the record was created in PANDA Perio.",
            f"help_text: {'x' * 511}",
            "511 characters, 510",
            id="long-help",
        ),
        pytest.param(
            "contact.yaml", "Preferred_Name__c:\n", "Preferred__Name__c:\n", "no API name", id="field-name"
        ),
        pytest.param(
            "clinical_exam.yaml",
            "object: ClinicalExam__c",
            "object: ClinicalExam",
            "no API name",
            id="object",
        ),
        pytest.param(
            "contact.yaml", "Birthdate: date_of_birth", "Birthdate: email", "is a date", id="column-type"
        ),
        pytest.param(
            "contact.yaml",
            "practice: {parent: Account, key_space: practice}",
            "practice: provider_id",
            "is mapped by {parent",
            id="reference-copied",
        ),
        pytest.param(
            "contact.yaml",
            "        none: null\n",
            "        nobody: null\n",
            "AccountId",
            id="option-that-nobody-has",
        ),
        pytest.param(
            "account.yaml",
            "when: {accounts: [household]}",
            "when: {accounts: [families]}",
            "what nobody can choose: families",
            id="source-for-nobody",
        ),
        pytest.param(
            "contact.yaml",
            "OwnerId: {user_of: provider_id}",
            "OwnerId: provider_id",
            "{user_of}",
            id="user-copied",
        ),
        pytest.param(
            "contact.yaml", "Email: email", "Email: {user_of: provider_id}", "{user_of}", id="text-of-a-user"
        ),
        pytest.param(
            "event_relation.yaml",
            "joins: [EventId, RelationId]",
            "joins: [EventId]",
            "two joins or more",
            id="one-join",
        ),
        pytest.param(
            "event_relation.yaml",
            "joins: [EventId, RelationId]",
            "joins: [EventId, IsInvitee]",
            "IsInvitee is no reference",
            id="join-of-no-record",
        ),
        pytest.param(
            "content_version.yaml",
            "    otherwise: no_file_of_its_own\n",
            "",
            "'where' and 'otherwise'",
            id="left-out-without-a-reason",
        ),
        pytest.param(
            "content_document_link.yaml",
            "{parent: Referral__c, key_space: referral, column: referral_id}",
            "{parent: Event, key_space: appointment, column: referral_id}",
            "refers to Contact",
            id="target-that-the-field-has-not",
        ),
        pytest.param(
            "clinical_exam.yaml",
            "key_space: patient, column: patient_id",
            "key_space: exam, column: patient_id",
            "key space of Contact",
            id="key-space-of-parent",
        ),
        pytest.param(
            "clinical_exam.yaml",
            "Chart_Incomplete__c: chart_incomplete",
            "Chart_Incomplete__c: {constant: 3}",
            "no value of Chart_Incomplete__c",
            id="constant",
        ),
        pytest.param(
            "clinical_exam.yaml",
            "ToothNumberingSystem__c: numbering_system",
            "ToothNumberingSystem__c: {column: numbering_system, values: {FDI: Fdi}}",
            "no value of ToothNumberingSystem__c",
            id="picklist-value",
        ),
        pytest.param(
            "clinical_exam.yaml", "    child_relationship: ClinicalExams\n", "", "way back", id="no-way-back"
        ),
        pytest.param(
            "treatment_plan_line.yaml",
            "column: plan_id}",
            "column: plan_id, if_absent: leave_empty}",
            "can't be left empty",
            id="required-and-optional",
        ),
        pytest.param(
            "contact.yaml",
            "if_absent: leave_empty",
            "if_absent: forget",
            "if_absent",
            id="what-to-do-if-absent",
        ),
        pytest.param(
            "clinical_exam_chart2.yaml",
            "chart_part: {of: ClinicalExam__c",
            "chart_part: {of: Contact",
            "is no object with a chart",
            id="part-of-no-chart",
        ),
        pytest.param(
            "clinical_exam_chart2.yaml",
            "type: master_detail",
            "type: lookup",
            "master_detail",
            id="part-without-its-master",
        ),
        pytest.param(
            "clinical_exam_tooth.yaml",
            "holds: teeth",
            "holds: companion",
            "staged.clinical_exams",
            id="part-source",
        ),
        pytest.param("clinical_exam.yaml", "length: 131072", "length: 131073", "131072", id="length"),
    ],
)
def test_a_spec_that_could_not_work_is_refused_at_load(
    specs: Path, edit: Edit, *, file: str, old: str, new: str, problem: str
) -> None:
    edit(file, old, new)

    message = refusal(specs)

    assert f"{file}, line " in message
    assert problem in message


def test_a_required_field_that_no_source_maps_is_refused(specs: Path, edit: Edit) -> None:
    edit("contact.yaml", "      LastName: last_name\n", "")

    assert "the required field LastName is not mapped" in refusal(specs)


def test_objects_that_refer_to_each_other_in_a_circle_are_refused(specs: Path, edit: Edit) -> None:
    edit(
        "account.yaml",
        "  Name: {standard: true}",
        "  Name: {standard: true}\n"
        "  Patient__c: {type: lookup, label: P, reference_to: Contact, child_relationship: Practices}",
    )
    edit(
        "account.yaml",
        "Name: name",
        "Name: name\n      Patient__c: {parent: Contact, key_space: patient, column: source_id}",
    )

    message = refusal(specs)

    assert "in a circle" in message
    assert "Account -> Contact" in message or "Contact -> Account" in message


def test_two_files_for_one_object_are_refused(specs: Path) -> None:
    shutil.copy(specs / "salesforce" / "account.yaml", specs / "salesforce" / "practice.yaml")

    assert "practice.yaml, line 3, key 'object': stands in account.yaml too" in refusal(specs)


def test_an_unknown_destination_is_refused() -> None:
    with pytest.raises(SpecError, match="known: freshsales, salesforce"):
        load_specs("salesfroce", STAGED_MODELS)


def test_the_hash_follows_what_a_spec_says_and_not_its_comments(specs: Path, edit: Edit) -> None:
    before = load(specs).content_hash()

    edit("account.yaml", "object: Account", "# a remark\nobject: Account")
    assert load(specs).content_hash() == before

    edit("contact.yaml", "Phone: work_phone", "Phone: home_phone")
    assert load(specs).content_hash() != before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[Email, LastName]", "[Emial, LastName]", "'Emial' is no field of this object"),
        ("[Email, LastName]", "[PANDA_Key__c]", "'PANDA_Key__c' can't tell who somebody is"),
        ("[FirstName, Birthdate]", "[Provider__c]", "'Provider__c' can't tell who somebody is"),
    ],
)
def test_a_rule_of_adoption_names_fields_that_tell_who_somebody_is(
    specs: Path, edit: Edit, old: str, new: str, complaint: str
) -> None:
    line = edit("contact.yaml", old, new)

    refused = refusal(specs)

    assert complaint in refused
    assert f"contact.yaml, line {line}," in refused


def test_contacts_are_recognised_by_the_rule_of_the_documentation() -> None:
    rule = load_specs("salesforce", STAGED_MODELS).of_object("Contact").adopt

    assert rule is not None
    written = (SPECS.parents[1] / "docs" / "adoption.md").read_text()
    for place, line in enumerate(rule.by, start=1):
        assert f"{place}. {' + '.join(f'`{name}`' for name in line)}" in written
    assert " and ".join(f"`{name}`" for name in rule.unless_differs) in written


def test_a_box_for_what_is_deleted_is_a_field_only_where_the_practice_marks_deletions() -> None:
    mapping = load_specs("salesforce", STAGED_MODELS)
    usual, marking = mapping.resolved({}), mapping.resolved({"deletions": "flag"})

    assert usual.content_hashes() == mapping.resolved({"deletions": "delete"}).content_hashes()
    for spec in marking:
        box, without = spec.deleted_flag, usual.of_object(spec.name)
        added = () if box is None else (box,)
        assert spec.schema.fields == (*without.schema.fields, *added)
        assert without.deleted_flag is None
        if box is not None:
            assert all(source.rules[box.name].constant is False for source in spec.sources)
    assert {spec.name for spec in marking if spec.deleted_flag is None} == {
        "AccountContactRelation", "ContentDocumentLink", "ContentVersion", "EventRelation"
    } & {spec.name for spec in marking}  # fmt: skip


def test_a_record_without_a_field_for_its_key_has_no_box(specs: Path, edit: Edit) -> None:
    line = edit("event_relation.yaml", "fields:\n  EventId", "deleted_flag: Gone__c\nfields:\n  EventId")

    assert f"event_relation.yaml, line {line}, key 'deleted_flag'" in refusal(specs)
