"""The audit log to take away: JSON lines that can be verified again, and a page to read.

It holds names of people who decided, counts and hashes; nothing of a patient's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from migration_assets.migration.decisions import Head, Numbered
from migration_assets.reports.files import write_private
from migration_assets.reports.page import render

LINES, PAGE = "audit_log.jsonl", "audit.html"
_SHOWN_APART = frozenset({"at", "kind", "destination", "environment", "run_id", "counts", "hashes"})
_WHO = ("approved_by", "decided_by")
_NOT_SHOWN = frozenset({"plan_parts", "os_user", "host", "plan_hash", *_WHO})


def write_audit(
    practice: str, name: str, entries: Sequence[Numbered], head: Head, made_at: datetime, directory: Path
) -> tuple[Path, Path]:
    """``audit_log.jsonl`` and ``audit.html``; for their owner only.

    A line: sequence, link, entry. The entry stands in it byte for byte as it was sealed, so that who has the
    practice's key can follow the chain by the lines alone.
    """
    lines = "".join(
        f'{{"sequence": {each.head.sequence}, "link": "{each.head.link}", "entry": {each.text}}}\n'
        for each in entries
    )
    page = render(
        "audit.html.j2",
        title=f"Audit log of {name}",
        practice=practice,
        made_at=made_at,
        rows=[_row(each) for each in entries],
        head=head if head.sequence else None,
    )
    return (
        write_private(directory / LINES, lines.encode()),
        write_private(directory / PAGE, page.encode()),
    )


def _row(numbered: Numbered) -> dict[str, Any]:
    entry: dict[str, Any] = numbered.entry.model_dump(mode="json")
    others = {
        name: value
        for name, value in entry.items()
        if name not in _SHOWN_APART | _NOT_SHOWN and value is not None
    }
    plan = entry.get("plan_hash")
    return {
        "number": numbered.head.sequence,
        "at": numbered.entry.at,
        "kind": str(entry["kind"]).replace("_", " "),
        "target": "/".join(filter(None, (entry.get("destination"), entry.get("environment")))),
        "person": next((entry[name] for name in _WHO if entry.get(name)), ""),
        "machine": " on ".join(filter(None, (entry.get("os_user"), entry.get("host")))),
        "run": entry.get("run_id") or "",
        "counts": _listed(entry.get("counts") or {}),
        "details": _listed({**others, **({"plan": plan[:12]} if plan else {})}),
        "hashes": _listed({name: str(each)[:12] for name, each in (entry.get("hashes") or {}).items()}),
        "link": numbered.head.link[:12],
    }


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(_pairs(values.items()))


def _pairs(items: Iterable[tuple[str, object]]) -> Iterable[str]:
    for name, value in items:
        if isinstance(value, bool):
            yield f"{name} {'yes' if value else 'no'}"
        else:
            yield f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
