"""A rollback's page says of each destination what its rollback can't bring back."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.rollback_plan import DELETE, Record, RollbackPlan
from migration_assets.reports.rollback import write_plan


@pytest.mark.parametrize(
    ("destination", "told", "untold"),
    [
        ("salesforce", ("LastModifiedDate", "until it is emptied"), "90 days"),
        (
            "freshsales",
            ("updated_at", "90 days", "notes and appointments are gone at once"),
            "LastModifiedDate",
        ),
    ],
)
def test_what_stays_is_the_destinations_own(
    destination: str, told: tuple[str, ...], untold: str, tmp_path: Path
) -> None:
    planned = RollbackPlan((Record("contact", "maple:patient:1", "17", DELETE),))

    page, _ = write_plan(planned, Target("maple", destination, "live"), Head(1, "a" * 64), tmp_path)

    text = page.read_text(encoding="utf-8")
    assert all(each in text for each in told)
    assert untold not in text
    assert "Messages that automations of the destination have sent stay sent." in text
