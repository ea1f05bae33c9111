"""How fast the stand-ins are, so that they aren't what other measurements show: generator and org."""

from __future__ import annotations

import datetime
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.measuring import Measured, Piece, Work, measure
from benchmarks.report import Aim, Figures, Section

if TYPE_CHECKING:
    import polars as pl

    from migration_assets_tests.sandbox.salesforce_fixtures import Opened

CHARTING_ROWS = 1_000_000
_PATIENTS = 8_500
_NARROW_ROWS = 100_000
_WIDE_ROWS = 20_000
_WIDE_FIELDS = 780
"""An Unlimited org holds 800 custom fields an object: a thousand columns fit into none."""
_KEY = "PANDA_Key__c"


@dataclass(frozen=True)
class Job:
    """An upsert from the end of its PUT to JobComplete; CPU seconds are the org's process's."""

    name: str
    rows: int
    columns: int
    seconds: float
    cpu_seconds: float

    @property
    def cells(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True)
class Outcome:
    generator: Measured
    charting_rows: int
    narrow: Job
    wide: Job


def run(rounds: int = 3) -> Outcome:
    (generator,) = measure([Piece("a practice generated", generating)], rounds)
    rows = int(generator.rounds[0].told["rows"])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return Outcome(generator, rows, *_jobs(Path(folder), rounds))


def section() -> Section:
    outcome = run()
    made = outcome.generator
    jobs = (outcome.narrow, outcome.wide)
    rows = [
        (
            f"upsert of {job.rows:,} rows, {job.columns} columns",
            f"{job.seconds:.2f}",
            f"{job.cpu_seconds:.2f}",
            f"{job.rows / job.seconds:,.0f}",
            f"{job.cells / job.seconds / 1e6:.1f}",
        )
        for job in jobs
    ]
    generator = (
        "a practice generated",
        f"{made.seconds:.2f}",
        f"{made.cpu_seconds:.2f}",
        f"{made.peak_mb:.0f}",
        f"{outcome.charting_rows:,}",
    )
    narrow, wide = outcome.narrow.rows / outcome.narrow.seconds, outcome.wide.cells / outcome.wide.seconds
    return Section(
        "The sandboxes themselves",
        "The generator makes a practice's people, exams and charting rows. The org's seconds count from the "
        "end of a job's PUT to JobComplete, seen over HTTPS. No object of an org holds a thousand columns; "
        "800 custom fields are the most that an edition allows.",
        [
            Figures(("generator", "s", "CPU s", "peak memory, MB", "charting rows"), [generator]),
            Figures(("Salesforce org", "s", "CPU s of the org", "rows/s", "million cells/s"), rows),
        ],
        [
            Aim(
                "a million charting rows generated in 30 s",
                f"{made.seconds * CHARTING_ROWS / outcome.charting_rows:.1f} s a million",
                made.seconds * CHARTING_ROWS / outcome.charting_rows <= 30,
            ),
            Aim("50,000 rows/s at 12 columns", f"{narrow:,.0f} rows/s", narrow >= 50_000),
            Aim(
                "10 million cells/s at a thousand columns",
                f"{wide / 1e6:.1f} million, at {outcome.wide.columns}",
                wide >= 1e7,
            ),
            Aim("20 million cells/s hoped for", f"{wide / 1e6:.1f} million", wide >= 2e7),
        ],
    )


def generating() -> Work:
    from migration_sandbox.practice.generator import generate

    return lambda: {"rows": generate(7, _PATIENTS).tables["PeriodontalCharting"].height}


def _jobs(folder: Path, rounds: int) -> list[Job]:
    """The fastest of ``rounds`` jobs each, into an org without records; a disturbance only slows one down."""
    from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
    from migration_sandbox.salesforce.launch import SalesforceSandbox

    with SalesforceSandbox(folder / "org", edition="unlimited") as org:
        opened = sign_in(org)
        wanted: list[tuple[str, str, pl.DataFrame, Callable[[Opened], None]]] = [
            ("12 columns", "Narrow__c", _narrow(), _deploy_narrow),
            (f"{_WIDE_FIELDS + 1} columns", "Wide__c", _wide(), _deploy_wide),
        ]
        jobs = []
        for name, sobject, frame, deploy in wanted:
            deploy(opened)
            content = _csv(frame)
            taken = []
            for _ in range(rounds):
                org.control.reset()
                taken.append(_upsert(opened, sobject, content))
            jobs.append(Job(name, frame.height, frame.width, *min(taken)))
        return jobs


def _upsert(opened: Opened, sobject: str, content: bytes) -> tuple[float, float]:
    process = psutil.Process(opened.sandbox.process.pid if opened.sandbox.process else None)
    job = opened.bulk.create(sobject, "upsert", externalIdFieldName=_KEY)
    if not opened.bulk.put(job, content).ok:
        raise RuntimeError("the org refused the upload")
    began, cpu = time.perf_counter(), _cpu_seconds(process)
    opened.bulk.close(job)
    told = opened.bulk.wait(job, seconds=120)
    if told["state"] != "JobComplete" or told["numberRecordsFailed"]:
        raise RuntimeError(f"the job ended as {told['state']} with {told['numberRecordsFailed']} failed rows")
    return time.perf_counter() - began, _cpu_seconds(process) - cpu


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _deploy_narrow(opened: Opened) -> None:
    from migration_assets_tests.sandbox.salesforce_fixtures import field_xml, picklist_xml

    fields = [
        *(field_xml(f"Name{number}__c", "Text", length=80) for number in range(4)),
        *(field_xml(f"Number{number}__c", "Number", precision=6, scale=2) for number in range(3)),
        field_xml("System__c", "Picklist", inner=picklist_xml(["Universal", "FDI", "Palmer"])),
        field_xml("Seen__c", "Date"),
        field_xml("At__c", "DateTime"),
        field_xml("Flag__c", "Checkbox", defaultValue=False),
    ]
    names = [name for name in _narrow().columns if name != _KEY]
    _deploy(opened, "Narrow__c", fields, names)


def _deploy_wide(opened: Opened) -> None:
    from migration_assets_tests.sandbox.salesforce_fixtures import field_xml

    names = [f"F{number}__c" for number in range(_WIDE_FIELDS)]
    _deploy(opened, "Wide__c", [field_xml(name, "Number", precision=3, scale=0) for name in names], names)


def _deploy(opened: Opened, sobject: str, fields: list[str], names: list[str]) -> None:
    from migration_assets_tests.sandbox import salesforce_fixtures as fixtures

    package = fixtures.Package({sobject: fixtures.object_xml(sobject) + fixtures.KEY + "".join(fields)})
    deployed = fixtures.deploy(opened.client, package)
    if deployed.status != "Succeeded":
        raise RuntimeError(f"the org refused the schema: {deployed.errors}")
    fixtures.grant(
        opened.client, sobject.removesuffix("__c"), [f"{sobject}.{each}" for each in [_KEY, *names]]
    )


def _narrow() -> pl.DataFrame:
    import numpy as np
    import polars as pl

    random, rows = np.random.default_rng(7), _NARROW_ROWS
    number = pl.int_range(rows, eager=True)
    words = pl.Series(["Periodontitis", "Gingivitis", "Recession, generalized", "Ångström"])
    systems = pl.Series(["Universal", "FDI", "Palmer"])
    days = pl.Series(random.integers(0, 4_000, rows)).cast(pl.Duration("ms")) * 86_400_000
    return pl.DataFrame(
        {
            _KEY: pl.select("maple:exam:" + number.cast(pl.String)).to_series(),
            **{f"Name{each}__c": words.gather(pl.Series(random.integers(0, 4, rows))) for each in range(4)},
            **{f"Number{each}__c": pl.Series(random.integers(0, 900, rows)) / 4 for each in range(3)},
            "System__c": systems.gather(pl.Series(random.integers(0, 3, rows))),
            "Seen__c": (days + datetime.datetime(2015, 1, 1)).dt.date(),
            "At__c": (days + datetime.datetime(2015, 1, 1, 9, 30)).dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "Flag__c": pl.Series(random.integers(0, 2, rows)) == 1,
        }
    )


def _wide() -> pl.DataFrame:
    import numpy as np
    import polars as pl

    random, rows = np.random.default_rng(7), _WIDE_ROWS
    keys = pl.select("maple:exam:" + pl.int_range(rows).cast(pl.String)).to_series()
    depths = {f"F{each}__c": random.integers(0, 12, rows, dtype=np.int16) for each in range(_WIDE_FIELDS)}
    return pl.DataFrame({_KEY: keys, **depths})


def _csv(frame: pl.DataFrame) -> bytes:
    made = io.BytesIO()
    frame.write_csv(made)
    return made.getvalue()
