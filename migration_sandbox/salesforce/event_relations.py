"""Rules of EventRelation: who is invited to an event and, with Shared Activities, who and what it is about.

After the Object Reference. A user who is invited gets no child event of their own here, as the platform would
make one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.saving import Saving, Writes
from migration_sandbox.salesforce.table import GONE, LIVE, ROW, STATE
from migration_sandbox.salesforce.values import Errors

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

NAME = "EventRelation"
PEOPLE = ("003", "005")
MAX_WHOS = 50

TWICE = RowError("DUPLICATE_VALUE", "This person or record is already related to the event", ("RelationId",))
MANY_WHOS = RowError("LIMIT_EXCEEDED", f"An event is related to at most {MAX_WHOS} contacts", ("RelationId",))
OTHER_WHAT = RowError(
    "FIELD_INTEGRITY_EXCEPTION", "The event is related to another record already", ("RelationId",)
)
WRONG_KIND = RowError("FIELD_INTEGRITY_EXCEPTION", "IsWhat doesn't fit what the relation is to", ("IsWhat",))


@dataclass(frozen=True)
class Move:
    """An event's WhoId or WhatId changes from one id to another."""

    event: str
    old: str | None
    new: str | None
    what: bool


def _shared(org: "Org") -> bool:
    return org.settings.shared_activities and "IsParent" in org.objects[NAME].fields


def _of(org: "Org", events: Iterable[str]) -> pl.DataFrame:
    """All live relations of events, in the order in which they were made."""
    table = org.tables[NAME]
    return table.scan(list(table.sobject.fields)).filter(pl.col("EventId").is_in(list(set(events))))


def _accounts(org: "Org", relations: list[str]) -> list[str | None]:
    """The account of each relation: the contact's, or the account itself."""
    table = org.tables["Contact"]
    rows, _ = ids.decode(pl.Series(relations, dtype=pl.String), "003")
    known = rows[table.states(rows) != GONE]
    found = table.gather(known, ["Id", "AccountId"])
    by_contact = dict(found.select("Id", "AccountId").iter_rows())
    return [key if key[:3] == "001" else by_contact.get(key) for key in relations]


def complete(saving: Saving) -> Errors:
    """Refuse what is there already, and fill the flags that weren't given."""
    org, frame, fresh = saving.org, saving.frame, saving.fresh
    there = _of(org, frame["EventId"].drop_nulls())
    owner = {
        (event, relation): row
        for event, relation, row in there.select("EventId", "RelationId", ROW).iter_rows()
    }
    errors: Errors = {}
    for place, (event, relation, row) in enumerate(frame.select("EventId", "RelationId", ROW).iter_rows()):
        if owner.setdefault((event, relation), row) != row:
            errors[place] = TWICE
    if not _shared(org):
        saving.put("IsInvitee", [True] * frame.height)
        return errors
    saving.put("AccountId", _accounts(org, frame["RelationId"].to_list()))
    person = frame["RelationId"].str.head(3).is_in(PEOPLE)
    silent = pl.Series(fresh) & ~(frame["IsInvitee"] | frame["IsParent"] | frame["IsWhat"])
    saving.put("IsInvitee", frame["IsInvitee"] | (silent & person))
    saving.put("IsWhat", frame["IsWhat"] | (silent & ~person))
    saving.put("IsParent", frame["IsParent"] | frame["IsWhat"])
    for place in (frame["IsWhat"] == person).arg_true().to_list():
        errors.setdefault(place, WRONG_KIND)
    _room(saving, there, errors)
    return errors


def _room(saving: Saving, there: pl.DataFrame, errors: Errors) -> None:
    """At most fifty contacts and one record an event."""
    own = set(saving.frame[ROW].to_list())
    count: dict[tuple[str, bool], int] = {}
    for event, parent, what, row in there.select("EventId", "IsParent", "IsWhat", ROW).iter_rows():
        if parent and row not in own:
            count[event, what] = count.get((event, what), 0) + 1
    picked = saving.frame.select("EventId", "IsParent", "IsWhat")
    for place, (event, parent, what) in enumerate(picked.iter_rows()):
        if not parent or place in errors:
            continue
        count[event, what] = count.get((event, what), 0) + 1
        if count[event, what] > (1 if what else MAX_WHOS):
            errors[place] = OTHER_WHAT if what else MANY_WHOS


def follow(saving: Saving) -> Writes:
    """An event's WhoId and WhatId follow its relations (Shared Activities)."""
    if not _shared(saving.org):
        return []
    kept = _of(saving.org, saving.frame["EventId"])
    kept = kept.filter(~pl.col(ROW).is_in(saving.frame[ROW].to_list()))
    return _settle(saving.org, pl.concat([kept, saving.frame.select(kept.columns)]), saving.frame["EventId"])


def after_delete(org: "Org", gone: pl.DataFrame) -> Writes:
    """Another person is promoted to WhoId where the relation that stood for it goes."""
    if not _shared(org):
        return []
    left = _of(org, gone["EventId"]).filter(~pl.col(ROW).is_in(gone[ROW].to_list()))
    return _settle(org, left, gone["EventId"])


def _settle(org: "Org", relations: pl.DataFrame, events: pl.Series) -> Writes:
    table = org.tables["Event"]
    rows, _ = ids.decode(events.unique(), "00U")
    frame = table.gather(rows[table.states(rows) == LIVE], list(table.sobject.fields))
    parents: dict[tuple[str, bool], list[str]] = {}
    for event, relation, what in (
        relations.filter(pl.col("IsParent")).sort(ROW).select("EventId", "RelationId", "IsWhat").iter_rows()
    ):
        if relation[:3] != "005":
            parents.setdefault((event, what), []).append(relation)
    changed = False
    for name, what in (("WhoId", False), ("WhatId", True)):
        now = frame[name].to_list()
        new = []
        for event, value in zip(frame["Id"].to_list(), now, strict=True):
            whos = parents.get((event, what), [])
            new.append(value if value in whos else (whos[0] if whos else None))
        if new != now:
            changed = True
            frame = frame.with_columns(pl.Series(name, new, dtype=pl.String))
    return [("Event", frame)] if changed else []


def follow_event(saving: Saving) -> Writes:
    """Relations follow an event's WhoId and WhatId (Shared Activities)."""
    if not _shared(saving.org):
        return []
    fresh = saving.fresh
    before = saving.before(["WhoId", "WhatId"])
    moves: list[Move] = []
    for name in ("WhoId", "WhatId"):
        old = before[name].to_list() + [None] * int(fresh.sum())
        pairs = zip(saving.frame["Id"].to_list(), old, saving.frame[name].to_list(), strict=True)
        moves += [Move(event, was, now, name == "WhatId") for event, was, now in pairs if was != now]
    return _move(saving.org, moves)


def of_events(org: "Org", events: pl.DataFrame) -> Writes:
    """Relations of events that are there when Shared Activities is switched on (Id, WhoId, WhatId)."""
    moves: list[Move] = []
    for event, who, what in events.select("Id", "WhoId", "WhatId").iter_rows():
        moves += [Move(event, None, key, at == 1) for at, key in enumerate((who, what)) if key is not None]
    return _move(org, moves)


def _move(org: "Org", moves: list[Move]) -> Writes:
    if not moves:
        return []
    there = _of(org, [move.event for move in moves])
    place = {
        (event, relation): at
        for at, (event, relation) in enumerate(there.select("EventId", "RelationId").iter_rows())
    }
    flags = {name: there[name].to_list() for name in ("IsParent", "IsWhat", "IsInvitee")}
    touched: set[int] = set()
    made: list[dict[str, Any]] = []
    for move in moves:
        if move.old is not None and (move.event, move.old) in place:
            at = place[move.event, move.old]
            flags["IsParent"][at] = flags["IsWhat"][at] = False
            touched.add(at)
        if move.new is None:
            continue
        if (move.event, move.new) in place:
            at = place[move.event, move.new]
            flags["IsParent"][at], flags["IsWhat"][at] = True, move.what
            touched.add(at)
        else:
            made.append(
                {
                    "EventId": move.event, "RelationId": move.new, "IsParent": True, "IsWhat": move.what,
                    "IsInvitee": False, "Status": "New",
                }
            )  # fmt: skip
    writes: Writes = []
    if touched:
        changed = there.with_columns(
            pl.Series(name, values, dtype=pl.Boolean) for name, values in flags.items()
        )
        gone = ~(pl.col("IsParent") | pl.col("IsInvitee"))
        state = pl.when(gone).then(pl.lit(GONE, dtype=pl.Int8)).otherwise(pl.col(STATE)).alias(STATE)
        writes.append((NAME, changed[sorted(touched)].with_columns(state)))
    if made:
        accounts = _accounts(org, [item["RelationId"] for item in made])
        for item, account in zip(made, accounts, strict=True):
            item["AccountId"] = account
        writes.append((NAME, org.new_rows(NAME, made)))
    return writes
