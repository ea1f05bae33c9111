"""Pages that people read: one HTML file each, which works offline and prints, from templates beside this
file.

Every page extends ``base.html.j2`` (title, style, the audit log's head at its foot). Everything in a page is
escaped unless it is ``Markup``. A page loads nothing from anywhere, and its Content-Security-Policy has the
browser see to that too; a page with a script narrows the block ``policy`` to that script's hash.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["percent"] = lambda share: f"{share:.1%}"
    environment.filters["json_block"] = json_block
    environment.globals["asset"] = lambda name: Markup(source(name))
    return environment


def source(name: str) -> str:
    """The text of a style or script beside the templates."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def json_block(value: Any) -> Markup:
    """JSON that may stand inside a ``<script type="application/json">``: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def render(template: str, **content: Any) -> str:
    """The page; raises jinja2.UndefinedError where a template names what it wasn't given.

    ``content`` has ``title`` and ``head`` (sequence and link of the audit log, or None) for ``base.html.j2``.
    """
    return _environment().get_template(template).render(**content)


def render_pdf(html: str) -> bytes:
    """The page on paper (A4), by WeasyPrint: it runs no script and follows no address."""
    from weasyprint import HTML

    pdf: bytes = HTML(string=html, url_fetcher=_refuse).write_pdf()
    return pdf


def _refuse(url: str, *_: Any, **__: Any) -> dict[str, Any]:
    raise ValueError(f"a report loads nothing, but names {url[:40]}")
