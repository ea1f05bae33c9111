"""An exam's picture file: the same bytes for the same rows, every charted value in it, nobody's name."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl

from migration_assets.objects import exam_charts
from migration_assets.perio import charting
from migration_assets.perio.charting import Per
from migration_assets.perio.vocabulary import TOOTH_STATUSES
from migration_assets_tests.mapping.staged import rows
from migration_assets_tests.objects.rows import charted, exam, patient, stage_rows
from migration_assets_tests.perio_chart.test_model import full_mouth, odd_mouth

SVG = "{http://www.w3.org/2000/svg}"
TEETH = [str(slot) for slot in range(1, 33)]


def mixed_mouth() -> list[dict[str, Any]]:
    """32 permanent teeth, a primary one whose place is taken, and two supernumerary ones."""
    others = [{**row, "source_id": f"x{row['source_id']}"} for row in odd_mouth() if row["slot"] is None]
    return [*full_mouth(), *others]


def drawn(mouth: list[dict[str, Any]], **changed: Any) -> pl.DataFrame:
    """The one exam's row, drawn from staged rows."""
    told = {"source_id": "9", "patient_id": "1", "examined_on": date(2024, 5, 6), "numbering_system": "FDI"}
    exams = rows("clinical_exams", told | {"rejected_teeth": 0} | changed)
    return pl.concat(exam_charts.draw({"clinical_exams": exams, "charting": rows("charting", *mouth)}))


def content(mouth: list[dict[str, Any]], **changed: Any) -> bytes:
    return bytes(drawn(mouth, **changed)["content"].item())


def test_an_exam_has_a_file_where_a_tooth_of_it_is_charted() -> None:
    staged = stage_rows(
        patients=[patient(1, LastName="Zwetschke"), patient(2)],
        exams=[exam(10), exam(11, PatientID=2), exam(12, PatientID=2)],
        chart=[charted(100), charted(101, ExamID=12, Tooth="A"), charted(102, ExamID=12, Tooth="99")],
    )
    frames = {name: staged[name].rows for name in exam_charts.EXAM_CHARTS.uses}

    made = pl.concat(exam_charts.draw(frames))

    exam_charts.ExamChart.validate(made.drop("content"))
    assert made.select("source_id", "patient_id", "charted", "file_name").rows() == [
        ("10", "1", True, "Periodontal chart 2024-05-06 (exam 10).svg"),
        ("11", "2", False, "Periodontal chart 2024-05-06 (exam 11).svg"),
        ("12", "2", True, "Periodontal chart 2024-05-06 (exam 12).svg"),
    ]
    first, nothing, child = made["content"]
    assert (nothing, *made.row(1)[4:]) == (None, None, None, None)
    assert made["bytes"].to_list() == [len(first), None, len(child)]
    assert made["md5"].to_list() == [hashlib.md5(first).hexdigest(), None, hashlib.md5(child).hexdigest()]
    assert b"Zwetschke" not in first
    assert b"2024-05-06, exam 10<" in first
    assert b"2024-05-06, exam 12, without 1 row of the source that was rejected<" in child


def test_the_bytes_depend_on_nothing_but_the_staged_values() -> None:
    mouth = mixed_mouth()
    here = content(mouth)
    code = (
        "from hashlib import md5\n"
        "from migration_assets_tests.objects.test_exam_charts import content, mixed_mouth\n"
        "print(md5(content(mixed_mouth()[::-1])).hexdigest())"
    )

    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert there.stdout.strip() == hashlib.md5(here).hexdigest()
    assert content([{**row, "mobility": None} for row in mouth]) != here


def test_every_value_of_a_full_mouth_stands_in_the_picture() -> None:
    mouth = full_mouth()
    picture = ET.fromstring(content(mouth))

    assert charted_in(picture, TEETH) == values_of(mouth)


def test_a_supernumerary_tooth_and_one_beside_its_successor_are_told_in_words() -> None:
    picture = ET.fromstring(content(mixed_mouth(), numbering_system="Universal"))

    told = {each.attrib["data-tooth"]: each.text for each in picture.iter() if each.get("class") == "listed"}
    assert {tooth: str(text).replace("\N{NO-BREAK SPACE}", " ") for tooth, text in told.items()} == {
        "A": "A: recession – – – / -2 – –; tooth status primary; plaque – – – / – yes –",
        "BS": "BS: nothing charted",
        "53": "53: mobility 1.5",
    }


def test_all_statuses_stand_in_the_picture_in_full() -> None:
    mouth = [
        {"source_id": code, "exam_id": "9", "universal": code, "slot": int(code), "status": status}
        for code, status in zip(TEETH, TOOTH_STATUSES, strict=False)
    ]
    picture = ET.fromstring(content(mouth))

    told = [each.text for each in picture.iter() if each.get("class") == "status"]
    assert sorted(map(str, told)) == sorted(TOOTH_STATUSES)


Values = Counter[tuple[str, str, str, str]]


def values_of(mouth: list[dict[str, Any]]) -> Values:
    """Measure, tooth, place and value in words; findings of none by their number alone, as they are drawn."""
    found: Values = Counter()
    for row in mouth:
        for measure in charting.MEASURES:
            for place in measure.places or (None,):
                value = row.get(charting.column(measure, place))
                if value is False:
                    found["no", "", "", ""] += 1
                elif value is not None:
                    shown = "yes" if value is True else value if isinstance(value, str) else f"{value:g}"
                    found[measure.name, row["universal"], str(place or ""), shown.removesuffix(".0")] += 1
    return found


def charted_in(picture: ET.Element, teeth: list[str]) -> Values:
    """The same, read off the picture."""
    found: Values = Counter()
    (chart,) = (each for each in picture.iter(f"{SVG}g") if each.get("class") == "chart")
    names = {measure.name: measure for measure in charting.MEASURES}
    for each in chart.iter():
        name = each.get("class", "")
        if name == "no":
            found["no", "", "", ""] += each.attrib["d"].count("M")
        elif name in names and each.get("data-tooth") in teeth:
            flag = names[name].per is Per.SITE and names[name].low is None
            place = each.get("data-site") or each.get("data-entrance") or ""
            value = "yes" if flag else each.get("data-grade") or str(each.text)
            found[name, each.attrib["data-tooth"], place, value] += 1
    return found
