"""What the API user may do beyond objects and fields, as PermissionSet and Profile show it to a query.

A permission comes from the user's profile (the settings say what that grants) or from an assigned permission
set. The rows of both objects are brought in line whenever settings or permission sets change.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from migration_sandbox.salesforce.schema import Field
from migration_sandbox.salesforce.standard_fields import READ_ONLY
from migration_sandbox.salesforce.table import ROW

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

PERMISSIONS = (
    "ApiEnabled", "AssignPermissionSets", "BulkApiHardDelete", "CreateAuditFields", "CustomizeApplication",
    "EditReadonlyFields", "ModifyAllData", "ModifyMetadata", "QueryAllFiles", "UpdateWithInactiveOwner",
    "ViewAllData", "ViewSetup",
)  # fmt: skip
_BY_SETTING = {
    "BulkApiHardDelete": "bulk_hard_delete",
    "CreateAuditFields": "set_audit_fields",
    "UpdateWithInactiveOwner": "set_audit_fields",
    "QueryAllFiles": "query_all_files",
}
ADMINISTRATOR = "System Administrator"
SETS, PROFILES, ASSIGNMENTS = "PermissionSet", "Profile", "PermissionSetAssignment"


def permission_fields() -> list[Field]:
    return [Field(f"Permissions{name}", name, "boolean", **READ_ONLY) for name in PERMISSIONS]


def _administrators(org: "Org") -> dict[str, bool]:
    settings = org.settings
    return {
        name: bool(getattr(settings, _BY_SETTING[name])) if name in _BY_SETTING else True
        for name in PERMISSIONS
    }


def _granted(org: "Org", name: str) -> dict[str, bool]:
    user = org.permission_sets.get(name, {}).get("user", {})
    return {one: bool(user.get(one, {}).get("enabled")) for one in PERMISSIONS}


def allowed(org: "Org", permission: str) -> bool:
    """Whether the API user has a permission."""
    with org.lock:
        sets = org.assigned_permission_sets()
        return _administrators(org)[permission] or any(_granted(org, name)[permission] for name in sets)


def bring_in_line(org: "Org") -> None:
    """Make the rows of both objects say what settings and permission sets say now."""
    with org.lock:
        profiles = org.tables[PROFILES].scan(["Id", "Name"])
        names = dict(profiles.select("Id", "Name").iter_rows())
        none = dict.fromkeys(PERMISSIONS, False)
        admin = _administrators(org)
        _update(org, PROFILES, {key: admin if name == ADMINISTRATOR else none for key, name in names.items()})
        owner = next(key for key, name in names.items() if name == ADMINISTRATOR)
        sets = org.tables[SETS].scan(["Id", "Name", "ProfileId"]).select("Id", "Name", "ProfileId").rows()
        if not any(profile == owner for _, _, profile in sets):
            sets.append((_own(org, owner), "", owner))
        wanted = {key: admin if profile == owner else _granted(org, name) for key, name, profile in sets}
        _update(org, SETS, wanted)


def _own(org: "Org", profile: str) -> str:
    """Make the permission set that a profile owns, assigned to its user as on the platform."""
    record = {"Name": f"X{profile[:15]}", "Label": f"X{profile[:15]}", "IsOwnedByProfile": True}
    made = org.new_rows(SETS, [record | {"ProfileId": profile}])
    key = str(made["Id"][0])
    assigned = org.new_rows(ASSIGNMENTS, [{"PermissionSetId": key, "AssigneeId": org.api_user_id}])
    org.commit([(SETS, made), (ASSIGNMENTS, assigned)])
    return key


def _update(org: "Org", name: str, wanted: dict[str, dict[str, bool]]) -> None:
    table = org.tables[name]
    frame = table.scan(list(table.sobject.fields))
    columns: dict[str, list[Any]] = {
        f"Permissions{one}": [wanted[key][one] for key in frame["Id"].to_list()] for one in PERMISSIONS
    }
    now = frame.with_columns(
        pl.Series(column, values, dtype=pl.Boolean) for column, values in columns.items()
    )
    changed = now.join(frame.select(ROW, *columns), on=[ROW, *columns], how="anti", nulls_equal=True)
    org.commit([(name, changed.select(frame.columns))])
