"""Operations about records that are in the destination already without our key: who they are, adopting them
by a person's decision, and giving them back. How they are matched and written stands in ``adopting``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from migration_assets.migration import adoption
from migration_assets.migration.adopting import Adopted, Adopter, GivenBack, Look
from migration_assets.migration.adoption_events import AdoptionEvents
from migration_assets.migration.attesting import here
from migration_assets.migration.decisions import AdoptionDecided, AdoptionTakenBack
from migration_assets.migration.target_access import TargetAccess


@dataclass(frozen=True)
class AdoptionOperations(TargetAccess):
    """The part of ``Migration`` that adopts."""

    def find_adoptions(self, run_id: str) -> Look:
        """Who of the payload is in the destination already without our key; nothing is changed there."""
        with self._adopting(run_id) as adopter:
            return adopter.look()

    def shown_adoptions(self) -> str:
        """Hash of the list of matches that was shown last."""
        with self.platform.upload_warehouse(self.target).open() as session:
            return adoption.list_hash(adoption.read(session))

    def adopt(self, decided_by: str, list_hash: str) -> Adopted:
        """Give the matched records of the list that was shown our keys; the decision is written down first.

        Raises GateClosed where it isn't the list that was shown last, or isn't so any more.
        """
        self._allowed_plan(self.practice)
        with self._adopting(f"adopt-{uuid4()}") as adopter:
            shown = adopter.shown(list_hash)
            for each in shown:
                decided = self._decided(decided_by, each.spec.name, len(each.matched))
                self.note(AdoptionDecided(**decided, list_hash=list_hash))
            return adopter.adopt(shown)

    def take_back_adoptions(self, decided_by: str) -> GivenBack:
        """Give adopted records back as they were before; the decision is written down first."""
        with self._adopting(f"take-back-{uuid4()}") as adopter:
            for name, count in adopter.standing().items():
                self.note(AdoptionTakenBack(**self._decided(decided_by, name, count)))
            return adopter.give_back()

    @contextmanager
    def _adopting(self, run_id: str) -> Iterator[Adopter]:
        practice = self.practice
        plan = self._stored_plan(practice)
        ledger = self.ledger(practice)
        engine, keys = self.platform.ledger_engine(practice.key), self.platform.keys(practice)
        with self.connected(practice) as destination:
            ledger.bind(destination.identity())
            yield Adopter(
                practice,
                plan,
                destination,
                ledger,
                AdoptionEvents(engine, self.target, keys),
                self.platform.upload_warehouse(self.target),
                run_id,
            )

    def _decided(self, decided_by: str, name: str, count: int) -> dict[str, Any]:
        return {
            "destination": self.target.destination,
            "environment": self.target.environment,
            "object": name,
            "decided_by": decided_by,
            **here(),
            "count": count,
        }
