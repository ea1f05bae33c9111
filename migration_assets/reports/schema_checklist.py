"""What an administrator makes by hand before a load: ``schema_checklist.xlsx`` and ``schema_checklist.html``,
a page to tick whose ticks stay in the browser that they were made in.

Which steps there are is the destination's to say (``Destination.checklist``), why each is wanted the
mapping's. Names only, no record's value.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import groupby
from pathlib import Path

from migration_assets.destinations.administration import ManualStep
from migration_assets.mapping.inventory import why_of_field
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import Plan
from migration_assets.reports.files import write_private
from migration_assets.reports.page import render, source
from migration_assets.reports.wording import ByHand, sentence, wording

HTML_NAME, XLSX_NAME = "schema_checklist.html", "schema_checklist.xlsx"
SCRIPT = "schema_checklist.js"

_COLUMNS: Mapping[str, tuple[str, int]] = {
    "number": ("No.", 5),
    "done": ("Done", 6),
    "place": ("Where", 44),
    "action": ("Do", 10),
    "label": ("Label, spelt exactly so", 38),
    "kind": ("Kind", 22),
    "points_to": ("Points to", 18),
    "choices": ("Choices, one a line", 30),
    "required": ("Every record has one", 12),
    "mind": ("Mind", 34),
    "why": ("Why", 50),
}


@dataclass(frozen=True, slots=True)
class Box:
    """One step to tick; ``id`` is the same whenever the list is made again. ``place`` and ``how`` are the
    words of the destination's screens."""

    id: str
    number: int
    place: str
    action: str
    label: str
    kind: str
    points_to: str
    choices: tuple[str, ...]
    required: str
    mind: str
    why: str
    how: str


def boxes(steps: Sequence[ManualStep], plan: Plan, words: ByHand) -> tuple[Box, ...]:
    """In the order of the steps."""
    specs = {spec.name: spec for spec in plan.specs}
    return tuple(
        Box(
            id=f"{step.place}/{step.object}.{step.field or ''}/{step.kind}",
            number=number,
            place=words.places.get(step.place, step.place),
            action="complete" if step.there else "add",
            label=step.label,
            kind=step.kind,
            points_to=step.points_to or "",
            choices=step.choices,
            required="yes" if step.required else "no",
            mind=sentence(step.mind) if step.mind else "",
            why=_why(step, specs.get(step.object)),
            how=words.kinds.get(step.kind, ""),
        )
        for number, step in enumerate(steps, start=1)
    )


def _why(step: ManualStep, spec: ObjectSpec | None) -> str:
    """The mission's name of the field and its help text, as the inventory has them."""
    if spec is None:
        return ""
    if step.field is None:
        return f"{spec.schema.plural_label} are records of it."
    help_text = spec.schema.field(step.field).help_text or ""
    return f"{sentence(why_of_field(spec, step.field))} {help_text}".rstrip()


def ask_for_steps(migration: Migration, made_at: datetime) -> tuple[int, Path]:
    """How many steps the destination has for its administrator now, and the page that tells them."""
    plan, steps = migration.steps_by_hand()
    target, name = migration.target, migration.practice.name
    directory = migration.platform.report_directory(target)
    head = migration.audit_head()
    _, page = write_schema_checklist(steps, plan, target, name, made_at, head, directory)
    return len(steps), page


def write_schema_checklist(
    steps: Sequence[ManualStep],
    plan: Plan,
    target: Target,
    practice_name: str,
    made_at: datetime,
    head: Head,
    directory: Path,
) -> tuple[Path, Path]:
    """The workbook and the page, each readable by its owner only and whole or not at all; both say so where
    there is nothing to do."""
    words = wording(target.destination).destination
    made = boxes(steps, plan, words.by_hand)
    page = render(
        "schema_checklist.html.j2",
        title=f"What to make by hand in {words.product} for {practice_name}",
        target=target,
        made_at=made_at,
        head=head,
        words=words,
        plan_hash=plan.hash,
        places=[(place, list(each)) for place, each in groupby(made, lambda box: box.place)],
        total=len(made),
        kept_as=f"schema-checklist/{target.practice}/{target.destination}/{target.environment}",
        script=SCRIPT,
        script_hash=base64.b64encode(hashlib.sha256(source(SCRIPT).encode()).digest()).decode(),
    )
    return (
        write_private(directory / XLSX_NAME, as_workbook(made, words.by_hand, target, made_at)),
        write_private(directory / HTML_NAME, page.encode()),
    )


def as_workbook(made: Iterable[Box], words: ByHand, target: Target, made_at: datetime) -> bytes:
    """One sheet to work through, and one that says how."""
    import xlsxwriter

    content = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": f"Schema checklist {target}", "created": made_at})
        heading = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "valign": "top"})
        cell = book.add_format({"valign": "top", "text_wrap": True, "border": 1})
        sheet = book.add_worksheet("Steps")
        for column, (title, width) in enumerate(_COLUMNS.values()):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, heading)
        row = 0
        for row, box in enumerate(made, start=1):
            for column, text in enumerate(_cells(box)):
                sheet.write_string(row, column, text, cell)
        sheet.data_validation(1, 1, max(row, 1), 1, {"validate": "list", "source": ["x"]})
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, row, len(_COLUMNS) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        notes = book.add_worksheet("How")
        notes.set_column(0, 0, 110)
        for line, text in enumerate((f"{target}, {made_at:%Y-%m-%d %H:%M} UTC", *words.before)):
            notes.write_string(line, 0, text, book.add_format({"text_wrap": True, "valign": "top"}))
    return content.getvalue()


def _cells(box: Box) -> list[str]:
    texts = {name: str(getattr(box, name, "")) for name in _COLUMNS}
    kind = f"{box.kind}. {box.how}" if box.how else box.kind
    return list((texts | {"choices": "\n".join(box.choices), "kind": kind, "done": ""}).values())
