"""The black-box checker over a filled Freshsales account: silent where it is faithful, and it names each
damage that is done behind its back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets_tests.blackbox.freshsales.api import Api
from migration_assets_tests.blackbox.freshsales.reading import Account, read_account
from migration_assets_tests.blackbox.report import Row
from migration_assets_tests.integration.damage import Checked
from migration_assets_tests.integration.freshsales_account import KEY_VARIABLE, AccountBlackBox, fill
from migration_assets_tests.sandbox.freshsales_fixtures import Opened, opened
from migration_sandbox.practice.generator import Practice, generate

LONG = "".join(f"Line {number} of the narrative, told at length.\n" for number in range(2_000))
LINE = "cm_dental_treatment_plan"


def practice_with_long_texts() -> Practice:
    """Two relatives share an e-mail; one plan's narrative is longer than a note."""
    made = generate(5, 10, exams_per_patient=1.3, numbering="mixed", planted=0, canaries=2, tables="all")
    patients, plans = made.tables["Patient"], made.tables["TreatmentPlan"]
    shared = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("Home@mail.example")).otherwise("Email")
    long = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(LONG)).otherwise("TreatmentNotes")
    changed = {
        "Patient": patients.with_columns(shared.alias("Email")),
        "TreatmentPlan": plans.with_columns(long.alias("TreatmentNotes")),
    }
    return replace(made, tables={**made.tables, **changed})


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountBlackBox]:
    directory: Path = tmp_path_factory.mktemp("blackbox")
    practice = practice_with_long_texts()
    with pytest.MonkeyPatch.context() as patch, opened(directory / "account") as account:
        patch.setenv(KEY_VARIABLE, account.sandbox.api_key)
        account.control.settings(calls_an_hour=1_000_000, calls_a_minute=1_000_000)
        fill(practice, account)
        checker = AccountBlackBox.over(practice, directory, account)
        try:
            yield checker
        finally:
            checker.server.stop()


@pytest.fixture(scope="module")
def faithful(checker: AccountBlackBox) -> Checked:
    return checker.check()


def test_a_faithful_account_has_no_difference(faithful: Checked) -> None:
    assert faithful.lines[-1] == "differences: 0", faithful.lines
    assert faithful.status == 0


@dataclass
class Vandal:
    """Somebody who changes an account by its API; each record at most once, but for fields of contacts."""

    account: Opened
    there: Account
    used: set[str]

    def one(self, obj: str, fits: Callable[[Row], Any] = bool) -> Row:
        found = (row for row in self.there.records[obj] if row["Id"] not in self.used and fits(row))
        row = next(found)
        self.used.add(row["Id"])
        return row

    def named(self, entity: str, label: str) -> str:
        """What the API calls a custom field."""
        fields = self.account.ok("GET", f"/settings/{entity}/fields")["fields"]
        return next(str(each["name"]) for each in fields if each["label"] == label)

    def put(self, path: str, root: str, row: Row, **values: Any) -> str:
        self.account.ok("PUT", f"/{path}/{row['Id']}", {root: values})
        return str(row["key"])

    def contact(self, fits: Callable[[Row], Any], **values: Any) -> str:
        row = next(row for row in self.there.records["contact"] if fits(row))
        self.used.add(row["Id"])
        return self.put("contacts", "contact", row, **values)

    def custom(self, label: str, value: Any, space: str = "patient") -> str:
        """Another value in a contact's custom field that has one."""
        name = self.named("contacts", label)
        return self.contact(
            lambda row: f":{space}:" in row["key"] and row[label] not in (None, "", value),
            custom_field={name: value},
        )

    def text(self, space: str, old: str, new: str) -> str:
        """Another word in a note."""
        row = self.one("note", lambda each: f":{space}:" in each["key"] and old in each["text"])
        changed = row["text"].replace(old, new, 1)
        return self.put("notes", "note", row, description=f"{changed}\n[PANDA {row['key']}]")


def is_patient(row: Row) -> bool:
    return ":patient:" in str(row["key"])


def _of_line(vandal: Vandal) -> str:
    row = vandal.one(LINE, lambda each: each["Phase"])
    vandal.account.ok(
        "PUT", f"/custom_module/{LINE}/{row['Id']}", {LINE: {"custom_field": {"cf_phase": "x"}}}
    )
    return str(row["key"])


def _of_deal(vandal: Vandal) -> str:
    row = vandal.one("deal", lambda each: each["deal_stage"] != "Lost")
    path = f"/selector/deal_pipelines/{row['deal_pipeline_id']}/deal_stages"
    stages = vandal.account.ok("GET", path)["deal_stages"]
    lost = next(each["id"] for each in stages if each["name"] == "Lost")
    return vandal.put("deals", "deal", row, deal_stage_id=lost)


def _deals_other_contact(vandal: Vandal) -> str:
    row = vandal.one("deal")
    other = next(
        each
        for each in vandal.there.records["contact"]
        if each["Id"] not in row["contacts"] and is_patient(each)
    )
    return vandal.put("deals", "deal", row, contacts_added_list=[int(other["Id"])])


def _moved_appointment(vandal: Vandal) -> str:
    row = vandal.one("appointment")
    return vandal.put("appointments", "appointment", row, from_date="2001-01-01T10:00:00Z")


def _left_out_attendee(vandal: Vandal) -> str:
    row = vandal.one("appointment", lambda each: len(each["attendees"]) > 1)
    told = vandal.account.ok("GET", f"/appointments/{row['Id']}")["appointment_attendees"]
    gone = [{"id": told[-1]["id"], "_destroy": True}]
    return vandal.put("appointments", "appointment", row, appointment_attendees_attributes=gone)


def _described_otherwise(vandal: Vandal) -> str:
    row = vandal.one("appointment", lambda each: "\nDuration in minutes: " in each["text"])
    kept = "\n".join(line for line in row["text"].split("\n") if not line.startswith("Duration"))
    description = f"{kept}\n[PANDA {row['key']}]"
    return vandal.put("appointments", "appointment", row, description=description)


def _lost_part(vandal: Vandal) -> str:
    row = vandal.one("note", lambda each: each["key"].endswith("-part2"))
    vandal.account.ok("DELETE", f"/notes/{row['Id']}")
    return str(row["key"].removesuffix("-part2"))


def _note_twice(vandal: Vandal) -> str:
    row = vandal.one("note", lambda each: ":letter_note:" in each["key"])
    vandal.account.note(int(row["on"][0][1]), f"{row['text']}\n[PANDA {row['key']}]")
    return str(row["key"])


def _note_elsewhere(vandal: Vandal) -> str:
    row = vandal.one("note", lambda each: ":referral_note:" in each["key"])
    other = next(
        each for each in vandal.there.records["contact"] if each["Id"] != row["on"][0][1] and is_patient(each)
    )
    vandal.account.ok("DELETE", f"/notes/{row['Id']}")
    vandal.account.note(int(other["Id"]), f"{row['text']}\n[PANDA {row['key']}]")
    return str(row["key"])


def _other_bytes(vandal: Vandal) -> str:
    row = vandal.one("document", lambda each: ":document:" in each["key"])
    vandal.account.control.corrupt("change_byte", "document", id=int(row["Id"]))
    return str(row["key"])


def _lost_file(vandal: Vandal) -> str:
    row = vandal.one("document", lambda each: ":chart:" in each["key"])
    vandal.account.control.corrupt("delete", "document", id=int(row["Id"]))
    return str(row["key"])


def _lost_contact(vandal: Vandal) -> str:
    row = vandal.one("contact", lambda each: ":referrer:" in each["key"])
    vandal.account.call("DELETE", f"/contacts/{row['Id']}").raise_for_status()
    return str(row["key"])


def _contact_too_many(vandal: Vandal) -> str:
    vandal.account.contact(external_id="maple:patient:999999", last_name="Extra")
    return "maple:patient:999999"


DAMAGES: dict[str, Callable[[Vandal], str]] = {
    "contact.last_name differs": lambda by: by.contact(is_patient, last_name="Other"),
    "contact.email differs": lambda by: by.contact(
        lambda row: is_patient(row) and row["email"], emails="o@x.example"
    ),
    "contact.sales_account differs": lambda by: by.contact(is_patient, sales_accounts=[]),
    "contact.Other Email differs": lambda by: by.custom("Other Email", "gone@x.example"),
    "contact.Birth Date differs": lambda by: by.custom("Birth Date", "1950-01-02"),
    "contact.Last_Pocket_Depth_MM__c differs": lambda by: by.custom("Last_Pocket_Depth_MM__c", 18),
    "contact.Charting Visit Dates differs": lambda by: by.custom("Charting Visit Dates", "2001-01-01"),
    "contact.Insurance_Carrier__c differs": lambda by: by.custom("Insurance_Carrier__c", "None"),
    "contact.Periodontal_Grade__c differs": lambda by: by.custom("Periodontal_Grade__c", "A"),
    "contact.Provider_Role__c differs": lambda by: by.custom("Provider_Role__c", "RDH", "provider"),
    "contact.Referring_Dentist_Total_Referrals__c differs": lambda by: by.custom(
        "Referring_Dentist_Total_Referrals__c", 99, "referrer"
    ),
    "contact.key missing": _lost_contact,
    "contact.key extra": _contact_too_many,
    "sales_account.name differs": lambda by: by.put(
        "sales_accounts",
        "sales_account",
        by.one("sales_account", lambda row: ":office:" in row["key"]),
        name="Other",
    ),
    "deal.amount differs": lambda by: by.put("deals", "deal", by.one("deal"), amount=1.5),
    "deal.deal_stage differs": _of_deal,
    "deal.contacts differs": _deals_other_contact,
    f"{LINE}.Phase differs": _of_line,
    "appointment.title differs": lambda by: by.put(
        "appointments", "appointment", by.one("appointment"), title="Other"
    ),
    "appointment.from_date differs": _moved_appointment,
    "appointment.attendees differs": _left_out_attendee,
    "appointment.description.Duration in minutes differs": _described_otherwise,
    "note.description.Provider differs": lambda by: by.text("note", "\nProvider: ", "\nProvider: Not "),
    "note.description.Findings differs": lambda by: by.text("exam_note", "\nFindings:\n", "\nFindings:\n9, "),
    "note.Chart.PocketDepth_MB differs": lambda by: by.text("exam_note", "; depth ", "; depth 1"),
    "note.parts differs": _lost_part,
    "note.key doubled": _note_twice,
    "note.target differs": _note_elsewhere,
    "document.MD5 differs": _other_bytes,
    "document.key missing": _lost_file,
}


@pytest.fixture(scope="module")
def damaged(checker: AccountBlackBox, faithful: Checked) -> tuple[Checked, dict[str, str]]:
    """What the checker says of an account with every damage, and the key of the record with each."""
    assert faithful.status == 0
    sandbox = checker.account.sandbox
    api = Api(f"https://{sandbox.bundle}", sandbox.api_key, str(sandbox.ca_path))
    vandal = Vandal(checker.account, read_account(api, "maple"), set())
    keys = {named: damage(vandal) for named, damage in DAMAGES.items()}
    api.close()
    return checker.check(), keys


@pytest.mark.parametrize("named", DAMAGES)
def test_the_checker_names_each_damage(damaged: tuple[Checked, dict[str, str]], named: str) -> None:
    checked, keys = damaged

    assert checked.status == 1
    said = [line for line in checked.lines if line.startswith(f"{named}:")]
    assert len(said) == 1 and keys[named] in said[0], (said, checked.lines)


def test_the_checker_names_nothing_else(damaged: tuple[Checked, dict[str, str]]) -> None:
    checked, keys = damaged

    after = checked.lines[[line.startswith("differences") for line in checked.lines].index(True) + 1 :]
    assert {line.partition(": ")[0] for line in after} - set(keys) <= {"document.SHA256 differs"}
