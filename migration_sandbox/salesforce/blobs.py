"""Contents of files on disk, one file each, named by the content's own id (ContentBodyId).

A content is written before the record that points at it and is never changed; what no record points at is
swept away. Which records there are is org.py's.
"""

import hashlib
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from migration_sandbox.salesforce import ids

BODY_PREFIX = "05T"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Blob:
    """A content that is on disk: its id, its length in bytes and its MD5 as hex."""

    id: str
    size: int
    md5: str


class Upload:
    """A content on its way to disk."""

    def __init__(self, blobs: "Blobs") -> None:
        self._blobs = blobs
        self._number = secrets.randbelow(62**8)
        self._path = blobs.folder / f"{secrets.token_hex(8)}.part"
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._md5.update(chunk)
        self.size += len(chunk)

    def pause(self) -> None:
        """All has come; many uploads at once shall not hold a file open each."""
        self._file.close()

    def finish(self) -> Blob:
        self._file.close()
        made = Blob(ids.make_id(BODY_PREFIX, self._number), self.size, self._md5.hexdigest())
        self._path.replace(self._blobs.path(made.id))
        return made

    def abandon(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class Blobs:
    """The contents of one org."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    def path(self, body_id: str) -> Path:
        return self.folder / f"{body_id}.bin"

    def put(self, content: bytes) -> Blob:
        upload = Upload(self)
        upload.write(content)
        return upload.finish()

    def discard(self, blob: Blob) -> None:
        self.path(blob.id).unlink(missing_ok=True)

    def sweep(self, kept: Collection[str]) -> None:
        """Delete every content but those of `kept`."""
        for path in self.folder.iterdir():
            if path.stem not in kept or path.suffix != ".bin":
                path.unlink()
