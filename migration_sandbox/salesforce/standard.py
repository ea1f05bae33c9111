"""The standard objects that a new org has: the part of Sales Cloud that a migration of a practice touches.

Types, lengths and required fields follow the Object Reference. Compound fields (MailingAddress, ...) are left
out, so that asking for one is refused instead of answered differently.
"""

from migration_sandbox.salesforce.rule_objects import rule_objects
from migration_sandbox.salesforce.schema import Field, SObject, owner_field
from migration_sandbox.salesforce.standard_fields import READ_ONLY, address, lookup, make, phone, text
from migration_sandbox.salesforce.standard_files import content_objects
from migration_sandbox.salesforce.standard_relations import event_relation
from migration_sandbox.salesforce.user_permissions import permission_fields
from migration_sandbox.salesforce.users import user_license

SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
ACCOUNT_TYPES = ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Other")
EVENT_SHOW_AS = ("Busy", "OutOfOffice", "Free")


def _account() -> SObject:
    return make(
        "Account", "Account", "Accounts", "001",
        [
            text("Name", "Account Name", 255, required=True, name_field=True),
            Field("Type", "Account Type", "picklist", length=255, picklist=ACCOUNT_TYPES),
            lookup("ParentId", "Parent Account ID", "Account", relationship="Parent"),
            *address("Billing", "Billing"),
            *address("Shipping", "Shipping"),
            phone("Phone", "Account Phone"),
            phone("Fax", "Account Fax"),
            text("AccountNumber", "Account Number", 40),
            Field("Website", "Website", "url", length=255),
            Field("Industry", "Industry", "picklist", length=255, picklist=("Healthcare", "Other")),
            Field("NumberOfEmployees", "Employees", "int", precision=8),
            Field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
            Field("Description", "Account Description", "textarea", length=32000),
            owner_field(),
        ],
    )  # fmt: skip


def _contact() -> SObject:
    return make(
        "Contact", "Contact", "Contacts", "003",
        [
            lookup("AccountId", "Account ID", "Account", relationship="Account"),
            text("LastName", "Last Name", 80, required=True),
            text("FirstName", "First Name", 40),
            Field("Salutation", "Salutation", "picklist", length=40, picklist=SALUTATIONS),
            text("MiddleName", "Middle Name", 40),
            text("Suffix", "Suffix", 40),
            Field("Name", "Full Name", "string", length=121, name_field=True, calculated=False, **READ_ONLY),
            *address("Other", "Other"),
            *address("Mailing", "Mailing"),
            phone("Phone", "Business Phone"),
            phone("Fax", "Business Fax"),
            phone("MobilePhone", "Mobile Phone"),
            phone("HomePhone", "Home Phone"),
            phone("OtherPhone", "Other Phone"),
            phone("AssistantPhone", "Asst. Phone"),
            lookup("ReportsToId", "Reports To ID", "Contact", relationship="ReportsTo"),
            Field("Email", "Email", "email", length=80),
            text("Title", "Title", 128),
            text("Department", "Department", 80),
            text("AssistantName", "Assistant's Name", 40),
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
        lookup("WhoId", "Name ID", "Contact", relationship="Who", on_delete="cascade"),
        lookup("WhatId", "Related To ID", "Account", relationship="What", on_delete="cascade"),
        Field("Subject", "Subject", "combobox", length=255, picklist=("Call", "Email", "Meeting", "Other")),
    ]


def _event() -> SObject:
    return make(
        "Event", "Event", "Events", "00U",
        [
            *_activity_parents(),
            text("Location", "Location", 255),
            Field("IsAllDayEvent", "All-Day Event", "boolean", default="false"),
            Field("ActivityDateTime", "Due Date Time", "datetime"),
            Field("ActivityDate", "Due Date Only", "date"),
            Field("DurationInMinutes", "Duration", "int", precision=8),
            Field("StartDateTime", "Start Date Time", "datetime"),
            Field("EndDateTime", "End Date Time", "datetime"),
            Field("EndDate", "End Date", "date", **READ_ONLY),
            Field("Description", "Description", "textarea", length=32000),
            owner_field(any_owner=True),
            Field("IsPrivate", "Private", "boolean", default="false"),
            Field("ShowAs", "Show Time As", "picklist", length=255, picklist=EVENT_SHOW_AS, default="Busy"),
            Field("IsArchived", "Archived", "boolean", **READ_ONLY),
        ],
    )  # fmt: skip


def _task() -> SObject:
    return make(
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
            Field("IsClosed", "Closed", "boolean", **READ_ONLY),
            Field(
                "Priority",
                "Priority",
                "picklist",
                length=255,
                picklist=("High", "Normal", "Low"),
                default="Normal",
            ),
            Field("Description", "Description", "textarea", length=32000),
            owner_field(any_owner=True),
            Field("IsArchived", "Archived", "boolean", **READ_ONLY),
        ],
    )


def _setup_objects() -> list[SObject]:
    return [
        make(
            "Organization", "Organization", "Organizations", "00D",
            [
                text("Name", "Name", 80, name_field=True, **READ_ONLY),
                Field("IsSandbox", "Is Sandbox", "boolean", **READ_ONLY),
                Field("OrganizationType", "Edition", "picklist", length=40, **READ_ONLY),
                text("InstanceName", "Instance Name", 5, **READ_ONLY),
                text("NamespacePrefix", "Namespace Prefix", 15, **READ_ONLY),
                Field("TrialExpirationDate", "Trial Expiration Date", "datetime", **READ_ONLY),
                Field("LanguageLocaleKey", "Language", "picklist", length=40, **READ_ONLY),
                Field("DefaultLocaleSidKey", "Locale", "picklist", length=40, **READ_ONLY),
                Field("TimeZoneSidKey", "Time Zone", "picklist", length=40, **READ_ONLY),
                text("Country", "Country", 80, **READ_ONLY),
            ], writable=False,
        ),
        make(
            "User", "User", "Users", "005",
            [
                text("Username", "Username", 80, **READ_ONLY),
                text("LastName", "Last Name", 80, **READ_ONLY),
                text("FirstName", "First Name", 40, **READ_ONLY),
                text("Name", "Full Name", 121, name_field=True, **READ_ONLY),
                Field("Email", "Email", "email", length=128, **READ_ONLY),
                text("Alias", "Alias", 8, **READ_ONLY),
                Field("IsActive", "Active", "boolean", **READ_ONLY),
                Field("UserType", "User Type", "picklist", length=40, **READ_ONLY),
                lookup("ProfileId", "Profile ID", "Profile", relationship="Profile", **READ_ONLY),
                Field("TimeZoneSidKey", "Time Zone", "picklist", length=40, **READ_ONLY),
                Field("LocaleSidKey", "Locale", "picklist", length=40, **READ_ONLY),
            ], writable=False,
        ),
        make(
            "Profile", "Profile", "Profile", "00e",
            [
                text("Name", "Name", 255, name_field=True, **READ_ONLY),
                Field("UserType", "User Type", "picklist", length=40, **READ_ONLY),
                lookup(
                    "UserLicenseId", "User License ID", "UserLicense", relationship="UserLicense",
                    **READ_ONLY,
                ),
                *permission_fields(),
            ], writable=False,
        ),
        user_license(),
        make(
            "PermissionSet", "Permission Set", "Permission Sets", "0PS",
            [
                text("Name", "Permission Set Name", 80, name_field=True, **READ_ONLY),
                text("Label", "Permission Set Label", 80, **READ_ONLY),
                Field("IsOwnedByProfile", "Is Owned By Profile", "boolean", **READ_ONLY),
                lookup("ProfileId", "Profile ID", "Profile", relationship="Profile", **READ_ONLY),
                Field("Description", "Description", "string", length=255, **READ_ONLY),
                *permission_fields(),
            ], writable=False,
        ),
        make(
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
        make(
            "RecordType", "Record Type", "Record Types", "012",
            [
                text("Name", "Name", 80, name_field=True, **READ_ONLY),
                text("DeveloperName", "Record Type Name", 80, **READ_ONLY),
                Field("SobjectType", "SObject Type Name", "picklist", length=40, **READ_ONLY),
                Field("IsActive", "Active", "boolean", **READ_ONLY),
            ], writable=False,
        ),
    ]  # fmt: skip


def _virtual(name: str, label: str, fields: list[Field], tooling: bool = False) -> SObject:
    made = SObject(
        name, label, label, "", createable=False, updateable=False, deletable=False, customizable=False,
        virtual=True, tooling=tooling,
    )  # fmt: skip
    for item in fields:
        made.put(item)
    return made


def _virtual_objects() -> list[SObject]:
    def words(name: str) -> Field:
        return text(name, name, 255, **READ_ONLY)

    def flag(name: str) -> Field:
        return Field(name, name, "boolean", **READ_ONLY)

    def number(name: str) -> Field:
        return Field(name, name, "int", precision=9, **READ_ONLY)

    def parent() -> Field:
        return lookup("ParentId", "Parent ID", "PermissionSet", relationship="Parent", **READ_ONLY)

    permissions = ["Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords"]
    entity = ["QualifiedApiName", "DeveloperName", "Label", "PluralLabel", "KeyPrefix"]
    definition = [
        words("DurableId"),
        words("QualifiedApiName"),
        words("DeveloperName"),
        words("Label"),
        words("DataType"),
    ]
    return [
        _virtual(
            "FieldPermissions",
            "Field Permissions",
            [
                words("Id"),
                parent(),
                words("SobjectType"),
                words("Field"),
                flag("PermissionsRead"),
                flag("PermissionsEdit"),
            ],
        ),
        _virtual(
            "ObjectPermissions",
            "Object Permissions",
            [
                words("Id"),
                parent(),
                words("SobjectType"),
                *(flag(f"Permissions{name}") for name in permissions),
            ],
        ),
        _virtual(
            "EntityDefinition",
            "Entity Definition",
            [
                words("Id"),
                words("DurableId"),
                *(words(name) for name in entity),
                flag("IsCustomizable"),
                flag("IsQueryable"),
            ],
        ),
        _virtual(
            "FieldDefinition",
            "Field Definition",
            [
                words("Id"),
                *definition,
                words("EntityDefinitionId"),
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
                words("Id"),
                words("DeveloperName"),
                words("TableEnumOrId"),
                words("NamespacePrefix"),
                words("InlineHelpText"),
            ],
            tooling=True,
        ),
        _virtual(
            "CustomObject",
            "Custom Object",
            [words("Id"), words("DeveloperName"), words("NamespacePrefix"), words("Description")],
            tooling=True,
        ),
    ]


def standard_objects() -> dict[str, SObject]:
    made = [
        _account(),
        _contact(),
        _event(),
        _task(),
        event_relation(),
        *content_objects(),
        *_setup_objects(),
        *_virtual_objects(),
        *rule_objects(),
    ]
    found = {item.name: item for item in made}
    found["PermissionSetAssignment"].customizable = found["PermissionSetAssignment"].updateable = False
    return found
