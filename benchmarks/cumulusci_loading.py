"""The same exams through CumulusCI's own steps: run by an interpreter that has CumulusCI and nothing of ours.

The environment variable BENCH_CUMULUSCI names that interpreter (``pip install cumulusci`` in an environment
of its own); without it CumulusCI is left out.
"""

from __future__ import annotations

import csv
import importlib
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measuring import Work

PYTHON = "BENCH_CUMULUSCI"
TOKEN = "BENCH_ACCESS_TOKEN"
_KEY = "PANDA_Key__c"
_VERSION = "60.0"


def loading(url: str, ca_bundle: str, sobject: str, exams: str) -> Work:
    """Upserts by collections of 200, as its ``load_dataset`` does where it's told ``api: rest``."""
    context = _context(url, ca_bundle)
    steps = importlib.import_module("cumulusci.tasks.bulkdata.step")

    def work() -> dict[str, Any]:
        with Path(exams).open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            fields = next(rows)
            step = steps.get_dml_operation(
                sobject=sobject,
                operation=steps.DataOperationType.UPSERT,
                fields=fields,
                api_options={"update_key": _KEY},
                context=context,
                volume=0,
                api=steps.DataApi.REST,
            )
            with step:
                step.load_records(rows)
        results = list(step.get_results())
        failed = [number for number, each in enumerate(results) if not each.success]
        return {"sent": len(results), "failures": _failures(exams, results, failed) if failed else []}

    return work


def bulk_job(url: str, ca_bundle: str, sobject: str) -> Work:
    """What becomes of a job of Bulk API 1.0, which CumulusCI takes for 2,000 rows and more."""
    context = _context(url, ca_bundle)
    steps = importlib.import_module("cumulusci.tasks.bulkdata.step")

    def work() -> dict[str, Any]:
        step = steps.get_dml_operation(
            sobject=sobject,
            operation=steps.DataOperationType.UPSERT,
            fields=[_KEY],
            api_options={"update_key": _KEY},
            context=context,
            volume=50_000,
        )
        try:
            step.start()
        except Exception as error:
            return {"step": type(step).__name__, "error": type(error).__name__, "said": str(error)[:500]}
        return {"step": type(step).__name__, "error": None}

    return work


def _context(url: str, ca_bundle: str) -> Any:
    os.environ["REQUESTS_CA_BUNDLE"] = ca_bundle
    from simple_salesforce.api import Salesforce

    token = os.environ[TOKEN]
    return SimpleNamespace(
        sf=Salesforce(session_id=token, instance_url=url, version=_VERSION),
        bulk=importlib.import_module("salesforce_bulk").SalesforceBulk(
            sessionId=token, host=urlsplit(url).netloc, API_version=_VERSION
        ),
        logger=logging.getLogger("cumulusci"),
    )


def _failures(exams: str, results: list[Any], failed: list[int]) -> list[tuple[str, str, str | None, str]]:
    """Its results have no keys, but the file's order; the error is ``CODE: message (Field,Field)``."""
    with Path(exams).open(newline="", encoding="utf-8") as file:
        keys = [row[_KEY] for row in csv.DictReader(file)]
    told = []
    for number in failed:
        sentence = results[number].error
        field = sentence.rpartition("(")[2].removesuffix(")").partition(",")[0]
        told.append((keys[number], sentence.partition(":")[0], field or None, sentence))
    return told
