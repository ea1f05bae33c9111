"""The blackbox check's offices of dentists, and the contacts who are tied to more accounts than their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migration_assets_tests.blackbox.compare import Org, compare
from migration_assets_tests.blackbox.offices import Known, offices
from migration_assets_tests.blackbox.options import options
from migration_assets_tests.blackbox.relations import TIE
from migration_assets_tests.blackbox.report import Announced
from migration_assets_tests.sandbox.blackbox_records_world import REFERRAL, records_org, records_source
from migration_assets_tests.sandbox.blackbox_world import ZONE, Rows, Tables
from migration_assets_tests.sandbox.test_practice_blackbox import defect, found

OFFICE = {"Id": "001S", "PANDA_Key__c": "maple:office:r43", "Name": "SMILE & CO"}
ANN, WEISS = "maple:provider:3", "maple:referrer:r42"
ANNA_ID, ANN_ID, WEISS_ID = "003A", "003P", "003W"


def check(
    source: Tables, org: Org, accounts: str = "practice", related: bool = True, *defects: Any
) -> set[tuple[str, str, str]]:
    groups = ("offices", "ties")
    name, announced = "Maple Periodontics", Announced(defects)
    return found(
        compare(source, org, "maple", ZONE, announced, (), name, groups, accounts, account_relations=related)
    )


def named() -> Tables:
    """Ann and Zoe Weiss are named with one office; Ann's own is the practice; one stands beside nobody."""
    source = records_source()
    source["Provider"][0]["PracticeName"] = "MAPLE PERIODONTICS, P.C."
    of = {row["ReferralID"]: row for row in source["Referral"]}
    of[41]["ReferrerPractice"] = "SMILE & CO"
    of[47]["ReferrerPractice"] = "Elm Dental"
    return source


def written() -> Org:
    """The same in an org where nobody is tied to more accounts than their own, faithful to the letter."""
    org = records_org()
    org.records["Contact"][0]["Practice_Name__c"] = "MAPLE PERIODONTICS, P.C."
    of = {row["PANDA_Key__c"]: row for row in org.records[REFERRAL]}
    of["maple:referral:41"]["Referrer_Practice__c"] = "SMILE & CO"
    of["maple:referral:47"]["Referrer_Practice__c"] = "Elm Dental"
    return org


def tie(contact: str, account: str, direct: bool = False) -> dict[str, Any]:
    return {"ContactId": contact, "AccountId": account, "IsDirect": direct, "IsActive": True}


def tied(accounts: str = "practice", related: bool = True) -> Org:
    """The org of ``named``; its office is known by a row that named it first once."""
    org = written()
    contacts = org.records["Contact"]
    if accounts == "household":
        name = f"{contacts[1]['LastName']} Household"
        for patient, number in zip(contacts[1:3], (1, 2), strict=True):
            patient["AccountId"] = f"001H{number}"
            home = {"Id": f"001H{number}", "PANDA_Key__c": f"maple:household:h{number}", "Name": name}
            org.records["Account"].append(home)
    relations = [tie(each["Id"], each["AccountId"], direct=True) for each in contacts]
    if related:
        org.records["Account"].append(dict(OFFICE))
        relations += [tie(ANN_ID, "001S"), tie(WEISS_ID, "001S")]
        if accounts == "household":
            relations += [tie("003A", "001A"), tie("003B", "001A")]
    org.records[TIE] = relations
    return Org(org.records, org.described | {TIE: frozenset({"IsDirect"})})


@pytest.mark.parametrize("accounts", ["practice", "household"])
def test_a_faithful_org_of_one_choice_is_wrong_by_the_other(accounts: str) -> None:
    org, bare = tied(accounts), tied(accounts, related=False)
    assert check(named(), org, accounts) == set()
    assert check(named(), bare, accounts, related=False) == set()

    ties = {f"{ANN}+maple:office:r43", f"{WEISS}+maple:office:r43"}
    patients = {f"maple:patient:{number}+maple:practice:maple" for number in (1, 2)}
    ties |= patients if accounts == "household" else set()
    assert check(named(), org, accounts, related=False) == {
        ("extra", "PANDA_Key__c", "maple:office:r43"),
        *(("extra", "Id", each) for each in ties),
    }
    # Of an office that isn't there no relation can be looked for.
    assert check(named(), bare, accounts) == {
        ("missing", "PANDA_Key__c", "maple:office:r41"),
        *(("missing", "Id", each) for each in ties & patients),
    }


def test_nobody_is_tied_in_an_org_that_cannot_or_where_nobody_has_an_account() -> None:
    assert check(named(), written(), related=False) == set()
    (lacking,) = {each for each in check(named(), written()) if each[0] == "no such object"}
    assert lacking == ("no such object", "", "")

    org = tied()
    org.records["Account"].clear()
    org.records[TIE].clear()
    for contact in org.records["Contact"]:
        contact["AccountId"] = None
    assert check(named(), org, "none") == set()


def _set(place: int, **values: Any) -> Callable[[Rows], object]:
    return lambda ties: ties[place].update(values)


_TIE_OF_ANN = f"{ANN}+maple:office:r43"
_DAMAGES: dict[str, tuple[Callable[[Rows], object], tuple[str, str, str]]] = {
    "one less": (lambda ties: ties.pop(), ("missing", "Id", f"{WEISS}+maple:office:r43")),
    "one twice": (lambda ties: ties.append(ties[-1]), ("doubled", "Id", f"{WEISS}+maple:office:r43")),
    "a patient's": (
        lambda ties: ties.append(tie(ANNA_ID, "001S")),
        ("extra", "Id", "maple:patient:1+maple:office:r43"),
    ),
    "to an account of somebody else": (
        lambda ties: ties.append(tie(ANN_ID, "001Z")),
        ("extra", "Id", f"{ANN}+001Z"),
    ),
    "an ended one": (_set(-2, IsActive=False), ("differs", "IsActive", _TIE_OF_ANN)),
    "as the contact's own": (_set(-2, IsDirect=True), ("missing", "Id", _TIE_OF_ANN)),
}


@pytest.mark.parametrize("kind", _DAMAGES)
def test_a_damaged_relation_is_found_and_nothing_else(kind: str) -> None:
    damage, expected = _DAMAGES[kind]
    org = tied()

    damage(org.records[TIE])

    assert check(named(), org) == {expected}


def test_an_office_of_another_name_or_key_is_found() -> None:
    org = tied()
    org.records["Account"][-1] |= {"Name": "Smile and Co", "PANDA_Key__c": "maple:office:r41"}
    assert check(named(), org) == {("differs", "Name", "maple:office:r41")}

    org = tied()
    org.records["Account"].append(OFFICE | {"Id": "001T", "PANDA_Key__c": "maple:office:r44"})
    assert check(named(), org) == {("extra", "PANDA_Key__c", "maple:office:r44")}


def test_a_rejected_row_names_no_office_and_one_held_back_does() -> None:
    org = tied()
    sent = org.records[REFERRAL]
    sent.remove(next(row for row in sent if row["PANDA_Key__c"] == "maple:referral:41"))

    assert check(named(), org, "practice", True, defect("Referral", 41, "held_back")) == set()
    assert check(named(), org, "practice", True, defect("Referral", 41, "rejected")) == {
        ("differs", "Name", "maple:office:r43"),
        ("extra", "Id", _TIE_OF_ANN),
    }


def provider(number: int, written: str | None) -> dict[str, Any]:
    return {"ProviderID": number, "PracticeName": written}


def referral(number: int, written: str, dentist: int | str | None) -> dict[str, Any]:
    by_number = {"found.ProviderID": dentist, "found.ReferrerID": None}
    by_text = {"found.ProviderID": None, "found.ReferrerID": dentist}
    found = by_number if isinstance(dentist, int) else by_text
    return {"ReferralID": number, "ReferrerPractice": written} | found


@pytest.mark.parametrize(
    ("providers", "referrals", "wanted"),
    [
        ([provider(10, "Elm"), provider(9, "ELM")], [], {"p9": ("ELM", {"provider:10", "provider:9"})}),
        (
            [provider(10, "Elm")],
            [referral(8, "elm, LLC", 10), referral(7, "elm, LLC", "r7"), referral(6, "ÉLM", 10)],
            {"p10": ("elm, LLC", {"provider:10", "referrer:r7"})},
        ),
        (
            [provider(10, None)],
            [referral(2, "Elm & Oak", 10), referral(3, "Elm and Oak, P.C.", "r7"), referral(4, "Elm", 10)],
            {"r2": ("Elm & Oak", {"provider:10", "referrer:r7"}), "r4": ("Elm", {"provider:10"})},
        ),
        ([provider(10, "n/a"), provider(11, " "), provider(12, "Maple, Inc.")], [], {}),
        ([], [referral(2, "Elm", 10), referral(3, "Elm", None)], {}),
    ],
)
def test_which_offices_there_are(providers: Rows, referrals: Rows, wanted: dict[str, Any]) -> None:
    for turn in (1, -1):
        told = offices(providers[::turn], referrals[::turn], [{"ReferrerID": "r7"}], Known("Maple", {}))
        assert {
            row["OfficeID"]: (
                row["Name"],
                {each["One"] for each in told.ties if each["Other"] == f"office:{row['OfficeID']}"},
            )
            for row in told.named
        } == wanted
        assert len(told.ties) == sum(len(dentists) for _, dentists in wanted.values())


def test_an_office_keeps_the_key_under_which_its_name_is_known() -> None:
    known = Known.of("maple", None, [OFFICE | {"PANDA_Key__c": "maple:office:p1", "Name": "Oak"}])

    told = offices([provider(1, "Elm"), provider(2, "Oak")], [], [], known)

    assert {row["Name"]: row["OfficeID"] for row in told.named} == {"Oak": "p1", "Elm": "p1?"}


def test_the_choice_can_be_said_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["--odbc", "x", "--instance-url", "https://line", "--token", "secret", "--practice", "oak"]
    assert options(needed).account_relations == "off"

    monkeypatch.setenv("BLACKBOX_ACCOUNT_RELATIONS", "on")
    assert options(needed).account_relations == "on"
    assert options([*needed, "--account-relations", "off"]).account_relations == "off"
