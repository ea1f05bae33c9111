"""How the gate reads this server's requests: both forms of its address, and no signature in any log."""

import logging
import re

from migration_sandbox.serving.gate import Dialect, FaultAnswer

_SIGNED = re.compile(r"^(/files/\d+)/.*$")
_ID = re.compile(r"/\d+(?=/|$)")
RETRY_AFTER = "1"


def canonical(path: str) -> str:
    """`<bundle>.myfreshworks.com/crm/sales/api/...` and `<domain>.freshsales.io/api/...` are one."""
    inner = path.removeprefix("/crm/sales")
    return inner if inner.startswith("/") else path


def logged_path(path: str) -> str:
    return _SIGNED.sub(r"\1/{signed}", path)


def path_template(path: str) -> str:
    return _ID.sub("/{id}", logged_path(path))


def _fault(status: int, message: str, **headers: str) -> FaultAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FaultAnswer(status, {"errors": {"code": status, "message": [message]}}, named)


FAULTS = {
    "limit": _fault(429, "The API limit is reached", Retry_After=RETRY_AFTER),
    "limit_unsaid": _fault(429, "The API limit is reached"),
    "key": _fault(401, "You have to be logged in to perform this action"),
    "error": _fault(500, "Internal server error"),
    "unavailable": _fault(503, "Service unavailable"),
    "gateway": FaultAnswer(504, None),
}

DIALECT = Dialect(
    canonical, logged_path, path_template, FAULTS, logging.getLogger("migration_sandbox.freshsales")
)
