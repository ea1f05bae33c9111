"""/sandbox/...: what tests and demos may do to the org that no client of Salesforce could.

Loopback only, and only with the control token. Nothing here is counted, held or logged as a request of the
org.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce import deleted_schema, features
from migration_sandbox.salesforce.corrupt import corrupt
from migration_sandbox.salesforce.dump import dump
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.gate import FAULTS, Fault, Gate, Hold
from migration_sandbox.salesforce.org_rules import add_rule, forget_rules
from migration_sandbox.salesforce.schema import Field
from migration_sandbox.salesforce.users import active_user, add_user
from migration_sandbox.salesforce.web import Site, answer, refusal

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Ask:
    """What a control request says: its JSON, and its query and path parameters."""

    body: dict[str, Any]
    given: dict[str, str]


Action = Callable[[Ask], Awaitable[Any]]


class ControlRoutes:
    def __init__(self, site: Site, gate: Gate, token: str) -> None:
        self.site = site
        self.gate = gate
        self.token = token

    def route(self, path: str, method: str, action: Action) -> Route:
        async def serve(request: Request) -> Response:
            given = request.headers.get("x-sandbox-token", "")
            local = request.client is not None and request.client.host in LOOPBACK
            if not local or not self.token or not hmac.compare_digest(given.encode(), self.token.encode()):
                return refusal(not_found())
            raw = await request.body()
            try:
                body = json.loads(raw) if raw else {}
                return answer(await action(Ask(body, {**request.query_params, **request.path_params})))
            except ApiError as error:
                return refusal(error)
            except (KeyError, TypeError, ValueError) as error:
                return refusal(
                    ApiError(
                        400, "SANDBOX", f"the request lacks or misuses something ({type(error).__name__})"
                    )
                )

        return Route("/sandbox" + path, serve, methods=[method])

    def routes(self) -> list[Route]:
        return [
            self.route("/requests", "GET", self.requests),
            self.route("/requests", "DELETE", self.forget_requests),
            self.route("/holds", "POST", self.hold),
            self.route("/holds/{id}", "GET", self.wait),
            self.route("/holds/{id}/{verdict}", "POST", self.settle),
            self.route("/faults", "POST", self.fault),
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

    async def requests(self, ask: Ask) -> Any:
        return self.gate.log(int(ask.given.get("since", "0")))

    async def forget_requests(self, _ask: Ask) -> Any:
        self.gate.entries.clear()
        return {}

    async def hold(self, ask: Ask) -> Any:
        if ask.body["moment"] not in ("before", "after", "upload", "download"):
            raise ValueError
        made = self.gate.add_hold(
            ask.body["method"], ask.body["path"], ask.body["nth"], ask.body["moment"], ask.body["bytes"]
        )
        return made.shown()

    def _hold(self, given: dict[str, str]) -> Hold:
        found = next((hold for hold in self.gate.holds if hold.id == int(given["id"])), None)
        if found is None:
            raise not_found("no such hold")
        return found

    async def wait(self, ask: Ask) -> Any:
        hold = self._hold(ask.given)
        with suppress(TimeoutError):
            await asyncio.wait_for(hold.held.wait(), float(ask.given.get("wait", "0")) + 0.01)
        return hold.shown()

    async def settle(self, ask: Ask) -> Any:
        hold = self._hold(ask.given)
        if ask.given["verdict"] not in ("release", "drop"):
            raise ValueError
        hold.drop = ask.given["verdict"] == "drop"
        if hold.state == "waiting":
            self.gate.holds.remove(hold)
        hold.resume.set()
        return hold.shown()

    async def fault(self, ask: Ask) -> Any:
        if ask.body["kind"] not in FAULTS:
            raise ValueError
        self.gate.faults.append(
            Fault(ask.body["method"], ask.body["path"], kind=ask.body["kind"], count=ask.body["count"])
        )
        return {}

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
            await run_in_threadpool(self.site.org.drop_records)
        self.gate.reset()
        self.site.worker.lock_rows = self.site.worker.fail_jobs = 0
        return {}
