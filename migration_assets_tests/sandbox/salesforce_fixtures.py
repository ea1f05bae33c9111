"""Helpers for tests against the Salesforce sandbox: metadata zips, jobs run to their end, CSV read.

Nothing here imports the server's internals: it speaks HTTP like any client.
"""

import csv
import io
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import requests
from simple_salesforce.api import Salesforce

from migration_sandbox.salesforce.launch import SalesforceSandbox

VERSION = "66.0"
NAMESPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
FINISHED = ("JobComplete", "Failed", "Aborted")


def element(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def field_xml(name: str, kind: str, label: str | None = None, inner: str = "", **attributes: object) -> str:
    """A `<fields>` element; attributes are the Metadata API's own names."""
    parts = [
        element("fullName", name),
        element("label", label or name.removesuffix("__c")),
        element("type", kind),
    ]
    parts += [element(key, value) for key, value in attributes.items()]
    return f"<fields>{''.join(parts)}{inner}</fields>"


def picklist_xml(values: Iterable[str], restricted: bool = True) -> str:
    shown = "".join(
        f"<value>{element('fullName', value)}<default>false</default>{element('label', value)}</value>"
        for value in values
    )
    return (
        f"<valueSet>{element('restricted', restricted)}<valueSetDefinition><sorted>false</sorted>{shown}"
        "</valueSetDefinition></valueSet>"
    )


def object_xml(label: str, sharing: str = "ReadWrite", activities: bool = False) -> str:
    return (
        element("label", label)
        + element("pluralLabel", label + "s")
        + "<deploymentStatus>Deployed</deploymentStatus>"
        + element("sharingModel", sharing)
        + element("enableActivities", activities)
        + "<nameField><label>Number</label><type>AutoNumber</type>"
        + "<displayFormat>N-{00000}</displayFormat></nameField>"
    )


@dataclass
class Package:
    """A metadata zip: object name -> XML inside `<CustomObject>`, and the same for permission sets."""

    objects: Mapping[str, str] = field(default_factory=dict)
    permission_sets: Mapping[str, str] = field(default_factory=dict)

    def zip(self) -> bytes:
        types = ""
        if self.objects:
            members = "".join(element("members", name) for name in self.objects)
            types += f"<types>{members}<name>CustomObject</name></types>"
        if self.permission_sets:
            members = "".join(element("members", name) for name in self.permission_sets)
            types += f"<types>{members}<name>PermissionSet</name></types>"
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(
                "package.xml", f"<Package {NAMESPACE}>{types}<version>{VERSION}</version></Package>"
            )
            for name, inner in self.objects.items():
                archive.writestr(
                    f"objects/{name}.object", f"<CustomObject {NAMESPACE}>{inner}</CustomObject>"
                )
            for name, inner in self.permission_sets.items():
                archive.writestr(
                    f"permissionsets/{name}.permissionset",
                    f"<PermissionSet {NAMESPACE}>{inner}</PermissionSet>",
                )
        return made.getvalue()


def grants_xml(label: str, fields: Iterable[str]) -> str:
    return element("label", label) + "".join(
        f"<fieldPermissions><editable>true</editable>{element('field', path)}"
        "<readable>true</readable></fieldPermissions>"
        for path in fields
    )


@dataclass(frozen=True)
class Deployed:
    status: str
    errors: list[Mapping[str, Any]]
    total: int


def deploy(client: Any, package: Package, sandbox: bool = False) -> Deployed:
    """Deploy through simple-salesforce and wait for the end."""
    number = client.deploy(io.BytesIO(package.zip()), sandbox=sandbox)["asyncId"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        told = client.checkDeployStatus(number, sandbox=sandbox)
        if told["state"] in ("Succeeded", "Failed", "SucceededPartial"):
            detail = told["deployment_detail"]
            return Deployed(told["state"], detail["errors"], int(detail["total_count"] or 0))
        time.sleep(0.02)
    raise AssertionError("the deployment didn't end")


def grant(client: Any, name: str, fields: Iterable[str]) -> None:
    """Deploy a permission set over fields and assign it to the API user."""
    assert deploy(client, Package(permission_sets={name: grants_xml(name, fields)})).status == "Succeeded"
    found = client.query(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")["records"][0]["Id"]
    user = client.query("SELECT Id FROM User WHERE IsActive = true")["records"][0]["Id"]
    client.PermissionSetAssignment.create({"PermissionSetId": found, "AssigneeId": user})


@dataclass
class Bulk:
    """Bulk API 2.0 by plain requests."""

    sandbox: SalesforceSandbox
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token}"
        self.session.verify = str(self.sandbox.ca_path)
        self.session.trust_env = False

    @property
    def root(self) -> str:
        return f"{self.sandbox.url}/services/data/v{VERSION}"

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.root + path, timeout=60, **more)

    def create(self, sobject: str, operation: str, **more: object) -> str:
        answer = self.request(
            "POST", "/jobs/ingest", json={"object": sobject, "operation": operation, **more}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def put(self, job: str, content: bytes) -> requests.Response:
        return self.request(
            "PUT", f"/jobs/ingest/{job}/batches", data=content, headers={"Content-Type": "text/csv"}
        )

    def close(self, job: str) -> None:
        answer = self.request("PATCH", f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
        assert answer.status_code == 200, answer.text

    def wait(self, job: str, kind: str = "ingest", seconds: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            told: dict[str, Any] = self.request("GET", f"/jobs/{kind}/{job}").json()
            if told["state"] in FINISHED:
                return told
            time.sleep(0.02)
        raise AssertionError("the job didn't end")

    def run(
        self, sobject: str, operation: str, content: bytes | str, **more: object
    ) -> tuple[str, dict[str, Any]]:
        """A whole job; answers its id and its last state."""
        job = self.create(sobject, operation, **more)
        answer = self.put(job, content.encode() if isinstance(content, str) else content)
        assert answer.status_code == 201, answer.text
        self.close(job)
        return job, self.wait(job)

    def results(self, job: str, kind: str) -> list[dict[str, str]]:
        answer = self.request("GET", f"/jobs/ingest/{job}/{kind}/")
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))

    def errors(self, job: str) -> list[str]:
        return [row["sf__Error"] for row in self.results(job, "failedResults")]


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]], line_ending: str = "\n") -> str:
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator=line_ending)
    writer.writerow(header)
    writer.writerows(rows)
    return made.getvalue()


@dataclass
class Opened:
    """A running org with a session of its API user."""

    sandbox: SalesforceSandbox
    token: str
    client: Any
    bulk: Bulk


def trusting_session(sandbox: SalesforceSandbox) -> requests.Session:
    """A session that verifies the sandbox's certificate (and isn't overruled by REQUESTS_CA_BUNDLE)."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(sandbox.ca_path)
    return session


def sign_in(sandbox: SalesforceSandbox) -> Opened:
    session = trusting_session(sandbox)
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
    }
    token = session.post(f"{sandbox.url}/services/oauth2/token", data=form, timeout=30).json()["access_token"]
    client = Salesforce(session_id=token, instance_url=sandbox.url, session=session, version=VERSION)
    return Opened(sandbox, token, client, Bulk(sandbox, token))


KEY = field_xml("PANDA_Key__c", "Text", "PANDA Key", length=100, externalId=True, unique=True)
EXAM_FIELDS = (
    KEY
    + field_xml("Contact__c", "Lookup", referenceTo="Contact", relationshipName="Exams")
    + field_xml("Notes__c", "LongTextArea", length=131072, visibleLines=5)
    + field_xml("Depth__c", "Number", precision=2, scale=0)
    + field_xml("Cost__c", "Currency", precision=18, scale=2)
    + field_xml("Exam_Date__c", "Date")
    + field_xml("Seen_At__c", "DateTime")
    + field_xml("Flag__c", "Checkbox", defaultValue=False)
    + field_xml("System__c", "Picklist", inner=picklist_xml(["Universal", "FDI"]))
    + field_xml("Code__c", "Text", length=10)
)
EXAM_NAMES = (
    "PANDA_Key__c", "Contact__c", "Notes__c", "Depth__c", "Cost__c", "Exam_Date__c", "Seen_At__c", "Flag__c",
    "System__c", "Code__c",
)  # fmt: skip


def make_exam_schema(client: Any) -> None:
    """Contact and Event with a key, and Exam__c with a field of each kind; all granted."""
    package = Package(
        {
            "Contact": KEY,
            "Account": KEY,
            "Exam__c": object_xml("Exam", activities=True) + EXAM_FIELDS,
            "Activity": KEY,
        }
    )
    done = deploy(client, package)
    assert done.status == "Succeeded", done.errors
    grant(
        client,
        "Migration",
        [
            "Contact.PANDA_Key__c",
            "Account.PANDA_Key__c",
            "Activity.PANDA_Key__c",
            *(f"Exam__c.{name}" for name in EXAM_NAMES),
        ],
    )
