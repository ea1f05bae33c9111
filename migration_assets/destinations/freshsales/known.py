"""What is there by key: ids of the account's records, read by listings and kept up by what is written.

One listing (a call for 100 records) serves a whole run's look-ups: a look-up of one key by itself would be
a call, and a search answers without custom fields and may be late. A practice has one writer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from migration_assets.destinations.base import FieldSchema
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.shapes import CONTACT, ParentAbsent, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Entry:
    """A record: its id, and the ids of the accounts that a contact belongs to."""

    id: int
    accounts: tuple[int, ...] = ()


class Known:
    """Records of one account by object of the mapping and key, loaded at the first question."""

    def __init__(self, lists: Lists, vocabulary: Vocabulary) -> None:
        self._lists = lists
        self._vocabulary = vocabulary
        self._entries: dict[str, dict[str, Entry]] = {}
        self._keys: dict[str, dict[int, str]] = {}
        self._lock = threading.RLock()

    def of(self, name: str) -> dict[str, Entry]:
        """Key -> record of the object."""
        with self._lock:
            if name not in self._entries:
                shape = shape_of(name)
                includes = ("sales_accounts",) if name == CONTACT else ()
                self.learn(name, (each for page in self._lists.whole(shape, includes) for each in page))
            return self._entries[name]

    def learn(self, name: str, records: Iterable[Json]) -> None:
        """Take over a whole listing; of several records with one key the oldest counts."""
        entries: dict[str, Entry] = {}
        for record in records:
            key = self.key(name, record)
            if key:
                entries.setdefault(key, entry_of(record))
        with self._lock:
            self._entries[name] = entries
            self._keys[name] = {each.id: key for key, each in entries.items()}

    def key(self, name: str, record: Json) -> str | None:
        """The key that a record of the API holds."""
        if name == CONTACT:
            return record.get("external_id") or None
        return (record.get("custom_field") or {}).get(self._vocabulary.key_name(name)) or None

    def put(self, name: str, key: str, entry: Entry) -> None:
        with self._lock:
            if name in self._entries:
                self._entries[name][key] = entry
                self._keys[name][entry.id] = key

    def drop(self, name: str, key: str) -> None:
        with self._lock:
            entry = self._entries.get(name, {}).pop(key, None)
            if entry is not None:
                self._keys[name].pop(entry.id, None)

    def forget(self, name: str) -> None:
        """Look again at the next question."""
        with self._lock:
            self._entries.pop(name, None)
            self._keys.pop(name, None)

    def id_of(self, field: FieldSchema, key: str) -> int:
        """The id of the parent with that key. Raises ParentAbsent."""
        return self.parent(field, key)[1]

    def parent(self, field: FieldSchema, key: str) -> tuple[str, int]:
        """The parent's object and id. Raises ParentAbsent."""
        for target in field.targets:
            entry = self.of(target).get(key)
            if entry is not None:
                return target, entry.id
        raise ParentAbsent(field.name)

    def key_of(self, field: FieldSchema, record_id: Any) -> str | None:
        """The key of the parent with that id; null where it has none, or there is no id."""
        if record_id is None:
            return None
        for target in field.targets:
            self.of(target)
            key = self._keys[target].get(int(record_id))
            if key is not None:
                return key
        return None


def entry_of(record: Json) -> Entry:
    links = record.get("sales_accounts") or []
    return Entry(int(record["id"]), tuple(int(each["id"]) for each in links))
