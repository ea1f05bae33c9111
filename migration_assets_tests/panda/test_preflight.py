"""The preflight over the wire: logins, what doesn't fit the profile, and what a person is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from migration_assets import cli
from migration_assets.errors import (
    SourceColumnMissing,
    SourceLoginCanWrite,
    SourceLoginFailed,
    SourceTableMissing,
    SourceTimeout,
    SourceUnreachable,
)
from migration_assets.panda import preflight as preflight_module
from migration_assets.panda.blob_sizes import BlobColumn, Sizes, measure_blobs
from migration_assets.panda.catalog import SourceColumn, SourceTable
from migration_assets.panda.odbc_errors import SourcePermissionDenied
from migration_assets.panda.preflight import preflight
from migration_assets.panda.profile import load_profile
from migration_assets_tests import measure_rows
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_sandbox.practice.generator import generate
from migration_sandbox.practice.schema import ddl
from migration_sandbox.sqlserver.launch import SandboxServer

PROFILE = load_profile("default")
FILE = """\
practice: maple
name: Maple Periodontics
time_zone: America/New_York
encryption_key: {env: SANDBOX_READER}
source: {server: 127.0.0.1, port: PORT, database: DATABASE, username: panda_reader,
         password: {env: SANDBOX_READER}, trust_server_certificate: true}
destinations: {}
"""
OWNER = {"username": "panda_owner", "password": {"env": "SANDBOX_OWNER"}}


def test_a_read_only_login_passes_and_the_report_counts(source: MakeSource, database: MakeDatabase) -> None:
    practice = generate(3, 45)
    report = preflight(source(database(**practice.tables)), PROFILE)
    assert {table.logical: table.rows for table in report.tables if table.rows} == {
        name: frame.height for name, frame in practice.tables.items()
    }
    assert (report.server.isolation, report.server.is_express) == ("SNAPSHOT", True)
    assert 0 < (report.server.share_of_express_limit or 0) < 1
    assert all(table.migrated and not table.missing_columns for table in report.tables)
    assert (report.undeclared_tables, report.absent_tables) == ((), ())
    assert report.undeclared_columns == {}


def test_distributions_count_what_stands_in_the_source(source: MakeSource, database: MakeDatabase) -> None:
    practice = generate(3, 24, planted=0, numbering="mixed", tables="all")
    chart, exams = practice.tables["PeriodontalCharting"], practice.tables["ClinicalExam"]
    found = preflight(source(database(**practice.tables)), PROFILE).distributions
    recession = chart.unpivot(on=[c for c in chart.columns if c.startswith("Recession_")])["value"]
    assert found.recession_by_sign == {
        "negative": int((recession < 0).sum()),
        "0": int((recession == 0).sum()),
        "positive": int(((recession > 0) & (recession < 100)).sum()),
        "100 and above": int((recession >= 100).sum()),
        "(null)": recession.null_count(),
    }
    shown = {each.name: each for each in found.all}
    depths = list(shown["pocket depth in mm, sites"].counts)
    assert depths == [*map(str, sorted(map(int, depths[:-1]))), "(null)"]
    in_system = chart.join(exams, on="ExamID").group_by("ToothNumberingSystem", "Tooth").len()
    for system, codes in in_system.partition_by("ToothNumberingSystem", as_dict=True).items():
        counts = shown[f"teeth by code, charted teeth of {system[0]} exams"].counts
        assert dict(counts) == dict(codes.select("Tooth", "len").iter_rows())
    assert dict(shown["types, documents"].counts) == {
        kind or "(null)": n for kind, n in practice.tables["Document"]["MimeType"].value_counts().iter_rows()
    }


@pytest.mark.parametrize("bits", [True, False])
def test_a_chart_kept_by_measures_shows_the_same_measures(
    source: MakeSource, database: MakeDatabase, tmp_path: Path, bits: bool
) -> None:
    practice = generate(3, 12, planted=0)
    chart = practice.tables["PeriodontalCharting"]
    schema, tables = measure_rows.database(practice.tables, bits=bits)
    profile = measure_rows.profile(tmp_path, bits=bits, elsewhere=True)
    by_tooth = preflight(source(database(PeriodontalCharting=chart)), PROFILE, []).distributions
    by_measure = preflight(source(database(schema, **tables)), profile).distributions
    one, other = ({each.name: dict(each.counts) for each in found.all} for found in (by_tooth, by_measure))
    for name in ("pocket depth in mm, sites", "furcation grade, entrances"):
        charted = {value: count for value, count in one[name].items() if value != "(null)"}
        assert charted == {value: count for value, count in other[name].items() if value != "-1"}
    signs, stored = by_tooth.recession_by_sign, by_measure.recession_by_sign
    assert {name: stored[name] for name in ("negative", "0", "positive")} == {
        "negative": 0,
        "0": signs["0"],
        "positive": signs["positive"],
    }
    assert stored["100 and above"] == signs["negative"] > 0
    assert stored["not charted (-1)"] > 0
    assert other["chart rows by measure"]["PD: pocket_depth"] > 0
    assert (
        sum(other["teeth by code, chart rows of Universal exams"].values()) == tables["perio_measure"].height
    )


def test_a_word_that_stands_in_hardly_any_row_is_not_shown(
    source: MakeSource, database: MakeDatabase
) -> None:
    """Somebody may have typed a name where a list belongs, or where a number does."""
    schema = """
    CREATE TABLE dbo.ClinicalExam (ExamID int NOT NULL PRIMARY KEY, ToothNumberingSystem nvarchar(20) NULL);
    CREATE TABLE dbo.PeriodontalCharting (ChartingID int NOT NULL PRIMARY KEY, ExamID int NOT NULL,
      Tooth nvarchar(6) NOT NULL, PocketDepth_MB nvarchar(9) NULL);
    """
    exams = pl.DataFrame({"ExamID": range(6), "ToothNumberingSystem": ["Universal"] * 4 + ["Quill", "FDI"]})
    chart = pl.DataFrame(
        {
            "ChartingID": range(4),
            "ExamID": range(4),
            "Tooth": ["3", "3", "X9", "Quill"],
            "PocketDepth_MB": ["2", "0", None, "Quill"],
        }
    )
    name = database(schema, ClinicalExam=exams, PeriodontalCharting=chart)

    report = preflight(source(name), PROFILE, [])

    shown = {each.name: dict(each.counts) for each in report.distributions.all}
    assert shown["tooth numbering systems, exams"] == {"Universal": 4, "FDI": 1, "(rarer words)": 1}
    assert shown["teeth by code, charted teeth of Universal exams"] == {"3": 2, "X9": 1, "(rarer words)": 1}
    assert shown["pocket depth in mm, sites"] == {"0": 1, "2": 1, "(no number)": 1, "(null)": 1}
    assert "Quill" not in repr(report)


def test_large_objects_are_measured_in_every_table(source: MakeSource, database: MakeDatabase) -> None:
    practice = generate(3, 24, planted=0, tables="all")
    schema = ddl() + "\nCREATE TABLE dbo.Scans (ScanID int NOT NULL PRIMARY KEY, Image varbinary(max) NULL);"
    scans = pl.DataFrame({"ScanID": range(5), "Image": [b"", b"x" * 10, b"y" * 11, b"z" * 25, None]})
    name = database(schema, **practice.tables, Scans=scans)
    report = preflight(source(name), PROFILE, ["Patient"], size_classes=(10, 20))
    document, scanned = report.blobs
    content = practice.tables["Document"]["Content"].bin.size()
    assert (document.source_table, document.column, document.declared) == ("dbo.Document", "Content", True)
    assert document.sizes is not None
    assert (document.sizes.present, document.sizes.total_bytes) == (content.count(), content.sum())
    assert document.sizes.largest_bytes == content.max()
    assert (scanned.source_table, scanned.column, scanned.declared) == ("dbo.Scans", "Image", False)
    assert scanned.sizes == Sizes(4, 46, 25, {10: 2, 20: 1, None: 1})


def test_a_large_object_that_may_not_be_read_is_told_and_nothing_else_stops() -> None:
    def refused(_query: str) -> list[tuple[Any, ...]]:
        raise SourcePermissionDenied("no")

    table = SourceTable("dbo", "Scans", False, (SourceColumn("Image", "image", None),))
    assert measure_blobs(refused, [table], {}) == (BlobColumn("dbo.Scans", "Image", False, None),)


def test_tables_that_are_not_migrated_are_looked_at_and_needn_t_be_complete(
    source: MakeSource, database: MakeDatabase
) -> None:
    schema = ddl().replace("  Subject       nvarchar(255)  NULL,\n", "")
    schema = re.sub(r"CREATE TABLE dbo\.StaffUser .*?;", "", schema, flags=re.S)
    patients = generate(3, 12, planted=0, tables="all").tables
    name = database(schema, Patient=patients["Patient"], Letter=patients["Letter"].drop("Subject"))
    report = preflight(source(name), PROFILE, ["Patient"])
    letters = next(table for table in report.tables if table.logical == "Letter")
    assert (letters.migrated, letters.rows) == (False, patients["Letter"].height)
    assert letters.missing_columns == ("Subject",)
    assert report.absent_tables == ("dbo.StaffUser",)
    assert [table.logical for table in report.tables if table.migrated] == ["Patient"]


def test_an_extraction_that_shows_nobody_anything_reads_no_table_as_a_whole(
    source: MakeSource, database: MakeDatabase
) -> None:
    practice = generate(3, 12, planted=0)
    report = preflight(source(database(**practice.tables)), PROFILE, to_judge=False)
    assert (report.blobs, report.distributions.all) == ((), ())
    assert report.tables[1].rows == practice.tables["Patient"].height


def test_a_deadlock_is_answered_by_asking_again(
    source: MakeSource, database: MakeDatabase, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_module, "PAUSE_SECONDS", 0)
    name = database()
    server.deadlock("Patient")
    assert preflight(source(name), PROFILE).server.isolation == "SNAPSHOT"


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
    assert [(each.table, each.rows) for each in report.undeclared_tables] == [("dbo.Billing", 3)]


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
        assert "owner's;own" not in str(raised.value)
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


def test_the_command_shows_a_person_what_to_judge(
    source: MakeSource, database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = generate(3, 24, planted=0, numbering="mixed", tables="all", canaries=3)
    settings = source(database(**practice.tables)).settings
    (tmp_path / "practices").mkdir()
    text = FILE.replace("PORT", str(settings.port)).replace("DATABASE", str(settings.database))
    (tmp_path / "practices" / "maple.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MIGRATION_DATA", str(tmp_path))
    monkeypatch.delenv("MIGRATION_PRACTICES", raising=False)

    shown = CliRunner().invoke(cli.app, ["preflight", "maple"])

    assert shown.exit_code == 0
    for expected in (
        "the login can read and can't write",
        "of SQL Server Express's 10 GB",
        "isolation SNAPSHOT: all tables are read as of one moment",
        "dbo.Letter",
        "not migrated",
        "dbo.Document.Content",
        "recession by sign, sites",
        "pocket depth in mm, sites",
        "teeth by code, charted teeth of Palmer exams",
        "status, referrals",
    ):
        assert expected in shown.output
    assert re.search(r"dbo\.Patient +│ +24 │ migrated", shown.output)
    people = practice.tables["Patient"]["LastName"].drop_nulls().to_list()
    assert not any(name in shown.output for name in (*people, *practice.manifest.tokens()))
