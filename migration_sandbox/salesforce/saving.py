"""What the rules of single objects are told of records that are about to be saved, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from migration_sandbox.salesforce.blobs import Blob
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.table import ROW
from migration_sandbox.salesforce.values import Mask

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

Writes = list[tuple[str, pl.DataFrame]]
"""Full rows of other objects (or of the same) that are written in the same commit."""


@dataclass
class Saving:
    """Full rows of one object, existing records first; nothing of them is committed yet.

    `blobs` holds the contents that came with rows, by place in the frame.
    """

    org: "Org"
    sobject: SObject
    frame: pl.DataFrame
    blobs: Mapping[int, Blob] = field(default_factory=dict)

    @property
    def fresh(self) -> Mask:
        """Which rows are new records."""
        made: Mask = self.frame[ROW].to_numpy() >= self.org.tables[self.sobject.name].next_row
        return made

    def put(self, name: str, values: Any) -> None:
        """Replace a column, in place."""
        item = self.sobject.fields[name]
        column = values if isinstance(values, pl.Series) else pl.Series(name, values, dtype=item.dtype)
        self.frame.replace_column(self.frame.get_column_index(name), column.cast(item.dtype).alias(name))

    def before(self, names: list[str]) -> pl.DataFrame:
        """What the org has now of the existing records among the rows, in their order."""
        rows = self.frame[ROW].to_numpy()[~self.fresh]
        return self.org.tables[self.sobject.name].gather(rows, names)

    def without(self, places: list[int]) -> "Saving":
        """The same without some rows."""
        keep = np.ones(self.frame.height, dtype=np.bool_)
        keep[places] = False
        kept = np.flatnonzero(keep).tolist()
        blobs = {new: self.blobs[old] for new, old in enumerate(kept) if old in self.blobs}
        return Saving(self.org, self.sobject, self.frame.filter(pl.Series(keep)), blobs)
