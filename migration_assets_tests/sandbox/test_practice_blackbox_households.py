"""The blackbox check's accounts: what patients hang on by the practice's choice, and what a household is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from migration_assets_tests.blackbox.compare import Org, compare
from migration_assets_tests.blackbox.households import ACCOUNTS, households
from migration_assets_tests.blackbox.report import Announced
from migration_assets_tests.sandbox.blackbox_world import ZONE, small_org, small_source

Found = set[tuple[str, str, str]]
FAMILY = {"Id": "001H", "PANDA_Key__c": "maple:household:h1", "Name": "𠮷野 Household"}


def check(org: Org, accounts: str, source: Any = None, announced: Announced | None = None) -> Found:
    report = compare(
        source or small_source(),
        org,
        "maple",
        ZONE,
        announced or Announced(),
        groups=(),
        accounts=accounts,
    )
    return {(each.kind, each.field, each.key) for each in report.differences}


def world(accounts: str) -> tuple[Any, Org]:
    """The small practice with Ben in Anna's flat, and a faithful org of this choice."""
    source, org = small_source(), small_org()
    source["Patient"][1]["Address2"] = None
    _, anna, ben = org.records["Contact"]
    ben["MailingStreet"] = anna["MailingStreet"]
    described = org.described | {"Account": frozenset({"PANDA_Key__c", "Name"})}
    if accounts == "household":
        org.records["Account"].append(dict(FAMILY))
        anna["AccountId"] = ben["AccountId"] = "001H"
    elif accounts == "none":
        org.records["Account"].clear()
        for contact in org.records["Contact"]:
            contact["AccountId"] = None
    return source, Org(org.records, described)


@pytest.mark.parametrize("accounts", ACCOUNTS)
def test_a_faithful_org_of_one_choice_is_right_by_no_other(accounts: str) -> None:
    source, org = world(accounts)

    assert check(org, accounts, source) == set()
    for other in set(ACCOUNTS) - {accounts}:
        assert ("differs", "AccountId", "maple:patient:2") in check(org, other, source)


def test_a_household_that_is_missing_misnamed_or_not_the_patients_is_found() -> None:
    source, org = world("household")
    org.records["Account"][1]["Name"] = "Zoë Household"
    org.records["Account"].append(FAMILY | {"Id": "001I", "PANDA_Key__c": "maple:household:h2"})
    org.records["Contact"][2]["AccountId"] = "001I"
    assert check(org, "household", source) == {
        ("differs", "Name", "maple:household:h1"),
        ("extra", "PANDA_Key__c", "maple:household:h2"),
        ("differs", "AccountId", "maple:patient:2"),
    }

    source, org = world("household")
    del org.records["Account"][1]
    assert ("missing", "PANDA_Key__c", "maple:household:h1") in check(org, "household", source)


def test_a_patient_announced_absent_is_in_no_household_and_a_correction_counts() -> None:
    source, org = world("household")
    del org.records["Contact"][1], org.records["Contact"][1]
    ben = source["Patient"][1] | {"PatientID": 3, "Address1": "12_Elm_Street"}
    source = source | {
        name: [] for name in ("ClinicalExam", "PeriodontalCharting", "TreatmentPlan", "TreatmentPlanLine")
    }
    source["Patient"].append(ben)
    announced = Announced(
        [
            {"table": "Patient", "source_key": key, "column": column, "outcome": outcome, "code": code}
            for key, column, outcome, code in (
                ("1", "LastName", "rejected", "missing_last_name"),
                ("3", "Address1", "corrected", "bridge_underscore"),
            )
        ]
    )
    org.records["Account"][1]["PANDA_Key__c"] = "maple:household:h2"

    report = check(org, "household", source, announced)
    assert ("missing", "PANDA_Key__c", "maple:patient:3") in report
    assert not any("household" in key for _, _, key in report)


def neighbour(number: int, **others: Any) -> dict[str, Any]:
    row = dict.fromkeys(("HomePhone", "Address2", "City", "State", "DateOfBirth"))
    return row | {"PatientID": number, "LastName": "Lee", "Address1": "12 Elm", "Zip": "07102"} | others


@pytest.mark.parametrize(
    ("neighbours", "wanted"),
    [
        ([neighbour(10), neighbour(9, LastName="LEE, Jr.", Zip="07102-1234")], {"h9": {9, 10}}),
        ([neighbour(1), neighbour(2, LastName="Kim")], {"h1": {1}, "h2": {2}}),
        ([neighbour(1, LastName="-"), neighbour(2, LastName="-")], {"h1": {1}, "h2": {2}}),
        ([neighbour(1, Address1="n/a"), neighbour(2, Address1="n/a")], {"h1": {1}, "h2": {2}}),
        ([neighbour(1, Zip=None), neighbour(2, Zip=None)], {"h1": {1}, "h2": {2}}),
        (
            [
                neighbour(1, Zip="00000", City="Troy", State="NY"),
                neighbour(2, Zip=None, City="TROY", State="ny"),
            ],
            {"h1": {1, 2}},
        ),
        ([neighbour(1, City="Troy"), neighbour(2, City="Troy", Zip=None)], {"h1": {1}, "h2": {2}}),
        (
            [
                neighbour(1, HomePhone="518-555-0101"),
                neighbour(2, LastName="Kim"),
                neighbour(3, LastName="Kim", HomePhone="+1 (518) 555-0101 x2"),
                neighbour(4, LastName="Vale", HomePhone="000-000-0000"),
            ],
            {"h1": {1, 2, 3}, "h4": {4}},
        ),
    ],
)
def test_who_lives_together(neighbours: list[dict[str, Any]], wanted: dict[str, set[int]]) -> None:
    for rows in (neighbours, neighbours[::-1]):
        told = households(rows)
        of_household: dict[str, set[int]] = {}
        for number, household in told.of_patient.items():
            of_household.setdefault(household, set()).add(number)
        assert of_household == wanted
        assert {row["HouseholdID"] for row in told.named} == set(wanted)


def test_the_oldest_gives_the_name_and_nobody_without_a_birth_date_is_old() -> None:
    phone = {"HomePhone": "518-555-0101"}
    rows = [
        neighbour(1, **phone),
        neighbour(2, **phone, LastName=" Kim ", DateOfBirth=date(1980, 1, 1)),
        neighbour(3, **phone, LastName="Vale", DateOfBirth=date(1990, 1, 1)),
    ]

    assert households(rows).named == [{"HouseholdID": "h1", "Name": "Kim Household"}]
