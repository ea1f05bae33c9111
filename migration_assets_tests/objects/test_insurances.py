"""Insurances: which pays first, impossible shares, and the line that says it all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, changes, insurance, reasons, stage_rows


def staged(*rows: Row) -> Staged:
    return stage_rows(insurances=list(rows))["insurances"]


def places(told: Staged) -> dict[str, str]:
    return dict(told.rows.select("source_id", "place").iter_rows())


def test_the_first_active_ones_of_a_patient_are_primary_and_secondary() -> None:
    told = staged(
        insurance(10, Priority=2),
        insurance(9, Priority=2),
        insurance(11, Priority=1, Active=False),
        insurance(12, Priority=None),
        insurance(13, Priority=5, PatientID=2),
    )

    assert places(told) == {"9": "primary", "10": "secondary", "11": "other", "12": "other", "13": "primary"}


def test_a_rejected_insurance_takes_nobodys_place() -> None:
    told = staged(insurance(1, Priority=0), insurance(1, Priority=0), insurance(2, Priority=2))

    assert {code for _, _, code in reasons(told)} == {"duplicate_key"}
    assert places(told) == {"2": "primary"}


def test_an_insurance_that_isnt_said_to_have_ended_is_active_and_counted() -> None:
    told = staged(insurance(Active=None))

    assert (told.rows["active"].item(), told.rows["place"].item()) == (True, "primary")
    assert told.findings["active_not_stated"] == 1


@pytest.mark.parametrize(
    ("share", "stays"), [("0", True), ("100", True), ("100.01", False), ("-0.01", False)]
)
@pytest.mark.parametrize("column", ["CoveragePreventive", "CoverageBasic", "CoverageMajor"])
def test_a_share_lies_between_none_and_all(column: str, share: str, stays: bool) -> None:
    told = staged(insurance() | {column: Decimal(share)})
    kept = told.rows[f"coverage_{column.removeprefix('Coverage').lower()}"].item()

    assert kept == (Decimal(share) if stays else None)
    assert [change[:3] for change in changes(told)] == (
        [] if stays else [("70", column, "coverage_out_of_range")]
    )


def test_the_summary_is_the_whole_row_in_one_line() -> None:
    told = staged(
        insurance(
            1,
            Carrier="Acme\r\nDental",
            PolicyNumber="W 12",
            GroupNumber="G3",
            CoveragePreventive=Decimal(100),
            CoverageBasic=Decimal("62.50"),
            CoverageMajor=Decimal(0),
        ),
        insurance(2, Priority=None, Carrier=None, Active=False),
        insurance(3, Priority=None, Carrier=None),
    )

    assert told.rows["summary"].to_list() == [
        "Primary (priority 1): Acme Dental, policy W 12, group G3, preventive 100 %, basic 62.5 %, major 0 %",
        "Other: no longer active",
        "Secondary: nothing stated",
    ]


def test_an_insurance_of_an_unknown_patient_is_staged_and_one_of_nobody_isnt() -> None:
    told = staged(insurance(1, PatientID=999), insurance(2, PatientID=None))

    assert told.rows["patient_id"].to_list() == ["999"]
    assert reasons(told) == [("2", "PatientID", "required_value_missing")]
