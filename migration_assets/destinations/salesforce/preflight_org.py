"""Findings about the org itself: API version, the login's permissions, currencies, territories,
teams, time zone."""

from __future__ import annotations

from collections.abc import Iterator

from migration_assets.destinations.base import Finding
from migration_assets.destinations.salesforce.preflight_queries import ask, known
from migration_assets.destinations.salesforce.session import SalesforceSession

OLDEST_KEPT_VERSION = 41
"""Salesforce ends versions 31 to 40 in Summer '27."""

_AUDIT, _HARD_DELETE = "PermissionsCreateAuditFields", "PermissionsBulkApiHardDelete"
_NAMES_SHOWN = 10


def api_version(session: SalesforceSession) -> Finding | None:
    """Asked without the version, so that the answer comes even where the version is unknown."""
    wanted = session.settings.api_version
    offered = {str(each["version"]) for each in session.get_json("/services/data/")}
    if wanted not in offered:
        newest = max(offered, key=float, default="none")
        message = (
            f"the org doesn't speak API version {wanted} (its newest is {newest}); set api_version to one "
            "that it has"
        )
        return Finding("api_version_unknown", "error", message)
    if float(wanted) < OLDEST_KEPT_VERSION:
        message = f"API version {wanted} is about to be switched off; set api_version to 66.0 or later"
        return Finding("api_version_ending", "warning", message)
    return None


def permissions(session: SalesforceSession) -> Iterator[Finding]:
    """What the login may do beyond records; both can be done without, at a price that is named."""
    sets = ask(
        session,
        f"SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{session.user_id()}'",
    )
    ids = ", ".join(f"'{row['PermissionSetId']}'" for row in sets)
    if not _granted(session, _AUDIT, ids):
        message = (
            "the login may not set audit fields, so creation times go to Original_Create_Date__c only; to "
            "have them in CreatedDate, enable 'Set Audit Fields upon Record Creation' in Setup, User "
            "Interface, and grant it"
        )
        yield Finding("audit_fields_not_permitted", "note", message)
    if not _granted(session, _HARD_DELETE, ids):
        message = (
            "the login may not delete for good, so a rollback fills the recycle bin, which holds 15 days and "
            "25 records for each MB of storage; grant 'Bulk API Hard Delete' for large rollbacks"
        )
        yield Finding("hard_delete_not_permitted", "note", message)


def _granted(session: SalesforceSession, permission: str, ids: str) -> bool:
    """Whether any of the permission sets (the profile's own is one of them) gives it.

    An org where the permission isn't switched on has no such field.
    """
    if not ids:
        return False
    soql = f"SELECT Id FROM PermissionSet WHERE Id IN ({ids}) AND {permission} = true"
    return bool(known(session.query, soql))


def organization_settings(session: SalesforceSession, time_zone: str | None) -> Iterator[Finding]:
    currencies = ask(session, "SELECT IsoCode FROM CurrencyType WHERE IsActive = true")
    if len(currencies) > 1:
        codes = ", ".join(sorted(str(row["IsoCode"]) for row in currencies))
        message = (
            f"the org has several currencies ({codes}): amounts are taken in the login's own; set the "
            "login's currency to the practice's before loading"
        )
        yield Finding("several_currencies", "warning", message)
    territories = sorted(str(row["Name"]) for row in ask(session, "SELECT Name FROM Territory2"))
    if territories:
        shown = ", ".join(territories[:_NAMES_SHOWN])
        more = f" and {len(territories) - _NAMES_SHOWN} more" if len(territories) > _NAMES_SHOWN else ""
        message = (
            f"the org assigns accounts to territories ({shown}{more}): they and their members must be "
            "complete before owners are set, and assignment rules run for every account that is loaded"
        )
        yield Finding("territories_on", "warning", message)
    yield from _account_teams(session)
    if time_zone is not None:
        yield from _time_zone(session, time_zone)


def _account_teams(session: SalesforceSession) -> Iterator[Finding]:
    """The object exists only with Account Teams; a user's default team joins accounts that he owns."""
    members = ask(session, "SELECT OwnerId FROM UserAccountTeamMember")
    if members:
        owners = len({str(row["OwnerId"]) for row in members})
        message = (
            f"account teams are on and {owners:,} users have a default team, which may be added to every "
            "account that such a user comes to own: their teams must be complete before owners are set"
        )
        yield Finding("account_teams_on", "warning", message, "Account")


def _time_zone(session: SalesforceSession, practice: str) -> Iterator[Finding]:
    rows = ask(session, "SELECT TimeZoneSidKey FROM Organization")
    zone = str(rows[0]["TimeZoneSidKey"]) if rows and rows[0].get("TimeZoneSidKey") else None
    if zone is not None and zone != practice:
        message = (
            f"the org's time zone is {zone} and the practice's {practice}: moments are loaded right, but "
            f"people see appointments in their own user's zone; set the org's and the users' zone to it"
        )
        yield Finding("time_zone_differs", "warning", message)
