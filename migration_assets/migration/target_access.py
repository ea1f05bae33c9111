"""What every operation on a target starts from: practice, ledger, stored plan, destination, audit log, gate.

The operations themselves stand in ``operations``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migration_assets.destinations.base import Destination
from migration_assets.errors import DestinationError, WarehouseTableMissing
from migration_assets.migration import gate, recording
from migration_assets.migration.decisions import Decision, DecisionLog, Head
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.plan import Plan, stored_plan
from migration_assets.migration.platform import Platform
from migration_assets.practice import Practice


@dataclass(frozen=True)
class TargetAccess:
    platform: Platform
    target: Target

    @property
    def practice(self) -> Practice:
        return self.platform.practice(self.target.practice)

    @property
    def decisions(self) -> DecisionLog:
        return self.platform.decisions(self.practice)

    def note(self, entry: Decision) -> Head:
        """Append to the audit log; raises DecisionLogBroken rather than continue a broken one."""
        return self.decisions.append(entry)

    def note_exported(self, run_id: str | None, paths: Iterable[Path]) -> Head:
        """Write down that these files were written, each with its hash."""
        return self.note(recording.exported(self.target, run_id, paths))

    def audit_head(self) -> Head:
        """The end of the audit log, whose chain is verified."""
        return self.decisions.verify()

    def stored_plan(self) -> Plan:
        """The plan without asking the destination; raises WarehouseTableMissing before the first plan."""
        return self._stored_plan(self.practice)

    def plan_facts(self) -> gate.PlanFacts:
        try:
            return _facts(self.stored_plan())
        except WarehouseTableMissing:
            return _facts(None)

    def requirements(self) -> list[gate.Requirement]:
        """What the gate asks of this target, met or not."""
        return gate.requirements(
            self.decisions.entries(),
            practice=self.target.practice,
            destination=self.target.destination,
            environment=self.target.environment,
            plan=self.plan_facts(),
        )

    def ledger(self, practice: Practice) -> Ledger:
        return self.platform.ledger(practice, self.target)

    @contextmanager
    def connected(self, practice: Practice) -> Iterator[Destination]:
        destination = self.platform.destination(practice, self.target)
        try:
            yield destination
        except DestinationError as error:
            # A destination doesn't know whose it is; a reader of several practices' logs has to.
            error.args = (f"{self.target}: {error}",)
            raise
        finally:
            destination.close()

    def _allowed_plan(self, practice: Practice) -> Plan:
        """The stored plan, where the gate is open for it; no request is made."""
        try:
            plan = self._stored_plan(practice)
        except WarehouseTableMissing:
            self._require_open(practice, None)
            raise
        self._require_open(practice, plan)
        return plan

    def _require_open(self, practice: Practice, plan: Plan | None) -> None:
        gate.require_open(
            self.platform.decisions(practice).entries(),
            practice=practice.key,
            destination=self.target.destination,
            environment=self.target.environment,
            plan=_facts(plan),
        )

    def _stored_plan(self, practice: Practice) -> Plan:
        return stored_plan(
            practice,
            self.platform.profile(practice),
            self.target,
            self.platform.ledger_engine(practice.key),
            kind=self.platform.chart_choice(practice, self.target).kind,
            options=self.platform.options(practice, self.target),
        )


def _facts(plan: Plan | None) -> gate.PlanFacts:
    """What the gate judges; None before the first plan."""
    return gate.PlanFacts(None, {}) if plan is None else gate.PlanFacts(plan.hash, plan.parts)
