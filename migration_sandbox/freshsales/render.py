"""Records as answers have them: recorded names, and includes as ids with side-loaded lists.

`include=owner` puts `owner_id` into the record and `users` beside it, as recorded for appointments and
documented for records; accounts of a contact stand inside it, as recorded.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any

from migration_sandbox.freshsales import people
from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import (
    ACCOUNTS,
    BY_NAME,
    CONTACTS,
    DEALS,
    Entity,
    Standard,
    module_entity,
)
from migration_sandbox.freshsales.errors import bad
from migration_sandbox.freshsales.fields import custom_fields, plain_number, shown_value
from migration_sandbox.freshsales.removal import children

Shown = dict[str, Any]
Beside = dict[str, list[Shown]]

ONE = {
    "owner": ("owner_id", "user", "users"),
    "creater": ("creater_id", "user", "users"),
    "updater": ("updater_id", "user", "users"),
    "source": ("lead_source_id", "selector:lead_sources", "lead_sources"),
    "sales_account": ("sales_account_id", ACCOUNTS, ACCOUNTS),
}
"""Include -> the record's column, the table it points to, the list beside. Others follow their own name."""
_PLURALS = {"territory": "territories", "contact_status": "contact_statuses", "currency": "currencies",
            "deal_payment_status": "deal_payment_statuses"}  # fmt: skip


def includes(account: Account, entity: Entity, text: str | None, of_view: bool) -> list[str]:
    """The includes asked for. Raises 400 for one that the entity (or a view of it) doesn't take."""
    asked = [name for name in (text or "").split(",") if name]
    heavy = entity.heavy_includes if not of_view or account.settings.notes_in_views else frozenset()
    for name in asked:
        if name not in entity.includes and name not in heavy:
            raise bad(f"include {name} is not served here")
    return asked


def record(
    account: Account, entity: Entity, row: Row, asked: list[str], single: bool = True
) -> tuple[Shown, Beside]:
    """A record and what stands beside it. `single`: not one of a list."""
    told: Shown = {"id": row.id}
    for item in entity.fields:
        if item.shown:
            told[item.name] = _standard(item, row.values.get(item.name))
    told.update(dict.fromkeys(entity.empty))
    told.update(entity.constant)
    told["custom_field"] = {
        item.values["name"]: shown_value(account, item, row.custom.get(item.values["name"]))
        for item in custom_fields(account, entity.name)
    }
    told["created_at"], told["updated_at"] = account.time(row.created), account.time(row.updated)
    told["is_deleted"] = not row.live
    base = f"/crm/sales/{'custom_module/' if entity.custom else ''}{entity.name}/{row.id}"
    told["links"] = {name: f"{base}/{name}" for name in entity.links}
    told["recent_note"] = row.values.get("recent_note")
    _own(account, entity, row, told, single or "sales_accounts" in asked)
    beside: Beside = defaultdict(list)
    for name in asked:
        if name in entity.heavy_includes:
            _many(account, entity, row, name, told, beside)
        elif name != "sales_accounts":
            _one(account, name, row, told, beside)
    return told, beside


def _standard(item: Standard, value: Any) -> Any:
    if item.kind == "tags":
        return value or []
    if item.kind == "money":
        return None if value is None else str(float(value))
    return plain_number(value) if isinstance(value, float) else value


def _own(account: Account, entity: Entity, row: Row, told: Shown, with_accounts: bool) -> None:
    """What only contacts, accounts or deals have."""
    if entity.name == CONTACTS:
        told["display_name"] = contact_name(row)
        told["email"] = people.primary_email(row)
        told["emails"] = [{**item, "_destroy": False} for item in row.values.get("emails", [])]
        if with_accounts:
            told["sales_accounts"] = [
                {
                    "partial": True,
                    "id": found.id,
                    "name": found.values["name"],
                    "avatar": None,
                    "website": found.values.get("website"),
                    "is_primary": link["is_primary"],
                }
                for link in row.values.get("sales_accounts", [])
                if (found := account.get(ACCOUNTS, link["id"])) is not None and found.live
            ]
    if entity.name == DEALS:
        told["base_currency_amount"] = told["expected_deal_value"] = told["amount"]
        told["stage_updated_time"] = account.time(row.values.get("stage_updated"))
        told["age"] = int((account.now() - row.created) // 86_400)
    elif not entity.custom:
        _deal_sums(account, entity, row, told)


def contact_name(row: Row) -> str | None:
    names = [row.values.get("first_name"), row.values.get("last_name")]
    return " ".join(name for name in names if name) or people.primary_email(row)


def deals_of(account: Account, entity: str, record_id: int) -> list[Row]:
    """Live deals of a contact or a sales account."""

    def contacts(row: Row) -> Iterable[Hashable]:
        return list(row.values.get("contacts", []))

    def accounts(row: Row) -> Iterable[Hashable]:
        found = row.values.get("sales_account_id")
        return [] if found is None else [found]

    index = account.index(DEALS, f"of:{entity}", contacts if entity == CONTACTS else accounts)
    return [row for number in index.ids(record_id) if (row := account.tables[DEALS][number]).live]


def _deal_sums(account: Account, entity: Entity, row: Row, told: Shown) -> None:
    open_amount = won_amount = 0.0
    open_count = won_count = 0
    for deal in deals_of(account, entity.name, row.id):
        stage = account.get("selector:deal_stages", deal.values["deal_stage_id"])
        forecast = stage.values["forecast_type"] if stage is not None else ""
        if forecast == "Open":
            open_count, open_amount = open_count + 1, open_amount + (deal.values["amount"] or 0)
        elif forecast == "Closed Won":
            won_count, won_amount = won_count + 1, won_amount + (deal.values["amount"] or 0)
    told.update(
        open_deals_amount=str(open_amount), open_deals_count=open_count,
        won_deals_amount=str(won_amount), won_deals_count=won_count,
    )  # fmt: skip


def _one(account: Account, name: str, row: Row, told: Shown, beside: Beside) -> None:
    plural = _PLURALS.get(name, name + "s")
    column, table, shown_as = ONE.get(name, (f"{name}_id", f"selector:{plural}", plural))
    own = {"creater_id": row.creater_id, "updater_id": row.updater_id}
    number = own[column] if column in own else row.values.get(column)
    told[column] = number
    found = None if number is None else account.get(table, number)
    if found is not None:
        seen = user(found) if table == "user" else entry(account, found)
        if table == ACCOUNTS:
            seen = {"partial": True, "id": found.id, "name": found.values["name"]}
        beside[shown_as].append(seen)
    else:
        beside[shown_as].extend(())


def _many(account: Account, entity: Entity, row: Row, name: str, told: Shown, beside: Beside) -> None:
    if name == "deals":
        rows = deals_of(account, entity.name, row.id)
    elif name == "contacts":
        rows = _contacts(account, entity, row)
    else:
        rows = children(account, name.removesuffix("s"), entity.type, row.id)
    limit = account.settings.included_limit
    if limit is not None:
        rows = rows[-limit:]
    told[name.removesuffix("s") + "_ids"] = [item.id for item in rows]
    for item in rows:
        if name in BY_NAME:
            beside[name].append(record(account, BY_NAME[name], item, [], single=False)[0])
        else:
            beside[name].append(activity(account, name.removesuffix("s"), item))


def _contacts(account: Account, entity: Entity, row: Row) -> list[Row]:
    if entity.name == DEALS:
        found = [account.get(CONTACTS, number) for number in row.values.get("contacts", [])]
        return [item for item in found if item is not None and item.live]

    def keys(item: Row) -> Iterable[Hashable]:
        return [link["id"] for link in item.values.get("sales_accounts", [])]

    index = account.index(CONTACTS, "accounts", keys)
    return [item for number in index.ids(row.id) if (item := account.tables[CONTACTS][number]).live]


def user(row: Row) -> Shown:
    names = ("display_name", "email", "is_active", "work_number", "mobile_number")
    return {"id": row.id, **{name: row.values[name] for name in names}}


def entry(account: Account, row: Row) -> Shown:
    """An entry of a selector."""
    told = {"partial": True, "id": row.id, **row.values}
    if "deal_pipeline_id" in row.values:
        told["updated_at"] = account.time(row.updated)
    return told


def activity(account: Account, kind: str, row: Row) -> Shown:
    """A note, appointment or task."""
    told: Shown = {"id": row.id}
    for name, value in row.values.items():
        if name in ("from_date", "end_date", "due_date"):
            told[name] = account.time(value)
        elif name != "attendees":
            told[name] = value
    told["created_at"], told["updated_at"] = account.time(row.created), account.time(row.updated)
    told["creater_id"] = row.creater_id
    if kind == "note":
        told.update(url=None, duration=None, has_access=True)
    if kind == "appointment":
        told.update(
            dict.fromkeys(
                ("checkedin_at", "checkedout_latitude", "checkedout_longitude", "checkedout_location",
                 "checkedout_at", "checkedin_duration", "conference_id")
            ),
            provider="freshsales", can_checkin=True, can_checkin_checkout=True,
        )  # fmt: skip
    return told


def entity_of(account: Account, name: str) -> Entity | None:
    """The entity of that name, custom modules among them."""
    if name in BY_NAME:
        return BY_NAME[name]
    if any(row.values["entity_name"] == name for row in account.rows("module")):
        return module_entity(name)
    return None
