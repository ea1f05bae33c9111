"""One object's records as they stand there, each judged by what the ledger knows of it. Pure.

What other records a judgement depends on (children, what hangs on it) is ``rollback_plan``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, KeyChange, ObjectSchema, payload_dtype
from migration_assets.migration.adopting import ADOPTED_MARK
from migration_assets.migration.before_adoption import as_kept, changed_since, kept_value
from migration_assets.migration.rollback_events import Ours
from migration_assets.migration.rollback_plan import (
    AS_BEFORE,
    CHANGED,
    DELETE,
    GONE,
    LEAVE,
    NOT_OURS,
    RESTORE,
    Record,
)

_CLOCKS_APART = timedelta(minutes=5)
"""The destination stamps a record with its own clock, the ledger an answer with ours."""
_BEFORE = "\x00before"


@dataclass(frozen=True)
class Standing:
    """What is known of one object.

    ``current``: ``_id`` and the returned fields of every record of the practice; ``changes``: key -> when it
    was last changed, and whether by us; ``sent``: payload rows that may stand there, where they are known;
    ``known``: keys of all of whose possible payloads ``sent`` has the row; ``ids``: object -> key -> id of
    every record of the practice, of this object and those that it refers to; ``rekeyed``: key -> id of
    records of ours from which somebody has taken it.
    """

    schema: ObjectSchema
    ours: Mapping[str, Ours]
    images: Mapping[str, Mapping[str, Any]]
    current: pl.DataFrame
    changes: Mapping[str, tuple[datetime, bool]]
    sent: pl.DataFrame
    known: Collection[str]
    ids: Mapping[str, Mapping[str, str]]
    rekeyed: Mapping[str, str] = field(default_factory=dict)


def judged(standing: Standing, also: Collection[str] = ()) -> list[Record]:
    """Every record that stands there or that the ledger takes to be there."""
    schema = standing.schema
    key_field = schema.key_field
    fields = [each for each in schema.returned_fields if each.name != key_field]
    differing = _without_lost_parents(
        standing, changed_since(schema, fields, standing.current, standing.sent)
    )
    unlike_before = _unlike_images(standing, fields)
    references = [each for each in schema.references if not each.virtual]
    found: list[Record] = []
    rows = standing.current.select("_id", key_field, *(each.name for each in references))
    for row in rows.iter_rows(named=True):
        parents = _parents(row, references, standing.ids)
        found.append(
            _judge(standing, row[key_field], row["_id"], parents, differing, unlike_before, CHANGED in also)
        )
    there = set(standing.current[key_field])
    for key in dict.fromkeys((*standing.ours, *standing.images)):
        if key in standing.rekeyed:
            # Who takes our key away takes the record: not even a decision against CHANGED deletes it.
            stays = (key_field,)
            found.append(Record(schema.name, key, standing.rekeyed[key], LEAVE, CHANGED, stays=stays))
        elif key not in there:
            ids = standing.ours.get(key, Ours()).ids
            found.append(Record(schema.name, key, ids[-1] if ids else None, GONE))
    return found


def _judge(
    standing: Standing,
    key: str,
    record_id: str,
    parents: Mapping[str, str],
    differing: Mapping[str, frozenset[str]],
    unlike_before: Mapping[str, frozenset[str]],
    also_changed: bool,
) -> Record:
    name = standing.schema.name
    mine, image = standing.ours.get(key), standing.images.get(key)
    adopted = image is not None and bool(image.get(ADOPTED_MARK))
    if not adopted and (mine is None or (mine.adopted and image is None)):
        # Somebody's own record is never deleted, whatever became of its image.
        return Record(name, key, record_id, LEAVE, NOT_OURS, parents=parents)
    mine = mine or Ours(adopted=True)
    others = differing.get(key, frozenset())
    changed = key in differing and key in standing.known and bool(others)
    by_others = _by_others(standing.changes.get(key), mine)
    if image is None:
        # An unchanged value may have been changed and changed back: who touched it last decides.
        if (changed or by_others) and not also_changed:
            stays = tuple(sorted(others)) if changed else ()
            return Record(name, key, record_id, LEAVE, CHANGED, stays=stays, parents=parents)
        return Record(name, key, record_id, DELETE, parents=parents)
    if mine.written and key not in standing.known and by_others and not also_changed:
        return Record(name, key, record_id, LEAVE, CHANGED, parents=parents)
    return _restored(standing, key, record_id, parents, others if changed else frozenset(), unlike_before)


def _restored(
    standing: Standing,
    key: str,
    record_id: str,
    parents: Mapping[str, str],
    others: frozenset[str],
    unlike_before: Mapping[str, frozenset[str]],
) -> Record:
    schema, image = standing.schema, standing.images[key]
    adopted = bool(image.get(ADOPTED_MARK))
    mine = standing.ours.get(key)
    values: dict[str, Any] = {}
    stays: set[str] = set()
    for each in schema.sent_fields if mine is not None and mine.written else ():
        if each.name == schema.key_field or each.name not in image:
            continue
        if each.name not in unlike_before.get(key, frozenset()):
            continue
        value = kept_value(each, image[each.name])
        if each.type.is_reference and not adopted and value is not None:
            value = next(
                (standing.ids[of][value] for of in each.targets if value in standing.ids.get(of, {})), None
            )
            if value is None:
                stays.add(each.name)
                continue
        if each.name in others:
            stays.add(each.name)
        else:
            values[each.name] = value
    if not adopted and not values:
        return Record(
            schema.name, key, record_id, LEAVE, AS_BEFORE, stays=tuple(sorted(stays)), parents=parents
        )
    change = KeyChange(record_id, key, None if adopted else key, values)
    return Record(
        schema.name, key, record_id, RESTORE, stays=tuple(sorted(stays)), change=change, parents=parents
    )


def _by_others(change: tuple[datetime, bool] | None, mine: Ours) -> bool:
    """Whether somebody has changed the record since our last write, or another program with our login."""
    if change is None:
        return False
    at, by_us = change
    return not by_us or (mine.at is not None and at > mine.at + _CLOCKS_APART)


def _without_lost_parents(
    standing: Standing, differing: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """A reference that is empty since its parent was deleted is nobody's change of this record."""
    schema, key = standing.schema, standing.schema.key_field
    references = [each for each in schema.references if not each.virtual]
    touched = [name for name, fields in differing.items() if any(each.name in fields for each in references)]
    if not touched:
        return dict(differing)
    names = [each.name for each in references]
    now = {row[key]: row for row in standing.current.select(key, *names).iter_rows(named=True)}
    wanted = standing.sent.filter(pl.col(key).is_in(touched)).select(key, *names)
    lost: dict[str, set[str]] = {}
    for row in wanted.iter_rows(named=True):
        for each in references:
            gone = not any(row[each.name] in standing.ids.get(of, {}) for of in each.targets)
            if row[each.name] is not None and now[row[key]][each.name] is None and gone:
                lost.setdefault(row[key], set()).add(each.name)
    return {name: fields - lost.get(name, set()) for name, fields in differing.items()}


def _unlike_images(standing: Standing, fields: list[FieldSchema]) -> dict[str, frozenset[str]]:
    """Fields whose value isn't the one of the image. References of an adopted record are the destination's
    own ids there and can't be compared: they count as unlike."""
    key = standing.schema.key_field
    if not standing.images:
        return {}
    types = standing.current.schema
    kept = [
        {key: name} | {each.name: kept_value(each, image.get(each.name)) for each in fields}
        for name, image in standing.images.items()
    ]
    before = pl.DataFrame(kept, schema={key: pl.String(), **{each.name: types[each.name] for each in fields}})
    both = standing.current.join(before, on=key, how="inner", suffix=_BEFORE)
    unlike = both.select(
        key, *(as_kept(each).ne_missing(as_kept(each, _BEFORE)).alias(each.name) for each in fields)
    )
    ids = {each.name for each in fields if each.type.is_reference}
    not_written = _owners_not_written(standing, fields)
    return {
        row[key]: frozenset(
            each.name
            for each in fields
            if (row[each.name] or (each.name in ids and standing.images[row[key]].get(ADOPTED_MARK)))
            and (row[key], each.name) not in not_written
        )
        for row in unlike.iter_rows(named=True)
    }


def unlike(fields: Sequence[FieldSchema], wanted: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Names of the fields whose value in ``row`` isn't the wanted one, both as their columns hold them."""
    if not fields:
        return []
    types = {each.name: payload_dtype(each) for each in fields}
    before = {name + _BEFORE: dtype for name, dtype in types.items()}
    both = pl.DataFrame([{name: row[name] for name in types}], schema=types).hstack(
        pl.DataFrame([{name + _BEFORE: wanted[name] for name in types}], schema=before)
    )
    differ = both.select(as_kept(each).ne_missing(as_kept(each, _BEFORE)).alias(each.name) for each in fields)
    return [name for name, is_so in differ.row(0, named=True).items() if is_so]


def is_given_back(schema: ObjectSchema, image: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a record without our key is an adopted one that stands there as it was before."""
    fields = [each for each in schema.sent_fields if each.name in image and each.name != schema.key_field]
    wanted = {each.name: kept_value(each, image[each.name]) for each in fields}
    return bool(image.get(ADOPTED_MARK)) and not unlike(fields, wanted, row)


def _owners_not_written(standing: Standing, fields: list[FieldSchema]) -> set[tuple[str, str]]:
    """Key and field of owners that were left to the destination: what stands there was never ours."""
    key = standing.schema.key_field
    return {
        (name, each.name)
        for each in fields
        if each.type is FieldType.USER
        for name in standing.sent.filter(pl.col(each.name).is_null())[key]
    }


def _parents(
    row: Mapping[str, Any], references: list[FieldSchema], ids: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in references:
        parent = next(
            (ids[of][row[each.name]] for of in each.targets if row[each.name] in ids.get(of, {})), None
        )
        if parent is not None:
            found[each.name] = parent
    return found
