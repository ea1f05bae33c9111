"""Child subqueries: `SELECT Name, (SELECT LastName FROM Contacts) FROM Account`, one query a relationship.

The children of one page of parents are read at once. LIMIT of a subquery counts for each parent. A parent
with more than CHILD_PAGE_ROWS children shows the first of them and where the next page is, as orgs do: who
doesn't follow it loses records.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from migration_sandbox.salesforce.describe import child_relationships
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.render import json_records
from migration_sandbox.salesforce.soql import Aggregate, Comparison, Logical, Path, Query, Value, malformed
from migration_sandbox.salesforce.soql_run import Result, run

MAX_CHILDREN = 20
CHILD_PAGE_ROWS = 200


def _related(org: Org, result: Result, child: Query) -> tuple[str, str, str]:
    """The relationship's name as it is spelled, the child object, its field. Raises INVALID_TYPE."""
    found = child_relationships(org, result.sobject).get(child.source.lower())
    if found is None:
        message = (
            f"Didn't understand relationship '{child.source}' in FROM part of query call. If you are "
            "attempting to use a custom relationship, be sure to append the '__r' after the custom "
            "relationship name."
        )
        raise ApiError(400, "INVALID_TYPE", message)
    return found


def check(query: Query) -> None:
    """Raises MALFORMED_QUERY for what a query with subqueries can't be."""
    if len(query.children) > MAX_CHILDREN:
        raise malformed(f"A query has at most {MAX_CHILDREN} subqueries")
    for child in query.children:
        if query.aggregated or child.aggregated or any(isinstance(one, Aggregate) for one in child.select):
            raise malformed("aggregates and subqueries don't go together")
        if child.offset:
            raise malformed("OFFSET can't be used in a subquery")
        if child.children:
            raise malformed("subqueries of subqueries are not part of this sandbox's SOQL")


def child_result(org: Org, result: Result, child: Query, ids: list[str], all_rows: bool) -> Result:
    """The children of some parents; their parent's id is the first column."""
    _, name, field = _related(org, result, child)
    wanted = _below(child, name, field, ids)
    return run(org, replace(wanted, select=[Path((field,)), *child.select], limit=None), all_rows)


def _below(child: Query, name: str, field: str, ids: list[str]) -> Query:
    """The subquery as a query of its own for the children of some parents."""
    own = Comparison(Path((field,)), "in", tuple(Value("string", one) for one in ids))
    where = own if child.where is None else Logical("and", (own, child.where))
    return replace(child, source=name, where=where)


def attach(
    org: Org,
    query: Query,
    result: Result,
    records: list[dict[str, Any]],
    version: str,
    start: int,
    first_page: Callable[[Query, Result, int], dict[str, Any]],
) -> None:
    """Put children into the records of a page that begins at `start`.

    `first_page` shows a query's result as its first so many rows with the address of the next.
    """
    check(query)
    ids = [str(one) for one in result.frame["Id"].slice(start, len(records)).to_list()]
    for child in query.children:
        shown, name, field = _related(org, result, child)
        groups: dict[str, list[dict[str, Any]]] = {}
        if ids:
            found = child_result(org, result, child, ids, query.all_rows)
            asked = any(isinstance(one, Path) and str(one).lower() == field.lower() for one in child.select)
            for record in json_records(found, version, 0, found.frame.height):
                parent = record[field] if asked else record.pop(field)
                groups.setdefault(str(parent), []).append(record)
        for key, record in zip(ids, records, strict=True):
            mine = groups.get(key, [])[: child.limit]
            if len(mine) > CHILD_PAGE_ROWS:
                below = replace(_below(child, name, field, [key]), all_rows=query.all_rows)
                record[shown] = first_page(below, run(org, below, query.all_rows), CHILD_PAGE_ROWS)
            else:
                record[shown] = {"totalSize": len(mine), "done": True, "records": mine} if mine else None
