"""What of the cutover's figures asks for somebody: a sentence of what is wrong and one of what to do.

Pure. ``code`` is also the heading's anchor in the runbook, docs/cutover.md, which says more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from migration_assets.migration.board import BoardFacts, TableFacts

LATE_POLLS = 3
"""So many intervals without a poll are too many."""
LATE = timedelta(minutes=10)
"""So long changes may wait for their refresh, and refreshed records for their delta; no poll is called late
before that either."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """``what`` is wrong and what to ``do``, in a sentence each."""

    code: str
    what: str
    do: str


def alarms(facts: BoardFacts) -> tuple[Alarm, ...]:
    """In the order in which they are best seen to; none while no cutover is planned or after it was closed.

    What can't be known, since a run was writing, is no alarm.
    """
    if facts.phase == "none":
        return ()
    told = [*_records(facts)]
    if facts.phase != "closed":
        told = [*_detection(facts), *_flow(facts), *told, *_end(facts)]
    return tuple(told)


def _detection(facts: BoardFacts) -> Iterator[Alarm]:
    practice = facts.target.practice
    looked_at = [each for each in facts.tables if each.strategy is not None]
    if not looked_at:
        if "changes" not in facts.busy:
            yield Alarm(
                "not-begun",
                "No known state of PANDA stands to compare with, so no change is found.",
                f"Materialise panda/change_detection for {practice}.",
            )
        return
    window = facts.window
    if facts.phase != "open" or window is None:
        return
    allowed = max(LATE_POLLS * timedelta(seconds=window.poll_seconds), LATE)
    if _older(facts.last_poll, facts.made_at - allowed, window.begins):
        yield Alarm(
            "no-poll",
            f"PANDA was last asked {_ago(facts.last_poll, facts.made_at)}; "
            f"it is to be asked every {window.poll_seconds} s.",
            f"See that the sensor cutover_{facts.target.destination} is on, and in its last tick whether "
            "the practice's server can be reached.",
        )
    allowed = max(LATE_POLLS * timedelta(minutes=window.compare_minutes), LATE)
    compared = [each for each in looked_at if each.strategy == "compare"]
    late = [each for each in compared if _older(each.compared_at, facts.made_at - allowed, window.begins)]
    if late:
        yield Alarm(
            "not-compared",
            f"{_names(late)} should be compared every {window.compare_minutes} minutes and wasn't.",
            "See in the sensor's last ticks whether they were skipped for want of time.",
        )


def _flow(facts: BoardFacts) -> Iterator[Alarm]:
    before = facts.made_at - LATE
    if facts.waiting and facts.waiting_since is not None and facts.waiting_since < before:
        yield Alarm(
            "changes-waiting",
            f"{_counted(facts.waiting, 'change waits', 'changes wait')} for the refresh, the oldest found "
            f"{_ago(facts.waiting_since, facts.made_at)}.",
            "Look at the last run of the job refresh_panda: why it failed, or what it waits for.",
        )
    if facts.unsent_since is not None and facts.unsent_since < before:
        yield Alarm(
            "delta-behind",
            f"What was refreshed {_ago(facts.unsent_since, facts.made_at)} wasn't sent yet.",
            f"Look at the last run of the job delta_{facts.target.destination}: why it failed, or what it "
            "waits for.",
        )


def _records(facts: BoardFacts) -> Iterator[Alarm]:
    failed, held = facts.total("failed_now"), facts.total("held_now")
    missing, opened = facts.total("not_found"), facts.total("conflicts_open")
    if failed:
        yield Alarm(
            "failed-records",
            f"{_counted(failed, 'record', 'records')} failed and stayed so.",
            "Mend what the delta's failures say, in PANDA or in the destination; each following delta tries "
            "them again.",
        )
    if held:
        yield Alarm(
            "held-back",
            f"{_counted(held, 'record is', 'records are')} held back, since what they belong to isn't there.",
            "Mend the parent that the delta names; they follow by themselves.",
        )
    if missing:
        yield Alarm(
            "not-found",
            f"{_counted(missing, 'record was', 'records were')} accepted but not read back as sent.",
            f"Materialise {facts.target.destination}/reconciliation: it names the fields that differ.",
        )
    if opened:
        yield Alarm(
            "conflicts",
            f"{_counted(opened, 'field was', 'fields were')} changed in the destination since we wrote them "
            "and wait for a decision.",
            f"Run `migration-assets conflicts {facts.target.practice} {facts.target.destination}`, read the "
            "page, and decide with `migration-assets decide-conflicts`.",
        )


def _end(facts: BoardFacts) -> Iterator[Alarm]:
    if facts.phase != "over":
        return
    job = f"go_live_{facts.target.destination}"
    if facts.drained is None:
        yield Alarm(
            "not-drained",
            "The window is over, and both sides weren't compared for the last time.",
            f"Run the job {job} once nobody works in PANDA any more.",
        )
    elif not facts.drained.passed:
        yield Alarm(
            "not-drained",
            "The window is over, and PANDA and the destination didn't agree when they were last compared.",
            f"See to what else is red here, then run the job {job} again.",
        )
    else:
        yield Alarm(
            "not-closed",
            "Both sides agree, and the window isn't closed.",
            f"Run the job {job} with the name of who closes it.",
        )


def _older(moment: datetime | None, limit: datetime, since: datetime) -> bool:
    """Whether it was before ``limit``; what never was, or was before ``since``, counts from then."""
    return max(moment or since, since) < limit


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute ago"
    if minutes < 120:
        return f"{_counted(minutes, 'minute', 'minutes')} ago"
    return f"{minutes // 60} hours ago"


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _names(tables: list[TableFacts]) -> str:
    return ", ".join(each.table for each in tables)
