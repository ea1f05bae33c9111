"""Every code that a reconciliation can hold has a cause and a remedy; the codes are found in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import migration_assets
from migration_assets.destinations.base import KEY_CHANGED, RECORD_GONE
from migration_assets.destinations.freshsales import answers, errors_of_api
from migration_assets.destinations.salesforce import failures
from migration_assets.mapping import apply, problems
from migration_assets.migration.ledger import Outcome
from migration_assets.migration.owners import Outcome as UserOutcome
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.reconcile import PARENT_NOT_STAGED
from migration_assets.objects import measure_rows
from migration_assets.reports.wording import wording

ROOT = Path(migration_assets.__file__).parent
WORDS = {name: wording(name) for name in ("salesforce", "freshsales")}


def trees(folder: str) -> Iterator[ast.Module]:
    for path in sorted((ROOT / folder).glob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def named(tree: ast.Module, *makers: str) -> Iterator[str]:
    """Codes that stand as text in a call of a maker: a hold's second argument, a result's ``code``."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in makers):
            continue
        second = node.args[1:2] if ast.unparse(node.func) == "Hold" else []
        given = [*second, *(each.value for each in node.keywords if each.arg == "code")]
        yield from (str(each.value) for each in given if isinstance(each, ast.Constant))


def sentences(tree: ast.Module) -> Iterator[str]:
    """Keys of the dictionaries of sentences that an object's file states."""
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id.endswith("SENTENCES") and isinstance(value, ast.Dict):
            yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))


def codes_of_the_source() -> set[str]:
    found = {code for tree in trees("objects") for code in sentences(tree)}
    assert {"duplicate_tooth", "missing_key", "invalid_email", "document_missing"} <= found
    return found


def codes_of_loading() -> set[str]:
    found = {code for tree in trees("migration") for code in named(tree, "Hold", "LoadResult")}
    assert {"parent_absent", "job_lost"} <= found
    # What a record without a code of its own is listed by is how its sending ended.
    endings = {each.value for each in Outcome if each is not Outcome.LOADED}
    return found | endings | set(problems.MESSAGES) | {PARENT_NOT_STAGED, "chart_incomplete"}


def codes_of_salesforce() -> set[str]:
    own = {code for tree in trees("destinations/salesforce") for code in named(tree, "LoadResult")}
    others = {failures.FILE_TOO_LARGE, failures.UNKNOWN, KEY_CHANGED, RECORD_GONE}
    return own | set(failures.SENTENCES) | others


def codes_of_freshsales() -> set[str]:
    """Of its modules' own sentences, and of the constants that a result is made with."""
    told = {code for tree in trees("destinations/freshsales") for code in named(tree, "LoadResult")}
    found = told | set(errors_of_api.SENTENCES) | set(answers._SENTENCES) | {errors_of_api.UNKNOWN}
    assert constants() <= found
    return found


def constants() -> set[str]:
    """Every code that has a name where answers are understood."""
    return {
        ast.literal_eval(node.value)
        for module in ("answers", "errors_of_api")
        for node in ast.parse((ROOT / f"destinations/freshsales/{module}.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }


CODES = {"salesforce": codes_of_salesforce, "freshsales": codes_of_freshsales}


@pytest.mark.parametrize("destination", CODES)
def test_every_code_has_a_cause_and_a_remedy(destination: str) -> None:
    own = codes_of_the_source() | codes_of_loading()
    assert sorted((own | CODES[destination]()) - WORDS[destination].codes.keys()) == []


@pytest.mark.parametrize("destination", CODES)
def test_no_sentence_is_left_of_a_code_that_is_gone(destination: str) -> None:
    words = WORDS[destination]
    assert sorted(words.own.codes.keys() - codes_of_the_source() - codes_of_loading()) == []
    assert sorted(words.destination.failures.keys() - CODES[destination]()) == []


def test_every_reason_of_an_excused_row_has_a_sentence() -> None:
    sources = [source for name in CODES for spec in load_mapping(name) for source in spec.sources]
    reasons = {apply.RECORD_REJECTED, apply.EXAM_REJECTED, apply.NO_WIDE_FIELD}
    reasons |= {source.otherwise for source in sources if source.otherwise}
    words = WORDS["salesforce"]
    assert reasons | {measure_rows.MEASURE_NOT_MIGRATED} == set(words.own.reasons)
    assert all(words.reason(outcome.value).endswith(".") for outcome in UserOutcome)


@pytest.mark.parametrize("destination", CODES)
def test_every_object_that_people_see_has_a_place(destination: str) -> None:
    places = WORDS[destination].destination.places

    assert places.keys() <= {spec.name for spec in load_mapping(destination)}
    if destination == "freshsales":
        assert places.keys() == {spec.name for spec in load_mapping(destination)}


def test_a_code_that_nobody_has_written_of_is_told_in_its_own_words() -> None:
    told = WORDS["salesforce"].remedy("APEX_ERROR", "the platform refused the record")

    assert told.cause == "The platform refused the record."
    assert told.remedy
