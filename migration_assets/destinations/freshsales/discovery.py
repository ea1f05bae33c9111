"""What an account has: fields by label, forms, modules, pipelines with their stages, users. Reads only.

The API makes up the names of custom fields, so they are known by their labels. Each answer is kept for as
long as this object lives: a call a question, and ``forget`` asks again after something was made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migration_assets.destinations.base import FieldSchema, ObjectSchema
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.shapes import is_custom
from migration_assets.destinations.freshsales.vocabulary import Pipeline
from migration_assets.errors import DestinationError

STANDARD = {"contact": "contacts", "sales_account": "sales_accounts", "deal": "deals"}
"""Object of the mapping -> entity of the API. A custom module's are alike (``cm_...``)."""

_NO_ACCESS = frozenset({403, 404, 501})


@dataclass(frozen=True, slots=True)
class ApiField:
    """A field of an entity; ``type`` is the API's own word, ``choices`` the words of its list."""

    id: int
    name: str
    label: str
    type: str
    custom: bool
    required: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """A custom module: its entity name, and what people call it."""

    entity: str
    singular: str
    plural: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, as the selector of owners has it."""

    id: int
    name: str
    email: str | None
    active: bool


def entity_of(schema: ObjectSchema) -> str:
    return STANDARD.get(schema.name, schema.name)


class Discovery:
    """One account as it is. Any thread may ask."""

    def __init__(self, client: Client, pipeline: str | None = None) -> None:
        self._client = client
        self.wanted_pipeline = pipeline
        self._answers: dict[str, Any] = {}
        self._lock = threading.RLock()

    def fields(self, entity: str) -> tuple[ApiField, ...]:
        """Of ``contacts``, ``sales_accounts``, ``deals``, or a custom module; none where it isn't there."""
        if entity in STANDARD.values():
            told = self._get(f"settings/{entity}/fields").get("fields") or ()
        else:
            told = [] if self.module(entity) is None else list(_within(self._forms(entity)))
        return tuple(_field(each) for each in told)

    def names_by_label(self, entity: str) -> Mapping[str, str]:
        """Label -> API name; of two fields with one label the custom one counts."""
        fields = sorted(self.fields(entity), key=lambda each: each.custom)
        return {each.label: each.name for each in fields}

    def field(self, schema: ObjectSchema, field: FieldSchema) -> ApiField | None:
        """The account's field for one of the mapping: a custom one by label, else by name."""
        found = self.fields(entity_of(schema))
        if not is_custom(schema, field):
            return next((each for each in found if each.name == field.name), None)
        label = field.label.lower()
        custom = [each for each in found if each.custom]
        by_label = next((each for each in custom if each.label.lower() == label), None)
        return by_label or next((each for each in custom if each.name == field.name), None)

    def form(self, entity: str) -> int:
        """The id of the entity's form, into which fields are added. Raises ApiRefused, DestinationError."""
        forms = self._forms(entity)
        if not forms:
            raise DestinationError(f"Freshsales tells no form of {entity}; add the fields by hand")
        return int(forms[0]["id"])

    def module(self, entity: str) -> Module | None:
        return next((each for each in self.modules() or () if each.entity == entity), None)

    def modules(self) -> tuple[Module, ...] | None:
        """None where the account doesn't tell: the plan has none, or the key's user may not see them."""
        try:
            told = self._get("settings/module_customizations").get("module_customizations") or ()
        except ApiRefused as error:
            if error.status in _NO_ACCESS:
                return None
            raise
        return tuple(
            Module(str(each["entity_name"]), str(each["singular_name"]), str(each["plural_name"]))
            for each in told
            if each.get("custom", True)
        )

    def pipelines(self) -> tuple[Pipeline, ...]:
        """The account's default one first."""
        told = self._get("selector/deal_pipelines").get("deal_pipelines") or ()
        return tuple(
            Pipeline(int(each["id"]), str(each["name"]), self._stages(each))
            for each in sorted(told, key=lambda each: not each.get("is_default"))
        )

    def pipeline(self) -> Pipeline:
        """The one that the settings name, else the default one. Raises DestinationError."""
        found = self.pipelines()
        wanted = self.wanted_pipeline
        if wanted is not None:
            found = tuple(each for each in found if each.name.lower() == wanted.lower())
        if not found:
            which = "no pipeline" if wanted is None else f"no pipeline {wanted!r}"
            raise DestinationError(
                f"Freshsales has {which} for deals; have an administrator make it, or change pipeline in the "
                "practice's file"
            )
        return found[0]

    def owners(self) -> tuple[Owner, ...]:
        """Everybody, deactivated users among them."""
        return tuple(
            Owner(
                int(each["id"]),
                str(each.get("display_name") or ""),
                each.get("email") or None,
                bool(each.get("is_active", True)),
            )
            for each in self._get("selector/owners").get("users") or ()
        )

    def forget(self) -> None:
        """Ask again from now on."""
        with self._lock:
            self._answers.clear()

    def _stages(self, pipeline: Json) -> dict[str, int]:
        """Beside the pipeline where the answer brings them along, else a call."""
        told = pipeline.get("deal_stages")
        if told is None:
            path = f"selector/deal_pipelines/{pipeline['id']}/deal_stages"
            told = self._get(path).get("deal_stages") or ()
        return {str(each["name"]): int(each["id"]) for each in told}

    def _forms(self, entity: str) -> list[Json]:
        return list(self._get(f"settings/{entity}/forms").get("forms") or ())

    def _get(self, path: str) -> Json:
        with self._lock:
            if path not in self._answers:
                self._answers[path] = self._client.get(path)
            told: Json = self._answers[path]
            return told


def _within(forms: list[Json]) -> Iterator[Json]:
    """Fields of the forms' sections, however deep they lie; sections and forms have no ``type`` of a
    value."""
    for each in forms:
        inner = each.get("fields") or ()
        if each.get("type") not in (None, "section") and not inner:
            yield each
        yield from _within(list(inner))


def _field(told: Json) -> ApiField:
    choices = told.get("choices") or ()
    custom = told.get("custom")
    number = str(told["id"])
    return ApiField(
        id=int(number) if number.isdecimal() else 0,
        name=str(told["name"]),
        label=str(told["label"]),
        type=str(told["type"]),
        custom=not told.get("default", True) if custom is None else bool(custom),
        required=bool(told.get("required")),
        choices=tuple(str(each.get("value")) for each in choices if isinstance(each, Mapping)),
    )
