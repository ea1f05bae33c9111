"""Uploads of files, followed until the org has each: alone, or many small ones in a request.

Nothing in the org keeps the key unique (a file's versions all bear it), so a request whose answer was lost is
never repeated before one has looked which records it made. An org that refuses requests for many files as a
whole gets every further file of this connection alone. Requests are made by ``file_upload``, and which files
need an upload is decided in ``files``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from migration_assets.destinations.base import BlobSource, LoadResult, ObjectSchema
from migration_assets.destinations.salesforce import file_upload
from migration_assets.destinations.salesforce.audit import CREATED, ORIGINAL, AuditFields, Described
from migration_assets.destinations.salesforce.failures import (
    CONTENT_CHANGED,
    CONTENT_UNREADABLE,
    DUPLICATE,
    LOCKED,
    NOT_WRITABLE,
    safe_code,
    sentence,
)
from migration_assets.destinations.salesforce.file_upload import Body, BodyOfMany, ContentDiffers, plain
from migration_assets.destinations.salesforce.job_runs import JobRuns
from migration_assets.destinations.salesforce.queries import Queries, is_one_of
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession, StorageFull
from migration_assets.destinations.salesforce.settings import MAX_TOGETHER_BYTES, EnvironmentSettings
from migration_assets.errors import ContentChanged, DestinationUnreachable, MigrationError, SourceError

CHECKSUM, SIZE, DOCUMENT = "Checksum", "ContentSize", "ContentDocumentId"
_PLACE = "FirstPublishLocationId"
_STORAGE = "STORAGE_LIMIT_EXCEEDED"
_FILES_TOGETHER = 100
_LATEST = "IsLatest = true"
"""Of a file's versions, which all bear the key, the one that a request just made."""
_LOOKS = 3
"""How often one looks for a file whose answer was lost after its last byte had gone: it may yet be saved."""
_KEYS_A_LOOK = 50
"""So many keys fit the address of a query."""
_CANNOT_TOGETHER = frozenset({400, 404, 405, 413, 415})

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
"""Of the payload, with ``_id`` and ``_document`` of the latest version that is there, null without one."""


@dataclass
class _Ended:
    """What became of files, and what keeps others from being sent, if anything does."""

    results: list[LoadResult] = field(default_factory=list)
    failure: MigrationError | None = None


class FileSender:
    """Uploads files to one org."""

    def __init__(
        self,
        session: SalesforceSession,
        settings: EnvironmentSettings,
        runs: JobRuns,
        queries: Queries,
        described: Described,
    ) -> None:
        self._session = session
        self._settings = settings
        self._runs = runs
        self._queries = queries
        self._audit = AuditFields(described, settings.audit_fields)
        self._slots = threading.BoundedSemaphore(settings.files.at_once)
        self._together_bytes = settings.files.together_max_bytes
        self._dates_refused = False

    def send(
        self, rows: Sequence[Row], schema: ObjectSchema, blobs: BlobSource
    ) -> Iterator[Sequence[LoadResult]]:
        """Each request's files as soon as it is answered. Where something ends the upload, no further request
        is begun, those on their way are followed to their end, and it is raised.
        """
        waiting = self._requests(rows)
        most = self._settings.files.at_once
        failure: MigrationError | None = None
        with ThreadPoolExecutor(most, thread_name_prefix="file") as threads:
            on_their_way: set[Future[_Ended]] = set()
            while True:
                while failure is None and len(on_their_way) < most:
                    part = next(waiting, None)
                    if part is None:
                        break
                    on_their_way.add(threads.submit(self._send_part, part, schema, blobs))
                if not on_their_way:
                    break
                ended, on_their_way = wait(on_their_way, return_when=FIRST_COMPLETED)
                results = []
                for each in ended:
                    part_ended = each.result()
                    failure = failure or part_ended.failure
                    results += part_ended.results
                if results:
                    yield results
        if failure is not None:
            raise failure

    def _requests(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """The rows in parts that fit one request each."""
        part: list[Row] = []
        room = MAX_TOGETHER_BYTES
        for row in rows:
            if row[SIZE] > self._together_bytes:
                yield [row]
                continue
            if row[SIZE] > room or len(part) == _FILES_TOGETHER:
                yield part
                part, room = [], MAX_TOGETHER_BYTES
            part.append(row)
            room -= row[SIZE]
        if part:
            yield part

    def _send_part(self, rows: list[Row], schema: ObjectSchema, blobs: BlobSource) -> _Ended:
        ended = _Ended()
        if len(rows) > 1 and self._together_bytes:
            try:
                with self._slots:
                    self._runs.stop_before_the_quota_ends()
                    rows = self._together(rows, schema, blobs, ended)
            except MigrationError as error:
                ended.failure = error
        for row in rows:
            if ended.failure is not None:
                break
            result, ended.failure = self._upload(row, schema, blobs)
            ended.results += [result] if result is not None else []
        return ended

    def _together(
        self, rows: Sequence[Row], schema: ObjectSchema, blobs: BlobSource, ended: _Ended
    ) -> list[Row]:
        """Send the files in one request until the org has them. Returns those that are to be sent alone.

        Raises what keeps others from being sent too, with what has become of files in ``ended``.
        """
        waiting = self._contents(rows, schema, blobs, ended)
        attempt = 1
        while waiting:
            asked = [row for row, _ in waiting]
            last = attempt == self._settings.retry_attempts
            dated = self._may_date(schema)
            body = BodyOfMany(
                schema, [(self._fields(row, schema, dated), content) for row, content in waiting]
            )
            failure: MigrationError | None = None
            try:
                answers = file_upload.post_many(self._session, body, len(asked))
            except StorageFull:
                return asked
            except (RequestRefused, DestinationUnreachable) as error:
                if isinstance(error, RequestRefused) and not _passes(error):
                    self._refused_together(error)
                    return asked
                failure = error
                again = self._found(asked, schema, ended, after_all=body.ended)
            else:
                again = self._answered(asked, answers, schema, ended, dated=dated, last=last)
            waiting = [each for each in waiting if each[0][schema.key_field] in again]
            if not waiting or (dated and self._dates_refused):
                continue
            if last and failure is not None:
                raise failure
            time.sleep(self._settings.retry_wait * attempt)
            attempt += 1
        return []

    def _answered(
        self,
        rows: Sequence[Row],
        answers: Sequence[Mapping[str, Any]],
        schema: ObjectSchema,
        ended: _Ended,
        *,
        dated: bool,
        last: bool,
    ) -> set[str]:
        """The keys of those that are to be sent again. Raises StorageFull where the org has no more room."""
        again: set[str] = set()
        doubled: list[Row] = []
        full = False
        for row, answer in zip(rows, answers, strict=True):
            key = row[schema.key_field]
            if answer.get("success"):
                ended.results.append(_loaded(row, key, str(answer["id"])))
                continue
            failed = refused(key, answer, schema)
            if failed.code == NOT_WRITABLE and dated and row["_id"] is None:
                # Describe offers the date and the org doesn't take it: it isn't given again.
                self._dates_refused = True
                again.add(key)
            elif failed.code == LOCKED and not last:
                again.add(key)
            elif failed.code == DUPLICATE:
                doubled.append(row)
            else:
                ended.results.append(failed)
                full = full or failed.code == _STORAGE
        missing = self._found(doubled, schema, ended, after_all=True)
        ended.results += [_failed(key, DUPLICATE, None) for key in missing]
        if full:
            raise StorageFull(f"Salesforce: {sentence(_STORAGE)} ({_STORAGE})")
        return again

    def _found(
        self, rows: Sequence[Row], schema: ObjectSchema, ended: _Ended, *, after_all: bool
    ) -> set[str]:
        """The keys of those that aren't there; the others' requests did their work."""
        versions = self._look(rows, schema, after_all=after_all) if rows else {}
        by_key = {row[schema.key_field]: row for row in rows}
        ended.results += [_loaded(by_key[key], key, version) for key, version in versions.items()]
        return by_key.keys() - versions.keys()

    def _refused_together(self, error: RequestRefused) -> None:
        if error.status in _CANNOT_TOGETHER and self._together_bytes:
            self._together_bytes = 0
            logger.warning(
                "Salesforce takes no request for many files (%d %s): every further one is uploaded alone, "
                "each by a request of its own",
                error.status,
                error.error_code,
            )

    def _contents(
        self, rows: Sequence[Row], schema: ObjectSchema, blobs: BlobSource, ended: _Ended
    ) -> list[tuple[Row, bytes]]:
        """The rows whose content can be read and is the expected one, with it."""
        found = []
        for row in rows:
            key = row[schema.key_field]
            try:
                pieces = file_upload.checked(blobs.pieces(key), int(row[SIZE]), str(row[CHECKSUM]))
                found.append((row, b"".join(pieces)))
            except (ContentDiffers, ContentChanged):
                ended.results.append(_failed(key, CONTENT_CHANGED, schema.content_field))
            except SourceError:
                ended.results.append(_failed(key, CONTENT_UNREADABLE, schema.content_field))
        return found

    def _upload(
        self, row: Row, schema: ObjectSchema, blobs: BlobSource
    ) -> tuple[LoadResult | None, MigrationError | None]:
        """One file alone: what became of it, and what keeps others from being sent, if anything does."""
        key = row[schema.key_field]
        try:
            with self._slots:
                self._runs.stop_before_the_quota_ends()
                version = self._bring(row, schema, blobs)
        except (ContentDiffers, ContentChanged):
            code, error = CONTENT_CHANGED, None
        except SourceError:
            code, error = CONTENT_UNREADABLE, None
        except StorageFull as full:
            code, error = _STORAGE, full
        except RequestRefused as answer:
            if _passes(answer):
                return None, answer
            name = next((name for name in answer.fields if name in schema.field_names), None)
            return _failed(key, answer.error_code, name), None
        except MigrationError as failed:
            return None, failed
        else:
            return _loaded(row, key, version), None
        return _failed(key, code, schema.content_field), error

    def _bring(self, row: Row, schema: ObjectSchema, blobs: BlobSource) -> str:
        """Send the file until the org has it; the id of its version."""
        key = row[schema.key_field]
        attempt = 1
        while True:
            dated = row["_id"] is None and self._may_date(schema)
            body = _body(row, schema, blobs, self._fields(row, schema, dated))
            failure: MigrationError
            try:
                return file_upload.post(self._session, schema, body)
            except RequestRefused as error:
                if dated and error.error_code == NOT_WRITABLE:
                    # Describe offers the date and the org doesn't take it: it isn't given again.
                    self._dates_refused = True
                    continue
                if not _passes(error) and error.error_code != DUPLICATE:
                    raise
                failure = error
            except DestinationUnreachable as error:
                failure = error
            found = self._look([row], schema, after_all=body.ended)
            if key in found:
                return found[key]
            lasting = isinstance(failure, RequestRefused) and not _passes(failure)
            if lasting or attempt == self._settings.retry_attempts:
                raise failure
            time.sleep(self._settings.retry_wait * attempt)
            attempt += 1

    def _look(self, rows: Sequence[Row], schema: ObjectSchema, *, after_all: bool) -> dict[str, str]:
        """Key -> version that a request with a lost answer has made, of those files for which it has."""
        columns = ["Id", schema.key_field, CHECKSUM]
        wanted = {row[schema.key_field]: row for row in rows}
        found: dict[str, str] = {}
        for look in range(_LOOKS if after_all else 1):
            if look:
                time.sleep(self._settings.retry_wait * look)
            missing = [key for key in wanted if key not in found]
            for start in range(0, len(missing), _KEYS_A_LOOK):
                keys = missing[start : start + _KEYS_A_LOOK]
                condition = f"{is_one_of(schema.key_field, keys)} AND {_LATEST}"
                for page in self._queries.rest(schema.name, columns, condition):
                    for version, key, checksum in page.iter_rows():
                        row = wanted.get(key)
                        if row is None or version == row["_id"]:
                            continue
                        if str(checksum).lower() == row[CHECKSUM]:
                            found[key] = str(version)
            if len(found) == len(wanted):
                break
        return found

    def _may_date(self, schema: ObjectSchema) -> bool:
        return not self._dates_refused and self._audit.may_date(schema)

    @staticmethod
    def _fields(row: Row, schema: ObjectSchema, dated: bool) -> dict[str, object]:
        fields = {each.name: plain(row[each.name]) for each in schema.sent_fields}
        if row["_id"] is not None:
            fields.pop(_PLACE, None)
            fields[DOCUMENT] = row["_document"]
        elif dated:
            fields[CREATED] = plain(row[ORIGINAL])
        return {name: value for name, value in fields.items() if value is not None}


def _body(row: Row, schema: ObjectSchema, blobs: BlobSource, fields: Mapping[str, object]) -> Body:
    def pieces() -> Iterator[bytes]:
        return blobs.pieces(row[schema.key_field])

    return Body(fields, str(schema.content_field), pieces, int(row[SIZE]), str(row[CHECKSUM]))


def _passes(error: RequestRefused) -> bool:
    """Whether the org may answer otherwise in a while."""
    return error.status == 429 or error.status >= 500


def _loaded(row: Row, key: str, version: str) -> LoadResult:
    return LoadResult(key, "loaded", destination_id=version, created=row["_id"] is None)


def _failed(key: str, code: str, name: str | None) -> LoadResult:
    return LoadResult(key, "failed", code=code, field=name, message=sentence(code))


def refused(key: str, answer: Mapping[str, Any], schema: ObjectSchema) -> LoadResult:
    """What a collection's answer says of a record that it refused; only names of ours are passed on."""
    error = (answer.get("errors") or [{}])[0]
    name = next((name for name in error.get("fields") or () if name in schema.field_names), None)
    return _failed(key, safe_code(error.get("statusCode")), name)
