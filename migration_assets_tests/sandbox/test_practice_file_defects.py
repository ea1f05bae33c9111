"""The planted defects of files: rows more than the clean practice has, and what the manifest says of them."""

import polars as pl
import pytest

from migration_sandbox.practice.generator import Practice, generate, write_database
from migration_sandbox.practice.schema import key_column
from migration_sandbox.sqlserver.database import Database

CODES = {
    "Document": {"content_missing", "content_empty", "extension_added", "parent_missing"},
    "Letter": {
        *("document_rejected", "document_missing", "letter_without_file", "letter_type_spelling"),
        *("letter_shares_document", "parent_missing"),
    },
    "Radiograph": {
        *("file_not_found", "file_outside_share", "no_image", "taken_at_implausible", "parent_missing"),
    },
}


@pytest.fixture(scope="module")
def practice() -> Practice:
    return generate(7, 200, tables="all")


@pytest.mark.parametrize("table", CODES)
def test_each_defect_is_a_row_more(practice: Practice, table: str) -> None:
    clean = generate(7, 200, planted=0, tables="all").tables[table]
    key = key_column(table)
    planted = [
        each for each in practice.manifest.defects if each.table == table and each.code in CODES[table]
    ]

    assert practice.tables[table].head(clean.height)[key].equals(clean[key])
    assert {int(each.source_key) for each in planted} == set(practice.tables[table][clean.height :][key])
    assert {each.code for each in planted} == CODES[table]


def test_paths_lead_where_their_defect_says(practice: Practice) -> None:
    paths = dict(practice.tables["Radiograph"].select("RadiographID", "FilePath").iter_rows())
    for each in practice.manifest.expected("rejected"):
        if each.table == "Radiograph":
            path = paths[int(each.source_key)]
            assert path.startswith("\\\\PANDA01\\Images\\")
            assert ("\\..\\" in path) == (each.code == "file_outside_share")
            assert not any(path.endswith(file.split("/")[-1]) for file in practice.share)


def test_a_radiograph_of_a_rejected_patient_is_held_back_by_itself_where_it_has_a_file(
    practice: Practice,
) -> None:
    held = [each for each in practice.manifest.expected("held_back") if each.table == "Radiograph"]
    with_document = [int(each.source_key) for each in held if each.column == "DocumentID"]
    images = practice.tables["Radiograph"].filter(
        pl.col("RadiographID").is_in([int(each.source_key) for each in held])
    )

    assert set(images.filter(pl.col("FilePath").is_null())["RadiographID"]) == set(with_document)
    assert 0 < len(with_document) < len(held)


def test_a_database_tells_no_content_from_an_empty_one(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("files") / "panda.duckdb"
    write_database(practice, path)
    with Database.open(path) as database:
        found = database.cursor().execute('SELECT "DocumentID", "Content" FROM dbo."Document"').fetchall()
    contents = {str(key): content for key, content in found}
    documents = {each.code: each.source_key for each in practice.manifest.defects if each.table == "Document"}

    assert contents[documents["content_missing"]] is None
    assert contents[documents["content_empty"]] == b""
