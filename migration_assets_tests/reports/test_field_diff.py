"""The pages of the field-level diff: everything is in them, nothing of it is markup, programs can read it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import stat
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from migration_assets.migration.decisions import Head
from migration_assets.migration.field_diff.shape import CHECKS, CLASSES, DIAGNOSES, Diff
from migration_assets.migration.ledger import Target
from migration_assets.reports.field_diff.files import render, write_diff
from migration_assets.reports.field_diff.words import CHECK_WORDS, CLASS_WORDS, DIAGNOSIS_WORDS
from migration_assets_tests.reports.diffs import NASTY, chart, check, diff, field, patient

TARGET, HEAD = Target("maple", "salesforce", "rehearsal"), Head(3, "ab" * 32)
CHANGED = field(
    "1",
    field="MobilePhone",
    label="Mobile",
    source_table="Patient",
    source_column="Cell",
    source_key="1",
    source="555-0100",
    mapped="555-0100",
    returned="555-0",
    cls="changed",
    diagnosis="truncated",
    detail="cut at 5 of 8 characters",
)


class Elements(HTMLParser):
    """Tags with attributes, and the text of each script by its id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str | None, str] = {}
        self._script: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = dict(attrs) if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            name = self._script.get("id")
            self.scripts[name] = self.scripts.get(name, "") + data


def written(found: Diff, folder: Path) -> tuple[str, dict[str, Any]]:
    html, document = write_diff(found, TARGET, "Maple", HEAD, folder, datetime(2026, 1, 2, tzinfo=UTC))
    return html.read_text(encoding="utf-8"), json.loads(document.read_text(encoding="utf-8"))


def unpacked(page: str, block: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(Elements(page).scripts[block])))


def test_each_class_diagnosis_and_check_has_words() -> None:
    assert set(CLASS_WORDS) == set(CLASSES)
    assert set(DIAGNOSIS_WORDS) == set(DIAGNOSES)
    assert set(CHECK_WORDS) == set(CHECKS)
    # Colour alone tells nothing: each class has a mark of its own.
    assert len({each.mark for each in CLASS_WORDS.values()}) == len(CLASSES)


def test_text_out_of_records_is_markup_nowhere(tmp_path: Path) -> None:
    told = dict.fromkeys(("label", "source", "mapped", "expected", "returned", "detail", "key"), NASTY)
    found = diff(
        [field("1", **told, object=NASTY, cls="changed", diagnosis="truncated")],
        [patient("1", NASTY) | {"why": NASTY, "strata": [NASTY], "chart_number": NASTY}],
        [check("plan_lines", passed=False) | {"expected": NASTY, "found": NASTY}],
        [chart("1", NASTY, {NASTY: 3}, {})],
    )
    html, document = written(found, tmp_path)
    page = Elements(html)

    names = {tag for tag, _ in page.tags}
    assert "img" not in names and "iframe" not in names
    assert not {key for _, told in page.tags for key in told if key.startswith("on")}
    assert not [tag for tag, told in page.tags if "src" in told]
    assert all((told.get("href") or "#").startswith("#") for _, told in page.tags)
    # ... and nothing of it is lost on the way.
    (name, key, [one]) = unpacked(html, "records-0")["records"][0]
    assert [name, key, *one[:4]] == [NASTY] * 6
    assert document["patients"][0]["records"][0]["fields"][0]["returned"] == NASTY


def test_the_browser_runs_the_pages_own_script_and_no_other(tmp_path: Path) -> None:
    html, _ = written(diff([CHANGED]), tmp_path)
    page = Elements(html)
    script = page.scripts[None]

    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (told["content"] for _, told in page.tags if told.get("http-equiv"))
    assert policy is not None and policy.endswith(f"script-src 'sha256-{digest}'")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp", script)
    assert [told for tag, told in page.tags if tag == "noscript"]


def test_the_summary_stands_there_without_the_script(tmp_path: Path) -> None:
    fields = [field("1", source="Almond"), CHANGED, field(None, object="Account", key="O-1")]
    html, _ = written(diff(fields, checks=[check("charts", passed=False)]), tmp_path)
    plain = " ".join(re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", html, flags=re.S).split())

    assert "1 of 3 fields differ, 1 check failed." in plain
    assert "cut off , 1 field: The text ends early." in plain
    assert "Ada Almond … cut off C1 the only one with an implant stage III, implants 1 1 0 0 1 0 0" in plain
    assert "Records of no single patient" in plain
    assert f"entry 3, {'ab' * 32}" in plain


def test_the_document_tells_programs_all_of_it(tmp_path: Path) -> None:
    fields = [CHANGED, field("1"), field(None, object="Account", key="O-1")]
    charts = [chart("1", "E-1", {"3": 4}, {"PocketDepth_MB_UR3__c": "6"})]
    _, document = written(
        diff(fields, [patient("1"), patient("2")], [check("charts", passed=True)], charts), tmp_path
    )

    assert document["audit_log"] == {"sequence": 3, "link": "ab" * 32}
    assert document["summary"]["classes"] == {**dict.fromkeys(CLASSES, 0), "same": 2, "changed": 1}
    assert document["summary"]["objects"]["Contact"]["changed"] == 1
    assert document["summary"]["records"] == 2
    first, second = document["patients"]
    assert first["classes"]["changed"] == 1 and first["name"] == "Ada Almond"
    assert first["records"][0]["fields"][0] == {
        "class" if key == "cls" else key: value
        for key, value in CHANGED.items()
        if key not in {"patient", "object", "key"}
    }
    assert first["charts"][0]["differences"] == [
        {"tooth": "16", "measure": "Pocket depth", "place": "MB", "before": "4", "after": "6"}
    ]
    assert second["records"] == []
    assert [each["key"] for each in document["records_of_nobody"]] == ["O-1"]
    assert document["checks"] == [check("charts", passed=True)]


def test_a_chart_that_is_the_same_is_packed_once_and_one_that_is_none_says_why(tmp_path: Path) -> None:
    charts = [
        chart("1", "same", {"3": 4}, {"PocketDepth_MB_UR3__c": "4.0"}),
        chart("1", "other", {"3": 4}, {"PocketDepth_MB_UR3__c": "5"}),
        chart("1", "broken", {"3": 4}, {"PocketDepth_MB_UR3__c": "deep"}),
    ]
    html, document = written(diff([field("1")], charts=charts), tmp_path)
    drawn = unpacked(html, "charts-0")

    assert drawn["same"][0].startswith("<svg") and drawn["same"][1] is None
    assert drawn["other"][1].count('class="differs"') == drawn["other"][0].count('class="differs"') == 1
    told = {each["exam"]: each["unreadable"] for each in document["patients"][0]["charts"]}
    assert told["same"] is told["other"] is None
    assert "PocketDepth_MB_UR3__c" in told["broken"] and "deep" not in told["broken"]


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    paths = write_diff(diff([CHANGED]), TARGET, "Maple", None, tmp_path / "new", datetime.now(UTC))

    assert [each.name for each in paths] == ["field_diff.html", "field_diff.json"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in paths} == {0o600}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (diff([field("1"), field("1", cls="format")]), "nothing lost, changed or added"),
        (diff([field("1")], checks=[check("plan_lines", passed=False)]), "FIELDS DIFFER"),
        (diff([field("1", cls="added")]), "FIELDS DIFFER"),
        (diff([], patients=[]), "nothing lost, changed or added"),
    ],
)
def test_a_terminal_shows_the_verdict(found: Diff, verdict: str) -> None:
    console = Console(width=200, record=True, file=None)
    with console.capture() as capture:
        console.print(render(found, TARGET))

    assert verdict in capture.get()


def test_a_terminal_shows_counts_and_no_value() -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(render(diff([CHANGED], checks=[check("charts", passed=False)]), TARGET))

    assert re.search(r"changed +│ +1 ", capture.get())
    assert re.search(r"Periodontal charts +│ 1 failed", capture.get())
    assert "555" not in capture.get() and "Almond" not in capture.get()
