"""What a poll of the cutover costs: with nothing to find, with one patient in a hundred changed, and the
comparison of everything; by row versions and by change tracking, for a small and a large practice.

The sandbox's SQL server is a process of its own on this machine; its work is in the seconds. Both practices
are measured in one run, so that their ratio holds whatever else the machine does.

`python -m benchmarks.cutover_poll [patients ...]` measures practices of other sizes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.measuring import take
from benchmarks.report import Aim, Figures, Section, for_terminal

if TYPE_CHECKING:
    from migration_assets.panda.change_cursor import Cursor
    from migration_assets.panda.changes import Changes
    from migration_assets.panda.connection import Source
    from migration_assets.panda.profile import Profile
    from migration_assets.warehouse import Warehouse
    from migration_sandbox.sqlserver.launch import SandboxServer

PATIENTS = (200, 20_000)
_SEED = 7
_DATABASE = "panda_bench"
_OWNER, _READER = "BENCH_SQL_OWNER_PASSWORD", "BENCH_SQL_PASSWORD"
_QUIET_POLLS = 5
_OFTEN_TABLES = ("Patient", "Appointment", "TreatmentPlan", "ClinicalExam", "Insurance")
"""One patient in a hundred has its rows of these stamped anew, and its chart rows."""


@dataclass(frozen=True)
class Look:
    """One look at all tables; the fastest of several where they are alike."""

    name: str
    seconds: float
    cpu_seconds: float
    queries: int
    rows_read: int
    found: int
    peak_mb: float


@dataclass(frozen=True)
class Outcome:
    patients: int
    source_rows: int
    extraction_seconds: float
    beginning_seconds: float
    looks: tuple[Look, ...]

    def look(self, name: str) -> Look:
        return next(each for each in self.looks if each.name == name)


@dataclass
class Place:
    """Where one practice is measured."""

    source: Source
    profile: Profile
    tables: Sequence[str]
    extracted: Warehouse
    store: Warehouse


def section(patients: Sequence[int] = PATIENTS) -> Section:
    outcomes = [run(each) for each in patients]
    rows = [
        (
            f"{outcome.patients:,}",
            look.name,
            f"{look.queries:,}",
            f"{look.rows_read:,}",
            f"{look.found:,}",
            f"{look.seconds:.2f}",
            f"{look.seconds / outcome.extraction_seconds:.1%}",
            f"{look.cpu_seconds:.2f}",
            f"{look.peak_mb:.0f}",
        )
        for outcome in outcomes
        for look in outcome.looks
    ]
    practices = [
        (
            f"{each.patients:,}",
            f"{each.source_rows:,}",
            f"{each.extraction_seconds:.1f}",
            f"{each.beginning_seconds:.1f}",
        )
        for each in outcomes
    ]
    quiet = [each.look("row versions, no change") for each in outcomes]
    return Section(
        "Polls of the cutover",
        "All tables of the default profile, over TLS from the sandbox's SQL server, whose work is in the "
        "seconds, not in our CPU seconds. Of polls that find nothing the fastest of five is shown. Queries "
        "are those that a poll sends, besides the three statements that begin and end its transaction; rows "
        "are those whose cells or keys came over the network.",
        [
            Figures(("patients", "source rows", "extraction, s", "beginning, s"), practices),
            Figures(
                (
                    "patients",
                    "look",
                    "queries",
                    "rows read",
                    "changes",
                    "s",
                    "of the extraction",
                    "CPU s",
                    "peak memory, MB",
                ),
                rows,
            ),
        ],
        [
            Aim(
                "a poll that finds nothing reads no row and asks as often, however large the practice",
                ", ".join(f"{each.queries} queries, {each.rows_read} rows" for each in quiet),
                len({each.queries for each in quiet}) == 1 and not any(each.rows_read for each in quiet),
            )
        ],
    )


def run(patients: int) -> Outcome:
    """The sandbox's database is made, extracted and changed; both strategies see the same changes."""
    from migration_assets.panda.changes import begin_detection, last_drain
    from migration_assets.panda.extract import extract
    from migration_sandbox.sqlserver.launch import start

    os.environ[_OWNER] = os.environ[_READER] = os.urandom(16).hex()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        directory = Path(folder) / "sqlserver"
        rows = _make_database(directory / f"{_DATABASE}.duckdb", patients)
        with start(
            directory, owner_password=os.environ[_OWNER], reader_password=os.environ[_READER]
        ) as server:
            place = _place(server, Path(folder))
            extraction = take(
                lambda: _none(extract(place.source, place.profile, place.extracted, place.tables))
            )
            begin = partial(
                begin_detection, place.source, place.profile, place.extracted, place.store, place.tables
            )
            began = time.perf_counter()
            cursor, _ = begin()
            beginning = time.perf_counter() - began
            looks = [*_looks("row versions", place, cursor, partial(_change, server, "by row versions"))]
            _track(server, place.tables)
            extract(place.source, place.profile, place.extracted, place.tables)
            cursor, _ = begin()
            looks += _looks("change tracking", place, cursor, partial(_change, server, "by tracking"))
            looks.append(
                _looked(
                    "everything compared",
                    lambda: last_drain(place.source, place.profile, cursor, place.store),
                )
            )
    return Outcome(patients, rows, extraction.seconds, beginning, tuple(looks))


def _looks(kind: str, place: Place, cursor: Cursor, change: Callable[[], None]) -> list[Look]:
    from migration_assets.panda.changes import poll

    def look() -> Changes:
        return poll(place.source, place.profile, cursor, place.store)

    quiet = min((_looked(f"{kind}, no change", look) for _ in range(_QUIET_POLLS)), key=lambda it: it.seconds)
    change()
    return [quiet, _looked(f"{kind}, 1 % of the patients", look)]


def _looked(name: str, look: Callable[[], Changes]) -> Look:
    found: list[Changes] = []
    taken = take(lambda: found.append(look()))
    changes = found[0]
    return Look(
        name,
        taken.seconds,
        taken.cpu_seconds,
        changes.queries,
        changes.rows_read,
        changes.found,
        taken.peak_mb,
    )


def _none(_: object) -> None:
    return None


def _make_database(path: Path, patients: int) -> int:
    from migration_sandbox.practice.generator import generate, write_database

    practice = generate(_SEED, patients, planted=0, tables="all")
    write_database(practice, path)
    return sum(frame.height for frame in practice.tables.values())


def _place(server: SandboxServer, folder: Path) -> Place:
    from migration_assets.migration.staging import source_tables
    from migration_assets.panda.connection import Source
    from migration_assets.panda.profile import load_profile
    from migration_assets.panda.settings import SourceSettings
    from migration_assets.warehouse import Warehouse

    settings = SourceSettings.model_validate(
        {
            "server": "127.0.0.1",
            "port": server.port,
            "database": _DATABASE,
            "username": "panda_reader",
            "password": {"env": _READER},
            "trust_server_certificate": True,
        }
    )
    return Place(
        Source(settings),
        load_profile("default"),
        source_tables(),
        Warehouse(folder / "panda.duckdb"),
        Warehouse(folder / "changes.duckdb"),
    )


def _execute(server: SandboxServer, *statements: str) -> None:
    import pyodbc

    from migration_sandbox.sqlserver.permissions import OWNER

    text = server.connection_string(_DATABASE, OWNER, os.environ[_OWNER], trust="yes")
    connection = pyodbc.connect(text, autocommit=True)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _track(server: SandboxServer, tables: Sequence[str]) -> None:
    _execute(
        server,
        f"ALTER DATABASE {_DATABASE} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 3 DAYS)",
        *(f"ALTER TABLE dbo.{table} ENABLE CHANGE_TRACKING" for table in tables),
        *(f"GRANT VIEW CHANGE TRACKING ON OBJECT::dbo.{table} TO panda_reader" for table in tables),
    )


def _change(server: SandboxServer, text: str) -> None:
    some = "PatientID % 100 = 7"
    notes = {"Patient": "PreferredName", "Appointment": "Notes", "TreatmentPlan": "TreatmentNotes"}
    notes |= {"ClinicalExam": "ChartingType", "Insurance": "GroupNumber"}
    _execute(
        server,
        *(
            f"UPDATE dbo.{table} SET {notes[table]} = N'{text}', ModifiedAt = SYSDATETIME() WHERE {some}"
            for table in _OFTEN_TABLES
        ),
        "UPDATE dbo.PeriodontalCharting SET ModifiedAt = SYSDATETIME() WHERE ExamID IN "
        f"(SELECT ExamID FROM dbo.ClinicalExam WHERE {some})",
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cutover_poll", description=__doc__)
    parser.add_argument("patients", nargs="*", type=int)
    options = parser.parse_args()
    Console(width=140).print(for_terminal(section(options.patients or PATIENTS)))


if __name__ == "__main__":
    main()
