"""Change detection against a database whose every change is known: each strategy under each trap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_assets.errors import ConfigurationError, SourceError, WarehouseTableMissing
from migration_assets.panda.change_cursor import Cursor, Strategy, load_cursor
from migration_assets.panda.change_looking import Pace
from migration_assets.panda.change_store import ChangeStore
from migration_assets.panda.changes import Changes, begin_detection, last_drain, poll, reset_cursor
from migration_assets.panda.profile import Profile
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests.panda.changing_server import (
    MODIFIED_AT,
    NO_VERSION,
    ROWVERSION,
    TABLE,
    ChangingServer,
    Row,
)

AT_ONCE = Pace(compare_every=timedelta(0))
ONE_THREAD = DuckDBSettings(threads=1)


@dataclass
class Follower:
    """What a refresh does: takes the pending keys, reads their rows, acknowledges."""

    server: ChangingServer
    profile: Profile
    store: Warehouse
    cursor: Cursor
    copy: dict[int, str] = field(default_factory=dict)

    def poll(self, pace: Pace = AT_ONCE, *, lose_cursor: bool = False, refresh: bool = True) -> Changes:
        return self._take(
            poll(self.server.source, self.profile, self.cursor, self.store, pace), lose_cursor, refresh
        )

    def drain(self) -> Changes:
        return self._take(last_drain(self.server.source, self.profile, self.cursor, self.store), False, True)

    def _take(self, changes: Changes, lose_cursor: bool, refresh: bool) -> Changes:
        if not lose_cursor:
            self.cursor = load_cursor(changes.cursor.dumped())
        if refresh:
            self._refresh(changes.poll)
        return changes

    def _refresh(self, upto: int) -> None:
        with self.store.open() as session:
            store = ChangeStore(session)
            for page in store.pending(TABLE, upto, page_rows=3):
                for key, deleted in page.iter_rows():
                    row = None if deleted else self.server.rows.get(int(key))
                    if row is None:
                        self.copy.pop(int(key), None)
                    else:
                        self.copy[int(key)] = row.value
            store.acknowledge(upto)


KINDS = {
    "change tracking": (("RowVer",), True, ROWVERSION),
    "rowversion": (("RowVer",), False, ROWVERSION),
    "modified-at": (("ModifiedAt",), False, MODIFIED_AT),
    "compare": ((), False, NO_VERSION),
}
SURE = ("change tracking", "rowversion", "compare")


@contextmanager
def following(folder: Path, kind: str, rows: int = 5, *, snapshot: bool = True) -> Iterator[Follower]:
    versions, tracking, profile = KINDS[kind]
    server = ChangingServer(versions=versions, tracking=tracking, snapshot=snapshot)
    for key in range(1, rows + 1):
        server.write(key, f"value {key}")
    extracted = Warehouse(folder / "panda.duckdb", ONE_THREAD)
    with extracted.open() as session:
        session.replace_table("panda", TABLE, server.table())
        mark = {
            "batch_id": "b",
            "logical_table": TABLE,
            "extracted_at": datetime.now(UTC),
            "min_active_rowversion": server.bound.to_bytes(8).hex(),
            "change_tracking_version": server.version if tracking else None,
            "max_modified_at": server.clock,
        }
        session.replace_table(
            "panda",
            "extractions",
            pl.DataFrame([mark], schema_overrides={"change_tracking_version": pl.Int64}),
        )
    store = Warehouse(folder / "changes.duckdb", ONE_THREAD)
    cursor, _ = begin_detection(server.source, profile, extracted, store, [TABLE])
    yield Follower(server, profile, store, cursor, server.values())


@pytest.fixture(params=KINDS)
def follower(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Follower]:
    with following(tmp_path, request.param) as made:
        yield made


@pytest.fixture(params=SURE)
def sure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Follower]:
    with following(tmp_path, request.param) as made:
        yield made


def test_the_first_preferred_strategy_that_serves_is_chosen_and_says_why(tmp_path: Path) -> None:
    for number, (kind, strategy) in enumerate(zip(KINDS, Strategy, strict=True)):
        folder = tmp_path / str(number)
        with following(folder, kind) as made:
            again = Warehouse(folder / "again.duckdb", ONE_THREAD)
            extracted = Warehouse(folder / "panda.duckdb", ONE_THREAD)
            _, (choice,) = begin_detection(made.server.source, made.profile, extracted, again, [TABLE])
        assert choice.strategy is strategy
        assert "dbo.Thing" in choice.reason


@pytest.mark.parametrize("kind", ["change tracking", "rowversion"])
def test_a_poll_that_finds_nothing_asks_one_small_query_and_reads_no_row(kind: str, tmp_path: Path) -> None:
    with following(tmp_path, kind) as follower:
        changes = follower.poll()
    # The database's versions, the oldest tracked versions where there are any, and the table.
    assert changes.queries == (3 if kind == "change tracking" else 2)
    assert (changes.found, changes.rows_read) == (0, 0)


def test_insert_update_and_delete_are_found(follower: Follower) -> None:
    follower.server.write(9, "new")
    follower.server.write(1, "other")
    follower.server.delete(2)
    changes = follower.poll()
    assert (changes.tables[0].changed, changes.tables[0].deleted) == (2, 1)
    assert follower.copy == follower.server.values()
    assert follower.poll().found == 0


def test_a_row_changed_twice_is_one_change_and_one_changed_back_is_none(sure: Follower) -> None:
    sure.server.write(1, "once")
    sure.server.write(1, "twice")
    sure.server.write(2, "away")
    sure.server.write(2, "value 2")
    assert sure.poll().found == (1 if "ModifiedAt" not in sure.server.versions else 2)
    assert sure.copy == sure.server.values()


def test_a_changed_primary_key_is_a_new_row_and_a_deletion(follower: Follower) -> None:
    follower.server.move(1, 77)
    changes = follower.poll()
    assert (changes.tables[0].changed, changes.tables[0].deleted) == (1, 1)
    assert follower.copy == follower.server.values()


def test_a_transaction_that_commits_after_later_ones_is_not_passed(follower: Follower) -> None:
    follower.server.write_slowly(1, "slow")
    follower.server.write(2, "quick")
    follower.poll()
    assert follower.copy[2] == "quick"
    follower.server.pass_time(60)
    follower.poll()
    follower.server.commit_first()
    follower.poll()
    assert follower.copy == follower.server.values()


def test_a_table_truncated_and_refilled_leaves_only_its_new_rows(follower: Follower) -> None:
    follower.server.truncate()
    for key in (1, 2, 10, 11, 12):
        follower.server.write(key, f"refilled {key}")
    follower.poll()
    assert follower.copy == follower.server.values()


def test_a_source_clock_that_runs_backwards_makes_a_modified_at_table_be_compared(tmp_path: Path) -> None:
    with following(tmp_path, "modified-at") as follower:
        follower.server.pass_time(-600)
        follower.server.write(1, "written ten hours ago, says the clock")
        changes = follower.poll()
        assert changes.tables[0].compared == "the server's clock went back since the last poll"
        assert follower.copy == follower.server.values()
        follower.server.write(2, "and after")
        assert follower.poll().tables[0].compared is None
        assert follower.copy == follower.server.values()


@pytest.mark.parametrize("pace", [Pace(seconds=-1), Pace(most_rows=0)])
def test_a_clock_that_went_back_is_remembered_for_a_table_that_a_poll_did_not_read(
    pace: Pace, tmp_path: Path
) -> None:
    with following(tmp_path, "modified-at") as follower:
        follower.server.pass_time(-600)
        follower.server.write(1, "written ten hours ago, says the clock")
        assert follower.poll(pace).tables[0].skipped is not None
        assert follower.poll().found == 1
        assert follower.copy == follower.server.values()


def test_a_change_behind_the_overlap_is_missed_by_polls_and_found_by_the_last_drain(tmp_path: Path) -> None:
    with following(tmp_path, "modified-at") as follower:
        follower.server.write_slowly(1, "very slow")
        follower.server.pass_time(600)
        follower.server.write(2, "quick")
        follower.poll()
        follower.server.commit_first()
        assert follower.poll().found == 0
        assert follower.drain().found == 1
        assert follower.copy == follower.server.values()


def test_versions_that_change_tracking_has_forgotten_make_the_table_be_compared(tmp_path: Path) -> None:
    with following(tmp_path, "change tracking") as follower:
        follower.server.write(1, "changed")
        follower.server.delete(2)
        follower.server.forget_changes()
        changes = follower.poll()
        assert "forgotten" in (changes.tables[0].compared or "")
        assert follower.copy == follower.server.values()


def test_change_tracking_switched_off_passes_the_table_to_the_next_strategy(tmp_path: Path) -> None:
    with following(tmp_path, "change tracking") as follower:
        follower.server.write(1, "changed")
        follower.server.tracking = False
        assert follower.poll().tables[0].strategy is Strategy.ROWVERSION
        follower.server.write(2, "changed, too")
        assert follower.poll().tables[0].compared is None
        assert follower.copy == follower.server.values()


@pytest.mark.parametrize("kind", ["change tracking", "rowversion"])
def test_a_database_restored_from_a_backup_is_compared_as_a_whole(kind: str, tmp_path: Path) -> None:
    with following(tmp_path, kind) as follower:
        backup = follower.server.backup()
        for key in (1, 2, 3):
            follower.server.write(key, "after the backup")
        follower.server.write(9, "after the backup")
        follower.poll()
        follower.server.restore(backup)
        changes = follower.poll()
        assert changes.distrust is not None and "went back" in changes.distrust
        assert follower.copy == follower.server.values()
        assert follower.poll().distrust is None


def test_another_server_under_the_same_address_is_compared_as_a_whole(follower: Follower) -> None:
    follower.server.name = "PANDA02"
    assert follower.poll().distrust == "another server or database answers than before"


def test_a_lost_cursor_or_a_killed_refresh_loses_no_change(follower: Follower) -> None:
    follower.server.write(1, "changed")
    follower.server.delete(2)
    assert follower.poll(lose_cursor=True, refresh=False).waiting == 2
    follower.server.write(3, "later")
    assert follower.poll(refresh=False).waiting == 3
    follower.poll()
    assert follower.copy == follower.server.values()
    assert follower.poll().waiting == 0


def test_a_cursor_that_was_reset_compares_what_is_known_with_the_source(follower: Follower) -> None:
    follower.server.write(1, "changed")
    follower.server.delete(2)
    follower.cursor = reset_cursor(follower.server.source, follower.profile, follower.store, [TABLE])
    changes = follower.poll()
    assert changes.tables[0].compared is not None
    assert changes.found == 2
    assert follower.copy == follower.server.values()


def test_a_key_that_changed_again_since_stays_pending(follower: Follower) -> None:
    follower.server.write(1, "first")
    first = follower.poll(refresh=False)
    follower.server.write(1, "second")
    follower.poll(refresh=False)
    with follower.store.open() as session:
        ChangeStore(session).acknowledge(first.poll)
        (page,) = ChangeStore(session).pending(TABLE, first.poll + 1)
    assert page.rows() == [("1", False)]


def test_a_bulk_update_is_taken_page_by_page_and_an_update_that_sets_nothing_new_is_no_change(
    tmp_path: Path,
) -> None:
    with following(tmp_path, "rowversion", rows=5000) as follower:
        follower.server.write_all("the same for all")
        assert follower.poll(refresh=False).found == 5000
        with follower.store.open() as session:
            pages = list(ChangeStore(session).pending(TABLE, 1, page_rows=2000))
        assert [page.height for page in pages] == [2000, 2000, 1000]
        follower.server.write_all("the same for all")
        changes = follower.poll(refresh=False)
    assert (changes.found, changes.rows_read) == (0, 5000)


@pytest.mark.parametrize("kind", ["rowversion", "compare"])
def test_a_row_that_one_scan_without_a_snapshot_passes_by_is_not_deleted(kind: str, tmp_path: Path) -> None:
    with following(tmp_path, kind, snapshot=False) as follower:
        follower.server.delete(1)
        follower.server.passed_by = {2}
        changes = follower.poll()
        assert (changes.tables[0].changed, changes.tables[0].deleted) == (0, 1)
        assert follower.copy == follower.server.values()
        assert follower.poll().found == 0


def test_rows_without_a_key_are_refused(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "changes.duckdb", ONE_THREAD).open() as session:
        session.replace_table("panda", TABLE, pl.DataFrame({"ThingID": [1, None], "Value": ["a", "b"]}))
        with pytest.raises(SourceError, match="or rows have none"):
            ChangeStore(session).remember(TABLE, f"panda.{TABLE}", "ThingID", [])


@pytest.mark.parametrize("first_day", [True, False])
def test_a_modified_at_column_that_tells_nothing_yet_is_asked_like_any_other(
    first_day: bool, tmp_path: Path
) -> None:
    with following(tmp_path, "modified-at", rows=1) as follower:
        follower.server.rows[1].modified_at = datetime.min
        if not first_day:
            follower.server.delete(1)
        for _ in range(2):  # the first takes the column's latest for its watermark, the second reads from it
            follower.poll()
        nothing = follower.poll()
        assert (nothing.found, nothing.tables[0].compared) == (0, None)
        follower.server.write(2, "the first of this year")
        assert follower.poll().tables[0].compared is None
        assert follower.copy == follower.server.values()


def test_what_was_found_before_a_version_lost_its_trust_is_counted_too(tmp_path: Path) -> None:
    with following(tmp_path, "modified-at") as follower:
        follower.server.write(1, "stamped")
        follower.server.delete(2)
        for key in (8, 9):
            follower.server.rows[key] = Row("with an old stamp", 0, datetime(2020, 1, 1))
        changes = follower.poll()
        assert changes.tables[0].compared == "it has rows that its version doesn't show"
        assert (changes.tables[0].changed, changes.tables[0].deleted) == (3, 1)
        assert follower.copy == follower.server.values()


def test_more_rows_than_a_poll_takes_are_left_to_the_drain(follower: Follower) -> None:
    few = Pace(compare_every=timedelta(0), most_rows=3)
    follower.server.write_all("the same for all")
    left = follower.poll(few)
    assert (left.left_to_drain, left.found, left.rows_read) == ((TABLE,), 0, 0)
    assert follower.poll(few).left_to_drain == (TABLE,)
    assert follower.drain().found == 5
    assert follower.copy == follower.server.values()
    follower.server.write(1, "one alone")
    after = follower.poll(few)
    if follower.profile is NO_VERSION:
        assert after.left_to_drain == (TABLE,)
    else:
        assert (after.left_to_drain, after.found, after.rows_read) == ((), 1, 1)


def test_a_table_without_a_version_waits_for_its_own_interval(tmp_path: Path) -> None:
    with following(tmp_path, "compare") as follower:
        follower.server.write(1, "changed")
        waits = follower.poll(Pace(compare_every=timedelta(hours=1)))
        assert waits.tables[0].skipped is not None
        assert (waits.queries, waits.rows_read) == (1, 0)
        assert follower.poll().found == 1


def test_a_table_that_the_time_didnt_reach_keeps_its_position(follower: Follower) -> None:
    follower.server.write(1, "changed")
    late = follower.poll(Pace(compare_every=timedelta(0), seconds=-1))
    assert late.tables[0].skipped == "the time was used up"
    follower.poll()
    assert follower.copy == follower.server.values()


def test_the_cursor_holds_no_key_and_no_value_and_nothing_else_is_taken_for_one(follower: Follower) -> None:
    follower.server.write(4711, "Smith")
    follower.poll()
    dumped = follower.cursor.dumped()
    assert "Smith" not in dumped and "4711" not in dumped
    with pytest.raises(ConfigurationError, match="reset it"):
        load_cursor(json.dumps({**json.loads(dumped), "format": 2}))


def test_a_store_that_was_lost_says_what_to_do(follower: Follower) -> None:
    follower.store.path.unlink()
    with pytest.raises(WarehouseTableMissing, match="extract the practice"):
        follower.poll()


KEYS = st.integers(1, 7)
VALUES = st.sampled_from(["a", "b", "c"])
STEP = st.one_of(
    st.tuples(st.sampled_from(["write", "write_slowly"]), KEYS, VALUES),
    st.tuples(st.sampled_from(["delete", "move"]), KEYS, VALUES),
    st.tuples(
        st.sampled_from(["commit", "poll", "lost poll", "half poll", "truncate", "forget"]), KEYS, VALUES
    ),
    st.tuples(st.sampled_from(["clock", "all", "backup", "restore"]), KEYS, VALUES),
)


def _do(follower: Follower, kept: list[ChangingServer], step: tuple[str, int, str]) -> None:
    what, key, value = step
    server = follower.server
    if what in ("write", "write_slowly"):
        getattr(server, what)(key, value)
    elif what == "delete":
        server.delete(key)
    elif what == "move" and key in server.rows and key + 20 not in server.rows:
        server.move(key, key + 20)
    elif what == "backup":
        kept.append(server.backup())
    elif what == "restore" and kept:
        server.restore(kept[-1])
    elif what == "clock":
        server.pass_time((key - 4) * 100)
    elif "poll" in what:
        follower.poll(lose_cursor=what == "lost poll", refresh=what != "half poll")
    steps = {
        "commit": server.commit_first,
        "truncate": server.truncate,
        "forget": server.forget_changes,
    }
    if what in steps:
        steps[what]()
    elif what == "all":
        server.write_all(value)


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=14))
def test_after_the_last_drain_the_copy_is_the_source_whatever_happened(
    kind: str, snapshot: bool, steps: list[tuple[str, int, str]]
) -> None:
    with TemporaryDirectory() as folder, following(Path(folder), kind, snapshot=snapshot) as follower:
        kept: list[ChangingServer] = []
        for step in steps:
            _do(follower, kept, step)
        if kind in SURE and "restore" not in {what for what, *_ in steps}:
            follower.poll()
            assert follower.copy == follower.server.values()
        follower.drain()
        assert follower.copy == follower.server.values()
        assert follower.drain().found == 0
