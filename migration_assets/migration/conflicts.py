"""What somebody edited in the destination since we wrote it, and what a record is then sent with. Pure.

Field by field: what stands there is compared with what was sent last; where it differs from that and from
what is about to be sent, two people have changed one value, and the practice's choice says whose stays. What
is read and written down about it is ``sending_look``'s and ``conflict_store``'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations
from typing import Any, Final, Literal

import polars as pl

from migration_assets.destinations.base import FieldSchema, Identity, ObjectSchema
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.before_adoption import changed_since
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.practice import Conflicts

Resolution = Literal["source", "crm", "open"]
SOURCE: Final = "source"
CRM: Final = "crm"
OPEN: Final = "open"

WHOLE_RECORD: Final = ""
"""In place of a field: the record itself was deleted in the destination."""
DELETED_THERE: Final = "deleted_there"

BY_POLICY: Mapping[Conflicts, Resolution] = {"source_wins": SOURCE, "crm_wins": CRM, "list": OPEN}

_MOST_OPTIONAL = 6
"""So many references that a record goes without are tried in every combination."""
_NOW = "\x00now"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One value that two have changed; the values as JSON has them, a reference as its parent's key.

    ``former`` was sent last (None where that isn't known), ``source`` is about to be sent, ``crm`` stands
    there. ``field`` is WHOLE_RECORD where the record is gone; ``crm`` is None then.
    """

    key: str
    field: str
    former: Any
    source: Any
    crm: Any

    @property
    def values(self) -> tuple[str, str]:
        """What a decision is about: once the source's value or the destination's changes, it is another."""
        if self.field == WHOLE_RECORD:
            return "", ""
        return json.dumps(self.source, sort_keys=True), json.dumps(self.crm, sort_keys=True)


def comparable(schema: ObjectSchema) -> list[FieldSchema]:
    """Fields in which an edit is a conflict: those that are sent, but for what the record is found by.

    A file, a note and a joining record hang on the records that they refer to: elsewhere they are others.
    """
    found_by = {schema.key_field, *schema.joins}
    hanging = not _may_leave_out(schema)
    return [
        each
        for each in schema.sent_fields
        if each.name not in found_by and not (hanging and each.type.is_reference)
    ]


def sent_rows(
    schema: ObjectSchema,
    optional: Collection[str],
    candidates: pl.DataFrame,
    hashes: Mapping[str, Collection[str]],
) -> pl.DataFrame:
    """The rows that were sent: of ``candidates`` (the schema's fields and PAYLOAD_HASH) those with one of
    their key's ``hashes``. A record may have gone without some of its ``optional`` references, and its hash
    is of that.
    """
    key = schema.key_field
    wanted = pl.DataFrame(
        [(name, each) for name, several in hashes.items() for each in several],
        schema={key: pl.String(), PAYLOAD_HASH: pl.String()},
        orient="row",
    )
    place = [key, PAYLOAD_HASH]
    candidates = candidates.select(*schema.field_names, PAYLOAD_HASH).join(wanted, on=key, how="semi")
    found = [candidates.join(wanted, on=place, how="semi").unique(place)]
    missing = wanted.join(found[0], on=place, how="anti")
    rest = candidates.join(missing, on=key, how="semi")
    for absent in _combinations(sorted(optional)):
        if rest.is_empty():
            break
        emptied = rest.with_columns(pl.lit(None, rest.schema[name]).alias(name) for name in absent)
        hashes_then = hash_rows(emptied.select(schema.field_names)).alias(PAYLOAD_HASH)
        emptied = emptied.with_columns(hashes_then).unique(place)
        found.append(emptied.join(missing, on=place, how="semi"))
    return pl.concat(found, how="vertical_relaxed").unique(place)


def _combinations(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if len(names) > _MOST_OPTIONAL:
        yield tuple(names)
        return
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def find(
    schema: ObjectSchema,
    current: pl.DataFrame,
    sent: pl.DataFrame,
    payload: pl.DataFrame,
    standing: Mapping[str, Collection[str]],
    is_present: Callable[[FieldSchema, str], bool],
) -> list[Conflict]:
    """Conflicts of the records of ``current``: returned fields of records of ours that are to be sent now.

    ``sent``: what was sent last, by ``sent_rows``; ``payload``: what is about to be. Of a record without a
    row in ``sent`` an edit can't be told from a change in the source: only its ``standing`` conflicts (key
    -> fields) are found again. ``is_present`` tells whether the parent with a key is in the destination: a
    reference that lost its parent was emptied by nobody.
    """
    fields, key = comparable(schema), schema.key_field
    edited = changed_since(schema, fields, current, sent)
    unlike = changed_since(schema, fields, current, payload)
    disputed = {
        name: others & frozenset(edited.get(name, standing.get(name, ()))) for name, others in unlike.items()
    }
    disputed = {name: several for name, several in disputed.items() if several}
    if not disputed:
        return []
    names = [each.name for each in fields]
    there, source, former = (
        {
            row[key]: row
            for row in frame.select(key, *names)
            .filter(pl.col(key).is_in(list(disputed)))
            .iter_rows(named=True)
        }
        for frame in (current, payload, sent)
    )
    found = []
    for name, several in disputed.items():
        for each in fields:
            if each.name not in several:
                continue
            before = former.get(name, {}).get(each.name)
            now = there[name][each.name]
            if each.type.is_reference and now is None and not (before and is_present(each, before)):
                continue
            source_value = source[name][each.name]
            found.append(Conflict(name, each.name, *map(as_json, (before, source_value, now))))
    return found


def sendings(
    schema: ObjectSchema,
    rows: pl.DataFrame,
    kept: Mapping[str, Collection[str]],
    current: pl.DataFrame,
) -> Iterator[tuple[ObjectSchema, pl.DataFrame]]:
    """``rows`` in parts, each with the schema that it is sent by, so that the fields ``kept`` of a key stay
    as they are; together every row once.

    A kept field isn't sent at all: nobody's edit of the next second is lost, nor a reference to a record of
    theirs that has no key. What is written anew as a whole (a file's next version) is sent with the values of
    ``current``.
    """
    key = schema.key_field
    kept = {name: frozenset(fields) for name, fields in kept.items() if fields}
    plain = rows.filter(~pl.col(key).is_in(list(kept)))
    if plain.height:
        yield schema, plain
    held = rows.filter(pl.col(key).is_in(list(kept)))
    if held.is_empty():
        return
    if not _may_leave_out(schema):
        yield schema, _as_they_stand(schema, held, kept, current)
        return
    for fields in sorted(set(kept.values()), key=sorted):
        of_fields = held.filter(pl.col(key).is_in([name for name, each in kept.items() if each == fields]))
        if of_fields.height:
            narrowed = tuple(each for each in schema.fields if each.name not in fields)
            yield replace(schema, fields=narrowed), of_fields.drop(fields)


def _may_leave_out(schema: ObjectSchema) -> bool:
    return schema.content_field is None and schema.identity in (Identity.EXTERNAL_ID, Identity.FIELD)


def _as_they_stand(
    schema: ObjectSchema, rows: pl.DataFrame, kept: Mapping[str, Collection[str]], current: pl.DataFrame
) -> pl.DataFrame:
    key = schema.key_field
    names = sorted({name for fields in kept.values() for name in fields})
    now = current.select(key, *(pl.col(name).alias(name + _NOW) for name in names)).unique(key)
    rows = rows.join(now, on=key, how="left", maintain_order="left")
    stays = {
        name: pl.col(key).is_in([record for record, fields in kept.items() if name in fields])
        for name in names
    }
    return rows.with_columns(
        pl.when(stays[name])
        .then(pl.col(name + _NOW))
        .otherwise(pl.col(name).cast(pl.String) if rows[name].dtype == pl.Enum else pl.col(name))
        .alias(name)
        for name in names
    ).drop(name + _NOW for name in names)


def as_json(value: Any) -> Any:
    """A payload's or a read-back's value as JSON keeps it; a number is the same text whatever its scale."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """(key, field) pairs as key -> fields."""
    found: dict[str, set[str]] = {}
    for key, field in pairs:
        found.setdefault(key, set()).add(field)
    return {key: frozenset(fields) for key, fields in found.items()}
