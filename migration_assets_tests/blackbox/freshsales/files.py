"""Files: documents and images with the source's bytes, and the drawn charts that have none in the source."""

from collections.abc import Mapping
from typing import Any

from migration_assets_tests.blackbox.freshsales.drawings import compare_drawing
from migration_assets_tests.blackbox.freshsales.exams import Exam
from migration_assets_tests.blackbox.freshsales.reading import DOCUMENT, KEY
from migration_assets_tests.blackbox.report import Announced, Report, Row, by_key
from migration_assets_tests.blackbox.words import UNUSABLE

Hashes = Mapping[str, str | None]
"""SHA-256 of the source's contents, as far as they were read, by ``document:7`` or ``radiograph:7``."""


def compare_files(
    report: Report,
    files: list[Row],
    tables: Mapping[str, list[Row]],
    of_exams: Mapping[Any, Exam],
    ids: Mapping[str, tuple[str, str]],
    hashes: Hashes,
    announced: Announced,
    practice: str,
    other: tuple[str, ...],
) -> None:
    """``ids``: object and id in the account of what a file may be on, by key without the practice."""
    wanted: dict[str, Row] = {
        f"{practice}:{space}:{row[column]}": row
        for space, table, column in (
            ("document", "documents.", "DocumentID"),
            ("radiograph", "images.", "RadiographID"),
        )
        for row in tables[table]
    }
    drawn = {
        f"{practice}:chart:{number}": exam
        for number, exam in of_exams.items()
        if exam.teeth and not announced.absent("ClinicalExam", number)
    }
    found = by_key(report, DOCUMENT, files, [*wanted, *drawn], other, KEY)
    report.counts["files compared"] = len(found)
    for key, file in found.items():
        exam = drawn.get(key)
        patient = wanted[key]["PatientID"] if exam is None else exam.row["PatientID"]
        on = ids.get(f"practice:{practice}" if patient is None else f"patient:{patient}")
        if file["on"] != (on,):
            report.differs(DOCUMENT, "target", key, on, file["on"])
        if exam is not None:
            name = f"Periodontal chart {exam.row['ExamDate']:%Y-%m-%d} (exam {exam.row['ExamID']}).svg"
            _same(report, key, "name", name, file)
            _same(report, key, "size", file["bytes"], file)
            compare_drawing(report, key, exam, file["drawing"])
            continue
        row = wanted[key]
        _same(report, key, "name", row["FileName"], file)
        _same(report, key, "size", row["Bytes"] or UNUSABLE, file)
        _same(report, key, "MD5", row["MD5"], file)
        sha256 = hashes.get(key.partition(":")[2])
        if sha256 is not None:
            report.counts["contents compared byte by byte"] += 1
            _same(report, key, "SHA256", sha256, file)


def _same(report: Report, key: str, name: str, wanted: Any, file: Row) -> None:
    report.counts["fields of files compared"] += 1
    held = file[name]
    if wanted is UNUSABLE or str(held) != str(wanted):
        report.differs(DOCUMENT, name, key, wanted, held)
