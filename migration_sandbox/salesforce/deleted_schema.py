"""Custom fields and objects that were deleted and not yet erased: they still count against the org's limits.

After Salesforce Help, "Purge Deleted Custom Fields": a deleted field leaves its object at once, stays in the
system for 15 days, and counts toward the allocation all that time. Taking them away is destroy.py's.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org, Statement

FIELDS, OBJECTS, PREFIXES = "deleted_fields", "deleted_objects", "retired_prefixes"
DAY = 86_400


@dataclass(frozen=True)
class DeletedField:
    """`owner` is the object, Event for a field of Activity; `deleted` is in seconds since 1970."""

    owner: str
    name: str
    deleted: float


@dataclass(frozen=True)
class DeletedObject:
    name: str
    deleted: float


def _recent(org: "Org", kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    since = time.time() - org.settings.deleted_schema_days * DAY
    return [item for item in kept if item["deleted"] > since]


def fields(org: "Org") -> list[DeletedField]:
    """Deleted fields that still count, oldest first."""
    return [DeletedField(**item) for item in _recent(org, org.meta(FIELDS) or [])]


def objects(org: "Org") -> list[DeletedObject]:
    """Deleted objects that still count, oldest first."""
    return [DeletedObject(**item) for item in _recent(org, org.meta(OBJECTS) or [])]


def fields_of(org: "Org", owner: str) -> int:
    """How many deleted fields count against an object's limit."""
    return sum(item.owner == owner for item in fields(org))


def retired_prefixes(org: "Org") -> frozenset[str]:
    """Key prefixes of objects that are gone; no other object ever gets one."""
    return frozenset(org.meta(PREFIXES) or ())


def remember(
    org: "Org", gone_fields: Iterable[DeletedField], gone_objects: Iterable[DeletedObject]
) -> "list[Statement]":
    """Statements that make what was deleted count from now on."""
    made = [asdict(item) for item in [*fields(org), *gone_fields]]
    others = [asdict(item) for item in [*objects(org), *gone_objects]]
    return [org.set_meta(FIELDS, made), org.set_meta(OBJECTS, others)]


def retire(org: "Org", prefixes: Iterable[str]) -> "Statement":
    return org.set_meta(PREFIXES, sorted(retired_prefixes(org) | set(prefixes)))


def erase(org: "Org") -> dict[str, int]:
    """Setup's Erase for all of them; answers how many fields and objects counted until now."""
    with org.lock:
        counted = {"fields": len(fields(org)), "objects": len(objects(org))}
        org.transaction([org.set_meta(FIELDS, []), org.set_meta(OBJECTS, [])])
        return counted
