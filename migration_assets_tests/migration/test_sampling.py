"""Which patients are rehearsed: every stratum by few patients, the rest at random, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.errors import ConfigurationError
from migration_assets.migration.sampling import Sample, SampleChoice, choose
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets_tests.mapping.staged import rows
from migration_assets_tests.objects.rows import StagedPractice, stage_raw
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.practice.generator import generate

Told = tuple[dict[str, pl.DataFrame], pl.DataFrame, pl.DataFrame]
NO_REJECTS = pl.DataFrame(schema=REJECT_COLUMNS)
NO_CORRECTIONS = pl.DataFrame(schema=CORRECTION_COLUMNS)


def patients(count: int) -> pl.DataFrame:
    born = {"last_name": "Quill", "date_of_birth": date(1970, 2, 3)}
    return rows("patients", *({"source_id": str(number), **born} for number in range(1, count + 1)))


def sample(staged: Mapping[str, pl.DataFrame], size: int = 30, seed: int = 1) -> Sample:
    return choose(staged, NO_REJECTS, NO_CORRECTIONS, SampleChoice(size, seed))


def uncovered(chosen: Sample) -> tuple[str, ...]:
    """Strata that the practice has patients of and the sample, being too small, has none of."""
    return tuple(chosen.strata.filter((pl.col("patients") > 0) & (pl.col("chosen") == 0))["name"])


def members(staged: Mapping[str, pl.DataFrame], **said: pl.DataFrame) -> dict[str, set[str]]:
    """Patients by stratum, of those that have any."""
    rejects, corrections = said.get("rejects", NO_REJECTS), said.get("corrections", NO_CORRECTIONS)
    everybody = choose(staged, rejects, corrections, SampleChoice(staged["patients"].height, 1))
    found: dict[str, set[str]] = {}
    for patient, strata, _ in everybody.patients.iter_rows():
        for name in strata:
            found.setdefault(name, set()).add(patient)
    return found


@pytest.fixture(scope="module")
def practice() -> Told:
    staged = stage_raw(as_extracted(generate(11, 120, numbering="mixed", planted=1, tables="all")))
    return frames_of(staged)


def frames_of(staged: StagedPractice) -> Told:
    each = dict(staged.items())
    return (
        {name: told.rows for name, told in each.items()},
        pl.concat([told.rejects for told in each.values()]),
        pl.concat([told.corrections for told in each.values()]),
    )


def exam(number: int, patient: int, **more: Any) -> dict[str, Any]:
    usual = {"numbering_system": "FDI", "examined_on": date(2024, 5, 6), "notes": ""}
    return {"source_id": str(number), "patient_id": str(patient), **usual, **more}


def tooth(number: int, exam_id: int, **more: Any) -> dict[str, Any]:
    return {"source_id": str(number), "exam_id": str(exam_id), "universal": "3", "slot": 3, **more}


def test_exams_and_their_teeth_say_what_kind_of_chart_a_patient_has() -> None:
    four_quadrants = [tooth(10 + slot, 3, slot=slot, universal=str(slot)) for slot in (1, 9, 17, 32)]
    staged = {
        "patients": patients(5).with_columns(
            date_of_birth=pl.when(source_id="4").then(date(2006, 5, 7)).otherwise("date_of_birth")
        ),
        "clinical_exams": rows(
            "clinical_exams",
            exam(1, 1, charting_type="Limited", numbering_system="Universal"),
            exam(2, 2, charting_type="Full mouth", numbering_system=None),
            exam(3, 3),
            exam(4, 4, numbering_system="Palmer"),
            exam(5, 5),
        ),
        "charting": rows(
            "charting",
            tooth(1, 1, status="implant"),
            *four_quadrants,
            tooth(4, 4),
            tooth(5, 5, universal="K", slot=None),
        ),
    }

    assert members(staged) == {
        "numbering Universal": {"1"},
        "numbering Palmer": {"4"},
        "numbering FDI": {"3", "5"},
        "no numbering system": {"2"},
        "child": {"4", "5"},
        "implant": {"1"},
        "full-mouth chart": {"2", "3"},
        "limited chart": {"1", "4", "5"},
    }


def test_records_beside_the_chart_have_strata_of_their_own() -> None:
    def of(patient: int, number: int = 1, **more: Any) -> dict[str, Any]:
        return {"source_id": str(number), "patient_id": str(patient), **more}

    def line(number: int, plan: int, phase: str | None) -> dict[str, Any]:
        return {"source_id": str(number), "plan_id": str(plan), "phase": phase}

    staged = {
        "patients": patients(6),
        "treatment_plans": rows("treatment_plans", of(1, 1), of(1, 2), of(2, 3), of(3, 4, notes="x" * 9)),
        "treatment_plan_lines": rows(
            "treatment_plan_lines",
            line(1, 3, "graft"),
            line(2, 3, "implant"),
            line(3, 1, "graft"),
            line(4, 1, None),
        ),
        "referrals": rows("referrals", of(3, 1, direction="incoming"), of(4, 2, direction="outgoing")),
        "letters": rows("letters", of(5)),
        "radiographs": rows("radiographs", of(6)),
        "clinical_notes": rows(
            "clinical_notes", of(2, 1, body="x" * 8, plan="x" * 8), of(4, 2, body="é" * 9)
        ),
        "insurances": rows("insurances", of(6, 1), of(6, 2), of(5, 3)),
    }

    assert members(staged) == {
        "several plans": {"1"},
        "multi-phase plan": {"2"},
        "incoming referral": {"3"},
        "outgoing referral": {"4"},
        "letter": {"5"},
        "radiograph": {"6"},
        "longest note": {"3", "4"},
        "several insurances": {"6"},
    }


def test_a_reject_or_correction_counts_for_the_patient_whom_its_row_hangs_on() -> None:
    def said(columns: Mapping[str, pl.DataType], *given: dict[str, str]) -> pl.DataFrame:
        return pl.DataFrame([dict.fromkeys(columns) | each for each in given], schema=dict(columns))

    staged = {
        "patients": patients(4),
        "clinical_exams": rows("clinical_exams", exam(10, 1), exam(11, 2)),
        "charting": rows("charting", tooth(100, 11)),
        "providers": rows("providers", {"source_id": "4", "last_name": "Vale"}),
    }
    rejects = said(
        REJECT_COLUMNS,
        {"object": "charting", "source_key": "101", "parent_key": "10"},
        {"object": "providers", "source_key": "4"},
    )
    corrections = said(
        CORRECTION_COLUMNS,
        {"object": "patients", "source_key": "3"},
        {"object": "charting", "source_key": "100"},
        {"object": "providers", "source_key": "4"},
    )

    found = members(staged, rejects=rejects, corrections=corrections)

    assert (found["rejects"], found["corrections"]) == ({"1"}, {"2", "3"})


def test_a_generated_practice_is_covered_and_filled_up_at_random(practice: Told) -> None:
    chosen = choose(*practice, SampleChoice(30, 7))

    assert chosen.patients.height == chosen.patients["source_id"].n_unique() == 30
    assert set(chosen.patients["source_id"]) <= set(practice[0]["patients"]["source_id"])
    assert uncovered(chosen) == ()
    assert chosen.strata.filter(pl.col("patients") == 0).is_empty()
    by_stratum = chosen.patients.filter(why="stratum")
    assert set(by_stratum["strata"].explode()) == set(chosen.strata["name"])
    assert by_stratum.height < chosen.strata.height
    told = dict(chosen.patients["strata"].explode().drop_nulls().value_counts().iter_rows())
    assert told == dict(chosen.strata.select("name", "chosen").iter_rows())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(), order=st.integers(0, 2**32), size=st.integers(1, 130))
def test_the_same_seed_chooses_the_same_patients_in_any_order_of_rows(
    practice: Told, seed: int, order: int, size: int
) -> None:
    staged, rejects, corrections = practice
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=order) for name, frame in staged.items()}

    first = choose(staged, rejects, corrections, SampleChoice(size, seed))
    again = choose(shuffled, rejects.reverse(), corrections.reverse(), SampleChoice(size, seed))

    assert first.patients.equals(again.patients)
    assert first.strata.equals(again.strata)
    assert first.patients.height == min(size, staged["patients"].height)


def test_another_seed_chooses_others(practice: Told) -> None:
    first, second = (set(choose(*practice, SampleChoice(30, seed)).patients["source_id"]) for seed in (1, 2))

    assert first != second


def having_strata(
    count: int, plans: set[int], letters: set[int], images: set[int]
) -> dict[str, pl.DataFrame]:
    def of(table: str, those: set[int]) -> pl.DataFrame:
        return rows(table, *({"source_id": str(each), "patient_id": str(each)} for each in sorted(those)))

    twice = rows(
        "treatment_plans",
        *({"source_id": f"{each}{time}", "patient_id": str(each)} for each in sorted(plans) for time in "ab"),
    )
    told = {
        "treatment_plans": twice,
        "letters": of("letters", letters),
        "radiographs": of("radiographs", images),
    }
    return {"patients": patients(count), **told}


_some = st.sets(st.integers(1, 9))


@settings(deadline=None)
@given(_some, _some, _some, st.integers(1, 12), st.integers(0, 99))
def test_a_stratum_is_left_out_only_where_the_sample_is_full_of_others(
    plans: set[int], letters: set[int], images: set[int], size: int, seed: int
) -> None:
    chosen = sample(having_strata(9, plans, letters, images), size, seed)

    assert chosen.patients.height == min(size, 9)
    strata = {"several plans": plans, "letter": letters, "radiograph": images}
    ids = {int(patient) for patient in chosen.patients["source_id"]}
    assert set(uncovered(chosen)) == {name for name, those in strata.items() if those and not those & ids}
    if uncovered(chosen):
        assert set(chosen.patients["why"]) == {"stratum"}
    added: set[str] = set()
    for patient in chosen.patients.filter(why="stratum")["strata"]:
        assert set(patient) - added
        added |= set(patient)


def test_who_covers_several_strata_is_preferred_and_what_is_missing_is_said() -> None:
    staged = having_strata(40, plans={17}, letters={17, 3}, images={5})

    one, two = (sample(staged, size) for size in (1, 2))

    assert one.patients.rows() == [("17", ["several plans", "letter"], "stratum")]
    assert uncovered(one) == ("radiograph",)
    assert (set(two.patients["source_id"]), uncovered(two)) == ({"17", "5"}, ())


def test_a_sample_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose 1 or more"):
        sample({"patients": patients(3)}, size=0)
