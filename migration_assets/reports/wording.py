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

from pydantic import BaseModel, ConfigDict

from migration_assets.documents import read_document
from migration_assets.migration.owners import Outcome
from migration_assets.reports.owners import MEANINGS

_FOLDER = Path(__file__).parent
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
    """What one destination says in its own way; texts in braces are filled in by who uses them."""

    product: str
    places: dict[str, str]
    on_person: str
    on_parent: str
    on_its_own: str
    pipeline: tuple[str, ...]
    chart: tuple[str, ...]
    companion: str
    per_tooth: str
    differences: tuple[str, ...]
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
        return found or Remedy(cause=_sentence(message or code), remedy=_UNKNOWN_REMEDY)

    def reason(self, code: str) -> str:
        """Why a source row is part of no record, or what became of a login."""
        if code in set(Outcome):
            return _sentence(MEANINGS[Outcome(code)])
        return self.own.reasons.get(code, _sentence(code.replace("_", " ")))

    @property
    def codes(self) -> Mapping[str, Remedy]:
        return {**self.own.codes, **self.destination.failures}


@cache
def wording(destination: str) -> Wording:
    """Raises ConfigurationError where the destination has no file, or a file lacks a sentence."""
    own = read_document(_FOLDER / "remedies.yaml").parse(_OwnWords)
    words = read_document(_FOLDER / "destinations" / f"{destination}.yaml").parse(DestinationWords)
    return Wording(own, words)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
