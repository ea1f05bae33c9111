"""A million PeriodontalCharting rows over the wire: our extraction, raw arrow-odbc, and dlt.

The sandbox's SQL server runs as a process of its own and answers from the bytes that it sent the first time,
so that it isn't what is measured; every client uses the same driver over TLS. CPU seconds and memory are the
client's alone.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import dlt_reading
from benchmarks.measuring import ROOT, Measured, Piece, Work, measure
from benchmarks.report import Aim, Figures, Section

ROWS = 1_000_000
_TABLE = "PeriodontalCharting"
_DATABASE = "panda_bench"
_PASSWORD = "BENCH_SQL_PASSWORD"
_FOLDER = "BENCH_FOLDER"
# The generator charts some 120 rows a patient.
_PATIENTS = 8_500
WITH_DLT = ROOT / ".venv-bench" / "bin" / "python"


@dataclass(frozen=True)
class Server:
    port: int
    connection: str


def section() -> Section:
    ours, raw_reading, raw_loading, *dlt = run()
    measured = [ours, raw_reading, raw_loading, *dlt]
    rows = [
        (
            each.name,
            f"{each.cpu_seconds:.2f}",
            f"{ROWS / each.cpu_seconds:,.0f}",
            f"{each.ratio(ours, 'cpu_seconds'):.2f}",
            f"{each.seconds:.2f}",
            f"{each.fastest:.2f}",
            f"{each.peak_mb:.0f}",
        )
        for each in measured
    ]
    headings = (
        "client", "CPU s", "rows a CPU s", "CPU against ours", "wall, s", "fastest, s", "peak memory, MB",
    )  # fmt: skip
    share = {kind: raw_loading.ratio(ours, kind) for kind in ("cpu_seconds", "seconds")}
    aims = [
        Aim(
            "0.85 of the throughput of raw arrow-odbc, both into a DuckDB file",
            f"{share['cpu_seconds']:.2f} by CPU seconds, {share['seconds']:.2f} by wall "
            f"(raw arrow-odbc that only drops its batches: {raw_reading.ratio(ours, 'cpu_seconds'):.2f})",
            share["cpu_seconds"] >= 0.85,
        ),
        Aim("peak memory under 600 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 600),
    ]
    if dlt:
        less = [each.ratio(ours, "cpu_seconds") for each in dlt]
        aims.insert(
            1,
            Aim(
                "5 times less CPU than dlt's sql_database (pyarrow) into a DuckDB file",
                f"{less[1]:.2f} times (dlt that only drops its batches takes {less[0]:.1f} times ours)",
                less[1] >= 5,
            ),
        )
    text = (
        f"Of the default profile's full schema, {len(_columns())} columns, over TLS from the sandbox's SQL "
        "server, which answers from the bytes that it sent the first time. CPU seconds and memory are the "
        "client's; every client uses Microsoft's ODBC driver. Ours does the whole of an extraction: catalog, "
        "watermarks, snapshot, counting, one transaction."
    )
    if not dlt:
        text += " dlt wasn't measured: `make bench` installs it."
    return Section(f"Extraction: {ROWS:,} rows of {_TABLE}", text, [Figures(headings, rows)], aims)


def _columns() -> list[str]:
    from migration_sandbox.practice.schema import frame_schema

    return [*frame_schema(_TABLE), "RowVer"]


def run(rows: int = ROWS, rounds: int = 5) -> list[Measured]:
    """Ours, arrow-odbc reading and loading, and the same two of dlt where it is installed."""
    with serving(rows) as server:
        arguments = {"connection": server.connection, "table": _TABLE}
        pieces = [
            Piece("our extraction into DuckDB", extracting, {"port": server.port}),
            Piece("arrow-odbc, batches dropped", raw_reading, arguments),
            Piece("arrow-odbc into DuckDB", raw_loading, arguments),
        ]
        # The first answer to each query is encoded, and every later one replayed.
        measure(pieces, rounds=1)
        if WITH_DLT.exists():
            pieces += [
                Piece("dlt, batches dropped", dlt_reading.reading, arguments, str(WITH_DLT)),
                Piece("dlt into DuckDB", dlt_reading.loading, arguments, str(WITH_DLT)),
            ]
        measured = measure(pieces, rounds)
    for each in measured:
        if any(taken.told["rows"] != rows for taken in each.rounds):
            raise RuntimeError(f"{each.name} read another number of rows than there are")
    return measured


@contextmanager
def serving(rows: int) -> Iterator[Server]:
    """The sandbox with one practice of so many charting rows."""
    from migration_sandbox.sqlserver.launch import start
    from migration_sandbox.sqlserver.permissions import READER

    password = secrets.token_urlsafe(12)
    os.environ[_PASSWORD] = password
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ[_FOLDER] = folder
        _make_database(Path(folder) / f"{_DATABASE}.duckdb", rows)
        with start(Path(folder), reader_password=password, keep_results=True) as server:
            yield Server(server.port, server.connection_string(_DATABASE, READER, password, trust="yes"))


def _make_database(path: Path, rows: int) -> None:
    from migration_sandbox.practice.generator import generate
    from migration_sandbox.practice.schema import ddl
    from migration_sandbox.sqlserver.database import Database

    tables = generate(7, max(60, rows * _PATIENTS // ROWS)).tables
    tables[_TABLE] = tables[_TABLE].head(rows)
    with Database.create(path, ddl()) as database:
        for table, frame in tables.items():
            database.append(table, frame, check_foreign_keys=False)


def extracting(port: int) -> Work:
    """As the asset does it: catalog, watermarks, snapshot, counting, reading, one warehouse transaction."""
    import arrow_odbc  # noqa: F401  # imported inside functions elsewhere; importing isn't what is measured
    import pyarrow as pa  # noqa: F401
    import pyodbc  # noqa: F401

    from migration_assets.migration.staging import source_tables
    from migration_assets.panda.connection import Source
    from migration_assets.panda.extract import extract
    from migration_assets.panda.profile import load_profile
    from migration_assets.panda.settings import SourceSettings
    from migration_assets.warehouse import Warehouse

    settings = SourceSettings.model_validate(
        {
            "server": "127.0.0.1",
            "port": port,
            "database": _DATABASE,
            "username": "panda_reader",
            "password": {"env": _PASSWORD},
            "trust_server_certificate": True,
        }
    )
    profile, warehouse = load_profile("default"), Warehouse(_new_folder() / "panda.duckdb")

    def work() -> dict[str, float]:
        extraction = extract(Source(settings), profile, warehouse, [_TABLE], in_scope=source_tables())
        return {"rows": extraction.tables[0].rows}

    return work


def raw_reading(connection: str, table: str) -> Work:
    """arrow-odbc with its own settings; ``connection`` is for ODBC."""
    import arrow_odbc

    def work() -> dict[str, float]:
        reader = arrow_odbc.read_arrow_batches_from_odbc(f"SELECT * FROM dbo.{table}", connection)
        return {"rows": sum(batch.num_rows for batch in reader)}

    return work


def raw_loading(connection: str, table: str) -> Work:
    """The same batches into a new DuckDB file, with DuckDB's own settings."""
    import arrow_odbc
    import duckdb

    file = _new_folder() / "raw.duckdb"

    def work() -> dict[str, float]:
        reader = arrow_odbc.read_arrow_batches_from_odbc(f"SELECT * FROM dbo.{table}", connection)
        with duckdb.connect(str(file)) as database:
            database.register("batches", reader.into_pyarrow_record_batch_reader())
            database.execute("CREATE TABLE charting AS SELECT * FROM batches")
            return {"rows": database.sql("SELECT count(*) FROM charting").fetchall()[0][0]}

    return work


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(dir=os.environ[_FOLDER]))
