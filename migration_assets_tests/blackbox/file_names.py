"""What a file is called, what kind it is, and the line that a letter or radiograph without a field gets.

How files hang together with patients and records is told in ``files``.
"""

import re
from datetime import date, datetime
from typing import Any

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.words import UNUSABLE, Unusable

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_EXTENSION = re.compile(r".*\.([A-Za-z0-9]{1,8})", re.DOTALL)
_ADDED = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", "text/plain": ".txt"}
_TYPES = {
    **{"pdf": "application/pdf", "txt": "text/plain", "dcm": "application/dicom"},
    **{kind: f"image/{kind}" for kind in ("bmp", "gif", "jpeg", "png", "tiff")},
    **{"jpg": "image/jpeg", "tif": "image/tiff"},
}
_LETTER_TYPES = ("to patient", "to specialist", "to referring dentist")


def plain(written: Any) -> str | None:
    """A name without control characters and without the blanks then at its ends."""
    name = words.text(written)
    return None if name is None else _CONTROLS.sub("", name).strip() or None


def extension(name: str | None) -> str | None:
    """``pdf`` of ``Consent.PDF``; up to eight signs of which one is a letter, so ``Report 12.5`` has none."""
    found = _EXTENSION.fullmatch(name or "")
    return found[1].lower() if found and re.search("[A-Za-z]", found[1]) else None


def document_name(number: Any, written: Any, mime_type: Any) -> str:
    """A document's file name: its own, or one by its number; an extension by MIME type where it has none."""
    name = plain(written) or f"Document {number}"
    if extension(name):
        return name
    kind = (words.text(mime_type) or "").partition(";")[0].strip().lower()
    return name + _ADDED.get(kind, "")


def last_part(path: Any) -> str | None:
    """The name at the end of a path of Windows'."""
    return plain(re.split(r"[\\/]", words.text(path) or "")[-1])


def title(name: str) -> str:
    """A file's name without its extension, unless nothing else is left."""
    end = extension(name)
    return name if end is None else name[: -len(end) - 1].rstrip() or name


def mime_type(name: str | None) -> str | None:
    return _TYPES.get(extension(name) or "")


def letter_type(written: Any) -> str | None:
    """One spelling of each known type; any other as it is."""
    text = words.text(written)
    known = re.sub(r"[\s_-]+", " ", (text or "").lower())
    return known if known in _LETTER_TYPES else text


def time_of(local: datetime | None, latest: date = date(2100, 12, 31)) -> datetime | Unusable | None:
    """A local time on a day that can be true."""
    return local if local is None or date(1900, 1, 1) <= local.date() <= latest else UNUSABLE


def line(at: datetime | Unusable | None, *texts: Any, otherwise: str) -> str | Unusable:
    """``2024-05-06: to patient, Jane Smith``, without what isn't known."""
    if isinstance(at, Unusable):
        return UNUSABLE
    stated = ", ".join(re.sub(r"\s+", " ", text) for text in map(words.text, texts) if text)
    day = "" if at is None else f"{at:%Y-%m-%d}"
    return ": ".join(filter(None, (day, stated))) or otherwise
