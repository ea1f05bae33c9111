"""The background of Bulk API 2.0: one thread that takes the oldest job and does its batches.

A batch's records, its row results and its `done` mark become true in one commit, so a killed server goes on
where it was: no batch is done twice and none is skipped.
"""

import logging
import time
from collections.abc import Iterable

import numpy as np
import polars as pl

from migration_sandbox.salesforce.bulk_csv import DELIMITERS, CsvFault, Layout, layout, read_cells
from migration_sandbox.salesforce.errors import ApiError, RowError
from migration_sandbox.salesforce.jobs import ABORTED, COMPLETE, FAILED, RUNNING, UPLOADED, Job, Jobs
from migration_sandbox.salesforce.org import ACTING, Org, Statement
from migration_sandbox.salesforce.remove import delete
from migration_sandbox.salesforce.render import csv_frame
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.soql import parse
from migration_sandbox.salesforce.soql_run import run
from migration_sandbox.salesforce.targets import Target, UnknownColumn, resolve
from migration_sandbox.salesforce.write import CSV_NULL, Batch, Outcome, save
from migration_sandbox.serving.background import Background
from migration_sandbox.serving.blame import blame

logger = logging.getLogger("migration_sandbox.salesforce")

MAX_FIELDS = 5_000
MAX_RECORD_CHARACTERS = 400_000


class Worker(Background):
    """Owns the processing thread. `lock_rows` and `fail_jobs` are faults that the control endpoints set."""

    def __init__(self, org: Org, jobs: Jobs) -> None:
        super().__init__()
        self.org = org
        self.jobs = jobs
        self.lock_rows = 0
        self.fail_jobs = 0

    def work(self) -> bool:
        """The oldest job."""
        job = self.jobs.waiting()
        if job is None:
            return False
        started = time.monotonic()
        ACTING.set(job.created_by)
        try:
            if job.kind == "query":
                self._query(job, started)
            else:
                self._ingest(job, started)
        except CsvFault as fault:
            self._fail(job, fault.text)
        except ApiError as error:
            self._fail(job, f"InvalidBatch : {error.code}: {error.message}")
        except Exception as error:
            # A job that the sandbox itself can't process must not be taken again for ever.
            logger.error("job %s: %s", job.id, blame(error))
            self._fail(job, f"InternalServerError : {type(error).__name__} in the sandbox")
        return True

    def _fail(self, job: Job, text: str) -> None:
        with self.org.lock:
            current = self.jobs.get(job.id)
            if current.state != ABORTED:
                self.jobs.change(current, state=FAILED, error=text)

    def _query(self, job: Job, started: float) -> None:
        job = self.jobs.change(job, state=RUNNING)
        result = run(self.org, parse(job.query or ""), all_rows=job.operation == "queryAll")
        frame = csv_frame(result, self.org.settings.bulk_number_style == "scientific")
        frame.write_ipc(self.jobs.query_result(job), compression="uncompressed")
        with self.org.lock:
            if self.jobs.get(job.id).state == RUNNING:
                spent = int((time.monotonic() - started) * 1000)
                self.jobs.change(job, state=COMPLETE, processed=frame.height, milliseconds=spent)

    def _ingest(self, job: Job, started: float) -> None:
        path = self.jobs.content(job)
        content = path.read_bytes() if path.exists() else b""
        if job.state == UPLOADED and path.exists() and not content:
            with self.org.lock:
                if self.jobs.get(job.id).state == UPLOADED:
                    self.jobs.change(job, state=COMPLETE)
            return
        if job.state == UPLOADED:
            job = self._prepare(job, content)
        if self.fail_jobs > 0:
            self.fail_jobs -= 1
            raise CsvFault("InternalServerError : the job was failed by the control endpoint")
        sobject = self.org.objects[job.object]
        targets = self._targets(job, sobject)
        batches = self.org.db.execute(
            "SELECT number, start, stop, done FROM batches WHERE job = ? ORDER BY number", [job.id]
        ).fetchall()
        for number, start, stop, done in batches:
            if done:
                continue
            if self._stopping:
                return
            self._batch(job.id, sobject, targets, number, content[start:stop], started)
            if self.org.settings.bulk_batch_pause_seconds:
                time.sleep(self.org.settings.bulk_batch_pause_seconds)
            if self.jobs.get(job.id).state != RUNNING:
                return
        with self.org.lock:
            current = self.jobs.get(job.id)
            if current.state == RUNNING:
                spent = int((time.monotonic() - started) * 1000)
                self.jobs.change(current, state=COMPLETE, milliseconds=spent)

    def _prepare(self, job: Job, content: bytes) -> Job:
        """Cut the upload into batches and check its header, all before any record is touched.

        What was sent is known before it is judged: a job that fails here lists all of it as unprocessed.
        """
        cut = layout(content, job.line_ending, DELIMITERS[job.delimiter], self.org.settings.bulk_batch_rows)
        statements: list[Statement] = [
            (
                "INSERT OR IGNORE INTO batches (job, number, start, stop, rows, first_row)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (job.id, number, part.start, part.stop, part.rows, part.first_row),
            )
            for number, part in enumerate(cut.slices)
        ]
        with self.org.lock:
            current = self.jobs.get(job.id)
            if current.state != UPLOADED:
                return current
            self.org.transaction(statements)
            current = self.jobs.change(current, header=cut.header)
            self._check_header(current, cut)
            return self.jobs.change(current, state=RUNNING)

    def _check_header(self, job: Job, cut: Layout) -> None:
        limit = self.org.settings.bulk_header_characters
        if cut.header_characters > limit:
            raise CsvFault(
                f"ClientInputError : Failed to parse CSV. The header is longer than {limit} characters"
            )
        if len(cut.header) > MAX_FIELDS:
            raise CsvFault(f"InvalidBatch : A record has at most {MAX_FIELDS} fields")
        lower = [name.lower() for name in cut.header]
        if len(set(lower)) != len(lower):
            double = next(name for name in lower if lower.count(name) > 1)
            raise CsvFault(f"InvalidBatch : Duplicate field name found : {double}")
        if not cut.slices:
            raise CsvFault("InvalidBatch : Records not found for this job")
        sobject = self.org.objects[job.object]
        resolved = self._resolve(cut.header, sobject)
        if any(target.field.binary for target in resolved):
            raise CsvFault("FeatureNotEnabled : Binary field not supported")
        targets = [target.field.name for target in resolved if target.parent is None]
        if job.operation in ("delete", "hardDelete") and cut.header != ["Id"]:
            raise CsvFault("InvalidBatch : A delete job takes the column Id and no other")
        if job.operation == "insert" and "Id" in targets:
            raise CsvFault("InvalidBatch : Field name not found : Id")
        needed = {"update": "Id", "upsert": job.external_id, "delete": "Id", "hardDelete": "Id"}.get(
            job.operation
        )
        if needed is not None and needed not in targets:
            raise CsvFault(f"InvalidBatch : Field name not found : {needed}")

    def _resolve(self, header: list[str], sobject: SObject) -> list[Target]:
        try:
            return [resolve(self.org, sobject, name) for name in header]
        except UnknownColumn as unknown:
            raise CsvFault(f"InvalidBatch : Field name not found : {unknown.name}") from None

    def _targets(self, job: Job, sobject: SObject) -> list[Target]:
        return self._resolve(job.header, sobject)

    def _batch(
        self, job_id: str, sobject: SObject, targets: list[Target], number: int, chunk: bytes, started: float
    ) -> None:
        job = self.jobs.get(job_id)
        delimiter = DELIMITERS[job.delimiter]
        dtypes = [
            target.field.dtype if target.parent is None and target.field.numeric else None
            for target in targets
        ]
        given = read_cells(chunk, dtypes, delimiter, CSV_NULL)

        def also(outcome: Outcome) -> Iterable[Statement]:
            return self._record(job_id, number, outcome, started)

        locked = frozenset(range(min(self.lock_rows, given.height)))
        self.lock_rows -= len(locked)
        if job.operation in ("delete", "hardDelete"):
            delete(self.org, sobject, given.to_series(0), job.operation == "hardDelete", also, locked)
            return
        key = None if job.external_id in (None, "Id") else sobject.fields[job.external_id or ""]
        batch = Batch(sobject, job.operation, targets, given, key, CSV_NULL, locked, oversized(chunk, given))
        save(self.org, batch, also)

    def _record(self, job_id: str, number: int, outcome: Outcome, started: float) -> Iterable[Statement]:
        """Write the row results beside the batch, and the statements that make it done."""
        count = len(outcome.ids)
        errors: list[str | None] = [None] * count
        for row, error in outcome.errors.items():
            errors[row] = error.as_bulk()
        frame = pl.DataFrame(
            {"id": outcome.ids, "created": outcome.created, "error": pl.Series(errors, dtype=pl.String)}
        )
        frame.write_ipc(self.jobs.batch_result(job_id, number), compression="uncompressed")
        job = self.jobs.get(job_id)
        spent = int((time.monotonic() - started) * 1000)
        counts = {
            "processed": job.processed + count, "failed": job.failed + len(outcome.errors),
            "modified": time.time(), "milliseconds": spent,
        }  # fmt: skip
        changed = Job(**{**job.__dict__, **counts})
        return [
            ("UPDATE batches SET done = 1 WHERE job = ? AND number = ?", (job_id, number)),
            self.jobs.statement(changed),
        ]


def oversized(chunk: bytes, given: pl.DataFrame) -> dict[int, RowError]:
    """Rows over 400,000 characters. The batch's own size says quickly that there are none."""
    if len(chunk) <= MAX_RECORD_CHARACTERS:
        return {}
    text = [name for name, dtype in given.schema.items() if dtype == pl.String]
    if not text:
        return {}
    total = given.select(pl.sum_horizontal(pl.col(name).str.len_chars() for name in text).alias("n"))[
        "n"
    ].to_numpy()
    message = f"record is longer than {MAX_RECORD_CHARACTERS} characters"
    return {
        int(row): RowError("LIMIT_EXCEEDED", message) for row in np.flatnonzero(total > MAX_RECORD_CHARACTERS)
    }
