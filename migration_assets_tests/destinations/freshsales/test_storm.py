"""A whole load with calls that fail and answers that are lost at random: nothing twice, nothing lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from migration_assets.destinations.base import Batch, LoadResult
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets.errors import DestinationUnreachable
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    ALL,
    APPOINTMENT,
    DEAL,
    DOCUMENT,
    LINE,
    NOTE,
    Journal,
    batch,
    document_row,
    patients,
    rows,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

PATIENTS, EACH = 40, 16
FAULTS = ("limit_unsaid", "error", "gateway", "lost_before", "lost_after")


def _load() -> list[Batch]:
    """Parents first; of the others two batches each, which go at once."""
    contents = {f"maple:document:{number}": bytes([number]) * 5000 for number in range(EACH)}
    targets = [f"maple:patient:{number % PATIENTS}" for number in range(EACH)]
    made: dict[Any, list[dict[str, Any]]] = {
        DEAL: [
            {"cf_panda_key": f"maple:plan:{number}", "name": "Plan", "amount": 1, "contact": target}
            for number, target in enumerate(targets)
        ],
        LINE: [
            {"cf_panda_key": f"maple:line:{number}", "name": "D6010", "cf_deal": f"maple:plan:{number}"}
            for number in range(EACH)
        ],
        NOTE: [
            {"_key": f"maple:note:{number}", "description": f"Note {number}", "target": target}
            for number, target in enumerate(targets)
        ],
        APPOINTMENT: [
            {"_key": f"maple:appointment:{number}", "title": "Visit", "patient": target} | TIMES
            for number, target in enumerate(targets)
        ],
        DOCUMENT: [
            document_row(number, contents[f"maple:document:{number}"], target)
            for number, target in enumerate(targets)
        ],
    }
    return [patients(*range(PATIENTS)), *(batch(schema, told, contents) for schema, told in made.items())]


TIMES = {"from_date": datetime(2024, 3, 1, 9, tzinfo=UTC), "end_date": datetime(2024, 3, 1, 10, tzinfo=UTC)}


def _send(destination: FreshsalesDestination, of: Batch) -> list[LoadResult]:
    return [each for part in destination.send(of, Journal()) for each in part]


def _send_at_once(destination: FreshsalesDestination, of: Batch) -> list[LoadResult]:
    half = of.rows.height // 2
    parts = [
        Batch("b", of.schema, rows, blobs=of.blobs) for rows in (of.rows.head(half), of.rows.tail(-half))
    ]
    with ThreadPoolExecutor(2) as threads:
        return [each for told in threads.map(partial(_send, destination), parts) for each in told]


def test_nothing_is_lost_or_twice(account: Opened, make_settings: MakeSettings) -> None:
    settings = make_settings(bulk={"poll_first": 0.05}, retry_attempts=8)
    destination = connect(settings)
    destination.deploy_schema(ALL)
    for place, kind in enumerate(FAULTS):
        account.control.fault(kind, 10_000, share=0.03, seed=place)
    for of in _load():
        for _ in range(4):
            try:
                told = _send_at_once(destination, of)
                break
            except DestinationUnreachable:
                destination.close()
                destination = connect(settings)
        assert {each.outcome for each in told} == {"loaded"}, of.schema.name
    account.control.forget_faults()
    for of in _load():
        expected = of.rows.sort(of.schema.key_field).select(of.schema.returned_names).to_dicts()
        sent_names = [
            name for name in of.schema.returned_names if any(row[name] is not None for row in expected)
        ]
        there = [{name: row[name] for name in sent_names} for row in rows(destination, of.schema)]
        assert there == [{name: row[name] for name in sent_names} for row in expected]
    destination.close()
