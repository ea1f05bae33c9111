"""Many values in a query: as a table for its time, since DuckDB takes long over a long list of parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import polars as pl

from migration_assets.warehouse import Session


def among(session: Session, values: Collection[str], name: str = "asked") -> str:
    """The values as what stands behind IN in a query; good until the next call with this ``name``."""
    if not values:
        return "(SELECT NULL WHERE FALSE)"
    session.put_temporary(name, pl.DataFrame({"value": list(values)}, schema={"value": pl.String}))
    return f"(SELECT value FROM temp.{name})"


def among_rows(session: Session, source_rows: Iterable[tuple[str, str]]) -> str:
    """As ``among``, of pairs of source table and source id."""
    columns = {"source_table": pl.String, "source_id": pl.String}
    session.put_temporary("asked_rows", pl.DataFrame(list(source_rows), columns, orient="row"))
    return "(SELECT (source_table, source_id) FROM temp.asked_rows)"
