"""An org of 300 contacts of its own, 40 of them patients of the practice that is about to be migrated."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from migration_assets.cli import app
from migration_assets_tests.integration.installation import PRACTICE, REHEARSAL, Installation, Org
from migration_assets_tests.integration.practices import generated
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

PATIENTS, THERE, CONTACTS = 60, 40, 300
FIRST_DAY = date(1950, 1, 1)
FIELDS = (
    "Id, LastName, FirstName, Birthdate, Email, MobilePhone, HomePhone, Description, AccountId, PANDA_Key__c"
)


def name(number: int) -> str:
    """Letters only, another one for each number."""
    return "Quill" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def patients(like: pl.DataFrame) -> pl.DataFrame:
    """60 people whose every name, date, address and phone is their own; else like the first row."""
    row = like.head(1)
    numbers = range(1, PATIENTS + 1)
    own: dict[str, list[Any]] = {
        "PatientID": list(numbers),
        "LastName": [name(each) for each in numbers],
        "FirstName": [f"Zoë {name(each)}" for each in numbers],
        "DateOfBirth": [FIRST_DAY + timedelta(days=each) for each in numbers],
        "Email": [f"{name(each).lower()}@example.org" for each in numbers],
        "MobilePhone": [f"(212) 555-{each:04d}" for each in numbers],
    }
    many = pl.concat([row] * PATIENTS)
    return many.with_columns(
        pl.Series(column, values).cast(row.schema[column]) for column, values in own.items()
    )


def contact(number: int) -> dict[str, Any]:
    """A contact of the org: of the numbers up to 40 as the office wrote our patient down, in three ways; of
    the next ones a relative of a patient at the same address and phone; then people whom we don't know."""
    born = (FIRST_DAY + timedelta(days=number)).isoformat()
    kept = {"Description": f"kept {number}", "HomePhone": "(718) 555-0100"}
    if number <= 20:
        return {
            "LastName": name(number).upper(),
            "FirstName": f"ZOE {name(number)}",
            "Birthdate": born,
            **kept,
        }
    if number <= 30:
        return {"LastName": name(number), "Email": f"{name(number)}@EXAMPLE.org".upper(), **kept}
    if number <= THERE:
        return {"LastName": f" {name(number)} ", "MobilePhone": f"+1 212.555.{number:04d}", **kept}
    shared = {"Email": f"{name(number).lower()}@example.org", "MobilePhone": f"212555{number:04d}"}
    if number <= PATIENTS:
        return {"LastName": name(number), "FirstName": "Tom", "Birthdate": "2001-05-06", **shared, **kept}
    return {"LastName": name(number), "FirstName": "Tom", "Birthdate": born, **shared, **kept}


@pytest.fixture
def people(sandbox: SalesforceSandbox, control: Control, tmp_path: Path) -> Iterator[Installation]:
    """The practice's people are staged and their payload is built; nothing else is in scope."""
    control.forget_requests()
    made = Installation.create(tmp_path / "data", sandbox)
    with made.in_environment(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_DATA", str(made.data))
        tables = generated().tables
        nobody = {table: rows.clear() for table, rows in tables.items()}
        made.put_rows({**nobody, "Patient": patients(tables["Patient"])})
        made.migration().prepare()
        made.build()
        yield made


@pytest.fixture
def office(people: Installation, org: Org) -> list[dict[str, Any]]:  # noqa: ARG001  # after its schema
    """The org's own contacts, on an account of its own, as they were before."""
    account = org.session.client.Account.create({"Name": "The Office"})["id"]
    records = [
        {"attributes": {"type": "Contact"}, "AccountId": account, **contact(number)}
        for number in range(1, CONTACTS + 1)
    ]
    for start in range(0, CONTACTS, 200):
        body = {"allOrNone": True, "records": records[start : start + 200]}
        made = org.session.client.restful("composite/sobjects", method="POST", json=body)
        assert all(each["success"] for each in made)
    return contacts(org)


def contacts(org: Org) -> list[dict[str, Any]]:
    found = org.session.client.query_all(f"SELECT {FIELDS} FROM Contact ORDER BY Id")["records"]
    return [{field: value for field, value in each.items() if field != "attributes"} for each in found]


def run(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ["adopt", PRACTICE, "salesforce", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_forty_of_three_hundred_are_adopted_none_is_doubled_and_the_rest_is_untouched(
    people: Installation, org: Org, office: list[dict[str, Any]]
) -> None:
    migration = people.migration()
    migration.upload("account", "before")
    held = migration.upload("contact", "before")
    assert (held.in_scope, held.created, held.held_back) == (PATIENTS, PATIENTS - THERE, THERE)

    shown = run()
    assert f"{THERE} matched, 0 ambiguous" in shown
    assert name(1) not in shown
    folder = people.platform.report_directory(REHEARSAL)
    document = json.loads((folder / "adoptions.json").read_text())
    assert len(document["pairs"]) == THERE
    assert {
        stat.S_IMODE((folder / each).stat().st_mode) for each in ("adoptions.json", "adoptions.xlsx")
    } == {0o600}

    assert f"{THERE} adopted" in run("--decide", "Dr. Ames", "--list", document["list_hash"][:12])
    done = migration.upload("contact", "after")

    assert (done.created, done.updated, done.unchanged, done.held_back) == (0, THERE, PATIENTS - THERE, 0)
    now = {each["Id"]: each for each in contacts(org)}
    assert len(now) == CONTACTS + PATIENTS - THERE
    keys = [each["PANDA_Key__c"] for each in now.values() if each["PANDA_Key__c"]]
    assert sorted(keys) == sorted(f"{PRACTICE}:patient:{number}" for number in range(1, PATIENTS + 1))
    touched = {each["Id"] for each in office if now[each["Id"]] != each}
    by_kept = {each["Description"]: each["Id"] for each in office}
    assert touched == {by_kept[f"kept {number}"] for number in range(1, THERE + 1)}
    for number in range(1, THERE + 1):
        adopted = now[by_kept[f"kept {number}"]]
        assert adopted["PANDA_Key__c"] == f"{PRACTICE}:patient:{number}"
        assert (adopted["LastName"], adopted["Description"]) == (name(number), f"kept {number}")
    reconciled = people.reconcile().reconciliation
    assert reconciled.clean

    assert f"{THERE} records given back" in run("--take-back", "Dr. Ames")
    back = {each["Id"]: each for each in contacts(org)}
    assert [back[each["Id"]] for each in office] == office
    assert f"{THERE} matched" in run()
