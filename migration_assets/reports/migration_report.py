"""The post-migration report: ``report.html`` and ``report.pdf`` from one template, ``report.json`` for
programs, and beside them the lists that are too long for paper: ``files.csv``, ``exceptions.csv`` and
``shared_values.csv``.

What stands in it is ``migration_report_content``'s to say.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import polars as pl

from migration_assets.mapping.inventory import inventory
from migration_assets.migration import gate
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.board import BoardFacts
from migration_assets.migration.decisions import Head
from migration_assets.migration.field_diff.compute import compute
from migration_assets.migration.field_diff.shape import Diff
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import Plan
from migration_assets.migration.reconciliation import Reconciliation
from migration_assets.migration.recording import RECONCILIATION_FILE
from migration_assets.migration.report_facts import ReportFacts, gather
from migration_assets.objects.registry import MAPPED_OBJECTS
from migration_assets.reports import cutover_board, letter_templates
from migration_assets.reports import migration_report_content as content
from migration_assets.reports.field_diff import document as field_diff_document
from migration_assets.reports.files import write_document, write_private
from migration_assets.reports.page import render, render_pdf
from migration_assets.reports.reconciliation import read_reconciliation
from migration_assets.reports.wording import Wording, wording

HTML_NAME, PDF_NAME, JSON_NAME = "report.html", "report.pdf", "report.json"
FILES_NAME, EXCEPTIONS_NAME, SHARED_NAME = "files.csv", "exceptions.csv", "shared_values.csv"
MOST_ON_PAPER, MOST_ON_SCREEN = 200, 2_000
"""Lines of one list; the rest stands in the CSV beside the report."""

_EXCEPTION_COLUMNS = ("ending", "where", "key", "field", "code", "cause", "remedy", "told")


@dataclass(frozen=True)
class Report:
    """What a report is made of; ``diff`` is of the patients to check by eye, ``cutover`` is None for a
    practice that has none."""

    target: Target
    practice_name: str
    plan: Plan
    reconciliation: Reconciliation
    facts: ReportFacts
    diff: Diff
    made_at: datetime
    head: Head
    cutover: BoardFacts | None = None

    @cached_property
    def words(self) -> Wording:
        return wording(self.target.destination)

    @cached_property
    def groups(self) -> tuple[content.Group, ...]:
        return content.groups(self.reconciliation, self.words)

    @cached_property
    def verdict(self) -> str:
        return content.verdict(self.reconciliation, self.practice_name, self.words.destination.product)

    @property
    def state(self) -> Literal["whole", "partly", "not"]:
        """``not`` where something is lost or differs, ``partly`` where anything isn't there yet."""
        if not self.reconciliation.balanced or self.reconciliation.different:
            return "not"
        there = all(each.state.loaded == each.state.in_scope for each in self.reconciliation.objects)
        return "whole" if there else "partly"

    def count(self, ending: content.Ending) -> int:
        return sum(each.count for each in self.groups if each.ending == ending)


def make_report(migration: Migration, made_at: datetime) -> Report:
    """From what the last reconciliation left; it connects to nothing.

    Raises ConfigurationError where nothing was reconciled yet.
    """
    platform, practice, target = migration.platform, migration.practice, migration.target
    plan, profile = migration.stored_plan(), platform.profile(practice)
    reconciliation = read_reconciliation(platform.report_directory(target))
    fields = inventory(plan.mapping, plan.layout, {each.name: each.source_columns for each in MAPPED_OBJECTS})
    with platform.upload_warehouse(target).open(read_only=True) as session:
        facts = gather(session, plan, profile, fields, migration.decisions.entries(), target)
    return Report(
        target=target,
        practice_name=practice.name,
        plan=plan,
        reconciliation=reconciliation,
        facts=facts,
        diff=compute(migration),
        made_at=made_at,
        head=migration.audit_head(),
        cutover=_cutover(migration, made_at),
    )


def _cutover(migration: Migration, made_at: datetime) -> BoardFacts | None:
    if migration.practice.cutover is None or migration.target.environment != gate.LIVE:
        return None
    return cutover_board.make_board(migration.platform, migration.target, made_at)


@dataclass(frozen=True, slots=True)
class Written:
    """Paths of what was written."""

    html: Path
    pdf: Path
    json: Path
    letter_templates: Path
    files: Path
    exceptions: Path
    shared: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        beside = (self.letter_templates, self.files, self.exceptions, self.shared)
        return (self.html, self.pdf, self.json, *beside)


def write_report(report: Report, directory: Path) -> Written:
    """All files, each readable by its owner only and whole or not at all."""
    values = shown(report)
    product = report.words.destination.product
    return Written(
        html=write_private(directory / HTML_NAME, page(values, paper=False).encode()),
        pdf=write_private(directory / PDF_NAME, render_pdf(page(values, paper=True))),
        json=write_document(directory / JSON_NAME, as_document(report), default=str),
        letter_templates=letter_templates.write_letter_templates(
            report.facts.templates, report.practice_name, product, report.head, directory
        ),
        files=write_private(directory / FILES_NAME, report.facts.files.write_csv().encode()),
        exceptions=write_private(directory / EXCEPTIONS_NAME, _exceptions(report.groups).encode()),
        shared=write_private(directory / SHARED_NAME, report.facts.shared.write_csv().encode()),
    )


def page(values: dict[str, Any], *, paper: bool) -> str:
    """The report's HTML for paper or screen, which differ in how long their lists are."""
    most = MOST_ON_PAPER if paper else MOST_ON_SCREEN
    return render("migration_report.html.j2", paper=paper, most=most, **values)


def shown(report: Report) -> dict[str, Any]:
    """Everything that the template names, the same for the screen and for paper."""
    reconciliation, facts, plan = report.reconciliation, report.facts, report.plan
    labels = {schema.name: schema.plural_label for schema in plan.schemas.values()}
    staff = content.staff_outcomes(reconciliation)
    checks = content.spot_checks(report.diff, plan)
    files = facts.files
    return {
        "title": f"Migration report of {report.practice_name}",
        "head": report.head,
        "report": report,
        "to_mend": content.to_mend(report.groups),
        "state": report.state,
        "reconciliation": reconciliation,
        "product": report.words.destination.product,
        "words": report.words,
        "labels": labels,
        "fill_rates": {each.object: content.fill_rates(each, plan) for each in reconciliation.objects},
        "facts": facts,
        "files": {
            "number": files.height,
            "bytes": int(files["bytes"].sum() or 0),
            "same": int(files["same"].sum()),
            "different": files.filter(~pl.col("same")).head(MOST_ON_PAPER).to_dicts(),
            "csv": FILES_NAME,
        },
        "exceptions_csv": EXCEPTIONS_NAME,
        "shared": content.shared_values(facts.shared, plan),
        "shared_csv": SHARED_NAME,
        "checks": checks,
        "classes": content.classes(report.diff),
        "tasks": content.tasks(facts, report.words, staff),
        "staff": staff,
        "templates": facts.templates,
        "cutover": None if report.cutover is None else cutover_board.in_short(report.cutover),
    }


def _exceptions(groups: Sequence[content.Group]) -> str:
    """Every row and record that isn't there as in PANDA, a line each."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_EXCEPTION_COLUMNS)
    for each in groups:
        for line in each.lines:
            row = (
                each.ending,
                each.where,
                line.key,
                line.field,
                each.code,
                each.cause,
                each.remedy,
                line.told,
            )
            writer.writerow(row)
    return text.getvalue()


def as_document(report: Report) -> dict[str, Any]:
    """report.json: as docs/report.md says."""
    reconciliation, facts = report.reconciliation, report.facts
    return {
        "practice": report.target.practice,
        "destination": report.target.destination,
        "environment": report.target.environment,
        "run_id": reconciliation.run_id,
        "plan_hash": reconciliation.plan_hash,
        "made_at": report.made_at.isoformat(),
        "verdict": report.verdict,
        "balanced": reconciliation.balanced,
        "clean": reconciliation.clean,
        "equations": list(_equations(reconciliation)),
        "objects": [each.model_dump() for each in reconciliation.objects],
        "exceptions": [content.group_document(each) for each in report.groups],
        "files": {
            "number": facts.files.height,
            "bytes": int(facts.files["bytes"].sum() or 0),
            "same": int(facts.files["same"].sum()),
        },
        "shared_values": [
            {"object": each.object, "field": each.label, "then": each.then, "records": len(each.records)}
            for each in content.shared_values(facts.shared, report.plan)
        ],
        "spot_check": {
            "patients": report.diff.patients["source_id"].head(content.PATIENTS_SHOWN).to_list(),
            "classes": field_diff_document.classes(report.diff),
        },
        "course": asdict(facts.course),
        "cutover": None if report.cutover is None else cutover_board.figures(report.cutover),
        "in_use": [asdict(each) for each in facts.in_use],
        "tasks": [
            asdict(each)
            for each in content.tasks(facts, report.words, content.staff_outcomes(reconciliation))
        ],
        "not_in_scope": [each.model_dump() for each in reconciliation.not_in_scope],
        "letters": letter_templates.as_document(facts.templates),
        "beside": [
            RECONCILIATION_FILE,
            FILES_NAME,
            EXCEPTIONS_NAME,
            SHARED_NAME,
            letter_templates.HTML_NAME,
        ],
        AUDIT_LOG: report.head.described(),
    }


def _equations(reconciliation: Reconciliation) -> Iterator[dict[str, Any]]:
    """The three, each with its two sides."""
    for each in reconciliation.sources:
        yield _equation(
            "extracted = staged + rejected", each.table, each.extracted, (each.staged, each.rejected)
        )
    for one in reconciliation.lineage:
        where = f"{one.source_table} -> {one.object}"
        parts = (one.with_payload, sum(one.excused.values()))
        yield _equation("staged = in a record + excused", where, one.staged, parts)
    for counted in reconciliation.objects:
        state = counted.state
        yield _equation(
            "in scope = loaded + failed + held back",
            counted.object,
            state.in_scope,
            (state.loaded, state.failed, state.held_back),
        )
        yield _equation(
            "there = loaded + stale + retained",
            counted.object,
            state.in_destination,
            (state.loaded, state.stale, state.retained),
        )


def _equation(name: str, where: str, left: int, right: tuple[int, ...]) -> dict[str, Any]:
    return {"equation": name, "where": where, "left": left, "right": list(right), "holds": left == sum(right)}
