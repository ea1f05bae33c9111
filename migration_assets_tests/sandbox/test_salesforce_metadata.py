"""Deployments to the sandbox org: what becomes visible when, limits of editions, and what is refused."""

import base64
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY,
    NAMESPACE,
    Opened,
    Package,
    deploy,
    element,
    field_xml,
    grant,
    grants_xml,
    object_xml,
    picklist_xml,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("metadata") / "org", sandbox_org=True) as sandbox:
        yield sign_in(sandbox)


def _names(org: Opened, sobject: str) -> set[str]:
    return {item["name"] for item in getattr(org.client, sobject).describe()["fields"]}


def depths(count: int, start: int = 0) -> str:
    return "".join(
        field_xml(f"PocketDepth_{n}__c", "Number", precision=2, scale=0) for n in range(start, start + count)
    )


def test_four_hundred_fields_come_in_one_deployment_and_stay_hidden_until_granted(org: Opened) -> None:
    done = deploy(org.client, Package({"Wide__c": object_xml("Wide") + depths(400)}))
    assert (done.status, done.total) == ("Succeeded", 401)
    assert "PocketDepth_7__c" not in _names(org, "Wide__c")
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'PocketDepth_7__c'"):
        org.client.query("SELECT PocketDepth_7__c FROM Wide__c")
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        org.client.Wide__c.create({"PocketDepth_7__c": 3})
    _, told = org.bulk.run("Wide__c", "insert", "PocketDepth_7__c\n3\n")
    assert told["state"] == "Failed"
    assert told["errorMessage"] == "InvalidBatch : Field name not found : PocketDepth_7__c"
    grant(org.client, "Wide", [f"Wide__c.PocketDepth_{n}__c" for n in range(400)])
    assert "PocketDepth_7__c" in _names(org, "Wide__c")
    assert org.client.Wide__c.create({"PocketDepth_7__c": 3})["success"]
    told_count = org.client.query("SELECT COUNT() FROM FieldPermissions WHERE SobjectType = 'Wide__c'")
    assert told_count["totalSize"] == 400


def test_an_unassigned_permission_set_grants_nothing(org: Opened) -> None:
    deploy(org.client, Package({"Account": field_xml("Idle__c", "Text", length=5)}))
    done = deploy(org.client, Package(permission_sets={"Idle": grants_xml("Idle", ["Account.Idle__c"])}))
    assert done.status == "Succeeded"
    assert "Idle__c" not in _names(org, "Account")


def test_the_fields_beyond_the_editions_limit_fail(org: Opened) -> None:
    package = Package({"Full__c": object_xml("Full") + depths(503)})
    done = deploy(org.client, package, sandbox=True)
    assert (done.status, len(done.errors)) == ("SucceededPartial", 3)
    assert "maximum number of custom fields (500)" in done.errors[0]["message"]
    again = deploy(org.client, Package({"Full__c": object_xml("Full") + depths(500)}))
    assert again.status == "Succeeded", again.errors


def test_one_bad_field_undoes_all_where_rollback_is_asked_for(org: Opened) -> None:
    fields = depths(2) + field_xml("Bad__c", "Text", length=256)
    done = deploy(org.client, Package({"Undone__c": object_xml("Undone") + fields}))
    assert done.status == "Failed"
    assert (
        org.client.query("SELECT COUNT() FROM EntityDefinition WHERE QualifiedApiName = 'Undone__c'")[
            "totalSize"
        ]
        == 0
    )


def test_an_org_without_room_takes_no_more_fields(org: Opened) -> None:
    org.sandbox.control.fill_custom_fields("Contact", 500)
    done = deploy(org.client, Package({"Contact": KEY}))
    assert done.status == "Failed"
    counted = org.client.toolingexecute(
        "query/?q=SELECT+COUNT()+FROM+CustomField+WHERE+TableEnumOrId='Contact'"
    )
    assert counted["totalSize"] == 500


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (field_xml("Bad__c", "Number", scale=0), "precision"),
        (field_xml("Bad__c", "Number", precision=19, scale=0), "between 1 and 18"),
        (field_xml("Bad__c", "Checkbox"), "defaultValue"),
        (field_xml("Bad__c", "LongTextArea", length=1000), "visibleLines"),
        (field_xml("Bad__c", "LongTextArea", length=131073, visibleLines=3), "between 256 and 131072"),
        (field_xml("Bad__c", "MultiselectPicklist", inner=picklist_xml(["a"])), "visibleLines"),
        (field_xml("Bad__c", "Picklist"), "valueSet"),
        (
            field_xml("Bad__c", "Lookup", referenceTo="Nothing__c", relationshipName="Bads"),
            "does not resolve",
        ),
        (field_xml("Bad__c", "Lookup", referenceTo="Contact"), "relationshipName"),
        (field_xml("Bad__c", "Date", externalId=True), "externalId"),
        (field_xml("Bad__c", "Text", label="x" * 41, length=5), "maximum length is:40"),
        (field_xml("Bad__c", "Text", length=5, inlineHelpText="x" * 511), "maximum length is:510"),
        (field_xml("Bad_", "Text", length=5), "can only contain"),
        (field_xml("Bad___c", "Text", length=5), "can only contain"),
        (field_xml("Bad__c", "Html", length=5), "not part of this sandbox"),
        (
            field_xml("Bad__c", "MasterDetail", referenceTo="Contact", relationshipName="Bads"),
            "Master-detail",
        ),
    ],
)
def test_a_field_the_platform_refuses_is_refused(org: Opened, xml: str, said: str) -> None:
    done = deploy(org.client, Package({"Account": xml}))
    assert done.status == "Failed"
    assert said.lower() in done.errors[0]["message"].lower()


def test_relationship_names_clash_and_names_repeat(org: Opened) -> None:
    first = field_xml("One__c", "Lookup", referenceTo="Account", relationshipName="Same")
    second = field_xml("Two__c", "Lookup", referenceTo="Account", relationshipName="Same")
    done = deploy(org.client, Package({"Clash__c": object_xml("Clash") + first + second}))
    assert "already a Child Relationship named Same on Account" in done.errors[0]["message"]
    twice = deploy(org.client, Package({"Clash__c": object_xml("Clash") + depths(1) + depths(1)}))
    assert "Duplicate field name" in twice.errors[0]["message"]


def test_a_permission_set_must_not_list_required_or_master_detail_fields(org: Opened) -> None:
    detail = field_xml("Master__c", "MasterDetail", referenceTo="Account", relationshipName="Details")
    objects = {"Detail__c": object_xml("Detail", sharing="ControlledByParent") + detail}
    assert deploy(org.client, Package(objects)).status == "Succeeded"
    assert "Master__c" in _names(org, "Detail__c")
    sets = {"Wrong": grants_xml("Wrong", ["Detail__c.Master__c"])}
    done = deploy(org.client, Package(permission_sets=sets))
    assert done.errors[0]["message"] == "You cannot deploy to a required field: Detail__c.Master__c"
    missing = deploy(org.client, Package(permission_sets={"W": grants_xml("W", ["Detail__c.No__c"])}))
    assert "no CustomField named Detail__c.No__c found" in missing.errors[0]["message"]


def test_a_field_deployed_again_is_changed_and_its_type_is_not(org: Opened) -> None:
    first = field_xml("Twice__c", "Text", length=10)
    deploy(org.client, Package({"Account": first}))
    longer = deploy(org.client, Package({"Account": field_xml("Twice__c", "Text", "New label", length=20)}))
    assert longer.status == "Succeeded"
    grant(org.client, "Twice", ["Account.Twice__c"])
    told = next(item for item in org.client.Account.describe()["fields"] if item["name"] == "Twice__c")
    assert (told["length"], told["label"]) == (20, "New label")
    other = deploy(org.client, Package({"Account": field_xml("Twice__c", "Date")}))
    assert other.errors[0]["message"] == "Cannot change field type from Text to Date"


def test_activity_takes_no_long_text_and_its_fields_show_on_events(org: Opened) -> None:
    long_text = field_xml("Long__c", "LongTextArea", length=1000, visibleLines=3)
    assert deploy(org.client, Package({"Activity": long_text})).status == "Failed"
    fields = {"Activity": field_xml("SessionType__c", "Text", length=40)}
    assert deploy(org.client, Package(fields)).status == "Succeeded"
    grant(org.client, "Activities", ["Activity.SessionType__c"])
    assert "SessionType__c" in _names(org, "Event") & _names(org, "Task")


def test_describe_metadata_through_zeep(org: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(org.sandbox.ca_path))
    told = org.client.mdapi.describe_metadata()
    assert {item.xmlName for item in told.metadataObjects} == {
        "CustomObject",
        "PermissionSet",
        "Layout",
        "CustomTab",
    }


@dataclass
class Looks(Package):
    """A package that has layouts and tabs too: name -> XML inside the element."""

    layouts: Mapping[str, str] = field(default_factory=dict)
    tabs: Mapping[str, str] = field(default_factory=dict)

    def zip(self) -> bytes:
        packed = io.BytesIO(super().zip())
        more = {"Layout": ("layouts", "layout", self.layouts), "CustomTab": ("tabs", "tab", self.tabs)}
        with zipfile.ZipFile(packed) as archive:
            files = {name: archive.read(name).decode() for name in archive.namelist()}
        for kind, (folder, suffix, components) in more.items():
            members = "".join(element("members", name) for name in components)
            types = f"<types>{members}<name>{kind}</name></types>" if members else ""
            files["package.xml"] = files["package.xml"].replace("<version>", types + "<version>")
            for name, inner in components.items():
                files[f"{folder}/{name}.{suffix}"] = f"<{kind} {NAMESPACE}>{inner}</{kind}>"
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return made.getvalue()


def section(*items: tuple[str, str], label: str = "Information") -> str:
    """A section of two columns, fields with their behaviour in the first."""
    shown = "".join(
        f"<layoutItems>{element('behavior', behavior)}{element('field', name)}</layoutItems>"
        for name, behavior in items
    )
    return (
        "<layoutSections><customLabel>true</customLabel><detailHeading>true</detailHeading><editHeading>true"
        f"</editHeading>{element('label', label)}<layoutColumns>{shown}</layoutColumns><layoutColumns/>"
        "<style>TwoColumnsTopToBottom</style></layoutSections>"
    )


NAMED = ("Name", "Readonly")
TAB = element("customObject", True) + element("motif", "Custom53: Bell")
SHOWN = object_xml("Shown") + field_xml("Depth__c", "Number", precision=2, scale=0)
SHOWN += field_xml("Must__c", "Text", length=5, required=True)
SHOWN += field_xml("Contact__c", "Lookup", referenceTo="Contact", relationshipName="Shown")


def list_view(
    name: str, columns: str = "NAME", field_name: str = "Must__c", operation: str = "equals"
) -> str:
    return (
        f"<listViews>{element('fullName', name)}{element('columns', columns)}"
        f"<filterScope>Everything</filterScope><filters>{element('field', field_name)}"
        f"{element('operation', operation)}<value>x</value></filters>{element('label', name)}</listViews>"
    )


@pytest.fixture(scope="module")
def shown(org: Opened) -> Opened:
    """The org with Shown__c: an auto-number, a required field, a lookup to Contact."""
    done = deploy(org.client, Package({"Shown__c": SHOWN}))
    assert done.status == "Succeeded", done.errors
    return org


def _soap(org: Opened, call: str) -> ElementTree.Element:
    envelope = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>'
        f"<SessionHeader {NAMESPACE}>{element('sessionId', org.token)}</SessionHeader></e:Header>"
        f"<e:Body>{call}</e:Body></e:Envelope>"
    )
    url = f"{org.sandbox.url}/services/Soap/m/66.0"
    answer = org.bulk.session.post(url, data=envelope, headers={"Content-Type": "text/xml"}, timeout=30)
    return ElementTree.fromstring(answer.text.replace(NAMESPACE, ""))


def _read(org: Opened, kind: str, name: str) -> ElementTree.Element:
    call = f"<readMetadata>{element('type', kind)}{element('fullNames', name)}</readMetadata>"
    found = _soap(org, call).find(".//records")
    assert found is not None
    return found


def _fields(layout: ElementTree.Element) -> list[str | None]:
    return [item.text for item in layout.findall(".//layoutItems/field")]


def test_a_new_object_has_a_layout_and_a_new_field_is_on_it_only_if_required(shown: Opened) -> None:
    layout = _read(shown, "Layout", "Shown__c-Shown Layout")
    assert _fields(layout) == ["Name", "Must__c", "OwnerId", "CreatedById", "LastModifiedById"]
    assert "MailingAddress" in _fields(_read(shown, "Layout", "Contact-Contact Layout"))


def test_a_layout_with_related_lists_a_tab_and_a_list_view_come_back_as_deployed(shown: Opened) -> None:
    mine = section(NAMED, ("Must__c", "Required")) + section(("Depth__c", "Edit"), label="Pocket depth")
    related = element("relatedList", "Shown__c.Contact__c") + element("fields", "NAME")
    related = f"<relatedLists>{related}{element('fields', 'Depth__c')}</relatedLists>"
    tab = "<tabSettings><tab>Shown__c</tab><visibility>Visible</visibility></tabSettings>"
    package = Looks(
        {"Shown__c": SHOWN + list_view("Open_Ones")},
        {"Tabs": element("label", "Tabs") + tab},
        layouts={
            "Shown__c-Mine": mine,
            "Contact-Ours": section(("Name", "Required"), ("MailingAddress", "Edit")) + related,
        },
        tabs={"Shown__c": TAB},
    )
    done = deploy(shown.client, package)
    assert done.status == "Succeeded", done.errors
    assert _fields(_read(shown, "Layout", "Shown__c-Mine")) == ["Name", "Must__c", "Depth__c"]
    ours = _read(shown, "Layout", "Contact-Ours")
    assert [item.text for item in ours.findall("relatedLists/fields")] == ["NAME", "Depth__c"]
    assert _read(shown, "ListView", "Shown__c.Open_Ones").findtext("filters/field") == "Must__c"
    assert _read(shown, "CustomTab", "Shown__c").findtext("motif") == "Custom53: Bell"
    assert _read(shown, "PermissionSet", "Tabs").findtext("tabSettings/visibility") == "Visible"
    listed = _soap(shown, "<listMetadata><queries><type>Layout</type></queries></listMetadata>")
    names = {item.text for item in listed.findall(".//result/fullName")}
    assert {"Shown__c-Mine", "Shown__c-Shown Layout", "Contact-Ours", "Contact-Contact Layout"} <= names


@pytest.mark.parametrize(
    ("name", "xml", "said"),
    [
        ("Shown__c-L", "", "Layout must have at least 1 section"),
        ("Nope__c-L", section(NAMED), "no CustomObject named Nope__c found"),
        ("Shown__c-L", section(NAMED), "must contain an item for required layout field: Must__c"),
        (
            "Shown__c-L",
            section(NAMED, ("Must__c", "Required"), ("Gone__c", "Edit")),
            "In field: field - no CustomField named Shown__c.Gone__c found",
        ),
        ("Shown__c-L", section(NAMED, ("Must__c", "Edit")), "Field:Must__c must be Required"),
        ("Shown__c-L", section(("Name", "Edit")), "Field:Name must be Readonly"),
        (
            "Shown__c-L",
            section(NAMED, ("Must__c", "Required")) + section(NAMED),
            "Field: field, value:Name appears more than once",
        ),
        (
            "Contact-L",
            section(("Name", "Required"))
            + "<relatedLists><relatedList>Shown__c.Depth__c</relatedList></relatedLists>",
            "Cannot find related list:Shown__c.Depth__c",
        ),
        (
            "Contact-L",
            section(("Name", "Required"))
            + "<relatedLists><fields>Gone__c</fields><relatedList>Shown__c.Contact__c</relatedList>"
            "</relatedLists>",
            "Invalid field:Gone__c in related list:Shown__c.Contact__c",
        ),
    ],
)
def test_a_layout_the_platform_refuses_is_refused(shown: Opened, name: str, xml: str, said: str) -> None:
    done = deploy(shown.client, Looks(layouts={name: xml}))
    assert done.status == "Failed"
    assert said in done.errors[0]["message"]


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (list_view("Bad", columns="Gone__c"), "Could not resolve list view column: Gone__c"),
        (list_view("Bad", field_name="Gone__c"), "Could not resolve list view column: Gone__c"),
        (list_view("Bad", field_name="Depth__c", operation="startsWith"), "Invalid filter operator"),
        (list_view("Bad Name"), "List View Unique Name"),
        (
            list_view("Bad").replace("Everything", "Mine"),
            "Invalid scope:Mine, not allowed on: Shown__c",
        ),
    ],
)
def test_a_list_view_the_platform_refuses_is_refused(shown: Opened, xml: str, said: str) -> None:
    done = deploy(shown.client, Package({"Shown__c": SHOWN + xml}))
    assert done.status == "Failed"
    assert said in done.errors[0]["message"]


def test_a_tab_needs_its_object_and_a_motif(shown: Opened) -> None:
    for name, xml, said in (
        ("Nope__c", TAB, "no CustomObject named Nope__c found"),
        ("Shown__c", element("customObject", True), "Required field is missing: motif"),
        ("Page", element("url", "https://example.org"), "not part of this sandbox"),
    ):
        assert said in deploy(shown.client, Looks(tabs={name: xml})).errors[0]["message"]
    hidden = "<tabSettings><tab>Wide__c</tab><visibility>Visible</visibility></tabSettings>"
    done = deploy(shown.client, Package(permission_sets={"T": element("label", "T") + hidden}))
    assert done.errors[0]["message"] == "In field: tab - no CustomTab named Wide__c found"


def test_components_this_org_has_not_are_refused_not_ignored(shown: Opened) -> None:
    rule = "<validationRules><fullName>R</fullName></validationRules>"
    done = deploy(shown.client, Package({"Shown__c": SHOWN + rule}))
    assert done.errors[0]["message"] == "validationRules are not part of this sandbox"
    classes = "<classAccesses><apexClass>X</apexClass><enabled>true</enabled></classAccesses>"
    done = deploy(shown.client, Package(permission_sets={"C": element("label", "C") + classes}))
    assert "classAccesses" in done.errors[0]["message"]


def test_what_is_retrieved_can_be_deployed_and_changes_nothing(shown: Opened) -> None:
    archive = _retrieve(shown, {"CustomObject": ["Shown__c"], "Layout": ["*"], "PermissionSet": ["*"]})
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        names = set(opened.namelist())
    assert {"objects/Shown__c.object", "layouts/Shown__c-Shown Layout.layout"} <= names

    class Again(Package):
        def zip(self) -> bytes:
            return archive

    done = deploy(shown.client, Again())
    assert done.status == "Succeeded", done.errors


def _retrieve(org: Opened, wanted: dict[str, list[str]]) -> bytes:
    types = "".join(
        "<types>" + "".join(element("members", name) for name in names) + element("name", kind) + "</types>"
        for kind, names in wanted.items()
    )
    inner = (
        f"<apiVersion>66.0</apiVersion><singlePackage>true</singlePackage><unpackaged>{types}</unpackaged>"
    )
    started = _soap(org, f"<retrieve><retrieveRequest>{inner}</retrieveRequest></retrieve>").findtext(".//id")
    told = _soap(org, f"<checkRetrieveStatus>{element('asyncProcessId', started)}</checkRetrieveStatus>")
    return base64.b64decode(told.findtext(".//zipFile") or "")
