"""Selectors: the account's users, pipelines, stages and choices, to read."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.freshsales import render
from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.errors import not_found
from migration_sandbox.freshsales.seed import SELECTORS
from migration_sandbox.freshsales.web import API, Call, Site, answer, endpoint
from migration_sandbox.freshsales.write import stages_of

PLAIN = (*SELECTORS, "currencies", "deal_stages")


def owners(call: Call) -> Response:
    """Every user, also a deactivated one (is_active says so)."""
    return answer({"users": [render.user(row) for row in call.account.rows("user")]})


def _entries(account: Account, rows: list[Row]) -> list[dict[str, Any]]:
    return [render.entry(account, row) for row in sorted(rows, key=lambda row: row.values.get("position", 0))]


def plain(call: Call) -> Response:
    name = call.path["name"]
    if name not in PLAIN:
        raise not_found(f"There is no selector {name}")
    return answer({name: _entries(call.account, call.account.rows(f"selector:{name}"))})


def pipelines(call: Call) -> Response:
    told = []
    for row in call.account.rows("selector:deal_pipelines"):
        stages = _entries(call.account, stages_of(call.account, row.id))
        told.append({**render.entry(call.account, row), "deal_stages": stages})
    return answer({"deal_pipelines": told})


def stages(call: Call) -> Response:
    if call.account.get("selector:deal_pipelines", call.id()) is None:
        raise not_found()
    return answer({"deal_stages": _entries(call.account, stages_of(call.account, call.id()))})


def outcomes(call: Call) -> Response:
    """The same outcomes for every type of sales activity."""
    if call.account.get("selector:sales_activity_types", call.id()) is None:
        raise not_found()
    rows = call.account.rows("selector:sales_activity_outcomes")
    return answer({"sales_activity_outcomes": _entries(call.account, rows)})


def routes(site: Site) -> list[Route]:
    base = f"{API}/selector"
    return [
        Route(f"{base}/owners", endpoint(site, owners), methods=["GET"]),
        Route(f"{base}/deal_pipelines", endpoint(site, pipelines), methods=["GET"]),
        Route(f"{base}/deal_pipelines/{{id:int}}/deal_stages", endpoint(site, stages), methods=["GET"]),
        Route(
            f"{base}/sales_activity_types/{{id:int}}/sales_activity_outcomes",
            endpoint(site, outcomes),
            methods=["GET"],
        ),
        Route(f"{base}/{{name}}", endpoint(site, plain), methods=["GET"]),
    ]
