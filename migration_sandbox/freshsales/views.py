"""Lists: views and their filters, filtered search, lookup, and how their rows are sorted and shown."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.freshsales import render, values
from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import BY_NAME, CONTACTS, STANDARD, Entity
from migration_sandbox.freshsales.errors import ApiError, bad, not_found
from migration_sandbox.freshsales.fields import custom_fields
from migration_sandbox.freshsales.removal import empty_bin
from migration_sandbox.freshsales.web import API, Call, Site, answer, endpoint, paged

RECENT_SECONDS = 30 * 86_400
PARTIAL = (
    "id", "first_name", "last_name", "display_name", "job_title", "city", "country", "email", "emails",
    "work_number", "mobile_number", "lead_score", "open_deals_amount", "avatar", "last_contacted",
    "last_contacted_mode", "external_id", "name", "amount", "website", "created_at", "updated_at",
)  # fmt: skip
"""What a found record shows: recorded for contacts, without any custom field."""


def filters(call: Call) -> Response:
    """The views of an entity."""
    entity = call.entity()
    rows = [row for row in call.account.rows("view") if row.values["entity"] == entity.name]
    told = [
        {
            "id": row.id,
            "name": row.values["name"],
            "model_class_name": row.values["model"],
            "user_id": 0,
            "is_default": True,
            "updated_at": call.account.time(row.updated),
            "user_name": None,
            "current_user_permissions": [],
        }
        for row in rows
    ]
    return answer({"filters": told, "meta": {}})


def _rule(account: Account, name: str, user: int) -> Callable[[Row], bool]:
    def forecast(row: Row) -> object:
        stage = account.get("selector:deal_stages", row.values["deal_stage_id"])
        return None if stage is None else stage.values["forecast_type"]

    since = account.now() - RECENT_SECONDS
    rules: dict[str, Callable[[Row], bool]] = {
        "all": lambda row: row.live,
        "mine": lambda row: row.live and row.values.get("owner_id") == user,
        "modified": lambda row: row.live and row.updated >= since,
        "bin": lambda row: not row.live,
        "open": lambda row: row.live and forecast(row) == "Open",
        "won": lambda row: row.live and forecast(row) == "Closed Won",
        "lost": lambda row: row.live and forecast(row) == "Closed Lost",
    }
    return rules[name]


def view(call: Call) -> Response:
    entity, account = call.entity(), call.account
    found = account.get("view", call.id())
    if found is None or found.values["entity"] != entity.name:
        raise not_found("There is no such view")
    empty_bin(account, entity.name)
    rule = _rule(account, found.values["rule"], call.user.id)
    rows = [row for row in account.rows(entity.name) if rule(row)]
    return _listed(call, entity, _sorted(call, entity, rows))


def _listed(call: Call, entity: Entity, rows: list[Row]) -> Response:
    asked = render.includes(call.account, entity, call.query.get("include"), of_view=True)
    page, per_page = call.page()
    here, meta = paged(rows, page, per_page)
    told: dict[str, Any] = {entity.name: []}
    beside: dict[str, dict[int, Any]] = {}
    for row in here:
        shown, more = render.record(call.account, entity, row, asked, single=False)
        told[entity.name].append(shown)
        for name, items in more.items():
            beside.setdefault(name, {}).update({item["id"]: item for item in items})
    told.update({name: list(items.values()) for name, items in beside.items()})
    return answer({**told, "meta": meta})


def _sorted(call: Call, entity: Entity, rows: list[Row]) -> list[Row]:
    """By `sort` (a time, the id or a field) and `sort_type`; rows that are alike by id."""
    name, direction = call.query.get("sort") or "updated_at", call.query.get("sort_type") or "desc"
    if direction not in ("asc", "desc"):
        raise bad("sort_type is asc or desc")
    own: dict[str, Callable[[Row], Any]] = {
        "id": lambda row: row.id,
        "created_at": lambda row: row.created,
        "updated_at": lambda row: row.updated,
    }
    if name not in own and entity.standard(name) is None and not name.endswith("_deals_amount"):
        raise bad(f"sort {name} is not served here")
    key = own.get(name, lambda row: str(row.values.get(name) or "").lower())
    return sorted(sorted(rows, key=lambda row: row.id), key=key, reverse=direction == "desc")


def _attribute(account: Account, entity: Entity, name: str) -> Callable[[Row], list[Any]]:
    """The values of a record that a search compares. Raises 400 for an attribute that isn't known."""
    if entity.name == CONTACTS and name in ("contact_email.email", "emails", "email"):
        return lambda row: [item["value"] for item in row.values.get("emails", [])]
    if name in ("created_at", "updated_at"):
        return lambda row: [row.created if name == "created_at" else row.updated]
    if name == "id":
        return lambda row: [row.id]
    if entity.name == CONTACTS and name == "sales_account_id":
        return lambda row: [link["id"] for link in row.values.get("sales_accounts", [])]
    if entity.standard(name) is not None:
        return lambda row: [row.values.get(name)]
    if any(item.values["name"] == name for item in custom_fields(account, entity.name)):
        return lambda row: [row.custom.get(name)]
    raise bad(f"attribute {name} is not one of {entity.type}")


def _folded(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _matcher(account: Account, entity: Entity, rule: object) -> Callable[[Row], bool]:
    """One filter rule. is_in is recorded and is_after is in a client; contains and is_before are (U)."""
    if not isinstance(rule, dict) or set(rule) != {"attribute", "operator", "value"}:
        raise bad("A filter_rule has an attribute, an operator and a value")
    read = _attribute(account, entity, str(rule["attribute"]))
    operator, given = rule["operator"], rule["value"]
    if operator in ("is_in", "contains"):
        wanted = [_folded(item) for item in (given if isinstance(given, list) else [given])]
        if operator == "is_in":
            texts = {str(item) for item in wanted}
            return lambda row: any(value is not None and str(_folded(value)) in texts for value in read(row))
        return lambda row: any(
            str(item) in str(_folded(value) or "") for value in read(row) for item in wanted
        )
    if operator in ("is_after", "is_before"):
        limit = values.moment("value", given, account.zone)
        if limit is None:
            raise bad("value is not a date")

        def compares(row: Row) -> bool:
            times = [
                value if isinstance(value, float) else values.moment("value", value, account.zone)
                for value in read(row)
            ]
            return any(
                time is not None and (time > limit if operator == "is_after" else time < limit)
                for time in times
            )

        return compares
    raise bad(f"operator {operator} is not served here")


def _visible(account: Account, row: Row) -> bool:
    """Live, and written long enough ago for the search to have seen it."""
    return row.live and row.updated <= account.now() - account.settings.search_delay_seconds


def _partial(account: Account, entity: Entity, row: Row) -> dict[str, Any]:
    told, _ = render.record(account, entity, row, [], single=False)
    return {"partial": True, **{name: told[name] for name in PARTIAL if name in told}}


def _searched(call: Call, name: str) -> Entity:
    plural = next((item.name for item in BY_NAME.values() if item.root == name), name)
    return call.entity(plural)


def filtered_search(call: Call) -> Response:
    """All rules of `filter_rule` must hold. `meta` has the total alone, as recorded."""
    entity = _searched(call, call.path["root"])
    rules = call.json().get("filter_rule")
    if not isinstance(rules, list) or not rules:
        raise bad("filter_rule is not a list of rules")
    matchers = [_matcher(call.account, entity, rule) for rule in rules]
    rows = [
        row
        for row in call.account.rows(entity.name)
        if _visible(call.account, row) and all(matches(row) for matches in matchers)
    ]
    page, per_page = call.page()
    here, meta = paged(_sorted(call, entity, rows), page, per_page)
    told = [_partial(call.account, entity, row) for row in here]
    return answer({entity.name: told, "meta": {"total": meta["total"]}})


def lookup(call: Call) -> Response:
    """`q` is the whole value of field `f`; answers `{contacts: {contacts: [...]}}` for each entity.

    Raises 400 for a field that none of the entities has.
    """
    text, name = call.query.get("q", ""), call.query.get("f", "")
    asked = [item for item in (call.query.get("include") or "").split(",") if item]
    if any(item != "sales_accounts" for item in asked):
        raise bad("include is not served here")
    if not text:
        raise bad("q can't be blank")
    entities = [_searched(call, root) for root in call.query.get("entities", "").split(",")]
    readers = [_reader(call.account, entity, name) for entity in entities]
    if not any(readers):
        raise bad(f"f {name} is not a field of {', '.join(entity.type for entity in entities)}")
    told: dict[str, Any] = {}
    for entity, read in zip(entities, readers, strict=True):
        shown = [
            render.record(call.account, entity, row, asked, single=False)[0]
            for row in sorted(call.account.rows(entity.name), key=lambda row: row.id)
            if read is not None and _visible(call.account, row) and _has(read(row), text)
        ]
        told[entity.name] = {entity.name: shown, "meta": {"total": len(shown)}}
    return answer(told)


def _has(found: list[Any], text: str) -> bool:
    return text.lower() in [str(_folded(value)) for value in found if value is not None]


def _reader(account: Account, entity: Entity, name: str) -> Callable[[Row], list[Any]] | None:
    try:
        return _named(entity) if name == "name" else _attribute(account, entity, name)
    except ApiError:
        return None


def _named(entity: Entity) -> Callable[[Row], list[Any]]:
    if entity.name == CONTACTS:
        return lambda row: [render.contact_name(row)]
    return lambda row: [row.values.get("name")]


def routes(site: Site) -> list[Route]:
    made = [
        Route(f"{API}/filtered_search/{{root}}", endpoint(site, filtered_search), methods=["POST"]),
        Route(f"{API}/lookup", endpoint(site, lookup), methods=["GET"]),
    ]
    for path, name in (
        *((f"{API}/{name}", name) for name in STANDARD),
        (f"{API}/custom_module/{{entity}}", None),
    ):
        made += [
            Route(f"{path}/filters", endpoint(site, filters, name), methods=["GET"]),
            Route(f"{path}/view/{{id:int}}", endpoint(site, view, name), methods=["GET"]),
        ]
    return made
