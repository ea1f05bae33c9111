"""What an ODBC error means for the migration: SQLSTATE and SQL Server's number turned into our errors.

ODBC texts quote values ("Conversion failed when converting the varchar value '...'"), so they are read
here to classify and never passed on. Numbers: Microsoft Learn, "Database engine events and errors";
20000 and up that FreeTDS gives are its own (its ODBC driver takes them from tds.h).
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
    place = f"SQLSTATE {found.state or 'none'}, error {found.native}"
    rule = next((rule for rule in _RULES if rule.fits(found)), _OTHERWISE)
    return rule.kind(f"{doing}: {rule.problem} ({place}); {rule.remedy}")


@dataclass(frozen=True)
class _Rule:
    """Fits by the server's number, by SQLSTATE, or by a part of the text (lower case): any one is enough.

    With a part of ``unless`` in the text SQLSTATE and text don't count.
    """

    kind: type[MigrationError]
    problem: str
    remedy: str
    natives: frozenset[int] = frozenset()
    states: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def fits(self, found: Diagnostic) -> bool:
        if found.native in self.natives:
            return True
        text = found.text.casefold()
        if any(part in text for part in self.unless):
            return False
        return found.state in self.states or any(part in text for part in self.texts)


_CHECK_THE_WAY = (
    "check 'source.server' and 'source.port', the VPN and the firewall, and that TCP/IP is enabled"
)

# In this order: the certificate's text comes with 08001, as a closed port does; some servers send other
# codes than SQL Server's for an unknown table or column, so the text counts too.
_RULES = (
    _Rule(
        ConfigurationError,
        "the ODBC driver can't be loaded",
        "install mssql-python-odbc or 'ODBC Driver 18 for SQL Server' (FreeTDS: the package tdsodbc), or "
        "mend 'source.driver_path'",
        states=frozenset({"IM002", "IM003", "IM004"}),
        texts=("can't open lib",),
    ),
    _Rule(
        SourceUnreachable,
        "the server or the database is starting, stopping or being restored",
        "wait until it is up and try again",
        natives=frozenset({921, 922, 927, 6005, 17142, 18401}),
    ),
    _Rule(
        SourceLoginFailed,
        "the login can't open the database",
        "check 'source.database' and that the login is a user of that database",
        natives=frozenset({911, 916, 4060, 4064}),
    ),
    _Rule(
        SourceLoginFailed,
        "the server refused the login",
        "check 'source.username', the password's environment variable, and that SQL logins are allowed",
        natives=frozenset({18452, 18456, 18470, 18486, 18487, 18488}),
        states=frozenset({"28000"}),
    ),
    _Rule(
        SourceUnreachable,
        "the server's certificate isn't trusted",
        "add its certificate to this machine's trusted ones, name its file in 'source.server_certificate' "
        "(SQL Server 2022 and later), or set 'source.trust_server_certificate' on a network you trust",
        texts=("certificate", "ssl provider"),
    ),
    _Rule(
        SourceUnreachable,
        "no encrypted connection to the server came about, and FreeTDS doesn't say why",
        "check 'source.server' and the VPN; then the server's certificate: add it to this machine's trusted "
        "ones or to the file that SSL_CERT_FILE names, under the name in 'source.server', or set "
        "'source.trust_server_certificate' on a network you trust",
        texts=("unable to connect to data source",),
    ),
    _Rule(
        SourceUnreachable,
        "no server answered",
        _CHECK_THE_WAY,
        natives=frozenset({20002, 20009, 20012, 20013}),
    ),
    _Rule(
        SourceDeadlock,
        "the server chose this reader as deadlock victim",
        "read it again",
        natives=frozenset({1205}),
        states=frozenset({"40001"}),
    ),
    _Rule(
        # Somebody's DDL ran under our snapshot; the answer is a deadlock's.
        SourceDeadlock,
        "a change of the schema ended the snapshot",
        "read it again",
        natives=frozenset({3960, 3961, 3966}),
    ),
    _Rule(
        SourceError,
        "the database doesn't allow snapshot isolation",
        "run the preflight again, so that it chooses READ COMMITTED",
        natives=frozenset({3951, 3952}),
    ),
    _Rule(
        SourcePermissionDenied,
        "the login may not read this",
        "GRANT SELECT on it to the login",
        natives=frozenset({229, 230, 262, 297, 300}),
    ),
    _Rule(
        SourceTableMissing,
        "a table isn't there",
        "run the preflight; it names the profile's keys to mend",
        natives=frozenset({208}),
        states=frozenset({"42S02"}),
        texts=("invalid object name",),
    ),
    _Rule(
        SourceColumnMissing,
        "a column isn't there",
        "run the preflight; it names the profile's keys to mend",
        natives=frozenset({207}),
        states=frozenset({"42S22"}),
        texts=("invalid column name",),
    ),
    _Rule(
        SourceTimeout,
        "the server took too long",
        "raise 'source.query_timeout_seconds' or read at a quieter time",
        natives=frozenset({1222}),
        states=frozenset({"HYT00", "HYT01"}),
        # FreeTDS says "Timeout expired" of a login too; both libraries name the call.
        unless=("login timeout", "sqldriverconnect"),
    ),
    _Rule(
        SourceConnectionLost,
        "the connection broke",
        "check the network to the practice and read it again",
        # An administrator's KILL; FreeTDS: time-out, read, write, end of file, dead connection.
        natives=frozenset({596, 20003, 20004, 20006, 20017, 20047}),
        states=frozenset({"08S01", "08003", "08007", "01002", "IMC06"}),
        # FreeTDS on a connection that ended while it was idle.
        texts=("communication link failure", "[freetds][sql server]unknown error"),
    ),
    _Rule(
        SourceUnreachable,
        "no server answered",
        _CHECK_THE_WAY,
        states=frozenset({"HYT00", "HYT01", "08001", "08004"}),
    ),
)
_OTHERWISE = _Rule(
    SourceError, "the server or the driver refused", "look the number up in Microsoft's list of errors"
)
