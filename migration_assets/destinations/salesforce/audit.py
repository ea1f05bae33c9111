"""Whether new records may get their original creation time, which the platform takes on insert only.

The permission "Set Audit Fields upon Record Creation" shows as a createable CreatedDate (REST describe).
"""

from __future__ import annotations

import threading
from typing import Literal

from migration_assets.destinations.base import FieldType, ObjectSchema
from migration_assets.destinations.salesforce.describe import OrgObject, describe
from migration_assets.destinations.salesforce.session import SalesforceSession

CREATED = "CreatedDate"
ORIGINAL = "Original_Create_Date__c"
"""The mapping's field of the time at which a record was made in PANDA."""


class Described:
    """Objects as the org describes them, each asked for once."""

    def __init__(self, session: SalesforceSession) -> None:
        self._session = session
        self._known: dict[str, OrgObject | None] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> OrgObject | None:
        with self._lock:
            if name not in self._known:
                self._known[name] = describe(self._session, name)
            return self._known[name]


class AuditFields:
    """What the settings want and the org permits."""

    def __init__(self, described: Described, setting: Literal["auto", "never"]) -> None:
        self._described = described
        self._setting = setting

    def wanted(self, schema: ObjectSchema) -> bool:
        times = [each for each in schema.fields if each.name == ORIGINAL and each.type is FieldType.DATETIME]
        return self._setting == "auto" and bool(times)

    def may_date(self, schema: ObjectSchema) -> bool:
        """Whether the login may give a new record of the object its creation time."""
        if not self.wanted(schema):
            return False
        org = self._described.get(schema.name)
        created = None if org is None else org.fields.get(CREATED)
        return created is not None and created.createable

    def may_insert_dated(self, schema: ObjectSchema) -> bool:
        """As ``may_date``, where the org itself keeps the key from being inserted twice."""
        if not self.may_date(schema):
            return False
        org = self._described.get(schema.name)
        key = None if org is None else org.fields.get(schema.key_field)
        return key is not None and key.unique
