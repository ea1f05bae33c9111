"""The same table through dlt's sql_database source: run by an interpreter that has dlt and nothing of ours.

dlt comes from benchmarks/requirements.txt (group ``bench`` in pyproject.toml) and stands apart from the
project's own packages, whose versions it would change.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from benchmarks.measuring import Work


def reading(connection: str, table: str) -> Work:
    """Every batch read and dropped, dlt's own pipeline left out. ``connection`` is for ODBC."""
    resource = _resource(connection, table)
    return lambda: {"rows": sum(batch.num_rows for batch in resource)}


def loading(connection: str, table: str) -> Work:
    """A pipeline into a new DuckDB file, as dlt's documentation has it."""
    import dlt
    import duckdb

    folder = Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_FOLDER")))
    file = folder / "loaded.duckdb"
    resource = _resource(connection, table)
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder),
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="panda",
    )

    def work() -> dict[str, float]:
        pipeline.run(resource, write_disposition="replace")
        stored = pipeline.default_schema.naming.normalize_table_identifier(resource.name)
        with duckdb.connect(str(file), read_only=True) as written:
            return {"rows": written.sql(f"SELECT count(*) FROM panda.{stored}").fetchall()[0][0]}

    return work


def _resource(connection: str, table: str) -> Any:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import sqlalchemy
    from dlt.sources.sql_database import sql_table

    engine = sqlalchemy.create_engine(f"mssql+pyodbc:///?odbc_connect={quote_plus(connection)}")
    # dlt takes a table that its metadata knows as reflected: the sandbox's server has the views that tell of
    # columns, but not those of foreign keys and indexes, which reading doesn't need.
    metadata = sqlalchemy.MetaData(schema="dbo")
    columns = sqlalchemy.inspect(engine).get_columns(table, schema="dbo")
    reflected = (sqlalchemy.Column(each["name"], each["type"], nullable=each["nullable"]) for each in columns)
    sqlalchemy.Table(table, metadata, *reflected)
    return sql_table(engine, table=table, metadata=metadata, backend="pyarrow")
