"""Damage that somebody did on purpose is found, and named by object, key and field: by both who look for it.

First in the org, to records that had arrived well; then in a pipeline, whose records arrive well but wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from migration_assets.mapping import chart_layout
from migration_assets.migration.reconcile import Reconciled
from migration_assets.objects import charting
from migration_assets_tests.integration.damage import BlackBox, Checked
from migration_assets_tests.integration.installation import Installation, Org, different, generated
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

_EXAM, _KEY = "ClinicalExam__c", "PANDA_Key__c"


@pytest.fixture(scope="module")
def black_box(tmp_path_factory: pytest.TempPathFactory, sandbox: SalesforceSandbox) -> Iterator[BlackBox]:
    checker = BlackBox.over(generated(24), tmp_path_factory.mktemp("sql") / "databases", sandbox)
    with checker.server:
        yield checker


@dataclass(frozen=True)
class Damage:
    """Which records were damaged, by kind, and what the two who look found before and after."""

    keys: dict[str, str]
    sound: Checked
    reconciled: Reconciled
    checked: Checked

    def differences_of(self, kind: str) -> set[tuple[str, str, str, str, str]]:
        return {each for each in different(self.reconciled) if each[2] == self.keys[kind]}


@pytest.fixture(scope="module")
def damage(
    template: Installation,
    sandbox: SalesforceSandbox,
    black_box: BlackBox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Damage:
    """One of each kind, each done to another record."""
    control, org = sandbox.control, Org.of(sandbox)
    control.reset()
    installation = template.copy(tmp_path_factory.mktemp("damage") / "data")
    installation.run()
    sound = black_box.check()
    patients, exams = org.keys()["Contact"], org.keys()[_EXAM]

    def corrupt(kind: str, sobject: str, **how: object) -> str:
        done = control.corrupt(kind, sobject, **how)
        return org.key_of(sobject, done["id"])

    keys = {
        "character": corrupt(
            "change_character", "Contact", key_field=_KEY, key=patients[0], field="LastName"
        ),
        "number": corrupt("change_character", _EXAM, field="PocketDepth_B_UL14__c", seed=1),
        "line break": corrupt("lose_line_break", _EXAM, field="Exam_Notes__c", seed=2),
        "swapped": corrupt(
            "swap_fields", _EXAM, field="Recession_MB_UR3__c", other_field="Recession_DB_UR3__c", seed=3
        ),
        "deleted": exams[-1],
        "doubled": corrupt("double", "Contact", key_field=_KEY, key=patients[1]),
        "extra": "maple:patient:999999",
    }
    assert len(set(keys.values())) == len(keys), "each damage must be done to a record of its own"
    control.corrupt("delete", _EXAM, key_field=_KEY, key=keys["deleted"])
    org.session.client.Contact.create({"LastName": "Extra", _KEY: keys["extra"]})
    return Damage(keys, sound, installation.reconcile(), black_box.check())


def test_the_black_box_check_finds_nothing_before_the_damage(damage: Damage) -> None:
    assert damage.sound.status == 0
    assert "differences: 0" in damage.sound.lines


@pytest.mark.parametrize(
    ("kind", "sobject", "field"),
    [
        ("character", "Contact", "LastName"),
        ("number", _EXAM, "PocketDepth_B_UL14__c"),
        ("line break", _EXAM, "Exam_Notes__c"),
    ],
)
def test_a_changed_field_is_named_by_both_comparisons_and_the_black_box(
    damage: Damage, kind: str, sobject: str, field: str
) -> None:
    key = damage.keys[kind]

    assert damage.differences_of(kind) == {
        ("transport", sobject, key, field, "value_changed"),
        ("meaning", sobject, key, field, "value_changed"),
    }
    assert damage.checked.names(f"{sobject}.{field}", key)


def test_two_swapped_fields_are_both_named(damage: Damage) -> None:
    fields = {"Recession_MB_UR3__c", "Recession_DB_UR3__c"}

    found = damage.differences_of("swapped")

    assert {(comparison, field) for comparison, _, _, field, _ in found} == {
        (comparison, field) for comparison in ("transport", "meaning") for field in fields
    }
    assert all(damage.checked.names(f"{_EXAM}.{field}", damage.keys["swapped"]) for field in fields)


@pytest.mark.parametrize(
    ("kind", "sobject", "code", "word"),
    [
        ("deleted", _EXAM, "record_missing", "missing"),
        ("doubled", "Contact", "record_doubled", "doubled"),
        ("extra", "Contact", "record_unexpected", "extra"),
    ],
)
def test_a_record_too_few_or_too_many_is_named(
    damage: Damage, kind: str, sobject: str, code: str, word: str
) -> None:
    key = damage.keys[kind]

    assert damage.differences_of(kind) == {("transport", sobject, key, _KEY, code)}
    assert damage.checked.names(f"{sobject}.{_KEY} {word}:", key)


def test_nothing_else_is_named_and_the_third_equation_is_off_by_the_records(damage: Damage) -> None:
    by_object = {each.object: each for each in damage.reconciled.reconciliation.objects}
    contacts = by_object["Contact"].state

    assert {each[2] for each in different(damage.reconciled)} == set(damage.keys.values())
    assert contacts.in_destination == contacts.loaded + contacts.stale + contacts.retained + 2
    assert not damage.reconciled.reconciliation.balanced
    assert not damage.reconciled.reconciliation.clean
    assert damage.checked.status == 1


def _mesial_and_distal_swapped(patch: pytest.MonkeyPatch) -> None:
    def swapped(field: str) -> str:
        names = {"_MB_": "_DB_", "_DB_": "_MB_", "_ML_": "_DL_", "_DL_": "_ML_"}
        return re.sub("|".join(names), lambda found: names[found[0]], field)

    _rename_gathered(patch, swapped)


def _depths_shifted_by_one_tooth(patch: pytest.MonkeyPatch) -> None:
    def shifted(field: str) -> str:
        found = re.fullmatch(r"(PocketDepth_\w+_)(UR|UL|LL|LR)(\d+)__c", field)
        if found is None:
            return field
        tooth = int(found[3]) % 32 + 1
        return f"{found[1]}{('UR', 'UL', 'LL', 'LR')[(tooth - 1) // 8]}{tooth}__c"

    _rename_gathered(patch, shifted)


def _rename_gathered(patch: pytest.MonkeyPatch, renamed: Callable[[str], str]) -> None:
    sound = chart_layout.gather

    def gather(*arguments: object) -> pl.DataFrame:
        frame: pl.DataFrame = sound(*arguments)  # type: ignore[arg-type]
        return frame.rename({name: renamed(name) for name in frame.columns}).select(frame.columns)

    patch.setattr(chart_layout, "gather", gather)


def _recession_turned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(charting, "canonical_recession", lambda source, _conventions: -source)


@pytest.mark.parametrize(
    ("break_it", "wrong", "right"),
    [
        (_mesial_and_distal_swapped, r"(PocketDepth|Recession)_(MB|DB|ML|DL)_", r"_(B|L)_"),
        (_recession_turned, r"Recession_", r"PocketDepth_"),
        (_depths_shifted_by_one_tooth, r"PocketDepth_", r"Recession_"),
    ],
)
def test_a_pipeline_that_charts_wrongly_is_found_by_meaning_and_the_black_box_though_transport_is_equal(
    break_it: Callable[[pytest.MonkeyPatch], None],
    wrong: str,
    right: str,
    installation: Installation,
    control: Control,
    black_box: BlackBox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    control.reset()
    installation.configure(reject_limit=1)
    break_it(monkeypatch)
    installation.build()
    monkeypatch.undo()
    ended = installation.run()
    assert ended.error is None, ended.message

    reconciled, checked = installation.reconcile(), black_box.check()

    found = {(comparison, field) for comparison, _, _, field, _ in different(reconciled)}
    assert {comparison for comparison, _ in found} == {"meaning"}
    fields = {field for _, field in found}
    assert all(re.match(wrong, field) for field in fields)
    assert not any(re.search(right, field) for field in fields)
    assert len(fields) > 30
    assert checked.status == 1
    assert all(checked.names(f"{_EXAM}.{field}") for field in fields)
    assert not reconciled.reconciliation.clean
