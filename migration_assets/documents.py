"""YAML documents that a person writes, read so that every complaint names file, line, key and remedy.

Used for practice files, source profiles and mapping specs. What the documents mean is not known here:
callers bring a pydantic model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from migration_assets.errors import ConfigurationError

KeyPath = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Plain data of a YAML file with the 1-based line on which each key path stands."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def line(self, key_path: KeyPath) -> int:
        """Line of the key, or of the nearest enclosing key where the key itself is absent."""
        while key_path and key_path not in self.lines:
            key_path = key_path[:-1]
        return self.lines.get(key_path, 1)

    def error(
        self,
        key_path: KeyPath,
        problem: str,
        remedy: str,
        kind: type[ConfigurationError] = ConfigurationError,
    ) -> ConfigurationError:
        key = ".".join(str(part) for part in key_path)
        place = f"{self.path.name}, line {self.line(key_path)}"
        return kind(f"{place}, key '{key}': {problem}; {remedy}" if key else f"{place}: {problem}; {remedy}")

    def parse(
        self, model: type[ModelT], key_path: KeyPath = (), kind: type[ConfigurationError] = ConfigurationError
    ) -> ModelT:
        """The part of the document at ``key_path`` as ``model``; raises ``kind`` naming every bad key.

        Values are never quoted: a secret may stand where it shouldn't.
        """
        part: Any = self.data
        for step in key_path:
            part = part[step]
        try:
            return model.model_validate(part)
        except ValidationError as error:
            complaints = [
                str(self.error(self._own_path(key_path, details["loc"]), *_problem(details, model), kind))
                for details in error.errors(include_input=False, include_url=False)
            ]
            raise kind("\n".join(complaints)) from None

    def _own_path(self, base: KeyPath, location: KeyPath) -> KeyPath:
        """pydantic puts names of union branches into a location; they are no keys of the document."""
        path = base
        for position, step in enumerate(location):
            if (*path, step) in self.lines or position == len(location) - 1:
                path = (*path, step)
        return path


def read_document(path: Path, kind: type[ConfigurationError] = ConfigurationError) -> Document:
    """Raises ``kind`` where the file can't be read, isn't YAML, repeats a key or isn't a mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise kind(f"{path.name}: there is no such file; create it or mend the name") from None
    except (OSError, UnicodeDecodeError) as error:
        raise kind(f"{path.name}: can't be read ({type(error).__name__}); save it as UTF-8 text") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise kind(f"{path.name}, line {line}: not valid YAML ({error.problem}); mend the syntax") from None
    if not isinstance(node, yaml.MappingNode):
        raise kind(f"{path.name}, line 1: expected keys and values; see docs/ for an example")
    lines: dict[KeyPath, int] = {(): 1}
    _index(node, (), lines, path, kind)
    constructor = yaml.SafeLoader("")
    try:
        data = constructor.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise kind(f"{path.name}, line {line}: {error.problem}; mend the value") from None
    finally:
        constructor.dispose()
    return Document(path, data, lines)


def _index(
    node: yaml.Node, key_path: KeyPath, lines: dict[KeyPath, int], path: Path, kind: type[ConfigurationError]
) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in seen:
                raise kind(f"{path.name}, line {line}, key '{key}': stands twice; keep one of them")
            seen.add(key)
            lines[(*key_path, key)] = line
            _index(value_node, (*key_path, key), lines, path, kind)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            lines[(*key_path, position)] = item.start_mark.line + 1
            _index(item, (*key_path, position), lines, path, kind)


def _problem(details: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    match details["type"]:
        case "missing":
            return "is missing", "add it"
        case "extra_forbidden":
            return (
                "is not a known key",
                f"known keys of {model.__name__}: {', '.join(sorted(_known(model, details)))}",
            )
        case _:
            return str(details["msg"]).removeprefix("Value error, "), "mend the value"


def _known(model: type[BaseModel], details: Mapping[str, Any]) -> list[str]:
    current: type[BaseModel] = model
    for step in details["loc"][:-1]:
        inner = current.model_fields.get(str(step))
        if (
            inner is not None
            and isinstance(inner.annotation, type)
            and issubclass(inner.annotation, BaseModel)
        ):
            current = inner.annotation
    return [field.alias or name for name, field in current.model_fields.items()]
