"""Households out of staged patients: who belongs to one, and what is told of it."""

from __future__ import annotations

from datetime import date

from migration_assets_tests.objects.rows import Row, StagedPractice, patient, reasons, stage_rows

ELM = {"Address1": "12 Elm St", "City": "Albany", "Zip": "12345"}


def staged(*rows: Row) -> StagedPractice:
    return stage_rows(patients=list(rows), exams=[], chart=[])


def test_each_patient_names_the_household_that_stands_there() -> None:
    told = staged(
        patient(12, **ELM, DateOfBirth=date(1950, 1, 1)),
        patient(3, **ELM, Address2=" ", LastName="ARCHER"),
        patient(4, **ELM, LastName="Vale"),
        patient(5),
        patient(6),
    )

    of_patient = dict(told["patients"].rows.select("source_id", "household_id").iter_rows())
    assert of_patient == {"12": "h3", "3": "h3", "4": "h4", "5": "h5", "6": "h6"}
    assert told["households"].rows.rows() == [
        ("h3", "Archer Household", ["patient:3", "patient:12"]),
        ("h4", "Vale Household", ["patient:4"]),
        ("h5", "Archer Household", ["patient:5"]),
        ("h6", "Archer Household", ["patient:6"]),
    ]
    assert told["households"].findings == {"household_shared": 1}
    assert (told["households"].rejects.height, told["households"].corrections.height) == (0, 0)


def test_a_rejected_patient_is_in_no_household_and_joins_nobody() -> None:
    first, second = "2015550101", "2015550102"
    told = staged(
        patient(1, **ELM, LastName="Lee", HomePhone=first),
        patient(2, **ELM, LastName="Kim", HomePhone=second),
        # Would share a name with the one, a telephone with the other.
        patient(3, **ELM, LastName="Kim", HomePhone=first),
        patient(3, **ELM, LastName="Kim", HomePhone=first),
        patient(0, **ELM, LastName=None, HomePhone=first),
        patient(None, **ELM, LastName="Kim", HomePhone=first),  # type: ignore[arg-type]
    )

    assert told["households"].rows["aliases"].to_list() == [["patient:1"], ["patient:2"]]
    assert reasons(told["patients"]) == [
        ("#1", "PatientID", "missing_key"),
        ("0", "LastName", "missing_last_name"),
        ("3#1", "PatientID", "duplicate_key"),
        ("3#2", "PatientID", "duplicate_key"),
    ]


def test_what_the_bridge_wrote_for_nothing_or_for_blanks_is_read_as_meant() -> None:
    bridged = {"BridgeID": "OD1", "Address1": "12_Elm_St", "City": "NA", "Zip": "12345", "LastName": "Lee"}
    told = staged(
        patient(1, **bridged),
        patient(2, **ELM, LastName="Lee"),
        patient(3, **(bridged | {"Address1": "NA"})),
        patient(4, **(bridged | {"Address1": "NA"})),
    )

    assert told["patients"].rows["household_id"].to_list() == ["h1", "h1", "h3", "h4"]


def test_an_implausible_birth_date_makes_nobody_the_oldest() -> None:
    told = staged(
        patient(1, **ELM, HomePhone="2015550101", DateOfBirth=date(1753, 1, 1), LastName="Lee"),
        patient(2, **ELM, HomePhone="2015550101", DateOfBirth=date(2001, 1, 1), LastName="Kim"),
    )

    assert told["households"].rows["name"].to_list() == ["Kim Household"]
