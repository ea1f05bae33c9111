"""The list of the share's files on its way: read by staging and copied with a payload like a table, though no
table of the database, and empty where the extraction looked at no files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pandera.polars import DataFrameModel

from migration_assets.migration import source_copies, staging
from migration_assets.migration.staging import source_tables, stage
from migration_assets.migration.upload_file import SOURCE
from migration_assets.objects.base import (
    CORRECTION_COLUMNS,
    REJECT_COLUMNS,
    Staged,
    StagedObject,
    StagingContext,
    StagingInputs,
)
from migration_assets.panda.profile import load_profile
from migration_assets.panda.share import SHARE_FILES, SHARE_FILES_COLUMNS
from migration_assets.practice import PracticeRegistry, Settings
from migration_assets.warehouse import Warehouse

PRACTICE = """
practice: maple
name: Maple
time_zone: America/New_York
encryption_key: {env: MAPLE_KEY}
source: {}
destinations: {}
"""
FILE = ("\\\\PANDA01\\Images\\a.png", 5, "0" * 32, None)


def _stage(inputs: StagingInputs, context: StagingContext) -> Staged:  # noqa: ARG001
    return Staged(
        rows=inputs.raw["Radiograph"].join(
            inputs.raw[SHARE_FILES], left_on="FilePath", right_on="path", how="left"
        ),
        rejects=pl.DataFrame(schema=REJECT_COLUMNS),
        corrections=pl.DataFrame(schema=CORRECTION_COLUMNS),
        findings={},
    )


IMAGES = StagedObject(
    name="images",
    source_table="Radiograph",
    reads=("Radiograph", SHARE_FILES),
    uses=(),
    model=DataFrameModel,
    stage=_stage,
    source_columns={},
)


@pytest.mark.parametrize("looked_at", [True, False])
def test_the_share_is_staged_from_and_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at: bool
) -> None:
    for module in (staging, source_copies):
        monkeypatch.setattr(module, "STAGED_OBJECTS", (IMAGES,))
    (tmp_path / "maple.yaml").write_text(PRACTICE, encoding="utf-8")
    practice = PracticeRegistry(tmp_path, Settings, {}).load("maple")
    panda, upload = Warehouse(tmp_path / "panda.duckdb"), Warehouse(tmp_path / "upload.duckdb")
    extracted = {"batch_id": ["b"], "logical_table": ["Radiograph"], "extracted_at": [datetime.now(UTC)]}
    with panda.open() as session:
        session.replace_table(
            "panda", "Radiograph", pl.DataFrame({"RadiographID": [1], "FilePath": [FILE[0]]})
        )
        session.replace_table("panda", "extractions", pl.DataFrame(extracted))
        session.replace_table("panda", "not_in_scope", pl.DataFrame(schema={"table": pl.String}))
        if looked_at:
            files = pl.DataFrame([FILE], SHARE_FILES_COLUMNS, orient="row")
            session.replace_table("panda", SHARE_FILES, files)

    assert source_tables() == ("Radiograph",)
    assert stage(IMAGES, practice, load_profile("default"), panda).verdict.passed
    with panda.open(read_only=True) as session:
        assert session.read("staged", "images", ["bytes"])["bytes"].to_list() == [5 if looked_at else None]
    with upload.open() as session, session.attached(panda, "panda_file"):
        source_copies.copy_source(session, ["images"])
        copied = session.read(SOURCE, f"raw_{SHARE_FILES}")
    assert dict(copied.schema) == SHARE_FILES_COLUMNS
    assert copied.rows() == ([FILE] if looked_at else [])
