"""The look at what stands there before records are sent: one read of those that are about to be.

What isn't ours is kept as a before-image. In what is ours somebody may have edited a field or deleted the
record since: whose value stays is the practice's choice, or a person's decision; either way it is written
down, with the values, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from migration_assets.destinations.base import Destination, FieldSchema, ObjectSchema, ReadRequest
from migration_assets.migration import conflicts
from migration_assets.migration.conflict_store import DECIDED, FOUND, ConflictStore, Standing, stays
from migration_assets.migration.conflicts import (
    BY_POLICY,
    DELETED_THERE,
    SOURCE,
    WHOLE_RECORD,
    Conflict,
    Resolution,
)
from migration_assets.migration.known_places import known_places
from migration_assets.migration.ledger import Hold, Ledger, Presence
from migration_assets.migration.rollback_events import with_marks
from migration_assets.migration.written_records import deleted_by_us, written_records
from migration_assets.practice import Conflicts

_DELETED_SENTENCE = (
    "somebody has deleted it in the destination since it was loaded; decide with "
    "`migration-assets decide-conflicts` whether it is made again"
)


@dataclass(frozen=True)
class Looked:
    """What was found. ``holds``: records that aren't sent; ``gone``: keys of ours that aren't there any more;
    ``kept``: key -> fields that stay as they are in ``current``; ``settling``: conflicts that are none any
    more once their record is loaded; ``unknown_former``: records of ours in which an edit couldn't be told
    from a change in the source."""

    holds: tuple[Hold, ...] = ()
    gone: frozenset[str] = frozenset()
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    current: pl.DataFrame = field(default_factory=pl.DataFrame)
    settling: tuple[Standing, ...] = ()
    unknown_former: int = 0


@dataclass(frozen=True)
class SendingLook:
    """Looks for one target in one run. ``present`` tells whether a parent is in the destination."""

    destination: Destination
    ledger: Ledger
    run_id: str
    policy: Conflicts
    present: Callable[[FieldSchema, str], bool]

    def look(
        self,
        schema: ObjectSchema,
        optional: Collection[str],
        to_send: pl.DataFrame,
        candidates: pl.DataFrame,
        ids: pl.DataFrame | None = None,
    ) -> Looked:
        """``to_send``: rows of the payload; ``candidates``: those and the rows that were the payload before,
        each with its PAYLOAD_HASH. With ``ids`` (key, destination_id, as the ledger has them) nothing but
        the records of ``to_send`` is read, by their keys."""
        narrow = ids is not None
        key = schema.key_field
        keys = to_send[key].to_list()
        ours = written_records(self.ledger, schema, keys if narrow else None)
        ours = {name: ours[name] for name in keys if name in ours}
        store = ConflictStore.of(self.ledger)
        before = store.standing(schema.name, keys if narrow else None)
        known = {name: record.hashes for name, record in ours.items()}
        sent = with_marks(conflicts.sent_rows(schema, optional, candidates, known), key, ours)
        standing = conflicts.by_key(
            (each.conflict.key, each.conflict.field) for each in before if stays(each)
        )

        found: list[Conflict] = []
        pages = []
        images: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        request = ReadRequest(schema, key_prefix=f"{self.ledger.target.practice}:")
        if ids is not None:
            unknown_places = sorted(ours.keys() - set(sent[key]))
            thought = known_places(schema, ids, [sent, to_send], unknown_places)
            request = replace(request, keys=tuple(keys), thought=thought)
        wanted = to_send.select(key)
        of_ours = pl.DataFrame({key: list(ours)}, schema={key: pl.String()})
        for page in self.destination.read(request):
            mine = page.join(wanted, on=key, how="semi")
            seen.update(mine[key])
            theirs = mine.join(of_ours, on=key, how="anti")
            self.ledger.keep_before_images(
                schema, ((row[key], row) for row in theirs.iter_rows(named=True)), self.run_id
            )
            current = mine.join(of_ours, on=key, how="semi").unique(key, keep="first", maintain_order=True)
            some = conflicts.find(schema, current, sent, to_send, standing, self.present)
            disputed = current.filter(pl.col(key).is_in([each.key for each in some]))
            images |= {row[key]: row for row in disputed.iter_rows(named=True)}
            pages.append(disputed)
            found += some

        gone = {name: record for name, record in ours.items() if record.ids and name not in seen}
        for name in deleted_by_us(self.ledger, schema, gone):
            del gone[name]
        found += self._deleted(schema, list(gone), to_send)
        unknown = len(seen & ours.keys() - set(sent[key]))
        disputed_rows = pl.concat(pages, how="vertical_relaxed") if pages else pl.DataFrame()
        looked = self._resolved(schema, store, found, before, set(keys), images)
        return replace(looked, gone=frozenset(gone), current=disputed_rows, unknown_former=unknown)

    def _deleted(self, schema: ObjectSchema, gone: list[str], to_send: pl.DataFrame) -> list[Conflict]:
        """Their records aren't there: written down, so that children don't rely on them."""
        news = self.ledger.present(schema, gone)
        self.ledger.observe(schema, dict.fromkeys(news, Presence.ABSENT), self.run_id)
        rows = to_send.filter(pl.col(schema.key_field).is_in(gone)).select(schema.field_names)
        return [
            Conflict(
                row[schema.key_field],
                WHOLE_RECORD,
                None,
                {name: conflicts.as_json(value) for name, value in row.items() if value is not None},
                None,
            )
            for row in rows.iter_rows(named=True)
        ]

    def _resolved(
        self,
        schema: ObjectSchema,
        store: ConflictStore,
        found: list[Conflict],
        before: Iterable[Standing],
        keys: set[str],
        images: Mapping[str, Mapping[str, Any]],
    ) -> Looked:
        last = {
            (each.conflict.key, each.conflict.field): each for each in before if each.conflict.key in keys
        }
        resolution: dict[tuple[str, str], Resolution] = {}
        new: list[Conflict] = []
        for each in found:
            place = (each.key, each.field)
            known = last.get(place)
            same = known is not None and known.conflict.values == each.values
            decided = known is not None and same and known.event == DECIDED
            resolution[place] = known.resolution if known is not None and decided else BY_POLICY[self.policy]
            if known is None or not same or (known.event == FOUND and known.resolution != resolution[place]):
                new.append(each)
        store.found(schema.name, new, images, self.policy, self.run_id)
        if new:
            changed = {(each.key, each.field) for each in new}
            written = store.standing(schema.name, {key for key, _ in changed})
            last |= {(each.conflict.key, each.conflict.field): each for each in written}
        kept = {place for place, chosen in resolution.items() if chosen != SOURCE}
        held = {key for key, name in kept if name == WHOLE_RECORD}
        return Looked(
            holds=tuple(Hold(key, DELETED_THERE, _DELETED_SENTENCE) for key in sorted(held)),
            kept=conflicts.by_key((key, name) for key, name in kept if name != WHOLE_RECORD),
            settling=tuple(each for place, each in last.items() if place not in kept),
        )
