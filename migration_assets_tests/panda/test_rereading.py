"""Rows are read again by key over the wire: those that were asked for, in as many queries as it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_assets.errors import SourceError
from migration_assets.panda import rereading
from migration_assets.panda.profile import load_profile
from migration_assets.panda.rereading import REREAD, reread
from migration_assets.warehouse import Warehouse
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_sandbox.practice.generator import generate

PROFILE = load_profile("default")


@pytest.mark.parametrize(
    ("a_query", "whole_from"), [pytest.param(3, 100, id="by-key"), pytest.param(1_000, 5, id="whole")]
)
def test_the_rows_that_were_asked_for_are_read_and_no_others(
    source: MakeSource,
    database: MakeDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    a_query: int,
    whole_from: int,
) -> None:
    monkeypatch.setattr(rereading, "_KEYS_A_QUERY", a_query)
    monkeypatch.setattr(rereading, "_READ_WHOLE", whole_from)
    patients = generate(3, 30, planted=0, tables="all").tables["Patient"]
    keys = sorted(str(each) for each in patients["PatientID"].sample(10, seed=1))

    with Warehouse(tmp_path / "panda.duckdb").open() as session:
        read = reread(source(database(Patient=patients)), PROFILE, session, {"Patient": [*keys, "999999"]})
        found = session.read(REREAD, "Patient")["PatientID"]

    assert sorted(map(str, found)) == keys
    assert read.rows == {"Patient": 10}
    assert read.rows_read == (10 if a_query == 3 else 30)


def test_a_key_that_is_no_number_is_named_by_its_column(
    source: MakeSource, database: MakeDatabase, tmp_path: Path
) -> None:
    reader = source(database())
    with (
        Warehouse(tmp_path / "panda.duckdb").open() as session,
        pytest.raises(SourceError, match="PatientID") as told,
    ):
        reread(reader, PROFILE, session, {"Patient": ["somebody"]}, attempts=1)
    assert "somebody" not in str(told.value)
