"""A row that the pipeline loses is named wherever that happens: between the server and the warehouse, in
staging, in the payload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from migration_assets.errors import SourceError, StagingRefused
from migration_assets.mapping.apply import Payload
from migration_assets.migration import payload
from migration_assets.migration.reconcile import Reconciled
from migration_assets.objects import validation
from migration_assets.panda import extract as extraction
from migration_assets_tests.integration.chart_model import KEY, TOOTH, charts
from migration_assets_tests.integration.damage import BlackBox, Checked
from migration_assets_tests.integration.installation import PRACTICE, Installation, different
from migration_assets_tests.integration.practices import generated
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

if TYPE_CHECKING:
    import pyarrow as pa

LINE, TABLE = "TreatmentPlanLine__c", "TreatmentPlanLine"
ROWS = generated().tables
LINES = ROWS[TABLE].height


@pytest.fixture(scope="module")
def black_box(sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlackBox]:
    checker = BlackBox.over(generated(), tmp_path_factory.mktemp("sql") / "databases", sandbox)
    with checker.server:
        yield checker


@dataclass(frozen=True)
class Lost:
    """Keys that the payload lost, and what was said of them.

    ``told`` is a line whose row has a record if one asks the payload's lineage; the lineage of the others
    says nothing of them.
    """

    told: str
    untold: str
    tooth: str
    reconciled: Reconciled
    checked: Checked


@pytest.fixture(scope="module")
def lost(
    template: Installation,
    sandbox: SalesforceSandbox,
    black_box: BlackBox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lost]:
    """An upload whose payload lost two lines and a tooth's own record."""
    told, untold = (f"maple:plan_line:{ROWS[TABLE]['LineID'][place]}" for place in (1, 2))
    charted = charts(ROWS)
    [tooth] = [key for key in charted.alone if charted.teeth[key]["ToothNumber__c"] in _PERMANENT]
    sandbox.control.reset()
    made = template.copy(tmp_path_factory.mktemp("losing") / "data")
    with made.in_environment():
        with pytest.MonkeyPatch.context() as patch:
            _lose(patch, {told, untold, tooth}, without_lineage={untold, tooth})
            made.build()
        made.run()
        found = Lost(told, untold, tooth, made.reconcile(), black_box.check())
    yield found
    sandbox.control.reset()


def _lose(patch: pytest.MonkeyPatch, keys: set[str], *, without_lineage: set[str]) -> None:
    """The payload is made without these records, and of some without what it says of their rows."""
    sound: Callable[..., Payload] = vars(payload)["apply"]

    def without(frame: pl.DataFrame, column: str, lost: set[str]) -> pl.DataFrame:
        return frame.filter(~pl.col(column).is_in(list(lost)))

    def apply(*arguments: Any) -> Payload:
        made = sound(*arguments)
        told = without(made.lineage, "key", without_lineage)
        return replace(made, frame=without(made.frame, made.schema.key_field, keys), lineage=told)

    patch.setattr(payload, "apply", apply)


def test_plan_lines_that_the_payload_loses_are_named_and_their_lineage_isnt_total(lost: Lost) -> None:
    """Also where the payload says of the line's row that it has a record."""
    lines = {lost.told, lost.untold}

    assert {each for each in different(lost.reconciled) if each[1] == LINE} == {
        ("meaning", LINE, line, KEY, "record_missing") for line in lines
    }
    told = lost.reconciled.reconciliation
    state = next(each.state for each in told.objects if each.object == LINE)
    assert state.in_scope == state.loaded == state.in_destination == LINES - len(lines)
    [of_lines] = [each for each in told.lineage if each.object == LINE]
    assert (of_lines.staged, of_lines.with_payload, of_lines.excused) == (LINES, LINES - len(lines), {})
    assert (of_lines.total, told.balanced, told.clean) == (False, False, False)
    assert all(lost.checked.names(f"{LINE}.{KEY} missing:", line) for line in lines)


def test_a_tooths_own_record_that_the_payload_loses_is_named_though_the_charts_lineage_is_total(
    lost: Lost,
) -> None:
    """What else was charted on a permanent tooth has wide fields, so its row has records without it."""
    assert [each for each in different(lost.reconciled) if each[1] != LINE] == [
        ("meaning", TOOTH, lost.tooth, KEY, "record_missing")
    ]
    lineage = lost.reconciled.reconciliation.lineage
    assert [(each.object, each.source_table) for each in lineage if not each.total] == [(LINE, TABLE)]
    assert lost.checked.names(f"{TOOTH}.{KEY} missing:", lost.tooth)


_PERMANENT = {str(number) for number in range(1, 33)}


def test_a_plan_line_that_staging_loses_stops_the_upload_before_any_request(
    installation: Installation, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rejects the practice allows."""
    installation.configure(reject_limit=1)
    sound = validation.judge

    def judge(candidates: validation.Candidates, *arguments: Any) -> validation.Verdict:
        verdict = sound(candidates, *arguments)
        lossy = candidates.name == "treatment_plan_lines"
        return replace(verdict, rows=verdict.rows[1:]) if lossy else verdict

    monkeypatch.setattr(validation, "judge", judge)
    told = f"treatment_plan_lines: {LINES} extracted, but {LINES - 1} staged and 0 rejected"

    with pytest.raises(StagingRefused, match=told):
        installation.build()
    with pytest.raises(StagingRefused, match=told):
        installation.migration().upload("treatment_plan_line", "run")
    assert control.requests() == []


@dataclass(frozen=True)
class _OneRowLess:
    """Batches of a table whose last row got lost on the line."""

    schema: pa.Schema
    batches: list[pa.RecordBatch]

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self.batches[:-1]
        yield self.batches[-1][:-1]


def test_a_plan_line_that_the_extraction_loses_ends_it_and_the_former_tables_stay(
    installation: Installation, black_box: BlackBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.configure(sql_port=black_box.server.port)
    installation.platform.panda_warehouse(PRACTICE).path.unlink()
    installation.extract()
    former = installation.raw(TABLE)
    sound: Callable[..., int] = vars(extraction)["store"]

    def store(session: Any, schema: str, logical: str, batches: Any) -> int:
        fewer = _OneRowLess(batches.schema, list(batches)) if logical == TABLE else batches
        return sound(session, schema, logical, fewer)

    monkeypatch.setattr(extraction, "store", store)

    with pytest.raises(SourceError, match=rf"{TABLE}: {LINES} rows were counted and {LINES - 1} read"):
        installation.extract()
    assert installation.raw(TABLE).equals(former)
    assert former.height == LINES
