"""Questions about parts of an org that may not be there, by edition or setting: a refusal is an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession

Rows = list[dict[str, Any]]

_REFUSALS = frozenset({400, 403, 404})
"""Statuses of INVALID_TYPE, INVALID_FIELD, an API that is off, and an object that isn't for the login."""


def ask(session: SalesforceSession, soql: str) -> Rows:
    """Records of a small query; none where the org doesn't know the object or the field."""
    return known(session.query, soql) or []


def ask_tooling(session: SalesforceSession, soql: str) -> Rows:
    return known(session.tooling_query, soql) or []


def known(query: Callable[[str], Rows], soql: str) -> Rows | None:
    """The query's records, or None where the org refuses the question itself."""
    try:
        return query(soql)
    except RequestRefused as refused:
        if refused.status in _REFUSALS:
            return None
        raise
