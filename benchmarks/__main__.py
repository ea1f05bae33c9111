"""`make bench`: what the pieces of this project cost on this machine."""

from __future__ import annotations

import os
import platform

from rich.console import Console
from rich.table import Table

from benchmarks import layout, staging
from benchmarks.measuring import Measured


def main() -> None:
    console = Console()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; medians"
    )
    for title, measured in (("Wide chart", layout.run()), ("Staging", staging.run())):
        console.print(_table(title, measured))


def _table(title: str, measured: list[Measured]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("what", "seconds", "CPU seconds", "extra memory (MB)", "against the first"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for each in measured:
        ratio = each.seconds / measured[0].seconds
        table.add_row(
            each.name,
            f"{each.seconds:.3f}",
            f"{each.cpu_seconds:.3f}",
            f"{each.extra_mb:,.0f}",
            f"{ratio:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
