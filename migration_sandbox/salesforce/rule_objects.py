"""What a query finds of an org's automation and features: rules, flows, currencies, territories, teams.

These objects have no records of their own: their rows are made of org_rules.py and the settings.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.standard_fields import READ_ONLY, text

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org
    from migration_sandbox.salesforce.org_rules import Rule

Row = dict[str, object]
API_VERSION = 66
CURRENCIES = ("USD", "EUR", "CAD")


def _words(*names: str) -> list[Field]:
    return [text(name, name, 255, **READ_ONLY) for name in names]


def _flags(*names: str) -> list[Field]:
    return [Field(name, name, "boolean", **READ_ONLY) for name in names]


def _id() -> Field:
    return Field("Id", "Record ID", "id", length=18, **READ_ONLY)


def _numbers(*names: str) -> list[Field]:
    return [Field(name, name, "int", precision=9, **READ_ONLY) for name in names]


def _entity(name: str, relationship: str) -> Field:
    return Field(
        name, name, "reference", length=255, references=("EntityDefinition",),
        relationship_name=relationship, **READ_ONLY,
    )  # fmt: skip


def _virtual(name: str, label: str, prefix: str, fields: list[Field], tooling: bool = False) -> SObject:
    made = SObject(
        name, label, label, prefix, createable=False, updateable=False, deletable=False, customizable=False,
        virtual=True, tooling=tooling,
    )  # fmt: skip
    for item in fields:
        made.put(item)
    return made


def rule_objects() -> list[SObject]:
    """Objects that every org has (Object Reference and Tooling API, by their names)."""
    return [
        _virtual(
            "ValidationRule", "Validation Rule", "03d",
            [
                _id(), *_words("ValidationName", "Description", "ErrorDisplayField", "ErrorMessage"),
                *_words("NamespacePrefix"), *_flags("Active"),
                _entity("EntityDefinitionId", "EntityDefinition"),
            ], tooling=True,
        ),
        _virtual(
            "ApexTrigger", "Apex Trigger", "01q",
            [
                _id(), *_words("Name", "TableEnumOrId", "Status", "NamespacePrefix"), *_numbers("ApiVersion"),
                *_flags(
                    "IsValid", "UsageBeforeInsert", "UsageBeforeUpdate", "UsageBeforeDelete",
                    "UsageAfterInsert", "UsageAfterUpdate", "UsageAfterDelete", "UsageAfterUndelete",
                    "UsageIsBulk",
                ),
                _entity("EntityDefinitionId", "EntityDefinition"),
            ],
        ),
        _virtual(
            "FlowDefinitionView", "Flow Definition View", "",
            [
                *_words(
                    "Id", "DurableId", "ApiName", "Label", "Description", "ProcessType", "TriggerType",
                    "RecordTriggerType", "TriggerObjectOrEventLabel", "ActiveVersionId", "LatestVersionId",
                    "NamespacePrefix", "Builder", "ManageableState",
                ),
                *_flags("IsActive", "IsTemplate", "IsOutOfDate"), *_numbers("VersionNumber"),
                _entity("TriggerObjectOrEventId", "TriggerObjectOrEvent"),
            ],
        ),
        _virtual(
            "DuplicateRule", "Duplicate Rule", "0Bm",
            [
                _id(), *_words("DeveloperName", "MasterLabel", "SobjectType", "SobjectSubtype", "Language"),
                *_words("NamespacePrefix"), *_flags("IsActive"),
            ],
        ),
        _virtual(
            "MatchingRule", "Matching Rule", "0JD",
            [
                _id(), *_words("DeveloperName", "MasterLabel", "SobjectType", "SobjectSubtype", "Language"),
                *_words("NamespacePrefix", "RuleStatus", "MatchEngine", "BooleanFilter", "Description"),
            ],
        ),
        _virtual(
            "MatchingRuleItem", "Matching Rule Item", "0JE",
            [
                _id(),
                Field("MatchingRuleId", "Matching Rule ID", "reference", length=18, **READ_ONLY,
                      references=("MatchingRule",), relationship_name="MatchingRule"),
                *_words("Field", "MatchingMethod", "BlankValueBehavior"), *_numbers("SortOrder"),
            ],
        ),
    ]  # fmt: skip


def currency_objects() -> list[SObject]:
    """What exists with multiple currencies only."""
    rate = Field("ConversionRate", "Conversion Rate", "double", precision=18, scale=6, **READ_ONLY)
    flags = _flags("IsActive", "IsCorporate")
    fields = [_id(), *_words("IsoCode"), rate, *_numbers("DecimalPlaces"), *flags]
    return [_virtual("CurrencyType", "Currency Type", "01L", fields)]


def territory_objects() -> list[SObject]:
    """What exists with Sales Territories only."""
    names = _words("Name", "DeveloperName", "Description")
    model = [_id(), *names, *_words("State")]
    return [
        _virtual("Territory2Model", "Territory Model", "0MA", model),
        _virtual("Territory2", "Territory", "0MI", [_id(), *names, *_words("Territory2ModelId")]),
        _virtual("UserTerritory2Association", "User Territory Association", "01Y",
                 [_id(), *_words("UserId", "Territory2Id", "RoleInTerritory2"), *_flags("IsActive")]),
        _virtual("ObjectTerritory2Association", "Object Territory Association", "0My",
                 [_id(), *_words("ObjectId", "Territory2Id", "AssociationCause", "SobjectType")]),
    ]  # fmt: skip


def team_objects() -> list[SObject]:
    """What exists with Account Teams only (Object Reference, AccountTeamMember and UserAccountTeamMember)."""
    access = ("AccountAccessLevel", "CaseAccessLevel", "ContactAccessLevel", "OpportunityAccessLevel")
    shared = [_id(), *_words("UserId", "TeamMemberRole", *access)]
    return [
        _virtual("AccountTeamMember", "Account Team Member", "01M", [*shared, *_words("AccountId")]),
        _virtual("UserAccountTeamMember", "User Account Team Member", "01D", [*shared, *_words("OwnerId")]),
    ]


def _of(org: "Org", kind: str) -> "list[tuple[Rule, str]]":
    """Rules of a kind, each with what EntityDefinition calls its object."""
    from migration_sandbox.salesforce.org_rules import rules
    from migration_sandbox.salesforce.virtual import durable_id

    return [(rule, durable_id(org.objects[rule.object])) for rule in rules(org) if rule.kind == kind]


def _validation(org: "Org") -> list[Row]:
    return [
        {
            "Id": ids.make_id("03d", rule.number), "ValidationName": rule.name, "Active": rule.active,
            "ErrorMessage": rule.message, "ErrorDisplayField": rule.fields[0] if rule.fields else None,
            "EntityDefinitionId": entity,
        }
        for rule, entity in _of(org, "validation")
    ]  # fmt: skip


def _triggers(org: "Org") -> list[Row]:
    return [
        {
            "Id": ids.make_id("01q", rule.number), "Name": rule.name, "TableEnumOrId": entity,
            "Status": "Active" if rule.active else "Inactive", "ApiVersion": API_VERSION, "IsValid": True,
            "UsageBeforeInsert": True, "UsageBeforeUpdate": True, "UsageBeforeDelete": False,
            "UsageAfterInsert": False, "UsageAfterUpdate": False, "UsageAfterDelete": False,
            "UsageAfterUndelete": False, "UsageIsBulk": False, "EntityDefinitionId": entity,
        }
        for rule, entity in _of(org, "trigger")
    ]  # fmt: skip


def _flows(org: "Org") -> list[Row]:
    """Record-triggered flows, and processes of the Process Builder, which name no object."""
    return [
        {
            "Id": ids.make_id("300", rule.number), "DurableId": ids.make_id("300", rule.number),
            "ApiName": rule.name, "Label": rule.name.replace("_", " "),
            "ActiveVersionId": ids.make_id("301", rule.number) if rule.active else None,
            "LatestVersionId": ids.make_id("301", rule.number), "ManageableState": "unmanaged",
            "IsActive": rule.active, "IsTemplate": False, "IsOutOfDate": False, "VersionNumber": 1,
            **({"ProcessType": "Workflow", "Builder": "Process Builder"} if kind == "process" else {
                "ProcessType": "AutoLaunchedFlow", "Builder": "Flow Builder",
                "TriggerType": "RecordBeforeSave", "RecordTriggerType": "CreateAndUpdate",
                "TriggerObjectOrEventLabel": org.objects[rule.object].label,
                "TriggerObjectOrEventId": entity,
            }),
        }
        for kind in ("flow", "process")
        for rule, entity in _of(org, kind)
    ]  # fmt: skip


def _duplicate(org: "Org") -> list[Row]:
    return [
        {
            "Id": ids.make_id("0Bm", rule.number), "DeveloperName": rule.name, "MasterLabel": rule.name,
            "SobjectType": rule.object, "SobjectSubtype": "None", "Language": "en_US",
            "IsActive": rule.active,
        }
        for rule, _ in _of(org, "duplicate")
    ]  # fmt: skip


def _matching(org: "Org") -> list[Row]:
    """A duplicate rule's own matching rule: exact, all fields."""
    return [
        {
            "Id": ids.make_id("0JD", rule.number), "DeveloperName": f"{rule.name}_Match",
            "MasterLabel": f"{rule.name} Match", "SobjectType": rule.object, "SobjectSubtype": "None",
            "Language": "en_US", "RuleStatus": "Active" if rule.active else "Inactive",
            "MatchEngine": "ExactMatchEngine",
        }
        for rule, _ in _of(org, "duplicate")
    ]  # fmt: skip


def _matching_items(org: "Org") -> list[Row]:
    return [
        {
            "Id": ids.make_id("0JE", rule.number * 100 + at),
            "MatchingRuleId": ids.make_id("0JD", rule.number),
            "Field": name, "MatchingMethod": "Exact", "BlankValueBehavior": "NullNotAllowed", "SortOrder": at,
        }
        for rule, _ in _of(org, "duplicate")
        for at, name in enumerate(rule.fields, 1)
    ]  # fmt: skip


def _currencies(_org: "Org") -> list[Row]:
    return [
        {
            "Id": ids.make_id("01L", at), "IsoCode": code, "ConversionRate": 1.0, "DecimalPlaces": 2,
            "IsActive": True, "IsCorporate": at == 1,
        }
        for at, code in enumerate(CURRENCIES, 1)
    ]  # fmt: skip


def _models(_org: "Org") -> list[Row]:
    made = {"Name": "Practice Areas", "DeveloperName": "Practice_Areas", "State": "Active"}
    return [{"Id": ids.make_id("0MA", 1), **made}]


def _territories(_org: "Org") -> list[Row]:
    model = ids.make_id("0MA", 1)
    return [
        {"Id": ids.make_id("0MI", at), "Name": name, "DeveloperName": name, "Territory2ModelId": model}
        for at, name in enumerate(("North", "South"), 1)
    ]


def _default_team(org: "Org") -> list[Row]:
    access = dict.fromkeys(("AccountAccessLevel", "CaseAccessLevel", "ContactAccessLevel"), "Edit")
    member = {"UserId": org.api_user_id, "TeamMemberRole": "Account Manager", **access}
    return [
        {"Id": ids.make_id("01D", 1), "OwnerId": org.api_user_id, "OpportunityAccessLevel": "Edit", **member}
    ]


def _none(_org: "Org") -> list[Row]:
    return []


ROWS: dict[str, Callable[["Org"], list[Row]]] = {
    "ValidationRule": _validation,
    "ApexTrigger": _triggers,
    "FlowDefinitionView": _flows,
    "DuplicateRule": _duplicate,
    "MatchingRule": _matching,
    "MatchingRuleItem": _matching_items,
    "CurrencyType": _currencies,
    "Territory2Model": _models,
    "Territory2": _territories,
    "UserTerritory2Association": _none,
    "ObjectTerritory2Association": _none,
    "AccountTeamMember": _none,
    "UserAccountTeamMember": _default_team,
}
