"""Warehouse files that are open already, for tests in which many operations follow each other on small files:
opening one takes longer than most of what is done in it. That each operation opens and lets go of its files
itself is shown where Dagster or a worker runs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migration_assets.migration.staging import StagingOutcome, stage
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse


@dataclass(frozen=True)
class OpenWarehouse(Warehouse):
    """A file whose session is shared by all who open it."""

    session: Session | None = None

    @contextmanager
    def open(self, read_only: bool = False) -> Iterator[Session]:  # noqa: ARG002
        assert self.session is not None
        yield self.session


@contextmanager
def held_open(warehouse: Warehouse, read_only: bool = False) -> Iterator[OpenWarehouse]:
    with warehouse.open(read_only) as session:
        yield OpenWarehouse(warehouse.path, warehouse.settings, session)


def stage_all(practice: Practice, profile: Profile, warehouse: Warehouse) -> list[StagingOutcome]:
    """Every object, in staging order."""
    with held_open(warehouse) as opened:
        return [stage(each, practice, profile, opened) for each in STAGED_OBJECTS]
