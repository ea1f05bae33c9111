"""What a package.xml must say: everything named must be in the archive, everything there must be named."""

from dataclasses import dataclass

from migration_sandbox.salesforce.metadata_files import ComponentFile, Package

KNOWN_TYPES = frozenset({"CustomObject", "CustomField", "ListView", "PermissionSet", "Layout", "CustomTab"})
CHILDREN = {"CustomField": "fields", "ListView": "listViews"}
"""Kinds of components that stand inside an object's file, and their elements there."""
OTHER_CHILDREN = (
    "businessProcesses", "compactLayouts", "fieldSets", "indexes", "recordTypes", "sharingReasons",
    "validationRules", "webLinks",
)  # fmt: skip


@dataclass
class Component:
    """The outcome of one component; a `warning` is a problem that the caller may choose to ignore."""

    kind: str
    path: str
    name: str
    created: bool = False
    changed: bool = True
    problem: str | None = None
    deleted: bool = False
    warning: bool = False


def problem_type(item: Component) -> str | None:
    """As a deployment's result names it."""
    return None if item.problem is None else "Warning" if item.warning else "Error"


def whole_object(package: Package, file: ComponentFile) -> bool:
    """Whether the manifest names the object itself and not only some of its fields or list views."""
    members = package.manifest.get("CustomObject", [])
    return file.name in members or ("*" in members and file.name.endswith("__c"))


def _present(package: Package) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {kind: set() for kind in KNOWN_TYPES}
    for file in package.files:
        found[file.kind].add(file.name)
    for file in package.of("CustomObject"):
        for kind, element in CHILDREN.items():
            found[kind] |= {f"{file.name}.{node.get('fullName')}" for node in file.root.all(element)}
    return found


def check_manifest(package: Package) -> list[Component]:
    """A failed component for each thing that is missing, unnamed, or not known here."""
    failed: list[Component] = []

    def fail(kind: str, path: str, name: str, problem: str) -> None:
        failed.append(Component(kind, path, name, problem=problem))

    for path in package.unknown:
        fail("", path, path, "this kind of component is not part of this sandbox")
    present = _present(package)
    for kind, members in package.manifest.items():
        if kind not in KNOWN_TYPES:
            fail(kind, "package.xml", kind, f"Entity type: '{kind}' is not part of this sandbox")
            continue
        for member in members:
            if member != "*" and member not in present[kind]:
                problem = (
                    f"An object '{member}' of type {kind} was named in package.xml, but was not found in "
                    "zipped directory"
                )
                fail(kind, "package.xml", member, problem)
    owners = {
        name.partition(".")[0] for kind in CHILDREN for name in package.manifest.get(kind, []) if name != "*"
    }
    for file in package.files:
        if file.kind == "CustomObject":
            named = whole_object(package, file) or file.name in owners
            for element in OTHER_CHILDREN:
                if file.root.first(element) is not None:
                    fail(file.kind, file.path, file.name, f"{element} are not part of this sandbox")
        else:
            members = package.manifest.get(file.kind, [])
            named = file.name in members or "*" in members
        if not named:
            fail(file.kind, file.path, file.name, f"The file {file.path} is not in package.xml")
    return failed
