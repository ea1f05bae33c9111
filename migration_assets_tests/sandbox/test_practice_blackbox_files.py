"""The blackbox check of files, invitations and owners: silent over a faithful org, loud about each damage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migration_assets_tests.blackbox.compare import Org, compare, org_objects, source_columns
from migration_assets_tests.blackbox.contents import MOST, Hashes, compare_contents, sample
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.report import Announced, Report
from migration_assets_tests.sandbox.blackbox_files_world import (
    ATTENDEE,
    LINK,
    VERSION,
    files_org,
    files_source,
)
from migration_assets_tests.sandbox.blackbox_records_world import EVENT
from migration_assets_tests.sandbox.blackbox_world import EXAM, LOGIN, PLAN, ZONE, Tables
from migration_assets_tests.sandbox.test_practice_blackbox import defect, found

_ANNA, _BEN = 1, 2
_REPORT, _FEES, _STORED, _ON_SHARE = range(4)


def check(
    source: Tables, org: Org, announced: Announced | None = None, *groups: str, **others: Any
) -> Report:
    return compare(source, org, "maple", ZONE, announced or Announced(), (), None, groups or GROUPS, **others)


def test_a_faithful_org_has_no_difference() -> None:
    report = check(files_source(), files_org())

    assert report.differences == []
    compared = {"documents": 3, "radiographs on the share": 1}
    assert {kind: report.counts[f"{kind} compared"] for kind in compared} == compared
    assert report.counts[f"{LINK} records compared"] == 6
    assert report.counts[f"{ATTENDEE} records compared"] == 1


_DAMAGES: dict[str, tuple[str, int, str, Any]] = {
    "an extension in a title": (VERSION, _REPORT, "Title", "Report to Dr. X.PDF"),
    "a title cut at its last dot": (VERSION, _FEES, "Title", "Fees 12"),
    "a byte": (VERSION, _FEES, "ContentSize", 4),
    "another content": (VERSION, _STORED, "Checksum", "0" * 32),
    "another image's content": (VERSION, _ON_SHARE, "Checksum", "0123456789abcdef0123456789abcdef"),
    "another patient's number": (VERSION, _FEES, "ChartNumber__c", "P-1"),
    "a letter that is none": (VERSION, _FEES, "Document_Type__c", "letter"),
    "a forgotten zone": (VERSION, _REPORT, "Letter_Sent__c", "2024-03-01T09:00:00.000+0000"),
    "a type as written": (VERSION, _REPORT, "Letter_Type__c", "to referral"),
    "another letter's subject": (VERSION, _REPORT, "Letter_Subject__c", "Your plan"),
    "another template": (VERSION, _REPORT, "Letter_Template__c", "Recall"),
    "a letter less": (VERSION, _REPORT, "Other_Letters__c", "to specialist, Your plan"),
    "a letter's subject on an image": (VERSION, _STORED, "Letter_Subject__c", "Re: Zoë"),
    "a time of filing on an image": (
        VERSION,
        _ON_SHARE,
        "Original_Create_Date__c",
        "2024-07-01T13:00:00.000+0000",
    ),
    "the further image's time": (VERSION, _STORED, "Radiograph_Date__c", "2020-02-03T15:05:00.000+0000"),
    "the further image forgotten": (VERSION, _STORED, "Other_Radiographs__c", None),
    "letters in another order": (
        "Contact",
        _ANNA,
        "Letters_Without_File__c",
        "2024-03-02: to patient, Zoë, Your plan\nLetter",
    ),
    "an image without file forgotten": (
        "Contact",
        _BEN,
        "Radiographs_Without_File__c",
        "2020-02-03: Periapical",
    ),
    "a letter with a file as one without": ("Contact", _BEN, "Letters_Without_File__c", "Letter"),
    "the provider's own owner": ("Contact", 0, "OwnerId", LOGIN),
    "a referrer's owner": ("Contact", 3, "OwnerId", "005A"),
    "an exam of the default owner's": (EXAM, 1, "OwnerId", "005A"),
    "a plan of an inactive user's": (PLAN, 0, "OwnerId", "005X"),
    "an event of nobody's": (EVENT, 0, "OwnerId", None),
}
"""Object, place of the record, field, and what it holds instead."""


@pytest.mark.parametrize("kind", _DAMAGES)
def test_a_damaged_field_is_found_and_nothing_else(kind: str) -> None:
    obj, place, field, value = _DAMAGES[kind]
    org = files_org()
    record = org.records[obj][place]
    assert record.get(field) != value

    record[field] = value

    assert found(check(files_source(), org)) == {("differs", field, record["PANDA_Key__c"])}


def test_links_are_missing_doubled_too_many_or_shared_otherwise() -> None:
    org = files_org()
    to_anna, to_plan, _, to_practice, *_ = links = org.records[LINK]
    links.remove(to_plan)
    links += [to_anna, to_anna | {"LinkedEntityId": "003B"}, to_anna | {"LinkedEntityId": "0F9A"}]
    to_practice["ShareType"] = "I"

    assert found(check(files_source(), org)) == {
        ("missing", "Id", "maple:document:200+maple:plan:20"),
        ("doubled", "Id", "maple:document:200+maple:patient:1"),
        ("extra", "Id", "maple:document:200+maple:patient:2"),
        ("extra", "Id", "maple:document:200+0F9A"),
        ("differs", "ShareType", "maple:document:201+maple:practice:maple"),
    }


def test_a_paper_of_nobodys_shows_nowhere_where_there_is_no_account() -> None:
    org = files_org()
    org.records["Account"].clear()
    for contact in org.records["Contact"]:
        contact["AccountId"] = None

    extra = {("extra", "Id", "maple:document:201+001A")}
    assert found(check(files_source(), org, accounts="none")) == extra


@pytest.mark.parametrize("shared", [False, True])
def test_invitations_are_told_from_what_shared_activities_add(shared: bool) -> None:
    org = files_org()
    relations = org.records[ATTENDEE]
    if shared:
        relations += [
            {"EventId": event, "RelationId": "003A", "IsInvitee": False, "IsDeleted": False}
            for event in ("00UA", "00UB")
        ]
    relations.append(relations[0] | {"EventId": "00UB", "RelationId": "003X", "IsDeleted": True})
    assert found(check(files_source(), org)) == set()

    relations.append(relations[0] | {"EventId": "00UB"})
    relations[0] = relations[0] | ({"IsInvitee": False} if shared else {"RelationId": "003B"})

    visit, provider = "maple:appointment:80", "maple:provider:3"
    wrong = (
        {("differs", "IsInvitee", f"{visit}+{provider}")}
        if shared
        else {("missing", "Id", f"{visit}+{provider}"), ("extra", "Id", f"{visit}+maple:patient:2")}
    )
    assert found(check(files_source(), org)) == {*wrong, ("extra", "Id", f"maple:appointment:81+{provider}")}


def test_the_default_owner_has_what_no_providers_user_owns() -> None:
    org = files_org()
    for obj in ("Contact", EXAM, PLAN, EVENT):
        for record in org.records[obj]:
            record["OwnerId"] = record["OwnerId"].replace(LOGIN, "005D")

    assert found(check(files_source(), org, default_owner="Desk@maple.example")) == set()
    with pytest.raises(ValueError, match="default owner"):
        check(files_source(), org, default_owner="old@x")


@pytest.mark.parametrize("group", ["files", "attendees", "owners"])
def test_each_group_is_compared_alone(group: str) -> None:
    source, full = files_source(), files_org()
    tables = {*source_columns((group,)), "share."}
    alone = {table: rows for table, rows in source.items() if table in tables}
    relations = {"files": (LINK,), "attendees": (ATTENDEE,), "owners": ("User",)}[group]
    org = replace(full, records={obj: full.records[obj] for obj in (*org_objects((group,)), *relations)})

    report = check(alone, org, None, group)

    # Of referrers' owners only who compares referrals knows.
    assert {each for each in found(report) if ":referrer:" not in each[2]} == set()


def test_defects_of_files_must_be_announced() -> None:
    source, org = files_source(), files_org()
    documents, letters, images = source["Document"], source["Letter"], source["Radiograph"]
    documents[2]["FileName"] = "IMG_400"
    documents[1] |= {"size of": None, "MD5 of": None}
    letters[0]["DocumentID"] = 999
    letters[3]["DocumentID"] = 999
    images[0]["TakenAt"] = images[0]["TakenAt"].replace(year=1899)
    source["share."][0] |= {"Bytes": None, "MD5": None}
    report, _, stored, _ = org.records[VERSION]
    org.records[VERSION] = [report, stored]
    report["Other_Letters__c"] = "to specialist, Your plan"
    org.records["Contact"][_ANNA]["Letters_Without_File__c"] = "\n".join(
        ["Letter", *["2024-03-02: to patient, Zoë, Your plan"] * 2]
    )
    # The image without a time is the further one now, and its line has no day.
    stored |= {
        "Other_Radiographs__c": "Periapical, 13", "Radiograph_Date__c": "2020-02-03T15:05:00.000+0000",
        "Tooth_Site__c": None,
    }  # fmt: skip
    org.records[LINK] = [each for each in org.records[LINK] if each["ContentDocumentId"] in ("069A", "069C")]
    kinds = {each[0] for each in found(check(source, org))}
    assert kinds == {"missing", "not announced"}

    announced = Announced(
        [
            defect("Document", 202, "corrected", "FileName", "extension_added"),
            defect("Document", 201, "rejected", "Content", "content_missing"),
            defect("Letter", 300, "corrected", "DocumentID", "document_missing"),
            defect("Letter", 303, "corrected", "DocumentID", "document_missing"),
            defect("Radiograph", 400, "corrected", "TakenAt", "taken_at_implausible"),
            defect("Radiograph", 402, "rejected", "FilePath", "file_not_found"),
        ]
    )
    assert found(check(source, org, announced)) == set()


def test_contents_are_sampled_by_a_fixed_rule_and_a_swapped_one_is_found() -> None:
    keys = [{"PANDA_Key__c": f"maple:document:{number}"} for number in range(2 * MOST + 1)]
    assert sample(keys[:MOST]) == sorted(keys[:MOST], key=lambda row: row["PANDA_Key__c"])
    assert len(sample(keys)) == 201
    assert sample(keys) == sample(keys[::-1])

    report = Report()
    contents = {"maple:document:1": Hashes("0a", "0a"), "maple:document:2": Hashes("0a", "0b")}
    compare_contents(report, contents, 5)
    assert found(report) == {("differs", "VersionData", "maple:document:2")}
    assert report.counts["contents compared by checksum alone"] == 3
