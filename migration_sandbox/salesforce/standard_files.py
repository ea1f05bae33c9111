"""Standard objects of files: versions, documents, and the links that show a document on a record.

Fields, types and what may be written follow the Object Reference. Links to web pages (ContentUrl), libraries,
ratings and tags are left out, so that asking for one is refused.
"""

from migration_sandbox.salesforce.schema import Field, SObject, system_fields
from migration_sandbox.salesforce.standard_fields import READ_ONLY, lookup, make, text

SHARE_TYPES = ("V", "C", "I")
VISIBILITIES = ("AllUsers", "InternalUsers", "SharedUsers")


def _owner(createable: bool) -> Field:
    return lookup("OwnerId", "Owner ID", "User", relationship="Owner", createable=createable)


def _picked(
    name: str, label: str, *values: str, createable: bool = True, default: str | None = None
) -> Field:
    return Field(
        name, label, "picklist", length=40, picklist=values, restricted=True, createable=createable,
        updateable=False, default=default,
    )  # fmt: skip


def _content_version() -> SObject:
    document = lookup(
        "ContentDocumentId", "ContentDocument ID", "ContentDocument", relationship="ContentDocument",
        updateable=False, on_delete="cascade",
    )  # fmt: skip
    place = lookup(
        "FirstPublishLocationId", "First Publish Location ID", "Account", "Contact",
        relationship="FirstPublishLocation", updateable=False, on_delete="keep",
    )  # fmt: skip
    made = make(
        "ContentVersion",
        "Content Version",
        "Content Versions",
        "068",
        [
            document,
            Field("IsLatest", "Is Latest", "boolean", **READ_ONLY),
            Field("ContentBodyId", "Content Body ID", "string", length=18, **READ_ONLY),
            text("VersionNumber", "Version Number", 20, **READ_ONLY),
            text("Title", "Title", 255, name_field=True),
            Field("Description", "Description", "textarea", length=1000),
            text("ReasonForChange", "Reason For Change", 1000),
            _picked("SharingOption", "Prevent others from sharing and unsharing", "A", "R", default="A"),
            _picked("SharingPrivacy", "File Privacy on Records", "N", "P", default="N"),
            text("PathOnClient", "Path On Client", 500, required=True, updateable=False),
            Field("ContentModifiedDate", "Content Modified Date", "datetime", updateable=False),
            lookup(
                "ContentModifiedById", "User ID", "User", relationship="ContentModifiedBy", **READ_ONLY
            ),
            _owner(createable=True),
            text("FileType", "File Type", 20, **READ_ONLY),
            _picked("PublishStatus", "Publish Status", "U", "P", "R", createable=False),
            Field("VersionData", "Version Data", "base64", updateable=False),
            Field("ContentSize", "Size", "int", precision=9, **READ_ONLY),
            text("FileExtension", "File Extension", 40, **READ_ONLY),
            place,
            _picked("Origin", "Content Origin", "C", "H", default="C"),
            _picked("ContentLocation", "Content Location", "S", "E", "L", default="S"),
            text("Checksum", "Checksum", 50, **READ_ONLY),
            Field("IsMajorVersion", "Major Version", "boolean", default="true", updateable=False),
        ],
    )  # fmt: skip
    made.deletable = False
    return made


def _content_document() -> SObject:
    latest = lookup(
        "LatestPublishedVersionId", "Latest Published Version ID", "ContentVersion",
        relationship="LatestPublishedVersion", createable=False, updateable=False, on_delete="keep",
    )  # fmt: skip
    made = make(
        "ContentDocument",
        "Content Document",
        "Content Documents",
        "069",
        [
            _owner(createable=False),
            text("Title", "Title", 255, name_field=True, createable=False),
            Field("Description", "Description", "textarea", length=1000, createable=False),
            latest,
            Field("IsArchived", "Is Archived", "boolean", **READ_ONLY),
            _picked("PublishStatus", "Publish Status", "U", "P", "R", createable=False),
            Field("ContentSize", "Size", "int", precision=9, **READ_ONLY),
            text("FileType", "File Type", 20, **READ_ONLY),
            text("FileExtension", "File Extension", 40, **READ_ONLY),
            _picked("SharingOption", "Prevent others from sharing and unsharing", "A", "R", createable=False),
            _picked("SharingPrivacy", "File Privacy on Records", "N", "P", createable=False),
            Field("ContentModifiedDate", "Content Modified Date", "datetime", **READ_ONLY),
        ],
    )
    made.createable = made.customizable = False
    return made


def _content_document_link() -> SObject:
    made = SObject(
        "ContentDocumentLink", "Content Document Link", "Content Document Links", "06A", customizable=False
    )
    fields = [
        lookup(
            "LinkedEntityId", "Linked Entity ID", "Account", "Contact", relationship="LinkedEntity",
            required=True, updateable=False, on_delete="cascade",
        ),
        lookup(
            "ContentDocumentId", "ContentDocument ID", "ContentDocument", relationship="ContentDocument",
            required=True, updateable=False, on_delete="cascade",
        ),
        Field("SystemModstamp", "System Modstamp", "datetime", **READ_ONLY),
        Field("ShareType", "Share Type", "picklist", length=40, picklist=SHARE_TYPES, restricted=True),
        Field("Visibility", "Visibility", "picklist", length=40, picklist=VISIBILITIES, restricted=True),
    ]  # fmt: skip
    for item in [*system_fields(), *fields]:
        made.put(item)
    return made


def content_objects() -> list[SObject]:
    return [_content_version(), _content_document(), _content_document_link()]
