"""What the platform says, without what it quotes: codes and field names kept, values dropped.

Salesforce's sentences repeat the record ("duplicate value found: ... on record with id"), so a message
is never passed on; a sentence of ours is chosen by the code. Row errors of Bulk API 2.0 look like
``CODE:message:Field,Field --``, request errors like ``[{"message", "errorCode", "fields"}]``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

LOCKED = "UNABLE_TO_LOCK_ROW"
UNREPRESENTABLE = "UNREPRESENTABLE_VALUE"
UNKNOWN = "UNKNOWN_ERROR"
DUPLICATE = "DUPLICATE_VALUE"
NOT_WRITABLE = "INVALID_FIELD_FOR_INSERT_UPDATE"
PARENT_ABSENT = "PARENT_ABSENT"
FILE_TOO_LARGE = "FILE_TOO_LARGE"
CONTENT_CHANGED = "CONTENT_CHANGED"
CONTENT_UNREADABLE = "CONTENT_UNREADABLE"
UNSETTLED = "UNSETTLED"

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,79}")
_OAUTH_CODE = re.compile(r"[a-z]+(?:_[a-z]+)+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_JOB_CODES = frozenset({"InvalidBatch", "InvalidJob", "ClientInputError", "ApiBatchItems", "BulkApiError"})

SENTENCES: dict[str, str] = {
    "REQUIRED_FIELD_MISSING": "a required field has no value; map it or give it a default",
    DUPLICATE: "another record already holds the value of a unique field",
    "DUPLICATE_EXTERNAL_ID": "several records hold this external id; merge or delete all but one",
    "INACTIVE_OWNER_OR_USER": "the owner is an inactive user; match the owners and build the payload again",
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": "the owner's licence may own no records; give the user a full "
    "one, then match the owners again",
    "DUPLICATES_DETECTED": "a duplicate rule of the org refused the record; switch it off for this login",
    "STRING_TOO_LONG": "the text is longer than the field; lengthen the field or truncate in the mapping",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the value is not one of the picklist's; add it to the field",
    "INVALID_EMAIL_ADDRESS": "the platform takes the address for invalid; correct it in the source",
    "ENTITY_IS_DELETED": "the record, or one it points to, is in the recycle bin; restore or purge it",
    "INVALID_CROSS_REFERENCE_KEY": "the record it points to isn't there or visible; load the parent first",
    "INVALID_FIELD": "a parent with this key is not there, or the field is not known to the org",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "the login may not use the record it points to",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the login may not write this record",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "a trigger or flow of the org refused the record; switch it off",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule of the org refused the record; switch it off",
    "FIELD_INTEGRITY_EXCEPTION": "the value contradicts another field of the record",
    "NUMBER_OUTSIDE_VALID_RANGE": "the number has more digits than the field; widen the field",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "the value has another type than the field",
    "INVALID_DATE": "the date lies outside the platform's calendar",
    "STORAGE_LIMIT_EXCEEDED": "the org's storage is full; free or buy some, then retry",
    "MISSING_ARGUMENT": "the record has no external id",
    NOT_WRITABLE: "a field of the record can't be written by this operation",
    LOCKED: "the parent stayed locked by somebody else over all attempts; retry the failed records",
    UNREPRESENTABLE: "the value can't be written in a Salesforce CSV (the text '#N/A' means null there, "
    "and numbers are finite); change it in the source or the mapping",
    PARENT_ABSENT: "a record that it joins or points to isn't in the org; load that one first",
    CONTENT_CHANGED: "the file isn't the one that was extracted; extract again, then upload again",
    CONTENT_UNREADABLE: "the file can't be read from the practice's database or file share; see that it can "
    "be opened there, then retry",
    "FILE_SIZE_LIMIT_EXCEEDED": "the org takes no file of this size; lower files.max_bytes to its limit",
    UNSETTLED: "the run broke off while it was sent; the next one looks whether it is there",
    "DELETE_FAILED": "other records of the org need it; remove what refers to it there, then run again",
    "DEPENDENCY_EXISTS": "other records of the org need it; remove what refers to it there, then run again",
    "UNPROCESSED": "the job ended before it came to this record",
    "NO_RESULT": "the job's results don't mention this record",
    "NOT_SUBMITTED": "the job was never closed, so nothing of it was processed",
    "JOB_FAILED": "the job failed before it came to this record",
    "JOB_ABORTED": "the job was aborted before it came to this record",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record was refused: the platform's code, the first field it names, a sentence of ours."""

    code: str
    field: str | None
    message: str


def sentence(code: str) -> str:
    return SENTENCES.get(
        code, "the platform refused the record; look the code up in its list of status codes"
    )


def refusal(text: str, known_fields: Collection[str]) -> Refusal:
    """Reads an ``sf__Error`` cell; only names out of ``known_fields`` are passed on."""
    code = text.partition(":")[0].strip()
    if not _CODE.fullmatch(code):
        code = UNKNOWN
    tail = text.rpartition(":")[2].removesuffix("--").strip()
    named = [name.strip() for name in tail.split(",")]
    return Refusal(code, next((name for name in named if name in known_fields), None), sentence(code))


def safe_code(text: object) -> str:
    """A platform's code fit for a message: what doesn't look like one (it might be a value) is dropped."""
    found = str(text).partition(":")[0].strip()
    return found if _CODE.fullmatch(found) or found in _JOB_CODES else UNKNOWN


def request_error(body: object) -> tuple[str, tuple[str, ...]]:
    """Code and field names of a REST error body; UNKNOWN_ERROR where it isn't one."""
    if isinstance(body, list) and body and isinstance(body[0], dict):
        first = body[0]
        fields = tuple(name for name in map(str, first.get("fields") or ()) if _NAME.fullmatch(name))
        return safe_code(first.get("errorCode", UNKNOWN)), fields
    if isinstance(body, dict) and "error" in body:
        code = str(body["error"])
        return (code if _OAUTH_CODE.fullmatch(code) else UNKNOWN), ()
    return UNKNOWN, ()
