"""The audit log to take away: its lines can be verified by themselves, its page names who did what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from migration_assets.migration.decision_chain import Row, follow
from migration_assets.migration.decisions import Approval, DecisionLog, UploadEnded
from migration_assets.migration.ledger_database import open_ledger_database
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.reports.audit import write_audit


def test_an_export_can_be_verified_by_its_lines_and_read_on_its_page(tmp_path: Path) -> None:
    keys = PracticeKeys("maple", "correct horse battery staple")
    log = DecisionLog(open_ledger_database(f"sqlite:///{tmp_path}/maple.sqlite"), "maple", keys)
    log.append(
        Approval(
            destination="salesforce",
            approved_by="Dr. <Ümit> Ames",
            os_user="ames",
            host="desk",
            plan_hash="a" * 64,
            rehearsal_run_id="r1",
            plan_parts={"profile": "b" * 64},
        )
    )
    counts = {"in_scope": 1234, "failed": 0}
    log.append(
        UploadEnded(
            destination="salesforce", environment="live", run_id="r2", object="Contact", counts=counts
        )
    )

    lines, page = write_audit(
        "maple", "Maple", log.numbered(), log.verify(), datetime(2026, 11, 23, tzinfo=UTC), tmp_path / "out"
    )

    rows = []
    for line in lines.read_text(encoding="utf-8").splitlines():
        parsed = json.loads(line)
        text = line.split('"entry": ', 1)[1].removesuffix("}")
        rows.append(Row(parsed["sequence"], parsed["entry"]["kind"], text, parsed["link"]))
    assert follow(rows, keys).links[-1] == log.verify().link
    shown = page.read_text(encoding="utf-8")
    for said in ("Dr. &lt;Ümit&gt; Ames", "ames on desk", "upload ended", "in_scope 1,234", "object Contact"):
        assert said in shown
    assert log.verify().link in shown
    assert {each.stat().st_mode & 0o777 for each in (lines, page)} == {0o600}
