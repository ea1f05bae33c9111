"""Helpers for tests against the Freshsales sandbox. Nothing here imports its internals: it speaks HTTP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from migration_sandbox.freshsales.launch import FreshsalesSandbox


def session_of(sandbox: FreshsalesSandbox, key: str | None = None) -> requests.Session:
    """A session with a key that verifies the sandbox's certificate; no variable overrules that."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(sandbox.ca_path)
    session.headers["Authorization"] = f"Token token={key or sandbox.api_key}"
    return session


@dataclass
class Opened:
    """A running account with a session of its first user."""

    sandbox: FreshsalesSandbox
    session: requests.Session

    @property
    def control(self) -> Any:
        return self.sandbox.control

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, f"https://{self.sandbox.bundle}/api{path}", timeout=30, **more)

    def ok(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        answer = self.call(method, path, json=body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(
        self, method: str, path: str, body: object = None, status: int = 400, **more: Any
    ) -> list[str]:
        """The messages of a refusal."""
        answer = self.call(method, path, json=body, **more)
        assert answer.status_code == status, answer.text
        error = answer.json()["errors"]
        assert error["code"] == status
        told = error["message"]
        return [told] if isinstance(told, str) else list(told)

    def contact(self, **fields: object) -> Any:
        return self.ok("POST", "/contacts", {"contact": {"last_name": "Sampleton", **fields}})["contact"]

    def deal(self, **fields: object) -> Any:
        return self.ok("POST", "/deals", {"deal": {"name": "Plan", "amount": 5600, **fields}})["deal"]

    def view(self, entity: str, name: str) -> int:
        filters = self.ok("GET", f"/{entity}/filters")["filters"]
        return next(int(item["id"]) for item in filters if item["name"] == name)

    def note(self, target: int, text: str, kind: str = "Contact") -> Any:
        body = {"description": text, "targetable_type": kind, "targetable_id": target}
        return self.ok("POST", "/notes", {"note": body})["note"]

    def upload(
        self, target: int, content: bytes, name: str = "letter.pdf", **fields: str
    ) -> requests.Response:
        data = {"targetable_id": str(target), "targetable_type": "Contact", **fields}
        return self.call("POST", "/documents", files={"file": (name, content, "application/pdf")}, data=data)

    def bulk(self, rows: list[dict[str, Any]], entity: str = "contacts") -> Any:
        """A whole bulk upsert; answers its last status."""
        told = self.ok("POST", f"/{entity}/bulk_upsert", {entity: rows})
        return self.finished(told["job_status_url"])

    def finished(self, url: str) -> Any:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            job = self.session.get(url, timeout=30).json()
            if job["status"] in ("completed", "failed"):
                return job
            time.sleep(0.02)
        raise AssertionError("the job didn't end")

    def module(self, name: str = "Treatment Line") -> tuple[str, int]:
        """A custom module: its entity name and its form's id."""
        body = {"entity_name": name, "singular_name": name, "plural_name": f"{name}s", "icon": "tooth"}
        told = self.ok("POST", "/settings/module_customizations", {"module_customization": body})
        entity = told["module_customization"]["entity_name"]
        return entity, self.form(entity)

    def form(self, entity: str) -> int:
        return int(self.ok("GET", f"/settings/{entity}/forms")["forms"][0]["id"])

    def field(self, entity: str, label: str, field_type: str, **more: object) -> str:
        """A custom field made through the API; answers its name."""
        body = {"label": label, "field_type": field_type, **more}
        told = self.ok("POST", f"/settings/{entity}/forms/{self.form(entity)}/fields", body)
        return str(told["field"]["name"])


@contextmanager
def opened(directory: Path, plan: str = "enterprise") -> Iterator[Opened]:
    with FreshsalesSandbox(directory, plan=plan) as sandbox:
        account = Opened(sandbox, session_of(sandbox))
        try:
            yield account
        finally:
            account.session.close()


def fresh(account: Opened, **settings: object) -> Opened:
    """The account as new, but for its users and pipelines, with those settings and else the first ones."""
    account.control.reset(schema=True)
    account.control.settings(**{**FIRST, **settings})
    return account


FIRST: dict[str, object] = {
    "plan": "enterprise", "calls_an_hour": None, "calls_a_minute": 400, "rate_window": "sliding",
    "clock_speed": 1.0, "unique_emails": True, "unknown_fields": "refuse", "bulk_failures": "counted",
    "bulk_row_seconds": 0, "bulk_start_seconds": 0, "file_bytes": 26_214_400, "file_storage_bytes": None,
    "create_standard_fields": True, "create_modules": True, "custom_modules": None, "notes_in_views": False,
    "search_delay_seconds": 0, "keep_sent_created_at": False, "bin_keeps_unique": False,
    "document_delete": False, "document_answer": "flat", "create_status": 200, "rate_headers": False,
    "not_found_message": "string", "date_style": "date", "number_style": "number",
    "multi_select_style": "list", "note_markup": "keep", "refused_calls_count": False,
    "retry_after_in": "account",
}  # fmt: skip
