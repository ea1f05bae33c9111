"""Some records of a running org read back by their keys: typed as all of them are, with few requests."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from migration_assets.destinations.base import Batch, ObjectSchema, ReadRequest
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.batches import collected, exams, frame, read
from migration_assets_tests.destinations.salesforce.conftest import WIDE, Notes
from migration_assets_tests.destinations.salesforce.schemas import EXAM
from migration_sandbox.salesforce.control import Control

THERE = 200
ODD = (
    "maple:exam:O'Brien",
    'maple:exam:"quoted"',
    "maple:exam:back\\slash\\",
    "maple:exam:\\'); -- %_",
    "maple:exam:A",
    "maple:exam:a",
    "maple:exam:ünï+&=#?",
)


def _by_key(org: SalesforceDestination, schema: ObjectSchema, *keys: str) -> pl.DataFrame:
    return pl.concat(org.read(ReadRequest(schema, "maple:", keys=keys))).sort("_id")


def _asked(control: Control) -> Counter[str]:
    """Requests by method and resource, without the login's."""
    paths = ((each.method, each.path.partition("/v66.0/")[2]) for each in control.requests())
    return Counter(f"{method} {path.split('/')[0]}" for method, path in paths if path)


@pytest.fixture
def many(org: SalesforceDestination, control: Control) -> pl.DataFrame:
    """Exams of every value that a field can have, odd keys among theirs; sorted by id."""
    control.reset()
    values = {
        "Notes__c": "one\r\ntwo, \"three\" 'four' \\ 5",
        "Depth__c": 7,
        "Cost__c": Decimal("1234.10"),
        "Ratio__c": Decimal("0.007"),
        "Bleeding__c": True,
        "Exam_Date__c": date(2024, 2, 29),
        "Charted_At__c": datetime(2024, 2, 29, 23, 59, 59, 500_000, tzinfo=UTC),
    }
    plain = ({"PANDA_Key__c": f"maple:exam:{number:06}"} for number in range(THERE))
    batch = exams(*({"PANDA_Key__c": key, **values} for key in ODD), *plain)
    assert {each.outcome for each in collected(org.send(batch, Notes())).values()} == {"loaded"}
    return read(org, EXAM, "maple:").sort("_id")


@pytest.mark.parametrize(
    ("keys", "requests"),
    [
        (10, {"GET query": 1}),
        (900, {"GET query": 2}),
        (3_000, {"POST jobs": 1}),
        (6_000, {"POST jobs": 1}),
    ],
    ids=["a few", "some", "many by name", "more than a job names"],
)
def test_the_records_of_some_keys_are_those_that_a_whole_reading_tells(
    org: SalesforceDestination, control: Control, many: pl.DataFrame, keys: int, requests: dict[str, int]
) -> None:
    """Some of the keys are nobody's."""
    wanted = [*ODD, *(f"maple:exam:{number:06}" for number in range(THERE - 2, THERE + keys - 2))]
    control.forget_requests()
    found = _by_key(org, EXAM, *wanted, "oak:exam:1")
    assert found.equals(many.filter(pl.col("PANDA_Key__c").is_in(wanted)))
    assert found.height == len(ODD) + 2
    asked = _asked(control)
    assert {name: asked[name] for name in ("GET query", "POST jobs") if asked[name]} == requests


def test_nothing_is_asked_about_no_keys(org: SalesforceDestination, control: Control) -> None:
    control.forget_requests()
    found = _by_key(org, EXAM)
    assert found.is_empty()
    assert found.columns == ["_id", "_modified_at", *EXAM.returned_names]
    assert _asked(control) == {}


def test_what_no_address_holds_is_asked_for_by_a_job(org: SalesforceDestination, control: Control) -> None:
    key = WIDE.key_field
    batch = Batch("w1", WIDE, frame(WIDE, [{key: "maple:wide:1"}, {key: "maple:wide:2"}]))
    collected(org.send(batch, Notes()))
    control.forget_requests()
    absent = (f"maple:wide:{number:09}" for number in range(800))
    assert _by_key(org, WIDE, "maple:wide:2", *absent)[key].to_list() == ["maple:wide:2"]
    asked = _asked(control)
    assert (asked["POST jobs"], asked["GET query"]) == (1, 0)
