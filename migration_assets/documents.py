"""YAML documents that a person writes, read so that every complaint names file, line, key and remedy.

Used for practice files, source profiles and mapping specs. What the documents mean is not known here:
callers bring a pydantic model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError

from migration_assets.errors import ConfigurationError

KeyPath = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)
_QUOTED = re.compile(r"""'[^'<][^']+'|"[^"]+\"""")


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
                str(self.error(self._own_path(key_path, details), *_problem(details, model), kind))
                for details in error.errors(include_input=False, include_url=False)
            ]
            raise kind("\n".join(complaints)) from None

    def _own_path(self, base: KeyPath, details: Mapping[str, Any]) -> KeyPath:
        """pydantic puts names of union branches into a location; they are no keys of the document."""
        path, location = base, details["loc"]
        for position, step in enumerate(location):
            is_missing = details["type"] == "missing" and position == len(location) - 1
            if (*path, step) in self.lines or is_missing:
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
    return _parsed(path, text, kind)  # type: ignore[arg-type]  # mypy takes no class for hashable


@lru_cache(maxsize=64)
def _parsed(path: Path, text: str, kind: type[ConfigurationError]) -> Document:
    """The same text is read again and again: by every operation, and by sensors every few seconds."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise kind(f"{path.name}, {_complaint(error, text)}; mend the syntax") from None
    if not isinstance(node, yaml.MappingNode):
        raise kind(f"{path.name}, line 1: expected keys and values; see docs/ for an example")
    lines: dict[KeyPath, int] = {(): 1}
    constructor = _Constructor("")
    try:
        _index(node, (), lines, path, kind)
        data = constructor.construct_document(node)
    except yaml.YAMLError as error:
        raise kind(f"{path.name}, {_complaint(error, text)}; mend the value") from None
    except RecursionError:
        raise kind(f"{path.name}: an alias (*) refers to what it stands in; write it out") from None
    finally:
        constructor.dispose()
    return Document(path, data, lines)


class _Constructor(yaml.SafeLoader):
    """Names the place of a scalar that looks like a date or a number and is none (``2024-13-45``)."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError:
            problem = "looks like a date or a number and is none, quote it if it is text"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _complaint(error: yaml.YAMLError, text: str) -> str:
    """Line and problem; names that YAML's own sentence quotes (aliases, tags) may be pieces of a secret."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return f"line {line}: not valid YAML ({_QUOTED.sub('...', error.problem or 'no reason given')})"
    line = text.count("\n", 0, getattr(error, "position", 0)) + 1
    return f"line {line}: not valid YAML (a character that no text file holds)"


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
            known = sorted(_known(model, details["loc"][:-1]))
            return "is not a known key", f"known here: {', '.join(known)}"
        case "union_tag_invalid":
            # pydantic's own sentence quotes what stands there.
            return (
                f"{details['ctx']['discriminator']} is none of {details['ctx']['expected_tags']}",
                "mend it",
            )
        case _:
            return str(details["msg"]).removeprefix("Value error, "), "mend the value"


def _known(model: type[BaseModel], location: KeyPath) -> set[str]:
    """Keys of the model, or of the models of a union, that stands at pydantic's ``location``."""
    candidates = [model]
    for step in location:
        annotations = [
            field.annotation
            for candidate in candidates
            for name, field in candidate.model_fields.items()
            if step in (name, field.alias)
        ]
        if annotations:
            candidates = [inner for annotation in annotations for inner in _models(annotation)]
        else:
            # Not a key of the document but pydantic's name for a branch of a union: the model's, or its tag.
            candidates = [each for each in candidates if step in _branch_names(each)] or candidates
    return {field.alias or name for each in candidates for name, field in each.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _branch_names(model: type[BaseModel]) -> set[Any]:
    tags = (
        get_args(f.annotation) for f in model.model_fields.values() if get_origin(f.annotation) is Literal
    )
    return {model.__name__, *(tag for each in tags for tag in each)}
