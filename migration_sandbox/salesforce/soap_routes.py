"""The Metadata API's SOAP door: deploying here, reading by metadata_calls.py; every other call is a fault.

Envelopes are read without regard to prefixes (zeep, jsforce and hand-written ones differ in nothing else).
"""

import base64
import binascii
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.deployer import Deployer, Deployment
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.manifest_rules import Component, problem_type
from migration_sandbox.salesforce.metadata_calls import (
    Retrievals,
    describe,
    element,
    listing,
    moment,
    read,
)
from migration_sandbox.salesforce.metadata_files import NAMESPACE, BadPackage, Node, read_xml
from migration_sandbox.salesforce.web import Site, check_version, count_call, usage

MAX_ZIP = 39 * 1_048_576


class Fault(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def _envelope(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        f'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{NAMESPACE}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )


def _fault(fault: Fault) -> str:
    code = escape(fault.code)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        f'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="{NAMESPACE}"><soapenv:Body>'
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: "
        f"{escape(fault.message)}</faultstring>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )


def _component(item: Component, fine: bool, stamp: str | None) -> str:
    parts = [
        element("changed", item.changed and fine),
        element("componentType", item.kind),
        element("created", item.created and fine),
        element("createdDate", stamp),
        element("deleted", item.deleted and fine),
        element("fileName", item.path),
        element("fullName", item.name),
        element("problem", item.problem),
        element("problemType", problem_type(item)),
        element("success", fine),
    ]
    name = "componentSuccesses" if fine else "componentFailures"
    return f"<{name}>{''.join(parts)}</{name}>"


def _details(item: Deployment) -> str:
    stamp = moment(item.completed)
    told = sorted(item.components, key=item.fine)
    shown = "".join(_component(one, item.fine(one), stamp) for one in told)
    counts = "<numFailures>0</numFailures><numTestsRun>0</numTestsRun><totalTime>0.0</totalTime>"
    tests = f"<runTestResult>{counts}</runTestResult>"
    return f"<details>{shown}{tests}</details>"


def _status(site: Site, item: Deployment, details: bool) -> str:
    failed = len(item.failures)
    done = len(item.components) - failed
    values = [
        element("checkOnly", item.check_only),
        element("completedDate", moment(item.completed)),
        element("createdBy", site.org.user_id),
        element("createdByName", "Sandbox Migration"),
        element("createdDate", moment(item.created)),
        _details(item) if details else "",
        element("done", item.done),
        element("errorMessage", item.message),
        element("id", item.id),
        element("ignoreWarnings", item.ignore_warnings),
        element("lastModifiedDate", moment(item.completed or item.started or item.created)),
        element("numberComponentErrors", failed),
        element("numberComponentsDeployed", 0 if item.status == "Failed" and item.rollback else done),
        element("numberComponentsTotal", len(item.components)),
        element("numberTestErrors", 0),
        element("numberTestsCompleted", 0),
        element("numberTestsTotal", 0),
        element("rollbackOnError", item.rollback),
        element("runTestsEnabled", False),
        element("startDate", moment(item.started)),
        element("status", item.status),
        element("success", item.status in ("Succeeded", "SucceededPartial")),
    ]
    return f"<checkDeployStatusResponse><result>{''.join(values)}</result></checkDeployStatusResponse>"


def _deploy(deployer: Deployer, call: Node) -> str:
    try:
        archive = base64.b64decode((call.get("ZipFile") or "").encode(), validate=False)
    except binascii.Error:
        raise Fault("INVALID_FIELD", "ZipFile is not base64") from None
    if not archive or len(archive) > MAX_ZIP:
        raise Fault("LIMIT_EXCEEDED", f"a zip of 1 to {MAX_ZIP} bytes is required")
    options = call.first("DeployOptions") or Node("DeployOptions", "")
    flags = ("checkOnly", "rollbackOnError", "ignoreWarnings", "purgeOnDelete")
    try:
        made = deployer.submit(archive, *(options.flag(name) for name in flags))
    except ApiError as error:
        raise Fault(error.code, error.message) from None
    result = element("done", False) + element("id", made.id) + element("state", "Queued")
    return f"<deployResponse><result>{result}</result></deployResponse>"


def _check(site: Site, deployer: Deployer, call: Node) -> str:
    found = deployer.get((call.get("asyncProcessId") or "").strip())
    if found is None:
        raise Fault("INVALID_ID_FIELD", "the asyncProcessId is not known")
    return _status(site, found, call.flag("includeDetails"))


def _dispatch(site: Site, deployer: Deployer, retrievals: Retrievals, content: bytes) -> str:
    try:
        envelope = read_xml(content)
    except BadPackage as bad:
        raise Fault("INVALID_SOAP", bad.text) from None
    header, body = envelope.first("Header"), envelope.first("Body")
    session = None if header is None else header.first("SessionHeader")
    token = "" if session is None else (session.get("sessionId") or "").strip()
    try:
        site.sessions.check_token(token)
        count_call(site)
    except ApiError as error:
        raise Fault(error.code, error.message) from None
    call = body.children[0] if body is not None and body.children else Node("nothing", "")
    if call.name == "deploy":
        return _deploy(deployer, call)
    if call.name == "checkDeployStatus":
        return _check(site, deployer, call)
    if call.name == "describeMetadata":
        return describe()
    if call.name in ("listMetadata", "readMetadata"):
        return (listing if call.name == "listMetadata" else read)(site.org, call)
    if call.name == "retrieve":
        return retrievals.start(call)
    if call.name == "checkRetrieveStatus":
        return retrievals.check(call)
    raise Fault("INVALID_OPERATION", f"{call.name} is not part of this sandbox; deploy a zip instead")


def routes(site: Site, deployer: Deployer) -> list[Route]:
    retrievals = Retrievals(site.org)

    async def serve(request: Request) -> Response:
        try:
            check_version(request.path_params["version"])
            content = await request.body()
            text = await run_in_threadpool(_dispatch, site, deployer, retrievals, content)
            return Response(_envelope(text), 200, usage(site), media_type="text/xml")
        except Fault as fault:
            return Response(_fault(fault), 500, usage(site), media_type="text/xml")
        except ApiError as error:
            return Response(_fault(Fault(error.code, error.message)), 500, usage(site), media_type="text/xml")

    return [
        Route("/services/Soap/m/{version}", serve, methods=["POST"]),
        Route("/services/Soap/m/{version}/{rest:path}", serve, methods=["POST"]),
    ]
