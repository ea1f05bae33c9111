"""The client of the account's own /sandbox/... calls; what every server has stands in serving/control.py."""

from collections.abc import Sequence
from typing import Any

from migration_sandbox.serving.control import Control as ServerControl
from migration_sandbox.serving.control import ControlRefused, HeldRequest, NotHeld, RequestEntry

__all__ = ["Control", "ControlRefused", "HeldRequest", "NotHeld", "RequestEntry"]


class Control(ServerControl):
    """Raises ControlRefused where the sandbox says no.

    Its own faults: limit (429 with Retry-After), limit_unsaid (without), key (401), error (500), unavailable
    (503), gateway (504, no body of ours).
    """

    def rates(self) -> dict[str, int]:
        """Counted calls of the last hour and minute, the most that any window held, and refusals."""
        told: dict[str, int] = self.call("GET", "/rates")
        return told

    def forget_rates(self) -> None:
        self.call("DELETE", "/rates")

    def time(self) -> float:
        """The account's clock, in seconds since the epoch."""
        return float(self.call("GET", "/clock")["now"])

    def advance(self, seconds: float) -> None:
        """Move the account's clock forward (setting clock_speed makes it run faster)."""
        self.call("POST", "/clock", {"seconds": seconds})

    def fail_rows(self, rows: int) -> None:
        """The next rows of bulk jobs, that many, fail."""
        self.call("POST", "/bulk-faults", {"rows": rows})

    def fail_jobs(self, jobs: int = 1) -> None:
        """The next bulk jobs, that many, end as failed where they stand."""
        self.call("POST", "/bulk-faults", {"jobs": jobs})

    def add_user(self, email: str, name: str, key: str = "", admin: bool = False, active: bool = True) -> int:
        """What an administrator does in the screens; twice with one e-mail makes two users."""
        body = {"email": email, "name": name, "key": key, "admin": admin, "active": active}
        return int(self.call("POST", "/users", body)["id"])

    def add_pipeline(self, name: str, stages: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
        """A pipeline with its stages (name, Open, Closed Won or Closed Lost, probability); tells the ids."""
        told: dict[str, Any] = self.call("POST", "/pipelines", {"name": name, "stages": list(stages)})
        return told

    def add_field(self, entity: str, label: str, field_type: str, **more: object) -> str:
        """A custom field made by an administrator in the screens (limits hold); answers its name."""
        body = {"entity": entity, "label": label, "field_type": field_type, **more}
        return str(self.call("POST", "/fields", body)["name"])

    def add_module(self, entity_name: str, singular: str, plural: str) -> str:
        """A custom module made in the screens (the plan must have them); answers its entity name."""
        body = {"entity_name": entity_name, "singular_name": singular, "plural_name": plural}
        return str(self.call("POST", "/modules", body)["entity_name"])

    def fill_fields(self, entity: str, field_type: str, fields: int) -> int:
        """Filler fields until the entity has that many of the kind; answers how many it has."""
        body = {"entity": entity, "field_type": field_type, "fields": fields}
        return int(self.call("POST", "/fill", body)["fields"])

    def room(self, entity: str) -> dict[str, dict[str, int]]:
        """By limit, custom fields used and allowed."""
        told: dict[str, dict[str, int]] = self.call("GET", f"/room/{entity}")
        return told

    def corrupt(self, kind: str, entity: str, **how: object) -> dict[str, Any]:
        """Damage one record: change_character, lose_line_break, swap_fields, delete, double; change_byte of a
        document. Entities are contacts, sales_accounts, deals, cm_..., note, appointment, task, document.

        Which one: id, or key_field and key, or (by seed) any that fits. `field` names what to damage,
        `other_field` what to swap it with; a custom field by its cf_ name.
        """
        told: dict[str, Any] = self.call("POST", "/corruptions", {"kind": kind, "entity": entity, **how})
        return told

    def dump(self) -> dict[str, dict[str, Any]]:
        """Every record by entity and id, and every file's hash (see dump.py)."""
        told: dict[str, dict[str, Any]] = self.call("GET", "/dump", timeout=300)
        return told

    def counts(self) -> dict[str, int]:
        told: dict[str, int] = self.call("GET", "/counts")
        return told

    def reset(self, records: bool = True, schema: bool = False) -> None:
        """Forget log, holds, faults and counted calls; all records, files and jobs; with `schema` custom
        fields and modules too. Users and pipelines stay."""
        self.call("POST", "/reset", {"records": records, "schema": schema})
