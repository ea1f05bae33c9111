"""The default profile against the schema it stands for, and what a practice's own profile may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_assets.errors import ConfigurationError
from migration_assets.panda.profile import BUILT_IN_PROFILES, load_profile


def own_profile(folder: Path, text: str) -> Path:
    (folder / "maple.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_default_declares_all_tables_and_the_charts_six_sites() -> None:
    profile = load_profile("default")
    assert len(profile.tables) == 17
    charting = profile.table("PeriodontalCharting")
    for measure in ("PocketDepth", "Recession", "BOP", "Suppuration", "Plaque"):
        assert [c for c in charting.logical_columns if c.startswith(f"{measure}_")] == [
            f"{measure}_{site}" for site in ("MB", "B", "DB", "ML", "L", "DL")
        ]


def test_large_objects_are_no_columns_but_have_an_actual_name() -> None:
    document = load_profile("default").table("Document")
    assert "Content" not in document.logical_columns
    assert document.actual("Content") == "Content"


def test_a_practice_says_which_columns_name_files(tmp_path: Path) -> None:
    assert load_profile("default").table("Radiograph").file_paths == ("FilePath",)
    none = load_profile("maple", own_profile(tmp_path, "tables: {Radiograph: {file_paths: []}}\n"))
    assert none.table("Radiograph").file_paths == ()
    assert none.content_hash() != load_profile("default").content_hash()
    with pytest.raises(ConfigurationError, match=r"'file_paths' must be of this table's columns.*Path"):
        load_profile("maple", own_profile(tmp_path, "tables: {Radiograph: {file_paths: [Path]}}\n"))


def test_what_a_profile_does_not_name_is_the_defaults(tmp_path: Path) -> None:
    folder = own_profile(
        tmp_path,
        "chart: {not_charted: -1}\n"
        "tables:\n"
        "  Patient:\n"
        "    name: tblPatient\n"
        "    columns: {FirstName: FName, Allergies: }\n",
    )
    profile = load_profile("maple", folder)
    patient = profile.table("Patient")
    assert patient.source_name == "dbo.tblPatient"
    assert (patient.actual("FirstName"), patient.actual("LastName")) == ("FName", "LastName")
    assert patient.actual("Allergies") == "Allergies"
    assert (profile.chart.not_charted, profile.chart.furcation_scale) == (-1, "glickman")
    assert profile.table("Provider") == load_profile("default").table("Provider")


def test_the_hash_changes_with_the_content_alone(tmp_path: Path) -> None:
    same = load_profile("maple", own_profile(tmp_path, "chart: {recession_positive: apical}\n"))
    assert same.content_hash() == load_profile("default").content_hash()
    other = load_profile("maple", own_profile(tmp_path, "chart: {recession_positive: coronal}\n"))
    assert other.content_hash() != same.content_hash()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "chart:\n  shape: measure_row\n  measure_rows:\n    kinds: {4: depth}\n",
            r"line 4, key 'chart\.measure_rows\.kinds",
        ),
        (
            "chart:\n  shape: measure_row\n  measure_rows: {kinds: {1: mobility, 2: mobility}}\n",
            "two codes stand for the same measure: mobility",
        ),
        (
            "chart:\n  shape: measure_row\n  measure_rows: {kinds: {1: findings}, bits: {plaque: 3}}\n",
            "a bit is one of",
        ),
        (
            "chart:\n  shape: measure_row\n"
            "  measure_rows: {kinds: {1: findings, 2: plaque}, bits: {plaque: 4}}\n",
            "have a code of their own and a bit too: plaque",
        ),
        ("chart:\n  measure_rows: {kinds: {1: mobility}}\n", "belongs to shape measure_row only"),
        ("tables:\n  Patient:\n    nme: x\n", "line 3, key 'tables.Patient.nme': is not a known key"),
        ("tables:\n  Patient:\n    key: ID\n", "line 2, key 'tables.Patient': 'key' must be one of"),
        ("tables:\n  Scan:\n    name: Scan\n", r"line 2, key 'tables\.Scan\.key': is missing"),
        ("bridge:\n  patient: [Nickname]\n", "Patient doesn't have: Nickname"),
        ("tables:\n  Patient:\n    columns: {FirstName: LastName}\n", "the same actual name: lastname"),
        ("tables:\n  Patient:\n    name: Provider\n", r"the same table of the database: dbo\.provider"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        load_profile("maple", own_profile(tmp_path, text))


def test_a_database_that_charts_by_measure_starts_from_the_shipped_one(tmp_path: Path) -> None:
    text = (
        "chart:\n  shape: measure_row\n  not_charted: null\n"
        "  measure_rows: {kinds: {PD: pocket_depth, GM: recession}}\n"
        "tables:\n  PeriodontalCharting:\n    name: tblPerio\n    columns: {Measure: MeasureCode}\n"
    )
    profile = load_profile("maple", own_profile(tmp_path, text))
    shipped = load_profile("measure_row")

    charting = profile.table("PeriodontalCharting")
    assert "PocketDepth_MB" not in charting.logical_columns
    assert (charting.name, charting.actual("Measure"), charting.actual("Tooth")) == (
        "tblPerio",
        "MeasureCode",
        "IntTooth",
    )
    assert profile.chart.not_charted is None
    assert (profile.chart.overgrowth_offset, shipped.chart.not_charted) == (100, -1)
    assert profile.chart.measure_rows is not None
    assert profile.chart.measure_rows.kinds == {"PD": "pocket_depth", "GM": "recession"}
    assert profile.table("Patient") == load_profile("default").table("Patient")


def test_an_unknown_table_or_column_is_named() -> None:
    profile = load_profile("default")
    with pytest.raises(ConfigurationError, match="declares no table 'Patients'"):
        profile.table("Patients")
    with pytest.raises(ConfigurationError, match=r"no column 'Nickname' for dbo\.Patient"):
        profile.table("Patient").actual("Nickname")


@pytest.mark.parametrize("name", ["../secrets", "Default", "nowhere"])
def test_a_profile_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        load_profile(name)


def test_every_shipped_profile_loads() -> None:
    for path in BUILT_IN_PROFILES.glob("*.yaml"):
        load_profile(path.stem)
