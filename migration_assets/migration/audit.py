"""Verifying the audit log against what other places remember of it.

The chain alone shows every change inside it. That its tail was cut off, or that all of it was made anew by
somebody who has the key, shows only against heads that were written down elsewhere: anchors, from Dagster's
metadata, from JSON reports, from a person's own note. Where Dagster's come from is ``orchestration``'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migration_assets.errors import ConfigurationError, DecisionLogBroken
from migration_assets.migration.decision_chain import Chain
from migration_assets.migration.decisions import DecisionLog, Head

AUDIT_LOG = "audit_log"
"""The name of the head in metadata (``<sequence>:<link>``) and in JSON reports (``Head.described``)."""
_HEAD = re.compile(r"(\d{1,12}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of the log as another place shows it; ``where`` names the place."""

    sequence: int
    link: str
    where: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``fault`` is a sentence's end about the first bad entry (``entry``); both None for a sound log.

    ``newest`` is the anchor with the highest number among ``anchors`` compared ones.
    """

    head: Head
    anchors: int
    newest: Anchor | None = None
    entry: int | None = None
    fault: str | None = None

    @property
    def sound(self) -> bool:
        return self.fault is None


def parse_anchor(text: str, where: str) -> Anchor:
    """``<sequence>:<link>``; raises ConfigurationError for anything else."""
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"{where}: a head is written as SEQUENCE:LINK, a number and 64 hex digits")
    return Anchor(int(found[1]), found[2], where)


def verify(log: DecisionLog, anchors: Sequence[Anchor]) -> Verdict:
    """The log's chain, then each anchor against it; the first bad entry is the lowest that is known to be."""
    chain = log.chain()
    head = Head(len(chain.links), chain.last_link)
    newest = max(anchors, key=lambda each: each.sequence, default=None)
    bad = _first_bad(chain, anchors)
    if bad is None:
        return Verdict(head, len(anchors), newest)
    return Verdict(head, len(anchors), newest, *bad)


def require_sound(log: DecisionLog, practice: str, anchors: Sequence[Anchor]) -> Verdict:
    """Raises DecisionLogBroken naming the first bad entry and what is wrong with it."""
    verdict = verify(log, anchors)
    if not verdict.sound:
        raise DecisionLogBroken(
            f"practice {practice}: entry {verdict.entry} of the decisions log {verdict.fault}; restore the "
            "ledger from a backup before anything is approved"
        )
    return verdict


def report_anchors(folder: Path) -> list[Anchor]:
    """The heads of all JSON reports under a folder; a file that holds none is none."""
    return [anchor for path in sorted(folder.rglob("*.json")) for anchor in _anchors_of(path)]


def _first_bad(chain: Chain, anchors: Sequence[Anchor]) -> tuple[int, str] | None:
    if chain.fault is not None:
        return chain.fault.sequence, chain.fault.what
    for anchor in sorted(anchors, key=lambda each: each.sequence):
        if anchor.sequence > len(chain.links):
            missing = len(chain.links) + 1
            return missing, (
                f"is missing: the log ends with entry {len(chain.links)}, and {anchor.where} shows entry "
                f"{anchor.sequence}"
            )
        if anchor.sequence and chain.links[anchor.sequence - 1] != anchor.link:
            return anchor.sequence, (
                f"isn't the one that {anchor.where} shows: from it or an earlier one on the log was made anew"
            )
    return None


def _anchors_of(path: Path) -> Iterator[Anchor]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return
    shown = document.get(AUDIT_LOG) if isinstance(document, dict) else None
    if isinstance(shown, dict) and isinstance(shown.get("sequence"), int):
        yield Anchor(shown["sequence"], str(shown.get("link")), path.name)
