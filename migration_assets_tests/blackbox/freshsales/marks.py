"""Keys in texts and in names of files, and texts that go on in further notes."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from migration_assets_tests.blackbox.words import as_lines

_IN_TEXT = re.compile(r"(?:\A|\n)\[PANDA ([^\[\]\s]+)\]\s*\Z")
_IN_NAME = re.compile(r" \[PANDA ([^\[\]\s]+)\](?=(?:\.[^.\[\]]*)?\Z)")
_PART = re.compile(r"(.+)-part([0-9]+)")
_HEADING = re.compile(r"\(part ([0-9]+) of ([0-9]+)\)\n")


def of_text(written: str | None) -> tuple[str | None, str | None]:
    """Key, and the text before the line that bears it; no key where there is none."""
    text = as_lines(written)
    found = _IN_TEXT.search(text or "")
    return (None, text) if text is None or found is None else (unquote(found[1]), text[: found.start()])


def of_name(written: str | None) -> tuple[str | None, str | None]:
    """Key, and the file's name without it."""
    found = _IN_NAME.search(written or "")
    if written is None or found is None:
        return None, written
    return unquote(found[1].replace(".", ":")), written[: found.start()] + written[found.end() :]


def part_of(key: str) -> tuple[str, int]:
    """``maple:note:7-part2`` -> the first part's key, and which part it is."""
    found = _PART.fullmatch(key)
    return (key, 1) if found is None else (found[1], int(found[2]))


def joined(parts: Mapping[int, str | None]) -> str | None:
    """The whole text; None where a part is missing, is one too many, or doesn't say which it is."""
    if sorted(parts) != list(range(1, len(parts) + 1)):
        return None
    if len(parts) == 1:
        return parts[1] if _HEADING.match(parts[1] or "") is None else None
    texts = []
    for number, text in sorted(parts.items()):
        heading = _HEADING.match(text or "")
        if heading is None or (int(heading[1]), int(heading[2])) != (number, len(parts)):
            return None
        texts.append(str(text)[heading.end() :])
    return "".join(texts)
