"""A practice arrives whole in whichever systems its teeth are written, and each mouth as the same chart.

Universal practices are those of the other tests here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_assets.migration.upload_file import READBACK
from migration_assets_tests.integration.chart_model import HOMES, KEY, TOOTH, charts
from migration_assets_tests.integration.installation import OBJECTS, REHEARSAL, Installation, different
from migration_assets_tests.integration.practices import generated

_PATIENTS = 6
_UNIVERSAL = charts(generated(patients=_PATIENTS).tables)


def _records(installation: Installation, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and fields that hold anything, of what was read back."""
    asset = next(asset for asset, sobject in OBJECTS.items() if sobject == name)
    with installation.platform.upload_warehouse(REHEARSAL).open(read_only=True) as session:
        for row in session.read(READBACK, asset).iter_rows(named=True):
            yield row[KEY], {field: value for field, value in row.items() if value is not None}


def test_a_practice_arrives_whole_in_its_numbering_systems(installation: Installation) -> None:
    """FDI and Palmer in turn: an exam names its own."""
    tables = generated(("FDI", "Palmer"), _PATIENTS).tables
    assert {"FDI", "Palmer"} == set(tables["ClinicalExam"]["ToothNumberingSystem"])
    installation.configure(job_rows=200)
    installation.put_rows(tables)
    installation.build()
    ended = installation.run()
    assert ended.error is None, ended.message

    reconciled = installation.reconcile()

    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    assert reconciled.reconciliation.rejects == []
    charted = charts(tables)
    assert charted.wide == _UNIVERSAL.wide
    places = {(name, field) for name, _, field in charted.wide}
    assert {
        (name, key, field): value
        for name in dict.fromkeys(HOMES.values())
        for key, fields in _records(installation, name)
        for field, value in fields.items()
        if (name, field) in places
    } == charted.wide
    teeth = {key: fields["ToothNumber__c"] for key, fields in _records(installation, TOOTH)}
    assert teeth == {key: charted.teeth[key]["ToothNumber__c"] for key in charted.alone}
