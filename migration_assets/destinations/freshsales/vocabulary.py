"""What the account calls an object's fields and stages, out of its discovery; looked up once a connection.

A custom field is known by its label, since the server makes up its name. Standard fields have their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from migration_assets.destinations.base import FieldSchema, ObjectSchema
from migration_assets.destinations.freshsales.shapes import DEAL, STAGE, Words, is_custom, shape_of
from migration_assets.errors import DestinationError

_KEY_WORDS = "panda_key"
_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The deals' pipeline and the ids of its stages by name."""

    id: int
    name: str
    stages: Mapping[str, int]


class Discovery(Protocol):
    """What the account has been found to have."""

    def names_by_label(self, entity: str) -> Mapping[str, str]:
        """Label -> API name of every field of ``contacts``, ``deals``, ``cm_...``."""

    def pipeline(self) -> Pipeline: ...


class Vocabulary:
    """The words of one account."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._labels: dict[str, Mapping[str, str]] = {}
        self._pipeline: Pipeline | None = None

    def forget(self) -> None:
        """Ask again: the schema has changed."""
        self._labels.clear()
        self._pipeline = None

    def words(self, schema: ObjectSchema) -> Words:
        """Raises DestinationError where the account lacks a field of the schema."""
        custom = (field for field in schema.stored_fields if is_custom(schema, field))
        names = {field.name: self._name(schema, field) for field in custom}
        if schema.name != DEAL or STAGE not in schema.field_names:
            return Words(names, {})
        pipeline = self._of_deals()
        stages = {name.lower(): number for name, number in pipeline.stages.items()}
        return Words(names, stages, pipeline.id, pipeline.name)

    def key_name(self, name: str) -> str:
        """The API name of the field that holds our key. Raises DestinationError."""
        entity = shape_of(name).entity
        for label, api_name in self._of(entity).items():
            if _slug(label) == _KEY_WORDS or api_name == f"cf_{_KEY_WORDS}":
                return api_name
        raise _missing(entity, "PANDA Key")

    def _name(self, schema: ObjectSchema, field: FieldSchema) -> str:
        entity = shape_of(schema.name).entity
        labels = self._of(entity)
        found = labels.get(field.label.lower())
        if found is None and field.name in labels.values():
            found = field.name
        if found is None:
            raise _missing(entity, field.label)
        return found

    def _of(self, entity: str) -> Mapping[str, str]:
        if entity not in self._labels:
            told = self._discovery.names_by_label(entity)
            self._labels[entity] = {label.lower(): name for label, name in told.items()}
        return self._labels[entity]

    def _of_deals(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = self._discovery.pipeline()
        return self._pipeline


def _slug(label: str) -> str:
    return _OTHER.sub("_", label.lower()).strip("_").removesuffix("_c").strip("_")


def _missing(entity: str, label: str) -> DestinationError:
    return DestinationError(
        f"Freshsales' {entity} have no field labelled {label!r}; deploy the schema, or have an administrator "
        "add it from the checklist, then run again"
    )
