"""The post-migration report of a small practice that went through the whole engine: what it says, where it is
kept, and that nothing which isn't there as in PANDA is left unsaid."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster import DagsterInstance, materialize

from migration_assets.migration.decisions import Decision, Exported, UploadBegan, UploadEnded
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.reconciliation import Reject
from migration_assets.migration.report_facts import course
from migration_assets.migration.upload_file import SHARED_COLUMNS
from migration_assets.orchestration import report_assets
from migration_assets.orchestration.report_assets import build_go_live_guide, build_report
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets.reports import go_live_guide, migration_report
from migration_assets.reports.migration_report import Report, Written, make_report, write_report
from migration_assets.reports.migration_report_content import shared_values, verdict
from migration_assets.reports.reconciliation import write_reconciliation
from migration_assets.reports.wording import wording
from migration_assets_tests.migration.test_operations import Office, founded, patient
from migration_assets_tests.orchestration.installation import evaluations, metadata
from migration_assets_tests.reports.test_cutover_board import night

HOSTILE = "<script>alert(1)</script>"
AT = datetime(2024, 5, 6, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A practice with a patient who can't become a contact, one whom the destination refuses, and a name that
    would be a script if it weren't escaped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        made = founded(tmp_path_factory.mktemp("office"))
        made.patients += [patient(3, LastName=None), patient(4), patient(7, LastName=HOSTILE)]
        made.destination.refused.add("maple:patient:4")
        made.stage()
        made.migration().prepare()
        made.upload()
        migration = made.migration()
        reconciled = made.reconcile().reconciliation
        write_reconciliation(reconciled, migration.platform.report_directory(migration.target))
        yield made


@pytest.fixture(scope="module")
def report(office: Office) -> Report:
    return make_report(office.migration(), AT)


@pytest.fixture(scope="module")
def written(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_report(report, tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def document(written: Written) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written.json.read_text(encoding="utf-8"))
    return found


def test_every_file_is_the_owners_alone_and_the_pdf_is_one(written: Written) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in written.paths} == {0o600}
    assert written.pdf.read_bytes().startswith(b"%PDF-")


def test_everything_that_is_not_there_is_listed_once_with_cause_and_remedy(
    report: Report, written: Written, document: dict[str, Any]
) -> None:
    with written.exceptions.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    reconciliation = report.reconciliation
    expected = sorted(
        [("rejected", each.source_key, each.code) for each in reconciliation.rejects]
        + [("failed", each.key, each.code) for each in reconciliation.failures]
        + [("held_back", each.key, each.code) for each in reconciliation.held_back]
        + [("corrected", each.source_key, each.code) for each in reconciliation.corrections]
    )

    assert ("rejected", "3", "missing_last_name") in expected
    assert ("failed", "maple:patient:4", "REFUSED") in expected
    assert sorted((row["ending"], row["key"], row["code"]) for row in rows) == expected
    assert all(row["cause"] and row["remedy"] for row in rows)
    page = written.html.read_text(encoding="utf-8")
    assert all(key in page for ending, key, _ in expected if ending != "corrected")
    listed = [
        (each["ending"], line["key"], each["code"])
        for each in document["exceptions"]
        for line in each["lines"]
    ]
    assert sorted(listed) == expected


def test_programs_find_the_equations_and_the_audit_log(report: Report, document: dict[str, Any]) -> None:
    by_equation = {(each["equation"], each["where"]): each for each in document["equations"]}
    patients = by_equation[("extracted = staged + rejected", "Patient")]
    contacts = by_equation[("in scope = loaded + failed + held back", "Contact")]

    assert (patients["left"], patients["right"], patients["holds"]) == (5, [4, 1], True)
    assert contacts["left"] == sum(contacts["right"])
    assert contacts["right"][1] == 1
    assert all(each["holds"] for each in document["equations"])
    assert document["audit_log"] == report.head.described()


def test_what_a_record_says_is_text_on_every_page(written: Written) -> None:
    page = written.html.read_text(encoding="utf-8")

    assert escape(HOSTILE) in page
    assert HOSTILE not in page


def test_a_list_that_is_too_long_for_paper_says_where_the_rest_is(report: Report) -> None:
    rejects = [
        Reject(table="Patient", source_key=f"p{number}", column=None, code="missing_last_name", message="m")
        for number in range(migration_report.MOST_ON_PAPER + 5)
    ]
    many = replace(report, reconciliation=report.reconciliation.model_copy(update={"rejects": rejects}))
    shown = migration_report.shown(many)

    paper = migration_report.page(shown, paper=True)
    screen = migration_report.page(shown, paper=False)

    assert "5 more stand in exceptions.csv" in paper
    assert "p204" not in paper
    assert "p204" in screen


def test_values_that_relatives_share_are_counted_and_listed_by_key(report: Report) -> None:
    mapping = load_mapping("freshsales").resolved({"accounts": "practice", "shared_emails": "second_field"})
    rows = [
        ("sales_account", "maple:office:9", "name", "maple:office:2", "add_id"),
        ("contact", "maple:patient:5", "email", "maple:patient:3", "move"),
        ("contact", "maple:patient:8", "email", "maple:provider:1", "move"),
    ]
    shared = pl.DataFrame(rows, schema=SHARED_COLUMNS, orient="row")
    told = replace(
        report,
        target=Target("maple", "freshsales", "live"),
        plan=Plan(mapping, None, {}),
        facts=replace(report.facts, shared=shared),
    )

    emails, names = shared_values(told.facts.shared, told.plan)
    assert (emails.label, emails.what) == ("Emails", "moved to the field Other Email")
    assert emails.records == (
        ("maple:patient:5", "maple:patient:3"),
        ("maple:patient:8", "maple:provider:1"),
    )
    assert (names.object, names.what) == (
        "sales_account",
        "kept, with the record's number of PANDA behind it",
    )


def test_what_is_not_migrated_and_how_it_came_are_told_of_each_destination(report: Report) -> None:
    shown = migration_report.shown(report)
    for name, told in (("freshsales", "not through its import of CSV files"), ("salesforce", "Bulk API 2.0")):
        words = wording(name)
        page = migration_report.page(
            shown | {"words": words, "product": words.destination.product}, paper=True
        )

        assert "PANDA keeps no log of calls and e-mails" in page
        assert told in page
        assert "No value had to be kept apart." in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"balanced": False}, "do not add up"),
        ({"objects": "differ"}, "are not as PANDA holds them"),
        ({"objects": "left"}, "1 are not there yet"),
        ({}, "could not become records"),
        ({"sources": []}, "every compared value as in PANDA."),
    ],
)
def test_the_verdict_is_one_sentence_of_the_worst(report: Report, change: dict[str, Any], told: str) -> None:
    found = report.reconciliation
    contact = next(each for each in found.objects if each.object == "Contact")
    whole = contact.model_copy(
        update={"state": contact.state.model_copy(update={"loaded": contact.state.in_scope, "failed": 0})}
    )
    objects = {"differ": whole.model_copy(update={"meaning_different": 2}), "left": contact}
    chosen = objects.get(str(change.get("objects")), whole)
    judged = found.model_copy(update={**change, "objects": [chosen], "failures": []})

    assert told in verdict(judged, "Maple", "Salesforce")


def test_durations_are_of_ended_uploads_and_a_broken_off_one_is_told() -> None:
    target = Target("maple", "salesforce", "live")

    def began(seconds: int, run: str, name: str = "Contact", environment: str = "live") -> Decision:
        at = AT + timedelta(seconds=seconds)
        return UploadBegan(at=at, destination="salesforce", environment=environment, run_id=run, object=name)

    def ended(seconds: int, run: str, sent: int) -> Decision:
        at = AT + timedelta(seconds=seconds)
        return UploadEnded(
            at=at,
            destination="salesforce",
            environment="live",
            run_id=run,
            object="Contact",
            counts={"sent": sent},
        )

    log = [
        began(0, "one"),
        began(5, "two"),
        ended(15, "two", 300),
        began(20, "three", environment="rehearsal"),
        began(30, "four"),
        ended(40, "four", 100),
    ]
    (contact,) = course(log, target).uploads

    assert (contact.uploads, contact.broken_off, contact.sent, contact.seconds) == (3, 1, 400, 20.0)
    assert contact.a_second == 20.0


def test_the_patients_to_look_up_are_those_of_the_diff(report: Report, document: dict[str, Any]) -> None:
    chosen = report.diff.patients["source_id"].to_list()[:10]

    assert chosen
    assert document["spot_check"]["patients"] == chosen
    assert document["spot_check"]["classes"]["lost"] >= 0


def test_dagster_links_the_files_and_the_audit_log_names_them(
    office: Office, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = office.migration()
    monkeypatch.setattr(report_assets, "make_report", lambda *_: report)
    monkeypatch.setattr(report_assets, "Migration", lambda *_: office.migration())
    for module in (migration_report, go_live_guide):
        monkeypatch.setattr(module, "render_pdf", lambda _: b"%PDF- of another test")
    platform = PlatformResource(data=str(office.platform.data), practices=None, warehouse=WarehouseResource())
    assets = [
        build("salesforce_rehearsal", "salesforce", "rehearsal")
        for build in (build_report, build_go_live_guide)
    ]

    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("practice", ["maple"])
        run = materialize(assets, partition_key="maple", instance=instance, resources={"platform": platform})

    told = metadata(run, "salesforce_rehearsal/report")
    assert Path(told["report"]).name == "report.html"
    assert Path(told["pdf"]).exists()
    (check,) = evaluations(run)
    assert (check.check_name, check.passed) == ("report_balanced", True)
    log = migration.platform.decisions(migration.practice)
    exported = sorted(sorted(each.hashes) for each in log.entries() if isinstance(each, Exported))
    assert exported == [
        [
            "exceptions.csv",
            "files.csv",
            "letter_templates.html",
            "report.html",
            "report.json",
            "report.pdf",
            "shared_values.csv",
        ],
        ["go_live_guide.html", "go_live_guide.pdf"],
    ]
    guide = metadata(run, "salesforce_rehearsal/go_live_guide")
    assert str(log.verify()) in (told["audit_log"], guide["audit_log"])


def test_a_cutover_is_told_in_short_and_without_one_the_report_has_no_such_part(report: Report) -> None:
    assert report.cutover is None
    assert 'id="cutover"' not in migration_report.page(migration_report.shown(report), paper=False)

    told = replace(report, cutover=night(3))

    for paper in (False, True):
        text = migration_report.page(migration_report.shown(told), paper=paper)
        assert "2026-12-01 18:00:00 to 2026-12-03 18:00:00 (America/New_York)" in text
        assert "The window is open; half of the records were found in Salesforce within 2 min 49 s" in text
        assert "stands in cutover.html beside this report" in text
    assert migration_report.as_document(told)["cutover"]["lag"]["measured"] == 3
