"""A payload brought up to what changed is the payload that a full build makes: table by table, for changes
that reach as far as any can, in both mappings and in charts of both shapes."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.errors import StagingRefused
from migration_assets.mapping.chart_layout import plan as plan_layout
from migration_assets.migration import payload
from migration_assets.migration.delta_payload import DeltaBuild, build_delta
from migration_assets.migration.delta_reach import is_separable
from migration_assets.migration.former_rows import clear_gone, former_rows, read_gone
from migration_assets.migration.load import UploadSummary
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.platform import Platform
from migration_assets.migration.refresh import PENDING_COLUMNS, Refresh
from migration_assets.migration.staging import source_tables
from migration_assets.objects.registry import DRAWN_OBJECTS
from migration_assets.panda.profile import load_profile
from migration_assets.panda.refresh_log import begin_log
from migration_assets.panda.rereading import REREAD
from migration_assets.practice import PracticeRegistry, Settings
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests import measure_rows
from migration_assets_tests.objects.rows_of_files import measured
from migration_assets_tests.open_files import stage_all
from migration_sandbox.practice.generator import generate

PRACTICE = """
practice: maple
name: Maple Periodontics
time_zone: America/New_York
encryption_key: {{env: MAPLE_KEY}}
policies: {{reject_limit: 1.0, on_bad_tooth: {on_bad_tooth}}}
source: {{}}
destinations: {{}}
"""
ROOMS = {"ClinicalExam__c": 200, "ClinicalExamChart2__c": 40, "ClinicalExamChart3__c": 20}
_OWN = ("build", "scope", "gone", "sent")
"""Tables of a build that say what was done, not what there is."""
Tables = dict[str, pl.DataFrame]
Edit = Callable[[Tables, random.Random], None]


@dataclass
class Office:
    """A practice whose rows go on changing, and the file of one upload of it."""

    folder: Path
    destination: str
    options: Mapping[str, str]
    on_bad_tooth: str = "load_flagged"
    patients: int = 26
    by_measure: bool = False
    tables: Tables = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "maple.yaml").write_text(PRACTICE.format(on_bad_tooth=self.on_bad_tooth))
        self.practice = PracticeRegistry(self.folder, Settings, {}).load("maple")
        by_measure = self.by_measure
        self.profile = (
            measure_rows.profile(self.folder, bits=False) if by_measure else load_profile("default")
        )
        settings = DuckDBSettings(memory_limit="1GB", threads=2, lock_timeout_seconds=5)
        self.panda = Warehouse(self.folder / "panda.duckdb", settings)
        self.upload = Warehouse(self.folder / "upload.duckdb", settings)
        self.minted = Platform(self.folder, self.folder, {}, settings).minted_keys(self.practice)
        mapping = load_mapping(self.destination).resolved(self.options)
        charted = mapping.charted
        measures = charted.chart.declaration.measures if charted and charted.chart else ()
        self.plan = Plan(mapping, plan_layout(measures, ROOMS) if measures else None, {"of": "the test"})

    def extract(self) -> None:
        made = generate(11, self.patients, exams_per_patient=1.2, planted=0, tables="all")
        self.tables = measured(made.tables)
        if self.by_measure:
            chart = measure_rows.converted(made.tables["PeriodontalCharting"], bits=False)
            self.tables["PeriodontalCharting"] = chart
        given = [table for table in source_tables() if table in self.tables]
        with self.panda.open() as session:
            for table in (*given, "share_files"):
                session.replace_table("panda", table, self.tables[table])
            extractions = pl.DataFrame({"logical_table": given}).with_columns(
                batch_id=pl.lit("b"), extracted_at=pl.lit(datetime.now(UTC)), rows=pl.lit(0, pl.Int64)
            )
            session.replace_table("panda", "extractions", extractions)
            session.replace_table("panda", "not_in_scope", pl.DataFrame(schema={"table": pl.String}))
            begin_log(session, "panda", "b")
        stage_all(self.practice, self.profile, self.panda)

    def build(self, upload: Warehouse | None = None) -> None:
        payload.build(self.practice, self.plan, self.panda, upload or self.upload, self.minted, run_id="full")

    def edit(self, *edits: Edit, seed: int = 1) -> None:
        """Change rows, as the practice would, and refresh what changed."""
        before, chance = dict(self.tables), random.Random(seed)
        for each in edits:
            each(self.tables, chance)
        with self.panda.open() as session:
            pending = []
            for table, now in self.tables.items():
                if before[table] is now:
                    continue
                came = now.join(before[table], on=now.columns, how="anti", nulls_equal=True)
                left = before[table].join(now, on=now.columns, how="anti", nulls_equal=True)
                key = self.profile.table(table).actual(self.profile.table(table).key)
                session.replace_table(REREAD, table, came)
                keys = {str(each): False for each in came[key]}
                keys = {str(each): True for each in left[key] if str(each) not in keys} | keys
                pending += [(table, each, deleted) for each, deleted in keys.items()]
            seen = datetime.now(UTC)
            rows = [(*each, seen, seen - timedelta(seconds=60)) for each in pending]
            refresh = Refresh(session, self.practice, self.profile, "refresh")
            refresh.take(pl.DataFrame(rows, PENDING_COLUMNS, orient="row"), seen)

    def bring_up(self, **more: Any) -> DeltaBuild:
        given: dict[str, Any] = {"run_id": "delta", "unsettled": {}, "profile": self.profile, **more}
        return build_delta(self.practice, self.plan, self.panda, self.upload, self.minted, **given)

    def assert_like_a_full_build(self) -> int:
        """How many rows were compared."""
        fresh = replace(self.upload, path=self.folder / "fresh.duckdb")
        fresh.path.unlink(missing_ok=True)
        self.build(fresh)
        compared = 0
        with self.upload.open(read_only=True) as ours, fresh.open(read_only=True) as theirs:
            for schema in ("source", "upload"):
                tables = [
                    each for each in theirs.tables(schema) if each not in _OWN and "former_" not in each
                ]
                assert tables
                for table in tables:
                    found, expected = (each.read(schema, table) for each in (ours, theirs))
                    assert _as_a_set(found.select(expected.columns)) == _as_a_set(expected), table
                    compared += expected.height
        return compared

    def read(self, table: str) -> pl.DataFrame:
        with self.upload.open(read_only=True) as session:
            return session.read("upload", table)

    @property
    def hashes(self) -> dict[tuple[str, str], str]:
        """Of every record of the payload, by object and key."""
        return {
            (spec.name, key): found
            for spec in self.plan.specs
            for key, found in self.read(f"payload_{spec.asset}")
            .select(spec.schema.key_field, PAYLOAD_HASH)
            .iter_rows()
        }

    @property
    def gone(self) -> set[tuple[str, str]]:
        with self.upload.open(read_only=True) as session:
            return {(name, key) for name, keys in read_gone(session).items() for key in keys}

    def send(self) -> None:
        """As if all in scope had been sent."""
        with self.upload.open() as session:
            for spec in self.plan.specs:
                payload.store_upload(session, UploadSummary(spec.name, 0, 0, 0, 0, 0, 0, 0), "delta")


def _as_a_set(rows: pl.DataFrame) -> Counter[tuple[str, ...]]:
    timeless = rows.drop("staged_at", strict=False)
    return Counter(tuple(map(repr, row)) for row in timeless.iter_rows())


def _set(table: str, key: str, **cells: Callable[[Tables, random.Random], Any]) -> Edit:
    """Somebody changes cells of one row."""

    def edit(tables: Tables, chance: random.Random) -> None:
        rows = tables[table]
        chosen = chance.choice(rows[key].to_list())
        tables[table] = rows.with_columns(
            pl.when(pl.col(key) == chosen)
            .then(pl.lit(value(tables, chance), dtype=rows.schema[name]))
            .otherwise(pl.col(name))
            .alias(name)
            for name, value in cells.items()
        )

    return edit


def _some(table: str, column: str) -> Callable[[Tables, random.Random], Any]:
    return lambda tables, chance: chance.choice(tables[table][column].drop_nulls().to_list())


def _fixed(value: Any) -> Callable[[Tables, random.Random], Any]:
    return lambda tables, chance: value  # noqa: ARG005


def _remove(table: str, key: str) -> Edit:
    def edit(tables: Tables, chance: random.Random) -> None:
        chosen = chance.choice(tables[table][key].to_list())
        tables[table] = tables[table].filter(pl.col(key) != chosen)

    return edit


def _copy(table: str, key: str, **cells: Any) -> Edit:
    """A new row, like one that is there but for these cells."""

    def edit(tables: Tables, chance: random.Random) -> None:
        rows = tables[table]
        new = rows.filter(pl.col(key) == chance.choice(rows[key].to_list())).with_columns(
            pl.lit(rows.select(pl.col(key).max() + 1).item(), dtype=rows.schema[key]).alias(key),
            *(pl.lit(value, dtype=rows.schema[name]).alias(name) for name, value in cells.items()),
        )
        tables[table] = pl.concat([rows, new])

    return edit


def _move_next_door(tables: Tables, chance: random.Random) -> None:
    """A patient comes to live with another, of the same name."""
    patients = tables["Patient"]
    here, there = chance.sample(patients["PatientID"].to_list(), 2)
    other = patients.filter(PatientID=there).row(0, named=True)
    taken = ("Address1", "City", "State", "Zip", "LastName", "Email")
    tables["Patient"] = patients.with_columns(
        pl.when(PatientID=here).then(pl.lit(other[name], patients.schema[name])).otherwise(name).alias(name)
        for name in taken
    )


CHART_EDITS: tuple[Edit, ...] = (
    _set("PeriodontalCharting", "ChartingID", PocketDepth_MB=_fixed(9)),
    _set("PeriodontalCharting", "ChartingID", ExamID=_some("ClinicalExam", "ExamID")),
    _set("PeriodontalCharting", "ChartingID", Tooth=_fixed("99")),
    _set("PeriodontalCharting", "ChartingID", ExamID=_fixed(999_999)),
    _remove("PeriodontalCharting", "ChartingID"),
)
MEASURE_EDITS: tuple[Edit, ...] = (
    _set("PeriodontalCharting", "id", v_mb=_fixed(9)),
    _set("PeriodontalCharting", "id", exam_no=_some("ClinicalExam", "ExamID")),
    _set("PeriodontalCharting", "id", tooth_code=_fixed("99")),
    _set("PeriodontalCharting", "id", exam_no=_fixed(999_999)),
    _set("PeriodontalCharting", "id", kind=_fixed("CA")),
    _remove("PeriodontalCharting", "id"),
)
EDITS: tuple[Edit, ...] = (
    _copy("ClinicalExam", "ExamID"),
    _remove("ClinicalExam", "ExamID"),
    _set("ClinicalExam", "ExamID", PatientID=_some("Patient", "PatientID")),
    _set("Patient", "PatientID", LastName=_fixed("Renamed")),
    _remove("Patient", "PatientID"),
    _copy("Patient", "PatientID"),
    _move_next_door,
    _set("Letter", "LetterID", DocumentID=_some("Document", "DocumentID")),
    _set("Letter", "LetterID", PlanID=_some("TreatmentPlan", "PlanID")),
    _remove("Letter", "LetterID"),
    _set("LetterTemplate", "TemplateID", Name=_fixed("Renamed")),
    _remove("Document", "DocumentID"),
    _set("Document", "DocumentID", PatientID=_fixed(None)),
    _set("Radiograph", "RadiographID", DocumentID=_some("Document", "DocumentID")),
    _set("Provider", "ProviderID", LastName=_fixed("Renamed"), Email=_some("Patient", "Email")),
    _remove("Provider", "ProviderID"),
    _set("Patient", "PatientID", PrimaryProviderID=_some("Provider", "ProviderID")),
    _copy("Referral", "ReferralID", ReferrerName="Dr. Nobody Knew", ProviderID=None),
    _remove("Referral", "ReferralID"),
    _set("Insurance", "InsuranceID", PatientID=_some("Patient", "PatientID")),
    _set("PeriodontalClassification", "ClassificationID", ExamID=_some("ClinicalExam", "ExamID")),
    _remove("TreatmentPlan", "PlanID"),
    _copy("TreatmentPlanLine", "LineID"),
    _set("Appointment", "AppointmentID", Notes=_fixed("x" * 70_000)),
    _remove("Appointment", "AppointmentID"),
    _set("ClinicalNote", "NoteID", AppointmentID=_some("Appointment", "AppointmentID")),
)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPLE_KEY", "x" * 32)


CASES = {
    "salesforce": ("salesforce", {"accounts": "household", "account_relations": "on"}, "hold_exam", False),
    "freshsales": ("freshsales", {"accounts": "household"}, "load_flagged", True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_payload_brought_up_to_any_change_is_that_of_a_full_build(case: str, tmp_path: Path) -> None:
    destination, options, on_bad_tooth, by_measure = CASES[case]
    office = Office(tmp_path, destination, options, on_bad_tooth, by_measure=by_measure)
    office.extract()
    office.build()
    office.send()
    before = office.hashes
    office.edit(*EDITS, *(MEASURE_EDITS if by_measure else CHART_EDITS))

    built = office.bring_up()

    assert not built.needs_full
    assert office.assert_like_a_full_build() > 5_000
    now = office.hashes
    assert built.records == Counter(name for name, _ in now)
    differing = {record for record, found in now.items() if before.get(record) != found}
    scope = {(name, key) for name, key, why in office.read("scope").iter_rows() if why == "delta"}
    assert scope == differing
    assert office.gone == set(before) - set(now)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A practice whose first payload was sent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        office = Office(tmp_path_factory.mktemp("built"), "freshsales", {}, patients=8)
        office.extract()
        office.build()
        office.send()
        yield office


@pytest.fixture
def office(built: Office, tmp_path: Path) -> Office:
    """A copy of it, to go on from."""
    for file in built.folder.glob("*.duckdb"):
        shutil.copy(file, tmp_path)
    copied = Office(tmp_path, built.destination, built.options, tables=dict(built.tables))
    copied.minted = built.minted
    return copied


def _renamed(tables: Tables, chance: random.Random) -> None:
    _set("Patient", "PatientID", LastName=_fixed("Renamed"))(tables, chance)


def _put_back(table: str, original: pl.DataFrame) -> Edit:
    def edit(tables: Tables, chance: random.Random) -> None:  # noqa: ARG001
        tables[table] = original

    return edit


def test_what_a_record_was_is_kept_until_it_is_that_again(office: Office) -> None:
    first, people = office.hashes, office.tables["Patient"]
    office.edit(_renamed)
    office.bring_up()
    ((name, key, why),) = (row for row in office.read("scope").iter_rows() if row[0] == "contact")
    assert why == "delta"
    with office.upload.open(read_only=True) as session:
        spec = office.plan.mapping.of_object(name)
        shipment = payload.read_shipment(session, spec, office.plan)
        assert former_rows(session, office.plan, name, [key])[PAYLOAD_HASH].to_list() == [first[name, key]]
    assert shipment.narrow
    assert shipment.payload[spec.schema.key_field].to_list() == [key]
    assert shipment.former[PAYLOAD_HASH].to_list() == [first[name, key]]
    assert shipment.former.columns == shipment.payload.columns

    now = office.hashes[name, key]
    office.edit(_put_back("Patient", people))
    office.bring_up()
    assert office.hashes == first
    assert office.read("former_contact")[PAYLOAD_HASH].to_list() == [now]


def test_a_record_that_leaves_the_payload_is_listed_until_it_is_back_or_cleared(office: Office) -> None:
    appointments = office.tables["Appointment"]
    before = set(office.hashes)
    office.edit(_remove("Appointment", "AppointmentID"))
    built = office.bring_up()
    lost = before - set(office.hashes)
    assert lost
    assert Counter(built.gone) == Counter(name for name, _ in lost)
    assert office.gone == lost
    with office.upload.open() as session:
        name, key = min(lost)
        clear_gone(session, name, [key])
    assert office.gone == lost - {(name, key)}

    office.edit(_put_back("Appointment", appointments))
    office.bring_up()
    assert office.gone == set()


def test_what_was_in_scope_and_never_sent_stays_there_beside_what_is_unsettled(office: Office) -> None:
    office.edit(_renamed)
    office.bring_up()
    waiting = set(office.read("scope").iter_rows())
    assert waiting
    keys = [key for name, key in office.hashes if name == "contact"]
    other = next(key for key in keys if ("contact", key, "delta") not in waiting)

    office.bring_up(unsettled={"contact": [other, "maple:patient:gone"]})

    assert set(office.read("scope").iter_rows()) == waiting | {("contact", other, "retry")}
    office.send()
    assert office.bring_up().in_scope == dict.fromkeys(office.plan.mapping.content_hashes(), 0)
    everything = office.bring_up(everything=True)
    assert everything.in_scope == everything.records


def test_a_whole_extraction_or_other_owners_want_a_full_build(office: Office) -> None:
    with office.upload.open() as session:
        owners = pl.DataFrame({"provider_id": ["1"], "user_id": ["u"]})
        session.replace_table("source", "owners", owners)
    assert office.bring_up().needs_full
    office.build()
    assert not office.bring_up().needs_full
    with office.panda.open() as session:
        begin_log(session, "panda", "another")
    before = office.read("build")
    assert office.bring_up().needs_full
    assert office.read("build").equals(before)


def test_another_plan_is_refused(office: Office) -> None:
    office.plan = replace(office.plan, parts={"of": "another"})
    with pytest.raises(StagingRefused, match="materialise the payload again"):
        office.bring_up()


@pytest.mark.parametrize("case", CASES)
def test_every_record_of_the_mappings_can_be_made_without_the_others(case: str) -> None:
    destination, options, *_ = CASES[case]
    for choices in (options, {}):
        assert all(is_separable(spec) for spec in load_mapping(destination).resolved(choices))
    assert all({each.of.name, each.named_in[0]} == set(each.uses) for each in DRAWN_OBJECTS)
