"""The application: an account's routes behind the gate. What it doesn't know it refuses.

501 answers what Freshsales documents and this server doesn't have, 404 what nobody documents.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from migration_sandbox.freshsales import (
    activity_routes,
    document_routes,
    record_routes,
    schema_routes,
    selector_routes,
    views,
)
from migration_sandbox.freshsales.account import Account
from migration_sandbox.freshsales.control_routes import ControlRoutes
from migration_sandbox.freshsales.dialect import DIALECT
from migration_sandbox.freshsales.errors import ApiError, not_built, not_found
from migration_sandbox.freshsales.jobs import Worker
from migration_sandbox.freshsales.seed import seed
from migration_sandbox.freshsales.web import Site, admit, refusal
from migration_sandbox.serving.gate import Gate

DOCUMENTED = re.compile(
    r"^/api/(cpq|lists|leads|phone_calls|sales_activities|document_links|search|settings/sales_activities"
    r"|contacts/lists|(contacts|deals|sales_accounts|custom_module/[^/]+)/\d+/(clone|activities"
    r"|manage_team_members)|(contacts|deals|sales_accounts)/bulk_assign_owner"
    r"|settings/module_customizations/\d+)(/|$)"
)
"""Resources of the official reference that aren't built here."""


def build(account: Account, key: str, control_token: str) -> Gate:
    """The gate around the application of an account, whose first user has that key."""
    seed(account, key)
    site = Site(account, Worker(account))

    async def nothing_there(request: Request, _error: Exception) -> Response:
        path = request.url.path
        refused = not_found(f"The sandbox knows no {request.method} of this path")
        if DOCUMENTED.match(path):
            refused = not_built(f"{request.method} of this path, which Freshsales documents")
        try:
            if path.startswith("/api/"):
                admit(site, request)
        except ApiError as error:
            refused = error
        return refusal(account, refused)

    async def broken(_request: Request, _error: Exception) -> Response:
        return refusal(account, ApiError(500, "An unexpected error occurred in the sandbox"))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        site.worker.start()
        yield
        site.worker.stop()
        account.close()

    app = Starlette(
        exception_handlers={404: nothing_there, 405: nothing_there, 500: broken}, lifespan=lifespan
    )
    app.router.redirect_slashes = False
    gate = Gate(app, DIALECT)
    app.router.routes.extend(
        [
            *views.routes(site),
            *record_routes.routes(site),
            *activity_routes.routes(site),
            *document_routes.routes(site),
            *selector_routes.routes(site),
            *schema_routes.routes(site),
            *ControlRoutes(site, gate, control_token).routes(),
        ]
    )
    return gate
