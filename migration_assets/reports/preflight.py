"""What the source's preflight found, for a person to judge: counts, sizes and distributions, no row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migration_assets.panda.blob_sizes import BlobColumn
from migration_assets.panda.distributions import Distribution
from migration_assets.panda.preflight import EXPRESS_LIMIT_BYTES, PreflightReport, ServerFacts

_BAR_WIDTH = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_MOST_LINES = 32
_MB, _GB = 2**20, 2**30


def render(practice: str, report: PreflightReport) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"{practice}: the login can read and can't write", style="green"),
        *_server(report.server),
        _tables(report),
    ]
    if report.blobs:
        parts.append(_blobs(report.blobs))
    found = report.distributions
    if found.all:
        parts += [
            Text("\nLook at these values, as they stand in the database: are they what the profile says?\n"),
            Columns(
                [
                    _bars("recession by sign, sites", found.recession_by_sign),
                    *(_bars(each.name, each.counts) for each in found.all if each.kind == "numbers"),
                ],
                padding=(1, 3),
            ),
            *(_teeth(each) for each in found.all if each.kind == "codes"),
            Columns(
                [_bars(each.name, each.counts) for each in found.all if each.kind == "words"], padding=(1, 3)
            ),
        ]
    return Group(*parts)


def _server(server: ServerFacts) -> Iterator[Text]:
    yield Text(f"{server.edition}, {server.version}; {_size(server.data_bytes)} of data")
    share = server.share_of_express_limit
    if share is not None:
        style = "yellow" if share > 0.8 else ""
        bar = _bar(min(share, 1), 1)
        yield Text(f"{share:.1%} of SQL Server Express's {EXPRESS_LIMIT_BYTES // _GB} GB {bar}", style=style)
    meaning = {
        "SNAPSHOT": "all tables are read as of one moment",
        "READ COMMITTED": "tables are read one after another; ALLOW_SNAPSHOT_ISOLATION would give a moment",
    }
    yield Text(f"isolation {server.isolation}: {meaning[server.isolation]}")
    yield Text(f"change tracking {'on' if server.change_tracking_on else 'off'}")


def _tables(report: PreflightReport) -> Table:
    table = Table(title="Tables", title_justify="left")
    table.add_column("table", overflow="fold")
    table.add_column("rows", justify="right")
    table.add_column()
    table.add_column("columns that the profile doesn't declare")
    for facts in sorted(report.tables, key=lambda each: not each.migrated):
        notes = [column.name for column in facts.undeclared_columns]
        if facts.missing_columns:
            notes.append(f"and it lacks {', '.join(facts.missing_columns)}")
        table.add_row(
            Text(facts.source_table),
            _count(facts.rows),
            Text("migrated") if facts.migrated else Text("not migrated", style="yellow"),
            Text(", ".join(notes) or "-"),
        )
    for outside in report.undeclared_tables:
        unknown = Text("unknown to the profile", style="yellow")
        table.add_row(Text(outside.table), _count(outside.rows), unknown, Text("all"))
    for name in report.absent_tables:
        table.add_row(Text(name), "-", Text("not there", style="yellow"), "-")
    return table


def _blobs(blobs: Sequence[BlobColumn]) -> Table:
    table = Table(title="Large objects, as the server measures them", title_justify="left")
    table.add_column("column", overflow="fold")
    for name in ("objects", "in all", "largest"):
        table.add_column(name, justify="right")
    classes: list[int | None] = list(next((each.sizes.by_class for each in blobs if each.sizes), {}))
    for before, most in zip([None, *classes], classes, strict=False):
        name = f"to {_size(most)}" if most is not None else f"above {_size(before or 0)}"
        table.add_column(name, justify="right")
    for each in blobs:
        place = Text(f"{each.source_table}.{each.column}")
        if not each.declared:
            place.append(" (not declared)", style="yellow")
        cells = ["not measured", "-", "-"]
        if each.sizes is not None:
            cells = [
                f"{each.sizes.present:,}",
                _size(each.sizes.total_bytes),
                _size(each.sizes.largest_bytes),
                *(f"{count:,}" if count else "-" for count in each.sizes.by_class.values()),
            ]
        table.add_row(place, *cells)
    return table


def _bars(name: str, counts: Mapping[str, int]) -> RenderableType:
    """A line a value; zeros are shown, since what is missing is often the finding."""
    grid = Table.grid(padding=(0, 1))
    grid.title, grid.title_justify, grid.title_style = Text(name), "left", "bold"
    grid.add_column(justify="right")
    grid.add_column(justify="right")
    grid.add_column(width=_BAR_WIDTH, no_wrap=True)
    most = max(counts.values(), default=0)
    for value, count in list(counts.items())[:_MOST_LINES]:
        grid.add_row(Text(value), f"{count:,}", Text(_bar(count, most), style="cyan"))
    if len(counts) > _MOST_LINES:
        grid.add_row("", f"{sum(list(counts.values())[_MOST_LINES:]):,}", Text("more values"))
    return grid


def _teeth(codes: Distribution) -> RenderableType:
    """Codes side by side: a mouth in numbers, where a tooth that hardly anybody has stands out."""
    most = max(codes.counts.values())
    cells = [
        Text.assemble(f"{code:>6} ", (f"{_bar(count, most, 6):6}", "cyan"), f" {count:<7,}")
        for code, count in codes.counts.items()
    ]
    heading = Text(f"\n{codes.name}: {sum(codes.counts.values()):,} in all", style="bold")
    return Group(heading, Padding(Columns(cells, padding=(0, 1)), (0, 0, 0, 1)))


def _bar(value: float, most: float, width: int = _BAR_WIDTH) -> str:
    """As long as the value's share; whatever isn't 0 is seen."""
    if not value or not most:
        return ""
    eighths = max(1, round(value / most * width * 8))
    full, rest = divmod(eighths, 8)
    return _EIGHTHS[-1] * full + (_EIGHTHS[rest] if rest else "")


def _count(rows: int | None) -> str:
    return "not readable" if rows is None else f"{rows:,}"


def _size(size: int) -> str:
    if size >= _GB:
        return f"{size / _GB:,.1f} GB"
    if size >= _MB:
        return f"{size / _MB:,.0f} MB" if size % _MB == 0 or size >= 10 * _MB else f"{size / _MB:,.1f} MB"
    return f"{size / 1024:,.0f} kB"
