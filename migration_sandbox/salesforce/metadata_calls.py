"""Answers of the Metadata API that read: list, read, describe, retrieve. Envelopes are soap_routes.py's.

A retrieval is done at once and kept in memory until the server ends (a real org keeps it for some days).
"""

import base64
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from migration_sandbox.salesforce import ids, metadata_xml
from migration_sandbox.salesforce.components import org_made, stored
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.metadata_files import (
    FOLDERS,
    NAMESPACE,
    Node,
    leaf,
    ordered,
    to_file,
    to_xml,
)
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.virtual import object_id

MAX_READ = 10
RETRIEVE_PREFIX = "09S"
CHILDREN = {"CustomObject": ("CustomField", "ListView")}
NOT_HERE = frozenset(
    {
        "ApexClass", "ApexComponent", "ApexPage", "ApexTrigger", "AssignmentRules", "AuraDefinitionBundle",
        "CompactLayout", "CustomApplication", "CustomLabels", "CustomMetadata", "DuplicateRule", "Flow",
        "FlowDefinition", "GlobalValueSet", "LightningComponentBundle", "MatchingRules", "Profile",
        "QuickAction", "RecordType", "Report", "StandardValueSet", "StaticResource", "ValidationRule",
        "Workflow",
    }
)  # fmt: skip


def element(name: str, value: object) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    shown = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
    return f"{shown}{int(seconds * 1000) % 1000:03d}Z"


def _known(kind: str) -> None:
    if kind in NOT_HERE:
        raise ApiError(400, "INVALID_TYPE", f"{kind} is not part of this sandbox")
    if kind not in metadata_xml.READERS:
        raise ApiError(400, "INVALID_TYPE", f"Unknown type:{kind}")


def describe() -> str:
    shown = ""
    for folder, (kind, suffix) in FOLDERS.items():
        children = "".join(element("childXmlNames", child) for child in CHILDREN.get(kind, ()))
        shown += (
            f"<metadataObjects>{children}{element('directoryName', folder)}{element('inFolder', False)}"
            f"{element('metaFile', False)}{element('suffix', suffix)}{element('xmlName', kind)}"
            "</metadataObjects>"
        )
    rest = (
        element("organizationNamespace", "")
        + element("partialSaveAllowed", True)
        + element("testRequired", False)
    )
    return f"<describeMetadataResponse><result>{shown}{rest}</result></describeMetadataResponse>"


def read(org: Org, call: Node) -> str:
    """readMetadata: a record for each name, in the order asked; an empty one for what isn't there."""
    kind = (call.get("type") or "").strip()
    _known(kind)
    wanted = [node.text.strip() for node in call.all("fullNames")]
    if len(wanted) > MAX_READ:
        raise ApiError(400, "LIMIT_EXCEEDED", f"Record Count Limit Exceeded: {MAX_READ} at most in a call")
    shown = ""
    for name in wanted:
        with org.lock:
            found = metadata_xml.read(org, kind, name)
        if found is None:
            shown += f'<records xsi:type="{kind}" xsi:nil="true"/>'
        else:
            shown += to_xml(Node("records", "", found.children), f' xsi:type="{kind}"')
    return f"<readMetadataResponse><result>{shown}</result></readMetadataResponse>"


def file_of(kind: str, name: str) -> str:
    """The path of a component's file in a package."""
    owner = {"CustomField": "CustomObject", "ListView": "CustomObject"}.get(kind, kind)
    folder, suffix = next((folder, end) for folder, (one, end) in FOLDERS.items() if one == owner)
    return f"{folder}/{name.partition('.')[0] if owner != kind else name}.{suffix}"


def _properties(org: Org, kind: str, name: str, tag: str, root: str = "") -> str:
    kept = stored(org, kind).get(name) if kind in ("Layout", "CustomTab", "ListView") else None
    sobject = org.objects.get(name)
    key = kept.id if kept else ""
    if kind == "CustomObject" and sobject is not None and sobject.custom:
        key = object_id(sobject)
    made = org_made(org)
    created, modified = (kept.created, kept.modified) if kept else (made, made)
    values = [
        ("createdById", org.user_id), ("createdByName", "Sandbox Migration"),
        ("createdDate", moment(created)), ("fileName", root + file_of(kind, name)),
        ("fullName", name), ("id", key),
        ("lastModifiedById", org.user_id), ("lastModifiedByName", "Sandbox Migration"),
        ("lastModifiedDate", moment(modified)), ("manageableState", "unmanaged"), ("type", kind),
    ]  # fmt: skip
    return f"<{tag}>{''.join(element(key, value) for key, value in values)}</{tag}>"


def listing(org: Org, call: Node) -> str:
    shown = ""
    for query in call.all("queries"):
        kind = (query.get("type") or "").strip()
        _known(kind)
        with org.lock:
            shown += "".join(_properties(org, kind, name, "result") for name in metadata_xml.names(org, kind))
    return f"<listMetadataResponse>{shown}</listMetadataResponse>"


@dataclass
class Retrieval:
    archive: bytes
    properties: str
    messages: list[tuple[str, str]] = field(default_factory=list)


class Retrievals:
    """Retrievals of one org by id."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._done: dict[str, Retrieval] = {}

    def start(self, call: Node) -> str:
        request = call.first("retrieveRequest") or call.first("request") or Node("retrieveRequest", "")
        if request.all("packageNames"):
            raise ApiError(400, "INVALID_OPERATION", "named packages are not part of this sandbox")
        unpackaged = request.first("unpackaged") or Node("unpackaged", "")
        wanted = {
            (types.get("name") or "").strip(): [node.text.strip() for node in types.all("members")]
            for types in unpackaged.all("types")
        }
        single = request.flag("singlePackage")
        with self.org.lock:
            made = self._make(wanted, "" if single else "unpackaged/", request.get("apiVersion") or "66.0")
            key = ids.make_id(RETRIEVE_PREFIX, self.org.next_number("retrieve"))
        self._done[key] = made
        result = element("done", False) + element("id", key) + element("state", "Queued")
        return f"<retrieveResponse><result>{result}</result></retrieveResponse>"

    def _make(self, wanted: dict[str, list[str]], root: str, version: str) -> Retrieval:
        files: dict[str, Node] = {}
        made = Retrieval(b"", "")
        for kind, members in wanted.items():
            try:
                _known(kind)
            except ApiError as error:
                made.messages.append(("package.xml", f"Entity type: '{kind}' is unknown ({error.message})"))
                continue
            for name in self._members(kind, members):
                found = metadata_xml.read(self.org, kind, name)
                path = root + file_of(kind, name)
                if found is None:
                    message = f"Entity of type '{kind}' named '{name}' cannot be found"
                    made.messages.append((root + "package.xml", message))
                    continue
                _add(files, path, kind, found)
                made.properties += _properties(self.org, kind, name, "fileProperties", root)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, node in files.items():
                archive.writestr(path, to_file(node))
            archive.writestr(root + "package.xml", _manifest(wanted, version))
        made.archive = packed.getvalue()
        return made

    def _members(self, kind: str, members: Iterable[str]) -> list[str]:
        """The names asked for. As on the platform, `*` means custom objects only."""
        found: list[str] = []
        for member in members:
            if member != "*":
                found.append(member)
            elif kind == "CustomObject":
                found += [name for name in metadata_xml.names(self.org, kind) if name.endswith("__c")]
            elif kind not in ("CustomField", "ListView"):
                found += metadata_xml.names(self.org, kind)
        return list(dict.fromkeys(found))

    def check(self, call: Node) -> str:
        key = (call.get("asyncProcessId") or "").strip()
        found = self._done.get(key)
        if found is None:
            raise ApiError(400, "INVALID_ID_FIELD", "the asyncProcessId is not known")
        messages = "".join(
            f"<messages>{element('fileName', name)}{element('problem', text)}</messages>"
            for name, text in found.messages
        )
        with_zip = (call.get("includeZip") or "true").lower() == "true"
        archive = base64.b64encode(found.archive).decode() if with_zip else ""
        result = (
            element("done", True) + found.properties + element("id", key) + messages
            + element("status", "Succeeded") + element("success", True) + element("zipFile", archive)
        )  # fmt: skip
        return f"<checkRetrieveStatusResponse><result>{result}</result></checkRetrieveStatusResponse>"


def _add(files: dict[str, Node], path: str, kind: str, found: Node) -> None:
    """Put a component into its file; fields and list views go into their object's."""
    rest = [child for child in found.children if child.name != "fullName"]
    if kind not in ("CustomField", "ListView"):
        files[path] = Node(kind, "", rest)
        return
    tag = "fields" if kind == "CustomField" else "listViews"
    name = (found.get("fullName") or "").partition(".")[2]
    owner = files.setdefault(path, Node("CustomObject", ""))
    known = [child.get("fullName") for child in owner.all(tag)]
    if name not in known:
        owner.children.append(Node(tag, "", [leaf("fullName", name), *rest]))


def _manifest(wanted: dict[str, list[str]], version: str) -> bytes:
    types = [
        Node("types", "", [*(leaf("members", member) for member in members), leaf("name", kind)])
        for kind, members in wanted.items()
    ]
    root = Node("Package", "", [*(ordered(one) for one in types), leaf("version", version)])
    shown = to_xml(root, f' xmlns="{NAMESPACE}"')
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{shown}\n'.encode()
