"""A running sandbox org for the tests of the Salesforce destination, reached over real HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce

from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.destinations.salesforce.settings import EnvironmentSettings
from migration_assets_tests.destinations.salesforce.joining_schemas import ALL
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT, EVENT, EXAM, wide_exam
from migration_assets_tests.sandbox.salesforce_fixtures import VERSION, sign_in, trusting_session
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

CLIENT_CREDENTIALS = {
    "flow": "client_credentials",
    "client_id": {"env": "TEST_SF_CLIENT_ID"},
    "client_secret": {"env": "TEST_SF_CLIENT_SECRET"},
}
QUICK = {"poll_first": 0.02, "poll_longest": 0.1, "lock_wait": 0.01, "orphan_grace": 0}
WIDE = wide_exam(400)


@dataclass
class Notes:
    """A journal that remembers what it was told, in order."""

    events: list[tuple[str, ...]] = field(default_factory=list)

    def job_created(self, batch_id: str, job_id: str) -> None:
        self.events.append(("created", batch_id, job_id))

    def job_submitted(self, batch_id: str) -> None:
        self.events.append(("submitted", batch_id))

    def job_ended(self, batch_id: str, state: str) -> None:
        self.events.append(("ended", batch_id, state))

    @property
    def steps(self) -> list[str]:
        return [event[0] for event in self.events]

    @property
    def jobs(self) -> list[str]:
        return [event[2] for event in self.events if event[0] == "created"]


Connect = Callable[..., SalesforceDestination]
StartOrg = Callable[..., SalesforceSandbox]


def settings_for(sandbox: SalesforceSandbox, **changes: Any) -> EnvironmentSettings:
    base: dict[str, Any] = {
        "instance_url": sandbox.url,
        "auth": CLIENT_CREDENTIALS,
        "ca_bundle": str(sandbox.ca_path),
        "retry_wait": 0.01,
        "deploy_layouts": False,
        "bulk": QUICK | changes.pop("bulk", {}),
    }
    return EnvironmentSettings.model_validate(base | changes)


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def start_org(tmp_path_factory: pytest.TempPathFactory, private_key: rsa.RSAPrivateKey) -> Iterator[StartOrg]:
    """Starts orgs that share one client id, secret and key; all end with the tests."""
    directory = tmp_path_factory.mktemp("salesforce")
    public_key = directory / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    private_pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    running: list[SalesforceSandbox] = []

    def start(name: str, edition: str = "enterprise", sandbox_org: bool = False) -> SalesforceSandbox:
        org = SalesforceSandbox(
            Path(directory / name),
            edition=edition,
            sandbox_org=sandbox_org,
            client_id="test-client",
            client_secret="test-client-secret",
            environment={"SALESFORCE_SANDBOX_JWT_PUBLIC_KEY_FILE": str(public_key)},
        )
        running.append(org.start())
        return org

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_SF_CLIENT_ID", "test-client")
        patch.setenv("TEST_SF_CLIENT_SECRET", "test-client-secret")
        patch.setenv("TEST_SF_PRIVATE_KEY", private_pem.decode())
        yield start
        for org in running:
            org.kill()


@pytest.fixture(scope="session")
def sandbox(start_org: StartOrg) -> SalesforceSandbox:
    """The org that most tests share, with every test schema deployed."""
    org = start_org("shared")
    destination = connect(settings_for(org, fields_left_free=0))
    destination.deploy_schema([ACCOUNT, CONTACT, EXAM, EVENT, WIDE])
    destination.close()
    return org


@pytest.fixture(scope="session")
def joining_org(start_org: StartOrg) -> SalesforceSandbox:
    """An org of its own for files and records that join others, with their schemas deployed.

    With Shared Activities an event's patient is a relation too, which the platform makes.
    """
    org = start_org("joining")
    org.control.settings(shared_activities=True)
    destination = connect(settings_for(org, fields_left_free=0))
    destination.deploy_schema(ALL)
    destination.close()
    return org


@pytest.fixture
def joining_control(joining_org: SalesforceSandbox) -> Iterator[Control]:
    """The same as ``control`` of that org, which it empties first."""
    control = joining_org.control
    control.reset()
    before = control.settings()
    yield control
    control.reset()
    control.settings(**before)


@pytest.fixture
def joined(joining_org: SalesforceSandbox) -> Iterator[SalesforceDestination]:
    destination = connect(settings_for(joining_org))
    yield destination
    destination.close()


@pytest.fixture
def us(joining_org: SalesforceSandbox) -> Any:
    """simple-salesforce's client of that org with the same login as ours."""
    return sign_in(joining_org).client


@pytest.fixture
def somebody(joining_org: SalesforceSandbox) -> Any:
    """The same with another user's login."""
    joining_org.control.add_user("ann@maple.example", "ann@maple.example", "Ann")
    token = joining_org.control.sign_in("ann@maple.example")
    session = trusting_session(joining_org)
    return Salesforce(session_id=token, instance_url=joining_org.url, session=session, version=VERSION)


@pytest.fixture
def control(sandbox: SalesforceSandbox) -> Iterator[Control]:
    """What may be done to the shared org behind our backs; its settings are put back afterwards."""
    control = sandbox.control
    before = control.settings()
    yield control
    control.reset()
    control.settings(**before)


@pytest.fixture
def connected(sandbox: SalesforceSandbox) -> Iterator[Connect]:
    """Makes destinations on the shared org; arguments replace settings."""
    made: list[SalesforceDestination] = []

    def make(**changes: Any) -> SalesforceDestination:
        made.append(connect(settings_for(sandbox, **changes)))
        return made[-1]

    yield make
    for destination in made:
        destination.close()


@pytest.fixture
def org(connected: Connect) -> SalesforceDestination:
    return connected()


@pytest.fixture
def journal() -> Notes:
    return Notes()
