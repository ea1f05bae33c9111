"""Freshsales' specs are refused at load where the account couldn't have what they say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_assets.errors import SpecError
from migration_assets.mapping.loader import SPECS, load_specs
from migration_assets.perio.classification import Extent, Grade, Stage
from migration_assets.perio.people import Credential, Specialty
from migration_assets_tests.mapping.staged import STAGED_MODELS

Edit = Callable[[str, str, str], None]


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """The real specs, to be spoilt."""
    shutil.copytree(SPECS / "freshsales", tmp_path / "freshsales")
    shutil.copy(SPECS / "freshsales_standard_fields.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def edit(specs: Path) -> Edit:
    def replace(file: str, old: str, new: str) -> None:
        path = specs / "freshsales" / file
        text = path.read_text()
        assert old in text, f"the test needs '{old}' in {file}"
        path.write_text(text.replace(old, new, 1))

    return replace


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        pytest.param("note.yaml", "columns: [note_type]", "columns: [notetype]", "note_type", id="text"),
        pytest.param("note.yaml", "by: appointment_id", "by: appointmentid", "appointment_id", id="found-by"),
        pytest.param("note.yaml", "of: appointments", "of: appointment", "appointments", id="of-table"),
        pytest.param("note.yaml", "rows: exam_findings", "rows: findings", "staged table", id="rows"),
        pytest.param("note.yaml", "marker: description", "marker: descripton", "description", id="marker"),
        pytest.param("note.yaml", "split: description", "split: target", "no mapped text", id="split"),
        pytest.param("note.yaml", "    otherwise: nothing_noted\n", "", "'otherwise'", id="reason"),
        pytest.param("contact.yaml", "length: 256", "length: 257", "256", id="text-length"),
        pytest.param("contact.yaml", "length: 10000", "length: 10001", "10000", id="area-length"),
        pytest.param("contact.yaml", "precision: 9\n", "precision: 12\n", "11 digits", id="digits"),
        pytest.param("contact.yaml", "scale: 2", "scale: 5", "4 decimals", id="decimals"),
        pytest.param("contact.yaml", "cf_sex", "Sex__c", "cf_", id="name"),
        pytest.param("contact.yaml", "Hygienist: RDH", "Hygienist: RHD", "RDH", id="word"),
        pytest.param("contact.yaml", "to: cf_other_email", "to: cf_email", "declared field", id="moved-to"),
        pytest.param("contact.yaml", "[second_field]", "[third_field]", "third_field", id="choice"),
        pytest.param("contact.yaml", "{first: referred_on}", "{first: notes}", "date", id="total"),
        pytest.param("contact.yaml", "column: created_at", "column: role", "local day", id="day"),
        pytest.param("deal.yaml", "in-progress: In Treatment", "in-progress: Treated", "value", id="stage"),
        pytest.param(
            "cm_dental_treatment_plan.yaml", "object: cm_", "object: Plan_", "begin with cm_", id="module"
        ),
        pytest.param(
            "cm_dental_treatment_plan.yaml", ", of: treatment_plans,", ",", "{of, by, column}", id="by-alone"
        ),
    ],
)
def test_a_spec_that_could_not_work_is_refused_at_load(
    specs: Path, edit: Edit, *, file: str, old: str, new: str, problem: str
) -> None:
    edit(file, old, new)

    with pytest.raises(SpecError) as caught:
        load_specs("freshsales", STAGED_MODELS, specs)

    assert f"{file}, line " in str(caught.value)
    assert problem in str(caught.value)


def test_no_two_fields_of_an_object_have_one_label() -> None:
    """The account knows a custom field by its label, whatever its case."""
    for spec in load_specs("freshsales", STAGED_MODELS):
        labels = [field.label.casefold() for field in spec.schema.stored_fields]
        assert len(set(labels)) == len(labels), spec.name


def test_picklists_hold_all_that_staging_can_say() -> None:
    contact = load_specs("freshsales", STAGED_MODELS).of_object("contact").schema

    for field, words in {
        "cf_periodontal_stage": Stage,
        "cf_periodontal_grade": Grade,
        "cf_periodontal_extent": Extent,
        "cf_credentials": Credential,
        "cf_specialty": Specialty,
    }.items():
        assert contact.field(field).values == tuple(str(word) for word in words)
