"""A PDF of one page of text, written by hand so that the same text is the same bytes everywhere.

PDF 1.4, a subset of ISO 32000-1: a catalog, a page tree, a page, Helvetica in WinAnsi, the content and the
document's title, which in UTF-16 keeps what WinAnsi has no signs for.
"""

from collections.abc import Sequence

_TOP, _LEFT, _LEADING = 740, 72, 15


def _literal(text: str) -> bytes:
    """A string of the page; what WinAnsi lacks becomes a question mark."""
    encoded = text.encode("cp1252", "replace")
    return b"(" + encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") + b")"


def one_page(title: str, lines: Sequence[str]) -> bytes:
    """A letter-size page with one text line for each of ``lines``, and a title."""
    shown = b"\n".join(_literal(line) + b" Tj T*" for line in lines)
    content = b"BT /F1 11 Tf %d TL %d %d Td\n%b\nET" % (_LEADING, _LEFT, _TOP, shown)
    title_hex = b"FEFF" + title.encode("utf-16-be").hex().upper().encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Title <%b> >>" % title_hex,
    )
    written = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(written)
