"""Visits, notes and files in Freshsales: what stands in their texts, and where they hang."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from migration_assets_tests.mapping.freshsales import by_key, payload

MORNING = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)


def test_a_visit_names_what_has_no_field_and_its_notes_are_a_note() -> None:
    visit = {
        "source_id": "8",
        "patient_id": "7",
        "provider_id": "3",
        "subject": "Periodontal Maintenance",
        "session_type": "Periodontal Maintenance",
        "starts_at": MORNING,
        "ends_at": MORNING,
        "duration_minutes": 50,
        "status": "Completed",
        "notes": "Tolerated well.",
    }
    tables: dict[str, Any] = {
        "appointments": [visit, {**visit, "source_id": "9", "notes": None}],
        "providers": [{"source_id": "3", "last_name": "Vale", "first_name": "Ida"}],
    }

    made, noted = payload("appointment", **tables), payload("note", **tables)

    assert made.frame["description"][0].split("\n")[:4] == [
        "Status: Completed",
        "Visit type: Periodontal Maintenance",
        "Duration in minutes: 50",
        "Provider: Vale, Ida",
    ]
    assert by_key(made, "patient", "provider")["maple:appointment:8"] == (
        "maple:patient:7",
        "maple:provider:3",
    )
    assert by_key(noted, "target", "description") == {
        "maple:appointment_note:8": (
            "maple:patient:7",
            "Visit note\n"
            "Visit: 2024-05-06 09:30:00 -04:00, Periodontal Maintenance, Completed\n"
            "PANDA appointment: 8\n"
            "Provider: Vale, Ida\n"
            "Note: Tolerated well.",
        )
    }
    assert noted.excused.rows() == [("Appointment", "9", "nothing_noted")]


def test_a_clinical_note_names_its_visit_and_when_it_was_written() -> None:
    made = payload(
        "note",
        appointments=[
            {"source_id": "8", "patient_id": "7", "starts_at": MORNING, "session_type": "Surgical Procedure"}
        ],
        clinical_notes=[
            {
                "source_id": "1",
                "patient_id": "7",
                "appointment_id": "8",
                "title": "SOAP note 2024-05-06",
                "noted_at": MORNING,
                "subjective": "Pain, upper left",
                "plan": "Recall",
            }
        ],
    )

    assert made.frame["description"].to_list() == [
        "SOAP note 2024-05-06\n"
        "Written: 2024-05-06 09:30:00 -04:00\n"
        "Visit: 2024-05-06 09:30:00 -04:00, Surgical Procedure\n"
        "PANDA appointment: 8\n"
        "Subjective: Pain, upper left\n"
        "Plan: Recall"
    ]


def test_findings_are_lines_of_their_exams_note_and_in_its_lineage() -> None:
    findings = [
        {"source_id": str(n), "exam_id": exam, "tooth_as_charted": "3", "finding_name": f"Fremitus {n}"}
        for n, exam in ((10, "1"), (9, "1"), (11, "2"))
    ]

    made = payload(
        "note",
        clinical_exams=[
            {"source_id": "1", "patient_id": "7", "chart_incomplete": False, "rejected_teeth": 0}
        ],
        exam_findings=findings,
    )

    assert "Findings:\n3, Fremitus 9\n3, Fremitus 10" in made.frame["description"][0]
    listed = made.lineage.filter(role="finding").select("key", "source_id").rows()
    assert sorted(listed) == [("maple:exam_note:1", "10"), ("maple:exam_note:1", "9")]
    assert made.excused.rows() == [("ExamFinding", "11", "record_rejected")]


def test_the_whole_chart_stands_in_its_exams_note_and_nothing_isnt_zero() -> None:
    tooth = {"exam_id": "1", "tooth": "3", "universal": "3", "slot": 3, "status": "present"}
    chart = [
        {**tooth, "source_id": "8", "tooth": "14", "universal": "14", "slot": 14, "status": "missing"},
        {**tooth, "source_id": "9", "pocket_depth_mb": 0, "pocket_depth_dl": 7, "bleeding_b": True}
        | {"bleeding_l": False, "mobility": Decimal("1.5"), "furcation_d": 2},
        {**tooth, "source_id": "7", "tooth": "A", "universal": "A", "slot": None, "recession_b": -1},
    ]

    made = payload(
        "note",
        clinical_exams=[
            {"source_id": "1", "patient_id": "7", "chart_incomplete": False, "rejected_teeth": 0}
        ],
        charting=chart,
    )

    assert made.frame["description"][0].split("\n")[-3:] == [
        "tooth 3; charted as 3; present; depth 0 . . . . 7; mobility 1.5; furcation . 2 . .; "
        "bleeding . + . . - .",
        "tooth 14; charted as 14; missing",
        "tooth A; charted as A; present; recession . -1 . . . .",
    ]
    assert sorted(made.lineage.filter(role="chart")["source_id"]) == ["7", "8", "9"]


def test_a_text_that_is_longer_than_a_note_goes_on_in_further_ones_and_loses_nothing() -> None:
    narrative = "".join(f"Line {number} of the narrative.\n" for number in range(6_000))
    plan = {"source_id": "5", "patient_id": "7", "plan_name": "Implant", "notes": narrative}

    made = payload("note", treatment_plans=[plan, {**plan, "source_id": "6", "notes": "Short."}])

    pieces = dict(made.frame.select("_key", "description").rows())
    long = [key for key in pieces if key.startswith("maple:plan_note:5")]
    assert long == ["maple:plan_note:5", "maple:plan_note:5-part2", "maple:plan_note:5-part3"]
    assert all(len(text) <= 65_000 for text in pieces.values())
    whole = "".join(pieces[key].removeprefix(f"(part {at} of 3)\n") for at, key in enumerate(long, 1))
    assert whole.endswith(f"Narrative: {narrative}")
    assert made.problems.is_empty()
    assert made.lineage.filter(source_id="5").height == 3
    assert made.frame.filter(_key="maple:plan_note:6")["description"][0].endswith("Narrative: Short.")


def test_a_paper_of_nobodys_and_its_note_hang_on_the_practice() -> None:
    paper = {"source_id": "90", "file_name": "Scan.pdf", "kind": "document", "bytes": 3, "md5": "a" * 32}
    letter = {**paper, "source_id": "91", "patient_id": "7", "kind": "letter"}

    files, notes = payload("document", documents=[paper, letter]), payload("note", documents=[paper, letter])

    assert by_key(files, "target") == {
        "maple:document:90": "maple:practice:maple",
        "maple:document:91": "maple:patient:7",
    }
    assert by_key(notes, "target") == {"maple:document_note:90": "maple:practice:maple"}


def test_a_letters_note_names_its_file() -> None:
    made = payload(
        "note",
        documents=[{"source_id": "90", "patient_id": "7", "file_name": "Plan.pdf", "kind": "letter"}],
        letters=[{"source_id": "1", "patient_id": "7", "document_id": "90", "subject": "Your plan"}],
    )

    assert by_key(made, "description")["maple:letter_note:1"].split("\n")[:3] == [
        "Letter",
        "Subject: Your plan",
        "File: Plan.pdf",
    ]
