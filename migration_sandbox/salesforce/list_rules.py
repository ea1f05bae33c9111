"""What a list view must be. Raises Problem; after "Metadata API Developer Guide", ListView.

Known from deployments to real orgs: `Could not resolve list view column: X`, `Invalid scope:Mine, not allowed
on: X`. The other wordings are (U).
"""

import re

from migration_sandbox.salesforce.field_rules import Problem, limited
from migration_sandbox.salesforce.metadata_files import Node
from migration_sandbox.salesforce.schema import Field, SObject

MAX_COLUMNS, MAX_FILTERS = 15, 10
CUSTOM_COLUMNS: dict[str, str] = {
    "NAME": "Name", "OBJECT_ID": "Id", "CREATED_DATE": "CreatedDate", "LAST_UPDATE": "LastModifiedDate",
    **dict.fromkeys(("CREATEDBY_USER", "CREATEDBY_USER.ALIAS"), "CreatedById"),
    **dict.fromkeys(("UPDATEDBY_USER", "UPDATEDBY_USER.ALIAS"), "LastModifiedById"),
    **dict.fromkeys(("OWNER.ALIAS", "OWNER.FIRST_NAME", "OWNER.LAST_NAME"), "OwnerId"),
}  # fmt: skip
STANDARD_COLUMNS: dict[str, dict[str, str]] = {
    "Contact": {
        "FULL_NAME": "Name", "CONTACT.FIRST_NAME": "FirstName", "CONTACT.LAST_NAME": "LastName",
        "ACCOUNT.NAME": "AccountId", "CONTACT.TITLE": "Title", "CONTACT.PHONE1": "Phone",
        "CONTACT.PHONE3": "MobilePhone", "CONTACT.EMAIL": "Email", "CONTACT.BIRTHDATE": "Birthdate",
        "CORE.USERS.ALIAS": "OwnerId", "CONTACT.CREATED_DATE": "CreatedDate",
        "CONTACT.LAST_UPDATE": "LastModifiedDate",
    },
    "Account": {
        "ACCOUNT.NAME": "Name", "ACCOUNT.PHONE1": "Phone", "ACCOUNT.TYPE": "Type",
        "ACCOUNT.SITE": "AccountNumber", "CORE.USERS.ALIAS": "OwnerId",
        "ACCOUNT.CREATED_DATE": "CreatedDate", "ACCOUNT.LAST_UPDATE": "LastModifiedDate",
    },
}  # fmt: skip
_ORDERED = frozenset({"lessThan", "greaterThan", "lessOrEqual", "greaterOrEqual"})
_TEXT = frozenset({"contains", "notContain", "startsWith"})
_MULTI = frozenset({"includes", "excludes"})
OPERATIONS = frozenset({"equals", "notEqual"}) | _ORDERED | _TEXT | _MULTI
_SCOPES = ("Everything", "Mine", "Queue", "Team", "MyTerritory", "MyTeamTerritory", "Delegated")
_NAME = re.compile(r"^[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)$")


def check_list_view(sobject: SObject, node: Node) -> None:
    """Raises Problem."""
    name = node.get("fullName") or ""
    if not _NAME.match(name) or len(name) > 80:
        raise Problem(
            "The List View Unique Name can only contain underscores and alphanumeric characters. It must "
            "be unique, begin with a letter, not include spaces, not end with an underscore, and not "
            "contain two consecutive underscores."
        )
    limited(node, "label", "ListLabel", 40, required=True)
    scope = node.get("filterScope")
    if scope not in _SCOPES:
        raise Problem(f"'{scope}' is not a valid value for the enum 'FilterScope'")
    if scope != "Everything":
        raise Problem(f"Invalid scope:{scope}, not allowed on: {sobject.name}")
    columns = [column.text.strip() for column in node.all("columns")]
    for column in columns:
        column_field(sobject, column)
    if len(columns) > MAX_COLUMNS:
        raise Problem(f"A list view shows at most {MAX_COLUMNS} columns")
    if len(set(columns)) != len(columns):
        double = next(column for column in columns if columns.count(column) > 1)
        raise Problem(f"Field: columns, value:{double} appears more than once")
    filters = node.all("filters")
    if len(filters) > MAX_FILTERS:
        raise Problem(f"A list view has at most {MAX_FILTERS} filters")
    for one in filters:
        _check_filter(sobject, one)
    _check_logic(node.get("booleanFilter"), len(filters))


def column_field(sobject: SObject, column: str) -> Field:
    """The field that a column or filter of a list view shows. Raises Problem."""
    names = CUSTOM_COLUMNS if sobject.custom else STANDARD_COLUMNS.get(sobject.name, {})
    name = names.get(column, column if column.endswith("__c") else "")
    found = sobject.fields.get(name)
    if found is None:
        raise Problem(f"Could not resolve list view column: {column}")
    return found


def _check_filter(sobject: SObject, one: Node) -> None:
    field = column_field(sobject, one.get("field") or "")
    operation = one.get("operation") or ""
    if operation not in OPERATIONS:
        raise Problem(f"'{operation}' is not a valid value for the enum 'FilterOperation'")
    if field.long_text:
        raise Problem(f"Could not resolve list view column: {one.get('field')}")
    multi = field.type == "multipicklist"
    wrong = (
        (operation in _MULTI) != (multi and operation not in ("equals", "notEqual"))
        or (operation in _TEXT and (field.numeric or field.type in ("boolean", "date", "datetime")))
        or (operation in _ORDERED and field.type == "boolean")
    )
    if wrong:
        raise Problem(f"Invalid filter operator {operation} for field {one.get('field')}")


def _check_logic(text: str | None, filters: int) -> None:
    if text is None:
        return
    numbers = {int(number) for number in re.findall(r"\d+", text)}
    words = set(re.findall(r"[A-Za-z]+", text.upper()))
    if numbers != set(range(1, filters + 1)) or not words <= {"AND", "OR", "NOT"}:
        raise Problem(f"Invalid boolean filter: {text}")
