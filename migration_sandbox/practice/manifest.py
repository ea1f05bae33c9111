"""What a generated practice is known to hold: counts, planted defects with their due outcome, canaries.

Plain data that can be written as JSON and read by a test or a checker that knows nothing of this package.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["rejected", "corrected", "held_back", "kept", "flagged"]


@dataclass(frozen=True, order=True)
class Expectation:
    """One planted defect and what a migration must do with it.

    ``source_key`` is the row's primary key as text; ``column`` is empty where the whole row is meant;
    ``code`` is the stable reason that a reject, correction or finding carries.
    """

    table: str
    source_key: str
    column: str
    code: str
    outcome: Outcome


@dataclass(frozen=True, order=True)
class Canary:
    """A token that stands in one cell of the practice and nowhere else."""

    table: str
    source_key: str
    column: str
    token: str


@dataclass(frozen=True)
class Manifest:
    practice: str
    seed: int
    patients: int
    numbering: str
    counts: dict[str, int]
    defects: tuple[Expectation, ...]
    canaries: tuple[Canary, ...]

    def expected(self, outcome: Outcome) -> Iterator[Expectation]:
        return (defect for defect in self.defects if defect.outcome == outcome)

    def tokens(self) -> list[str]:
        """Every canary token, for a search through logs and metadata."""
        return [canary.token for canary in self.canaries]

    def write(self, path: Path) -> None:
        """Write the manifest, and beside it ``canaries.json``, the list of the tokens alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        beside = path.with_name("canaries.json")
        beside.write_text(json.dumps(self.tokens(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
