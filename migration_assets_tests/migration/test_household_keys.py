"""A household is known again by its members, whatever becomes of its address and its names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from sqlalchemy import Engine

from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets_tests.objects.rows import Row, patient, stage_rows

ELM = {"Address1": "12 Elm St", "Zip": "12345"}
OAK = {"Address1": "4 Oak Ave", "Zip": "12346"}


@pytest.fixture
def keyed(engine: Engine, keys: PracticeKeys) -> Callable[[list[Row]], Mapping[str, str]]:
    """Of each patient what the key of the household's Account ends in, as a payload would have it."""
    minted = MintedKeys(engine, "maple", keys)

    def resolve(patients: list[Row]) -> Mapping[str, str]:
        staged = stage_rows(patients=patients, exams=[], chart=[])
        aliases = staged["households"].rows.select("source_id", "aliases")
        ids = minted.resolve("households", dict(aliases.iter_rows()))
        of_patient = staged["patients"].rows.select("source_id", "household_id")
        return {key: ids[household] for key, household in of_patient.iter_rows()}

    return resolve


@pytest.mark.parametrize(
    ("later", "wanted"),
    [
        # Moved together; married; joined by a patient with a smaller number.
        ([patient(5, **OAK), patient(6, **OAK)], {"5": "h5", "6": "h5"}),
        ([patient(5, **ELM, LastName="Lee"), patient(6, **ELM, LastName="Lee")], {"5": "h5", "6": "h5"}),
        ([patient(3, **ELM), patient(5, **ELM), patient(6, **ELM)], {"3": "h5", "5": "h5", "6": "h5"}),
        # The first is gone; the two have parted.
        ([patient(6, **ELM)], {"6": "h5"}),
        ([patient(5, **OAK), patient(6, **ELM)], {"5": "h5", "6": "h6"}),
    ],
)
def test_a_household_keeps_its_key(
    keyed: Callable[[list[Row]], Mapping[str, str]], later: list[Row], wanted: Mapping[str, str]
) -> None:
    assert keyed([patient(5, **ELM), patient(6, **ELM)]) == {"5": "h5", "6": "h5"}

    assert keyed(later) == wanted
    assert keyed(later) == wanted


def test_of_two_households_that_become_one_the_earlier_key_stays(
    keyed: Callable[[list[Row]], Mapping[str, str]],
) -> None:
    keyed([patient(5, **ELM)])
    keyed([patient(5, **ELM), patient(2, **OAK)])

    assert keyed([patient(5, **ELM), patient(2, **ELM)]) == {"2": "h5", "5": "h5"}
