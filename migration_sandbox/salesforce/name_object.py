"""What a polymorphic relationship shows of its target (Object Reference, Name): no custom field."""

from migration_sandbox.salesforce.schema import Field, SObject

_TEXTS = (
    "Id", "Name", "Type", "FirstName", "LastName", "Email", "Username", "Alias", "Phone", "Title",
    "ProfileId",
)  # fmt: skip


def _name_object() -> SObject:
    made = SObject("Name", "Name", "Names", "", virtual=True)
    for item in _TEXTS:
        made.put(Field(item, item, "id" if item == "Id" else "string", length=255))
    made.put(Field("IsActive", "Active", "boolean"))
    return made


NAME = _name_object()
