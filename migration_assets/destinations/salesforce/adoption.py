"""Records of the org that nobody's migration has given a key: read, given one, and rid of it again.

Values of records that keep their key are put back in the same way. Both go through collections: each record
is looked at first, since between the look that people judged and the decision anybody may have changed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from migration_assets.destinations.base import (
    KEY_CHANGED,
    RECORD_GONE,
    Identity,
    KeyChange,
    LoadResult,
    ObjectSchema,
)
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.failures import safe_code, sentence
from migration_assets.destinations.salesforce.queries import Queries
from migration_assets.destinations.salesforce.session import SalesforceSession

_SENTENCES = {
    KEY_CHANGED: "the record holds another key than it did; look again who is there",
    RECORD_GONE: "the record isn't there any more, or the login doesn't see it; look again who is there",
}
_RECORDS_A_CALL = 200


class Adoptions:
    """The records of one org, whoever made them."""

    def __init__(self, session: SalesforceSession, queries: Queries) -> None:
        self._session = session
        self._queries = queries

    def unkeyed(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
        """As ``Destination.unkeyed``."""
        names = ["_id", "_modified_at", *fields]
        columns = ["Id", "SystemModstamp", *fields]
        for page in self._queries.bulk(schema.name, columns, f"{schema.key_field} = null"):
            yield csv.typed(page.rename(dict(zip(columns, names, strict=True))), schema, fields)

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        """As ``Destination.write_keys``."""
        results: list[LoadResult] = []
        for start in range(0, len(changes), _RECORDS_A_CALL):
            results += self._write(schema, changes[start : start + _RECORDS_A_CALL])
        return results

    def _write(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        found = self._keys(schema, [change.record_id for change in changes])
        results: dict[int, LoadResult] = {}
        open_changes: list[int] = []
        for place, change in enumerate(changes):
            if change.record_id not in found:
                results[place] = _failed(change, RECORD_GONE)
                continue
            standing = change.before if schema.identity is Identity.PARENTS else found[change.record_id]
            if standing == change.after and not (change.before == change.after and change.fields):
                results[place] = _loaded(change)
            elif standing != change.before:
                results[place] = _failed(change, KEY_CHANGED)
            else:
                open_changes.append(place)
        if open_changes:
            answers = self._patch(schema, [changes[place] for place in open_changes])
            results.update(zip(open_changes, answers, strict=True))
        return [results[place] for place in range(len(changes))]

    def _keys(self, schema: ObjectSchema, ids: Sequence[str]) -> dict[str, str | None]:
        """Record id -> key, of those that are there; of records that join others, which hold none, no key."""
        stored = [] if schema.identity is Identity.PARENTS else [schema.key_field]
        body = {"ids": list(dict.fromkeys(ids)), "fields": ["Id", *stored]}
        path = f"composite/sobjects/{schema.name}"
        answer = self._session.request("POST", path, json=body, idempotent=True).json()
        there = [record for record in answer if record is not None]
        return {each["Id"]: (each[stored[0]] or None) if stored else None for each in there}

    def _patch(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        records = [
            {
                "attributes": {"type": schema.name},
                "id": change.record_id,
                **{name: _json(value) for name, value in change.fields.items()},
                **({} if schema.identity is Identity.PARENTS else {schema.key_field: change.after}),
            }
            for change in changes
        ]
        body = {"allOrNone": False, "records": records}
        # Written twice is written once: the values are the same.
        answers = self._session.request("PATCH", "composite/sobjects", json=body, idempotent=True).json()
        known = set(schema.field_names)
        return [_result(change, answer, known) for change, answer in zip(changes, answers, strict=True)]


def _result(change: KeyChange, answer: dict[str, Any], known: set[str]) -> LoadResult:
    if answer["success"]:
        return _loaded(change)
    error = (answer.get("errors") or [{}])[0]
    code = safe_code(error.get("statusCode"))
    named = next((name for name in error.get("fields") or () if name in known), None)
    return LoadResult(change.key, "failed", change.record_id, code=code, field=named, message=sentence(code))


def _loaded(change: KeyChange) -> LoadResult:
    return LoadResult(change.key, "loaded", destination_id=change.record_id)


def _failed(change: KeyChange, code: str) -> LoadResult:
    return LoadResult(change.key, "failed", change.record_id, code=code, message=_SENTENCES[code])


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case _:
            return value
