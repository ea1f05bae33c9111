"""The field-level diff as files, field_diff.html and field_diff.json, and as counts for a terminal.

What differs is computed by ``migration.field_diff``; the page is ``page``'s, the document
``document``'s.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.migration.decisions import Head
from migration_assets.migration.field_diff.shape import CHECKS, DIFFERING, Diff
from migration_assets.migration.ledger import Target
from migration_assets.reports.field_diff.charts import drawn
from migration_assets.reports.field_diff.document import classes, diagnoses, document, faithful
from migration_assets.reports.field_diff.page import page
from migration_assets.reports.field_diff.words import check_words, class_words, diagnosis_words
from migration_assets.reports.files import write_private

HTML_NAME, JSON_NAME = "field_diff.html", "field_diff.json"


def write_diff(
    diff: Diff, target: Target, practice: str, head: Head | None, directory: Path, made_at: datetime
) -> tuple[Path, Path]:
    """Write the page and the document (mode 0600), answer their paths; ``practice`` is its name."""
    charts = [drawn(each) for each in diff.charts]
    made = document(diff, charts, target, head, made_at)
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n"
    html = page(made, charts, practice, head)
    return (
        write_private(directory / HTML_NAME, html.encode("utf-8", "replace")),
        write_private(directory / JSON_NAME, text.encode("utf-8", "surrogatepass")),
    )


def failed_checks(diff: Diff) -> dict[str, int]:
    """Check -> how often it failed, 0 too."""
    failed = diff.checks.remove("passed")["check"].to_list()
    return {check: failed.count(check) for check in [*CHECKS, *sorted({*failed} - {*CHECKS})]}


def render(diff: Diff, target: Target) -> RenderableType:
    """Counts by class, diagnosis and check, and the verdict; no value of a patient's."""
    by_class = _table("fields", "what that means")
    for cls, count in classes(diff).items():
        words = class_words(cls)
        style = "red" if count and cls in DIFFERING else ""
        by_class.add_row(f"{words.mark} {words.name}", f"{count:,}", words.sentence, style=style)
    found = _table("times", "what that means")
    for diagnosis, count in diagnoses(diff).items():
        words = diagnosis_words(diagnosis)
        found.add_row(words.name, f"{count:,}", words.sentence, style="red")
    for check, failed in failed_checks(diff).items():
        words = check_words(check)
        found.add_row(
            words.name,
            f"{failed:,} failed" if failed else "passed",
            words.sentence,
            style="red" if failed else "",
        )
    verdict = Text("nothing lost, changed or added", style="bold green")
    if not faithful(diff):
        verdict = Text("FIELDS DIFFER: read the page before anybody approves", style="bold red")
    heading = Text(
        f"\n{target}: {diff.fields.height:,} fields of {diff.patients.height:,} patients", style="bold"
    )
    return Group(heading, by_class, found, verdict)


def _table(number: str, last: str) -> Table:
    table = Table("")
    table.add_column(number, justify="right")
    table.add_column(last)
    return table
