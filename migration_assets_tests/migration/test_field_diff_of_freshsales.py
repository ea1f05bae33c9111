"""The field-level diff of a practice in Freshsales: texts, plan lines, charts and providers in notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from migration_assets.destinations.base import payload_dtype
from migration_assets.destinations.kind import DestinationKind
from migration_assets.migration.field_diff.compute import compute
from migration_assets.migration.field_diff.shape import CHECKS, DIFFERING, Diff
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform
from migration_assets.migration.staging import source_tables
from migration_assets.panda.profile import load_profile
from migration_assets.warehouse import DuckDBSettings
from migration_assets_tests.migration.fake_destination import FakeDestination
from migration_assets_tests.migration.test_meaning_of_freshsales import mesial_for_distal, small
from migration_assets_tests.migration.test_operations import NoSettings
from migration_assets_tests.open_files import stage_all

FILE = dedent("""\
    practice: maple
    name: Maple Periodontics
    time_zone: America/New_York
    encryption_key: {env: MAPLE_KEY}
    policies: {reject_limit: 0.5}
    source: {server: s, database: d, username: u, password: {env: MAPLE_KEY}}
    destinations: {freshsales: {}}
    """)


def returned(folder: Path, modules: str) -> Migration:
    """A practice whose every record was returned as it was mapped."""
    (folder / "practices").mkdir()
    (folder / "practices" / "maple.yaml").write_text(FILE, encoding="utf-8")
    kind = DestinationKind(
        "freshsales",
        NoSettings,
        lambda settings, _: settings,
        lambda _: FakeDestination(name="freshsales"),
        options=lambda _: {"modules": modules},
    )
    settings = DuckDBSettings(memory_limit="500MB", threads=1)
    platform = Platform(folder, folder / "practices", {"freshsales": kind}, settings)
    raw = small("FDI")
    with platform.panda_warehouse("maple").open() as session:
        for table in source_tables():
            session.replace_table("panda", table, raw[table])
        extracted = [
            {"batch_id": "b", "logical_table": table, "extracted_at": datetime(2026, 11, 22, tzinfo=UTC)}
            for table in raw
        ]
        session.replace_table("panda", "extractions", pl.DataFrame(extracted))
        nothing = {"table": pl.String, "rows": pl.Int64}
        session.replace_table("panda", "not_in_scope", pl.DataFrame(schema=nothing))
    stage_all(platform.practice("maple"), load_profile("default"), platform.panda_warehouse("maple"))
    migration = Migration(platform, Target("maple", "freshsales", "rehearsal"))
    migration.prepare()
    migration.build_payload("run", "all")
    with platform.upload_warehouse(migration.target).open() as session:
        session.execute("CREATE SCHEMA readback")
        for asset, schema in migration.stored_plan().schemas.items():
            payload = session.read("upload", f"payload_{asset}")
            fields = [pl.col(each.name).cast(payload_dtype(each)) for each in schema.returned_fields]
            session.replace_table("readback", asset, payload.select(fields))
    return migration


@pytest.fixture(scope="module", params=["on", "off"])
def migration(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Migration]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        yield returned(tmp_path_factory.mktemp("account"), request.param)


PATIENTS = [str(number) for number in small("FDI")["Patient"]["PatientID"]]


def damaged(migration: Migration, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Diff:
    """Of what was read back with this table changed, which is put right again."""
    warehouse = migration.platform.upload_warehouse(migration.target)
    with warehouse.open() as session:
        usual = session.read("readback", table)
        session.replace_table("readback", table, change(usual))
    try:
        return compute(migration, PATIENTS)
    finally:
        with warehouse.open() as session:
            session.replace_table("readback", table, usual)


def in_first(
    key_space: str, having: str, damage: Callable[[str], str]
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Changes the text of the first note of the key space that holds the words."""

    def change(notes: pl.DataFrame) -> pl.DataFrame:
        [key] = [
            name for name in notes.columns if notes[name].str.starts_with("maple:").all() and name != "target"
        ]
        mine = pl.col(key).str.starts_with(f"maple:{key_space}:")
        has = pl.col("description").str.contains(having, literal=True)
        at, text = notes.filter(mine & has).select(key, "description").row(0)
        changed = pl.when(pl.col(key) == at).then(pl.lit(damage(text))).otherwise("description")
        return notes.with_columns(changed.alias("description"))

    return change


def differing(diff: Diff) -> list[tuple[str, ...]]:
    wrong = diff.fields.filter(pl.col("cls").is_in(DIFFERING))
    return wrong.select("object", "field", "cls", "diagnosis").rows()


def failed(diff: Diff) -> list[str]:
    return diff.checks.filter(~pl.col("passed"))["check"].to_list()


def test_nothing_differs_and_every_check_is_made_and_passes(migration: Migration) -> None:
    diff = compute(migration, PATIENTS)

    assert differing(diff) == []
    assert diff.fields["diagnosis"].null_count() == diff.fields.height
    assert set(diff.checks["check"]) == set(CHECKS)
    assert failed(diff) == []
    plans = diff.checks.filter(check="plan_lines")["expected"]
    assert plans.len() > 0 and set(plans) != {"0 lines in PANDA"}


def test_a_text_shows_the_cells_of_its_row_and_names_the_tables_beside_it(migration: Migration) -> None:
    diff = compute(migration, PATIENTS)
    texts = diff.fields.filter(pl.col("key").str.starts_with("maple:appointment_note:"), field="description")
    columns = texts.select("source_table", "source_column").unique().rows()

    assert columns == [
        ("Appointment", "StartsAt + SessionType + Status + AppointmentID + Notes + rows of Provider")
    ]
    assert texts["source"].null_count() == 0
    figures = diff.fields.filter(field="cf_sites_4mm")["source_column"].unique().to_list()
    assert figures == ["computed from PeriodontalCharting and ClinicalExam"]


@pytest.mark.parametrize(
    ("key_space", "having", "damage", "diagnosis", "checks"),
    [
        ("exam_note", "; depth ", mesial_for_distal, "lines_differ", ["charts"]),
        (
            "exam_note",
            "numbering: FDI",
            lambda text: text.replace(": FDI", ": Palmer"),
            "lines_differ",
            ["numbering_systems"],
        ),
        (
            "note",
            "Provider: ",
            lambda text: text.replace("Provider: ", "Provider: x"),
            "lines_differ",
            ["providers"],
        ),
        ("plan_note", "(part 2 of ", lambda text: text[:-200], "truncated", []),
        ("radiograph_note", "\n", lambda text: text.replace("\n", " "), "line_break_lost", []),
    ],
)
def test_a_changed_text_is_told_by_its_lines(
    migration: Migration,
    key_space: str,
    having: str,
    damage: Callable[[str], str],
    diagnosis: str,
    checks: list[str],
) -> None:
    diff = damaged(migration, "note", in_first(key_space, having, damage))

    assert differing(diff) == [("note", "description", "changed", diagnosis)]
    assert failed(diff) == checks


def test_a_plan_with_a_line_less_says_how_many_there_are(migration: Migration) -> None:
    as_records = "cm_dental_treatment_plan" in migration.stored_plan().schemas
    table = "cm_dental_treatment_plan" if as_records else "note"
    space = "plan_line" if as_records else "plan_line_note"

    def without_one(rows: pl.DataFrame) -> pl.DataFrame:
        lines = pl.any_horizontal(pl.col(pl.String).str.starts_with(f"maple:{space}:")).fill_null(value=False)
        return pl.concat([rows.filter(~lines), rows.filter(lines)[1:]])

    diff = damaged(migration, table, without_one)

    assert [each[2:] for each in differing(diff)] == [("lost", "lines_missing")]
    assert failed(diff) == ["plan_lines"]
