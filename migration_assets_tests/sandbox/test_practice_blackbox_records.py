"""The blackbox check beyond charts and plans: silent over a faithful org, loud about each damage."""

from __future__ import annotations

from typing import Any

import pytest

from migration_assets_tests.blackbox.compare import Org, compare, org_objects, source_columns
from migration_assets_tests.blackbox.files import VERSION
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.report import Announced, Report
from migration_assets_tests.sandbox.blackbox_records_world import (
    EVENT,
    FINDING,
    NOTE,
    RECORDS,
    REFERRAL,
    records_org,
    records_source,
)
from migration_assets_tests.sandbox.blackbox_world import (
    EXAM,
    ZONE,
    Tables,
    announced_by,
    faithful_org,
    small_source,
    tables_of,
)
from migration_assets_tests.sandbox.test_practice_blackbox import defect, found
from migration_sandbox.practice.generator import generate


def check(source: Tables, org: Org, announced: Announced | None = None, *groups: str) -> Report:
    return compare(source, org, "maple", ZONE, announced or Announced(), (), None, groups or RECORDS)


def test_a_faithful_org_has_no_difference() -> None:
    report = check(records_source(), records_org())

    assert report.differences == []
    compared = {"findings": 2, "notes": 4, "events": 2, "referrals": 8, "referrers": 3}
    assert {kind: report.counts[f"{kind} compared"] for kind in compared} == compared


_ANNA, _WEISS, _NAMELESS = 1, 3, 4
_DAMAGES: dict[str, tuple[str, int, str, Any]] = {
    "an earlier stage": ("Contact", _ANNA, "Periodontal_Stage__c", "III"),
    "a stage of another exam": (EXAM, 1, "Periodontal_Stage__c", "IV"),
    "a grade as written": (EXAM, 0, "Periodontal_Grade__c", "b"),
    "the history in another order": (
        "Contact",
        _ANNA,
        "Classification_History__c",
        "2024-01-15: Stage III, Grade B, Localized\nStage III, Localized\n2024-01-15: Grade B, Localized",
    ),
    "a line of the history less": ("Contact", _ANNA, "Classification_History__c", "Stage III, Localized"),
    "the second insurance first": ("Contact", _ANNA, "Insurance_Carrier__c", "Beacon"),
    "a percent": ("Contact", _ANNA, "Secondary_Coverage_Basic__c", 81.0),
    "an ended insurance less": ("Contact", _ANNA, "Other_Insurance__c", "Dentalia: W1, 100 %, 37.5 %"),
    "a policy less": ("Contact", _ANNA, "Other_Insurance__c", "Acme: 100 %, 80 %\nDentalia: W1, 100, 37.5"),
    "a share of another size": ("Contact", _ANNA, "Other_Insurance__c", "Acme W1 100 80\nDentalia W1 100 37"),
    "a provider's insurance": ("Contact", 0, "Insurance_Carrier__c", "Acme"),
    "a referrer's first name": ("Contact", _WEISS, "FirstName", "Zoé"),
    "a referrer who is no dentist": ("Contact", _WEISS, "Referring_Dentist__c", False),
    "details of somebody of the same name": ("Contact", _NAMELESS, "Email", "Z@WEISS.example"),
    "a tooth as charted for a tooth": (FINDING, 0, "ToothNumber__c", "13"),
    "a tooth for a tooth as charted": (FINDING, 0, "ToothAsCharted__c", "6"),
    "another site": (FINDING, 0, "Site__c", "DB"),
    "another exam's finding": (FINDING, 0, EXAM, "a00A"),
    "a finding of the mouth on a tooth": (FINDING, 1, "ToothNumber__c", "6"),
    "a word of a note less": (NOTE, 1, "Body__c", "Exam: pus at\ncafé"),
    "a sign of a note less": (NOTE, 2, "Body__c", "Called back. depth 4 mm"),
    "markup left in a note": (NOTE, 2, "Body__c", "Called back.</div> depth < 4 mm"),
    "a line of a plain note": (NOTE, 3, "Body__c", "Depth <5 mm. Next."),
    "another format": (NOTE, 3, "Body_Format__c", "html"),
    "an original of nothing": (NOTE, 3, "Body_Original__c", "Depth <5 mm.\nNext."),
    "an original without its end": (NOTE, 2, "Body_Original__c", "<div>Called&nbsp;back.</div>"),
    "a visit's note": (NOTE, 0, "Appointment_ID__c", "81"),
    "objective for subjective": (NOTE, 0, "Subjective__c", "Line one.\nLine two."),
    "a forgotten zone": (EVENT, 0, "StartDateTime", "2019-01-15T09:00:00.000+0000"),
    "an hour for a quarter": (EVENT, 0, "EndDateTime", "2019-01-15T15:00:00.000+0000"),
    "an end that nobody knows": (EVENT, 1, "EndDateTime", "2019-01-15T14:30:00.000+0000"),
    "nought for nothing": (EVENT, 1, "Duration__c", 0.0),
    "another patient's visit": (EVENT, 0, "WhoId", "003B"),
    "a status as written": (REFERRAL, 0, "Referral_Status__c", "Complete"),
    "the other way": (REFERRAL, 5, "Direction__c", "incoming"),
    "the provider that a name alone suggests": (REFERRAL, 6, "Referrer__c", "003P"),
    "the person that a name alone suggests": (REFERRAL, 5, "Referrer__c", "003W"),
    "a referrer for nobody": (REFERRAL, 7, "Referrer__c", "003X"),
    "no referrer for somebody": (REFERRAL, 2, "Referrer__c", None),
}
"""Object, place of the record, field, and what it holds instead."""


@pytest.mark.parametrize("kind", _DAMAGES)
def test_a_damaged_field_is_found_and_nothing_else(kind: str) -> None:
    obj, place, field, value = _DAMAGES[kind]
    org = records_org()
    record = org.records[obj][place]
    assert record.get(field) != value

    record[field] = value

    assert found(check(records_source(), org)) == {("differs", field, record["PANDA_Key__c"])}


@pytest.mark.parametrize(("obj", "key"), [(FINDING, "exam_finding:71"), (EVENT, "appointment:81")])
def test_records_are_missing_doubled_or_too_many_by_their_key(obj: str, key: str) -> None:
    org = records_org()
    gone = org.records[obj].pop()
    assert found(check(records_source(), org)) == {("missing", "PANDA_Key__c", f"maple:{key}")}

    org.records[obj] += [gone, gone, gone | {"PANDA_Key__c": f"maple:{key}0"}]
    assert found(check(records_source(), org)) == {
        ("doubled", "PANDA_Key__c", f"maple:{key}"),
        ("extra", "PANDA_Key__c", f"maple:{key}0"),
    }


def test_a_person_made_two_records_is_found() -> None:
    org = records_org()
    other = org.records["Contact"][_WEISS] | {"Id": "003Z", "PANDA_Key__c": "maple:referrer:r44"}
    org.records["Contact"].append(other)
    org.records[REFERRAL][4]["Referrer__c"] = "003Z"

    assert found(check(records_source(), org)) == {
        ("extra", "PANDA_Key__c", "maple:referrer:r44"),
        ("differs", "Referrer__c", "maple:referral:44"),
    }


def test_an_object_or_field_that_the_org_lacks_is_named_once() -> None:
    org = records_org()
    del org.described[EVENT], org.records[EVENT]
    org.described["Contact"] -= {"Periodontal_Stage__c"}

    assert found(check(records_source(), org)) == {
        ("no such object", "", ""),
        ("no such field", "Periodontal_Stage__c", ""),
        *(("missing", "PANDA_Key__c", f"maple:appointment:{visit}") for visit in (80, 81)),
    }


@pytest.mark.parametrize("group", RECORDS)
def test_each_group_is_compared_alone_or_not_at_all(group: str) -> None:
    source, full = records_source(), records_org()
    alone = {table: rows for table, rows in source.items() if table in source_columns((group,))}
    org = Org({obj: full.records[obj] for obj in org_objects((group,))}, full.described)
    assert check(alone, org, None, group).differences == []

    assert compare(small_source(), full, "maple", ZONE, Announced(), groups=()).differences == []


def test_corrections_and_rejects_of_records_must_be_announced() -> None:
    source, org = records_source(), records_org()
    source["ExamFinding"][0]["Tooth"] = org.records[FINDING][0]["ToothAsCharted__c"] = "99"
    source["Appointment"][0]["DurationMinutes"] = 5000
    source["Referral"][0]["Direction"] = "sideways"
    source["PeriodontalClassification"][2]["Stage"] = "V"
    org.records[FINDING][0]["ToothNumber__c"] = org.records[EVENT][0]["Duration__c"] = None
    org.records[EVENT][0]["EndDateTime"] = org.records[EVENT][0]["StartDateTime"]
    del org.records[REFERRAL][0]
    for record in (org.records["Contact"][_ANNA], org.records[EXAM][0]):
        record["Periodontal_Stage__c"] = None
    silent = {difference.kind for difference in check(source, org).differences}
    assert silent == {"not announced", "missing"}

    announced = Announced(
        [
            defect("ExamFinding", 70, "corrected", "Tooth", "bad_tooth"),
            defect("Appointment", 80, "corrected", "DurationMinutes", "duration_out_of_range"),
            defect("Referral", 40, "rejected", "Direction", "unknown_direction"),
            defect("PeriodontalClassification", 53, "corrected", "Stage", "unknown_stage"),
        ]
    )
    assert found(check(source, org, announced)) == set()


def test_the_manifest_of_a_generated_practice_explains_every_difference() -> None:
    practice = generate(7, 120, exams_per_patient=2, tables="all")
    source, announced = tables_of(practice), announced_by(practice)
    org = faithful_org(practice, announced, groups=GROUPS)

    assert check(source, org, announced, *GROUPS).differences == []
    codes = {
        each.code
        for each in practice.manifest.defects
        if each.outcome in ("rejected", "corrected", "held_back")
        and each.table in ("ExamFinding", "Appointment", "Referral", "ClinicalNote")
    }
    unexplained = {(each.object, each.kind) for each in check(source, org, None, *GROUPS).differences}
    assert len(codes) > 6
    assert {
        (FINDING, "not announced"),
        (EVENT, "missing"),
        (REFERRAL, "not announced"),
        (NOTE, "missing"),
        (VERSION, "missing"),
        (VERSION, "not announced"),
        ("Contact", "not announced"),
    } <= unexplained
