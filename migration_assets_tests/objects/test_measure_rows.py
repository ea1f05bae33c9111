"""A chart kept by measures gives the same staged teeth, exams and records as one kept by teeth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_assets.mapping.apply import Payload, apply
from migration_assets.mapping.chart_layout import MEASURES, plan
from migration_assets.mapping.loader import load_specs
from migration_assets.objects.base import Staged
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets_tests.mapping.staged import complete
from migration_assets_tests.measure_rows import COLUMNS, SITES, STATUSES, converted, profile
from migration_assets_tests.objects.rows import Row, charted, context, exam, raw_tables, reasons, stage_raw

MAPPING = load_specs("salesforce", {each.name: each.model for each in STAGED_OBJECTS}).resolved(
    {"accounts": "practice"}
)
LAYOUT = plan(MEASURES, {"ClinicalExam__c": 463, "ClinicalExamChart2__c": 473, "ClinicalExamChart3__c": 473})
EDITED = datetime(2024, 5, 6, 9, 30)

with TemporaryDirectory() as folder:
    PROFILES = {bits: profile(Path(folder), bits=bits) for bits in (True, False)}


def by_measures(raw: Mapping[str, pl.DataFrame], bits: bool) -> dict[str, pl.DataFrame]:
    return {**raw, "PeriodontalCharting": converted(raw["PeriodontalCharting"], bits=bits)}


def staged_both_ways(
    exams: list[Row], chart: list[Row], *, bits: bool
) -> tuple[Mapping[str, Staged], Mapping[str, Staged]]:
    raw = raw_tables(exams=exams, chart=chart)
    return stage_raw(raw), stage_raw(by_measures(raw, bits), context(PROFILES[bits]))


def payloads(staged: Mapping[str, Staged]) -> dict[str, Payload]:
    rows = {name: each.rows for name, each in staged.items()}
    charted = [spec for spec in MAPPING if spec.chart is not None]
    return {spec.name: apply(spec, complete(spec, rows), "maple", LAYOUT) for spec in charted}


def teeth(staged: Staged) -> list[tuple[Any, ...]]:
    return sorted(staged.rows.drop("source_id").rows(), key=repr)


def assert_same_org(one: Mapping[str, Staged], other: Mapping[str, Staged]) -> None:
    assert teeth(one["charting"]) == teeth(other["charting"])
    assert one["clinical_exams"].rows.equals(other["clinical_exams"].rows)
    expected, found = payloads(one), payloads(other)
    for name, payload in expected.items():
        key = ["PANDA_Key__c"] if name == "ClinicalExamTooth__c" else []
        # Only the identity of a tooth's record differs: a measure's database has no row for a tooth.
        order = ["ClinicalExam__c", "ToothNumber__c"] if key else ["PANDA_Key__c"]
        assert payload.frame.drop(key).sort(order).equals(found[name].frame.drop(key).sort(order)), name


def _value(column: str) -> st.SearchStrategy[Any]:
    if column == "Mobility":
        return st.sampled_from([Decimal(0), Decimal("1.5"), Decimal(3), Decimal("1.2")])
    if column.startswith("Recession"):
        return st.integers(-9, 21)
    if column.startswith("Furcation"):
        return st.integers(0, 5)
    return st.sampled_from([0, 3, 19, 25])


_NUMBERS = (
    *(f"{measure}_{site}" for measure in ("PocketDepth", "Recession") for site in SITES),
    "Mobility",
    *(f"Furcation_{entrance}" for entrance in "MDBL"),
)


@st.composite
def charts(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """A few exams in all systems and none, and rows of these and of an unknown one, duplicates among them."""
    systems = draw(
        st.lists(st.sampled_from(["Universal", "FDI", "Palmer", None, "Haderup"]), min_size=1, max_size=3)
    )
    exams = [exam(10 + number, ToothNumberingSystem=system) for number, system in enumerate(systems)]
    rows = []
    for number in range(draw(st.integers(0, 6))):
        written = draw(st.sampled_from(["3", "11", "16", "UR6", "55", "A", "URA", "X9"]))
        columns = draw(st.sets(st.sampled_from(_NUMBERS), max_size=4))
        numbers = {column: draw(_value(column)) for column in sorted(columns)}
        sites = draw(st.sets(st.sampled_from(SITES), max_size=3))
        flags = {
            f"{prefix}_{site}": draw(st.booleans())
            for site in sorted(sites)
            for prefix in ("BOP", "Suppuration", "Plaque")
        }
        # A status on every row: a tooth charted twice is then charted twice in either shape.
        status = draw(st.sampled_from(list(STATUSES)))
        row = charted(100 + number, ExamID=draw(st.integers(10, 13)), Tooth=written, ToothStatus=status)
        rows.append(row | {"PocketDepth_MB": None, "Mobility": None} | numbers | flags)
    return exams, rows


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(charts(), st.booleans())
def test_the_same_chart_in_either_shape_gives_the_same_org(
    practice: tuple[list[Row], list[Row]], bits: bool
) -> None:
    exams, chart = practice
    one, other = staged_both_ways(exams, chart, bits=bits)

    assert_same_org(one, other)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(charts(), st.booleans())
def test_every_source_row_is_staged_rejected_or_excused_and_only_one_of_them(
    practice: tuple[list[Row], list[Row]], bits: bool
) -> None:
    raw = by_measures(raw_tables(exams=practice[0], chart=practice[1]), bits)
    staged = stage_raw(raw, context(PROFILES[bits]))["charting"]

    rows = raw["PeriodontalCharting"]
    rejected = staged.rejects["source_key"].unique()
    assert rows.height == staged.source_rows + rejected.len()
    if staged.merged is not None:
        assert sorted(staged.merged["source_key"]) == sorted(rows["id"].cast(pl.String))
        in_teeth = staged.merged.filter(pl.col("source_id").is_in(staged.rows["source_id"].implode()))
        excused = staged.merged.filter(pl.col("excused").is_not_null())
        assert set(excused["excused"]) <= {"measure_not_migrated"}
        parts = [*in_teeth["source_key"], *excused["source_key"], *rejected]
        assert len(parts) == len(set(parts)) == rows.height
    assert not staged.rejects.is_duplicated().any()


def staged_rows(rows: list[dict[str, Any]], given: Profile = PROFILES[True]) -> Staged:
    """Rows of a measure's database; what isn't given is not charted."""
    nothing = {"exam_no": 10, "whole_tooth": -1, **{f"v_{site.lower()}": -1 for site in SITES}}
    frame = pl.DataFrame(
        [{"id": number, **nothing, "edited_at": EDITED, **row} for number, row in enumerate(rows, 1)],
        schema=COLUMNS,
    )
    return stage_raw({**raw_tables(), "PeriodontalCharting": frame}, context(given))["charting"]


def test_not_charted_zero_and_overgrowth_stay_apart() -> None:
    staged = staged_rows(
        [
            {"kind": "PD", "tooth_code": "3", "v_mb": 0, "v_b": 4},
            {"kind": "GM", "tooth_code": "3", "v_mb": 105, "v_b": 0},
        ]
    )

    row = staged.rows.row(0, named=True)
    assert (row["source_id"], row["pocket_depth_mb"], row["pocket_depth_b"]) == ("10-3", 0, 4)
    assert (row["pocket_depth_l"], row["recession_mb"], row["recession_b"]) == (None, -5, 0)


def test_a_bit_field_tells_each_finding_of_a_charted_site() -> None:
    staged = staged_rows([{"kind": "FI", "tooth_code": "3", "v_mb": 4 + 8, "v_b": 0, "v_db": 1 + 2}])

    row = staged.rows.row(0, named=True)
    assert [row[f"{name}_mb"] for name in ("bleeding", "suppuration", "plaque")] == [True, False, True]
    assert [row[f"{name}_b"] for name in ("bleeding", "suppuration", "plaque")] == [False, False, False]
    assert [row[f"{name}_l"] for name in ("bleeding", "suppuration", "plaque")] == [None, None, None]
    assert row["suppuration_db"] is True
    assert staged.findings["bits_not_migrated"] == 1


@pytest.mark.parametrize(
    ("rows", "rejects"),
    [
        pytest.param(
            [{"kind": "ZZ", "tooth_code": "3"}, {"kind": "PD", "tooth_code": "3", "v_mb": 3}],
            [("1", "Measure", "unknown_measure")],
            id="unknown-measure-alone",
        ),
        pytest.param(
            [{"kind": "PD", "tooth_code": "3", "v_mb": 3}] * 2,
            [("1", "Tooth", "duplicate_tooth"), ("2", "Tooth", "duplicate_tooth")],
            id="measured-twice",
        ),
        pytest.param(
            [{"kind": "FU", "tooth_code": "3", "v_l": 2}, {"kind": "PD", "tooth_code": "3", "v_mb": 3}],
            [("1", "Measure", "value_without_place"), ("2", "Measure", "value_without_place")],
            id="nowhere-to-go",
        ),
        pytest.param(
            [{"kind": "MO", "tooth_code": "3", "whole_tooth": 1, "v_b": 2}],
            [("1", "Measure", "value_without_place")],
            id="site-of-a-whole-tooth",
        ),
        pytest.param(
            [{"kind": "FI", "tooth_code": "3", "v_b": -2}],
            [("1", "Value_B", "unreadable_value")],
            id="negative-bits",
        ),
        pytest.param(
            [{"kind": "FU", "tooth_code": "3", "v_dl": 7}],
            [("1", "Value_DL", "furcation_out_of_range")],
            id="grade-of-no-scale",
        ),
        pytest.param(
            [{"kind": "PD", "tooth_code": "X9", "v_b": 2}],
            [("1", "Tooth", "invalid_tooth")],
            id="no-tooth",
        ),
        pytest.param([{"kind": "CA", "tooth_code": "X9", "v_b": 2}], [], id="not-migrated"),
    ],
)
def test_what_cant_be_kept_is_named_by_its_own_row(
    rows: list[dict[str, Any]], rejects: list[tuple[str, str, str]]
) -> None:
    assert reasons(staged_rows(rows)) == rejects


def test_a_status_outside_the_list_is_corrected_and_named_by_its_own_row() -> None:
    staged = staged_rows(
        [
            {"kind": "PD", "tooth_code": "3", "v_mb": 3},
            {"kind": "ST", "tooth_code": "3", "whole_tooth": 77},
        ]
    )

    assert staged.rows["status"].to_list() == [None]
    assert staged.corrections.select("source_key", "column", "code", "original").rows() == [
        ("2", "Value_Tooth", "unknown_tooth_status", "77")
    ]


def test_an_exam_counts_rejected_teeth_and_not_their_rows() -> None:
    chart = [charted(100, PocketDepth_MB=25), charted(101, Tooth="4")]
    one, other = staged_both_ways([exam()], chart, bits=True)

    assert other["charting"].rejects["source_key"].n_unique() == 3
    assert one["clinical_exams"].rows["rejected_teeth"].to_list() == [1]
    assert other["clinical_exams"].rows["rejected_teeth"].to_list() == [1]
