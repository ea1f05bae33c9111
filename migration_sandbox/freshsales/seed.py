"""What a new account has: a user, the choices of its selectors, a pipeline, and its default views."""

from dataclasses import dataclass
from typing import Any

from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import ACCOUNTS, CONTACTS, DEALS

PIPELINE = "Default Pipeline"
STAGES = (
    ("New", "Open", 100), ("Follow-up", "Open", 100), ("Under review", "Open", 100), ("Demo", "Open", 100),
    ("Negotiation", "Open", 100), ("Won", "Closed Won", 100), ("Lost", "Closed Lost", 0),
)  # fmt: skip

SELECTORS: dict[str, tuple[str, ...]] = {
    "territories": (),
    "campaigns": (),
    "deal_products": (),
    "deal_reasons": ("Opted our rival", "Price is too high", "Not interested", "Appointment missed"),
    "deal_types": ("New Business", "Existing Business-Renewal", "Existing Business-Upgrade"),
    "lead_sources": ("Web", "Organic Search", "Email", "Phone", "Chat", "Web Form", "Referral", "Direct"),
    "industry_types": ("Healthcare", "Insurance", "Other"),
    "business_types": ("Analyst", "Competitor", "Customer", "Partner", "Other"),
    "deal_payment_statuses": ("Offline", "Online"),
    "contact_statuses": (
        "New", "Contacted", "Interested", "Unqualified", "Qualified", "Negotiation", "Lost", "Won", "Churned",
    ),
    "lifecycle_stages": ("Lead", "Sales Qualified Lead", "Customer"),
    "sales_activity_types": ("Chat", "Phone", "Meeting", "Task", "Email", "Reminder"),
    "sales_activity_entity_types": ("Call reminder", "Email reminder", "Follow up"),
    "sales_activity_outcomes": ("Interested", "Left message", "No response", "Not interested"),
}  # fmt: skip
"""Selectors whose entries have a name and a position."""


@dataclass(frozen=True)
class View:
    name: str
    rule: str
    """Which rows it lists: see views.py."""


VIEWS: dict[str, tuple[View, ...]] = {
    CONTACTS: (
        View("My Contacts", "mine"),
        View("All Contacts", "all"),
        View("Recently Modified", "modified"),
        View("Recycle Bin", "bin"),
    ),
    ACCOUNTS: (
        View("My Accounts", "mine"),
        View("All Accounts", "all"),
        View("Recently Modified", "modified"),
        View("Recycle Bin", "bin"),
    ),
    DEALS: (
        View("Open Deals", "open"),
        View("My Deals", "mine"),
        View("Recent Deals", "modified"),
        View("Lost Deals", "lost"),
        View("Won Deals", "won"),
        View("Recycle Bin", "bin"),
    ),
}
"""As recorded, but only those whose rule is known; a recorded account had no view of all deals."""


def module_views(plural: str) -> tuple[View, ...]:
    return (View(f"All {plural}", "all"), View("Recycle Bin", "bin"))


def new_row(account: Account, values: dict[str, Any]) -> Row:
    now = account.now()
    return Row(account.new_id(), values, created=now, updated=now)


def view_rows(account: Account, entity: str, model: str, views: tuple[View, ...]) -> list[tuple[str, Row]]:
    return [
        (
            "view",
            new_row(account, {"entity": entity, "name": view.name, "rule": view.rule, "model": model}),
        )
        for view in views
    ]


def pipeline_rows(
    account: Account, name: str, stages: tuple[tuple[str, str, int], ...], default: bool
) -> list[tuple[str, Row]]:
    """A pipeline and its stages: name, forecast type (Open, Closed Won, Closed Lost), probability."""
    place = len(account.rows("selector:deal_pipelines")) + 1
    pipeline = new_row(account, {"name": name, "position": place, "is_default": default})
    made = [("selector:deal_pipelines", pipeline)]
    for position, (stage, forecast, probability) in enumerate(stages, 1):
        values = {
            "name": stage,
            "position": position,
            "forecast_type": forecast,
            "deal_pipeline_id": pipeline.id,
            "choice_type": 2 if forecast == "Open" else 4,
            "probability": probability,
        }
        made.append(("selector:deal_stages", new_row(account, values)))
    return made


def user_row(account: Account, email: str, name: str, key: str, admin: bool, active: bool) -> Row:
    values = {
        "display_name": name,
        "email": email,
        "is_active": active,
        "work_number": None,
        "mobile_number": None,
        "admin": admin,
        "key": key,
    }
    return new_row(account, values)


def seed(account: Account, key: str) -> None:
    """Fill a new account; an existing one gets the key that the server was started with."""
    with account.lock:
        if not account.is_new:
            first = account.rows("user")[0]
            renewed = account.copy("user", first.id)
            if renewed is not None and renewed.values["key"] != key:
                renewed.values["key"] = key
                account.commit([("user", renewed)])
            return
        owner = user_row(account, account.settings.owner_email, "Account Owner", key, True, True)
        made = [("user", owner)]
        for selector, names in SELECTORS.items():
            for position, name in enumerate(names, 1):
                made.append((f"selector:{selector}", new_row(account, {"name": name, "position": position})))
        currency = {"currency_code": "USD", "is_active": True, "exchange_rate": "1.0", "currency_type": 1}
        made.append(("selector:currencies", new_row(account, currency)))
        made += pipeline_rows(account, PIPELINE, STAGES, default=True)
        for entity, model in ((CONTACTS, "Contact"), (ACCOUNTS, "SalesAccount"), (DEALS, "Deal")):
            made.append(("form", new_row(account, {"entity": entity, "name": model})))
            made += view_rows(account, entity, model, VIEWS[entity])
        account.commit(made)
