"""What a practice's file says about its Freshsales accounts: where they are, the key, how to behave.

Only settings: no request is made here. Secrets are names of environment variables (practice.Secret). What no
public source confirms about the API (facts/freshsales.md, marked U) is a setting here, and its line says so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from migration_assets.practice import Secret, Settings, TextOrEnv, resolve

PlanName = Literal["growth", "pro", "enterprise"]
"""Plans that have custom fields, without which nothing can be migrated; Free has none."""

Kind = Literal[
    "text", "textarea", "dropdown", "number", "checkbox", "date", "multi_select_dropdown", "lookup"
]
"""Kinds of custom fields that a plan limits, by the API's words; radio buttons count as dropdowns."""

Seconds = Annotated[float, Field(gt=0)]
MIB = 1 << 20


class BulkSettings(Settings):
    """Bulk upserts: records of one call (100 is a third party's figure), and the polling of their jobs in
    seconds. ``done`` and ``failed`` are the words of a job's end (U)."""

    rows: Annotated[int, Field(ge=1, le=100)] = 100
    poll_first: Seconds = 1.0
    poll_longest: Seconds = 20.0
    poll_limit: Seconds = 3600.0
    done: frozenset[str] = frozenset({"completed", "success"})
    failed: frozenset[str] = frozenset({"failed", "failure"})


class FileSettings(Settings):
    """The largest file in bytes (the mission's 25 MB has no source; the screens take 150 MB) and how many are
    sent at once. ``storage_bytes`` replaces the plan's storage, whose figures are U."""

    max_bytes: Annotated[int, Field(ge=1)] = 25 * MIB
    at_once: Annotated[int, Field(ge=1, le=20)] = 3
    storage_bytes: Annotated[int, Field(ge=0)] | None = None


class RateHeaders(Settings):
    """Names of the headers that tell the calls of an hour and those that are left, where an account sends
    them at all (U)."""

    limit: str = "X-RateLimit-Limit"
    remaining: str = "X-RateLimit-Remaining"


class EnvironmentSettings(Settings):
    """One account.

    ``bundle_url``: ``https://<bundle>.myfreshworks.com/crm/sales``, or an older account's
    ``https://<domain>.freshsales.io``. All environments of one account are to spell it alike: the calls that
    they share are counted by it. ``sandbox`` is what the account is, which the API doesn't tell.

    ``calls_an_hour`` replaces the plan's; ``calls_left_free`` is the share of the hour's and the minute's
    calls that is left to the practice's other integrations. ``clock_speed`` is a test account's, whose clock
    runs that many times faster. ``rate_folder`` holds the counts of calls, shared by every run on this
    machine (default: ``rates`` in the data folder).

    ``create_schema``: ``api`` tries to make fields and modules (U for contacts, accounts and deals),
    ``by_hand`` leaves all of it to an administrator. ``field_type_numbers`` are numbers that an account may
    want for the words of ``field_type`` (U). ``custom_modules`` and ``custom_field_limits`` (by kind, an
    entity) replace the plan's figures; the mission says that Pro has modules, Freshworks' table that it
    hasn't.

    ``pipeline`` names the deals' pipeline; without it the account's default one is meant.

    ``unique_emails``: the account keeps e-mails of contacts unique, an administrator's switch that the API
    doesn't show. ``baa_confirmed``: somebody holds Freshworks' signed agreement on health data.
    ``automations_off``: somebody has switched off, or excluded these contacts from, whatever would write to
    them: workflows, sales sequences, journeys, campaigns. The API shows neither.

    ``several_practices``: other practices are migrated into this account, too. It keeps names of accounts
    unique, so the names of dentists' offices and households get the practice's name behind them.

    ``notes_in_views``: lists take ``include=notes`` (U); else the notes of each contact are a call.

    ``default_owner`` is the e-mail of the user who owns records of nobody else's; without it the key's user
    does.
    """

    bundle_url: TextOrEnv
    api_key: Secret
    plan: PlanName
    sandbox: bool = False
    ca_bundle: TextOrEnv | None = None
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 120.0
    retry_attempts: Annotated[int, Field(ge=1, le=10)] = 5
    retry_wait: Annotated[float, Field(ge=0)] = 1.0
    calls_an_hour: Annotated[int, Field(ge=1)] | None = None
    calls_a_minute: Annotated[int, Field(ge=1)] = 400
    calls_left_free: Annotated[float, Field(ge=0, lt=1)] = 0.0
    calls_at_once: Annotated[int, Field(ge=1, le=20)] = 3
    clock_speed: Annotated[float, Field(gt=0)] = 1.0
    rate_headers: RateHeaders = RateHeaders()
    rate_folder: TextOrEnv | None = None
    create_schema: Literal["api", "by_hand"] = "api"
    field_type_numbers: dict[str, int] = Field(default_factory=dict)
    custom_modules: Annotated[int, Field(ge=0)] | None = None
    custom_field_limits: dict[Kind, int] = Field(default_factory=dict)
    pipeline: str | None = None
    unique_emails: bool = True
    baa_confirmed: bool = False
    automations_off: bool = False
    several_practices: bool = False
    notes_in_views: bool = False
    default_owner: TextOrEnv | None = None
    bulk: BulkSettings = BulkSettings()
    files: FileSettings = FileSettings()

    @field_validator("bundle_url")
    @classmethod
    def _https(cls, url: TextOrEnv) -> TextOrEnv:
        if isinstance(url, str) and not url.startswith("https://"):
            raise ValueError("must begin with https:// (https://<bundle>.myfreshworks.com/crm/sales)")
        return url

    @property
    def address(self) -> str:
        """The account's address without a slash at its end. Raises ConfigurationError."""
        return resolve(self.bundle_url).rstrip("/").removesuffix("/api")

    @property
    def folder_of_rates(self) -> Path:
        if self.rate_folder is not None:
            return Path(resolve(self.rate_folder))
        return Path(os.environ.get("MIGRATION_DATA", "data")) / "rates"


class FreshsalesEnvironments(Settings):
    rehearsal: EnvironmentSettings
    live: EnvironmentSettings | None = None


class FreshsalesSettings(Settings):
    """The part ``destinations: freshsales:`` of a practice's file."""

    environments: FreshsalesEnvironments
