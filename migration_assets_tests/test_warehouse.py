"""The warehouse on real DuckDB files: locks between processes, transactions, encryption, full disks."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from migration_assets.errors import (
    ConfigurationError,
    DiskFull,
    WarehouseBusy,
    WarehouseError,
    WarehouseTableMissing,
)
from migration_assets.warehouse import DuckDBSettings, Warehouse, WarehouseLayout

IMPATIENT = DuckDBSettings(memory_limit="500MB", threads=1, lock_timeout_seconds=0.3)
PATIENT = DuckDBSettings(memory_limit="500MB", threads=1, lock_timeout_seconds=30)
ENCRYPTED = DuckDBSettings(threads=1, lock_timeout_seconds=0.3, encryption_key=SecretStr('it\'s "so" secret'))

_HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reader")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return WarehouseLayout(tmp_path).panda("maple")


@pytest.fixture
def warehouse(path: Path) -> Warehouse:
    return Warehouse(path, IMPATIENT)


@contextmanager
def held_by_another_process(path: Path, role: str) -> Iterator[subprocess.Popen[str]]:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        let_go(holder)
        holder.wait(10)


def let_go(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.close()


def frame(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"number": pl.Series(numbers, dtype=pl.Int16)})


def test_a_table_comes_back_as_it_went_in(warehouse: Warehouse) -> None:
    rows = pl.DataFrame(
        {
            "tiny": pl.Series([0, 255], dtype=pl.UInt8),
            "money": pl.Series([Decimal("0.01"), None], dtype=pl.Decimal(12, 2)),
            "day": [date(1, 1, 1), date(9999, 12, 31)],
            "moment": pl.Series(
                [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)], dtype=pl.Datetime("us")
            ),
            "utc": pl.Series([datetime(2026, 1, 1, tzinfo=UTC)] * 2, dtype=pl.Datetime("ms", "UTC")),
            "raw": [b"\x00\xff", b""],
            "yes": [True, None],
        }
    )
    with warehouse.open() as session:
        assert session.replace_table("staged", "things", rows) == 2
    with warehouse.open(read_only=True) as session:
        found = session.read("staged", "things")
    assert found.schema == rows.schema
    assert found.equals(rows)


@hypothesis_settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.none(), max_size=20))
def test_any_text_comes_back_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str | None]
) -> None:
    warehouse = Warehouse(tmp_path_factory.mktemp("text") / "panda.duckdb", IMPATIENT)
    rows = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    with warehouse.open() as session:
        session.replace_table("panda", "Note", rows)
        assert session.read("panda", "Note").equals(rows)


def test_an_empty_table_keeps_its_types(warehouse: Warehouse) -> None:
    empty = pl.DataFrame(schema={"grade": pl.UInt8(), "cost": pl.Decimal(12, 2), "name": pl.String()})
    with warehouse.open() as session:
        assert session.replace_table("staged", "plans", empty) == 0
        assert session.read("staged", "plans").schema == empty.schema


def test_a_column_without_a_type_is_refused(warehouse: Warehouse) -> None:
    with warehouse.open() as session, pytest.raises(WarehouseError, match=r"without a type .* nothing"):
        session.replace_table("staged", "plans", pl.DataFrame({"nothing": [None]}))


def test_a_stream_of_batches_is_stored(warehouse: Warehouse) -> None:
    batches = [pa.record_batch({"number": pa.array(range(1000))}) for _ in range(3)]
    with warehouse.open() as session:
        stored = session.replace_table(
            "panda", "T", pa.RecordBatchReader.from_batches(batches[0].schema, batches)
        )
    assert stored == 3000


def test_a_stream_that_breaks_leaves_the_former_table(warehouse: Warehouse) -> None:
    def breaking() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"number": pa.array([7])})
        raise OSError("the line is cut at Jane Doe")

    with warehouse.open() as session:
        session.replace_table("panda", "T", frame(1, 2))
        reader = pa.RecordBatchReader.from_batches(pa.schema({"number": pa.int64()}), breaking())
        with pytest.raises(WarehouseError) as raised:
            session.replace_table("panda", "T", reader)
        assert "Jane" not in str(raised.value)
        assert session.read("panda", "T").equals(frame(1, 2))


def test_append_matches_columns_by_name_and_makes_the_table(warehouse: Warehouse) -> None:
    with warehouse.open() as session:
        assert session.append("panda", "T", pl.DataFrame({"a": [1], "b": ["x"]})) == 1
        assert session.append("panda", "T", pl.DataFrame({"b": ["y"], "a": [2]})) == 1
        assert session.read("panda", "T").rows() == [(1, "x"), (2, "y")]


def test_a_transaction_is_undone_as_a_whole(warehouse: Warehouse) -> None:
    with warehouse.open() as session:
        session.replace_table("panda", "T", frame(1))

        def change_and_fail() -> None:
            with session.transaction():
                session.replace_table("panda", "T", frame(2))
                session.append("panda", "Other", frame(3))
                raise KeyError("stop")

        with pytest.raises(KeyError):
            change_and_fail()
        assert session.read("panda", "T").equals(frame(1))
        assert session.tables("panda") == ["T"]


def test_odd_names_are_quoted(warehouse: Warehouse) -> None:
    rows = pl.DataFrame({'a "b"; --': [1], "Plan": [2]})
    with warehouse.open() as session:
        session.replace_table("pan da", 'Pat"ient; DROP', rows)
        assert session.read("pan da", 'Pat"ient; DROP', ['a "b"; --']).rows() == [(1,)]


def test_a_missing_table_says_what_to_materialise(warehouse: Warehouse) -> None:
    with warehouse.open() as session:
        with pytest.raises(
            WarehouseTableMissing, match=r"no table panda\.Patient; materialise .* source tables"
        ):
            session.read("panda", "Patient")
        with pytest.raises(WarehouseTableMissing, match="no table Patient"):
            session.sql("SELECT * FROM Patient")


def test_reading_a_file_that_is_not_there_says_what_to_materialise(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseTableMissing, match=r"maple/panda\.duckdb isn't there yet; materialise"):
        open_once(warehouse, read_only=True)
    assert not warehouse.path.exists()


def open_once(warehouse: Warehouse, read_only: bool = False) -> None:
    with warehouse.open(read_only):
        pass


def test_no_value_is_in_a_message(warehouse: Warehouse) -> None:
    with warehouse.open() as session, pytest.raises(WarehouseError) as raised:
        session.sql("SELECT CAST(? AS INTEGER)", ["Jane Doe"])
    assert "Jane" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("holder", "opener"), [("writer", "reader"), ("reader", "writer"), ("writer", "writer")]
)
def test_a_file_in_use_is_refused_naming_the_holder(warehouse: Warehouse, holder: str, opener: str) -> None:
    open_once(warehouse)
    with (
        held_by_another_process(warehouse.path, holder) as process,
        pytest.raises(WarehouseBusy, match=f"in use by process {process.pid} "),
    ):
        open_once(warehouse, read_only=opener == "reader")


def test_two_readers_share_a_file(warehouse: Warehouse) -> None:
    open_once(warehouse)
    with held_by_another_process(warehouse.path, "reader"), warehouse.open(True), warehouse.open(True):
        pass


def test_waiting_ends_when_the_holder_lets_go(path: Path) -> None:
    warehouse = Warehouse(path, PATIENT)
    open_once(warehouse)
    with held_by_another_process(path, "writer") as process:
        threading.Timer(0.5, let_go, [process]).start()
        began = time.monotonic()
        open_once(warehouse)
        assert time.monotonic() - began > 0.4


def test_a_second_writer_of_this_process_waits_too(warehouse: Warehouse) -> None:
    with warehouse.open(), pytest.raises(WarehouseBusy, match=f"this process \\({os.getpid()}\\)"):
        open_once(warehouse)


def test_the_file_is_let_go_after_an_exception(warehouse: Warehouse) -> None:
    def fail_inside() -> None:
        with warehouse.open() as session:
            session.replace_table("panda", "T", frame(1))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail_inside()
    with held_by_another_process(warehouse.path, "writer"):
        pass


def test_directories_and_files_are_private(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse.open() as session:
        session.replace_table("panda", "T", frame(1))
    assert stat.S_IMODE((tmp_path / "warehouse").stat().st_mode) == 0o700
    assert stat.S_IMODE(warehouse.path.parent.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in warehouse.path.parent.iterdir()] == [0o600]


def test_an_encrypted_file_holds_nothing_readable_and_needs_its_key(path: Path) -> None:
    secret = "Jane Doe of Maple Street"
    with Warehouse(path, ENCRYPTED).open() as session:
        session.replace_table("panda", "T", pl.DataFrame({"name": [secret]}))
    assert secret.encode() not in path.read_bytes()
    with Warehouse(path, ENCRYPTED).open(read_only=True) as session:
        assert session.read("panda", "T").item() == secret
    for settings in (IMPATIENT, DuckDBSettings(encryption_key=SecretStr("another"))):
        with pytest.raises(WarehouseError, match="encryption doesn't match") as raised:
            open_once(Warehouse(path, settings))
        assert "another" not in str(raised.value)


def test_another_warehouse_is_attached_read_only_and_let_go(tmp_path: Path) -> None:
    layout = WarehouseLayout(tmp_path)
    source = Warehouse(layout.panda("maple"), IMPATIENT)
    target = Warehouse(layout.destination("maple", "salesforce", "live"), IMPATIENT)
    with source.open() as session:
        session.replace_table("panda", "T", frame(1, 2))
    with target.open() as session:
        with session.attached(source, "source"):
            session.replace_table("raw", "T", session.sql("SELECT * FROM source.panda.T"))
        with held_by_another_process(source.path, "reader"):
            assert session.count("raw", "T") == 2


def test_a_damaged_file_is_named(warehouse: Warehouse) -> None:
    warehouse.path.parent.mkdir(parents=True)
    warehouse.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseError, match="is damaged; remove it"):
        open_once(warehouse)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def many_random_texts() -> pl.DataFrame:
    return pl.DataFrame({"text": [os.urandom(40).hex() for _ in range(200_000)]})


def test_a_full_disk_is_named_and_the_former_table_stays(small_disk: Path) -> None:
    warehouse = Warehouse(small_disk / "panda.duckdb", IMPATIENT)
    with warehouse.open() as session:
        session.replace_table("panda", "T", frame(1))
    with pytest.raises(DiskFull, match="MB are free there; make room"), warehouse.open() as session:
        session.replace_table("panda", "T", many_random_texts())
    with warehouse.open() as session:
        assert session.read("panda", "T").equals(frame(1))


def test_a_file_that_may_not_grow_is_a_full_disk(warehouse: Warehouse) -> None:
    open_once(warehouse)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(DiskFull), warehouse.open() as session:
            session.replace_table("panda", "T", many_random_texts())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_too_little_memory_names_the_setting(path: Path) -> None:
    warehouse = Warehouse(path, DuckDBSettings(memory_limit="20MB", threads=1))
    with warehouse.open() as session, pytest.raises(WarehouseError, match="raise 'memory_limit'"):
        session.sql("SELECT list(md5(i::VARCHAR)) FROM range(5000000) t(i)")


@pytest.mark.parametrize("key", ["../oak", "", "a/b", "Maple", "a.b"])
def test_keys_that_would_leave_the_folder_are_refused(tmp_path: Path, key: str) -> None:
    layout = WarehouseLayout(tmp_path)
    with pytest.raises(ConfigurationError):
        layout.panda(key)
    with pytest.raises(ConfigurationError):
        layout.destination("maple", key, "live")


def test_each_destination_and_environment_has_a_file_of_its_own(tmp_path: Path) -> None:
    layout = WarehouseLayout(tmp_path)
    assert layout.panda("maple") == tmp_path / "warehouse/maple/panda.duckdb"
    rehearsal = layout.destination("maple", "salesforce", "rehearsal")
    assert rehearsal == tmp_path / "warehouse/maple/salesforce.rehearsal.duckdb"
