"""Where records are thought to be, for destinations that can't find one by its key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from migration_assets.destinations.base import ObjectSchema


def known_places(
    schema: ObjectSchema, ids: pl.DataFrame, places: Sequence[pl.DataFrame], anywhere: Iterable[str] = ()
) -> pl.DataFrame:
    """``ReadRequest.thought`` of the records that ``ids`` (key, destination_id) or ``places`` name.

    ``places`` hold payload rows, as sent or to be sent; a frame without columns has none. ``anywhere``: keys
    of which nobody knows what was sent last, whatever the places say; nor is it known of those that only
    ``ids`` names.
    """
    key = schema.key_field
    names = list(dict.fromkeys((key, *(each.name for each in schema.references))))
    known = pl.concat(
        [
            pl.DataFrame(schema=dict.fromkeys(names, pl.String())),
            *(each.select(pl.col(names).cast(pl.String)) for each in places if each.columns),
        ]
    )
    of_key = ids.select(pl.col("key").alias(key), pl.col("destination_id").alias("_id"))
    unnamed = of_key.join(known, on=key, how="anti")[key]
    unknown = pl.DataFrame({key: [*unnamed, *anywhere]}, schema={key: pl.String()})
    together = pl.concat([known, unknown], how="diagonal").unique()
    return together.join(of_key, on=key, how="left").select("_id", *names)
