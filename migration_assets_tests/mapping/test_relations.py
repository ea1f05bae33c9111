"""Records that only join others, files, owners, and what a practice chooses: from staged rows to payloads."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import Identity, joined_key
from migration_assets.mapping.apply import Payload, apply
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import MappingSet
from migration_assets_tests.mapping.staged import STAGED_MODELS, complete, practice, rows

WHOLE = load_specs("salesforce", STAGED_MODELS)
USER, DEFAULT = "005000000000001AAA", "005000000000002AAA"


def chosen(accounts: str) -> MappingSet:
    return WHOLE.resolved({"accounts": accounts})


def payload(name: str, accounts: str = "practice", **tables: list[dict[str, Any]]) -> Payload:
    spec = chosen(accounts).of_object(name)
    given = {table: rows(table, *them) for table, them in tables.items()}
    return apply(spec, complete(spec, {"practice": practice(), **given}), "maple", None)


def document(number: int, **more: Any) -> dict[str, Any]:
    usual = {"source_id": str(number), "patient_id": "7", "title": "Scan", "file_name": "Scan.pdf"}
    return usual | {"kind": "document", "bytes": 12, "md5": "a" * 32} | more


def letter(number: int, **more: Any) -> dict[str, Any]:
    usual = {"source_id": str(number), "patient_id": "7", "has_file": True, "place": "first"}
    return usual | {"document_id": "90", "summary": f"Letter {number}"} | more


def test_an_attendee_is_known_by_the_event_and_the_provider() -> None:
    visits = [
        {"source_id": "1", "patient_id": "7", "provider_id": "3"},
        {"source_id": "2", "patient_id": "7"},
    ]

    made = payload("EventRelation", appointments=visits)

    key = joined_key("maple", "attendee", ["maple:appointment:1", "maple:provider:3"])
    assert made.frame.rows() == [(key, "maple:appointment:1", "maple:provider:3", True)]
    assert made.schema.identity is Identity.PARENTS
    assert made.lineage.select("key", "source_id", "role").rows() == [(key, "1", "relation")]


def test_two_letters_in_one_file_link_it_to_their_plan_once() -> None:
    letters = [letter(1, plan_id="5"), letter(2, plan_id="5", place="further"), letter(3, document_id=None)]

    made = payload("ContentDocumentLink", documents=[document(90)], letters=letters)

    linked = made.frame.select("ContentDocumentId", "LinkedEntityId").rows()
    assert linked == [
        ("maple:document:90", "maple:patient:7"),
        ("maple:document:90", "maple:plan:5"),
    ]
    to_plan = made.lineage.filter(pl.col("key").str.ends_with("plan:5"))
    assert to_plan["source_id"].to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("accounts", "linked"),
    [("practice", ["maple:practice:maple"]), ("household", ["maple:practice:maple"]), ("none", [])],
)
def test_a_paper_of_nobodys_shows_on_the_practice_where_it_has_an_account(
    accounts: str, linked: list[str]
) -> None:
    made = payload("ContentDocumentLink", accounts, documents=[document(90, patient_id=None)])

    assert made.frame["LinkedEntityId"].to_list() == linked


def test_a_radiograph_is_a_file_of_its_own_only_where_it_has_one() -> None:
    images = [
        {"source_id": "1", "patient_id": "7", "own_file": True, "place": "none", "file_name": "1.png"},
        {"source_id": "2", "patient_id": "7", "own_file": False, "place": "first", "document_id": "90"},
        {"source_id": "3", "patient_id": "7", "own_file": False, "place": "none", "problem": "no_image"},
    ]
    images = [{"title": "x", "summary": f"Image {each['source_id']}", **each} for each in images]
    images[1]["tooth_site"] = "UR6"

    made = payload("ContentVersion", documents=[document(90)], radiographs=images)
    without = payload("Contact", patients=[{"source_id": "7", "last_name": "Quill"}], radiographs=images)

    assert made.frame.select("PANDA_Key__c", "Tooth_Site__c", "Document_Type__c").rows() == [
        ("maple:document:90", "UR6", "document"),
        ("maple:radiograph:1", None, "radiograph"),
    ]
    assert made.excused.rows() == [
        ("Radiograph", "2", "no_file_of_its_own"),
        ("Radiograph", "3", "no_file_of_its_own"),
    ]
    assert without.frame["Radiographs_Without_File__c"].to_list() == ["Image 3"]
    listed = pl.concat([made.lineage, without.lineage]).filter(source_table="Radiograph")
    assert sorted(listed["source_id"]) == ["1", "2", "3"]


def test_letters_give_their_file_its_fields_and_those_without_one_a_line() -> None:
    letters = [
        letter(1, subject="Your plan"),
        letter(2, place="further", subject="Reminder"),
        letter(3, document_id=None, has_file=False, place="none"),
    ]

    file = payload("ContentVersion", documents=[document(90)], letters=letters).frame.row(0, named=True)
    person = payload("Contact", patients=[{"source_id": "7", "last_name": "Quill"}], letters=letters).frame

    assert (file["Letter_Subject__c"], file["Other_Letters__c"]) == ("Your plan", "Letter 2")
    assert person["Letters_Without_File__c"].to_list() == ["Letter 3"]


def test_records_are_owned_by_the_providers_user_else_by_the_default_owner() -> None:
    spec = chosen("practice").of_object("TreatmentPlan__c")
    plans = rows("treatment_plans", *({"source_id": str(n), "provider_id": str(n)} for n in (1, 2)))

    def owners(default: str | None) -> list[str | None]:
        known = [("1", USER)] + ([(None, default)] if default else [])
        table = pl.DataFrame(
            known, ["provider_id", "user_id"], orient="row", schema_overrides={"provider_id": pl.String}
        )
        staged = complete(spec, {"treatment_plans": plans, "owners": table})
        return apply(spec, staged, "maple", None).frame["OwnerId"].to_list()

    assert owners(DEFAULT) == [USER, DEFAULT]
    assert owners(None) == [USER, None]


def test_the_choice_of_accounts_decides_what_patients_hang_on() -> None:
    people = {"patients": [{"source_id": "7", "last_name": "Quill", "household_id": "h7"}]}

    def hangs_on(accounts: str) -> list[str | None]:
        return payload("Contact", accounts, **people).frame["AccountId"].to_list()

    assert hangs_on("practice") == ["maple:practice:maple"]
    assert hangs_on("household") == ["maple:household:h7"]
    nobody = chosen("none")
    assert "AccountId" not in nobody.of_object("Contact").schema.field_names
    assert "account" not in [spec.asset for spec in nobody]
    assert len({chosen(each).content_hash() for each in ("practice", "household", "none")}) == 3


def test_households_are_accounts_beside_the_practice_where_it_chooses_so() -> None:
    households = {"households": [{"source_id": "h7", "name": "Quill Household"}]}

    assert payload("Account", "practice", **households).frame["Name"].to_list() == ["Maple Periodontics"]
    assert payload("Account", "household", **households).frame["Name"].to_list() == [
        "Maple Periodontics",
        "Quill Household",
    ]
