"""Reads what the preflight and the scoping summary need: staged tables, verdicts, measured rates.

Nothing is changed and the destination isn't asked. What the counts mean is said in ``data_findings`` and
``scoping``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Engine, func, select

from migration_assets.destinations.base import Finding, Volumes
from migration_assets.errors import StagingRefused, WarehouseTableMissing
from migration_assets.mapping.apply import records_of
from migration_assets.mapping.chart_layout import MEASURES, SLOT_COLUMN, ChartLayout
from migration_assets.mapping.volumes import volumes
from migration_assets.migration.data_findings import (
    EXAMS,
    PLAN_LINES,
    REFERRERS,
    DataFacts,
    ProcedureTexts,
    TooLarge,
    TooLong,
    Untied,
    data_findings,
    procedures_with_several_texts,
    text_columns,
    too_large,
    too_long,
    untied_dentists,
)
from migration_assets.migration.drawn_files import drawn_of
from migration_assets.migration.ledger import Outcome, Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import is_target
from migration_assets.migration.ledger_tables import BATCHES, RECORD_EVENTS
from migration_assets.migration.letter_naming import (
    LETTER_COLUMNS,
    LINE_COLUMNS,
    PLAN_COLUMNS,
    LetterNaming,
    letter_naming,
)
from migration_assets.migration.operations import Migration
from migration_assets.migration.payload import staged_names
from migration_assets.migration.plan import Plan
from migration_assets.migration.platform import Platform
from migration_assets.migration.scoping import ChartFacts, Scope, make_scope
from migration_assets.migration.staging import Verdict, read_verdicts
from migration_assets.objects.base import DrawnObject, StagingContext, StagingInputs
from migration_assets.objects.referrers import match_referrers
from migration_assets.warehouse import Session, quoted

CHARTING, LETTERS, PLANS = "charting", "letters", "treatment_plans"
OFFICES, OFFICE_TIES = "offices", "office_ties"
_NO_SYSTEM = "no_numbering_system"
MEASURABLE_RECORDS = 200
"""An upload of fewer records says nothing about the rate of a large one."""


@dataclass(frozen=True)
class Survey:
    """``scope`` is None where a staged object is missing yet; then there are no findings either.

    ``letters`` are ids of letters that name a procedure otherwise than their plan, ``untied`` dentists of
    several offices where the plan ties nobody to any.
    """

    volumes: Volumes
    scope: Scope | None = None
    findings: tuple[Finding, ...] = ()
    procedures: Sequence[ProcedureTexts] = ()
    letters: Sequence[str] = ()
    files_too_large: Sequence[TooLarge] = ()
    untied: Sequence[Untied] = ()


def survey(platform: Platform, target: Target, plan: Plan, wide: ChartLayout | None = None) -> Survey | None:
    """What the staged tables say of a load by this plan; None where nothing is staged yet.

    ``wide``: of a plan that keeps charts by tooth, the layout that it would have otherwise.
    """
    try:
        with platform.panda_warehouse(target.practice).open(read_only=True) as session:
            counted = read_volumes(session, plan, wide)
            try:
                verdicts = read_verdicts(session, staged_names(plan.mapping))
            except StagingRefused:
                return Survey(counted)
            charts = _chart_facts(session, plan)
            facts = _data_facts(session, platform, target, plan, verdicts, charts)
    except WarehouseTableMissing:
        return None
    rates = measured_rates(platform.ledger_engine(target.practice), target)
    scope = make_scope(plan, counted, verdicts, charts, rates)
    found = tuple(data_findings(plan.mapping, facts))
    return Survey(
        counted, scope, found, facts.procedures, facts.letters.differing, facts.too_large, facts.untied
    )


def stored_scope(platform: Platform, target: Target) -> tuple[Plan, Scope]:
    """By the plan that is stored, without asking the destination.

    Raises WarehouseTableMissing before the first plan, StagingRefused where not everything is staged.
    """
    plan = Migration(platform, target).stored_plan()
    surveyed = survey(platform, target, plan)
    if surveyed is None or surveyed.scope is None:
        raise StagingRefused(f"{target}: not everything is staged yet; materialise staged/* first")
    return plan, surveyed.scope


def read_volumes(session: Session, plan: Plan, wide: ChartLayout | None = None) -> Volumes:
    """From the staged tables as they are; raises WarehouseTableMissing where charts aren't staged yet.

    Files that will be drawn are counted as of the usual size each.
    """
    charted = plan.mapping.charted
    rows = {name: session.count("staged", name) for name in session.tables("staged")}
    without_slot = 0
    if charted is not None and charted.chart is not None:
        chart = session.read("staged", charted.chart.declaration.staged, [SLOT_COLUMN])
        without_slot = chart[SLOT_COLUMN].null_count()
    sizes = [_sizes(session, name)["bytes"] for name in _file_tables(plan) if name in rows]
    drawn = [(each, _to_draw(session, each)) for each in drawn_of(plan.mapping)]
    return volumes(
        plan.mapping,
        plan.layout,
        rows | {each.name: count for each, count in drawn},
        without_slot,
        kept=_kept(session, plan),
        wide=wide,
        files=sum(each.len() - each.null_count() for each in sizes) + sum(count for _, count in drawn),
        file_bytes=sum(int(each.sum()) for each in sizes)
        + sum(each.typical_bytes * count for each, count in drawn),
    )


def _to_draw(session: Session, drawn: DrawnObject) -> int:
    """How many rows will have a file."""
    table, column = drawn.named_in
    ids = session.read("staged", drawn.of.name, ["source_id"])["source_id"]
    return int(ids.is_in(session.read("staged", table, [column])[column].unique().implode()).sum())


def _kept(session: Session, plan: Plan) -> dict[tuple[str, str], int]:
    """By object and key space, the staged rows that are records, of sources that leave some out."""
    there = set(session.tables("staged"))
    found: dict[tuple[str, str], int] = {}
    for spec in plan.specs:
        for source in spec.sources:
            if source.staged in there and (source.where or source.present):
                columns = ["source_id", *source.where, *source.present]
                staged = session.read("staged", source.staged, list(dict.fromkeys(columns)))
                found[spec.name, source.key_space] = records_of(source, {source.staged: staged}).height
    return found


def _file_tables(plan: Plan) -> list[str]:
    """Staged tables whose rows bring a file, each named once."""
    specs = (spec for spec in plan.specs if spec.schema.content_field is not None)
    return list(dict.fromkeys(source.staged for spec in specs for source in spec.sources))


def _sizes(session: Session, table: str) -> pl.DataFrame:
    """source_id, and bytes where the row has a file of its own."""
    return session.read("staged", table, ["source_id", "bytes"])


def measured_rates(engine: Engine, target: Target) -> dict[str, float]:
    """Records answered a second in the latest run of each object that sent enough of them to the target.

    From the first intent to the last answer that the run got itself: what a later run settled doesn't count.
    """
    query = (
        select(
            BATCHES.c.object,
            func.min(BATCHES.c.intended_at).label("began"),
            func.max(RECORD_EVENTS.c.at).label("ended"),
            func.count().label("answered"),
        )
        .join(
            RECORD_EVENTS,
            (RECORD_EVENTS.c.batch_id == BATCHES.c.batch_id) & (RECORD_EVENTS.c.run_id == BATCHES.c.run_id),
        )
        .where(
            is_target(BATCHES, target), RECORD_EVENTS.c.kind.in_([Outcome.LOADED.value, Outcome.FAILED.value])
        )
        .group_by(BATCHES.c.object, BATCHES.c.run_id)
        .having(func.count() >= MEASURABLE_RECORDS)
        .order_by(func.min(BATCHES.c.intended_at))
    )
    with translated(str(target)), engine.connect() as connection:
        runs: list[tuple[str, datetime, datetime, int]] = [
            (row.object, row.began, row.ended, row.answered) for row in connection.execute(query)
        ]
    return {
        name: answered / (ended - began).total_seconds()
        for name, began, ended, answered in runs
        if ended > began
    }


def _chart_facts(session: Session, plan: Plan) -> ChartFacts:
    charted = plan.mapping.charted
    if charted is None or charted.chart is None:
        return ChartFacts()
    declared = charted.chart.declaration
    columns = ", ".join(
        f"count(coalesce({', '.join(map(quoted, MEASURES[name].columns))})) > 0 AS {quoted(name)}"
        for name in declared.measures
    )
    used = session.sql(f"SELECT {columns} FROM staged.{quoted(declared.staged)}")
    systems = session.read("staged", EXAMS, ["numbering_system"])["numbering_system"]
    return ChartFacts(systems.drop_nulls().n_unique(), sum(used.row(0)), systems.null_count())


def _data_facts(
    session: Session,
    platform: Platform,
    target: Target,
    plan: Plan,
    verdicts: Sequence[Verdict],
    charts: ChartFacts,
) -> DataFacts:
    names = {each.object for each in verdicts}
    lines = ["procedure_code", "description"]
    procedures = (
        procedures_with_several_texts(session.read("staged", PLAN_LINES, lines))
        if PLAN_LINES in names
        else []
    )
    rejects = session.read("staged", "rejects", ["object", "source_key", "code"])
    unread = rejects.filter(pl.col("object") == CHARTING, pl.col("code") == _NO_SYSTEM)
    limit = platform.file_limit(platform.practice(target.practice), target)
    ambiguous, name_only = _doubtful_referrers(session, platform, target) if REFERRERS in names else (0, 0)
    return DataFacts(
        verdicts=verdicts,
        procedures=procedures,
        exams_without_system=charts.exams_without_system,
        chart_rows_without_system=unread["source_key"].n_unique(),
        referrers_ambiguous=ambiguous,
        referrers_name_only=name_only,
        too_long=list(_texts_too_long(session, plan, names)),
        file_limit=limit or 0,
        too_large=[] if limit is None else list(_files_too_large(session, plan, names, limit)),
        letters=_letter_naming(session) if {LETTERS, PLANS, PLAN_LINES} <= names else LetterNaming(),
        untied=[] if OFFICE_TIES in names else _untied(session),
    )


def _untied(session: Session) -> list[Untied]:
    """Of a plan that ties nobody; offices are no part of it, so they may not be staged."""
    if not {OFFICES, OFFICE_TIES} <= set(session.tables("staged")):
        return []
    return untied_dentists(
        session.read("staged", OFFICE_TIES), session.read("staged", OFFICES, ["source_id", "name"])
    )


def _files_too_large(session: Session, plan: Plan, staged: set[str], limit: int) -> Iterator[TooLarge]:
    for name in _file_tables(plan):
        if name in staged:
            yield from too_large(name, _sizes(session, name), limit)


def _letter_naming(session: Session) -> LetterNaming:
    return letter_naming(
        session.read("staged", LETTERS, LETTER_COLUMNS),
        session.read("staged", PLANS, PLAN_COLUMNS),
        session.read("staged", PLAN_LINES, LINE_COLUMNS),
    )


def _texts_too_long(session: Session, plan: Plan, staged: set[str]) -> Iterator[TooLong]:
    """A table at a time: notes of a large practice fill memory."""
    for name in sorted(staged):
        columns = text_columns(plan.mapping, name)
        if columns:
            yield from too_long(plan.mapping, name, session.read("staged", name, columns))


def _doubtful_referrers(session: Session, platform: Platform, target: Target) -> tuple[int, int]:
    """Ambiguous ones and those with a provider's name alone; staging keeps no findings, so they are matched
    again."""
    practice = platform.practice(target.practice)
    raw = {table: session.read("panda", table) for table in ("Referral", "Provider")}
    today = datetime.now(practice.time_zone).date()
    context = StagingContext(practice.key, practice.time_zone, platform.profile(practice), today)
    people = match_referrers(StagingInputs(raw=raw, staged={}), context).referrers
    return sum(person.ambiguous for person in people), sum(person.name_only for person in people)
