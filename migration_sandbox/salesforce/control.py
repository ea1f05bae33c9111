"""The client of the org's own /sandbox/... calls; what every server has stands in serving/control.py."""

from collections.abc import Sequence
from typing import Any

from migration_sandbox.serving.control import Control as ServerControl
from migration_sandbox.serving.control import ControlRefused, HeldRequest, NotHeld, RequestEntry

__all__ = ["Control", "ControlRefused", "HeldRequest", "NotHeld", "RequestEntry"]


class Control(ServerControl):
    """Raises ControlRefused where the sandbox says no.

    Its own faults: unavailable (503), limit (403), session (401), error (500).
    """

    def lock_rows(self, rows: int) -> None:
        """The next Bulk rows, that many, fail with UNABLE_TO_LOCK_ROW."""
        self.call("POST", "/bulk-faults", {"lock_rows": rows})

    def fail_jobs(self, jobs: int = 1) -> None:
        """The next Bulk jobs, that many, end as Failed."""
        self.call("POST", "/bulk-faults", {"fail_jobs": jobs})

    def corrupt(self, kind: str, sobject: str, **how: object) -> dict[str, Any]:
        """Damage one record: change_character, lose_line_break, swap_fields, delete, double, change_byte.

        Which one: key_field and key, or id, or (by seed) any record that fits. `field` names what to damage,
        `other_field` what to swap it with. change_byte is for the content of a ContentVersion, and
        `keep_checksum` leaves its Checksum as it was. Answers kind, object, id and, by kind, fields or
        double.
        """
        done: dict[str, Any] = self.call("POST", "/corruptions", {"kind": kind, "object": sobject, **how})
        return done

    def expire_tokens(self) -> None:
        self.call("DELETE", "/tokens")

    def expire_results(self, job_id: str) -> None:
        self.call("DELETE", f"/jobs/{job_id}/results")

    def set_api_usage(self, api_requests: int) -> None:
        self.call("POST", "/usage", {"api_requests": api_requests})

    def add_rule(self, kind: str, sobject: str, name: str, active: bool = True, **how: object) -> None:
        """Add automation to the org: kind is validation, duplicate, flow, process or trigger (see
        org_rules.py).

        `fields` must not be empty, or are what duplicates have in common; `message` is the error's text;
        `action` of a duplicate rule is block, or alert (a request may then say allowSave).
        """
        body = {"kind": kind, "sobject_name": sobject, "name": name, "active": active, **how}
        self.call("POST", "/rules", body)

    def forget_rules(self) -> None:
        self.call("DELETE", "/rules")

    def add_user(
        self,
        username: str,
        email: str,
        last_name: str,
        first_name: str | None = None,
        profile: str = "Standard User",
        active: bool = True,
    ) -> str:
        """Add a user, or change the one of that username; answers the id (profiles: see users.py)."""
        body = {
            "username": username, "email": email, "last_name": last_name, "first_name": first_name,
            "profile": profile, "active": active,
        }  # fmt: skip
        return str(self.call("POST", "/users", body)["id"])

    def sign_in(self, username: str) -> str:
        """An access token of an active user of the org, with the API user's permissions: what is saved with
        it bears that user's id."""
        return str(self.call("POST", "/sessions", {"username": username})["token"])

    def register_certificate(self, pem: str) -> None:
        """Take JWT assertions that this X.509 certificate's key has signed."""
        self.call("POST", "/certificate", {"certificate": pem})

    def fill_custom_fields(self, sobject: str, fields: int) -> int:
        """Add filler fields until the object has `fields` custom fields; answers how many it has."""
        return int(self.call("POST", "/fill", {"object": sobject, "fields": fields})["custom_fields"])

    def counts(self) -> dict[str, int]:
        """Live records by object."""
        told: dict[str, int] = self.call("GET", "/counts")
        return told

    def dump(self) -> dict[str, Any]:
        """The org as plain data, to be compared with itself at another time (see dump.py)."""
        told: dict[str, Any] = self.call("GET", "/dump", timeout=300)
        return told

    def erase_deleted(self) -> dict[str, int]:
        """Setup's Erase: deleted fields and objects no longer count; answers how many did."""
        told: dict[str, int] = self.call("DELETE", "/deleted-schema")
        return told

    def reset(self, records: bool = True, kept: Sequence[str] = ()) -> None:
        """Forget log, holds and faults, and all business records but those of the objects that are ``kept``
        (schema, jobs and users stay)."""
        self.call("POST", "/reset", {"records": records, "kept": list(kept)})
