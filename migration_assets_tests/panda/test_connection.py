"""Connection strings, the driver's discovery and the meaning of ODBC errors; nothing here needs a server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

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
from migration_assets.panda.connection import connection_string, find_driver
from migration_assets.panda.odbc_errors import SourcePermissionDenied, diagnose, translated, translating
from migration_assets.panda.settings import SourceSettings

MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server]"


def settings(monkeypatch: pytest.MonkeyPatch, **given: Any) -> SourceSettings:
    monkeypatch.setenv("MAPLE_PASSWORD", "p};PWD=x{")
    usual = {
        "server": "sql.maple",
        "database": "panda",
        "username": "reader",
        "password": {"env": "MAPLE_PASSWORD"},
        "driver_path": "Some Driver",
    }
    return SourceSettings.model_validate({**usual, **given})


def test_values_can_not_add_settings_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    text = connection_string(settings(monkeypatch, database="a;Encrypt=no"))
    assert "PWD={p}};PWD=x{}" in text
    assert "DATABASE={a;Encrypt=no};" in text


def test_connections_are_encrypted_verified_and_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = connection_string(settings(monkeypatch)).split(";")
    assert {"Encrypt={yes}", "TrustServerCertificate={no}", "ApplicationIntent={ReadOnly}"} <= set(parts)
    assert "SERVER={tcp:sql.maple,1433}" in parts


def test_a_named_instance_without_a_port_is_left_to_the_browser_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert r"SERVER={FRONTDESK\PANDA};" in connection_string(settings(monkeypatch, server=r"FRONTDESK\PANDA"))
    with_port = connection_string(settings(monkeypatch, server=r"FRONTDESK\PANDA", port=1500))
    assert r"SERVER={tcp:FRONTDESK\PANDA,1500};" in with_port


def test_a_port_from_the_environment_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPLE_PORT", "14x3")
    with pytest.raises(ConfigurationError, match=r"'source\.port'") as raised:
        connection_string(settings(monkeypatch, port={"env": "MAPLE_PORT"}))
    assert "14x3" not in str(raised.value)


def test_a_password_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="a secret doesn't stand in a file") as raised:
        settings(monkeypatch, password="hunter2")
    assert "hunter2" not in str(raised.value)


def test_a_driver_is_found_on_this_machine() -> None:
    assert "18" in find_driver()


def test_importing_the_source_loads_no_driver_manager() -> None:
    code = (
        "import sys, migration_assets.panda.extract, migration_assets.panda.preflight;"
        "sys.exit(bool({'pyodbc', 'arrow_odbc'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("module", ["pyodbc", "arrow_odbc"])
def test_without_unixodbc_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    from migration_assets.panda.connection import Source

    given = settings(monkeypatch)
    monkeypatch.setitem(sys.modules, module, None)
    opening = Source(given).catalog() if module == "pyodbc" else Source(given).bulk()
    with pytest.raises(ConfigurationError, match="apt-get install libodbc2"), opening:
        pass


@pytest.mark.parametrize(
    ("state", "native", "text", "kind"),
    [
        ("28000", 18456, "Login failed for user 'jane'.", SourceLoginFailed),
        ("42000", 4060, 'Cannot open database "panda" requested by the login.', SourceLoginFailed),
        ("28000", 4060, 'Cannot open database "panda" requested by the login.', SourceLoginFailed),
        ("42S02", 208, "Invalid object name 'dbo.Patient'.", SourceTableMissing),
        ("42000", 40515, "Invalid object name 'dbo.Patient'.", SourceTableMissing),
        ("42S22", 207, "Invalid column name 'FName'.", SourceColumnMissing),
        ("40001", 1205, "Transaction (Process ID 52) was deadlocked", SourceDeadlock),
        ("42000", 3961, "Snapshot isolation transaction failed", SourceDeadlock),
        ("42000", 229, "The SELECT permission was denied on the object 'X'", SourcePermissionDenied),
        ("08S01", 0, "TCP Provider: Error code 0x68", SourceConnectionLost),
        ("08S01", 10054, "Communication link failure", SourceConnectionLost),
        (
            "HY000",
            596,
            "Cannot continue the execution because the session is in the kill state.",
            SourceConnectionLost,
        ),
        ("HYT00", 0, "Login timeout expired", SourceUnreachable),
        ("28000", 18401, "Login failed. Server is in script upgrade mode.", SourceUnreachable),
        ("42000", 922, "Database 'panda' is being recovered.", SourceUnreachable),
        ("08001", 0, "TCP Provider: Error code 0x2AF9", SourceUnreachable),
        ("HYT00", 0, "Query timeout expired", SourceTimeout),
        ("08001", -1, "SSL Provider: [certificate verify failed:self-signed certificate]", SourceUnreachable),
        ("01000", 0, "Can't open lib '/nowhere.so' : file not found", ConfigurationError),
        ("08S01", 20009, "Unable to connect: Adaptive Server is unavailable", SourceUnreachable),
        ("01000", 20017, "Unexpected EOF from the server", SourceConnectionLost),
        ("42000", 1205, "Transaction (Process ID 52) was deadlocked", SourceDeadlock),
        ("HYT00", 0, "Timeout expired", SourceTimeout),
        ("22018", 245, "Conversion failed when converting the varchar value 'Jane Doe'", SourceError),
    ],
)
def test_both_libraries_errors_mean_the_same(
    state: str, native: int, text: str, kind: type[MigrationError]
) -> None:
    as_pyodbc = Exception(state, f"[{state}] {MICROSOFT}[SQL Server]{text} ({native}) (SQLExecDirectW)")
    as_arrow_odbc = Exception(
        "ODBC emitted an error calling 'SQLExecDirect':\n"
        f"State: {state}, Native error: {native}, Message: {MICROSOFT}[SQL Server]{text}"
    )
    for error in (as_pyodbc, as_arrow_odbc):
        found = translated(diagnose(error), "reading dbo.Patient")
        assert type(found) is kind
        assert str(found).startswith("reading dbo.Patient: ")
        assert "Jane" not in str(found)
        assert "; " in str(found)


def test_an_error_without_a_diagnostic_is_translated_too() -> None:
    with pytest.raises(SourceError, match="the driver refused") as raised, translating("reading", ValueError):
        raise ValueError("too large: 'Jane Doe'")
    assert "Jane" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_the_certificate_and_the_port_have_remedies_of_their_own() -> None:
    certificate = Exception("08001", f"{MICROSOFT}SSL Provider: certificate verify failed (-1)")
    port = Exception("HYT00", f"{MICROSOFT}Login timeout expired (0)")
    assert "source.server_certificate" in str(translated(diagnose(certificate), "connecting"))
    assert "source.port" in str(translated(diagnose(port), "connecting"))
