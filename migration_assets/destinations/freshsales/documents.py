"""Files on contacts and deals: streamed from the source, found by the key's marker in their name.

Reading takes a call for each record that may have files, since nothing else lists them. The API tells a
file's size (``content_file_size``) and no checksum: a field ``checksum`` (MD5 in hex) is computed from the
download, which doesn't count as a call. Nothing changes a file: one that differs is deleted and sent again
where the account deletes files at all (no source has that call), else it fails and stays as it is.
"""

from __future__ import annotations

import hashlib
import mimetypes
import time
from collections.abc import Collection, Iterator, Sequence

from migration_assets.destinations.base import Batch, BlobSource, KeyChange, LoadResult, ObjectSchema
from migration_assets.destinations.freshsales import answers, markers
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.errors_of_api import (
    FILE_TOO_LARGE,
    NOT_SERVED,
    STORAGE_FULL,
    ApiRefused,
    sentence,
)
from migration_assets.destinations.freshsales.marked import MarkedRecords, Row
from migration_assets.destinations.freshsales.shapes import TARGET, shape_of
from migration_assets.errors import (
    ContentChanged,
    DestinationLimitReached,
    DestinationUnreachable,
    SourceError,
)

SIZE, CHECKSUM, MEDIA_TYPE = "content_file_size", "checksum", "content_content_type"
_NAME = "file_name"
_BLOB = "_blob"
_URL = "_url"
_SHARED = "true"
"""Whether the file is shared: everybody who sees the record is to see its files (unconfirmed what else it
does)."""


class _Checked:
    """A content's pieces, which end in ContentChanged where it isn't the expected one."""

    def __init__(self, blobs: BlobSource, key: str, md5: str | None) -> None:
        self._blobs = blobs
        self._key = key
        self._md5 = md5

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self._blobs.pieces(self._key):
            digest.update(piece)
            yield piece
        if self._md5 is not None and digest.hexdigest() != self._md5.lower():
            raise ContentChanged("a file isn't the one that was extracted; extract again, then upload again")


class FileFixed(Exception):
    """The account doesn't delete files."""


class Documents(MarkedRecords):
    """Files of one account."""

    _place = TARGET

    def send(self, batch: Batch) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``: a call a file.

        Raises DestinationLimitReached where the account's file storage is full: the file that didn't fit has
        failed then, and no further one is begun.
        """
        schema, blobs = batch.schema, batch.blobs
        if blobs is None:
            raise ValueError(f"a batch of {schema.name} needs the source of its contents")
        if SIZE not in schema.field_names or batch.rows[SIZE].has_nulls():
            raise ValueError(f"a batch of {schema.name} needs {SIZE} in every row")
        answers.check_keys(batch.rows, schema)
        if batch.rows.is_empty():
            return
        there = self.there(batch)
        for row in batch.rows.iter_rows(named=True):
            result = self._send_one(schema, row | {_BLOB: blobs}, there)
            yield [result]
            if result.code == STORAGE_FULL:
                raise DestinationLimitReached(f"Freshsales: {sentence(STORAGE_FULL)}")

    def _send_one(self, schema: ObjectSchema, row: Row, there: dict[str, Row]) -> LoadResult:
        key, most = row[schema.key_field], self._settings.files.max_bytes
        if row[SIZE] > most:
            return LoadResult(
                key,
                "failed",
                code=FILE_TOO_LARGE,
                field=schema.content_field,
                message=f"the file has {row[SIZE]:,} bytes and the limit is {most:,} (files.max_bytes); "
                "raise the limit, up to the account's own, or keep the file elsewhere",
            )
        try:
            return self._bring(schema, row, there)
        except ContentChanged:
            return answers.failed(key, answers.CONTENT_CHANGED, schema.content_field)
        except SourceError:
            return answers.failed(key, answers.CONTENT_UNREADABLE, schema.content_field)
        except FileFixed:
            return answers.failed(key, answers.FILE_FIXED, schema.content_field)

    def _found(self, schema: ObjectSchema, prefix: str) -> Iterator[list[Row]]:
        practice = prefix.partition(":")[0] + ":"
        seen: set[int] = set()
        for target in schema.field(TARGET).targets:
            for target_key, entry in list(self._known.of(target).items()):
                if not target_key.startswith(practice):
                    continue
                rows = []
                for document in self._lists.documents(shape_of(target), entry.id):
                    row = self._row(schema, document, target_key)
                    if document["id"] not in seen and (row[schema.key_field] or "").startswith(prefix):
                        rows.append(row)
                    seen.add(document["id"])
                if rows:
                    yield rows

    @staticmethod
    def _row(schema: ObjectSchema, document: Json, target_key: str | None) -> Row:
        name, key = markers.unmarked_name(document.get("name"))
        if key is None:
            # Which of the two names is the one that was sent is unconfirmed.
            name, key = markers.unmarked_name(document.get("content_file_name"))
        told = {each.name: document.get(each.name) for each in schema.stored_fields}
        if TARGET in told:
            told[TARGET] = target_key
        return told | {
            "_id": document["id"],
            "_modified_at": document.get("updated_at") or document["created_at"],
            schema.key_field: key,
            _NAME: name,
            _URL: document["url"],
        }

    def checksum(self, row: Row) -> str:
        """MD5 of the content, in hex. Raises DestinationUnreachable and its kin."""
        for attempt in range(1, self._settings.retry_attempts + 1):
            digest = hashlib.md5(usedforsecurity=False)
            try:
                for piece in self._client.download(row[_URL]):
                    digest.update(piece)
            except DestinationUnreachable:
                if attempt == self._settings.retry_attempts:
                    raise
                time.sleep(self._settings.retry_wait * attempt)
            else:
                break
        return digest.hexdigest()

    def _create(self, schema: ObjectSchema, row: Row) -> Row:
        key = row[schema.key_field]
        target, number = self._known.parent(schema.field(TARGET), row[TARGET])
        name = markers.marked_name(row[_NAME], key)
        answer = self._client.multipart(
            "documents",
            {
                "file_name": name,
                "is_shared": _SHARED,
                "targetable_id": str(number),
                "targetable_type": shape_of(target).type,
            },
            part=schema.content_field or "file",
            file_name=name,
            content_type=row.get(MEDIA_TYPE) or mimetypes.guess_type(name)[0] or "application/octet-stream",
            size=int(row[SIZE]),
            pieces=_Checked(row[_BLOB], key, row.get(CHECKSUM)),
        )
        made = answer.get("document") or answer
        return {**_without_source(row), "_id": made["id"], "_modified_at": None, _URL: made.get("url")}

    def _change(self, schema: ObjectSchema, row: Row, there: Row) -> Row:
        """Nothing where it is there as it should be; else a new file in place of the old one."""
        if self._is_as_sent(schema, row, there):
            return there
        if not self.delete(schema, row[schema.key_field], int(there["_id"])):
            raise FileFixed
        return self._create(schema, row)

    def _write_back(self, schema: ObjectSchema, change: KeyChange) -> LoadResult:
        """Nobody has the former content any more."""
        return answers.failed(change.key, answers.FILE_FIXED, schema.content_field, change.record_id)

    def _is_as_sent(self, schema: ObjectSchema, row: Row, there: Row) -> bool:
        names = [name for name in (_NAME, SIZE, TARGET) if name in schema.field_names]
        if any(there[name] != row[name] for name in names):
            return False
        expected = row.get(CHECKSUM)
        return expected is None or there[_URL] is None or self.checksum(there) == expected.lower()

    def delete(self, schema: ObjectSchema, key: str, document_id: int) -> bool:
        """Whether it is gone; where the account answers 404 that may mean that it deletes no files at all."""
        try:
            if self._client.delete(f"documents/{document_id}"):
                return True
        except ApiRefused as error:
            if error.code != NOT_SERVED:
                raise
            return False
        there = self._single.get(key) or self._there(schema, f"{key.partition(':')[0]}:").get(key)
        if there is None:
            return True
        target, number = self._known.parent(schema.field(TARGET), there[TARGET])
        listed = self._lists.documents(shape_of(target), number)
        return all(int(each["id"]) != document_id for each in listed)

    def _on(self, schema: ObjectSchema, target: str, keys: Collection[str]) -> Iterator[Row]:
        """A call for 100 of its files."""
        name, number = self._known.parent(schema.field(TARGET), target)
        rows = (self._row(schema, each, target) for each in self._lists.documents(shape_of(name), number))
        return (row for row in rows if row[schema.key_field] in keys)

    def _listing_is_cheaper(self, schema: ObjectSchema, calls: int) -> bool:  # noqa: ARG002
        """It asks for the files of every record that may have some."""
        return False


def _without_source(row: Row) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != _BLOB}
