"""What a person is shown of those who are there already: a private workbook and JSON, counts elsewhere."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from migration_assets.migration.adopting import Adopted, GivenBack, Look
from migration_assets.migration.adoption import ADOPTION_COLUMNS
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.reports.adoption import (
    render_adopted,
    render_given_back,
    render_look,
    write_adoptions,
)

HEAD = Head(7, "c" * 64)
TARGET = Target("maple", "salesforce", "rehearsal")
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def found() -> Look:
    pairs = [
        ("Contact", "maple:patient:1", "003A", "Email + LastName", "matched", None),
        ("Contact", "maple:patient:2", "003B", "Email + LastName", "ambiguous", "differs"),
        ("Contact", "maple:patient:3", None, None, "no", None),
    ]
    table = pl.DataFrame(pairs, schema=ADOPTION_COLUMNS, orient="row")
    side = table.head(2).with_columns(
        pl.Series("LastName", ["=1+1", "Quill"]), pl.Series("LastName there", ["=1+1", "QUILL"])
    )
    return Look(table, {"Contact": side})


def shown(what: Any) -> str:
    text = StringIO()
    Console(file=text, width=200).print(what, soft_wrap=True)
    return text.getvalue()


def test_both_sides_stand_in_private_files(found: Look, tmp_path: Path) -> None:
    workbook, document = write_adoptions(found, TARGET, NOW, HEAD, tmp_path)

    assert {stat.S_IMODE(path.stat().st_mode) for path in (workbook, document)} == {0o600}
    read = json.loads(document.read_text())
    assert read["list_hash"] == found.list_hash
    assert read["counts"] == {"matched": 1, "ambiguous": 1, "apart": 0, "no": 1}
    assert [(row["key"], row["LastName"], row["LastName there"]) for row in read["pairs"]] == [
        ("maple:patient:1", "=1+1", "=1+1"),
        ("maple:patient:2", "Quill", "QUILL"),
    ]
    with zipfile.ZipFile(workbook) as book:
        parts = {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xml")}
    assert all(text in parts["xl/sharedStrings.xml"] for text in ("=1+1", "QUILL", "ambiguous: 1", "differs"))
    assert not any("<f>" in text for text in parts.values()), "a patient's name became a formula"


def test_a_terminal_is_shown_counts_and_what_to_do(found: Look, tmp_path: Path) -> None:
    text = shown(render_look(TARGET, found, tmp_path / "adoptions.xlsx"))

    assert "1 matched, 1 ambiguous, 1 like nobody there" in text
    assert f"--list {found.list_hash[:12]} --decide" in text
    assert "Quill" not in text
    nobody = Look(found.table.filter(state="no"), {})
    assert "--decide" not in shown(render_look(TARGET, nobody, tmp_path))


def test_what_wasnt_written_is_said() -> None:
    assert "2 adopted, 1 of ours" in shown(render_adopted(TARGET, Adopted(2, 1, {"KEY_CHANGED": 3})))
    assert "3 KEY_CHANGED" in shown(render_adopted(TARGET, Adopted(2, 1, {"KEY_CHANGED": 3})))
    back = shown(render_given_back(TARGET, GivenBack(2, 4, {})))
    assert "2 records given back" in back
    assert "4 values" in back
    assert "not written" not in back
