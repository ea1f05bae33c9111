"""A document that can't be used says where and what to do, and never quotes what stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from migration_assets.documents import Document, read_document
from migration_assets.errors import ConfigurationError, SpecError


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Small(Part):
    flow: Literal["small"]
    width: int


class Large(Part):
    flow: Literal["large"]
    height: int


class Inner(Part):
    depth: int = 1
    label: Annotated[str, Field(alias="name")] = ""


class Outer(Part):
    size: Annotated[Small | Large, Field(discriminator="flow")] | None = None
    inner: Inner | None = None
    inners: dict[str, Inner] = {}
    number: int | Inner = 1
    items: list[int] = []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thing.yaml"


def document(path: Path, text: str) -> Document:
    path.write_text(text, encoding="utf-8")
    return read_document(path)


def refusal(path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        document(path, text).parse(Outer)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return str(error.value)


def test_a_document_knows_the_line_of_each_key(path: Path) -> None:
    read = document(path, "a: 1\nb:\n  c:\n    - x\n    - y\n")

    assert read.data == {"a": 1, "b": {"c": ["x", "y"]}}
    assert [read.line(("a",)), read.line(("b", "c")), read.line(("b", "c", 1))] == [1, 3, 5]
    assert read.line(("b", "nothing", "there")) == 2


def test_a_file_of_an_editor_that_writes_a_mark_first_can_be_read(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfitems: [1]\n")

    assert read_document(path).data == {"items": [1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "thing.yaml, line 3, key 'a': stands twice; keep one of them"),
        ("a:\n  b: 1\n  b: 2\n", "thing.yaml, line 3, key 'b': stands twice; keep one of them"),
        ("- 1\n", "thing.yaml, line 1: expected keys and values; see docs/ for an example"),
        ("", "thing.yaml, line 1: expected keys and values; see docs/ for an example"),
        ("a: 1\nb: [1\n", "thing.yaml, line 3: not valid YAML"),
        ("a: 1\nb: x\n  - y: z", "thing.yaml, line 3: not valid YAML"),
        ("a: 1\nb: 2024-13-45\n", "thing.yaml, line 2: not valid YAML (looks like a date or a number"),
        ("a: 1\nb: \x01\n", "thing.yaml, line 2: not valid YAML (a character that no text file holds)"),
        ("a: &a\n  b: *a\n", "thing.yaml: an alias (*) refers to what it stands in; write it out"),
    ],
)
def test_what_is_no_usable_yaml_is_refused_with_its_line(path: Path, text: str, message: str) -> None:
    assert refusal(path, text).startswith(message)


@pytest.mark.parametrize(
    "text", ["a: *hunter2\n", "a: !hunter2 x\n", "a: !it's-hunter2 x\n", "a: 'hunter2\n"]
)
def test_yamls_own_complaints_dont_quote_what_stands_there(path: Path, text: str) -> None:
    message = refusal(path, text)

    assert "hunter2" not in message
    assert message.startswith("thing.yaml, line ")


def test_a_file_that_isnt_utf_8_is_refused(path: Path) -> None:
    path.write_bytes("name: Zürich\n".encode("latin-1"))

    with pytest.raises(ConfigurationError, match=r"thing\.yaml: can't be read .* save it as UTF-8 text"):
        read_document(path)


def test_a_file_that_isnt_there_is_refused(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"thing\.yaml: there is no such file; create it"):
        read_document(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "items: []\ncolour: red\n",
            "line 2, key 'colour': is not a known key; known here: inner, inners, items, number, size",
        ),
        ("inner:\n  depht: 2\n", "line 2, key 'inner.depht': is not a known key; known here: depth, name"),
        (
            "inners:\n  one:\n    size: 2\n",
            "line 3, key 'inners.one.size': is not a known key; known here: depth, name",
        ),
        (
            "size:\n  flow: large\n  height: 1\n  width: 2\n",
            "line 4, key 'size.width': is not a known key; known here: flow, height",
        ),
        ("size:\n  flow: small\n", "line 1, key 'size.width': is missing; add it"),
        ("inner: {depth: deep}\n", "line 1, key 'inner.depth': Input should be a valid integer"),
        ("items:\n  - 1\n  - two\n", "line 3, key 'items.1': Input should be a valid integer"),
        ("\nnumber: many\n", "line 2, key 'number': Input should be a valid integer"),
    ],
)
def test_a_bad_key_is_named_with_its_line_and_a_remedy(path: Path, text: str, message: str) -> None:
    complaints = refusal(path, text)

    assert complaints.splitlines()[0].startswith(f"thing.yaml, {message}")
    assert all(";" in complaint for complaint in complaints.splitlines())


def test_every_bad_key_is_named_at_once(path: Path) -> None:
    assert len(refusal(path, "colour: red\ninner: {depth: deep}\nitems: none\n").splitlines()) == 3


def test_no_complaint_quotes_a_value(path: Path) -> None:
    text = "inner: {depth: hunter2}\nnumber: hunter2\nitems: hunter2\nsize: {flow: hunter2}\n"

    assert "hunter2" not in refusal(path, text)


def test_a_caller_may_ask_for_its_own_kind_of_error(path: Path) -> None:
    with pytest.raises(SpecError):
        document(path, "colour: red\n").parse(Outer, kind=SpecError)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(SpecError):
        read_document(path, SpecError)
