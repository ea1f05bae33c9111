"""Staged tables are read for the preflight and the scoping summary, which is printed on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migration_assets.cli import app
from migration_assets.errors import StagingRefused
from migration_assets.migration.data_findings import TooLarge
from migration_assets.migration.survey import Survey, stored_scope, survey
from migration_assets_tests.mapping.staged import rows
from migration_assets_tests.migration.fake_destination import FakeDestination
from migration_assets_tests.migration.test_operations import (
    FILE,
    Office,
    exam,
    opened,
    patient,
    plan_line,
    provider,
)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Two exams of which one says no system, a code with two texts, a too long one, a namesake."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        office = bare(tmp_path_factory.mktemp("survey"))
        office.providers = [
            provider(5),
            provider(6),
            provider(7, FirstName="Ann", LastName="Moss", Email="a@b.org"),
        ]
        office.patients = [patient(1), patient(2), patient(3, LastName=None)]
        office.exams = [exam(10, 1), exam(11, 2, ToothNumberingSystem=None)]
        office.lines = [
            plan_line(201, 20, Description="Implant body"),
            plan_line(202, 20, Description="Zyx's implant"),
            plan_line(203, 20, ProcedureCode="D4260", Description="y" * 401),
        ]
        office.stage()
        yield office


def bare(folder: Path) -> Office:
    (folder / "practices").mkdir()
    (folder / "practices" / "maple.yaml").write_text(FILE, encoding="utf-8")
    return opened(folder, FakeDestination(batch_rows=2))


@pytest.fixture(scope="module")
def surveyed(staged: Office) -> Survey:
    migration = staged.migration()
    with migration.planned() as (plan, _):
        found = survey(staged.platform, migration.target, plan)
    assert found is not None
    return found


def test_everything_that_the_rows_say_is_found(surveyed: Survey) -> None:
    assert {each.code for each in surveyed.findings} == {
        "rejects_near_limit",
        "exams_without_numbering_system",
        "text_too_long",
        "referrers_name_only",
        "procedure_code_several_texts",
    }
    (charts,) = (each for each in surveyed.findings if each.code == "exams_without_numbering_system")
    assert "1 exams" in charts.message and "1 chart rows" in charts.message


def test_texts_are_kept_beside_the_findings_and_not_in_them(surveyed: Survey) -> None:
    assert [each.texts for each in surveyed.procedures] == [("Implant body", "Zyx's implant")]
    assert not any("Zyx" in each.message for each in surveyed.findings)


def test_files_and_letters_are_counted_compared_and_listed(staged: Office) -> None:
    migration = staged.migration()
    limited = replace(staged.platform.destinations["salesforce"], file_limit=lambda _: 1_000)
    platform = replace(staged.platform, destinations={"salesforce": limited})
    tables = {
        "documents": rows(
            "documents", {"source_id": "1", "bytes": 1_000}, {"source_id": "2", "bytes": 1_001}
        ),
        "radiographs": rows(
            "radiographs",
            {"source_id": "7", "bytes": 5_000, "own_file": True, "place": "none"},
            {"source_id": "8", "own_file": False, "place": "none"},
        ),
        "letters": rows(
            "letters", {"source_id": "3", "plan_id": "20", "subject": "About D4341", "has_file": True}
        ),
    }
    with platform.panda_warehouse("maple").open() as session:
        before = {name: session.read("staged", name) for name in tables}
        for name, frame in tables.items():
            session.replace_table("staged", name, frame)
    with migration.planned() as (plan, _):
        found = survey(platform, migration.target, plan)
    with platform.panda_warehouse("maple").open() as session:
        for name, frame in before.items():
            session.replace_table("staged", name, frame)

    assert found is not None
    assert (found.volumes.files, found.volumes.file_bytes) == (3, 7_001)
    assert found.files_too_large == [
        TooLarge("documents", "2", 1_001),
        TooLarge("radiographs", "7", 5_000),
    ]
    assert found.letters == ("3",)
    assert {"files_too_large", "letter_names_other_procedure"} <= {each.code for each in found.findings}


def test_the_scope_counts_what_was_staged(surveyed: Survey) -> None:
    assert surveyed.scope is not None
    contact = next(each for each in surveyed.scope.objects if each.object == "Contact")

    # Three providers, two patients and a referrer; of the source also the patient without a name, two
    # classifications and two insurances.
    assert (contact.records, contact.source_rows) == (6, 10)
    assert "people in free text" in contact.reasons
    exams = next(each for each in surveyed.scope.objects if each.object == "ClinicalExam__c")
    assert "numbering systems" in exams.reasons
    assert "many measures" not in exams.reasons


def test_the_scope_is_printed_without_asking_the_destination(
    staged: Office,
    surveyed: Survey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert surveyed.scope is not None
    monkeypatch.setattr("migration_assets.cli.default_platform", lambda: staged.platform)
    printed = CliRunner().invoke(app, ["scope", "maple", "salesforce"])

    assert printed.exit_code == 0
    for row in surveyed.scope.objects:
        assert row.object in printed.output
    assert f"{surveyed.scope.grade}: {surveyed.scope.source_rows} source rows" in printed.output
    assert "reconciliation" in printed.output


def test_without_staged_rows_there_is_nothing_to_scope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPLE_KEY", "x" * 32)
    office = bare(tmp_path)
    migration = office.migration()
    with migration.planned() as (plan, _):
        assert survey(office.platform, migration.target, plan) is None
    with pytest.raises(StagingRefused, match="not everything is staged yet; materialise"):
        stored_scope(office.platform, migration.target)
