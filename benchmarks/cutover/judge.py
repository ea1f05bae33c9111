"""What a night is judged by: nothing here asks the platform whether it went well.

The black-box checker compares the practice's database with the destination, the journal is compared with
the database, keys are counted in the destination's own dump, and the lag is taken between the journal's
commits and the destination's stamps; logs and Dagster's storage are searched for words that stand in one
patient's row and nowhere else. The platform's own figures stand beside them.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cutover import names
from benchmarks.cutover.percentiles import spread
from benchmarks.cutover.stage import Stage
from migration_sandbox.demo import black_box
from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.front_desk import OPEN_MISTAKES
from migration_sandbox.practice.journal import Change, Journal, changes, last_states, state
from migration_sandbox.practice.schema import key_column

_SPACES = {
    "Patient": "patient",
    "ClinicalExam": "exam",
    "TreatmentPlan": "plan",
    "TreatmentPlanLine": "plan_line",
    "ClinicalNote": "note",
    "Appointment": "appointment",
    "Referral": "referral",
}
"""Tables whose row is a record of its own, and the space of its key."""
_PARTS = {"PeriodontalCharting": ("ExamID", "exam")}
_CODES = {
    "Patient": ("LastName", "missing_last_name"),
    "Referral": ("Direction", "unknown_direction"),
    "Appointment": ("StartsAt", "start_implausible"),
}
_KEY_FIELDS = ("PANDA_Key__c", "external_id", "cf_panda_key")


@dataclass(frozen=True)
class Verdict:
    """Of one practice. ``lag``: from commit to the destination's stamp; ``own_lag``: as the platform has
    written it down, by what its beginning is known from."""

    practice: str
    equal: bool
    changes: int
    rows_changed: int
    journal_differs: int
    twice: int
    leaks: int
    open_mistakes: int
    lag: dict[str, float] = field(default_factory=dict)
    own_lag: dict[str, dict[str, float]] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.equal and not self.journal_differs and not self.twice and not self.leaks

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def judge(at: Stage, practice: str) -> Verdict:
    """The checker's own words go to ``<folder>/blackbox-<practice>.txt``."""
    written = changes(at.journal(practice))
    open_mistakes = _mistakes(at, practice)
    manifest = at.folder / f"manifest-{practice}.json"
    manifest.write_text(json.dumps({"defects": open_mistakes}), encoding="utf-8")
    with (at.folder / f"blackbox-{practice}.txt").open("w", encoding="utf-8") as output:
        equal = black_box(
            at.installation, at.running, at.environment, practice, at.destination,
            manifest=manifest, output=output,
        )  # fmt: skip
    records = list(_records(at))
    keys = Counter((kind, key) for kind, key, _ in records if key.startswith(f"{practice}:"))
    return Verdict(
        practice,
        equal,
        len(written),
        len({(change.table, change.key) for change in written}),
        _journal_differs(at, practice),
        sum(count > 1 for count in keys.values()),
        _leaks(at, practice),
        len(open_mistakes),
        lag(practice, written, records) if at.destination == "salesforce" else {},
        *_own(names.ledger(at.data, practice), at.destination),
    )


def _mistakes(at: Stage, practice: str) -> list[dict[str, str]]:
    """Rows that the practice's people have typed wrong and not mended yet, as a manifest announces them."""
    found = []
    with closing(at.owner(practice)) as connection:
        for table, condition in OPEN_MISTAKES.items():
            column, code = _CODES[table]
            sql = f"SELECT {key_column(table)} FROM dbo.{table} WHERE {condition}"
            for (key,) in connection.execute(sql).fetchall():
                row = {"table": table, "source_key": str(key), "column": column, "code": code}
                found.append({**row, "outcome": "rejected"})
    return found


def _journal_differs(at: Stage, practice: str) -> int:
    """Rows that are in the database another than the journal's last word of them."""
    with closing(at.owner(practice, autocommit=False)) as connection, Journal(Path("/dev/null")) as nothing:
        desk = Desk(connection, nothing, {})
        differ = 0
        for (table, key), cells in last_states(at.journal(practice)).items():
            now = state(desk.row(table, key))
            differ += (now["cells"] if now else None) != cells
        connection.rollback()
    return differ


def _leaks(at: Stage, practice: str) -> int:
    """Files of Dagster's and of its services that hold a canary of the practice."""
    canaries = at.installation.manifest(practice).with_name("canaries.json")
    words = [word.encode() for word in json.loads(canaries.read_text(encoding="utf-8"))]
    folders = (at.data / "dagster", at.folder / "services")
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return sum(any(word in content for word in words) for content in map(Path.read_bytes, files))


def _records(at: Stage) -> Iterator[tuple[str, str, datetime | None]]:
    """Kind, key and time of the last change of every record that bears a key; deleted ones are none."""
    if at.destination == "salesforce":
        for kind, rows in at.installation.live_org(at.running).dump()["records"].items():
            for row in rows:
                # A document whose content changed has its former versions beside the latest one.
                if (key := row.get("PANDA_Key__c")) and row.get("IsLatest", True):
                    yield kind, str(key), _moment(row.get("SystemModstamp"))
        return
    for kind, by_id in at.installation.live_account(at.running).dump().items():
        for row in by_id.values():
            cells = {**row.get("values", {}), **row.get("custom_field", {})}
            key = next((cells[name] for name in _KEY_FIELDS if cells.get(name)), None)
            if key and not row.get("deleted"):
                yield kind, str(key), None


def lag(
    practice: str, written: list[Change], records: list[tuple[str, str, datetime | None]]
) -> dict[str, float]:
    """Of each record, from the last commit of its rows to its own last stamp; a record that was written for
    another reason later seems slower than it was. Records whose rows' last change showed in no field of
    theirs are older than it, and are left out."""
    last: dict[str, datetime] = {}
    for change in written:
        place = _key_of(practice, change)
        if place is not None and change.after is not None:
            last[place] = max(change.committed, last.get(place, change.committed))
    found: dict[str, list[datetime]] = defaultdict(list)
    for _, key, stamped in records:
        if stamped is not None and key in last and stamped >= last[key]:
            found[key].append(stamped)
    return spread((min(stamps) - last[key]).total_seconds() for key, stamps in found.items())


def _key_of(practice: str, change: Change) -> str | None:
    if change.table in _SPACES:
        return f"{practice}:{_SPACES[change.table]}:{change.key}"
    if change.table in _PARTS:
        column, space = _PARTS[change.table]
        cells = change.after or change.before or {}
        return f"{practice}:{space}:{cells[column]}"
    return None


def _own(ledger: Path, destination: str) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT basis, changed_at, found_at, outcome FROM delta_records "
            "WHERE destination = ? AND environment = 'live'",
            (destination,),
        ).fetchall()
    lags: dict[str, list[float]] = defaultdict(list)
    for basis, changed_at, found_at, _ in rows:
        began, ended = _moment(changed_at), _moment(found_at)
        if basis and began and ended:
            lags[basis].append((ended - began).total_seconds())
    return (
        {basis: spread(each) for basis, each in sorted(lags.items())},
        dict(Counter(outcome for *_, outcome in rows)),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
