"""The black-box checker under a practice's choices and habits, over what the platform's mapping makes."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets_tests.blackbox.freshsales.compare import Choices, compare
from migration_assets_tests.blackbox.report import Report
from migration_assets_tests.integration.freshsales_account import account_of
from migration_assets_tests.sandbox.blackbox_world import announced_by, tables_of
from migration_sandbox.practice.generator import Practice, generate

CHOICES = Choices("maple", ZoneInfo("America/New_York"), "Maple Periodontics")


@pytest.fixture(scope="module")
def small() -> Practice:
    """Six patients, the first three of whom share an e-mail."""
    made = generate(5, 6, exams_per_patient=1, planted=0, canaries=2, tables="all")
    shared = pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("Home@mail.example")).otherwise("Email")
    patients = made.tables["Patient"].with_columns(shared.alias("Email"))
    return replace(made, tables={**made.tables, "Patient": patients})


@pytest.fixture(scope="module")
def planted() -> Practice:
    """Exams in Universal, FDI and Palmer, and one defect of each kind."""
    return generate(7, 80, exams_per_patient=1.5, numbering="mixed", planted=1, canaries=4, tables="all")


def checked(practice: Practice, chosen: Choices, **choices: str) -> Report:
    announced = announced_by(practice)
    return compare(tables_of(practice), account_of(practice, **choices), chosen, announced, {})


def found(report: Report) -> set[tuple[str, str]]:
    return {(difference.kind, f"{difference.object}.{difference.field}") for difference in report.differences}


def test_every_numbering_system_and_every_announced_defect(planted: Practice) -> None:
    report = checked(planted, CHOICES)

    assert report.differences == []
    assert report.counts["chart values compared in notes"] > 10_000
    assert report.counts["drawn values compared"] > 10_000


def test_a_defect_that_nobody_announced_is_a_difference(planted: Practice) -> None:
    told = tuple(each for each in planted.manifest.defects if each.table != "Appointment")
    silent = replace(planted, manifest=replace(planted.manifest, defects=told))

    assert ("missing", "appointment.key") in found(checked(silent, CHOICES))


@pytest.mark.parametrize("shared", ["second_field", "first", "as_is"])
def test_shared_emails_are_where_the_practice_wants_them(small: Practice, shared: str) -> None:
    assert checked(small, replace(CHOICES, shared_emails=shared), shared_emails=shared).differences == []


def test_another_choice_of_shared_emails_is_seen(small: Practice) -> None:
    report = checked(small, replace(CHOICES, shared_emails="first"), shared_emails="as_is")

    assert found(report) == {("differs", "contact.email")}


def test_without_modules_the_lines_are_notes(small: Practice) -> None:
    assert checked(small, replace(CHOICES, modules=False), modules="off").differences == []
    assert ("extra", "note.key") in found(checked(small, CHOICES, modules="off"))


@pytest.mark.parametrize("accounts", ["practice", "household"])
def test_where_several_practices_share_an_account_names_tell_whose_they_are(
    small: Practice, accounts: str
) -> None:
    shared = replace(CHOICES, accounts=accounts, several_practices=True)
    assert checked(small, shared, accounts=accounts, several_practices="on").differences == []
    alone = replace(shared, several_practices=False)
    report = checked(small, alone, accounts=accounts, several_practices="on")
    assert found(report) == {("differs", "sales_account.name")}


@pytest.mark.parametrize("accounts", ["household", "none"])
def test_patients_hang_on_what_the_practice_chooses(small: Practice, accounts: str) -> None:
    assert checked(small, replace(CHOICES, accounts=accounts), accounts=accounts).differences == []
    assert ("differs", "contact.sales_account") in found(checked(small, CHOICES, accounts=accounts))


def test_a_default_owner_owns_what_is_nobodys(small: Practice) -> None:
    assert checked(small, replace(CHOICES, default_owner="Owner@sandbox.example")).differences == []
    with pytest.raises(ValueError, match="default owner"):
        checked(small, replace(CHOICES, default_owner="nobody@sandbox.example"))
