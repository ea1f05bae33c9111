"""What goes wrong, as the person at the UI sees it: a sentence with what, where and what next, and in no log
anything of a patient's."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migration_assets.objects import plausible
from migration_assets_tests.orchestration.conftest import DATABASE
from migration_assets_tests.orchestration.installation import (
    Office,
    Outside,
    failure_messages,
)
from migration_sandbox.practice.generator import Practice
from migration_sandbox.practice.schema import ddl
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.database import Database


@pytest.fixture(autouse=True)
def nothing_leaks(office: Office, words: list[str]) -> Iterator[None]:
    """After every one of these failures."""
    yield
    assert office.places_of_leaks(words) == []


def _extraction_fails(office: Office) -> str:
    return failure_messages(office.extract())["extract_panda"]


def test_a_wrong_password_is_told_with_the_setting_to_check(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SQL_PASSWORD", "wrong-one")
    message = _extraction_fails(office)
    assert "refused the login" in message
    assert "'source.username'" in message
    assert "wrong-one" not in message


def test_a_missing_table_is_named_with_the_profile_s_key(office: Office) -> None:
    _database_with(office.outside, "panda_without_table", ddl().replace("dbo.ClinicalExam", "dbo.Visit"))
    office.write_file("panda_without_table")
    message = _extraction_fails(office)
    assert "ClinicalExam" in message
    assert "profile" in message


def test_a_missing_column_is_named_with_the_profile_s_key(office: Office) -> None:
    schema = ddl().replace("  BridgeID ", "  BridgeKey ")
    assert schema != ddl()
    _database_with(office.outside, "panda_without_column", schema)
    office.write_file("panda_without_column")
    message = _extraction_fails(office)
    assert "BridgeID" in message
    assert "Patient" in message


def _database_with(around: Outside, name: str, schema: str) -> None:
    path = around.sql.directory / f"{name}.duckdb"
    if not path.exists():
        Database.create(path, schema).close()


def test_an_unreachable_server_is_told_with_what_to_check(office: Office) -> None:
    office.write_file(DATABASE, source__port=9, source__login_timeout_seconds=1)
    message = _extraction_fails(office)
    assert "no server answered" in message
    assert "VPN" in message


@pytest.fixture
def small_org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Professional org, of 100 custom fields an object, in the place of the usual one."""
    with SalesforceSandbox(tmp_path / "small" / "org", edition="professional", sandbox_org=True) as small:
        monkeypatch.setenv("TEST_SALESFORCE_URL", small.url)
        monkeypatch.setenv("TEST_SALESFORCE_CA", str(small.ca_path))
        monkeypatch.setenv("TEST_CLIENT_ID", small.client_id)
        monkeypatch.setenv("TEST_CLIENT_SECRET", small.client_secret)
        yield


@pytest.mark.usefixtures("small_org")
def test_an_org_without_room_is_told_before_anything_is_deployed(office: Office) -> None:
    office.write_file(DATABASE, destinations__salesforce__environments__rehearsal__fields_left_free=90)
    message = failure_messages(office.materialize("salesforce_rehearsal/schema"))[
        "salesforce_rehearsal__schema"
    ]
    assert "nothing was deployed" in message
    assert "Contact: " in message
    assert "limit 100, 0 there, 90 left free" in message


def test_a_bad_practice_file_is_told_with_file_and_line(office: Office) -> None:
    path = office.write_file(DATABASE, time_zone="Mars/Olympus")
    line = next(
        number for number, text in enumerate(path.read_text().splitlines(), start=1) if "Mars" in text
    )
    message = _extraction_fails(office)
    assert f"{path.name}, line {line}, key 'time_zone'" in message


def test_a_full_disk_is_told_with_the_place_to_make_room(office: Office) -> None:
    with _files_of_at_most(220_000):
        message = _extraction_fails(office)
    assert "no room to write" in message
    assert "panda.duckdb" in message


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_an_exception_nobody_expected_shows_its_place_and_none_of_its_text(
    office: Office, monkeypatch: pytest.MonkeyPatch, practice: Practice
) -> None:
    token = practice.manifest.canaries[0].token

    def explode(email: str) -> bool:
        try:
            raise KeyError(f"{token} {email}")
        except KeyError as error:
            raise ValueError(f"bad patient {token}") from error

    monkeypatch.setattr(plausible, "_is_valid", explode)
    assert office.extract().success
    message = failure_messages(office.materialize("staged/patients"))["staged__patients"]
    assert "unexpected" in message
    assert "objects/plausible.py:" in message
    assert "fault of the program" in message
