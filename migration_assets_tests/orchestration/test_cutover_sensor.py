"""What the cutover sensor asks for, of which practice and when: over practices that are played, with real
practice files, a real Dagster instance and real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    SensorResult,
    build_sensor_context,
)
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test

from migration_assets.definitions import defs
from migration_assets.errors import SourceUnreachable
from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import Platform
from migration_assets.orchestration.cutover_cursor import ask_reset, load_sensor_cursor
from migration_assets.orchestration.cutover_looks import Sides
from migration_assets.orchestration.cutover_runs import JobHistory
from migration_assets.orchestration.cutover_sensor import build_cutover_sensor
from migration_assets.orchestration.resources import CutoverPace, PlatformResource, WarehouseResource
from migration_assets.orchestration.side_by_side import SideBySide
from migration_assets.panda.change_cursor import Cursor, ServerIdentity
from migration_assets.panda.changes import Changes

POLL_SECONDS = 60
WINDOW = timedelta(hours=48)
Asked = dict[str, RunRequest]


@dataclass
class PlayedPractice:
    """Source, store, tables and payload of one practice, as numbers."""

    changes: int = 0
    """In the source, found by the next poll."""
    waits: int = 0
    refreshed: int = 0
    sent: int | None = 0
    closed: bool = False
    known: Cursor | None = None
    polls: list[Cursor] = field(default_factory=list)
    resets: int = 0
    before_poll: Callable[[], None] = lambda: None

    def begun(self) -> Cursor | None:
        return self.known

    def reset(self) -> Cursor:
        self.resets += 1
        return position(0, "reset")

    def poll(self, cursor: Cursor, *, seconds: float, login_timeout_seconds: int = 3) -> Changes:
        assert (0 < seconds <= 20, login_timeout_seconds) == (True, 3)
        self.before_poll()
        self.polls.append(cursor)
        self.waits, self.changes = self.waits + self.changes, 0
        self.known = position(cursor.polls + 1)
        return Changes((), self.known, self.known.polls, self.waits, 1, 0, None)

    def waiting(self) -> int:
        return self.waits

    def progress(self) -> int:
        return self.refreshed

    def delta_progress(self) -> int | None:
        return self.sent

    def window_closed(self) -> object | None:
        return "closed" if self.closed else None

    def run(self, job: str) -> None:
        """What a run of the job does."""
        if job == "refresh_panda":
            self.refreshed += bool(self.waits)
            self.waits = 0
        else:
            self.sent = self.refreshed


def _until(freed: threading.Event) -> None:
    freed.wait(60)


def position(polls: int, store: str = "store") -> Cursor:
    return Cursor(
        server=ServerIdentity(server="s", database="d", created="2026-01-01"),
        rowversion="00",
        change_tracking=None,
        clock=datetime(2026, 12, 1),
        store=store,
        polls=polls,
        tables={},
    )


class Night:
    """The sensor, ticking by a clock of its own."""

    def __init__(self, instance: DagsterInstance, data: Path) -> None:
        self.instance, self.data = instance, data
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.begins = self.now - timedelta(hours=1)
        self.practices: dict[str, PlayedPractice] = {}
        self.cursor: str | None = None
        self.said = ""
        self.pace = CutoverPace(requests_a_tick=10, tick_seconds=20.0)
        self.restart()

    def restart(self) -> None:
        """Another process: of the former nothing is left but what Dagster stored."""
        self.sensor = build_cutover_sensor("salesforce", [], opening=self._open, now=lambda: self.now)

    def _open(self, platform: Platform, target: Target) -> Sides:
        assert platform.data == self.data and target.environment == "live"
        return Sides(self.practices[target.practice], self.practices[target.practice])

    def add(self, *practices: str, **changes: Any) -> None:
        for practice in practices:
            self.practices[practice] = PlayedPractice(known=position(0))
            self.write_file(practice, **changes)
        self.instance.add_dynamic_partitions("practice", list(practices))

    def write_file(self, practice: str, **changes: Any) -> None:
        path = self.data / "practices" / f"{practice}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({**document(practice, self.begins), **changes}), encoding="utf-8")

    def tick(self, later: float = 10) -> Asked:
        """The runs it asks for, by practice, ``later`` seconds after the last tick."""
        self.now += timedelta(seconds=later)
        warehouse = WarehouseResource()
        platform = PlatformResource(data=str(self.data), practices=None, warehouse=warehouse)
        resources = {"platform": platform, "cutover_pace": self.pace}
        with build_sensor_context(self.instance, self.cursor, resources=resources) as context:
            result = self.sensor(context)
        assert isinstance(result, SensorResult)
        self.cursor = result.cursor
        self.said = "" if result.skip_reason is None else str(result.skip_reason.skip_message)
        requests = list(result.run_requests or ())
        asked = {str(request.partition_key): request for request in requests}
        assert len(asked) == len(requests)
        return asked

    def jobs(self, later: float = 10) -> dict[str, str]:
        return {practice: str(request.job_name) for practice, request in self.tick(later).items()}

    def start(self, asked: Mapping[str, RunRequest]) -> list[DagsterRun]:
        return [self.run(practice, str(each.job_name), tags=each.tags) for practice, each in asked.items()]

    def run(
        self,
        practice: str,
        job: str,
        status: DagsterRunStatus = DagsterRunStatus.STARTED,
        tags: Mapping[str, str] | None = None,
        lock: str = "salesforce",
    ) -> DagsterRun:
        """A run of the job with the lock that our coordinator gives it."""
        held = "panda" if job == "refresh_panda" else lock
        given = {**(tags or {}), "dagster/partition": practice, f"migration/{held}": practice}
        code = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("migration_assets"), "__repository__")
        made: DagsterRun = create_run_for_test(
            self.instance,
            job_name=job,
            status=status,
            tags=given,
            remote_job_origin=RemoteJobOrigin(code, job),
        )
        return made

    def end(self, *runs: DagsterRun, succeeds: bool = True) -> None:
        for run in runs:
            if succeeds:
                self.practices[run.tags["dagster/partition"]].run(run.job_name)
                event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name)
                self.instance.report_dagster_event(event, run.run_id)
            else:
                self.instance.report_run_failed(run)


@pytest.fixture
def night(instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setenv("NIGHT_SECRET", "a long enough secret")
    return Night(instance, tmp_path)


def document(practice: str, begins: datetime) -> dict[str, Any]:
    live = {
        "instance_url": "https://127.0.0.1:9",
        "auth": {
            "flow": "client_credentials",
            "client_id": {"env": "NIGHT_SECRET"},
            "client_secret": {"env": "NIGHT_SECRET"},
        },
    }
    return {
        "practice": practice,
        "name": f"The {practice} practice",
        "time_zone": "America/New_York",
        "encryption_key": {"env": "NIGHT_SECRET"},
        "source": {"server": "s", "database": "d", "username": "u", "password": {"env": "NIGHT_SECRET"}},
        "destinations": {"salesforce": {"environments": {"rehearsal": live, "live": live}}},
        "cutover": {
            "begins": begins.isoformat(),
            "ends": (begins + WINDOW).isoformat(),
            "poll_seconds": POLL_SECONDS,
        },
    }


def test_a_change_is_refreshed_then_sent_and_then_it_is_quiet(night: Night) -> None:
    night.add("maple")
    maple = night.practices["maple"]
    assert night.jobs() == {}
    assert "nothing new: maple" in night.said

    maple.changes = 3
    assert night.jobs(10) == {}, "it isn't due"
    refresh = night.start(night.tick(POLL_SECONDS))
    assert [run.job_name for run in refresh] == ["refresh_panda"]
    assert night.jobs() == {}
    assert "maple: refresh_panda is under way" in night.said
    night.end(*refresh)

    delta = night.start(night.tick())
    assert [run.job_name for run in delta] == ["delta_salesforce"], "at once, not with the next poll"
    assert night.jobs() == {}
    night.end(*delta)
    assert night.jobs() == {}
    assert (maple.waits, maple.sent, len(maple.polls)) == (0, 1, 2)


def test_only_runs_that_hold_its_files_hold_a_practice_up(night: Night) -> None:
    night.add("ash", "birch", "cedar", "dogwood")
    for practice in night.practices.values():
        practice.changes = 1
    night.run("ash", "extract_and_stage", lock="panda")
    night.run("birch", "retry_salesforce", DagsterRunStatus.CANCELING)
    night.run("cedar", "upload_freshsales", lock="freshsales")
    night.run("dogwood", "delta_salesforce", DagsterRunStatus.NOT_STARTED)
    assert set(night.jobs()) == {"cedar", "dogwood"}, "a run that was never submitted holds up nobody"


def test_before_its_window_a_practice_isn_t_even_looked_at(night: Night) -> None:
    night.begins = night.now + timedelta(minutes=5)
    night.add("maple")
    night.practices["maple"].changes = 1
    assert night.jobs() == {}
    assert "its window begins at" in night.said
    assert not night.practices["maple"].polls
    assert night.jobs(300) == {"maple": "refresh_panda"}


def test_after_its_window_a_practice_is_drained_once_and_then_left_alone(night: Night) -> None:
    night.add("maple")
    maple = night.practices["maple"]
    night.tick()
    asked = night.tick(WINDOW.total_seconds())
    assert asked["maple"].run_config == {"ops": {"panda__refresh": {"config": {"drain": True}}}}
    assert len(maple.polls) == 1, "the drain is the run's, no tick compares every table"
    maple.waits = 2
    night.end(*night.start(asked))
    delta = night.start(night.tick())
    assert [run.job_name for run in delta] == ["delta_salesforce"]
    night.end(*delta)

    assert night.jobs() == {}
    assert "over and drained" in night.said and "go_live_salesforce" in night.said
    maple.changes = maple.waits = 5
    assert night.jobs(3600) == {}
    assert "nothing is asked of it any more" in night.said

    night.write_file("maple", cutover=document("maple", night.now)["cutover"])
    assert night.jobs() == {"maple": "refresh_panda"}, "its file has a later end"


def test_a_last_drain_or_delta_that_failed_is_asked_for_again(night: Night) -> None:
    night.add("maple")
    drain = night.start(night.tick(WINDOW.total_seconds()))
    night.end(*drain, succeeds=False)
    drain = night.start(night.tick(3600))
    assert drain[0].tags["migration/drains_window"]
    night.practices["maple"].waits = 1
    night.end(*drain)
    night.end(*night.start(night.tick()), succeeds=False)
    night.practices["maple"].sent = 1
    assert night.jobs() == {"maple": "delta_salesforce"}


def test_nothing_is_asked_of_a_window_that_was_closed(night: Night) -> None:
    night.add("maple")
    night.practices["maple"].closed = True
    night.practices["maple"].changes = 1
    assert night.jobs() == {} and "its window is closed" in night.said
    assert night.jobs(3600) == {} and not night.practices["maple"].polls


def test_a_tick_asks_for_so_many_runs_and_whoever_waited_longest_comes_first(night: Night) -> None:
    night.pace = CutoverPace(requests_a_tick=2)
    night.add("ash", "birch", "cedar", "dogwood", "elm")
    for practice in night.practices.values():
        practice.changes = 1
    rounds = []
    for _ in range(3):
        asked = night.tick()
        rounds.append(sorted(asked))
        night.start(asked)
    assert rounds == [["ash", "birch"], ["cedar", "dogwood"], ["elm"]]
    assert all(len(practice.polls) == 1 for practice in night.practices.values())


def test_a_practice_that_can_t_be_reached_is_told_and_the_others_are_served(night: Night) -> None:
    night.add("maple", "oak")
    night.tick()
    former = load_sensor_cursor(night.cursor).practices["oak"]

    def unreachable() -> None:
        raise SourceUnreachable("practice oak: its server doesn't answer; try again")

    def broken() -> None:
        raise ValueError("Quillington")

    night.practices["maple"].changes = 1
    night.practices["oak"].before_poll = unreachable
    assert night.jobs(POLL_SECONDS) == {"maple": "refresh_panda"}
    after = load_sensor_cursor(night.cursor).practices["oak"]
    assert (after.cursor, after.polled_at) == (former.cursor, former.polled_at)

    night.practices["maple"].waits = 0
    night.jobs(POLL_SECONDS)
    assert "its server doesn't answer" in night.said
    night.practices["oak"].before_poll = broken
    night.jobs(POLL_SECONDS)
    assert "unexpected ValueError" in night.said and "Quillington" not in night.said


def test_a_practice_whose_file_is_broken_keeps_its_entry(night: Night) -> None:
    night.add("maple", "oak")
    night.tick()
    before = load_sensor_cursor(night.cursor).practices["oak"]
    good = (night.data / "practices" / "oak.yaml").read_text()
    (night.data / "practices" / "oak.yaml").write_text(good.replace("America/New_York", "Mars"))
    night.practices["maple"].changes = 1
    assert night.jobs(POLL_SECONDS) == {"maple": "refresh_panda"}
    assert load_sensor_cursor(night.cursor).practices["oak"] == before
    night.practices["maple"].waits = 0
    night.tick()
    assert "oak.yaml" in night.said


def test_a_poll_that_hangs_holds_up_its_practice_alone_and_is_taken_when_it_is_done(night: Night) -> None:
    night.pace = CutoverPace(tick_seconds=0.5, polls_at_once=2)
    night.add("ash", "birch", "cedar")
    freed = threading.Event()
    for practice in night.practices.values():
        practice.changes = 1
    ash = night.practices["ash"]
    ash.before_poll = lambda: _until(freed)
    started = monotonic()
    assert set(night.jobs()) == {"birch", "cedar"}
    assert monotonic() - started < 2
    assert load_sensor_cursor(night.cursor).practices["ash"].cursor is None
    assert night.jobs(POLL_SECONDS).get("ash") is None
    freed.set()
    while not ash.polls:
        freed.wait(0.01)
    assert night.jobs()["ash"] == "refresh_panda"
    assert len(ash.polls) == 1, "what it found late is what it is asked for"


def test_a_practice_that_had_no_turn_in_a_tick_is_first_in_the_next(night: Night) -> None:
    night.pace = CutoverPace(tick_seconds=0.3, polls_at_once=1)
    night.add("ash", "birch")
    freed = threading.Event()
    night.practices["ash"].before_poll = lambda: _until(freed)
    night.practices["birch"].changes = 1
    assert night.jobs() == {}
    assert "ash: being looked at since" in night.said and "birch: had no turn" in night.said
    assert night.jobs() == {"birch": "refresh_panda"}
    freed.set()


def test_after_a_run_that_failed_the_next_waits_longer_each_time(night: Night) -> None:
    night.add("maple")
    night.practices["maple"].changes = 1
    night.end(*night.start(night.tick()), succeeds=False)
    assert night.jobs() == {}
    assert "1 changed rows wait; refresh_panda waits until" in night.said
    night.end(*night.start(night.tick(POLL_SECONDS)), succeeds=False)
    assert night.jobs(30) == {}
    assert night.jobs(30) == {"maple": "refresh_panda"}


def test_the_longest_wait_is_ten_minutes() -> None:
    ended = datetime(2026, 12, 1, tzinfo=UTC)
    waits = [JobHistory(failures, ended).next_at(60) for failures in range(8)]
    minutes = [None if each is None else (each - ended).total_seconds() / 60 for each in waits]
    assert minutes == [None, 1, 2, 4, 8, 10, 10, 10]


def test_a_delta_that_was_killed_is_asked_for_again_and_refreshes_go_on_meanwhile(night: Night) -> None:
    night.add("maple")
    maple = night.practices["maple"]
    maple.refreshed = 1
    killed = night.start(night.tick())
    maple.sent = 1  # its payload was built before it was killed
    night.end(*killed, succeeds=False)
    maple.changes = 1
    assert night.jobs() == {"maple": "refresh_panda"}, "a correction in PANDA may be what the delta lacks"
    assert night.jobs(POLL_SECONDS) == {"maple": "delta_salesforce"}


def test_without_a_payload_to_follow_no_delta_is_asked_for(night: Night) -> None:
    night.add("maple")
    night.practices["maple"].sent = None
    night.practices["maple"].refreshed = 4
    assert night.jobs() == {}
    assert "run upload_salesforce first" in night.said


def test_where_detection_was_not_begun_it_says_what_to_do(night: Night) -> None:
    night.add("maple")
    night.practices["maple"].known = None
    assert night.jobs() == {}
    assert "materialise panda/change_detection" in night.said


def test_another_process_goes_on_where_the_last_one_was(night: Night) -> None:
    night.add("maple")
    for _ in range(2):
        night.tick(POLL_SECONDS)
    night.restart()
    night.tick(POLL_SECONDS)
    assert [each.polls for each in night.practices["maple"].polls] == [0, 1, 2]
    assert '"format":1' in str(night.cursor)


def test_a_cursor_goes_on_with_the_practice_s_own_store(night: Night) -> None:
    """An extraction begins anew; a last drain, or another destination's sensor, has looked meanwhile."""
    night.add("maple")
    maple = night.practices["maple"]
    night.tick(POLL_SECONDS)
    maple.known = position(7)
    night.tick(POLL_SECONDS)
    maple.known = position(0, "begun anew")
    night.tick(POLL_SECONDS)
    assert [(each.store, each.polls) for each in maple.polls] == [
        ("store", 0),
        ("store", 7),
        ("begun anew", 0),
    ]


def test_a_reset_is_obeyed_once_even_when_it_comes_in_the_middle_of_a_tick(night: Night) -> None:
    night.add("maple")
    maple = night.practices["maple"]
    night.tick(POLL_SECONDS)
    maple.before_poll = lambda: ask_reset(night.instance, "salesforce", "maple")
    night.tick(POLL_SECONDS)
    maple.before_poll = lambda: None
    assert maple.resets == 0
    night.tick()
    night.tick(POLL_SECONDS)
    assert maple.resets == 1
    assert [each.store for each in maple.polls] == ["store", "store", "reset", "store"]


def test_a_cursor_that_nobody_can_read_is_begun_again(night: Night) -> None:
    night.add("maple")
    night.cursor = '{"format": 2}'
    assert night.jobs() == {}
    assert "can't be read" in night.said
    assert "maple" in load_sensor_cursor(night.cursor).practices


def test_each_request_has_a_key_of_its_own(night: Night) -> None:
    night.add("maple", "oak")
    for practice in night.practices.values():
        practice.changes = 1
    keys = [request.run_key for _ in range(3) for request in night.tick(POLL_SECONDS).values()]
    assert len(set(keys)) == len(keys) == 6


def test_the_sensor_is_off_until_somebody_switches_it_on() -> None:
    for destination in ("salesforce", "freshsales"):
        sensor = defs.resolve_sensor_def(f"cutover_{destination}")
        assert sensor.default_status is DefaultSensorStatus.STOPPED
        assert {job.name for job in sensor.jobs} == {"refresh_panda", f"delta_{destination}"}
        assert sensor.minimum_interval_seconds == 10


def test_work_side_by_side_is_never_done_twice_at_once() -> None:
    freed, begun = threading.Event(), []

    def work() -> int:
        begun.append(threading.current_thread())
        freed.wait(60)
        return 7

    looks: SideBySide[int] = SideBySide()
    assert looks.run({"maple": work}, 0.05, at_once=1) == {}
    assert looks.run({"maple": work, "oak": lambda: 1}, 0.05, at_once=1) == {"oak": 1}
    assert begun[0].daemon and len(begun) == 1
    freed.set()
    begun[0].join()
    assert looks.run({"maple": lambda: 0}, 0.05, at_once=1) == {"maple": 7}
    assert looks.unfinished() == {}


def test_a_run_that_waits_for_its_turn_is_told_from_one_that_works(night: Night) -> None:
    night.add("maple")
    night.run("maple", "delta_salesforce", DagsterRunStatus.QUEUED)
    night.practices["maple"].changes = 1

    assert night.jobs() == {}
    assert "maple: delta_salesforce waits in the queue" in night.said
