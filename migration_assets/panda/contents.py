"""The bytes of large objects and of files on the practice's share, by the row's key, in pieces.

Nothing is kept, and nothing compared with what was extracted: who takes the pieces has size and MD5 for that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from typing import Any

from migration_assets.errors import ConfigurationError, ContentChanged, SourceConnectionLost, SourceError
from migration_assets.panda.catalog import Catalog, SourceColumn, SourceTable, bracketed, read_catalog
from migration_assets.panda.connection import CatalogConnection, Source
from migration_assets.panda.profile import Profile, TableProfile
from migration_assets.panda.reading import as_binary, as_selected
from migration_assets.panda.retrying import ATTEMPTS, PAUSE_SECONDS, read_again
from migration_assets.panda.share import PIECE_BYTES, FileProblem, FileShare


class Contents:
    """A practice's documents and images. Several threads may read at once, each over a connection of its own.

    Connections are opened as they are needed and kept until ``close``.
    """

    def __init__(
        self,
        source: Source,
        profile: Profile,
        *,
        attempts: int = ATTEMPTS,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._source = source
        self._profile = profile
        self._attempts = attempts
        self._pause_seconds = pause_seconds
        self._idle: list[tuple[CatalogConnection, ExitStack]] = []
        self._closed = False
        self._guard = threading.Lock()
        self._asking = threading.Lock()

    def __enter__(self) -> Contents:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closed = True
        self._drop_idle()

    def pieces(self, table: str, key: str) -> Iterator[bytes]:
        """The content of one row of a logical table, from the first byte, in pieces of at most 1 MiB.

        ``key`` is the primary key as text. Of a table with ``file_paths`` the content is the file at the
        row's path, else the table's large object; an empty one has no pieces. Raises ContentChanged where
        the row, its content or its file is gone, and SourceError and its kin where it can't be read.
        """
        declared = self._profile.table(table)
        if declared.file_paths:
            return self._of_file(declared, table, key)
        return self._of_column(declared, table, key)

    def _of_column(self, declared: TableProfile, table: str, key: str) -> Iterator[bytes]:
        found, column = self._column(declared, table, tuple(declared.blobs))
        part = f"SUBSTRING({as_binary(column)}, ?, {PIECE_BYTES})"
        start = 1
        while True:
            piece = self._cell(declared, found, part, key, start)
            if piece:
                yield bytes(piece)
            if len(piece) < PIECE_BYTES:
                return
            start += PIECE_BYTES

    def _of_file(self, declared: TableProfile, table: str, key: str) -> Iterator[bytes]:
        found, column = self._column(declared, table, declared.file_paths)
        file = self._share.locate(self._cell(declared, found, as_selected(column), key))
        if file is FileProblem.FILE_NOT_FOUND:
            raise _changed(declared, "a file isn't at its path any more")
        if isinstance(file, FileProblem):
            raise SourceError(
                f"a file of {declared.source_name} can't be reached ({file}); look at 'source.file_share' "
                "and at the login's rights on the share, then extract again"
            )
        try:
            with file.open("rb", buffering=0) as opened:
                while piece := opened.read(PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise SourceError(
                f"a file of {declared.source_name} can't be read ({type(error).__name__}); look at the "
                "share, then send it again"
            ) from None

    def _column(
        self, declared: TableProfile, table: str, logical: tuple[str, ...]
    ) -> tuple[SourceTable, SourceColumn]:
        if len(logical) != 1:
            raise ConfigurationError(
                f"the profile '{self._profile.name}' gives {declared.source_name} {len(logical)} columns of "
                f"content; name the one that is migrated, under tables.{table}.blobs or file_paths"
            )
        found = self._catalog.fitting(self._profile, [table])[table]
        column = found.column(declared.actual(logical[0]))
        assert column is not None
        return found, column

    def _cell(self, declared: TableProfile, found: SourceTable, selected: str, key: str, *given: int) -> Any:
        key_column = bracketed(declared.actual(declared.key))
        query = f"SELECT {selected} AS content FROM {found.sql_name} WHERE {key_column} = ?"

        def read() -> list[tuple[Any, ...]]:
            with self._connection() as connection:
                return connection.rows(
                    query, *given, key, doing=f"reading a content of {declared.source_name}"
                )

        rows = read_again(read, self._attempts, self._pause_seconds)
        if len(rows) > 1:
            raise SourceError(
                f"several rows of {declared.source_name} have the same {declared.actual(declared.key)}; name "
                "the primary key under the table's 'key' in the profile"
            )
        if not rows or rows[0][0] is None:
            raise _changed(declared, "a row or its content isn't there any more")
        return rows[0][0]

    @property
    def _catalog(self) -> Catalog:
        with self._asking:
            return self._catalog_once

    @cached_property
    def _catalog_once(self) -> Catalog:
        def read() -> Catalog:
            with self._connection() as connection:
                return read_catalog(connection.rows)

        return read_again(read, self._attempts, self._pause_seconds)

    @property
    def _share(self) -> FileShare:
        with self._asking:
            return self._share_once

    @cached_property
    def _share_once(self) -> FileShare:
        return FileShare(self._source.settings.resolved_file_share())

    @contextmanager
    def _connection(self) -> Iterator[CatalogConnection]:
        """An idle connection or a new one; one that failed is never used again."""
        with self._guard:
            idle = self._idle.pop() if self._idle else None
        connection, opened = idle or self._open()
        try:
            yield connection
        except BaseException as error:
            _close(opened)
            if isinstance(error, SourceConnectionLost):
                # A server that was restarted has forgotten the others, too.
                self._drop_idle()
            raise
        with self._guard:
            self._idle.append((connection, opened))
        if self._closed:
            self._drop_idle()

    def _open(self) -> tuple[CatalogConnection, ExitStack]:
        opened = ExitStack()
        return opened.enter_context(self._source.catalog()), opened

    def _drop_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for _, opened in idle:
            _close(opened)


def _close(opened: ExitStack) -> None:
    with suppress(SourceError):
        opened.close()


def _changed(declared: TableProfile, what: str) -> ContentChanged:
    return ContentChanged(f"{declared.source_name}: {what}; extract and stage the practice again")
