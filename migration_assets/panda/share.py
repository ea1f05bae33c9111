"""The practice's file share: whose file a path names that PANDA wrote, and what it holds, as size and MD5.

Paths are Windows' and may name anything; only what lies in a folder of ``source.file_share`` is ever opened.
What a file is for is not known here. Its content is streamed by contents.py, never kept.
"""

from __future__ import annotations

import errno
import hashlib
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

import polars as pl

from migration_assets.errors import ConfigurationError
from migration_assets.panda.profile import Profile
from migration_assets.warehouse import Session, quoted

SHARE_FILES = "share_files"
SHARE_FILES_COLUMNS: dict[str, pl.DataType] = {
    "path": pl.String(),
    "bytes": pl.Int64(),
    "md5": pl.String(),
    "problem": pl.String(),
}
"""A row for each path as a column of the source holds it; ``md5`` is 32 lower-case hex digits. Both figures
are null where ``problem``, a FileProblem, isn't."""

PIECE_BYTES = 2**20
_AT_ONCE = 8
"""Files looked at together: a share on a network answers several sooner than one after the other."""
_NO_SUCH_NAME = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)

_Names = tuple[str, ...]


class FileProblem(StrEnum):
    """Why a path leads to no file: nothing of ``source.file_share`` is its beginning; it leads out of its
    folder, by ``..`` or by a link; there is no such file; it can't be read."""

    SHARE_NOT_MAPPED = "share_not_mapped"
    FILE_OUTSIDE_SHARE = "file_outside_share"
    FILE_NOT_FOUND = "file_not_found"
    FILE_UNREADABLE = "file_unreadable"


class FileShare:
    """The mounted folders by the beginning of the paths that lead into them; the longest that fits counts.

    Several threads may use it at once.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """Raises ConfigurationError where two beginnings are the same but for case and slashes."""
        by_names = [(_folded(_names(beginning)), folder) for beginning, folder in folders.items()]
        self._folders = dict(sorted(by_names, key=lambda each: len(each[0]), reverse=True))
        if len(self._folders) < len(by_names):
            raise ConfigurationError(
                "two entries of 'source.file_share' are the same path but for case and slashes; remove one"
            )
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def locate(self, path: str) -> Path | FileProblem:
        """The regular file that a path names; its name's case counts only where two files differ in nothing
        else, as on Windows."""
        names = _names(path)
        folded = _folded(names)
        for beginning, folder in self._folders.items():
            if folded[: len(beginning)] == beginning:
                inside = _without_dots(names[len(beginning) :])
                if inside is None:
                    return FileProblem.FILE_OUTSIDE_SHARE
                try:
                    return self._file(folder, inside)
                except (OSError, ValueError, RuntimeError) as error:
                    return _problem(error)
        return FileProblem.SHARE_NOT_MAPPED

    def _file(self, folder: Path, names: _Names) -> Path | FileProblem:
        found = folder
        for name in names:
            found = self._entry(found, name)
        real = found.resolve(strict=True)
        if not real.is_relative_to(folder.resolve(strict=True)):
            return FileProblem.FILE_OUTSIDE_SHARE
        return real if stat.S_ISREG(real.stat().st_mode) else FileProblem.FILE_UNREADABLE

    def _entry(self, folder: Path, name: str) -> Path:
        exact = folder / name
        if exact.exists():
            return exact
        alike = self._listed(folder).get(name.casefold(), ())
        return folder / alike[0] if len(alike) == 1 else exact

    def _listed(self, folder: Path) -> Mapping[str, list[str]]:
        if folder not in self._listings:
            listing: dict[str, list[str]] = {}
            for each in folder.iterdir():
                listing.setdefault(each.name.casefold(), []).append(each.name)
            self._listings[folder] = listing
        return self._listings[folder]


def look_at_files(paths: Iterable[str], share: FileShare) -> pl.DataFrame:
    """SHARE_FILES_COLUMNS in the order of the paths; every file is read from its first byte to its last."""

    def look(path: str) -> tuple[str, int | None, str | None, str | None]:
        found = share.locate(path)
        if isinstance(found, FileProblem):
            return path, None, None, found.value
        try:
            return path, *_measured(found), None
        except OSError as error:
            return path, None, None, _problem(error).value

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="share") as pool:
        return pl.DataFrame(list(pool.map(look, paths)), SHARE_FILES_COLUMNS, orient="row")


def read_share_files(session: Session, schema: str, table: str = SHARE_FILES) -> pl.DataFrame:
    """SHARE_FILES_COLUMNS, without rows in a file of an extraction that didn't look at any."""
    if not session.has_table(schema, table):
        return pl.DataFrame(schema=SHARE_FILES_COLUMNS)
    return session.read(schema, table)


def paths_in(session: Session, schema: str, profile: Profile, tables: Iterable[str]) -> list[str]:
    """Every path that the extracted tables hold, once and verbatim."""
    columns = [
        f"SELECT CAST({quoted(declared.actual(column))} AS VARCHAR) AS path FROM {schema}.{quoted(logical)}"
        for logical in tables
        for declared in [profile.table(logical)]
        for column in declared.file_paths
    ]
    if not columns:
        return []
    every = " UNION ALL ".join(columns)
    return session.sql(f"SELECT DISTINCT path FROM ({every}) WHERE path IS NOT NULL ORDER BY path")[
        "path"
    ].to_list()


def _names(path: str) -> _Names:
    """What the path is rooted in (a server, a drive, the current drive, nothing), then its names."""
    text = path.strip().replace("/", "\\")
    names = [name for name in text.split("\\") if name not in ("", ".")]
    if text.startswith("\\"):
        return ("\\\\" if text.startswith("\\\\") else "\\", *names)
    return tuple(names) if names and names[0].endswith(":") else ("", *names)


def _folded(names: _Names) -> _Names:
    return tuple(name.casefold() for name in names)


def _without_dots(names: _Names) -> _Names | None:
    """The names without ``..``, each of which takes back the one before it; None where it leads out."""
    kept: list[str] = []
    for name in names:
        if name != "..":
            kept.append(name)
        elif kept:
            kept.pop()
        else:
            return None
    return tuple(kept)


def _measured(file: Path) -> tuple[int, str]:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with file.open("rb", buffering=0) as opened:
        while piece := opened.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _problem(error: Exception) -> FileProblem:
    """A name that no file system takes (a NUL, half a surrogate pair, too long) is the name of no file."""
    if isinstance(error, ValueError) or (isinstance(error, OSError) and error.errno in _NO_SUCH_NAME):
        return FileProblem.FILE_NOT_FOUND
    return FileProblem.FILE_UNREADABLE
