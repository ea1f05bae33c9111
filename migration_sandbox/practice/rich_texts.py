"""Bodies of notes as word processors and web forms write them, and plain ones that look like markup.

Every text can be read by a person with a program for its format; what can't is among ``record_defects``.
"""

from functools import cache

_RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0\nouicompat{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fnil Calibri;}}"
    "\r\n"
    r"{\colortbl ;\red255\green0\blue0;}{\*\generator Riched20 10.0.19041}{\info{\author Front Desk}}"
    "\r\n"
    r"\viewkind4\uc1\pard\f0\fs20 "
)
_CHARTED = (
    r"\b Exam\b0 : pockets 4\endash 6\~mm, tissue \ldblquote spongy\rdblquote .\par"
    "\r\n"
    r"Gau\'dfsche Tasche, caf\'e9-au-lait spots; \u945?-blocker noted.\line Continued \{see plan\}."
)
_TABLE = (
    r"\trowd\cellx2000\cellx4000\intbl Tooth\cell Depth\cell\row"
    "\r\n"
    r"\trowd\cellx2000\cellx4000\intbl 14\cell 7 mm\cell\row\pard\par {\i Recall}\tab 3 months."
)
_UNICODE = r"{\uc0 \u27503 \u21608 }{\uc2\u8217 ''}s chart \u-10179?\u-8638? kept.\par\pard\plain\b0 Signed."
_PAGE = """<!DOCTYPE html>
<html><head><style>p { color: red; }</style><script>alert("x < y");</script></head>
<body><div class="note">Patient&nbsp;called: pain &amp; swelling&#44; lower left.<br/>
Temp &lt; 38&deg;C.</div>
<ol><li>Rinse</li><li>Recall in <b>2</b> days</li></ol><!-- draft -->
<table><tr><td>Tooth 19</td><td>7&thinsp;mm</td></tr></table><p>Fig&uuml;r &#128578;</p></body></html>
"""
_FRAGMENT = "Seen today.<br>Sutures <i>out</i>.<BR />No&shy;thing else."
_OFFICE = (
    '<p class="MsoNormal" style="margin:0"><span lang="EN-US">Bone level stable;<o:p></o:p></span></p>'
    "\r\n<p>probing &gt; 5&nbsp;mm at <u>#3</u>.</p>"
)
_PLAIN = (
    "Depths <5 mm except #30 (B>7).\r\n\tNext: SRP {UL, LL} \\ re-evaluate.",
    "Left message <left>, will call back. R&D of plan pending;\n\n3 < 4 & 5 > 2.",
)


@cache
def bodies() -> tuple[str, ...]:
    """All of them, RTF first, then HTML, then plain."""
    rtf = tuple(f"{_RTF}{text}\\par\r\n}}\r\n" for text in (_CHARTED, _TABLE, _UNICODE))
    return (*rtf, _PAGE, _FRAGMENT, _OFFICE, *_PLAIN)
