"""Which object answers for which staged rows, and which of them went into no payload.

What a payload is made of is ``mapping.apply``'s; counts are compared by ``reconcile``.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from migration_assets.destinations.base import Identity
from migration_assets.mapping.declarations import ChartPart
from migration_assets.mapping.spec import MappingSet, ObjectSpec


def accountable(spec: ObjectSpec, mapping: MappingSet) -> Iterator[tuple[str, list[str]]]:
    """Staged tables whose every row must be in a payload of these objects or be excused by this one.

    The exam's object answers for the chart's rows, whichever of the chart's objects they went to; of several
    objects that take a table's rows as fields the first one answers, unless the rows are records of another.
    Records that only join others account for no row: that of one of the joined does.
    """
    if spec.schema.identity is Identity.PARENTS:
        return
    own = [source.staged for source in spec.sources]
    if spec.chart is None or spec.chart.holds is not ChartPart.TEETH:
        yield from ((staged, list(dict.fromkeys([spec.name, *mapping.merging(staged)]))) for staged in own)
    if spec.chart is not None and spec.chart.holds is ChartPart.EXAM:
        yield spec.chart.declaration.staged, list(spec.chart.objects)
    for staged in dict.fromkeys(merged.staged for source in spec.sources for merged in source.merged):
        merging = mapping.merging(staged)
        if merging[0] == spec.name and not mapping.is_record(staged):
            yield staged, list(merging)


def unaccounted(excused: pl.DataFrame, lineage: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
    """The excuses of rows that went into no payload of the objects which answer for them together.

    A row that two objects take may miss one of its records and have the other: where both answer for it
    (``answered``, STAGED_ROW_COLUMNS) it has gone in, and where each answers for itself, one of them says why
    not. Excuses of tables that the object doesn't answer for count where the row is in no payload at all.
    """
    of_object, of_row = ["object", "source_table"], ["source_table", "source_id"]
    gone = answered.explode("accounted_by").join(
        lineage.select(pl.col("object").alias("accounted_by"), *of_row), on=["accounted_by", "source_table"]
    )
    own = excused.join(answered, on=of_object, how="semi")
    own = own.join(gone, on=[*of_object, "source_id"], how="anti")
    others = excused.join(answered, on=of_object, how="anti").join(lineage, on=of_row, how="anti")
    return pl.concat([own, others])
