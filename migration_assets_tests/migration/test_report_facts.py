"""What the report tells of files and of what ran by itself, from an upload's file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from migration_assets.mapping.inventory import INVENTORY_COLUMNS
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.report_facts import ReportFacts, gather
from migration_assets.panda.profile import load_profile
from migration_assets.warehouse import Session, Warehouse

PLAN = Plan(load_mapping("salesforce").resolved({"accounts": "practice"}), None, {})
KEY = "PANDA_Key__c"
SPRING = datetime(2024, 3, 4, 9, tzinfo=UTC)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Warehouse(tmp_path / "upload.duckdb").open() as opened:
        opened.replace_table(
            "upload",
            "scope",
            pl.DataFrame(
                {"object": ["ContentVersion"] * 3, "key": ["m:d:1", "m:d:2", "m:d:3"], "why": "all"}
            ),
        )
        sent = {
            KEY: ["m:d:1", "m:d:2", "m:d:3", "m:d:4"],
            "PathOnClient": ["a.pdf", "b.pdf", "c.pdf", "d.pdf"],
            "ContentSize": [10, 20, 30, 40],
            "Checksum": ["aa", "bb", "cc", "dd"],
        }
        opened.replace_table("upload", "payload_content_version", pl.DataFrame(sent))
        opened.replace_table(
            "readback", "content_version", pl.DataFrame({KEY: ["m:d:1", "m:d:2"], "Checksum": ["aa", "xx"]})
        )
        yield opened


def gathered(session: Session) -> ReportFacts:
    target = Target("maple", "salesforce", "live")
    nothing = pl.DataFrame(schema=INVENTORY_COLUMNS)
    return gather(session, PLAN, load_profile("default"), nothing, [], target)


def test_a_file_counts_as_same_only_where_the_checksum_came_back(session: Session) -> None:
    files = gathered(session).files

    assert files.select("key", "bytes", "same").rows() == [
        ("m:d:1", 10, True),
        ("m:d:2", 20, False),
        ("m:d:3", 30, False),
    ]


def test_visits_that_come_again_show_their_interval(session: Session) -> None:
    visits = [("1", "Maintenance", SPRING + timedelta(days=91 * number)) for number in range(4)] + [
        ("2", "Surgery", SPRING),
        ("3", None, SPRING),
    ]
    rows = pl.DataFrame(visits, schema=["patient_id", "session_type", "starts_at"], orient="row")
    session.replace_table("source", "staged_appointments", rows)

    found = {each.name: each for each in gathered(session).in_use}

    assert (found["Maintenance"].count, found["Maintenance"].patients, found["Maintenance"].months) == (
        4,
        1,
        3.0,
    )
    assert found["Maintenance"].last == SPRING + timedelta(days=273)
    assert found["Surgery"].months is None
    assert found["(none)"].count == 1


def test_a_practice_without_templates_has_an_empty_reference(session: Session) -> None:
    assert gathered(session).templates.templates == ()
