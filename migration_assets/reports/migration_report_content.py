"""What stands in the post-migration report, as plain values: verdict, equations, groups by cause, checklists.

Pure: a reconciliation, facts and a diff in, values out. Files and pages are ``migration_report``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import polars as pl

from migration_assets.migration.field_diff.shape import DIFFERING, ChartPair, Diff
from migration_assets.migration.plan import Plan
from migration_assets.migration.reconciliation import ObjectReconciliation, Reconciliation
from migration_assets.migration.report_facts import InUse, ReportFacts, Topic
from migration_assets.perio.charting import parse_field_name
from migration_assets.perio.errors import UnknownChartField
from migration_assets.reports.field_diff import document as field_diff_document
from migration_assets.reports.field_diff.charts import DrawnPair, drawn
from migration_assets.reports.field_diff.words import CLASS_WORDS
from migration_assets.reports.wording import Wording

PATIENTS = "patients"
PATIENTS_SHOWN, CHARTS_SHOWN, FIELDS_SHOWN = 10, 5, 12

Ending = Literal["rejected", "failed", "held_back", "corrected"]


@dataclass(frozen=True, slots=True)
class Line:
    """One row or record of a group; ``field`` is the column or nothing, ``told`` our own sentence of it."""

    key: str
    field: str
    told: str


@dataclass(frozen=True, slots=True)
class Group:
    """All that ended the same way for the same cause; ``where`` is a table of PANDA's or an object."""

    ending: Ending
    where: str
    code: str
    cause: str
    remedy: str
    lines: tuple[Line, ...]

    @property
    def count(self) -> int:
        """Rows or records: one may be listed for several columns."""
        return len({each.key for each in self.lines})


@dataclass(frozen=True, slots=True)
class FillRate:
    """``share`` of the records that have a value; a chart's measure is one line of ``fields`` fields."""

    label: str
    share: float
    fields: int = 1


@dataclass(frozen=True, slots=True)
class Records:
    """What a patient has of one object, in the diff."""

    label: str
    records: int
    fields: int
    differing: int


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """A patient to look up by eye. ``fields``: label, as PANDA holds it, as it is there, whether equal;
    ``chart`` is the latest one, of the first CHARTS_SHOWN patients who have any."""

    source_id: str
    name: str
    chart_number: str
    strata: tuple[str, ...]
    records: tuple[Records, ...]
    fields: tuple[tuple[str, str, str, bool], ...]
    chart: DrawnPair | None = None


@dataclass(frozen=True, slots=True)
class SharedValues:
    """Values of one field that the destination takes once and several records have, by what became of them;
    ``records`` are (key, key of the record that has the value)."""

    object: str
    label: str
    then: str
    what: str
    records: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A box of the checklist: what PANDA shows, what to build, where that is described."""

    topic: str
    what: str
    evidence: str
    how: str


class _Coded(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...


def verdict(reconciliation: Reconciliation, practice_name: str, product: str) -> str:
    """One sentence for the practice's manager."""
    states = [each.state for each in reconciliation.objects]
    scope, loaded = sum(each.in_scope for each in states), sum(each.loaded for each in states)
    if not reconciliation.balanced:
        return (
            f"The counts of {practice_name} do not add up: do not work in {product} yet, "
            "and give this report to whoever runs the migration."
        )
    if reconciliation.different:
        return (
            f"{reconciliation.different:,} values in {product} are not as PANDA holds them: "
            "do not work there yet, and give this report to whoever runs the migration."
        )
    left = scope - loaded
    if left:
        return (
            f"{loaded:,} of {scope:,} records of {practice_name} are in {product} as PANDA holds them; "
            f"{left:,} are not there yet, and why stands below."
        )
    sentence = f"All {scope:,} records of {practice_name} are in {product}, every compared value as in PANDA"
    rejected = rejected_rows(reconciliation)
    return f"{sentence}; {rejected:,} rows of PANDA could not become records." if rejected else f"{sentence}."


def rejected_rows(reconciliation: Reconciliation) -> int:
    return sum(each.rejected for each in reconciliation.sources)


def groups(reconciliation: Reconciliation, words: Wording) -> tuple[Group, ...]:
    """Everything that isn't there as it stands in PANDA, the most frequent cause of each ending first."""
    found = [
        *_grouped("rejected", _of_rows(reconciliation.rejects), words),
        *_grouped("failed", _of_records(reconciliation.failures), words),
        *_grouped("held_back", _of_records(reconciliation.held_back), words),
        *_grouped("corrected", _of_rows(reconciliation.corrections), words),
    ]
    return tuple(found)


def to_mend(found: Sequence[Group]) -> tuple[Group, ...]:
    """What somebody has to do something about, the most frequent first: what waits follows by itself."""
    open_ones = (each for each in found if each.ending in ("rejected", "failed"))
    return tuple(sorted(open_ones, key=lambda each: -each.count))


def _of_rows(listed: Iterable[Any]) -> Iterator[tuple[str, _Coded, Line]]:
    for each in listed:
        yield each.table, each, Line(each.source_key, each.column or "", each.message)


def _of_records(listed: Iterable[Any]) -> Iterator[tuple[str, _Coded, Line]]:
    for each in listed:
        yield each.object, each, Line(each.key, "", each.message)


def _grouped(ending: Ending, listed: Iterable[tuple[str, _Coded, Line]], words: Wording) -> Iterator[Group]:
    by_cause: dict[tuple[str, str], list[Line]] = {}
    messages: dict[str, str] = {}
    for where, coded, line in listed:
        by_cause.setdefault((where, coded.code), []).append(line)
        messages.setdefault(coded.code, coded.message)
    for (where, code), lines in sorted(by_cause.items(), key=lambda item: (-len(item[1]), item[0])):
        told = words.remedy(code, messages[code])
        yield Group(ending, where, code, told.cause, told.remedy, tuple(lines))


def fill_rates(counted: ObjectReconciliation, plan: Plan) -> tuple[FillRate, ...]:
    """By label, in the object's order; a chart's fields are summed up by measure."""
    schema = plan.schema_of_object(counted.object)
    rates: list[FillRate] = []
    measures: dict[str, list[float]] = {}
    for field in schema.fields:
        share = counted.fill_rates.get(field.name)
        if share is None:
            continue
        try:
            charted = parse_field_name(field.name)
        except UnknownChartField:
            rates.append(FillRate(field.label, share))
        else:
            title = charted.measure.long_title or charted.measure.title
            measures.setdefault(title, []).append(share)
    charts = (FillRate(title, sum(shares) / len(shares), len(shares)) for title, shares in measures.items())
    return (*rates, *charts)


def spot_checks(diff: Diff, plan: Plan) -> tuple[SpotCheck, ...]:
    """The diff's first patients, each with the values of its own record that a reader can compare."""
    plural_labels = {schema.name: schema.plural_label for schema in plan.schemas.values()}
    person = plan.schema_of_object(_person(plan))
    unreadable = [
        each.name for each in person.fields if each.type.is_reference or each.name == person.key_field
    ]
    charts = _latest_charts(diff.charts)
    checks, pictures = [], 0
    for row in diff.patients.head(PATIENTS_SHOWN).iter_rows(named=True):
        fields = diff.fields.filter(pl.col("patient") == row["source_id"])
        chart = charts.get(row["source_id"]) if pictures < CHARTS_SHOWN else None
        pictures += chart is not None
        checks.append(
            SpotCheck(
                source_id=row["source_id"],
                name=row["name"] or "",
                chart_number=row["chart_number"] or "",
                strata=tuple(row["strata"] or ()),
                records=tuple(_records(fields, plural_labels)),
                fields=tuple(_looked_at(fields, person.name, unreadable)),
                chart=None if chart is None else drawn(chart),
            )
        )
    return tuple(checks)


def _latest_charts(pairs: Sequence[ChartPair]) -> dict[str, ChartPair]:
    found: dict[str, ChartPair] = {}
    for pair in sorted(pairs, key=lambda each: (str(each.exam_date or ""), each.exam)):
        if pair.record:
            found[pair.patient] = pair
    return found


def _records(fields: pl.DataFrame, plural_labels: Mapping[str, str]) -> Iterator[Records]:
    counted = fields.group_by("object", maintain_order=True).agg(
        pl.col("key").n_unique(), pl.len(), pl.col("cls").is_in(DIFFERING).sum().alias("differing")
    )
    for name, records, number, differing in counted.iter_rows():
        yield Records(plural_labels.get(name, name), records, number, differing)


def _person(plan: Plan) -> str:
    """The object that patients become."""
    return next(spec.name for spec in plan.specs for source in spec.sources if source.staged == PATIENTS)


def _looked_at(
    fields: pl.DataFrame, person: str, unreadable: Sequence[str]
) -> Iterator[tuple[str, str, str, bool]]:
    """What differs first, then the patient's own fields as far as PANDA has a value."""
    differs = pl.col("cls").is_in(DIFFERING)
    own = (pl.col("object") == person) & pl.col("source").is_not_null()
    readable = own & ~differs & ~pl.col("field").is_in(unreadable)
    shown = pl.concat([fields.filter(differs), fields.filter(readable)]).head(FIELDS_SHOWN)
    for row in shown.iter_rows(named=True):
        yield row["label"], row["source"] or "", row["returned"] or "", row["cls"] not in DIFFERING


def classes(diff: Diff) -> tuple[tuple[str, int], ...]:
    """Fields of all patients of the diff by what became of them, in a manager's words."""
    return tuple((CLASS_WORDS[name].name, count) for name, count in field_diff_document.classes(diff).items())


def shared_values(shared: pl.DataFrame, plan: Plan) -> tuple[SharedValues, ...]:
    """A group an object, field and end, the largest first; ``shared`` has SHARED_COLUMNS."""
    found = []
    for (name, field, then), rows in shared.group_by("object", "field", "then", maintain_order=True):
        spec = plan.mapping.of_object(str(name))
        labels = {each.name: each.label for each in spec.schema.fields}
        second = next((each.to for each in spec.distinct if (each.field, each.then) == (field, then)), None)
        what = {
            "leave_empty": "left empty: the first record has the value",
            "move": f"moved to the field {labels.get(second or '', 'beside it')}",
            "add_id": "kept, with the record's number of PANDA behind it",
        }[str(then)]
        records = tuple(rows.select("key", "first_key").iter_rows())
        found.append(SharedValues(str(name), labels.get(str(field), str(field)), str(then), what, records))
    return tuple(sorted(found, key=lambda each: -len(each.records)))


def tasks(facts: ReportFacts, words: Wording, staff: Mapping[str, int]) -> tuple[Task, ...]:
    """What to build by hand, from what the data show; ``staff``: outcome of the logins -> people."""
    how = words.destination.workflows
    made = [
        Task(
            "Letter templates",
            each.name,
            _used(each.used, each.last_used),
            how.letters,
        )
        for each in sorted(facts.templates.templates, key=lambda each: -each.used)
    ]
    texts: Mapping[Topic, tuple[str, str]] = {
        "letters": ("Letters", how.letters),
        "appointments": ("Recalls and reminders", how.appointments),
        "plans": ("Treatment plans by status", how.plans),
        "referrals": ("Referrals by status", how.referrals),
    }
    made += [
        Task(texts[each.topic][0], each.name, evidence(each), texts[each.topic][1]) for each in facts.in_use
    ]
    invited = sum(staff.values()) - staff.get("matched", 0)
    if staff:
        told = f"{sum(staff.values()):,} logins in PANDA, {invited:,} of them without a user"
        made.append(Task("Staff", "Users", told, how.staff))
    return tuple(made)


def evidence(each: InUse) -> str:
    """How often, how lately, how regularly."""
    told = _used(each.count, each.last)
    if each.patients:
        told += f", {each.patients:,} patients"
    return (
        told if each.months is None else f"{told}; patients usually come again after {each.months:g} months"
    )


def _used(count: int, last: datetime | None) -> str:
    if not count:
        return "never used in a letter"
    return f"{count:,} times" + (f", last on {last:%Y-%m-%d}" if last else "")


def staff_outcomes(reconciliation: Reconciliation) -> dict[str, int]:
    """What became of the logins: they are no records, and stand in the lineage with their reasons."""
    return {
        outcome: count
        for each in reconciliation.lineage
        if each.object == "User"
        for outcome, count in each.excused.items()
    }


def group_document(group: Group) -> dict[str, Any]:
    """As it stands in report.json."""
    return {**asdict(group), "count": group.count}
