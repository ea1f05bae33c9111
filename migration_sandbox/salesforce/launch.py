"""Starting and ending a sandbox org as a process of its own, for tests, benchmarks and the demo."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from migration_sandbox.salesforce.control import Control
from migration_sandbox.serving.launch import ServerProcess, StartFailed

__all__ = ["SalesforceSandbox", "StartFailed"]


@dataclass
class SalesforceSandbox(ServerProcess):
    """A running org. Secrets are made at random unless given; the directory keeps the org between starts."""

    directory: Path
    edition: str = "enterprise"
    sandbox_org: bool = False
    client_id: str = field(default_factory=lambda: "sandbox-client-" + secrets.token_hex(4))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    control_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    access_token: str | None = field(default=None, repr=False)

    def module(self) -> str:
        return "migration_sandbox.salesforce"

    def options(self) -> list[str]:
        return ["--edition", self.edition, "--sandbox-org", str(self.sandbox_org).lower()]

    def secrets(self) -> dict[str, str]:
        return {
            "SALESFORCE_SANDBOX_CLIENT_ID": self.client_id,
            "SALESFORCE_SANDBOX_CLIENT_SECRET": self.client_secret,
            "SALESFORCE_SANDBOX_CONTROL_TOKEN": self.control_token,
            "SALESFORCE_SANDBOX_ACCESS_TOKEN": self.access_token or "",
        }

    @property
    def control(self) -> Control:
        return Control(self.url, self.control_token, self.ca_path)
