"""What staged rows say before anything is sent: counted and named, with no text of the practice's."""

from __future__ import annotations

import polars as pl

from migration_assets.migration.data_findings import (
    DataFacts,
    ProcedureTexts,
    TooLarge,
    TooLong,
    Untied,
    data_findings,
    procedures_with_several_texts,
    text_columns,
    too_large,
    too_long,
    untied_dentists,
)
from migration_assets.migration.letter_naming import LetterNaming
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.staging import Verdict
from migration_assets_tests.mapping.staged import rows

MAPPING = load_mapping("salesforce").resolved({"accounts": "practice"})


def line(code: str | None, text: str | None) -> dict[str, str | None]:
    return {"procedure_code": code, "description": text}


def verdict(rejected: int, staged: int | None = None) -> Verdict:
    left = 1_000 - rejected if staged is None else staged
    passed = left + rejected == 1_000 and rejected <= 20
    return Verdict("patients", "Patient", "b", 1_000, left, rejected, 0, 0.02, passed)


def test_a_code_with_several_wordings_is_listed_and_case_or_spaces_make_no_other() -> None:
    lines = [
        *(line("D4260", "Osseous surgery"),) * 2,
        line("D4260", "OSSEOUS  surgery "),
        line("D4260", "Flap with bone work"),
        line("D6010", "Implant"),
        line("D6010", "implant"),
        line("D6010", None),
        line(None, "Implant"),
        line(None, "Other"),
    ]
    found = procedures_with_several_texts(pl.DataFrame(lines))

    assert found == [ProcedureTexts("D4260", 4, ("Osseous surgery", "Flap with bone work"))]


def test_a_procedures_texts_stay_out_of_the_findings() -> None:
    (found,) = data_findings(MAPPING, DataFacts(procedures=[ProcedureTexts("D4260", 4, ("Zyx", "Flap"))]))

    assert (found.object, found.field) == ("TreatmentPlanLine__c", "Description__c")
    assert "D4260 stands with 2 different texts on 4 lines" in found.message
    assert "Zyx" not in found.message and "Flap" not in found.message


def test_a_text_is_as_long_as_its_field_or_found() -> None:
    lines = rows(
        "treatment_plan_lines", {"description": "é" * 400}, {"description": "x" * 401}, {"phase": "y" * 101}
    )

    assert set(text_columns(MAPPING, "treatment_plan_lines")) >= {"description", "phase", "procedure_code"}
    assert too_long(MAPPING, "treatment_plan_lines", lines) == [
        TooLong("TreatmentPlanLine__c", "Phase__c", 100, 1),
        TooLong("TreatmentPlanLine__c", "Description__c", 400, 1),
    ]


def test_lines_of_one_text_are_measured_together_and_for_their_own_rows_only() -> None:
    part = {"place": "other", "summary": "x" * 20_000}
    carriers = [
        {"patient_id": "1", **part},
        {"patient_id": "1", **part},
        {"patient_id": "2", **part},
        {"patient_id": "2", "place": "primary", "summary": "x" * 20_000, "carrier": "c" * 201},
    ]

    assert too_long(MAPPING, "insurances", rows("insurances", *carriers)) == [
        TooLong("Contact", "Insurance_Carrier__c", 200, 1),
        TooLong("Contact", "Other_Insurance__c", 32_768, 1),
    ]


def test_rejects_are_told_from_half_of_the_limit_on() -> None:
    judged = [verdict(9), verdict(10), verdict(21), verdict(3, staged=990)]
    told = [
        [(each.code, each.severity) for each in data_findings(MAPPING, DataFacts([one]))] for one in judged
    ]

    assert told == [
        [],
        [("rejects_near_limit", "warning")],
        [("rejects_over_limit", "error")],
        [("rows_unaccounted_for", "error")],
    ]


def test_exams_without_a_system_and_doubtful_referrers_are_counted() -> None:
    facts = DataFacts(
        exams_without_system=7, chart_rows_without_system=196, referrers_ambiguous=2, referrers_name_only=1
    )
    found = {each.code: each for each in data_findings(MAPPING, facts)}

    assert set(found) == {"exams_without_numbering_system", "referrers_ambiguous", "referrers_name_only"}
    charts = found["exams_without_numbering_system"]
    assert (charts.object, charts.field) == ("ClinicalExam__c", "ToothNumberingSystem__c")
    assert "7 exams" in charts.message and "196 chart rows" in charts.message


def test_a_sound_practice_has_no_findings() -> None:
    assert data_findings(MAPPING, DataFacts([verdict(0)])) == []


def test_files_over_the_limit_are_counted_and_listed_with_their_size() -> None:
    files = pl.DataFrame({"source_id": ["1", "2", "3", "4"], "bytes": [100, 101, 5_000, None]})
    listed = too_large("documents", files, 100)

    assert listed == [TooLarge("documents", "3", 5_000), TooLarge("documents", "2", 101)]
    (found,) = data_findings(MAPPING, DataFacts(file_limit=100, too_large=listed))
    assert (found.code, found.severity) == ("files_too_large", "warning")
    assert "2 files are larger than the 100 bytes" in found.message
    assert "the largest 5,000" in found.message


def test_letters_that_differ_and_letters_that_nobody_can_compare_are_told() -> None:
    differing = LetterNaming(compared=9, differing=("7", "8"), not_comparable=3)
    unseen = LetterNaming(compared=9, not_comparable=3)
    told = [data_findings(MAPPING, DataFacts(letters=each)) for each in (differing, unseen, LetterNaming(9))]

    assert [[(each.code, each.severity) for each in one] for one in told] == [
        [("letter_names_other_procedure", "note")],
        [("letters_not_compared", "note")],
        [],
    ]
    assert "2 of 9 letters" in told[0][0].message
    assert "3 letters of plans say no procedure" in told[0][0].message


def test_dentists_of_several_offices_are_listed_where_the_plan_ties_nobody() -> None:
    def tie(provider: str | None, referrer: str | None, office: str) -> dict[str, str | None]:
        return {"provider_id": provider, "referrer_id": referrer, "office_id": office}

    told = [tie("7", None, "p7"), tie("9", None, "p7"), tie(None, "r3", "r2"), tie("7", None, "r2")]
    offices = [{"source_id": "p7", "name": "Zyx Dental"}, {"source_id": "r2", "name": "Oak Dental"}]
    untied = untied_dentists(rows("office_ties", *told), rows("offices", *offices))
    assert untied == [Untied("providers", "7", ("Zyx Dental", "Oak Dental"))]

    (found,) = data_findings(MAPPING, DataFacts(untied=untied))
    assert (found.code, found.severity) == ("account_ties_not_migrated", "note")
    assert (found.object, found.field) == ("Contact", "Practice_Name__c")
    assert "1 dentists are named with more than one office" in found.message
    assert "Zyx" not in found.message
