"""Practices staged, mapped and returned as Freshsales would: nothing differs until something is changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from migration_assets.migration.declared_meaning import UntoldMeaning
from migration_assets.practice import Policies
from migration_assets_tests import measure_rows
from migration_assets_tests.migration.freshsales_practice import MEANINGS, Returned, meaning_of, returned
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.practice.generator import generate
from migration_sandbox.practice.nhanes import nhanes_practice
from migration_sandbox.practice.teeth import Habit

SMALL = 25
LINES = 2_000
OBJECTS = tuple(MEANINGS)


def small(numbering: Habit = "Universal") -> dict[str, pl.DataFrame]:
    """A practice without defects: two of its relatives share an address, and two texts are too long."""
    made = generate(21, SMALL, tables="all", planted=0, numbering=numbering)
    tables = as_extracted(made)
    patients = tables["Patient"]
    shared = {
        patients["PatientID"][at]: address for at, address in ((3, "Kin@example.org"), (9, "kin@example.org"))
    }
    address = pl.col("PatientID").replace_strict(shared, default=None, return_dtype=pl.String)
    tables["Patient"] = patients.with_columns(Email=pl.coalesce(address, "Email"))
    told = "\n".join(f"{at}: probing, scaling and root planing in the upper left" for at in range(LINES))
    tables["TreatmentPlan"] = _written(tables["TreatmentPlan"], "TreatmentNotes", told)
    rich = r"{\rtf1\ansi " + r"\par ".join(told.split("\n")) + "}"
    tables["ClinicalNote"] = _written(tables["ClinicalNote"], "Body", rich)
    return tables


def _written(rows: pl.DataFrame, column: str, text: str) -> pl.DataFrame:
    first = pl.int_range(pl.len()) == 0
    return rows.with_columns(pl.when(first).then(pl.lit(text)).otherwise(column).alias(column))


def _planted() -> Returned:
    return returned(as_extracted(generate(11, 60, tables="all")), modules="on")


def _nhanes() -> Returned:
    charted = nhanes_practice().tables
    return returned({name: charted.get(name, rows.clear()) for name, rows in small().items()}, modules="on")


def _by_measure() -> Returned:
    """A tooth charted twice and a measure that nobody knows among the rows."""
    tables = small("FDI")
    rows = measure_rows.converted(tables["PeriodontalCharting"], bits=False)
    twice = rows.filter(pl.col("kind") == "PD")[5:7].with_columns(pl.col("id") + 10_000_000)
    unknown = rows[40:42].with_columns(pl.col("id") + 20_000_000, kind=pl.lit("ZZ"))
    with TemporaryDirectory() as folder:
        profile = measure_rows.profile(Path(folder), bits=False)
    chart = pl.concat([rows, twice, unknown])
    return returned({**tables, "PeriodontalCharting": chart}, profile=profile, modules="on")


PRACTICES: dict[str, Callable[[], Returned]] = {
    "every planted defect": _planted,
    "FDI": lambda: returned(small("FDI"), modules="on"),
    "Palmer, no accounts": lambda: returned(
        small("Palmer"), policies=Policies(accounts="none"), modules="on"
    ),
    "all systems, households, no modules": lambda: returned(
        small("mixed"), policies=Policies(accounts="household", shared_emails="first"), modules="off"
    ),
    "uniqueness is off, several practices": lambda: returned(
        small(),
        policies=Policies(shared_emails="as_is"),
        modules="on",
        several_practices="on",
    ),
    "NHANES": _nhanes,
    "a row a measure": _by_measure,
}


@cache
def migrated(practice: str = "FDI") -> Returned:
    return PRACTICES[practice]()


@pytest.mark.parametrize("practice", PRACTICES)
def test_a_faithful_account_differs_in_nothing_and_lacks_nothing(practice: str) -> None:
    made = migrated(practice)

    assert sum(rows.height for rows in made.records.values()) > 0
    for name in made.records:
        assert made.different(name).rows() == []
        assert made.lost(name) == set()


@pytest.mark.parametrize("name", OBJECTS)
def test_each_field_is_looked_at_in_every_record(name: str) -> None:
    """Of each field the records' values are turned by one place: whatever isn't its neighbour's is named.

    Where all are one they are emptied.
    """
    made = migrated("every planted defect")
    key, true = made.key_field(name), made.records[name]
    blind = []
    known = dict.fromkeys(field for meaning in MEANINGS[name] for field in meaning.field_names)
    for field in (field for field in known if field in true.columns):
        turned = true.select(key, field).with_columns(pl.col(field).shift(1, fill_value=pl.col(field).last()))
        if turned.equals(true.select(key, field)):
            turned = true.select(key, field).with_columns(pl.lit(None, true.schema[field]).alias(field))
        changed = set(turned.filter(~turned[field].eq_missing(true[field]))[key])
        untold = [
            each.key_space for each in MEANINGS[name] if isinstance(each.fields.get(field), UntoldMeaning)
        ]
        told = {each for each in changed if each.split(":")[1] not in untold}
        if not told or set(made.different(name, turned)["key"]) != told:
            blind.append(field)
    assert blind == []


@pytest.mark.parametrize("name", OBJECTS)
def test_each_record_that_isnt_there_is_named(name: str) -> None:
    made = migrated("every planted defect")

    assert made.lost(name, made.records[name].clear()) == set(made.records[name][made.key_field(name)])


def first(made: Returned, name: str, key_space: str, having: str = "") -> tuple[str, str]:
    """Key and text of the first record of the key space whose text holds the words."""
    key, field = made.key_field(name), "description"
    rows = made.records[name].filter(pl.col(key).str.starts_with(f"maple:{key_space}:"))
    found = rows.filter(pl.col(field).str.contains(having, literal=True)).select(key, field)
    return found.row(0)


def without_line(text: str, beginning: str) -> str:
    lines = text.split("\n")
    kept = [line for line in lines if not line.startswith(beginning)]
    assert len(kept) == len(lines) - 1
    return "\n".join(kept)


def mesial_for_distal(text: str) -> str:
    """The first depths whose mesial isn't their distal one, the other way round."""
    for line in text.split("\n"):
        depths = line.partition("; depth ")[2].partition(";")[0].split(" ")
        if len(depths) == 6 and depths[0] != depths[2]:
            turned = " ".join([depths[2], depths[1], depths[0], *depths[3:]])
            return text.replace(line, line.replace("; depth " + " ".join(depths), "; depth " + turned))
    raise AssertionError("no exam has such a tooth")


@pytest.mark.parametrize(
    ("key_space", "having", "damage"),
    [
        ("exam_note", "\ntooth 3;", lambda text: without_line(text, "tooth 3;")),
        ("exam_note", "; depth ", mesial_for_distal),
        ("exam_note", "Tooth numbering: FDI", lambda text: text.replace(": FDI", ": Palmer")),
        ("exam_note", "Findings:", lambda text: text.replace("Findings:\n", "Findings:\n1, B, Plaque\n")),
        ("exam_note", "Teeth not migrated: 0", lambda text: text.replace("migrated: 0", "migrated: 1")),
        ("note", "Provider: ", lambda text: text.replace("Provider: ", "Provider: Another, ")),
        ("note", "Visit: ", lambda text: without_line(text, "Visit: ")),
        ("note", "\nWritten: ", lambda text: text.replace("\nWritten: 2", "\nWritten: 1")),
        ("appointment_note", "Note: ", lambda text: text.replace("Note: ", "Note: not ")),
        ("plan_note", "Narrative: ", lambda text: text + "."),
        ("referral_note", "Status: ", lambda text: without_line(text, "Status: ")),
        ("letter_note", "Template: ", lambda text: text.replace("Template: ", "Template: Old ")),
        ("radiograph_note", "PANDA radiograph: ", lambda text: text + "1"),
        ("document_note", "File: ", lambda text: text.replace("File: ", "File: x")),
    ],
)
def test_a_changed_line_of_a_note_is_found(key_space: str, having: str, damage: Callable[[str], str]) -> None:
    made = migrated()
    key, text = first(made, "note", key_space, having)
    changed = made.different("note", made.with_value("note", key, "description", damage(text)))

    assert damage(text) != text
    assert changed.select("key", "field").rows() == [(key, "description")]


def test_a_changed_line_of_a_visit_is_found() -> None:
    made = migrated()
    key, text = first(made, "appointment", "appointment", "Provider: ")
    damaged = made.with_value("appointment", key, "description", without_line(text, "Provider: "))

    assert made.different("appointment", damaged)["key"].to_list() == [key]


@pytest.mark.parametrize("key_space", ["plan_note", "note"])
def test_of_a_text_in_parts_every_part_counts(key_space: str) -> None:
    """Of plain text to the letter, of one that was markup by its words."""
    made = migrated()
    key, heading = first(made, "note", key_space, "(part 1 of ")
    second = f"{key}-part2"
    last = int(heading.split("\n")[0].split(" ")[3].rstrip(")"))
    text = made.text("note", second)
    rows, key_field = made.records["note"], made.key_field("note")

    def differing(records: pl.DataFrame) -> set[str]:
        return set(made.different("note", records)["key"])

    assert last > 1
    assert differing(made.with_value("note", second, "description", text[:-100])) >= {second}
    assert differing(made.with_value("note", second, "description", text.replace("part 2", "part 1"))) >= {
        second
    }
    word = made.with_value("note", second, "description", text.replace("scaling", "sealing", 1))
    assert second in differing(word)
    without_last = rows.filter(pl.col(key_field) != f"{key}-part{last}")
    assert differing(without_last) > set()
    assert made.lost("note", rows.filter(pl.col(key_field) != key)) == {key}


@pytest.mark.parametrize(
    ("name", "key_space", "field", "value"),
    [
        ("deal", "plan", "deal_stage", "Lost, not"),
        ("deal", "plan", "contact", "maple:patient:999"),
        ("contact", "provider", "cf_provider_role", "Office Staff"),
        ("contact", "provider", "cf_total_referrals", 99),
        ("contact", "referrer", "cf_total_referrals", 0),
        ("contact", "referrer", "sales_account", "maple:office:p999"),
        ("contact", "patient", "cf_deepest_site", "tooth 1 MB?"),
        ("contact", "patient", "cf_sites_4mm", 999),
        ("contact", "patient", "cf_charting_visit_dates", "2020-01-01"),
        ("document", "chart", "file_name", "Periodontal chart.svg"),
        ("document", "chart", "target", "maple:patient:999"),
        ("sales_account", "office", "name", "Another office"),
        ("sales_account", "practice", "name", "Another practice"),
    ],
)
def test_another_value_is_found(name: str, key_space: str, field: str, value: object) -> None:
    made = migrated()
    key = made.key_field(name)
    one = made.records[name].filter(pl.col(key).str.starts_with(f"maple:{key_space}:"))[key][0]
    changed = made.different(name, made.with_value(name, one, field, value))

    assert changed.select("key", "field").rows() == [(one, field)]


@pytest.mark.parametrize(
    ("practice", "shown"),
    [
        ("FDI", [("Kin@example.org", None), (None, "kin@example.org")]),
        ("all systems, households, no modules", [("Kin@example.org",), (None,)]),
        ("uniqueness is off, several practices", [("Kin@example.org",), ("kin@example.org",)]),
    ],
)
def test_who_shares_an_address_shows_it_as_the_practice_chose(
    practice: str, shown: list[tuple[str | None, ...]]
) -> None:
    made = migrated(practice)
    key = made.key_field("contact")
    patients = made.raw.tables["Patient"]["PatientID"]
    relatives = [f"maple:patient:{patients[at]}" for at in (3, 9)]
    fields = ["email", "cf_other_email"][: len(shown[0])]
    rows = {row[0]: row[1:] for row in made.records["contact"].select(key, *fields).iter_rows()}

    assert [rows[each] for each in relatives] == shown
    both = made.with_value("contact", relatives[1], "email", "kin@example.org")
    found = made.different("contact", both)["key"].to_list()
    assert found == ([] if practice == "uniqueness is off, several practices" else [relatives[1]])


def test_lines_of_plans_as_notes_are_unexpected_where_there_are_modules() -> None:
    without, made = migrated("all systems, households, no modules"), migrated()
    key = made.key_field("note")
    lines = without.records["note"].filter(pl.col(key).str.starts_with("maple:plan_line_note:"))
    found = made.different("note", pl.concat([made.records["note"], lines]))

    assert set(found.select("key", "code").rows()) == {(each, "record_unexpected") for each in lines[key]}


def test_a_name_that_two_households_have_is_told_apart_by_the_id() -> None:
    made = migrated("all systems, households, no modules")
    accounts = made.records["sales_account"]
    again = accounts.filter(pl.col("name").str.contains(r"Household \(h\d+\)$"))
    key = again[made.key_field("sales_account")][0]
    bare = again["name"][0].rpartition(" ")[0]

    found = made.different("sales_account", made.with_value("sales_account", key, "name", bare))
    assert found["key"].to_list() == [key]


def test_every_field_that_a_source_fills_has_a_meaning() -> None:
    """Owners are the destination's own users, whom no raw row knows."""
    silent = []
    for practice in ("FDI", "all systems, households, no modules"):
        made = migrated(practice)
        for spec in made.mapping:
            moved = {each.to for each in spec.distinct}
            for source in spec.sources:
                told = {*meaning_of(spec.name, source.key_space).field_names, "owner_id"}
                merged = (field for each in source.merged for field in each.field_names)
                filled = {*source.rules, *merged, *moved} - {None}
                silent += [(spec.name, source.key_space, field) for field in filled - told]
    assert silent == []
