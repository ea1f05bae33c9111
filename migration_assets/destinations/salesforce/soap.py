"""The Metadata API over SOAP: deploy a zip and say which components were refused; list and read components.

Small and our own because simple-salesforce's mdapi brings a zeep session without timeouts. What a
deployment says is about metadata, so its sentences may be passed on: no record is in them.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from migration_assets.destinations.salesforce.metadata_package import NAMESPACE, Properties
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
    "<performRetrieve>false</performRetrieve><purgeOnDelete>{purge}</purgeOnDelete><rollbackOnError>true</rollbackOnError>"
    "<singlePackage>true</singlePackage></DeployOptions></deploy>"
)
_STATUS = (
    "<checkDeployStatus><asyncProcessId>{id}</asyncProcessId>"
    "<includeDetails>true</includeDetails></checkDeployStatus>"
)
_MOST_LISTED, _MOST_READ = 3, 10
"""Kinds in one listMetadata, names in one readMetadata (Metadata API Developer Guide)."""
ERASE_DELETED_FIELDS = (
    "deleted fields count until they are erased: in Setup, Object Manager, the object, "
    "Fields & Relationships, Deleted Fields, erase them"
)
"""What to do where fields that nobody sees hold the room (Salesforce Help, Manage Deleted Custom Fields)."""
_NO_ROOM = re.compile(r"(?:maximum|limit)[^.]*\bfields\b|clean data columns", re.IGNORECASE)
"""How the platform refuses a field that its object has no room for; the words differ by what is used up."""
_FIRST_POLL, _LONGEST_POLL, _POLL_GROWTH = 0.2, 10.0, 1.5
_PROBLEMS_SHOWN = 10


def deploy(session: SalesforceSession, package: bytes, *, purge: bool = False) -> None:
    """Returns when the deployment has succeeded; raises SchemaDeploymentFailed, and then nothing changed.

    ``purge`` erases what the package deletes, which only sandboxes and Developer Edition orgs do (Metadata
    API guide, DeployOptions.purgeOnDelete); elsewhere it is kept for 15 days.
    """
    body = _DEPLOY.format(zip=base64.b64encode(package).decode(), purge=str(purge).lower())
    answer = _call(session, body, idempotent=False)
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


def list_metadata(session: SalesforceSession, kinds: Sequence[str]) -> dict[str, list[str]]:
    """Full names of all components of at most three ``kinds`` (``Layout``, ``CustomTab``)."""
    if len(kinds) > _MOST_LISTED:
        raise ValueError(f"at most {_MOST_LISTED} kinds are listed at once")
    queries = "".join(f"<queries><type>{escape(kind)}</type></queries>" for kind in kinds)
    version = session.settings.api_version
    body = f"<listMetadata>{queries}<asOfVersion>{version}</asOfVersion></listMetadata>"
    names: dict[str, list[str]] = {kind: [] for kind in kinds}
    for found in _all(_call(session, body, idempotent=True, whole=True), "result"):
        names[_text(found, "type")].append(_text(found, "fullName"))
    return names


def read_metadata(session: SalesforceSession, kind: str, names: Sequence[str]) -> dict[str, Properties]:
    """Components of a kind by full name; one that isn't there is left out."""
    read: dict[str, Properties] = {}
    for start in range(0, len(names), _MOST_READ):
        listed = "".join(
            f"<fullNames>{escape(name)}</fullNames>" for name in names[start : start + _MOST_READ]
        )
        answer = _call(
            session, f"<readMetadata><type>{escape(kind)}</type>{listed}</readMetadata>", idempotent=True
        )
        for record in _all(answer, "records"):
            if name := _text(record, "fullName"):
                read[name] = [each for each in _properties(record) if each[0] != "fullName"]
    return read


def _properties(element: ElementTree.Element) -> Properties:
    return [
        (child.tag.rpartition("}")[2], _properties(child) if len(child) else child.text or "")
        for child in element
    ]


def _refusal(deployment: str, status: ElementTree.Element) -> str:
    failures = list(_all(status, "componentFailures"))
    lines = [f"  {_text(each, 'fullName')}: {_text(each, 'problem')}" for each in failures[:_PROBLEMS_SHOWN]]
    if len(failures) > _PROBLEMS_SHOWN:
        lines.append(f"  and {len(failures) - _PROBLEMS_SHOWN} more, see Setup, Deployment Status")
    if not failures:
        lines.append(f"  {_text(status, 'errorMessage') or _text(status, 'status')}")
    if any(_NO_ROOM.search(_text(each, "problem")) for each in failures):
        lines.append(f"  {ERASE_DELETED_FIELDS}")
    return "\n".join(
        [f"Salesforce refused deployment {deployment} and changed nothing; mend these and run again:", *lines]
    )


def _call(
    session: SalesforceSession, body: str, *, idempotent: bool, whole: bool = False
) -> ElementTree.Element:
    """One SOAP request; a login that has run out meanwhile is renewed once. Answers the (first) result, or
    the ``whole`` answer where there may be several."""
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
            return answer if whole else _result(answer)
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
