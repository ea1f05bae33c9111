"""A practice's raw tables as the comparison of meaning gets them; nothing is read or judged here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.panda.profile import Profile
from migration_assets.practice import Policies

_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class RawPractice:
    """Raw tables by logical name as they were copied with the payload, and what staging said of them:
    ``rejects`` and ``corrections`` as objects/base.py has them. ``minted``: staged table -> staging's id of
    a person or household -> the id that their record's key ends in, where the ledger has given them another
    one. ``policies``: the practice's choices, ``options`` what is chosen by the destination's environment;
    ``name`` is what the practice calls itself."""

    practice: str
    zone: ZoneInfo
    profile: Profile
    tables: Mapping[str, pl.DataFrame]
    rejects: pl.DataFrame
    corrections: pl.DataFrame
    minted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    options: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None

    def column(self, table: str, logical: str) -> pl.Series:
        return self.tables[table][self.profile.table(table).actual(logical)]

    def keys(self, table: str, logical_key: str) -> pl.Series:
        return self.column(table, logical_key).cast(pl.String).str.strip_chars()


def numbered(key: str) -> tuple[bool, int, str]:
    """What ``keys`` are sorted by: numbers as numbers, what isn't one last."""
    number = int(key) if _NUMBER.fullmatch(key) else None
    return number is None, number or 0, key
