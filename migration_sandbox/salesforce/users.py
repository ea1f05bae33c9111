"""Who an org's users are, what their licences let them do, and who may own records.

The control interface adds users; no client of this sandbox does. Users differ by profile: its licence makes
the user type, and only standard users own records.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.saving import Saving
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.standard_fields import READ_ONLY, make, text
from migration_sandbox.salesforce.table import ROW
from migration_sandbox.salesforce.user_permissions import allowed
from migration_sandbox.salesforce.values import Errors

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

LICENCE = "UserLicense"
LICENCES: Mapping[str, tuple[str, str]] = {
    "SFDC": ("Salesforce", "Standard"),
    "AUL": ("Salesforce Platform", "Standard"),
    "PID_CHATTER_FREE": ("Chatter Free", "CsnOnly"),
}
"""LicenseDefinitionKey -> name, and UserType of its users. The key of Chatter Free is (U)."""

PROFILES: Mapping[str, str] = {
    "System Administrator": "SFDC",
    "Standard User": "SFDC",
    "Minimum Access - Salesforce": "SFDC",
    "Standard Platform User": "AUL",
    "Chatter Free User": "PID_CHATTER_FREE",
}
STANDARD = "Standard"


def user_license() -> SObject:
    return make(
        LICENCE, "User License", "User License", "100",
        [
            text("Name", "Name", 40, name_field=True, **READ_ONLY),
            text("MasterLabel", "Master Label", 80, **READ_ONLY),
            text("LicenseDefinitionKey", "License Def. ID", 40, **READ_ONLY),
            Field("Status", "Status", "picklist", length=40, **READ_ONLY),
            Field("TotalLicenses", "Total Licenses", "int", precision=9, **READ_ONLY),
        ], writable=False,
    )  # fmt: skip


def bring_in_line(org: "Org") -> None:
    """Give the org the licences and profiles that this sandbox knows, also one made by an older version."""
    if org.tables[LICENCE].count:
        return
    with org.lock:
        licences = [
            {
                "Name": name, "MasterLabel": name, "LicenseDefinitionKey": key, "Status": "Active",
                "TotalLicenses": 100,
            }
            for key, (name, _) in LICENCES.items()
        ]  # fmt: skip
        made = org.new_rows(LICENCE, licences)
        ids = dict(made.select("LicenseDefinitionKey", "Id").iter_rows())
        table = org.tables["Profile"]
        there = table.scan(list(table.sobject.fields))
        known = set(there["Name"])
        linked = there.with_columns(
            pl.col("Name").replace_strict(_by_profile(ids), default=None).alias("UserLicenseId")
        )
        new = [
            {"Name": name, "UserType": LICENCES[key][1], "UserLicenseId": ids[key]}
            for name, key in PROFILES.items()
            if name not in known
        ]
        org.commit([(LICENCE, made), ("Profile", linked), ("Profile", org.new_rows("Profile", new))])


def _by_profile(ids: Mapping[str, str]) -> dict[str, str]:
    return {name: ids[key] for name, key in PROFILES.items()}


def add_user(
    org: "Org",
    username: str,
    email: str,
    last_name: str,
    first_name: str | None = None,
    profile: str = "Standard User",
    active: bool = True,
) -> str:
    """Add a user, or change the one of that username; returns the id.

    `profile` "" makes one of the platform's own users (Automated Process), who has none.
    """
    if not username or not email or not last_name or (profile and profile not in PROFILES):
        raise ValueError("username, email, last name or profile")
    with org.lock:
        profiles = dict(org.tables["Profile"].scan(["Name", "Id"]).select("Name", "Id").iter_rows())
        record: dict[str, Any] = {
            "Username": username, "Email": email, "LastName": last_name, "FirstName": first_name,
            "Name": " ".join(part for part in (first_name, last_name) if part), "Alias": username[:8],
            "IsActive": active, "ProfileId": profiles[profile] if profile else None,
            "UserType": LICENCES[PROFILES[profile]][1] if profile else "AutomatedProcess",
            "TimeZoneSidKey": "America/New_York", "LocaleSidKey": "en_US",
        }  # fmt: skip
        table = org.tables["User"]
        same = table.scan(["Username"]).filter(pl.col("Username").str.to_lowercase() == username.lower())
        rows = same[ROW].to_numpy() if same.height else None
        made = org.new_rows("User", [record], rows)
        org.commit([("User", made)])
        return str(made["Id"][0])


def active_user(org: "Org", username: str) -> str:
    """Id of the active user of that username. Raises ValueError."""
    users = org.tables["User"].scan(["Username", "IsActive", "Id"])
    found = users.filter((pl.col("Username").str.to_lowercase() == username.lower()) & pl.col("IsActive"))
    if not found.height:
        raise ValueError("username")
    return str(found["Id"][0])


def refuse_owners(saving: Saving) -> Errors:
    """Rows that are given an owner who can't be one; an unchanged owner is none of this rule's business."""
    item = saving.sobject.fields.get("OwnerId")
    if item is None or item.references != ("User",):
        return {}
    org = saving.org
    unfit = org.tables["User"].scan(["IsActive", "UserType", "Id"])
    unfit = unfit.filter(~pl.col("IsActive") | (pl.col("UserType") != STANDARD))
    if not unfit.height:
        return {}
    given = saving.frame.select("OwnerId", ROW).with_row_index("place")
    given = given.join(unfit.select(pl.col("Id").alias("OwnerId"), "IsActive"), on="OwnerId")
    if not given.height:
        return {}
    before = saving.before(["OwnerId"]).select("OwnerId", ROW)
    changed = given.join(before, on=["OwnerId", ROW], how="anti")
    return {
        int(place): _wrong_kind() if active else _inactive(saving.sobject, owner)
        for place, owner, active in changed.select("place", "OwnerId", "IsActive").iter_rows()
        if active or not allowed(org, "UpdateWithInactiveOwner")
    }


def _wrong_kind() -> RowError:
    return RowError("OP_WITH_INVALID_USER_TYPE_EXCEPTION", "Operation not valid for this user type")


def _inactive(sobject: SObject, owner: str) -> RowError:
    named = sobject.name[:1].lower() + sobject.name[1:]
    text = f"operation performed with inactive user [{owner[:15]}] as owner of {named}"
    return RowError("INACTIVE_OWNER_OR_USER", text)
