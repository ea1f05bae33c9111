"""Every table of a generated practice: linked, filled, plausible, and in the words that people type."""

import re
import zlib
from datetime import date, timedelta
from time import perf_counter
from typing import get_args

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from migration_sandbox.practice import teeth
from migration_sandbox.practice.clinical_notes import as_rtf
from migration_sandbox.practice.draw import LAST_DAY
from migration_sandbox.practice.generator import Practice, generate, write_database, write_share
from migration_sandbox.practice.images import jpeg, png
from migration_sandbox.practice.pdf import one_page
from migration_sandbox.practice.radiographs import SHARE
from migration_sandbox.practice.schema import frame_schema, table_names
from migration_sandbox.practice.teeth import Habit
from migration_sandbox.sqlserver.database import Database

LAST = date(1970, 1, 1) + timedelta(days=LAST_DAY)
PARENTS = {
    "PatientID": "Patient",
    "ProviderID": "Provider",
    "ExamID": "ClinicalExam",
    "PlanID": "TreatmentPlan",
    "ReferralID": "Referral",
    "TemplateID": "LetterTemplate",
    "DocumentID": "Document",
    "AppointmentID": "Appointment",
}


@pytest.fixture(scope="module")
def clean() -> Practice:
    return generate(7, 200, planted=0, canaries=0, tables="all")


def ages_at_exams(practice: Practice) -> pl.DataFrame:
    exams = practice.tables["ClinicalExam"].join(practice.tables["Patient"], on="PatientID")
    return exams.drop_nulls("DateOfBirth").select(
        "ExamID",
        "ChartingType",
        ((pl.col("ExamDate").dt.date() - pl.col("DateOfBirth")).dt.total_days() / 365.25).alias("age"),
    )


def plans_with_lines(practice: Practice) -> pl.DataFrame:
    lines = practice.tables["TreatmentPlanLine"].group_by("PlanID").agg(pl.all().sort_by("Sequence"))
    return practice.tables["TreatmentPlan"].join(lines, on="PlanID", suffix="_lines")


def test_all_tables_come_in_an_order_in_which_parents_stand_first(clean: Practice) -> None:
    assert tuple(clean.tables) == table_names()
    assert clean.manifest.counts == {table: frame.height for table, frame in clean.tables.items()}
    assert min(clean.manifest.counts.values()) > 5


def test_every_column_of_every_table_is_filled(clean: Practice) -> None:
    for table, frame in clean.tables.items():
        assert dict(frame.schema) == frame_schema(table)
        assert [column for column in frame.columns if frame[column].null_count() == frame.height] == []


def test_the_same_seed_gives_the_same_records() -> None:
    first, second = (generate(11, 130, tables="all", numbering="mixed") for _ in range(2))
    assert first.manifest == second.manifest and first.share == second.share
    for table, frame in first.tables.items():
        assert_frame_equal(frame, second.tables[table])


def test_charting_is_the_same_without_the_other_tables() -> None:
    alone, among = generate(7, 200), generate(7, 200, tables="all")
    planted = [defect for defect in alone.manifest.defects if "orphan" not in defect.code]
    assert {(d.table, d.column, d.code) for d in alone.manifest.defects} <= {
        (d.table, d.column, d.code) for d in among.manifest.defects
    }
    own_keys = {defect for defect in planted if defect.table in ("Patient", "ClinicalExam")}
    assert own_keys <= set(among.manifest.defects)
    changed = among.tables["Patient"].join(
        alone.tables["Patient"], on=alone.tables["Patient"].columns, how="anti", nulls_equal=True
    )
    assert changed.height == 200 // 30
    for table in ("Patient", "ClinicalExam"):
        assert alone.manifest.counts[table] == among.manifest.counts[table]


def test_every_link_leads_to_a_row(clean: Practice) -> None:
    for table, frame in clean.tables.items():
        for column, parent in PARENTS.items():
            if column in frame.columns and parent != table:
                lost = frame.drop_nulls(column).join(clean.tables[parent], on=column, how="anti")
                assert lost.is_empty(), (table, column)


def test_children_have_primary_teeth_that_fall_out(clean: Practice) -> None:
    primary = [tooth.universal for tooth in teeth.PRIMARY]
    chart = clean.tables["PeriodontalCharting"].join(ages_at_exams(clean), on="ExamID")
    counted = chart.group_by("ExamID", "age").agg(
        pl.col("Tooth").is_in(primary).sum().alias("primary"), pl.col("ChartingType").first()
    )
    young = counted.filter(pl.col("age") < 9, pl.col("ChartingType") == "Full mouth")
    assert young.height > 3
    assert young["primary"].min() > 4  # type: ignore[operator]
    assert counted.filter(pl.col("age") > 13)["primary"].sum() == 0
    mixed = chart.filter(pl.col("age") < 11)
    assert mixed["Tooth"].is_in([tooth.universal for tooth in teeth.PERMANENT]).any()
    assert {"primary", "present"} <= set(mixed.filter(pl.col("Tooth").is_in(primary))["ToothStatus"])
    assert "implant" not in set(mixed["ToothStatus"])


def test_a_child_s_tooth_and_its_successor_are_never_charted_together(clean: Practice) -> None:
    successor = dict(zip("ABCDEFGHIJKLMNOPQRST", (*range(4, 14), *range(20, 30)), strict=True))
    chart = clean.tables["PeriodontalCharting"].filter(
        ~pl.col("Tooth").str.contains(r"^(5[1-9]|[67]\d|8\d)$")
    )
    places = chart.with_columns(
        pl.col("Tooth").replace(list(successor), [str(n) for n in successor.values()])
    )
    assert not places.select("ExamID", "Tooth").is_duplicated().any()


def test_supernumerary_teeth_are_charted_in_universal_alone() -> None:
    for numbering in teeth.NUMBERINGS:
        practice = generate(7, 200, planted=0, numbering=numbering, tables="all")
        known = {tooth.code(numbering) for tooth in (*teeth.PERMANENT, *teeth.PRIMARY)}
        others = set(practice.tables["PeriodontalCharting"]["Tooth"]) - known
        assert others <= {str(number) for number in range(51, 83)}
        assert bool(others) == (numbering == "Universal")


@pytest.mark.parametrize("habit", get_args(Habit))
def test_findings_and_charts_are_written_in_the_exam_s_numbering(habit: Habit) -> None:
    practice = generate(5, 150, planted=0, numbering=habit, tables="all")
    exams = practice.tables["ClinicalExam"]
    systems = set(exams["ToothNumberingSystem"])
    assert systems == (set(teeth.NUMBERINGS) if habit == "mixed" else {habit})
    for table in ("PeriodontalCharting", "ExamFinding"):
        written = practice.tables[table].join(exams, on="ExamID").drop_nulls("Tooth")
        for system in teeth.NUMBERINGS:
            codes = {tooth.code(system) for tooth in (*teeth.PERMANENT, *teeth.PRIMARY)}
            codes |= {str(number) for number in range(51, 83)} if system == "Universal" else set()
            assert set(written.filter(pl.col("ToothNumberingSystem") == system)["Tooth"]) <= codes


def test_plan_sites_are_teeth_ranges_quadrants_and_arches(clean: Practice) -> None:
    sites = set(clean.tables["TreatmentPlanLine"]["ToothSite"])
    shapes = (r"\d+", r"\d+-\d+", "U[RL]|L[RL]", "(Upper|Lower) arch", "Full mouth")
    for shape in shapes:
        assert any(re.fullmatch(shape, site) for site in sites), shape
    assert all(re.fullmatch("|".join(shapes), site) for site in sites)
    fdi = generate(7, 200, planted=0, numbering="FDI", tables="all").tables["TreatmentPlanLine"]["ToothSite"]
    ranges = [site.split("-") for site in fdi.unique() if "-" in site]
    codes = [tooth.fdi for tooth in teeth.PERMANENT]
    assert ranges and all(codes.index(first) < codes.index(last) for first, last in ranges)


def test_plans_run_in_phases_over_months(clean: Practice) -> None:
    implants = plans_with_lines(clean).filter(pl.col("PlanName").str.starts_with("Implant"))
    single = [row for row in implants.to_dicts() if row["Phase"][:2] == ["extraction", "bone graft"]]
    assert len(single) > 20
    for plan in single:
        assert plan["Phase"][2:] == ["healing period", "implant placement", "healing period", "restoration"]
        assert plan["Sequence"] == [1, 2, 3, 4, 5, 6]
        days = plan["ScheduledDate"]
        if days[0] is not None:
            assert days == sorted(days)
            healed = plan["HealingWeeks"][2] * 7
            assert days[3] - days[2] >= timedelta(days=healed)
            assert days[-1] - days[0] > timedelta(days=150)


def test_the_state_of_a_plan_is_that_of_its_dates(clean: Practice) -> None:
    plans = plans_with_lines(clean).with_columns(pl.col("Status").str.to_lowercase().str.replace(" ", "-"))
    assert set(plans["Status"]) == {"proposed", "accepted", "in-progress", "completed", "declined"}
    for plan in plans.to_dicts():
        decided = plan["Status"] in ("accepted", "in-progress", "completed")
        assert (plan["AcceptedAt"] is not None) == decided
        assert (plan["CompletedAt"] is not None) == (plan["Status"] == "completed")
        assert plan["ProposedAt"] <= (plan["AcceptedAt"] or LAST)
        if decided:
            assert (plan["ScheduledDate"][0] > LAST) == (plan["Status"] == "accepted")
            assert (plan["CompletedAt"] or LAST) >= plan["AcceptedAt"]
        else:
            assert plan["ScheduledDate"] == [None] * len(plan["ScheduledDate"])


def test_plan_costs_are_mostly_the_sum_of_their_lines(clean: Practice) -> None:
    plans = plans_with_lines(clean).drop_nulls("EstimatedCost")
    same = [plan["EstimatedCost"] == sum(plan["EstimatedCost_lines"]) for plan in plans.to_dicts()]
    assert 0.85 < sum(same) / len(same) < 1
    assert plans["EstimatedCost"].min() > 0  # type: ignore[operator]


def test_procedure_codes_are_codes_and_letters_say_it_differently(clean: Practice) -> None:
    lines = clean.tables["TreatmentPlanLine"]
    assert lines["ProcedureCode"].drop_nulls().str.contains(r"^D\d{4}$").all()
    assert set(lines.filter(pl.col("ProcedureCode").is_null())["Phase"]) == {"healing period"}
    plan_texts = [text.encode() for text in lines["Description"].unique()]
    letters = clean.tables["Document"].filter(pl.col("MimeType") == "application/pdf")["Content"]
    assert sum(b"placing the implant" in content for content in letters) > 5
    assert not any(text in content for content in letters for text in plan_texts)


def test_people_outside_are_known_by_free_text_and_valid_identifiers(clean: Practice) -> None:
    outside = clean.tables["Provider"].filter("IsReferring")
    assert outside.height > 60
    assert {"DDS, MS", "D.M.D.; Board Certified"} <= set(outside["Credentials"])
    assert len({text.lower() for text in outside["Specialty"].drop_nulls()}) >= 5
    for npi in clean.tables["Provider"]["NPI"].drop_nulls():
        digits = [int(digit) for digit in "80840" + npi]
        assert sum(d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits[::-1])) % 10 == 0


def test_referrals_go_both_ways(clean: Practice) -> None:
    referrals = clean.tables["Referral"]
    assert set(referrals["Direction"].str.to_lowercase()) == {"incoming", "outgoing"}
    words = ("received", "sent", "accepted", "declined", "completed", "complete")
    assert set(referrals["Status"].str.to_lowercase()) <= set(words)
    unknown = referrals.filter(pl.col("ProviderID").is_null())
    assert unknown.height > 10 and unknown["ReferrerName"].null_count() == 1
    assert (referrals["CompletedAt"] >= referrals["ReferredAt"]).all()


def test_every_exam_has_its_appointment_and_time_goes_on(clean: Practice) -> None:
    calendar = clean.tables["Appointment"]
    seen = calendar.rename({"StartsAt": "ExamDate"})
    assert clean.tables["ClinicalExam"].join(seen, on=["PatientID", "ExamDate"], how="anti").is_empty()
    ahead = calendar.filter(pl.col("StartsAt").dt.date() > LAST)
    assert set(ahead["Status"]) == {"Scheduled", "Confirmed"} and ahead.height > 30
    assert {"Cancelled", "No-show"} <= set(calendar["Status"])
    assert set(calendar["StartsAt"].dt.weekday()) <= {1, 2, 3, 4, 5}


def test_notes_are_soap_or_rich_text(clean: Practice) -> None:
    notes = clean.tables["ClinicalNote"]
    soap = notes.filter(pl.col("NoteType") == "SOAP")
    assert soap["Body"].null_count() == soap.height
    for part in ("Subjective", "Objective", "Assessment", "Plan"):
        assert soap[part].null_count() == 0
    bodies = notes.filter(pl.col("NoteType") == "Progress")["Body"]
    assert bodies.null_count() == 0
    assert bodies.str.starts_with("{\\rtf1").sum() > 50 and bodies.str.starts_with("<html>").sum() > 30
    assert soap["Objective"].str.contains("\r\n").any()
    narratives = generate(3, 400, planted=0, tables="all").tables["TreatmentPlan"]["TreatmentNotes"]
    assert narratives.str.len_chars().max() > 32_768  # type: ignore[operator]


def test_rtf_escapes_what_is_not_ascii() -> None:
    assert as_rtf("a{b}\\") == "a\\{b\\}\\\\"
    assert as_rtf("ñ者") == "\\u241?\\u-32763?"
    assert as_rtf("🙂") == "\\u-10179?\\u-8638?"


def test_templates_hold_merge_fields_and_closed_conditions(clean: Practice) -> None:
    bodies = clean.tables["LetterTemplate"]["Body"].to_list()
    assert any("<<Patient.FirstName>>" in body for body in bodies)
    opened = [body.count("<<IF ") for body in bodies]
    assert opened == [body.count("<<END IF>>") for body in bodies]
    assert max(opened) >= 3


def test_most_letters_have_a_pdf_of_their_patient(clean: Practice) -> None:
    letters = clean.tables["Letter"]
    joined = letters.drop_nulls("DocumentID").join(clean.tables["Document"], on="DocumentID")
    assert 0.8 < joined.height / letters.height < 1
    assert (joined["PatientID"] == joined["PatientID_right"]).all()
    assert joined["Content"].n_unique() == joined.height
    assert {word.lower() for word in letters["LetterType"]} == {
        "to patient",
        "to specialist",
        "to referring dentist",
    }


def test_a_pdf_s_table_of_objects_leads_to_them() -> None:
    content = one_page("Títle 者", ["A (line) with a \\", "ñ and 者"])
    assert content.startswith(b"%PDF-1.4") and content.endswith(b"%%EOF\n")
    start = int(re.findall(rb"startxref\n(\d+)", content)[0])
    assert content[start : start + 4] == b"xref"
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n", content)]
    for number, offset in enumerate(offsets, start=1):
        assert content[offset:].startswith(b"%d 0 obj\n" % number)
    length = int(re.findall(rb"/Length (\d+)", content)[0])
    stream = content.split(b"stream\n")[1].removesuffix(b"\nend")
    assert len(stream) == length
    assert rb"(A \(line\) with a \\) Tj" in stream and b"(\xf1 and ?) Tj" in stream
    assert "者".encode("utf-16-be").hex().upper().encode() in content


def test_a_png_unpacks_to_its_pixels() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    content = png(pixels).with_comment("radiograph 1")
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and b"Comment\0radiograph 1" in content
    place, chunks = 8, {}
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert zlib.crc32(kind + body) == int.from_bytes(content[place + 8 + size : place + 12 + size], "big")
        chunks[kind] = body
        place += 12 + size
    assert chunks[b"IHDR"][:10] == bytes([0, 0, 0, 8, 0, 0, 0, 6, 8, 0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(6, 9)
    assert (rows[:, 0] == 0).all() and (rows[:, 1:] == pixels).all()


def test_a_jpeg_is_packed_as_the_standard_says() -> None:
    # Two blocks, 128 and 138: no difference (category 0), then 10 (category 4), each with the end of block.
    pixels = np.repeat(np.array([[128, 138]], np.uint8), 8, axis=1).repeat(8, axis=0)
    content = jpeg(pixels).with_comment("radiograph 2")
    assert content.startswith(b"\xff\xd8\xff\xe0") and content.endswith(b"\xff\xd9")
    assert b"\xff\xfe\0\x0eradiograph 2" in content
    scan = content.split(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0")[1].removesuffix(b"\xff\xd9")
    assert scan == int("00" + "0" + "101" + "1010" + "0" + "11111", 2).to_bytes(2, "big")


def test_radiographs_are_documents_or_files_of_the_share(
    clean: Practice, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = clean.tables["Radiograph"]
    assert (images["FilePath"].is_null() != images["DocumentID"].is_null()).all()
    share = tmp_path_factory.mktemp("share")
    write_share(clean, share)
    for path in images["FilePath"].drop_nulls():
        file = share / path.removeprefix(SHARE + "\\").replace("\\", "/")
        assert file.read_bytes()[:3] in (b"\x89PN", b"\xff\xd8\xff")
    stored = images.join(clean.tables["Document"], on="DocumentID")
    assert stored["Content"].n_unique() == stored.height
    assert stored["Content"].bin.size().max() > 500_000  # type: ignore[operator]


def test_insurance_has_a_first_before_a_second(clean: Practice) -> None:
    rows = clean.tables["Insurance"].group_by("PatientID").agg(pl.col("Priority").sort())
    held = {tuple(priorities) for priorities in rows["Priority"].to_list()}
    assert {(1,), (1, 2), (1, 1), (1, 2, 3)} <= held
    ended = clean.tables["Insurance"].filter(~pl.col("Active"))
    assert ended.join(clean.tables["Insurance"].filter("Active"), on="PatientID", how="semi").height > 3


def test_staff_log_in_under_the_providers_addresses(clean: Practice) -> None:
    staff, providers = clean.tables["StaffUser"], clean.tables["Provider"].filter(~pl.col("IsReferring"))
    assert set(providers["Email"]) < set(staff["Email"])


def test_no_time_but_the_planted_ones_falls_into_the_night() -> None:
    # Clocks change between one and three; only planted times may stand there.
    practice = generate(7, 200, tables="all")
    for table in (
        "Appointment",
        "ClinicalNote",
        "Letter",
        "Document",
        "Radiograph",
        "TreatmentPlan",
        "Referral",
    ):
        frame = practice.tables[table]
        for column, kind in frame.schema.items():
            if isinstance(kind, pl.Datetime):
                assert frame[column].dt.hour().min() > 6, (table, column)  # type: ignore[operator]


def test_a_million_charting_rows_with_everything_else_take_less_than_half_a_minute() -> None:
    started = perf_counter()
    practice = generate(7, 8600, tables="all")
    assert practice.tables["PeriodontalCharting"].height > 1_000_000
    assert perf_counter() - started < 30


def test_the_whole_practice_fits_a_database_in_seconds(tmp_path_factory: pytest.TempPathFactory) -> None:
    practice = generate(7, 200, tables="all", numbering="mixed")
    path = tmp_path_factory.mktemp("practice") / "panda_maple.duckdb"
    started = perf_counter()
    write_database(practice, path)
    assert perf_counter() - started < 15
    with Database.open(path) as database:
        for table, rows in practice.manifest.counts.items():
            found = (
                database.cursor().execute(f'SELECT count(*), count("RowVer") FROM dbo."{table}"').fetchone()
            )
            assert found == (rows, rows)
        stored = database.cursor().execute('SELECT "DocumentID", "Content" FROM dbo."Document"').fetchall()
    assert dict(stored) == dict(practice.tables["Document"].select("DocumentID", "Content").iter_rows())
