"""How the gate reads this server's requests: paths as the routes spell them, without values in any log."""

import logging
import re

from migration_sandbox.serving.gate import Dialect, FaultAnswer

_KEYED = re.compile(r"^(/services/data/v[^/]+/(?:composite/)?sobjects/[^/]+/[^/]+__c)/.+$")
_ID = re.compile(r"/(?=[^/]*\d)[0-9a-zA-Z]{15}(?:[0-9a-zA-Z]{3})?(?=/|$)")
_LOCATOR = re.compile(r"(/query(?:All)?)/0r8[^/]*$")

_WORDS = {
    word.lower(): word
    for word in (
        "services", "data", "async", "oauth2", "Soap", "sobjects", "query", "queryAll", "search", "limits",
        "recordCount", "recent", "composite", "tree", "graph", "batch", "jobs", "ingest", "tooling",
        "metadata", "deployRequest",
    )
}  # fmt: skip
_NESTED = frozenset({"composite", "jobs", "tooling", "limits", "metadata"})


def _fault(status: int, code: str, message: str) -> FaultAnswer:
    return FaultAnswer(status, [{"message": message, "errorCode": code}])


FAULTS: dict[str, FaultAnswer] = {
    "unavailable": _fault(503, "SERVER_UNAVAILABLE", "Service temporarily unavailable"),
    "limit": _fault(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "session": _fault(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "error": _fault(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
}


def logged_path(path: str) -> str:
    """A path without the value of an external id."""
    return _KEYED.sub(r"\1/{value}", path)


def canonical(path: str) -> str:
    """A path as the routes spell it: the platform takes doubled slashes, and its own words in any case."""
    root, *rest = path.lstrip("/").split("/")
    parts = [_WORDS.get(root.lower(), root), *rest]
    if parts[0] != "services":
        return "/" + "/".join(parts)
    for place in (1, 3):
        if len(parts) > place:
            parts[place] = _WORDS.get(parts[place].lower(), parts[place])
    if len(parts) > 4 and parts[3] in _NESTED:
        parts[4] = _WORDS.get(parts[4].lower(), parts[4])
    return "/" + "/".join(parts)


def path_template(path: str) -> str:
    """A path for the server's own log: no values and no ids."""
    return _LOCATOR.sub(r"\1/{locator}", _ID.sub("/{id}", logged_path(path)))


DIALECT = Dialect(
    canonical, logged_path, path_template, FAULTS, logging.getLogger("migration_sandbox.salesforce")
)
