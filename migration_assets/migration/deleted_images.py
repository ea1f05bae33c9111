"""What stood in records of ours that were deleted since their rows were gone from the source.

Kept before each deletion and never restored by a rollback, since the records were ours; so they are no
before-images. Of a file its fields, not its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import of_records
from migration_assets.migration.ledger_tables import DELETED_IMAGES


@dataclass(frozen=True)
class DeletedImages:
    """Those of one target, encrypted with the practice's key; append-only."""

    ledger: Ledger

    def keep(self, schema: ObjectSchema, records: Iterable[Mapping[str, Any]], run_id: str) -> None:
        """``records`` as they were read: ``_id`` and the fields by name."""
        fixed = {
            **self.ledger.target.columns(),
            "object": schema.name,
            "run_id": run_id,
            "at": datetime.now(UTC),
        }
        rows = []
        for each in records:
            key = str(each[schema.key_field])
            sealed = self.ledger.keys.encrypt(json.dumps(dict(each), default=str).encode(), key)
            rows.append({**fixed, "key": key, "destination_id": each["_id"], "sealed": sealed})
        if rows:
            with translated(str(self.ledger.target)), self.ledger.engine.begin() as connection:
                connection.execute(insert(DELETED_IMAGES), rows)

    def of(self, schema: ObjectSchema, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Key -> the record as it stood before it was deleted last, of those that ever were."""
        columns = DELETED_IMAGES.c
        rows: list[tuple[str, bytes]] = []
        with translated(str(self.ledger.target)), self.ledger.engine.connect() as connection:
            for some in of_records(DELETED_IMAGES, self.ledger.target, schema.name, keys):
                query = select(columns.key, columns.sealed).where(some).order_by(columns.sequence)
                rows += [(key, sealed) for key, sealed in connection.execute(query)]
        return {key: json.loads(self.ledger.keys.decrypt(sealed, key)) for key, sealed in rows}
