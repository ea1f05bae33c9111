"""What a person sees on a terminal before and after approving a live load; counts and names only."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from migration_assets.migration.decisions import Approval, RehearsalCompleted
from migration_assets.migration.operations import Migration


def render_approvable(migration: Migration, rehearsal: RehearsalCompleted) -> RenderableType:
    """What would be approved: the plan, the rehearsal, and where it can be looked at."""
    counts = rehearsal.counts
    records = f"{counts['loaded']:,} of {counts['in_scope']:,} records loaded" if counts else "no counts"
    differing = f", {counts['different']:,} fields different" if counts else ""
    pages = [page for page in migration.rehearsal_pages() if page.exists()]
    return Group(
        Text(
            f"\n{migration.target}: approving the live load by plan {rehearsal.plan_hash[:12]}", style="bold"
        ),
        Text(f"rehearsal {rehearsal.run_id} of {rehearsal.at:%Y-%m-%d %H:%M} UTC: {records}{differing}"),
        *(Text(f"look at {page}") for page in pages),
    )


def render_approved(migration: Migration, approval: Approval) -> RenderableType:
    head = migration.audit_head()
    return Group(
        Text("approved; this attestation is written into the audit log:", style="green"),
        Text(str(approval.attestation)),
        Text(f"entry {head.sequence}, {head.link}", style="dim"),
    )
