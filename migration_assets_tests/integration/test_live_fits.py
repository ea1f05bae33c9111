"""Live must fit the layout that was rehearsed and approved, or nothing of it happens.

The rehearsal is an Unlimited org and live an Enterprise one, which has too little room for the same charts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from migration_assets.destinations.kind import destination_kind
from migration_assets.errors import DestinationWithoutRoom
from migration_assets.migration.decisions import RehearsalCompleted
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform
from migration_assets.warehouse import DuckDBSettings
from migration_sandbox.salesforce.launch import SalesforceSandbox

EXAM = "ClinicalExam__c"
_HEAD = dedent("""\
    practice: maple
    name: Maple Periodontics
    time_zone: America/New_York
    encryption_key: {env: FITS_KEY}
    source: {server: s, database: d, username: u, password: {env: FITS_KEY}}
    destinations:
      salesforce:
        environments:
    """)
_ORG = """\
      NAME:
        instance_url: URL
        ca_bundle: CA
        auth:
          flow: client_credentials
          client_id: {env: FITS_ID_NAME}
          client_secret: {env: FITS_SECRET_NAME}
"""


@pytest.fixture
def orgs(tmp_path: Path) -> Iterator[dict[str, SalesforceSandbox]]:
    with (
        SalesforceSandbox(tmp_path / "rehearsal", edition="unlimited", sandbox_org=True) as rehearsal,
        SalesforceSandbox(tmp_path / "live", edition="enterprise") as live,
    ):
        yield {"rehearsal": rehearsal, "live": live}


@pytest.fixture
def platform(orgs: dict[str, SalesforceSandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("FITS_KEY", "x" * 32)
    text = _HEAD
    for name, org in orgs.items():
        monkeypatch.setenv(f"FITS_ID_{name.upper()}", org.client_id)
        monkeypatch.setenv(f"FITS_SECRET_{name.upper()}", org.client_secret)
        described = _ORG.replace("_NAME", f"_{name.upper()}").replace("NAME", name)
        text += described.replace("URL", org.url).replace("CA", str(org.ca_path), 1)
    practices = tmp_path / "practices"
    practices.mkdir()
    (practices / "maple.yaml").write_text(text, encoding="utf-8")
    settings = DuckDBSettings(memory_limit="500MB", threads=1)
    return Platform(tmp_path, practices, {"salesforce": destination_kind("salesforce")}, settings)


def test_a_live_org_without_room_for_the_rehearsed_layout_stops_before_anything_is_deployed(
    platform: Platform, orgs: dict[str, SalesforceSandbox]
) -> None:
    rehearsal = Migration(platform, Target("maple", "salesforce", "rehearsal"))
    live = Migration(platform, Target("maple", "salesforce", "live"))
    with rehearsal.planned() as (plan, _):
        rehearsed = plan

    with live.planned() as (plan, destination):
        assert plan.hash == rehearsed.hash
        found = destination.preflight(tuple(plan.schemas.values()))
    assert (EXAM, "error") in {
        (each.object, each.severity) for each in found if each.code == "no_room_for_fields"
    }

    rehearsal.note(
        RehearsalCompleted(destination="salesforce", run_id="r", plan_hash=rehearsed.hash, clean=True)
    )
    live.approve("Dr. Ames")
    with pytest.raises(DestinationWithoutRoom, match=rf"nothing was deployed.*\n  {EXAM}: .* \(limit 500"):
        live.prepare()
    assert not any("/Soap/m" in each.path for each in orgs["live"].control.requests())
