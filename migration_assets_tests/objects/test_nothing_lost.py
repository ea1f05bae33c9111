"""Whatever the source holds: every row is staged or rejected, none is both, and no message tells a value."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets_tests.objects.rows import (
    CHART,
    CLASSIFICATION,
    EXAM,
    FINDING,
    INSURANCE,
    LINE,
    NOTE,
    PATIENT,
    PLAN,
    PROVIDER,
    Row,
    charted,
    classification,
    exam,
    finding,
    insurance,
    line,
    note,
    patient,
    plan,
    provider,
    raw_tables,
    stage_raw,
    stage_rows,
)
from migration_assets_tests.objects.rows_of_files import (
    BYTES,
    DOCUMENT,
    HASH,
    LETTER,
    MD5,
    RADIOGRAPH,
    SHARE_FILE,
    TEMPLATE,
    document,
    letter,
    radiograph,
    share_file,
)
from migration_assets_tests.objects.rows_of_referrals import (
    APPOINTMENT,
    REFERRAL,
    STAFF,
    appointment,
    referral,
    staff_user,
)

CANARY = "Zqx7f"

_texts = st.sampled_from([None, "", " ", "NA", "Na", "a_b", "x", f"{CANARY}@mail.example", CANARY])
_keys = st.integers(1, 6)
_days = st.sampled_from([None, date(1753, 1, 1), date(1970, 2, 3), date(2024, 3, 10), date(2087, 1, 1)])
_moments = st.sampled_from(
    [None, datetime(1753, 1, 1), datetime(1970, 1, 1), datetime(2024, 3, 10, 2, 30), datetime(2087, 1, 1)]
)


def _values(dtype: pl.DataType) -> st.SearchStrategy[object]:
    if dtype == pl.Boolean:
        return st.sampled_from([None, True, False])
    if dtype == pl.Date:
        return _days
    if dtype == pl.Datetime:
        return _moments
    if isinstance(dtype, pl.Decimal):
        top = Decimal(10) ** (dtype.precision - dtype.scale) - Decimal(10) ** -dtype.scale
        return st.one_of(st.none(), st.sampled_from([Decimal(0), Decimal("1.5"), top, -top]))
    if dtype == pl.UInt8:
        return st.one_of(st.none(), st.integers(0, 6), st.just(255))
    whole = st.one_of(st.none(), st.integers(-12, 25))
    return whole if dtype.is_integer() else st.none() if dtype == pl.Binary else _texts


def _rows(schema: dict[str, pl.DataType], **known: st.SearchStrategy[object]) -> st.SearchStrategy[list[Row]]:
    columns = {name: known.get(name, _values(dtype)) for name, dtype in schema.items()}
    return st.lists(st.fixed_dictionaries(columns), max_size=7)


_teeth = st.sampled_from(["3", "16", "UR6", "6UR", "51", "A", "X9", "", None])
_patients = _rows(PATIENT, PatientID=_keys)
_exams = _rows(
    EXAM,
    ExamID=_keys,
    PatientID=_keys,
    ToothNumberingSystem=st.sampled_from([None, "", "Universal", "FDI", "Palmer", "Haderup"]),
)
_charts = _rows(
    CHART,
    ChartingID=_keys,
    ExamID=_keys,
    Tooth=_teeth,
)
_providers = _rows(
    PROVIDER,
    ProviderID=_keys,
    NPI=st.sampled_from([None, "1234567893", "1234567890", CANARY]),
    Credentials=st.sampled_from([None, "DDS; MS", CANARY, " . "]),
)
_plans = _rows(
    PLAN, PlanID=_keys, PatientID=_keys, Status=st.sampled_from([None, "In Progress", CANARY, "declined"])
)
_lines = _rows(
    LINE,
    LineID=_keys,
    PlanID=_keys,
    ProcedureCode=st.sampled_from([None, "D4341", "4341", CANARY]),
    ToothSite=st.sampled_from([None, "3", "2-5", "UR", CANARY, "-"]),
)


_findings = _rows(
    FINDING, FindingID=_keys, ExamID=_keys, Tooth=_teeth, Site=st.sampled_from([None, "mb", " DL ", CANARY])
)
_classifications = _rows(
    CLASSIFICATION,
    ClassificationID=_keys,
    PatientID=_keys,
    ExamID=_keys,
    Stage=st.sampled_from([None, "", "III", "Stage 3", "V", CANARY]),
    Grade=st.sampled_from([None, "b", CANARY]),
    Extent=st.sampled_from([None, "generalised", CANARY]),
)
_insurances = _rows(INSURANCE, InsuranceID=_keys, PatientID=_keys)
_notes = _rows(
    NOTE,
    NoteID=_keys,
    PatientID=_keys,
    Body=st.sampled_from(
        [
            None,
            " ",
            CANARY,
            f"<p>{CANARY}</p>",
            "<br>",
            f"{{\\rtf1 {CANARY}}}",
            f"{{\\rtf1 {CANARY}",
            "{\\rtf1}",
        ]
    ),
)
_referrals = _rows(
    REFERRAL,
    ReferralID=_keys,
    PatientID=_keys,
    Direction=st.sampled_from([None, "incoming", "Outgoing", CANARY]),
    ProviderID=st.one_of(st.none(), _keys),
    ReferrerName=st.sampled_from([None, "Dr. Ada Vale, DDS", "Vale, Ada", "A. Vale", CANARY]),
    Status=st.sampled_from([None, "Received", CANARY]),
)
_appointments = _rows(APPOINTMENT, AppointmentID=_keys, PatientID=_keys)
_staff = _rows(STAFF, UserID=_keys)
_documents = _rows(
    DOCUMENT,
    DocumentID=_keys,
    MimeType=st.sampled_from([None, "application/pdf", CANARY]),
    **{BYTES: st.sampled_from([None, 0, 7]), MD5: st.sampled_from([None, HASH, CANARY])},
)
_letters = _rows(LETTER, LetterID=_keys, PatientID=_keys, DocumentID=st.none() | _keys, TemplateID=_keys)
_templates = _rows(TEMPLATE, TemplateID=_keys)
_paths = st.sampled_from([None, " ", CANARY, f"{CANARY}/x.png"])
_radiographs = _rows(
    RADIOGRAPH, RadiographID=_keys, PatientID=_keys, DocumentID=st.none() | _keys, FilePath=_paths
)
_share = _rows(
    SHARE_FILE,
    path=_paths,
    bytes=st.sampled_from([None, 0, 7]),
    md5=st.sampled_from([None, HASH]),
    problem=st.sampled_from([None, "share_not_mapped", "file_not_found", CANARY]),
)
_GENERATED = {
    "patients": _patients,
    "exams": _exams,
    "chart": _charts,
    "providers": _providers,
    "plans": _plans,
    "lines": _lines,
    "findings": _findings,
    "classifications": _classifications,
    "insurances": _insurances,
    "notes": _notes,
    "referrals": _referrals,
    "appointments": _appointments,
    "staff": _staff,
    "documents": _documents,
    "letters": _letters,
    "templates": _templates,
    "radiographs": _radiographs,
    "share": _share,
}


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.fixed_dictionaries(_GENERATED))
def test_extracted_is_staged_and_rejected(tables: dict[str, list[Row]]) -> None:
    raw = raw_tables(**tables)
    told = stage_raw(raw)
    for each in STAGED_OBJECTS:
        staged = told[each.name]
        accounted = staged.rows.height + staged.rejects["source_key"].n_unique()
        assert each.derived or raw[each.source_table].height == accounted
        assert set(staged.rows["source_id"]).isdisjoint(staged.rejects["source_key"])
        assert not staged.rejects.is_duplicated().any()
        assert each.model.validate(staged.rows, lazy=True).height == staged.rows.height
        for messages in (staged.rejects, staged.corrections):
            assert not messages["message"].str.contains(CANARY).any()
            assert not messages["code"].str.contains(CANARY).any()


def test_the_rows_of_a_table_are_accounted_for_by_one_object() -> None:
    accounting = [each.source_table for each in STAGED_OBJECTS if not each.derived]
    assert len(set(accounting)) == len(accounting)
    assert {each.source_table for each in STAGED_OBJECTS} == set(accounting)


def test_nothing_at_all_stages_as_nothing() -> None:
    nothing: dict[str, list[Row]] = {name: [] for name in _GENERATED}
    for staged in stage_raw(raw_tables(**nothing)).values():
        assert (staged.rows.height, staged.rejects.height, staged.corrections.height) == (0, 0, 0)


def test_no_message_tells_a_value_of_the_record() -> None:
    told = stage_rows(
        patients=[
            patient(1, LastName=None, FirstName=CANARY, Email=CANARY, Sex=CANARY),
            patient(2, BridgeID=CANARY, City=f"{CANARY}_x", DateOfBirth=date(2087, 3, 14)),
        ],
        exams=[
            exam(10, ToothNumberingSystem=CANARY, PlaqueIndex=Decimal("777.77")),
            exam(11, ExamDate=datetime(2087, 3, 14), Notes=CANARY),
            exam(12),
        ],
        chart=[
            charted(100, ExamID=12, Tooth=CANARY, ToothStatus=CANARY, PocketDepth_B=77),
            charted(101, ExamID=10),
            charted(102, ExamID=99),
        ],
        providers=[
            provider(1, LastName=None, FirstName=CANARY, NPI=CANARY, Credentials=CANARY),
            provider(2, Email=CANARY, Specialty=CANARY),
        ],
        plans=[
            plan(20, Status=CANARY, ProposedAt=date(1777, 1, 1), TreatmentNotes=CANARY),
            plan(21, EstimatedCost=Decimal(-777)),
        ],
        lines=[
            line(200, ProcedureCode=CANARY, HealingWeeks=777, ScheduledDate=date(1777, 1, 1)),
            line(201, EstimatedCost=Decimal(-777), Description=CANARY),
        ],
        findings=[
            finding(300, Tooth=CANARY, Site=CANARY),
            finding(301, FindingName=None, FindingValue=CANARY),
        ],
        classifications=[
            classification(60, Stage=CANARY, Grade=CANARY, Extent=CANARY, StagedAt=datetime(2087, 3, 14))
        ],
        insurances=[insurance(70, CoverageBasic=Decimal("777.77"), Carrier=CANARY)],
        notes=[note(80, Body=CANARY), note(80, PatientID=None, NoteType=CANARY)],
        referrals=[
            referral(30, Direction=CANARY, ReferrerName=CANARY),
            referral(31, Status=CANARY, ReferrerEmail=CANARY, ReferredAt=date(1777, 1, 1)),
        ],
        appointments=[
            appointment(40, DurationMinutes=77777, Notes=CANARY),
            appointment(41, StartsAt=datetime(1777, 1, 1)),
        ],
        staff=[staff_user(50, Email=CANARY, FullName=CANARY)],
        documents=[
            document(90, FileName=f"{CANARY}\x00", MimeType="image/png", CreatedAt=datetime(1777, 1, 1)),
            document(91, FileName=CANARY, **{BYTES: 0}),
        ],
        letters=[letter(95, DocumentID=91, TemplateID=777, Subject=CANARY, SentAt=datetime(1777, 1, 1))],
        radiographs=[
            radiograph(85, FilePath=CANARY),
            radiograph(86, DocumentID=777, ToothSite=CANARY, TakenAt=datetime(2087, 3, 14)),
        ],
        share=[share_file(CANARY, "file_not_found")],
    )
    said = pl.concat(
        [pl.concat([each.rejects["message"], each.corrections["message"]]) for each in told.values()]
    )
    assert said.len() >= 30
    assert not said.str.contains_any([CANARY, "777", "2087", "77"]).any()


def test_an_object_reads_only_what_it_declares() -> None:
    raw = raw_tables()
    for each in STAGED_OBJECTS:
        assert each.source_table in each.reads
        assert set(each.reads) <= set(raw)
    names = [each.name for each in STAGED_OBJECTS]
    assert all(names.index(used) < names.index(each.name) for each in STAGED_OBJECTS for used in each.uses)
