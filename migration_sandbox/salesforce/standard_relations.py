"""Standard objects that relate people to events and to accounts.

Which of them, and which of their fields, an org has depends on features that are switched on: features.py.
"""

from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.standard_fields import READ_ONLY, lookup, make

RESPONSES = ("New", "Accepted", "Declined", "Undecided", "Maybe")
ROLES = (
    "Business User", "Decision Maker", "Economic Buyer", "Economic Decision Maker", "Evaluator",
    "Executive Sponsor", "Influencer", "Technical Buyer", "Other",
)  # fmt: skip


def _parent(name: str, label: str, *targets: str, relationship: str) -> Field:
    return lookup(
        name,
        label,
        *targets,
        relationship=relationship,
        required=True,
        updateable=False,
        on_delete="cascade",
    )


def event_relation() -> SObject:
    """Invitees of an event; without Shared Activities it shows nothing else (Object Reference)."""
    made = make(
        "EventRelation",
        "Event Relation",
        "Event Relations",
        "0RE",
        [
            _parent("RelationId", "Relation ID", "Contact", "User", relationship="Relation"),
            _parent("EventId", "Event ID", "Event", relationship="Event"),
            Field("Status", "Status", "picklist", length=40, picklist=RESPONSES, default="New"),
            Field("RespondedDate", "Response Date", "datetime"),
            Field("Response", "Response", "string", length=255),
            Field("IsInvitee", "Is Invitee", "boolean", default="false"),
        ],
    )
    made.customizable = False
    return made


def shared_activity_fields() -> list[Field]:
    """What EventRelation has besides where Shared Activities is on."""
    return [
        Field("IsParent", "Is Parent", "boolean", default="false"),
        Field("IsWhat", "Is What", "boolean", default="false"),
        lookup("AccountId", "Account ID", "Account", relationship="Account", **READ_ONLY),
    ]


def account_contact_relation() -> SObject:
    """A contact's accounts, the direct one (Contact.AccountId) among them."""
    return make(
        "AccountContactRelation",
        "Account Contact Relationship",
        "Account Contact Relationships",
        "07k",
        [
            _parent("AccountId", "Account ID", "Account", relationship="Account"),
            _parent("ContactId", "Contact ID", "Contact", relationship="Contact"),
            Field("Roles", "Roles", "multipicklist", length=4099, picklist=ROLES),
            Field("IsDirect", "Direct", "boolean", **READ_ONLY),
            Field("IsActive", "Active", "boolean", default="true"),
            Field("StartDate", "Start Date", "date"),
            Field("EndDate", "End Date", "date"),
        ],
    )
