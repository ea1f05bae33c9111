"""A practice's way through the whole engine, from raw rows to a reconciled destination."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import Destination
from migration_assets.destinations.kind import ChartChoice, DestinationKind, LayoutKind
from migration_assets.errors import (
    ConfigurationError,
    GateClosed,
    LedgerMismatch,
    StagingRefused,
    WarehouseTableMissing,
)
from migration_assets.migration.decisions import Approval, UploadBegan, UploadEnded
from migration_assets.migration.decisions import Reconciled as ReconciledEntry
from migration_assets.migration.ledger import Target
from migration_assets.migration.load import UploadSummary
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.platform import Platform
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.reconciliation import ObjectReconciliation, Reconciliation
from migration_assets.migration.staging import source_tables
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.practice import Practice, Settings
from migration_assets.reports.reconciliation import write_reconciliation
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests.measure_rows import converted, profile
from migration_assets_tests.migration.fake_destination import FakeDestination, Killed
from migration_assets_tests.migration.further_rows import FURTHER
from migration_assets_tests.open_files import OpenWarehouse, held_open, stage_all

ASSETS = [spec.asset for spec in load_mapping("salesforce")]
CONTACT = load_mapping("salesforce").resolved({"accounts": "practice"}).of_object("Contact").schema
PROFILE = load_profile("default")
SITES = ("MB", "B", "DB", "ML", "L", "DL")
FILE = dedent("""\
    practice: maple
    name: Maple Periodontics
    time_zone: America/New_York
    encryption_key: {env: MAPLE_KEY}
    policies: {reject_limit: 0.5}
    source: {server: s, database: d, username: u, password: {env: MAPLE_KEY}}
    destinations: {salesforce: {}}
    """)


class NoSettings(Settings):
    """The fake needs none."""


def patient(number: int, **more: Any) -> dict[str, Any]:
    created = datetime(2019, 7, 1, 9, 30)
    return {"PatientID": number, "LastName": f"Quill{number}", "Sex": "F", "CreatedAt": created, **more}


def provider(number: int, **more: Any) -> dict[str, Any]:
    known = {"Credentials": "dds; M.S.", "Specialty": "Perio", "NPI": "1234567893", "Active": True}
    return {"ProviderID": number, "LastName": f"Vale{number}", **known, **more}


def treatment_plan(number: int, patient_id: int, **more: Any) -> dict[str, Any]:
    known = {"ProviderID": 5, "Status": "In Progress", "EstimatedCost": Decimal("4250.50")}
    return {"PlanID": number, "PatientID": patient_id, "TreatmentNotes": "one\r\n two", **known, **more}


def plan_line(number: int, plan_id: int, **more: Any) -> dict[str, Any]:
    known = {"ProcedureCode": "D6010", "ToothSite": "2-5", "HealingWeeks": 0, "Phase": "healing"}
    return {"LineID": number, "PlanID": plan_id, "Sequence": number % 10, **known, **more}


def exam(number: int, patient_id: int, **more: Any) -> dict[str, Any]:
    return {
        "ExamID": number,
        "PatientID": patient_id,
        "ExamDate": datetime(2023, 3, 4, 10, 30),
        "ToothNumberingSystem": "FDI",
        "PlaqueIndex": Decimal("12.50"),
        "Notes": "one\r\ntwo",
        **more,
    }


def tooth(number: int, exam_id: int, written: str, **more: Any) -> dict[str, Any]:
    depths = {f"PocketDepth_{site}": (number + place) % 9 for place, site in enumerate(SITES)}
    recessions = {f"Recession_{site}": (number + place) % 5 - 2 for place, site in enumerate(SITES)}
    return {"ChartingID": number, "ExamID": exam_id, "Tooth": written, **depths, **recessions, **more}


@dataclass(frozen=True, kw_only=True)
class WithOpenFiles(Platform):
    """A platform for one target's uploads, of which each would open the same files."""

    open_panda: OpenWarehouse
    open_upload: OpenWarehouse

    def panda_warehouse(self, practice: str) -> Warehouse:  # noqa: ARG002
        return self.open_panda

    def upload_warehouse(self, target: Target) -> Warehouse:  # noqa: ARG002
        return self.open_upload


@dataclass
class Office:
    """A practice's source, its installation and a fake destination."""

    platform: Platform
    destination: FakeDestination
    providers: list[dict[str, Any]] = field(default_factory=lambda: [provider(5), provider(6)])
    patients: list[dict[str, Any]] = field(
        default_factory=lambda: [patient(1, PrimaryProviderID=5), patient(2, PrimaryProviderID=6)]
    )
    exams: list[dict[str, Any]] = field(default_factory=lambda: [exam(10, 1), exam(11, 2)])
    teeth: list[dict[str, Any]] = field(
        default_factory=lambda: [tooth(100, 10, "11"), tooth(101, 10, "36"), tooth(102, 11, "48")]
    )
    plans: list[dict[str, Any]] = field(default_factory=lambda: [treatment_plan(20, 1)])
    lines: list[dict[str, Any]] = field(default_factory=lambda: [plan_line(201, 20), plan_line(202, 20)])
    runs: int = 0

    def migration(self, environment: str = "rehearsal") -> Migration:
        return Migration(self.platform, Target("maple", "salesforce", environment))

    def tooth_frame(self) -> pl.DataFrame:
        """The chart with a row a tooth."""
        return self._frame("PeriodontalCharting", self.teeth)

    @staticmethod
    def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
        columns = PROFILE.table(table).columns
        types = {name: _TYPES.get(name.split("_")[0], pl.String()) for name in columns.values()}
        for blob in PROFILE.table(table).blobs.values():
            types |= {f"{blob}__bytes": pl.Int64(), f"{blob}__md5": pl.String()}
        return pl.DataFrame([dict.fromkeys(types) | row for row in rows], schema=types)

    def stage(self, profile: Profile = PROFILE) -> None:
        """With another profile, one that charts by measure, the chart is converted to its rows."""
        raw = {
            "Patient": self.patients,
            "ClinicalExam": self.exams,
            "PeriodontalCharting": self.teeth,
            "Provider": self.providers,
            "TreatmentPlan": self.plans,
            "TreatmentPlanLine": self.lines,
            **FURTHER,
        }
        raw = {table: raw.get(table, []) for table in source_tables()}
        warehouse, practice = self.platform.panda_warehouse("maple"), self.platform.practice("maple")
        with warehouse.open() as session:
            for table, rows in raw.items():
                frame = self._frame(table, rows)
                measured = profile.chart.measure_rows
                if table == "PeriodontalCharting" and measured is not None:
                    frame = converted(frame, bits=bool(measured.bits))
                session.replace_table("panda", table, frame)
            extracted = [
                {"batch_id": "b", "logical_table": table, "extracted_at": datetime(2024, 5, 6, tzinfo=UTC)}
                for table in raw
            ]
            session.replace_table("panda", "extractions", pl.DataFrame(extracted))
            session.replace_table(
                "panda", "not_in_scope", pl.DataFrame({"table": ["Insurance"], "rows": [7]})
            )
        stage_all(practice, profile, warehouse)

    def upload(self, environment: str = "rehearsal") -> dict[str, UploadSummary]:
        """Everything that is staged."""
        self.runs += 1
        migration, run = self.migration(environment), f"run{self.runs}"
        migration.build_payload(run, "all")
        panda = self.platform.panda_warehouse("maple")
        upload = self.platform.upload_warehouse(migration.target)
        usual = {each.name: getattr(self.platform, each.name) for each in fields(Platform)}
        with held_open(panda, read_only=True) as open_panda, held_open(upload) as open_upload:
            platform = WithOpenFiles(**usual, open_panda=open_panda, open_upload=open_upload)
            opened = Migration(platform, migration.target)
            return {asset: opened.upload(asset, run) for asset in ASSETS}

    def reconcile(self, environment: str = "rehearsal") -> Reconciled:
        return self.migration(environment).reconcile(f"run{self.runs}")

    def approve(self) -> Approval:
        return self.migration("live").approve("Dr. Ames")


_TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(("PatientID", "ExamID", "ChartingID", "ProviderID", "PrimaryProviderID"), pl.Int32()),
    **dict.fromkeys(("PlanID", "LineID", "Sequence", "HealingWeeks"), pl.Int32()),
    **dict.fromkeys(("ProposedAt", "AcceptedAt", "CompletedAt", "ScheduledDate"), pl.Date()),
    **dict.fromkeys(("IsReferring", "Active"), pl.Boolean()),
    "EstimatedCost": pl.Decimal(12, 2),
    **dict.fromkeys(("DateOfBirth", "ExamDate", "CreatedAt", "ModifiedAt"), pl.Datetime("us")),
    **dict.fromkeys(("PocketDepth", "Recession", "Furcation"), pl.Int16()),
    **dict.fromkeys(("BOP", "Suppuration", "Plaque", "Inactive"), pl.Boolean()),
    **dict.fromkeys(("PlaqueIndex", "BleedingIndex", "Mobility"), pl.Decimal(5, 2)),
    **dict.fromkeys(("FindingID", "ClassificationID", "InsuranceID", "Priority"), pl.Int32()),
    **dict.fromkeys(("AppointmentID", "NoteID", "ReferralID", "DurationMinutes"), pl.Int32()),
    **dict.fromkeys(("StagedAt", "StartsAt"), pl.Datetime("us")),
    "ReferredAt": pl.Date(),
    "CoverageBasic": pl.Decimal(5, 2),
    "RowVer": pl.Binary(),
}


@pytest.fixture(scope="module")
def monkeypatched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        yield patch


def opened(folder: Path, destination: FakeDestination, chart: LayoutKind = "wide") -> Office:
    kind = DestinationKind(
        "salesforce", NoSettings, lambda s, _: s, lambda _: destination, lambda _: ChartChoice(chart, 25)
    )
    settings = DuckDBSettings(memory_limit="500MB", threads=1)
    return Office(Platform(folder, folder / "practices", {"salesforce": kind}, settings), destination)


def founded(folder: Path, chart: LayoutKind = "wide") -> Office:
    """With the practice's file, and a destination that holds nothing."""
    (folder / "practices").mkdir()
    (folder / "practices" / "maple.yaml").write_text(FILE, encoding="utf-8")
    return opened(folder, FakeDestination(batch_rows=2), chart)


@pytest.fixture
def new(tmp_path: Path, monkeypatched: pytest.MonkeyPatch) -> Office:  # noqa: ARG001
    """A practice of which nothing was staged yet."""
    return founded(tmp_path)


@pytest.fixture
def per_tooth(tmp_path: Path, monkeypatched: pytest.MonkeyPatch) -> Office:  # noqa: ARG001
    """As ``new``, of a practice that wants its charts as records of single teeth."""
    return founded(tmp_path, "per_tooth")


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatched: pytest.MonkeyPatch,  # noqa: ARG001
) -> tuple[Office, dict[str, UploadSummary]]:
    office = founded(tmp_path_factory.mktemp("office"))
    office.stage()
    office.migration().prepare()
    return office, office.upload()


def copy_of(first: Office, folder: Path) -> Office:
    """An installation and a destination of its own, with all that the first one has come to."""
    shutil.copytree(first.platform.data, folder / "data")
    copied = opened(folder / "data", deepcopy(first.destination))
    copied.destination.sent.clear()
    copied.runs = first.runs
    return copied


@pytest.fixture
def office(template: tuple[Office, dict[str, UploadSummary]], tmp_path: Path) -> Office:
    """A practice that was uploaded to the rehearsal once, as a copy of its own."""
    return copy_of(template[0], tmp_path)


@pytest.fixture(scope="module")
def clean_rehearsal(
    template: tuple[Office, dict[str, UploadSummary]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Office, Reconciled]:
    """The uploaded practice after its reconciliation."""
    made = copy_of(template[0], tmp_path_factory.mktemp("rehearsed"))
    return made, made.reconcile()


@pytest.fixture
def rehearsed(clean_rehearsal: tuple[Office, Reconciled], tmp_path: Path) -> Office:
    """A copy of it."""
    return copy_of(clean_rehearsal[0], tmp_path)


@pytest.fixture(scope="module")
def unsound(
    template: tuple[Office, dict[str, UploadSummary]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Office, Reconciled]:
    """The second upload of a practice in which several rows are rejected, none of them for another's sake,
    and two teeth are charted that have records of their own."""
    made = copy_of(template[0], tmp_path_factory.mktemp("unsound"))
    made.providers[0]["LastName"] = None
    made.plans.append(treatment_plan(21, 1, EstimatedCost=Decimal(-1), ProviderID=6))
    made.lines.append(plan_line(203, 21))
    made.patients.append(patient(3, LastName=None))
    made.exams.append(exam(12, 3))
    made.teeth += [
        tooth(103, 10, "99"),
        tooth(104, 10, "53", BOP_MB=True),
        tooth(105, 10, "13", Furcation_M=1),
    ]
    made.stage()
    made.upload()
    return made, made.reconcile()


@pytest.fixture(scope="module")
def refusing(
    template: tuple[Office, dict[str, UploadSummary]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Office, Reconciled]:
    """A second upload of which the destination refuses a new provider, a new patient and a changed one,
    while another patient's exam is gone from the source."""
    made = copy_of(template[0], tmp_path_factory.mktemp("refusing"))
    made.providers.append(provider(7))
    made.patients[1]["PrimaryProviderID"] = 7
    made.patients.append(patient(3, PrimaryProviderID=6))
    made.patients[0]["LastName"] = "Renamed"
    del made.exams[1], made.teeth[2]
    made.destination.refused = {"maple:provider:7", "maple:patient:3", "maple:patient:1"}
    made.stage()
    made.upload()
    return made, made.reconcile()


@pytest.fixture(scope="module")
def meddled(
    template: tuple[Office, dict[str, UploadSummary]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Office, Reconciled]:
    """The reconciliation of a destination in which others deleted, changed and added records."""
    made = copy_of(template[0], tmp_path_factory.mktemp("meddled"))
    records = made.destination.records
    del records["Contact"]["maple:provider:6"]
    records["Contact"]["maple:patient:2"]["Primary_Provider__c"] = None
    records["ClinicalExam__c"]["maple:exam:10"]["PocketDepth_MB_UR8__c"] += 1
    made.destination.put(CONTACT, {"PANDA_Key__c": "maple:patient:99", "LastName": "Stranger"})
    return made, made.reconcile()


def by_object(reconciled: Reconciled | Reconciliation) -> dict[str, ObjectReconciliation]:
    reconciliation = reconciled.reconciliation if isinstance(reconciled, Reconciled) else reconciled
    return {each.object: each for each in reconciliation.objects}


def different(reconciled: Reconciled) -> list[tuple[str, str, str]]:
    return sorted(reconciled.differences.select("comparison", "key", "field").unique().rows())


def test_a_rehearsal_of_a_whole_practice_is_clean(
    template: tuple[Office, dict[str, UploadSummary]], clean_rehearsal: tuple[Office, Reconciled]
) -> None:
    summaries, reconciled = template[1], clean_rehearsal[1]

    assert {name: each.created for name, each in summaries.items()} == {
        "account": 1,
        "account_contact_relation": 0,
        "contact": 5,
        "content_version": 0,
        "content_document_link": 0,
        "treatment_plan": 1,
        "treatment_plan_line": 2,
        "clinical_exam": 2,
        "clinical_exam_chart2": 2,
        "clinical_exam_chart3": 0,
        "clinical_exam_tooth": 0,
        "clinical_exam_finding": 1,
        "clinical_note": 2,
        "event": 2,
        "event_relation": 1,
        "referral": 3,
    }
    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    assert [(each.table, each.extracted, each.staged) for each in reconciled.reconciliation.sources] == [
        ("Provider", 2, 2),
        ("Patient", 2, 2),
        ("PeriodontalCharting", 3, 3),
        ("ClinicalExam", 2, 2),
        ("TreatmentPlan", 1, 1),
        ("TreatmentPlanLine", 2, 2),
        ("ExamFinding", 1, 1),
        ("PeriodontalClassification", 2, 2),
        ("Insurance", 2, 2),
        ("ClinicalNote", 2, 2),
        ("Appointment", 2, 2),
        ("Referral", 3, 3),
        ("Document", 0, 0),
        ("Letter", 0, 0),
        ("Radiograph", 0, 0),
        ("StaffUser", 0, 0),
    ]
    exams = by_object(reconciled)["ClinicalExam__c"]
    fields = 3 * 6 * 32 + 32 + 34 + 32
    assert exams.meaning_compared == 2 * (14 + fields)
    assert exams.fields_compared == 2 * (17 + fields)
    assert exams.this_run.created == 2
    chart2 = by_object(reconciled)["ClinicalExamChart2__c"]
    assert (chart2.meaning_compared, chart2.fields_compared) == (2 * (1 + 2 * 6 * 32), 2 * (1 + 2 * 6 * 32))
    assert "ClinicalExamChart3__c" not in by_object(reconciled)


def test_a_rejected_providers_patients_and_plans_go_without_and_are_listed(
    unsound: tuple[Office, Reconciled],
) -> None:
    office, reconciled = unsound

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    held_back = {each.key.rpartition(":")[0] for each in reconciled.reconciliation.held_back}
    assert held_back == {"maple:plan_line", "maple:exam", "maple:exam_chart2"}
    left_empty = [each for each in reconciled.reconciliation.corrections if each.code == "parent_not_staged"]
    assert [(each.table, each.source_key, each.column) for each in left_empty] == [
        ("ClinicalNote", "1", "ProviderID"),
        ("Patient", "1", "PrimaryProviderID"),
        ("TreatmentPlan", "20", "ProviderID"),
    ]
    assert office.destination.records["Contact"]["maple:patient:1"]["Primary_Provider__c"] is None


def test_a_provider_whom_the_destination_refuses_holds_nobody_back_and_is_missed_by_name(
    refusing: tuple[Office, Reconciled], tmp_path: Path
) -> None:
    first, reconciled = refusing

    assert reconciled.reconciliation.balanced
    assert reconciled.reconciliation.held_back == []
    assert different(reconciled) == [("meaning", "maple:patient:2", "Primary_Provider__c")]

    office = copy_of(first, tmp_path)
    office.destination.refused.clear()
    office.upload()

    assert office.destination.sent == [
        ["maple:provider:7"],
        ["maple:patient:1", "maple:patient:2"],
        ["maple:patient:3"],
    ]
    assert office.reconcile().reconciliation.clean


def test_a_patients_provider_that_vanished_from_the_destination_is_found(
    meddled: tuple[Office, Reconciled],
) -> None:
    found = [each for each in different(meddled[1]) if each[1] in {"maple:patient:2", "maple:provider:6"}]

    assert found == [
        ("meaning", "maple:patient:2", "Primary_Provider__c"),
        ("transport", "maple:patient:2", "Primary_Provider__c"),
        ("transport", "maple:provider:6", "PANDA_Key__c"),
    ]


def test_a_rejected_plans_lines_wait_with_the_reason(unsound: tuple[Office, Reconciled]) -> None:
    waiting = [
        (each.key, each.code)
        for each in unsound[1].reconciliation.held_back
        if each.object == "TreatmentPlanLine__c"
    ]
    assert waiting == [("maple:plan_line:203", "parent_absent")]


def test_a_changed_tooth_resends_its_exam_alone(office: Office) -> None:
    office.teeth[0]["PocketDepth_MB"] = 9
    office.stage()

    office.upload()

    assert office.destination.sent == [["maple:exam:10"]]
    assert office.reconcile().reconciliation.clean


def test_a_reject_its_exam_and_its_teeth_are_accounted_for(unsound: tuple[Office, Reconciled]) -> None:
    reconciliation = unsound[1].reconciliation

    assert {(each.table, each.source_key, each.code) for each in reconciliation.rejects} == {
        ("Patient", "3", "missing_last_name"),
        ("PeriodontalCharting", "103", "invalid_tooth"),
        ("Provider", "5", "missing_last_name"),
        ("TreatmentPlan", "21", "cost_out_of_range"),
    }
    waiting = [
        (each.key, each.code)
        for each in reconciliation.held_back
        if each.object in {"ClinicalExam__c", "ClinicalExamChart2__c"}
    ]
    assert waiting == [("maple:exam:12", "parent_absent"), ("maple:exam_chart2:12", "parent_absent")]
    exams = by_object(reconciliation)["ClinicalExam__c"].state
    assert (exams.in_scope, exams.loaded, exams.held_back) == (3, 2, 1)


def test_a_refused_record_is_a_failure_and_the_rehearsal_isnt_clean(
    refusing: tuple[Office, Reconciled],
) -> None:
    reconciliation = refusing[1].reconciliation

    assert reconciliation.balanced
    assert not reconciliation.clean
    assert [(each.object, each.key, each.code) for each in reconciliation.failures] == [
        ("Contact", f"maple:{key}", "REFUSED") for key in ("patient:1", "patient:3", "provider:7")
    ]


def test_what_stands_there_from_before_is_stale_or_retained(refusing: tuple[Office, Reconciled]) -> None:
    """Of three who were refused only one is there; of that one nothing is called different."""
    reconciled = refusing[1]

    state = by_object(reconciled)["Contact"].state
    assert (state.loaded, state.failed, state.stale, state.in_destination) == (4, 3, 1, 5)
    assert by_object(reconciled)["ClinicalExam__c"].state.retained == 1
    assert reconciled.reconciliation.balanced
    assert {key for _, key, _ in different(reconciled)} == {"maple:patient:2"}


def test_a_record_deleted_in_the_destination_is_found_and_healed(office: Office) -> None:
    del office.destination.records["Contact"]["maple:patient:1"]

    reconciled = office.reconcile()
    office.upload()

    assert not reconciled.reconciliation.balanced
    assert different(reconciled) == [("transport", "maple:patient:1", "PANDA_Key__c")]
    assert office.reconcile().reconciliation.clean


def test_a_value_changed_in_the_destination_is_found_by_both_comparisons(
    meddled: tuple[Office, Reconciled],
) -> None:
    reconciled = meddled[1]

    assert [each for each in different(reconciled) if "exam" in each[1]] == [
        ("meaning", "maple:exam:10", "PocketDepth_MB_UR8__c"),
        ("transport", "maple:exam:10", "PocketDepth_MB_UR8__c"),
    ]
    assert not reconciled.reconciliation.clean


def test_a_destination_that_turns_line_breaks_is_counted_and_clean(office: Office) -> None:
    for record in office.destination.records["ClinicalExam__c"].values():
        record["Exam_Notes__c"] = record["Exam_Notes__c"].replace("\r\n", "\n")

    reconciled = office.reconcile()

    assert reconciled.line_breaks == 4
    assert reconciled.reconciliation.clean


def test_a_strangers_record_with_our_prefix_is_found(meddled: tuple[Office, Reconciled]) -> None:
    reconciled = meddled[1]

    assert not reconciled.reconciliation.balanced
    assert [each for each in different(reconciled) if each[1] == "maple:patient:99"] == [
        ("transport", "maple:patient:99", "PANDA_Key__c")
    ]
    assert len(different(reconciled)) == 6, "three of the patient and the provider, two of the exam"


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Environments that were connected to; without that there is no request."""
    made: list[str] = []
    connect = Platform.destination

    def watched(self: Platform, practice: Practice, target: Target) -> Destination:
        made.append(target.environment)
        return connect(self, practice, target)

    monkeypatch.setattr(Platform, "destination", watched)
    return made


def test_live_isnt_connected_to_before_a_clean_rehearsal_was_approved(
    office: Office, connections: list[str]
) -> None:
    live = office.migration("live")
    live.build_payload("live", "all")
    attempts = (live.prepare, lambda: live.upload("account", "live"), lambda: live.adopt("Dr. Ames", "hash"))

    for attempt in attempts:
        with pytest.raises(GateClosed, match=r"clean rehearsal .* approval"):
            attempt()
    with pytest.raises(GateClosed, match="nothing can be approved before a rehearsal"):
        office.approve()
    office.reconcile()
    for attempt in attempts:
        with pytest.raises(GateClosed, match="approval"):
            attempt()
    assert "live" not in connections

    office.approve()
    live.prepare()
    assert live.upload("account", "live").created == 0
    assert "live" in connections


def test_live_without_any_plan_is_refused_before_the_first_request(
    new: Office, connections: list[str]
) -> None:
    with pytest.raises(GateClosed, match="none is stored yet"):
        new.migration("live").prepare()
    assert connections == []


def test_a_changed_setting_closes_the_gate_again_and_is_named(
    rehearsed: Office, connections: list[str]
) -> None:
    office = rehearsed
    office.approve()
    path = office.platform.practices / "maple.yaml"
    path.write_text(FILE.replace("America/New_York", "America/Chicago"), encoding="utf-8")
    connections.clear()

    for attempt in (lambda: office.upload("live"), office.migration("live").prepare):
        with pytest.raises(GateClosed, match=r"since the approval by Dr. Ames on \S+: time_zone\)") as closed:
            attempt()
        assert "Chicago" not in str(closed.value)
    with pytest.raises(GateClosed, match=r"changed since the rehearsal of \S+: time_zone"):
        office.approve()
    assert connections == []


def test_a_rehearsal_that_wasnt_clean_isnt_approved(meddled: tuple[Office, Reconciled]) -> None:
    with pytest.raises(GateClosed, match="wasn't clean"):
        meddled[0].approve()


def test_an_approval_says_who_approves_what_and_that_it_is_an_attestation(
    clean_rehearsal: tuple[Office, Reconciled], rehearsed: Office
) -> None:
    office, rehearsal = rehearsed, clean_rehearsal[1].reconciliation
    page = write_reconciliation(rehearsal, office.platform.report_directory(office.migration().target))
    approval = office.migration("live").approve("  Dr.   Ames ")

    assert approval.approved_by == "Dr. Ames"
    assert approval.plan_parts == office.migration("live").stored_plan().parts
    assert approval.hashes == {"reconciliation.json": sha256(page.read_bytes()).hexdigest()}
    for said in ("Dr. Ames attests", rehearsal.run_id, rehearsal.plan_hash, approval.os_user, approval.host):
        assert said in str(approval.attestation)
    with pytest.raises(ConfigurationError, match="name of who approves"):
        office.migration("live").approve("  ")


def test_everything_that_was_done_stands_in_the_audit_log(office: Office) -> None:
    summary = office.upload()["contact"]
    reconciliation = office.reconcile().reconciliation
    entries = office.migration().decisions.entries()

    uploads = [each for each in entries if isinstance(each, UploadBegan | UploadEnded)]
    of_contact = [each for each in uploads if each.object == "Contact" and each.run_id == "run2"]
    assert [each.kind for each in of_contact] == ["upload_began", "upload_ended"]
    assert of_contact[1].counts == {n: c for n, c in asdict(summary).items() if n != "object"}
    kinds = [each.kind for each in entries]
    assert kinds[:2] == ["schema_deployed", "payload_built"]
    assert kinds[-2:] == ["reconciled", "rehearsal_completed"]
    reconciled = entries[-2]
    assert isinstance(reconciled, ReconciledEntry)
    assert reconciled.hashes == {"reconciliation.json": sha256(reconciliation.as_json()).hexdigest()}
    assert "Quill" not in "".join(each.model_dump_json() for each in entries)


def test_an_upload_that_dies_leaves_its_beginning(office: Office) -> None:
    office.patients.append(patient(3, PrimaryProviderID=5))
    office.stage()
    office.migration().build_payload("dies", "all")
    office.destination.die_at = 1
    office.destination.steps.clear()

    with pytest.raises(Killed):
        office.migration().upload("contact", "dies")

    last = office.migration().decisions.entries()[-1]
    assert isinstance(last, UploadBegan)
    assert last.run_id == "dies"


def test_a_payload_of_an_older_plan_isnt_uploaded(office: Office) -> None:
    path = office.platform.practices / "maple.yaml"
    path.write_text(FILE.replace("America/New_York", "America/Chicago"), encoding="utf-8")

    with pytest.raises(StagingRefused, match="materialise the payload again"):
        office.migration().upload("account", "run")
    with pytest.raises(StagingRefused, match="materialise the payload again"):
        office.reconcile()


def test_a_staging_batch_with_too_many_rejects_isnt_uploaded(office: Office) -> None:
    office.patients[0]["LastName"] = office.patients[1]["LastName"] = None
    office.stage()

    with pytest.raises(StagingRefused, match="2 of 2 rows rejected"):
        office.migration().upload("contact", "run")
    with pytest.raises(StagingRefused, match="2 of 2 rows rejected"):
        office.migration().build_payload("run", "all")
    assert office.destination.sent == []


def test_another_organisation_that_answers_stops_everything(office: Office) -> None:
    identity = office.destination.identified
    office.destination.identified = type(identity)("00D2", identity.is_sandbox, identity.name)

    for operation in (
        office.migration().prepare,
        lambda: office.migration().upload("account", "run"),
        office.reconcile,
    ):
        with pytest.raises(LedgerMismatch):
            operation()


def test_what_has_no_wide_field_goes_to_records_of_single_teeth(unsound: tuple[Office, Reconciled]) -> None:
    office, reconciled = unsound

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    teeth = office.destination.records["ClinicalExamTooth__c"]
    assert {key: row["ToothNumber__c"] for key, row in teeth.items()} == {
        "maple:exam_tooth:104": "C",
        "maple:exam_tooth:105": "6",
    }
    assert teeth["maple:exam_tooth:104"]["BleedingOnProbing_MB__c"] == "Yes"
    chart = [each for each in reconciled.reconciliation.lineage if each.source_table == "PeriodontalCharting"]
    assert [(each.staged, each.with_payload, each.excused) for each in chart] == [(5, 5, {})]


def test_a_practice_may_have_its_charts_as_records_of_single_teeth(per_tooth: Office) -> None:
    per_tooth.stage()
    per_tooth.migration().prepare()
    per_tooth.upload()

    reconciled = per_tooth.reconcile()

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    records = per_tooth.destination.records
    assert len(records["ClinicalExamTooth__c"]) == len(per_tooth.teeth)
    assert not any(
        "_UR" in field or "_LL" in field for row in records["ClinicalExam__c"].values() for field in row
    )
    assert "ClinicalExamChart2__c" not in records
    assert by_object(reconciled)["ClinicalExamTooth__c"].meaning_compared == 3 * (5 * 6 + 4 + 2 + 3)


def test_an_org_without_room_for_a_site_measure_still_gets_the_whole_chart(new: Office) -> None:
    new.destination.room = 100
    new.stage()
    new.migration().prepare()
    new.upload()

    reconciled = new.reconcile()

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    assert len(new.destination.records["ClinicalExamTooth__c"]) == 3
    assert by_object(reconciled)["ClinicalExamTooth__c"].meaning_compared == 3 * (5 * 6 + 4 + 2 + 3)


def test_a_chart_kept_by_measures_gives_the_same_records(
    office: Office, new: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flags = {f"{prefix}_{site}": site == "B" for prefix in ("BOP", "Suppuration", "Plaque") for site in SITES}
    teeth = [*office.teeth, tooth(103, 10, "55", ToothStatus="primary", Mobility=Decimal("1.5"), **flags)]
    office.teeth = teeth
    office.stage()
    office.upload()
    by_measure = profile(tmp_path, bits=True)
    monkeypatch.setattr(Platform, "profile", lambda _self, _practice: by_measure)
    new.teeth = teeth
    new.stage(by_measure)
    new.migration().prepare()
    new.upload()

    reconciled = new.reconcile()

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    assert reconciled.reconciliation.balanced
    for name in ("ClinicalExam__c", "ClinicalExamChart2__c"):
        assert new.destination.records[name] == office.destination.records[name]
    mine, theirs = (each.destination.records["ClinicalExamTooth__c"] for each in (new, office))
    assert list(mine) == ["maple:exam_tooth:10-A"]
    keyless = [[{**row, "PANDA_Key__c": None} for row in records.values()] for records in (mine, theirs)]
    assert keyless[0] == keyless[1]
    chart = next(
        each for each in reconciled.reconciliation.lineage if each.source_table == "PeriodontalCharting"
    )
    rows = converted(new.tooth_frame(), bits=True)
    assert chart.staged == rows.height
    assert chart.excused == {"measure_not_migrated": rows.filter(pl.col("kind") == "CA").height}


def test_an_upload_before_its_payload_says_what_comes_first(new: Office) -> None:
    with pytest.raises(WarehouseTableMissing, match="schema asset first"):
        new.migration().upload("account", "run")
    new.stage()
    new.migration().prepare()
    with pytest.raises(WarehouseTableMissing):
        new.migration().upload("account", "run")


def test_the_destination_is_let_go_of_whatever_happens(office: Office) -> None:
    office.destination.closed = False
    office.destination.identified = type(office.destination.identified)("00D2", True, "other")

    with pytest.raises(LedgerMismatch):
        office.migration().upload("account", "run")
    assert office.destination.closed


def test_an_exam_that_lacks_a_tooth_is_held_where_the_practice_says_so(office: Office) -> None:
    file = office.platform.practices / "maple.yaml"
    file.write_text(file.read_text().replace("{reject_limit", "{on_bad_tooth: hold_exam, reject_limit"))
    office.teeth.append(tooth(103, 10, "99"))
    office.stage()
    office.migration().prepare()
    office.upload()

    reconciliation = office.reconcile().reconciliation

    assert [(each.key, each.code) for each in reconciliation.held_back] == [
        ("maple:exam:10", "chart_incomplete")
    ]
    exams = by_object(reconciliation)["ClinicalExam__c"].state
    assert (exams.loaded, exams.held_back, exams.stale, exams.scope_balanced) == (1, 1, 1, True)
