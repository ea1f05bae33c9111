"""Starting and ending a sandbox account as a process of its own, for tests, benchmarks and the demo."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from migration_sandbox.freshsales.control import Control
from migration_sandbox.serving.launch import ServerProcess, StartFailed

__all__ = ["FreshsalesSandbox", "StartFailed"]


@dataclass
class FreshsalesSandbox(ServerProcess):
    """A running account. The key is the first user's; the directory keeps the account between starts."""

    directory: Path
    plan: str = "enterprise"
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    control_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def module(self) -> str:
        return "migration_sandbox.freshsales"

    def options(self) -> list[str]:
        return ["--plan", self.plan]

    def secrets(self) -> dict[str, str]:
        return {
            "FRESHSALES_SANDBOX_API_KEY": self.api_key,
            "FRESHSALES_SANDBOX_CONTROL_TOKEN": self.control_token,
        }

    @property
    def bundle(self) -> str:
        """What stands for `<bundle>.myfreshworks.com/crm/sales`: host and path without the scheme."""
        return self.url.partition("://")[2] + "/crm/sales"

    @property
    def control(self) -> Control:
        return Control(self.url, self.control_token, self.ca_path)
