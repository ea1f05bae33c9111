"""Sentences of the reports that are the same for every practice: causes and remedies by code, and what is one
destination's own (where its screens show things, how automation is built there).

They stand in YAML files beside this one, a file for each destination, so that a further destination brings
its own and nothing here changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from migration_assets.documents import read_document
from migration_assets.migration.owners import Outcome
from migration_assets.reports.owners import MEANINGS

_FOLDER = Path(__file__).parent
PartOfCharts = Literal["companion", "teeth", "figures", "text", "picture"]
"""Further wide fields; a record a tooth; figures of one exam; an exam in words; an exam drawn."""

_UNKNOWN_REMEDY = "Look the code up, mend the record and run the upload again."


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Remedy(_Words):
    """Why something isn't there as it should be, and what to do: a sentence each."""

    cause: str
    remedy: str


class _OwnWords(_Words):
    codes: dict[str, Remedy]
    reasons: dict[str, str]


class StatusList(_Words):
    """How plans of one status are shown: a column's heading, and what stands in it for each status."""

    heading: str
    each: str


class ByHand(_Words):
    """What an administrator reads before the steps: ``before`` are sentences, ``places`` where a place of the
    settings is found (others go by their own name), ``kinds`` how something of a kind is made."""

    before: tuple[str, ...]
    places: dict[str, str]
    kinds: dict[str, str]


class NotMigrated(_Words):
    letter_templates: str
    automations: str
    logins: str
    activity_logs: str


class Workflows(_Words):
    """How each kind of automation is built by hand."""

    letters: str
    appointments: str
    plans: str
    referrals: str
    staff: str


class DestinationWords(_Words):
    """What one destination says in its own way; texts in braces are filled in by who uses them.

    ``chart_parts`` is said of an object that holds a part of the charts, by which part it is. ``method`` are
    sentences on how the records came there, ``after_rollback`` on what a rollback leaves of deleted records;
    ``system_fields`` are those that the destination writes itself and no rollback brings back.
    """

    product: str
    places: dict[str, str]
    on_person: str
    on_parent: str
    on_its_own: str
    pipeline: tuple[str, ...]
    pipeline_statuses: StatusList
    chart: tuple[str, ...]
    chart_parts: dict[PartOfCharts, str]
    differences: tuple[str, ...]
    method: tuple[str, ...]
    by_hand: ByHand
    system_fields: tuple[str, ...]
    after_rollback: str
    workflows: Workflows
    not_migrated: NotMigrated
    failures: dict[str, Remedy]


@dataclass(frozen=True)
class Wording:
    """The sentences for one destination."""

    own: _OwnWords
    destination: DestinationWords

    def remedy(self, code: str, message: str) -> Remedy:
        """For a code that nobody has written of (a platform has hundreds), its own sentence is the cause."""
        found = self.own.codes.get(code) or self.destination.failures.get(code)
        return found or Remedy(cause=sentence(message or code), remedy=_UNKNOWN_REMEDY)

    def reason(self, code: str) -> str:
        """Why a source row is part of no record, or what became of a login."""
        if code in set(Outcome):
            return sentence(MEANINGS[Outcome(code)])
        return self.own.reasons.get(code, sentence(code.replace("_", " ")))

    @property
    def codes(self) -> Mapping[str, Remedy]:
        return {**self.own.codes, **self.destination.failures}


@cache
def wording(destination: str) -> Wording:
    """Raises ConfigurationError where the destination has no file, or a file lacks a sentence."""
    own = read_document(_FOLDER / "remedies.yaml").parse(_OwnWords)
    words = read_document(_FOLDER / "destinations" / f"{destination}.yaml").parse(DestinationWords)
    return Wording(own, words)


def sentence(text: str) -> str:
    """With a capital at its beginning and a full stop at its end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
