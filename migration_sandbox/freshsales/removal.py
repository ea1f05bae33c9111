"""Soft deletion, the recycle bin's end, and forgetting: a record with everything that hangs on it."""

from collections.abc import Hashable, Iterable

from migration_sandbox.freshsales.account import Account, Change, Row
from migration_sandbox.freshsales.entities import ACCOUNTS, BY_NAME, CONTACTS, DEALS

CHILDREN = ("note", "appointment", "task", "document")
DAY = 86_400


def children(account: Account, kind: str, target_type: str, target: int) -> list[Row]:
    """Notes, appointments, tasks or documents of a record, oldest first."""

    def keys(row: Row) -> Iterable[Hashable]:
        return [(item["type"], item["id"]) for item in row.values["targetables"]]

    index = account.index(kind, "targets", keys)
    return [account.tables[kind][number] for number in index.ids((target_type, target))]


def soft_delete(account: Account, entity: str, row: Row, user: int) -> None:
    row.deleted = row.updated = account.now()
    row.updater_id = user
    account.commit([(entity, row)])


def forget(account: Account, entity: str, row: Row) -> None:
    """For good: the record, what hangs on it alone, its files, and the links of others to it."""
    changes: list[Change] = []
    removed = [(entity, row.id)]
    files: list[str] = []
    target_type = BY_NAME[entity].type if entity in BY_NAME else entity
    for kind in CHILDREN:
        for child in children(account, kind, target_type, row.id):
            rest = [
                item
                for item in child.values["targetables"]
                if (item["type"], item["id"]) != (target_type, row.id)
            ]
            if rest:
                kept = account.copy(kind, child.id)
                assert kept is not None
                kept.values["targetables"] = rest
                changes.append((kind, kept))
                continue
            removed.append((kind, child.id))
            if kind == "document":
                files.append(child.values["blob"])
    changes += _unlinked(account, entity, row.id)
    account.commit(changes, removed)
    for name in files:
        account.blobs.discard(name)


def _unlinked(account: Account, entity: str, gone: int) -> list[Change]:
    """Others without their links to what is gone; lookups of custom fields among them."""
    changed: dict[tuple[str, int], Row] = {}

    def own(table: str, row: Row) -> Row:
        found = changed.get((table, row.id)) or account.copy(table, row.id)
        assert found is not None
        changed[table, row.id] = found
        return found

    if entity == CONTACTS:
        for deal in account.rows(DEALS):
            if gone in deal.values.get("contacts", []):
                own(DEALS, deal).values["contacts"].remove(gone)
    if entity == ACCOUNTS:
        for contact in account.rows(CONTACTS):
            if any(link["id"] == gone for link in contact.values.get("sales_accounts", [])):
                copy = own(CONTACTS, contact)
                copy.values["sales_accounts"] = [
                    link for link in copy.values["sales_accounts"] if link["id"] != gone
                ]
        for deal in account.rows(DEALS):
            if deal.values.get("sales_account_id") == gone:
                own(DEALS, deal).values["sales_account_id"] = None
    for item in account.rows("field"):
        if item.values["lookup_entity"] == entity:
            table, name = item.values["entity"], item.values["name"]
            for row in account.rows(table):
                if row.custom.get(name) == gone:
                    own(table, row).custom[name] = None
    return [(table, row) for (table, _), row in changed.items()]


def empty_bin(account: Account, entity: str) -> None:
    """Forget what has been in the bin for its days; done when the bin is looked at."""
    oldest = account.now() - account.settings.bin_days * DAY
    for row in account.rows(entity):
        if row.deleted is not None and row.deleted < oldest:
            forget(account, entity, row)
