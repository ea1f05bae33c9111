"""Notes on contacts and deals. They can't be listed: one reads them with the record that they are on.

Reading takes a call for 100 records, and one for each record that has notes (none more where views bring
notes along). That a record without ``recent_note`` has no note is what recorded answers show; whether an
include brings all of a record's notes is unconfirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.freshsales import markers, values
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.known import includes_of, told_of
from migration_assets.destinations.freshsales.marked import MarkedRecords, Row
from migration_assets.destinations.freshsales.shapes import TARGET, shape_of

_RECENT = "recent_note"


class Notes(MarkedRecords):
    """Notes of one account; the key stands in the last line of the text."""

    _place = TARGET

    def _found(self, schema: ObjectSchema, prefix: str) -> Iterator[list[Row]]:
        practice = prefix.partition(":")[0] + ":"
        seen: set[int] = set()
        for target in schema.field(TARGET).targets:

            def wanted(record: Json, target: str = target) -> bool:
                key = self._known.key(target, record)
                may_have = _RECENT not in record or record[_RECENT] is not None
                return key is not None and key.startswith(practice) and may_have

            every: list[Json] = []
            includes = includes_of(target)
            for page in self._lists.with_children(shape_of(target), "notes", wanted, includes):
                rows = []
                for record in page:
                    every.append(told_of(record))
                    for note in record.get("notes") or []:
                        row = self._row(schema, note, self._known.key(target, record))
                        if note["id"] not in seen and (row[schema.key_field] or "").startswith(prefix):
                            rows.append(row)
                        seen.add(note["id"])
                yield rows
            self._known.learn(target, every)

    @staticmethod
    def _row(schema: ObjectSchema, note: Json, target_key: str | None) -> Row:
        text, key = markers.unmarked(note.get(schema.marked_field or "description"))
        told = {each.name: note.get(each.name) for each in schema.stored_fields}
        told |= {
            "_id": note["id"],
            "_modified_at": note["updated_at"],
            schema.key_field: key,
            str(schema.marked_field): text,
        }
        return told if TARGET not in told else told | {TARGET: target_key}

    def _body(self, schema: ObjectSchema, row: Row) -> Json:
        target, number = self._known.parent(schema.field(TARGET), row[TARGET])
        body = {
            each.name: values.as_json(each, row[each.name])
            for each in schema.sent_fields
            if not each.type.is_reference
        }
        marked = str(schema.marked_field)
        body[marked] = markers.marked(row[marked], row[schema.key_field])
        return {"note": body | {"targetable_type": shape_of(target).type, "targetable_id": number}}

    def _create(self, schema: ObjectSchema, row: Row) -> Row:
        note = self._client.post("notes", self._body(schema, row))["note"]
        return self._row(schema, note, row[TARGET])

    def _change(self, schema: ObjectSchema, row: Row, there: Row) -> Row:
        note = self._client.put(f"notes/{there['_id']}", self._body(schema, row))["note"]
        return self._row(schema, note, row[TARGET])

    def _on(self, schema: ObjectSchema, target: str, keys: Collection[str]) -> Iterator[Row]:
        """A call."""
        name, number = self._known.parent(schema.field(TARGET), target)
        rows = (
            self._row(schema, each, target) for each in self._lists.children(shape_of(name), number, "notes")
        )
        return (row for row in rows if row[schema.key_field] in keys)

    def _listing_is_cheaper(self, schema: ObjectSchema, calls: int) -> bool:
        listing = 0
        for name in schema.field(TARGET).targets:
            pages, noted = self._known.size(name)
            listing += pages if self._lists.children_in_views else pages + noted
        return calls > listing
