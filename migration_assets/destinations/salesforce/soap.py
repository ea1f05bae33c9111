"""The Metadata API's deploy over SOAP: hand in a zip, wait for it, and say which components were refused.

Small and our own because simple-salesforce's mdapi brings a zeep session without timeouts. What a
deployment says is about metadata, so its sentences may be passed on: no record is in them.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from migration_assets.destinations.salesforce.metadata_package import NAMESPACE
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.errors import DestinationError, SchemaDeploymentFailed

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{namespace}">'
    "<soapenv:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></soapenv:Header>"
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
_DEPLOY = (
    "<deploy><ZipFile>{zip}</ZipFile><DeployOptions>"
    "<allowMissingFiles>false</allowMissingFiles><autoUpdatePackage>false</autoUpdatePackage>"
    "<checkOnly>false</checkOnly><ignoreWarnings>true</ignoreWarnings>"
    "<performRetrieve>false</performRetrieve><purgeOnDelete>false</purgeOnDelete><rollbackOnError>true</rollbackOnError>"
    "<singlePackage>true</singlePackage></DeployOptions></deploy>"
)
_STATUS = (
    "<checkDeployStatus><asyncProcessId>{id}</asyncProcessId>"
    "<includeDetails>true</includeDetails></checkDeployStatus>"
)
_FIRST_POLL, _LONGEST_POLL, _POLL_GROWTH = 0.2, 10.0, 1.5
_PROBLEMS_SHOWN = 10


def deploy(session: SalesforceSession, package: bytes) -> None:
    """Returns when the deployment has succeeded; raises SchemaDeploymentFailed, and then nothing changed."""
    answer = _call(session, _DEPLOY.format(zip=base64.b64encode(package).decode()), idempotent=False)
    deployment = _text(answer, "id")
    deadline = time.monotonic() + session.settings.deploy_limit
    pause = _FIRST_POLL
    while True:
        status = _call(session, _STATUS.format(id=escape(deployment)), idempotent=True)
        if _text(status, "done") == "true":
            break
        if time.monotonic() > deadline:
            raise SchemaDeploymentFailed(
                f"Salesforce deployment {deployment} isn't done after {session.settings.deploy_limit:,.0f} s;"
                " look at Setup, Deployment Status, and run again when it has ended"
            )
        time.sleep(pause)
        pause = min(pause * _POLL_GROWTH, _LONGEST_POLL)
    if _text(status, "success") != "true":
        raise SchemaDeploymentFailed(_refusal(deployment, status))


def _refusal(deployment: str, status: ElementTree.Element) -> str:
    failures = list(_all(status, "componentFailures"))
    lines = [f"  {_text(each, 'fullName')}: {_text(each, 'problem')}" for each in failures[:_PROBLEMS_SHOWN]]
    if len(failures) > _PROBLEMS_SHOWN:
        lines.append(f"  and {len(failures) - _PROBLEMS_SHOWN} more, see Setup, Deployment Status")
    if not failures:
        lines.append(f"  {_text(status, 'errorMessage') or _text(status, 'status')}")
    return "\n".join(
        [f"Salesforce refused deployment {deployment} and changed nothing; mend these and run again:", *lines]
    )


def _call(session: SalesforceSession, body: str, *, idempotent: bool) -> ElementTree.Element:
    """One SOAP request; a login that has run out meanwhile is renewed once."""
    for _ in range(2):
        grant = session.http.grant
        envelope = _ENVELOPE.format(namespace=NAMESPACE, token=escape(grant.token), body=body)
        response = session.request(
            "POST",
            f"/services/Soap/m/{session.settings.api_version}",
            data=envelope.encode(),
            headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'},
            idempotent=idempotent,
        )
        try:
            answer = ElementTree.fromstring(response.content)
        except ElementTree.ParseError:
            raise DestinationError(
                f"Salesforce's Metadata API answered {response.status_code} with something else than SOAP; "
                "check instance_url and the login's permission to change metadata"
            ) from None
        # SOAP 1.1 leaves a fault's own children without a namespace.
        fault_code = next(answer.iter("faultcode"), None)
        if fault_code is None:
            return _result(answer)
        fault = (fault_code.text or "").rpartition(":")[2]
        if fault != "INVALID_SESSION_ID":
            raise SchemaDeploymentFailed(
                f"Salesforce's Metadata API refused the request ({fault}); the login needs API access "
                "and 'Modify Metadata Through Metadata API Functions'"
            )
        session.http.renew(grant)
    raise SchemaDeploymentFailed(
        "Salesforce's Metadata API doesn't take the login's token; check its permissions"
    )


def _all(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return element.iter(f"{{{NAMESPACE}}}{name}")


def _result(answer: ElementTree.Element) -> ElementTree.Element:
    return next(_all(answer, "result"), answer)


def _text(element: ElementTree.Element, name: str) -> str:
    """Text of a direct child; a deployment's details repeat the names of its own properties further down."""
    found = element.find(f"{{{NAMESPACE}}}{name}")
    return (found.text or "") if found is not None else ""
