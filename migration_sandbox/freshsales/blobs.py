"""Contents of uploaded files on disk, one file each under a random name.

A content is written before the record that points at it and is never changed; what no record points at is
swept away at the next start.
"""

import hashlib
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Blob:
    name: str
    size: int
    sha256: str


class Upload:
    """A content on its way to disk."""

    def __init__(self, folder: Path) -> None:
        self._name = secrets.token_hex(16)
        self._path = folder / f"{self._name}.part"
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def finish(self) -> Blob:
        self._file.close()
        self._path.replace(self._path.with_suffix(".bin"))
        return Blob(self._name, self.size, self._hash.hexdigest())

    def abandon(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class Blobs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.bin"

    def begin(self) -> Upload:
        return Upload(self.folder)

    def put(self, content: bytes) -> Blob:
        upload = self.begin()
        upload.write(content)
        return upload.finish()

    def discard(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def sweep(self, kept: Collection[str]) -> None:
        for path in self.folder.iterdir():
            if path.stem not in kept or path.suffix != ".bin":
                path.unlink()
