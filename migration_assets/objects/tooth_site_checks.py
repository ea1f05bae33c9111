"""Tooth sites of tables that don't say in which numbering system they are written: are they any at all?"""

from __future__ import annotations

import polars as pl

from migration_assets.perio.errors import UnreadableToothSite
from migration_assets.perio.teeth import NumberingSystem
from migration_assets.perio.tooth_sites import parse_tooth_site


def unreadable(sites: pl.Series) -> int:
    """Rows whose site is none in any numbering system; null is none to read."""
    refused = [site for site in sites.drop_nulls().unique() if not _is_readable(site)]
    return int(sites.is_in(refused).sum())


def _is_readable(site: str) -> bool:
    for system in NumberingSystem:
        try:
            parse_tooth_site(site, system)
        except UnreadableToothSite:
            continue
        return True
    return False
