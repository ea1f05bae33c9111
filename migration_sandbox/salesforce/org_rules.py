"""Automation that somebody else put into the org: validation and duplicate rules, flows, processes, triggers.

The control interface adds them; clients find them by the queries of rule_objects.py, and rows meet them in
`refuse`, which write.py calls once a batch's rows are complete and before they are committed. A rule here has
one simple formula: some fields must not be empty (validation rule, trigger, flow), or not all may equal those
of another record (duplicate rule; U: records of one batch don't see each other).
"""

import json
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import polars as pl

from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.saving import Saving
from migration_sandbox.salesforce.table import ROW
from migration_sandbox.salesforce.values import Errors

ALLOW_SAVE: ContextVar[bool] = ContextVar("allow_save", default=False)
"""Whether the request at hand says allowSave; Bulk jobs have no such header."""

Kind = Literal["validation", "duplicate", "flow", "process", "trigger"]
Action = Literal["block", "alert"]
META = "org_rules"
DUPLICATE_TEXT = "Use one of these records?"


@dataclass(frozen=True)
class Rule:
    """One rule. `fields` are what must not be empty, or what a duplicate has in common; a duplicate rule that
    only alerts lets a row through where the request says allowSave, one that blocks never does."""

    kind: Kind
    object: str
    name: str
    active: bool
    number: int
    fields: tuple[str, ...] = ()
    message: str = ""
    action: Action = "block"


def rules(org: Org) -> list[Rule]:
    with org.lock:
        found = org.meta(META) or []
    return [Rule(**{**one, "fields": tuple(one["fields"])}) for one in found]


def add_rule(
    org: Org,
    kind: Kind,
    sobject_name: str,
    name: str,
    active: bool = True,
    fields: Sequence[str] = (),
    message: str = "",
    action: Action = "block",
) -> Rule:
    """Add a rule, or replace the one of that kind and name. Raises ValueError for what can't be."""
    sobject = org.sobject(sobject_name)
    if kind not in get_args(Kind) or action not in get_args(Action) or sobject is None:
        raise ValueError("kind, object or action")
    known = [sobject.find(field) for field in fields]
    if any(item is None or item.long_text for item in known) or (kind == "duplicate" and not fields):
        raise ValueError("fields")
    named = tuple(item.name for item in known if item is not None)
    with org.lock:
        others = [rule for rule in rules(org) if (rule.kind, rule.name) != (kind, name)]
        number = org.next_number("rule")
        made = Rule(kind, sobject.name, name, active, number, named, message or _default(kind, name), action)
        kept = [asdict(rule) for rule in [*others, made]]
        org.transaction([(f"INSERT OR REPLACE INTO meta VALUES ('{META}', ?)", (json.dumps(kept),))])
    return made


def forget_rules(org: Org) -> None:
    org.transaction([("DELETE FROM meta WHERE key = ?", (META,))])


def _default(kind: Kind, name: str) -> str:
    return DUPLICATE_TEXT if kind == "duplicate" else f"{name} is not satisfied"


def refuse(saving: Saving) -> Errors:
    """Rows of the frame that an active rule refuses; triggers and flows first, duplicate rules last."""
    active = [
        rule
        for rule in rules(saving.org)
        if rule.active and rule.fields and rule.object == saving.sobject.name
    ]
    errors: Errors = {}
    for kind in ("flow", "process", "trigger", "validation", "duplicate"):
        for rule in active:
            if rule.kind != kind or (kind == "duplicate" and rule.action == "alert" and ALLOW_SAVE.get()):
                continue
            places = _duplicates(saving, rule) if kind == "duplicate" else _empty(saving, rule)
            for place in places:
                errors.setdefault(place, _error(rule))
    return errors


def _empty(saving: Saving, rule: Rule) -> list[int]:
    missing = [pl.col(name).is_null() for name in rule.fields]
    return saving.frame.select(pl.any_horizontal(missing).alias("bad"))["bad"].arg_true().to_list()


def _keys(names: Sequence[str]) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.String).str.to_lowercase().alias(name) for name in names]


def _duplicates(saving: Saving, rule: Rule) -> list[int]:
    """Rows that match another record in every field; an empty field matches nothing. An existing record is
    looked at only if one of the fields changes."""
    names = list(rule.fields)
    table = saving.org.tables[saving.sobject.name]
    there = table.scan(names).select(*_keys(names), pl.col(ROW).alias("other")).drop_nulls()
    given = saving.frame.select(*_keys(names), ROW).with_row_index("place")
    before = saving.before(names).select(*_keys(names), ROW)
    same = given.join(before, on=[*names, ROW], how="semi", nulls_equal=True)["place"]
    matched = given.drop_nulls().join(there, on=names).filter(pl.col("other") != pl.col(ROW))
    return sorted(set(matched["place"].to_list()) - set(same.to_list()))


def _error(rule: Rule) -> RowError:
    if rule.kind == "validation":
        return RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, rule.fields[:1])
    if rule.kind == "duplicate":
        return RowError("DUPLICATES_DETECTED", rule.message)
    if rule.kind in ("flow", "process"):
        text = f"We can't save this record because the “{rule.name}” process failed. {rule.message}"
        return RowError("CANNOT_EXECUTE_FLOW_TRIGGER", text)
    text = f"{rule.name}: execution of BeforeInsert\n\ncaused by: {rule.message}"
    return RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text)
