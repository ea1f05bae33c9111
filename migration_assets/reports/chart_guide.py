"""How a chart is read in a destination, for the go-live guide: which record holds what of it, one field taken
apart, the sites and the teeth.

Made from the mapping's declarations alone: wide fields and records of teeth, or figures, words and pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migration_assets.mapping.chart_layout import MEASURES
from migration_assets.mapping.declarations import ChartPart
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.plan import Plan
from migration_assets.perio.charting import POCKET_DEPTH, Measure, Site, field_name, help_text, label
from migration_assets.perio.teeth import SLOTS, Tooth, tooth_of_slot
from migration_assets.reports.wording import DestinationWords, PartOfCharts

CHARTS, FIGURES = "charting", "chart_summaries"
DRAWN = "chart"
"""Key space of the files that are drawn of exams."""
EXAMPLE_TOOTH = 3
"""Universal number of the upper right first molar: it has every measure, furcations too."""


@dataclass(frozen=True, slots=True)
class Part:
    """An object of the chart and the measures that it holds."""

    object: str
    label: str
    measures: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Example:
    """One field of the chart, taken apart: ``parts`` are (what stands there, what it means)."""

    name: str
    label: str
    help_text: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ChartGuide:
    """How a chart is read; ``quadrants`` are the 32 teeth, eight each, from the midline outwards. No example
    where charts aren't laid out in fields."""

    sentences: tuple[str, ...]
    parts: tuple[Part, ...]
    sites: tuple[tuple[str, str], ...]
    example: Example | None
    quadrants: Mapping[str, tuple[Tooth, ...]]


def chart_guide(plan: Plan, words: DestinationWords) -> ChartGuide | None:
    """None where the mapping keeps no charts."""
    charted = plan.mapping.charted
    if charted is not None and plan.layout is not None:
        example = _example(plan, charted)
        named = {"exam": charted.schema.label, "label_example": example.label}
        parts = tuple(_parts(plan, words))
    else:
        example, named = None, {}
        parts = tuple(_parts_told(plan, words))
    if not parts:
        return None
    return ChartGuide(
        sentences=tuple(each.format(**named) for each in words.chart),
        parts=parts,
        sites=tuple((site.value, _plain(site.name)) for site in Site),
        example=example,
        quadrants=_quadrants(),
    )


def _parts(plan: Plan, words: DestinationWords) -> Iterator[Part]:
    """Which object holds which measures, the exam's own first."""
    for spec in plan.specs:
        if spec.chart is None or plan.layout is None:
            continue
        schema, names = spec.schema, plan.layout.measures_on(spec.name)
        sentence = ""
        if spec.chart.holds is ChartPart.TEETH:
            sentence, names = _of_part("teeth", spec, words), plan.layout.unplaced
        elif spec.chart.holds is ChartPart.COMPANION:
            sentence = _of_part("companion", spec, words)
        yield Part(spec.name, schema.label, tuple(_title(MEASURES[name]) for name in names), sentence)


def _parts_told(plan: Plan, words: DestinationWords) -> Iterator[Part]:
    """Which object holds what of charts without wide fields: figures, an exam in words, an exam drawn."""
    for spec in plan.specs:
        schema = spec.schema
        for source in spec.sources:
            if source.key_space == DRAWN:
                yield Part(spec.name, schema.label, ("everything charted",), _of_part("picture", spec, words))
            for merged in source.merged:
                if merged.staged == FIGURES:
                    labels = tuple(schema.field(name).label for name in merged.rules)
                    yield Part(spec.name, schema.label, labels, _of_part("figures", spec, words))
            texts = (rule.text for rule in source.rules.values() if rule.text is not None)
            for part in (part for text in texts for part in text.parts if part.rows == CHARTS):
                labels = tuple(group.label for group in part.groups if group.label is not None)
                yield Part(spec.name, schema.label, labels, _of_part("text", spec, words))


def _of_part(part: PartOfCharts, spec: ObjectSpec, words: DestinationWords) -> str:
    sentence = words.chart_parts.get(part, "")
    return sentence.format(label=spec.schema.label, plural=spec.schema.plural_label)


def _example(plan: Plan, charted: ObjectSpec) -> Example:
    """The mesio-buccal site of a molar, of the first measure that the exam's own record holds."""
    wide = () if plan.layout is None else plan.layout.measures_on(charted.name)
    measure = next((MEASURES[name] for name in wide), POCKET_DEPTH)
    slot = EXAMPLE_TOOTH if wide else None
    place = measure.places[0] if measure.places else None
    tooth = tooth_of_slot(EXAMPLE_TOOTH)
    parts = [(measure.prefix, _title(measure))]
    if place is not None:
        parts.append((place.value, f"the {_plain(place.name)} {measure.per}"))
    if slot is not None:
        parts.append((str(tooth.quadrant), "the quadrant, as the patient's right and left"))
        told = f"the tooth's Universal number (FDI {tooth.fdi}, Palmer {tooth.palmer})"
        parts.append((str(slot), told))
    return Example(
        field_name(measure, place, slot),
        label(measure, place, slot),
        help_text(measure, place, slot),
        tuple(parts),
    )


def _title(measure: Measure) -> str:
    return measure.long_title or measure.title


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _quadrants() -> dict[str, tuple[Tooth, ...]]:
    found: dict[str, list[Tooth]] = {}
    for slot in SLOTS:
        tooth = tooth_of_slot(slot)
        found.setdefault(str(tooth.quadrant), []).append(tooth)
    return {name: tuple(sorted(teeth, key=lambda each: each.position)) for name, teeth in found.items()}
