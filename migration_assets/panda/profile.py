"""What a practice's PANDA database looks like: tables, columns and charting conventions, as configuration.

PANDA's own schema isn't public, so nothing about it stands in code. All other modules speak of logical
tables and columns (the names of ``profiles/default.yaml``) and ask the profile for the actual ones. No
connection and no row is touched here.

A profile of a practice states only where its database differs from the default: a table's ``name``, a
column ``FirstName: FName``, a convention of the chart. Everything it doesn't name is taken from the
default; a table that the default doesn't know needs ``name``, ``key`` and ``columns`` of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from migration_assets.documents import Document, read_document
from migration_assets.errors import ConfigurationError
from migration_assets.practice import Settings

BUILT_IN_PROFILES = Path(__file__).parent / "profiles"
DEFAULT_PROFILE = "default"
MEASURE_ROW_PROFILE = "measure_row"
"""Shipped: a database with a row for each exam, measure and tooth, as Open Dental's is."""
CHART_TABLE = "PeriodontalCharting"
_PROFILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _named(given: Any) -> Any:
    """``[FirstName]`` and ``{FirstName: }`` both say that the actual name is the logical one."""
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return {name: name for name in given}
    if isinstance(given, Mapping):
        return {logical: logical if actual is None else actual for logical, actual in given.items()}
    return given


# 128 characters is the length of SQL Server's sysname.
_Identifier = Annotated[str, Field(min_length=1, max_length=128)]
_Columns = Annotated[dict[_Identifier, _Identifier], BeforeValidator(_named)]


class TableProfile(Settings):
    """One logical table as it stands in the database.

    ``columns`` and ``blobs`` are logical -> actual names. ``key``, ``rowversion`` and ``modified_at`` are
    logical names out of ``columns``. ``blobs`` are large objects: streamed by key, never extracted.
    ``file_paths`` are logical names out of ``columns``, too: each holds the path of a file that the practice
    keeps outside of the database, on its file share.
    """

    db_schema: Annotated[_Identifier, Field(alias="schema")] = "dbo"
    name: _Identifier
    key: _Identifier
    rowversion: _Identifier | None = None
    modified_at: _Identifier | None = None
    columns: _Columns
    blobs: _Columns = Field(default_factory=dict)
    file_paths: tuple[_Identifier, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> TableProfile:
        for role in ("key", "rowversion", "modified_at"):
            column = getattr(self, role)
            if column is not None and column not in self.columns:
                raise ValueError(f"'{role}' must be one of this table's columns (by its logical name)")
        if unknown := [column for column in self.file_paths if column not in self.columns]:
            raise ValueError(
                f"'file_paths' must be of this table's columns (by logical name): {', '.join(unknown)}"
            )
        if both := sorted(self.columns.keys() & self.blobs.keys()):
            raise ValueError(f"stand under both columns and blobs: {', '.join(both)}")
        actual = [name.casefold() for name in (*self.columns.values(), *self.blobs.values())]
        if twice := sorted({name for name in actual if actual.count(name) > 1}):
            raise ValueError(f"two columns are given the same actual name: {', '.join(twice)}")
        return self

    @property
    def logical_columns(self) -> tuple[str, ...]:
        """Extracted columns by logical name, in the profile's order; blobs aren't among them."""
        return tuple(self.columns)

    @property
    def source_name(self) -> str:
        """``schema.name`` as people write it; for messages and metadata, not for SQL."""
        return f"{self.db_schema}.{self.name}"

    def actual(self, logical_column: str) -> str:
        """Actual name of a column or blob; raises ConfigurationError where the profile declares none."""
        for declared in (self.columns, self.blobs):
            if logical_column in declared:
                return declared[logical_column]
        raise ConfigurationError(
            f"the profile declares no column '{logical_column}' for {self.source_name}; "
            "add it under the table's 'columns' in the profile"
        )

    def has(self, logical_column: str) -> bool:
        return logical_column in self.columns or logical_column in self.blobs


def _text_keys(given: Any) -> Any:
    """YAML reads a code such as 4 as a number; a database may as well hold letters."""
    return {str(code): what for code, what in given.items()} if isinstance(given, Mapping) else given


Site = Literal["MB", "B", "DB", "ML", "L", "DL"]
MeasureKind = Literal[
    "pocket_depth",
    "recession",
    "mobility",
    "furcation",
    "status",
    "bleeding",
    "suppuration",
    "plaque",
    "findings",
    "not_migrated",
]
_BY_CODE = BeforeValidator(_text_keys)


class MeasureRows(Settings):
    """How a row of one exam, measure and tooth says what it measures.

    ``kinds``: code in the column Measure -> measure; ``findings`` is the bit field of the yes/no findings
    (``bits``: finding -> its bit; other bits aren't migrated), ``not_migrated`` a measure outside the
    migration. Measures of the whole tooth (mobility, status) stand in Value_Tooth, all others in the six
    columns Value_<site>; ``furcation_sites``: entrance -> the site column that it is written in;
    ``statuses``: number in a status row -> the status' word, null for none.
    """

    kinds: Annotated[dict[str, MeasureKind], _BY_CODE, Field(min_length=1)]
    bits: dict[Literal["bleeding", "suppuration", "plaque"], Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict
    )
    furcation_sites: dict[Literal["M", "D", "B", "L"], Site] = Field(default_factory=dict)
    statuses: Annotated[dict[str, str | None], _BY_CODE] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> MeasureRows:
        kinds = [kind for kind in self.kinds.values() if kind != "not_migrated"]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"two codes stand for the same measure: {', '.join(twice)}")
        if "findings" in kinds and not self.bits:
            raise ValueError("'bits' is missing: which bit of a findings row is which finding")
        if both := sorted(set(kinds) & self.bits.keys()):
            raise ValueError(f"have a code of their own and a bit too: {', '.join(both)}")
        if any(bit & (bit - 1) for bit in self.bits.values()):
            raise ValueError("a bit is one of 1, 2, 4, 8, 16 ...")
        if len(set(self.bits.values())) < len(self.bits):
            raise ValueError("two findings are given the same bit")
        if "furcation" in kinds and len(self.furcation_sites) < len("MDBL"):
            raise ValueError("'furcation_sites' must say of M, D, B and L where each is written")
        if len(set(self.furcation_sites.values())) < len(self.furcation_sites):
            raise ValueError("two furcation entrances are given the same site")
        return self


class ChartConventions(Settings):
    """How PeriodontalCharting writes what the periodontist saw; each line differs between real systems.

    ``shape``: a row for each charted tooth of an exam, or one for each measure of it (``measure_rows``).
    ``recession_positive``: where the gingival margin lies when Recession is above 0 (``apical`` of the CEJ
    is recession; NHANES counts the other way, ``coronal``). ``not_charted``: the number that stands for
    "not charted" (Open Dental: -1), null where the database uses NULL; 0 is always a charted 0.
    ``overgrowth_offset``: 100 where 105 means 5 mm of overgrowth (Open Dental). ``furcation_scale``:
    Glickman 0-4 or Hamp 0-3.
    """

    shape: Literal["tooth_row", "measure_row"] = "tooth_row"
    recession_positive: Literal["apical", "coronal"] = "apical"
    not_charted: int | float | None = None
    overgrowth_offset: Literal[100] | None = None
    furcation_scale: Literal["glickman", "hamp"] = "glickman"
    measure_rows: MeasureRows | None = None

    @model_validator(mode="after")
    def _fits_shape(self) -> ChartConventions:
        if self.measure_rows is not None and self.shape == "tooth_row":
            raise ValueError("'measure_rows' belongs to shape measure_row only")
        return self


class Bridge(Settings):
    """Logical columns that the Open Dental bridge fills; only these are cleansed of its ``NA`` and ``_``."""

    patient: tuple[str, ...] = ()


class Profile(Settings):
    """A whole profile, complete and consistent in itself."""

    name: str
    tables: dict[_Identifier, TableProfile]
    chart: ChartConventions = ChartConventions()
    bridge: Bridge = Bridge()

    @model_validator(mode="after")
    def _consistent(self) -> Profile:
        if "Patient" in self.tables:
            known = self.tables["Patient"].columns
            if unknown := [column for column in self.bridge.patient if column not in known]:
                raise ValueError(
                    f"bridge.patient names columns that Patient doesn't have: {', '.join(unknown)}"
                )
        places = [table.source_name.casefold() for table in self.tables.values()]
        if twice := sorted({place for place in places if places.count(place) > 1}):
            raise ValueError(
                f"two logical tables are given the same table of the database: {', '.join(twice)}"
            )
        if self.chart.shape == "measure_row" and self.chart.measure_rows is None:
            raise ValueError("shape measure_row needs 'measure_rows': which code is which measure")
        return self

    def table(self, logical: str) -> TableProfile:
        """Raises ConfigurationError where the profile declares no such table."""
        try:
            return self.tables[logical]
        except KeyError:
            raise ConfigurationError(
                f"the profile '{self.name}' declares no table '{logical}'; add it under 'tables'"
            ) from None

    def references(self) -> tuple[tuple[str, str, str], ...]:
        """Child table, logical column, parent table: columns that are called as another table's key is."""
        parents = {table.key: logical for logical, table in self.tables.items()}
        return tuple(
            (logical, column, parents[column])
            for logical, table in self.tables.items()
            for column in table.logical_columns
            if column in parents and column != table.key
        )

    def content_hash(self) -> str:
        """SHA-256 over everything but the profile's name; part of the plan hash."""
        content = self.model_dump(mode="json", exclude={"name"}, by_alias=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class _TableOverlay(Settings):
    db_schema: Annotated[_Identifier | None, Field(alias="schema")] = None
    name: _Identifier | None = None
    key: _Identifier | None = None
    rowversion: _Identifier | None = None
    modified_at: _Identifier | None = None
    columns: _Columns = Field(default_factory=dict)
    blobs: _Columns = Field(default_factory=dict)
    file_paths: tuple[_Identifier, ...] = ()


class _Overlay(Settings):
    """What a profile's file may say; whether the whole is complete shows after laying it over the default."""

    tables: dict[_Identifier, _TableOverlay] = Field(default_factory=dict)
    chart: ChartConventions = ChartConventions()
    bridge: Bridge = Bridge()


def load_profile(name: str, directory: Path | None = None) -> Profile:
    """The profile ``<name>.yaml`` in ``directory``, else among those shipped with this package.

    Raises ConfigurationError naming file, line and key.
    """
    if not _PROFILE_NAME.fullmatch(name):
        raise ConfigurationError(
            "a profile's name is 1 to 63 of a-z, 0-9, '_' and '-'; mend 'source.profile'"
        )
    own = directory / f"{name}.yaml" if directory is not None else None
    if own is None or not own.exists():
        return _shipped_profile(name)
    return _parsed(name, read_document(own))


@cache
def _shipped_profile(name: str) -> Profile:
    """What this package brings doesn't change while it runs, and every operation asks for it."""
    return _parsed(name, _shipped(name))


@cache
def _shipped(name: str) -> Document:
    return read_document(BUILT_IN_PROFILES / f"{name}.yaml")


def _parsed(name: str, document: Document) -> Profile:
    document.parse(_Overlay)
    content: dict[str, Any] = dict(document.data)
    if document.path != BUILT_IN_PROFILES / f"{DEFAULT_PROFILE}.yaml":
        content = _lay_over(_base_for(content), content)
    return Document(document.path, {"name": name, **content}, document.lines).parse(Profile)


def _base_for(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The default, with the shipped table of measure rows where the profile charts by them: none of the
    default chart's columns would be there."""
    base = _shipped(DEFAULT_PROFILE).data
    if content.get("chart", {}).get("shape") != "measure_row":
        return base
    rows = _shipped(MEASURE_ROW_PROFILE).data
    tables = {**base["tables"], CHART_TABLE: rows["tables"][CHART_TABLE]}
    return {**base, "chart": rows["chart"], "tables": tables}


def _lay_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {**base, **own}
    merged["chart"] = {**base.get("chart", {}), **own.get("chart", {})}
    merged["tables"] = dict(base["tables"])
    for logical, table in own.get("tables", {}).items():
        below = base["tables"].get(logical, {})
        merged["tables"][logical] = {
            **below,
            **table,
            "columns": {**_named(below.get("columns", {})), **_named(table.get("columns", {}))},
            "blobs": {**_named(below.get("blobs", {})), **_named(table.get("blobs", {}))},
        }
    return merged
