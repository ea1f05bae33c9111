"""The standard objects that a new org has: the part of Sales Cloud that a migration of a practice touches.

Types, lengths and required fields follow the Object Reference. Compound fields (MailingAddress, ...) are left
out, so that asking for one is refused instead of answered differently.
"""

from typing import TypedDict, Unpack

from migration_sandbox.salesforce.schema import Field, SObject, audit_fields, owner_field, system_fields

SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
ACCOUNT_TYPES = ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Other")
EVENT_SHOW_AS = ("Busy", "OutOfOffice", "Free")


class _Access(TypedDict):
    createable: bool
    updateable: bool


class _More(TypedDict, total=False):
    createable: bool
    updateable: bool
    required: bool
    name_field: bool


READ_ONLY = _Access(createable=False, updateable=False)


def _text(name: str, label: str, length: int, **more: Unpack[_More]) -> Field:
    return Field(name, label, "string", length=length, **more)


def _address(prefix: str, label: str) -> list[Field]:
    return [
        Field(f"{prefix}Street", f"{label} Street", "textarea", length=255),
        _text(f"{prefix}City", f"{label} City", 40),
        _text(f"{prefix}State", f"{label} State/Province", 80),
        _text(f"{prefix}PostalCode", f"{label} Zip/Postal Code", 20),
        _text(f"{prefix}Country", f"{label} Country", 80),
    ]


def _phone(name: str, label: str) -> Field:
    return Field(name, label, "phone", length=40)


def _lookup(name: str, label: str, *targets: str, relationship: str, **more: Unpack[_More]) -> Field:
    return Field(
        name, label, "reference", length=18, references=targets, relationship_name=relationship, **more
    )


def _make(
    name: str, label: str, plural: str, prefix: str, fields: list[Field], writable: bool = True
) -> SObject:
    made = SObject(name, label, plural, prefix, createable=writable, deletable=writable)
    for item in [*system_fields(), *fields, *audit_fields()]:
        made.put(item)
    return made


def _account() -> SObject:
    return _make(
        "Account", "Account", "Accounts", "001",
        [
            _text("Name", "Account Name", 255, required=True, name_field=True),
            Field("Type", "Account Type", "picklist", length=255, picklist=ACCOUNT_TYPES),
            _lookup("ParentId", "Parent Account ID", "Account", relationship="Parent"),
            *_address("Billing", "Billing"),
            *_address("Shipping", "Shipping"),
            _phone("Phone", "Account Phone"),
            _phone("Fax", "Account Fax"),
            _text("AccountNumber", "Account Number", 40),
            Field("Website", "Website", "url", length=255),
            Field("Industry", "Industry", "picklist", length=255, picklist=("Healthcare", "Other")),
            Field("NumberOfEmployees", "Employees", "int", precision=8),
            Field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
            Field("Description", "Account Description", "textarea", length=32000),
            owner_field(),
        ],
    )  # fmt: skip


def _contact() -> SObject:
    return _make(
        "Contact", "Contact", "Contacts", "003",
        [
            _lookup("AccountId", "Account ID", "Account", relationship="Account"),
            _text("LastName", "Last Name", 80, required=True),
            _text("FirstName", "First Name", 40),
            Field("Salutation", "Salutation", "picklist", length=40, picklist=SALUTATIONS),
            _text("MiddleName", "Middle Name", 40),
            _text("Suffix", "Suffix", 40),
            Field("Name", "Full Name", "string", length=121, name_field=True, calculated=False, **READ_ONLY),
            *_address("Other", "Other"),
            *_address("Mailing", "Mailing"),
            _phone("Phone", "Business Phone"),
            _phone("Fax", "Business Fax"),
            _phone("MobilePhone", "Mobile Phone"),
            _phone("HomePhone", "Home Phone"),
            _phone("OtherPhone", "Other Phone"),
            _phone("AssistantPhone", "Asst. Phone"),
            _lookup("ReportsToId", "Reports To ID", "Contact", relationship="ReportsTo"),
            Field("Email", "Email", "email", length=80),
            _text("Title", "Title", 128),
            _text("Department", "Department", 80),
            _text("AssistantName", "Assistant's Name", 40),
            Field("LeadSource", "Lead Source", "picklist", length=255, picklist=LEAD_SOURCES),
            Field("Birthdate", "Birthdate", "date"),
            Field("Description", "Contact Description", "textarea", length=32000),
            owner_field(),
            Field("HasOptedOutOfEmail", "Email Opt Out", "boolean", default="false"),
            Field("HasOptedOutOfFax", "Fax Opt Out", "boolean", default="false"),
            Field("DoNotCall", "Do Not Call", "boolean", default="false"),
        ],
    )  # fmt: skip


def _activity_parents() -> list[Field]:
    return [
        _lookup("WhoId", "Name ID", "Contact", relationship="Who"),
        _lookup("WhatId", "Related To ID", "Account", relationship="What"),
        Field("Subject", "Subject", "combobox", length=255, picklist=("Call", "Email", "Meeting", "Other")),
    ]


def _event() -> SObject:
    return _make(
        "Event", "Event", "Events", "00U",
        [
            *_activity_parents(),
            _text("Location", "Location", 255),
            Field("IsAllDayEvent", "All-Day Event", "boolean", default="false"),
            Field("ActivityDateTime", "Due Date Time", "datetime"),
            Field("ActivityDate", "Due Date Only", "date"),
            Field("DurationInMinutes", "Duration", "int", precision=8),
            Field("StartDateTime", "Start Date Time", "datetime"),
            Field("EndDateTime", "End Date Time", "datetime"),
            Field("EndDate", "End Date", "date", **READ_ONLY),
            Field("Description", "Description", "textarea", length=32000),
            owner_field(),
            Field("IsPrivate", "Private", "boolean", default="false"),
            Field("ShowAs", "Show Time As", "picklist", length=255, picklist=EVENT_SHOW_AS, default="Busy"),
            Field("IsArchived", "Archived", "boolean", **READ_ONLY),
        ],
    )  # fmt: skip


def _task() -> SObject:
    return _make(
        "Task",
        "Task",
        "Tasks",
        "00T",
        [
            *_activity_parents(),
            Field("ActivityDate", "Due Date Only", "date"),
            Field(
                "Status",
                "Status",
                "picklist",
                length=255,
                default="Not Started",
                picklist=("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
            ),
            Field(
                "Priority",
                "Priority",
                "picklist",
                length=255,
                picklist=("High", "Normal", "Low"),
                default="Normal",
            ),
            Field("Description", "Description", "textarea", length=32000),
            owner_field(),
            Field("IsArchived", "Archived", "boolean", **READ_ONLY),
        ],
    )


def _setup_objects() -> list[SObject]:
    return [
        _make(
            "Organization", "Organization", "Organizations", "00D",
            [
                _text("Name", "Name", 80, name_field=True, **READ_ONLY),
                Field("IsSandbox", "Is Sandbox", "boolean", **READ_ONLY),
                Field("OrganizationType", "Edition", "picklist", length=40, **READ_ONLY),
                _text("InstanceName", "Instance Name", 5, **READ_ONLY),
                _text("NamespacePrefix", "Namespace Prefix", 15, **READ_ONLY),
                Field("TrialExpirationDate", "Trial Expiration Date", "datetime", **READ_ONLY),
                Field("LanguageLocaleKey", "Language", "picklist", length=40, **READ_ONLY),
                Field("DefaultLocaleSidKey", "Locale", "picklist", length=40, **READ_ONLY),
                Field("TimeZoneSidKey", "Time Zone", "picklist", length=40, **READ_ONLY),
                _text("Country", "Country", 80, **READ_ONLY),
            ], writable=False,
        ),
        _make(
            "User", "User", "Users", "005",
            [
                _text("Username", "Username", 80, **READ_ONLY),
                _text("LastName", "Last Name", 80, **READ_ONLY),
                _text("FirstName", "First Name", 40, **READ_ONLY),
                _text("Name", "Full Name", 121, name_field=True, **READ_ONLY),
                Field("Email", "Email", "email", length=128, **READ_ONLY),
                _text("Alias", "Alias", 8, **READ_ONLY),
                Field("IsActive", "Active", "boolean", **READ_ONLY),
                Field("UserType", "User Type", "picklist", length=40, **READ_ONLY),
                _lookup("ProfileId", "Profile ID", "Profile", relationship="Profile", **READ_ONLY),
                Field("TimeZoneSidKey", "Time Zone", "picklist", length=40, **READ_ONLY),
                Field("LocaleSidKey", "Locale", "picklist", length=40, **READ_ONLY),
            ], writable=False,
        ),
        _make(
            "Profile", "Profile", "Profile", "00e",
            [
                _text("Name", "Name", 255, name_field=True, **READ_ONLY),
                Field("UserType", "User Type", "picklist", length=40, **READ_ONLY),
            ], writable=False,
        ),
        _make(
            "PermissionSet", "Permission Set", "Permission Sets", "0PS",
            [
                _text("Name", "Permission Set Name", 80, name_field=True, **READ_ONLY),
                _text("Label", "Permission Set Label", 80, **READ_ONLY),
                Field("IsOwnedByProfile", "Is Owned By Profile", "boolean", **READ_ONLY),
                _lookup("ProfileId", "Profile ID", "Profile", relationship="Profile", **READ_ONLY),
                Field("Description", "Description", "string", length=255, **READ_ONLY),
            ], writable=False,
        ),
        _make(
            "PermissionSetAssignment", "Permission Set Assignment", "Permission Set Assignments", "0Pa",
            [
                Field(
                    "PermissionSetId", "PermissionSet ID", "reference", length=18, required=True,
                    references=("PermissionSet",), relationship_name="PermissionSet", updateable=False,
                ),
                Field(
                    "AssigneeId", "Assignee ID", "reference", length=18, required=True,
                    references=("User",), relationship_name="Assignee", updateable=False,
                ),
            ],
        ),
        _make(
            "RecordType", "Record Type", "Record Types", "012",
            [
                _text("Name", "Name", 80, name_field=True, **READ_ONLY),
                _text("DeveloperName", "Record Type Name", 80, **READ_ONLY),
                Field("SobjectType", "SObject Type Name", "picklist", length=40, **READ_ONLY),
                Field("IsActive", "Active", "boolean", **READ_ONLY),
            ], writable=False,
        ),
    ]  # fmt: skip


def _virtual(name: str, label: str, fields: list[Field], tooling: bool = False) -> SObject:
    made = SObject(name, label, label, "", createable=False, deletable=False, virtual=True, tooling=tooling)
    for item in fields:
        made.put(item)
    return made


def _virtual_objects() -> list[SObject]:
    def text(name: str) -> Field:
        return _text(name, name, 255, **READ_ONLY)

    def flag(name: str) -> Field:
        return Field(name, name, "boolean", **READ_ONLY)

    def number(name: str) -> Field:
        return Field(name, name, "int", precision=9, **READ_ONLY)

    def parent() -> Field:
        return _lookup("ParentId", "Parent ID", "PermissionSet", relationship="Parent", **READ_ONLY)

    permissions = ["Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords"]
    entity = ["QualifiedApiName", "DeveloperName", "Label", "PluralLabel", "KeyPrefix"]
    definition = [
        text("DurableId"),
        text("QualifiedApiName"),
        text("DeveloperName"),
        text("Label"),
        text("DataType"),
    ]
    return [
        _virtual(
            "FieldPermissions",
            "Field Permissions",
            [
                text("Id"),
                parent(),
                text("SobjectType"),
                text("Field"),
                flag("PermissionsRead"),
                flag("PermissionsEdit"),
            ],
        ),
        _virtual(
            "ObjectPermissions",
            "Object Permissions",
            [
                text("Id"),
                parent(),
                text("SobjectType"),
                *(flag(f"Permissions{name}") for name in permissions),
            ],
        ),
        _virtual(
            "EntityDefinition",
            "Entity Definition",
            [
                text("Id"),
                text("DurableId"),
                *(text(name) for name in entity),
                flag("IsCustomizable"),
                flag("IsQueryable"),
            ],
        ),
        _virtual(
            "FieldDefinition",
            "Field Definition",
            [
                text("Id"),
                *definition,
                text("EntityDefinitionId"),
                number("Length"),
                number("Precision"),
                number("Scale"),
                flag("IsIndexed"),
                flag("IsNillable"),
            ],
        ),
        _virtual(
            "CustomField",
            "Custom Field",
            [
                text("Id"),
                text("DeveloperName"),
                text("TableEnumOrId"),
                text("NamespacePrefix"),
                text("InlineHelpText"),
            ],
            tooling=True,
        ),
        _virtual(
            "CustomObject",
            "Custom Object",
            [text("Id"), text("DeveloperName"), text("NamespacePrefix"), text("Description")],
            tooling=True,
        ),
    ]


def standard_objects() -> dict[str, SObject]:
    made = [_account(), _contact(), _event(), _task(), *_setup_objects(), *_virtual_objects()]
    return {item.name: item for item in made}
