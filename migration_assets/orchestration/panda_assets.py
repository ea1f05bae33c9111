"""Group ``panda``: the source tables of a practice, extracted verbatim on one connection."""

from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.recording import record_extraction
from migration_assets.migration.staging import migrated_tables, source_tables
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import OWNERS, counts_table, rows_table, snake_case
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.panda.share import SHARE_FILES

GROUP = "panda"


def panda_key(table: str) -> AssetKey:
    return AssetKey([GROUP, snake_case(table)])


def build_panda_assets() -> AssetsDefinition:
    tables = source_tables()

    @multi_asset(
        name="extract_panda",
        specs=[
            AssetSpec(
                panda_key(table),
                group_name=GROUP,
                kinds={"sqlserver", "duckdb"},
                owners=OWNERS,
                description=(
                    f"PANDA's table {table}, every column as the database holds it. All tables of a practice "
                    "are read on one connection, so that they show one moment."
                ),
            )
            for table in tables
        ]
        + [
            AssetSpec(
                panda_key(SHARE_FILES),
                group_name=GROUP,
                kinds={"file", "duckdb"},
                owners=OWNERS,
                description=(
                    "Every path that a column of the source names a file by, with the file's size and MD5, "
                    "or why it can't be read. The files stay on the practice's share."
                ),
            )
        ],
        partitions_def=PRACTICES,
        # One snapshot for all tables: a part of them would show another moment than the rest.
        can_subset=False,
        pool="panda_source",
    )
    def extract_panda(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            from migration_assets.panda.connection import Source
            from migration_assets.panda.extract import extract
            from migration_assets.panda.preflight import preflight

            installation = platform.platform()
            practice = installation.practice(context.partition_key)
            source, profile = Source(installation.source(practice)), installation.profile(practice)
            report = preflight(source, profile, tables, to_judge=False)
            warehouse = installation.panda_warehouse(practice.key)
            extraction = extract(source, profile, warehouse, tables, in_scope=migrated_tables())
            head = record_extraction(installation, practice, context.run.run_id, extraction)
        undeclared = {name: len(columns) for name, columns in report.undeclared_columns.items()}
        for table in extraction.tables:
            yield MaterializeResult(
                asset_key=panda_key(table.logical),
                metadata={
                    "dagster/row_count": table.rows,
                    "batch": extraction.batch_id,
                    AUDIT_LOG: str(head),
                    "isolation": extraction.isolation,
                    "rowversion_watermark": extraction.min_active_rowversion,
                    "undeclared_columns": undeclared.get(table.logical, 0),
                    "not_in_scope": rows_table(
                        [
                            {"table": each.table, "rows": "not readable" if each.rows is None else each.rows}
                            for each in extraction.not_in_scope
                        ],
                        {"table": "string", "rows": "int"},
                    ),
                },
            )
        yield MaterializeResult(
            asset_key=panda_key(SHARE_FILES),
            metadata={
                "dagster/row_count": sum(extraction.share_files.values()),
                "batch": extraction.batch_id,
                "files": counts_table(extraction.share_files, unit="paths"),
                AUDIT_LOG: str(head),
            },
        )

    return extract_panda
