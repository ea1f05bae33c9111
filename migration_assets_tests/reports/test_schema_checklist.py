"""What an administrator gets to tick: every step with its exact label, in order, and why it is wanted."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import stat
import subprocess
import zipfile
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest

from migration_assets.destinations.administration import ManualStep, PlanRoom
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.reports.inventory import make_inventory, write_inventory
from migration_assets.reports.schema_checklist import write_schema_checklist
from migration_assets_tests.reports.test_inventory import rows, sheets

PLAN = Plan(load_mapping("freshsales").resolved({"accounts": "practice", "modules": "on"}), None, {})
TARGET = Target("maple", "freshsales", "live")
NOW, HEAD = datetime(2024, 5, 6, tzinfo=UTC), Head(7, "c" * 64)
STEPS = [
    ManualStep(
        "cm_dental_treatment_plan",
        "cm_dental_treatment_plan",
        "Dental Treatment Plan",
        "Custom module",
        mind="in the plural 'Dental Treatment Plans'",
    ),
    ManualStep(
        "contact",
        "contacts",
        "Periodontal_Stage__c",
        "Dropdown",
        "cf_periodontal_stage",
        choices=("I", "II", "III", "IV"),
    ),
    ManualStep(
        "contact", "contacts", "Last_Pocket_Depth_MM__c", "Number", "cf_last_pocket_depth", required=True
    ),
    ManualStep(
        "deal", "deals", "Treatment plans", "Deal pipeline", "deal_stage", ("Consultation",), there=True
    ),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("reports")
    return write_schema_checklist(STEPS, PLAN, TARGET, "Maple <Periodontics>", NOW, HEAD, directory)


def test_both_are_for_the_owner_only(files: tuple[Path, Path]) -> None:
    assert [path.name for path in files] == ["schema_checklist.xlsx", "schema_checklist.html"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]


def test_the_workbook_has_a_line_a_step_in_their_order(files: tuple[Path, Path]) -> None:
    book = zipfile.ZipFile(BytesIO(files[0].read_bytes()))
    heading, *lines = rows(book, sheets(book)["Steps"])
    told = [{heading[column]: value for column, value in cells.items()} for cells in lines]

    assert [each["Label, spelt exactly so"] for each in told] == [step.label for step in STEPS]
    stage, depth, board = told[1:]
    assert stage["Choices, one a line"].split("\n") == ["I", "II", "III", "IV"]
    assert stage["Kind"].startswith("Dropdown")
    assert "In the migration's list of fields" in stage["Why"]
    assert "Deepest pocket depth, in mm" in depth["Why"]
    assert (depth["Every record has one"], stage["Every record has one"]) == ("yes", "no")
    assert board["Do"] == "complete"


def test_the_page_has_a_box_a_step_and_loads_nothing(files: tuple[Path, Path]) -> None:
    page = files[1].read_text()

    names = re.findall(r'<input type="checkbox" name="([^"]+)"', page)
    assert len(names) == len(set(names)) == len(STEPS)
    assert "Maple &lt;Periodontics&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert (
        page.index("Dental Treatment Plan") < page.index("Periodontal_Stage__c") < page.index("Consultation")
    )
    script = page.split("<script>")[1].split("</script>")[0]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in page


def test_ticks_are_found_again_when_the_list_is_made_again(tmp_path: Path) -> None:
    made = [
        write_schema_checklist(steps, PLAN, TARGET, "Maple", NOW, HEAD, tmp_path)[1].read_text()
        for steps in (STEPS, STEPS[1:])
    ]

    before, after = (re.findall(r'<input type="checkbox" name="([^"]+)"', page) for page in made)
    assert before[1:] == after
    kept = [re.findall(r'data-kept-as="([^"]+)"', page) for page in made]
    assert kept == [["schema-checklist/maple/freshsales/live"]] * 2


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    workbook, page = write_schema_checklist([], PLAN, TARGET, "Maple", NOW, HEAD, tmp_path)

    assert "Nothing to do by hand" in page.read_text()
    assert workbook.exists()


CLICK = """
document.querySelector("input").click();
const place = document.getElementById("steps").dataset.keptAs;
document.body.dataset.kept = localStorage.getItem(place);
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser on this machine")
def test_a_tick_is_counted_and_kept_by_the_browser(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Under the page's own policy, widened by the hash of a script that clicks."""
    text = files[1].read_text()
    digest = base64.b64encode(hashlib.sha256(CLICK.encode()).digest()).decode()
    text = text.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", f"<script>{CLICK}</script></body>"))
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    shown = subprocess.run(
        ["chromium", *options, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert '<span id="done">1</span>' in shown
    assert '<tr class="done">' in shown
    kept = re.search(r'<body data-kept="([^"]*)"', shown)
    assert kept is not None
    assert json.loads(unescape(kept.group(1))) == [
        "cm_dental_treatment_plan/cm_dental_treatment_plan./Custom module"
    ]


def test_the_inventory_says_plan_by_plan_what_fits(tmp_path: Path) -> None:
    rooms = [
        PlanRoom(
            "growth", False, None, "Custom module", ("cm_dental_treatment_plan",), 0, 0, 0, "notes instead"
        ),
        PlanRoom("pro", True, "contact", "Date picker", ("cf_birth_date",), 1, 12, 50),
        PlanRoom("pro", True, "contact", "Look-up", (), 0, 0, 10),
    ]
    workbook, document = write_inventory(make_inventory(TARGET, "Maple", PLAN, NOW, HEAD, rooms), tmp_path)
    book = zipfile.ZipFile(BytesIO(workbook.read_bytes()))
    heading, *lines = rows(book, sheets(book)["Plans"])
    told = [{heading[column]: value for column, value in cells.items()} for cells in lines]

    assert [(each["Plan"], each["Fits"], each.get("Otherwise")) for each in told] == [
        ("growth", "NO", "notes instead"),
        ("pro", "yes", ""),
    ]
    assert (told[1]["Others there"], told[1]["Left then"], told[1]["The account's own"]) == (
        "12",
        "37",
        "yes",
    )
    assert [each["fits"] for each in json.loads(document.read_text())["plans"]] == [False, True, True]
