"""What a sandbox installation lays ready for the demo's practice files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import requests
from simple_salesforce.api import Salesforce

from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox import installation as installations
from migration_sandbox.installation import Address, Installation, Running
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
    at = Address("https://server", "ca.pem")
    given = Installation(tmp_path).environment(Running(1, tmp_path, at, at, at, at))
    used = set()
    for key in installations.PRACTICES:
        text = (ROOT / "data" / "practices" / f"{key}.yaml").read_text(encoding="utf-8")
        used |= set(re.findall(r"\{env: (\w+)\}", text))
    assert used == set(given)


def test_an_installation_made_before_the_live_org_goes_on_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installations, "PRACTICES", ())
    installation = Installation(tmp_path)
    installation.sql_directory.mkdir()
    kept = installation.secrets()
    old = {name: value for name, value in kept.items() if not name.startswith("live_")}
    (tmp_path / "secrets.json").write_text(json.dumps(old), encoding="utf-8")
    (tmp_path / "ports.json").write_text('{"sql": 0, "salesforce": 0}', encoding="utf-8")

    with installation.running() as running:
        given = installation.environment(running)
        shown = {}
        for name in ("SALESFORCE", "SALESFORCE_LIVE"):
            session = requests.Session()
            session.trust_env, session.verify = False, given[f"DEMO_{name}_CA"]
            url = given[f"DEMO_{name}_URL"]
            form = {
                "grant_type": "client_credentials",
                "client_id": given[f"DEMO_{name}_CLIENT_ID"],
                "client_secret": given[f"DEMO_{name}_CLIENT_SECRET"],
            }
            token = session.post(f"{url}/services/oauth2/token", data=form).json()["access_token"]
            client = Salesforce(session_id=token, instance_url=url, session=session)
            org = client.query("SELECT Id, IsSandbox FROM Organization")["records"][0]
            owner = client.query("SELECT Id FROM User WHERE Username = 'owner@sandbox.example'")
            shown[name] = (org["IsSandbox"], owner["totalSize"], org["Id"])
        assert [one[:2] for one in shown.values()] == [(True, 1), (False, 1)]
        assert len({one[2] for one in shown.values()}) == 2
        with Installation(tmp_path).running() as again:
            assert again == running

    now = json.loads((tmp_path / "secrets.json").read_text(encoding="utf-8"))
    assert now.items() > old.items()
    assert now["live_client_secret"] not in (now["client_secret"], kept["live_client_secret"])


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
