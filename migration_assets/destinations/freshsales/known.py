"""What is there by key: ids of the account's records, listed or looked up, kept up by what is written.

One listing (a call for 100 records) serves a whole run's questions. A few questions of an account with many
records are asked one by one, a call each, until they have cost what the listing does. A search answers late
(U), and whether an account searches every object's key is unconfirmed (U): it is tried with a record that is
there, the records changed last are looked through besides, and a creation that the ledger doesn't know to be
one asks the listing. A practice has one writer.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migration_assets.destinations.base import FieldSchema
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.lists import PER_PAGE, Latest, Lists
from migration_assets.destinations.freshsales.shapes import CONTACT, ParentAbsent, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary

_RECENT_NOTE = "recent_note"
_TOLD = ("id", "external_id", "custom_field", "sales_accounts", _RECENT_NOTE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record: its id, and the ids of the accounts that a contact belongs to."""

    id: int
    accounts: tuple[int, ...] = ()


@dataclass(slots=True)
class _Object:
    """What is known of one object's records. ``asked``: calls made for single ones; ``pages``: calls that a
    listing takes; ``noted``: about how many have a note; None before one has looked."""

    entries: dict[str, Entry] = field(default_factory=dict)
    keys: dict[int, str | None] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    whole: bool = False
    asked: int = 0
    pages: int | None = None
    noted: int = 0
    searched: bool | None = None


class Known:
    """Records of one account by object of the mapping and key, loaded as they are asked for."""

    def __init__(self, lists: Lists, vocabulary: Vocabulary) -> None:
        self._lists = lists
        self._vocabulary = vocabulary
        self._objects: dict[str, _Object] = {}
        self._lock = threading.RLock()

    def of(self, name: str) -> dict[str, Entry]:
        """Key -> record of the object: all of them, by a listing."""
        with self._lock:
            if not self._object(name).whole:
                pages = self._lists.whole(shape_of(name), includes_of(name))
                self.learn(name, (each for page in pages for each in page))
            return self._object(name).entries

    def find(self, name: str, keys: Iterable[str], *, surely: bool = False) -> dict[str, Entry]:
        """Those of the keys that are there. ``surely``: what a search doesn't find is looked for in the
        listing, since it may have been written a moment ago."""
        with self._lock:
            wanted = list(dict.fromkeys(keys))
            known = self._object(name)
            unknown = [key for key in wanted if key not in known.entries and key not in known.absent]
            if unknown and not known.whole:
                self._look(name, unknown)
            found = self._object(name).entries
            if surely and any(key not in found for key in wanted):
                found = self.of(name)
            return {key: found[key] for key in wanted if key in found}

    def _look(self, name: str, keys: Collection[str]) -> None:
        known = self.opened(name)
        missing = [key for key in keys if key not in known.entries]
        if not missing or known.whole:
            return
        if self._listing_is_cheaper(known, len(missing)) or not self._searches(name, known):
            self.of(name)
            return
        for key in missing:
            known.asked += 1
            found = self._search(name, key)
            if found is None:
                known.absent.add(key)
            else:
                self._learn_one(known, key, entry_of(found))

    def opened(self, name: str, latest: Latest | None = None) -> _Object:
        """The object after a look at the records that were changed last: the given ones, or a call's."""
        with self._lock:
            known = self._object(name)
            if latest is None:
                if known.whole or known.pages is not None:
                    return known
                latest = self._lists.latest(shape_of(name), includes_of(name))
            known.pages = latest.pages
            noted = sum(map(_may_have_notes, latest.records))
            known.noted = math.ceil(latest.number * noted / max(len(latest.records), 1))
            oldest_first = sorted(latest.records, key=lambda each: int(each["id"]))
            if latest.whole:
                self.learn(name, oldest_first)
                return self._object(name)
            for record in oldest_first:
                key = self.key(name, record)
                known.keys[int(record["id"])] = key
                if key and not known.whole:
                    self._learn_one(known, key, entry_of(record))
            return known

    def size(self, name: str) -> tuple[int, int]:
        """How many calls a listing takes, and about how many of the records have a note."""
        known = self.opened(name)
        return known.pages or 0, known.noted

    def _searches(self, name: str, known: _Object) -> bool:
        """Whether a search finds what is there; tried once, with a record that wasn't changed just now."""
        if known.searched is None:
            key = next(iter(known.entries), None)
            known.asked += 1
            try:
                known.searched = key is not None and self._search(name, key) is not None
            except ApiRefused:
                known.searched = False
        return known.searched

    def _search(self, name: str, key: str) -> Json | None:
        field_name = "external_id" if name == CONTACT else self._vocabulary.key_name(name)
        found = self._lists.having(shape_of(name), field_name, key)
        ours = [each for each in found if self.key(name, each) == key]
        return min(ours, key=lambda each: int(each["id"]), default=None)

    @staticmethod
    def _listing_is_cheaper(known: _Object, calls: int) -> bool:
        return known.pages is not None and known.asked + calls > known.pages

    def learn(self, name: str, records: Iterable[Json]) -> None:
        """Take over a whole listing; of several records with one key the oldest counts."""
        learnt, number = _Object(whole=True), 0
        for record in records:
            number += 1
            learnt.noted += _may_have_notes(record)
            key = self.key(name, record)
            if key and key not in learnt.entries:
                self._learn_one(learnt, key, entry_of(record))
        with self._lock:
            learnt.pages = math.ceil(number / PER_PAGE)
            self._objects[name] = learnt

    @staticmethod
    def _learn_one(known: _Object, key: str, entry: Entry) -> None:
        known.entries[key] = entry
        known.keys[entry.id] = key
        known.absent.discard(key)

    def key(self, name: str, record: Json) -> str | None:
        """The key that a record of the API holds."""
        if name == CONTACT:
            return record.get("external_id") or None
        return (record.get("custom_field") or {}).get(self._vocabulary.key_name(name)) or None

    def put(self, name: str, key: str, entry: Entry) -> None:
        with self._lock:
            self._learn_one(self._object(name), key, entry)

    def drop(self, name: str, key: str) -> None:
        with self._lock:
            known = self._object(name)
            entry = known.entries.pop(key, None)
            if entry is not None:
                known.keys.pop(entry.id, None)

    def forget(self, name: str) -> None:
        """Look again at the next question."""
        with self._lock:
            self._objects.pop(name, None)

    def prepare(self, fields: Iterable[FieldSchema], keys: Mapping[str, Iterable[str | None]]) -> None:
        """Look the parents up that ``id_of`` will be asked for; ``keys`` by the field's name."""
        for each in fields:
            wanted = [key for key in keys[each.name] if key is not None]
            for target, some in self._by_likely_target(each, wanted).items():
                self.find(target, some)

    def _by_likely_target(self, field: FieldSchema, keys: Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key in dict.fromkeys(keys):
            found.setdefault(self._likely(field, key)[0], []).append(key)
        return found

    def _likely(self, field: FieldSchema, key: str) -> list[str]:
        """The targets, those first that have keys of its space."""
        if len(field.targets) == 1:
            return list(field.targets)
        space = key.rpartition(":")[0]

        def has_none(target: str) -> bool:
            entries = self.opened(target).entries
            return key not in entries and not any(each.rpartition(":")[0] == space for each in entries)

        return sorted(field.targets, key=has_none)

    def id_of(self, field: FieldSchema, key: str) -> int:
        """The id of the parent with that key. Raises ParentAbsent."""
        return self.parent(field, key)[1]

    def parent(self, field: FieldSchema, key: str) -> tuple[str, int]:
        """The parent's object and id. Raises ParentAbsent."""
        likely = self._likely(field, key)
        for target, surely in [*((each, False) for each in likely), *((each, True) for each in likely)]:
            entry = self.find(target, [key], surely=surely).get(key)
            if entry is not None:
                return target, entry.id
        raise ParentAbsent(field.name)

    def key_of(self, field: FieldSchema, record_id: Any) -> str | None:
        """The key of the parent with that id; null where it has none, or there is no id."""
        if record_id is None:
            return None
        for target in field.targets:
            key = self._key_of(target, int(record_id))
            if key is not None:
                return key
        return None

    def _key_of(self, name: str, record_id: int) -> str | None:
        with self._lock:
            known = self._object(name)
            if not known.whole and record_id not in known.keys:
                known = self.opened(name)
            if not known.whole and record_id not in known.keys:
                if self._listing_is_cheaper(known, 1):
                    self.of(name)
                    known = self._object(name)
                else:
                    known.asked += 1
                    record = self._lists.one(shape_of(name), record_id)
                    key = None if record is None else self.key(name, record)
                    known.keys[record_id] = key
                    if record is not None and key:
                        known.entries.setdefault(key, entry_of(record))
            return known.keys.get(record_id)

    def _object(self, name: str) -> _Object:
        return self._objects.setdefault(name, _Object())


def entry_of(record: Json) -> Entry:
    links = record.get("sales_accounts") or []
    return Entry(int(record["id"]), tuple(int(each["id"]) for each in links))


def _may_have_notes(record: Json) -> bool:
    """Whether a record that doesn't tell has notes isn't known."""
    return record.get(_RECENT_NOTE, "") is not None


def told_of(record: Json) -> Json:
    """What ``learn`` takes of it."""
    return {name: record[name] for name in _TOLD if name in record}


def includes_of(name: str) -> tuple[str, ...]:
    """Without which a list doesn't tell what ``learn`` takes."""
    return ("sales_accounts",) if name == CONTACT else ()
