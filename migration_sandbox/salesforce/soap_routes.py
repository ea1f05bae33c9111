"""The Metadata API's SOAP door: deploy, checkDeployStatus, describeMetadata; every other call is a fault.

Envelopes are read without regard to prefixes (zeep, jsforce and hand-written ones differ in nothing else).
"""

import base64
import binascii
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.deploy import Component
from migration_sandbox.salesforce.deployer import Deployer, Deployment
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.metadata_files import BadPackage, Node, read_xml
from migration_sandbox.salesforce.web import Site, check_version, count_call, usage

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
MAX_ZIP = 39 * 1_048_576


class Fault(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def _element(name: str, value: object) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def _time(moment: float | None) -> str | None:
    if moment is None:
        return None
    return (
        datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{int(moment * 1000) % 1000:03d}Z"
    )


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


def _component(item: Component, stamp: str | None) -> str:
    fine = item.problem is None
    parts = [
        _element("changed", item.changed and fine),
        _element("componentType", item.kind),
        _element("created", item.created and fine),
        _element("createdDate", stamp),
        _element("deleted", False),
        _element("fileName", item.path),
        _element("fullName", item.name),
        _element("problem", item.problem),
        _element("problemType", None if fine else "Error"),
        _element("success", fine),
    ]
    name = "componentSuccesses" if fine else "componentFailures"
    return f"<{name}>{''.join(parts)}</{name}>"


def _details(item: Deployment) -> str:
    stamp = _time(item.completed)
    shown = "".join(
        _component(one, stamp) for one in [*item.failures, *(c for c in item.components if c.problem is None)]
    )
    counts = "<numFailures>0</numFailures><numTestsRun>0</numTestsRun><totalTime>0.0</totalTime>"
    tests = f"<runTestResult>{counts}</runTestResult>"
    return f"<details>{shown}{tests}</details>"


def _status(site: Site, item: Deployment, details: bool) -> str:
    failed = len(item.failures)
    done = len(item.components) - failed
    values = [
        _element("checkOnly", item.check_only),
        _element("completedDate", _time(item.completed)),
        _element("createdBy", site.org.user_id),
        _element("createdByName", "Sandbox Migration"),
        _element("createdDate", _time(item.created)),
        _details(item) if details else "",
        _element("done", item.done),
        _element("errorMessage", item.message),
        _element("id", item.id),
        _element("ignoreWarnings", False),
        _element("lastModifiedDate", _time(item.completed or item.started or item.created)),
        _element("numberComponentErrors", failed),
        _element("numberComponentsDeployed", 0 if item.status == "Failed" and item.rollback else done),
        _element("numberComponentsTotal", len(item.components)),
        _element("numberTestErrors", 0),
        _element("numberTestsCompleted", 0),
        _element("numberTestsTotal", 0),
        _element("rollbackOnError", item.rollback),
        _element("runTestsEnabled", False),
        _element("startDate", _time(item.started)),
        _element("status", item.status),
        _element("success", item.status in ("Succeeded", "SucceededPartial")),
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
    made = deployer.submit(archive, options.flag("checkOnly"), options.flag("rollbackOnError"))
    result = _element("done", False) + _element("id", made.id) + _element("state", "Queued")
    return f"<deployResponse><result>{result}</result></deployResponse>"


def _check(site: Site, deployer: Deployer, call: Node) -> str:
    found = deployer.get((call.get("asyncProcessId") or "").strip())
    if found is None:
        raise Fault("INVALID_ID_FIELD", "the asyncProcessId is not known")
    return _status(site, found, call.flag("includeDetails"))


def _describe() -> str:
    known = [
        ("CustomObject", "objects", "object", ["CustomField"]),
        ("PermissionSet", "permissionsets", "permissionset", []),
    ]
    shown = "".join(
        "<metadataObjects>"
        + "".join(_element("childXmlNames", child) for child in children)
        + _element("directoryName", folder)
        + _element("inFolder", False)
        + _element("metaFile", False)
        + _element("suffix", suffix)
        + _element("xmlName", name)
        + "</metadataObjects>"
        for name, folder, suffix, children in known
    )
    rest = (
        _element("organizationNamespace", "")
        + _element("partialSaveAllowed", True)
        + _element("testRequired", False)
    )
    return f"<describeMetadataResponse><result>{shown}{rest}</result></describeMetadataResponse>"


def _dispatch(site: Site, deployer: Deployer, content: bytes) -> str:
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
        return _describe()
    raise Fault("INVALID_OPERATION", f"{call.name} is not part of this sandbox; deploy a zip instead")


def routes(site: Site, deployer: Deployer) -> list[Route]:
    async def serve(request: Request) -> Response:
        try:
            check_version(request.path_params["version"])
            content = await request.body()
            text = await run_in_threadpool(_dispatch, site, deployer, content)
            return Response(_envelope(text), 200, usage(site), media_type="text/xml")
        except Fault as fault:
            return Response(_fault(fault), 500, usage(site), media_type="text/xml")
        except ApiError as error:
            return Response(_fault(Fault(error.code, error.message)), 500, usage(site), media_type="text/xml")

    return [
        Route("/services/Soap/m/{version}", serve, methods=["POST"]),
        Route("/services/Soap/m/{version}/{rest:path}", serve, methods=["POST"]),
    ]
