"""The scoping summary: how much a practice's migration is, how hard, and how long it will take.

Counts only, from the staged tables as they are. An object's complexity is graded by points, one for each of
these (two where it says so):

- any row is rejected; two where the share is at least half of the practice's reject_limit
- more than one value in a hundred rows is corrected
- its chart is numbered in several systems, or in none for some exams
- its chart has more than four measures
- its chart needs more than one object
- its people are found in free text
- more than 10,000 records; two beyond 100,000

0 or 1 point is simple, 2 or 3 moderate, 4 or more complex; a practice is as complex as its most complex
object.
Reading the tables and the rates is ``survey``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from migration_assets.destinations.base import Volumes
from migration_assets.mapping.declarations import ChartPart
from migration_assets.mapping.spec import PRACTICE_TABLE, ObjectSpec
from migration_assets.migration.data_findings import NEAR_THE_LIMIT
from migration_assets.migration.plan import Plan
from migration_assets.migration.staging import Verdict
from migration_assets.objects.registry import STAGED_OBJECTS

EXTRACTED_A_SECOND = 129_628
STAGED_A_SECOND = 129_000
PAYLOAD_A_SECOND = 9_938
SENT_A_SECOND = 2_969
COMPARED_A_SECOND = 1_780_933
SECONDS_AN_OBJECT = 0.4
"""Measured (docs/benchmarks.md, a practice of 2,000 patients between both sandboxes): source rows extracted
and staged, records made into a payload, records sent (Contact, the slowest of the large objects), fields read
back and compared; and what an upload of a single record takes (Account). A real organisation is slower."""
_COMPARISONS = 2
_MANY_MEASURES = 4
_LARGE, _VERY_LARGE = 10_000, 100_000
_CORRECTED = 0.01

Grade = Literal["simple", "moderate", "complex"]
_GRADES: tuple[Grade, ...] = ("simple", "moderate", "complex")


@dataclass(frozen=True, slots=True)
class ObjectScope:
    """An object of the destination: ``source_rows`` are rows of every source table that its records are made
    from, so that objects share some; ``records`` at most; ``seconds`` its upload is expected to take, by
    ``a_second`` records of ``measured_by``; ``reasons`` are what its points were given for."""

    object: str
    source_rows: int
    records: int
    grade: Grade
    reasons: tuple[str, ...]
    seconds: float
    a_second: float
    measured_by: Literal["ledger", "benchmark"]


@dataclass(frozen=True)
class Scope:
    """``source_rows`` counts each table once; ``seconds`` by stage: extraction, staging, payload, upload,
    reconciliation."""

    objects: tuple[ObjectScope, ...]
    source_rows: int
    records: int
    seconds: Mapping[str, float]

    @property
    def grade(self) -> Grade:
        return max((each.grade for each in self.objects), key=_GRADES.index, default="simple")

    @property
    def expected_seconds(self) -> float:
        return sum(self.seconds.values())


@dataclass(frozen=True)
class ChartFacts:
    """Numbering systems and measures that any exam has, and exams that have no system."""

    systems: int = 0
    measures: int = 0
    exams_without_system: int = 0


def make_scope(
    plan: Plan,
    counted: Volumes,
    verdicts: Sequence[Verdict],
    charts: ChartFacts,
    rates: Mapping[str, float],
) -> Scope:
    """``rates``: records a second by object, as far as they were measured on this very target."""
    by_staged = {each.object: each for each in verdicts}
    objects = tuple(
        _object_scope(spec, plan, counted.records.get(spec.name, 0), by_staged, charts, rates)
        for spec in plan.specs
    )
    source_rows = sum(_rows_by_table(verdicts).values())
    records = sum(counted.records.values())
    fields = sum(counted.records.get(each.name, 0) * len(each.fields) for each in plan.schemas.values())
    seconds = {
        "extraction": source_rows / EXTRACTED_A_SECOND,
        "staging": source_rows / STAGED_A_SECOND,
        "payload": records / PAYLOAD_A_SECOND,
        "upload": sum(each.seconds for each in objects),
        "reconciliation": _COMPARISONS * fields / COMPARED_A_SECOND,
    }
    return Scope(objects, source_rows, records, seconds)


def _object_scope(
    spec: ObjectSpec,
    plan: Plan,
    records: int,
    verdicts: Mapping[str, Verdict],
    charts: ChartFacts,
    rates: Mapping[str, float],
) -> ObjectScope:
    own = [verdicts[name] for name in _made_from(spec) if name in verdicts]
    points = dict(_points(spec, plan, records, own, charts))
    measured = rates.get(spec.name)
    rate = SENT_A_SECOND if measured is None else measured
    once = SECONDS_AN_OBJECT if measured is None and records else 0.0
    return ObjectScope(
        object=spec.name,
        source_rows=sum(_rows_by_table(own).values()),
        records=records,
        grade=_GRADES[min(sum(points.values()) // 2, len(_GRADES) - 1)],
        reasons=tuple(points),
        seconds=once + records / rate,
        a_second=rate,
        measured_by="benchmark" if measured is None else "ledger",
    )


def _points(
    spec: ObjectSpec, plan: Plan, records: int, verdicts: Sequence[Verdict], charts: ChartFacts
) -> Iterator[tuple[str, int]]:
    """Reason and points, by the rule in this module's docstring."""
    if any(each.rejected and each.reject_share >= NEAR_THE_LIMIT * each.reject_limit for each in verdicts):
        yield "rejects near the limit", 2
    elif any(each.rejected for each in verdicts):
        yield "rejects", 1
    if any(each.corrected > _CORRECTED * each.extracted for each in verdicts):
        yield "many corrections", 1
    if spec.chart is not None:
        if charts.systems > 1 or charts.exams_without_system:
            yield "numbering systems", 1
        if charts.measures > _MANY_MEASURES:
            yield "many measures", 1
        if plan.layout is not None and (len(plan.layout.objects) > 1 or plan.layout.unplaced):
            yield "chart over several objects", 1
    derived = {each.name for each in STAGED_OBJECTS if each.derived}
    if any(each.object in derived and each.staged for each in verdicts):
        yield "people in free text", 1
    if records > _LARGE:
        yield "size", 2 if records > _VERY_LARGE else 1


def _made_from(spec: ObjectSpec) -> list[str]:
    """Staged tables whose rows become the object's records or fields of them."""
    sources = [source.staged for source in spec.sources]
    merged = [each.staged for source in spec.sources for each in source.merged]
    # A record of a single tooth is a chart row: its exam gives it nothing but a parent.
    chart = [] if spec.chart is None else [spec.chart.declaration.staged]
    holds_teeth = spec.chart is not None and spec.chart.holds is ChartPart.TEETH
    tables = chart if holds_teeth else [*sources, *merged, *chart]
    return [name for name in dict.fromkeys(tables) if name != PRACTICE_TABLE]


def _rows_by_table(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Rows by source table; a derived object's own rows are none of the source's."""
    derived = {each.name for each in STAGED_OBJECTS if each.derived}
    return {each.source_table: each.extracted for each in verdicts if each.object not in derived}
