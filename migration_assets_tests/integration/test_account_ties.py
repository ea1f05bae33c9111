"""Dentists of several offices and patients of households, in an org that keeps several accounts a contact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets_tests.integration.installation import PRACTICE, Installation, Org
from migration_assets_tests.integration.practices import generated
from migration_assets_tests.objects.rows import PROVIDER, frame
from migration_assets_tests.objects.rows import provider as dentist
from migration_assets_tests.objects.rows_of_referrals import REFERRAL, referral
from migration_sandbox.salesforce.launch import SalesforceSandbox

RELATION = "AccountContactRelation"
SETTINGS = """\
        account_relations: true
        chart_layout: per_tooth
        deploy_layouts: false
"""
STEPS = ("account", "contact", "referral", "account_contact_relation")
OUTSIDE = dentist(7, LastName="Moss", PracticeName="Elm Dental", IsReferring=True)
NAMED = [
    referral(30, ProviderID=7, ReferrerPractice="ELM DENTAL PC"),
    referral(31, ProviderID=7, ReferrerPractice="Oak Dental"),
    referral(32, ReferrerName="Jane Smith", ReferrerPractice="Oak Dental, LLC"),
]


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    with SalesforceSandbox(tmp_path / "org", sandbox_org=True) as running:
        yield Org.of(running)


@pytest.fixture
def people(org: Org, tmp_path: Path) -> Iterator[Installation]:
    """Two patients, two dentists and what referrals say of them; nothing else is in scope."""
    made = Installation.create(tmp_path / "data", org.sandbox)
    file = made.data / "practices" / f"{PRACTICE}.yaml"
    told = file.read_text(encoding="utf-8").replace("policies: {", "policies: {accounts: household, ")
    told = told.replace("        retry_attempts:", f"{SETTINGS}        retry_attempts:")
    file.write_text(told, encoding="utf-8")
    with made.in_environment():
        tables = generated().tables
        patients = tables["Patient"].head(2)
        nobody = {table: rows.clear() for table, rows in tables.items()}
        first = int(patients["PatientID"][0])
        named = [each | {"PatientID": first} for each in NAMED]
        made.put_rows(
            {
                **nobody,
                "Patient": patients,
                "Provider": frame(PROVIDER, [OUTSIDE]),
                "Referral": frame(REFERRAL, named),
            }
        )
        yield made


def ties(org: Org) -> list[tuple[Any, ...]]:
    """Account and contact by their keys, and whether the relation is the contact's own; sorted."""
    found = org.session.client.query_all(
        f"SELECT Account.Name, Account.PANDA_Key__c, Contact.PANDA_Key__c, IsDirect FROM {RELATION}"
    )["records"]
    return sorted(
        (each["Account"]["PANDA_Key__c"], each["Contact"]["PANDA_Key__c"], each["IsDirect"]) for each in found
    )


def test_offices_become_accounts_and_everybody_named_with_one_is_tied_to_it(
    people: Installation, org: Org
) -> None:
    migration = people.migration()
    with migration.planned() as (plan, destination):
        found = destination.preflight(tuple(plan.schemas.values()))
    missing = [each for each in found if each.object == RELATION]
    assert [(each.code, each.severity) for each in missing] == [("account_relations_off", "error")]

    org.sandbox.control.settings(contacts_to_multiple_accounts=True)
    migration.prepare()
    people.build()
    sent = [migration.upload(asset, "first") for asset in STEPS]
    assert [each.created for each in sent] == [1 + 2 + 2, 2 + 2, 3, 3 + 2]

    households = {key for key, _, own in ties(org) if own and ":household:" in key}
    patients = sorted(key for _, key, own in ties(org) if own and ":patient:" in key)
    assert (len(households), len(patients)) == (2, 2)
    assert [each[:2] for each in ties(org) if not each[2]] == [
        ("maple:office:p7", "maple:provider:7"),
        ("maple:office:r31", "maple:provider:7"),
        ("maple:office:r31", "maple:referrer:r32"),
        *(("maple:practice:maple", patient) for patient in patients),
    ]

    # Somebody in Provider names an office, too: it is called as they write it and keeps its record.
    another = dentist(900, LastName="Vale", PracticeName="Oak dental")
    people.put_rows({"Provider": frame(PROVIDER, [OUTSIDE, another])})
    people.build("second")
    again = [migration.upload(asset, "second") for asset in STEPS]
    assert [(each.created, each.updated) for each in again] == [(0, 1), (1, 0), (0, 0), (1, 0)]
    assert ("maple:office:r31", "maple:provider:900", False) in ties(org)
    assert people.reconcile().reconciliation.clean

    # Two patients move together: the org keeps a contact's former account as a relation, which nobody named.
    address = {
        "Address1": "1 Elm St",
        "Address2": None,
        "City": "Albany",
        "State": "NY",
        "Zip": "12207",
        "LastName": "Doe",
    }
    people.change("Patient", pl.lit(value=True), **address)
    people.build("third")
    for asset in STEPS:
        migration.upload(asset, "third")
    own = [(account, key) for account, key, direct in ties(org) if direct and ":patient:" in key]
    assert [key for _, key in own] == patients
    assert len({account for account, _ in own}) == 1
    former = [each for each in ties(org) if ":household:" in each[0] and not each[2]]
    assert former == []
    assert people.reconcile().reconciliation.clean
