"""Questions in SOQL: Bulk query jobs page by page, small REST queries, and conditions made of keys and ids.

Wide objects don't fit a GET's address, and Bulk queries don't count against the row limits of REST. A few
named records are asked for by GET, many by a job. What is asked, and what becomes of the answers, is the
callers'.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import quote_plus

import polars as pl

from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings
from migration_assets.errors import DestinationError

ACTIVITIES = frozenset({"Event", "Task"})
_WITH_ARCHIVED = ACTIVITIES | {"EventRelation", "TaskRelation"}
_CELLS_A_PAGE = 4_000_000
_LEAST_PAGE_ROWS, _MOST_PAGE_ROWS = 500, 50_000
_POLL_GROWTH = 1.5
_MOST_GETS = 4
"""A job takes that many requests at the least: create, look, fetch, forget."""
_MOST_CHARACTERS_OF_A_GET = 15_000
"""Of the query in an address, which ends at 16,384 characters with the host and the path in it."""
_MOST_CHARACTERS_OF_A_JOB = 95_000
"""A SOQL statement ends at 100,000."""

Item = TypeVar("Item")


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


def is_one_of(field: str, values: Iterable[str]) -> str:
    """A SOQL condition that holds for these values, and for others where the field ignores case."""
    escaped = (value.replace("\\", "\\\\").replace("'", "\\'") for value in values)
    listed = ", ".join(f"'{value}'" for value in escaped)
    return f"{field} IN ({listed})"


def once(pages: Iterable[pl.DataFrame], column: str) -> Iterator[pl.DataFrame]:
    """The pages without the records that an earlier one had; ``column`` holds their ids."""
    seen: set[str] = set()
    for page in pages:
        new = page.filter(~pl.col(column).is_in(list(seen)))
        seen.update(new[column])
        yield new


class Queries:
    """Queries of one org; every value comes as text, null where there is none."""

    def __init__(self, session: SalesforceSession, settings: BulkSettings) -> None:
        self._session = session
        self._settings = settings

    def bulk(self, name: str, columns: Sequence[str], condition: str) -> Iterator[pl.DataFrame]:
        """Records of an object through one query job, in pages of String columns named as asked for.

        Activities of a year ago are archived: only queryAll finds them, and it finds deleted ones too.
        """
        operation, condition = _reaching(name, condition)
        body = {"operation": operation, "query": f"SELECT {', '.join(columns)} FROM {name} WHERE {condition}"}
        job_id = str(self._session.request("POST", "jobs/query", json=body, idempotent=True).json()["id"])
        try:
            self._wait(job_id, name)
            yield from self._results(job_id, columns)
        finally:
            self._forget(job_id)

    def rest(self, name: str, columns: Sequence[str], condition: str) -> Iterator[pl.DataFrame]:
        """The same by GET, for conditions that are short and objects that a query job doesn't serve."""
        operation, condition = _reaching(name, condition)
        soql = f"SELECT {', '.join(columns)} FROM {name} WHERE {condition}"
        answer = self._rest(operation, params={"q": soql})
        while True:
            rows = [[_text(_within(record, column)) for column in columns] for record in answer["records"]]
            yield pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
            if answer.get("done", True):
                return
            answer = self._rest(answer["nextRecordsUrl"])

    def _rest(self, path: str, **kwargs: Any) -> Any:
        """Decimals as they are written, which no float has to carry."""
        return self._session.request("GET", path, **kwargs).json(parse_float=str)

    def named(
        self,
        name: str,
        columns: Sequence[str],
        condition: Callable[[Sequence[Item]], str],
        items: Collection[Item],
        otherwise: Sequence[str] = (),
    ) -> Iterator[pl.DataFrame]:
        """Records that meet the ``condition`` of the items: keys, ids, or tuples of them; a record may come
        twice, and where there are no items nothing is asked.

        By as many GETs as a job takes requests, else by a job (about 3,000 keys), else by a job for each
        condition of ``otherwise``, which finds others too; without these by as many jobs as it takes.
        """
        every = list(dict.fromkeys(items))
        if not every:
            return
        select = f"SELECT {', '.join(columns)} FROM {name} WHERE  AND IsDeleted = false"

        def gets(part: Sequence[Item]) -> bool:
            return len(quote_plus(select + condition(part))) <= _MOST_CHARACTERS_OF_A_GET

        def fills(part: Sequence[Item]) -> bool:
            return len(select) + len(condition(part)) <= _MOST_CHARACTERS_OF_A_JOB

        parts = _evenly(every, _MOST_GETS, gets)
        if parts is not None:
            for part in parts:
                yield from self.rest(name, columns, condition(part))
            return
        jobs = _evenly(every, 1 if otherwise else len(every), fills)
        conditions = otherwise if jobs is None else [condition(part) for part in jobs]
        for each in conditions:
            yield from self.bulk(name, columns, each)

    def any(self, name: str, condition: str) -> bool:
        """Whether the login sees a record for which it holds."""
        operation, condition = _reaching(name, condition)
        soql = f"SELECT Id FROM {name} WHERE {condition} LIMIT 1"
        return bool(self._session.get_json(operation, params={"q": soql})["records"])

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


def _reaching(name: str, condition: str) -> tuple[str, str]:
    """The operation and the condition with which archived records are found, and deleted ones aren't."""
    if name in _WITH_ARCHIVED:
        return "queryAll", f"({condition}) AND IsDeleted = false"
    return "query", condition


def _evenly(
    items: Sequence[Item], most: int, fits: Callable[[Sequence[Item]], bool]
) -> list[Sequence[Item]] | None:
    """The items in as few parts of one size as fit, None where more than ``most`` were needed."""
    for count in range(1, most + 1):
        size = math.ceil(len(items) / count)
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        if all(fits(part) for part in parts):
            return parts
    return None


def _within(record: Any, path: str) -> Any:
    """``Account.Name`` of a record; nothing where there is no account."""
    for name in path.split("."):
        record = None if record is None else record[name]
    return record


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or value == "" else str(value)
