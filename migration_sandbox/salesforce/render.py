"""Query results as the two APIs show them: nested JSON records, or the CSV of a Bulk query."""

from typing import Any

import polars as pl

from migration_sandbox.salesforce.schema import Field
from migration_sandbox.salesforce.soql_run import Column, Result


def _json_expr(key: str, item: Field | None) -> pl.Expr:
    column = pl.col(key)
    if item is None:
        return column
    if item.type == "datetime":
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000")
    if item.type == "date":
        return column.dt.strftime("%Y-%m-%d")
    if item.numeric and item.type != "int":
        return column.cast(pl.Float64)
    return column


def record_url(version: str, sobject: str, record_id: str) -> str:
    return f"/services/data/v{version}/sobjects/{sobject}/{record_id}"


def json_records(result: Result, version: str, start: int, count: int) -> list[dict[str, Any]]:
    """The records of one page, parents nested, each with its `attributes`."""
    page = result.frame.slice(start, count)
    shown = list({column.key: column for column in result.columns}.values())
    page = page.with_columns(_json_expr(column.key, column.field) for column in shown)
    name = result.sobject.name
    made: list[dict[str, Any]] = []
    for row in page.iter_rows(named=True):
        if result.aggregated:
            record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
            record.update({column.parts[-1]: row[column.key] for column in shown})
        else:
            record = {"attributes": {"type": name}}
            if row.get("Id"):
                record["attributes"]["url"] = record_url(version, name, row["Id"])
            for column in shown:
                _place(record, column, row, version)
        made.append(record)
    return made


def _place(record: dict[str, Any], column: Column, row: dict[str, Any], version: str) -> None:
    target = record
    for depth, part in enumerate(column.parts[:-1]):
        path = ".".join(column.parts[: depth + 1])
        parent_id = row.get(f"{path}.Id")
        if parent_id is None:
            target[part] = None
            return
        if target.get(part) is None:
            owner = column.owners[depth]
            real = row.get(f"{path}.Type") if owner == "Name" else owner
            url = record_url(version, str(real), parent_id)
            target[part] = {"attributes": {"type": owner, "url": url}}
        target = target[part]
    target[column.parts[-1]] = row[column.key]
    if column.field is not None and column.field.binary:
        above = ".".join(column.parts[:-1])
        owner, key = (column.owners[-1], f"{above}.Id") if above else (record["attributes"]["type"], "Id")
        target[column.parts[-1]] = record_url(version, owner, row[key]) + "/" + column.field.name


def _csv_expr(key: str, item: Field | None, scientific: bool) -> pl.Expr:
    column = pl.col(key)
    if item is None:
        return column
    if item.type == "datetime":
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    if item.type == "date":
        return column.dt.strftime("%Y-%m-%d")
    if item.numeric and item.type != "int":
        number = column.cast(pl.Float64)
        if not scientific:
            return number.cast(pl.String)
        large = number.abs() >= 1e7
        java = number.map_elements(_java_double, return_dtype=pl.String)
        return pl.when(large).then(java).otherwise(number.cast(pl.String))
    return column


def _java_double(value: float) -> str:
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    digits = mantissa.rstrip("0")
    return f"{digits}0E{int(exponent)}" if digits.endswith(".") else f"{digits}E{int(exponent)}"


def csv_frame(result: Result, scientific: bool) -> pl.DataFrame:
    """All rows as text columns under their paths, in the order selected."""
    shown = list({column.key: column for column in result.columns}.values())
    return result.frame.select(
        _csv_expr(column.key, column.field, scientific).cast(pl.String).alias(column.key) for column in shown
    )
