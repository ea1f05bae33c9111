"""composite/tree: records with their children nested in them, all made or none.

Limits after "REST API Developer Guide", sObject Tree: 200 records, 5 levels, 5 objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.describe import child_relationships
from migration_sandbox.salesforce.errors import ApiError, RowError
from migration_sandbox.salesforce.rest_rows import batch_of, flatten, writable
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.unit import Undo, all_or_nothing
from migration_sandbox.salesforce.web import Call, Site, answer, endpoint
from migration_sandbox.salesforce.write import save

MAX_RECORDS, MAX_LEVELS, MAX_OBJECTS = 200, 5, 5


@dataclass(frozen=True)
class _Leaf:
    """A record of the tree; `lookup` is its field that points at its parent."""

    reference: str
    sobject: SObject
    values: dict[str, Any]
    lookup: str = ""
    parent: str = ""


def _walk(call: Call, sobject: SObject, records: Any, level: int, up: tuple[str, str]) -> Iterator[_Leaf]:
    if level > MAX_LEVELS:
        raise ApiError(400, "INVALID_INPUT", f"A tree has at most {MAX_LEVELS} levels")
    if not isinstance(records, list) or not records:
        raise ApiError(400, "INVALID_INPUT", "The property 'records' must be a list of objects")
    children = child_relationships(call.site.org, sobject)
    for record in records:
        attributes = record.get("attributes") if isinstance(record, dict) else None
        if not attributes or not attributes.get("type") or not attributes.get("referenceId"):
            raise ApiError(400, "INVALID_INPUT", "Every record needs attributes.type and .referenceId")
        if str(attributes["type"]).lower() != sobject.name.lower():
            raise ApiError(400, "INVALID_INPUT", f"Include records of type {sobject.name} only")
        nested = {
            key: value
            for key, value in record.items()
            if isinstance(value, dict) and key != "attributes" and "records" in value
        }
        plain = {key: value for key, value in record.items() if key not in nested}
        reference = str(attributes["referenceId"])
        yield _Leaf(reference, sobject, plain, *up)
        for key, value in nested.items():
            found = children.get(key.lower())
            if found is None:
                message = f"No such relationship '{key}' on sobject of type {sobject.name}"
                raise ApiError(400, "INVALID_FIELD", message)
            _, name, field = found
            child = writable(call.site.org, name)
            yield from _walk(call, child, value["records"], level + 1, (field, reference))


def tree(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"])
    leaves = list(_walk(call, sobject, call.json_object().get("records"), 1, ("", "")))
    if len(leaves) > MAX_RECORDS:
        raise ApiError(400, "INVALID_INPUT", f"A tree has at most {MAX_RECORDS} records")
    if len({leaf.sobject.name for leaf in leaves}) > MAX_OBJECTS:
        raise ApiError(400, "INVALID_INPUT", f"A tree has records of at most {MAX_OBJECTS} objects")
    references = [leaf.reference for leaf in leaves]
    if len(set(references)) != len(references):
        raise ApiError(400, "INVALID_INPUT", "Duplicate ReferenceId provided in the request.")
    made: dict[str, str] = {}
    failed: dict[str, RowError] = {}
    with all_or_nothing(org):
        for leaf in leaves:
            if leaf.parent in failed or (leaf.parent and leaf.parent not in made):
                continue
            values = leaf.values | ({leaf.lookup: made[leaf.parent]} if leaf.lookup else {})
            outcome = save(org, batch_of(org, leaf.sobject, "insert", [flatten(values)], None))
            if outcome.errors:
                failed[leaf.reference] = outcome.errors[0]
            else:
                made[leaf.reference] = str(outcome.ids[0])
        if failed:
            raise Undo
    if failed:
        errors = [{"referenceId": name, "errors": [error.as_collection()]} for name, error in failed.items()]
        return answer({"hasErrors": True, "results": errors}, 400)
    results = [{"referenceId": name, "id": key} for name, key in made.items()]
    return answer({"hasErrors": False, "results": results}, 201)


def routes(site: Site) -> list[Route]:
    path = "/services/data/v{version}/composite/tree/{sobject}"
    return [Route(path + slash, endpoint(site, tree), methods=["POST"]) for slash in ("", "/")]
