"""The same patients give the same org whether their chart was kept a row a tooth or a row a measure.

Each practice stands in two databases of the SQL Server sandbox: one as the default profile has it, one with
a row for each (measure, tooth) and other names for tables and columns. Both are migrated over the wire, under
the same key, each into an org of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import stored_plan
from migration_assets.migration.platform import Platform, default_platform
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.staging import StagingOutcome, source_tables
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.connection import Source
from migration_assets.panda.extract import Extraction, extract
from migration_assets_tests import measure_rows
from migration_assets_tests.integration.installation import different
from migration_assets_tests.open_files import stage_all
from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox.practice.generator import Practice, generate
from migration_sandbox.practice.schema import ddl
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.database import Database
from migration_sandbox.sqlserver.launch import SandboxServer
from migration_sandbox.sqlserver.launch import start as start_sql

_PASSWORD = "a-password-of-the-tests"
_KEY = "PANDA_Key__c"
_FIELDS_A_QUERY = 150
_FIELD_LIMIT = 235
"""Custom fields an object: room for one site measure on the exam, another on its companion, and for none
beyond; teeth with bleeding, suppuration or plaque have records of their own."""

_FILE = """\
practice: {practice}
name: Maple Periodontics
time_zone: America/New_York
encryption_key: {{env: SHAPES_KEY}}
policies: {{reject_limit: 0.5}}
source:
  server: 127.0.0.1
  port: {port}
  database: {database}
  username: panda_reader
  password: {{env: SHAPES_SQL_PASSWORD}}
  trust_server_certificate: true
  profile: {profile}
destinations:
  salesforce:
    environments:
      rehearsal:
        instance_url: {url}
        ca_bundle: {ca}
        custom_field_limit: {limit}
        auth:
          flow: client_credentials
          client_id: {{env: {shape}_CLIENT_ID}}
          client_secret: {{env: {shape}_CLIENT_SECRET}}
        bulk: {{poll_first: 0.02, poll_longest: 0.1}}
"""

Fields = dict[str, Any]
Records = dict[tuple[str, ...], Fields]
"""By what stands for a record in either org: its key, or a tooth's exam and number."""


@dataclass(frozen=True)
class Staged:
    """A practice that came out of one database: its staged rows by object, and what was said of them."""

    extraction: Extraction
    outcomes: Mapping[str, StagingOutcome]
    rows: Mapping[str, pl.DataFrame]
    rejects: pl.DataFrame
    corrections: pl.DataFrame


@dataclass(frozen=True)
class Arrived:
    """What the org holds of a practice, and what the platform says of that."""

    reconciled: Reconciled
    records: Mapping[str, Records]


@dataclass(frozen=True)
class Place:
    """A data folder beside an org, for all practices of one shape."""

    shape: str
    platform: Platform
    server: SandboxServer
    org: SalesforceSandbox

    def stage(
        self, key: str, schema: str, tables: Mapping[str, pl.DataFrame], profile: str = "default"
    ) -> Staged:
        """Out of a database of the server's, as Dagster's assets do it."""
        database = f"{self.shape.lower()}_{key}"
        with Database.create(self.server.directory / f"{database}.duckdb", schema) as made:
            for table, frame in tables.items():
                made.append(table, frame, check_foreign_keys=False)
        self._configure(key, database, profile)
        practice, wanted = self.platform.practice(key), source_tables()
        known, warehouse = self.platform.profile(practice), self.platform.panda_warehouse(key)
        source = Source(self.platform.source(practice))
        extraction = extract(source, known, warehouse, wanted, in_scope=wanted)
        staged = stage_all(practice, known, warehouse)
        outcomes = dict(zip((each.name for each in STAGED_OBJECTS), staged, strict=True))
        with warehouse.open(read_only=True) as session:
            rows = {name: session.read("staged", name) for name in outcomes}
            rejects, corrections = (session.read("staged", name) for name in ("rejects", "corrections"))
        return Staged(extraction, outcomes, rows, rejects, corrections)

    def upload(self, key: str) -> Arrived:
        migration = Migration(self.platform, Target(key, "salesforce", "rehearsal"))
        migration.prepare()
        migration.build_payload("run", "all")
        practice, profile = migration.practice, self.platform.profile(migration.practice)
        engine = self.platform.ledger_engine(key)
        schemas = stored_plan(practice, profile, migration.target, engine, kind="wide", options={}).schemas
        for asset in schemas:
            migration.upload(asset, "run")
        reconciled = migration.reconcile("run")
        keyed = [each.name for each in schemas.values() if each.key_field == _KEY and not each.content_field]
        return Arrived(reconciled, _records(self.org, keyed, key))

    def _configure(self, key: str, database: str, profile: str) -> None:
        text = _FILE.format(
            practice=key,
            port=self.server.port,
            database=database,
            profile=profile,
            url=self.org.url,
            ca=self.org.ca_path,
            shape=self.shape,
            limit=_FIELD_LIMIT,
        )
        (self.platform.practices / f"{key}.yaml").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Places:
    """Where practices go that chart by tooth, and where those go that chart by measure."""

    by_tooth: Place
    by_measure: Place

    def stage(self, key: str, practice: Practice, *, bits: bool) -> tuple[Staged, Staged]:
        profiles = self.by_measure.platform.profiles
        assert profiles is not None
        measure_rows.profile(profiles, bits=bits, elsewhere=True)
        schema, tables = measure_rows.database(practice.tables, bits=bits)
        return (
            self.by_tooth.stage(key, ddl(), practice.tables),
            self.by_measure.stage(key, schema, tables, measure_rows.PROFILE_NAME),
        )


def _records(org: SalesforceSandbox, objects: list[str], practice: str) -> dict[str, Records]:
    """All that anybody may write of the practice's records, without the platform's code; a reference as the
    key of its record."""
    client = sign_in(org).client
    read = {name: _rows(client, name, practice) for name in objects}
    keys = {row["Id"]: row[_KEY] for rows in read.values() for row in rows}
    return {
        name: _identified(
            name, [{f: keys.get(value, value) for f, value in row.items() if f != "Id"} for row in rows]
        )
        for name, rows in read.items()
    }


def _rows(client: Any, name: str, practice: str) -> list[Fields]:
    """Every field that isn't the system's own; a GET's URI has no room for all of a chart at once."""
    described = getattr(client, name).describe()["fields"]
    names = [each["name"] for each in described if each["createable"] and each["name"] != "OwnerId"]
    rows: dict[str, Fields] = {}
    for start in range(0, len(names), _FIELDS_A_QUERY):
        fields = dict.fromkeys(["Id", _KEY, *names[start : start + _FIELDS_A_QUERY]])
        query = f"SELECT {', '.join(fields)} FROM {name} WHERE {_KEY} LIKE '{practice}:%'"
        for record in client.query_all_iter(query):
            rows.setdefault(record["Id"], {}).update({field: record[field] for field in fields})
    return list(rows.values())


def _identified(name: str, rows: list[Fields]) -> Records:
    """A tooth's own key ends in what its database has for a row, so it is known by exam and number."""
    identity = ("ClinicalExam__c", "ToothNumber__c") if name == "ClinicalExamTooth__c" else (_KEY,)
    found = {
        tuple(str(row[field]) for field in identity): {f: row[f] for f in row if f != _KEY} for row in rows
    }
    assert len(found) == len(rows), f"{name}: a record stands twice"
    return found


def _differences(one: Mapping[str, Records], other: Mapping[str, Records]) -> list[tuple[str, ...]]:
    """Object, record and field of all that isn't equal, without the values."""
    assert list(one) == list(other)
    found: list[tuple[str, ...]] = []
    for name, records in one.items():
        found += [(name, *key) for key in records.keys() ^ other[name].keys()]
        for key in records.keys() & other[name].keys():
            mine, theirs = records[key], other[name][key]
            fields = mine.keys() | theirs.keys()
            found += [(name, *key, f) for f in fields if mine.get(f, ...) != theirs.get(f, ...)]
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "sql").mkdir()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        server = stack.enter_context(start_sql(folder / "sql", reader_password=_PASSWORD))
        patch.setenv("SHAPES_KEY", "k" * 64)
        patch.setenv("SHAPES_SQL_PASSWORD", _PASSWORD)

        def place(shape: str) -> Place:
            org = stack.enter_context(SalesforceSandbox(folder / f"{shape}_org", sandbox_org=True))
            patch.setenv(f"{shape}_CLIENT_ID", org.client_id)
            patch.setenv(f"{shape}_CLIENT_SECRET", org.client_secret)
            for made in ("practices", "profiles"):
                (folder / shape / made).mkdir(parents=True)
            platform = default_platform(folder / shape, folder / shape / "practices")
            return Place(shape, platform, server, org)

        yield Places(place("TOOTH"), place("MEASURE"))


def _practice(patients: int, planted: int) -> Practice:
    return generate(
        11, patients, exams_per_patient=1.5, tables="all", numbering="mixed", planted=planted, canaries=0
    )


@dataclass(frozen=True)
class BothWays:
    """One practice with every planted defect, out of either database into an org of its own."""

    practice: Practice
    measured: pl.DataFrame
    by_tooth: Staged
    by_measure: Staged
    tooth_org: Arrived
    measure_org: Arrived


@pytest.fixture(scope="module")
def both(places: Places) -> BothWays:
    """The three findings of a site stand in one number there, so here they are charted all or none.

    Of 90 patients three are children and one has a supernumerary tooth; about twenty have no defect.
    """
    practice = _practice(90, planted=1)
    chart = measure_rows.findings_charted_together(practice.tables["PeriodontalCharting"])
    practice.tables["PeriodontalCharting"] = chart
    one, other = places.stage("maple", practice, bits=True)
    measured = measure_rows.converted(chart, bits=True)
    return BothWays(
        practice, measured, one, other, places.by_tooth.upload("maple"), places.by_measure.upload("maple")
    )


def test_both_orgs_hold_the_same_records_field_by_field(both: BothWays) -> None:
    one, other = both.tooth_org.records, both.measure_org.records

    assert _differences(one, other) == []
    assert {name: len(records) > 0 for name, records in one.items()} == dict.fromkeys(one, True)
    filled = sum(value is not None for exam in one["ClinicalExam__c"].values() for value in exam.values())
    assert filled > 100 * len(one["ClinicalExam__c"])


def test_both_reconciliations_are_balanced_and_clean(both: BothWays) -> None:
    compared = []
    for arrived in (both.tooth_org, both.measure_org):
        reconciliation = arrived.reconciled.reconciliation
        assert different(arrived.reconciled) == []
        assert (reconciliation.balanced, reconciliation.clean, reconciliation.failures) == (True, True, [])
        assert all(each.total for each in reconciliation.lineage)
        compared.append(
            {each.object: (each.fields_compared, each.meaning_compared) for each in reconciliation.objects}
        )
    assert compared[0] == compared[1]
    assert all(compared[0][name] > (0, 0) for name in compared[0] if name.startswith("ClinicalExam"))


def test_every_row_of_either_chart_is_staged_or_rejected(both: BothWays) -> None:
    for staged, arrived, rows in (
        (both.by_tooth, both.tooth_org, both.practice.tables["PeriodontalCharting"].height),
        (both.by_measure, both.measure_org, both.measured.height),
    ):
        chart = next(
            each for each in arrived.reconciled.reconciliation.sources if each.table == "PeriodontalCharting"
        )
        extracted = {each.logical: each.rows for each in staged.extraction.tables}
        assert extracted["PeriodontalCharting"] == chart.extracted == rows
        assert chart.extracted == chart.staged + chart.rejected
        assert chart.rejected > 0


def test_the_same_teeth_are_refused_for_the_same_reasons(both: BothWays) -> None:
    names = ["exam", "tooth", "code"]
    charts = (
        both.practice.tables["PeriodontalCharting"].select(
            pl.col("ChartingID").cast(pl.String).alias("source_key"), exam="ExamID", tooth="Tooth"
        ),
        both.measured.select(
            pl.col("id").cast(pl.String).alias("source_key"), exam="exam_no", tooth="tooth_code"
        ),
    )
    refused, others = [], []
    for staged, chart in zip((both.by_tooth, both.by_measure), charts, strict=True):
        of_chart = staged.rejects.filter(pl.col("object") == "charting").join(chart, on="source_key")
        refused.append(set(of_chart.select(names).rows()))
        others.append(sorted(staged.rejects.filter(pl.col("object") != "charting").rows(), key=repr))
    assert refused[0] == refused[1]
    assert others[0] == others[1]
    planted = {
        each.code
        for each in both.practice.manifest.expected("rejected")
        if each.table == "PeriodontalCharting"
    }
    assert {code for _, _, code in refused[0]} == planted >= {"duplicate_tooth", "orphan_chart_row"}


def test_the_same_values_are_corrected_and_the_same_rows_found_odd(both: BothWays) -> None:
    one, other = both.by_tooth, both.by_measure
    assert sorted(one.corrections.rows(), key=repr) == sorted(other.corrections.rows(), key=repr)
    for name, outcome in one.outcomes.items():
        assert outcome.findings.items() <= other.outcomes[name].findings.items()
    assert one.outcomes["charting"].findings["furcation_without_entrance"] > 0


def test_each_finding_with_a_row_of_its_own_is_staged_alike(places: Places) -> None:
    """A practice without defects, where of a site's three findings one may be charted and another not."""
    one, other = places.stage("linden", _practice(24, planted=0), bits=False)

    for name, rows in one.rows.items():
        # Only a tooth's identity differs: a database of measures has no row for a tooth.
        assert _sorted(rows).equals(_sorted(other.rows[name])), name
    for staged in (one, other):
        assert all(each.verdict.balanced and not each.verdict.rejected for each in staged.outcomes.values())
    apart = pl.col("bleeding_b").is_null() != pl.col("plaque_b").is_null()
    assert one.rows["charting"].filter(apart).height > 100


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    if "universal" not in rows.columns:
        return rows
    return rows.drop("source_id").sort("exam_id", "universal")
