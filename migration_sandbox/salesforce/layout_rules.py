"""What a page layout and a tab must be. Raises Problem with the platform's own wording where it is known.

After "Metadata API Developer Guide", Layout and CustomTab. Known from deployments to real orgs: `Field:
field, value:X appears more than once`, `Field:X must be Required`, `Invalid field:X in related list:Y`, `In
field: field - no CustomField named X found`, `Layout must have at least 1 section`. Others are worded (U).
"""

import re
from collections.abc import Callable

from migration_sandbox.salesforce.components import STAMPS, layout_fields
from migration_sandbox.salesforce.field_rules import Problem
from migration_sandbox.salesforce.metadata_files import Node
from migration_sandbox.salesforce.schema import SObject

Find = Callable[[str], SObject | None]

COLUMNS = {"TwoColumnsTopToBottom": 2, "TwoColumnsLeftToRight": 2, "OneColumn": 1, "CustomLinks": 3}
PLAIN = frozenset(
    {
        "layoutSections", "relatedLists", "excludeButtons", "emailDefault", "headers",
        "runAssignmentRulesDefault", "showEmailCheckbox", "showHighlightsPanel", "showInteractionLogPanel",
        "showKnowledgeComponent", "showRunAssignmentRulesCheckbox", "showSolutionSection",
        "showSubmitAndAttachButton", "summaryLayout", "fullName",
    }
)  # fmt: skip
STANDARD_LISTS: dict[str, frozenset[str]] = {
    "RelatedActivityList": frozenset(
        {"TASK.SUBJECT", "TASK.WHO_NAME", "TASK.WHAT_NAME", "ACTIVITY.TASK", "TASK.DUE_DATE", "TASK.STATUS",
         "TASK.PRIORITY", "CORE.USERS.FULL_NAME"}
    ),
    "RelatedHistoryList": frozenset(
        {"TASK.SUBJECT", "TASK.WHO_NAME", "TASK.WHAT_NAME", "ACTIVITY.TASK", "TASK.DUE_DATE",
         "CORE.USERS.FULL_NAME", "TASK.LAST_UPDATE"}
    ),
    "RelatedFileList": frozenset(),
    "RelatedContactList": frozenset(
        {"FULL_NAME", "CONTACT.TITLE", "CONTACT.EMAIL", "CONTACT.PHONE1"}
    ),
    "RelatedAccountContactRelationList": frozenset(
        {"CONTACT.NAME", "ACCOUNT.NAME", "ACCCONRELATION.IS_DIRECT", "ACCCONRELATION.ROLES"}
    ),
    "RelatedContactAccountRelationList": frozenset(
        {"CONTACT.NAME", "ACCOUNT.NAME", "ACCCONRELATION.IS_DIRECT", "ACCCONRELATION.ROLES"}
    ),
}  # fmt: skip
OF_ACTIVITY = ("RelatedActivityList", "RelatedHistoryList")
OF_OBJECT = {"RelatedContactList": "Account", "RelatedAccountContactRelationList": "Account",
             "RelatedContactAccountRelationList": "Contact"}  # fmt: skip
CHILD_COLUMNS = frozenset(
    {"NAME", "CREATED_DATE", "LAST_UPDATE", "CREATEDBY_USER", "UPDATEDBY_USER", "OWNER.ALIAS",
     "CREATEDBY_USER.ALIAS", "UPDATEDBY_USER.ALIAS"}
)  # fmt: skip
MAX_LIST_COLUMNS = 10
_MOTIF = re.compile(r"^Custom\d{1,3}: \S.*$")


def check_layout(name: str, root: Node, find: Find) -> None:
    """Raises Problem."""
    owner, dash, label = name.partition("-")
    sobject = find(owner)
    if not dash or not label or sobject is None or sobject.virtual:
        raise Problem(f"In field: fullName - no CustomObject named {owner} found")
    for node in root.children:
        if node.name in ("quickActionList", "platformActionList") and not node.children:
            continue
        if node.name not in PLAIN:
            raise Problem(f"{node.name} of a layout is not part of this sandbox")
    sections = root.all("layoutSections")
    if not sections:
        raise Problem("Layout must have at least 1 section")
    known = layout_fields(sobject)
    lower = {field.lower(): field for field in known}
    shown: set[str] = set()
    for one in sections:
        _check_section(one)
        for column in one.all("layoutColumns"):
            for item in column.all("layoutItems"):
                _check_item(sobject, item, known, lower, shown)
    for field, (_, required) in known.items():
        if (required or (field == "Name" and sobject.custom)) and field not in shown:
            raise Problem(f"Layout must contain an item for required layout field: {field}")
    _check_lists(sobject, root, find)


def _check_section(one: Node) -> None:
    style, label = one.get("style"), one.get("label")
    if style not in COLUMNS:
        raise Problem(f"'{style}' is not a valid value for the enum 'LayoutSectionStyle'")
    if one.flag("customLabel") and not label:
        raise Problem("Required field is missing: label")
    if label is not None and len(label) > 80:
        raise Problem("Value too long for field: Name maximum length is:80")
    columns = len(one.all("layoutColumns"))
    if columns != COLUMNS[style]:
        raise Problem(f"Layout section '{label}' of style {style} must have {COLUMNS[style]} column(s)")


def _check_item(
    sobject: SObject,
    item: Node,
    known: dict[str, tuple[bool, bool]],
    lower: dict[str, str],
    shown: set[str],
) -> None:
    if item.flag("emptySpace"):
        return
    given = item.get("field")
    if given is None:
        raise Problem("A layout item other than a field or an empty space is not part of this sandbox")
    field = lower.get(given.strip().lower())
    if field is None:
        raise Problem(f"In field: field - no CustomField named {sobject.name}.{given} found")
    if field in shown:
        raise Problem(f"Field: field, value:{field} appears more than once")
    shown.add(field)
    behavior = item.get("behavior") or "Edit"
    if behavior not in ("Edit", "Required", "Readonly"):
        raise Problem(f"'{behavior}' is not a valid value for the enum 'UiBehavior'")
    read_only, required = known[field]
    if read_only and behavior != "Readonly":
        raise Problem(f"Field:{field} must be Readonly")
    if required and behavior != "Required":
        raise Problem(f"Field:{field} must be Required")
    if behavior == "Required" and field in STAMPS:
        raise Problem(f"Field:{field} must be Readonly")


def _check_lists(sobject: SObject, root: Node, find: Find) -> None:
    seen: set[str] = set()
    for one in root.all("relatedLists"):
        name = one.get("relatedList") or ""
        if name.lower() in seen:
            raise Problem(f"Field: relatedLists, value:{name} appears more than once")
        seen.add(name.lower())
        columns = _list_columns(sobject, name, find)
        if one.all("customButtons") or one.all("quickActions"):
            raise Problem("Buttons and actions of a related list are not part of this sandbox")
        given = [node.text.strip() for node in one.all("fields")]
        if len(given) > MAX_LIST_COLUMNS:
            raise Problem(f"A related list shows at most {MAX_LIST_COLUMNS} fields: {name}")
        sort = one.get("sortField")
        for field in [*given, *([sort] if sort else [])]:
            if field not in columns:
                raise Problem(f"Invalid field:{field} in related list:{name}")
        if len(set(given)) != len(given):
            double = next(field for field in given if given.count(field) > 1)
            raise Problem(f"Field: fields, value:{double} appears more than once")
        if (one.get("sortOrder") or "Asc") not in ("Asc", "Desc"):
            raise Problem(f"'{one.get('sortOrder')}' is not a valid value for the enum 'SortOrder'")


def _list_columns(sobject: SObject, name: str, find: Find) -> frozenset[str]:
    """What a related list of the object may show. Raises Problem where there is no such list."""
    missing = Problem(f"Cannot find related list:{name}")
    if name in STANDARD_LISTS:
        active = sobject.enable_activities or sobject.name in ("Account", "Contact")
        if name in OF_ACTIVITY and not active:
            raise missing
        if OF_OBJECT.get(name, sobject.name) != sobject.name:
            raise missing
        if "Relation" in name and find("AccountContactRelation") is None:
            raise missing
        own = sobject if name != "RelatedContactList" else find("Contact")
        more = [] if own is None or name != "RelatedContactList" else _custom(own)
        return STANDARD_LISTS[name] | set(more)
    child_name, dot, field_name = name.partition(".")
    child = find(child_name)
    field = child.find(field_name) if child is not None and dot else None
    if child is None or field is None or sobject.name not in field.references:
        raise missing
    return CHILD_COLUMNS | set(_custom(child))


def _custom(sobject: SObject) -> list[str]:
    return [item.name for item in sobject.fields.values() if item.custom]


def check_tab(name: str, root: Node, find: Find) -> None:
    """Raises Problem."""
    if not root.flag("customObject"):
        raise Problem("A tab that isn't a custom object's is not part of this sandbox")
    sobject = find(name)
    if sobject is None or not sobject.custom:
        raise Problem(f"In field: customObject - no CustomObject named {name} found")
    motif = root.get("motif")
    if not motif:
        raise Problem("Required field is missing: motif")
    if not _MOTIF.match(motif):
        raise Problem(f"'{motif}' is not a valid motif")
    description = root.get("description") or ""
    if len(description) > 1000:
        raise Problem("Value too long for field: Description maximum length is:1000")
