"""What a rollback would do, record by record: deleted, restored, or left with a reason. Pure.

What we created is deleted, what stood there before is restored field by field, what somebody has worked with
since is left and keeps its parents and its parts. What stands there now is read in ``rollback_look``;
``rollback`` does it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from migration_assets.destinations.base import KeyChange

DELETE, RESTORE, LEAVE, GONE = "delete", "restore", "leave", "gone"
CHANGED, DEPENDENTS, NOT_OURS, NEEDED = "changed_by_others", "has_dependents", "not_ours", "needed"
PART, AS_BEFORE = "part_of_left", "as_before"
REASONS: dict[str, str] = {
    CHANGED: "Somebody has changed it since the migration wrote it.",
    DEPENDENTS: "Somebody's own records hang on it: they would be deleted with it, or lose their reference.",
    NOT_OURS: "It holds a key of the practice, but this ledger has never written it.",
    NEEDED: "A record that stays refers to it.",
    PART: "It is a part of a record that is left, or joins such a record with another that stays.",
    AS_BEFORE: "It stood there before and is as it was.",
}
MAY_ALSO = (CHANGED, DEPENDENTS)
"""Reasons that a person may decide against: such records are deleted all the same."""
_WORKED_WITH = (CHANGED, DEPENDENTS, NEEDED, PART)
_RECORDS_A_CALL = 200

ROLLBACK_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "record_id": pl.String(),
    "action": pl.String(),
    "reason": pl.String(),
    "detail": pl.String(),
    "restored": pl.List(pl.String()),
    "stays": pl.List(pl.String()),
}
"""A row a record: ``action`` is delete, restore, leave or gone (it isn't there any more, or never arrived);
``reason`` one of REASONS where it is left, with ``detail`` (objects and numbers of what hangs on it);
``restored`` are the fields that get their former value, ``stays`` those that somebody has changed since and
that keep what they have. No value."""


@dataclass(frozen=True)
class Record:
    """One record as it stands there and what is to become of it; ``parents`` are the ids of records of the
    practice that it refers to now, by field."""

    object: str
    key: str
    record_id: str | None
    action: str
    reason: str | None = None
    detail: str | None = None
    stays: tuple[str, ...] = ()
    change: KeyChange | None = None
    parents: Mapping[str, str] = field(default_factory=dict)

    @property
    def restored(self) -> tuple[str, ...]:
        return () if self.change is None or self.action != RESTORE else tuple(sorted(self.change.fields))

    @property
    def kept_parents(self) -> set[str]:
        """Ids of the records that it goes on referring to."""
        if self.action not in (LEAVE, RESTORE):
            return set()
        given_up = self.restored
        return {parent for name, parent in self.parents.items() if name not in given_up}

    @property
    def identity(self) -> tuple[str, str, str, str, tuple[str, ...]]:
        """What a decision is about."""
        return self.object, self.key, self.record_id or "", self.action, self.restored


@dataclass(frozen=True, slots=True)
class Dependent:
    """A record, whoever made it, that refers to the record ``on``."""

    on: str
    object: str
    record_id: str


@dataclass(frozen=True)
class RollbackPlan:
    """``records`` in the order in which they are taken back, children first; ``unknown`` counts records that
    an earlier mapping wrote to objects which this one doesn't know; ``also`` are the reasons decided against;
    ``dependents`` are what hangs on what is to be deleted."""

    records: tuple[Record, ...]
    also: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    dependents: tuple[Dependent, ...] = ()

    @property
    def table(self) -> pl.DataFrame:
        """ROLLBACK_COLUMNS."""
        rows = [
            {name: getattr(each, name) for name in ROLLBACK_COLUMNS}
            | {"restored": list(each.restored), "stays": list(each.stays)}
            for each in self.records
        ]
        return pl.DataFrame(rows, schema=ROLLBACK_COLUMNS)

    @property
    def hash(self) -> str:
        """Over what would be done to which record; not over what is gone."""
        return plan_hash(each.identity for each in self.records if each.action != GONE)

    @property
    def counts(self) -> dict[str, int]:
        """``Contact.delete`` -> records; what is left is ``Contact.left``."""
        found = Counter(f"{each.object}.{_counted(each.action)}" for each in self.records)
        return dict(sorted(found.items()))

    def number(self, action: str) -> int:
        return sum(each.action == action for each in self.records)

    @property
    def has_work(self) -> bool:
        return any(each.action != LEAVE for each in self.records)

    @property
    def hangs_on(self) -> dict[str, set[str]]:
        """Id of a record -> ids of all records that it refers to now."""
        found: dict[str, set[str]] = defaultdict(set)
        for each in self.records:
            if each.record_id is not None:
                found[each.record_id].update(each.parents.values())
        for dependent in self.dependents:
            found[dependent.record_id].add(dependent.on)
        return found

    @property
    def calls_expected(self) -> int:
        """About how many requests the deed takes: those that write, 200 records each, and those that read."""
        of_object = Counter(each.object for each in self.records if each.action in (DELETE, RESTORE))
        reading = len({each.object for each in self.records}) * 3
        return reading + sum(-(-count // _RECORDS_A_CALL) for count in of_object.values())


def _counted(action: str) -> str:
    return "left" if action == LEAVE else action


def plan_hash(identities: Iterable[tuple[str, str, str, str, Sequence[str]]]) -> str:
    lines = sorted(
        json.dumps([name, record_id, action, list(restored)])
        for name, _, record_id, action, restored in identities
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def settled(
    records: Sequence[Record],
    dependents: Sequence[Dependent],
    our_ids: Collection[str],
    also: Collection[str] = (),
    parts: Mapping[str, Collection[str]] | None = None,
) -> tuple[Record, ...]:
    """The records once everything is left that somebody's records hang on, and all that those left need.

    ``our_ids``: ids that records of ours had before (former versions of a file), which are nobody's own.
    ``parts``: object -> the references by which its records are parts: of a master, or of all that they join.
    """
    by_id = {str(each.record_id): each for each in records if each.action != GONE}
    foreign: dict[str, Counter[str]] = defaultdict(Counter)
    hanging: dict[str, set[str]] = defaultdict(set)
    for each in dependents:
        if each.record_id in by_id:
            hanging[each.record_id].add(each.on)
        elif each.record_id not in our_ids:
            foreign[each.on][each.object] += 1
    if DEPENDENTS not in also:
        for record_id, counts in foreign.items():
            _leave(by_id, record_id, DEPENDENTS, _told(counts))
    waiting = [each for each in by_id.values() if each.action in (LEAVE, RESTORE)]
    needing: dict[str, Counter[str]] = defaultdict(Counter)
    while waiting or (waiting := _kept_parts(by_id, parts or {})):
        child = waiting.pop()
        for parent in _needed_by(child, hanging.get(str(child.record_id), set())):
            if parent in by_id and by_id[parent].action == DELETE:
                _leave(by_id, parent, NEEDED, None)
                waiting.append(by_id[parent])
            if parent in by_id and by_id[parent].reason == NEEDED:
                needing[parent][child.object] += 1
    for record_id, counts in needing.items():
        by_id[record_id] = replace(by_id[record_id], detail=_told(counts))
    return tuple(by_id.get(str(each.record_id), each) if each.action != GONE else each for each in records)


def _kept_parts(by_id: dict[str, Record], parts: Mapping[str, Collection[str]]) -> list[Record]:
    """Leaves, and answers, those to be deleted whose whole stays since somebody has worked with it."""
    kept = []
    for record_id, each in list(by_id.items()):
        wholes = [by_id.get(each.parents.get(name, "")) for name in parts.get(each.object, ())]
        stay = wholes and all(whole is not None and whole.action != DELETE for whole in wholes)
        if each.action == DELETE and stay and any(whole and whole.reason in _WORKED_WITH for whole in wholes):
            _leave(by_id, record_id, PART, None)
            kept.append(by_id[record_id])
    return kept


def _needed_by(child: Record, hanging_on: set[str]) -> set[str]:
    """Records that the child, which stays, would miss."""
    needed = child.kept_parents
    if child.action == LEAVE:
        return needed | hanging_on
    # What hangs by references that are given up is free; by a field that isn't mapped it hangs on.
    given_up = set(child.parents.values()) - needed
    return needed | (hanging_on - given_up)


def _leave(by_id: dict[str, Record], record_id: str, reason: str, detail: str | None) -> None:
    record = by_id.get(record_id)
    if record is not None and record.action == DELETE:
        by_id[record_id] = replace(record, action=LEAVE, reason=reason, detail=detail)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))


def still_so(now: RollbackPlan, shown: pl.DataFrame) -> bool:
    """Whether the plan does nothing but what was shown, and all of that which isn't done or gone by now.

    ``shown``: ROLLBACK_COLUMNS. What was shown as left is no promise.
    """
    wanted = _deeds(shown)
    todo = {each.identity for each in now.records if each.action in (DELETE, RESTORE)}
    left = {
        (each.object, each.key)
        for each in now.records
        if each.action == LEAVE and each.reason not in (NOT_OURS, AS_BEFORE)
    }
    return todo <= wanted and not any((name, key) in left for name, key, *_ in wanted - todo)


def _deeds(shown: pl.DataFrame) -> set[tuple[str, str, str, str, tuple[str, ...]]]:
    rows = shown.filter(pl.col("action").is_in([DELETE, RESTORE]))
    names = ("object", "key", "record_id", "action", "restored")
    return {(*row[:4], tuple(row[4])) for row in rows.select(names).iter_rows()}
