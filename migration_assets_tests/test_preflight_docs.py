"""docs/preflight.md lists every finding with the severity that it has in the code, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from migration_assets.destinations.salesforce.preflight_limits import QUOTAS, SCARCE, USED_UP
from migration_assets_tests.destinations.salesforce.test_preflight_provoked import CASES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "migration_assets"
SALESFORCE = PACKAGE / "destinations" / "salesforce"
SAID_ELSEWHERE = {"layout_incomplete"}
"""Told by the deployment of the schema, and provoked by its tests."""
_ROW = re.compile(r"^\| `([a-z_]+)` \| (error|warning|note) \| .+ \| .+ \|$", re.MULTILINE)
_QUOTAS = {code for code, _ in QUOTAS.values()}
_STORAGE = {"record_storage", "file_storage_needed"}
COMPUTED = {
    ("preflight_limits", "f'{code}{USED_UP}'"): {f"{code}{USED_UP}" for code in _QUOTAS},
    ("preflight_limits", "f'{code}{SCARCE}'"): {f"{code}{SCARCE}" for code in _QUOTAS},
    ("preflight_limits", "f'{code}_short'"): {f"{code}_short" for code in _STORAGE},
    ("preflight_limits", "code", "note"): _QUOTAS | _STORAGE,
    ("preflight_limits", "code", "warning"): {
        "api_requests_short",
        "bulk_batches_short",
        "bulk_query_jobs_short",
    },
    ("schema_compare", "code"): {"field_differs", "picklist_value_missing"},
    ("data_findings", "code"): {"rejects_over_limit", "rows_unaccounted_for"},
}
"""Codes that don't stand as a word where the finding is made: by module, expression and, if need be,
severity."""


def documented() -> dict[str, str]:
    rows = _ROW.findall((ROOT / "docs" / "preflight.md").read_text(encoding="utf-8"))
    assert len(rows) == len(dict(rows))
    return dict(rows)


def in_the_code() -> Iterator[tuple[str, str]]:
    """Code and severity of every finding of these modules."""
    modules = [
        *sorted(SALESFORCE.glob("preflight*.py")),
        SALESFORCE / "schema_compare.py",
        SALESFORCE / "presentation.py",
        PACKAGE / "migration" / "data_findings.py",
    ]
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                code, severity = node.args[0], ast.literal_eval(node.args[1])
                yield from ((each, severity) for each in _codes(module.stem, code, severity))


def _codes(module: str, code: ast.expr, severity: str) -> set[str]:
    if isinstance(code, ast.Constant):
        return {str(code.value)}
    written = (module, ast.unparse(code))
    return COMPUTED[(*written, severity) if (*written, severity) in COMPUTED else written]


def test_every_finding_is_documented_with_its_severity_and_nothing_else() -> None:
    assert set(in_the_code()) == set(documented().items())


def test_every_finding_of_an_organisation_is_provoked() -> None:
    provoked = {(code, severity) for _, code, severity, *_ in CASES}
    page = (ROOT / "docs" / "preflight.md").read_text(encoding="utf-8")
    of_rows = {code for code, _ in _ROW.findall(page.partition("## The practice's rows")[2])}
    wanted = {
        (code, severity)
        for code, severity in documented().items()
        if code not in of_rows and code not in SAID_ELSEWHERE
    }

    assert provoked == wanted
