"""An exam's drawn chart as a file on its contact: as it was drawn, once, and the new one where it changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from migration_assets.destinations.base import Batch
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import CONTACT, patients, rows, sent
from migration_assets_tests.migration.test_drawn_files import KEYS, Office
from migration_assets_tests.sandbox.freshsales_fixtures import Opened


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("MAPLE_KEY", "x" * 32)
    made = Office(tmp_path)
    made.stage()
    made.build()
    return made


@pytest.fixture
def destination(account: Opened, make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:  # noqa: ARG001
    made = connect(make_settings())
    made.deploy_schema([CONTACT])
    sent(made, patients(1, 2))
    yield made
    made.close()


def charts(office: Office) -> Batch:
    schema = office.plan.schemas["document"]
    payload = office.read("payload_document").filter(pl.col(schema.key_field).is_in(KEYS))
    return Batch("b1", schema, payload.select(schema.field_names), blobs=office.contents)


@pytest.mark.parametrize("deletes", [False, True])
def test_a_chart_is_there_once_and_its_new_picture_takes_its_place_where_files_can_be_deleted(
    account: Opened, destination: FreshsalesDestination, office: Office, deletes: bool
) -> None:
    account.control.settings(document_delete=deletes)
    first = charts(office)
    sent(destination, first)
    sent(destination, first)
    assert account.control.counts()["document"] == len(KEYS)
    assert rows(destination, first.schema) == first.rows.to_dicts()

    office.stage(PocketDepth_MB=5)
    office.build()
    second = charts(office)
    told = sent(destination, second)

    same, changed = (told[key] for key in KEYS)
    assert same.outcome == "loaded"
    assert (changed.outcome, changed.code) == (("loaded", None) if deletes else ("failed", "file_fixed"))
    there = second if deletes else first
    assert rows(destination, first.schema) == there.rows.to_dicts()
