"""Appointments: their key in the description's last line, patient and provider among their attendees.

All are listed (a call for 100, past and upcoming apart). One is also put on its patient's page, by which it
is found with one call where an answer was lost. Attendees that people added stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.freshsales import markers, values
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.marked import MarkedRecords, Row
from migration_assets.destinations.freshsales.shapes import CONTACT, shape_of

_CONTACT_TYPE = "Contact"
_PATIENT = "patient"
_ATTENDEES = "_attendees"
_FEW = 2


class Appointments(MarkedRecords):
    """Appointments of one account."""

    _place = _PATIENT
    _told_singly = True
    _pages: int | None = None

    def _found(self, schema: ObjectSchema, prefix: str) -> Iterator[list[Row]]:
        for page in self._lists.appointments():
            rows = [self._row(schema, each, each["attendees"]) for each in page]
            yield [row for row in rows if (row[schema.key_field] or "").startswith(prefix)]

    def _row(self, schema: ObjectSchema, appointment: Json, attendees: list[Json]) -> Row:
        """Of the attendees the one whose key is of the space that the reference is named after."""
        marked = str(schema.marked_field)
        text, key = markers.unmarked(appointment.get(marked))
        told = {each.name: appointment.get(each.name) for each in schema.stored_fields}
        for field in schema.references:
            keys = (
                self._known.key_of(field, each["attendee_id"])
                for each in attendees
                if each.get("attendee_type") == _CONTACT_TYPE
            )
            of_space = (each for each in keys if each is not None and each.split(":")[1:2] == [field.name])
            told[field.name] = next(of_space, None)
        return told | {
            "_id": appointment["id"],
            "_modified_at": appointment["updated_at"],
            schema.key_field: key,
            marked: text,
            _ATTENDEES: attendees,
        }

    def _body(self, schema: ObjectSchema, row: Row, attendees: list[Json]) -> Json:
        body = {
            each.name: values.as_json(each, row[each.name])
            for each in schema.sent_fields
            if not each.type.is_reference
        }
        marked = str(schema.marked_field)
        body[marked] = markers.marked(row[marked], row[schema.key_field])
        named = [each for each in schema.references if row[each.name] is not None]
        wanted = {each.name: self._known.id_of(each, row[each.name]) for each in named}
        there = {each["attendee_id"]: each["id"] for each in attendees if self._is_ours(schema, each)}
        changes: list[Json] = [
            {"attendee_type": _CONTACT_TYPE, "attendee_id": number}
            for number in dict.fromkeys(wanted.values())
            if number not in there
        ]
        changes += [
            {"id": attendee, "_destroy": True}
            for number, attendee in there.items()
            if number not in wanted.values()
        ]
        if changes:
            body["appointment_attendees_attributes"] = changes
        if _PATIENT in wanted:
            body |= {"targetable_type": _CONTACT_TYPE, "targetable_id": wanted[_PATIENT]}
        return {"appointment": body}

    def _is_ours(self, schema: ObjectSchema, attendee: Json) -> bool:
        return attendee.get("attendee_type") == _CONTACT_TYPE and any(
            self._known.key_of(field, attendee["attendee_id"]) is not None for field in schema.references
        )

    def _create(self, schema: ObjectSchema, row: Row) -> Row:
        answer = self._client.post("appointments", self._body(schema, row, []))
        return self._answered(schema, answer)

    def _change(self, schema: ObjectSchema, row: Row, there: Row) -> Row:
        body = self._body(schema, row, there[_ATTENDEES])
        return self._answered(schema, self._client.put(f"appointments/{there['_id']}", body))

    def _answered(self, schema: ObjectSchema, answer: Json) -> Row:
        return self._row(schema, answer["appointment"], answer.get("appointment_attendees") or [])

    def _on(self, schema: ObjectSchema, target: str, keys: Collection[str]) -> Iterator[Row]:
        """A call for the patient, and one for each that is found."""
        number = self._known.id_of(schema.field(_PATIENT), target)
        for each in self._lists.children(shape_of(CONTACT), number, "appointments"):
            if markers.unmarked(each.get(str(schema.marked_field)))[1] in keys:
                found = self._one(schema, each["id"])
                if found is not None:
                    yield found

    def _one(self, schema: ObjectSchema, record_id: str) -> Row | None:
        try:
            return self._answered(schema, self._client.get(f"appointments/{record_id}"))
        except ApiRefused as error:
            if error.status != 404:
                raise
            return None

    def _listing_is_cheaper(self, schema: ObjectSchema, calls: int) -> bool:  # noqa: ARG002
        """To know takes two calls, once a connection."""
        if calls > _FEW and self._pages is None:
            self._pages = self._lists.pages_of_appointments()
        return self._pages is not None and calls > self._pages
