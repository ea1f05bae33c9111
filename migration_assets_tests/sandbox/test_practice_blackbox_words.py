"""How the blackbox check reads a cell and its options; that it shows no value and imports no code of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.__main__ import print_report
from migration_assets_tests.blackbox.options import options
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.report import Report
from migration_assets_tests.blackbox.teeth import universal


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("DDS, MS", ("DDS", "MS")), ("D.M.D.; Board Certified", ("Board Certified", "DMD")),
        ("dds", ("DDS",)), ("DMD MS", ("DMD", "MS")), ("Dds; ms", ("DDS", "MS")), ("DMD,M.S.", ("DMD", "MS")),
        ("DDS MS, board-certified", ("Board Certified", "DDS", "MS")), ("D. D. S.", ("DDS",)),
        ("MS D.D.S.", ("DDS", "MS")), ("Ph.D., M.S.D.", ("MSD", "PhD")),
        ("Diplomate, ABP", ("Board Certified",)),
        ("DDS, FXQD", ("DDS",)), ("Tooth artist", ()), ("DDSX", ()), ("  ", ()), (None, ()),
    ],
)  # fmt: skip
def test_credentials_are_found_in_any_spelling(written: str | None, expected: tuple[str, ...]) -> None:
    assert words.credentials(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Perio", "Periodontics"), ("periodontist", "Periodontics"), ("Oral Surgery", "Oral Surgery"),
        ("Oral & Maxillofacial Surgery", "Oral Surgery"), ("O.M.F.S.", "Oral Surgery"),
        ("Prosthodontist", "Prosthodontics"), ("general dentistry", "General Dentistry"),
        ("GP", "General Dentistry"), ("Perio and implants", None), ("Endodontics", None), (None, None),
    ],
)  # fmt: skip
def test_a_specialty_is_a_name_of_one_of_four(written: str | None, expected: str | None) -> None:
    assert words.specialty(written) == expected


def test_an_npi_ends_with_its_check_digit() -> None:
    # 1234567893 is the example in CMS's own description of the check digit.
    good = [digit for digit in range(10) if words.npi(f"123456789{digit}") is not words.UNUSABLE]
    assert good == [3]
    assert words.npi("12345") is words.npi("3234567893") is words.UNUSABLE
    assert words.npi(" ") is None


def test_words_are_read_in_any_case_and_unknown_ones_are_unusable() -> None:
    assert [words.plan_status(word) for word in ("In Progress", "in-progress", "Complete")] == [
        "in-progress",
        "in-progress",
        "completed",
    ]
    assert words.sex("f") == "F" and words.tooth_status("Crown") == "crown"
    assert words.procedure_code(" d4341") == "D4341"
    unknown = (
        words.plan_status("On hold"),
        words.sex("?"),
        words.tooth_status("?"),
        words.procedure_code("4341"),
    )
    assert set(unknown) == {words.UNUSABLE}


def test_numbers_are_exact_and_kept_within_their_range() -> None:
    assert words.number("2.0") == words.number(2) and words.number("0.1") == words.number(0.1)
    assert words.number("33.33") != words.number("33.34") and words.number("0") != words.number("")
    grade = words.within(0, 3, "0.5")
    assert grade("1.5") == words.number("1.50")
    assert grade("1.3") is grade("3.5") is grade("-0.5") is words.UNUSABLE


@pytest.mark.parametrize(
    ("tooth", "system", "expected"),
    [
        ("6", "Universal", "6"), ("32", "universal", "32"), ("33", "Universal", None),
        ("06", "Universal", None),
        ("a", "Universal", "A"), ("U", "Universal", None), ("82", "Universal", "82"),
        ("AS", "Universal", "AS"),
        ("18", "FDI", "1"), ("11", "FDI", "8"), ("21", "FDI", "9"), ("28", "FDI", "16"), ("38", "FDI", "17"),
        ("31", "FDI", "24"), ("41", "FDI", "25"), ("48", "FDI", "32"), ("19", "FDI", None),
        ("55", "FDI", "A"),
        ("51", "FDI", "E"), ("61", "FDI", "F"), ("75", "FDI", "K"), ("81", "FDI", "P"), ("85", "FDI", "T"),
        ("56", "FDI", None), ("UR8", "Palmer", "1"), ("UL-1", "Palmer", "9"), ("8LL", "Palmer", "17"),
        ("LR1", "Palmer", "25"), ("UR9", "Palmer", None), ("URE", "Palmer", "A"), ("LRE", "Palmer", "T"),
        ("3┘", "Palmer", "6"), ("└3", "Palmer", "11"), ("11", None, None), ("11", "Haderup", None),
    ],
)  # fmt: skip
def test_teeth_are_renumbered_by_formula(tooth: str, system: str | None, expected: str | None) -> None:
    assert universal(tooth, system) == expected


def test_output_holds_no_value_unless_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.differs("Contact", "FirstName", "maple:patient:1", "Zoë", "Zoe")

    print_report(report, show_values=False)
    silent = capsys.readouterr().out
    assert "Contact.FirstName differs: 1 (maple:patient:1)" in silent and "Zo" not in silent

    print_report(report, show_values=True)
    assert "Zoë" in capsys.readouterr().out


def test_options_come_from_the_line_then_the_file_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "blackbox.json"
    config.write_text('{"practice": "oak", "instance_url": "https://file", "practice_name": "Oak"}')
    monkeypatch.setenv("BLACKBOX_TOKEN", "secret")
    monkeypatch.setenv("BLACKBOX_PRACTICE", "elm")
    monkeypatch.setenv("BLACKBOX_ODBC_SERVER", "127.0.0.1,1433")
    monkeypatch.setenv("BLACKBOX_ODBC_PWD", "a}b")

    chosen = options(["--config", str(config), "--instance-url", "https://line"])

    assert (chosen.practice, chosen.instance_url, chosen.token) == ("oak", "https://line", "secret")
    assert chosen.practice_name == "Oak"
    assert chosen.odbc == "PWD={a}}b};SERVER={127.0.0.1,1433}"


def test_what_is_compared_can_be_said_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["--odbc", "x", "--instance-url", "https://line", "--token", "secret", "--practice", "oak"]
    assert options(needed).objects == list(GROUPS)

    monkeypatch.setenv("BLACKBOX_OBJECTS", "notes events")
    assert options(needed).objects == ["notes", "events"]
    assert options([*needed, "--objects", "findings"]).objects == ["findings"]

    config = tmp_path / "blackbox.json"
    config.write_text('{"objects": ["nets"]}')
    with pytest.raises(SystemExit):
        options([*needed, "--config", str(config)])


def test_an_object_or_field_that_the_org_lacks_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.add("no such object", "ClinicalNote__c", "", "")
    report.add("no such field", "Contact", "Sex__c", "")

    print_report(report, show_values=False)

    said = capsys.readouterr().out
    assert "no such object in the org: ClinicalNote__c\n" in said
    assert "no such field in the org: Contact.Sex__c\n" in said


def test_it_imports_neither_the_platform_nor_its_stand_ins() -> None:
    code = (
        "import sys, migration_assets_tests.blackbox.__main__; "
        "assert not [m for m in sys.modules if m.split('.')[0] in ('migration_assets', 'migration_sandbox')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
