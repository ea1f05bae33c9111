"""Which edits are conflicts, and what a record is sent with then: any edits, any choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.destinations.base import FieldSchema, FieldType, Identity, ObjectSchema, payload_dtype
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.conflicts import Conflict, comparable, find, sendings, sent_rows
from migration_assets.migration.parents import PAYLOAD_HASH

KEY = "PANDA_Key__c"


def _field(name: str, kind: FieldType, **more: Any) -> FieldSchema:
    return FieldSchema(name, name, kind, custom=False, **more)


PERSON = ObjectSchema(
    "Contact",
    "Contact",
    "Contacts",
    False,
    KEY,
    (
        _field(KEY, FieldType.TEXT, length=120),
        _field("LastName", FieldType.TEXT, length=80),
        _field("Phone", FieldType.PHONE, length=40),
        _field("Index__c", FieldType.NUMBER, precision=5, scale=2),
        _field("Active__c", FieldType.CHECKBOX),
        _field("AccountId", FieldType.LOOKUP, reference_to="Account", relationship="Account"),
        _field("OwnerId", FieldType.USER),
        _field("Checksum", FieldType.TEXT, read_only=True),
    ),
)
TYPES = {each.name: payload_dtype(each) for each in PERSON.fields}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "LastName": st.sampled_from(["Quill", "Ames", None]),
    "Phone": st.sampled_from(["+1 555 0100", "+1 555 0101", None]),
    "Index__c": st.sampled_from([1, 2, None]),
    "Active__c": st.booleans(),
    "AccountId": st.sampled_from(["maple:practice:1", "maple:practice:2", None]),
    "OwnerId": st.sampled_from(["005A", "005B", None]),
    "Checksum": st.sampled_from(["a", "b"]),
}
records = st.fixed_dictionaries(VALUES)
FIELDS = [each.name for each in comparable(PERSON)]


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    made = pl.DataFrame(
        [{**dict.fromkeys(TYPES), **row} for row in rows], schema_overrides=TYPES, schema=list(TYPES)
    )
    return made.with_columns(hash_rows(made).alias(PAYLOAD_HASH))


def _keyed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{KEY: f"maple:patient:{number}", **row} for number, row in enumerate(rows)]


def _is_conflict(name: str, former: Any, source: Any, crm: Any) -> bool:
    """In words: somebody changed what we had sent, into something else than what we want to send."""
    if name == "OwnerId" and (former is None or source is None):
        return False
    return crm not in (former, source)


@given(st.lists(st.tuples(records, records, records), min_size=1, max_size=4))
def test_a_conflict_is_a_value_that_is_neither_what_was_sent_nor_what_is_to_be_sent(
    given_rows: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]],
) -> None:
    former, source, crm = (_keyed([row[place] for row in given_rows]) for place in range(3))

    found = find(PERSON, frame(*crm), frame(*former), frame(*source), {}, lambda *_: True)

    expected = {
        (before[KEY], name)
        for before, now, there in zip(former, source, crm, strict=True)
        for name in FIELDS
        if _is_conflict(name, before[name], now[name], there[name])
    }
    assert {(each.key, each.field) for each in found} == expected
    assert "Checksum" not in {each.field for each in found}


@given(
    st.lists(st.tuples(records, records, records), min_size=1, max_size=4),
    st.sampled_from([Identity.EXTERNAL_ID, Identity.FIELD, Identity.MARKER]),
)
def test_a_kept_field_stays_and_every_other_field_is_sent_as_the_source_has_it(
    given_rows: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]], identity: Identity
) -> None:
    schema = replace(PERSON, identity=identity)
    former, source, crm = (_keyed([row[place] for row in given_rows]) for place in range(3))
    current, payload = frame(*crm), frame(*source)
    found = find(schema, current, frame(*former), payload, {}, lambda *_: True)
    kept: dict[str, set[str]] = {}
    for each in found:
        kept.setdefault(each.key, set()).add(each.field)

    after = {row[KEY]: dict(row) for row in crm}
    sent: list[str] = []
    for sent_by, rows in sendings(schema, payload, kept, current):
        assert set(rows.columns) == {*sent_by.field_names, PAYLOAD_HASH}
        sent += rows[KEY].to_list()
        for row in rows.iter_rows(named=True):
            assert row[PAYLOAD_HASH] == payload.filter(pl.col(KEY) == row[KEY])[PAYLOAD_HASH].item()
            after[row[KEY]].update({name: row[name] for name in sent_by.field_names})

    assert sorted(sent) == sorted(row[KEY] for row in source)
    for row, there in zip(source, crm, strict=True):
        for name in FIELDS:
            expected = there[name] if name in kept.get(row[KEY], ()) else row[name]
            assert after[row[KEY]][name] == expected


def _one(**values: Any) -> pl.DataFrame:
    return frame({KEY: "maple:patient:1", "Active__c": False, **values})


@pytest.mark.parametrize("line", ["Quill\r\nAmes", "Quill\nAmes ", " Quill\nAmes"])
def test_how_a_destination_keeps_a_text_is_nobodys_edit(line: str) -> None:
    sent = _one(LastName="Quill\nAmes")

    assert find(PERSON, _one(LastName=line), sent, _one(LastName="Vale"), {}, lambda *_: True) == []


def test_a_reference_that_lost_its_parent_was_emptied_by_nobody() -> None:
    sent, now = _one(AccountId="maple:practice:1"), _one()
    wanted = _one(AccountId="maple:practice:2")

    assert find(PERSON, now, sent, wanted, {}, lambda *_: False) == []
    assert [each.field for each in find(PERSON, now, sent, wanted, {}, lambda *_: True)] == ["AccountId"]


def test_without_what_was_sent_only_a_standing_conflict_is_found_again() -> None:
    current, wanted = _one(Phone="1", LastName="Ames"), _one(Phone="2", LastName="Quill")
    standing = {"maple:patient:1": {"Phone"}}

    found = find(PERSON, current, frame().clear(), wanted, standing, lambda *_: True)

    assert found == [Conflict("maple:patient:1", "Phone", None, "2", "1")]


def test_a_record_that_went_without_a_parent_is_known_by_the_hash_that_it_had_then() -> None:
    full = _one(LastName="Quill", AccountId="maple:practice:1")
    bare = _one(LastName="Quill")

    found = sent_rows(PERSON, {"AccountId"}, full, {"maple:patient:1": {bare[PAYLOAD_HASH].item()}})

    assert found["AccountId"].to_list() == [None]
    assert sent_rows(PERSON, (), full, {"maple:patient:1": {bare[PAYLOAD_HASH].item()}}).is_empty()


def test_what_hangs_on_another_record_is_compared_but_for_what_it_hangs_on() -> None:
    note = replace(PERSON, identity=Identity.MARKER)

    assert "AccountId" not in {each.name for each in comparable(note)}
    assert "Phone" in {each.name for each in comparable(note)}
