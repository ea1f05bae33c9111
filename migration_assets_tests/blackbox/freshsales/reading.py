"""What an account holds under a practice's keys, as flat records: custom fields by label, others by name.

Calls: one for 100 records, two for each that is of the practice or of nobody's (its notes, its files). A note
is read with the record that it is on (all of them, if an include brings all), so one that hangs on another
practice's record isn't seen.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from migration_assets_tests.blackbox.freshsales import marks
from migration_assets_tests.blackbox.freshsales.api import Api, Json
from migration_assets_tests.blackbox.report import Row

KEY = "key"
CONTACT, ACCOUNT, DEAL, LINE = "contact", "sales_account", "deal", "cm_dental_treatment_plan"
APPOINTMENT, NOTE, DOCUMENT = "appointment", "note", "document"
KEY_LABEL, LINE_LABEL = "PANDA Key", "Dental Treatment Plan"
_PATHS = {CONTACT: "contacts", ACCOUNT: "sales_accounts", DEAL: "deals"}
_INCLUDES = {CONTACT: "owner,sales_accounts", ACCOUNT: "owner", DEAL: "owner,sales_account"}
_PARTS = ("open deals", "won deals", "lost deals")
_AT_ONCE = 4
_DRAWN = ".svg"
_LARGEST_DRAWING = 2**23


@dataclass(frozen=True)
class Account:
    """``records``: by object, each with ``key``, ``Id`` and its values; ``fields``: what each object has.

    A note has its text (without its key) in ``text`` and what it is on in ``on``, as a file has with
    ``name``, ``MD5``, ``SHA256`` and, where it is a drawing, ``drawing``.
    """

    records: dict[str, list[Row]]
    fields: dict[str, frozenset[str]]
    owners: list[Row] = field(default_factory=list)


def read_account(api: Api, practice: str) -> Account:
    """All records with a key of the practice."""
    paths = dict(_PATHS)
    module = _module(api)
    if module is not None:
        paths[LINE] = f"custom_module/{module}"
    labels = {obj: _labels(api, obj, path) for obj, path in paths.items()}
    stages = _stages(api)
    raw: dict[str, list[Json]] = {obj: list(_listed(api, obj, path)) for obj, path in paths.items()}
    records: dict[str, list[Row]] = {}
    asked: list[tuple[str, str]] = []
    for obj, found in raw.items():
        flat = [_flat(obj, each, labels[obj], stages) for each in found]
        records[obj] = [each for each in flat if _is_of(each[KEY], practice)]
        if obj in _PATHS:
            near = [each for each in flat if not each[KEY] or _is_of(each[KEY], practice)]
            asked += [(obj, each["Id"]) for each in near]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        more = list(pool.map(lambda each: _beside(api, each[0], each[1], practice), asked))
    records[NOTE] = _once(note for beside in more for note in beside.notes)
    records[DOCUMENT] = _once(file for beside in more for file in beside.files)
    contacts = {beside.on: beside.contacts for beside in more}
    for deal in records[DEAL]:
        deal["contacts"] = contacts[(DEAL, deal["Id"])]
    records[APPOINTMENT] = list(_appointments(api, practice))
    fields = {obj: frozenset(each.values()) for obj, each in labels.items()}
    return Account(records, fields, api.get("selector/owners").get("users") or [])


@dataclass(frozen=True)
class _Beside:
    """What hangs on one record (``on``: its object and id)."""

    on: tuple[str, str]
    notes: list[Row]
    files: list[Row]
    contacts: frozenset[str]


def _beside(api: Api, obj: str, number: str, practice: str) -> _Beside:
    path = f"{_PATHS[obj]}/{number}"
    told = api.get(path, include="notes,contacts" if obj == DEAL else "notes")
    notes = []
    for each in told.get("notes") or []:
        key, text = marks.of_text(each.get("description"))
        if _is_of(key, practice):
            notes.append({KEY: key, "Id": str(each["id"]), "text": text, "on": (obj, number)})
    files = []
    for page in api.pages(f"{path}/document_associations"):
        for each in page["documents"]:
            key, name = marks.of_name(each.get("name"))
            if key is None:
                key, name = marks.of_name(each.get("content_file_name"))
            if _is_of(key, practice):
                about = {"name": name, "size": each["content_file_size"], "on": (obj, number)}
                held = {KEY: key, "Id": str(each["id"]), **about}
                files.append(held | _content(api, each["url"], str(name).lower().endswith(_DRAWN)))
    ids = told.get("contacts") or []
    return _Beside((obj, number), notes, files, frozenset(str(each["id"]) for each in ids))


def _content(api: Api, url: str, drawn: bool) -> Row:
    md5, sha256, kept, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), bytearray(), 0
    for piece in api.pieces(url):
        md5.update(piece)
        sha256.update(piece)
        size += len(piece)
        if drawn and size <= _LARGEST_DRAWING:
            kept += piece
    hashes = {"MD5": md5.hexdigest(), "SHA256": sha256.hexdigest(), "bytes": size}
    return hashes | {"drawing": bytes(kept) if drawn else None}


def _once(rows: Iterable[Row]) -> list[Row]:
    """A note on two records is one, on both."""
    found: dict[str, Row] = {}
    for row in rows:
        there = found.setdefault(row["Id"], row | {"on": ()})
        there["on"] = (*there["on"], row["on"])
    return list(found.values())


def _appointments(api: Api, practice: str) -> Iterator[Row]:
    seen: set[int] = set()
    for when in ("past", "upcoming"):
        for page in api.pages("appointments", filter=when, include="appointment_attendees"):
            attendees: dict[int, set[str]] = {}
            for each in page.get("appointment_attendees") or []:
                if each["attendee_type"] == "Contact":
                    attendees.setdefault(each["appointment_id"], set()).add(str(each["attendee_id"]))
            for each in page["appointments"]:
                key, text = marks.of_text(each.get("description"))
                if each["id"] not in seen and _is_of(key, practice):
                    people = frozenset(attendees.get(each["id"], ()))
                    row = {name: each.get(name) for name in ("title", "from_date", "end_date")}
                    yield row | {KEY: key, "Id": str(each["id"]), "text": text, "attendees": people}
                seen.add(each["id"])


def _listed(api: Api, obj: str, path: str) -> Iterator[Json]:
    filters = api.get(f"{path}/filters")["filters"]
    views = {str(each["name"]).lower(): each["id"] for each in filters}
    whole = [number for name, number in views.items() if name.startswith("all ")][:1]
    plural = path.rpartition("/")[2]
    includes = {"include": _INCLUDES[obj]} if obj in _INCLUDES else {}
    seen: set[int] = set()
    for view in whole or [views[name] for name in _PARTS]:
        for page in api.pages(f"{path}/view/{view}", sort="created_at", sort_type="asc", **includes):
            for each in page[plural]:
                if each["id"] not in seen:
                    seen.add(each["id"])
                    yield each


def _flat(obj: str, record: Json, labels: dict[str, str], stages: dict[int, str]) -> Row:
    custom = record.get("custom_field") or {}
    told = {label: custom[name] if name in custom else record.get(name) for name, label in labels.items()}
    row = {**record, **told, "Id": str(record["id"])}
    row[KEY] = str((row.get("external_id") if obj == CONTACT else row.get(KEY_LABEL)) or "")
    if obj == CONTACT:
        links = record.get("sales_accounts") or []
        row["sales_account"] = next((each["id"] for each in links if each.get("is_primary")), None)
    if obj == DEAL:
        row["sales_account"] = record.get("sales_account_id")
        row["deal_stage"] = stages.get(record.get("deal_stage_id") or 0)
    return row


def _labels(api: Api, obj: str, path: str) -> dict[str, str]:
    """Name in the API -> label of every custom field."""
    name = path.rpartition("/")[2]
    told = api.get(f"settings/{name}/fields")["fields"] if obj in _PATHS else _in_forms(api, name)
    custom = [each for each in told if not each.get("default", True) or each.get("custom")]
    return {str(each["name"]): str(each["label"]) for each in custom}


def _in_forms(api: Api, name: str) -> list[Json]:
    def inner(each: Json) -> Iterator[Json]:
        below = each.get("fields") or []
        if not below and "name" in each:
            yield each
        for one in below:
            yield from inner(one)

    forms = api.get(f"settings/{name}/forms")["forms"]
    return [each for form in forms for each in inner(form)]


def _module(api: Api) -> str | None:
    """The entity of the module with the treatment plans' lines."""
    told = (api.find("settings/module_customizations") or {}).get("module_customizations") or []
    names = (str(each["entity_name"]) for each in told if each["singular_name"] == LINE_LABEL)
    return next(names, None)


def _stages(api: Api) -> dict[int, str]:
    told = api.get("selector/deal_stages").get("deal_stages") or []
    return {int(each["id"]): str(each["name"]) for each in told}


def _is_of(key: str | None, practice: str) -> bool:
    return key is not None and key.startswith(f"{practice}:")
