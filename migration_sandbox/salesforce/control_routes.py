"""/sandbox/...: what tests and demos may do to the org that no client of Salesforce could.

The log, holds and faults are those of every server (serving/control_routes.py).
"""

from dataclasses import asdict, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce import deleted_schema, features
from migration_sandbox.salesforce.corrupt import corrupt
from migration_sandbox.salesforce.dump import dump
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.org_rules import add_rule, forget_rules
from migration_sandbox.salesforce.schema import Field
from migration_sandbox.salesforce.users import active_user, add_user
from migration_sandbox.salesforce.web import Site, refusal
from migration_sandbox.serving.control_routes import Ask, GateRoutes
from migration_sandbox.serving.gate import Gate


def _own_refusal(error: Exception) -> Response | None:
    return refusal(error) if isinstance(error, ApiError) else None


class ControlRoutes(GateRoutes):
    def __init__(self, site: Site, gate: Gate, token: str) -> None:
        super().__init__(gate, token, _own_refusal)
        self.site = site

    def routes(self) -> list[Route]:
        return [
            *self.gate_routes(),
            self.route("/bulk-faults", "POST", self.bulk_fault),
            self.route("/corruptions", "POST", self.corruption),
            self.route("/settings", "GET", self.settings),
            self.route("/settings", "PATCH", self.change_settings),
            self.route("/tokens", "DELETE", self.expire_tokens),
            self.route("/jobs/{id}/results", "DELETE", self.expire_results),
            self.route("/usage", "POST", self.usage),
            self.route("/rules", "POST", self.add_rule),
            self.route("/rules", "DELETE", self.forget_rules),
            self.route("/users", "POST", self.add_user),
            self.route("/sessions", "POST", self.sign_in),
            self.route("/certificate", "POST", self.register_certificate),
            self.route("/fill", "POST", self.fill),
            self.route("/counts", "GET", self.counts),
            self.route("/dump", "GET", self.dump),
            self.route("/deleted-schema", "DELETE", self.erase_deleted),
            self.route("/reset", "POST", self.reset),
        ]

    async def bulk_fault(self, ask: Ask) -> Any:
        self.site.worker.lock_rows += int(ask.body.get("lock_rows", 0))
        self.site.worker.fail_jobs += int(ask.body.get("fail_jobs", 0))
        return {}

    async def corruption(self, ask: Ask) -> Any:
        return await run_in_threadpool(corrupt, self.site.org, ask.body)

    async def settings(self, _ask: Ask) -> Any:
        return self.site.org.settings.model_dump()

    async def change_settings(self, ask: Ask) -> Any:
        org = self.site.org
        now = org.settings.model_dump()
        # What clients were told of the org once must stay true.
        fixed = [name for name in ("edition", "sandbox_org") if ask.body.get(name, now[name]) != now[name]]
        fixed += [name for name in features.ONE_WAY if now[name] and not ask.body.get(name, True)]
        if fixed:
            raise ApiError(400, "INVALID_OPERATION", f"this org can't change it any more: {', '.join(fixed)}")
        with org.lock:
            org.settings = type(org.settings)(**{**org.settings.model_dump(), **ask.body})
            org.save_settings()
            features.apply(org)
        return org.settings.model_dump()

    async def expire_tokens(self, _ask: Ask) -> Any:
        self.site.sessions.expire_all()
        return {}

    async def expire_results(self, ask: Ask) -> Any:
        jobs = self.site.jobs
        with self.site.org.lock:
            job = replace(jobs.get(ask.given["id"]), expired=True)
            self.site.org.transaction([jobs.statement(job)])
        return {}

    async def usage(self, ask: Ask) -> Any:
        self.site.org.api_requests = int(ask.body["api_requests"])
        return {}

    async def add_rule(self, ask: Ask) -> Any:
        return asdict(add_rule(self.site.org, **ask.body))

    async def forget_rules(self, _ask: Ask) -> Any:
        forget_rules(self.site.org)
        return {}

    async def add_user(self, ask: Ask) -> Any:
        return {"id": add_user(self.site.org, **ask.body)}

    async def sign_in(self, ask: Ask) -> Any:
        return {"token": self.site.sessions.issue(active_user(self.site.org, ask.body["username"]))}

    async def register_certificate(self, ask: Ask) -> Any:
        self.site.sessions.register_certificate(ask.body["certificate"])
        return {}

    async def fill(self, ask: Ask) -> Any:
        org = self.site.org
        with org.lock:
            found = org.sobject(ask.body["object"])
            if found is None:
                raise not_found("no such object")
            changed = found.copy()
            number = 0
            while changed.custom_fields < int(ask.body["fields"]):
                number += 1
                name = f"Sandbox_Filler_{number}__c"
                if changed.find(name) is None:
                    changed.put(
                        Field(
                            name, f"Filler {number}", "string", length=10, custom=True, metadata_type="Text"
                        )
                    )
            org.save_schema([changed], {})
            return {"custom_fields": changed.custom_fields}

    async def counts(self, _ask: Ask) -> Any:
        org = self.site.org
        with org.lock:
            return {name: table.count for name, table in org.tables.items() if table.sobject.holds_data}

    async def dump(self, _ask: Ask) -> Any:
        return await run_in_threadpool(dump, self.site.org)

    async def erase_deleted(self, _ask: Ask) -> Any:
        return deleted_schema.erase(self.site.org)

    async def reset(self, ask: Ask) -> Any:
        if ask.body.get("records", True):
            await run_in_threadpool(self.site.org.drop_records, ask.body.get("kept", []))
        self.gate.reset()
        self.site.worker.lock_rows = self.site.worker.fail_jobs = 0
        return {}
