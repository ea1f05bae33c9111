"""Procedure codes of the ADA's CDT: which texts are one, and when two name the same procedure.

The nomenclature is licensed, so no description stands here or is compared: texts are reworded from year to
year, and a plan's own text may lag behind its letters. The code alone says what is done.
"""

from __future__ import annotations

import re

import polars as pl

from migration_assets.perio.errors import InvalidProcedureCode

_CODE = re.compile(r"D[0-9]{4}")


def parse_procedure_code(written: str) -> str:
    """The code as CDT prints it: a capital D and four digits (CDT, "D" codes; HIPAA 45 CFR 162.1002).

    Blanks around it and a small d are read; raises InvalidProcedureCode for anything else, also for the
    four digits alone, which another code set may use.
    """
    code = written.strip().upper()
    if not _CODE.fullmatch(code):
        raise InvalidProcedureCode("a procedure code is a D and four digits")
    return code


def same_procedure(one: str, other: str) -> bool:
    """Whether two codes name one procedure; raises InvalidProcedureCode where either is none."""
    return parse_procedure_code(one) == parse_procedure_code(other)


def normalised_procedure_code(written: pl.Expr) -> pl.Expr:
    """A column of codes as written -> as CDT prints them, null where one is null or no code."""
    code = written.str.strip_chars().str.to_uppercase()
    return pl.when(code.str.contains(rf"^{_CODE.pattern}$")).then(code)
