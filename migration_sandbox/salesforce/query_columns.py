"""What `query?columns=true` answers: the columns of a query instead of its rows.

The parameter is undocumented; `sf data query` asks for it before it shows a table.
"""

from collections.abc import Sequence
from typing import Any

from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.soql import Query
from migration_sandbox.salesforce.soql_children import child_result
from migration_sandbox.salesforce.soql_run import Column, Result

_APEX_TYPES = {
    "id": "Id", "reference": "Id", "boolean": "Boolean", "int": "Integer", "double": "Double",
    "currency": "Double", "percent": "Double", "date": "Date", "datetime": "Datetime", "base64": "Blob",
}  # fmt: skip


def _shown(column: Column, name: str) -> dict[str, Any]:
    item = column.field
    kind = "Integer" if item is None else _APEX_TYPES.get(item.type, "String")
    return {
        "aggregate": column.aggregate,
        "apexType": kind,
        "booleanType": kind == "Boolean",
        "columnName": name,
        "custom": item is not None and item.custom,
        "displayName": name,
        "foreignKeyName": None,
        "insertable": item is not None and item.createable,
        "joinColumns": [],
        "numberType": kind in ("Integer", "Double"),
        "textType": kind == "String",
        "updatable": item is not None and item.updateable,
    }


def _place(listed: list[dict[str, Any]], column: Column, parts: tuple[str, ...], owner: str | None) -> None:
    """Put a column in, below the columns of the parents on its way."""
    if len(parts) == 1:
        listed.append(_shown(column, parts[0]))
        return
    found = next((one for one in listed if one["columnName"] == parts[0]), None)
    if found is None:
        blank = {"aggregate": False, "booleanType": False, "custom": parts[0].endswith("__r")}
        found = _shown(column, parts[0]) | blank | {"apexType": owner or "", "numberType": False}
        found |= {"textType": False, "insertable": False, "updatable": False, "joinColumns": []}
        listed.append(found)
    _place(found["joinColumns"], column, parts[1:], owner)


def _columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for column in columns:
        _place(listed, column, column.parts, column.owners[0] if column.owners else None)
    return listed


def column_metadata(org: Org, query: Query, result: Result) -> dict[str, Any]:
    listed = _columns(result.columns)
    for child in query.children:
        inner = child_result(org, result, child, [], False)
        name = Column(child.source, (child.source,), (), None, True)
        plain = {"apexType": inner.sobject.name, "numberType": False}
        listed.append(_shown(name, child.source) | plain | {"joinColumns": _columns(inner.columns[1:])})
    return {
        "columnMetadata": listed,
        "entityName": result.sobject.name,
        "groupBy": result.aggregated,
        "idSelected": any(column.key == "Id" for column in result.columns),
        "keyPrefix": result.sobject.key_prefix or None,
    }
