"""Contents of files by the record's key: from the key to the row of the source that holds them.

How a row's content is read is ``panda.contents``'s affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration_assets.mapping.apply import source_table
from migration_assets.mapping.spec import ObjectSpec

if TYPE_CHECKING:
    from migration_assets.panda.contents import Contents


@dataclass(frozen=True)
class RecordContents:
    """A BlobSource of one object of files."""

    contents: Contents
    spec: ObjectSpec

    def pieces(self, key: str) -> Iterator[bytes]:
        _, key_space, source_id = key.split(":", 2)
        staged = next(each.staged for each in self.spec.sources if each.key_space == key_space)
        return self.contents.pieces(source_table(staged), source_id)
