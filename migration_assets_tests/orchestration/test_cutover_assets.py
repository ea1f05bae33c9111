"""What Dagster shows of a cutover, and when a window may be closed; the engine is played, the board is not
looked into."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import yaml
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult, JobDefinition

from migration_assets.definitions import build_defs
from migration_assets.migration.decisions import Head
from migration_assets.migration.delta_operations import DeltaOutcome, Drained
from migration_assets.migration.detection import CHOICES_COLUMNS, Begun, Detection, Refreshed
from migration_assets.migration.load import UploadSummary
from migration_assets.migration.operations import Migration
from migration_assets.orchestration import delta_assets
from migration_assets.orchestration.cutover_assets import GO_LIVE_TAG
from migration_assets.orchestration.cutover_jobs import go_live_config
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets_tests.orchestration.installation import failure_messages, metadata, verdicts
from migration_assets_tests.orchestration.test_cutover_sensor import document, position

HEAD = Head(7, "f" * 64)
CHOICES = pl.DataFrame(
    [
        ("Patient", "rowversion", "RowVersion", "it has one", "by keys", False, 65),
        ("Letter", "compare", None, "it has neither", "by comparing", True, 400),
    ],
    schema=CHOICES_COLUMNS,
    orient="row",
)
AGREES = Drained(0, 0, 0, 0, 0, 12, 0)
SENT = DeltaOutcome(
    sequence=4,
    uploads=(
        UploadSummary("Contact", 3, 2, 1, 1, 1, 0, 0),
        UploadSummary("Event", 1, 0, 0, 0, 1, 0, 0),
    ),
    conflicts={"Contact": 2},
    deletions={"retained": 1},
    found=2,
    different=0,
    seconds=0.5,
)


@dataclass
class Engine:
    """What is asked of it stands in ``asked``, in order."""

    drained: Drained = AGREES
    different: int = 0
    refreshed: int = 4
    closed_by: str | None = None
    asked: list[tuple[str, Any]] = field(default_factory=list)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    played = Engine()
    monkeypatch.setenv("NIGHT_SECRET", "a long enough secret")

    def refresh(_: Detection, run_id: str, *, drain: bool = False) -> Refreshed:
        assert run_id
        played.asked.append(("refresh", drain))
        return Refreshed(4, {"Patient": 2, "Letter": 1}, {"Letter": 3}, 5, (), 6, 0.25, 1)

    def send_delta(_: Migration, _run: str, _watch: object, *, everything: bool = False) -> DeltaOutcome:
        played.asked.append(("delta", everything))
        return SENT

    def drained(_: Migration, _run: str) -> Drained:
        played.asked.append(("drained", None))
        return played.drained

    def close_window(_: Migration, _run: str, closed_by: str) -> None:
        played.closed_by = closed_by

    def reconciled(_directory: Path) -> Any:
        return SimpleNamespace(run_id=RUN, balanced=True, different=played.different)

    pages = (tmp_path / "cutover.html", tmp_path / "cutover.json")
    for name, function in (
        ("send_delta", send_delta),
        ("drained", drained),
        ("close_window", close_window),
        ("window_closed", lambda _: played.closed_by),
        ("audit_head", lambda _: HEAD),
        ("note_exported", lambda *_: HEAD),
    ):
        monkeypatch.setattr(Migration, name, function)
    monkeypatch.setattr(Detection, "begin", lambda _: Begun(position(0), CHOICES))
    monkeypatch.setattr(Detection, "refresh", refresh)
    monkeypatch.setattr(Detection, "progress", lambda _: played.refreshed)
    monkeypatch.setattr(Migration, "delta_progress", lambda _: 4)
    monkeypatch.setattr(delta_assets, "read_reconciliation", reconciled)
    monkeypatch.setattr(delta_assets, "write_board_of", lambda *_: (pages, {"waiting": 0}))
    return played


RUN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    data = tmp_path_factory.mktemp("house")
    platform = PlatformResource(data=str(data), practices=None, warehouse=WarehouseResource())
    return House(data, build_defs({"platform": platform}).resolve_implicit_global_asset_job_def())


@dataclass(frozen=True)
class House:
    data: Path
    job: JobDefinition


def run(
    house: House,
    *assets: str,
    cutover: bool = True,
    begins: timedelta = timedelta(hours=-1),
    config: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> ExecuteInProcessResult:
    written = document("maple", datetime.now(UTC) + begins)
    if not cutover:
        del written["cutover"]
    (house.data / "practices").mkdir(exist_ok=True)
    (house.data / "practices" / "maple.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("practice", ["maple"])
        return house.job.execute_in_process(
            partition_key="maple",
            instance=instance,
            asset_selection=[AssetKey(name.split("/")) for name in assets],
            run_config=config,
            tags=tags,
            run_id=RUN,
            raise_on_error=False,
        )


def go_live(house: House, closed_by: str = "Dr. Ames", **how: Any) -> ExecuteInProcessResult:
    """The steps of going live that are the cutover's own."""
    return run(
        house,
        *("panda/refresh", "salesforce/delta", "salesforce/cutover"),
        config=go_live_config("salesforce", closed_by),
        tags={GO_LIVE_TAG: "salesforce"},
        **how,
    )


@pytest.mark.usefixtures("engine")
def test_the_plan_of_detection_says_how_why_and_what_a_look_costs(house: House) -> None:
    shown = metadata(run(house, "panda/change_detection"), "panda/change_detection")
    rows = [record.data for record in shown["strategies"].records]
    assert [(row["table"], row["rows_a_look"], row["every_seconds"]) for row in rows] == [
        ("Patient", 0, 60),
        ("Letter", 400, 3600),
    ]
    assert (rows[0]["reason"], rows[1]["deletions"]) == ("it has one", "by comparing")
    assert (shown["tables_read_whole"], shown["rows_of_a_look"]) == (1, 400)


def test_a_refresh_tells_what_changed_by_table(engine: Engine, house: House) -> None:
    result = run(house, "panda/refresh")
    shown = metadata(result, "panda/refresh")
    assert [record.data for record in shown["changes"].records] == [
        {"table": "Patient", "changed": 2, "deleted": 0},
        {"table": "Letter", "changed": 1, "deleted": 3},
    ]
    assert (shown["sequence"], shown["units"], shown["found_by_drain"]) == (4, 5, 1)
    assert engine.asked == [("refresh", False)]
    run(house, "panda/refresh", config={"ops": {"panda__refresh": {"config": {"drain": True}}}})
    assert engine.asked[1:] == [("refresh", True)]


def test_a_delta_is_told_by_object_and_seen_on_the_uploads_that_it_sent(engine: Engine, house: House) -> None:
    result = run(house, "salesforce/delta")
    shown = metadata(result, "salesforce/delta")
    assert [
        (row.data["object"], row.data["sent"], row.data["conflicts"]) for row in shown["objects"].records
    ] == [
        ("Contact", 2, 2),
        ("Event", 0, 0),
    ]
    assert (shown["found"], shown["different"], shown["audit_log"]) == (2, 0, f"7:{HEAD.link}")
    seen = [
        each.asset_observation_data.asset_observation
        for each in result.all_events
        if each.event_type_value == "ASSET_OBSERVATION"
    ]
    assert [(each.asset_key.to_user_string(), each.partition) for each in seen] == [
        ("salesforce/contact", "maple")
    ]
    assert verdicts(result) == {
        "salesforce/delta may_upload": True,
        "salesforce/delta failures": True,
        "salesforce/delta conflicts": False,
    }
    assert engine.asked == [("delta", False)]


def test_a_practice_without_a_cutover_is_passed_over_in_a_run_of_everything(
    engine: Engine, house: House
) -> None:
    names = ("panda/change_detection", "panda/refresh", "salesforce/delta", "salesforce/cutover")
    result = run(house, *names, "freshsales/field_inventory", cutover=False)
    assert failure_messages(result) == {}
    for name in names:
        assert "'cutover'" in metadata(result, name)["passed_over"]
    assert set(verdicts(result).values()) == {True} and len(verdicts(result)) == 4
    assert engine.asked == []

    by_name = run(house, "salesforce/delta", cutover=False)
    assert "add that part" in failure_messages(by_name)["salesforce__delta"]


def test_a_delta_of_a_whole_load_leaves_the_scope_as_it_is_where_nothing_was_refreshed(
    engine: Engine, house: House
) -> None:
    """The reconciliation that follows is to be of all records."""
    names = ("salesforce/delta", "salesforce/reconciliation")
    result = run(house, *names)
    assert "nothing was refreshed" in metadata(result, "salesforce/delta")["passed_over"]
    engine.refreshed = 5
    run(house, *names)
    assert engine.asked == [("delta", True)]


def test_before_the_window_the_board_reads_neither_side(engine: Engine, house: House) -> None:
    result = run(house, "salesforce/cutover", begins=timedelta(hours=1))
    assert result.success
    assert engine.asked == []
    assert verdicts(result) == {"salesforce/cutover drained": True}


def test_a_board_of_an_open_window_says_what_is_on_its_way_and_closes_nothing(
    engine: Engine, house: House
) -> None:
    engine.drained = replace(AGREES, source_changes=3)
    result = run(house, "salesforce/cutover")
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity.value, check.metadata["source_changes"].value) == (False, "WARN", 3)
    assert engine.closed_by is None


def test_going_live_drains_sends_everything_and_closes_the_window(engine: Engine, house: House) -> None:
    result = go_live(house)
    assert failure_messages(result) == {}
    assert engine.asked == [("refresh", True), ("delta", True), ("drained", None)]
    assert engine.closed_by == "Dr. Ames"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"drained": replace(AGREES, not_sent=1_200)}, "1,200 records aren't sent"),
        ({"drained": replace(AGREES, source_changes=1)}, "1 rows have changed in PANDA since"),
        ({"different": 2}, "2 fields differ"),
    ],
)
def test_a_window_stays_open_where_anything_is_missing(
    engine: Engine, house: House, changes: dict[str, Any], said: str
) -> None:
    for name, value in changes.items():
        setattr(engine, name, value)
    result = go_live(house)
    assert "the window stays open" in failure_messages(result)["salesforce__cutover"]
    assert said in failure_messages(result)["salesforce__cutover"]
    assert metadata(result, "salesforce/cutover")["waiting"] == 0, "the board shows it all the same"
    assert engine.closed_by is None


def test_who_closes_the_window_is_asked_before_anything_is_done(engine: Engine, house: House) -> None:
    for closed_by in ("", "  "):
        said = failure_messages(go_live(house, closed_by))["panda__refresh"]
        assert "closed_by of salesforce__cutover" in said
    assert engine.asked == []
