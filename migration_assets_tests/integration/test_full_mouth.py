"""One exam of a whole mouth, every measure of it, from the SQL Server to the org and read back there: in each
edition, and kept as records of teeth.

The expectation is plain code (``chart_model``) and numbers written by hand: what a field is called, on which
object it stands, what stands in it, how much storage that takes. Nothing of it is asked of the platform.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import Finding
from migration_assets.mapping.volumes import volumes
from migration_assets_tests.integration.chart_model import (
    CHART2,
    CHART3,
    EXAM,
    HOMES,
    KEY,
    PROFESSIONAL_HOMES,
    TOOTH,
    UNLIMITED_HOMES,
    Charts,
    charts,
    key,
)
from migration_assets_tests.integration.installation import (
    OBJECTS,
    PRACTICE,
    READER_PASSWORD,
    Installation,
    Org,
    different,
)
from migration_sandbox.practice.schema import ddl, frame_schema
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.database import Database
from migration_sandbox.sqlserver.launch import start

_SITES = ("MB", "B", "DB", "ML", "L", "DL")
_ENTRANCES = {
    **dict.fromkeys((1, 2, 3, 14, 15, 16), ("M", "D", "B")),
    **dict.fromkeys((5, 12), ("M", "D")),
    **dict.fromkeys((17, 18, 19, 30, 31, 32), ("B", "L")),
}
_STATUSES = {8: "implant", 9: "implant", 13: "implant", 4: "crown", 21: "pontic"}
_PRIMARY, _SUPERNUMERARY = "E", "58"
_MOMENT = datetime(2025, 3, 4, 9, 30)
_CHART_FIELD = re.compile(rf"({'|'.join(HOMES)})(_(MB|B|DB|ML|L|DL|M|D))?(_(UR|UL|LL|LR)\d+)?__c")
_FIELDS_LEFT_FREE = 25
_RECORD_BYTES = 2_000
_PATIENTS = 1_000
_STORAGE_PER_TOOTH = 74.0
"""MB of data storage of a thousand such patients: each has two contacts, an exam and 34 records of teeth."""


@dataclass(frozen=True)
class Case:
    """An org, and what a whole mouth becomes in it.

    ``chart_fields`` by object that is deployed for charts; ``storage`` in MB of a thousand such patients.
    """

    edition: str
    field_limit: int
    homes: Mapping[str, str]
    chart_fields: Mapping[str, int]
    records_of_teeth: int
    storage: float
    chart_layout: str = "wide"


_CASES = {
    "enterprise": Case(
        edition="enterprise",
        field_limit=500,
        homes=HOMES,
        chart_fields={EXAM: 450, CHART2: 416, CHART3: 192, TOOTH: 36},
        records_of_teeth=2,
        storage=14.0,
    ),
    "unlimited": Case(
        edition="unlimited",
        field_limit=800,
        homes=UNLIMITED_HOMES,
        chart_fields={EXAM: 674, CHART2: 384, TOOTH: 36},
        records_of_teeth=2,
        storage=12.0,
    ),
    "professional": Case(
        edition="professional",
        field_limit=100,
        homes=PROFESSIONAL_HOMES,
        chart_fields={EXAM: 32, CHART2: 66, TOOTH: 36},
        records_of_teeth=34,
        storage=76.0,
    ),
    "per_tooth": Case(
        edition="enterprise",
        field_limit=500,
        homes={},
        chart_fields={EXAM: 0, TOOTH: 36},
        records_of_teeth=34,
        storage=_STORAGE_PER_TOOTH,
        chart_layout="per_tooth",
    ),
}


def _tooth(place: int, code: str, entrances: tuple[str, ...] = (), status: str = "present") -> dict[str, Any]:
    """A row of the chart in which every cell that the tooth has is filled."""
    row: dict[str, Any] = {"ChartingID": 100 + place, "ExamID": 10, "Tooth": code, "ModifiedAt": _MOMENT}
    for at, site in enumerate(_SITES):
        row |= {
            f"PocketDepth_{site}": 1 + (place + 2 * at) % 13,
            f"Recession_{site}": (3 * place + at) % 12 - 4,
            f"BOP_{site}": (place + at) % 2 == 0,
            f"Suppuration_{site}": (place + at) % 3 == 0,
            f"Plaque_{site}": (place + at) % 5 < 2,
        }
    row |= {f"Furcation_{entrance}": (place + at) % 5 for at, entrance in enumerate(entrances)}
    return row | {"Mobility": Decimal(place % 7) / 2, "ToothStatus": status}


def _whole_mouth() -> dict[str, pl.DataFrame]:
    """A practice with one exam: 32 permanent teeth, a primary and a supernumerary one."""
    permanent = (
        _tooth(number, str(number), _ENTRANCES.get(number, ()), _STATUSES.get(number, "present"))
        for number in range(1, 33)
    )
    people = {"FirstName": "Vera", "LastName": "Vale", "CreatedAt": _MOMENT, "ModifiedAt": _MOMENT}
    exam = {
        "ExamID": 10,
        "PatientID": 1,
        "ProviderID": 5,
        "ExamDate": _MOMENT,
        "ChartingType": "full mouth",
        "ToothNumberingSystem": "Universal",
        "Notes": "first line\r\nsecond line",
        "CreatedAt": _MOMENT,
        "ModifiedAt": _MOMENT,
    }
    given = {
        "Provider": [{"ProviderID": 5, "IsReferring": False, "Active": True, **people}],
        "Patient": [{"PatientID": 1, "DateOfBirth": date(1970, 1, 2), "Inactive": False, **people}],
        "ClinicalExam": [exam],
        "PeriodontalCharting": [*permanent, _tooth(40, _PRIMARY), _tooth(41, _SUPERNUMERARY)],
    }
    tables = {}
    for name, rows in given.items():
        schema = frame_schema(name)
        tables[name] = pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)
    return tables


@dataclass(frozen=True)
class Arrived:
    """The practice in the org of a case; ``expected``: its chart there; ``findings``: what the preflight said
    before anything was deployed."""

    case: Case
    expected: Charts
    installation: Installation
    org: Org
    findings: list[Finding]


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return _whole_mouth()


@pytest.fixture(scope="module")
def staged(tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The practice's warehouse: extracted from a SQL server and staged, in which no org has a part."""
    folder = tmp_path_factory.mktemp("staged")
    (folder / "sql").mkdir()
    with Database.create(folder / "sql" / "panda_maple.duckdb", ddl()) as database:
        for table, rows in tables.items():
            database.append(table, rows)
    made = Installation.create(folder / "data", SalesforceSandbox(folder / "never_started"))
    with start(folder / "sql", reader_password=READER_PASSWORD) as server, made.in_environment():
        made.configure(sql_port=server.port)
        made.extract()
        made.stage()
    return made.data / "warehouse"


@pytest.fixture(scope="module", params=list(_CASES.values()), ids=list(_CASES))
def arrived(
    request: pytest.FixtureRequest,
    tables: dict[str, pl.DataFrame],
    staged: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Arrived]:
    """The practice migrated into an org of its own that was empty before."""
    case: Case = request.param
    folder = tmp_path_factory.mktemp("org")
    with SalesforceSandbox(folder / "org", edition=case.edition, sandbox_org=True) as running:
        made = Installation.create(folder / "data", running)
        shutil.copytree(staged, made.data / "warehouse")
        _choose(made, case.chart_layout)
        with made.in_environment():
            findings = _preflight(made)
            made.migration().prepare()
            made.migration().build_payload("build", "all")
            for asset, name in OBJECTS.items():
                if name in ("Account", "Contact", *case.chart_fields):
                    made.migration().upload(asset, "run")
            yield Arrived(case, charts(tables, homes=case.homes), made, Org.of(running), findings)


def _choose(made: Installation, chart_layout: str) -> None:
    """Write the layout into the practice's file, where a person would."""
    (file,) = (made.data / "practices").iterdir()
    before, bulk, after = file.read_text(encoding="utf-8").partition("        bulk:\n")
    assert bulk
    file.write_text(f"{before}        chart_layout: {chart_layout}\n{bulk}{after}", encoding="utf-8")


def _preflight(made: Installation) -> list[Finding]:
    """Of a practice with a thousand patients like the staged one."""
    with made.platform.panda_warehouse(PRACTICE).open(read_only=True) as session:
        rows = {name: session.count("staged", name) * _PATIENTS for name in session.tables("staged")}
        without_slot = session.read("staged", "charting", ["slot"])["slot"].null_count() * _PATIENTS
    with made.migration().planned() as (plan, destination):
        counted = volumes(plan.mapping, plan.layout, rows, without_slot)
        return destination.preflight(tuple(plan.schemas.values()), counted)


def _charted(record: Mapping[str, Any]) -> dict[str, Any]:
    """The chart's fields of a record that hold anything."""
    return {
        name: value for name, value in record.items() if _CHART_FIELD.fullmatch(name) and value is not None
    }


def test_the_org_gets_the_objects_and_chart_fields_that_its_edition_has_room_for(arrived: Arrived) -> None:
    client = arrived.org.session.client
    names = [each["name"] for each in client.describe()["sobjects"]]
    fields = {
        name: [each["name"] for each in getattr(client, name).describe()["fields"] if each["custom"]]
        for name in names
        if name.startswith("ClinicalExam")
    }
    chart = {name: {each for each in found if _CHART_FIELD.fullmatch(each)} for name, found in fields.items()}

    assert chart.pop("ClinicalExamFinding__c") == set()
    assert {name: len(found) for name, found in chart.items()} == arrived.case.chart_fields
    chart.pop(TOOTH)
    assert {(name, each) for name, found in chart.items() for each in found} == {
        (name, each) for name, _, each in arrived.expected.wide
    }
    assert max(map(len, fields.values())) <= arrived.case.field_limit - _FIELDS_LEFT_FREE


def test_every_measure_of_every_tooth_is_read_back_as_it_was_charted(arrived: Arrived) -> None:
    client = arrived.org.session.client
    records = {
        name: [
            getattr(client, name).get(one["Id"]) for one in client.query(f"SELECT Id FROM {name}")["records"]
        ]
        for name in arrived.case.chart_fields
    }
    keys = {each["Id"]: each[KEY] for found in records.values() for each in found}
    teeth = records.pop(TOOTH)

    assert {name: [each[KEY] for each in found] for name, found in records.items()} == {
        name: [key(name, 10)] for name in records
    }
    assert {keys[each[EXAM]] for name in records.keys() - {EXAM} for each in records[name]} <= {key(EXAM, 10)}
    assert {
        (name, each[KEY], field): value
        for name, found in records.items()
        for each in found
        for field, value in _charted(each).items()
    } == arrived.expected.wide

    assert len(teeth) == arrived.case.records_of_teeth
    assert {
        each[KEY]: _charted(each)
        | {EXAM: keys[each[EXAM]]}
        | {name: each[name] for name in ("ToothNumber__c", "ToothAsCharted__c")}
        for each in teeth
    } == {
        record: {name: value for name, value in arrived.expected.teeth[record].items() if value is not None}
        for record in arrived.expected.alone
    }


def test_the_platforms_own_comparison_finds_nothing_either(arrived: Arrived) -> None:
    reconciled = arrived.installation.reconcile()

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean


def test_the_preflight_says_that_the_chart_fits_and_what_either_layout_takes(arrived: Arrived) -> None:
    case = arrived.case
    errors = [each for each in arrived.findings if each.severity == "error"]
    messages = {each.code: each.message for each in arrived.findings}

    assert [each.code for each in errors if not each.mended_by_deploying] == []
    assert f"at most {case.storage:.1f} MB of data storage" in messages["record_storage"]
    if case.chart_layout == "wide":
        assert "kept per_tooth" in messages["alternative_layout"]
        assert f"need {_STORAGE_PER_TOOTH:.1f} MB" in messages["alternative_layout"]
        assert f"the plan needs {case.storage:.1f} MB" in messages["alternative_layout"]


def test_the_org_holds_as_many_records_as_the_preflight_reckoned(arrived: Arrived) -> None:
    counts = arrived.org.sandbox.control.counts()
    of_a_patient = sum(counts[name] for name in ("Contact", *arrived.case.chart_fields))
    in_all = counts["Account"] + of_a_patient * _PATIENTS

    assert counts["Account"] == 1
    assert round(in_all * _RECORD_BYTES / 1_000_000, 1) == arrived.case.storage
