"""Damage that somebody did on purpose to records that had arrived well: both comparisons and the black box
name exactly what was damaged, by object, key and field.

Every kind of damage is done to a record of its own, so one reconciliation tells them all apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl
import pytest

from migration_assets.migration.reconcile import Reconciled
from migration_assets_tests.integration.chart_model import (
    CHART2,
    CHART3,
    EXAM,
    KEY,
    TOOTH,
    Charts,
    Difference,
    charts,
)
from migration_assets_tests.integration.damage import BlackBox, Checked
from migration_assets_tests.integration.installation import OBJECTS, Installation, Org, different
from migration_assets_tests.integration.practices import generated
from migration_sandbox.practice.generator import Practice
from migration_sandbox.salesforce.launch import SalesforceSandbox

CONTACT, PLAN, LINE = "Contact", "TreatmentPlan__c", "TreatmentPlanLine__c"


@dataclass(frozen=True)
class Damage:
    """What is done to which record; ``fields`` differ after it, in both comparisons."""

    kind: str
    sobject: str
    key: str
    fields: tuple[str, ...] = ()
    code: str = "value_changed"

    @property
    def name(self) -> str:
        return f"{self.kind} {self.key.split(':')[1]}"

    @property
    def expected(self) -> set[Difference]:
        """Without a field it is the record itself: what is sent and what is there are compared by key."""
        if not self.fields:
            return {("transport", self.sobject, self.key, KEY, self.code)}
        return {
            (comparison, self.sobject, self.key, name, self.code)
            for comparison in ("transport", "meaning")
            for name in self.fields
        }


@dataclass(frozen=True)
class _Records:
    """Keys of the practice's records, each given away once."""

    practice: Practice
    charts: Charts
    taken: set[str] = field(default_factory=set)

    def plain(self, space: str, table: str, where: pl.Expr) -> str:
        """The first record whose raw row is such a one; by the table's first column, which is its key."""
        rows = self.practice.tables[table].filter(where)
        return self._take(f"maple:{space}:{source_id}" for source_id in rows.to_series(0))

    def charted(self, sobject: str, *fields: str) -> str:
        """The first record of the chart that holds different values in the fields."""
        values: dict[str, list[object]] = {}
        for (name, key, where), value in sorted(self.charts.wide.items()):
            if name == sobject and where in fields:
                values.setdefault(key, []).append(value)
        return self._take(key for key, held in values.items() if len(set(held)) == len(fields))

    def tooth(self, *fields: str) -> str:
        return self._take(
            key
            for key in sorted(self.charts.alone)
            if len({self.charts.teeth[key][name] for name in fields}) == len(fields)
        )

    def _take(self, keys: Iterator[str]) -> str:
        key = next(key for key in keys if key not in self.taken)
        self.taken.add(key)
        return key


def _damages(practice: Practice) -> list[Damage]:
    """Each kind of damage, to objects of each shape."""
    records = _Records(practice, charts(practice.tables))
    there, breaks = pl.col("PatientID").is_not_null(), r"\S\r\n"
    outside, lines = pl.col("IsReferring"), pl.col("Phase").is_not_null() & pl.col("ToothSite").is_not_null()
    noted = pl.col("Notes").is_not_null()
    recession = ("Recession_MB_UR3__c", "Recession_DB_UR3__c")
    bleeding = ("BleedingOnProbing_MB_UL14__c", "BleedingOnProbing_DB_UL14__c")
    depths = ("PocketDepth_MB__c", "PocketDepth_DB__c")
    character = [
        Damage("change_character", CONTACT, records.plain("patient", "Patient", there), ("LastName",)),
        Damage("change_character", CONTACT, records.plain("provider", "Provider", outside), ("LastName",)),
        Damage(
            "change_character",
            EXAM,
            records.charted(EXAM, "PocketDepth_B_UL14__c"),
            ("PocketDepth_B_UL14__c",),
        ),
        Damage("change_character", CHART2, records.charted(CHART2, bleeding[0]), bleeding[:1]),
        Damage(
            "change_character", CHART3, records.charted(CHART3, "Plaque_L_LR30__c"), ("Plaque_L_LR30__c",)
        ),
        Damage("change_character", TOOTH, records.tooth(), ("ToothNumber__c",)),
        Damage(
            "change_character",
            PLAN,
            records.plain("plan", "TreatmentPlan", pl.col("PlanName").str.len_chars() < 80),
            ("Plan_Name__c",),
        ),
        Damage(
            "change_character",
            LINE,
            records.plain("plan_line", "TreatmentPlanLine", lines),
            ("Description__c",),
        ),
    ]
    line_breaks = [
        Damage(
            "lose_line_break",
            EXAM,
            records.plain("exam", "ClinicalExam", pl.col("Notes").str.contains(breaks)),
            ("Exam_Notes__c",),
        ),
        Damage(
            "lose_line_break",
            PLAN,
            records.plain("plan", "TreatmentPlan", pl.col("TreatmentNotes").str.contains(breaks)),
            ("Treatment_Notes__c",),
        ),
    ]
    swapped = [
        Damage(
            "swap_fields", CONTACT, records.plain("provider", "Provider", outside), ("FirstName", "LastName")
        ),
        Damage("swap_fields", EXAM, records.charted(EXAM, *recession), recession),
        Damage("swap_fields", CHART2, records.charted(CHART2, *bleeding), bleeding),
        Damage("swap_fields", TOOTH, records.tooth(*depths), depths),
        Damage(
            "swap_fields",
            LINE,
            records.plain("plan_line", "TreatmentPlanLine", lines),
            ("Phase__c", "ToothSite__c"),
        ),
    ]
    # Nothing hangs on those that are deleted, or it would lose its parent with them.
    deleted = [
        Damage("delete", CONTACT, records.plain("provider", "Provider", outside), code="record_missing"),
        Damage("delete", CHART2, records.charted(CHART2, bleeding[0]), code="record_missing"),
        Damage("delete", TOOTH, records.tooth(), code="record_missing"),
        Damage("delete", LINE, records.plain("plan_line", "TreatmentPlanLine", lines), code="record_missing"),
    ]
    doubled = [
        Damage("double", CONTACT, records.plain("patient", "Patient", there), code="record_doubled"),
        Damage("double", CONTACT, records.plain("provider", "Provider", ~outside), code="record_doubled"),
        Damage("double", EXAM, records.plain("exam", "ClinicalExam", noted), code="record_doubled"),
        Damage("double", CHART3, records.charted(CHART3, "Plaque_L_LR30__c"), code="record_doubled"),
        Damage("double", TOOTH, records.tooth(), code="record_doubled"),
        Damage("double", PLAN, records.plain("plan", "TreatmentPlan", there), code="record_doubled"),
        Damage("double", LINE, records.plain("plan_line", "TreatmentPlanLine", lines), code="record_doubled"),
    ]
    extra = Damage("extra", CONTACT, "maple:patient:999999", code="record_unexpected")
    return [*character, *line_breaks, *swapped, *deleted, *doubled, extra]


PRACTICE = generated()
DAMAGES = _damages(PRACTICE)
EXAM_WITH_CHILDREN = f"maple:exam:{PRACTICE.tables['ClinicalExam']['ExamID'][-1]}"
"""Deleted too: what hangs on it loses its parent, and is named for that."""


@dataclass(frozen=True)
class Found:
    """What those who look found before and after."""

    sound: Checked
    reconciled: Reconciled
    checked: Checked
    arrived: dict[str, int]

    def of(self, key: str) -> set[Difference]:
        return {each for each in different(self.reconciled) if each[2] == key}


@pytest.fixture(scope="module")
def found(
    template: Installation, sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Found:
    control, org = sandbox.control, Org.of(sandbox)
    control.reset()
    folder = tmp_path_factory.mktemp("damage")
    installation = template.copy(folder / "data")
    installation.run()
    arrived = {name: len(keys) for name, keys in org.keys().items()}
    black_box = BlackBox.over(PRACTICE, folder / "databases", sandbox)
    with black_box.server, installation.in_environment():
        sound = black_box.check()
        for damage in DAMAGES:
            if damage.kind == "extra":
                org.session.client.Contact.create({"LastName": "Extra", KEY: damage.key})
                continue
            fields = dict(zip(("field", "other_field"), damage.fields, strict=False))
            control.corrupt(damage.kind, damage.sobject, key_field=KEY, key=damage.key, **fields)
        control.corrupt("delete", EXAM, key_field=KEY, key=EXAM_WITH_CHILDREN)
        return Found(sound, installation.reconcile(), black_box.check(), arrived)


def test_the_black_box_check_finds_nothing_before_the_damage(found: Found) -> None:
    assert found.sound.status == 0, found.sound.lines
    assert "differences: 0" in found.sound.lines


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.name)
def test_both_comparisons_name_exactly_what_was_damaged(damage: Damage, found: Found) -> None:
    assert found.of(damage.key) == damage.expected


_WORDS = {"record_missing": "missing", "record_doubled": "doubled", "record_unexpected": "extra"}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.name)
def test_the_black_box_names_it_too(damage: Damage, found: Found) -> None:
    if damage.fields:
        assert all(found.checked.names(f"{damage.sobject}.{name}", damage.key) for name in damage.fields)
    else:
        assert found.checked.names(f"{damage.sobject}.{KEY} {_WORDS[damage.code]}:", damage.key)


def _of_the_deleted_exam() -> set[Difference]:
    exam = EXAM_WITH_CHILDREN.rpartition(":")[2]
    charted = charts(PRACTICE.tables)
    alone = [key for key in charted.alone if charted.teeth[key][EXAM] == EXAM_WITH_CHILDREN]
    children = [(CHART2, f"maple:exam_chart2:{exam}"), (CHART3, f"maple:exam_chart3:{exam}")]
    return {("transport", EXAM, EXAM_WITH_CHILDREN, KEY, "record_missing")} | {
        (comparison, sobject, key, EXAM, "value_lost")
        for comparison in ("transport", "meaning")
        for sobject, key in [*children, *((TOOTH, key) for key in alone)]
    }


def test_nothing_else_is_named_and_the_third_equation_is_off_by_the_records(found: Found) -> None:
    expected = set().union(_of_the_deleted_exam(), *(damage.expected for damage in DAMAGES))
    states = {each.object: each.state for each in found.reconciled.reconciliation.objects}
    gone = {EXAM: 1}
    more: dict[str, int] = {}
    for damage in DAMAGES:
        counted = gone if damage.kind == "delete" else more if damage.kind in ("double", "extra") else {}
        counted[damage.sobject] = counted.get(damage.sobject, 0) + 1

    assert set(different(found.reconciled)) == expected
    for name in OBJECTS.values():
        state = states[name]
        assert state.in_scope == state.loaded == found.arrived[name]
        assert state.in_destination == state.loaded - gone.get(name, 0) + more.get(name, 0)
        assert state.destination_balanced is (gone.get(name, 0) == more.get(name, 0))
    assert not found.reconciled.reconciliation.balanced
    assert not found.reconciled.reconciliation.clean
    assert found.checked.status == 1
