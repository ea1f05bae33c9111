"""The reference of a practice's letter templates as a page, ``letter_templates.html``, and as data.

What a template says is ``migration.template_reference``'s; here it is laid out for whoever builds it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from migration_assets.migration.decisions import Head
from migration_assets.migration.template_reference import MergeField, Template, TemplateReference
from migration_assets.reports.files import write_private
from migration_assets.reports.page import render

HTML_NAME = "letter_templates.html"


def write_letter_templates(
    reference: TemplateReference, practice_name: str, product: str, head: Head, directory: Path
) -> Path:
    """The page, readable by its owner only."""
    html = render(
        "letter_templates.html.j2",
        title=f"Letter templates of {practice_name}",
        head=head,
        reference=reference,
        product=product,
    )
    return write_private(directory / HTML_NAME, html.encode())


def as_document(reference: TemplateReference) -> dict[str, Any]:
    """``templates`` and ``merge_fields`` as they stand in report.json; texts as PANDA holds them."""
    return {
        "templates": [_template(each) for each in reference.templates],
        "merge_fields": [_field(each) for each in reference.fields.values()],
    }


def _template(each: Template) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "category": each.category,
        "format": each.format,
        "used": each.used,
        "last_used": None if each.last_used is None else each.last_used.isoformat(),
        "body": each.body,
        "fields": list(each.text.fields),
        "conditions": [
            {"test": one.test, "fields": list(one.fields), "depth": one.depth} for one in each.text.conditions
        ],
        "problems": [{"at": one.at, "message": one.message} for one in each.text.problems],
    }


def _field(each: MergeField) -> dict[str, Any]:
    return {
        "name": each.name,
        "source": each.source,
        "lands_in": [f"{one.object}.{one.field}" for one in each.landings] or list(each.objects),
    }
