"""Procedures are told apart by their code alone."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.errors import InvalidProcedureCode
from migration_assets.perio.procedures import (
    normalised_procedure_code,
    parse_procedure_code,
    same_procedure,
)


@pytest.mark.parametrize("written", ["D4341", " d4341 ", "D4341\n"])
def test_a_code_is_printed_as_cdt_prints_it(written: str) -> None:
    assert parse_procedure_code(written) == "D4341"


@pytest.mark.parametrize("written", ["", "4341", "D434", "D43411", "D4341.1", "X4341", "D 4341", "D４３４１"])
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(InvalidProcedureCode):
        parse_procedure_code(written)


def test_only_the_code_makes_two_procedures_one() -> None:
    assert same_procedure("D4341", "d4341")
    assert not same_procedure("D4341", "D4342")


@given(
    st.one_of(
        st.text("Dd0123456789 .²４\t\n", max_size=8), st.from_regex(r"[ \t]?[Dd][0-9]{4}\n?", fullmatch=True)
    )
)
def test_a_column_is_read_as_each_of_its_texts_is(written: str) -> None:
    column = pl.DataFrame({"code": [written]}).select(normalised_procedure_code(pl.col("code")))["code"]
    try:
        single = parse_procedure_code(written)
    except InvalidProcedureCode:
        assert column.to_list() == [None]
    else:
        assert re.fullmatch(r"D\d{4}", single)
        assert column.to_list() == [single]
