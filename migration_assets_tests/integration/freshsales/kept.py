"""A practice's folder and the account beside it as they stood at one moment, to begin from again and again: a
load that several tests need is done once. The account's settings come back as they were, its log doesn't."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from migration_assets_tests.integration.freshsales.installation import Installation


@dataclass(frozen=True)
class Kept:
    """``installation`` stands aside as ``account`` does, a copy of the account's folder."""

    installation: Installation
    account: Path

    @classmethod
    def of(cls, installation: Installation, folder: Path) -> Self:
        sandbox = installation.sandbox
        sandbox.stop()
        shutil.copytree(sandbox.directory, folder / "account")
        sandbox.start()
        return cls(installation.copy(folder / "data"), folder / "account")

    def put_back(self, data: Path) -> Installation:
        """The account as it was, and a copy of the practice's folder that belongs to it."""
        sandbox = self.installation.sandbox
        sandbox.stop()
        shutil.rmtree(sandbox.directory)
        shutil.copytree(self.account, sandbox.directory)
        sandbox.start()
        made = self.installation.copy(data)
        made.configure()
        return made
