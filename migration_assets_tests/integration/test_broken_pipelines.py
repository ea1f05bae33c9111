"""Pipelines that are broken on purpose: their records arrive well but wrong, so transport finds nothing, and
the comparison of meaning names exactly what was broken, as computed from the raw rows in plain Python.

Rows that a broken pipeline refuses are no excuse for it: with a reject limit that lets it go on, what it
refused is named as lost.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.mapping import apply as mapping
from migration_assets.mapping.apply import Payload
from migration_assets.migration import payload
from migration_assets.objects import charted_teeth, charting
from migration_assets_tests.integration.chart_model import (
    CHART2,
    CHART3,
    EXAM,
    KEY,
    QUADRANTS,
    TOOTH,
    Charts,
    Difference,
    Row,
    charts,
    differing,
)
from migration_assets_tests.integration.damage import BlackBox, Checked
from migration_assets_tests.integration.installation import Installation, different
from migration_assets_tests.integration.practices import generated
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

PRACTICE = generated("mixed", patients=8)
TABLES: Mapping[str, pl.DataFrame] = PRACTICE.tables
_MISREAD = ("FDI", "Palmer")
_NOTES = {
    EXAM: ("Exam_Notes__c", "exam", "ClinicalExam", "ExamID", "Notes"),
    "TreatmentPlan__c": ("Treatment_Notes__c", "plan", "TreatmentPlan", "PlanID", "TreatmentNotes"),
}


@dataclass(frozen=True)
class Broken:
    """How a pipeline is broken, and what must be said of it: all of it, and of these objects at least."""

    name: str
    break_it: Callable[[pytest.MonkeyPatch], None]
    expected: Callable[[], set[Difference]]
    objects: frozenset[str]


def _swapped(name: str) -> str:
    """``PocketDepth_MB`` -> ``PocketDepth_DB``, ``Furcation_M`` -> ``Furcation_D``; others stay."""
    return re.sub(r"_[MD](?=[BL]?$)", lambda side: {"_M": "_D", "_D": "_M"}[side[0]], name)


def _swap_mesial_and_distal(patch: pytest.MonkeyPatch) -> None:
    for columns in ("_NUMBERS", "_FLAGS"):
        sound = getattr(charting, columns)
        patch.setattr(charting, columns, {staged: _swapped(logical) for staged, logical in sound.items()})


def _turn_recession(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(charting, "canonical_recession", lambda source, _conventions: -source)


def _with_recession_turned(row: Row) -> Row | None:
    """None where a recession of more than 9 mm became an overgrowth that no tooth has: the row is refused."""
    turned = {
        name: -value if name.startswith("Recession_") and value is not None else value
        for name, value in row.items()
    }
    return None if any(row[name] != value and value < -9 for name, value in turned.items()) else turned


def _read_all_as_universal(patch: pytest.MonkeyPatch) -> None:
    sound: Callable[[pl.Expr], pl.Expr] = vars(charted_teeth)["normalised_numbering_system"]
    patch.setattr(
        charted_teeth,
        "normalised_numbering_system",
        lambda written: sound(written).replace(dict.fromkeys(_MISREAD, "Universal")),
    )


def _misread() -> set[Difference]:
    """Of either system's exams, which are others."""
    truth = charts(TABLES)
    found = [differing(truth, charts(TABLES, read_as=_read_as_universal(each))) for each in _MISREAD]
    assert all(found)
    assert set.intersection(*found) == set()
    return set.union(*found)


def _read_as_universal(system: str) -> Callable[[str], str]:
    return lambda known: "Universal" if known == system else known


def _shifted(field: str) -> str:
    """The same measure's field of the next tooth, after the last one that of the first."""
    found = re.fullmatch(r"((?:PocketDepth|Plaque)_\w+_)(UR|UL|LL|LR)(\d+)__c", field)
    if found is None:
        return field
    tooth = int(found[3]) % 32 + 1
    return f"{found[1]}{QUADRANTS[(tooth - 1) // 8]}{tooth}__c"


def _shift_by_one_tooth(patch: pytest.MonkeyPatch) -> None:
    sound: Callable[..., pl.DataFrame] = vars(mapping)["gather"]

    def gather(*arguments: Any) -> pl.DataFrame:
        frame = sound(*arguments)
        return frame.rename({name: _shifted(name) for name in frame.columns}).select(frame.columns)

    patch.setattr(mapping, "gather", gather)


def _slipped() -> set[Difference]:
    truth = charts(TABLES)
    wide = {(name, key, _shifted(field)): value for (name, key, field), value in truth.wide.items()}
    return differing(truth, Charts(wide, truth.teeth, truth.alone))


def _change_payload(patch: pytest.MonkeyPatch, changed: Callable[[str, pl.DataFrame], pl.DataFrame]) -> None:
    sound: Callable[..., Payload] = vars(payload)["apply"]

    def apply(*arguments: Any) -> Payload:
        made = sound(*arguments)
        return dataclasses.replace(made, frame=changed(made.schema.name, made.frame))

    patch.setattr(payload, "apply", apply)


def _cut_notes(patch: pytest.MonkeyPatch) -> None:
    def cut(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        if name not in _NOTES:
            return frame
        return frame.with_columns(pl.col(_NOTES[name][0]).str.extract(r"^([^\r\n]*)"))

    _change_payload(patch, cut)


def _notes_with_line_breaks() -> set[Difference]:
    found: set[Difference] = set()
    for name, (note, space, table, key, column) in _NOTES.items():
        for source_id, text in TABLES[table].select(key, column).iter_rows():
            if text is not None and re.search(r"[\r\n]", text.strip()):
                found.add(("meaning", name, f"maple:{space}:{source_id}", note, "value_changed"))
    return found


def _turned() -> set[Difference]:
    return differing(charts(TABLES), charts(TABLES, changed=_with_recession_turned))


def _break_fields_of_their_own(patch: pytest.MonkeyPatch) -> None:
    """Three that meet in no field, so that one run shows what each of them did."""
    _turn_recession(patch)
    _shift_by_one_tooth(patch)
    _cut_notes(patch)


BROKEN = (
    Broken(
        "FDI and Palmer read as Universal",
        _read_all_as_universal,
        _misread,
        frozenset({EXAM, CHART2, CHART3, TOOTH}),
    ),
    Broken(
        "the recession's sign turned, pocket depths and plaque shifted by a tooth, notes cut at line breaks",
        _break_fields_of_their_own,
        lambda: _turned() | _slipped() | _notes_with_line_breaks(),
        frozenset({EXAM, CHART3, TOOTH, *_NOTES}),
    ),
)


@pytest.fixture(scope="module")
def mixed(sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A practice in all numbering systems, of which nothing is staged, and an org that knows its schema."""
    made = Installation.create(tmp_path_factory.mktemp("mixed") / "data", sandbox)
    with made.in_environment():
        made.configure(reject_limit=1, job_rows=200)
        made.put_rows(TABLES)
        made.migration().prepare()
        yield made


@pytest.fixture(scope="module")
def black_box(sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlackBox]:
    checker = BlackBox.over(PRACTICE, tmp_path_factory.mktemp("sql") / "databases", sandbox)
    with checker.server:
        yield checker


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.name)
def test_meaning_names_exactly_what_was_broken_though_transport_is_equal(
    broken: Broken,
    mixed: Installation,
    control: Control,
    black_box: BlackBox,
    tmp_path: Path,
) -> None:
    control.forget_requests()
    installation = mixed.copy(tmp_path / "data")
    with pytest.MonkeyPatch.context() as patch:
        broken.break_it(patch)
        installation.build()
    ended = installation.run()
    assert ended.error is None, ended.message

    reconciled, checked = installation.reconcile(), black_box.check()

    expected = broken.expected()
    assert {name for _, name, *_ in expected} == broken.objects
    assert set(different(reconciled)) == expected
    objects = reconciled.reconciliation.objects
    assert sum(each.fields_different for each in objects) == 0
    assert sum(each.meaning_different for each in objects) == len(expected)
    assert not reconciled.reconciliation.clean
    assert checked.status == 1
    assert all(_named(checked, name, field) for _, name, _, field, _ in expected)


def _named(checked: Checked, name: str, field: str) -> bool:
    """A tooth's record that there shouldn't be is one too many for the black box, whatever it holds."""
    return checked.names(f"{name}.{field}") or (name == TOOTH and checked.names(f"{TOOTH}.{KEY} extra:"))
