"""Some records of an account read back by their keys: the same as all of them filtered, of every object."""

from __future__ import annotations

import polars as pl
import pytest

from migration_assets.destinations.base import Destination, ReadRequest
from migration_assets_tests.integration.folder import PRACTICE
from migration_assets_tests.integration.freshsales.installation import Installation

PREFIX = f"{PRACTICE}:"
ABSENT = (f"{PREFIX}nobody:1", f"{PREFIX}no\"body'\\:&?=%+,1", f"{PREFIX}ü")


def _read(destination: Destination, request: ReadRequest) -> pl.DataFrame:
    return pl.concat(destination.read(request)).sort("_id")


@pytest.mark.parametrize("guessed", [False, True], ids=["nothing thought", "places thought"])
def test_records_by_key_are_those_of_the_whole_practice(guessed: bool, loaded: Installation) -> None:
    with loaded.migration().planned() as (plan, destination):
        schemas = list(plan.schemas.values())
        every = {each.name: _read(destination, ReadRequest(each, PREFIX)) for each in schemas}
    for schema in schemas:
        rows = every[schema.name]
        assert rows.height
        places = rows.select(schema.key_field, "_id", *(each.name for each in schema.references))
        for some in (rows[::3], rows):
            keys = (*some[schema.key_field], *(() if guessed else ABSENT))
            request = ReadRequest(schema, PREFIX, keys=keys, thought=places if guessed else None)
            with loaded.migration().planned() as (_, destination):
                assert _read(destination, request).equals(some), schema.name
