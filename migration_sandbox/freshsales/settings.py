"""What an account is set to: its plan and its limits, and the behaviours that no public source confirms.

Every field marked (U) stands for a fact that was not confirmed; tests and demos set it both ways through the
control client instead of trusting the default. Limits of plans are Freshworks' own tables: calls an hour,
and custom fields an entity by kind.
"""

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

PlanName = Literal["free", "growth", "pro", "enterprise"]
GIB = 1 << 30

KINDS = {
    "text": "text",
    "textarea": "textarea",
    "dropdown": "dropdown",
    "radio": "dropdown",
    "number": "number",
    "checkbox": "checkbox",
    "date": "date",
    "multi_select_dropdown": "multi_select_dropdown",
    "lookup": "lookup",
}
"""Kind of field -> the limit that it counts against: dropdowns and radio buttons share one."""


@dataclass(frozen=True)
class Plan:
    calls_an_hour: int
    custom_fields: dict[str, int]
    """An entity, by limit (see KINDS)."""
    custom_modules: int
    file_bytes_a_user: int


def _fields(text: int, textarea: int, dropdown: int, each: int, multi: int, lookup: int) -> dict[str, int]:
    return {
        "text": text,
        "textarea": textarea,
        "dropdown": dropdown,
        "number": each,
        "checkbox": each,
        "date": each,
        "multi_select_dropdown": multi,
        "lookup": lookup,
    }


PLANS: dict[str, Plan] = {
    "free": Plan(1000, _fields(0, 0, 0, 0, 0, 0), 0, 0),
    "growth": Plan(1000, _fields(20, 5, 30, 30, 5, 0), 0, 2 * GIB),
    "pro": Plan(2000, _fields(30, 10, 40, 50, 10, 10), 0, 5 * GIB),
    "enterprise": Plan(5000, _fields(70, 20, 250, 70, 30, 50), 10, 100 * GIB),
}
"""Custom modules are Enterprise's alone; how many it has, and file storage a user, are (U)."""


class Settings(BaseModel):
    """Settings of one account; kept with it, changed through PATCH /sandbox/settings."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    plan: PlanName = "enterprise"
    time_zone: str = "America/New_York"
    """Of the account: times are answered with its offset, and times without one are read in it (U)."""
    owner_email: str = "owner@sandbox.example"
    """The first user, an administrator; its key is the one given at start."""

    calls_an_hour: int | None = None
    """None: the plan's."""
    calls_a_minute: int = 400
    rate_window: Literal["sliding", "clock"] = "sliding"
    """(U) Whether the last 60 minutes count, or those since the clock's full hour (and minute)."""
    refused_calls_count: bool = False
    """(U) Whether a call answered by 429 counts."""
    rate_headers: bool = False
    """(U) X-RateLimit-Limit and -Remaining on every answer; neither names nor presence are confirmed."""
    retry_after_in: Literal["account", "wall"] = "account"
    """Of the sandbox alone: whether Retry-After counts the account's (faster) seconds or real ones."""
    clock_speed: float = Field(default=1.0, gt=0)
    """Of the sandbox alone: the account's clock runs that many times faster."""

    custom_modules: int | None = None
    """None: the plan's. The mission says that Pro has them too, Freshworks' table that it hasn't."""
    create_modules: bool = True
    """Whether the account takes POST /settings/module_customizations."""
    create_module_fields: bool = True
    """Whether fields of custom modules can be created through the API (documented)."""
    create_standard_fields: bool = True
    """(U) The same for contacts, sales accounts and deals."""
    field_type_numbers: dict[str, int] = Field(default_factory=dict)
    """(U) Numbers that `field_type` may be besides the words; a third party's reference types it as a number,
    and no source says which number is what. Kind -> number."""
    choices_at_creation: bool = True
    """(U) Whether the creation of a dropdown takes its choices with it."""

    file_bytes: int = 25 * 1024 * 1024
    """(U) The largest file; the user interface takes 150 MB."""
    file_storage_bytes: int | None = None
    """None: the plan's for each active user."""
    document_answer: Literal["flat", "document"] = "flat"
    """(U) POST /documents answers {id, msg, url} (a third party's reference), or all under `document`."""
    document_delete: bool = False
    """(U) Whether DELETE /documents/:id exists: no source has it."""
    download_seconds: float = 3600
    """(U) How long a document's url can be opened; another listing gives a new one."""

    unique_emails: bool = True
    """An administrator's switch: a contact's primary e-mail is unique."""
    unique_external_ids: bool = True
    unique_account_names: bool = True
    bin_keeps_unique: bool = False
    """(U) Whether a record in the recycle bin still holds its e-mail, external id or name."""
    bin_days: float = 90
    contact_needs: Literal["anything", "identifier"] = "anything"
    """(U) What a contact needs at least: any of its names, e-mails, numbers and external id, or one of the
    latter three."""
    contact_upsert_keys: list[str] = ["emails", "external_id"]
    """(U) beyond `emails`: what `unique_identifier` may name."""
    account_upsert_keys: list[str] = ["name"]
    deal_upsert_keys: list[str] = ["name"]
    """(U) A client has it; names of deals aren't unique, and several matches are refused."""
    bulk_contact_keys: list[str] = ["emails", "external_id"]
    """(U) beyond `emails`: what a row of a bulk upsert may be found by, besides its id."""
    bulk_rows: int = 100
    """Rows of one bulk call (a third party's figure)."""
    bulk_failures: Literal["listed", "counted", "silent"] = "counted"
    """(U) What a finished job's `data` says of rows that failed: index, identifier and message of each, how
    many, or nothing."""
    bulk_start_seconds: float = 0
    """How long (account's clock) a bulk job waits before its first row."""
    bulk_row_seconds: float = 0
    """Of the sandbox alone: real seconds a row, so that a test can kill between two of them."""
    job_words: dict[str, str] = {
        "queued": "queued", "running": "in_progress", "done": "completed", "failed": "failed",
    }  # fmt: skip
    """(U) The words of a job's status."""

    create_status: Literal[200, 201] = 200
    """(U) in places: the status of an answered creation (200 in recordings)."""
    not_found_message: Literal["string", "list"] = "string"
    """Whether `message` of a 404 is a string (a client's source) or a list as elsewhere."""
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """(U) What becomes of a field that the entity doesn't have."""
    keep_sent_created_at: bool = False
    """(U) Whether `created_at` sent on a create is kept. A sent updated_at is ignored, as recorded."""
    trim_text: bool = False
    """(U) Whether white space around text is stripped."""
    text_characters: int = 255
    """(U) Of a standard text field."""
    excess_decimals: Literal["refuse", "round"] = "refuse"
    """(U) A number field holds 11 digits and 4 decimals; what becomes of a fifth."""
    date_style: Literal["date", "datetime"] = "date"
    """(U) How a custom date comes back: 2026-01-31, or midnight with the account's offset."""
    number_style: Literal["number", "string"] = "number"
    """(U) How a custom number comes back (amounts of deals are strings, as recorded)."""
    multi_select_style: Literal["list", "semicolons"] = "list"
    """(U) How a custom multi-select comes back; both are taken."""
    note_markup: Literal["keep", "strip"] = "keep"
    """(U) Whether markup in a note's text is kept."""
    note_characters: int = 65_535
    """(U) The longest note or appointment description."""
    notes_in_views: bool = False
    """(U) Whether a view's listing takes include=notes (and appointments, tasks, deals); one record does."""
    included_limit: int | None = None
    """(U) The most notes, appointments, tasks or deals that an include brings along; the newest are."""
    search_delay_seconds: float = 0
    """(U) How long (account's clock) lookup and filtered search don't see a write."""
    per_page_over_100: Literal["cap", "refuse"] = "cap"
    """(U) What becomes of per_page beyond 100."""

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("not a time zone") from None
        return name

    @field_validator("job_words")
    @classmethod
    def _has_a_word_for_each_state(cls, words: dict[str, str]) -> dict[str, str]:
        if set(words) != {"queued", "running", "done", "failed"}:
            raise ValueError("not a word for each state")
        return words

    @property
    def hourly(self) -> int:
        return PLANS[self.plan].calls_an_hour if self.calls_an_hour is None else self.calls_an_hour

    @property
    def modules_allowed(self) -> int:
        return PLANS[self.plan].custom_modules if self.custom_modules is None else self.custom_modules

    def storage(self, users: int) -> int:
        if self.file_storage_bytes is not None:
            return self.file_storage_bytes
        return PLANS[self.plan].file_bytes_a_user * users
