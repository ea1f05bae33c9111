"""The errors that cross a boundary of this package, and nothing else.

A message says what is wrong, where, and what to do next. It never holds a value out of a patient's
record: text of Pandera, DuckDB, ODBC or a destination quotes values, so those exceptions are turned
into these with ``raise ... from None``.
"""

from __future__ import annotations


class MigrationError(Exception):
    """Base of every error of ours; ``code`` is stable and may stand in metadata and reports."""

    code = "migration_error"


class ConfigurationError(MigrationError):
    """A practice file, a profile or a setting can't be used; the message names file, line and key."""

    code = "configuration"


class SpecError(ConfigurationError):
    """A mapping spec names a column, field or transform that doesn't exist; names file and line."""

    code = "mapping_spec"


class SourceError(MigrationError):
    """The practice's SQL Server refused or failed."""

    code = "source"


class SourceUnreachable(SourceError):
    code = "source_unreachable"


class SourceLoginFailed(SourceError):
    code = "source_login_failed"


class SourceLoginCanWrite(SourceError):
    """The login of the extraction may write; the preflight refuses it."""

    code = "source_login_can_write"


class SourceTableMissing(SourceError):
    code = "source_table_missing"


class SourceColumnMissing(SourceError):
    code = "source_column_missing"


class SourceConnectionLost(SourceError):
    """The connection broke in the middle of a result; reading the table again is safe."""

    code = "source_connection_lost"


class SourceDeadlock(SourceError):
    code = "source_deadlock"


class SourceTimeout(SourceError):
    code = "source_timeout"


class ContentChanged(SourceError):
    """A row or a file isn't there any more, or not as it was extracted; extracting again mends it."""

    code = "content_changed"


class WarehouseError(MigrationError):
    """A practice's DuckDB file can't be used."""

    code = "warehouse"


class WarehouseBusy(WarehouseError):
    """Another process holds the file's lock; the message names it."""

    code = "warehouse_busy"


class WarehouseTableMissing(WarehouseError):
    """A table that an earlier asset makes isn't there yet; the message names that asset."""

    code = "warehouse_table_missing"


class DiskFull(WarehouseError):
    code = "disk_full"


class StagingRefused(MigrationError):
    """The staging batch has no passing verdict, so nothing of it may be uploaded."""

    code = "staging_refused"


class GateClosed(MigrationError):
    """The gate doesn't allow the upload; the message lists what is missing."""

    code = "gate_closed"


class LedgerError(MigrationError):
    code = "ledger"


class LedgerMismatch(LedgerError):
    """The ledger is bound to another organisation than the one that answered."""

    code = "ledger_mismatch"


class DecisionLogBroken(LedgerError):
    """The chain of the decisions log doesn't verify; names the first bad entry."""

    code = "decision_log_broken"


class DestinationError(MigrationError):
    """The destination refused or failed as a whole; a single record's failure is a LoadResult."""

    code = "destination"


class DestinationUnreachable(DestinationError):
    code = "destination_unreachable"


class DestinationLoginFailed(DestinationError):
    code = "destination_login_failed"


class AnswerLost(DestinationError):
    """Nobody knows whether a creation happened: its answer never came. Look for the record before the next
    attempt."""

    code = "answer_lost"


class DestinationLimitReached(DestinationError):
    """A quota of the destination (API requests, storage, batches) is used up."""

    code = "destination_limit_reached"


class DestinationWithoutRoom(DestinationError):
    """The planned fields don't fit into the room that the destination has for custom fields."""

    code = "destination_without_room"


class SchemaDeploymentFailed(DestinationError):
    code = "schema_deployment_failed"


class SchemaAwaitsAdministrator(SchemaDeploymentFailed):
    """Fields or modules are missing that only an administrator of the destination can make; what could be
    made is there. The message lists them, and nothing is loaded before they are found."""

    code = "schema_awaits_administrator"


class JobFailed(DestinationError):
    """A bulk job failed as a whole; no result belongs to its rows."""

    code = "job_failed"


class JobLost(DestinationError):
    """The destination no longer knows a job that the ledger has in flight (results expire)."""

    code = "job_lost"
