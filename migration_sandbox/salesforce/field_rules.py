"""From a CustomField's XML to a Field: which types and attributes the platform takes, and in which limits.

After "Metadata API Developer Guide", CustomField. Wordings of refusals are the platform's where they are
known; their codes and numbers are what matters.
"""

import re
from dataclasses import replace

from migration_sandbox.salesforce.metadata_files import Node
from migration_sandbox.salesforce.schema import Field

LABEL_CHARACTERS, HELP_CHARACTERS, NAME_CHARACTERS = 40, 510, 40
_NAME = re.compile(r"^[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)__c$")
_DESCRIBED = {
    "Text": "string",
    "AutoNumber": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
}
_LENGTHS = {
    "TextArea": 255,
    "Email": 80,
    "Phone": 40,
    "Url": 255,
    "Picklist": 255,
    "MultiselectPicklist": 4099,
}
_EXTERNAL = ("Text", "Number", "Email", "AutoNumber")
_UNIQUE = ("Text", "Number", "Email")
_NOT_ON_ACTIVITY = ("Lookup", "MasterDetail", "LongTextArea")
_TEXTLIKE = frozenset({"Text", "TextArea", "Email", "Phone", "Url", "Picklist"})


class Problem(Exception):
    """Why one component is refused; the text goes into the deployment's result."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def check_name(name: str, what: str = "Field Name") -> None:
    if not _NAME.match(name):
        raise Problem(
            f"The {what}: {name.removesuffix('__c')} can only contain alphanumeric characters, must "
            f"begin with a letter, "
            "cannot end with an underscore or contain two consecutive underscore characters, and must "
            "be unique across "
            f"all {name.removesuffix('__c')} fields. A custom name ends in __c."
        )
    if len(name) - 3 > NAME_CHARACTERS:
        raise Problem(f"Value too long for field: DeveloperName maximum length is:{NAME_CHARACTERS}")


def limited(node: Node, name: str, shown: str, most: int, required: bool = False) -> str | None:
    value = node.get(name)
    if required and not value:
        raise Problem(f"Required field is missing: {name}")
    if value is not None and len(value) > most:
        raise Problem(f"Value too long for field: {shown} maximum length is:{most}")
    return value


def _number(node: Node, name: str, low: int, high: int) -> int:
    value = node.get(name)
    if value is None:
        raise Problem(f"Required field is missing: {name}")
    if not re.fullmatch(r"\d+", value.strip()):
        raise Problem(f"'{name}' is not a number")
    if not low <= int(value) <= high:
        raise Problem(f"'{name}' must be between {low} and {high}")
    return int(value)


def _picklist(node: Node) -> tuple[tuple[str, ...], bool, str | None]:
    values = node.first("valueSet")
    definition = None if values is None else values.first("valueSetDefinition")
    if values is None or definition is None:
        raise Problem("Picklist values are missing: a valueSet with a valueSetDefinition is required")
    names: list[str] = []
    default = None
    for value in definition.all("value"):
        name = value.get("fullName")
        if not name:
            raise Problem("Required field is missing: fullName")
        if len(name) > 255:
            raise Problem("Picklist value: value too long (maximum length is 255)")
        if name.lower() in (known.lower() for known in names):
            raise Problem(f"Duplicate value in picklist: {name}")
        if value.flag("default"):
            default = name
        names.append(name)
    if not names:
        raise Problem("Picklist values are missing")
    if len(names) > 1000:
        raise Problem("A picklist can hold at most 1,000 values")
    return tuple(names), values.flag("restricted"), default


def read_field(owner: str, node: Node) -> Field:
    """A Field of what the XML says by itself; deploy.py checks it against the org. Raises Problem."""
    name = node.get("fullName") or ""
    check_name(name)
    kind = (node.get("type") or "").strip()
    if not kind:
        raise Problem("Required field is missing: type")
    if kind not in _DESCRIBED or node.get("formula") is not None:
        raise Problem(
            f"Fields of type {kind}{' with a formula' if kind in _DESCRIBED else ''} are not part of "
            f"this sandbox"
        )
    if owner == "Activity" and kind in _NOT_ON_ACTIVITY:
        raise Problem(f"Activity does not support custom fields of type {kind}")
    made = Field(
        name,
        limited(node, "label", "MasterLabel", LABEL_CHARACTERS, required=True) or "",
        _DESCRIBED[kind],
        help_text=limited(node, "inlineHelpText", "InlineHelpText", HELP_CHARACTERS),
        description=limited(node, "description", "Description", 1000),
        required=node.flag("required"),
        custom=True,
        metadata_type=kind,
        length=_LENGTHS.get(kind, 0),
        default=node.get("defaultValue") if kind != "Checkbox" else None,
    )
    made = _keys(node, kind, made)
    if made.required and kind in ("Checkbox", "LongTextArea", "MultiselectPicklist"):
        raise Problem(f"A field of type {kind} can not be required")
    return _shape(node, kind, made)


def _keys(node: Node, kind: str, made: Field) -> Field:
    external, unique, case = node.flag("externalId"), node.flag("unique"), node.flag("caseSensitive")
    if external and kind not in _EXTERNAL:
        raise Problem(f"Can not specify 'externalId' for a CustomField of type {kind}")
    if unique and kind not in _UNIQUE:
        raise Problem(f"Can not specify 'unique' for a CustomField of type {kind}")
    if case and kind != "Text":
        raise Problem(f"Can not specify 'caseSensitive' for a CustomField of type {kind}")
    return replace(made, external_id=external, unique=unique, case_sensitive=case)


def _shape(node: Node, kind: str, made: Field) -> Field:  # noqa: PLR0911 - a case a type
    """Lengths, precision, values and targets, by type."""
    if kind == "Text":
        return replace(made, length=_number(node, "length", 1, 255))
    if kind == "LongTextArea":
        lines = _number(node, "visibleLines", 2, 50)
        return replace(made, length=_number(node, "length", 256, 131_072), visible_lines=lines)
    if kind in ("Number", "Currency", "Percent"):
        precision = _number(node, "precision", 1, 18)
        scale = _number(node, "scale", 0, 17)
        if scale > precision:
            raise Problem("Scale can not be greater than precision")
        return replace(made, precision=precision, scale=scale)
    if kind == "Checkbox":
        if (node.get("defaultValue") or "") not in ("true", "false"):
            raise Problem("Required field is missing: defaultValue")
        return replace(made, default=node.get("defaultValue"))
    if kind in ("Picklist", "MultiselectPicklist"):
        values, restricted, default = _picklist(node)
        made = replace(made, picklist=values, restricted=restricted, default=default)
        return (
            replace(made, visible_lines=_number(node, "visibleLines", 3, 10)) if kind != "Picklist" else made
        )
    if kind in ("Lookup", "MasterDetail"):
        return _relationship(node, kind, made)
    if kind == "AutoNumber":
        raise Problem("AutoNumber is known here as a name field only")
    return made


def _relationship(node: Node, kind: str, made: Field) -> Field:
    target = node.get("referenceTo")
    if not target:
        raise Problem("Required field is missing: referenceTo")
    child = node.get("relationshipName")
    if not child:
        raise Problem("Required field is missing: relationshipName")
    if not re.fullmatch(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_))*", child) or child.endswith("_"):
        raise Problem(f"The relationship name {child} is not valid")
    master = kind == "MasterDetail"
    return replace(
        made,
        length=18,
        references=(target.strip(),),
        relationship_name=made.name.removesuffix("c") + "r",
        child_relationship_name=f"{child}__r",
        master_detail=master,
        required=master or made.required,
        updateable=not master or node.flag("reparentableMasterDetail"),
    )


def check_change(old: Field, new: Field) -> None:
    """What an existing field may become. Raises Problem."""
    if old.metadata_type != new.metadata_type:
        widening = old.metadata_type in _TEXTLIKE and new.metadata_type in {*_TEXTLIKE, "LongTextArea"}
        numeric = old.metadata_type in ("Number", "Currency", "Percent") and new.metadata_type in (
            "Number", "Currency", "Percent", "Text",
        )  # fmt: skip
        loosened = old.metadata_type == "MasterDetail" and new.metadata_type == "Lookup"
        if not (widening or numeric or loosened):
            raise Problem(f"Cannot change field type from {old.metadata_type} to {new.metadata_type}")
    if old.references and old.references != new.references:
        raise Problem("Cannot update referenceTo of an existing relationship field")
    if new.length < old.length and old.metadata_type == new.metadata_type == "Text":
        raise Problem("Cannot reduce the length of an existing field in this sandbox")
    if new.numeric and (new.precision - new.scale < old.precision - old.scale or new.scale < old.scale):
        raise Problem("Cannot reduce the precision of an existing field in this sandbox")
