"""Letters that name a procedure otherwise than their plan: found by the letter's subject, never corrected.

A letter's own text is a file that nobody reads here, so its subject is all that can be compared. It is
compared with codes and texts of plan lines and with plans' names, whole words in any case. Pure functions
over frames; no text leaves this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

LETTER_COLUMNS = ("source_id", "plan_id", "subject")
PLAN_COLUMNS = ("source_id", "plan_name")
LINE_COLUMNS = ("plan_id", "procedure_code", "description")

_SHORTEST = 5
"""Characters of a text that names a procedure; shorter ones are words of any sentence (exam, tooth)."""
_CODE = r"\b[Dd][0-9]{4}\b"


@dataclass(frozen=True)
class LetterNaming:
    """``differing``: ids of letters whose subject names a procedure (code or text) that no line of their plan
    has, the plan's name neither. ``not_comparable``: letters of a plan that isn't staged, or whose subject
    names no procedure that any plan of the practice has."""

    compared: int = 0
    differing: tuple[str, ...] = ()
    not_comparable: int = 0


@dataclass
class _Plan:
    """What a plan is called and what its lines are: codes, and folded texts."""

    codes: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def has(self, text: str) -> bool:
        return any(text in own for own in self.texts)


def letter_naming(letters: pl.DataFrame, plans: pl.DataFrame, lines: pl.DataFrame) -> LetterNaming:
    """``letters`` have LETTER_COLUMNS (those of no plan don't count), ``plans`` PLAN_COLUMNS, ``lines``
    LINE_COLUMNS, all String."""
    known = _plans(plans, lines)
    texts = sorted({text for each in known.values() for text in each.texts})
    written = letters.filter(pl.col("plan_id").is_not_null())
    named = written.select(
        "source_id",
        "plan_id",
        codes=pl.col("subject")
        .fill_null("")
        .str.extract_all(_CODE)
        .list.eval(pl.element().str.to_uppercase()),
        texts=_folded("subject").fill_null("").str.extract_many(texts, overlapping=True)
        if texts
        else pl.lit([], dtype=pl.List(pl.String)),
    )
    differing, not_comparable = [], 0
    for letter, plan_id, codes, found in named.iter_rows():
        plan = known.get(plan_id)
        if plan is None or not (codes or found):
            not_comparable += 1
        elif set(codes) - plan.codes or not all(plan.has(text) for text in _widest(found)):
            differing.append(letter)
    return LetterNaming(written.height - not_comparable, tuple(differing), not_comparable)


def _plans(plans: pl.DataFrame, lines: pl.DataFrame) -> Mapping[str, _Plan]:
    names = pl.concat(
        [
            plans.select(plan_id="source_id", text=_folded("plan_name")),
            lines.select("plan_id", text=_folded("description")),
        ]
    )
    found = {plan_id: _Plan() for plan_id in plans["source_id"].to_list()}
    long_enough = pl.col("text").str.strip_chars().str.len_chars() >= _SHORTEST
    for plan_id, text in names.filter(long_enough).iter_rows():
        found.setdefault(plan_id, _Plan()).texts.add(text)
    coded = lines.filter(pl.col("procedure_code").is_not_null())
    for plan_id, code in coded.select("plan_id", "procedure_code").iter_rows():
        found.setdefault(plan_id, _Plan()).codes.add(code)
    return found


def _folded(column: str) -> pl.Expr:
    """Lower case, words with one blank between and around them, so that only whole words match."""
    words = pl.col(column).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    return " " + words + " "


def _widest(found: list[str]) -> list[str]:
    """Without texts that are only part of a longer one that was found, too."""
    return [text for text in set(found) if not any(text != other and text in other for other in found)]
