"""What an org is set to: its edition, its quotas, and the behaviours that no public source confirms.

Every field marked (U) stands for a fact that was not confirmed; tests and demos set it both ways through the
control client instead of trusting the default. Limits of editions come from Salesforce's own tables
(custom fields an object: Professional 100, Developer and Enterprise 500, Unlimited 800, hard cap 900).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Edition = Literal["professional", "enterprise", "developer", "unlimited"]

CUSTOM_FIELDS: dict[str, int] = {"professional": 100, "developer": 500, "enterprise": 500, "unlimited": 800}
CUSTOM_OBJECTS: dict[str, int] = {"professional": 50, "developer": 400, "enterprise": 200, "unlimited": 2000}
ORGANIZATION_TYPE: dict[str, str] = {
    "professional": "Professional Edition",
    "developer": "Developer Edition",
    "enterprise": "Enterprise Edition",
    "unlimited": "Unlimited Edition",
}
HARD_FIELD_CAP = 900


class Settings(BaseModel):
    """Settings of one org; kept with the org, changed through POST /sandbox/settings."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    edition: Edition = "enterprise"
    sandbox_org: bool = False
    organization_name: str = "Sandbox Periodontics"

    token_lifetime_seconds: float = 7200
    daily_api_requests: int = 100_000
    daily_bulk_batches: int = 15_000
    daily_bulk_query_jobs: int = 10_000
    data_storage_mb: int = 10_240
    file_storage_mb: int = 10_240
    enforce_data_storage: bool = True
    activity_custom_fields: int = 100
    """(U) Custom fields that Activity may hold."""

    trim_text: bool = False
    """(U) Whether saving strips white space around text. The documentation of CSV files says that values are
    not trimmed; administrators report that saving a record trims them. Try both."""
    numbers_with_excess_decimals: Literal["round", "refuse"] = "round"
    """(U) 3.14159 in a field of scale 2: rounded half up, or NUMBER_OUTSIDE_VALID_RANGE."""
    duplicate_keys_in_batch: Literal["later", "all"] = "later"
    """(U) Which rows of one upsert batch with the same external id are refused."""
    master_detail_unchanged: Literal["accept", "refuse"] = "accept"
    """(U) Updating a record with the master it already has. Another master is always refused."""
    set_audit_fields: bool = False
    """The permission "Set Audit Fields upon Record Creation": CreatedDate and friends on INSERT only."""
    activity_upsert: bool = True
    """(U) Whether Event and Task can be upserted by a custom external id of Activity."""
    archive_after_days: int = 365
    """Events and closed tasks of that age are left out of `query` and found by `queryAll`. They can still be
    changed and deleted (Object Reference, "Archived Activities")."""
    archive_events_by: Literal["start", "end"] = "start"
    """(U) Whether an event's age counts from its start, as the Object Reference has it, or from its end, as
    Salesforce Help has it."""
    archive_delay_seconds: float = 0
    """(U) How long after its last change an old activity waits for the archival run, which is a background
    process of no published schedule."""
    shared_activities: bool = False
    """Setup's "Allow Users to Relate Multiple Contacts to Tasks and Events"; can't be switched off again.
    EventRelation then shows who and what an event is about (IsParent, IsWhat) besides who is invited."""
    contacts_to_multiple_accounts: bool = False
    """Setup's "Allow users to relate a contact to multiple accounts": AccountContactRelation exists only
    with it."""
    keep_replaced_account: bool = True
    """What becomes of the relation to a contact's former account: it stays as an indirect one, which is the
    default of "When users replace the primary account on a contact record", or it goes."""
    content_version_upsert: bool = True
    """(U) Whether ContentVersion can be upserted by a custom external id (the call upsert() is listed)."""
    content_version_audit_fields: bool = True
    """(U) Whether set_audit_fields covers ContentVersion."""
    file_bytes: int = 2_147_483_648
    """The largest file of a multipart request."""
    json_file_bytes: int = 39_321_600
    """The largest file of a JSON request, before base64 (37.5 MB)."""
    link_share_type_required: bool = True
    """(U) Whether a ContentDocumentLink needs its ShareType, as the Object Reference has it, or takes V."""
    file_link_visibility: Literal["AllUsers", "InternalUsers", "SharedUsers"] = "AllUsers"
    """(U) Visibility of a link for which none is given, those that the platform makes included."""
    query_all_files: bool = False
    """The permission "Query All Files": ContentDocumentLink may be queried without a filter."""
    bulk_hard_delete: bool = True
    """The permission "Bulk API Hard Delete" of the user's profile; a real administrator doesn't have it until
    somebody grants it."""
    multi_currency: bool = False
    """Multiple currencies: the object CurrencyType exists, and data objects have a CurrencyIsoCode."""
    territories: bool = False
    """Sales Territories: the object Territory2 and its companions exist."""
    account_teams: bool = False
    """Account Teams: AccountTeamMember and UserAccountTeamMember exist; the API user has a default team of
    one."""
    api_user_is_administrator: bool = True
    """Whether the API user sees and edits every object; else only what assigned permission sets grant."""
    fls_from_profile: bool = False
    """(U) Whether new custom fields are visible to the user's profile at once; deploying fields alone grants
    nothing on a real org."""
    bulk_number_style: Literal["decimal", "scientific"] = "decimal"
    """(U) 12345678.0 or 1.2345678E7 in the CSV of a Bulk query."""
    bulk_query_empty_header: bool = True
    """(U) Whether a Bulk query that finds nothing answers its header row or an empty body."""
    bulk_query_page_rows: int = 50_000
    bulk_result_days: float = 7
    bulk_batch_rows: int = 10_000
    bulk_batch_pause_seconds: float = 0
    """Slows batches down, so that a test can kill or abort between two of them."""
    bulk_upload_bytes: int = 100_000_000
    bulk_header_characters: int = 32_000
    recycle_bin_records: int | None = None
    """How many records the recycle bin holds; None is 25 for each MB of data storage (Salesforce Help)."""
    recycle_bin_hold_seconds: float = 7_200
    """What has been in a full recycle bin for that long goes for good, the oldest first (Salesforce Help: at
    least two hours). A real org looks from time to time, this one after each deletion."""
    deleted_schema_days: float = 15
    """How long deleted custom fields and objects count against the limits unless somebody erases them."""
    deleted_fields_in_tooling: bool = False
    """(U) Whether the Tooling API's CustomField lists them too, under the name with _del that Setup shows."""
    delete_assigned_permission_set: Literal["refuse", "accept"] = "refuse"
    """(U) Whether a deployment may delete a permission set that somebody is assigned. Setup refuses."""
    deploy_pause_seconds: float = 0
    query_page_rows: int = 2_000

    @property
    def recycle_bin_limit(self) -> int:
        chosen = self.recycle_bin_records
        return 25 * self.data_storage_mb if chosen is None else chosen

    @property
    def purges_schema(self) -> bool:
        """Whether a deployment may ask for purgeOnDelete: not in production (Metadata API, DeployOptions)."""
        return self.sandbox_org or self.edition == "developer"

    @property
    def custom_field_limit(self) -> int:
        return CUSTOM_FIELDS[self.edition]

    @property
    def custom_object_limit(self) -> int:
        return CUSTOM_OBJECTS[self.edition]

    @property
    def organization_type(self) -> str:
        return ORGANIZATION_TYPE[self.edition]
