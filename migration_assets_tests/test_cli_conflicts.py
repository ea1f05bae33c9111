"""A person reads which values were edited in the destination, and decides whose stay."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from migration_assets.cli import app
from migration_assets.errors import ConfigurationError
from migration_assets.migration.conflict_deciding import conflict_store
from migration_assets.migration.conflict_store import ConflictStore, decided_for_source
from migration_assets.migration.conflicts import WHOLE_RECORD, Conflict
from migration_assets.migration.decisions import ConflictsDecided
from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import default_platform
from migration_assets.migration.target_access import TargetAccess
from migration_assets_tests.test_cli import FILE, own_environment

ONE, TWO = "maple:patient:1", "maple:patient:2"
VALUES = ("+1 555 0100", "+1 555 0111", "+1 555 0199", "Quillfeather <b>", "Amesbury")


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TargetAccess:
    (tmp_path / "practices").mkdir()
    (tmp_path / "practices" / "maple.yaml").write_text(FILE, encoding="utf-8")
    for name, value in own_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return TargetAccess(default_platform(), Target("maple", "salesforce", "live"))


@pytest.fixture
def store(access: TargetAccess) -> ConflictStore:
    """Three open conflicts of two contacts, one of which is gone."""
    phone, changed, theirs, name, other = VALUES
    made = conflict_store(access)
    conflicts = [
        Conflict(ONE, "Phone", phone, changed, theirs),
        Conflict(ONE, "LastName", name, name, other),
        Conflict(TWO, WHOLE_RECORD, None, {"LastName": "Vale"}, None),
    ]
    made.found("Contact", conflicts, {ONE: {"Title": "Org only", "Phone": theirs}}, "list", "delta-1")
    return made


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.usefixtures("store")
def test_the_page_holds_both_values_and_the_terminal_and_the_log_none(
    access: TargetAccess, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        shown = call("conflicts", "maple", "salesforce")

    assert shown.exit_code == 0, shown.output
    directory = access.platform.report_directory(access.target)
    page, document = directory / "conflicts.html", directory / "conflicts.json"
    text = page.read_text(encoding="utf-8")
    for value in (*VALUES[:3], "Quillfeather &lt;b&gt;", "Amesbury", "Org only", "deleted there", "Vale"):
        assert value in text
    assert [stat.S_IMODE(path.stat().st_mode) for path in (page, document)] == [0o600, 0o600]
    assert json.loads(document.read_text(encoding="utf-8"))["counts"] == {
        "Contact": {"open": 3, "crm": 0, "source": 0}
    }
    for value in (*VALUES, "Org only"):
        assert value not in shown.output
        assert value not in caplog.text
    assert "decide-conflicts maple salesforce" in shown.output


def test_all_that_is_open_is_decided_at_once_and_the_log_names_counts(
    access: TargetAccess, store: ConflictStore
) -> None:
    decided = call("decide-conflicts", "maple", "salesforce", "--take", "source", "--decided-by", "Dr. Vale")

    assert decided.exit_code == 0, decided.output
    assert "decided about 3 conflicts, source is taken" in decided.output
    assert decided_for_source(store.standing()) == {"Contact": {ONE, TWO}}
    (entry,) = access.decisions.entries()
    assert isinstance(entry, ConflictsDecided)
    assert (entry.take, entry.decided_by, dict(entry.counts)) == ("source", "Dr. Vale", {"Contact": 3})
    assert ONE not in entry.model_dump_json()


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        (f"Contact:{ONE}:Phone", {"Phone"}),
        (f"Contact:{ONE}", {"Phone", "LastName"}),
        (f"Contact:{TWO}", {WHOLE_RECORD}),
    ],
)
def test_one_record_or_one_field_is_decided_alone(store: ConflictStore, named: str, fields: set[str]) -> None:
    arguments = ("--take", "crm", "--decided-by", "Dr. Vale", "--record", named)
    assert call("decide-conflicts", "maple", "salesforce", *arguments).exit_code == 0

    decided = [each for each in store.standing() if each.event == "decided"]
    assert {each.conflict.field for each in decided} == fields
    assert {each.decided_by for each in decided} == {"Dr. Vale"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--take", "crm", "--decided-by", "Dr. Vale", "--record", f"Contact:{ONE}:Fax"),
        ("--take", "crm", "--decided-by", "  "),
    ],
)
def test_what_can_t_be_decided_decides_nothing(
    access: TargetAccess, store: ConflictStore, arguments: tuple[str, ...]
) -> None:
    failed = call("decide-conflicts", "maple", "salesforce", *arguments)

    assert isinstance(failed.exception, ConfigurationError)
    assert ONE not in str(failed.exception)
    assert all(each.event == "found" for each in store.standing())
    assert access.decisions.entries() == []


def test_without_conflicts_there_is_nothing_to_decide(access: TargetAccess) -> None:
    assert "no conflicts" in call("conflicts", "maple", "salesforce").output
    decided = call("decide-conflicts", "maple", "salesforce", "--take", "crm", "--decided-by", "Dr. Vale")
    assert "no conflict is open" in decided.output
    assert not any(isinstance(each, ConflictsDecided) for each in access.decisions.entries())
