"""What an ODBC error means for the migration: SQLSTATE and SQL Server's number turned into our errors.

ODBC texts quote values ("Conversion failed when converting the varchar value '...'"), so they are read
here to classify and never passed on. Numbers: Microsoft Learn, "Database engine events and errors".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migration_assets.errors import (
    ConfigurationError,
    MigrationError,
    SourceColumnMissing,
    SourceConnectionLost,
    SourceDeadlock,
    SourceError,
    SourceLoginFailed,
    SourceTableMissing,
    SourceTimeout,
    SourceUnreachable,
)

_LOGIN_REFUSED = {18452, 18456, 18470, 18486, 18487, 18488}
_DATABASE_REFUSED = {4060, 4064, 911, 916}
_PERMISSION_DENIED = {229, 230, 262, 297, 300}
_DEADLOCK = {1205}
# 3961: somebody's DDL ran under our snapshot; reading again from the start is the answer, as for a deadlock.
_SNAPSHOT_BROKEN = {3960, 3961, 3966}
_SNAPSHOT_REFUSED = {3951, 3952}
_CONNECTION_STATES = {"08S01", "08003", "08007", "01002", "IMC06"}

_ARROW_ODBC = re.compile(r"State: (?P<state>\w{5}), Native error: (?P<native>-?\d+)")
_PYODBC_NATIVE = re.compile(r"\((?P<native>-?\d+)\)")


@dataclass(frozen=True)
class Diagnostic:
    """SQLSTATE, SQL Server's number (0: the driver's own), and the text, which must not leave this module."""

    state: str
    native: int
    text: str


class SourcePermissionDenied(SourceError):
    """The login may not read what was asked for."""

    code = "source_permission_denied"


def diagnose(error: Exception) -> Diagnostic:
    """Reads pyodbc's ``(state, text)`` and arrow-odbc's text alike."""
    arguments = error.args
    if len(arguments) >= 2 and isinstance(arguments[0], str) and len(arguments[0]) == 5:
        text = str(arguments[1])
        numbers = [int(found["native"]) for found in _PYODBC_NATIVE.finditer(text)]
        # A text may hold several records; the first number that isn't the driver's 0 is the server's.
        return Diagnostic(arguments[0], next((number for number in numbers if number), 0), text)
    text = str(error)
    found = _ARROW_ODBC.search(text)
    if found is None:
        return Diagnostic("", 0, text)
    return Diagnostic(found["state"], int(found["native"]), text)


@contextmanager
def translating(doing: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turns ``kinds`` raised inside into ours; ``doing`` says what was tried, without any value."""
    try:
        yield
    except kinds as error:
        raise translated(diagnose(error), doing) from None


def translated(found: Diagnostic, doing: str) -> MigrationError:
    """Our error for a diagnostic; the message says what was tried, SQLSTATE and number, and what to do."""
    kind, problem, remedy = _meaning(found)
    place = f"SQLSTATE {found.state or 'none'}, error {found.native}"
    return kind(f"{doing}: {problem} ({place}); {remedy}")


def _meaning(found: Diagnostic) -> tuple[type[MigrationError], str, str]:
    text = found.text.casefold()
    if found.state in ("IM002", "IM003", "IM004") or "can't open lib" in text:
        return (
            ConfigurationError,
            "the ODBC driver can't be loaded",
            "install mssql-python-odbc or 'ODBC Driver 18 for SQL Server', or mend 'source.driver'",
        )
    if found.native in _LOGIN_REFUSED or (found.state == "28000" and found.native not in _DATABASE_REFUSED):
        return (
            SourceLoginFailed,
            "the server refused the login",
            "check 'source.username', the password's environment variable, and that SQL logins are allowed",
        )
    if found.native in _DATABASE_REFUSED:
        return (
            SourceLoginFailed,
            "the login can't open the database",
            "check 'source.database' and that the login is a user of that database",
        )
    if "certificate" in text or "ssl provider" in text:
        return (
            SourceUnreachable,
            "the server's certificate isn't trusted",
            "have the practice's server use a trusted certificate, name its file in "
            "'source.server_certificate', or set 'source.trust_server_certificate: true' on a trusted network",
        )
    if found.native in _DEADLOCK or found.state == "40001":
        return SourceDeadlock, "the server chose this reader as deadlock victim", "read it again"
    if found.native in _SNAPSHOT_BROKEN:
        return SourceDeadlock, "a change of the schema ended the snapshot", "read it again"
    if found.native in _SNAPSHOT_REFUSED:
        return (
            SourceError,
            "the database doesn't allow snapshot isolation",
            "run the preflight again, so that it chooses READ COMMITTED",
        )
    if found.native in _PERMISSION_DENIED:
        return SourcePermissionDenied, "the login may not read this", "GRANT SELECT on it to the login"
    return _meaning_of_state(found, text)


def _meaning_of_state(found: Diagnostic, text: str) -> tuple[type[MigrationError], str, str]:
    if found.native == 208 or found.state == "42S02" or "invalid object name" in text:
        return (
            SourceTableMissing,
            "a table isn't there",
            "run the preflight; it names the profile's keys to mend",
        )
    if found.native == 207 or found.state == "42S22" or "invalid column name" in text:
        return (
            SourceColumnMissing,
            "a column isn't there",
            "run the preflight; it names the profile's keys to mend",
        )
    if found.native == 1222 or (found.state in ("HYT00", "HYT01") and "login" not in text):
        return (
            SourceTimeout,
            "the server took too long",
            "raise 'source.query_timeout_seconds' or read at a quieter time",
        )
    if found.state in _CONNECTION_STATES or "communication link failure" in text:
        return (
            SourceConnectionLost,
            "the connection broke",
            "check the network to the practice and read it again",
        )
    if found.state in ("HYT00", "HYT01", "08001", "08004"):
        return (
            SourceUnreachable,
            "no server answered",
            "check 'source.server' and 'source.port', the VPN and the firewall, and that TCP/IP is enabled",
        )
    return SourceError, "the server or the driver refused", "look the number up in Microsoft's list of errors"
