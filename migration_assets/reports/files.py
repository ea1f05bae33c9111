"""Writing what people read: whole or not at all, for the owner's eyes only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_private(path: Path, content: bytes) -> Path:
    """Replace ``path`` (mode 0600, its folder 0700 where it has to be made) in one step; answers ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.replace(path)
    return path


def write_document(path: Path, document: Any, default: Callable[[Any], Any] | None = None) -> Path:
    """``document`` as JSON for programs, written as ``write_private`` does; ``default`` as ``json.dumps``
    has it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=default) + "\n"
    return write_private(path, text.encode())
