"""A practice: the general part of its configuration, and the registry in data/practices/*.yaml.

The source's part and each destination's part are parsed with the settings models that those packages
bring; this module knows none of them. A secret never stands in a file: the file names the environment
variable that holds it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from migration_assets.documents import Document, read_document
from migration_assets.errors import ConfigurationError

PRACTICE_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Settings(BaseModel):
    """Base of every settings model: unknown keys are errors, values don't change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EnvReference(Settings):
    """``{env: NAME}``: the value stands in the environment variable NAME."""

    env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]

    def value(self) -> str:
        found = os.environ.get(self.env)
        if not found:
            raise ConfigurationError(
                f"environment variable {self.env} is not set; a practice's file refers to it, so set it "
                "where Dagster and migration-assets are started"
            )
        return found


def _only_a_reference(given: Any) -> Any:
    if isinstance(given, str):
        raise ValueError("a secret doesn't stand in a file: write {env: NAME} and set that variable")
    return given


Secret = Annotated[EnvReference, BeforeValidator(_only_a_reference)]
"""A value that may only be given as ``{env: NAME}``."""

TextOrEnv = str | EnvReference
NumberOrEnv = int | EnvReference


def resolve(setting: str | int | EnvReference) -> str:
    return setting.value() if isinstance(setting, EnvReference) else str(setting)


Accounts = Literal["practice", "household", "none"]
"""What the patients' contacts hang on: the practice's Account, their household's, or none."""


Conflicts = Literal["source_wins", "crm_wins", "list"]
"""What becomes of a field that somebody changed in the destination since we wrote it: it is overwritten, it
stays, or it stays until a person has decided. All of them are listed."""

Deletions = Literal["report", "flag", "delete"]
"""What becomes of a record whose row is gone from the source: it stays and is reported, is marked there as
deleted, or is deleted there where we made it."""


class Policies(Settings):
    """The practice's choices that shape staging and payloads, and the limits that judge them.

    ``failure_limit``: of an object's records in scope, the share that a destination may refuse and the run
    still only warns. ``undecided_adoptions``: what becomes of records that may be there already as somebody
    else's, until a person has decided. ``shared_emails``: what becomes of an address that several people
    have, where a destination keeps addresses unique: the first of them keeps it and the others have it in a
    second field, or nowhere (``first``, listed); ``as_is`` where an administrator has switched that off.
    ``conflicts`` and ``deletions`` are what a later upload does with the destination's own changes and with
    records whose row is gone.
    """

    reject_limit: Annotated[float, Field(ge=0, le=1)] = 0.02
    on_bad_tooth: Literal["load_flagged", "hold_exam"] = "load_flagged"
    accounts: Accounts = "practice"
    failure_limit: Annotated[float, Field(ge=0, le=1)] = 0.0
    undecided_adoptions: Literal["hold", "create"] = "hold"
    shared_emails: Literal["second_field", "first", "as_is"] = "second_field"
    conflicts: Conflicts = "list"
    deletions: Deletions = "report"


class Rehearsal(Settings):
    """How many patients are rehearsed (``all``: everything), chosen from which seed; without a number as many
    as the destination suggests. None of it shapes a payload."""

    patients: Annotated[int, Field(ge=1)] | Literal["all"] | None = None
    seed: int = 1


class Window(Settings):
    """When a practice goes on working in PANDA after its load: the file's part ``cutover``.

    Moments without an offset are the practice's local time. Tables of which every row has to be read are
    looked at every ``compare_minutes``, all others every ``poll_seconds``.
    """

    begins: datetime
    ends: datetime
    poll_seconds: Annotated[int, Field(ge=5, le=86_400)] = 60
    compare_minutes: Annotated[int, Field(ge=1, le=1_440)] = 60


Phase = Literal["before", "open", "over"]


@dataclass(frozen=True)
class CutoverWindow:
    """A Window as moments in UTC: ``begins`` is in it, ``ends`` isn't."""

    begins: datetime
    ends: datetime
    poll_seconds: int
    compare_minutes: int

    def phase(self, now: datetime) -> Phase:
        if now < self.begins:
            return "before"
        return "open" if now < self.ends else "over"


class _GeneralPart(Settings):
    practice: str
    name: Annotated[str, Field(min_length=1, max_length=200)]
    time_zone: str
    encryption_key: Secret
    policies: Policies = Policies()
    rehearsal: Rehearsal = Rehearsal()
    cutover: Window | None = None
    source: dict[str, Any]
    destinations: dict[str, dict[str, Any]]

    @field_validator("practice")
    @classmethod
    def _usable_as_partition(cls, key: str) -> str:
        if not PRACTICE_KEY.fullmatch(key):
            raise ValueError("must be 1 to 63 of a-z, 0-9, '_' and '-', beginning with a letter or digit")
        return key

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in _time_zones():
            raise ValueError("is no IANA time zone such as America/New_York")
        return zone

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        window = self.window()
        if window is not None and window.ends <= window.begins:
            raise ValueError("cutover.ends must be later than cutover.begins")
        return self

    def window(self) -> CutoverWindow | None:
        if self.cutover is None:
            return None
        given, zone = self.cutover, ZoneInfo(self.time_zone)
        begins, ends = (_in_utc(each, zone) for each in (given.begins, given.ends))
        return CutoverWindow(begins, ends, given.poll_seconds, given.compare_minutes)


def _in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


@cache
def _time_zones() -> frozenset[str]:
    """Known to this machine; asking it reads a folder of files."""
    return frozenset(available_timezones())


@dataclass(frozen=True)
class Practice:
    """A practice as configured. ``source`` and ``destinations`` hold the models the registry was given."""

    key: str
    name: str
    time_zone: ZoneInfo
    policies: Policies
    encryption_key: EnvReference
    source: Settings
    destinations: Mapping[str, Settings]
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    cutover: CutoverWindow | None = None


@dataclass(frozen=True)
class Scan:
    """What stands in the folder: the practices that can be used, and why the other files can't."""

    practices: Mapping[str, Practice]
    problems: Mapping[str, str]


@dataclass(frozen=True)
class PracticeRegistry:
    """The practice files of one folder; reading is cheap and always sees the files as they are now."""

    directory: Path
    source_settings: type[Settings]
    destination_settings: Mapping[str, type[Settings]]

    def load(self, key: str) -> Practice:
        """Raises ConfigurationError naming file, line, key and remedy."""
        if not PRACTICE_KEY.fullmatch(key):
            raise ConfigurationError("a practice's key is 1 to 63 of a-z, 0-9, '_' and '-'; mend the key")
        return self._read(self.directory / f"{key}.yaml")

    def scan(self) -> Scan:
        practices: dict[str, Practice] = {}
        problems: dict[str, str] = {}
        for path in sorted(self.directory.glob("*.y*ml")):
            try:
                practice = self._read(path)
            except ConfigurationError as error:
                problems[path.name] = str(error)
            else:
                practices[practice.key] = practice
        return Scan(practices, problems)

    def _read(self, path: Path) -> Practice:
        document = read_document(path)
        general = document.parse(_GeneralPart)
        if general.practice != path.stem or path.suffix != ".yaml":
            raise document.error(
                ("practice",), "differs from the file's name", f"name the file {general.practice}.yaml"
            )
        return Practice(
            key=general.practice,
            name=general.name,
            time_zone=ZoneInfo(general.time_zone),
            policies=general.policies,
            rehearsal=general.rehearsal,
            cutover=general.window(),
            encryption_key=general.encryption_key,
            source=document.parse(self.source_settings, ("source",)),
            destinations={name: self._destination(document, name) for name in general.destinations},
        )

    def _destination(self, document: Document, name: str) -> Settings:
        model = self.destination_settings.get(name)
        if model is None:
            known = ", ".join(sorted(self.destination_settings))
            raise document.error(("destinations", name), "is not a known destination", f"known: {known}")
        return document.parse(model, ("destinations", name))
