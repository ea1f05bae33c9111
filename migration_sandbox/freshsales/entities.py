"""What kinds of records there are, with their standard fields; custom fields are fields.py's.

Names and their order are those of recorded answers. A field that isn't writable is ignored where it is sent
back (as a recording shows for updated_at); one that the entity doesn't have at all is refused (a setting).
"""

from dataclasses import dataclass, field

CONTACTS, ACCOUNTS, DEALS = "contacts", "sales_accounts", "deals"
STANDARD = (CONTACTS, ACCOUNTS, DEALS)


@dataclass(frozen=True)
class Standard:
    """A writable standard field. `kind`: text, integer, number, money, date, tags, or `=table`, the
    id of a row of that table."""

    name: str
    label: str
    kind: str = "text"
    shown: bool = True
    """Whether a plain answer has it; else it takes the include of that name (owner_id: include=owner)."""
    required: bool = False

    @property
    def type(self) -> str:
        """As the list of fields calls it."""
        words = {"integer": "number", "money": "number", "tags": "auto_complete"}
        return "dropdown" if self.kind.startswith("=") else words.get(self.kind, self.kind)


@dataclass(frozen=True)
class Entity:
    name: str
    root: str
    type: str
    """What targetable_type, attendee_type and base_model call it."""
    fields: tuple[Standard, ...]
    empty: tuple[str, ...] = ()
    """Names that answers have and nothing here fills: they are null."""
    constant: dict[str, object] = field(default_factory=dict)
    includes: frozenset[str] = frozenset()
    heavy_includes: frozenset[str] = frozenset()
    """Includes that bring other records along: of one record, and of a view's by a setting."""
    links: tuple[str, ...] = ("document_associations", "notes")

    @property
    def custom(self) -> bool:
        return self.name.startswith("cm_")

    def standard(self, name: str) -> Standard | None:
        return next((item for item in self.fields if item.name == name), None)


def _text(*pairs: str) -> tuple[Standard, ...]:
    """`name:Label` each."""
    return tuple(Standard(name, label) for name, _, label in (pair.partition(":") for pair in pairs))


_ADDRESS = _text("city:City", "state:State", "zipcode:Zipcode", "country:Country", "address:Address")
_SOCIAL = _text("facebook:Facebook", "twitter:Twitter", "linkedin:LinkedIn")
_OWNER = Standard("owner_id", "Sales owner", "=user", shown=False)
_TERRITORY = Standard("territory_id", "Territory", "=selector:territories", shown=False)
_CAMPAIGN = Standard("campaign_id", "Campaign", "=selector:campaigns", shown=False)
_SOURCE = Standard("lead_source_id", "Source", "=selector:lead_sources", shown=False)
_TAGS = Standard("tags", "Tags", "tags")
_ACTIVITY_LINKS = ("conversations", "document_associations", "notes", "tasks", "appointments")
_COMMON_EMPTY = (
    "avatar", "last_contacted", "last_contacted_sales_activity_mode", "last_contacted_via_sales_activity",
    "completed_sales_sequences", "active_sales_sequences", "last_assigned_at", "team_user_ids",
)  # fmt: skip

CONTACT = Entity(
    CONTACTS,
    "contact",
    "Contact",
    (
        *_text("first_name:First name", "last_name:Last name", "job_title:Job title"),
        *_ADDRESS,
        *_text("time_zone:Time zone", "work_number:Work", "mobile_number:Mobile", "external_id:External ID"),
        *_SOCIAL,
        *_text(
            "keyword:Keyword", "medium:Medium", "work_email:Work email", "locale:Locale",
            "first_campaign:Original campaign", "first_medium:Original medium",
            "first_source:Original source",
            "last_campaign:Created through campaign", "last_medium:Created from medium",
            "last_source:Created from source", "latest_campaign:Most recent campaign",
            "latest_medium:Most recent medium", "latest_source:Most recent source",
            "subscription_types:Subscription types",
        ),
        Standard("subscription_status", "Subscription status", "integer"),
        Standard("sms_subscription_status", "SMS subscription status", "integer"),
        Standard("whatsapp_subscription_status", "WhatsApp subscription status", "integer"),
        _TAGS,
        _OWNER,
        Standard("lifecycle_stage_id", "Lifecycle stage", "=selector:lifecycle_stages", shown=False),
        Standard("contact_status_id", "Status", "=selector:contact_statuses", shown=False),
        _SOURCE,
        _CAMPAIGN,
        _TERRITORY,
    ),
    (
        *_COMMON_EMPTY, "last_seen", "last_contacted_mode", "web_form_ids", "unsubscription_reason",
        "other_unsubscription_reason", "customer_fit", "last_seen_chat", "first_seen_chat", "total_sessions",
        "mcr_id",
    ),
    {"lead_score": 0, "system_tags": [], "phone_numbers": []},
    frozenset(
        {"owner", "creater", "updater", "sales_accounts", "lifecycle_stage", "contact_status", "source",
         "campaign", "territory"}
    ),
    frozenset({"notes", "appointments", "tasks", "deals"}),
    ("conversations", "timeline_feeds", *_ACTIVITY_LINKS[1:], "reminders", "duplicates", "connections"),
)  # fmt: skip

SALES_ACCOUNT = Entity(
    ACCOUNTS,
    "sales_account",
    "SalesAccount",
    (
        Standard("name", "Name", required=True),
        *_ADDRESS,
        *_text("phone:Phone", "website:Website"),
        *_SOCIAL,
        Standard("number_of_employees", "Number of employees", "integer"),
        Standard("annual_revenue", "Annual revenue", "number"),
        Standard("parent_sales_account_id", "Parent account", f"={ACCOUNTS}"),
        _TAGS,
        Standard("owner_id", "Sales owner", "=user"),
        Standard("industry_type_id", "Industry type", "=selector:industry_types", shown=False),
        Standard("business_type_id", "Business type", "=selector:business_types", shown=False),
        _TERRITORY,
    ),
    (*_COMMON_EMPTY, "last_contacted_mode", "web_form_ids"),
    {},
    frozenset({"owner", "creater", "updater", "territory", "business_type", "industry_type"}),
    frozenset({"notes", "appointments", "tasks", "deals", "contacts"}),
    _ACTIVITY_LINKS,
)

DEAL = Entity(
    DEALS,
    "deal",
    "Deal",
    (
        Standard("name", "Name", required=True),
        Standard("amount", "Deal value", "money", required=True),
        Standard("expected_close", "Expected close date", "date"),
        Standard("closed_date", "Closed date", "date"),
        Standard("probability", "Probability (%)", "integer"),
        Standard("deal_pipeline_id", "Deal pipeline", "=selector:deal_pipelines"),
        Standard("deal_stage_id", "Deal stage", "=selector:deal_stages"),
        Standard("forecast_category", "Forecast category", "integer"),
        _TAGS,
        Standard("sales_account_id", "Account name", f"={ACCOUNTS}", shown=False),
        _OWNER,
        Standard("currency_id", "Currency", "=selector:currencies", shown=False),
        Standard("deal_type_id", "Type", "=selector:deal_types", shown=False),
        Standard("deal_reason_id", "Lost reason", "=selector:deal_reasons", shown=False),
        Standard("deal_payment_status_id", "Payment status", "=selector:deal_payment_statuses", shown=False),
        _SOURCE,
        _CAMPAIGN,
        _TERRITORY,
    ),
    (
        *_COMMON_EMPTY, "web_form_id", "upcoming_activities_time", "deal_prediction_last_updated_at",
        "freddy_forecast_metrics", "last_deal_prediction", "rotten_days",
    ),
    {"collaboration": {}, "deal_prediction": 0, "has_products": False},
    frozenset(
        {"owner", "creater", "updater", "sales_account", "deal_stage", "deal_pipeline", "currency",
         "deal_type", "deal_reason", "deal_payment_status", "source", "campaign", "territory"}
    ),
    frozenset({"notes", "appointments", "tasks", "contacts"}),
    _ACTIVITY_LINKS,
)  # fmt: skip

BY_NAME = {item.name: item for item in (CONTACT, SALES_ACCOUNT, DEAL)}
BY_TYPE = {item.type: item for item in BY_NAME.values()}


def module_entity(name: str) -> Entity:
    """The entity of a custom module's records."""
    return Entity(
        name,
        name,
        name,
        (Standard("name", "Name", required=True), _OWNER, _TERRITORY, _TAGS),
        ("avatar", "recent_note", "record_type_id"),
        {},
        frozenset({"owner", "creater", "updater", "territory"}),
    )
