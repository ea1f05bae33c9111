"""Whether records that were sent are found in the destination as they were sent: read by their keys, compared
field by field. Nothing is written; the reconciliation of everything is ``reconcile``'s."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from migration_assets.destinations.base import Destination, ReadRequest
from migration_assets.migration import transport
from migration_assets.migration.conflict_store import ConflictStore, kept_fields
from migration_assets.migration.ledger import Ledger, Outcome
from migration_assets.migration.load import Shipment
from migration_assets.migration.parents import PAYLOAD_HASH, without_absent
from migration_assets.migration.plan import Plan

FOUND_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "outcome": pl.String(),
    "found_at": pl.Datetime("ms", "UTC"),
}
"""Records that were in scope: the outcome of their last sending, and when they were found as sent, if so."""


@dataclass(frozen=True)
class Found:
    """``records``: FOUND_COLUMNS; ``equal`` of them were found as sent, ``different`` weren't."""

    records: pl.DataFrame
    equal: int
    different: int


def find_again(destination: Destination, ledger: Ledger, plan: Plan, shipments: Iterable[Shipment]) -> Found:
    """Of all records of the shipments; those that the ledger has as loaded with this payload are read."""
    parts = [pl.DataFrame(schema=FOUND_COLUMNS)]
    different = 0
    for shipment in shipments:
        records, unlike = _of_object(destination, ledger, plan, shipment)
        parts.append(records)
        different += unlike
    records = pl.concat(parts)
    return Found(records, records["found_at"].count(), different)


def _of_object(
    destination: Destination, ledger: Ledger, plan: Plan, shipment: Shipment
) -> tuple[pl.DataFrame, int]:
    schema = shipment.schema
    key = schema.key_field
    keys = shipment.payload[key].to_list()
    state = ledger.state(schema, keys)
    sent = _as_loaded(shipment, state, ledger, plan)
    request = ReadRequest(
        schema,
        key_prefix=f"{ledger.target.practice}:",
        keys=tuple(sent[key]),
        thought=_thought(shipment, state),
    )
    returned = pl.concat(
        [_no_rows(sent, schema.returned_names), *(page for page in destination.read(request))],
        how="diagonal_relaxed",
    )
    read_at = datetime.now(UTC)
    kept = kept_fields(ConflictStore.of(ledger).standing(schema.name, keys))
    compared = transport.compare(schema, sent, returned.select(schema.returned_names), sent[key])
    found = compared.without(kept).differences.filter(pl.col("code") != transport.LINE_BREAK)
    unlike = found["key"].unique()
    equal = sent.filter(~pl.col(key).is_in(unlike.implode()))[key]
    moment = pl.when(pl.col("key").is_in(equal.implode())).then(pl.lit(read_at))
    records = state.select(
        pl.lit(schema.name).alias("object"), "key", "outcome", moment.alias("found_at")
    ).filter(pl.col("outcome").is_not_null())
    return records.cast(pl.Schema(FOUND_COLUMNS)), unlike.len()


def _as_loaded(shipment: Shipment, state: pl.DataFrame, ledger: Ledger, plan: Plan) -> pl.DataFrame:
    """The payload's rows that were loaded, each in the form that was sent: a reference may have stayed
    empty."""
    schema = shipment.schema
    forms = [shipment.payload]
    if shipment.optional:
        named = [shipment.payload[each.name].cast(pl.String) for each in schema.references]
        keys = pl.concat(named).drop_nulls().unique().to_list()

        def present(object_name: str) -> pl.Series:
            return ledger.state(plan.schema_of_object(object_name), keys).filter("present")["key"]

        forms.append(without_absent(schema, shipment.optional, shipment.payload, present))
    every = pl.concat(forms).unique([schema.key_field, PAYLOAD_HASH], maintain_order=True)
    loaded = state.filter(pl.col("outcome") == Outcome.LOADED).select("key", "payload_hash")
    return every.join(
        loaded, left_on=[schema.key_field, PAYLOAD_HASH], right_on=["key", "payload_hash"], how="semi"
    )


def _thought(shipment: Shipment, state: pl.DataFrame) -> pl.DataFrame:
    """Where the records may be, as ``ReadRequest`` has it."""
    schema = shipment.schema
    key = schema.key_field
    names = list(dict.fromkeys((key, *(each.name for each in schema.references))))
    ids = state.select(pl.col("key").alias(key), pl.col("destination_id").alias("_id"))
    places = shipment.payload.select(pl.col(names).cast(pl.String))
    return places.join(ids, on=key, how="left").select("_id", *names)


def _no_rows(like: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    return like.clear().select(name for name in names if name in like.columns)
