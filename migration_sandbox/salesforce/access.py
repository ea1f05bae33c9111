"""Permissions on whole objects: what assigned permission sets grant a user who is no administrator.

With the setting `api_user_is_administrator` (the default) everything is allowed, as Modify All Data does.
Without it, only objects that a permission set can grant are closed: Account, Contact and custom ones.
"""

from typing import TYPE_CHECKING

import numpy as np

from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.values import Errors, Mask

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

READ, CREATE, EDIT, DELETE = "allowRead", "allowCreate", "allowEdit", "allowDelete"
_GRANTED_STANDARD = ("Account", "Contact")


def may(org: "Org", sobject: SObject, flag: str) -> bool:
    """Whether the API user has a permission (`allowRead`, ...) on an object."""
    closed = sobject.custom or sobject.name in _GRANTED_STANDARD
    if org.settings.api_user_is_administrator or not closed:
        return True
    sets = org.assigned_permission_sets()
    grants = [org.permission_sets.get(name, {}).get("objects", {}).get(sobject.name, {}) for name in sets]
    return any(grant.get(flag) or grant.get("modifyAllRecords") for grant in grants)


def denied(org: "Org", sobject: SObject, new: Mask) -> Errors:
    """Rows that may not be inserted (where `new`) or updated."""
    errors: Errors = {}
    for flag, word, rows in ((CREATE, "inserted", new), (EDIT, "updated", ~new)):
        if rows.any() and not may(org, sobject, flag):
            message = f"entity type cannot be {word}: {sobject.label}"
            error = RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
            errors |= dict.fromkeys(np.flatnonzero(rows).tolist(), error)
    return errors
