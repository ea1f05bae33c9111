"""Radiographs: where their image is, and what comes of those that lead to none."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.objects.base import Staged
from migration_assets.objects.radiographs import RADIOGRAPHS
from migration_assets_tests.objects.rows import Row, changes, patient, reasons
from migration_assets_tests.objects.rows_of_files import (
    BYTES,
    HASH,
    document,
    radiograph,
    share_file,
    stage_files,
)

PATH = "\\\\PANDA01\\Images\\2024\\IMG_1.JPG"
_OF_FILE = ("own_file", "bytes", "md5", "problem")


def staged(*radiographs: Row, **others: list[Row]) -> Staged:
    return stage_files(RADIOGRAPHS, radiographs=list(radiographs), **others)


def test_an_image_is_a_file_of_the_share_or_a_document_or_both() -> None:
    told = staged(
        radiograph(1, FilePath=PATH),
        radiograph(2, DocumentID=90),
        radiograph(3, FilePath=f" {PATH} ", DocumentID=90, TakenAt=datetime(2024, 5, 5)),
        share=[share_file(PATH)],
        documents=[document(90)],
        patients=[patient(1, ChartNumber="A-7")],
    )

    assert told.rows.select("document_id", *_OF_FILE, "place").rows() == [
        (None, True, 7, HASH, None, "none"),
        ("90", False, None, None, None, "further"),
        ("90", True, 7, HASH, None, "first"),
    ]
    assert told.rows.select("file_name", "title", "mime_type").rows() == [
        ("IMG_1.JPG", "IMG_1", "image/jpeg"),
        (None, "2024-05-06: Periapical, 14", None),
        ("IMG_1.JPG", "IMG_1", "image/jpeg"),
    ]
    assert told.rows["chart_number"].to_list() == ["A-7"] * 3
    assert told.findings["radiograph_shares_document"] == 1


@pytest.mark.parametrize("problem", ["file_outside_share", "file_not_found", "file_unreadable"])
@pytest.mark.parametrize("of", [None, 90])
def test_a_path_whose_file_cannot_be_read_is_rejected_once(problem: str, of: int | None) -> None:
    told = staged(
        radiograph(FilePath=PATH, DocumentID=of), share=[share_file(PATH, problem)], documents=[document(90)]
    )

    assert reasons(told) == [("85", "FilePath", problem)]


def test_an_empty_file_is_rejected() -> None:
    told = staged(radiograph(FilePath=PATH), share=[share_file(PATH, size=0)])

    assert reasons(told) == [("85", "FilePath", "content_empty")]


def test_rows_that_lead_to_no_image_of_a_mapped_share_stay_and_say_why() -> None:
    told = staged(
        radiograph(1, FilePath=PATH),
        radiograph(2, FilePath="Z:/new/IMG_2.png", DocumentID=90),
        radiograph(3),
        radiograph(4, FilePath="  ", DocumentID=91),
        share=[share_file(PATH, "share_not_mapped")],
        documents=[document(90), document(91, **{BYTES: None})],
    )

    assert told.rows.select("document_id", *_OF_FILE).rows() == [
        (None, False, None, None, "share_not_mapped"),
        ("90", False, None, None, "share_not_mapped"),
        (None, False, None, None, "no_image"),
        (None, False, None, None, "no_image"),
    ]
    assert told.rows["file_name"].to_list() == ["IMG_1.JPG", "IMG_2.png", None, None]
    assert changes(told) == [("4", "DocumentID", "document_rejected", "91")]
    assert (told.findings["share_not_mapped"], told.findings["no_image"]) == (2, 2)


@pytest.mark.parametrize("wrong", [datetime(1899, 12, 30), datetime(2026, 11, 23)])
def test_a_time_that_cannot_be_is_left_empty(wrong: datetime) -> None:
    told = staged(radiograph(1, TakenAt=wrong), radiograph(2, TakenAt=datetime(2026, 11, 22, 23)))

    assert [each[:3] for each in changes(told)] == [("1", "TakenAt", "taken_at_implausible")]
    assert told.rows["taken_at"].is_null().to_list() == [True, False]
    assert told.rows["summary"].to_list() == ["Periapical, 14", "2026-11-22: Periapical, 14"]


def test_a_tooth_site_stays_as_written_and_an_unreadable_one_is_counted() -> None:
    sites = ["#14-16", "UR", "somewhere", None]
    told = staged(*(radiograph(key, ToothSite=site) for key, site in enumerate(sites)))

    assert told.rows["tooth_site"].to_list() == sites
    assert told.findings["unreadable_tooth_site"] == 1


_paths = st.sampled_from([None, "", "a.png", "b.jpg", "c", "d.tif", "gone"])
_problems = {"b.jpg": "file_not_found", "c": "share_not_mapped", "d.tif": "file_outside_share"}
_rows = st.lists(st.tuples(_paths, st.sampled_from([None, 90, 999])), max_size=12)


@settings(deadline=None, max_examples=50)
@given(_rows)
def test_every_row_is_staged_or_rejected_and_has_an_image_or_a_problem(
    written: list[tuple[str | None, int | None]],
) -> None:
    rows = [radiograph(key, FilePath=path, DocumentID=of) for key, (path, of) in enumerate(written)]
    share = [share_file(path, _problems.get(path)) for path in ("a.png", *_problems)]
    told = staged(*rows, share=share, documents=[document(90)])

    lost = {str(key) for key, (path, _) in enumerate(written) if path in ("b.jpg", "d.tif")}
    assert set(told.rejects["source_key"]) == lost
    assert told.rows.height + len(lost) == len(written)
    with_image = pl.col("own_file") | pl.col("document_id").is_not_null()
    assert told.rows.filter(~with_image & pl.col("problem").is_null()).is_empty()
    assert told.rows.filter(pl.col("own_file") != pl.col("md5").is_not_null()).is_empty()
