"""What a figure was measured on: processor, memory, system and the versions that matter; no names."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

_LIBRARIES = (
    "polars", "duckdb", "pyarrow", "pandera", "arrow-odbc", "pyodbc", "mssql-python-odbc", "sqlalchemy",
    "dagster",
)  # fmt: skip


def describe(python_with_dlt: Path) -> str:
    """Markdown, a paragraph; ``python_with_dlt`` may be missing."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    libraries = [f"{name} {version(name)}" for name in _LIBRARIES]
    if python_with_dlt.exists():
        libraries.append(f"dlt {_version_of_dlt(python_with_dlt)}")
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory; {_system()}, "
        f"Python {platform.python_version()}; {', '.join(libraries)}. "
        f"Load average before the run: {load:.1f}."
    )


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text(encoding="utf-8").splitlines() if found.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(names, 'unknown processor')} ({platform.machine()})"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _version_of_dlt(python: Path) -> str:
    asked = [str(python), "-c", "from importlib.metadata import version; print(version('dlt'))"]
    return subprocess.run(asked, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
