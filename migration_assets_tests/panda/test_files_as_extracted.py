"""What the tests of staging take for extracted files is what an extraction leaves of the same practice."""

from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from migration_assets.panda.extract import extract
from migration_assets.panda.profile import load_profile
from migration_assets.warehouse import Warehouse
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_sandbox.practice.generator import generate, write_share
from migration_sandbox.practice.radiographs import SHARE


def test_sizes_hashes_and_problems_are_those_of_an_extraction(
    database: MakeDatabase, source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = generate(7, 120, tables="all")
    tables = ("Document", "Radiograph")
    write_share(practice, tmp_path / "share")
    (tmp_path.parent / "secret.png").write_bytes(b"nobody's business")
    monkeypatch.setenv("TEST_SHARE", str(tmp_path / "share"))
    name = database(**{table: practice.tables[table] for table in tables})
    reader = source(name, file_share={SHARE.lower(): {"env": "TEST_SHARE"}})
    warehouse = Warehouse(tmp_path / "panda.duckdb")
    extract(reader, load_profile("default"), warehouse, tables)
    expected = as_extracted(practice)

    with warehouse.open(read_only=True) as session:
        for table in (*tables, "share_files"):
            found = session.read("panda", table).drop("RowVer", strict=False)
            key = found.columns[0]
            known = expected[table].drop("RowVer", strict=False)
            assert_frame_equal(found.sort(key), known.sort(key), check_column_order=False, check_dtypes=False)
