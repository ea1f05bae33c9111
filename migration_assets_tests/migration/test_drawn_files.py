"""Files that are drawn for a payload: in it like any record, streamed as drawn, and for nobody else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from migration_assets.errors import ContentChanged
from migration_assets.mapping.inventory import inventory
from migration_assets.migration import payload
from migration_assets.migration.contents import RecordContents
from migration_assets.migration.drawn_files import DrawnFiles
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.platform import Platform
from migration_assets.migration.sampling import SampleChoice
from migration_assets.migration.staging import source_tables
from migration_assets.migration.survey import read_volumes
from migration_assets.migration.upload_file import UPLOAD
from migration_assets.objects.exam_charts import EXAM_CHARTS
from migration_assets.objects.registry import MAPPED_OBJECTS
from migration_assets.panda.contents import Contents
from migration_assets.panda.profile import load_profile
from migration_assets.practice import PracticeRegistry, Settings
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests.objects.rows import charted, exam, patient, raw_tables
from migration_assets_tests.objects.rows_of_files import document
from migration_assets_tests.open_files import stage_all

PRACTICE = """
practice: maple
name: Maple
time_zone: America/New_York
encryption_key: {env: MAPLE_KEY}
policies: {reject_limit: 0.5}
source: {}
destinations: {}
"""
KEYS = ["maple:chart:10", "maple:chart:12"]


class FromPanda:
    """What the practice's own files hold."""

    def pieces(self, table: str, key: str) -> Iterator[bytes]:
        yield f"{table} {key}".encode()


@dataclass
class Office:
    """A practice of two patients and three exams, one of which charts no tooth."""

    folder: Path
    destination: str = "freshsales"

    def __post_init__(self) -> None:
        (self.folder / "maple.yaml").write_text(PRACTICE, encoding="utf-8")
        self.practice = PracticeRegistry(self.folder, Settings, {}).load("maple")
        settings = DuckDBSettings(memory_limit="500MB", threads=1, lock_timeout_seconds=5)
        self.panda = Warehouse(self.folder / "panda.duckdb", settings)
        self.upload = Warehouse(self.folder / "upload.duckdb", settings)
        self.minted = Platform(self.folder, self.folder, {}, settings).minted_keys(self.practice)
        self.plan = Plan(load_mapping(self.destination).resolved({}), None, {})

    def stage(self, **tooth: Any) -> None:
        """The last exam's one tooth has these values."""
        raw = raw_tables(
            patients=[patient(1), patient(2)],
            exams=[exam(10), exam(11), exam(12, PatientID=2)],
            chart=[charted(100), charted(101, ExamID=12, Tooth="14", **tooth)],
            documents=[document(90)],
        )
        extracted = {"logical_table": source_tables()}
        with self.panda.open() as session:
            for table, rows in raw.items():
                session.replace_table("panda", table, rows)
            session.replace_table(
                "panda",
                "extractions",
                pl.DataFrame(extracted).with_columns(
                    batch_id=pl.lit("b"), extracted_at=pl.lit(datetime.now(UTC))
                ),
            )
            session.replace_table("panda", "not_in_scope", pl.DataFrame(schema={"table": pl.String}))
        stage_all(self.practice, load_profile("default"), self.panda)

    def build(self, sample: SampleChoice | None = None) -> None:
        payload.build(
            self.practice, self.plan, self.panda, self.upload, self.minted, run_id="run", sample=sample
        )

    def read(self, table: str) -> pl.DataFrame:
        with self.upload.open(read_only=True) as session:
            return session.read(UPLOAD, table)

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        """The payload's rows of drawn files, by key."""
        rows = self.read("payload_document").iter_rows(named=True)
        return {row["_key"]: row for row in rows if ":chart:" in row["_key"]}

    @property
    def contents(self) -> RecordContents:
        spec = self.plan.mapping.of_object("document")
        return RecordContents(cast(Contents, FromPanda()), DrawnFiles(self.upload), spec)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        made = Office(tmp_path_factory.mktemp("office"))
        made.stage()
        made.build()
        yield made


def test_an_exams_chart_is_a_record_on_its_patient_with_the_contents_size_and_checksum(
    office: Office,
) -> None:
    assert list(office.records) == KEYS
    for key, owner in zip(KEYS, "12", strict=True):
        record, content = office.records[key], b"".join(office.contents.pieces(key))
        assert record["target"] == f"maple:patient:{owner}"
        assert record["file_name"] == f"Periodontal chart 2024-05-06 (exam {key[-2:]}).svg"
        assert record["content_file_size"] == len(content)
        assert record["checksum"] == hashlib.md5(content).hexdigest()
        assert content.startswith(b"<?xml")


def test_every_exam_is_accounted_for_though_its_note_has_it_too(office: Office) -> None:
    lineage = office.read("lineage").filter(pl.col("object") == "document", pl.col("role") == "record")
    assert sorted(lineage.select("key", "source_table", "source_id").rows()) == [
        ("maple:chart:10", "ClinicalExam", "10"),
        ("maple:chart:12", "ClinicalExam", "12"),
        ("maple:document:90", "Document", "90"),
    ]
    assert office.read("excused").filter(object="document").rows() == [
        ("document", "ClinicalExam", "11", "nothing_charted")
    ]
    answered = office.read("staged_rows").filter(object="document", source_table="ClinicalExam")
    assert answered["staged"].to_list() == [3]


def test_several_threads_read_drawn_files_and_the_practices_own(office: Office) -> None:
    wanted = [*KEYS, "maple:document:90"] * 8
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda key: b"".join(office.contents.pieces(key)), wanted))
    assert read == [b"".join(office.contents.pieces(key)) for key in wanted]
    assert read[2] == b"Document 90"


def test_a_file_that_was_not_drawn_is_a_content_that_is_gone(office: Office) -> None:
    with pytest.raises(ContentChanged, match="materialise the payload again"):
        list(office.contents.pieces("maple:chart:11"))


def test_a_sample_has_the_charts_of_its_patients(office: Office, tmp_path: Path) -> None:
    sampled = Office(tmp_path)
    sampled.panda = office.panda

    sampled.build(SampleChoice(1, 7))

    chosen = sampled.read("sample")["source_id"].to_list()
    scope = set(sampled.read("scope").filter(object="document")["key"])
    owners = {key: row["target"].rpartition(":")[2] for key, row in sampled.records.items()}
    assert len(chosen) == 1
    assert scope & set(KEYS) == {key for key, owner in owners.items() if owner in chosen}


def test_a_chart_is_sent_again_where_a_value_of_it_changed_and_nowhere_else(
    office: Office, tmp_path: Path
) -> None:
    before = office.records
    changed = Office(tmp_path)
    changed.stage(PocketDepth_MB=5)
    changed.build()
    first = changed.records
    changed.build()

    assert changed.records == first
    assert first["maple:chart:10"] == before["maple:chart:10"]
    hashes = [
        rows["maple:chart:12"][name] for name in ("_payload_hash", "checksum") for rows in (before, first)
    ]
    assert len(set(hashes)) == 4


def test_a_mapping_that_wants_no_pictures_has_none_drawn(office: Office, tmp_path: Path) -> None:
    other = Office(tmp_path)
    other.panda = office.panda
    objects = tuple(spec for spec in other.plan.mapping if spec.name != "document")
    other.plan = Plan(type(other.plan.mapping)("freshsales", objects), None, {})

    other.build()

    with other.upload.open(read_only=True) as session:
        assert [name for name in session.tables(UPLOAD) if name.startswith("drawn_")] == []


def test_the_inventory_says_what_a_drawn_files_columns_are(office: Office) -> None:
    columns = {each.name: each.source_columns for each in MAPPED_OBJECTS}
    rows = inventory(office.plan.mapping, None, columns).filter(staged_table="exam_charts", field="checksum")

    assert rows.select("source_table", "source_column", "transform").rows() == [
        ("ClinicalExam", "ExamID", "computed: hash of the picture drawn from the exam's chart")
    ]


def test_a_survey_counts_the_files_that_will_be_drawn(office: Office) -> None:
    with office.panda.open(read_only=True) as session:
        counted = read_volumes(session, office.plan)

    assert counted.records["document"] == 1 + len(KEYS)
    assert counted.files == 1 + len(KEYS)
    assert counted.file_bytes == 7 + len(KEYS) * EXAM_CHARTS.typical_bytes
