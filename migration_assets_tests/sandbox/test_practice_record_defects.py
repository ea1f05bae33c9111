"""The manifest of a practice with every table: defects, their outcomes and descendants, canaries."""

import re
from collections import Counter
from datetime import date

import polars as pl
import pytest

from migration_sandbox.practice.generator import Practice, generate, write_share
from migration_sandbox.practice.schema import key_column

FREE_TEXT = {
    "ExamFinding": {"FindingValue"},
    "TreatmentPlan": {"PlanName", "TreatmentNotes"},
    "TreatmentPlanLine": {"Description"},
    "Referral": {"ReferrerName", "ReferrerPractice", "ReferrerPhone", "ReferrerEmail", "Notes"},
    "Document": {"FileName", "Content"},
    "Letter": {"Recipient", "Subject"},
    "Appointment": {"Notes"},
    "ClinicalNote": {"Subjective", "Objective", "Assessment", "Plan", "Body"},
    "Radiograph": {"FilePath"},
    "Insurance": {"PolicyNumber", "GroupNumber"},
    "StaffUser": {"WindowsLogin", "FullName", "Email"},
}


@pytest.fixture(scope="module")
def practice() -> Practice:
    return generate(7, 200, tables="all")


@pytest.fixture(scope="module")
def clean() -> Practice:
    return generate(7, 200, planted=0, tables="all")


def planted(practice: Practice, table: str, code: str, outcome: str) -> pl.DataFrame:
    """The rows of a table with that expectation."""
    keys = [
        int(defect.source_key)
        for defect in practice.manifest.defects
        if (defect.table, defect.code, defect.outcome) == (table, code, outcome)
    ]
    assert keys
    return practice.tables[table].filter(pl.col(key_column(table)).is_in(keys))


def keys(practice: Practice, table: str, *outcomes: str) -> list[int]:
    return [
        int(defect.source_key)
        for defect in practice.manifest.defects
        if defect.table == table and defect.outcome in outcomes
    ]


def test_no_table_has_two_percent_rejects(practice: Practice) -> None:
    rejected = Counter(defect.table for defect in practice.manifest.expected("rejected"))
    assert rejected["Provider"] and rejected["TreatmentPlan"]
    for table, count in practice.manifest.counts.items():
        assert rejected[table] / count < 0.02


def test_rows_have_one_expectation_each(practice: Practice) -> None:
    rows = Counter((defect.table, defect.source_key) for defect in practice.manifest.defects)
    assert max(rows.values()) == 1


def test_providers(practice: Practice) -> None:
    assert set(planted(practice, "Provider", "invalid_npi", "corrected")["NPI"]) == {"1234567890", "12345"}
    (nameless,) = planted(practice, "Provider", "missing_last_name", "rejected").to_dicts()
    assert nameless["LastName"].strip() == ""
    for frame in practice.tables.values():
        if "ProviderID" in frame.columns and "NPI" not in frame.columns:
            assert nameless["ProviderID"] not in frame["ProviderID"]
    unknown = planted(practice, "Provider", "unknown_credential", "kept")["Credentials"]
    assert set(unknown) == {"DDS, FXQD", "Tooth artist"}


def test_only_planted_credentials_are_unknown(practice: Practice) -> None:
    known = re.compile(r"(?i)(dds|dmd|ms|rdh|board certified|[,; ])+")
    credentials = practice.tables["Provider"].drop_nulls("Credentials")
    strange = [
        provider
        for provider, text in credentials.select("ProviderID", "Credentials").iter_rows()
        if not known.fullmatch(text.replace(".", ""))
    ]
    assert set(strange) == set(planted(practice, "Provider", "unknown_credential", "kept")["ProviderID"])


def test_plans(practice: Practice) -> None:
    states = planted(practice, "TreatmentPlan", "unknown_plan_status", "corrected")["Status"]
    assert set(states) == {"On hold", "Waiting for insurance"}
    (cheap,) = planted(practice, "TreatmentPlan", "cost_out_of_range", "rejected").to_dicts()
    assert cheap["EstimatedCost"] < 0
    assert cheap["PlanID"] not in practice.tables["Letter"]["PlanID"]
    (swapped,) = planted(practice, "TreatmentPlan", "dates_out_of_order", "kept").to_dicts()
    assert swapped["CompletedAt"] < swapped["AcceptedAt"]
    plans = practice.tables["TreatmentPlan"]
    assert plans.filter(pl.col("CompletedAt") < pl.col("AcceptedAt")).height == 1
    assert plans.filter(pl.col("EstimatedCost") < 0).height == 1
    known = {"proposed", "accepted", "in-progress", "completed", "declined"}
    assert set(plans["Status"].str.to_lowercase().str.replace(" ", "-")) - known == {
        "on-hold",
        "waiting-for insurance",
    }


def test_plan_lines(practice: Practice) -> None:
    lines = practice.tables["TreatmentPlanLine"]
    strange = lines.filter(~pl.col("ProcedureCode").str.contains(r"^D\d{4}$"))
    assert set(strange["ProcedureCode"]) == {"4341", "D43A1"}
    coded = planted(practice, "TreatmentPlanLine", "invalid_procedure_code", "corrected")
    assert set(coded["LineID"]) == set(strange["LineID"])
    twice = lines.filter(lines.select("PlanID", "Sequence").is_duplicated())
    assert set(twice["LineID"]) == set(
        planted(practice, "TreatmentPlanLine", "duplicate_sequence", "kept")["LineID"]
    )
    (early,) = lines.filter(pl.col("ScheduledDate") < date(2000, 1, 1)).to_dicts()
    (expected,) = planted(practice, "TreatmentPlanLine", "date_implausible", "corrected").to_dicts()
    assert early == expected and early["ScheduledDate"] == date(1753, 1, 1)
    orphans = lines.join(practice.tables["TreatmentPlan"], on="PlanID", how="anti")
    assert set(orphans["LineID"]) == set(
        planted(practice, "TreatmentPlanLine", "parent_missing", "held_back")["LineID"]
    )


def test_stages(practice: Practice) -> None:
    assert set(planted(practice, "PeriodontalClassification", "stage_spelling", "kept")["Stage"]) == {
        "Stage 3",
        "3",
    }
    assert set(planted(practice, "PeriodontalClassification", "unknown_stage", "corrected")["Stage"]) == {"V"}
    spelled = (
        practice.tables["PeriodontalClassification"]["Stage"]
        .drop_nulls()
        .str.to_lowercase()
        .str.replace("stage ", "")
    )
    assert set(spelled) == {"i", "ii", "iii", "iv", "3", "v"}


RECORD_DEFECTS = {
    "PeriodontalClassification": {
        "unknown_grade",
        "unknown_extent",
        "staged_at_implausible",
        "parent_missing",
    },
    "Insurance": {"coverage_out_of_range", "parent_missing"},
    "ExamFinding": {"bad_tooth", "unknown_site", "missing_finding_name", "parent_missing"},
    "ClinicalNote": {"rtf_unreadable", "parent_missing"},
    "Appointment": {"start_implausible", "duration_out_of_range", "parent_missing"},
    "Referral": {
        *("unknown_direction", "unknown_referral_status", "invalid_email", "date_implausible"),
        *("referrer_ambiguous", "parent_missing"),
    },
}


@pytest.mark.parametrize("table", RECORD_DEFECTS)
def test_defects_of_records_are_rows_more_than_the_clean_practice_has(
    practice: Practice, clean: Practice, table: str
) -> None:
    key = key_column(table)
    codes = {defect.code for defect in practice.manifest.defects if defect.table == table}
    assert RECORD_DEFECTS[table] <= codes
    added = practice.tables[table].join(clean.tables[table], on=key, how="anti")[key]
    about = {
        int(defect.source_key)
        for defect in practice.manifest.defects
        if defect.table == table and defect.code in RECORD_DEFECTS[table]
    }
    without_a_system = {
        int(each.source_key)
        for each in practice.manifest.defects
        if (each.table, each.code) == ("ExamFinding", "bad_tooth") and int(each.source_key) not in added
    }
    assert about - (without_a_system if table == "ExamFinding" else set()) == set(added)


def test_findings_lose_their_tooth_with_their_exam_s_numbering_system(practice: Practice) -> None:
    exams = practice.tables["ClinicalExam"].filter(pl.col("ToothNumberingSystem").is_null())["ExamID"]
    findings = practice.tables["ExamFinding"].filter(pl.col("ExamID").is_in(exams.implode()))
    expected = set(planted(practice, "ExamFinding", "bad_tooth", "corrected")["FindingID"])
    assert set(findings.drop_nulls("Tooth")["FindingID"]) <= expected


def test_two_dentists_of_one_name_and_practice_can_t_be_told_apart(practice: Practice) -> None:
    (referral,) = planted(practice, "Referral", "referrer_ambiguous", "kept").to_dicts()
    named = practice.tables["Provider"].filter(
        pl.format("{} {}", "FirstName", "LastName") == referral["ReferrerName"],
        pl.col("PracticeName") == referral["ReferrerPractice"],
    )
    assert named.height == 2 and referral["ProviderID"] is None


def test_unusual_teeth_are_kept(practice: Practice) -> None:
    primary = planted(practice, "PeriodontalCharting", "primary_tooth", "kept")
    assert primary["Tooth"].str.contains("^[A-T]$").all() and primary["ExamID"].n_unique() == 1
    (extra,) = planted(practice, "PeriodontalCharting", "supernumerary_tooth", "kept")["Tooth"]
    assert 51 <= int(extra) <= 82


def test_everything_below_a_rejected_row_is_held_back(practice: Practice) -> None:
    patients = keys(practice, "Patient", "rejected")
    for table, frame in practice.tables.items():
        if "PatientID" in frame.columns and table != "Patient":
            below = set(frame.filter(pl.col("PatientID").is_in(patients))[key_column(table)])
            assert below <= set(keys(practice, table, "held_back")), table
    for parent, child in (("TreatmentPlan", "TreatmentPlanLine"), ("ClinicalExam", "ExamFinding")):
        gone = keys(practice, parent, "rejected", "held_back")
        frame = practice.tables[child]
        below = set(frame.filter(pl.col(key_column(parent)).is_in(gone))[key_column(child)])
        assert below <= set(keys(practice, child, "held_back"))
    assert planted(practice, "TreatmentPlan", "parent_rejected", "held_back").height > 0
    assert planted(practice, "TreatmentPlanLine", "parent_rejected", "held_back").height > 0


def test_no_classification_rests_on_an_exam_that_is_not_migrated(practice: Practice) -> None:
    lost = keys(practice, "ClinicalExam", "rejected")
    assert not practice.tables["PeriodontalClassification"]["ExamID"].is_in(lost).any()


def test_defects_can_be_planted_more_than_once_and_in_every_numbering() -> None:
    thrice = Counter(
        d.code for d in generate(7, 300, planted=3, tables="all", numbering="mixed").manifest.defects
    )
    assert thrice["duplicate_sequence"] == 6 and thrice["invalid_npi"] == 6 and thrice["invalid_tooth"] == 6
    assert generate(3, 20, planted=0, canaries=0, tables="all").manifest.defects == ()


def test_canaries_stand_in_every_free_text_and_nowhere_else(practice: Practice) -> None:
    found: dict[str, set[str]] = {}
    for canary in practice.manifest.canaries:
        found.setdefault(canary.table, set()).add(canary.column)
    assert FREE_TEXT.items() <= found.items()
    written = [frame.drop("Content", strict=False).write_csv() for frame in practice.tables.values()]
    stored = practice.tables["Document"]["Content"].drop_nulls()
    contents = [content.decode("latin-1") for content in stored]
    everything = "\n".join((*written, *contents))
    tokens = practice.manifest.tokens()
    assert len(tokens) == len(set(tokens)) > 200
    assert {token: everything.count(token) for token in tokens} == dict.fromkeys(tokens, 1)


def test_a_canary_s_file_stands_on_the_share_under_its_token(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory
) -> None:
    share = tmp_path_factory.mktemp("share")
    write_share(practice, share)
    names = "\n".join(str(file) for file in share.rglob("*.*"))
    tokens = [canary.token for canary in practice.manifest.canaries if canary.column == "FilePath"]
    assert tokens and all(token in names for token in tokens)
