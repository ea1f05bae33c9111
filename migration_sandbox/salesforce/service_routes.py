"""Smaller resources that real clients ask for, and clear refusals of those that this sandbox hasn't.

Record counts, the Tooling API's descriptions, deployments through REST; SOSL, Apex and Bulk API 1.0 are
refused with the platform's own code for a feature that is off, and so is what only a user interface shows
(layouts as they are drawn, list views' rows, tabs, themes, quick actions).
"""

import json
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.content_routes import receive
from migration_sandbox.salesforce.deployer import Deployer, Deployment
from migration_sandbox.salesforce.describe import describe, summary
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.manifest_rules import problem_type
from migration_sandbox.salesforce.metadata_calls import moment
from migration_sandbox.salesforce.web import (
    Call,
    Handler,
    Site,
    answer,
    check_version,
    count_call,
    endpoint,
    refusal,
    usage,
)
from migration_sandbox.serving.multipart import Part

MAX_ZIP = 39 * 1_048_576
ASYNC_NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"


def record_count(call: Call) -> Response:
    """Live records of each object asked for (the platform's own counts are some time old)."""
    org = call.site.org
    asked = [name.strip() for name in call.query.get("sObjects", "").split(",") if name.strip()]
    with org.lock:
        shown = []
        for sobject in org.objects.values():
            wanted = not asked or sobject.name.lower() in {name.lower() for name in asked}
            if wanted and sobject.name in org.tables and sobject.createable:
                shown.append({"count": org.tables[sobject.name].count, "name": sobject.name})
    return answer({"sObjects": shown})


def recent(_call: Call) -> Response:
    """Nothing was ever looked at through the user interface."""
    return answer([])


def tooling_sobjects(call: Call) -> Response:
    org = call.site.org
    found = [summary(org, item, call.version) for item in org.objects.values() if item.tooling]
    return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})


def tooling_describe(call: Call) -> Response:
    found = call.site.org.sobject(call.path["sobject"])
    if found is None or not (found.tooling or found.virtual):
        raise not_found()
    return answer(describe(call.site.org, found, call.version))


def _off(what: str) -> Handler:
    def handler(_call: Call) -> Response:
        raise ApiError(403, "FUNCTIONALITY_NOT_ENABLED", f"{what} is not part of this sandbox")

    return handler


def deploy_result(site: Site, item: Deployment, details: bool) -> dict[str, object]:
    """A deployment as the REST resource shows it."""
    failed = item.failures
    fine = [component for component in item.components if item.fine(component)]
    shown: dict[str, object] = {
        "id": item.id, "status": item.status, "done": item.done, "checkOnly": item.check_only,
        "rollbackOnError": item.rollback, "ignoreWarnings": item.ignore_warnings, "runTestsEnabled": False,
        "success": item.status in ("Succeeded", "SucceededPartial"), "createdBy": site.org.user_id,
        "createdByName": "Sandbox Migration", "createdDate": moment(item.created),
        "startDate": moment(item.started), "completedDate": moment(item.completed),
        "lastModifiedDate": moment(item.completed or item.started or item.created),
        "numberComponentErrors": len(failed), "numberComponentsTotal": len(item.components),
        "numberComponentsDeployed": 0 if item.status == "Failed" and item.rollback else len(fine),
        "numberTestErrors": 0, "numberTestsCompleted": 0, "numberTestsTotal": 0,
    }  # fmt: skip
    if item.message is not None:
        shown["errorMessage"] = item.message
    if details:
        told = [
            {
                "componentType": one.kind, "fileName": one.path, "fullName": one.name,
                "deleted": one.deleted and item.fine(one), "changed": one.changed and item.fine(one),
                "success": item.fine(one), "created": one.created and item.fine(one),
                "problem": one.problem, "problemType": problem_type(one),
                "createdDate": moment(item.completed),
            }
            for one in [*failed, *fine]
        ]  # fmt: skip
        shown["details"] = {
            "componentFailures": told[: len(failed)],
            "componentSuccesses": told[len(failed) :],
            "runTestResult": {"numFailures": 0, "numTestsRun": 0, "totalTime": 0},
        }
    return shown


class _Parts:
    """The parts of a small multipart body, by name; ``json`` is another name for what describes the file."""

    def __init__(self) -> None:
        self.content: dict[str, bytearray] = {}
        self._at = bytearray()

    def begin(self, part: Part) -> None:
        self._at = self.content.setdefault({"json": "entity_content"}.get(part.name, part.name), bytearray())

    def take(self, data: bytes) -> None:
        self._at += data
        if len(self._at) > MAX_ZIP:
            raise ApiError(400, "INVALID_MULTIPART_REQUEST", f"a zip of 1 to {MAX_ZIP} bytes is required")


def _deploying(site: Site, deployer: Deployer) -> list[Route]:
    root = "/services/data/v{version}/metadata/deployRequest"

    async def submit(request: Request) -> Response:
        try:
            site.sessions.check(request.headers.get("authorization"))
            count_call(site)
            check_version(request.path_params["version"])
            parts = _Parts()
            if request.headers.get("content-type", "").lower().startswith("multipart/"):
                await receive(request, parts)
            archive = bytes(parts.content.get("file", b""))
            options = json.loads(parts.content.get("entity_content", b"{}")).get("deployOptions", {})
            if not archive or len(archive) > MAX_ZIP:
                raise ApiError(400, "INVALID_MULTIPART_REQUEST", f"a zip of 1 to {MAX_ZIP} bytes is required")
            flags = ("checkOnly", "rollbackOnError", "ignoreWarnings", "purgeOnDelete")
            chosen = (bool(options.get(name)) for name in flags)
            made = await run_in_threadpool(deployer.submit, archive, *chosen)
            told = {"id": made.id, "deployOptions": options, "deployResult": deploy_result(site, made, False)}
            return answer(told, 201, usage(site))
        except (ValueError, AttributeError):
            return refusal(ApiError(400, "JSON_PARSER_ERROR", "The part entity_content is not valid JSON"))
        except ApiError as error:
            return refusal(error)

    def status(call: Call) -> Response:
        found = deployer.get(call.path["id"])
        if found is None:
            raise not_found()
        told = deploy_result(site, found, call.flag("includeDetails"))
        return answer({"id": found.id, "deployResult": told})

    return [
        Route(root, submit, methods=["POST"]),
        Route(root + "/{id}", endpoint(site, status), methods=["GET"]),
    ]


def _bulk_one(site: Site) -> Callable[[Request], Response]:
    """Bulk API 1.0: its own errors, as XML or JSON."""
    code, text = "FeatureNotEnabled", "Bulk API 1.0 is not part of this sandbox; use Bulk API 2.0"

    def serve(request: Request) -> Response:
        if "json" in request.headers.get("content-type", ""):
            return answer({"exceptionCode": code, "exceptionMessage": text}, 400, usage(site))
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><error xmlns="{ASYNC_NAMESPACE}">'
            f"<exceptionCode>{code}</exceptionCode><exceptionMessage>{text}</exceptionMessage></error>"
        )
        return Response(body, 400, usage(site), media_type="application/xml")

    return serve


def routes(site: Site, deployer: Deployer) -> list[Route]:
    root = "/services/data/v{version}"
    plan: list[tuple[str, str, Handler]] = [
        ("/limits/recordCount", "GET", record_count),
        ("/recent", "GET", recent),
        ("/search", "GET", _off("SOSL")),
        ("/parameterizedSearch", "GET", _off("SOSL")),
        ("/parameterizedSearch", "POST", _off("SOSL")),
        ("/tooling/sobjects", "GET", tooling_sobjects),
        ("/tooling/sobjects/{sobject}/describe", "GET", tooling_describe),
        ("/tooling/executeAnonymous", "GET", _off("Apex")),
        ("/tooling/completions", "GET", _off("Apex")),
        ("/tooling/runTestsAsynchronous", "POST", _off("Apex")),
        ("/tooling/runTestsSynchronous", "POST", _off("Apex")),
        ("/sobjects/{sobject}/updated", "GET", _off("Replication")),
        ("/sobjects/{sobject}/deleted", "GET", _off("Replication")),
        ("/sobjects/{sobject}/describe/{kind}", "GET", _off("The description of layouts")),
        ("/sobjects/{sobject}/describe/{kind}/{name}", "GET", _off("The description of layouts")),
        ("/sobjects/{sobject}/listviews", "GET", _off("The list view resource")),
        ("/sobjects/{sobject}/listviews/{id}/{kind}", "GET", _off("The list view resource")),
        ("/tabs", "GET", _off("The tab resource")),
        ("/theme", "GET", _off("The theme resource")),
        ("/quickActions", "GET", _off("The quick action resource")),
    ]
    made = [
        Route(root + path + slash, endpoint(site, handler), methods=[method])
        for path, method, handler in plan
        for slash in ("", "/")
    ]
    bulk = Route(
        "/services/async/{rest:path}", _bulk_one(site), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
    )
    return [*made, *_deploying(site, deployer), bulk]
