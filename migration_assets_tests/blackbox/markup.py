"""Rich text as a reader sees it, word by word: RTF and HTML without their markup.

Lines, blanks and the marks of lists and cells are layout, which is a converter's own choice; words aren't.
"""

import html
import re

_RTF = re.compile(r"\s*\{\\rtf", re.IGNORECASE)
_TAGS = (
    "html|head|body|p|br|div|span|b|i|u|em|strong|ul|ol|li|table|tbody|tr|td|th|h[1-6]|hr|a|font|pre|style"
    "|script|sub|sup|small|big"
)
_HTML = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<!doctype[^>]*>", re.IGNORECASE | re.DOTALL)
_INLINE = re.compile(r"</?(?:span|b|i|u|em|strong|a|font|sub|sup|small|big)(?:\s[^<>]*)?>", re.IGNORECASE)
# Elements that Word writes of its own, <o:p>.
_OFFICE = re.compile(r"</?\w+:\w+[^<>]*>")
_LISTS = re.compile(r"<(/?)(ul|ol|li)\b[^<>]*>", re.IGNORECASE)
_LAYOUT = {"-", "•", "·", "|"}

_RTF_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]+)(?P<number>-?\d+)? ?|\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z'])"
    r"|(?P<brace>[{}])|(?P<text>[^\\{}]+)",
    re.DOTALL,
)
_SIGNS = {
    "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "emdash": "—", "endash": "–",
    "bullet": "•", "~": " ", "_": "\u2011", "emspace": " ", "enspace": " ",
}  # fmt: skip
_BREAKS = {"par", "line", "sect", "page", "tab", "cell", "row", "nestcell", "nestrow", "\n", "\r"}
_NOT_TEXT = {
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "headerl", "headerr", "footer",
    "footerl", "footerr", "footnote", "listtable", "listoverridetable", "rsidtbl", "generator", "themedata",
    "fldinst", "xmlnstbl", "latentstyles", "datastore",
}  # fmt: skip


def format_of(text: str | None) -> str | None:
    """``rtf``, ``html`` or ``plain``; None for no text."""
    if text is None:
        return None
    if _RTF.match(text):
        return "rtf"
    return "html" if _HTML.search(text) else "plain"


def original(text: str | None) -> str | None:
    """The text as it was written where it has markup, else nothing."""
    return text if format_of(text) in ("rtf", "html") else None


def readable(text: str | None) -> str | tuple[str, ...] | None:
    """Plain text as it is, RTF and HTML as their words; RTF that isn't whole is taken for plain."""
    if text is None:
        return None
    written = format_of(text)
    if written == "html":
        return words_of(_without_tags(text)) or None
    if written == "rtf" and _is_whole(text):
        return words_of(_rtf_text(text)) or None
    return text


def same(wanted: str | tuple[str, ...] | None, held: str | None) -> bool:
    """Whether an org's text is the plain text wanted, or has just the words wanted."""
    return words_of(held or "") == wanted if isinstance(wanted, tuple) else held == wanted


def words_of(text: str) -> tuple[str, ...]:
    """Everything between blanks but for signs of layout; soft hyphens only say where a word may be parted."""
    spaced = text.replace("|", " ").replace("\xad", "").replace("\0", "")
    return tuple(each for each in spaced.split() if each not in _LAYOUT)


def _without_tags(text: str) -> str:
    shown = _numbered(_INLINE.sub("", _UNSEEN.sub(" ", text)))
    return html.unescape(_HTML.sub(" ", _OFFICE.sub("", shown)))


def _numbered(text: str) -> str:
    """Items of ordered lists with the number that a browser gives them."""
    counts: list[int | None] = []

    def mark(tag: re.Match[str]) -> str:
        closes, name = tag[1], tag[2].lower()
        if name != "li":
            if closes and counts:
                counts.pop()
            elif not closes:
                counts.append(0 if name == "ol" else None)
        elif not closes and counts and (count := counts[-1]) is not None:
            counts[-1] = count + 1
            return f" {count + 1}. "
        return " "

    return _LISTS.sub(mark, text)


def _is_whole(rtf: str) -> bool:
    depth = 0
    for token in _RTF_TOKEN.finditer(rtf):
        if token["brace"]:
            depth += 1 if token["brace"] == "{" else -1
            if depth == 0:
                return not rtf[token.end() :].strip("\0 \t\r\n")
    return False


def _rtf_text(rtf: str) -> str:
    """The text of an RTF document; signs beyond the first plane are joined out of their two halves."""
    pieces: list[str] = []
    hidden, skipped = [False], [1]
    opens, to_skip = False, 0
    for token in _RTF_TOKEN.finditer(rtf):
        begins, opens = opens, False
        if token["brace"] == "{":
            hidden.append(hidden[-1])
            skipped.append(skipped[-1])
            opens = True
        elif token["brace"]:
            hidden.pop()
            skipped.pop()
            to_skip = 0
        elif token["sign"] == "*" or (begins and token["word"] in _NOT_TEXT):
            hidden[-1] = True
        elif token["word"] == "uc":
            skipped[-1] = int(token["number"] or 1)
        elif hidden[-1]:
            continue
        elif token["word"] == "u":
            pieces.append(chr(int(token["number"]) % 65536))
            to_skip = skipped[-1]
        elif to_skip and (token["byte"] or token["sign"]):
            to_skip -= 1
        elif token["byte"]:
            pieces.append(bytes.fromhex(token["byte"]).decode("cp1252", "replace"))
        elif token["text"]:
            shown = token["text"].replace("\r", "").replace("\n", "")
            pieces.append(shown[to_skip:])
            to_skip = max(0, to_skip - len(shown))
        else:
            named = token["word"] or token["sign"]
            pieces.append(" " if named in _BREAKS else _SIGNS.get(named, named if named in "\\{}" else ""))
    return "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
