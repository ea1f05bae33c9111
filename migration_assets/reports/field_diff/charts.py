"""The charts of the field-level diff: drawn before and after, and what differs between them as words.

How a chart is drawn is ``svg``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from migration_assets.errors import DestinationError
from migration_assets.migration.field_diff.shape import ChartPair
from migration_assets.perio.errors import PerioError
from migration_assets.perio_chart.model import (
    Chart,
    Difference,
    differences,
    from_record,
    from_staged,
)
from migration_assets.perio_chart.svg import pair
from migration_assets.perio_chart.text import code, shown


@dataclass(frozen=True, slots=True)
class SiteDifference:
    """One value that differs: the tooth's number as the exam writes it, measure, site or entrance, and both
    values in words."""

    tooth: str
    measure: str
    place: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DrawnPair:
    """An exam's two charts as SVG. ``after`` is None where it is the same picture as ``before``.

    ``unreadable`` says why there is no picture: the destination holds something that isn't a chart's.
    """

    patient: str
    exam: str
    exam_date: str | None
    differences: tuple[SiteDifference, ...]
    before: str
    after: str | None
    unreadable: str | None = None


def drawn(chart: ChartPair) -> DrawnPair:
    """Both charts of an exam; an exam that wasn't returned has an empty one after."""
    date = None if chart.exam_date is None else chart.exam_date.isoformat()
    try:
        before = from_staged(chart.staged_rows, chart.system)
        after = from_record(chart.record, chart.teeth_records, chart.companions)
    except (DestinationError, PerioError) as error:
        return DrawnPair(chart.patient, chart.exam, date, (), "", None, str(error))
    first, second = pair(before, after)
    found = (*_systems(before, after), *(_told(each, before) for each in differences(before, after)))
    return DrawnPair(chart.patient, chart.exam, date, found, first, second if second != first else None)


def _systems(before: Chart, after: Chart) -> tuple[SiteDifference, ...]:
    if before.system == after.system:
        return ()
    names = (str(each.system or "nothing") for each in (before, after))
    return (SiteDifference("all", "Numbering system", "", *names),)


def _told(each: Difference, before: Chart) -> SiteDifference:
    tooth, place = code(each.tooth, before.system), str(each.place or "")
    return SiteDifference(tooth, each.measure.title, place, shown(each.before), shown(each.after))
