"""Findings about fields, modules and pipelines: what is missing, what doesn't fit, what contradicts the
mapping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.destinations.base import Finding, ObjectSchema
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.schema import shortages
from migration_assets.destinations.freshsales.schema_plan import ObjectPlan, plan
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import DEAL, STAGE


def schema(
    settings: EnvironmentSettings, discovery: Discovery, schemas: Sequence[ObjectSchema]
) -> Iterator[Finding]:
    plans = plan(discovery, schemas)
    for each in plans:
        yield from each.problems
    short = shortages(discovery, settings, plans)
    yield from short
    refused = {finding.object for finding in short}
    for each in plans:
        if each.schema.name in refused:
            continue
        if settings.create_schema == "by_hand":
            yield from _by_hand(each)
        elif each.missing or not each.exists:
            yield _to_be_made(settings, each)


def _by_hand(each: ObjectPlan) -> Iterator[Finding]:
    for step in each.steps():
        yield Finding(
            "add_by_hand", "error", f"an administrator has to: {step.sentence}", step.object, step.field
        )


def _to_be_made(settings: EnvironmentSettings, each: ObjectPlan) -> Finding:
    rooms = each.room(settings)
    kinds = ", ".join(
        f"{needed} {kind} ({rooms[kind].used} of {rooms[kind].limit} used)"
        for kind, needed in each.missing_kinds.items()
    )
    what = "" if each.exists else f"the custom module {each.schema.label!r} and "
    message = (
        f"{each.entity} lack {what}{len(each.missing)} custom fields: {kinds}; deploying makes them where "
        "the account lets its API do that, else it lists them for an administrator"
    )
    return Finding("fields_missing", "error", message, each.schema.name, mended_by_deploying=True)


def stages(discovery: Discovery, schemas: Sequence[ObjectSchema]) -> Iterator[Finding]:
    """Stages that the mapping sends and the pipeline hasn't; the API makes neither."""
    for deal in schemas:
        if deal.name != DEAL or STAGE not in deal.field_names:
            continue
        wanted, found = discovery.wanted_pipeline, discovery.pipelines()
        names = ", ".join(repr(each.name) for each in found) or "none"
        mine = [each for each in found if wanted is None or each.name.lower() == wanted.lower()]
        if not mine:
            message = (
                f"the account has no pipeline {wanted or 'for deals'!r} (it has {names}); have an "
                "administrator make it, or change pipeline in the practice's file"
            )
            yield Finding("pipeline_missing", "error", message, DEAL, STAGE)
            continue
        there = {name.lower() for name in mine[0].stages}
        lacking = [name for name in deal.field(STAGE).values if name.lower() not in there]
        if lacking:
            message = (
                f"pipeline {mine[0].name!r} has no stage {', '.join(lacking)}; have an administrator add "
                f"them, or name another pipeline in the practice's file (there are {names})"
            )
            yield Finding("stage_missing", "error", message, DEAL, STAGE)
