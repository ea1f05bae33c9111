"""Puts every record of an upload's file into scope after a delta, for a reconciliation of everything."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from migration_assets.migration import payload
from migration_assets.migration.plan import Plan
from migration_assets.migration.upload_file import SCOPE_ALL, SCOPE_DELTA, SENT, SENT_COLUMNS, UPLOAD
from migration_assets.practice import Practice
from migration_assets.warehouse import Session


def widen_scope(session: Session, practice: Practice, plan: Plan) -> None:
    """Does nothing where the scope isn't a delta's. What of that nobody has sent yet stays to be sent; the
    next delta has a scope of its own again."""
    build = payload.read_build(session)
    if build.scope != SCOPE_DELTA:
        return
    named = set(session.read(UPLOAD, "scope", ["object"])["object"])
    with session.transaction():
        settled = [spec.name for spec in plan.specs if spec.name not in named]
        rows = pl.DataFrame(
            {"object": settled, "built_at": [build.built_at] * len(settled)}, schema=SENT_COLUMNS
        )
        session.append(UPLOAD, SENT, rows)
        payload.write_scope(session, practice, plan, None)
        payload.write_build(session, replace(build, scope=SCOPE_ALL))
