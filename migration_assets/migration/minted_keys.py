"""Keys of people whom only free text names: minted once, kept with the person's aliases, never changed.

Staging finds the same person again by what the texts say, and its own id for them follows the texts. What
the destination knows is the id that the ledger gave the person first. Aliases are kept as keyed references.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import Connection, Engine, insert, select

from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_tables import MINTED_KEYS
from migration_assets.migration.practice_keys import PracticeKeys


@dataclass(frozen=True)
class MintedKeys:
    """The minted ids of one practice; rehearsal and live share them."""

    engine: Engine
    practice: str
    keys: PracticeKeys

    def resolve(self, staged: str, aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Staging's id -> the minted one, for every person of the staged table.

        ``aliases``: staging's id -> all that the person is recognised by, never empty. A person of whom an
        alias is known keeps the id that it was first minted for. Of several persons who claim one id (texts
        that were one and have been told apart since) the first in order of ``aliases`` keeps it. What a
        person is recognised by besides from now on is added.
        """
        with translated(self.practice), self.engine.begin() as connection:
            known = self._known(connection, staged)
            taken = set(known.values())
            claimed: dict[str, str] = {}
            rows: list[dict[str, str]] = []
            for person, names in aliases.items():
                references = [self.keys.reference(f"{staged}:{name}") for name in names]
                minted = self._minted(known, references, claimed.values())
                if minted is None:
                    minted = _unused(person, taken)
                    taken.add(minted)
                claimed[person] = minted
                fresh = [each for each in dict.fromkeys(references) if each not in known]
                known.update(dict.fromkeys(fresh, minted))
                rows += [{"alias": each, "source_id": minted} for each in fresh]
            if rows:
                common = {"practice": self.practice, "staged": staged, "at": datetime.now(UTC)}
                connection.execute(insert(MINTED_KEYS), [row | common for row in rows])
        return claimed

    def _known(self, connection: Connection, staged: str) -> dict[str, str]:
        """Alias -> minted id, in the order in which they were written down."""
        query = (
            select(MINTED_KEYS.c.alias, MINTED_KEYS.c.source_id)
            .where(MINTED_KEYS.c.practice == self.practice, MINTED_KEYS.c.staged == staged)
            .order_by(MINTED_KEYS.c.sequence)
        )
        return {row.alias: row.source_id for row in connection.execute(query)}

    @staticmethod
    def _minted(known: Mapping[str, str], references: Sequence[str], claimed: Iterable[str]) -> str | None:
        """The earliest id that one of the references was minted for and nobody has claimed."""
        free = {known[each] for each in references if each in known} - set(claimed)
        return next((each for each in known.values() if each in free), None)


def _unused(person: str, taken: set[str]) -> str:
    """Staging's own id, with a number behind it where somebody else was given that one."""
    numbered = (person if number == 1 else f"{person}-{number}" for number in count(1))
    return next(each for each in numbered if each not in taken)
