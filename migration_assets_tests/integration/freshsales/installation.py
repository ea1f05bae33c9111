"""A practice on its way to the sandbox account, and the account as anybody sees it; what is any destination's
is ``folder``'s."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from migration_assets.destinations.freshsales.destination import FreshsalesDestination
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.preflight_calls import Forecast, forecast
from migration_assets.migration.ledger import Target
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.survey import survey
from migration_assets_tests.integration.folder import PRACTICE, SECRETS, PracticeFolder
from migration_assets_tests.integration.installation import different
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.freshsales.control import Control
from migration_sandbox.freshsales.launch import FreshsalesSandbox
from migration_sandbox.installation import PIPELINE
from migration_sandbox.practice.generator import Practice
from migration_sandbox.practice.radiographs import SHARE

REHEARSAL = Target(PRACTICE, "freshsales", "rehearsal")
OBJECTS = {
    "sales_account": "sales_account",
    "contact": "contact",
    "deal": "deal",
    "cm_dental_treatment_plan": "cm_dental_treatment_plan",
    "appointment": "appointment",
    "note": "note",
    "document": "document",
}
"""By asset, parents first."""
PLENTY = 1_000_000
"""Calls of an account whose limits are no matter."""
_ENTITIES = {"contact": "contacts", "sales_account": "sales_accounts", "deal": "deals"}
_MARKER = re.compile(r"\[PANDA ([^\]]+)\]")


@dataclass(frozen=True)
class Installation(PracticeFolder):
    """One practice's data folder beside one account."""

    sandbox: FreshsalesSandbox

    @classmethod
    def create(cls, data: Path, sandbox: FreshsalesSandbox, **configured: Any) -> Installation:
        environment = {
            **SECRETS,
            "WIRE_FS_URL": f"https://{sandbox.bundle}",
            "WIRE_FS_CA": str(sandbox.ca_path),
            "WIRE_FS_KEY": sandbox.api_key,
        }
        made = cls(data, environment, REHEARSAL, OBJECTS, sandbox)
        made.configure(**configured)
        return made

    def configure(
        self,
        *,
        policies: Mapping[str, object] | None = None,
        others: Mapping[str, object] | None = None,
        **settings: object,
    ) -> None:
        """``settings`` replace the account's, ``others`` are more destinations of the practice."""
        account = {
            "bundle_url": {"env": "WIRE_FS_URL"},
            "ca_bundle": {"env": "WIRE_FS_CA"},
            "api_key": {"env": "WIRE_FS_KEY"},
            "rate_folder": str(self.data / "rates"),
            "plan": "enterprise",
            "sandbox": True,
            "pipeline": PIPELINE,
            "calls_an_hour": PLENTY,
            "calls_a_minute": PLENTY,
            "retry_wait": 0.01,
            "baa_confirmed": True,
            "automations_off": True,
            "unique_emails": False,
            "bulk": {"poll_first": 0.02, "poll_longest": 0.1},
        }
        file = {
            "practice": PRACTICE,
            "name": "Maple Periodontics",
            "time_zone": "America/New_York",
            "encryption_key": {"env": "WIRE_ENCRYPTION_KEY"},
            "policies": dict(policies or {}),
            "source": {
                "server": "127.0.0.1",
                "port": 1433,
                "database": "panda_maple",
                "username": "panda_reader",
                "password": {"env": "WIRE_SQL_PASSWORD"},
                "trust_server_certificate": True,
            },
            "destinations": {
                "freshsales": {"environments": {"rehearsal": {**account, **settings}}},
                **(others or {}),
            },
        }
        self.write_file(yaml.safe_dump(file))

    def put(self, practice: Practice) -> None:
        """The whole practice, its share being mapped, and what its files hold."""
        self.put_rows(as_extracted(practice))
        self.put_contents(contents(practice))

    def prepared(self, practice: Practice) -> None:
        """Schema made, payload built, nothing sent."""
        self.put(practice)
        self.migration().prepare()
        self.build()

    def forecast(self) -> Forecast:
        """What is said of the calls and the time of a load of what is staged now, nothing being made yet."""
        with self.migration().planned() as (plan, destination):
            found = survey(self.platform, self.target, plan)
            assert found is not None and isinstance(destination, FreshsalesDestination)
            schemas = tuple(plan.schemas.values())
            discovery = Discovery(destination.client, destination.settings.pipeline)
            return forecast(destination.client, discovery, schemas, found.volumes)

    def payload(self) -> dict[str, list[dict[str, Any]]]:
        """Rows in the upload's scope by object."""
        with self.platform.upload_warehouse(self.target).open(read_only=True) as session:
            return {
                name: session.read("upload", f"payload_{asset}").to_dicts()
                for asset, name in self.objects.items()
            }


def contents(practice: Practice) -> dict[tuple[str, str], bytes]:
    """By table and id of the row."""
    found = {
        ("Document", str(key)): content
        for key, content in practice.tables["Document"].select("DocumentID", "Content").iter_rows()
        if content is not None
    }
    images = practice.tables["Radiograph"].select("RadiographID", "FilePath")
    for key, path in images.drop_nulls("FilePath").iter_rows():
        inside = path.removeprefix(SHARE + "\\").replace("\\", "/")
        if inside in practice.share:
            found["Radiograph", str(key)] = practice.share[inside]
    return found


@dataclass(frozen=True)
class Account:
    """The account as its server holds it, without the platform's code."""

    control: Control

    def keys(self) -> dict[str, list[str]]:
        """Keys of all live records by object, sorted; a key that stands twice is there twice."""
        dump = self.control.dump()
        found: dict[str, list[str]] = {name: [] for name in OBJECTS.values()}
        labels = {
            (each["values"]["entity"], each["values"]["name"]): each["values"]["label"]
            for each in dump["field"].values()
        }
        for name in OBJECTS.values():
            entity = _ENTITIES.get(name, name)
            for record in dump.get(entity, {}).values():
                if record.get("deleted") is None:
                    found[name].append(_key(name, entity, record, labels))
        return {name: sorted(keys) for name, keys in found.items()}

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file by its key."""
        return {
            _marked(str(each["name"])).replace(".", ":"): each["sha256"]
            for each in self.control.dump()["document"].values()
        }

    def last_request(self) -> int:
        entries = self.control.requests()
        return entries[-1].sequence if entries else 0

    def sent_since(self, sequence: int) -> Counter[str]:
        """Requests that write, by method and path without ids."""
        return Counter(
            f"{each.method} {re.sub(r'/[0-9]+', '/{id}', each.path)}"
            for each in self.control.requests(sequence)
            if each.method != "GET"
        )


def _key(name: str, entity: str, record: Mapping[str, Any], labels: Mapping[tuple[str, str], str]) -> str:
    if name == "contact":
        return str(record["values"]["external_id"])
    if name == "document":
        return _marked(str(record["name"])).replace(".", ":")
    if name in ("note", "appointment"):
        return _marked(str(record["values"]["description"]))
    custom = record["custom_field"]
    return next(str(value) for field, value in custom.items() if labels[entity, field] == "PANDA Key")


def _marked(text: str) -> str:
    found = _MARKER.search(text)
    assert found is not None, "a record without a marker"
    return found[1]


def assert_there_once(installation: Installation, account: Account) -> None:
    """Nothing lost, nothing twice, nothing open, and the same again sends nothing."""
    nothing: dict[str, list[str]] = {name: [] for name in OBJECTS.values()}
    expected = nothing | installation.payload_keys()
    assert account.keys() == expected
    assert installation.open_batches() == []
    before = account.last_request()
    ended = installation.run(run_id="again")
    assert ended.error is None, ended.message
    assert [(each.object, each.sent, each.unchanged) for each in ended.returned] == [
        (name, 0, len(keys)) for name, keys in expected.items()
    ]
    assert account.sent_since(before) == {}


def assert_all_arrived(installation: Installation, account: Account) -> Reconciled:
    """Besides, every field equal in both comparisons."""
    assert_there_once(installation, account)
    reconciled = installation.reconcile()
    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    for each in reconciled.reconciliation.objects:
        assert each.state.loaded == each.state.in_scope == each.state.in_destination
    return reconciled
