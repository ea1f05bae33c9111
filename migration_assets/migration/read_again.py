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
from migration_assets.migration.known_places import known_places
from migration_assets.migration.ledger import Ledger, Outcome
from migration_assets.migration.load import Shipment
from migration_assets.migration.parents import PAYLOAD_HASH, without_absent
from migration_assets.migration.plan import Plan

FOUND_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "outcome": pl.String(),
    "found_at": pl.Datetime("ms", "UTC"),
    "sent_now": pl.Boolean(),
}
"""Records that were in scope: the outcome of their last sending (``unchanged`` where another run has sent
what is there), when they were found as sent, if so, and whether this run has sent them."""


@dataclass(frozen=True)
class Found:
    """``records``: FOUND_COLUMNS; ``equal`` of them were found as sent, ``different`` weren't."""

    records: pl.DataFrame
    equal: int
    different: int


def find_again(
    destination: Destination,
    ledger: Ledger,
    plan: Plan,
    shipments: Iterable[Shipment],
    run_id: str,
    *,
    only_sent_now: bool = False,
) -> Found:
    """Of all records of the shipments, or of those that this run has sent; what the ledger has as loaded with
    this payload is read."""
    parts = [pl.DataFrame(schema=FOUND_COLUMNS)]
    different = 0
    for shipment in shipments:
        records, unlike = _of_object(destination, ledger, plan, shipment, run_id, only_sent_now)
        parts.append(records)
        different += unlike
    records = pl.concat(parts)
    return Found(records, records["found_at"].count(), different)


def _of_object(
    destination: Destination, ledger: Ledger, plan: Plan, shipment: Shipment, run_id: str, only_now: bool
) -> tuple[pl.DataFrame, int]:
    schema = shipment.schema
    key = schema.key_field
    keys = shipment.payload[key].to_list()
    state = ledger.state(schema, keys if shipment.narrow else None)
    state = state.join(pl.DataFrame({"key": keys}, schema={"key": pl.String}), on="key", how="semi")
    if only_now:
        state = state.filter(pl.col("run_id") == run_id)
    if state.is_empty():
        return pl.DataFrame(schema=FOUND_COLUMNS), 0
    sent = _as_loaded(shipment, state, ledger, plan)
    request = ReadRequest(
        schema,
        key_prefix=f"{ledger.target.practice}:",
        keys=tuple(sent[key]),
        thought=known_places(schema, state, [shipment.payload]),
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
    now = pl.col("run_id") == run_id
    as_before = ~now & (pl.col("outcome") == Outcome.LOADED)
    records = state.filter(pl.col("outcome").is_not_null()).select(
        pl.lit(schema.name).alias("object"),
        "key",
        pl.when(as_before).then(pl.lit("unchanged")).otherwise("outcome").alias("outcome"),
        moment.alias("found_at"),
        (now & (pl.col("outcome") == Outcome.LOADED)).alias("sent_now"),
    )
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


def _no_rows(like: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    return like.clear().select(name for name in names if name in like.columns)
