"""A few records of an account with many: read, looked for and sent with calls for the few, never doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import ObjectSchema, ReadRequest
from migration_assets.destinations.freshsales import lists
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    ALL,
    APPOINTMENT,
    CONTACT,
    DEAL,
    DOCUMENT,
    NOTE,
    batch,
    document_row,
    sent,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

ODD = "maple:patient:a'b\"c\\d&e=f,+ü 7"
PATIENTS = [*(f"maple:patient:{number}" for number in range(1, 40)), ODD]
PER_PAGE = 5
Reconnect = Callable[[], FreshsalesDestination]


@pytest.fixture
def reconnect(
    account: Opened, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reconnect]:
    """New connections to an account of 40 patients, whom it takes 8 pages to list, with a deal, a note and an
    appointment each; the calls before it are forgotten."""
    monkeypatch.setattr(lists, "PER_PAGE", PER_PAGE)
    made = [connect(make_settings(bulk={"poll_first": 0.02}))]
    made[0].deploy_schema(ALL)
    for schema, row_of in ((CONTACT, _patient), (DEAL, _plan), (NOTE, _note), (APPOINTMENT, _visit)):
        sent(made[0], batch(schema, [row_of(number, key) for number, key in enumerate(PATIENTS)]))

    def again() -> FreshsalesDestination:
        made.append(connect(make_settings(bulk={"poll_first": 0.02})))
        account.control.forget_requests()
        return made[-1]

    yield again
    for each in made:
        each.close()


def _patient(number: int, key: str) -> dict[str, Any]:
    return {"external_id": key, "last_name": f"Sampleton {number}"}


def _plan(number: int, patient: str) -> dict[str, Any]:
    return {"cf_panda_key": f"maple:plan:{number}", "name": "Plan", "amount": 1, "contact": patient}


def _note(number: int, patient: str) -> dict[str, Any]:
    return {"_key": f"maple:note:{number}", "description": "told", "target": patient}


def _visit(number: int, patient: str) -> dict[str, Any]:
    at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    key = f"maple:appointment:{number}"
    return {"_key": key, "title": "Recall", "from_date": at, "end_date": at, "patient": patient}


def _whole(destination: FreshsalesDestination, schema: ObjectSchema) -> pl.DataFrame:
    return pl.concat(destination.read(ReadRequest(schema, "maple:"))).sort("_id")


def _calls(account: Opened) -> int:
    return len(account.control.requests())


def _thought(schema: ObjectSchema, found: pl.DataFrame) -> pl.DataFrame:
    return found.select(schema.key_field, "_id", *(each.name for each in schema.references))


@pytest.mark.parametrize(("schema", "most"), [(CONTACT, (6, 11)), (DEAL, (14, 19)), (NOTE, (16, 65))])
def test_three_records_take_calls_for_three(
    account: Opened, reconnect: Reconnect, schema: ObjectSchema, most: tuple[int, int]
) -> None:
    """Where the caller knows about where they are, and where it knows their keys only."""
    whole = _whole(reconnect(), schema)
    some = whole.sort("_modified_at")[[0, 17, 21]].sort("_id")
    keys = tuple(some[schema.key_field])
    known = ReadRequest(schema, "maple:", keys=keys, thought=_thought(schema, some))
    unknown = ReadRequest(schema, "maple:", keys=(*keys, "maple:nobody:1"))
    for request, calls in zip((known, unknown), most, strict=True):
        assert pl.concat(reconnect().read(request)).sort("_id").equals(some)
        assert _calls(account) <= calls


def test_what_was_sent_last_is_read_back_by_a_call(account: Opened, reconnect: Reconnect) -> None:
    destination = reconnect()
    last = [ODD, *PATIENTS[-PER_PAGE:-1]]
    request = ReadRequest(CONTACT, "maple:", ("last_name",), tuple(last))
    assert sorted(pl.concat(destination.read(request))["external_id"]) == sorted(last)
    asked = [each.path for each in account.control.requests()]
    assert [path.rpartition("/")[0] for path in asked] == ["/api/contacts", "/api/contacts/view"]


@pytest.mark.parametrize("settings", [{"search_delay_seconds": 3600}, {}], ids=["late", "in time"])
def test_a_search_that_is_late_hides_no_record(
    account: Opened, reconnect: Reconnect, settings: dict[str, Any]
) -> None:
    account.control.settings(**settings)
    whole = _whole(reconnect(), CONTACT)
    keys = (PATIENTS[3], ODD, "maple:patient:nobody")
    found = pl.concat(reconnect().read(ReadRequest(CONTACT, "maple:", keys=keys)))
    assert found.sort("_id").equals(whole.filter(pl.col("external_id").is_in(keys)))


def test_a_new_record_of_each_kind_is_sent_with_calls_for_itself(
    account: Opened, reconnect: Reconnect
) -> None:
    """Settings, the records changed last and what the new one hangs on; none of them is listed."""
    content = b"a letter"
    new = {
        DEAL: _plan(100, PATIENTS[4]),
        NOTE: _note(100, PATIENTS[4]),
        APPOINTMENT: _visit(100, PATIENTS[4]),
        DOCUMENT: document_row(100, content, PATIENTS[4]),
    }
    for schema, row in new.items():
        key = row[schema.key_field]
        of = replace(batch(schema, [row], {key: content}), absent=frozenset({key}))
        made = sent(reconnect(), of)[key]
        assert (made.outcome, made.created) == ("loaded", True)
        assert _calls(account) <= 17
        assert [each.path for each in account.control.requests()].count("/api/contacts/view") <= 1


@pytest.mark.parametrize("expected", [False, True], ids=["the ledger knows nothing", "the ledger knows it"])
def test_what_is_there_is_changed_and_never_doubled(
    account: Opened, reconnect: Reconnect, expected: bool
) -> None:
    """Though the search hasn't seen it yet: what the ledger doesn't know was sent a moment ago, and is among
    the records changed last; what it knows is looked for in the whole list."""
    account.control.settings(search_delay_seconds=3600)
    number = 0 if expected else len(PATIENTS) - 1
    for schema, row in ((DEAL, _plan(number, PATIENTS[number])), (NOTE, _note(number, PATIENTS[number]))):
        absent = frozenset() if expected else frozenset({row[schema.key_field]})
        result = sent(reconnect(), replace(batch(schema, [row]), absent=absent))[row[schema.key_field]]
        assert (result.outcome, result.created) == ("loaded", False)
        assert _whole(reconnect(), schema).height == len(PATIENTS)


def test_a_record_that_was_read_is_changed_without_another_look(
    account: Opened, reconnect: Reconnect
) -> None:
    """A note that is to hang on somebody else is found where it hangs."""
    whole = _whole(reconnect(), NOTE)
    key = "maple:note:3"
    thought = _thought(NOTE, whole.filter(pl.col("_key") == key))
    destination = reconnect()
    read = pl.concat(destination.read(ReadRequest(NOTE, "maple:", keys=(key,), thought=thought)))
    account.control.forget_requests()
    sent(destination, batch(NOTE, [_note(3, PATIENTS[5])]))
    assert [each.method for each in account.control.requests()][-1] == "PUT"
    assert read.height == 1
    there = _whole(reconnect(), NOTE)
    assert there.height == len(PATIENTS)
    assert there.filter(pl.col("_key") == key)["target"].item() == PATIENTS[5]
