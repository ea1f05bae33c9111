"""Contents by key, over the wire and from the share: whole, in pieces, and an error where one is gone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyodbc
import pytest

from migration_assets.errors import ConfigurationError, ContentChanged, SourceError
from migration_assets.panda.connection import connection_string
from migration_assets.panda.contents import Contents
from migration_assets.panda.profile import Profile, load_profile
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_assets_tests.panda.relay import Relay
from migration_assets_tests.panda.test_extract import OWNER
from migration_sandbox.sqlserver.launch import SandboxServer

PROFILE = load_profile("default")
MOMENT = datetime(2024, 2, 29, 13, 45)
PIECE = 2**20
SCANS = "CREATE TABLE dbo.Scans (Code varchar(10) NOT NULL PRIMARY KEY, [Da]]ta] varbinary(max) NULL);"
LARGE = os.urandom(5 * 2**20 + 17)
CONTENTS = {1: LARGE, 2: b"", 3: None, 4: LARGE[:PIECE], 5: b"x"}

Open = Callable[..., Contents]


@pytest.fixture
def documents(database: MakeDatabase) -> str:
    rows = pl.DataFrame(
        {
            "DocumentID": list(CONTENTS),
            "FileName": ["a.pdf"] * len(CONTENTS),
            "Content": pl.Series(list(CONTENTS.values()), dtype=pl.Binary),
            **dict.fromkeys(("CreatedAt", "ModifiedAt"), [MOMENT] * len(CONTENTS)),
        }
    )
    return database(Document=rows)


@pytest.fixture
def opened(source: MakeSource) -> Iterator[Open]:
    made: list[Contents] = []

    def open_contents(database: str, profile: Profile = PROFILE, **given: Any) -> Contents:
        made.append(Contents(source(database, **given), profile, pause_seconds=0.01))
        return made[-1]

    yield open_contents
    for each in made:
        each.close()


@pytest.mark.parametrize("driver", ["microsoft", "freetds"])
def test_a_large_object_comes_whole_in_pieces_of_a_mebibyte(
    documents: str, opened: Open, driver: str
) -> None:
    contents = opened(documents, driver=driver)
    pieces = list(contents.pieces("Document", "1"))
    assert b"".join(pieces) == LARGE
    assert [len(piece) for piece in pieces] == [PIECE] * 5 + [17]
    assert list(contents.pieces("Document", "2")) == []
    assert [len(piece) for piece in contents.pieces("Document", "4")] == [PIECE]


def test_a_row_or_a_content_that_is_gone_is_an_error_without_its_key(documents: str, opened: Open) -> None:
    contents = opened(documents)
    for key in ("3", "77"):
        with pytest.raises(ContentChanged, match=r"^dbo\.Document: .* extract and stage") as raised:
            list(contents.pieces("Document", key))
        assert key not in str(raised.value)


def test_a_row_deleted_in_the_middle_is_an_error(documents: str, opened: Open, source: MakeSource) -> None:
    pieces = opened(documents).pieces("Document", "1")
    next(pieces)
    owner = pyodbc.connect(connection_string(source(documents, **OWNER).settings), autocommit=True)
    owner.execute("DELETE FROM dbo.Document WHERE DocumentID = 1")
    owner.close()
    with pytest.raises(ContentChanged):
        list(pieces)


def test_several_threads_read_at_once_and_share_a_few_connections(documents: str, opened: Open) -> None:
    contents = opened(documents)
    together = threading.Barrier(3, timeout=10)

    def read(key: int) -> bytes:
        pieces = contents.pieces("Document", str(key))
        first = next(pieces, b"")
        together.wait()
        return first + b"".join(pieces)

    for _ in range(2):
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(read, (1, 4, 5))) == [CONTENTS[key] for key in (1, 4, 5)]
    assert 1 <= len(contents._idle) <= 3


def test_a_piece_that_a_broken_connection_ended_is_read_again(
    documents: str, opened: Open, server: SandboxServer
) -> None:
    with Relay(server.port, cuts=[3 * PIECE]) as relay:
        assert b"".join(opened(documents, port=relay.port).pieces("Document", "1")) == LARGE
        assert relay.connections == 2


def test_names_and_keys_of_any_kind_are_understood(database: MakeDatabase, opened: Open) -> None:
    table = {"name": "Scans", "key": "Code", "columns": ["Code"], "blobs": ["Da]ta"]}
    profile = Profile.model_validate({"name": "scans", "tables": {"Scan": table}})
    rows = pl.DataFrame({"Code": ["a'b"], "Da]ta": pl.Series([b"scan"], dtype=pl.Binary)})
    contents = opened(database(SCANS, Scans=rows), profile)
    assert b"".join(contents.pieces("Scan", "a'b")) == b"scan"
    with pytest.raises(ConfigurationError, match=r"0 columns of content.*tables\.Patient\.blobs"):
        list(opened(database()).pieces("Patient", "1"))


def test_a_file_on_the_share_is_streamed_by_its_rows_key(
    database: MakeDatabase, opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "share" / "2019").mkdir(parents=True)
    (tmp_path / "share" / "2019" / "a.png").write_bytes(LARGE)
    (tmp_path / "secret.png").write_bytes(b"secret")
    paths = ["2019\\a.png", "2019\\b.png", "..\\secret.png", None]
    rows = pl.DataFrame(
        {
            "RadiographID": range(4),
            "FilePath": [None if path is None else f"\\\\PANDA01\\Images\\{path}" for path in paths],
            "PatientID": [1] * 4,
            "ModifiedAt": [MOMENT] * 4,
        }
    )
    name = database(Radiograph=rows)
    contents = opened(name, file_share={"//panda01/images": str(tmp_path / "share")})
    pieces = list(contents.pieces("Radiograph", "0"))
    assert b"".join(pieces) == LARGE
    assert max(map(len, pieces)) == PIECE
    for key in ("1", "3", "9"):
        with pytest.raises(ContentChanged):
            list(contents.pieces("Radiograph", key))
    with pytest.raises(SourceError, match="file_outside_share") as raised:
        list(contents.pieces("Radiograph", "2"))
    assert "secret" not in str(raised.value)
