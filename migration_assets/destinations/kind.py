"""Kinds of destinations: how one is configured and reached, and which there are.

A destination is a folder beside this file with a module ``kind`` whose ``KIND`` says so, and a module
``conventions`` whose ``CONVENTIONS`` specs are held against; it is found by its name and registered nowhere.
Both load quickly: what is heavy is imported when it connects.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from migration_assets.destinations.base import Destination
from migration_assets.destinations.conventions import Conventions
from migration_assets.errors import ConfigurationError
from migration_assets.practice import Settings

LayoutKind = Literal["wide", "per_tooth"]
"""``wide``: a field for each measure, site and tooth; ``per_tooth``: a record for each charted tooth."""


@dataclass(frozen=True, slots=True)
class ChartChoice:
    """The layout that the practice wants, and the custom fields an object that it keeps for itself."""

    kind: LayoutKind
    fields_left_free: int


@dataclass(frozen=True)
class DestinationKind:
    """How to configure and reach one kind of destination.

    ``environment`` picks an environment's settings (raises ConfigurationError where the practice has none),
    ``connect`` makes no request, ``chart`` is how the practice wants its charts laid out there (where a spec
    of the destination lays them out in fields at all), ``file_limit`` the bytes of the largest file that it
    takes (None where it has no limit or takes no files), ``options`` what specs may say differently there
    (``mapping.declarations.CHOICES``), ``sample_size`` how many patients are rehearsed unless the practice
    says otherwise.
    """

    name: str
    settings: type[Settings]
    environment: Callable[[Any, str], Any]
    connect: Callable[[Any], Destination]
    chart: Callable[[Any], ChartChoice] = lambda _: ChartChoice("wide", 0)
    file_limit: Callable[[Any], int | None] = lambda _: None
    options: Callable[[Any], Mapping[str, str]] = lambda _: {}
    sample_size: int = 30


def environment_of(destination: str) -> Callable[[Any, str], Any]:
    """Picks an environment of settings that hold theirs as ``environments.<name>``."""

    def environment(settings: Any, name: str) -> Any:
        found = getattr(settings.environments, name, None)
        if found is None:
            raise ConfigurationError(
                f"destinations.{destination}.environments.{name} isn't in the practice's file; add it"
            )
        return found

    return environment


@cache
def destination_names() -> tuple[str, ...]:
    """Of all destinations, sorted; none of them is imported."""
    folder = Path(__file__).parent
    return tuple(
        sorted(
            each.name
            for each in pkgutil.iter_modules([str(folder)])
            if each.ispkg and (folder / each.name / "kind.py").exists()
        )
    )


@cache
def destination_kind(name: str) -> DestinationKind:
    """Raises ModuleNotFoundError for a name that isn't among ``destination_names``."""
    kind: DestinationKind = importlib.import_module(f"{__package__}.{name}.kind").KIND
    return kind


@cache
def destination_conventions(name: str) -> Conventions:
    """Raises as ``destination_kind`` does."""
    conventions: Conventions = importlib.import_module(f"{__package__}.{name}.conventions").CONVENTIONS
    return conventions
