"""The second reader's rich text: whether a note is RTF or HTML, and which words a person would read in it.

Written without objects/ and without its libraries on purpose. Only words count here: where lines break and
how far apart words stand isn't compared. What markup keeps besides its text (pictures, targets of links,
headers, footnotes) is none of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_BREAKING = (
    "address|article|aside|blockquote|body|br|center|dd|details|dir|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|h[1-6r]|head|header|html|legend|li|main|menu|nav|ol|optgroup|option|p|pre|section|summary|table|tbody|"
    "tfoot|thead|title|tr|ul"
)
_CELL = "td|th"
_FLOWING = (
    "a|abbr|acronym|b|bdi|bdo|big|caption|cite|code|col|colgroup|data|del|dfn|em|font|i|iframe|img|input|ins|kbd|"
    "label|link|mark|meta|nobr|object|q|s|samp|script|select|small|span|strike|strong|style|sub|sup|textarea|"
    "time|tt|u|var|wbr"
)
_TAG = re.compile(
    rf"<(?:(?P<end>/?)(?P<breaks>{_BREAKING})|(?P<cell>{_CELL})|/?(?:{_CELL}|{_FLOWING}))"
    r"(?=[\s/>])(?P<attributes>(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*+)>",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    r"<(script|style)(?=[\s>]).*?(?:</\1\s*>|\Z)|<!--.*?-->|<!doctype[^<>]*>|<!\[[^<>]*\]>|<\?[^<>]*>"
    r"|</?\w+:\w+[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_START = re.compile(r"\bstart\s*=\s*[\"']?([0-9]+)", re.IGNORECASE)

_TOKEN = re.compile(
    r"(?P<open>\{)|(?P<close>\})|\\'(?P<byte>[0-9a-fA-F]{2})"
    r"|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?[0-9]{1,10})? ?|\\(?P<sign>.)|[\r\n]+|(?P<text>[^\\{}\r\n])",
    re.DOTALL,
)
_SIGNS = {"~": "\xa0", "_": "\u2011", "{": "{", "}": "}", "\\": "\\", "\n": "\n", "\r": "\n", "-": ""}
_WORDS = {
    **dict.fromkeys(("par", "line", "sect", "page", "row"), "\n"),
    **dict.fromkeys(("cell", "nestcell"), "|"),
    **dict.fromkeys(("tab", "emspace", "enspace", "qmspace"), " "),
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
}
# Destinations of the RTF specification 1.9.1 that can stand without \* and hold no text of the page.
_UNREAD = re.compile(
    "fonttbl|colortbl|stylesheet|info|pict|object|(?:header|footer)[lrf]?|footnote|annotation|fldinst|listtable|"
    "listoverridetable|revtbl|rsidtbl|generator|filetbl|xe|tc|txe|rxe|bkmkstart|bkmkend|title|subject|author|"
    "operator|keywords|comment|doccomm|category|manager|company|template|themedata|datastore|xmlnstbl|latentstyles|"
    "shptxt|dptxbxtext|background|do|result|upr|ud|nonesttables|formfield|private"
)
_CODE_PAGES = {
    **{
        0: "cp1252",
        77: "mac_roman",
        128: "cp932",
        129: "cp949",
        130: "cp1361",
        134: "cp936",
        136: "cp950",
        161: "cp1253",
    },
    **{
        162: "cp1254",
        163: "cp1258",
        177: "cp1255",
        178: "cp1256",
        186: "cp1257",
        204: "cp1251",
        222: "cp874",
    },
    **{238: "cp1250", 254: "cp437", 255: "cp850"},
}


class BrokenMarkup(ValueError):
    """A text begins as RTF and isn't."""


def format_of(text: str) -> str:
    """``rtf``, ``html`` or ``plain``; ``< 5 mm`` and ``<left>`` are plain."""
    if _without_mark(text).lower().startswith("{\\rtf"):
        return "rtf"
    return "html" if _TAG.search(text) else "plain"


def words_of(text: str) -> str | None:
    """The words of a plain, RTF or HTML text, one blank apart, None for none; a broken RTF as it is."""
    kind = format_of(text)
    if kind == "html":
        return in_words(_read_html(text))
    if kind == "rtf":
        try:
            return in_words(_read_rtf(_without_mark(text)))
        except (BrokenMarkup, UnicodeDecodeError, LookupError):
            return in_words(text)
    return in_words(text)


def in_words(text: str) -> str | None:
    return " ".join(text.replace("\xad", "").replace("\0", "").split()) or None


def _without_mark(text: str) -> str:
    """Without blanks and the byte order mark in front."""
    return text.lstrip(" \t\r\n\ufeff")


def _read_html(text: str) -> str:
    seen = _UNSEEN.sub("", text)
    pieces: list[str] = []
    lists: list[int | None] = []
    marker, at = "", 0
    for tag in [*_TAG.finditer(seen), None]:
        words = html.unescape(seen[at : tag.start() if tag else len(seen)])
        if words.strip():
            pieces.append(f"\n{marker}{words}" if marker else words)
            marker = ""
        elif words:
            pieces.append(" ")
        if tag is None:
            break
        at = tag.end()
        marker = _after(tag, lists, marker)
        if tag["breaks"] or tag["cell"]:
            pieces.append("\n")
    return "".join(pieces)


def _after(tag: re.Match[str], lists: list[int | None], marker: str) -> str:
    """What stands in front of the next words; ``lists`` are the open ones with their next item's number."""
    name, ends = (tag["breaks"] or "").lower(), bool(tag["end"])
    if name in ("ul", "ol"):
        if not ends:
            start = _START.search(tag["attributes"])
            lists.append(None if name == "ul" else int(start[1]) if start else 1)
        else:
            del lists[-1:]
            return ""
    elif name == "li":
        if ends:
            return ""
        number = lists[-1] if lists else None
        if number is None:
            return "- "
        lists[-1] = number + 1
        return f"{number}. "
    return marker


@dataclass(frozen=True)
class _Group:
    """State of an RTF group, given to the groups inside it."""

    is_read: bool = True
    skip: int = 1
    font: str = ""


def _read_rtf(text: str) -> str:
    pages = _fonts(text)
    page = re.search(r"\\ansicpg([0-9]+)", text)
    default = f"cp{page[1]}" if page else "cp1252"
    pieces: list[str] = []
    pending, encoding = bytearray(), default
    for group, piece in _pieces(text):
        if isinstance(piece, int):
            pending.append(piece)
            encoding = pages.get(group.font, default)
            continue
        if pending:
            pieces.append(pending.decode(encoding))
            pending.clear()
        pieces.append(piece)
    pieces.append(pending.decode(encoding))
    # A character beyond the first plane stands there as two halves.
    return "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _pieces(text: str) -> Iterator[tuple[_Group, str | int]]:
    """The text that is read, and bytes of a code page as numbers; raises BrokenMarkup."""
    outer: list[_Group] = []
    group = _Group()
    skip = at = 0
    while token := _TOKEN.match(text, at):
        at = token.end()
        if token["text"] or token["byte"]:
            if skip:
                skip -= 1
            elif group.is_read:
                yield group, token["text"] or int(token["byte"], 16)
        elif token["open"]:
            outer.append(group)
            yield group, ""
        elif token["close"]:
            if not outer:
                break
            yield group, ""
            group = outer.pop()
            if not outer:
                if text[at:].strip("\0 \t\r\n"):
                    raise BrokenMarkup("text stands behind the end")
                return
        elif token["word"] == "bin" and token["number"]:
            raise BrokenMarkup("bytes of a picture in a text")
        elif token["word"] or token["sign"]:
            group = _told(group, token)
            skip = group.skip if token["word"] == "u" else 0
            yield group, _said(token) if group.is_read else ""
    raise BrokenMarkup("a group ends that didn't begin, or one doesn't end")


def _said(token: re.Match[str]) -> str:
    if token["word"] == "u":
        return chr(int(token["number"] or 0) % 0x10000)
    return _WORDS.get(token["word"], "") if token["word"] else _SIGNS.get(token["sign"], "")


def _told(group: _Group, token: re.Match[str]) -> _Group:
    word, number = token["word"] or "", token["number"]
    if token["sign"] == "*" or _UNREAD.fullmatch(word):
        return replace(group, is_read=False)
    if word == "uc":
        return replace(group, skip=int(number or 1))
    if word == "f":
        return replace(group, font=number or "")
    return group


def _fonts(text: str) -> dict[str, str]:
    """Number of a font -> the code page of its character set, where it has one of its own."""
    table = re.search(r"\{[^{}]*\\fonttbl(?P<fonts>(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)", text)
    sets = re.findall(r"\\f([0-9]+)[^;]*?\\fcharset([0-9]+)", table["fonts"]) if table else []
    return {font: _CODE_PAGES[int(known)] for font, known in sets if int(known) in _CODE_PAGES}
