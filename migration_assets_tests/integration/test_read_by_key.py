"""Some records of an org read back by their keys: the same as all of them filtered, with few requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import pytest

from migration_assets.destinations.base import Destination, ReadRequest
from migration_assets.migration.plan import load_mapping
from migration_assets_tests.integration.freshsales.installation import contents
from migration_assets_tests.integration.freshsales.practices import whole
from migration_assets_tests.integration.installation import PRACTICE, Installation
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.salesforce.launch import SalesforceSandbox

PREFIX = f"{PRACTICE}:"
UNCHARTED = "ClinicalExamTooth__c"
"""Of teeth that no chart of this practice shows."""
ABSENT = (f"{PREFIX}nobody:'; DROP", f"{PREFIX}no\\body:1", f"{PREFIX}%+%:_", f"{PREFIX}ü:\n1")


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    with SalesforceSandbox(tmp_path_factory.mktemp("read") / "org", sandbox_org=True) as running:
        running.control.settings(contacts_to_multiple_accounts=True)
        yield running


@pytest.fixture(scope="module")
def loaded(org: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A few patients with everything, exams with their hundreds of fields, dentists tied to offices."""
    specs = {spec.asset: spec.name for spec in load_mapping("salesforce")}
    made = Installation.create(tmp_path_factory.mktemp("loaded") / "data", org)
    made = replace(made, objects=specs)
    made.configure(job_rows=5_000)
    file = made.data / "practices" / f"{PRACTICE}.yaml"
    told = file.read_text(encoding="utf-8")
    file.write_text(
        told.replace("        retry_attempts:", "        account_relations: true\n        retry_attempts:"),
        encoding="utf-8",
    )
    with made.in_environment():
        practice = whole()
        made.put_rows(as_extracted(practice))
        made.put_contents(contents(practice))
        made.migration().prepare()
        made.build()
        ended = made.run(run_id="first")
        assert ended.error is None, ended.message
        yield made


def _read(destination: Destination, request: ReadRequest) -> pl.DataFrame:
    return pl.concat(destination.read(request)).sort("_id")


def test_records_by_key_are_those_of_the_whole_practice(loaded: Installation, org: SalesforceSandbox) -> None:
    """Ten records take a GET, and one for each kind of record whose ids they hold."""
    with loaded.migration().planned() as (plan, destination):
        for schema in plan.schemas.values():
            every = _read(destination, ReadRequest(schema, PREFIX))
            assert every.height or schema.name == UNCHARTED
            for some in (every[::3].head(10), every):
                before = org.control.requests()[-1].sequence
                request = ReadRequest(schema, PREFIX, keys=(*some[schema.key_field], *ABSENT))
                assert _read(destination, request).equals(some), schema.name
                asked = org.control.requests(before)
                assert {(each.method, each.path.rpartition("/")[2][:5]) for each in asked} == {
                    ("GET", "query")
                }
                assert len(asked) <= (7 if schema.name == "ContentDocumentLink" else 3)
