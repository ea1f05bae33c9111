"""Findings about room and quotas: headers, custom fields, storage, requests, bulk batches and rows.

What a load needs is estimated from its volumes, at most; what is left is the org's own answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migration_assets.destinations.base import Finding, ObjectCapacity, ObjectSchema, Volumes
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.describe import capacity, deleted_among
from migration_assets.destinations.salesforce.schema_compare import ObjectPlan
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings, EnvironmentSettings
from migration_assets.destinations.salesforce.soap import ERASE_DELETED_FIELDS

RECORD_BYTES = 2_000
"""Data storage of a record, however wide (Salesforce, Data and File Storage Allocations: about 2 KB)."""
ROWS_A_DAY = 150_000_000
ROWS_A_BATCH = 10_000
"""Bulk API 2.0: rows that an org takes in 24 hours, and rows that it processes as one batch."""

_FILES = frozenset({"ContentVersion", "ContentDocument"})
_LINKS = frozenset({"ContentDocumentLink"})
"""Objects whose records are sent one file at a time, and those that take no storage of their own."""
_MB = 1_000_000
_LITTLE = 0.1
QUOTAS = {
    "DailyApiRequests": ("daily_api_requests", "API requests"),
    "DailyBulkApiBatches": ("daily_bulk_api_batches", "Bulk batches"),
    "DailyBulkV2QueryJobs": ("daily_bulk_query_jobs", "Bulk query jobs"),
    "DataStorageMB": ("data_storage", "MB of data storage"),
    "FileStorageMB": ("file_storage", "MB of file storage"),
}
"""Names in the answer of /limits: the code of a finding about it, and what it counts."""
USED_UP, SCARCE = "_used_up", "_scarce"
"""What follows the code where nothing, or little, of the quota is left."""

_REQUESTS_A_JOB = 15
_ROWS_A_PAGE = 50_000
_REQUESTS_A_FILE = 2
_LINKS_A_REQUEST = 200
"""Requests that this package makes, rounded up: a job is created, filled, closed, polled and read in three
parts; an object is read back twice, a page at a time; a file is sent and looked at, links are read some at a
time."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a load of some volumes takes of the quotas."""

    rows: int
    requests: int
    batches: int
    query_jobs: int
    data_mb: float
    file_mb: float


def needs(volumes: Volumes, bulk: BulkSettings) -> Needs:
    """At most, for loading and reading back everything once."""
    sent = {name: count for name, count in volumes.records.items() if count and name not in _FILES}
    jobs = {name: math.ceil(count / bulk.max_job_rows) for name, count in sent.items()}
    pages = sum(2 * math.ceil(count / _ROWS_A_PAGE) for count in sent.values())
    query_jobs = 2 * len(sent)
    links = sum(2 * math.ceil(sent[name] / _LINKS_A_REQUEST) for name in _LINKS & sent.keys())
    of_files = volumes.files * _REQUESTS_A_FILE + links
    requests = (sum(jobs.values()) + query_jobs) * _REQUESTS_A_JOB + pages + of_files
    return Needs(
        rows=sum(sent.values()),
        requests=requests,
        batches=sum(max(jobs[name], math.ceil(count / ROWS_A_BATCH)) for name, count in sent.items()),
        query_jobs=query_jobs,
        data_mb=data_storage_mb(volumes.records),
        file_mb=volumes.file_bytes / _MB,
    )


def data_storage_mb(records: Mapping[str, int]) -> float:
    """Files count as file storage, at their size."""
    return sum(count for name, count in records.items() if name not in _FILES | _LINKS) * RECORD_BYTES / _MB


def headers(schemas: Sequence[ObjectSchema]) -> Iterator[Finding]:
    for schema in schemas:
        width = len(csv.header(schema))
        if width > csv.MAX_HEADER_CHARACTERS:
            message = (
                f"the header of {schema.name} has {width:,} characters and a Bulk job allows "
                f"{csv.MAX_HEADER_CHARACTERS:,}; map fewer fields or shorten their names"
            )
            yield Finding("header_too_long", "error", message, schema.name)


def room_for_fields(
    session: SalesforceSession, settings: EnvironmentSettings, plans: Sequence[ObjectPlan]
) -> Iterator[Finding]:
    rooms = capacity(session, settings, [plan.schema.name for plan in plans])
    for plan in plans:
        room = rooms[plan.schema.name]
        left = room.custom_field_limit - len(room.custom_fields) - len(plan.created)
        if left < 0 or (plan.created and left < settings.fields_left_free):
            message = (
                f"{room.object} has {len(room.custom_fields)} of {room.custom_field_limit} custom fields and "
                f"needs {len(plan.created)} more with {settings.fields_left_free} left free; map fewer "
                "measures, delete unused fields there, or lower fields_left_free"
            )
            yield Finding("no_room_for_fields", "error", message, room.object)
            yield from _held_by_deleted(room)
        elif plan.created:
            message = (
                f"{room.object} has {len(room.custom_fields)} of {room.custom_field_limit} custom fields and "
                f"needs {len(plan.created)} more; {left} are left then"
            )
            yield Finding("room_for_fields", "note", message, room.object)


def _held_by_deleted(room: ObjectCapacity) -> Iterator[Finding]:
    deleted = deleted_among(room.custom_fields)
    if deleted:
        message = f"{len(deleted)} of {room.object}'s custom fields are deleted; {ERASE_DELETED_FIELDS}"
        yield Finding("deleted_fields_hold_room", "warning", message, room.object)


def quotas(limits: Mapping[str, Any]) -> list[Finding]:
    """A note for each quota, a warning where little of it is left, an error where nothing is."""
    found = []
    for name, (code, label) in QUOTAS.items():
        quota = _quota(limits, name)
        if quota is None:
            continue
        most, left = quota
        message = f"{left:,} of {most:,} {label} are left"
        if left <= 0:
            found.append(Finding(f"{code}{USED_UP}", "error", f"{message}; raise or free it first"))
        elif left < most * _LITTLE:
            found.append(Finding(f"{code}{SCARCE}", "warning", f"{message}; see that the load fits"))
        else:
            found.append(Finding(code, "note", message))
    return found


def no_request_left() -> Finding:
    """Of an org that answers no more, so that its quotas can't be asked for."""
    code, label = QUOTAS["DailyApiRequests"]
    message = (
        f"no {label} are left today, and the org answers nothing more; look again tomorrow, or raise them"
    )
    return Finding(f"{code}{USED_UP}", "error", message)


def volumes_fit(limits: Mapping[str, Any], volumes: Volumes, bulk: BulkSettings) -> Iterator[Finding]:
    """Storage that doesn't suffice is an error; daily quotas that don't suffice make the load take days."""
    needed = needs(volumes, bulk)
    yield from _storage(limits, "DataStorageMB", "record_storage", needed.data_mb, "data storage")
    yield from _storage(limits, "FileStorageMB", "file_storage_needed", needed.file_mb, "file storage")
    for name, records in volumes.alternatives.items():
        yield _alternative(limits, name, records, volumes, needed)
    daily = (
        ("DailyApiRequests", "api_requests_short", needed.requests, "API requests"),
        ("DailyBulkApiBatches", "bulk_batches_short", needed.batches, "Bulk batches"),
        ("DailyBulkV2QueryJobs", "bulk_query_jobs_short", needed.query_jobs, "Bulk query jobs"),
    )
    for name, code, count, label in daily:
        quota = _quota(limits, name)
        if quota is not None and count > quota[1]:
            message = (
                f"the load needs about {count:,} {label} and {quota[1]:,} are left today; it will stop "
                "cleanly and go on when the quota is full again, or raise the quota"
            )
            yield Finding(code, "warning", message)
    if needed.rows > ROWS_A_DAY:
        message = (
            f"the load brings {needed.rows:,} rows and an org takes {ROWS_A_DAY:,} in 24 hours by Bulk API; "
            "it takes several days"
        )
        yield Finding("bulk_rows_short", "warning", message)
    message = (
        f"the load brings at most {needed.rows:,} records and {volumes.files:,} files in about "
        f"{needed.requests:,} API requests and {needed.batches:,} Bulk batches"
    )
    yield Finding("load_estimate", "note", message)


def _alternative(
    limits: Mapping[str, Any], name: str, records: Mapping[str, int], volumes: Volumes, needed: Needs
) -> Finding:
    """What the other layout costs, object by object where it differs; files are the same in both."""
    differing = (
        f"{each} {records.get(each, 0):,} instead of {volumes.records.get(each, 0):,}"
        for each in dict.fromkeys((*volumes.records, *records))
        if records.get(each, 0) != volumes.records.get(each, 0)
    )
    quota = _quota(limits, "DataStorageMB")
    left = "" if quota is None else f", of {quota[1]:,} MB that are left"
    message = (
        f"kept {name}, the same charts would make {sum(records.values()):,} records "
        f"({', '.join(differing) or 'the same of each object'}) and need {data_storage_mb(records):,.1f} MB "
        f"of data storage, where the plan needs {needed.data_mb:,.1f} MB{left}; "
        f"files need {needed.file_mb:,.1f} MB of file storage either way"
    )
    return Finding("alternative_layout", "note", message)


def _storage(
    limits: Mapping[str, Any], quota_name: str, code: str, needed_mb: float, label: str
) -> Iterator[Finding]:
    quota = _quota(limits, quota_name)
    if quota is None:
        return
    left = quota[1]
    message = f"the load needs at most {needed_mb:,.1f} MB of {label} and {left:,} MB are left"
    if needed_mb > left:
        yield Finding(f"{code}_short", "error", f"{message}; free or buy storage before it starts")
    else:
        yield Finding(code, "note", message)


def _quota(limits: Mapping[str, Any], name: str) -> tuple[int, int] | None:
    """What there is in all and what is left; None where the org doesn't say."""
    quota = limits.get(name)
    return (int(quota["Max"]), int(quota["Remaining"])) if isinstance(quota, Mapping) else None
