"""Both sandboxes once a session, a migrated practice to look at, and installations to run in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from dagster import DagsterInstance, ExecuteInProcessResult

from migration_assets_tests.orchestration.installation import Office, Outside, outside, own_instance
from migration_sandbox.practice.generator import Practice, generate

DATABASE = "panda_maple"
PATIENTS = 65

MakeOffice = Callable[[], Office]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def session_environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="session")
def practice() -> Practice:
    """A small practice with every planted defect; one canary patient is rejected for want of a name."""
    made = generate(7, PATIENTS, exams_per_patient=2.0, tables="all")
    people = made.tables["Patient"]
    refused = int(made.manifest.canaries[0].source_key)
    nameless = pl.when(pl.col("PatientID") == refused).then(None).otherwise(pl.col("LastName"))
    made.tables["Patient"] = people.with_columns(nameless.alias("LastName"))
    return made


@pytest.fixture(scope="session")
def around(
    tmp_path_factory: pytest.TempPathFactory, session_environment: pytest.MonkeyPatch, practice: Practice
) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("outside")) as running:
        for name, value in running.environment.items():
            session_environment.setenv(name, value)
        running.add_practice(practice, DATABASE)
        yield running


@pytest.fixture(scope="session")
def staff_with_user(around: Outside, practice: Practice) -> dict[str, str]:
    """Address of two of the practice's staff -> id of the org's user who has it."""
    addresses = practice.tables["StaffUser"]["Email"].drop_nulls().head(2)
    return {
        email.lower(): around.org.control.add_user(f"{email}.dev", email.upper(), "Staff")
        for email in addresses
    }


@pytest.fixture(scope="session")
def words(around: Outside, practice: Practice) -> list[str]:
    """What must stand in no log: the canary patients' tokens and every secret."""
    return [*practice.manifest.tokens(), *around.secrets.values()]


def use_folder(patch: pytest.MonkeyPatch, data: Path) -> None:
    patch.setenv("MIGRATION_DATA", str(data))
    patch.delenv("MIGRATION_PRACTICES", raising=False)
    patch.setenv("MIGRATION_DAGSTER_STORAGE", str(data / "dagster"))
    patch.setenv("MIGRATION_DAGSTER_LOGS", str(data / "dagster" / "logs"))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    use_folder(monkeypatch, tmp_path)
    with own_instance(tmp_path) as made:
        yield made


@pytest.fixture
def office(around: Outside, instance: DagsterInstance, tmp_path: Path) -> Office:
    """An installation in which nothing has run yet; its practice has a key of its own in the shared org."""
    made = Office(around, tmp_path, instance, f"office{next(_numbers)}")
    made.write_file(DATABASE)
    return made


@dataclass(frozen=True)
class Migrated:
    office: Office
    first: ExecuteInProcessResult
    second: ExecuteInProcessResult


@pytest.fixture(scope="session")
def migrated(
    around: Outside,
    staff_with_user: dict[str, str],  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Migrated]:
    """A practice whose every asset but the live ones was materialised in one run, and what uploads again."""
    data = tmp_path_factory.mktemp("migrated")
    with pytest.MonkeyPatch.context() as patch:
        use_folder(patch, data)
        with own_instance(data) as instance:
            office = Office(around, data, instance, "maple")
            office.write_file(DATABASE)
            first = office.materialize()
            yield Migrated(office, first, office.materialize(*office.group("salesforce_rehearsal")))
