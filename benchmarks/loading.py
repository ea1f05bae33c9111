"""50,000 wide exams into one org by our loader, simple-salesforce and CumulusCI.

And what each leaves when one row in a thousand is bad, or when it is killed in the middle.

What runs in processes of its own is in ``loaders`` and ``cumulusci_loading``, the org and the files are
``wide_exams``'. Every trial begins in an org that holds the patients and no exam.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import cumulusci_loading, loaders
from benchmarks.measuring import ROOT, Measured, Piece, Taken, measure
from benchmarks.report import Aim, Figures, Section
from benchmarks.wide_exams import Exams, Files, Ground, Planted, chart_fields, prepared

ROWS = 50_000
_ROWS_BY_COLLECTIONS = 5_000
"""Of CumulusCI: 200 a request take so long that its seconds are scaled up."""
_ROWS_A_COLLECTION = 200
_ROUNDS = 3
OURS = "our loader"


@dataclass(frozen=True)
class Contender:
    """One loader; ``held`` is the request after whose answer by the org it is killed, the ``nth`` of them."""

    name: str
    rows: int
    piece: Callable[[Files], Piece]
    held: str
    nth: int = 1


@dataclass(frozen=True)
class Told:
    """What a loader says of the planted rows: how many it names by key, with code and field; and how many of
    its sentences repeat the record's value."""

    keys: int
    codes: int
    fields: int
    repeating: int
    others: int


@dataclass(frozen=True)
class Spoilt:
    """``loaded`` are records in the org; ``again`` rows that the second run, with all mended, sends, after
    which ``records`` are there."""

    planted: int
    loaded: int
    told: Told
    again: int
    records: int


@dataclass(frozen=True)
class Killed:
    """``processed`` are rows that the org has worked on over both runs, ``records`` what it holds then."""

    again: int
    processed: int
    records: int


@dataclass(frozen=True)
class Trial:
    """All of one loader. CPU seconds of the org are medians, as those of ``measured``."""

    contender: Contender
    measured: Measured
    org_cpu: float
    spoilt: Spoilt
    killed: Killed

    def a_thousand(self, seconds: float) -> float:
        return seconds / self.contender.rows * 1_000


@dataclass(frozen=True)
class Outcome:
    rows: int
    fields: int
    chart_fields: int
    megabytes: float
    trials: list[Trial]
    bulk_refusal: str | None
    """What became of CumulusCI's own choice for so many rows, where it is there to be asked."""


def run(rows: int = ROWS, rounds: int = _ROUNDS) -> Outcome:
    with prepared() as ground:
        exams = {count: ground.exams(count) for count in sorted({rows, min(rows, _ROWS_BY_COLLECTIONS)})}
        trials = [_tried(ground, each, exams[each.rows], rounds) for each in _contenders(ground, rows)]
        return Outcome(
            rows,
            len(ground.schema.sent_fields),
            len(chart_fields(ground.schema.field_names)),
            exams[rows].clean.by_keys.stat().st_size / 1e6,
            trials,
            _bulk_refusal(ground),
        )


def _contenders(ground: Ground, rows: int) -> list[Contender]:
    data, org = str(ground.installation.data), ground.installation.org
    where = {"url": org.url, "ca_bundle": str(org.ca_path)}
    closing = "/jobs/ingest/[^/]+$"
    found = [
        Contender(
            OURS,
            rows,
            lambda files: Piece(OURS, loaders.ours, {"data": data, "exams": str(files.ours)}),
            closing,
        ),
        Contender(
            "simple-salesforce",
            rows,
            lambda files: Piece(
                "simple-salesforce", loaders.simple_salesforce, {**where, "exams": str(files.by_keys)}
            ),
            closing,
        ),
    ]
    if python := os.environ.get(cumulusci_loading.PYTHON):
        few = min(rows, _ROWS_BY_COLLECTIONS)
        found.append(
            Contender(
                "CumulusCI",
                few,
                lambda files: Piece(
                    "CumulusCI",
                    cumulusci_loading.loading,
                    {**where, "sobject": loaders.EXAM, "exams": str(files.by_ids)},
                    python,
                ),
                "/composite/sobjects/",
                max(1, few // _ROWS_A_COLLECTION // 2),
            )
        )
    return found


def _tried(ground: Ground, contender: Contender, exams: Exams, rounds: int) -> Trial:
    taken, org = [], []
    for _ in range(rounds):
        ground.put_back()
        before = ground.cpu_seconds()
        taken.append(_run(contender.piece(exams.clean)))
        org.append(ground.cpu_seconds() - before)
        if ground.records() != exams.rows:
            raise RuntimeError(f"{contender.name} left {ground.records():,} records of {exams.rows:,}")
    return Trial(
        contender,
        Measured(contender.name, tuple(taken)),
        sorted(org)[len(org) // 2],
        _spoilt(ground, contender, exams),
        _killed(ground, contender, exams),
    )


def _run(piece: Piece) -> Taken:
    (measured,) = measure([piece], rounds=1)
    return measured.rounds[0]


def _spoilt(ground: Ground, contender: Contender, exams: Exams) -> Spoilt:
    """The bad file, then the whole clean one: as one who has mended the source and loads again."""
    ground.put_back()
    first = _run(contender.piece(exams.bad))
    loaded = ground.records()
    second = _run(contender.piece(exams.clean))
    told = attributed(first.told["failures"], exams.planted)
    return Spoilt(len(exams.planted), loaded, told, second.told["sent"], ground.records())


def attributed(failures: Sequence[Sequence[Any]], planted: dict[str, Planted]) -> Told:
    """``failures`` are (key, code, field, sentence), as the pieces of ``loaders`` tell them."""
    of_planted = [each for each in failures if each[0] in planted]
    right = {each[0] for each in of_planted}
    return Told(
        keys=len(right),
        codes=sum(bool(code) for _, code, _, _ in of_planted),
        fields=sum(name == planted[key].field for key, _, name, _ in of_planted),
        repeating=sum(_repeats(sentence, planted[key].value) for key, _, _, sentence in of_planted),
        others=len(failures) - len(of_planted),
    )


def _repeats(sentence: str | None, value: str | None) -> bool:
    return value is not None and value in (sentence or "")


def _killed(ground: Ground, contender: Contender, exams: Exams) -> Killed:
    """SIGKILL when the org has taken the rows and the loader hasn't heard of it; then the same again."""
    ground.put_back()
    control = ground.installation.org.control
    held = control.hold("PATCH", contender.held, contender.nth, moment="after")
    process = _started(contender.piece(exams.clean))
    try:
        held.wait(300)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    held.drop()
    sent = _run(contender.piece(exams.clean)).told["sent"]
    collections = [each for each in control.requests() if "/composite/sobjects/" in each.path]
    processed = ground.processed() + len(collections) * _ROWS_A_COLLECTION
    return Killed(sent, processed, ground.records())


def _started(piece: Piece) -> subprocess.Popen[bytes]:
    asked = {
        "module": piece.prepare.__module__,
        "name": piece.prepare.__qualname__,
        "arguments": dict(piece.arguments),
    }
    return subprocess.Popen(
        [piece.python, "-m", "benchmarks.measuring", json.dumps(asked)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _bulk_refusal(ground: Ground) -> str | None:
    python = os.environ.get(cumulusci_loading.PYTHON)
    if not python:
        return None
    org = ground.installation.org
    arguments = {"url": org.url, "ca_bundle": str(org.ca_path), "sobject": loaders.EXAM}
    told = _run(Piece("Bulk API 1.0", cumulusci_loading.bulk_job, arguments, python)).told
    return str(told["error"]) if told["error"] else None


def section(rows: int = ROWS) -> Section:
    outcome = run(rows)
    ours = outcome.trials[0]
    kept = all(
        each == outcome.rows for each in (ours.spoilt.records, ours.killed.records, ours.killed.processed)
    )
    return Section(
        f"Loading {outcome.rows:,} wide exams",
        _text(outcome),
        [
            Figures(
                (
                    "loader",
                    "rows",
                    "s",
                    "CPU s",
                    "CPU s of the org",
                    "s a 1,000 rows, against ours",
                    "CPU a 1,000 rows, against ours",
                    "peak memory, MB",
                ),
                [_cost(each, ours) for each in outcome.trials],
            ),
            Figures(("one row in a thousand bad", *_names(outcome)), _of_bad_rows(outcome.trials)),
            Figures(("killed in the middle, run again", *_names(outcome)), _of_kills(outcome.trials)),
        ],
        [
            Aim(
                "each record once after a kill, and no row worked on twice",
                f"{ours.killed.processed:,} rows worked on, {ours.killed.records:,} records",
                kept,
            ),
            Aim(
                "every bad row told by key and code, no value repeated",
                f"{ours.spoilt.told.keys} of {ours.spoilt.planted}, {ours.spoilt.told.repeating} repeat one",
                ours.spoilt.told.keys == ours.spoilt.told.codes == ours.spoilt.planted
                and not ours.spoilt.told.repeating,
            ),
            Aim(
                "after mending, only the bad rows sent again",
                f"{ours.spoilt.again} of {outcome.rows:,}",
                ours.spoilt.again == ours.spoilt.planted,
            ),
        ],
    )


def _text(outcome: Outcome) -> str:
    text = (
        f"One ClinicalExam__c has {outcome.fields} fields, {outcome.chart_fields} of them the chart's, all "
        f"filled; the file for a bulk job holds {outcome.megabytes:.0f} MB. Every loader upserts by the key "
        "into the same Enterprise org on this machine, over TLS, its file read from disk. Ours checks and "
        "hashes the rows first, looks for records that aren't its own, and writes an intent and an answer of "
        "every row into its ledger; simple-salesforce is asked for what failed, and doesn't wait between two "
        "looks at its job. Bad are by turns a text too long, a value of no picklist, a date of the year 202 "
        "and a patient who isn't there. A second run is given the whole mended file. Killed (SIGKILL) is a "
        "loader when the org has its rows and it hasn't heard so: of a bulk job when it is closed, of "
        "collections when half are through."
    )
    trial = next((each for each in outcome.trials if each.contender.name == "CumulusCI"), None)
    if trial is None:
        return f"{text} CumulusCI wasn't there to be asked (BENCH_CUMULUSCI names its interpreter)."
    return (
        f"{text} CumulusCI loads {trial.contender.rows:,} of the exams by collections of 200, with the "
        "patients' ids looked up for it: for 2,000 rows and more it would take Bulk API 1.0, which this org "
        f"has not ({outcome.bulk_refusal}). Its ratios are by a thousand rows, its memory is for the rows "
        "that it loaded, and of them at least eight are bad."
    )


def _names(outcome: Outcome) -> list[str]:
    return [each.contender.name for each in outcome.trials]


def _cost(trial: Trial, ours: Trial) -> tuple[str, ...]:
    measured = trial.measured

    def against(figure: float, of_ours: float) -> str:
        return f"{trial.a_thousand(figure) / ours.a_thousand(of_ours):.2f}"

    return (
        trial.contender.name,
        f"{trial.contender.rows:,}",
        f"{measured.seconds:.1f}",
        f"{measured.cpu_seconds:.1f}",
        f"{trial.org_cpu:.1f}",
        against(measured.seconds, ours.measured.seconds),
        against(measured.cpu_seconds + trial.org_cpu, ours.measured.cpu_seconds + ours.org_cpu),
        f"{measured.peak_mb:.0f}",
    )


def _of_bad_rows(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    spoilt = [each.spoilt for each in trials]
    return [
        ("bad rows", *(f"{each.planted}" for each in spoilt)),
        ("records in the org", *(f"{each.loaded:,}" for each in spoilt)),
        ("bad rows told by their key", *(f"{each.told.keys}" for each in spoilt)),
        ("... with a code", *(f"{each.told.codes}" for each in spoilt)),
        ("... with the right field", *(f"{each.told.fields}" for each in spoilt)),
        ("sentences that repeat the record's value", *(f"{each.told.repeating}" for each in spoilt)),
        ("good rows that failed", *(f"{each.told.others}" for each in spoilt)),
        ("rows sent again after mending", *(f"{each.again:,}" for each in spoilt)),
        ("records in the org then", *(f"{each.records:,}" for each in spoilt)),
    ]


def _of_kills(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    killed = [each.killed for each in trials]
    return [
        ("rows sent again", *(f"{each.again:,}" for each in killed)),
        ("rows that the org has worked on, both runs", *(f"{each.processed:,}" for each in killed)),
        ("records in the org then", *(f"{each.records:,}" for each in killed)),
    ]
