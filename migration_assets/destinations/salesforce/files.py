"""Records that are files: looked up by their key, then uploaded, given a new version, or brought in line.

Which of these each file needs is decided here. How the uploads go is ``file_sending``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from migration_assets.destinations.base import Batch, LoadResult, ObjectSchema, OpenBatch
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.audit import Described
from migration_assets.destinations.salesforce.failures import FILE_TOO_LARGE, UNSETTLED
from migration_assets.destinations.salesforce.file_sending import (
    CHECKSUM,
    DOCUMENT,
    SIZE,
    FileSender,
    refused,
)
from migration_assets.destinations.salesforce.file_upload import plain
from migration_assets.destinations.salesforce.job_runs import JobRuns, check_keys, not_sent
from migration_assets.destinations.salesforce.joining import differing
from migration_assets.destinations.salesforce.parents import Parents, by_id
from migration_assets.destinations.salesforce.queries import Queries, is_one_of
from migration_assets.destinations.salesforce.reading import VERSION, latest_of_ours
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings

FILES_A_BATCH = 200
_THERE = "\x00there"
_PATCHES_A_CALL = 200


class FileLoader:
    """Sends and settles files of one org."""

    def __init__(
        self,
        session: SalesforceSession,
        settings: EnvironmentSettings,
        runs: JobRuns,
        queries: Queries,
        parents: Parents,
        described: Described,
    ) -> None:
        self._session = session
        self._settings = settings
        self._runs = runs
        self._queries = queries
        self._parents = parents
        self._described = described
        self._sender = FileSender(session, settings, runs, queries, described)

    @staticmethod
    def batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        yield from rows.iter_slices(FILES_A_BATCH)

    def send(self, batch: Batch) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``; each file is answered as soon as its request is.

        Raises DestinationLimitReached where the day's requests are nearly used up or the org is full (the
        file that didn't fit has failed then): no further file is begun, those on their way are followed to
        their end.
        """
        schema = batch.schema
        if batch.blobs is None:
            raise ValueError(f"a batch of {schema.name} needs the source of its contents")
        if not {CHECKSUM, SIZE} <= set(schema.field_names):
            raise ValueError(f"{schema.name} needs {CHECKSUM} and {SIZE} to be compared with")
        if batch.rows[CHECKSUM].has_nulls() or batch.rows[SIZE].has_nulls():
            raise ValueError(f"a batch of {schema.name} needs {CHECKSUM} and {SIZE} in every row")
        self._runs.stop_before_the_quota_ends()
        check_keys(batch.rows, schema)
        rows, too_large = self._fitting(batch.rows, schema)
        if too_large:
            yield too_large
        rows, absent = self._parents.with_ids(rows, schema, schema.references)
        if absent:
            yield absent
        if rows.is_empty():
            return
        schema = by_id(schema, schema.references)
        rows = self._beside_what_is_there(rows, schema)
        changes = self._changes(rows, schema)
        equal = [each for each in rows.iter_rows(named=True) if changes.get(each[schema.key_field]) == []]
        if equal:
            yield [LoadResult(each[schema.key_field], "loaded", destination_id=each["_id"]) for each in equal]
        fixed = self._fixed_fields(schema) if any(changes.values()) else set()
        patches = {key: names for key, names in changes.items() if names and not fixed & set(names)}
        yield from self._patch(rows, schema, patches)
        settled = {*patches, *(each[schema.key_field] for each in equal)}
        uploads = [each for each in rows.iter_rows(named=True) if each[schema.key_field] not in settled]
        yield from self._sender.send(uploads, schema, batch.blobs)

    def _fitting(self, rows: pl.DataFrame, schema: ObjectSchema) -> tuple[pl.DataFrame, list[LoadResult]]:
        most = self._settings.files.max_bytes
        larger = rows.filter(pl.col(SIZE) > most)
        failed = [
            LoadResult(
                key,
                "failed",
                code=FILE_TOO_LARGE,
                field=schema.content_field,
                message=f"the file has {size:,} bytes and the limit is {most:,} (files.max_bytes); "
                "raise the limit, up to the org's own, or keep the file elsewhere",
            )
            for key, size in larger.select(schema.key_field, SIZE).iter_rows()
        ]
        return rows.filter(pl.col(SIZE) <= most), failed

    def _beside_what_is_there(self, rows: pl.DataFrame, schema: ObjectSchema) -> pl.DataFrame:
        """The rows with our latest version of each, null where there is none: ``_id`` and ``_document``, the
        fields with _THERE after their names, and ``_same``, whether the content is the row's. Of several
        files with one key, one with the row's content if there is one.
        """
        key = schema.key_field
        names = [each.name for each in schema.stored_fields]
        columns = ["Id", "SystemModstamp", *names, *VERSION]
        pages = []
        for part in rows.iter_slices(FILES_A_BATCH):
            found = self._queries.bulk(schema.name, columns, is_one_of(key, part[key]))
            for page in latest_of_ours(found):
                named = page.rename({"Id": "_id", "SystemModstamp": "_modified_at"})
                typed = csv.typed(named, schema, names)
                pages.append(typed.with_columns(named[DOCUMENT].alias("_document")))
        there = pl.concat(pages)
        there = there.rename({name: name + _THERE for name in names if name != key})
        both = rows.join(there, on=key, how="left", maintain_order="left")
        same = (pl.col(CHECKSUM) == pl.col(CHECKSUM + _THERE).str.to_lowercase()).fill_null(False)
        ordered = both.with_columns(same.alias("_same")).sort(
            pl.col("_same"), pl.col("_id"), descending=[True, False], maintain_order=True
        )
        return ordered.unique(key, keep="first", maintain_order=True)

    @staticmethod
    def _changes(rows: pl.DataFrame, schema: ObjectSchema) -> dict[str, list[str]]:
        """Key -> fields that differ, of files that are there with the same content."""
        same = rows.filter(pl.col("_same"))
        fields = [each for each in schema.sent_fields if each.name != schema.key_field]
        differs = same.select(
            differing(each, pl.col(each.name), pl.col(each.name + _THERE)).alias(each.name) for each in fields
        )
        return {
            key: [name for name, is_so in flags.items() if is_so]
            for key, flags in zip(
                same[schema.key_field],
                differs.iter_rows(named=True) if fields else [{}] * same.height,
                strict=True,
            )
        }

    def _fixed_fields(self, schema: ObjectSchema) -> set[str]:
        """Fields that a version keeps as it was made with them: only a further version changes them."""
        org = self._described.get(schema.name)
        return set() if org is None else {name for name, each in org.fields.items() if not each.updateable}

    def _patch(
        self, rows: pl.DataFrame, schema: ObjectSchema, patches: Mapping[str, Sequence[str]]
    ) -> Iterator[Sequence[LoadResult]]:
        key = schema.key_field
        changed = [each for each in rows.iter_rows(named=True) if each[key] in patches]
        for start in range(0, len(changed), _PATCHES_A_CALL):
            part = changed[start : start + _PATCHES_A_CALL]
            records = [
                {"attributes": {"type": schema.name}, "id": row["_id"]}
                | {name: plain(row[name]) for name in patches[row[key]]}
                for row in part
            ]
            body = {"allOrNone": False, "records": records}
            answers = self._session.request("PATCH", "composite/sobjects", json=body, idempotent=True).json()
            yield [_patched(row, key, each, schema) for row, each in zip(part, answers, strict=True)]

    def settle(self, batch: OpenBatch) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.settle``, without a request: what was intended can't be told from a key alone, so
        every file comes back ``not_sent``, and sending it again finds what is there by key and checksum.
        """
        yield from not_sent(batch.keys, UNSETTLED)


def _patched(row: Mapping[str, Any], key: str, answer: Mapping[str, Any], schema: ObjectSchema) -> LoadResult:
    if answer.get("success"):
        return LoadResult(row[key], "loaded", destination_id=row["_id"])
    return refused(row[key], answer, schema)
