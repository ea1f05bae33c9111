r"""The practice's file share, read where it is mounted: which file a path of Windows' names, and its hashes.

Nothing outside a mounted folder is ever opened.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from migration_assets_tests.blackbox.report import Row

_PIECE = 2**20


def look_at(paths: Iterable[str], folders: Mapping[str, str]) -> list[Row]:
    """A row for each path that begins as one of the folders: Path, and Bytes, MD5 and SHA256, None of a file
    that isn't there, can't be read or lies elsewhere."""
    mapped = {tuple(_parts(prefix.casefold())): Path(folder) for prefix, folder in folders.items()}
    by_length = sorted(mapped, key=len, reverse=True)
    rows: list[Row] = []
    for path in sorted(set(paths)):
        parts = _parts(path)
        folded = [part.casefold() for part in parts]
        prefix = next((each for each in by_length if tuple(folded[: len(each)]) == each), None)
        if prefix is not None:
            rows.append({"Path": path, **_hashes(mapped[prefix], parts[len(prefix) :])})
    return rows


def _parts(path: str) -> list[str]:
    r"""``\\SERVER\Images\a.png`` -> ``\\``, SERVER, Images, a.png: what begins with ``\\`` is on a server."""
    text = path.strip().replace("/", "\\")
    root = "\\\\" if text.startswith("\\\\") else "\\" if text.startswith("\\") else ""
    return [*filter(None, [root]), *(part for part in text.split("\\") if part not in ("", "."))]


def _hashes(folder: Path, parts: list[str]) -> Row:
    nothing: Row = {"Bytes": None, "MD5": None, "SHA256": None}
    inside: list[str] = []
    for part in parts:
        if part != "..":
            inside.append(part)
        elif inside:
            inside.pop()
        else:
            return nothing
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    try:
        file = folder
        for name in inside:
            file = _entry(file, name)
        file = file.resolve(strict=True)
        if not (file.is_file() and file.is_relative_to(folder.resolve())):
            return nothing
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                md5.update(piece)
                sha256.update(piece)
                size += len(piece)
    except (OSError, ValueError):
        return nothing
    return {"Bytes": size, "MD5": md5.hexdigest(), "SHA256": sha256.hexdigest()}


def _entry(folder: Path, name: str) -> Path:
    """The entry of that name; case counts where two differ in nothing else."""
    if (folder / name).exists():
        return folder / name
    alike = [each for each in folder.iterdir() if each.name.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else folder / name
