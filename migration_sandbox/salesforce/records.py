"""What the platform itself does as records are saved and deleted: names, defaults, and each object's rules.

The rules of activities, their relations, accounts of contacts and files stand in modules of their own;
here is which object has which, so that write.py and remove.py know none of them.
"""

import re
from collections.abc import Callable, Collection

import polars as pl

from migration_sandbox.salesforce import account_relations, activities, content, event_relations
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.saving import Saving, Writes
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.table import ROW
from migration_sandbox.salesforce.values import TRUE, Errors

_NUMBER = re.compile(r"\{(0+)\}")


def created_defaults(sobject: SObject, user_id: str) -> dict[str, object]:
    """Defaults of a new record, by field."""
    found: dict[str, object] = {}
    for name, item in sobject.fields.items():
        if item.type == "boolean":
            found[name] = (item.default or "false").lower() in TRUE
        elif item.default is not None and item.textual:
            found[name] = item.default
        elif item.default is not None and item.numeric:
            found[name] = float(item.default) if item.scale else int(float(item.default))
    if "OwnerId" in sobject.fields:
        found["OwnerId"] = user_id
    return found


def before_update(sobject: SObject, old: pl.DataFrame, given: Collection[str]) -> pl.DataFrame:
    """Old rows without what follows from fields that are about to change."""
    return activities.stale_before_update(old, given) if sobject.name == "Event" else old


def complete(saving: Saving) -> Errors:
    """Fill, in place, the columns that follow from others; returns errors by row of the frame."""
    rule = COMPLETE.get(saving.sobject.name)
    if rule is not None:
        return rule(saving)
    if saving.sobject.custom:
        _custom_name(saving)
    return {}


def follow(saving: Saving) -> Writes:
    """What is written beside the rows."""
    rule = FOLLOW.get(saving.sobject.name)
    return [] if rule is None or not saving.frame.height else rule(saving)


def before_delete(sobject: SObject, frame: pl.DataFrame) -> Errors:
    """Which rows may not be deleted by themselves."""
    rule = BEFORE_DELETE.get(sobject.name)
    return {} if rule is None else rule(frame)


def after_delete(org: Org, sobject: SObject, frame: pl.DataFrame) -> Writes:
    """What is written beside the deletion of rows."""
    return event_relations.after_delete(org, frame) if sobject.name == event_relations.NAME else []


def _contact(saving: Saving) -> Errors:
    parts = ["FirstName", "MiddleName", "LastName", "Suffix"]
    name = pl.concat_str([pl.col(part) for part in parts], separator=" ", ignore_nulls=True)
    saving.put("Name", saving.frame.select(name.alias("Name"))["Name"])
    return account_relations.check_contact(saving)


def _custom_name(saving: Saving) -> None:
    frame, shown = saving.frame, saving.sobject.name_format
    if shown is None:
        saving.put("Name", frame["Name"].zip_with(frame["Name"].is_not_null(), frame["Id"]))
        return
    found = _NUMBER.search(shown)
    digits = found.group(1) if found else "0"
    before, after = shown.split(found.group(0), 1) if found else (shown, "")
    number = pl.col(ROW).cast(pl.String).str.zfill(len(digits))
    named = frame.select(pl.format(before.replace("{", "") + "{}" + after, number).alias("Name"))
    saving.put("Name", named["Name"])


COMPLETE: dict[str, Callable[[Saving], Errors]] = {
    "Contact": _contact,
    "Event": activities.complete_event,
    "Task": activities.complete_task,
    event_relations.NAME: event_relations.complete,
    account_relations.NAME: account_relations.complete,
    content.VERSION: content.complete_version,
    content.LINK: content.complete_link,
}
FOLLOW: dict[str, Callable[[Saving], Writes]] = {
    "Contact": account_relations.follow_contact,
    "Event": event_relations.follow_event,
    event_relations.NAME: event_relations.follow,
    content.VERSION: content.follow_version,
    content.DOCUMENT: content.follow_document,
}
BEFORE_DELETE: dict[str, Callable[[pl.DataFrame], Errors]] = {
    account_relations.NAME: account_relations.before_delete,
    content.LINK: content.before_delete_link,
}
