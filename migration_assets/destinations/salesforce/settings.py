"""What a practice's file says about its Salesforce orgs: where they are, how to log in, how to behave.

Only settings: no request is made here. Secrets are names of environment variables (practice.Secret).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from migration_assets.practice import Secret, Settings, TextOrEnv

MAX_UPLOAD_BYTES = 100_000_000
"""Raw content of one Bulk API 2.0 job: 150 MB after base64 (Bulk API 2.0 guide, limits)."""

MAX_FILE_BYTES = 2_147_483_648
"""Content of one multipart request for a ContentVersion (REST API guide, "Insert or Update Blob Data")."""

MAX_TOGETHER_BYTES = 24_000_000
"""Content of one request for many files, which is held in memory; the platform takes 500 MB (same page)."""


class ClientCredentials(Settings):
    """OAuth 2.0 client credentials flow: the connected app has a run-as user; needs the My Domain host."""

    flow: Literal["client_credentials"]
    client_id: Secret
    client_secret: Secret


class JwtBearer(Settings):
    """OAuth 2.0 JWT bearer flow; ``private_key`` is the PEM text that belongs to the app's certificate.

    ``audience`` is https://test.salesforce.com for a sandbox that has no My Domain audience of its own.
    """

    flow: Literal["jwt"]
    client_id: Secret
    username: TextOrEnv
    private_key: Secret
    audience: str = "https://login.salesforce.com"


class AccessToken(Settings):
    """A token somebody else got (sf CLI, a sandbox): it can't be renewed here."""

    flow: Literal["access_token"]
    token: Secret


Auth = Annotated[ClientCredentials | JwtBearer | AccessToken, Field(discriminator="flow")]
Seconds = Annotated[float, Field(gt=0)]


class BulkSettings(Settings):
    """How bulk jobs behave; times in seconds.

    ``orphan_grace`` protects a job that another practice's run has created and not yet written down;
    ``poll_limit`` is how long a job may take before the run gives up (the job stays, and is settled later).
    No job is begun while less than ``requests_left_free`` of the day's API requests is left (share).
    """

    max_job_bytes: Annotated[int, Field(ge=10_000, le=MAX_UPLOAD_BYTES)] = MAX_UPLOAD_BYTES
    max_job_rows: Annotated[int, Field(ge=1)] = 100_000
    jobs_at_once: Annotated[int, Field(ge=1, le=20)] = 3
    requests_left_free: Annotated[float, Field(ge=0, lt=1)] = 0.05
    poll_first: Seconds = 0.5
    poll_longest: Seconds = 15.0
    poll_limit: Seconds = 6 * 3600
    lock_attempts: Annotated[int, Field(ge=1, le=10)] = 4
    lock_wait: Annotated[float, Field(ge=0)] = 5.0
    orphan_grace: Annotated[float, Field(ge=0)] = 30.0
    clock_tolerance: Annotated[float, Field(ge=0)] = 300.0


class FileSettings(Settings):
    """How files are uploaded: up to which size (bytes; the platform's limit is 2 GB), and how many requests
    at once over all batches together.

    Files of up to ``together_max_bytes`` share requests, up to 100 files and 24 MB of content in each, held
    in memory while it goes; 0 sends every file alone, and streamed.
    """

    max_bytes: Annotated[int, Field(ge=1, le=MAX_FILE_BYTES)] = MAX_FILE_BYTES
    at_once: Annotated[int, Field(ge=1, le=20)] = 4
    together_max_bytes: Annotated[int, Field(ge=0, le=MAX_TOGETHER_BYTES)] = 8_000_000


class EnvironmentSettings(Settings):
    """One org. ``account_relations``: it has "Contacts to Multiple Accounts" switched on, so that people are
    related to every office that PANDA names with them.

    ``custom_field_limit`` replaces the edition's limit where Salesforce has raised it.

    ``deploy_layouts`` brings page layouts, tabs and list views with the schema; ``layouts`` says what becomes
    of layouts that are there: ``leave`` lists what to add by hand, ``extend`` adds it.

    ``audit_fields``: ``auto`` gives new records their original creation time where the login may do that.

    ``activity_field_limit`` is the room that Event and Task share; no official page was found for the
    100 that administrators report, so it is a setting.

    ``default_owner`` is the username or the e-mail of the org's user who owns records of no provider's user;
    without it the login's own user does.
    """

    instance_url: TextOrEnv
    auth: Auth
    api_version: Annotated[str, Field(pattern=r"^\d{2}\.0$")] = "66.0"
    ca_bundle: TextOrEnv | None = None
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 120.0
    retry_attempts: Annotated[int, Field(ge=1, le=10)] = 5
    retry_wait: Annotated[float, Field(ge=0)] = 1.0
    deploy_limit: Seconds = 1800.0
    deploy_layouts: bool = True
    layouts: Literal["leave", "extend"] = "leave"
    chart_layout: Literal["wide", "per_tooth"] = "wide"
    fields_left_free: Annotated[int, Field(ge=0)] = 25
    custom_field_limit: Annotated[int, Field(gt=0)] | None = None
    activity_field_limit: Annotated[int, Field(gt=0)] = 100
    default_owner: TextOrEnv | None = None
    account_relations: bool = False
    audit_fields: Literal["auto", "never"] = "auto"
    bulk: BulkSettings = BulkSettings()
    files: FileSettings = FileSettings()

    @field_validator("instance_url")
    @classmethod
    def _https(cls, url: TextOrEnv) -> TextOrEnv:
        if isinstance(url, str) and not url.startswith("https://"):
            raise ValueError("must begin with https:// (the org's My Domain address)")
        return url


class SalesforceEnvironments(Settings):
    rehearsal: EnvironmentSettings
    live: EnvironmentSettings | None = None


class SalesforceSettings(Settings):
    """The part ``destinations: salesforce:`` of a practice's file."""

    environments: SalesforceEnvironments
