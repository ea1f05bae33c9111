"""A deployment's zip as plain data: manifest and component files, and XML in both directions.

No rule of the org is here. XML is read with the standard library; a document type declaration is refused, so
entities can't expand.
"""

import io
import zipfile
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
FOLDERS = {
    "objects": ("CustomObject", "object"),
    "permissionsets": ("PermissionSet", "permissionset"),
    "layouts": ("Layout", "layout"),
    "tabs": ("CustomTab", "tab"),
}
"""Folder of a package -> kind of its components and suffix of their files."""

DELETIONS = {
    "destructiveChanges.xml": False, "destructiveChangesPre.xml": False, "destructiveChangesPost.xml": True,
}  # fmt: skip
"""Manifest of what is to be deleted -> whether that comes after everything else."""

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
class ComponentFile:
    kind: str
    name: str
    path: str
    root: Node


@dataclass
class Deletions:
    """A manifest of deletions: kind -> names, and whether they come after everything else."""

    path: str
    members: dict[str, list[str]]
    last: bool


@dataclass
class Package:
    manifest: dict[str, list[str]]
    files: list[ComponentFile]
    unknown: list[str]
    deletions: list[Deletions] = field(default_factory=list)

    def of(self, kind: str) -> list[ComponentFile]:
        return [file for file in self.files if file.kind == kind]


def leaf(name: str, value: object) -> Node:
    return Node(name, str(value).lower() if isinstance(value, bool) else str(value))


def ordered(node: Node) -> Node:
    """As the Metadata API's schema wants it: fullName, then all other elements by name, at every depth."""
    children = sorted(node.children, key=lambda child: (child.name != "fullName", child.name))
    return Node(node.name, node.text, [ordered(child) for child in children])


def to_xml(node: Node, attributes: str = "") -> str:
    inner = "".join(to_xml(child) for child in node.children) or escape(node.text)
    return f"<{node.name}{attributes}>{inner}</{node.name}>"


def to_file(node: Node) -> bytes:
    """A component's file, as a retrieval packs it: a line an element, so that people can compare two."""
    shown = _indented(ordered(node), 0, f' xmlns="{NAMESPACE}"')
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{shown}'.encode()


def _indented(node: Node, depth: int, attributes: str = "") -> str:
    margin = "    " * depth
    if not node.children:
        return f"{margin}{to_xml(node, attributes)}\n"
    inner = "".join(_indented(child, depth + 1) for child in node.children)
    return f"{margin}<{node.name}{attributes}>\n{inner}{margin}</{node.name}>\n"


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


def _manifest(content: bytes) -> dict[str, list[str]]:
    """Kind -> names of a package.xml or of a manifest of deletions."""
    found: dict[str, list[str]] = {}
    for types in read_xml(content).all("types"):
        members = [member.text.strip() for member in types.all("members")]
        found.setdefault((types.get("name") or "").strip(), []).extend(members)
    return found


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
    package = Package(_manifest(opened.read(root + "package.xml")), [], [])
    for name in names:
        path = name.removeprefix(root)
        if path == "package.xml":
            continue
        if path in DELETIONS:
            package.deletions.append(Deletions(path, _manifest(opened.read(name)), DELETIONS[path]))
            continue
        folder, _, file = path.partition("/")
        kind, suffix = FOLDERS.get(folder, ("", ""))
        if kind and file.endswith(f".{suffix}"):
            content = read_xml(opened.read(name))
            package.files.append(ComponentFile(kind, file.removesuffix(f".{suffix}"), path, content))
        else:
            package.unknown.append(path)
    return package
