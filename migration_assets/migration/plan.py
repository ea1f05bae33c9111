"""The plan of a migration: mapping, profile, settings, chart layout; and the hash that an approval names.

The chart's layout is planned once from the room that the organisation has, and stored in the ledger's
database: a later run uses it and never replans.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import get_args

from sqlalchemy import Engine, insert, select

from migration_assets.destinations.base import Destination, ObjectCapacity, ObjectSchema
from migration_assets.destinations.kind import ChartChoice, LayoutKind
from migration_assets.errors import ConfigurationError, DestinationWithoutRoom, WarehouseTableMissing
from migration_assets.mapping.chart_layout import (
    ChartLayout,
    field_count,
    plan,
    room_for_chart,
)
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import ChartSpec, Choices, MappingSet, ObjectSpec
from migration_assets.migration.gate import REHEARSAL
from migration_assets.migration.ledger import Target
from migration_assets.migration.ledger_tables import PLANS
from migration_assets.objects.registry import MAPPED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.practice import Practice

ENGINE_VERSION = 4
"""Raised whenever the same staged rows would give another payload."""
_ONLY_JUDGING = frozenset({"failure_limit", "conflicts", "deletions"})
"""The practice's policies that no payload depends on; a mark of deletion is the mapping's."""


@dataclass(frozen=True)
class Plan:
    """What a target's records are made by; ``hash`` changes whenever they could come out differently.

    ``parts`` are the hashes that it is made of, by what they are of (``profile``, ``mapping of Contact``), so
    that one can say what changed.
    """

    mapping: MappingSet
    layout: ChartLayout | None
    parts: Mapping[str, str]

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()

    @cached_property
    def specs(self) -> tuple[ObjectSpec, ...]:
        """Objects that this plan deploys and fills, parents first: a companion without measures isn't one."""
        return tuple(spec for spec in self.mapping if spec.is_used(self.layout))

    @cached_property
    def schemas(self) -> Mapping[str, ObjectSchema]:
        """By asset name, parents first."""
        return {spec.asset: spec.schema_with(self.layout) for spec in self.specs}

    def schema_of_object(self, name: str) -> ObjectSchema:
        return self.mapping.of_object(name).schema_with(self.layout)


@cache
def load_mapping(destination: str) -> MappingSet:
    """The package's own specs, read once a process; raises SpecError naming file and line."""
    return load_specs(destination, {each.name: each.model for each in MAPPED_OBJECTS})


def chosen_mapping(practice: Practice, destination: str, options: Choices) -> MappingSet:
    """The specs as the practice's choices and the destination's ``options`` make them."""
    policies = practice.policies
    choices = {
        "accounts": policies.accounts,
        "shared_emails": policies.shared_emails,
        "deletions": policies.deletions,
        **options,
    }
    return _resolved(destination, tuple(sorted(choices.items())))


@cache
def _resolved(destination: str, choices: tuple[tuple[str, str], ...]) -> MappingSet:
    return load_mapping(destination).resolved(dict(choices))


def make_plan(
    practice: Practice,
    profile: Profile,
    target: Target,
    engine: Engine,
    destination: Destination,
    *,
    chart: ChartChoice,
    options: Choices,
) -> Plan:
    """The plan with its stored layout, planned and stored now where there is none.

    Environments share one layout, so that live gets the one that was rehearsed; whether it has room for it is
    found by its preflight and before its schema is deployed. Raises ConfigurationError where live wants its
    charts otherwise than they are planned, DestinationWithoutRoom where measures of the chart don't fit and
    the mapping has no records of single teeth for them.
    """
    mapping = chosen_mapping(practice, target.destination, options)
    layout = _stored_layout(engine, target, mapping, chart.kind)
    if layout is None and mapping.charted is not None:
        _require_rehearsed_kind(engine, target, mapping, chart.kind)
        layout = _plan_layout(mapping, destination, chart)
        _store_layout(engine, target, mapping, layout)
    return Plan(mapping, layout, _parts(practice, profile, mapping, layout))


def stored_plan(
    practice: Practice,
    profile: Profile,
    target: Target,
    engine: Engine,
    *,
    kind: LayoutKind,
    options: Choices,
) -> Plan:
    """The plan without asking the destination; raises WarehouseTableMissing before the first plan, and
    ConfigurationError where live wants its charts otherwise than they are planned."""
    mapping = chosen_mapping(practice, target.destination, options)
    layout = _stored_layout(engine, target, mapping, kind)
    if layout is None and mapping.charted is not None:
        _require_rehearsed_kind(engine, target, mapping, kind)
        raise WarehouseTableMissing(
            f"{target}: the chart's layout isn't planned yet; "
            "materialise the destination's schema asset first"
        )
    return Plan(mapping, layout, _parts(practice, profile, mapping, layout))


def _require_rehearsed_kind(engine: Engine, target: Target, mapping: MappingSet, kind: LayoutKind) -> None:
    """Only a rehearsal starts another kind of layout: an approval of the former one says nothing about it."""
    others = (each for each in get_args(LayoutKind) if each != kind)
    planned = [each for each in others if _stored_layout(engine, target, mapping, each) is not None]
    if planned and target.environment != REHEARSAL:
        raise ConfigurationError(
            f"{target}: chart_layout is {kind} here, and the practice's charts are planned "
            f"{' and '.join(planned)}; write the same chart_layout for every environment, and rehearse "
            f"{kind} first if that is what the practice wants"
        )


def wide_layout(current: Plan, destination: Destination, fields_left_free: int) -> ChartLayout | None:
    """What the charts of a plan that keeps them by tooth would be otherwise, by the organisation's room now;
    nothing is stored. None where they aren't kept by tooth."""
    charted = current.mapping.charted
    kept_by_tooth = current.layout is not None and current.layout.kind == "per_tooth"
    if charted is None or charted.chart is None or not kept_by_tooth:
        return None
    _, rooms = _rooms(current.mapping, charted.chart, destination, fields_left_free)
    return plan(charted.chart.declaration.measures, rooms)


def _rooms(
    mapping: MappingSet, chart: ChartSpec, destination: Destination, fields_left_free: int
) -> tuple[dict[str, ObjectCapacity], dict[str, int]]:
    """By object that holds wide fields, the exam's first: its capacity, and the wide fields that fit in."""
    capacities = destination.capacity(chart.wide_objects)
    rooms = {
        name: room_for_chart(capacities[name], mapping.of_object(name).schema.fields, fields_left_free)
        for name in chart.wide_objects
    }
    return capacities, rooms


def _plan_layout(mapping: MappingSet, destination: Destination, choice: ChartChoice) -> ChartLayout | None:
    charted = mapping.charted
    if charted is None or charted.chart is None:
        return None
    chart, fields_left_free = charted.chart, choice.fields_left_free
    if choice.kind == "per_tooth" and chart.teeth is None:
        raise ConfigurationError(
            f"chart_layout per_tooth keeps charts as records of single teeth, and the mapping of "
            f"{charted.name} has none; write wide"
        )
    capacities, rooms = _rooms(mapping, chart, destination, fields_left_free)
    layout = plan(chart.declaration.measures, rooms, choice.kind)
    if layout.unplaced and chart.teeth is None:
        measures = chart.declaration.measures
        needed = sum(field_count(measure) for measure in measures)
        capacity = capacities[charted.name]
        raise DestinationWithoutRoom(
            f"{charted.name}: the chart's measures {', '.join(measures)} need {needed} custom fields, but "
            f"the organisation has room for {' + '.join(map(str, rooms.values()))} on {', '.join(rooms)} "
            f"(limit {capacity.custom_field_limit} an object, {len(capacity.custom_fields)} used, "
            f"{fields_left_free} left free); take measures out of the mapping, erase deleted fields, lower "
            "fields_left_free or use an edition with a higher limit"
        )
    return layout


def _basis(mapping: MappingSet, kind: LayoutKind) -> str:
    """What a layout depends on besides the room: the measures, the objects that share them, its kind."""
    charted = mapping.charted
    described = {"kind": kind, **(charted.chart.described() if charted and charted.chart else {})}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _stored_layout(
    engine: Engine, target: Target, mapping: MappingSet, kind: LayoutKind
) -> ChartLayout | None:
    query = (
        select(PLANS.c.layout)
        .where(
            PLANS.c.practice == target.practice,
            PLANS.c.destination == target.destination,
            PLANS.c.layout_basis == _basis(mapping, kind),
        )
        .order_by(PLANS.c.sequence.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        found = connection.execute(query).scalar_one_or_none()
    charted = mapping.charted
    return None if found is None or charted is None else ChartLayout.from_json(found, charted.name)


def _store_layout(engine: Engine, target: Target, mapping: MappingSet, layout: ChartLayout | None) -> None:
    if layout is None:
        return
    row = {
        "practice": target.practice,
        "destination": target.destination,
        "layout_basis": _basis(mapping, layout.kind),
    }
    with engine.begin() as connection:
        connection.execute(insert(PLANS).values(**row, layout=layout.to_json(), at=datetime.now(UTC)))


def _parts(
    practice: Practice, profile: Profile, mapping: MappingSet, layout: ChartLayout | None
) -> dict[str, str]:
    policies = practice.policies.model_dump(mode="json", exclude=set(_ONLY_JUDGING))
    if practice.policies.deletions == "delete":
        # No payload depends on it, but nobody has approved of deleting without being asked.
        policies["deletions"] = practice.policies.deletions
    return {
        "engine": str(ENGINE_VERSION),
        "profile": profile.content_hash(),
        "practice": practice.key,
        "name": practice.name,
        "time_zone": practice.time_zone.key,
        "chart layout": layout.content_hash() if layout else "none",
        **{f"policies.{name}": json.dumps(value, sort_keys=True) for name, value in policies.items()},
        **{f"mapping of {name}": found for name, found in mapping.content_hashes().items()},
    }
