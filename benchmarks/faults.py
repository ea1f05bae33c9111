"""A practice of 2,000 patients through all faults at once: locks, 503, lost sessions, cut connections, kills.

Workers upload the practice object by object and are killed at random. What the org refused for good is sent
once more when the trouble is over; then each record must be there once and equal to the practice's own rows.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.installation import PRACTICE, Installation, source
from benchmarks.report import Figures, Section

if TYPE_CHECKING:
    from migration_sandbox.salesforce.control import Control

PATIENTS = 2_000
_SEED, _KILLS = 7, 6
_LOCKED_ROWS, _BUSY_REQUESTS, _SECONDS_BETWEEN = 200, 2, 2.0
_TROUBLES = 25
_PROCESSES = multiprocessing.get_context("spawn")


def section() -> Section:
    from migration_sandbox.practice.generator import generate

    practice = generate(_SEED, PATIENTS, tables="all")
    with source(practice) as running, running.installation() as installation:
        _prepare(installation.data)
        began = time.perf_counter()
        with _troubled(installation.org.control) as troubles:
            workers = _upload_whatever_happens(installation.data)
        _upload(str(installation.data))
        seconds = time.perf_counter() - began
        records, twice = _records(installation)
        reconciled = _reconcile(installation.data)
    if twice or not reconciled.clean:
        failed = Counter(each.code for each in reconciled.failures)
        raise RuntimeError(
            f"{twice} keys stand twice, failed: {dict(failed)}, balanced: {reconciled.balanced}"
        )
    rows = [
        ("workers killed (SIGKILL)", f"{_KILLS}"),
        ("workers that ended with an error of their own and were started again", f"{workers['failed']}"),
        *((what, f"{count:,}") for what, count in troubles.items()),
        ("records in the org, each once", f"{records:,}"),
        ("fields equal in both comparisons", f"{_compared(reconciled):,}"),
        ("seconds from the first request to the last record", f"{seconds:.1f}"),
    ]
    return Section(
        f"A practice of {PATIENTS:,} patients through all faults at once",
        "The org locks rows, answers 503, forgets its tokens and cuts uploads and answers off, while the "
        "workers that upload are killed at random. At the end everything is balanced and equal.",
        [Figures(("what", "how many"), rows)],
    )


def _prepare(data: Path) -> None:
    """Everything up to the payload, undisturbed."""
    from benchmarks.practice import operations
    from migration_assets.migration.platform import default_platform

    for name, _, operation in operations(default_platform(data)):
        operation()
        if name == "payload":
            return


def _upload(data: str) -> None:
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.platform import default_platform

    migration = Migration(default_platform(Path(data)), _target())
    for asset in _assets():
        migration.upload(asset, f"worker-{os.getpid()}")


def _upload_whatever_happens(data: Path) -> Counter[str]:
    """Workers one after the other until one has uploaded everything; the first ones are killed."""
    chance, ended = random.Random(_SEED), Counter[str]()
    while True:
        worker = _PROCESSES.Process(target=_upload, args=(str(data),))
        worker.start()
        if ended["killed"] < _KILLS:
            # Long enough to have begun, short enough to be in the middle.
            worker.join(chance.uniform(3, 6))
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        how = {0: "done", -signal.SIGKILL: "killed"}.get(worker.exitcode or 0, "failed")
        ended[how] += 1
        if how == "done":
            return ended


@contextmanager
def _troubled(control: Control) -> Iterator[Counter[str]]:
    """One trouble after the other, until the uploads are done."""
    made, over = Counter[str](), threading.Event()

    def make() -> None:
        troubles = [_lock, _be_busy, _expire, _cut_an_upload, _cut_an_answer]
        while made.total() < _TROUBLES and not over.wait(_SECONDS_BETWEEN):
            trouble = troubles[made.total() % len(troubles)]
            made[trouble(control)] += 1

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()
        control.reset(records=False)


def _lock(control: Control) -> str:
    control.lock_rows(_LOCKED_ROWS)
    return f"times that {_LOCKED_ROWS} rows were locked"


def _be_busy(control: Control) -> str:
    control.fault("unavailable", _BUSY_REQUESTS)
    return f"times that {_BUSY_REQUESTS} requests were answered by 503"


def _expire(control: Control) -> str:
    control.expire_tokens()
    return "times that all sessions expired"


def _cut_an_upload(control: Control) -> str:
    _cut(control, "PUT", "/batches", "upload")
    return "connections cut in the middle of an upload"


def _cut_an_answer(control: Control) -> str:
    _cut(control, "GET", "/successfulResults", "download")
    return "connections cut in the middle of an answer"


def _cut(control: Control, method: str, path: str, moment: Any) -> None:
    from migration_sandbox.salesforce.control import NotHeld

    held = control.hold(method, path, 1, moment=moment, size=1_000)

    def drop() -> None:
        # Where no such request comes any more there is nothing to cut.
        with suppress(NotHeld):
            held.wait(60)
            held.drop()

    threading.Thread(target=drop, daemon=True).start()


def _records(installation: Installation) -> tuple[int, int]:
    """How many records the org holds of the practice, and how many keys stand there more than once."""
    from migration_assets.destinations.base import ReadRequest
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.platform import default_platform

    migration = Migration(default_platform(installation.data), _target())
    keys: Counter[tuple[str, str]] = Counter()
    with migration.planned() as (plan, destination):
        for schema in plan.schemas.values():
            for page in destination.read(ReadRequest(schema, f"{PRACTICE}:", (schema.key_field,))):
                keys.update((schema.name, key) for key in page[schema.key_field])
    return keys.total(), sum(count > 1 for count in keys.values())


def _reconcile(data: Path) -> Any:
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.platform import default_platform

    return Migration(default_platform(data), _target()).reconcile("bench").reconciliation


def _compared(reconciliation: Any) -> int:
    return sum(each.fields_compared + each.meaning_compared for each in reconciliation.objects)


def _assets() -> list[str]:
    from migration_assets.migration.plan import load_mapping

    return [spec.asset for spec in load_mapping("salesforce")]


def _target() -> Any:
    from migration_assets.migration.ledger import Target

    return Target(PRACTICE, "salesforce", "rehearsal")
