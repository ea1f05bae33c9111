"""Creating, changing and deleting records of contacts, sales accounts, deals and custom modules."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from migration_sandbox.freshsales import people, values
from migration_sandbox.freshsales.account import Account, Index, Row
from migration_sandbox.freshsales.entities import ACCOUNTS, CONTACTS, DEALS, Entity, Standard
from migration_sandbox.freshsales.errors import bad
from migration_sandbox.freshsales.fields import check, custom_fields
from migration_sandbox.freshsales.seed import new_row

SYSTEM = frozenset(
    {"id", "display_name", "avatar", "links", "is_deleted", "created_at", "updated_at", "creater_id",
     "updater_id", "email", "recent_note", "open_deals_amount", "open_deals_count", "won_deals_amount",
     "won_deals_count", "base_currency_amount", "age", "stage_updated_time", "expected_deal_value", "partial"}
)  # fmt: skip
"""What answers have and nobody writes: ignored where it is sent back."""


def emails_index(account: Account) -> Index:
    def keys(row: Row) -> Iterable[Hashable]:
        return [item["value"].lower() for item in row.values.get("emails", [])]

    return account.index(CONTACTS, "emails", keys)


def value_index(account: Account, entity: str, name: str) -> Index:
    """Rows by a standard field's value, text in lower case."""

    def keys(row: Row) -> Iterable[Hashable]:
        value = row.values.get(name)
        return [] if value is None else [value.lower() if isinstance(value, str) else value]

    return account.index(entity, f"value:{name}", keys)


def find(account: Account, entity: str, key: str, value: object) -> list[Row]:
    """Live records whose identifier has that value: `emails` (any of theirs), else a standard field."""
    told = value.lower() if isinstance(value, str) else value
    index = emails_index(account) if key in ("emails", "email") else value_index(account, entity, key)
    rows = [account.tables[entity][number] for number in index.ids(told)]
    return [row for row in rows if row.live]


def save(account: Account, entity: Entity, given: dict[str, Any], row: Row | None, user: int) -> Row:
    """Create (`row` None) or change a record. Raises 400 with every message that it has."""
    changed = prepare(account, entity, given, row, user)
    account.commit([(entity.name, changed)])
    return changed


def prepare(account: Account, entity: Entity, given: dict[str, Any], row: Row | None, user: int) -> Row:
    """What `save` commits."""
    creating = row is None
    changed = new_row(account, {}) if row is None else row
    now = account.now()
    changed.updated, changed.updater_id = now, user
    if creating:
        changed.creater_id = user
        if account.settings.keep_sent_created_at and given.get("created_at"):
            changed.created = values.moment("Created at", given["created_at"], account.zone) or now
        if entity.name == DEALS:
            _first_stage(account, changed, given)
    _set_all(account, entity, changed, given)
    if entity.name == DEALS:
        _stage(account, changed, given, now)
    _check_whole(account, entity, changed, given, creating)
    _check_unique(account, entity, changed)
    return changed


def _set_all(account: Account, entity: Entity, row: Row, given: dict[str, Any]) -> None:
    read_only = {*SYSTEM, *entity.empty, *entity.constant}
    unknown = []
    for name, value in given.items():
        item = entity.standard(name)
        if item is not None:
            row.values[name] = _standard(account, item, value)
        elif name == "custom_field":
            unknown += _set_custom(account, entity, row, value)
        elif not _set_special(account, entity, row, name, value, "emails" in given) and (
            name not in read_only
        ):
            unknown.append(name)
    if unknown and account.settings.unknown_fields == "refuse":
        raise bad(*(f"{name} is not a field of {entity.type}" for name in unknown))


def _set_special(account: Account, entity: Entity, row: Row, name: str, value: Any, has_emails: bool) -> bool:
    """Fields that aren't a plain value; False for a name that isn't one of them (`email` beside `emails` says
    nothing of its own)."""
    match (entity.name, name):
        case ("contacts", "emails"):
            people.set_emails(account, row, value)
        case ("contacts", "email") if not has_emails:
            people.set_primary_email(account, row, value)
        case ("contacts", "sales_accounts"):
            people.set_accounts(account, row, value)
        case ("deals", "contacts_added_list"):
            _link_contacts(account, row, value)
        case _:
            return False
    return True


def _set_custom(account: Account, entity: Entity, row: Row, given: Any) -> list[str]:
    if not isinstance(given, dict):
        raise bad("custom_field is invalid")
    known = {item.values["name"]: item for item in custom_fields(account, entity.name)}
    for name, value in given.items():
        if name in known:
            row.custom[name] = check(account, known[name], value)
    return [name for name in given if name not in known]


def _standard(account: Account, item: Standard, value: Any) -> Any:
    settings, label = account.settings, item.label
    readers: dict[str, Callable[[], Any]] = {
        "text": lambda: values.text(label, value, settings.text_characters, settings),
        "integer": lambda: values.integer(label, value),
        "number": lambda: values.number(label, value, settings, digits=15),
        "money": lambda: values.number(label, value, settings, digits=15),
        "date": lambda: values.day(label, value, account.zone),
        "tags": lambda: values.tags(label, value),
    }
    return readers.get(item.kind, lambda: _reference(account, item, value))()


def _reference(account: Account, item: Standard, value: Any) -> int | None:
    number = values.integer(item.label, value)
    if number is None:
        return None
    found = account.get(item.kind.removeprefix("="), number)
    if found is None or not found.live or (item.kind == "=user" and not found.values["is_active"]):
        raise bad(f"{item.label} is invalid: there is no such id")
    return number


def _link_contacts(account: Account, row: Row, given: Any) -> None:
    if not isinstance(given, list):
        raise bad("contacts_added_list is invalid")
    linked = list(row.values.get("contacts", []))
    for value in given:
        number = values.integer("Contact", value)
        found = None if number is None else account.get(CONTACTS, number)
        if found is None or not found.live:
            raise bad("contacts_added_list is invalid: there is no such contact")
        if found.id not in linked:
            linked.append(found.id)
    row.values["contacts"] = linked


def stages_of(account: Account, pipeline: int) -> list[Row]:
    rows = [row for row in account.rows("selector:deal_stages") if row.values["deal_pipeline_id"] == pipeline]
    return sorted(rows, key=lambda row: row.values["position"])


def _first_stage(account: Account, row: Row, given: dict[str, Any]) -> None:
    """The default pipeline and the first stage, where a new deal doesn't say."""
    pipelines = account.rows("selector:deal_pipelines")
    default = next(item for item in pipelines if item.values["is_default"])
    wanted = values.integer("Deal pipeline", given.get("deal_pipeline_id"))
    stage = account.get("selector:deal_stages", values.integer("", given.get("deal_stage_id")) or 0)
    if wanted is None:
        wanted = default.id if stage is None else stage.values["deal_pipeline_id"]
    row.values["deal_pipeline_id"] = wanted
    stages = stages_of(account, wanted)
    row.values["deal_stage_id"] = stages[0].id if stages else None


def _stage(account: Account, row: Row, given: dict[str, Any], now: float) -> None:
    """A stage belongs to its deal's pipeline; reaching a closed one dates the deal unless that is said."""
    stage = account.get("selector:deal_stages", row.values.get("deal_stage_id") or 0)
    if stage is None or stage.values["deal_pipeline_id"] != row.values.get("deal_pipeline_id"):
        raise bad("Deal stage is not one of the deal's pipeline")
    if row.values.get("stage_was") != stage.id:
        row.values["stage_was"], row.values["stage_updated"] = stage.id, now
        closed = stage.values["forecast_type"] != "Open"
        if "closed_date" not in given:
            row.values["closed_date"] = (account.time(now) or "")[:10] if closed else None
    if row.values.get("probability") is None:
        row.values["probability"] = stage.values["probability"]


def _check_whole(account: Account, entity: Entity, row: Row, given: dict[str, Any], creating: bool) -> None:
    missing = [
        f"{item.label} can't be blank"
        for item in entity.fields
        if item.required and row.values.get(item.name) is None
    ]
    for item in custom_fields(account, entity.name):
        name = item.values["name"]
        asked = creating or name in (given.get("custom_field") or {})
        if item.values["required"] and asked and row.custom.get(name) is None:
            missing.append(f"{item.values['label']} can't be blank")
    if missing:
        raise bad(*missing)
    if entity.name == CONTACTS:
        needed = ["emails", "mobile_number", "work_number", "external_id"]
        if account.settings.contact_needs == "anything":
            needed += ["first_name", "last_name"]
        if not any(row.values.get(name) for name in needed):
            raise bad(f"A contact needs one of {', '.join(needed)}")


def _check_unique(account: Account, entity: Entity, row: Row) -> None:
    settings = account.settings
    taken = []
    if entity.name == CONTACTS:
        primary = people.primary_email(row)
        if settings.unique_emails and primary and _others(account, CONTACTS, "primary", primary.lower(), row):
            taken.append("Email has already been taken")
        external = row.values.get("external_id")
        checked = settings.unique_external_ids and bool(external)
        if checked and _others(account, CONTACTS, "external_id", str(external).lower(), row):
            taken.append("External ID has already been taken")
    name = row.values.get("name")
    checked = entity.name == ACCOUNTS and settings.unique_account_names and bool(name)
    if checked and _others(account, ACCOUNTS, "name", str(name).lower(), row):
        taken.append("Name has already been taken")
    if taken:
        raise bad(*taken)


def _others(account: Account, entity: str, key: str, value: Hashable, row: Row) -> bool:
    if key == "primary":

        def primary(item: Row) -> Iterable[Hashable]:
            found = people.primary_email(item)
            return [] if found is None else [found.lower()]

        index = account.index(CONTACTS, "primary", primary)
    else:
        index = value_index(account, entity, key)
    rows = [account.tables[entity][number] for number in index.ids(value) if number != row.id]
    return any(item.live or account.settings.bin_keeps_unique for item in rows)
