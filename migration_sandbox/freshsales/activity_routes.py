"""Notes, appointments and tasks: what hangs on a contact, a sales account or a deal.

Notes can't be listed or read by themselves (include=notes of their record can). There is no custom field on
any of them.
"""

import re
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.freshsales import render, values
from migration_sandbox.freshsales.account import Account, Change, Row
from migration_sandbox.freshsales.entities import BY_TYPE, CONTACTS
from migration_sandbox.freshsales.errors import bad
from migration_sandbox.freshsales.removal import children
from migration_sandbox.freshsales.seed import new_row
from migration_sandbox.freshsales.web import API, Call, Site, answer, created, endpoint, paged

_MARKUP = re.compile(r"<[^>]*>")
ATTENDEES = {"User": "user", "FdMultitenant::User": "user", "Contact": CONTACTS}


@dataclass(frozen=True)
class Kind:
    """A kind of activity. `fields`: name -> text, area, integer, moment, boolean or user."""

    name: str
    fields: dict[str, str]
    required: tuple[str, ...]
    needs_target: bool

    @property
    def path(self) -> str:
        return f"{API}/{self.name}s"


NOTE = Kind("note", {"description": "area"}, ("description",), True)
APPOINTMENT = Kind(
    "appointment",
    {
        "title": "text", "description": "area", "from_date": "moment", "end_date": "moment",
        "time_zone": "text", "location": "text", "is_allday": "boolean", "outcome_id": "outcome",
        "latitude": "text", "longitude": "text", "creater_id": "user",
    },
    ("title", "from_date", "end_date"),
    False,
)  # fmt: skip
TASK = Kind(
    "task",
    {
        "title": "text", "description": "area", "due_date": "moment", "status": "integer",
        "owner_id": "user", "task_type_id": "integer", "outcome_id": "outcome",
    },
    ("title", "due_date", "owner_id"),
    False,
)  # fmt: skip
IGNORED = frozenset({"id", "created_at", "updated_at", "targetables", "updater_id", "has_access"})


def target_of(account: Account, kind: object, given: object) -> tuple[str, Row]:
    """The record that targetable_type and targetable_id name. Raises 400."""
    entity = BY_TYPE.get(str(kind))
    if entity is None:
        raise bad(f"Targetable type is one of {', '.join(BY_TYPE)}")
    number = values.integer("Targetable", given)
    found = None if number is None else account.get(entity.name, number)
    if found is None or not found.live:
        raise bad("Targetable is invalid: there is no such record")
    return entity.name, found


def _value(account: Account, name: str, kind: str, value: Any) -> Any:
    label = name.removesuffix("_id").replace("_", " ").capitalize()
    settings = account.settings
    match kind:
        case "text":
            return values.text(label, value, settings.text_characters, settings)
        case "area":
            told = values.text(label, value, settings.note_characters, settings)
            if told is not None and settings.note_markup == "strip":
                told = _MARKUP.sub("", told)
            return told
        case "moment":
            return values.moment(label, value, account.zone)
        case "boolean":
            return values.boolean(label, value)
        case "integer":
            return values.integer(label, value)
        case _:
            number = values.integer(label, value)
            table = "user" if kind == "user" else "selector:sales_activity_outcomes"
            if number is not None and account.get(table, number) is None:
                raise bad(f"{label} is invalid: there is no such id")
            return number


def save(call: Call, kind: Kind, row: Row | None) -> Row:
    """Create or change an activity; a note also becomes its record's recent_note."""
    account, given = call.account, call.record(kind.name)
    settings = account.settings
    changed = _blank(account, kind) if row is None else row
    changed.updated, changed.updater_id = account.now(), call.user.id
    if row is None:
        changed.creater_id = call.user.id
        if settings.keep_sent_created_at and given.get("created_at"):
            changed.created = (
                values.moment("Created at", given["created_at"], account.zone) or changed.created
            )
    own = {
        "targetable_type",
        "targetable_id",
        *(["appointment_attendees_attributes"] if kind == APPOINTMENT else []),
    }
    unknown = [name for name in given if name not in {*kind.fields, *own, *IGNORED}]
    if unknown and settings.unknown_fields == "refuse":
        raise bad(*(f"{name} is not a field of a {kind.name}" for name in unknown))
    for name, what in kind.fields.items():
        if name in given:
            value = _value(account, name, what, given[name])
            if name == "creater_id":
                changed.creater_id = value or changed.creater_id
            else:
                changed.values[name] = value
    missing = [name for name in kind.required if changed.values.get(name) is None]
    if missing:
        raise bad(*(f"{name.replace('_', ' ').capitalize()} can't be blank" for name in missing))
    changes: list[Change] = [(kind.name, changed)]
    _target(account, kind, changed, given, changes)
    if kind == APPOINTMENT:
        if changed.values["end_date"] < changed.values["from_date"]:
            raise bad("End date is before from date")
        _attendees(account, changed, given.get("appointment_attendees_attributes"))
    account.commit(changes)
    return changed


def _blank(account: Account, kind: Kind) -> Row:
    plain = {name: None for name in kind.fields if name != "creater_id"}
    row = new_row(account, {**plain, "targetables": []})
    if kind == APPOINTMENT:
        row.values.update(is_allday=False, attendees=[])
    if kind == TASK:
        row.values["status"] = 0
    return row


def _target(account: Account, kind: Kind, row: Row, given: dict[str, Any], changes: list[Change]) -> None:
    if given.get("targetable_id") is not None or given.get("targetable_type") is not None:
        entity, found = target_of(account, given.get("targetable_type"), given.get("targetable_id"))
        row.values["targetables"] = [{"id": found.id, "type": given["targetable_type"]}]
        if kind == NOTE:
            noted = account.copy(entity, found.id)
            assert noted is not None
            noted.values["recent_note"] = row.values["description"]
            changes.append((entity, noted))
    elif kind.needs_target and not row.values["targetables"]:
        raise bad("Targetable can't be blank")


def _attendees(account: Account, row: Row, given: object) -> None:
    """Adds attendees; `_destroy` with an attendee's id takes one away."""
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise bad("appointment_attendees_attributes is not a list of attendees")
    kept = {item["id"]: item for item in row.values["attendees"]}
    for item in given:
        if item.get("_destroy"):
            if kept.pop(item.get("id"), None) is None:
                raise bad("Attendee is invalid: there is no such id")
            continue
        table = ATTENDEES.get(str(item.get("attendee_type")))
        number = values.integer("Attendee", item.get("attendee_id"))
        found = None if table is None or number is None else account.get(table, number)
        if found is None or not found.live:
            raise bad("Attendee is invalid: it is a Contact or a User that exists")
        one = (item["attendee_type"], found.id)
        if one not in [(old["attendee_type"], old["attendee_id"]) for old in kept.values()]:
            new = {"id": account.new_id(), "attendee_type": one[0], "attendee_id": one[1]}
            kept[new["id"]] = new
    row.values["attendees"] = list(kept.values())


def shown(account: Account, kind: Kind, row: Row) -> dict[str, Any]:
    told = render.activity(account, kind.name, row)
    if kind != APPOINTMENT:
        return {kind.name: told}
    attendees = row.values["attendees"]
    told.update(appointment_attendee_ids=[item["id"] for item in attendees], note_id=None)
    return {"appointment_attendees": attendees, "conferences": [], "notes": [], kind.name: told}


def _delete(call: Call, kind: Kind) -> Response:
    """For good. The answer is a client's: it reads `success`."""
    row = call.row(kind.name)
    changes: list[Change] = []
    if kind == NOTE:
        changes = _without_note(call.account, row)
    call.account.commit(changes, [(kind.name, row.id)])
    return answer({"success": "200"})


def _without_note(account: Account, row: Row) -> list[Change]:
    changes: list[Change] = []
    for item in row.values["targetables"]:
        left = [note for note in children(account, "note", item["type"], item["id"]) if note.id != row.id]
        owner = account.copy(BY_TYPE[item["type"]].name, item["id"])
        if owner is not None:
            owner.values["recent_note"] = left[-1].values["description"] if left else None
            changes.append((BY_TYPE[item["type"]].name, owner))
    return changes


def _list_appointments(call: Call) -> Response:
    """`filter=past|upcoming`, by the end of the appointment; rows soonest first."""
    now, wanted = call.account.now(), call.query.get("filter")
    if wanted not in ("past", "upcoming"):
        raise bad("filter is past or upcoming")
    rows = [
        row
        for row in call.account.rows("appointment")
        if (row.values["end_date"] < now) == (wanted == "past")
    ]
    return _activities(call, APPOINTMENT, sorted(rows, key=lambda row: (row.values["from_date"], row.id)))


def _list_tasks(call: Call) -> Response:
    wanted = call.query.get("filter")
    if wanted not in ("open", "completed"):
        raise bad("filter is open or completed")
    done = wanted == "completed"
    rows = [row for row in call.account.rows("task") if bool(row.values["status"]) == done]
    return _activities(call, TASK, sorted(rows, key=lambda row: row.id))


def _activities(call: Call, kind: Kind, rows: list[Row]) -> Response:
    """A page; `include=appointment_attendees` brings those along, other includes are not served."""
    asked = [name for name in (call.query.get("include") or "").split(",") if name]
    if any(name != "appointment_attendees" for name in asked):
        raise bad("include is not served here")
    page, per_page = call.page()
    here, meta = paged(rows, page, per_page)
    told: dict[str, Any] = {f"{kind.name}s": [render.activity(call.account, kind.name, row) for row in here]}
    if asked:
        told["appointment_attendees"] = [
            {**item, "appointment_id": row.id} for row in here for item in row.values.get("attendees", [])
        ]
    return answer({**told, "meta": meta})


def _of(site: Site, kind: Kind) -> list[Route]:
    def create(call: Call) -> Response:
        return created(call, shown(call.account, kind, save(call, kind, None)))

    def read(call: Call) -> Response:
        return answer(shown(call.account, kind, call.row(kind.name)))

    def update(call: Call) -> Response:
        return answer(shown(call.account, kind, save(call, kind, call.row(kind.name))))

    def delete(call: Call) -> Response:
        return _delete(call, kind)

    one = f"{kind.path}/{{id:int}}"
    made = [
        Route(kind.path, endpoint(site, create), methods=["POST"]),
        Route(one, endpoint(site, update), methods=["PUT"]),
        Route(one, endpoint(site, delete), methods=["DELETE"]),
    ]
    return made if kind == NOTE else [*made, Route(one, endpoint(site, read), methods=["GET"])]


def routes(site: Site) -> list[Route]:
    return [
        *_of(site, NOTE),
        *_of(site, APPOINTMENT),
        *_of(site, TASK),
        Route(APPOINTMENT.path, endpoint(site, _list_appointments), methods=["GET"]),
        Route(TASK.path, endpoint(site, _list_tasks), methods=["GET"]),
    ]
