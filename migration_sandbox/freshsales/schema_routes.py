"""Fields, forms and custom modules: listed, and created where the account's switches and plan allow it."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.freshsales import values
from migration_sandbox.freshsales.account import Account, Change, Row
from migration_sandbox.freshsales.entities import STANDARD, Entity
from migration_sandbox.freshsales.errors import bad, forbidden, not_found
from migration_sandbox.freshsales.fields import create_field, custom_fields, module_of, slug
from migration_sandbox.freshsales.seed import SELECTORS, module_views, new_row, view_rows
from migration_sandbox.freshsales.web import API, Call, Site, answer, created, endpoint

Shown = dict[str, Any]
MODULE_ATTRIBUTES = frozenset(
    {"entity_name", "singular_name", "plural_name", "icon", "description", "show_in_navigation_menu"}
)


def _choices(account: Account, kind: str) -> list[Shown]:
    """Choices of a standard field: entries of the selector that it refers to."""
    table = kind.removeprefix("=")
    if not kind.startswith("=") or (table.removeprefix("selector:") not in SELECTORS and table != "user"):
        return []
    return [
        {"id": row.id, "value": row.values.get("name") or row.values.get("display_name"), "position": at}
        for at, row in enumerate(account.rows(table), 1)
    ]


def listed(account: Account, entity: Entity) -> list[Shown]:
    """Standard fields, then custom ones, in the recorded shape."""

    def one(number: int, label: str, name: str, kind: str, place: int, own: Shown) -> Shown:
        return {
            "id": number, "label": label, "name": name, "type": kind, "default": True, "actionable": True,
            "position": place, "choices": [], "base_model": entity.type, "required": False,
            "quick_add_position": None, "visible": True, **own,
        }  # fmt: skip

    special = (("emails", "Emails"), ("sales_accounts", "Accounts")) if entity.name == "contacts" else ()
    told = [one(at, label, name, "group_field", at, {}) for at, (name, label) in enumerate(special, 1)]
    for item in entity.fields:
        place = len(told) + 1
        own = {"required": item.required, "choices": _choices(account, item.kind)}
        told.append(one(place, item.label, item.name, item.type, place, own))
    for row in custom_fields(account, entity.name):
        given = row.values
        own = {"default": False, "required": given["required"], "choices": given["choices"]}
        if given["lookup_entity"] is not None:
            own["field_options"] = {"lookup_type": given["lookup_entity"]}
        told.append(one(row.id, given["label"], given["name"], given["type"], len(told) + 1, own))
    return told


def fields(call: Call) -> Response:
    if call.query.get("include"):
        raise bad("include is not served here")
    return answer({"fields": listed(call.account, call.entity())})


def _form(account: Account, entity: Entity) -> Row:
    return next(row for row in account.rows("form") if row.values["entity"] == entity.name)


def forms(call: Call) -> Response:
    """One form with one section, whose fields are the entity's."""
    entity, account = call.entity(), call.account
    form = _form(account, entity)
    inner = [
        {
            **item,
            "id": str(item["id"]),
            "form_id": form.id,
            "field_class": "Field",
            "custom": not item["default"],
            "editable": True,
        }
        for item in listed(account, entity)
    ]
    section = {
        "id": f"section-{form.id}",
        "name": "basic_information",
        "label": "Basic information",
        "type": "section",
        "form_id": form.id,
        "position": 1,
        "fields": inner,
    }
    told = {"id": form.id, "name": form.values["name"], "active": True, "field_class": "Form"}
    return answer({"forms": [{**told, "fields": [section]}]})


def add_field(call: Call) -> Response:
    call.administrator()
    entity = call.entity()
    if call.id() != _form(call.account, entity).id:
        raise not_found("There is no such form")
    row = create_field(call.account, entity.name, call.record("field"))
    own = {
        "id": str(row.id), "label": row.values["label"], "name": row.values["name"],
        "type": row.values["type"], "required": row.values["required"], "choices": row.values["choices"],
        "custom": True, "form_id": call.id(), "position": row.values["position"], "visible": True,
        "editable": True, "fields": [], "field_options": {},
    }  # fmt: skip
    return created(call, {"field": own})


def _module(account: Account, row: Row) -> Shown:
    return {
        "id": row.id, **row.values, "custom": True, "status": 1, "layout_customizations": {}, "configs": {},
        "renaming_customizations": {}, "table_name": row.values["entity_name"],
        "created_at": account.time(row.created), "updated_at": account.time(row.updated),
    }  # fmt: skip


def create_module(account: Account, given: Shown, by_admin: bool = False) -> Row:
    """A custom module with its form and views. Raises 403 where the plan or the account has none for us."""
    settings = account.settings
    if not settings.modules_allowed:
        raise forbidden("Custom modules are not a part of your plan")
    if not by_admin and not settings.create_modules:
        raise forbidden("Modules can't be created through the API")
    if len(account.rows("module")) >= settings.modules_allowed:
        raise bad(f"You have reached the limit of {settings.modules_allowed} custom modules of your plan")
    unknown = set(given) - MODULE_ATTRIBUTES
    if unknown:
        raise bad(*(f"{name} is not an attribute of a module" for name in sorted(unknown)))
    names = {
        name: values.text(name.replace("_", " ").capitalize(), given.get(name), 100, settings)
        for name in ("entity_name", "singular_name", "plural_name", "icon")
    }
    missing = [name for name, value in names.items() if value is None]
    if missing:
        raise bad(*(f"{name.replace('_', ' ').capitalize()} can't be blank" for name in missing))
    name = "cm_" + slug(names["entity_name"] or "").removeprefix("cm_")
    if module_of(account, name) is not None:
        raise bad("Entity name has already been taken")
    row = new_row(
        account,
        {
            **names,
            "entity_name": name,
            "description": given.get("description"),
            "show_in_navigation_menu": bool(given.get("show_in_navigation_menu", True)),
            "position": len(account.rows("module")) + 1,
        },
    )
    changes: list[Change] = [("module", row), ("form", new_row(account, {"entity": name, "name": name}))]
    changes += view_rows(account, name, name, module_views(names["plural_name"] or ""))
    account.commit(changes)
    return row


def add_module(call: Call) -> Response:
    call.administrator()
    row = create_module(call.account, call.record("module_customization"))
    return created(call, {"module_customization": _module(call.account, row)})


def modules(call: Call) -> Response:
    rows = call.account.rows("module")
    told = [_module(call.account, row) for row in rows]
    return answer({"module_customizations": told, "meta": {"total": len(rows)}})


def module(call: Call) -> Response:
    return answer({"module_customization": _module(call.account, call.row("module"))})


def delete_module(call: Call) -> Response:
    """With its fields, views and records."""
    call.administrator()
    name = call.row("module").values["entity_name"]
    gone = [("module", call.id()), *((name, row.id) for row in call.account.rows(name))]
    for kind in ("field", "form", "view"):
        gone += [(kind, row.id) for row in call.account.rows(kind) if row.values["entity"] == name]
    call.account.commit([], gone)
    return answer(True)


def routes(site: Site) -> list[Route]:
    base = f"{API}/settings"
    made = [
        Route(f"{base}/module_customizations", endpoint(site, modules), methods=["GET"]),
        Route(f"{base}/module_customizations", endpoint(site, add_module), methods=["POST"]),
        Route(f"{base}/module_customizations/{{id:int}}", endpoint(site, module), methods=["GET"]),
        Route(f"{base}/module_customizations/{{id:int}}", endpoint(site, delete_module), methods=["DELETE"]),
        Route(f"{base}/{{entity}}/forms", endpoint(site, forms), methods=["GET"]),
        Route(f"{base}/{{entity}}/forms/{{id:int}}/fields", endpoint(site, add_field), methods=["POST"]),
    ]
    made += [
        Route(f"{base}/{name}/fields", endpoint(site, fields, name), methods=["GET"]) for name in STANDARD
    ]
    return made
