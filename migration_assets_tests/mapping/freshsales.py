"""A practice's staged rows as payloads of Freshsales, for tests."""

from __future__ import annotations

from typing import Any

from migration_assets.mapping.apply import Payload, apply
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import MappingSet
from migration_assets_tests.mapping.staged import STAGED_MODELS, complete, practice, rows

WHOLE = load_specs("freshsales", STAGED_MODELS)


def chosen(**choices: str) -> MappingSet:
    return WHOLE.resolved(choices)


def payload(name: str, choices: dict[str, str] | None = None, **tables: list[dict[str, Any]]) -> Payload:
    spec = chosen(**(choices or {})).of_object(name)
    given = {table: rows(table, *them) for table, them in tables.items()}
    return apply(spec, complete(spec, {"practice": practice(), **given}), "maple", None)


def by_key(made: Payload, *fields: str) -> dict[str, Any]:
    found = made.frame.select(made.schema.key_field, *fields).rows()
    return {row[0]: row[1] if len(fields) == 1 else row[1:] for row in found}
