"""Each strategy under each trap, over the wire: what a poll reports is what the journal says, neither less
nor more; where a poll by modified-at misses a change, the last drain has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from migration_assets.panda.change_cursor import Strategy
from migration_assets.panda.connection import Source, connection_string
from migration_assets.panda.settings import SourceSettings
from migration_assets_tests.panda.conftest import OWNER_PASSWORD, READER_PASSWORD
from migration_assets_tests.panda.trapping import TABLES, TEXTS, Ground, Keys, Night, lay_ground, night
from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.schema import key_column
from migration_sandbox.sqlserver.launch import SandboxServer

Event = Callable[[Desk, str], object]


def key(desk: Desk, table: str, number: int) -> int:
    return int(desk.rows(table, "1 = 1")[number][key_column(table)])


def texted(number: int, text: str) -> Event:
    """A row's text set anew; rows are counted by their keys."""
    return lambda desk, table: desk.update(table, key(desk, table, number), **{TEXTS[table]: text})


def unstamped(number: int, text: str) -> Event:
    """As a script does that leaves ModifiedAt as it was."""

    def event(desk: Desk, table: str) -> None:
        row = desk.rows(table, "1 = 1")[number]
        desk.update(table, row[key_column(table)], ModifiedAt=row["ModifiedAt"], **{TEXTS[table]: text})

    return event


def deleted(number: int) -> Event:
    return lambda desk, table: desk.delete(table, key(desk, table, number))


def copied(number: int, **cells: object) -> Event:
    """A new row with another one's cells; its times are now unless they are given."""

    def event(desk: Desk, table: str) -> None:
        row = desk.rows(table, "1 = 1")[number]
        times = ("CreatedAt", "ModifiedAt")
        desk.insert(
            table, **{name: row[name] for name in row if name not in (key_column(table), *times)} | cells
        )

    return event


def ordinary_changes(night: Night) -> None:
    night.write(texted(0, "other"), deleted(1), copied(2))
    night.poll()
    night.poll()


def a_row_changed_twice(night: Night) -> None:
    night.write(texted(0, "once"))
    night.write(texted(0, "twice"))
    night.poll()


def a_row_changed_and_changed_back(night: Night) -> None:
    def there_and_back(desk: Desk, table: str) -> None:
        row = desk.rows(table, "1 = 1")[0]
        for text in ("away", row[TEXTS[table]]):
            desk.update(table, row[key_column(table)], ModifiedAt=row["ModifiedAt"], **{TEXTS[table]: text})

    night.write(there_and_back)
    night.poll()


def an_update_that_sets_nothing_new(night: Night) -> None:
    def same(desk: Desk, table: str) -> None:
        row = desk.rows(table, "1 = 1")[0]
        desk.update(table, row[key_column(table)], **row)

    night.write(same)
    night.poll()


def a_row_inserted_and_deleted_between_polls(night: Night) -> None:
    def short_lived(desk: Desk, table: str) -> None:
        copied(0)(desk, table)
        desk.delete(table, key(desk, table, -1))

    night.write(short_lived)
    night.poll()


def a_row_deleted_and_inserted_again(night: Night) -> None:
    def again(desk: Desk, table: str) -> None:
        row = desk.rows(table, "1 = 1")[0]
        desk.delete(table, row[key_column(table)])
        desk.insert(table, **row | {TEXTS[table]: "back", "ModifiedAt": desk.now})

    night.write(again)
    night.poll()


def a_transaction_rolled_back(night: Night) -> None:
    night.begun(texted(0, "never"), deleted(1)).rollback()
    night.write(texted(2, "committed"))
    night.poll()


def a_changed_primary_key(night: Night) -> None:
    night.write(lambda desk, table: desk.rekey(table, key(desk, table, 0)))
    night.poll()


def one_update_of_all_rows(night: Night) -> None:
    night.write(lambda desk, table: desk.update_all(table, TEXTS[table], "the same for all"))
    night.poll()


def a_table_truncated_and_refilled(night: Night) -> None:
    night.write(lambda desk, table: desk.refill(table))
    night.poll()
    night.write(lambda desk, table: desk.refill(table), texted(0, "refilled"), deleted(1), copied(2))
    night.poll()


def a_transaction_that_commits_late(night: Night) -> None:
    night.write(texted(3, "before"))
    night.poll()
    late = night.begun(texted(0, "late"), copied(1))
    night.write(texted(2, "quick"))
    night.poll()
    night.pass_time(1.5)
    night.write(texted(3, "quick, too"))
    night.poll()
    late.commit(late.write())
    night.poll()


def a_transaction_that_commits_hours_late(night: Night) -> None:
    late = night.begun(texted(0, "very late"))
    night.pass_time(5)
    night.write(texted(2, "quick"))
    night.poll()
    late.commit(late.write())
    night.poll()


def a_clock_that_runs_backwards(night: Night) -> None:
    night.write(texted(0, "before"))
    night.poll()
    night.pass_time(-10)
    night.write(texted(1, "ten hours earlier, says the clock"))
    night.poll()
    night.write(texted(2, "and after"))
    night.poll()


def a_clock_that_runs_backwards_and_is_set_right_between_polls(night: Night) -> None:
    night.write(texted(0, "before"))
    night.poll()
    night.pass_time(-10)
    night.write(texted(1, "ten hours earlier, says the clock"))
    night.pass_time(10)
    night.poll()


def an_update_that_leaves_the_stamp(night: Night) -> None:
    night.write(texted(1, "stamped"))
    night.poll()
    night.write(unstamped(0, "by a script"))
    night.poll()


def a_row_exchanged_for_one_with_an_old_stamp(night: Night) -> None:
    night.write(texted(2, "stamped"))
    night.poll()

    def exchanged(desk: Desk, table: str) -> None:
        stamp = desk.rows(table, "1 = 1")[0]["ModifiedAt"]
        copied(1, ModifiedAt=stamp)(desk, table)
        deleted(0)(desk, table)

    night.write(exchanged)
    night.poll()


def change_tracking_cleaned_up(night: Night) -> None:
    night.write(texted(0, "forgotten"), deleted(1))
    night.ground.server.clean_up_changes(str(night.ground.reader.settings.database))
    night.write(texted(2, "remembered"))
    night.poll()
    night.write(texted(3, "after"))
    night.poll()


def a_database_restored_from_a_backup(night: Night) -> None:
    night.write(texted(0, "after the backup"), deleted(1), copied(2))
    night.poll()
    night.restore()
    night.poll()
    night.write(texted(3, "after the restore"))
    night.poll()


def a_cursor_that_was_lost(night: Night) -> None:
    night.write(texted(0, "seen, then lost"), deleted(1))
    night.poll(lose_cursor=True)
    night.write(texted(0, "again"), copied(2), deleted(3))
    night.poll(lose_cursor=True)
    night.write(texted(0, "and again"))
    night.poll()


ALL = frozenset(Strategy)
ONLY_TRACKED, ONLY_STAMPED = frozenset({Strategy.CHANGE_TRACKING}), frozenset({Strategy.MODIFIED_AT})


@dataclass(frozen=True)
class Trap:
    """``compared``: strategies that answer by comparing the whole table, besides the one that always does.
    ``missed``: a poll by modified-at doesn't see it."""

    lay: Callable[[Night], None]
    compared: frozenset[Strategy] = field(default=frozenset())
    missed: bool = False

    @property
    def name(self) -> str:
        return self.lay.__name__.replace("_", " ")


TRAPS = [
    Trap(ordinary_changes),
    Trap(a_row_changed_twice),
    Trap(a_row_changed_and_changed_back),
    Trap(an_update_that_sets_nothing_new),
    Trap(a_row_inserted_and_deleted_between_polls),
    Trap(a_row_deleted_and_inserted_again),
    Trap(a_transaction_rolled_back),
    Trap(a_changed_primary_key),
    Trap(one_update_of_all_rows),
    Trap(a_table_truncated_and_refilled, ONLY_TRACKED),
    Trap(a_transaction_that_commits_late),
    Trap(a_transaction_that_commits_hours_late, missed=True),
    Trap(a_clock_that_runs_backwards, ONLY_STAMPED),
    Trap(a_clock_that_runs_backwards_and_is_set_right_between_polls, missed=True),
    Trap(an_update_that_leaves_the_stamp, missed=True),
    Trap(a_row_exchanged_for_one_with_an_old_stamp, missed=True),
    Trap(change_tracking_cleaned_up, ONLY_TRACKED),
    Trap(a_database_restored_from_a_backup, ALL),
    Trap(a_cursor_that_was_lost),
]

Nights = Callable[[Trap], Night]


@pytest.fixture(scope="module")
def ground(running_server: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    def settings(database: str, username: str) -> SourceSettings:
        return SourceSettings.model_validate(
            {
                "server": "127.0.0.1",
                "port": running_server.port,
                "database": database,
                "username": username,
                "password": {"env": username.upper()},
                "trust_server_certificate": True,
            }
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PANDA_READER", READER_PASSWORD)
        patch.setenv("PANDA_OWNER", OWNER_PASSWORD)
        yield lay_ground(
            tmp_path_factory.mktemp("nights"),
            running_server,
            lambda database: Source(settings(database, "panda_reader")),
            lambda database: connection_string(settings(database, "panda_owner")),
        )


@pytest.fixture(scope="module")
def nights(ground: Ground) -> Nights:
    """A trap is laid once, in all four tables."""
    past: dict[str, Night] = {}

    def spent(trap: Trap) -> Night:
        if trap.name not in past:
            with night(ground, ground.folder / trap.name) as tonight:
                trap.lay(tonight)
                if trap.missed:
                    tonight.last_drain()
                tonight.source = tonight.held()
            past[trap.name] = tonight
        return past[trap.name]

    return spent


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
@pytest.mark.parametrize("strategy", Strategy)
def test_what_is_found_is_what_changed(strategy: Strategy, trap: Trap, nights: Nights) -> None:
    tonight, table = nights(trap), TABLES[strategy]
    looks = [(look.reported[table], look.expected[table]) for look in tonight.looks]
    left: Keys = {}
    if strategy is Strategy.MODIFIED_AT and trap.missed:
        reported, expected = looks.pop()
        assert reported.items() < expected.items()
        left = dict(expected.items() - reported.items())
    if tonight.drain is not None:
        assert tonight.drain.reported[table] == tonight.drain.expected[table] == left
    assert [reported for reported, _ in looks] == [expected for _, expected in looks]
    compared = any(look.compared[table] for look in tonight.looks)
    assert compared == (strategy in trap.compared or strategy is Strategy.COMPARE)
    assert tonight.copy[table] == tonight.model[table] == tonight.source[table]
