"""Deleting records of an org, into its recycle bin: by collections, many by a job, files by their documents.

A bin that is full loses its oldest records, and deleting goes on. What is deleted, and in which order, is for
the engine to say. Deleting again what a lost answer has deleted already finds it ``gone``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.removal import Removal
from migration_assets.destinations.salesforce.failures import LOCKED, safe_code, sentence
from migration_assets.destinations.salesforce.job_runs import JobRuns, Work
from migration_assets.destinations.salesforce.queries import Queries, is_one_of
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings
from migration_assets.errors import JobFailed

RECORDS_A_CALL = 200
"""Records that one request of collections takes (REST API guide, "Delete Multiple Records with Fewer
Round-Trips")."""
MOST_BY_COLLECTIONS = 3_000
"""More go by a job, which takes about 15 requests (create, fill, close, polls, results), as many as
collections take for these."""

ABSENT = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"})
"""What the org says of an id that is in the recycle bin, or no longer anywhere."""
_SHOWN = "the org calls the record deleted and shows it all the same; look at it there, then run again"
_SENTENCES = {
    LOCKED: "the record stayed locked by somebody else over all attempts; run again",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the login may not delete this record; give it the right, run again",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "a trigger or flow of the org refused to delete the record; "
    "switch it off for this login, then run again",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a trigger of the org refused to delete the record; switch it off "
    "for this login, then run again",
}
"""Where a deletion needs other words than a load."""

_RECORD = FieldSchema("Id", "Record ID", FieldType.TEXT, False)
_DOCUMENT, _DOCUMENT_ID = "ContentDocument", "ContentDocumentId"

Codes = dict[str, str | None]
"""Record id -> the code with which the org refused to delete it, None where it is deleted."""


class Remover:
    """Deletes records of one org."""

    def __init__(
        self, session: SalesforceSession, queries: Queries, runs: JobRuns, settings: BulkSettings
    ) -> None:
        self._session = session
        self._queries = queries
        self._runs = runs
        self._settings = settings

    def delete(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        """As ``Destination.delete``; rows that met a lock are tried again before they count as failed.

        Raises DestinationLimitReached, between two requests, where the day's are nearly used up.
        """
        if schema.content_field is not None:
            yield from self._files(schema, records)
            return
        keys: dict[str, list[str]] = {}
        for key, record_id in records.items():
            keys.setdefault(record_id, []).append(key)
        many = len(keys) > MOST_BY_COLLECTIONS
        answered = self._by_job(schema.name, list(keys)) if many else self._by_collections(list(keys))
        for codes in answered:
            yield self._removals(schema.name, codes, keys)

    def _files(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        """``records`` holds ids of versions; one that isn't there has no document that could be."""
        every = list(records.items())
        for start in range(0, len(every), RECORDS_A_CALL):
            part = dict(every[start : start + RECORDS_A_CALL])
            documents: dict[str, str] = {}
            for page in self._queries.rest(schema.name, ["Id", _DOCUMENT_ID], is_one_of("Id", part.values())):
                documents |= dict(page.iter_rows())
            gone = [Removal(key, "gone") for key, version in part.items() if version not in documents]
            if gone:
                yield gone
            keys: dict[str, list[str]] = {}
            for key, version in part.items():
                if version in documents:
                    keys.setdefault(documents[version], []).append(key)
            for codes in self._by_collections(list(keys)):
                yield self._removals(_DOCUMENT, codes, keys)

    def _by_collections(self, ids: Sequence[str]) -> Iterator[Codes]:
        for start in range(0, len(ids), RECORDS_A_CALL):
            yield self._call(ids[start : start + RECORDS_A_CALL])

    def _call(self, ids: Sequence[str]) -> Codes:
        codes: Codes = {}
        waiting = list(ids)
        for attempt in range(1, self._settings.lock_attempts + 1):
            self._runs.stop_before_the_quota_ends()
            params = {"ids": ",".join(waiting), "allOrNone": "false"}
            answers = self._session.request("DELETE", "composite/sobjects", params=params).json()
            codes |= {each: _code(answer) for each, answer in zip(waiting, answers, strict=True)}
            waiting = [each for each in waiting if codes[each] == LOCKED]
            if not waiting:
                break
            if attempt < self._settings.lock_attempts:
                time.sleep(self._settings.lock_wait * attempt)
        return codes

    def _by_job(self, name: str, ids: Sequence[str]) -> Iterator[Codes]:
        """Through jobs; what no job has answered, or takes, goes by collections."""
        schema = ObjectSchema(name, name, name, False, _RECORD.name, (_RECORD,))
        rows = pl.DataFrame({_RECORD.name: ids}, schema={_RECORD.name: pl.String})
        for part in self._runs.parts(rows, schema):
            waiting = dict.fromkeys(part[_RECORD.name])
            self._runs.stop_before_the_quota_ends()
            try:
                for results in self._runs.run(
                    "", part, _RECORD.name, lambda each: _deleting(schema, each), _Unwritten()
                ):
                    codes = {each.key: each.code for each in results if each.outcome != "not_sent"}
                    for each in codes:
                        del waiting[each]
                    yield codes
            except JobFailed:
                pass
            except RequestRefused as refused:
                if refused.status != 400:
                    raise
            yield from self._by_collections(list(waiting))

    def _removals(self, name: str, codes: Codes, keys: Mapping[str, Sequence[str]]) -> list[Removal]:
        """One for each key of these records; those that the org calls absent are gone where it doesn't show
        them either."""
        shown = self._shown(name, [each for each, code in codes.items() if code in ABSENT])
        made = []
        for each, code in codes.items():
            gone = code in ABSENT and each not in shown
            made += [_gone(key) if gone else _removal(key, code) for key in keys[each]]
        return made

    def _shown(self, name: str, ids: Sequence[str]) -> set[str]:
        shown: set[str] = set()
        for start in range(0, len(ids), RECORDS_A_CALL):
            body = {"ids": ids[start : start + RECORDS_A_CALL], "fields": ["Id"]}
            answer = self._session.request("POST", f"composite/sobjects/{name}", json=body, idempotent=True)
            shown |= {str(each["Id"]) for each in answer.json() if each is not None}
        return shown


class _Unwritten:
    """A journal that keeps nothing: a job that a crash leaves has deleted or not, and asking again tells."""

    def job_created(self, batch_id: str, job_id: str) -> None:
        del batch_id, job_id

    def job_submitted(self, batch_id: str) -> None:
        del batch_id

    def job_ended(self, batch_id: str, state: str) -> None:
        del batch_id, state


def _deleting(schema: ObjectSchema, rows: pl.DataFrame) -> Work:
    ids = {each: each for each in rows[_RECORD.name]}
    return Work(schema, rows, "delete", (_RECORD.name,), ids)


def _code(answer: Mapping[str, Any]) -> str | None:
    if answer["success"]:
        return None
    return safe_code((answer.get("errors") or [{}])[0].get("statusCode"))


def _gone(key: str) -> Removal:
    return Removal(key, "gone")


def _removal(key: str, code: str | None) -> Removal:
    if code is None:
        return Removal(key, "deleted")
    message = _SHOWN if code in ABSENT else _SENTENCES.get(code) or sentence(code)
    return Removal(key, "failed", code, message)
