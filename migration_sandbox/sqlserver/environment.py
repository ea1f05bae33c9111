"""What a statement may know of its session: database, login, parameters, transaction. Read by the binder
alone."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from .database import Database
from .permissions import Login
from .sqltypes import SqlType

VERSION = "16.0.1000.6"
VERSION_TEXT = (
    f"Microsoft SQL Server 2022 (RTM) - {VERSION} (X64) - a sandbox of migration_sandbox.sqlserver, "
    "not Microsoft's server"
)


@dataclass(frozen=True)
class ParameterValue:
    """A parameter as declared; value is a Python value that DuckDB casts to the type's storage."""

    type: SqlType
    value: object


@dataclass
class Environment:
    database: Database
    login: Login
    session_id: int
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    # A parameter that isn't declared is an error, 137, but where a client asks what its type could be.
    describing: bool = False
    open_transactions: int = 0
    row_count: int = 0
    error: int = 0
    application: str = ""
    host: str = ""
    now: datetime.datetime = field(default_factory=datetime.datetime.now)
    utc_now: datetime.datetime = field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    )

    # Set by a function whose answer is a version of the data: reading it is an access to the database.
    reads_versions: bool = False

    @property
    def server_name(self) -> str:
        return os.uname().nodename.upper()
