"""The pieces of ``loading`` that this project's own interpreter runs: our loader, and simple-salesforce.

Each reads the exams from disk, brings them into the org and tells what was refused, as its user would have
it. A failure is (key, code, field, sentence).
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from benchmarks.cumulusci_loading import TOKEN
from benchmarks.installation import PRACTICE
from benchmarks.measuring import Work

EXAM = "ClinicalExam__c"
ASSET = "clinical_exam"
_KEY = "PANDA_Key__c"


def ours(data: str, exams: str) -> Work:
    """From a Parquet file: values checked and rows hashed, which a payload has done before, then loaded."""
    import polars as pl

    import migration_assets.destinations.salesforce.destination  # noqa: F401
    from migration_assets.mapping.payload_hash import hash_rows
    from migration_assets.mapping.problems import MESSAGES, find_problems
    from migration_assets.migration.ledger import Target
    from migration_assets.migration.load import Loader, Shipment
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.parents import PAYLOAD_HASH
    from migration_assets.migration.platform import default_platform

    platform = default_platform(Path(data))
    migration = Migration(platform, Target(PRACTICE, "salesforce", "rehearsal"))
    ledger = platform.ledger(migration.practice, migration.target)

    def work() -> dict[str, Any]:
        with migration.planned() as (plan, destination):
            schema = plan.schemas[ASSET]
            rows = pl.read_parquet(exams)
            problems = find_problems(rows, schema).with_columns(
                pl.col("code").replace_strict(MESSAGES, default=None).alias("message")
            )
            payload = rows.with_columns(hash_rows(rows).alias(PAYLOAD_HASH))
            del rows
            loader = Loader(destination, ledger, "bench", platform.known_jobs, plan.schema_of_object)
            optional = plan.mapping.of_asset(ASSET).optional_references
            summary = loader.load(Shipment(schema, payload, problems, optional=optional))
        failures = []
        if summary.failed or summary.held_back:
            state = ledger.state(schema).filter(pl.col("code").is_not_null())
            failures = state.select("key", "code", "field", "message").rows()
        return {"sent": summary.sent, "failures": failures}

    return work


def simple_salesforce(url: str, ca_bundle: str, exams: str) -> Work:
    """One upsert of a CSV file, as its documentation has it, but without its 5 s before each look."""
    os.environ["REQUESTS_CA_BUNDLE"] = ca_bundle
    from simple_salesforce.api import Salesforce

    client: Any = Salesforce(session_id=os.environ[TOKEN], instance_url=url)

    def work() -> dict[str, Any]:
        bulk = getattr(client.bulk2, EXAM)
        jobs = bulk.upsert(csv_file=exams, external_id_field=_KEY, wait=0)
        failed = [job["job_id"] for job in jobs if job["numberRecordsFailed"]]
        failures = [failure for job in failed for failure in _refused(bulk.get_failed_records(job))]
        return {"sent": sum(job["numberRecordsProcessed"] for job in jobs), "failures": failures}

    return work


def _refused(text: str) -> list[tuple[str, str, str | None, str]]:
    """``sf__Error`` is ``CODE:message:Field,Field --``."""
    told = []
    for row in csv.DictReader(io.StringIO(text)):
        sentence = row["sf__Error"]
        field = sentence.rpartition(":")[2].removesuffix("--").strip().partition(",")[0]
        told.append((row[_KEY], sentence.partition(":")[0], field or None, sentence))
    return told
