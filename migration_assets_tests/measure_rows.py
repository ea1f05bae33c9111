"""The same chart in a database that charts by measure: frames, DDL and profile, for tests of both shapes.

Codes, columns and conventions are unlike the shipped profile's on purpose: all of it is configuration. A
whole database of this kind calls people and exams by other names, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from migration_assets.panda.profile import Profile, load_profile
from migration_sandbox.practice.schema import ddl

PROFILE_NAME = "measures"
SITES = ("MB", "B", "DB", "ML", "L", "DL")
STATUSES = {
    "present": 1,
    "missing": 2,
    "implant": 3,
    "pontic": 4,
    "crown": 5,
    "unerupted": 6,
    "impacted": 7,
    "primary": 8,
}
FURCATION_SITES = {"M": "MB", "D": "DL", "B": "B", "L": "ML"}
FLAGS = {"bleeding": "BOP", "suppuration": "Suppuration", "plaque": "Plaque"}
BITS = {"bleeding": 4, "suppuration": 1, "plaque": 8}

DDL = """
CREATE TABLE dbo.perio_measure (
  id          bigint       NOT NULL PRIMARY KEY,
  exam_no     int          NOT NULL,
  kind        varchar(2)   NOT NULL,
  tooth_code  nvarchar(6)  NOT NULL,
  whole_tooth decimal(4,1) NOT NULL,   -- -1: nothing charted, in every value column
  v_mb smallint NOT NULL, v_b smallint NOT NULL, v_db smallint NOT NULL,
  v_ml smallint NOT NULL, v_l smallint NOT NULL, v_dl smallint NOT NULL,
  edited_at   datetime2(3) NULL
)
"""

COLUMNS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "exam_no": pl.Int32(),
    "kind": pl.String(),
    "tooth_code": pl.String(),
    "whole_tooth": pl.Decimal(4, 1),
    **{f"v_{site.lower()}": pl.Int16() for site in SITES},
    "edited_at": pl.Datetime("ms"),
}

_PROFILE = f"""
chart:
  shape: measure_row
  recession_positive: apical
  not_charted: -1
  overgrowth_offset: 100
  measure_rows:
    kinds: {{PD: pocket_depth, GM: recession, MO: mobility, FU: furcation, ST: status, CA: not_migrated, %s}}
    bits: {{%s}}
    furcation_sites: {{{", ".join(f"{entrance}: {site}" for entrance, site in FURCATION_SITES.items())}}}
    statuses: {{{", ".join(f"{code}: {word}" for word, code in STATUSES.items())}}}
tables:
  PeriodontalCharting:
    name: perio_measure
    columns:
      ChartingID: id
      ExamID: exam_no
      Measure: kind
      Tooth: tooth_code
      Value_Tooth: whole_tooth
      Value_MB: v_mb
      Value_B: v_b
      Value_DB: v_db
      Value_ML: v_ml
      Value_L: v_l
      Value_DL: v_dl
      ModifiedAt: edited_at
"""

# Logical table -> its name in a whole database of this kind, and its columns that have another name there.
_ELSEWHERE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Patient": ("people", {"PatientID": "person", "LastName": "surname", "DateOfBirth": "born"}),
    "ClinicalExam": (
        "exam sessions",
        {"ExamID": "session no.", "PatientID": "person", "ExamDate": "taken [local]", "Notes": "Plan"},
    ),
    "TreatmentPlanLine": ("plan_step", {"LineID": "step", "Sequence": "order"}),
}


def profile(folder: Path, *, bits: bool, elsewhere: bool = False) -> Profile:
    """Yes/no findings in one bit field, or as a row of their own each; ``elsewhere``: of a whole database
    as ``database`` makes it, whose other tables have other names than the default's, too."""
    kinds = "FI: findings" if bits else "BL: bleeding, SU: suppuration, PL: plaque"
    told = ", ".join(f"{finding}: {bit}" for finding, bit in BITS.items()) if bits else ""
    text = _PROFILE % (kinds, told)
    for logical, (name, columns) in _ELSEWHERE.items() if elsewhere else ():
        renamed = "".join(f"      {column}: {actual!r}\n" for column, actual in columns.items())
        text += f"  {logical}:\n    name: {name}\n    columns:\n{renamed}"
    (folder / f"{PROFILE_NAME}.yaml").write_text(text, encoding="utf-8")
    return load_profile(PROFILE_NAME, folder)


def database(tables: Mapping[str, pl.DataFrame], *, bits: bool) -> tuple[str, dict[str, pl.DataFrame]]:
    """A practice of the default profile in a database of this kind: its T-SQL, and its rows by table."""
    frames = {
        _ELSEWHERE.get(table, (table,))[0]: frame.rename(_ELSEWHERE.get(table, ("", {}))[1])
        for table, frame in tables.items()
        if table != "PeriodontalCharting"
    }
    return _ddl(), {**frames, "perio_measure": converted(tables["PeriodontalCharting"], bits=bits)}


def findings_charted_together(chart: pl.DataFrame) -> pl.DataFrame:
    """Rows of PeriodontalCharting without findings at sites where one of the three isn't charted."""
    return chart.with_columns(
        pl.when(~pl.any_horizontal(pl.col(f"{flag}_{site}").is_null() for flag in FLAGS.values()))
        .then(pl.col(f"{prefix}_{site}"))
        .alias(f"{prefix}_{site}")
        for site in SITES
        for prefix in FLAGS.values()
    )


def _ddl() -> str:
    """The default schema with ``_ELSEWHERE``'s names, and DDL in the chart's place."""
    text = re.sub(r"--[^\n]*", "", ddl())
    text = re.sub(r"CREATE TABLE dbo\.PeriodontalCharting \(.*?\n\);", lambda _: DDL + ";", text, flags=re.S)
    text = re.sub(r"CREATE INDEX IX_PeriodontalCharting_Exam [^;]*;", "", text)
    for logical, (name, columns) in _ELSEWHERE.items():
        key, start = next(iter(columns)), text.index(f"CREATE TABLE dbo.{logical} (")
        end = text.index("\n);", start)
        body = text[start:end]
        for column, actual in columns.items():
            body = re.sub(rf"^  {column}\b", f"  {_bracketed(actual)}", body, flags=re.M)
        body = body.replace(f"dbo.{logical} (", f"dbo.{_bracketed(name)} (")
        text = text[:start] + body + text[end:]
        text = text.replace(f"dbo.{logical}({key})", f"dbo.{_bracketed(name)}({_bracketed(columns[key])})")
    return text


def _bracketed(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


def converted(chart: pl.DataFrame, *, bits: bool) -> pl.DataFrame:
    """Rows of PeriodontalCharting (default profile, one a tooth) as COLUMNS, one a measure of a tooth.

    With ``bits`` the three findings of a site must be charted all or none: one number holds them.
    """
    rows = [row for tooth in chart.iter_rows(named=True) for row in _of_tooth(tooth, bits=bits)]
    return pl.DataFrame([{**row, "id": number} for number, row in enumerate(rows, 1)], schema=COLUMNS)


def _of_tooth(tooth: Mapping[str, Any], *, bits: bool) -> Iterator[dict[str, Any]]:
    def row(kind: str, sites: Mapping[str, Any], whole: Any = None) -> Iterator[dict[str, Any]]:
        if whole is None and all(value is None for value in sites.values()):
            return
        values = {f"v_{site.lower()}": -1 if sites.get(site) is None else int(sites[site]) for site in SITES}
        yield {
            "exam_no": tooth["ExamID"],
            "kind": kind,
            "tooth_code": tooth["Tooth"],
            "whole_tooth": -1 if whole is None else whole,
            "edited_at": tooth["ModifiedAt"],
            **values,
        }

    yield from row("PD", {site: tooth[f"PocketDepth_{site}"] for site in SITES})
    yield from row("GM", {site: _margin(tooth[f"Recession_{site}"]) for site in SITES})
    yield from row("MO", {}, tooth["Mobility"])
    yield from row("FU", {site: tooth[f"Furcation_{entrance}"] for entrance, site in FURCATION_SITES.items()})
    yield from row("ST", {}, None if tooth["ToothStatus"] is None else STATUSES[tooth["ToothStatus"]])
    flags = {name: {site: tooth[f"{prefix}_{site}"] for site in SITES} for name, prefix in FLAGS.items()}
    if bits:
        numbers = {
            site: None
            if flags["bleeding"][site] is None
            else sum(bit for name, bit in BITS.items() if flags[name][site])
            for site in SITES
        }
        yield from row("FI", numbers)
    else:
        for name, code in (("bleeding", "BL"), ("suppuration", "SU"), ("plaque", "PL")):
            yield from row(code, flags[name])
    # A measure outside the migration stands beside each tooth, as a derived attachment level does.
    yield from row("CA", {"MB": tooth["PocketDepth_MB"]})


def _margin(recession: int | None) -> int | None:
    """An overgrowth of 5 mm is written 105."""
    return recession if recession is None or recession >= 0 else 100 - recession
