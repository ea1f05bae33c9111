"""A chart that went wrong in any way is found, tooth by tooth and site by site."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.mapping.chart_layout import wide_columns
from migration_assets.migration.meaning import compare
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.transport import Comparison
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets.panda.profile import Profile
from migration_assets_tests.migration.meaning_frames import (
    DEFAULT,
    KEY,
    MEANINGS,
    PROVIDER,
    PROVIDER_TYPES,
    correction,
    found,
    listed,
)

SITES = ("MB", "B", "DB", "ML", "L", "DL")
SITE_FIELDS = [each.field for each in wide_columns(["pocket_depth", "recession"])]
UNIVERSAL = [str(number) for number in range(1, 33)]
_FROM_MIDLINE = [8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8] * 2
FDI = [f"{1 + index // 8}{position}" for index, position in enumerate(_FROM_MIDLINE)]
PALMER = [f"{('UR', 'UL', 'LL', 'LR')[index // 8]}{position}" for index, position in enumerate(_FROM_MIDLINE)]
CODES = {"Universal": UNIVERSAL, "FDI": FDI, "Palmer": PALMER}
EXAM: dict[str, Any] = {
    "ExamID": 9,
    "PatientID": 7,
    "ProviderID": 5,
    "ExamDate": datetime(2024, 1, 5, 23, 30),
    "ChartingType": "full mouth",
    "ToothNumberingSystem": "Universal",
    "PlaqueIndex": Decimal("12.50"),
    "BleedingIndex": None,
    "Notes": "first\r\nsecond",
    "CreatedAt": datetime(2024, 1, 5, 23, 45),
}
EXAM_TYPES: dict[str, pl.DataType] = {
    "ExamID": pl.Int32(),
    "PatientID": pl.Int32(),
    "ProviderID": pl.Int32(),
    "ExamDate": pl.Datetime("us"),
    "ChartingType": pl.String(),
    "ToothNumberingSystem": pl.String(),
    "PlaqueIndex": pl.Decimal(5, 2),
    "BleedingIndex": pl.Decimal(5, 2),
    "Notes": pl.String(),
    "CreatedAt": pl.Datetime("us"),
}
RECORD: dict[str, Any] = {
    KEY: "maple:exam:9",
    "Contact__c": "maple:patient:7",
    "Provider__c": "maple:provider:5",
    "Exam_Date__c": date(2024, 1, 5),
    "Exam_Time__c": datetime(2024, 1, 6, 4, 30, tzinfo=UTC),
    "Charting_Type__c": "full mouth",
    "ToothNumberingSystem__c": "Universal",
    "Plaque_Index__c": Decimal("12.50"),
    "Bleeding_Index__c": None,
    "Exam_Notes__c": "first\r\nsecond",
    "Original_Create_Date__c": datetime(2024, 1, 6, 4, 45, tzinfo=UTC),
}
RECORD_TYPES: dict[str, pl.DataType] = dict.fromkeys(RECORD, pl.String()) | {
    "Exam_Date__c": pl.Date(),
    "Exam_Time__c": pl.Datetime("ms", "UTC"),
    "Original_Create_Date__c": pl.Datetime("ms", "UTC"),
    "Plaque_Index__c": pl.Decimal(38, 2),
    "Bleeding_Index__c": pl.Decimal(38, 2),
}


def depth(number: int, site: str) -> int:
    """A value that differs between neighbouring teeth and between all sites of a tooth."""
    return (3 * number + SITES.index(site)) % 17


def recession(number: int, site: str) -> int:
    return (5 * number + SITES.index(site)) % 11 - 3


def chart_row(number: int, system: str = "Universal") -> dict[str, Any]:
    return {
        "ChartingID": 100 + number,
        "ExamID": 9,
        "Tooth": CODES[system][number - 1],
        **{f"PocketDepth_{site}": depth(number, site) for site in SITES},
        **{f"Recession_{site}": recession(number, site) for site in SITES},
    }


def true_record(system: str = "Universal") -> dict[str, Any]:
    quadrants = ("UR", "UL", "LL", "LR")
    return (
        RECORD
        | {"ToothNumberingSystem__c": system}
        | {
            f"{measure}_{site}_{quadrants[(number - 1) // 8]}{number}__c": value(number, site)
            for measure, value in (("PocketDepth", depth), ("Recession", recession))
            for number in range(1, 33)
            for site in SITES
        }
    )


def exam_compared(
    record: dict[str, Any],
    system: str = "Universal",
    *,
    rows: list[dict[str, Any]] | None = None,
    exam: dict[str, Any] | None = None,
    rejects: tuple[dict[str, str], ...] = (),
    corrections: tuple[dict[str, str], ...] = (),
    profile: Profile = DEFAULT,
) -> Comparison:
    rows = [chart_row(number, system) for number in range(1, 33)] if rows is None else rows
    chart_types = dict.fromkeys(chart_row(1), pl.Int16()) | {"Tooth": pl.String(), "ChartingID": pl.Int32()}
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=profile,
        tables={
            "ClinicalExam": pl.DataFrame(
                [EXAM | {"ToothNumberingSystem": system} | (exam or {})], schema=EXAM_TYPES
            ),
            "PeriodontalCharting": pl.DataFrame(rows, schema=chart_types),
            "Provider": pl.DataFrame([PROVIDER], schema=PROVIDER_TYPES),
        },
        rejects=listed(REJECT_COLUMNS, *rejects),
        corrections=listed(CORRECTION_COLUMNS, *corrections),
    )
    returned = pl.DataFrame([record], schema=RECORD_TYPES | dict.fromkeys(SITE_FIELDS, pl.Int64()))
    return compare(MEANINGS["ClinicalExam__c"], "ClinicalExam__c", KEY, returned, raw)


def named(comparison: Comparison) -> set[str]:
    return set(comparison.differences["field"])


@pytest.mark.parametrize("system", ["Universal", "FDI", "Palmer"])
def test_a_true_exam_differs_in_nothing_and_all_its_sites_were_compared(system: str) -> None:
    comparison = exam_compared(true_record(system), system)

    assert found(comparison) == []
    assert comparison.compared == len(MEANINGS["ClinicalExam__c"][0].fields) + 2 * 6 * 32


@pytest.mark.parametrize("system", ["Universal", "FDI", "Palmer"])
def test_a_chart_whose_rows_are_all_renamed_teeth_isnt_taken_for_the_truth(system: str) -> None:
    others = {"Universal": "FDI", "FDI": "Universal", "Palmer": "Universal"}
    misread = true_record(system)
    comparison = exam_compared(misread, others[system], rows=[chart_row(n, system) for n in range(1, 33)])

    assert "ToothNumberingSystem__c" in named(comparison)
    assert len(named(comparison) & set(SITE_FIELDS)) > 100


def swapped_sites(record: dict[str, Any], number: int, one: str, other: str) -> dict[str, Any]:
    names = {
        name: name.replace(f"_{one}_", f"_{other}_")
        for name in SITE_FIELDS
        if name.endswith(f"{('UR', 'UL', 'LL', 'LR')[(number - 1) // 8]}{number}__c") and f"_{one}_" in name
    }
    return record | {a: record[b] for a, b in names.items()} | {b: record[a] for a, b in names.items()}


@pytest.mark.parametrize(("one", "other"), [("MB", "DB"), ("ML", "DL"), ("B", "L"), ("MB", "ML")])
def test_two_sites_of_a_tooth_that_changed_places_are_found(one: str, other: str) -> None:
    comparison = exam_compared(swapped_sites(true_record(), 14, one, other))

    assert named(comparison) == {
        f"{measure}_{site}_UL14__c" for measure in ("PocketDepth", "Recession") for site in (one, other)
    }


def test_mesial_and_distal_swapped_in_every_tooth_are_found_in_every_tooth() -> None:
    record = true_record()
    for number in range(1, 33):
        record = swapped_sites(record, number, "MB", "DB")

    sites = {name for name in SITE_FIELDS if "_MB_" in name or "_DB_" in name}
    assert named(exam_compared(record)) == sites


def test_a_recession_of_the_wrong_sign_is_found_wherever_it_isnt_nought() -> None:
    record = true_record()
    turned = {name: -record[name] for name in SITE_FIELDS if name.startswith("Recession") and record[name]}

    assert named(exam_compared(record | turned)) == set(turned)


def test_a_recession_is_expected_as_the_profile_counts_it() -> None:
    coronal = DEFAULT.model_copy(
        update={"chart": DEFAULT.chart.model_copy(update={"recession_positive": "coronal"})}
    )
    record = true_record()
    turned = {name: -record[name] for name in SITE_FIELDS if name.startswith("Recession")}

    assert named(exam_compared(record | turned, profile=coronal)) == set()


def test_a_chart_that_slipped_by_one_tooth_is_found_in_every_tooth() -> None:
    slipped = [chart_row(number) | {"Tooth": str(number % 32 + 1)} for number in range(1, 33)]

    assert named(exam_compared(true_record(), rows=slipped)) == set(SITE_FIELDS)


@pytest.mark.parametrize("misread", ["FDI", "Palmer"])
def test_a_chart_read_in_universal_is_found_where_the_exam_is_in_another_system(misread: str) -> None:
    """11 is the upper left canine in Universal and the upper right central incisor in FDI."""
    rows = [chart_row(11) | {"Tooth": "11" if misread == "FDI" else "UL3"}]
    empty = dict.fromkeys(SITE_FIELDS)
    as_universal = true_record(misread) | empty
    as_universal |= {name: true_record()[name] for name in SITE_FIELDS if name.endswith("UL11__c")}

    found_in = named(exam_compared(as_universal, misread, rows=rows))

    eleven = {name for name in SITE_FIELDS if name.endswith("_UL11__c")}
    eight = {name for name in SITE_FIELDS if name.endswith("_UR8__c")}
    assert found_in == (eleven | eight if misread == "FDI" else set())


def test_a_palmer_code_read_as_universal_is_found() -> None:
    """Palmer LR8 is Universal 32; taken for the upper right 8 it stands at another tooth."""
    record = true_record("Palmer") | dict.fromkeys(SITE_FIELDS)
    record |= {f"PocketDepth_{site}_UR8__c": depth(32, site) for site in SITES}
    record |= {f"Recession_{site}_UR8__c": recession(32, site) for site in SITES}

    found_in = named(exam_compared(record, "Palmer", rows=[chart_row(32, "Palmer")]))

    assert found_in == {name for name in SITE_FIELDS if name.endswith(("_UR8__c", "_LR32__c"))}


@pytest.mark.parametrize(
    ("change", "code"),
    [(lambda value: value + 1, "value_changed"), (lambda value: None, "value_lost")],  # noqa: ARG005
)
def test_one_site_that_went_wrong_is_named_alone(change: Callable[[int], int | None], code: str) -> None:
    name = "PocketDepth_DL_LL19__c"
    record = true_record()

    assert found(exam_compared(record | {name: change(record[name])})) == [("maple:exam:9", name, code)]


def test_nought_for_a_site_that_wasnt_charted_is_found() -> None:
    rows = [chart_row(number) for number in range(1, 33)]
    rows[2]["PocketDepth_B"] = None

    assert found(exam_compared(true_record() | {"PocketDepth_B_UR3__c": 0}, rows=rows)) == [
        ("maple:exam:9", "PocketDepth_B_UR3__c", "value_added")
    ]


def test_a_rejected_rows_tooth_is_expected_to_be_empty() -> None:
    reject = {"source_table": "PeriodontalCharting", "source_key": "103"}
    third = {name for name in SITE_FIELDS if name.endswith("_UR3__c")}

    assert named(exam_compared(true_record() | dict.fromkeys(third), rejects=(reject,))) == set()
    loaded_anyway = exam_compared(true_record(), rejects=(reject,))
    assert named(loaded_anyway) == third
    assert set(loaded_anyway.differences["code"]) == {"value_added"}


def test_a_rows_rejection_in_another_table_excuses_nothing() -> None:
    reject = {"source_table": "Patient", "source_key": "103"}
    third = {name for name in SITE_FIELDS if name.endswith("_UR3__c")}

    assert named(exam_compared(true_record() | dict.fromkeys(third), rejects=(reject,))) == third


def test_rows_of_other_exams_and_primary_teeth_are_nobodys() -> None:
    rows = [chart_row(number) for number in range(1, 33)]
    rows.append(chart_row(5) | {"ChartingID": 1, "ExamID": 10})
    rows.append(chart_row(5) | {"ChartingID": 2, "Tooth": "A"})

    assert named(exam_compared(true_record(), rows=rows)) == set()


def test_an_exam_without_a_known_numbering_system_has_no_chart() -> None:
    unknown = correction("ToothNumberingSystem", "unknown_numbering_system", "ClinicalExam", "9")
    record = true_record() | dict.fromkeys(SITE_FIELDS) | {"ToothNumberingSystem__c": None}
    comparison = exam_compared(record, exam={"ToothNumberingSystem": "Haderup"}, corrections=(unknown,))

    assert found(comparison) == []


def test_an_exam_without_any_charted_tooth_has_no_chart() -> None:
    assert found(exam_compared(true_record() | dict.fromkeys(SITE_FIELDS), rows=[])) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Contact__c", "maple:patient:8"),
        ("Provider__c", "maple:provider:6"),
        ("Exam_Date__c", date(2024, 1, 6)),
        ("Exam_Time__c", datetime(2024, 1, 5, 23, 30, tzinfo=UTC)),
        ("Plaque_Index__c", Decimal("12.05")),
        ("Bleeding_Index__c", Decimal("0.00")),
        ("Exam_Notes__c", "first\r\nsecond "),
    ],
)
def test_an_exams_own_fields_are_compared_too(name: str, wrong: object) -> None:
    assert named(exam_compared(true_record() | {name: wrong})) == {name}


def test_nought_percent_is_nought_percent() -> None:
    record = true_record() | {"Plaque_Index__c": Decimal("0.00")}

    assert named(exam_compared(record, exam={"PlaqueIndex": Decimal(0)})) == set()
