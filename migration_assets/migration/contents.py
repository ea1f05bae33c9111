"""Contents of files by the record's key: from the key to the row that holds them, and who reads it.

How a row's content is read is ``panda.contents``'s affair, and of files that we made ``drawn_files``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration_assets.mapping.apply import source_table
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.drawn_files import DrawnFiles
from migration_assets.objects.registry import DRAWN_OBJECTS

if TYPE_CHECKING:
    from migration_assets.panda.contents import Contents


@dataclass(frozen=True)
class RecordContents:
    """A BlobSource of one object of files: of the practice's own ones and of those drawn for its payload."""

    contents: Contents
    drawn: DrawnFiles
    spec: ObjectSpec

    def pieces(self, key: str) -> Iterator[bytes]:
        _, key_space, source_id = key.split(":", 2)
        staged = next(each.staged for each in self.spec.sources if each.key_space == key_space)
        if any(each.name == staged for each in DRAWN_OBJECTS):
            return self.drawn.pieces(staged, source_id)
        return self.contents.pieces(source_table(staged), source_id)
