"""The reference of letter templates as a page: PANDA's text as it is, and nothing of it as markup."""

from __future__ import annotations

import stat
from html import escape
from pathlib import Path

import polars as pl

from migration_assets.mapping.inventory import INVENTORY_COLUMNS
from migration_assets.migration.decisions import Head
from migration_assets.migration.template_reference import TemplateReference, make_reference
from migration_assets.panda.profile import load_profile
from migration_assets.reports.letter_templates import as_document, write_letter_templates

BODY = "<p>Dear <<Patient.FirstName>><script>alert(1)</script></p>\r\n<<IF Patient.Allergies>>open"


def reference() -> TemplateReference:
    rows = pl.DataFrame({"TemplateID": [4], "Name": ["Recall <i>"], "Category": [None], "Body": [BODY]})
    letters = pl.DataFrame(schema={"TemplateID": pl.Int32(), "SentAt": pl.Datetime("ms")})
    return make_reference(rows, letters, load_profile("default"), pl.DataFrame(schema=INVENTORY_COLUMNS))


def test_a_templates_text_is_shown_and_never_run(tmp_path: Path) -> None:
    path = write_letter_templates(reference(), "Maple", "Salesforce", Head(3, "ab"), tmp_path)
    page = path.read_text(encoding="utf-8")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "<script>" not in page
    assert escape("<script>alert(1)</script>") in page
    assert escape("<<Patient.FirstName>>") in page
    assert "Recall &lt;i&gt;" in page
    assert "the IF that stands here has no END IF" in page
    assert "entry 3, ab" in page


def test_programs_get_fields_conditions_and_problems() -> None:
    document = as_document(reference())

    (template,) = document["templates"]
    assert (template["body"], template["fields"]) == (BODY, ["Patient.FirstName", "Patient.Allergies"])
    assert template["conditions"] == [
        {"test": "Patient.Allergies", "fields": ["Patient.Allergies"], "depth": 0}
    ]
    assert [each["message"] for each in template["problems"]] == ["the IF that stands here has no END IF"]
    assert {each["name"]: each["lands_in"] for each in document["merge_fields"]} == {
        "Patient.Allergies": [],
        "Patient.FirstName": [],
    }
