"""Records that name each other go one after the other, and optional parents that are absent are left out."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.load import Shipment
from migration_assets.migration.parents import PAYLOAD_HASH, in_waves, without_absent
from migration_assets_tests.migration.fake_destination import FakeDestination
from migration_assets_tests.migration.records import KEY, NO_PROBLEMS, loader, outcomes

PERSON = ObjectSchema(
    "Contact",
    "Contact",
    "Contacts",
    False,
    KEY,
    (
        FieldSchema(KEY, "PANDA Key", FieldType.TEXT, custom=True, length=120, external_id=True),
        FieldSchema("Provider__c", "Provider", FieldType.LOOKUP, custom=True, reference_to="Contact"),
    ),
)
OPTIONAL = frozenset({"Provider__c"})


def people(*rows: tuple[str, str | None]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={KEY: pl.String, "Provider__c": pl.String}, orient="row")
    return frame.with_columns(hash_rows(frame).alias(PAYLOAD_HASH))


def waves(*rows: tuple[str, str | None]) -> list[list[str]]:
    return [sorted(wave[KEY]) for wave in in_waves(PERSON, people(*rows))]


def test_who_is_named_goes_first() -> None:
    assert waves(("ann", "vale"), ("bob", None), ("vale", "gall"), ("gall", None)) == [
        ["bob", "gall"],
        ["vale"],
        ["ann"],
    ]


def test_who_isnt_in_the_shipment_is_waited_for_by_nobody() -> None:
    assert waves(("ann", "elsewhere"), ("bob", None)) == [["ann", "bob"]]


def test_a_circle_goes_last_and_together() -> None:
    assert waves(("ann", "bob"), ("bob", "ann"), ("cy", None)) == [["cy"], ["ann", "bob"]]


def test_an_object_that_doesnt_refer_to_itself_goes_at_once_even_if_empty() -> None:
    schema = ObjectSchema("Account", "Account", "Accounts", False, KEY, PERSON.fields[:1])

    assert [wave.height for wave in in_waves(schema, people())] == [0]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(0, 12))), unique_by=lambda row: row[0]
    )
)
def test_every_row_goes_once_and_after_those_it_names_unless_in_a_circle(
    rows: list[tuple[int, int | None]],
) -> None:
    named = {str(key): None if parent is None else str(parent) for key, parent in rows}
    sent = waves(*named.items())

    assert sorted(key for wave in sent for key in wave) == sorted(named)
    place = {key: number for number, wave in enumerate(sent) for key in wave}
    for key, parent in named.items():
        if parent in place and not _leads_into_a_circle(key, named):
            assert place[parent] < place[key]


def _leads_into_a_circle(key: str, named: dict[str, str | None]) -> bool:
    seen: set[str] = set()
    at: str | None = key
    while at is not None and at in named:
        if at in seen:
            return True
        seen.add(at)
        at = named[at]
    return False


def test_an_absent_optional_parent_is_left_out_of_the_row_and_its_hash() -> None:
    rows = people(("ann", "vale"), ("bob", "gall"), ("cy", None))

    found = without_absent(PERSON, OPTIONAL, rows, lambda _: pl.Series(["vale"]))

    assert found["Provider__c"].to_list() == ["vale", None, None]
    assert found[PAYLOAD_HASH].to_list() == [
        rows[PAYLOAD_HASH][0],
        people(("bob", None))[PAYLOAD_HASH][0],
        rows[PAYLOAD_HASH][2],
    ]


def test_a_required_parent_stays_however_absent() -> None:
    rows = people(("ann", "vale"))

    assert without_absent(PERSON, (), rows, lambda _: pl.Series([], dtype=pl.String)).equals(rows)


def load(destination: FakeDestination, ledger: Ledger, run: str, **given: Any) -> list[list[str]]:
    """Two providers and a patient of each, sent in one shipment."""
    destination.sent.clear()
    rows = people(("ann", "vale"), ("bob", "gall"), ("vale", None), ("gall", None))
    engine = loader(destination, ledger, run)
    object.__setattr__(engine, "parents", {"Contact": PERSON}.__getitem__)
    engine.load(Shipment(PERSON, rows, NO_PROBLEMS, **given))
    return [sorted(batch) for batch in destination.sent]


@pytest.fixture
def destination() -> FakeDestination:
    return FakeDestination(batch_rows=10)


def test_providers_are_there_before_their_patients_are_sent(
    destination: FakeDestination, ledger: Ledger
) -> None:
    assert load(destination, ledger, "first") == [["gall", "vale"], ["ann", "bob"]]
    assert load(destination, ledger, "second") == []


def test_a_patient_whose_optional_provider_failed_goes_without_and_again_once_it_is_there(
    destination: FakeDestination, ledger: Ledger
) -> None:
    destination.refused = {"gall"}
    load(destination, ledger, "first", optional=OPTIONAL)
    assert destination.records["Contact"]["bob"]["Provider__c"] is None
    assert destination.records["Contact"]["ann"]["Provider__c"] == "vale"
    assert outcomes(ledger, PERSON) == {"ann": "loaded", "bob": "loaded", "vale": "loaded", "gall": "failed"}

    assert load(destination, ledger, "second", optional=OPTIONAL) == [["gall"]]

    destination.refused.clear()
    assert load(destination, ledger, "third", optional=OPTIONAL) == [["gall"], ["bob"]]
    assert destination.records["Contact"]["bob"]["Provider__c"] == "gall"


def test_a_patient_whose_required_provider_failed_waits(destination: FakeDestination, ledger: Ledger) -> None:
    destination.refused = {"gall"}

    load(destination, ledger, "first")

    assert outcomes(ledger, PERSON)["bob"] == "held_back"
    assert "bob" not in destination.records["Contact"]
