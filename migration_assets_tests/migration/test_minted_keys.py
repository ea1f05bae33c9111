"""People whom only free text names keep the key that they were given first, whatever the texts say later."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.practice_keys import PracticeKeys


@pytest.fixture
def minted(engine: Engine, keys: PracticeKeys) -> MintedKeys:
    return MintedKeys(engine, "maple", keys)


def test_a_person_keeps_the_first_id_when_staging_finds_another(minted: MintedKeys) -> None:
    assert minted.resolve("referrers", {"r7": ["doe|phone 1"]}) == {"r7": "r7"}

    again = minted.resolve("referrers", {"r3": ["doe|phone 1", "doe|mail 1"]})
    by_the_new_alias = minted.resolve("referrers", {"r9": ["doe|mail 1"]})

    assert again == {"r3": "r7"}
    assert by_the_new_alias == {"r9": "r7"}


def test_two_persons_who_turn_out_to_be_one_keep_the_earlier_id(minted: MintedKeys) -> None:
    minted.resolve("referrers", {"r1": ["a"], "r2": ["b"]})

    assert minted.resolve("referrers", {"r1": ["b", "a"]}) == {"r1": "r1"}


def test_of_two_persons_told_apart_later_one_gets_an_id_of_their_own(minted: MintedKeys) -> None:
    minted.resolve("referrers", {"r1": ["a", "b"]})

    told_apart = minted.resolve("referrers", {"r1": ["a"], "r2": ["b"]})

    assert told_apart == {"r1": "r1", "r2": "r2"}
    assert minted.resolve("referrers", {"r2": ["a"]}) == {"r2": "r1"}


def test_an_id_that_somebody_else_was_given_is_not_given_again(minted: MintedKeys) -> None:
    minted.resolve("referrers", {"r1": ["a"]})

    assert minted.resolve("referrers", {"r1": ["c"], "r5": ["a"]}) == {"r1": "r1-2", "r5": "r1"}


def test_practices_and_tables_share_nothing(minted: MintedKeys, engine: Engine, keys: PracticeKeys) -> None:
    minted.resolve("referrers", {"r1": ["a"]})

    assert minted.resolve("households", {"h4": ["a"]}) == {"h4": "h4"}
    assert MintedKeys(engine, "linden", keys).resolve("referrers", {"r2": ["a"]}) == {"r2": "r2"}


def test_no_alias_stands_in_the_database(minted: MintedKeys, engine: Engine) -> None:
    minted.resolve("referrers", {"r1": ["doe|mail Zqx7f@mail.example"]})

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM minted_keys")).fetchall()
    assert rows
    assert "Zqx7f" not in str(rows)
    assert "doe" not in str(rows)
