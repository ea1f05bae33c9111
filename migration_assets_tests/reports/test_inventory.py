"""The field inventory's two files: what programs read, and what a practice's manager opens."""

from __future__ import annotations

import json
import re
import stat
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from migration_assets.destinations.base import ObjectSchema
from migration_assets.mapping.chart_layout import MEASURES, plan
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.reports.inventory import FieldInventory, as_workbook, make_inventory, write_inventory

LAYOUT = plan(MEASURES, {"ClinicalExam__c": 463, "ClinicalExamChart2__c": 700, "ClinicalExamChart3__c": 473})
PLAN = Plan(load_mapping("salesforce").resolved({"accounts": "practice"}), LAYOUT, {"profile": "a" * 64})
HEAD = Head(7, "c" * 64)
TARGET = Target("maple", "salesforce", "rehearsal")
S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="module")
def made() -> FieldInventory:
    return make_inventory(TARGET, "Maple Periodontics", PLAN, datetime(2024, 5, 6, tzinfo=UTC), HEAD)


@pytest.fixture(scope="module")
def files(made: FieldInventory, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_inventory(made, tmp_path_factory.mktemp("reports") / "maple")


@pytest.fixture(scope="module")
def workbook(files: tuple[Path, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(BytesIO(files[0].read_bytes()))


def sheets(book: zipfile.ZipFile) -> dict[str, ElementTree.Element]:
    names = [
        str(each.get("name"))
        for each in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{S}sheet")
    ]
    return {
        name: ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
        for number, name in enumerate(names, start=1)
    }


def rows(book: zipfile.ZipFile, sheet: ElementTree.Element) -> list[dict[str, str]]:
    """A row's cells by column letter, as text."""
    shared = [
        "".join(part.text or "" for part in each.iter(f"{S}t"))
        for each in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{S}si")
    ]
    found = []
    for row in sheet.iter(f"{S}row"):
        cells = {}
        for cell in row.iter(f"{S}c"):
            value = cell.findtext(f"{S}v")
            if value is not None:
                column = re.sub(r"\d", "", str(cell.get("r")))
                cells[column] = shared[int(value)] if cell.get("t") == "s" else value
        found.append(cells)
    return found


def test_both_files_are_for_the_owner_only(files: tuple[Path, Path]) -> None:
    assert [path.name for path in files] == ["field_inventory.xlsx", "field_inventory.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]


def test_programs_find_every_field_of_every_object_once(files: tuple[Path, Path]) -> None:
    document = json.loads(files[1].read_text())

    assert (document["practice"], document["environment"], document["plan_hash"]) == (
        "maple",
        "rehearsal",
        PLAN.hash,
    )
    listed = {each["object"]: [field["field"] for field in each["fields"]] for each in document["objects"]}
    assert listed == {
        schema.name: [field.name for field in schema.stored_fields] for schema in PLAN.schemas.values()
    }


def test_a_field_that_two_tables_fill_lists_both_sources(files: tuple[Path, Path]) -> None:
    document = json.loads(files[1].read_text())
    contact = next(each for each in document["objects"] if each["object"] == "Contact")
    last_name = next(each for each in contact["fields"] if each["field"] == "LastName")

    sources = [(each["source_table"], each["source_column"]) for each in last_name["sources"]]
    assert {("Provider", "LastName"), ("Patient", "LastName")} <= set(sources)
    assert last_name["why"].startswith("standard field of Contact")


def test_people_get_a_sheet_an_object_and_one_that_explains(workbook: zipfile.ZipFile) -> None:
    found = sheets(workbook)

    assert list(found) == ["About", *(schema.name for schema in PLAN.schemas.values())]
    about = {cells.get("A"): cells.get("B") for cells in rows(workbook, found["About"])}
    assert about["Practice"] == "Maple Periodontics (maple)"
    assert str(about["ClinicalExam__c"]).endswith("are made by the migration")
    assert {"Picklist values", "Why it sits here", "PANDA column"} <= about.keys()


def test_a_sheets_header_stays_in_sight_and_its_columns_filter(workbook: zipfile.ZipFile) -> None:
    for name, sheet in sheets(workbook).items():
        if name != "About":
            pane = sheet.find(f".//{S}pane")
            assert pane is not None and (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
            assert sheet.find(f"{S}autoFilter") is not None
            widths = [float(str(each.get("width"))) for each in sheet.iter(f"{S}col")]
            assert min(widths) > 5


def test_a_line_of_a_sheet_says_what_where_from_and_why(workbook: zipfile.ZipFile) -> None:
    heading, *lines = rows(workbook, sheets(workbook)["TreatmentPlan__c"])
    status = next(
        {heading[column]: value for column, value in cells.items()}
        for cells in lines
        if "Status__c" in cells.values()
    )

    assert status["Picklist values"] == "proposed; accepted; in-progress; completed; declined"
    assert (status["PANDA table"], status["Custom"]) == ("TreatmentPlan", "yes")
    assert status["Why it sits here"] == "in the migration's list of fields"


def test_names_that_a_sheet_can_not_have_are_shortened_and_kept_apart(made: FieldInventory) -> None:
    long = "A" * 40
    schemas = [
        ObjectSchema(name, "X", "Xs", True, "K", ()) for name in (f"{long}1__c", f"{long}2__c", "about")
    ]
    odd: Any = FieldInventory(TARGET, "x", "b", made.made_at, HEAD, tuple(schemas), made.frame)
    book = zipfile.ZipFile(BytesIO(as_workbook(odd)))

    assert list(sheets(book)) == ["About", "A" * 31, "A" * 29 + "~2", "about~2"]
