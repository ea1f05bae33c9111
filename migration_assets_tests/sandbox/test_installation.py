"""What a sandbox installation lays ready for the demo's practice files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox import installation as installations
from migration_sandbox.installation import Installation, Running
from migration_sandbox.salesforce.launch import SalesforceSandbox

ROOT = Path(__file__).parents[2]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_image_share_stands_beside_each_database_also_of_an_older_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installations, "PRACTICES", ("maple", "nhanes"))
    installation = Installation(tmp_path)
    installation.make_databases()
    share, database = installation.share("maple"), installation.sql_directory / "panda_maple.duckdb"
    written, made_at = files(share), database.stat().st_mtime_ns
    assert len(written) > 100
    assert not installation.share("nhanes").exists()

    share.rename(tmp_path / "away")
    installation.make_databases()
    assert files(share) == written
    assert database.stat().st_mtime_ns == made_at


def test_every_variable_of_the_demos_practice_files_is_given(tmp_path: Path) -> None:
    given = Installation(tmp_path).environment(Running(1, tmp_path, "https://org", tmp_path))
    used = set()
    for key in installations.PRACTICES:
        text = (ROOT / "data" / "practices" / f"{key}.yaml").read_text(encoding="utf-8")
        used |= set(re.findall(r"\{env: (\w+)\}", text))
    assert used == set(given)


def test_contacts_of_an_older_org_may_have_several_accounts_too(tmp_path: Path) -> None:
    with SalesforceSandbox(tmp_path / "org", sandbox_org=True) as org:
        client = sign_in(org).client
        account = client.Account.create({"Name": "Elm"})["id"]
        client.Contact.create({"LastName": "Lee", "AccountId": account})

        for _ in range(2):
            Installation(tmp_path).furnish(org)

        relations = client.query("SELECT AccountId FROM AccountContactRelation")["records"]
        assert [each["AccountId"] for each in relations] == [account]
        users = client.query("SELECT Username FROM User WHERE Username = 'owner@sandbox.example'")
        assert users["totalSize"] == 1
