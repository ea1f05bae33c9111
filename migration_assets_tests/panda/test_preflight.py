"""The preflight over the wire: logins, what doesn't fit the profile, and what a person is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.errors import (
    SourceColumnMissing,
    SourceLoginCanWrite,
    SourceLoginFailed,
    SourceTableMissing,
    SourceTimeout,
    SourceUnreachable,
)
from migration_assets.panda.odbc_errors import SourcePermissionDenied
from migration_assets.panda.preflight import preflight
from migration_assets.panda.profile import load_profile
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_sandbox.practice.generator import generate
from migration_sandbox.practice.schema import ddl
from migration_sandbox.sqlserver.launch import SandboxServer

PROFILE = load_profile("default")
OWNER = {"username": "panda_owner", "password": {"env": "SANDBOX_OWNER"}}


def test_a_read_only_login_passes_and_the_report_counts(source: MakeSource, database: MakeDatabase) -> None:
    practice = generate(3, 45)
    report = preflight(source(database(**practice.tables)), PROFILE)
    assert {table.logical: table.rows for table in report.tables if table.rows} == {
        name: frame.height for name, frame in practice.tables.items()
    }
    assert (report.server.isolation, report.server.is_express) == ("SNAPSHOT", True)
    assert 0 < (report.server.share_of_express_limit or 0) < 1
    assert report.not_in_scope == ()
    assert report.undeclared_columns == {}


def test_distributions_count_what_stands_in_the_source(source: MakeSource, database: MakeDatabase) -> None:
    practice = generate(3, 45)
    chart = practice.tables["PeriodontalCharting"]
    report = preflight(source(database(**practice.tables)), PROFILE)
    recession = chart.unpivot(on=[c for c in chart.columns if c.startswith("Recession_")])["value"]
    assert report.recession_by_sign == {
        "negative": int((recession < 0).sum()),
        "0": int((recession == 0).sum()),
        "positive": int(((recession > 0) & (recession < 100)).sum()),
        "100 and above": int((recession >= 100).sum()),
        "(null)": recession.null_count(),
    }
    teeth = next(each for each in report.distributions if each.name.startswith("teeth by code"))
    assert dict(teeth.counts) == dict(chart["Tooth"].value_counts().iter_rows())


def test_a_login_that_may_write_is_refused(source: MakeSource, database: MakeDatabase) -> None:
    with pytest.raises(SourceLoginCanWrite, match=r"member of db_owner.*INSERT on the database"):
        preflight(source(database(), **OWNER), PROFILE)


def test_a_column_of_the_practices_own_and_a_table_out_of_scope_are_found(
    source: MakeSource, database: MakeDatabase
) -> None:
    schema = ddl().replace("Mobility      decimal", "Keratinized_B tinyint NULL,\n  Mobility decimal")
    schema += "\nCREATE TABLE dbo.Billing (BillID int NOT NULL PRIMARY KEY, Amount money NULL);"
    name = database(schema, Billing=pl.DataFrame({"BillID": [1, 2, 3]}))
    report = preflight(source(name), PROFILE)
    assert report.undeclared_columns == {"PeriodontalCharting": ["Keratinized_B"]}
    assert [(each.table, each.rows) for each in report.not_in_scope] == [("dbo.Billing", 3)]


def test_missing_tables_are_all_named(source: MakeSource, database: MakeDatabase) -> None:
    schema = "CREATE TABLE dbo.Provider (ProviderID int NOT NULL PRIMARY KEY);"
    with pytest.raises(SourceTableMissing) as raised:
        preflight(source(database(schema)), PROFILE)
    assert str(raised.value).count("(tables.") == 16
    assert "dbo.Patient (tables.Patient.name)" in str(raised.value)


def test_missing_columns_are_all_named(source: MakeSource, database: MakeDatabase) -> None:
    schema = ddl().replace("PocketDepth_MB tinyint NULL,", "PD_MB tinyint NULL,").replace("  NPI ", "  Npi ")
    with pytest.raises(SourceColumnMissing) as raised:
        preflight(source(database(schema)), PROFILE)
    assert "dbo.PeriodontalCharting.PocketDepth_MB (tables.PeriodontalCharting.columns" in str(raised.value)
    assert "dbo.Provider.NPI, which it spells Npi (tables.Provider.columns.NPI)" in str(raised.value)


@pytest.mark.parametrize(
    ("given", "kind", "remedy"),
    [
        ({"password": {"env": "SANDBOX_OWNER"}}, SourceLoginFailed, "source.username"),
        ({"database": "nowhere"}, SourceLoginFailed, "source.database"),
        ({"port": 1, "login_timeout_seconds": 1}, SourceUnreachable, "source.port"),
        ({"trust_server_certificate": False}, SourceUnreachable, "source.server_certificate"),
    ],
)
def test_what_keeps_us_out_is_named_with_its_remedy(
    source: MakeSource, database: MakeDatabase, given: dict[str, Any], kind: type[Exception], remedy: str
) -> None:
    settings = {"database": database(), **given}
    name = settings.pop("database")
    for opening in (source(name, **settings).catalog(), source(name, **settings).bulk()):
        with pytest.raises(kind, match=remedy) as raised, opening:
            pass
        assert "owner's own" not in str(raised.value)
        assert "127.0.0.1" not in str(raised.value)


def test_the_servers_own_certificate_is_accepted_and_another_is_not(
    source: MakeSource, database: MakeDatabase, server: SandboxServer, tmp_path: Path
) -> None:
    name = database()
    pinned = {"trust_server_certificate": False, "server_certificate": str(server.certificate)}
    with source(name, **pinned).catalog() as connection:
        assert connection.rows("SELECT DB_NAME() AS name") == [(name,)]
    other = tmp_path / "other.pem"
    other.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    with (
        pytest.raises(SourceUnreachable),
        source(name, **{**pinned, "server_certificate": str(other)}).catalog(),
    ):
        pass


def test_a_query_that_takes_too_long_names_the_setting(
    source: MakeSource, database: MakeDatabase, server: SandboxServer
) -> None:
    with source(database(), query_timeout_seconds=1).catalog() as connection:
        server.delay(3)
        with pytest.raises(SourceTimeout, match=r"source\.query_timeout_seconds"):
            connection.rows("SELECT COUNT_BIG(*) AS n FROM dbo.Patient")


def test_writing_by_the_readers_login_is_refused_by_the_server(
    source: MakeSource, database: MakeDatabase
) -> None:
    with source(database()).bulk() as connection, pytest.raises(SourcePermissionDenied):
        connection.execute("DELETE FROM dbo.Patient")
