"""The application: an org's routes behind the gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from migration_sandbox.salesforce import (
    bulk_routes,
    collections_routes,
    oauth_routes,
    rest_routes,
    service_routes,
    soap_routes,
    tree_routes,
)
from migration_sandbox.salesforce.auth import Credentials, Sessions
from migration_sandbox.salesforce.composite_routes import Composite
from migration_sandbox.salesforce.control_routes import ControlRoutes
from migration_sandbox.salesforce.deployer import Deployer
from migration_sandbox.salesforce.dialect import DIALECT
from migration_sandbox.salesforce.errors import ApiError, invalid_session, not_found
from migration_sandbox.salesforce.jobs import Jobs
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.web import Site, refusal, usage
from migration_sandbox.salesforce.worker import Worker
from migration_sandbox.serving.gate import Gate


def build(org: Org, credentials: Credentials, control_token: str) -> Gate:
    """The gate around the application of an org."""
    jobs = Jobs(org)
    site = Site(org, Sessions(org, credentials), jobs, Worker(org, jobs))
    deployer = Deployer(org)

    async def nothing_there(request: Request, _error: Exception) -> Response:
        refused = not_found()
        try:
            site.sessions.check(request.headers.get("authorization"))
        except ApiError:
            refused = invalid_session()
        response = refusal(refused)
        response.headers.update(usage(site))
        return response

    async def wrong_method(request: Request, _error: Exception) -> Response:
        message = f"HTTP Method '{request.method}' not allowed."
        return refusal(ApiError(405, "METHOD_NOT_ALLOWED", message))

    async def broken(_request: Request, _error: Exception) -> Response:
        return refusal(ApiError(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred in the sandbox"))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        site.worker.start()
        deployer.start()
        yield
        deployer.stop()
        site.worker.stop()
        org.close()

    app = Starlette(
        exception_handlers={404: nothing_there, 405: wrong_method, 500: broken}, lifespan=lifespan
    )
    app.router.redirect_slashes = False
    gate = Gate(app, DIALECT)
    collections = collections_routes.routes(site)
    rest = [*service_routes.routes(site, deployer), *rest_routes.routes(site)]
    app.router.routes.extend(
        [
            *oauth_routes.routes(site),
            *rest,
            *collections,
            *tree_routes.routes(site),
            *Composite(site, [*collections, *rest]).routes(),
            *bulk_routes.routes(site),
            *soap_routes.routes(site, deployer),
            *ControlRoutes(site, gate, control_token).routes(),
        ]
    )
    return gate
