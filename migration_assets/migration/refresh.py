"""Brings panda.duckdb to the state that a whole extraction and staging would give, for the rows that changed.

Within one transaction: raw rows are replaced, their patients' rows staged anew, and the log says what was
done. Where the rows come from, and which of them changed, is told by ``detection``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from migration_assets.errors import SourceError
from migration_assets.migration.restaging import Restaging
from migration_assets.migration.staging import Verdict
from migration_assets.migration.units import PATIENT, UNITS_COLUMNS, Units, in_schema, key_text, unit_of_row
from migration_assets.objects.base import StagedObject
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.extract import EXTRACTIONS, SCHEMA
from migration_assets.panda.profile import Profile
from migration_assets.panda.refresh_log import (
    LOG_COLUMNS,
    REFRESHED_OBJECTS,
    REFRESHED_ROWS,
    REFRESHED_UNITS,
    REFRESHES,
    last_sequence,
)
from migration_assets.panda.rereading import REREAD
from migration_assets.panda.share import SHARE_FILES
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, quoted

_RAW = in_schema(SCHEMA)
_UNITS, _CHANGED = "temp.units", "temp.changed"

PENDING_COLUMNS: dict[str, pl.DataType] = {
    "logical_table": pl.String(),
    "key": pl.String(),
    "deleted": pl.Boolean(),
    "seen_at": pl.Datetime("ms", "UTC"),
    "since": pl.Datetime("ms", "UTC"),
}
"""Changes that wait: primary key as text, whether the row is gone, the poll that found it and the one before
it, both in UTC."""


@dataclass(frozen=True)
class Restaged:
    """``verdicts`` of the objects that were staged anew; ``units`` is how many patients' rows."""

    sequence: int
    units: int
    verdicts: tuple[Verdict, ...]


@dataclass
class Refresh:
    """Over an open session on panda.duckdb, in which ``reread.<table>`` holds the rows as they are now."""

    session: Session
    practice: Practice
    profile: Profile
    batch_id: str
    _ownership: Units = field(init=False)
    _restaged: dict[str, Verdict] = field(default_factory=dict)
    _whole: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ownership = Units(self.profile)

    def take(self, pending: pl.DataFrame, read_at: datetime, files: pl.DataFrame | None = None) -> Restaged:
        """``pending``: PENDING_COLUMNS; ``files``: rows of ``share_files`` that are other ones than before.

        Raises SourceError where a table has other columns than it was extracted with.
        """
        self.session.put_temporary("changed", pending)
        self.session.put_temporary("units", pl.DataFrame(schema=UNITS_COLUMNS))
        tables = pending["logical_table"].unique(maintain_order=True).to_list()
        with self.session.transaction():
            self._add_owners(tables)
            self._ownership.closed(self.session, _RAW, _UNITS)
            for table in tables:
                self._replace_rows(table)
            self._add_owners(tables)
            self._add_gone(tables)
            changed = set(tables)
            if files is not None and files.height:
                self._replace_files(files)
                changed.add(SHARE_FILES)
            self._ownership.closed(self.session, _RAW, _UNITS)
            self._note_extraction(tables, read_at)
            for staged_object in STAGED_OBJECTS:
                self._restage(staged_object, changed)
            sequence = self._log(pending)
            units = self._count(_UNITS)
        for table in tables:
            self.session.execute(f"DROP TABLE IF EXISTS {REREAD}.{quoted(table)}")
        return Restaged(sequence, units, tuple(self._restaged.values()))

    def _count(self, place: str) -> int:
        return int(self.session.sql(f"SELECT count(*) AS n FROM {place}").item())

    def _key(self, table: str, row: str = "t") -> str:
        declared = self.profile.table(table)
        return f"{row}.{quoted(declared.actual(declared.key))}"

    def _changed_keys(self, table: str, key: str = "key") -> str:
        return f"SELECT {key} FROM {_CHANGED} WHERE logical_table = '{table}'"

    def _add_owners(self, tables: Sequence[str]) -> None:
        """Units that the changed rows have now."""
        for table in tables:
            if self._ownership.owned(table):
                changed = f"CAST({self._key(table)} AS VARCHAR) IN ({self._changed_keys(table)})"
                self._add_units(f"SELECT unit FROM ({self._ownership.owners(table, _RAW, changed)})")

    def _add_gone(self, tables: Sequence[str]) -> None:
        """What hung on a row that is gone hangs on its key alone from now on."""
        for table in tables:
            if self._ownership.owned(table) and table != PATIENT:
                prefix = unit_of_row(table, "")
                self._add_units(f"SELECT '{prefix}' || key AS unit FROM ({self._changed_keys(table)})")

    def _add_units(self, query: str) -> None:
        self.session.execute(
            f"INSERT INTO {_UNITS} SELECT DISTINCT unit FROM ({query}) "
            f"WHERE unit IS NOT NULL AND unit NOT IN (SELECT unit FROM {_UNITS})"
        )

    def _replace_rows(self, table: str) -> None:
        place = _RAW(table)
        self.session.execute(
            f"DELETE FROM {place} t WHERE CAST({self._key(table)} AS VARCHAR) IN "
            f"({self._changed_keys(table)})"
        )
        if not self.session.has_table(REREAD, table):
            return
        incoming = f"{REREAD}.{quoted(table)}"
        have, came = (self.session.sql(f"SELECT * FROM {each} LIMIT 0").columns for each in (place, incoming))
        if sorted(have) != sorted(came):
            other = ", ".join(sorted(set(have) ^ set(came)))
            raise SourceError(
                f"the columns of {table} are others than when it was extracted ({other}); "
                "extract the practice again"
            )
        self.session.execute(f"INSERT INTO {place} BY NAME SELECT * FROM {incoming}")

    def _replace_files(self, files: pl.DataFrame) -> None:
        """Files of the share, and the patients whose rows name them."""
        self.session.put_temporary("paths", files.select("path"))
        self.session.execute(f"DELETE FROM {_RAW(SHARE_FILES)} WHERE path IN (SELECT path FROM temp.paths)")
        self.session.append(SCHEMA, SHARE_FILES, files)
        for table, declared in self.profile.tables.items():
            for column in declared.file_paths:
                if self._ownership.owned(table) and self.session.has_table(SCHEMA, table):
                    named = (
                        f"CAST(t.{quoted(declared.actual(column))} AS VARCHAR) IN "
                        "(SELECT path FROM temp.paths)"
                    )
                    self._add_units(f"SELECT unit FROM ({self._ownership.owners(table, _RAW, named)})")

    def _note_extraction(self, tables: Sequence[str], read_at: datetime) -> None:
        """A row for each table, with the watermarks that it had: other rows may be older than these."""
        for table in tables:
            self.session.execute(
                f"INSERT INTO {SCHEMA}.{EXTRACTIONS} BY NAME SELECT e.* REPLACE ($2 AS batch_id, "
                f"$3::TIMESTAMPTZ AS extracted_at, (SELECT count(*) FROM {_RAW(table)}) AS rows) "
                f"FROM {SCHEMA}.{EXTRACTIONS} e WHERE logical_table = $1 "
                "ORDER BY e.extracted_at DESC, e.batch_id DESC LIMIT 1",
                (table, self.batch_id, read_at),
            )

    def _restage(self, staged_object: StagedObject, changed: set[str]) -> None:
        """Whole where its rows hang together over patients, or on a table of nobody's that changed."""
        reads = changed.intersection(staged_object.reads)
        uses = self._restaged.keys() & set(staged_object.uses)
        if not reads and not uses:
            return
        restaging = Restaging(self.session, self.practice, self.profile, self._ownership, _UNITS, _CHANGED)
        owned = self._ownership.owned(staged_object.belonging[1])
        of_nobody = any(not self._ownership.owned(table) for table in reads - {SHARE_FILES})
        if owned and not staged_object.across_patients and not of_nobody:
            self._restaged[staged_object.name] = restaging.of_units(staged_object)
            return
        verdict, different = restaging.whole(staged_object)
        self._restaged[staged_object.name] = verdict
        if different.height:
            self._whole.append(staged_object.name)
            self._reach(staged_object, different)

    def _reach(self, staged_object: StagedObject, rows: pl.DataFrame) -> None:
        """Patients whose rows came out otherwise, though none of their own changed."""
        column, table = staged_object.belonging
        if not self._ownership.owned(table) or staged_object.derived:
            return
        keys = rows[column].cast(pl.String).drop_nulls().unique()
        self.session.put_temporary("reached", keys.to_frame("key"))
        if table == PATIENT:
            self._add_units("SELECT key AS unit FROM temp.reached")
        else:
            named = f"{key_text(self._key(table))} IN (SELECT key FROM temp.reached)"
            self._add_units(f"SELECT unit FROM ({self._ownership.owners(table, _RAW, named)})")
        self._ownership.closed(self.session, _RAW, _UNITS)

    def _log(self, pending: pl.DataFrame) -> int:
        sequence = last_sequence(self.session, SCHEMA) + 1
        rows: Mapping[str, pl.DataFrame] = {
            REFRESHES: pl.DataFrame([{"batch_id": self.batch_id, "refreshed_at": datetime.now(UTC)}]),
            REFRESHED_UNITS: self.session.sql(f"SELECT unit FROM {_UNITS}"),
            REFRESHED_OBJECTS: pl.DataFrame({"object": self._whole}, schema={"object": pl.String()}),
            REFRESHED_ROWS: self._changed_at(pending),
        }
        for name, found in rows.items():
            shaped = found.with_columns(pl.lit(sequence, pl.Int64()).alias("sequence"))
            columns = LOG_COLUMNS[name]
            self.session.append(SCHEMA, name, shaped.select(pl.col(c).cast(t) for c, t in columns.items()))
        return sequence

    def _changed_at(self, pending: pl.DataFrame) -> pl.DataFrame:
        """When each row changed: by its own stamp where that lies between the two polls."""
        stamps = [self._stamps(table) for table in pending["logical_table"].unique(maintain_order=True)]
        stamped = pl.concat([_NO_STAMPS, *stamps])
        zone = self.practice.time_zone.key
        local = pl.col("stamp").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return (
            pending.join(stamped, on=["logical_table", "key"], how="left")
            .with_columns(local.dt.convert_time_zone("UTC").dt.cast_time_unit("ms").alias("stamp"))
            .with_columns(
                pl.col("stamp").is_between("since", "seen_at").fill_null(value=False).alias("is_told")
            )
            .with_columns(
                changed_at=pl.when("is_told").then("stamp").otherwise("since"),
                basis=pl.when("is_told").then(pl.lit("modified_at")).otherwise(pl.lit("poll")),
            )
        )

    def _stamps(self, table: str) -> pl.DataFrame:
        declared = self.profile.table(table)
        if declared.modified_at is None:
            return _NO_STAMPS
        column = f"t.{quoted(declared.actual(declared.modified_at))}"
        return self.session.sql(
            f"SELECT '{table}' AS logical_table, CAST({self._key(table)} AS VARCHAR) AS key, "
            f"try_cast({column} AS TIMESTAMP) AS stamp FROM {_RAW(table)} t "
            f"WHERE CAST({self._key(table)} AS VARCHAR) IN ({self._changed_keys(table)})"
        ).cast(_NO_STAMPS.schema)


_NO_STAMPS = pl.DataFrame(
    schema={"logical_table": pl.String(), "key": pl.String(), "stamp": pl.Datetime("us")}
)
