"""A deployment's zip as plain data: manifest, object files, permission sets. No rule of the org is here.

XML is read with the standard library; a document type declaration is refused, so entities can't expand.
"""

import io
import zipfile
from dataclasses import dataclass, field
from xml.etree import ElementTree

MAX_FILES = 10_000
MAX_BYTES = 400 * 1_048_576


class BadPackage(Exception):
    """The archive can't be deployed at all; `text` is the deployment's error message."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


@dataclass
class Node:
    """An XML element without its namespaces."""

    name: str
    text: str
    children: list["Node"] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """Text of the first child of that name; an empty element counts as missing."""
        child = self.first(name)
        return None if child is None or not (child.text or child.children) else child.text

    def first(self, name: str) -> "Node | None":
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> list["Node"]:
        return [child for child in self.children if child.name == name]

    def flag(self, name: str) -> bool:
        return (self.get(name) or "false").lower() == "true"


@dataclass
class ObjectFile:
    name: str
    path: str
    root: Node


@dataclass
class Package:
    manifest: dict[str, list[str]]
    objects: list[ObjectFile]
    permission_sets: list[ObjectFile]
    unknown: list[str]


def read_xml(content: bytes) -> Node:
    """Raises BadPackage."""
    if b"<!DOCTYPE" in content[:4096]:
        raise BadPackage("a document type declaration is not allowed")
    try:
        return _node(ElementTree.fromstring(content))
    except ElementTree.ParseError:
        raise BadPackage("Error parsing file: the XML is not well-formed") from None


def _node(element: ElementTree.Element) -> Node:
    name = element.tag.rpartition("}")[2]
    text = element.text or ""
    children = [_node(child) for child in element]
    return Node(name, text.strip() if children else text, children)


def _root_of(names: list[str]) -> str:
    if "package.xml" in names:
        return ""
    found = [name for name in names if name.endswith("/package.xml") and name.count("/") == 1]
    if len(found) != 1:
        raise BadPackage("No package.xml found")
    return found[0].removesuffix("package.xml")


def read_package(archive: bytes) -> Package:
    """Raises BadPackage."""
    try:
        opened = zipfile.ZipFile(io.BytesIO(archive))
        names = [info.filename for info in opened.infolist() if not info.is_dir()]
    except zipfile.BadZipFile:
        raise BadPackage("The zip file is not valid") from None
    if len(names) > MAX_FILES or sum(info.file_size for info in opened.infolist()) > MAX_BYTES:
        raise BadPackage("Maximum size of request reached")
    root = _root_of(names)
    manifest: dict[str, list[str]] = {}
    for types in read_xml(opened.read(root + "package.xml")).all("types"):
        members = [member.text.strip() for member in types.all("members")]
        manifest.setdefault((types.get("name") or "").strip(), []).extend(members)
    package = Package(manifest, [], [], [])
    for name in names:
        path = name.removeprefix(root)
        folder, _, file = path.partition("/")
        if path == "package.xml":
            continue
        if folder == "objects" and file.endswith(".object"):
            package.objects.append(
                ObjectFile(file.removesuffix(".object"), path, read_xml(opened.read(name)))
            )
        elif folder == "permissionsets" and file.endswith(".permissionset"):
            made = ObjectFile(file.removesuffix(".permissionset"), path, read_xml(opened.read(name)))
            package.permission_sets.append(made)
        else:
            package.unknown.append(path)
    return package
