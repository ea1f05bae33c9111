"""The preflight for a person's eyes: bars to compare, nothing cut off without a word."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from migration_assets.panda.blob_sizes import BlobColumn, Sizes
from migration_assets.panda.catalog import NotInScope, SourceColumn
from migration_assets.panda.distributions import Distribution, Distributions
from migration_assets.panda.preflight import PreflightReport, ServerFacts, TableFacts
from migration_assets.reports.preflight import render

MB = 2**20
REPORT = PreflightReport(
    server=ServerFacts("16.0.1000.6", "Express Edition", True, 5 * 2**30, True, False),
    tables=(
        TableFacts("Letter", "dbo.Letter", False, None, (), ("Subject",)),
        TableFacts("Patient", "dbo.Patient", True, 1234, (SourceColumn("Pet [bold]", "int", None),), ()),
    ),
    undeclared_tables=(NotInScope("dbo.Billing", 3),),
    absent_tables=("dbo.StaffUser",),
    blobs=(
        BlobColumn("dbo.Document", "Content", True, Sizes(7, 60 * MB, 38 * MB, {MB: 5, 35 * MB: 0, None: 2})),
        BlobColumn("dbo.Scan", "Image", False, None),
    ),
    distributions=Distributions(
        (
            Distribution("pocket depth in mm, sites", "numbers", {"0": 1, "2": 100, "3": 50, "(null)": 0}),
            Distribution("teeth by code, charted teeth of FDI exams", "codes", {"11": 40, "48": 20, "X9": 1}),
            Distribution("status, referrals", "words", {f"word {n}": 50 - n for n in range(40)}),
        ),
        {"negative": 0, "0": 10, "positive": 5},
    ),
)


def lines(report: PreflightReport = REPORT, width: int = 160) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(render("maple", report))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def line(start: str, among: list[str] | None = None) -> str:
    return next(each for each in among or lines() if start in each)


def test_a_bar_is_as_long_as_its_share_and_anything_but_0_is_seen() -> None:
    narrow = lines(width=60)
    depths = [line(start, narrow) for start in ("     0   1 ", "     2 100 ", "     3  50 ", "(null)   0 ")]
    assert [each.count("█") for each in depths] == [0, 24, 12, 0]
    assert "▎" in depths[0]
    assert not depths[3].removeprefix("(null)   0").strip()


def test_tables_are_told_apart_by_what_becomes_of_them() -> None:
    assert "1,234 │ migrated " in line("dbo.Patient")
    assert "Pet [bold]" in line("dbo.Patient")
    assert "not readable │ not migrated" in line("dbo.Letter")
    assert "it lacks Subject" in line("dbo.Letter")
    assert "unknown to the profile" in line("dbo.Billing")
    assert "not there" in line("dbo.StaffUser")


def test_large_objects_are_counted_by_size() -> None:
    heading = [each.strip() for each in line("to 1 MB").strip("┃ ").split("┃")]
    cells = [each.strip() for each in line("dbo.Document.Content").strip("│ ").split("│")]
    assert heading[-3:] == ["to 1 MB", "to 35 MB", "above 35 MB"]
    assert cells == ["dbo.Document.Content", "7", "60 MB", "38 MB", "5", "-", "2"]
    assert "(not declared) │ not measured" in line("dbo.Scan.Image")


def test_the_database_s_size_and_what_a_reading_sees_are_said() -> None:
    assert "5.0 GB of data" in line("Express Edition")
    assert "50.0% of SQL Server Express's 10 GB ████████████" in line("10 GB")
    assert "one moment" in line("isolation SNAPSHOT")
    locked = replace(REPORT, server=replace(REPORT.server, snapshot_allowed=False, is_express=False))
    assert "one after another" in line("isolation READ COMMITTED", lines(locked))
    assert not any("10 GB" in each for each in lines(locked))


def test_values_beyond_the_first_are_summed() -> None:
    assert "word 31" in line("word 31")
    assert f"{sum(50 - n for n in range(32, 40))} more values" in line("more values")


def test_the_codes_of_a_mouth_stand_side_by_side_on_a_narrow_terminal_too() -> None:
    for width in (80, 160):
        mouth = line("11 ", lines(width=width))
        assert "48" in mouth
        assert "X9" in mouth
    assert "61 in all" in line("teeth by code")


def test_without_distributions_only_what_was_asked_is_shown() -> None:
    bare = replace(REPORT, blobs=(), distributions=Distributions((), {}))
    assert not any("Look at these" in each or "Large objects" in each for each in lines(bare))
