"""One exam of a whole mouth, every measure of it, from the SQL Server to the org and read back there.

The expectation is written by hand: which teeth have which entrances, what a field is called, what stands in
it. Nothing of it is asked of the platform.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets_tests.integration.installation import READER_PASSWORD, Installation, Org, different
from migration_sandbox.practice.generator import Practice, generate, write_database
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.launch import start

_SITES = ("MB", "B", "DB", "ML", "L", "DL")
_QUADRANTS = ("UR", "UL", "LL", "LR")
_ENTRANCES = {
    **dict.fromkeys((1, 2, 3, 14, 15, 16), ("M", "D", "B")),
    **dict.fromkeys((5, 12), ("M", "D")),
    **dict.fromkeys((17, 18, 19, 30, 31, 32), ("B", "L")),
}
_STATUSES = {8: "implant", 9: "implant", 13: "implant", 4: "crown", 21: "pontic"}
_PRIMARY, _SUPERNUMERARY = "E", "58"
_MOMENT = datetime(2025, 3, 4, 9, 30)

Cells = dict[str, Any]


def _sites(place: int) -> tuple[Cells, Cells]:
    """A tooth's site values as PANDA has them, and as fields without their tooth."""
    row: Cells = {}
    fields: Cells = {}
    for at, site in enumerate(_SITES):
        depth, recession = 1 + (place + 2 * at) % 13, (3 * place + at) % 12 - 4
        row |= {f"PocketDepth_{site}": depth, f"Recession_{site}": recession}
        fields |= {f"PocketDepth_{site}": depth, f"Recession_{site}": recession}
        findings = {
            "BOP": (place + at) % 2 == 0,
            "Suppuration": (place + at) % 3 == 0,
            "Plaque": (place + at) % 5 < 2,
        }
        row |= {f"{name}_{site}": found for name, found in findings.items()}
        fields |= {
            f"{'BleedingOnProbing' if name == 'BOP' else name}_{site}": "Yes" if found else "No"
            for name, found in findings.items()
        }
    return row, fields


def _tooth(
    place: int, code: str, entrances: tuple[str, ...] = (), status: str = "present"
) -> tuple[Cells, Cells]:
    row, fields = _sites(place)
    mobility = Decimal(place % 7) / 2
    grades = {f"Furcation_{entrance}": (place + at) % 5 for at, entrance in enumerate(entrances)}
    row |= {
        "ChartingID": 100 + place,
        "ExamID": 10,
        "Tooth": code,
        "ToothStatus": status,
        "Mobility": mobility,
    }
    return row | grades | {"ModifiedAt": _MOMENT}, fields | grades | {
        "Mobility": float(mobility),
        "ToothStatus": status,
    }


def _whole_mouth() -> tuple[list[Cells], Cells]:
    """Rows of 32 teeth, and the 1,058 fields that they fill."""
    rows: list[Cells] = []
    expected: Cells = {}
    for number in range(1, 33):
        row, fields = _tooth(
            number, str(number), _ENTRANCES.get(number, ()), _STATUSES.get(number, "present")
        )
        rows.append(row)
        where = f"{_QUADRANTS[(number - 1) // 8]}{number}"
        expected |= {f"{name}_{where}__c": value for name, value in fields.items()}
    return rows, expected


def _practice() -> tuple[Practice, Cells, dict[str, Cells]]:
    """The practice, the fields of its exam's chart, and those of the records of single teeth by number."""
    schemas = {
        name: frame.schema
        for name, frame in generate(1, 1, planted=0, canaries=0, tables="all").tables.items()
    }
    rows, wide = _whole_mouth()
    alone: dict[str, Cells] = {}
    for place, code in ((40, _PRIMARY), (41, _SUPERNUMERARY)):
        row, fields = _tooth(place, code)
        rows.append(row)
        alone[code] = {f"{name}__c": value for name, value in fields.items()}
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
        "PeriodontalCharting": rows,
    }
    tables = {
        name: pl.DataFrame([dict.fromkeys(schemas[name]) | row for row in given[name]], schema=schemas[name])
        for name in given
    }
    return Practice(tables, generate(1, 1, planted=0, canaries=0).manifest), wide, alone


@pytest.fixture
def arrived(
    sandbox: SalesforceSandbox, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Installation, Cells, dict[str, Cells]]:
    """The practice migrated over both wires, and what must be there."""
    control.forget_requests()
    practice, wide, alone = _practice()
    write_database(practice, tmp_path / "sqlserver" / "panda_maple.duckdb")
    made = Installation.create(tmp_path / "data", sandbox)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    with start(tmp_path / "sqlserver", reader_password=READER_PASSWORD) as server:
        made.configure(sql_port=server.port)
        made.extract()
    made.migration().prepare()
    made.build()
    ended = made.run()
    assert ended.error is None, ended.message
    return made, wide, alone


def _charted(record: Cells) -> Cells:
    """The chart's fields of a record that hold anything."""
    measures = (
        "PocketDepth_",
        "Recession_",
        "BleedingOnProbing_",
        "Suppuration_",
        "Plaque_",
        "Mobility_",
        "Furcation_",
        "ToothStatus_",
    )
    return {name: value for name, value in record.items() if name.startswith(measures) and value is not None}


def test_every_measure_of_every_tooth_is_read_back_as_it_was_charted(
    arrived: tuple[Installation, Cells, dict[str, Cells]], org: Org
) -> None:
    made, wide, alone = arrived
    client = org.session.client

    found: Cells = {}
    for name in ("ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamChart3__c"):
        (one,) = client.query(f"SELECT Id FROM {name}")["records"]
        charted = _charted(getattr(client, name).get(one["Id"]))
        assert not found.keys() & charted.keys()
        found |= charted
    assert len(wide) == 1058
    assert found == wide

    teeth = {}
    for one in client.query("SELECT Id FROM ClinicalExamTooth__c")["records"]:
        record = client.ClinicalExamTooth__c.get(one["Id"])
        teeth[record["ToothNumber__c"]] = {
            name: value for name, value in _charted({**record}).items() if name.endswith("__c")
        }
        assert record["ToothAsCharted__c"] == record["ToothNumber__c"]
    assert teeth == alone

    reconciled = made.reconcile()
    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
