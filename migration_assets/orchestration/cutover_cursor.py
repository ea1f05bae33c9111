"""The cutover sensor's cursor: how far it is with each practice, as JSON that survives a restart and is read
and reset by ``migration-assets cutover``.

Holds versions and moments, never a key or a value of a row. A reset isn't written into the cursor, since a
tick that is under way would write its own over it: it is a word of its own in Dagster's storage, which the
sensor obeys once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Literal

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType, SensorInstigatorData
from pydantic import AwareDatetime, Field, ValidationError

from migration_assets.errors import ConfigurationError
from migration_assets.panda.change_cursor import Cursor
from migration_assets.practice import Settings

Stopped = Literal["drained", "closed"]


class Entry(Settings):
    """One practice. ``cursor`` is the change detection's own; None: it begins where the detection was begun.

    ``look_at``: when it is looked at again, None for the next tick. ``served_at`` orders the turns.
    ``reset``: the last reset that was obeyed; ``comparing`` until the poll that compares every table for it
    is done. ``stopped`` and ``window_end``: nothing is asked of it any more for the window that ended, or was
    to end, then.
    """

    cursor: Cursor | None = None
    polled_at: AwareDatetime | None = None
    look_at: AwareDatetime | None = None
    served_at: AwareDatetime | None = None
    reset: str | None = None
    comparing: bool = False
    stopped: Stopped | None = None
    window_end: AwareDatetime | None = None


class SensorCursor(Settings):
    """``practices``: practice's key -> its entry."""

    format: Literal[1] = 1
    practices: dict[str, Entry] = Field(default_factory=dict)

    def dumped(self) -> str:
        return self.model_dump_json()


def load_sensor_cursor(text: str | None) -> SensorCursor:
    """The inverse of ``dumped``, empty where there is none yet; raises ConfigurationError for other text."""
    if not text:
        return SensorCursor()
    try:
        return SensorCursor.model_validate_json(text)
    except ValidationError:
        raise ConfigurationError(
            "the sensor's cursor can't be read; empty it in the sensor's page: each practice begins again "
            "where its change detection was begun, and nothing is lost"
        ) from None


def sensor_name(destination: str) -> str:
    return f"cutover_{destination}"


def asked_resets(instance: DagsterInstance, destination: str, practices: Iterable[str]) -> Mapping[str, str]:
    """Practice -> the last reset that was asked for, of those that have one."""
    words = {_reset_word(destination, practice): practice for practice in practices}
    found = instance.daemon_cursor_storage.get_cursor_values(set(words)) if words else {}
    return {words[word]: token for word, token in found.items()}


def ask_reset(instance: DagsterInstance, destination: str, practice: str) -> None:
    """The sensor's next poll of this practice compares every table; also while the daemon runs."""
    instance.daemon_cursor_storage.set_cursor_values({_reset_word(destination, practice): token_hex(8)})


def _reset_word(destination: str, practice: str) -> str:
    return f"migration/{sensor_name(destination)}/reset/{practice}"


@dataclass(frozen=True, slots=True)
class StoredSensor:
    """What Dagster has of the sensor: its cursor as it stands, None where it has never finished a tick."""

    running: bool
    text: str | None

    @property
    def cursor(self) -> SensorCursor:
        return load_sensor_cursor(self.text)


def stored_sensor(instance: DagsterInstance, destination: str) -> StoredSensor:
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    for state in states:
        if state.instigator_name == sensor_name(destination):
            data = state.instigator_data
            text = data.cursor if isinstance(data, SensorInstigatorData) else None
            return StoredSensor(state.is_running, text)
    return StoredSensor(running=False, text=None)


def sensor_of_installation(destination: str) -> StoredSensor:
    """Of the instance of DAGSTER_HOME."""
    with DagsterInstance.get() as instance:
        return stored_sensor(instance, destination)


def reset_in_installation(destination: str, practice: str) -> None:
    """Asks the instance of DAGSTER_HOME for a reset."""
    with DagsterInstance.get() as instance:
        ask_reset(instance, destination, practice)
