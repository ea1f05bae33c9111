"""What became of a record, as the port says it: results out of ids and refusals, with no value of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from migration_assets.destinations.base import KEY_CHANGED, RECORD_GONE, LoadResult, ObjectSchema
from migration_assets.destinations.freshsales.errors_of_api import (
    EMAIL_TAKEN,
    FILE_TOO_LARGE,
    STORAGE_FULL,
    ApiRefused,
    sentence,
)

PARENT_ABSENT = "parent_absent"
NO_SUCH_STAGE = "no_such_stage"
CONTENT_CHANGED = "content_changed"
CONTENT_UNREADABLE = "content_unreadable"
FILE_FIXED = "file_fixed"
GOES_WITH_RECORD = "goes_with_record"
UNSETTLED = "unsettled"

_SENTENCES = {
    PARENT_ABSENT: "a record that it points to isn't in the account; load that one first",
    NO_SUCH_STAGE: "the account's pipeline has no stage of this name; have an administrator add it",
    CONTENT_CHANGED: "the file isn't the one that was extracted; extract again, then upload again",
    CONTENT_UNREADABLE: "the file can't be read from the practice's database or file share; see that it can "
    "be opened there, then retry",
    FILE_FIXED: "the account lets nobody change or delete a file through the API; have it deleted by hand, "
    "then run again",
    GOES_WITH_RECORD: "the account lets nobody delete a file through the API; it goes with the record "
    "that it is on, or is deleted by hand",
    UNSETTLED: "the run broke off while it was sent; the next one looks whether it is there",
    KEY_CHANGED: "the record holds another key than it did; look again who is there",
    RECORD_GONE: "the record isn't there any more, or the key's user doesn't see it; look again who is there",
}
_OF_CONTENT = frozenset({FILE_TOO_LARGE, STORAGE_FULL, CONTENT_CHANGED, CONTENT_UNREADABLE, FILE_FIXED})


def loaded(key: str, record_id: int | str, *, created: bool = False) -> LoadResult:
    return LoadResult(key, "loaded", destination_id=str(record_id), created=created)


def failed(key: str, code: str, field: str | None = None, record_id: str | None = None) -> LoadResult:
    return LoadResult(key, "failed", record_id, code=code, field=field, message=told(code))


def told(code: str) -> str:
    return _SENTENCES.get(code) or sentence(code)


def refused(key: str, error: ApiRefused, schema: ObjectSchema) -> LoadResult:
    """The first of the API's reasons; its field where the mapping has one of that label."""
    reason = error.reasons[0]
    labels = {each.label.lower(): each.name for each in schema.fields}
    named = reason.field(labels)
    if reason.code == EMAIL_TAKEN and named is None:
        named = next((name for name in ("email", "emails") if name in schema.field_names), None)
    if reason.code in _OF_CONTENT:
        named = schema.content_field
    return failed(key, reason.code, named)


def not_sent(keys: Iterable[str], code: str = UNSETTLED) -> list[LoadResult]:
    return [LoadResult(key, "not_sent", code=code, message=told(code)) for key in keys]


def check_keys(rows: pl.DataFrame, schema: ObjectSchema) -> None:
    """Raises ValueError where a row has no key, or one that another has too."""
    keys = rows[schema.key_field]
    if keys.has_nulls() or keys.n_unique() != keys.len():
        raise ValueError(f"a batch of {schema.name} needs a key of its own in every row")


def in_parts(results: Sequence[LoadResult], size: int = 100) -> Iterable[Sequence[LoadResult]]:
    for start in range(0, len(results), size):
        yield results[start : start + size]
