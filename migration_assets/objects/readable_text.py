"""Rich text as people read it: RTF and HTML to plain text with the lines that they make.

Only words and lines are carried over. What else markup holds (pictures, links' targets, fields of a form,
headers, footnotes, text struck out) stays in the original alone, and can be asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from html.parser import HTMLParser


class TextFormat(StrEnum):
    """How a text is written; the values are those of ``staged.clinical_notes.body_format``."""

    PLAIN = "plain"
    HTML = "html"
    RTF = "rtf"


class UnreadableRtf(ValueError):
    """The text begins as RTF and isn't: groups left open, text after the end, bytes of no character."""


_LINE_MAKERS = (
    "address|article|aside|blockquote|body|br|center|dd|details|dir|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|h[1-6]|head|header|hr|html|legend|li|main|menu|nav|ol|optgroup|option|p|pre|section|summary|table|"
    "tbody|tfoot|thead|title|tr|ul"
)
_OTHERS = (
    "a|abbr|acronym|b|bdi|bdo|big|caption|cite|code|col|colgroup|data|del|dfn|em|font|i|iframe|img|input|ins|"
    "kbd|label|link|mark|meta|nobr|object|q|s|samp|select|small|span|strike|strong|sub|sup|td|textarea|th|time|"
    "tt|u|var|wbr"
)
# "<b" in "a <b and c> d" is no tag: words inside of one are attributes, most of them with a value.
_ATTRIBUTE = r"[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)"
_ATTRIBUTE_ALONE = r"(?:checked|compact|disabled|hidden|multiple|noshade|nowrap|readonly|reversed|selected)\b"
_REST_OF_TAG = rf"(?=[\s/>])(?:[\s/]*(?:{_ATTRIBUTE}|{_ATTRIBUTE_ALONE}))*+[\s/]*>"
_TAG = rf"</?(?:{_LINE_MAKERS}|{_OTHERS}){_REST_OF_TAG}"
_DROPPED = r"<(?P<dropped>script|style)(?=[\s>]).*?</(?P=dropped)\s*>"
_KNOWN_TAG = re.compile(rf"{_DROPPED}|{_TAG}", re.IGNORECASE | re.DOTALL)
_LINE_TAG = re.compile(rf"</?(?:{_LINE_MAKERS}){_REST_OF_TAG}", re.IGNORECASE)
# Word writes elements of its own (<o:p>) and instructions (<![if ...]>, <?xml ...>) into its HTML.
_MARKUP = re.compile(
    rf"{_DROPPED}|{_TAG}|</?(?:[movw]|st\d+):\w+[^<>]*>"
    r"|<!--.*?-->|<!doctype[^<>]*>|<!\[(?:end)?if[^<>]*\]>|<\?xml[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_LINE_BREAK = re.compile(r"\r\n?|\n")

_RTF_START = re.compile(r"[\s\ufeff]*(?=\{\\rtf)", re.IGNORECASE)
_RTF_TOKEN = re.compile(r"\\(?:[a-z]+-?\d*|.)|[{}]", re.IGNORECASE | re.DOTALL)
_LINK_TARGET = re.compile(r"(\\fldinst[^\"}]*)HYPERLINK", re.IGNORECASE)
_FONT_WITHOUT_SET = re.compile(r"(\{\\f\d+)(?=[^;{}]*;)(?![^;{}]*\\fcharset)")
_PAPER_BIN = re.compile(r"\\bin(?:f?sxn)\d+ ?")
_BINARY = re.compile(r"\\bin\d")
_STRUCK = {
    TextFormat.RTF: re.compile(r"\\(?:striked?1?|deleted)(?![a-z0-9])", re.IGNORECASE),
    TextFormat.HTML: re.compile(r"<(?:s|strike|del)[\s>]|line-through", re.IGNORECASE),
}
_MORE = {
    TextFormat.RTF: re.compile(
        r"\\(?:pict|object|fldinst|(?:header|footer)[lrf]?|footnote|annotation|shptxt|dptxbxtext)(?![a-z])",
        re.IGNORECASE,
    ),
    TextFormat.HTML: re.compile(r"<(?:img|object|iframe|input|select|textarea|a\s[^>]*href)", re.IGNORECASE),
}


def format_of(text: str) -> TextFormat:
    """RTF by its first word, HTML by any of its own tags; ``< 5 mm`` and ``<left>`` are plain."""
    if _RTF_START.match(text):
        return TextFormat.RTF
    return TextFormat.HTML if _KNOWN_TAG.search(text) else TextFormat.PLAIN


def has_struck_text(text: str, written: TextFormat) -> bool:
    """Whether words are struck out, which plain text can't show."""
    return written in _STRUCK and _STRUCK[written].search(text) is not None


def has_more_than_text(text: str, written: TextFormat) -> bool:
    """Whether the markup holds what isn't in its lines of text: see the module's docstring."""
    return written in _MORE and _MORE[written].search(text) is not None


def text_of_rtf(rtf: str) -> str:
    """Lines broken by LF, cells of a table parted by ``|``; raises UnreadableRtf."""
    from striprtf.striprtf import rtf_to_text

    document = _prepared(_RTF_START.sub("", rtf, count=1))
    _require_whole(document)
    try:
        text: str = rtf_to_text(document)
        # RTF counts in units of UTF-16: what lies beyond the first plane is written as two of them.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except (ValueError, TypeError, LookupError, OverflowError):
        raise UnreadableRtf("the text begins as RTF and can't be read as such") from None
    return _tidy(text)


def text_of_html(html: str) -> str:
    """Lines broken by LF as a browser would break them, cells parted by tabs, list items marked.

    A ``<`` that begins no element of HTML is a character of the text. Where no tag makes a line, the lines
    are those that were typed.
    """
    reader = _HtmlReader(keep_lines=_LINE_TAG.search(html) is None)
    reader.feed(_only_markup(html))
    reader.close()
    return _tidy("\n".join(reader.lines()))


def _prepared(rtf: str) -> str:
    """The document without what striprtf reads otherwise than a person would."""
    # It writes a link's target somewhere behind the link; a target is no text.
    without_targets = _LINK_TARGET.sub(r"\1LINK", rtf)
    # It leaves out the numbers and bullets that are written for readers who don't count themselves.
    with_numbers = without_targets.replace(r"\pntext", r"\listtext")
    # A font without a character set would get that of a later one; 1 stands for the document's own.
    with_sets = _FONT_WITHOUT_SET.sub(r"\1\\fcharset1", with_numbers)
    # It takes a printer's paper bin for a picture's bytes, and with those it can lose what follows.
    without_bins = _PAPER_BIN.sub("", with_sets)
    if _BINARY.search(without_bins):
        raise UnreadableRtf("the RTF holds binary data")
    return without_bins


def _require_whole(rtf: str) -> None:
    """Raises UnreadableRtf where the outermost group doesn't end, or anything but blanks stands behind it."""
    depth = 0
    for token in _RTF_TOKEN.finditer(rtf):
        if token.group() not in "{}":
            continue
        depth += 1 if token.group() == "{" else -1
        if depth == 0:
            if rtf[token.end() :].strip("\0 \t\r\n"):
                raise UnreadableRtf("text stands behind the end of the RTF")
            return
    raise UnreadableRtf("a group of the RTF doesn't end")


def _only_markup(html: str) -> str:
    """Every ``<`` that isn't markup written as ``&lt;``, so that the parser can't take text for a tag."""
    pieces, start = [], 0
    for found in _MARKUP.finditer(html):
        pieces += [html[start : found.start()].replace("<", "&lt;"), found.group()]
        start = found.end()
    return "".join([*pieces, html[start:].replace("<", "&lt;")])


def _tidy(text: str) -> str:
    # A soft hyphen only says where a word may be parted; a hard blank is a blank to a reader.
    plain = _LINE_BREAK.sub("\n", text).replace("\xad", "").replace("\xa0", " ").replace("\0", "")
    return "\n".join(line.rstrip() for line in plain.split("\n")).strip("\n")


@dataclass
class _Page:
    """Lines as far as they are written; ``broken``: what comes next stands on a line of its own."""

    done: list[str] = field(default_factory=list)
    line: str = ""
    marker: str = ""
    broken: bool = False

    def write(self, text: str) -> None:
        self.flush()
        if self.marker and text.strip():
            self.line = self.line.strip(" ") + self.marker
            self.marker = ""
        self.line += text

    def end_line(self) -> None:
        self.done.append(self.line)
        self.line = ""

    def flush(self) -> None:
        if self.broken and self.line.strip(" "):
            self.end_line()
        self.broken = False


class _HtmlReader(HTMLParser):
    def __init__(self, *, keep_lines: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._page = _Page()
        self._typed_lines = int(keep_lines)
        self._dropped = 0
        self._cells = 0
        # The number of each open list's next item, None where items aren't numbered.
        self._lists: list[int | None] = []

    def lines(self) -> list[str]:
        return [*self._page.done, self._page.line]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._dropped += 1
        elif tag == "br":
            self._page.flush()
            self._page.end_line()
        elif tag in ("td", "th"):
            # Only the first cell begins a line, whatever paragraphs the cells hold.
            self._page.broken = not self._cells
            self._page.flush()
            self._page.line += "\t" if self._cells else ""
            self._cells += 1
        elif _is_line_maker(tag):
            self._page.broken = True
            self._open(tag, dict(attrs))

    def _open(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "pre":
            self._typed_lines += 1
        elif tag in ("table", "tr"):
            self._page.flush()
            self._cells = 0
        elif tag in ("ul", "ol"):
            start = attributes.get("start") or "1"
            self._lists.append(int(start) if tag == "ol" and start.isdecimal() else None)
        elif tag == "li":
            self._page.marker = "  " * (len(self._lists) - 1) + self._item()

    def _item(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number}. "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._dropped = max(0, self._dropped - 1)
        elif _is_line_maker(tag) and tag != "br":
            self._page.broken = True
            if tag == "pre":
                self._typed_lines = max(0, self._typed_lines - 1)
            elif tag in ("ul", "ol") and self._lists:
                self._lists.pop()
                self._page.marker = ""
            elif tag == "li":
                self._page.marker = ""
            elif tag in ("table", "tr"):
                self._cells = 0

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if self._typed_lines:
            self._write_as_typed(data)
            return
        text = _BLANKS.sub(" ", data)
        line = self._page.line
        if self._page.broken or not line or line.endswith((" ", "\t")):
            text = text.removeprefix(" ")
        if text:
            self._page.write(text)

    def _write_as_typed(self, data: str) -> None:
        first, *others = _LINE_BREAK.split(data)
        self._page.write(first)
        for other in others:
            self._page.end_line()
            self._page.write(other)

    def unknown_decl(self, data: str) -> None:
        """Word's ``<![if ...]>`` is no text."""


def _is_line_maker(tag: str) -> bool:
    return re.fullmatch(_LINE_MAKERS, tag) is not None
