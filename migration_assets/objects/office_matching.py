"""Which offices of dentists the practice's own records name, and which dentists they name with them.

The rule, nothing of which is a guess:

1. Two texts are one office where they are equal without case, accents, signs and legal form
   (``perio.names.folded_practice``). What says nothing is none, and neither is the practice's own name: all
   its dentists hang on its Account anyway.
2. A dentist is named with the office of their own row in Provider, and with every office that a referral's
   free text gives beside them. An office that is named beside nobody is none: it stays with its referral.
3. An office is called as it is written most often; of two spellings as frequent the one that stands first,
   providers before referrals, by number.

An office is known again later by the text that rule 1 compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from migration_assets.perio.names import folded_practice


class Dentist(NamedTuple):
    """One of the two: a ``source_id`` of ``staged.providers`` or of ``staged.referrers``."""

    provider: str | None
    referrer: str | None


@dataclass(frozen=True)
class Mention:
    """``dentist`` is named with the office ``written`` by the row ``key`` of Provider or Referral.

    ``key`` is the row's primary key as text; a row names one dentist with at most one office.
    """

    table: Literal["Provider", "Referral"]
    key: str
    dentist: Dentist
    written: str

    @property
    def order(self) -> tuple[str, int, int, str]:
        """Providers before referrals, keys that are numbers by their number, all others behind them."""
        number = (0, int(self.key)) if self.key.isdecimal() else (1, 0)
        return (self.table, *number, self.key)


@dataclass(frozen=True)
class Office:
    """``mentions`` are in their order, never none; ``folded`` is equal for all their texts."""

    folded: str
    mentions: tuple[Mention, ...]

    @property
    def source_id(self) -> str:
        """``p`` or ``r`` (Provider, Referral) and the key of the first row that names it."""
        first = self.mentions[0]
        return f"{first.table[0].lower()}{first.key}"

    @property
    def name(self) -> str:
        # Of equally frequent ones a Counter gives the one that it met first.
        return Counter(mention.written for mention in self.mentions).most_common(1)[0][0]

    @property
    def aliases(self) -> tuple[str, ...]:
        return (self.folded,)

    @property
    def dentists(self) -> tuple[Dentist, ...]:
        """Each once, in the order of the mentions."""
        return tuple(dict.fromkeys(mention.dentist for mention in self.mentions))


def offices(mentions: Iterable[Mention], own_name: str | None = None) -> tuple[Office, ...]:
    """All offices of ``mentions`` in the order of their first ones; the order given doesn't matter.

    ``own_name`` is the practice's.
    """
    own = own_name and folded_practice(own_name)
    named: dict[str, list[Mention]] = {}
    for mention in sorted(mentions, key=lambda each: each.order):
        folded = folded_practice(mention.written)
        if folded is not None and folded != own:
            named.setdefault(folded, []).append(mention)
    return tuple(Office(folded, tuple(each)) for folded, each in named.items())
