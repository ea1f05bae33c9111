"""What contacts have beside plain fields: their e-mails, and the accounts that they belong to."""

from typing import Any

from migration_sandbox.freshsales import values
from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import ACCOUNTS
from migration_sandbox.freshsales.errors import bad

Emails = list[dict[str, Any]]


def set_emails(account: Account, row: Row, given: object) -> None:
    """One address or a list of them replaces what was there; a list of objects changes what it names by `id`:
    `_destroy` takes one away, and one without an id is added."""
    if isinstance(given, list) and any(isinstance(item, dict) for item in given):
        kept = _changed(account, row.values.get("emails", []), given)
    else:
        told = [given] if isinstance(given, str) else given
        if told is not None and not isinstance(told, list):
            raise bad("Emails is invalid")
        addresses = [values.email(item) for item in told or [] if item]
        old = {item["value"].lower(): item for item in row.values.get("emails", [])}
        kept = [
            {**(old.get(address.lower()) or _new(account, None)), "value": address, "is_primary": place == 0}
            for place, address in enumerate(addresses)
        ]
    _settle(kept)
    row.values["emails"] = kept


def set_primary_email(account: Account, row: Row, given: object) -> None:
    """`email`: the primary address alone; the others stay."""
    if isinstance(given, str) and given == primary_email(row):
        return
    others = [item for item in row.values.get("emails", []) if not item["is_primary"]]
    if given is None or given == "":
        row.values["emails"] = others
        return
    address = values.email(given)
    others = [item for item in others if item["value"].lower() != address.lower()]
    row.values["emails"] = [{**_new(account, None), "value": address, "is_primary": True}, *others]


def _new(account: Account, label: object) -> dict[str, Any]:
    return {"id": account.new_id(), "label": label}


def _changed(account: Account, present: Emails, given: list[Any]) -> Emails:
    kept = {item["id"]: dict(item) for item in present}
    for item in given:
        if not isinstance(item, dict):
            raise bad("Emails is invalid: objects and addresses can't be mixed")
        known = kept.get(item.get("id"))
        if known is None and item.get("id"):
            raise bad("Emails is invalid: no e-mail of the contact has this id")
        if item.get("_destroy"):
            kept.pop(item.get("id"), None)
            continue
        target = _new(account, item.get("label")) if known is None else known
        target["value"] = values.email(item.get("value", target.get("value")))
        if item.get("is_primary"):
            for other in kept.values():
                other["is_primary"] = False
        target["is_primary"] = bool(item.get("is_primary", target.get("is_primary", False)))
        kept[target["id"]] = target
    return list(kept.values())


def _settle(kept: Emails) -> None:
    if len({item["value"].lower() for item in kept}) != len(kept):
        raise bad("Emails is invalid: an address comes twice")
    primary = [item for item in kept if item["is_primary"]]
    if len(primary) > 1:
        raise bad("Emails is invalid: there is one primary e-mail")
    if kept and not primary:
        kept[0]["is_primary"] = True
    kept.sort(key=lambda item: not item["is_primary"])


def primary_email(row: Row) -> str | None:
    return next((item["value"] for item in row.values.get("emails", []) if item["is_primary"]), None)


def set_accounts(account: Account, row: Row, given: object) -> None:
    """`sales_accounts: [{id, is_primary}]` replaces what was there; the first is primary unless said."""
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise bad("Sales accounts is invalid")
    links: list[dict[str, Any]] = []
    for item in given:
        number = values.integer("Sales account", item.get("id"))
        found = None if number is None else account.get(ACCOUNTS, number)
        if found is None or not found.live:
            raise bad("Sales accounts is invalid: there is no such account")
        links.append({"id": found.id, "is_primary": bool(item.get("is_primary"))})
    if len({item["id"] for item in links}) != len(links):
        raise bad("Sales accounts is invalid: an account comes twice")
    if sum(item["is_primary"] for item in links) > 1:
        raise bad("Sales accounts is invalid: there is one primary account")
    if links and not any(item["is_primary"] for item in links):
        links[0]["is_primary"] = True
    row.values["sales_accounts"] = links
