"""describe: the schema as a caller may see it. A field that no permission set grants is not there."""

from typing import Any

from migration_sandbox.salesforce.access import CREATE, DELETE, EDIT, may
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.schema import Field, SObject

SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "base64": "xsd:base64Binary",
}  # fmt: skip


STANDARD_CHILDREN = {
    ("Account", "ParentId"): "ChildAccounts", ("Contact", "AccountId"): "Contacts",
    ("Event", "WhoId"): "Events", ("Event", "WhatId"): "Events",
    ("Task", "WhoId"): "Tasks", ("Task", "WhatId"): "Tasks",
    ("EventRelation", "EventId"): "EventRelations", ("EventRelation", "RelationId"): "EventRelations",
    ("AccountContactRelation", "AccountId"): "AccountContactRelations",
    ("AccountContactRelation", "ContactId"): "AccountContactRelations",
    ("ContentDocumentLink", "LinkedEntityId"): "ContentDocumentLinks",
    ("ContentDocumentLink", "ContentDocumentId"): "ContentDocumentLinks",
    ("ContentVersion", "ContentDocumentId"): "ContentVersions",
    ("PermissionSetAssignment", "PermissionSetId"): "Assignments",
    ("PermissionSetAssignment", "AssigneeId"): "PermissionSetAssignments",
}  # fmt: skip
"""Names of the standard relationships from parent to child; those not listed have none."""


def child_name(child: SObject, item: Field) -> str | None:
    return item.child_relationship_name or STANDARD_CHILDREN.get((child.name, item.name))


def child_relationships(org: Org, parent: SObject) -> dict[str, tuple[str, str, str]]:
    """Relationships from a parent that the user sees: lower-case name -> (name, child object, its field)."""
    found: dict[str, tuple[str, str, str]] = {}
    for other in org.objects.values():
        for item in () if other.virtual else other.fields.values():
            name = child_name(other, item) if parent.name in item.references else None
            if name is not None and org.can_see(other, item.name):
                found[name.lower()] = (name, other.name, item.name)
    return found


def _byte_length(item: Field) -> int:
    return item.length * 3 if item.textual else item.length


def describe_field(org: Org, sobject: SObject, item: Field) -> dict[str, Any]:
    editable = org.can_edit(sobject, item.name)
    insertable, changeable = (editable and may(org, sobject, flag) for flag in (CREATE, EDIT))
    audited = item.audit and org.settings.set_audit_fields and insertable
    has_default = item.type == "boolean" or item.default is not None or item.name == "OwnerId"
    filterable = not item.long_text
    return {
        "aggregatable": filterable and item.type != "boolean",
        "aiPredictionField": False,
        "autoNumber": item.name_field and sobject.name_format is not None,
        "byteLength": _byte_length(item),
        "calculated": item.calculated,
        "calculatedFormula": None,
        "cascadeDelete": item.cascades,
        "caseSensitive": item.case_sensitive,
        "compoundFieldName": "Name"
        if item.name in ("FirstName", "LastName") and "Name" in sobject.fields
        else None,
        "controllerName": None,
        "createable": (item.createable and insertable) or audited,
        "custom": item.custom,
        "defaultValue": (item.default or "false") == "true" if item.type == "boolean" else None,
        "defaultValueFormula": item.default if item.custom and item.type != "boolean" else None,
        "defaultedOnCreate": has_default or not item.createable,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": item.precision if item.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": item.external_id,
        "extraTypeInfo": "plaintextarea" if item.type == "textarea" else None,
        "filterable": filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": filterable
        and item.type not in ("datetime", "double", "currency", "percent", "multipicklist"),
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": item.indexed
        or item.type == "id"
        or (item.name_field and sobject.custom)
        or item.name == "Email",
        "inlineHelpText": item.help_text,
        "label": item.label,
        "length": item.length,
        "mask": None,
        "maskType": None,
        "name": item.name,
        "nameField": item.name_field,
        "namePointing": item.polymorphic and item.name != "OwnerId",
        "nillable": not item.required and item.type not in ("boolean", "id") and not item.audit,
        "permissionable": not item.always_visible,
        "picklistValues": [
            {
                "active": True,
                "defaultValue": value == item.default,
                "label": value,
                "validFor": None,
                "value": value,
            }
            for value in item.picklist
        ],
        "polymorphicForeignKey": item.polymorphic and item.name != "OwnerId",
        "precision": item.precision if item.numeric and item.type != "int" else 0,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(item.references),
        "relationshipName": item.relationship_name,
        "relationshipOrder": 0 if item.master_detail else None,
        "restrictedDelete": False,
        "restrictedPicklist": item.restricted,
        "scale": item.scale,
        "searchPrefilterable": item.type == "reference",
        "soapType": SOAP_TYPES.get(item.type, "xsd:string"),
        "sortable": filterable and item.type != "multipicklist",
        "type": item.type,
        "unique": item.unique,
        "updateable": item.updateable and changeable,
        "writeRequiresMasterRead": False,
    }


def summary(org: Org, sobject: SObject, version: str) -> dict[str, Any]:
    """An object as /sobjects lists it."""
    root = f"/services/data/v{version}/sobjects/{sobject.name}"
    writable = sobject.createable and may(org, sobject, CREATE)
    urls = {"sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}"}
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": writable,
        "custom": sobject.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": sobject.deletable and may(org, sobject, DELETE),
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix or None,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "layoutable": writable,
        "mergeable": sobject.name in ("Account", "Contact"),
        "mruEnabled": writable,
        "name": sobject.name,
        "queryable": True,
        "replicateable": writable,
        "retrieveable": True,
        "searchable": writable,
        "triggerable": writable,
        "undeletable": writable,
        "updateable": sobject.updateable and may(org, sobject, EDIT),
        "urls": urls,
    }


def describe(org: Org, sobject: SObject, version: str) -> dict[str, Any]:
    with org.lock:
        fields = [
            describe_field(org, sobject, item)
            for item in sobject.fields.values()
            if sobject.virtual or org.can_see(sobject, item.name)
        ]
        children: list[dict[str, Any]] = [
            {
                "cascadeDelete": item.cascades, "childSObject": other.name, "deprecatedAndHidden": False,
                "field": item.name, "junctionIdListNames": [], "junctionReferenceTo": [],
                "relationshipName": child_name(other, item), "restrictedDelete": False,
            }
            for other in org.objects.values()
            if not other.virtual
            for item in other.fields.values()
            if sobject.name in item.references and org.can_see(other, item.name)
        ]  # fmt: skip
    return summary(org, sobject, version) | {
        "actionOverrides": [],
        "childRelationships": children,
        "compactLayoutable": sobject.createable,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": fields,
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
                "urls": {},
            }
        ],
        "searchLayoutable": sobject.createable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {sobject.label_plural}", "name": "everything"}],
    }
