"""Records as the org holds them, through Bulk query jobs: one job an object, page by page.

Wide objects don't fit a GET's address, and Bulk queries don't count against the row limits of REST.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import polars as pl

from migration_assets.destinations.base import FieldSchema, ReadRequest
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings
from migration_assets.errors import DestinationError

ACTIVITIES = frozenset({"Event", "Task"})
_CELLS_A_PAGE = 4_000_000
_LEAST_PAGE_ROWS, _MOST_PAGE_ROWS = 500, 50_000
_POLL_GROWTH = 1.5


def starts_with(field: str, prefix: str) -> str:
    r"""A SOQL condition that holds for every value beginning with ``prefix``, and maybe for some others.

    LIKE ignores case, and a backslash in a pattern has no documented escape, so it stands as the
    one-character wildcard: callers check the values themselves.
    """
    if not prefix:
        return f"{field} != null"
    wildcard = "_"
    escaped = {"\\": wildcard, "_": r"\_", "%": r"\%", "'": r"\'"}
    pattern = "".join(escaped.get(character, character) for character in prefix)
    return f"{field} LIKE '{pattern}%'"


class Reader:
    """Reads records of one org back by their keys."""

    def __init__(self, session: SalesforceSession, settings: BulkSettings) -> None:
        self._session = session
        self._settings = settings

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """As ``Destination.read``; one frame without rows where nothing is found.

        References to several possible objects can't be followed in a Bulk query: their record ids are
        looked up in the parents' keys, read once by the practice's part of the prefix.
        """
        schema, key = request.schema, request.schema.key_field
        names = [key, *(name for name in request.fields or schema.field_names if name != key)]
        fields = [schema.field(name) for name in names]
        parents = {
            field.name: self._keys_by_id(field, request.key_prefix) for field in fields if _by_id(field)
        }
        columns = ["Id", "SystemModstamp", *(_selected(field) for field in fields)]
        found = False
        for page in self._pages(schema.name, columns, key, request.key_prefix):
            texts = page.rename(dict(zip(page.columns, ["_id", "_modified_at", *names], strict=True)))
            texts = texts.filter(pl.col(key).str.starts_with(request.key_prefix)).with_columns(
                pl.col(name).replace_strict(known, default=None, return_dtype=pl.String)
                for name, known in parents.items()
            )
            if texts.height or not found:
                found = True
                yield csv.typed(texts, schema, names)

    def _keys_by_id(self, field: FieldSchema, key_prefix: str) -> dict[str, str]:
        practice, colon, _ = key_prefix.partition(":")
        known: dict[str, str] = {}
        for page in self._pages(
            str(field.reference_to), ["Id", csv.PARENT_KEY], csv.PARENT_KEY, practice + colon
        ):
            known.update(page.iter_rows())
        return known

    def _pages(self, name: str, columns: Sequence[str], key: str, prefix: str) -> Iterator[pl.DataFrame]:
        condition = starts_with(key, prefix)
        if name in ACTIVITIES:
            # Activities of a year ago are archived: only queryAll finds them, and it finds deleted ones too.
            operation, condition = "queryAll", f"{condition} AND IsDeleted = false"
        else:
            operation = "query"
        body = {"operation": operation, "query": f"SELECT {', '.join(columns)} FROM {name} WHERE {condition}"}
        job_id = str(self._session.request("POST", "jobs/query", json=body, idempotent=True).json()["id"])
        try:
            self._wait(job_id, name)
            yield from self._results(job_id, columns)
        finally:
            self._forget(job_id)

    def _wait(self, job_id: str, name: str) -> None:
        deadline = time.monotonic() + self._settings.poll_limit
        pause = self._settings.poll_first
        while (state := self._session.get_json(f"jobs/query/{job_id}")["state"]) != "JobComplete":
            if state in ("Failed", "Aborted") or time.monotonic() > deadline:
                raise DestinationError(
                    f"Salesforce couldn't read {name} back (query job {job_id}: {state}); run the preflight, "
                    "then run again"
                )
            time.sleep(pause)
            pause = min(pause * _POLL_GROWTH, self._settings.poll_longest)

    def _results(self, job_id: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        rows = min(max(_CELLS_A_PAGE // len(columns), _LEAST_PAGE_ROWS), _MOST_PAGE_ROWS)
        locator: str | None = None
        while locator != "null":
            params = {"maxRecords": str(rows)} | ({"locator": locator} if locator else {})
            response = self._session.request("GET", f"jobs/query/{job_id}/results", params=params)
            yield csv.read_text(response.content, columns)
            locator = response.headers.get("Sforce-Locator", "null")

    def _forget(self, job_id: str) -> None:
        try:
            self._session.request("DELETE", f"jobs/query/{job_id}")
        except DestinationError:
            # The org drops finished query jobs after 7 days anyhow; what was read is not worth losing.
            return


def _by_id(field: FieldSchema) -> bool:
    return field.type.is_reference and csv.is_polymorphic(field)


def _selected(field: FieldSchema) -> str:
    return field.name if _by_id(field) else csv.column(field)
