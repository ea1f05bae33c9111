"""/sandbox/...: what tests and demos may do to the account that no client of Freshsales could.

The log, holds and faults are those of every server (serving/control_routes.py).
"""

from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.freshsales import dump, fields
from migration_sandbox.freshsales.corrupt import corrupt
from migration_sandbox.freshsales.errors import ApiError
from migration_sandbox.freshsales.render import entity_of
from migration_sandbox.freshsales.schema_routes import create_module
from migration_sandbox.freshsales.seed import pipeline_rows, user_row
from migration_sandbox.freshsales.settings import KINDS, Settings
from migration_sandbox.freshsales.web import Site, refusal
from migration_sandbox.serving.control_routes import Ask, GateRoutes, Refused
from migration_sandbox.serving.gate import Gate


class ControlRoutes(GateRoutes):
    def __init__(self, site: Site, gate: Gate, token: str) -> None:
        def own(error: Exception) -> Response | None:
            return refusal(site.account, error) if isinstance(error, ApiError) else None

        super().__init__(gate, token, own)
        self.site = site
        self.account = site.account

    def routes(self) -> list[Route]:
        return [
            *self.gate_routes(),
            self.route("/settings", "GET", self.settings),
            self.route("/settings", "PATCH", self.change_settings),
            self.route("/rates", "GET", self.rates),
            self.route("/rates", "DELETE", self.forget_rates),
            self.route("/clock", "GET", self.clock),
            self.route("/clock", "POST", self.advance),
            self.route("/bulk-faults", "POST", self.bulk_fault),
            self.route("/users", "POST", self.add_user),
            self.route("/pipelines", "POST", self.add_pipeline),
            self.route("/fields", "POST", self.add_field),
            self.route("/modules", "POST", self.add_module),
            self.route("/fill", "POST", self.fill),
            self.route("/room/{entity}", "GET", self.room),
            self.route("/corruptions", "POST", self.corruption),
            self.route("/dump", "GET", self.dump),
            self.route("/counts", "GET", self.counts),
            self.route("/reset", "POST", self.reset),
        ]

    async def settings(self, _ask: Ask) -> Any:
        return self.account.settings.model_dump()

    async def change_settings(self, ask: Ask) -> Any:
        try:
            changed = Settings(**{**self.account.settings.model_dump(), **ask.body})
        except ValidationError as error:
            names = {".".join(str(part) for part in item["loc"]) for item in error.errors()}
            raise Refused(f"not a setting, or not a value of it: {', '.join(sorted(names))}") from None
        self.account.save_settings(changed)
        self.site.worker.wake()
        return changed.model_dump()

    async def rates(self, _ask: Ask) -> Any:
        with self.account.lock:
            return self.account.rates.shown(self.account.now(), self.account.settings)

    async def forget_rates(self, _ask: Ask) -> Any:
        with self.account.lock:
            self.account.rates.forget()
        return {}

    async def clock(self, _ask: Ask) -> Any:
        return {"now": self.account.now()}

    async def advance(self, ask: Ask) -> Any:
        if float(ask.body["seconds"]) < 0:
            raise Refused("the clock goes forward")
        self.account.advance(float(ask.body["seconds"]))
        self.site.worker.wake()
        return {}

    async def bulk_fault(self, ask: Ask) -> Any:
        self.site.worker.fail_rows += int(ask.body.get("rows", 0))
        self.site.worker.fail_jobs += int(ask.body.get("jobs", 0))
        return {}

    async def add_user(self, ask: Ask) -> Any:
        given = ask.body
        with self.account.lock:
            row = user_row(
                self.account, given["email"], given["name"], given["key"], given["admin"], given["active"]
            )
            self.account.commit([("user", row)])
        return {"id": row.id}

    async def add_pipeline(self, ask: Ask) -> Any:
        stages = tuple((name, forecast, int(chance)) for name, forecast, chance in ask.body["stages"])
        if not stages or any(
            forecast not in ("Open", "Closed Won", "Closed Lost") for _, forecast, _ in stages
        ):
            raise Refused("a stage has a name, Open, Closed Won or Closed Lost, and a probability")
        with self.account.lock:
            rows = pipeline_rows(self.account, ask.body["name"], stages, default=False)
            self.account.commit(rows)
        return {"id": rows[0][1].id, "stages": {row.values["name"]: row.id for _, row in rows[1:]}}

    def _entity(self, name: str) -> str:
        if entity_of(self.account, name) is None:
            raise Refused("no such entity", 404)
        return name

    async def add_field(self, ask: Ask) -> Any:
        given = dict(ask.body)
        with self.account.lock:
            entity = self._entity(given.pop("entity"))
            return {"name": fields.create_field(self.account, entity, given, by_admin=True).values["name"]}

    async def add_module(self, ask: Ask) -> Any:
        with self.account.lock:
            row = create_module(self.account, {"icon": "module", **ask.body}, by_admin=True)
        return {"entity_name": row.values["entity_name"]}

    async def fill(self, ask: Ask) -> Any:
        with self.account.lock:
            entity, kind = self._entity(ask.body["entity"]), ask.body["field_type"]
            used = fields.room(self.account, entity)[KINDS[kind]]["used"]
            for number in range(used, int(ask.body["fields"])):
                given = {"label": f"Filler {kind} {number + 1}", "field_type": kind}
                if kind == "lookup":
                    given["lookup_entity"] = "contacts"
                fields.create_field(self.account, entity, given, by_admin=True)
            return {"fields": fields.room(self.account, entity)[KINDS[kind]]["used"]}

    async def room(self, ask: Ask) -> Any:
        with self.account.lock:
            return fields.room(self.account, self._entity(ask.given["entity"]))

    async def corruption(self, ask: Ask) -> Any:
        return await run_in_threadpool(corrupt, self.account, ask.body)

    async def dump(self, _ask: Ask) -> Any:
        return await run_in_threadpool(dump.dump, self.account)

    async def counts(self, _ask: Ask) -> Any:
        return await run_in_threadpool(dump.counts, self.account)

    async def reset(self, ask: Ask) -> Any:
        if ask.body.get("records", True):
            await run_in_threadpool(dump.drop_records, self.account, bool(ask.body.get("schema", False)))
        with self.account.lock:
            self.account.rates.forget()
        self.gate.reset()
        self.site.worker.fail_rows = self.site.worker.fail_jobs = 0
        return {}
