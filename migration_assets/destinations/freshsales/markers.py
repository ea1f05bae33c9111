"""Markers: the key of a record that can carry none, written into a text of it and taken out again. Pure.

A text bears it as its last line, ``[PANDA maple:note:7]``; a file's name before its extension, ``letter
[PANDA maple.document.7].pdf``. Characters of a key that would spoil either are percent-encoded.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_PLAIN = ":+-_@,;=!*~/"
_IN_TEXT = re.compile(r"(?:\r\n|\n|\r|[ \t])?\[PANDA ([^\[\]\s]+)\]\s*\Z")
_IN_NAME = re.compile(r" ?\[PANDA ([^\[\]\s]+)\](?=(?:\.[^.\[\]]*)?\Z)")
_EXTENSION = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,10}\Z")


def marked(text: str | None, key: str) -> str:
    """The text with the key's marker as its last line."""
    marker = f"[PANDA {quote(key, safe=_PLAIN + '.')}]"
    return marker if text is None else f"{text}\n{marker}"


def unmarked(text: str | None) -> tuple[str | None, str | None]:
    """The text as it was before ``marked``, and the key; no key where the text bears no marker.

    A line break that the destination has made a blank or CRLF, or white space after the marker, doesn't hide
    it; a carriage return that ended the text is taken for part of such a line break.
    """
    found = _IN_TEXT.search(text or "")
    if text is None or found is None:
        return text, None
    return text[: found.start()] or None, unquote(found[1])


def marked_name(file_name: str | None, key: str) -> str:
    """The file's name with the key's marker before its extension."""
    name = file_name or ""
    extension = _EXTENSION.search(name)
    at = len(name) if extension is None else extension.start()
    written = quote(key, safe=_PLAIN.replace("/", "")).replace(".", "%2E").replace(":", ".")
    return f"{name[:at]} [PANDA {written}]{name[at:]}"


def unmarked_name(file_name: str | None) -> tuple[str | None, str | None]:
    """The file's name as it was before ``marked_name``, and the key if it bears one."""
    found = _IN_NAME.search(file_name or "")
    if file_name is None or found is None:
        return file_name, None
    name = file_name[: found.start()] + file_name[found.end() :]
    return name or None, unquote(found[1].replace(".", ":"))
