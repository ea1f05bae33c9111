"""The checklist's page and document, and what it reads of the preflight."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from migration_assets.destinations.base import Finding
from migration_assets.migration.checklist import Preflight, Row
from migration_assets.migration.data_findings import WITHIN_THE_LIMIT
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.reports.checklist import read_preflight, write_checklist
from migration_assets.reports.destination_preflight import write_preflight

HEAD = Head(7, "c" * 64)
LIVE = Target("maple", "salesforce", "live")
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_of_a_preflight_counts_what_still_stands(tmp_path: Path) -> None:
    assert read_preflight(tmp_path) is None
    findings = [
        Finding("field_missing", "error", "", mended_by_deploying=True),
        Finding(min(WITHIN_THE_LIMIT), "warning", ""),
        Finding("object_not_writable", "error", ""),
        Finding("several_currencies", "warning", ""),
        Finding("hard_delete_not_permitted", "note", ""),
    ]
    write_preflight(LIVE, "plan", NOW, HEAD, findings, None, tmp_path)

    assert read_preflight(tmp_path) == Preflight("plan", NOW.isoformat(), errors=1, warnings=1)


def test_page_and_document_say_what_is_missing_and_where_the_audit_log_ended(tmp_path: Path) -> None:
    rows = [
        Row("preflight clean", "met", "", "0 errors"),
        Row("approval of plan a", "missing", "run `migration-assets approve`", ""),
    ]

    page, document = write_checklist(rows, LIVE, "Maple & Sons", Head(7, "c" * 64), NOW, tmp_path)

    shown, told = page.read_text(encoding="utf-8"), json.loads(document.read_text(encoding="utf-8"))
    assert "Not ready: 1 of 2" in shown
    assert "Maple &amp; Sons" in shown
    assert f"entry 7, {'c' * 64}" in shown
    assert (told["ready"], told["audit_log"]) == (False, {"sequence": 7, "link": "c" * 64})
    assert [each["state"] for each in told["rows"]] == ["met", "missing"]
    assert {each.stat().st_mode & 0o777 for each in (page, document)} == {0o600}
