"""What the source's preflight found, for a person to judge: counts and distributions, no row."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.panda.preflight import PreflightReport

_MOST_VALUES = 40


def render(practice: str, report: PreflightReport) -> RenderableType:
    server = report.server
    express = server.share_of_express_limit
    lines = [
        Text(f"{practice}: the login can read and can't write", style="green"),
        Text(f"{server.edition}, {server.version}; {server.data_bytes / 2**20:,.0f} MB of data"),
        Text(f"isolation {server.isolation}; change tracking {'on' if server.change_tracking_on else 'off'}"),
    ]
    if express is not None:
        lines.append(Text(f"{express:.0%} of SQL Server Express's 10 GB"))
    return Group(*lines, _tables(report), *(_distribution(d.name, d.counts) for d in report.distributions))


def _tables(report: PreflightReport) -> Table:
    table = Table(
        "table", "rows", "columns that the profile doesn't declare", title="Tables", title_justify="left"
    )
    for facts in report.tables:
        undeclared = ", ".join(column.name for column in facts.undeclared_columns)
        table.add_row(facts.source_table, f"{facts.rows:,}", undeclared or "-")
    for outside in report.not_in_scope:
        table.add_row(outside.table, f"{outside.rows:,}", Text("not in scope", style="yellow"))
    return table


def _distribution(name: str, counts: Mapping[str, int]) -> Text:
    shown = list(counts.items())[:_MOST_VALUES]
    rest = len(counts) - len(shown)
    text = ", ".join(f"{value}: {count:,}" for value, count in shown)
    return Text(f"{name}: {text}" + (f" and {rest} more values" if rest else ""))
