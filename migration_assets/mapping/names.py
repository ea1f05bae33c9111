"""Complaints about a name that doesn't exist, with the nearest one that does."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from migration_assets.documents import Document, KeyPath
from migration_assets.errors import ConfigurationError, SpecError


def unknown_name(
    document: Document, key_path: KeyPath, what: str, name: str, known: Iterable[str]
) -> ConfigurationError:
    """``what`` is the kind of name with where it was looked for: "column of staged.patients"."""
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    if near:
        remedy = f"did you mean '{by_folded[near[0]]}'?"
    elif by_folded:
        remedy = f"known: {', '.join(sorted(by_folded.values()))}"
    else:
        remedy = "there is none"
    return complaint(document, key_path, f"'{name}' is no {what}", remedy)


def complaint(document: Document, key_path: KeyPath, problem: str, remedy: str) -> ConfigurationError:
    return document.error(key_path, problem, remedy, SpecError)
